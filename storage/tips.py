"""What relatives sent: a link, a moment in it, whom they recognise, and how to reach them; and what became of it.

What they say of whom they recognise and of themselves is sealed with the key of secrets, for its own row: it stands on
one page, for case officers alone, each opening of which is logged; and it goes when the tip is closed or refused.
Nothing of a tip is fetched before a case officer has taken it up: nobody can have the office visit an address of their
choice.

Who has read a tip is asked about nobody whom its post shows (`storage.tellings`), whenever that is found.
"""

import base64
import hashlib
import json
import re
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, text

from lastseen import links
from lastseen.errors import WrongUse
from lastseen.links import Network
from lastseen.records import Platform
from lastseen.words import words
from storage import sources
from storage.custody import Action, Entry
from storage.sealing import Secrets
from storage.sources import Asked

CODE_BYTES: Final = 15
"""120 bits, which nobody guesses"""
_GROUP: Final = 4
_MISREAD: Final = str.maketrans("018", "OIB")
_LANGUAGE: Final = re.compile("[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
"""what it is called (BCP 47): it is kept in the clear, so nothing else is written there"""
MOST: Final = 50
"""tips on one page"""
LONGEST: Final = {"address": links.LONGEST, "whom": 2000, "how": 2000, "contact": 500, "note": 2000}
"""characters of what is written about a tip"""

RECEIVE = text("""
    INSERT INTO tips (code_hash, address, platform, link, blob_id, at_seconds, language, came_by, received_by)
    VALUES (:code, :address, :platform, :link, :blob, :at, :language, :came_by, :by) RETURNING id""")
SEAL = text("INSERT INTO tip_contacts (tip_id, sealed) VALUES (:tip, :sealed)")
OPEN = text("SELECT sealed FROM tip_contacts WHERE tip_id = :tip")
REMOVE = text("DELETE FROM tip_contacts WHERE tip_id = :tip")
WORN = text("""
    SELECT tip_id FROM tip_contacts JOIN tips ON tips.id = tip_id
     WHERE received_at < now() - make_interval(days => :days) ORDER BY tip_id LIMIT :most""")
PERSON = text("SELECT id FROM persons WHERE register_number = :number")
NOTE = text("""
    INSERT INTO tip_notes (tip_id, kind, person_id, source_id, note, noted_by)
    VALUES (:tip, :kind, :person, :source, :note, :by)""")
NOTES = text("""
    SELECT kind, person_id AS person, register_number AS number, source_id AS source, note, noted_by, noted_at
      FROM tip_notes LEFT JOIN persons ON persons.id = person_id WHERE tip_id = :tip ORDER BY tip_notes.id""")
# Two officers at once: whoever comes second sees what the first has done.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('lastseen.tips', :tip))")
_STATE = """
    coalesce((SELECT kind FROM tip_notes WHERE tip_id = tips.id AND kind NOT IN ('about', 'note')
               ORDER BY tip_notes.id DESC LIMIT 1), 'received')"""
_TIP = f"""
    SELECT tips.id, address, platform, link, sha256, blob_id AS blob, at_seconds, language, came_by,
           received_by, received_at,
           {_STATE} AS state,
           (SELECT person_id FROM tip_notes WHERE tip_id = tips.id AND kind = 'about'
             ORDER BY tip_notes.id DESC LIMIT 1) AS person,
           (SELECT source_id FROM tip_notes WHERE tip_id = tips.id AND source_id IS NOT NULL
             ORDER BY tip_notes.id DESC LIMIT 1) AS source,
           EXISTS (SELECT FROM tip_contacts WHERE tip_id = tips.id) AS has_contact,
           CASE WHEN link = '' THEN 0
                ELSE (SELECT count(*) FROM tips AS other WHERE other.link = tips.link AND other.id <> tips.id) END
           AS others
      FROM tips LEFT JOIN blobs ON blobs.id = blob_id"""  # noqa: S608  our own words
ONE = text(f"{_TIP} WHERE tips.id = :tip")
BY_CODE = text(f"SELECT {_STATE} AS state, received_at FROM tips WHERE code_hash = :code")  # noqa: S608  our own words
LISTED = text(f"""
    SELECT listed.*, register_number AS number FROM ({_TIP}) AS listed LEFT JOIN persons ON persons.id = person
     WHERE (CAST(:state AS text) IS NULL OR state = :state) AND (CAST(:before AS bigint) IS NULL OR listed.id < :before)
     ORDER BY listed.id DESC LIMIT :most""")  # noqa: S608  our own words
COUNTS = text(f"SELECT state, count(*) AS tips FROM (SELECT {_STATE} AS state FROM tips) AS each GROUP BY state")  # noqa: S608
SAME = text("SELECT id FROM tips WHERE link = :link AND id <> :tip ORDER BY id")
SAME_LINK = text("SELECT count(*) FROM tips WHERE link = :link")


class CameBy(StrEnum):
    """How a tip came in."""

    FORM = "form"
    COMMAND = "command"
    CSV = "csv"


class State(StrEnum):
    """How far the office is with a tip: what was noted of it last, or nothing yet."""

    RECEIVED = "received"
    TAKEN_UP = "taken up"
    TO_BE_TOLD = "to be told"
    """somebody will get in touch with whoever sent it"""
    REFUSED = "refused"
    CLOSED = "closed"

    @property
    def over(self) -> bool:
        """Nothing more is done about it."""
        return self in (State.REFUSED, State.CLOSED)


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody sent."""

    address: str
    """the link as they wrote it"""
    at_seconds: int | None
    whom: str = field(repr=False)
    """they recognise, in their words"""
    how: str = field(repr=False)
    """they know them"""
    contact: str = field(repr=False)
    """how to reach whoever sent it"""
    language: str = "en"
    blob: int | None = None
    """row id of a file that came without a link, or beside it"""


@dataclass(frozen=True, slots=True)
class Contact:
    """What is sealed of a tip."""

    whom: str = field(repr=False)
    how: str = field(repr=False)
    contact: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """A tip that was kept."""

    id: int
    code: str = field(repr=False)
    """what opens its sender's page; only its hash is kept"""
    entry: Entry
    """for the custody log"""


@dataclass(frozen=True, slots=True)
class Tip:
    """One, without what is sealed."""

    id: int
    address: str
    platform: Platform | None
    """None: its link leads to no post that can be read"""
    link: str
    sha256: str | None
    """of a file that came with it"""
    blob: int | None
    """row id of that"""
    at_seconds: int | None
    language: str
    came_by: CameBy
    received_by: str
    received_at: datetime
    state: State
    person: int | None
    """row id of whom it is about, if that was said"""
    source: int | None
    """row id of the source that its post is read as"""
    has_contact: bool
    others: int
    """tips with the same link"""
    number: str | None = None
    """register number of the person, where it is listed"""


@dataclass(frozen=True, slots=True)
class Note:
    """What an officer did or wrote."""

    kind: str
    person: int | None
    number: str | None
    source: int | None
    note: str
    noted_by: str
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class StateShown:
    """What its sender may know."""

    state: State
    received_at: datetime


# --- coming in ----------------------------------------------------------------------------------------------


def check(given: Given) -> None:
    """Raises WrongUse for what cannot be kept as it is; a link that cannot be read is no such thing."""
    if not given.address.strip() and given.blob is None:
        raise WrongUse(words("Put in the link to the video or post."))
    if not given.whom.strip():
        raise WrongUse(words("Say whom you recognise."))
    if not given.contact.strip():
        raise WrongUse(words("Say how we can reach you: a telephone number or an e-mail address."))
    if not _LANGUAGE.fullmatch(given.language):
        raise WrongUse(words("Write the language as its code, such as uk."))
    for name in ("address", "whom", "how", "contact"):
        if len(getattr(given, name)) > LONGEST[name]:
            raise WrongUse(words("That is too long: {most} signs at most.", most=LONGEST[name]))
        if "\0" in getattr(given, name):
            raise WrongUse(words("This holds signs that cannot be kept."))


def receive(
    db: Connection, secrets: Secrets, given: Given, came_by: CameBy, by: str, private: Sequence[Network] = ()
) -> Received:
    """Keep a tip.  `private`: networks whose addresses may be visited.  Raises WrongUse, storage.sealing.NoKey."""
    check(given)
    link = _read(given.address, private)
    code = _new_code()
    values = {
        "code": hash_of(code), "address": given.address.strip(), "platform": link.platform if link else "",
        "link": link.post if link else "", "blob": given.blob, "at": given.at_seconds,
        "language": given.language, "came_by": came_by, "by": by,
    }  # fmt: skip
    id_: int = db.execute(RECEIVE, values).scalar_one()
    sealed = json.dumps({"whom": given.whom.strip(), "how": given.how.strip(), "contact": given.contact.strip()})
    db.execute(SEAL, {"tip": id_, "sealed": secrets.seal(sealed, identity(id_))})
    detail = {"came_by": came_by, "readable": link is not None, "content": _digest([given.address.strip()])}
    return Received(id_, code, Entry(Action.TIP_RECEIVED, f"tip:{id_}", detail))


def identity(tip: int) -> str:
    """What the row of a tip's contact is, for the associated data."""
    return f"tip/{tip}"


def hash_of(code: str) -> bytes:
    """Of a code as people type it: no sign of one is a nought, a one or an eight."""
    plain = "".join(sign for sign in code.upper() if sign.isalnum()).translate(_MISREAD)
    return hashlib.sha256(f"lastseen.tip\0{plain}".encode("utf-8", "replace")).digest()


def sent_before(db: Connection, address: str, private: Sequence[Network] = ()) -> int:
    """How many tips have the same link."""
    link = _read(address, private)
    count: int = db.execute(SAME_LINK, {"link": link.post}).scalar_one() if link else 0
    return count


def why_unread(tip: Tip, private: Sequence[Network] = ()) -> str:
    """Why its link leads to nothing that can be read; empty: it does, or it is a file and no link."""
    if tip.blob is not None and not tip.address:
        return ""
    try:
        links.read(tip.address, private)
    except links.NotRead as fault:
        said: str = fault.args[0]
        return said
    return ""


# --- looking ------------------------------------------------------------------------------------------------


def find(db: Connection, tip: int) -> Tip | None:
    """One."""
    row = db.execute(ONE, {"tip": tip}).mappings().first()
    return _tip(row) if row else None


def listed(db: Connection, state: State | None, before: int | None = None) -> list[Tip]:
    """Those in one state, or all, the newest first; one more than MOST, if any."""
    rows = db.execute(LISTED, {"state": state, "before": before, "most": MOST + 1}).mappings()
    return [_tip(row) for row in rows]


def counts(db: Connection) -> Mapping[str, int]:
    """State -> tips."""
    found = {row.state: row.tips for row in db.execute(COUNTS)}
    return {state: found.get(state, 0) for state in State}


def notes(db: Connection, tip: int) -> list[Note]:
    """What was done about one, in the order of time."""
    return [Note(**row) for row in db.execute(NOTES, {"tip": tip}).mappings()]


def same_link(db: Connection, tip: Tip) -> list[int]:
    """Other tips with its link."""
    return list(db.execute(SAME, {"link": tip.link, "tip": tip.id}).scalars()) if tip.link else []


def by_code(db: Connection, code: str) -> StateShown | None:
    """What the sender of a tip may know; None: no tip has this code."""
    row = db.execute(BY_CODE, {"code": hash_of(code)}).first()
    return StateShown(State(row.state), row.received_at) if row else None


def open_contact(db: Connection, secrets: Secrets, tip: int) -> tuple[Contact, Entry] | None:
    """What is sealed of a tip, and what the custody log must say; None: nothing is (any more).

    Raises storage.sealing.CannotOpen.
    """
    sealed = db.execute(OPEN, {"tip": tip}).scalar()
    if sealed is None:
        return None
    found = Contact(**json.loads(secrets.open(bytes(sealed), identity(tip))))
    return found, Entry(Action.CONTACT_OPENED, f"tip:{tip}", {})


# --- what officers do ---------------------------------------------------------------------------------------


def take_up(db: Connection, id_: int, number: str, reason: str, actor: str, legal_basis: str) -> list[Entry]:
    """Say whom of the register a tip is about, and have its post be read.  Returns what the custody log must say.

    The post is a source of its own, for the reason that is given; one that is read already is left as it is.  Raises
    WrongUse.
    """
    tip = _held(db, id_)
    why = _said(reason)
    if tip.state.over or tip.state is not State.RECEIVED:
        raise WrongUse(words("This tip was taken up, refused or closed before."))
    person = _person(db, number)
    _note(db, tip, "about", actor, person=person)
    source = _source(db, tip, actor, legal_basis)
    _note(db, tip, State.TAKEN_UP, actor, why, source=source)
    return [_moved(tip, State.TAKEN_UP, why, {"person": person, "source": source or 0})]


def say_about(db: Connection, id_: int, number: str, actor: str) -> list[Entry]:
    """Say that a tip that was taken up is about somebody else.  Raises WrongUse."""
    tip = _held(db, id_)
    if tip.person is None or tip.state.over:
        raise WrongUse(words("Take the tip up first."))
    person = _person(db, number)
    _note(db, tip, "about", actor, person=person)
    return [_moved(tip, "about", "", {"person": person})]


def note(db: Connection, id_: int, written: str, actor: str) -> list[Entry]:
    """Write something down about a tip.  Raises WrongUse."""
    tip, said = _held(db, id_), _said(written)
    _note(db, tip, "note", actor, said)
    return [_moved(tip, "note", said)]


def move(db: Connection, id_: int, state: State, written: str, actor: str) -> list[Entry]:
    """Refuse a tip, close it, or say that its sender will be told.  With a refusal or the end its contact goes.

    Raises WrongUse.
    """
    tip, said = _held(db, id_), _said(written)
    if tip.state.over:
        raise WrongUse(words("This tip was taken up, refused or closed before."))
    if state is State.REFUSED and tip.state is not State.RECEIVED:
        raise WrongUse(words("It was taken up already: close it."))
    if state in (State.RECEIVED, State.TAKEN_UP):
        raise WrongUse(words("A tip is refused, closed, or its sender is told."))
    _note(db, tip, state, actor, said)
    return [_moved(tip, state, said), *(_removed(db, [tip.id], state) if state.over else [])]


def expire(db: Connection, days: int, most: int = 200) -> list[Entry]:
    """Remove contacts that are older than so many days.  Returns what the custody log must say."""
    worn = db.execute(WORN, {"days": days, "most": most}).scalars().all()
    return _removed(db, worn, f"retention of {days} days")


# --- within -------------------------------------------------------------------------------------------------


def _source(db: Connection, tip: Tip, actor: str, legal_basis: str) -> int | None:
    """The source that a tip's post alone is from now on; None: it has none that can be read.  Raises WrongUse.

    Its reason names the tip: what the officer wrote of that, and of whom, stands with the tip alone, and goes with it.
    """
    if tip.platform is None:
        return None
    if not legal_basis.strip():
        raise WrongUse(words("No legal basis is set for collecting, so nothing can be read: tell the administrator."))
    address = tip.link.removeprefix("https://t.me/") if tip.platform is Platform.TELEGRAM else tip.link
    address = f"@{address}" if tip.platform is Platform.TELEGRAM else address
    return sources.add(db, tip.platform, address, f"tip {tip.id}", legal_basis, actor, Asked(single=True)).source.id


def _held(db: Connection, id_: int) -> Tip:
    db.execute(LOCK, {"tip": id_ % (1 << 31)})
    tip = find(db, id_)
    if tip is None:
        raise WrongUse(words("There is no such tip."))
    return tip


def _person(db: Connection, number: str) -> int:
    id_: int | None = db.execute(PERSON, {"number": number.strip()}).scalar()
    if id_ is None:
        raise WrongUse(words("The register has no entry {number}.", number=number.strip() or "-"))
    return id_


def _said(written: str) -> str:
    if not written.strip():
        raise WrongUse(words("Say why, for whoever reads it in ten years."))
    if len(written) > LONGEST["note"]:
        raise WrongUse(words("That is too long: {most} signs at most.", most=LONGEST["note"]))
    return written.strip()


def _note(
    db: Connection, tip: Tip, kind: str, actor: str, note: str = "", *, person: int | None = None,
    source: int | None = None,
) -> None:  # fmt: skip
    values = {"tip": tip.id, "kind": kind, "person": person, "source": source, "note": note, "by": actor}
    db.execute(NOTE, values)


def _moved(tip: Tip, to: str, written: str, more: Mapping[str, object] | None = None) -> Entry:
    """The log has no words of people: it binds them by their hash."""
    return Entry(Action.TIP_MOVED, f"tip:{tip.id}", {"to": to, "content": _digest([written]), **(more or {})})


def _removed(db: Connection, tips: Sequence[int], why: str) -> list[Entry]:
    gone = [tip for tip in tips if db.execute(REMOVE, {"tip": tip}).rowcount]
    return [Entry(Action.CONTACT_REMOVED, f"tip:{tip}", {"why": why}) for tip in gone]


def _read(address: str, private: Sequence[Network]) -> links.Link | None:
    try:
        return links.read(address, private)
    except links.NotRead:
        return None


def _new_code() -> str:
    """Letters and digits in groups, none of which is taken for another."""
    plain = base64.b32encode(random.token_bytes(CODE_BYTES)).decode()
    return "-".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))


def _digest(written: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def _tip(row: RowMapping) -> Tip:
    values: dict[str, Any] = {**row, "platform": Platform(row["platform"]) if row["platform"] else None}
    return Tip(**{**values, "came_by": CameBy(row["came_by"]), "state": State(row["state"])})
