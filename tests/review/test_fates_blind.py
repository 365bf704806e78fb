"""Whoever may still be asked whether a face is somebody's learns by no door what was said of that person.

Everything that can be said of one person is written down, each time with words that stand nowhere else.  Everybody who
may be asked, whatever else they may do here, then tries all doors: what tells them one of these words has to have taken
them off the question, in the same moment.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import httpx
import pytest
from sqlalchemy import text

from lastseen.letters import LetterEvent
from lastseen.records import Says, StatementSource
from lastseen.settings import Settings
from lastseen.yearly_words import FIGURES
from pipeline.report import yearly
from review.app import doors
from review.doors import Door
from review.roles import REVIEWERS, Role
from storage import accounts, custody, group_cases, letters, list_lines, lists, sealing, statements, tips
from storage.accounts import User
from storage.database import Connection
from storage.letters import Move, Written
from storage.stores import Stores
from storage.tips import CameBy, Given
from tests.review.conftest import Browser, Site, serving
from tests.review.seeding import Seeded, Story, seed
from tests.review.test_doors import filled
from tests.storage import lettered, listing
from tests.storage.judged import conclude

NUMBER, NAME = "26-77", "Quintus Secretname"
NOTE = re.compile(r"marked-[a-z]+")
"""words that stand in nothing but what was said of this person"""
JUDGING: tuple[tuple[Role, ...], ...] = (
    (Role.ANALYST,),
    (Role.SENIOR,),
    (Role.ANALYST, Role.CASE_OFFICER),
    (Role.ANALYST, Role.REGISTER_KEEPER),
    (Role.ANALYST, Role.AUDITOR),
    (Role.ANALYST, Role.ADMINISTRATOR),
)
"""whose accounts may be asked about faces, with whatever else they may do"""
DAY = date(2026, 3, 1)
DECIDED = {"same": "yes", "number": NUMBER}


@dataclass(frozen=True, slots=True)
class Office:
    """The pages of an office that knows a great deal of one person, of whom a face waits for an answer."""

    site: Site
    waiting: Seeded
    """the candidate that waits"""
    things: Mapping[str, Mapping[str, object]]
    """what an address names -> what to fill in"""
    line: int
    """of a list, held to be of them"""
    letter: int
    tip: int

    def comes(self, roles: tuple[Role, ...]) -> tuple[User, Browser]:
        """Somebody who knows nothing yet."""
        with self.site.stores.db.begin() as db:
            count = db.execute(text("SELECT count(*) FROM users")).scalar_one()
            user = accounts.add_user(db, f"new.{count}", None, roles)
        return user, self.site.as_user(user)

    def may_be_asked(self, user: User) -> bool:
        """Whether the waiting face may still be theirs to judge."""
        asked = text("SELECT NOT was_told(:user, :candidate)")
        with self.site.stores.db.begin() as db:
            return bool(db.execute(asked, {"user": user.id, "candidate": self.waiting.candidate}).scalar_one())


@pytest.fixture
def office(stores: Stores, settings: Settings) -> Iterator[Office]:
    known = settings.model_copy(update={"legal_basis": "law 1", "requests_a_minute": 0})
    with serving(stores, known) as site:
        yield _office(site, known)


def _office(site: Site, settings: Settings) -> Office:
    stores = site.stores
    waiting = seed(stores, Story(number=NUMBER, names=(NAME,)))
    with stores.db.begin() as db:
        sighted = _again(stores, waiting)
        conclude(db, sighted, 3, 3)
    line = _listed(stores, waiting)
    with stores.db.begin() as db:
        blob = db.execute(text("SELECT sha256 FROM blobs WHERE id = :id"), {"id": waiting.blob}).scalar_one()
        case = group_cases.open_(db, waiting.blob, "Yard", "marked-why", "olga")[0]
        group_cases.note(db, case, "marked-case", "olga")
        letter = _letter(db, sighted, case)
        tip = _tip(db, settings, stores)
        said = _said(db, waiting.person)
        list_ = db.execute(text("SELECT list_id FROM list_entries WHERE id = :id"), {"id": line}).scalar_one()
    things: dict[str, Mapping[str, object]] = {
        "person": {"number": NUMBER}, "statement": {"id": said}, "list": {"id": list_}, "list_line": {"id": line},
        "letter": {"id": letter}, "letter_file": {"id": letter, "format": "draft"}, "tip": {"id": tip},
        "group": {"id": case}, "record": {"id": waiting.candidate}, "seen": {"id": waiting.candidate, "n": 1},
        "sighting": {"id": sighted}, "blob": {"blob": blob, "ending": "csv"}, "log_file": {"ending": "csv"},
        "finding": {"id": 1},
        "letter_template": {"kind": "icrc", "language": "uk"},
    }  # fmt: skip
    return Office(site, waiting, things, line, letter, tip)


def _again(stores: Stores, waiting: Seeded) -> int:
    """Another face of the same person, in another recording; its candidate."""
    other = seed(stores, Story(number="26-78"))
    with stores.db.begin() as db:
        move = text("UPDATE candidates SET person_id = :person WHERE id = :id")
        db.execute(move, {"person": waiting.person, "id": other.candidate})
    return other.candidate


def _listed(stores: Stores, of: Seeded) -> int:
    made = listing.kept(stores, [listing.line(2, f"{NAME} marked-line", note="marked-note")], "Side A", "List A")
    with stores.db.begin() as db:
        (line,) = lists.entries_of(db, made)
    listing.propose(stores, line, of.person)
    with stores.db.begin() as db:
        list_lines.decide(db, line, NUMBER, True, "olga", 5, reason="marked-decided")
    return line


def _letter(db: Connection, sighted: int, case: int) -> int:
    to = lettered.recipient(db, "en")
    written = Written(to, "en", "marked-subject", "marked-letter", False, (sighted,), case=case)
    made, _ = letters.write(db, written, "olga")
    letters.move(db, made, Move(LetterEvent.OFFERED, "olga", "marked-offered", DAY))
    return made


def _tip(db: Connection, settings: Settings, stores: Stores) -> int:
    given = Given("https://t.me/marked_address/7", 155, "marked-whom", "marked-how", "marked-contact", "en")
    made = tips.receive(db, sealing.secrets(settings), given, CameBy.FORM, "form").id
    tips.take_up(db, made, NUMBER, "marked-taken", "olga", "law 1")
    tips.note(db, made, "marked-tip", "olga")
    return made


def _said(db: Connection, person: int) -> int:
    document = ("marked-office", StatementSource.DOCUMENT, "marked-reference", DAY)
    said = statements.Said(Says.CAPTIVE, *document, sets=True, note="marked-statement")
    made, _, entries = statements.enter(db, person, said, "olga", 5)
    assert entries[-1].detail["status"] == "captive"
    custody.append_all(db, "olga", entries)
    return made


# --- every door ----------------------------------------------------------------------------------------------

QUERIES: Mapping[str, tuple[str, ...]] = {
    "/": ("", "?status=captive", "?region=x"),
    "/people": ("", f"?words={NAME}", "?show=contradicted", "?status=captive", "?show=sighted"),
    "/api/v1/people": ("", f"?words={NUMBER}", "?show=contradicted", "?status=captive"),
    "/people/{number:path}": ("", "?whole=1"),
    "/api/v1/people/{number:path}": ("", "?whole=true"),
    "/lists/{id:int}": (*(f"?show={one}" for one in (*list_lines.SHOWN, "contradicting")), "?show=all&says=dead"),
    "/letters": tuple(f"?show={one}" for one in ("unsent", "to%20approve", "all")),
    "/letters/new": ("", "?sightings={sighted}", "?case={case}"),
    "/tips": ("", "?show=taken%20up", "?show=all"),
    "/groups/{id:int}": ("", "?whole=1"),
    "/groups/{id:int}.csv": ("", "?whole=1"),
    "/log": ("", "?subject=person%3A{person}", "?action=stated", "?actor=olga", "?action=line%20decided"),
    "/log.{ending}": ("", "?subject=person%3A{person}"),
    "/api/v1/log": ("", "?subject=person%3A{person}"),
    "/exchange": ("", f"?number={NUMBER}"),
}
"""what is asked of a page beside its address"""
FORMS: Mapping[str, tuple[Mapping[str, object], ...]] = {
    "/lists/lines/{id:int}/decide": (DECIDED, {**DECIDED, "reason": "r"}, {**DECIDED, "same": "no"}),
    "/lists/{id:int}/decide": ({"same": "yes", "line-{line}": NUMBER}, {"same": "no", "line-{line}": NUMBER}),
    "/people/{number:path}/statements": ({}, {"says": "dead", "source": "document", "dated": "2026-03-01"}),
    "/people/{number:path}/file": ({}, {"reason": "r"}),
    "/statements/{id:int}/withdraw": ({}, {"reason": "r"}),
    "/letters/{id:int}/move": ({}, {"event": "answered"}, {"event": "offered", "note": "x"}),
    "/letters/{id:int}/edit": ({}, {"subject": "s", "body": "b"}),
    "/tips/{id:int}/move": ({"to": "closed", "reason": ""}, {"to": "refused", "reason": "r"}),
    "/tips/{id:int}/take-up": ({"number": NUMBER, "reason": "r"},),
    "/tips/{id:int}/about": ({"number": "nobody"},),
    "/groups/{id:int}/notes": ({"kind": "counted", "people": "x"}, {"kind": "note", "note": "n"}),
    "/groups/{id:int}/files": ({"belongs": "yes", "blob": "x", "reason": "r"},),
    "/exchange": tuple(
        {"receiver": "r", "purpose": "p", "right": "l", "format": "csv", **more}
        for more in ({"numbers": NUMBER}, {"numbers": NUMBER, "status": "captive"}, {"everybody": "on"}, {})
    ),
    "/api/v1/exchange": tuple(
        {"receiver": "r", "purpose": "p", "right": "l", "format": "ftm", **more}
        for more in ({"status": "captive"}, {"since": "2026-01-01"}, {"numbers": [NUMBER]}, {"everybody": True})
    ),
    "/letters": ({"sightings": "{sighted}"},),
}
"""what is sent to a door"""
OTHERS = frozenset(
    {
        *("static", "user", "session", "link", "review", "answered", "calibration", "report", "report_file"),
        *("year_report", "year_file", "year_records"),
    }
)
"""kinds of things that tell of nobody in the register, are the visitor's own, or have a test of their own below"""


def attempts(office: Office, door: Door) -> Iterator[tuple[str, Mapping[str, object]]]:
    """(address, form) of everything that is tried at one door."""
    filling = {
        **office.things.get(door.names, {}), "person": office.waiting.person, "line": office.line,
        "sighted": office.things["sighting"]["id"], "case": office.things["group"]["id"],
    }  # fmt: skip
    path = filled(door.path, filling)
    if door.method == "GET":
        for query in QUERIES.get(door.path, ("",)):
            yield path + query.format(**filling), {}
        return
    for form in FORMS.get(door.path, ({},)):
        yield path, {name.format(**filling): _filled(said, filling) for name, said in form.items()}


def _filled(said: object, filling: Mapping[str, object]) -> object:
    return said.format(**filling) if isinstance(said, str) else said


def told(answer: httpx.Response) -> set[str]:
    """The words of this answer, wherever it has them, that stand in nothing but what was said of this person."""
    packed = re.search(r'"content":"([A-Za-z0-9+/=]+)"', answer.text)
    inside = base64.b64decode(packed[1]).decode("utf-8", "replace") if packed else ""
    return {*NOTE.findall(answer.text), *NOTE.findall(str(answer.headers)), *NOTE.findall(inside)}


def tried() -> list[Door]:
    """Doors that lead to something about people."""
    return [one for one in doors() if isinstance(one, Door) and one.names not in OTHERS and not one.anyone]


@pytest.mark.parametrize("roles", JUDGING, ids="+".join)
def test_no_door_tells_whoever_may_be_asked_what_was_said(office: Office, roles: tuple[Role, ...]) -> None:
    user, browser = office.comes(roles)
    shown: set[str] = set()
    leaks = []
    for door in tried():
        if not door.roles & set(roles) or door.names not in {"", *office.things}:
            continue
        for path, form in attempts(office, door):
            if not office.may_be_asked(user):
                user, browser = office.comes(roles)
            answer = browser.get(path) if door.method == "GET" else _send(browser, door, path, form)
            assert answer.status_code < 500, (door.method, path, answer.text[:300])
            if (found := told(answer)) and office.may_be_asked(user):
                leaks.append((door.method, path, sorted(found)))
            shown |= found
    assert leaks == []
    if Role.SENIOR in roles:
        expected = {"marked-office", "marked-letter", "marked-statement", "marked-case"}
        assert expected <= shown, "who asks for it sees it, or else this test tries nothing"


def _send(browser: Browser, door: Door, path: str, form: Mapping[str, object]) -> httpx.Response:
    if door.takes_json:
        return browser.tell(path, dict(form))
    return browser.submit(path, **{name: str(said) for name, said in form.items()})


def test_who_does_not_judge_sees_it(office: Office) -> None:
    """So that the words stand where the others look for them."""
    _, browser = office.comes((Role.CASE_OFFICER,))
    shown: set[str] = set()
    for door in tried():
        if door.method == "GET" and Role.CASE_OFFICER in door.roles and door.names in {"", *office.things}:
            for path, _form in attempts(office, door):
                shown |= told(browser.get(path))
    missing = {
        *("marked-office", "marked-reference", "marked-statement", "marked-line", "marked-decided"),
        *("marked-letter", "marked-subject", "marked-offered", "marked-case", "marked-why", "marked-tip"),
        *("marked-taken",),
    } - shown  # fmt: skip
    assert missing == set()


def test_every_figure_of_a_year_keeps_its_people_from_who_may_be_asked(office: Office) -> None:
    user, browser = office.comes((Role.SENIOR,))
    report = yearly.make(office.site.stores, yearly.year("2026"), None, "test").report.id
    for file in ("page", "file.html", "file.csv", "file.json"):
        answer = browser.get(f"/reports/periods/{report}/{file}")
        assert answer.status_code == 200 and not told(answer) and NAME not in answer.text, file
    for figure in FIGURES:
        answer = browser.get(f"/reports/periods/{report}/records/{figure}")
        assert answer.status_code in {200, 404}, figure
        assert not told(answer) and NAME not in answer.text and NUMBER not in answer.text, figure
    assert office.may_be_asked(user)


# --- what a refusal would tell ------------------------------------------------------------------------------


def test_a_senior_who_may_be_asked_does_not_learn_by_refusals_of_whom_a_line_speaks(office: Office) -> None:
    """A line that is held to be of this person, and one of somebody else, beside this number: the same answer."""
    user, browser = office.comes((Role.SENIOR,))
    other = listing.listed(office.site.stores, "26-90")[1]
    answers = set()
    for line in (office.line, other):
        for answer in ("yes", "no"):
            sent = browser.submit(f"/lists/lines/{line}/decide", same=answer, number=NUMBER, reason="")
            answers.add((sent.status_code, re.sub(r"\d+", "", sent.text)))
    assert len(answers) == 1
    assert {code for code, _ in answers} == {404}
    assert office.may_be_asked(user)
    with office.site.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM list_decisions")).scalar_one() == 1


def test_whoever_names_somebody_for_an_exchange_is_told_also_when_nothing_is_handed_out(office: Office) -> None:
    form = {"receiver": "r", "purpose": "", "right": "l", "format": "csv", "numbers": NUMBER}
    user, browser = office.comes((Role.SENIOR,))
    assert browser.submit("/exchange", **form).status_code == 422
    assert not office.may_be_asked(user)


@pytest.mark.parametrize("more", [{"status": "captive"}, {"status": "missing"}, {"since": "2026-01-01"}])
def test_whoever_may_be_asked_does_not_choose_by_fate_for_an_exchange(office: Office, more: dict[str, str]) -> None:
    """Neither an answer nor a refusal then says whose status it is."""
    form = {"receiver": "r", "purpose": "p", "right": "l", "format": "csv"}
    user, browser = office.comes((Role.SENIOR,))
    answer = browser.submit("/exchange", **form, **more)
    assert (answer.status_code, "not by what was said" in answer.text) == (422, True)
    assert 'name="status"' not in answer.text
    assert office.may_be_asked(user)
    officer = office.comes((Role.CASE_OFFICER,))[1]
    assert officer.submit("/exchange", **form, **more).status_code in {200, 422}


def test_a_token_with_fewer_roles_learns_no_more_than_its_account_may(office: Office) -> None:
    """An analyst who also follows cases lends a program the second role alone."""
    user, _ = office.comes((Role.ANALYST, Role.CASE_OFFICER))
    with office.site.stores.db.begin() as db:
        token = accounts.make_token(db, user, "test", [Role.CASE_OFFICER])
    program = office.site.browser(Authorization=f"Bearer {token}")
    rows = program.get(f"/api/v1/people?words={NUMBER}").json()["rows"]
    assert [(row["register_number"], row["status"], row["statements"]) for row in rows] == [(NUMBER, None, None)]
    for chosen in ("status=captive", "status=missing", "show=contradicted"):
        assert program.get(f"/api/v1/people?{chosen}").status_code == 409, chosen
    wanted = {"receiver": "r", "purpose": "p", "right": "l", "format": "csv", "status": "captive"}
    assert program.post("/api/v1/exchange", json=wanted).status_code == 409
    person = program.get(f"/api/v1/people/{NUMBER}").json()
    assert (person["status"], person["statements"]) == (None, None)
    assert office.may_be_asked(user)


def test_a_queue_is_not_filtered_by_what_became_of_people(office: Office) -> None:
    for number in range(8):
        seed(office.site.stores, Story(number=f"30-{number}"))
    _, browser = office.comes((Role.ANALYST,))
    pages = [browser.get(f"/?status={one}") for one in ("captive", "missing", "returned")]
    faces = {len(re.findall("<tr", page.text)) for page in pages}
    assert len(faces) == 1
    assert "captive" not in browser.get("/").text


def test_a_line_that_was_not_understood_is_kept_from_whoever_may_be_asked_about_anybody(office: Office) -> None:
    """It may speak of anybody: its words stand in it all the same."""
    faulty = listing.line(3, NAME, says="", fault="what is said is no word", raw={"line": f"{NAME} marked-raw"})
    made = listing.kept(office.site.stores, [faulty])
    user, browser = office.comes((Role.SENIOR,))
    page = browser.get(f"/lists/{made}?show=faulty")
    assert page.status_code == 200 and NAME not in page.text
    with office.site.stores.db.begin() as db:
        (line,) = lists.entries_of(db, made)
    assert browser.get(f"/lists/lines/{line}").status_code == 409
    assert office.may_be_asked(user)
    assert NAME in office.comes((Role.CASE_OFFICER,))[1].get(f"/lists/{made}?show=faulty").text


def test_a_line_about_another_entry_of_the_same_person_is_kept_back_too(office: Office) -> None:
    stores = office.site.stores
    twin = listing.person(stores, "26-79", NAME)
    with stores.db.begin() as db:
        db.execute(
            text("INSERT INTO ties (one_person_id, other_person_id, kind, declared_by) VALUES (:a, :b, 'same', 'x')"),
            {"a": office.waiting.person, "b": twin},
        )
    made = listing.kept(stores, [listing.line(2, f"{NAME} marked-twin")])
    with stores.db.begin() as db:
        (line,) = lists.entries_of(db, made)
    listing.propose(stores, line, twin)
    user, browser = office.comes((Role.SENIOR,))
    assert "marked-twin" not in browser.get(f"/lists/{made}?show=all").text
    assert browser.get(f"/lists/lines/{line}").status_code == 409
    assert office.may_be_asked(user)


def test_who_reads_a_tip_is_not_asked_about_another_face_of_whom_it_is_about(office: Office) -> None:
    user, browser = office.comes((Role.ANALYST, Role.CASE_OFFICER))
    listed = browser.get("/tips?show=all").text
    assert (NUMBER in listed, "marked_address" in listed) == (False, False)
    assert office.may_be_asked(user)
    browser.get(f"/tips/{office.tip}")
    assert not office.may_be_asked(user)


def test_an_auditor_who_read_of_fates_and_comes_to_judge_is_not_asked(office: Office) -> None:
    for address in ("/log", "/log.csv"):
        user, browser = office.comes((Role.AUDITOR,))
        assert browser.get(address).status_code == 200
        assert not office.may_be_asked(user), address


def test_every_door_that_tells_of_people_is_tried(office: Office) -> None:
    """A new door to a new kind of thing has to be tried, or it is said that it tells of nobody."""
    kinds = {door.names for door in tried() if door.roles & {*REVIEWERS, Role.CASE_OFFICER, Role.REGISTER_KEEPER}}
    left = {"package", "shot", "finding_photo", "cast_link", "recipient"}
    assert kinds - {""} - set(office.things) == left, "pictures and offices; packages are told (test_blindness)"
