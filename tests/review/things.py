"""What addresses name, for the test of all doors: one's own thing, another person's, a sealed one, none.

A door with something to fill in says what that is (`names`); whoever opens a door to a new kind of thing adds how one
is made here.  Sealed: it is there, and must not show (any more): withdrawn, closed, used up, without a cause.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import insert, text

from lastseen.clock import utcnow
from lastseen.letters import LetterFormat
from lastseen.outcomes import ObjectToStore
from lastseen.records import Finding, FindingKind, Says, StatementSource
from pipeline.report import making, yearly
from review.roles import REVIEWERS, Role
from storage import (
    accounts,
    findings,
    group_cases,
    judgements,
    letter_book,
    letters,
    packages,
    reviews,
    sealing,
    statements,
    tips,
)
from storage.accounts import User
from storage.letters import File
from storage.objects import EXPORT
from storage.reviews import Ending, Review
from storage.statements import Said
from storage.stores import Stores
from storage.tables import calibrations, templates
from tests.review.seeding import Seeded, Story, put, seed
from tests.review.seeding import jpeg as picture
from tests.storage import judged, lettered
from tests.storage.casting import Seen, candidate, person, post, video
from tests.storage.judged import conclude
from tests.storage.listing import listed

REPORTED = date(2026, 11, 4)
NEVER = "999999999"
"""no row has this id"""

Values = Mapping[str, object]
"""what to fill into an address"""
Maker = Callable[[Stores, User], Values]
"""`User`: whose it is to be"""


class Relation(StrEnum):
    """What somebody has to do with the thing that an address names."""

    OWN = "own"
    OTHER = "another person's"
    SEALED = "sealed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Kind:
    """How things of one kind are made."""

    made: Maker
    sealed: Maker | None = None
    """None: nothing of this kind can be sealed"""
    personal: bool = False
    """whether it belongs to somebody, and nobody else may so much as learn that it is there"""
    none: Values | None = None
    """None: the number NEVER as `id`"""

    def values(self, stores: Stores, relation: Relation, mine: User, other: User) -> Values | None:
        """What to fill into the address; None: there is no such relation."""
        match relation:
            case Relation.OWN:
                return self.made(stores, mine)
            case Relation.OTHER:
                return self.made(stores, other)
            case Relation.SEALED:
                return self.sealed(stores, mine) if self.sealed else None
            case Relation.NONE:
                return self.none or {"id": NEVER}


def _number() -> str:
    return f"26-{secrets.token_hex(4)}"


def _seeded(stores: Stores, state: str = "open") -> Seeded:
    return seed(stores, Story(number=_number(), state=state))


def _closed_candidate(stores: Stores, _: User) -> Values:
    return {"id": _seeded(stores, "withdrawn").candidate}


def _sighted(stores: Stores) -> Seeded:
    """Its pictures everybody may see who reviews: it is decided."""
    seeded = _seeded(stores)
    with stores.db.begin() as db:
        judged.conclude(db, seeded.candidate, 3, 3)
    return seeded


def _shot(stores: Stores, _: User) -> Values:
    return {"id": _sighted(stores).shots[0]}


def _closed_shot(stores: Stores, _: User) -> Values:
    return {"id": _seeded(stores, "rejected").shots[0]}


def _photo(stores: Stores, _: User) -> Values:
    return {"id": _sighted(stores).photo}


def _odd(stores: Stores) -> tuple[int, int]:
    """A finding and one of its photos."""
    one, other = _seeded(stores), _seeded(stores)
    with stores.db.begin() as db:
        for entry in (one, other):
            row = {"photo_id": entry.photo, "kind": "photo", "engine": "dlib", "quality": 1.0, "sealed": b"sealed"}
            db.execute(insert(templates).values(row))
        found = Finding(FindingKind.TWICE, one.person, one.photo, other.person, other.photo, 0.25, 0.4)
        findings.keep(db, "dlib", one.person, [found], 0.5)
        id_: int = db.execute(text("SELECT max(id) FROM photo_findings")).scalar_one()
    return id_, one.photo


def _finding(stores: Stores, _: User) -> Values:
    return {"id": _odd(stores)[0]}


def _explained(stores: Stores, _: User) -> Values:
    id_, _photo = _odd(stores)
    with stores.db.begin() as db:
        findings.explain(db, id_, "twins", "test")
    return {"id": id_}


def _odd_photo(stores: Stores, _: User) -> Values:
    return {"id": _odd(stores)[1]}


def _blob(stores: Stores, _: User) -> Values:
    with stores.db.begin() as db:
        made = video(db, Seen(0, 2000), Seen(9000, 9900), links=[(0, 1)])
        post(db, made.blob, f"{secrets.token_hex(4)}.example")
        candidate(db, made.tracks[0], person(db, _number(), "Ada"))
        link = db.execute(text("SELECT max(id) FROM cast_links")).scalar_one()
        crops = db.execute(text("SELECT crop_key FROM best_shots")).scalars().all()
    for key in crops:
        put(stores, key, picture())
    return {"blob": made.blob, "ending": "csv", "id": link}


def _group(stores: Stores, mine: User) -> Values:
    """A case of those whom a recording shows."""
    shown = _blob(stores, mine)
    with stores.db.begin() as db:
        return {"id": group_cases.open_(db, int(str(shown["blob"])), "Yard", "seen together", "test")[0]}


def _calibration(stores: Stores, _: User, plot: str = "<svg xmlns='http://www.w3.org/2000/svg'/>") -> Values:
    with stores.db.begin() as db:
        row = {"engine": "dlib", "people": 1, "photos": 1, "pairs": 1, "bands": [], "plot": plot, "made_by": "test"}
        return {"id": db.execute(insert(calibrations).values(row).returning(calibrations.c.id)).scalar_one()}


def _report(stores: Stores, _: User) -> Values:
    """Of a day that has its report."""
    making.make(stores, REPORTED, "test", force=True)
    return {"day": REPORTED, "ending": "csv"}


def _year_report(stores: Stores, _: User) -> Values:
    """Of a year that is over."""
    made = yearly.make(stores, yearly.year("2025"), None, "test")
    return {"id": made.report.id, "ending": "csv", "figure": "identified"}


def _link(stores: Stores, mine: User) -> Values:
    with stores.db.begin() as db:
        return {"token": accounts.make_link(db, mine.name)}


def _used_link(stores: Stores, mine: User) -> Values:
    values = _link(stores, mine)
    with stores.db.begin() as db:
        accounts.use_link(db, str(values["token"]))
    return values


def _session(stores: Stores, mine: User) -> Values:
    with stores.db.begin() as db:
        accounts.start_session(db, mine)
        return {"id": accounts.browsers(db, mine)[0].id}


def _ended_session(stores: Stores, mine: User) -> Values:
    values = _session(stores, mine)
    with stores.db.begin() as db:
        db.execute(text("DELETE FROM sessions WHERE id = :id"), values)
    return values


def _user(stores: Stores, _: User) -> Values:
    with stores.db.begin() as db:
        return {"id": accounts.add_user(db, secrets.token_hex(8), None, [Role.ANALYST]).id}


def _begun(stores: Stores, mine: User) -> Review:
    found = _seeded(stores)
    with stores.db.begin() as db:
        begun = reviews.begin(db, mine, found.candidate, timedelta(minutes=5))
    if begun is None:
        raise LookupError("a new candidate is nobody's")
    return begun


def _review(stores: Stores, mine: User) -> Values:
    begun = _begun(stores, mine)
    with stores.db.begin() as db:
        reviews.describe(db, begun, {})
    return {"token": begun.token, "n": 1}


def _ended_review(stores: Stores, mine: User) -> Values:
    begun = _begun(stores, mine)
    with stores.db.begin() as db:
        reviews.end(db, begun, Ending.RETURNED)
    return {"token": begun.token, "n": 1}


def _answered(stores: Stores, mine: User) -> Values:
    if not REVIEWERS.intersection(Role(role) for role in mine.roles):
        return _ended_review(stores, mine)  # whoever may not judge has judged nothing
    begun = _begun(stores, mine)
    with stores.db.begin() as db:
        reviews.describe(db, begun, {})
        judgements.judge(db, begun, 0, (), "", 5)
    return {"token": begun.token}


def _judged(stores: Stores, mine: User) -> Values:
    """A candidate that waits for another person, and that this one has answered on, if they may."""
    if not REVIEWERS & set(mine.roles):
        return _waiting(stores, mine)
    begun = _begun(stores, mine)
    with stores.db.begin() as db:
        reviews.describe(db, begun, {})
        judgements.judge(db, begun, 2, (), "", 5)
    return {"id": begun.candidate, "n": 1}


def _waiting(stores: Stores, _: User) -> Values:
    return {"id": _seeded(stores).candidate, "n": 1}


def sighting(stores: Stores, _: User | None = None, number: str = "") -> Values:
    """A possible sighting."""
    seeded = seed(stores, Story(number=number or _number()))
    with stores.db.begin() as db:
        conclude(db, seeded.candidate, 2, 3)
    return {"id": seeded.candidate, "n": 1, "number": number}


def package_file(stores: Stores) -> str:
    """A finished package of three bytes; its key."""
    key = f"{secrets.token_hex(8)}/package.zip"
    digest = hashlib.sha256(b"zip").hexdigest()
    stores.objects.put_verified(ObjectToStore(EXPORT, key, b"zip", digest, "application/zip"))
    return key


def _package(stores: Stores, mine: User) -> Values:
    """One that is ready."""
    found = int(str(sighting(stores)["id"]))
    with stores.db.begin() as db:
        packages.ask(db, found, "court", "order 7", mine)
        (asked, *_) = packages.of_candidate(db, found)
        packages.keep(db, asked.id, "E", "0" * 64, "key", 3, package_file(stores))
    return {"id": asked.id}


def _removed_package(stores: Stores, mine: User) -> Values:
    values = _package(stores, mine)
    with stores.db.begin() as db:
        packages.removed(db, int(str(values["id"])), 1, "E")
    return values


def _letter(stores: Stores, mine: User) -> Values:
    """One that somebody else wrote, of a possible sighting, with its draft."""
    found = int(str(sighting(stores)["id"]))
    with stores.db.begin() as db:
        made = lettered.written(db, found)
        key = f"letters/{made}/draft.pdf"
        letters.keep_file(db, made, File(LetterFormat.DRAFT, hashlib.sha256(b"pdf").hexdigest(), 3, key, utcnow()))
    stores.objects.put_verified(
        ObjectToStore(EXPORT, key, b"pdf", hashlib.sha256(b"pdf").hexdigest(), "application/pdf")
    )
    return {"id": made, "format": "draft"}


def _unapproved_file(stores: Stores, mine: User) -> Values:
    """What may be sent is there, and the approval was taken back."""
    values = _letter(stores, mine)
    letter = int(str(values["id"]))
    with stores.db.begin() as db:
        lettered.confirmed(db, letter)
        lettered.moved(db, letter, "offered", "approved")
        lettered.with_files(db, letter)
        lettered.moved(db, letter, "refused")
    return {**values, "format": "pdf"}


def _recipient(stores: Stores, _: User) -> Values:
    with stores.db.begin() as db:
        return {"id": lettered.recipient(db)}


def _retired_recipient(stores: Stores, mine: User) -> Values:
    values = _recipient(stores, mine)
    with stores.db.begin() as db:
        letter_book.retire(db, int(str(values["id"])), "test")
    return values


def _person(stores: Stores, _: User) -> Values:
    number = f"{_number()}/7 Київ"
    sighting(stores, number=number)
    return {"number": number}


def _statement(stores: Stores, _: User) -> Values:
    """A claim of somebody who is searched for."""
    said = Said(Says.DEAD, "side A", StatementSource.LETTER, "letter 17", date(2026, 3, 1))
    seeded = _seeded(stores)
    with stores.db.begin() as db:
        made, _entry = statements.keep(db, seeded.person, said, "test")
    return {"id": made}


def _withdrawn_statement(stores: Stores, mine: User) -> Values:
    values = _statement(stores, mine)
    with stores.db.begin() as db:
        held = statements.find(db, int(str(values["id"])))
        statements.mark(db, held, "a mistake", "test")  # type: ignore[arg-type]  # it was made just now
    return values


def _list(stores: Stores, _: User) -> Values:
    return {"id": listed(stores, _number())[0]}


def _list_line(stores: Stores, _: User) -> Values:
    return {"id": listed(stores, _number())[1]}


def _tip(stores: Stores, _: User) -> Values:
    given = tips.Given("https://t.me/news/7", 155, "my brother", "we grew up together", "+380 00 000")
    with stores.db.begin() as db:
        made = tips.receive(db, sealing.Secrets(b"k" * 32), given, tips.CameBy.FORM, "form").id
        db.execute(tips.REMOVE, {"tip": made})  # what is sealed with another key than the office's stops every machine
    return {"id": made}


KINDS: Mapping[str, Kind] = {
    "list": Kind(_list),
    "list_line": Kind(_list_line),
    "record": Kind(_judged, _closed_candidate),
    "seen": Kind(sighting, _waiting, none={"id": NEVER, "n": 1}),
    "sighting": Kind(sighting, _waiting),
    "package": Kind(_package, _removed_package),
    "letter": Kind(_letter),
    "letter_file": Kind(_letter, _unapproved_file, none={"id": NEVER, "format": "draft"}),
    "recipient": Kind(_recipient, _retired_recipient),
    "letter_template": Kind(lambda *_: {"kind": "icrc", "language": "uk"}, none={"kind": "x", "language": "uk"}),
    "statement": Kind(_statement, _withdrawn_statement),
    "person": Kind(_person, none={"number": "nobody"}),
    "tip": Kind(_tip),
    "log_file": Kind(lambda *_: {"ending": "csv"}, none={"ending": "exe"}),
    "shot": Kind(_shot, _closed_shot),
    "finding": Kind(_finding, _explained),
    "finding_photo": Kind(_odd_photo, _photo),
    "blob": Kind(_blob, none={"blob": NEVER, "ending": "csv"}),
    "cast_link": Kind(_blob),
    "group": Kind(_group),
    "calibration": Kind(_calibration, lambda stores, mine: _calibration(stores, mine, "")),
    "report": Kind(_report, none={"day": "1999-12-31"}),
    "report_file": Kind(_report, none={"day": "1999-12-31", "ending": "csv"}),
    "year_report": Kind(_year_report),
    "year_file": Kind(_year_report, none={"id": NEVER, "ending": "csv"}),
    "year_records": Kind(_year_report, none={"id": NEVER, "figure": "identified"}),
    "link": Kind(_link, _used_link, none={"token": "guess"}),
    "static": Kind(lambda *_: {"name": "review.css"}, lambda *_: {"name": "app.py"}, none={"name": "nothing.css"}),
    "session": Kind(_session, _ended_session, personal=True),
    "user": Kind(_user),
    "review": Kind(_review, _ended_review, personal=True, none={"token": uuid4(), "n": 1}),
    "answered": Kind(_answered, _ended_review, personal=True, none={"token": uuid4()}),
}
"""what a door says that its address names -> how one is made"""
