"""An erasure reaches what came after a sighting: statements, lists, letters, tips, cases of groups, and their files."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import text

from lastseen.outcomes import ObjectToStore
from lastseen.settings import Settings
from matchers.names.blotting import ERASED
from pipeline.app import App, open_app
from storage import list_lines
from storage.database import Connection
from storage.objects import EXPORT, REGISTER
from storage.stores import Stores
from storage.verification import verify
from tests.pipeline.duties.erasing import erase
from tests.review.seeding import Seeded, Story, seed
from tests.storage.casting import row
from tests.storage.lettered import noted

NUMBER, NAME, LATIN = "HC-7", "Шевчук Андрій Петрович", "Andrii Shevchuk"
OTHER_NUMBER, OTHER_NAME = "HC-70", "Коваленко Олена Іванівна"
DAY = date(2026, 3, 1)
TEXT = f"""Dear colleagues,

{NAME}, register number {NUMBER}
  Published at: https://secret.example/1

{OTHER_NAME}, register number {OTHER_NUMBER}
  Published at: https://open.example/2
"""
TRACES = ("Шевчук", "Shevchuk", "Андрі", "secret.example", "only-of-him", f"'{NUMBER}'", f'"{NUMBER}"')
KNOWS = frozenset({"erasures", "custody_events", "erasure_acts", "not_collected", "checkpoints"})
"""what says that there was an erasure, and of whom"""


@dataclass(frozen=True, slots=True)
class Office:
    """Two people on one track, and everything that can be written down of either."""

    app: App
    him: Seeded
    her: Seeded

    def everything(self) -> str:
        """All rows of all tables but those of erasures."""
        with self.app.stores.db.begin() as db:
            names = db.execute(text("SELECT relname FROM pg_stat_user_tables ORDER BY 1")).scalars().all()
            return "\n".join(
                f"{name} {tuple(one)}"
                for name in names
                if name not in KNOWS
                for one in db.execute(text(f"SELECT * FROM {name}"))  # noqa: S608  our own names
            )

    def count(self, table: str) -> int:
        with self.app.stores.db.begin() as db:
            found: int = db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  our own names
        return found

    def column(self, statement: str) -> list[object]:
        with self.app.stores.db.begin() as db:
            return list(db.execute(text(statement)).scalars())


def put(stores: Stores, bucket: str, key: str) -> str:
    content = f"{NAME} {key}".encode()
    stores.objects.put_verified(ObjectToStore(bucket, key, content, hashlib.sha256(content).hexdigest(), "text/plain"))
    return key


@pytest.fixture
def office(owning: Settings, stores: Stores) -> Iterator[Office]:
    him = seed(stores, Story(number=NUMBER, names=(NAME, LATIN)))
    her = seed(stores, Story(number=OTHER_NUMBER, names=(OTHER_NAME,)), at_track=him)
    fill(stores, him, her)
    with open_app(owning, "test") as opened:
        yield Office(opened, him, her)


def fill(stores: Stores, him: Seeded, her: Seeded) -> None:
    lines = lists(stores, him, her)
    letters = written(stores, him, her)
    statements(stores, him, her, lines, letters)
    tips(stores, him, her)


def lists(stores: Stores, him: Seeded, her: Seeded) -> tuple[int, int]:
    with stores.db.begin() as db:
        key = put(stores, REGISTER, "list/1")
        made = row(
            db, "lists", title="dead", body="side A", kind="text", dated=DAY, file_name="a.txt", sha256="0" * 64,
            size=1, object_key=key, mapping={}, imported_by="ada",
        )  # fmt: skip
        raw = {"line": f"{NAME}, {OTHER_NAME}"}
        line = {"list_id": made, "birth_year": 1990, "says": "dead"}
        his = row(db, "list_entries", **line, row=1, names=[NAME], raw=raw)
        hers = row(db, "list_entries", **line, row=2, names=[OTHER_NAME], raw={"line": OTHER_NAME})
        nobodys = row(db, "list_entries", **line, row=3, names=["Somebody Else"], raw={"line": "Somebody Else"})
        for entry, of, same in ((his, him, True), (hers, her, True), (nobodys, him, False)):
            said = {"entry_id": entry, "person_id": of.person}
            db.execute(text("INSERT INTO list_matches (entry_id, person_id, rank, why) VALUES (:e, :p, 1, '{}')"),
                       {"e": entry, "p": of.person})  # fmt: skip
            row(db, "list_decisions", **said, same=same, reason="born", decided_by="ada")
    return his, hers


def written(stores: Stores, him: Seeded, her: Seeded) -> tuple[int, int, int]:
    """About him, about both, and one about her that revises the one about him."""
    with stores.db.begin() as db:
        to = row(db, "letter_recipients", kind="icrc", name="CTA", language="en", added_by="ada")
        case = row(db, "group_cases", title=f"{LATIN} and others", reason="seen", opened_by="ada")
        why = {"reason": "shows Шевчука\n\nthey stand there", "decided_by": "ada"}
        row(db, "group_case_decisions", group_case_id=case, blob_id=him.blob, belongs=True, **why)
        row(db, "group_case_notes", group_case_id=case, kind="note", note="Шевчуком зайнялась Ада", noted_by="ada")
        row(db, "group_case_notes", group_case_id=case, kind="counted", people=7, note="by eye", noted_by="ada")
        letter = {"recipient_id": to, "language": "en", "with_package": False, "made_by": "ada"}
        alone = row(db, "letters", **letter, subject=f"About {LATIN}", body="only-of-him")
        both = row(db, "letters", **letter, subject=f"About {LATIN} and others", body=TEXT, group_case_id=case)
        went_out(stores, db, alone, [him], "yes")
        went_out(stores, db, both, [him, her], "Shevchuk is held")
        hers = row(db, "letters", **letter, subject=f"About {OTHER_NAME}", body=OTHER_NAME, revises_id=alone)
        went_out(stores, db, hers, [her], "yes")
    return alone, both, hers


def went_out(stores: Stores, db: Connection, letter: int, people: list[Seeded], answer: str) -> None:
    """Approved, made into a file, and answered."""
    for of in people:
        db.execute(text("INSERT INTO letter_people VALUES (:l, :p)"), {"l": letter, "p": of.person})
        db.execute(text("INSERT INTO letter_candidates VALUES (:l, :c)"), {"l": letter, "c": of.candidate})
    noted(db, letter, "offered", None)
    noted(db, letter, "approved", None)
    db.execute(
        text("INSERT INTO letter_files (letter_id, format, sha256, size, object_key) VALUES (:l, 'pdf', 'x', 1, :key)"),
        {"l": letter, "key": put(stores, EXPORT, f"letters/{letter - 1}")},
    )
    row(db, "letter_events", letter_id=letter, event="answered", note=answer, noted_by="ben")
    row(db, "work", step="letter", recipe="final", subject=letter, state="done")


def statements(stores: Stores, him: Seeded, her: Seeded, lines: tuple[int, int], letters: tuple[int, int, int]) -> None:
    with stores.db.begin() as db:
        said = {"says": "dead", "body": "side A", "reference": "row 1", "dated": DAY, "entered_by": "ada"}
        his = row(db, "statements", **said, person_id=him.person, source="list", list_entry_id=lines[0])
        row(db, "statements", **said, person_id=her.person, source="list", list_entry_id=lines[1])
        row(db, "statements", **said, person_id=him.person, source="letter", letter_id=letters[1], note="only-of-him")
        row(db, "statements", **said, person_id=her.person, source="letter", letter_id=letters[0])
        db.execute(
            text("INSERT INTO statement_withdrawals (statement_id, reason, withdrawn_by) VALUES (:s, 'Шевчук', 'ada')"),
            {"s": his},
        )


def tips(stores: Stores, him: Seeded, her: Seeded) -> None:
    with stores.db.begin() as db:
        for number, about in enumerate(([him], [her], [him, her])):
            tip = row(
                db, "tips", code_hash=bytes([number]), address="https://secret.example/9" if about == [him] else "https://x/",
                language="uk", came_by="form", received_by="form",
            )  # fmt: skip
            db.execute(text("INSERT INTO tip_contacts VALUES (:t, 'sealed')"), {"t": tip})
            for of in about:
                note = "only-of-him" if about == [him] else f"not {LATIN}" if of is him else "it is her"
                row(db, "tip_notes", tip_id=tip, kind="about", person_id=of.person, note=note, noted_by="ada")


def test_nothing_says_his_name_any_more_and_hers_stays(office: Office) -> None:
    before = office.everything()
    assert all(trace in before for trace in TRACES if "'" not in trace and '"' not in trace)
    gone = erase(office.app, f"person:{NUMBER}").counts()
    names = ("people", "lines", "letters", "tips", "letter_files", "list_files")
    assert {name: gone[name] for name in names} == {
        "people": 1, "lines": 1, "letters": 1, "tips": 1, "letter_files": 2, "list_files": 1,
    }  # fmt: skip
    left = office.everything()
    assert [trace for trace in TRACES if trace in left] == []
    assert OTHER_NAME in left


def test_of_a_letter_about_both_what_it_says_of_her_stays(office: Office) -> None:
    erase(office.app, f"person:{NUMBER}")
    both, hers = office.column("SELECT body FROM letters ORDER BY id")
    assert both == f"Dear colleagues,\n\n{ERASED}\n\n{TEXT[TEXT.index(OTHER_NAME) :].rstrip()}"
    assert hers == OTHER_NAME
    assert office.column("SELECT revises_id FROM letters ORDER BY id") == [None, None]
    assert office.column("SELECT note FROM letter_events WHERE note <> '' ORDER BY id") == [ERASED, "yes"]
    assert office.column("SELECT person_id FROM letter_people") == [office.her.person] * 2


def test_files_that_show_him_are_gone_from_the_store_and_hers_are_there(office: Office) -> None:
    erase(office.app, f"person:{NUMBER}")
    objects = office.app.stores.objects
    assert list(objects.keys(EXPORT)) == ["letters/2"]
    assert [key for key in objects.keys(REGISTER) if key.startswith("list/")] == []
    assert office.column("SELECT object_key FROM letter_files") == ["letters/2"]
    assert office.column("SELECT object_key FROM lists") == [""]
    with office.app.stores.db.begin() as db:
        (stood,) = list_lines.every(db)
    assert (stood.file_name, stood.erased_at is not None) == ("", True), "the list's page says when"


def test_of_a_list_his_line_goes_and_all_others_stay(office: Office) -> None:
    erase(office.app, f"person:{NUMBER}")
    assert office.column('SELECT "row" FROM list_entries ORDER BY 1') == [2, 3]
    assert office.column("SELECT person_id FROM list_decisions") == [office.her.person]
    assert office.column("SELECT person_id FROM list_matches") == [office.her.person]


def test_a_line_that_is_hers_too_stays(office: Office) -> None:
    with office.app.stores.db.begin() as db:
        row(db, "list_decisions", entry_id=1, person_id=office.her.person, same=True, reason="", decided_by="ada")
    assert erase(office.app, f"person:{NUMBER}").counts()["lines"] == 0
    assert office.count("list_entries") == 3


def test_statements_of_hers_stay_and_refer_to_nothing_that_is_gone(office: Office) -> None:
    erase(office.app, f"person:{NUMBER}")
    assert office.column("SELECT person_id FROM statements") == [office.her.person] * 2
    assert office.column("SELECT letter_id FROM statements WHERE source = 'letter'") == [None]


def test_a_tip_about_him_goes_with_its_contact_and_one_that_turned_out_to_be_about_her_stays(office: Office) -> None:
    erase(office.app, f"person:{NUMBER}")
    assert (office.count("tips"), office.count("tip_contacts")) == (2, 2)
    assert office.column("SELECT note FROM tip_notes ORDER BY id") == ["it is her", "it is her"]


def test_cases_of_groups_stay_without_the_lines_that_name_him(office: Office) -> None:
    erase(office.app, f"person:{NUMBER}")
    assert office.column("SELECT title FROM group_cases") == [ERASED]
    assert office.column("SELECT reason FROM group_case_decisions") == [f"{ERASED}\n\nthey stand there"]
    assert office.column("SELECT note FROM group_case_notes ORDER BY id") == [ERASED, "by eye"]
    assert office.column("SELECT people FROM group_case_notes ORDER BY id") == [None, 7]


def test_a_letter_that_never_names_him_goes_as_a_whole_text(office: Office) -> None:
    with office.app.stores.owner.begin() as db:
        db.execute(text("ALTER TABLE letters DISABLE TRIGGER erasable"))
        db.execute(text("UPDATE letters SET body = 'the man on the left'"))
        db.execute(text("ALTER TABLE letters ENABLE ALWAYS TRIGGER erasable"))
    erase(office.app, f"person:{NUMBER}")
    assert office.column("SELECT body FROM letters ORDER BY id") == [ERASED, "the man on the left"]


def test_with_a_candidate_go_the_files_that_show_it_and_the_letters_stay(office: Office) -> None:
    erase(office.app, f"candidate:{office.him.candidate}")
    assert office.count("letters") == 3
    assert list(office.app.stores.objects.keys(EXPORT)) == ["letters/2"]
    assert office.column("SELECT candidate_id FROM letter_candidates") == [office.her.candidate] * 2


def test_the_log_still_stands(office: Office) -> None:
    erase(office.app, f"person:{NUMBER}")
    report = verify(office.app.stores.db, office.app.stores.objects)
    assert [one.what for one in report.incidents if "custody" in one.where] == []
