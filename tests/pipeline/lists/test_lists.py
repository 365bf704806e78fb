"""Lists as an office takes them in: previewed, imported, held against the register, decided and undone."""

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import text

from lastseen.records import PersonEntry, PersonFacts, PersonStatus
from lastseen.roles import Role
from storage import accounts, list_lines, register, statements, tellings
from storage.custody import Action
from storage.objects import REGISTER
from tests.office import Office
from tests.pipeline.commands.test_site import Desk
from tests.review.seeding import Story, seed

OF = ("--body", "Side A", "--title", "List of 31 January", "--dated", "2026-01-31")
HEADER = "ПІБ;Рік народження;Статус\n"


def person(office: Office, number: str, name: str, year: int | None) -> int:
    entry = PersonEntry(number, PersonFacts((name,), year, PersonStatus.MISSING), ())
    with office.stores.db.begin() as db:
        return register.keep_person(db, entry, 5).person


def status(office: Office, number: str) -> PersonStatus:
    with office.stores.db.begin() as db:
        return register.held(db, number).status


def written(office: Office, name: str, content: str | bytes) -> str:
    path = office.settings.data_dir / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def count(office: Office, table: str) -> int:
    with office.stores.db.begin() as db:
        return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608  our own words


def actions(office: Office) -> list[str]:
    with office.stores.db.begin() as db:
        return list(db.execute(text("SELECT action FROM custody_events ORDER BY seq")).scalars())


def test_a_dry_run_shows_everything_and_writes_nothing(office: Office) -> None:
    path = written(office, "a.csv", HEADER + "Іваненко Петро;1990;загинув\nКоваль Ольга;90;полон\n;1980;полон\n")
    told = office.ask("lists", "import", path, *OF, "--dry-run")
    assert (told["lines"], told["understood"], told["faulty"], told["list"]) == (3, 2, 2, None)
    faults = told["faults"]
    assert isinstance(faults, list)
    assert [(one["row"], "1990" in one["why"]) for one in faults] == [(3, True), (4, False)]
    assert (count(office, "lists"), count(office, "list_entries"), count(office, "custody_events")) == (0, 0, 0)


def test_every_row_is_kept_with_what_it_said_and_the_file_with_them(office: Office) -> None:
    content = HEADER + 'Іваненко Петро;1990;загинув\n;;\n;1980;полон\n"Коваль; Ольга";x;щось\n'
    told = office.ask("lists", "import", written(office, "a.csv", content), *OF)
    assert (told["lines"], told["states"]) == (
        3, {"faulty": 2, "unmatched": 1, "waiting": 0, "matched": 0, "refused": 0})  # fmt: skip
    with office.stores.db.begin() as db:
        kept = db.execute(text('SELECT "row", raw, fault FROM list_entries ORDER BY id')).all()
        sha256, key = db.execute(text("SELECT sha256, object_key FROM lists")).one()
    assert [(one.row, one.fault == "") for one in kept] == [(2, True), (4, False), (5, False)]
    assert kept[2].raw == {"ПІБ": "Коваль; Ольга", "Рік народження": "x", "Статус": "щось"}
    assert sha256 in key
    assert office.stores.objects.read("register", key) == content.encode()
    assert actions(office).count(Action.LISTED) == 1


def test_the_same_file_is_refused_unless_it_is_wanted_again(office: Office) -> None:
    path = written(office, "a.csv", HEADER + "Іваненко Петро;1990;загинув\n")
    office.ask("lists", "import", path, *OF)
    assert "--again" in office.run("lists", "import", path, *OF, status=2).stderr
    office.ask("lists", "undo", "1", "--reason", "by mistake")
    office.ask("lists", "import", path, *OF)
    office.ask("lists", "import", path, *OF, "--again")
    assert count(office, "lists") == 3


def test_a_confirmed_line_is_a_statement_and_undoing_the_list_withdraws_it(office: Office) -> None:
    id_ = person(office, "26-001", "Іваненко Петро Олексійович", 1990)
    person(office, "26-002", "Дорошевець Назар Ілліч", 1996)
    path = written(office, "a.csv", HEADER + "IVANENKO Petro;1991;повернуто\nДорошевець Назар;1996;загинув\n")
    told = office.ask("lists", "import", path, *OF)
    assert told["states"]["waiting"] == 2  # type: ignore[index]
    lines = office.ask("lists", "show", "1")["shown"]
    assert [(line["id"], [one["person"] for one in line["matches"]]) for line in lines] == [  # type: ignore[attr-defined]
        (1, ["26-001"]), (2, ["26-002"])]  # fmt: skip
    done = office.ask("lists", "decide", "1", "26-001", "--yes", "--sets-status")
    office.ask("lists", "decide", "2", "26-002", "--no")
    assert status(office, "26-001") is PersonStatus.RETURNED
    with office.stores.db.begin() as db:
        (said,) = statements.of_person(db, id_)
    assert (said.id, said.body, said.reference, said.list_entry, said.entered_by.split(":")[0]) == (
        done["statement"], "Side A", "List of 31 January, 2", 1, "local")  # fmt: skip
    states = office.ask("lists", "show", "1")["states"]
    assert states == {"faulty": 0, "unmatched": 0, "waiting": 0, "matched": 1, "refused": 1}
    assert office.ask("lists", "undo", "1", "--reason", "another list was meant")["withdrawn"] == 1
    assert status(office, "26-001") is PersonStatus.MISSING
    assert "undone" in office.run("lists", "decide", "2", "26-002", "--yes", "--reason", "x", status=2).stderr


def test_a_line_is_decided_once_and_changed_with_a_reason(office: Office) -> None:
    one = person(office, "A", "Іваненко Петро Олексійович", 1990)
    person(office, "B", "Іваненко Петро Андрійович", None)
    office.ask("lists", "import", written(office, "a.csv", HEADER + "Іваненко Петро;1990;загинув\n"), *OF)
    office.ask("lists", "decide", "1", "A", "--yes")
    assert "before" in office.run("lists", "decide", "1", "A", "--yes", status=2).stderr
    assert "somebody else" in office.run("lists", "decide", "1", "B", "--yes", status=2).stderr
    assert "why" in office.run("lists", "decide", "1", "A", "--no", status=2).stderr
    office.ask("lists", "decide", "1", "A", "--no", "--reason", "the patronymic is another")
    with office.stores.db.begin() as db:
        assert [said.stands for said in statements.of_person(db, one)] == [False]
    office.ask("lists", "decide", "1", "B", "--yes")
    assert office.ask("lists", "show", "1")["states"]["matched"] == 1  # type: ignore[index]


def test_a_claim_sets_no_status(office: Office) -> None:
    person(office, "A", "Іваненко Петро Олексійович", 1990)
    office.ask("lists", "import", written(office, "a.csv", HEADER + "Іваненко Петро;1990;загинув\n"), *OF)
    assert "claim" in office.run("lists", "decide", "1", "A", "--yes", "--sets-status", status=2).stderr
    assert count(office, "list_decisions") == 0
    office.ask("lists", "decide", "1", "A", "--yes")
    assert status(office, "A") is PersonStatus.MISSING


def test_a_list_is_compared_again_when_the_register_grew(office: Office) -> None:
    office.ask("lists", "import", written(office, "a.csv", HEADER + "Іваненко Петро;1990;загинув\n"), *OF)
    assert office.ask("lists", "match")["blocks"] == 0
    person(office, "A", "Іваненко Петро Олексійович", 1990)
    assert office.ask("lists", "match")["blocks"] == 1
    assert office.ask("lists", "show", "1", "--state", "waiting")["shown"] != []
    person(office, "B", "Іваненко Петро Іванович", 1991)
    office.ask("names")
    matches = office.ask("lists", "show", "1")["shown"][0]["matches"]  # type: ignore[index]
    assert [one["person"] for one in matches] == ["A", "B"]


def test_a_mapping_is_saved_and_used_again(office: Office) -> None:
    content = "who,when,what\nIvanenko Petro,03/04/1990,x1\n"
    first = written(office, "a.csv", content)
    said = ("--column", "names=who", "--column", "born=when", "--column", "says=what", "--value", "x1=dead")
    assert "names=COLUMN" in office.run("lists", "import", first, *OF, status=2).stderr
    told = office.ask("lists", "import", first, *OF, *said, "--date", "%d/%m/%Y", "--save-mapping", "side A")
    assert (told["understood"], told["by_says"]) == (1, {"dead": 1})
    assert [one["name"] for one in office.ask("lists", "mappings")["mappings"]] == ["side A"]  # type: ignore[attr-defined]
    second = written(office, "b.csv", content.replace("1990", "1991"))
    assert office.ask("lists", "import", second, *OF, "--mapping", "side A")["faulty"] == 0
    assert "no mapping" in office.run("lists", "import", second, *OF, "--mapping", "B", status=2).stderr


def test_a_workbook_is_read_as_a_table_is(office: Office) -> None:
    person(office, "A", "Іваненко Петро Олексійович", 1990)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Список"], ["Прізвище", "Ім'я", "Рік народження", "Стан"], ["Іваненко", "Петро", 1990.0, "полон"]):
        sheet.append(row)
    written_ = io.BytesIO()
    book.save(written_)
    told = office.ask("lists", "import", written(office, "a.xlsx", written_.getvalue()), *OF)
    assert (told["kind"], told["by_says"], told["states"]["waiting"]) == ("xlsx", {"captive": 1}, 1)  # type: ignore[index]


def test_the_words_of_a_post_are_a_list_as_they_were_collected(office: Office) -> None:
    person(office, "26-001", "Іваненко Петро Олексійович", 1990)
    said = "У полоні підтверджено:\nІваненко Петро, 1990\nКоваль Ольга Іванівна"
    seed(office.stores, Story(permalink="https://videos.example/watch/7", title="Список", text=said))
    link = ("--post", "https://VIDEOS.example/watch/7#t=3")
    preview = office.ask("lists", "import", *link, *OF, "--says", "captive", "--dry-run")
    assert (preview["kind"], preview["understood"]) == ("text", 2)
    office.ask("lists", "import", *link, *OF, "--says", "captive")
    lines: Any = office.ask("lists", "show", "1", "--state", "waiting")["shown"]
    assert [(one["names"], one["matches"][0]["person"]) for one in lines] == [(["Іваненко Петро"], "26-001")]
    with office.stores.db.begin() as db:
        found = list_lines.find(db, 1)
    assert found is not None
    assert (found.file_name, found.kind) == ("https://videos.example/watch/7", "text")
    assert office.stores.objects.read(REGISTER, found.object_key).decode() == f"Список\n{said}"
    never = ("lists", "import", "--post", "https://videos.example/watch/8", *OF)
    assert "No post with this link" in office.run(*never, status=2).stderr
    assert "name a file, or a post" in office.run("lists", "import", *OF, status=2).stderr


def test_whoever_looks_at_a_list_is_logged_told_and_kept_from_whom_they_may_be_asked_about(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = person(office, "26-001", "Іваненко Петро Олексійович", 1990)
    waits = seed(office.stores, Story(number="26-002", names=("Дорошевець Назар Ілліч",)))
    content = HEADER + "Іваненко Петро;1990;загинув\nДорошевець Назар;1996;загинув\n"
    office.ask("lists", "import", written(office, "a.csv", content), *OF)
    with office.stores.db.begin() as db:
        bert = accounts.add_user(db, "bert", "a long password", (Role.ANALYST,))
    desk = Desk(office, monkeypatch)
    told = json.loads(
        desk.run("lists", "show", "1", "--as", "bert", "--json", said="a long password\n").splitlines()[-1]
    )
    assert [line["row"] for line in told["shown"]] == [2]
    with office.stores.db.begin() as db:
        assert db.execute(text("SELECT person_id FROM tellings_of_people")).scalars().all() == [id_]
        (seen,) = db.execute(text("SELECT detail FROM custody_events WHERE action = 'viewed'")).scalars()
        assert seen == {"lines": [1]}
        assert not tellings.was_told(db, bert, waits.candidate)


def test_a_list_that_says_nothing_has_to_be_told_what_it_says(office: Office) -> None:
    path = written(
        office, "a.txt", "Повернулися додому:\nІваненко Петро Олексійович, 1990 р.н.\nНазар Дорошевець (1996)\n"
    )
    assert "claims" in office.run("lists", "import", path, *OF, status=2).stderr
    told = office.ask("lists", "import", path, *OF, "--says", "returned")
    assert (told["kind"], told["lines"], told["by_says"]) == ("text", 3, {"returned": 2})


def test_a_list_of_a_day_that_is_still_to_come_is_refused(office: Office) -> None:
    path, place = written(office, "a.csv", HEADER + "Іваненко Петро;1990;загинув\n"), OF.index("--dated") + 1
    told = office.run("lists", "import", path, *OF[:place], "2999-01-31", *OF[place + 1 :], status=2)
    assert "2999-01-31 is still to come" in told.stderr
    assert count(office, "lists") == 0


@pytest.mark.parametrize("gone", ["--dated", "--body"])
def test_whose_and_of_when_has_to_be_said(office: Office, gone: str, tmp_path: Path) -> None:
    path = written(office, "a.csv", HEADER + "Іваненко Петро;1990;загинув\n")
    place = OF.index(gone)
    office.run("lists", "import", path, *OF[:place], *OF[place + 2 :], status=2)
    assert count(office, "lists") == 0
