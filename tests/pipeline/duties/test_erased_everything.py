"""Somebody of whom everything was written down that can be, by the commands and functions that people use, is erased.

Afterwards no table and no object says their name, in any spelling that a name may have here, nor how to reach whoever
wrote of them; what was about others stays, the log stands, and every page opens.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.letters import LetterEvent
from lastseen.records import Says, StatementSource
from lastseen.roles import Role
from lastseen.settings import Settings
from matchers.names.blotting import ERASED
from pipeline.app import App, open_app
from pipeline.duties import erasure
from pipeline.letters import making
from pipeline.report import yearly
from review.app import doors
from review.doors import Door
from storage import (
    accounts,
    custody,
    erasures,
    group_cases,
    hand_overs,
    letter_book,
    letters,
    packages,
    sealing,
    statements,
    subjects,
    tips,
)
from storage.custody import Entry
from storage.database import Connection
from storage.letters import Move, Written
from storage.objects import BUCKETS
from storage.statements import Said
from storage.stores import Stores
from storage.tables import metadata
from storage.tips import CameBy, Given
from storage.verification import verify
from tests.office import Office
from tests.pipeline.duties.erasing import ask, confirm
from tests.review.conftest import Browser, serving
from tests.review.seeding import Seeded, Story, seed
from tests.review.test_doors import filled
from tests.storage.judged import account, conclude

PASSWORD = "correct horse battery"

NUMBER, NAMES = "HC-7", ("Шевчук Андрій Петрович", "Andrii Shevchuk")
OTHER, OTHERS_NAME = "HC-70", "Коваленко Олена Іванівна"
NICKNAME = "Кузнець"
SPELT = re.compile(r"шевчук|shevchuk|ševčuk|андрі|андре|andri|andrey|кузнец|кузнець|kuznets|hc-7\b", re.IGNORECASE)
"""the name and nickname in Ukrainian, Russian and Latin letters, in every case, and the register number"""
WITH_HER = "seen with Андрієм Шевчуком\nat noon"
CONTACT = ("+380 67 111 22 33", "his mother Sofia", "we grew up in one street")
DAY = date(2026, 3, 1)
KNOWS = frozenset({"erasures", "erasure_acts", "not_collected"})
"""what says that there was an erasure, and of whom"""
LIST = f"""name;year;state;note
{NAMES[0]};1990;dead;seen by {NAMES[1]}'s brother
{OTHERS_NAME};1985;dead;with Андрієм Шевчуком and {NICKNAME}
Somebody Else;1970;dead;
"""


@dataclass(frozen=True, slots=True)
class Whole:
    """The office, whom it is about, and the other one."""

    app: App
    office: Office
    him: Seeded
    her: Seeded

    def said(self) -> Iterator[str]:
        """Whatever the database and the object store say, piece by piece."""
        with self.app.stores.db.begin() as db:
            names = db.execute(text("SELECT relname FROM pg_stat_user_tables ORDER BY 1")).scalars().all()
            for name in names:
                if name not in KNOWS:
                    for row in db.execute(text(f"SELECT * FROM {name}")):  # noqa: S608  our own names
                        yield f"{name} {tuple(row)}"
        for bucket in BUCKETS:
            for key in self.app.stores.objects.keys(bucket):
                content = self.app.stores.objects.read(bucket, key)
                yield f"{bucket}/{key} {_words(content)}"

    def traces(self) -> list[str]:
        """What names him."""
        return [f"{found[0]}: {one[:300]}" for one in self.said() if (found := SPELT.search(one))]


def _words(content: bytes) -> str:
    if not content.startswith(b"PK"):
        return content.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


@pytest.fixture
def two(owning: Settings, stores: Stores) -> Iterator[Whole]:
    """Both of them, of whom nothing is written down but what was seen."""
    settings = owning.model_copy(update={"legal_basis": "law 1", "office": "Office"})
    him = seed(stores, Story(number=NUMBER, names=NAMES))
    her = seed(stores, Story(number=OTHER, names=(OTHERS_NAME,)), at_track=him)
    with stores.db.begin() as db:
        conclude(db, him.candidate, 3, 3)
    office = Office(settings, stores)
    with open_app(settings, "test") as app:
        yield Whole(app, office, him, her)


def _fill(whole: Whole, folder: Path) -> None:
    _listed(whole.office, folder)
    with whole.app.stores.db.begin() as db:
        case = _case(db, whole)
        custody.append_all(db, "olga", list(_stated(db, whole)))
    _written(whole.app, case, whole)
    with whole.app.stores.db.begin() as db:
        custody.append_all(db, "olga", list(_tipped(db, whole)))
        custody.append_all(db, "olga", list(_taken_out(db, whole)))
    _given_out(whole.office, folder)
    yearly.make(whole.app.stores, yearly.year("2026"), None, "olga")


def _listed(office: Office, folder: Path) -> None:
    """One list that stands, decided with a reason, and one that was undone with another."""
    for name, body in (("a.csv", "side A"), ("Шевчук.csv", "side B")):
        path = folder / name
        path.write_text(LIST if body == "side A" else LIST + "\n")
        office.run(
            *("lists", "import", str(path), "--body", body, "--title", "dead", "--dated", "2026-03-01"),
            *(
                "--column",
                "names=name",
                "--column",
                "birth_year=year",
                "--column",
                "says=state",
                "--column",
                "note=note",
            ),
            *("--save-mapping", "of A"),
        )
    for list_ in ("1", "2"):
        shown = office.ask("lists", "show", list_)["shown"]
        assert isinstance(shown, list)
        for line in shown:
            for match in line["matches"]:
                why = ("--reason", f"born as {NAMES[1]} says")
                office.run("lists", "decide", str(line["id"]), match["person"], "--yes", *why)
    office.run("lists", "undo", "2", "--reason", f"the same as that of {NAMES[0]}")


def _case(db: Connection, whole: Whole) -> int:
    case, entries = group_cases.open_(db, whole.him.blob, f"{NAMES[1]} and others", "прийшла сестра Шевчука", "olga")
    entries += group_cases.note(db, case, f"Шевчуком зайнялись\n\nзвати {NICKNAME}\n\nthey stand there", "olga")  # noqa: RUF001  Ukrainian
    entries += group_cases.count(db, case, 7, "with Андрій Шевчук", "olga")
    custody.append_all(db, "olga", entries)
    return case


def _stated(db: Connection, whole: Whole) -> Iterator[Entry]:
    letter = StatementSource.LETTER
    said = Said(Says.CAPTIVE, "CTA", letter, f"17/4 on {NAMES[1]}", DAY, sets=True, note="про Шевчука")
    _, _, entries = statements.enter(db, NUMBER, said, "olga", 5)
    yield from entries
    gone, _, entries = statements.enter(db, NUMBER, Said(Says.DEAD, "side A", letter, "row", DAY), "olga", 5)
    yield from entries
    yield from statements.withdraw(db, gone, "то був не Шевчук Андрій", "olga", 5)[1]
    hers = Said(
        Says.ALIVE, "her sister", letter, f"call of {NICKNAME}", DAY, note="seen with Андрієм Шевчуком\nat noon"
    )
    yield from statements.enter(db, OTHER, hers, "olga", 5)[2]


def _written(app: App, case: int, whole: Whole) -> None:
    """A letter about him, one about both, and one about her that names him; all are made, sent and answered."""
    body = f"Dear all,\n\n{NAMES[0]}, {NUMBER}\n  seen\n\n{OTHERS_NAME}, {OTHER}\n  seen, too"
    with app.stores.db.begin() as db:
        conclude(db, whole.her.candidate, 3, 3)
        to = letter_book.add(db, "icrc", "CTA", "Geneva", "en", 30, "olga")[0]
        for subject, said, about in (
            (f"On {NAMES[1]}", "only of him", (whole.him.candidate,)),
            (f"On {NAMES[1]} and others", body, (whole.him.candidate, whole.her.candidate)),
            ("On her", f"{OTHERS_NAME}\nwas seen with Андрієм Шевчуком\n\nthere", (whole.her.candidate,)),
        ):
            letters.write(db, Written(to, "en", subject, said, False, about, case=case), "olga")
    making.run(app)
    for event in (LetterEvent.OFFERED, LetterEvent.APPROVED):
        _move(app, event, "olga" if event is LetterEvent.OFFERED else "petro")
    making.run(app)
    for event in (LetterEvent.SENT, LetterEvent.ANSWERED):
        _move(app, event, "olga")


def _move(app: App, event: LetterEvent, by: str) -> None:
    with app.stores.db.begin() as db:
        for letter in (1, 2, 3):
            moved = Move(event, by, "Shevchuk Andrii is held" if event is LetterEvent.ANSWERED else "post", _today())
            custody.append_all(db, by, letters.move(db, letter, moved))


def _today() -> date:
    return utcnow().date()


def _tipped(db: Connection, whole: Whole) -> Iterator[Entry]:
    """One about him, taken up; one that was first said to be about him, and is about her; one about her."""
    secrets = sealing.secrets(whole.app.settings)
    for number, about in enumerate((NUMBER, NUMBER, OTHER), 1):
        given = Given(f"https://t.me/news/{number}", 5, *CONTACT, "uk")
        kept = tips.receive(db, secrets, given, CameBy.FORM, "form")
        yield kept.entry
        yield from tips.take_up(db, kept.id, about, f"the mother of {NAMES[1]} knows him", "olga", "law 1")
        yield from tips.note(db, kept.id, f"call about Андрія Шевчука, {NICKNAME}", "olga")
        yield from [tips.open_contact(db, secrets, kept.id)[1]]  # type: ignore[index]  # it is there
    yield from tips.say_about(db, 2, OTHER, "olga")


def _taken_out(db: Connection, whole: Whole) -> Iterator[Entry]:
    senior = account(db, "carol", Role.SENIOR)
    yield hand_overs.hand_over(db, whole.him.candidate, f"Bond, for {NAMES[1]}", "Шевчук", senior)
    yield hand_overs.hand_over(db, whole.her.candidate, "Bond", f"with {NAMES[0]}", senior)
    yield from packages.ask(db, whole.her.candidate, "court", "order 7", senior)


def _given_out(office: Office, folder: Path) -> None:
    to = ("--purpose", "tracing", "--receiver", "CTA", "--right", "law 1", "--everybody")
    office.run("exchange", "export", "--to", str(folder / "x.zip"), "--format", "csv", *to)
    with office.stores.db.begin() as db:
        accounts.add_user(db, "keeper", PASSWORD, [Role.SENIOR])
    filed = ("register", "file", NUMBER, "--to", str(folder / "w.zip"), "--reason", "asked", "--as", "keeper")
    office.type(f"{PASSWORD}\n", *filed)


def erased(whole: Whole) -> None:
    confirm(whole.app, ask(whole.app, f"person:{NUMBER}"))
    erasure.finish(whole.app, [NICKNAME])


def test_nothing_is_left_of_him_and_everything_of_others_stays(two: Whole, tmp_path: Path) -> None:
    """One office for all of it: to fill it takes longer than to look at it."""
    _fill(two, tmp_path)
    sealed = _contacts(two)
    _is_everywhere(two)
    told = two.office.ask("erase", f"person:{NUMBER}", "--dry-run")
    erased(two)
    _is_nowhere(two)
    _it_was_told_before(two, told)
    assert _contacts(two) == sealed[1:], "the contact of a tip about him is gone, and others are there"
    _others_stay(two)
    _log_stands(two)
    _pages_open(two)


def _is_everywhere(whole: Whole) -> None:
    before = list(whole.said())
    tables = {one.split()[0] for one in before if SPELT.search(one)}
    assert {
        *("persons", "lists", "list_entries", "list_decisions", "list_undos", "statements", "statement_withdrawals"),
        *("letters", "letter_events", "group_cases", "group_case_decisions", "group_case_notes", "tip_notes"),
        *("hand_overs",),
    } <= tables, "what is not there is not erased"
    assert "custody_events" not in tables, "the log has no names, and cannot lose them"


def _is_nowhere(whole: Whole) -> None:
    """His name, and the contact of whoever wrote of him."""
    assert "\n".join(whole.traces()) == ""
    left = "\n".join(whole.said())
    assert [one for one in CONTACT if one in left] == []
    assert OTHERS_NAME in left


def _contacts(whole: Whole) -> list[bytes]:
    with whole.app.stores.db.begin() as db:
        return list(db.execute(text("SELECT sealed FROM tip_contacts ORDER BY tip_id")).scalars())


def _others_stay(whole: Whole) -> None:
    with whole.app.stores.db.begin() as db:

        def column(asked: str) -> list[object]:
            return list(db.execute(text(asked)).scalars())

        assert column("SELECT body FROM letters ORDER BY id") == [
            f"Dear all,\n\n{ERASED}\n\n{OTHERS_NAME}, {OTHER}\n  seen, too",
            f"{OTHERS_NAME}\n{ERASED}\n\nthere",
        ]
        assert column("SELECT note FROM group_case_notes ORDER BY id") == [
            f"{ERASED}\n\n{ERASED}\n\nthey stand there", ERASED,
        ]  # fmt: skip
        assert column("SELECT note FROM statements WHERE note <> ''") == [f"{ERASED}\nat noon"]
        assert column("SELECT names[1] FROM list_entries ORDER BY id") == [OTHERS_NAME, "Somebody Else"] * 2
        assert column("SELECT raw ->> 'year' FROM list_entries WHERE names[1] = 'Somebody Else'") == ["1970", "1970"]
        assert column("SELECT raw FROM list_entries WHERE names[1] <> 'Somebody Else'") == [{}, {}]
        assert column("SELECT address FROM tips ORDER BY id") == ["https://t.me/news/2", "https://t.me/news/3"]


def _log_stands(whole: Whole) -> None:
    report = verify(whole.app.stores.db, whole.app.stores.objects)
    held = ("line", "list", "statement")
    assert [one for one in report.incidents if "custody" in one.where or one.where.startswith(held)] == []
    assert report.events > 0
    with whole.app.stores.db.begin() as db:
        done = text("SELECT count(*) FROM custody_events WHERE action = 'erased' AND subject = 'erasure:1'")
        assert db.execute(done).scalar_one() == 1


def _pages_open(whole: Whole) -> None:
    stores = whole.app.stores
    with serving(stores, whole.app.settings.model_copy(update={"requests_a_minute": 0})) as site:
        for role in (Role.CASE_OFFICER, Role.SENIOR, Role.REGISTER_KEEPER, Role.AUDITOR, Role.ADMINISTRATOR):
            assert list(_broken(site.signed_in(role), role)) == []
        senior = site.signed_in(Role.CASE_OFFICER)
        assert senior.submit("/lists/1/undo", reason="all of it").status_code == 303
        assert senior.submit("/lists/1/match").status_code == 303
    office = whole.office
    for command in ("lists show 1 --state all", "lists list", "letters list", "group show 1"):
        office.run(*command.split())
    assert office.run("lists", "import", str(_again(whole)), "--body", "A", "--title", "t", "--dated", "2026-03-01",
                      "--says", "dead").returncode == 0  # fmt: skip


def _again(whole: Whole) -> Path:
    path = whole.app.settings.data_dir / "again.csv"
    path.write_text(f"name;year\n{OTHERS_NAME};1985\n")
    return path


def _broken(browser: Browser, role: Role) -> Iterator[tuple[str, int]]:
    """Addresses of what is left that do not open."""
    things: Mapping[str, Mapping[str, object]] = {
              "person": {"number": OTHER}, "list": {"id": 1}, "list_line": {"id": 2}, "letter": {"id": 2},
              "tip": {"id": 3}, "group": {"id": 1}, "year_report": {"id": 1}, "year_file": {"id": 1, "ending": "csv"},
              "year_records": {"id": 1, "figure": "identified"}, "log_file": {"ending": "csv"},
              "sighting": {"id": 2}, "record": {"id": 2}, "": {}}  # fmt: skip
    for door in doors():
        if not isinstance(door, Door) or door.path.startswith("/sign-in"):  # there is no provider here
            continue
        if door.method == "GET" and role in door.roles and door.names in things:
            for more in ("", "?whole=1", "?show=all"):
                path = filled(door.path, things[door.names]) + more
                answer = browser.get(path)
                if answer.status_code >= 400 and not (answer.status_code in {400, 422} and more):
                    yield path, answer.status_code


def _it_was_told_before(two: Whole, told: dict[str, object]) -> None:
    """Files of letters and lists, too, which an office has to do without."""
    with two.app.stores.db.begin() as db:
        done = [event.detail for event in custody.events(db) if event.subject.startswith("erasure:")][-1]
    names = ("people", "candidates", "lines", "letters", "tips", "letter_files", "list_files")
    assert {name: told[name] for name in names} == {name: done[name] for name in names}
    assert all(done[name] for name in names)


def test_what_may_mean_him_or_a_namesake_is_told_before_it_is_done(two: Whole) -> None:
    """By where it stands, and without a word of it."""
    with two.app.stores.db.begin() as db:
        said = Said(Says.ALIVE, "a Shevchuk", StatementSource.POST, "r", DAY)
        custody.append_all(db, "olga", statements.enter(db, OTHER, said, "olga", 5)[2])
        doubts = erasure.doubts(db, subjects.parse(f"person:{NUMBER}"))
    assert [one.split(" ")[0] for one in doubts] == ["statements"]
    assert all(re.fullmatch(r"\w+ \d+ \(\w+\)", one) for one in doubts)
    told = two.office.ask("erase", f"person:{NUMBER}", "--dry-run")
    assert told["look_at"] == doubts
    assert not SPELT.search(str(doubts))


def test_a_namesake_of_the_register_keeps_what_was_said_of_them(two: Whole) -> None:
    seed(two.app.stores, Story(number="HC-9", names=("Шевчук Андрій Іванович",)))
    with two.app.stores.db.begin() as db:
        said = Said(Says.ALIVE, "CTA", StatementSource.LETTER, "on Шевчук Андрій", DAY)
        custody.append_all(db, "olga", statements.enter(db, "HC-9", said, "olga", 5)[2])
        where = "statements"
        assert any(one.startswith(where) for one in erasure.doubts(db, subjects.parse(f"person:{NUMBER}")))
    erased(two)
    with two.app.stores.db.begin() as db:
        kept = text("SELECT reference FROM statements WHERE reference LIKE 'on %'")
        assert db.execute(kept).scalars().all() == ["on Шевчук Андрій"]


def test_every_column_in_which_people_write_is_searched_for_names() -> None:
    """A new table of theirs has to be said in `storage.erasures.OTHER_TEXTS`, or why nobody's name can be in it."""
    written = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.name in {"note", "reason", "title", "body", "subject", "reference", "receiver", "recipient"}
    }
    searched = {f"{table}.{column}" for table, (_, columns) in erasures.OTHER_TEXTS.items() for column in columns}
    assert written - searched == NAMELESS


NAMELESS = {
    *("custody_events.subject", "custody_events.reason", "erasures.subject", "erasures.reason"),  # the log, and orders
    *("holds.subject", "holds.reason", "hold_releases.reason", "incident_explanations.reason", "limit_lifts.reason"),
    *("calibration_adoptions.reason", "alerts.subject", "refusals.subject", "identities.subject", "checkpoints.note"),
    *("analyses.note", "observations.title", "telegram_chats.title"),  # the software's, or what others published
    *("letter_templates.subject", "letter_templates.body", "known_answers.reason", "rejection_revocations.reason"),
    *("work.subject",),
}
