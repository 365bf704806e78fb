"""`lastseen letters` as a script types it."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.roles import Role
from lastseen.settings import Settings
from storage import accounts, letters, work
from storage.custody import Action, events
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.commands.test_site import Desk
from tests.storage.lettered import FORM, confirmed, moved, noted, seen, written

OFFICE = ("add-recipient", "Агентство", "--kind", "icrc", "--days", "30", "--address", "Женева\\nвул. 1")  # noqa: RUF001


@pytest.fixture
def desk(settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(Office(settings, stores), monkeypatch)


def test_a_letter_is_written_approved_on_the_pages_and_fetched(desk: Desk, tmp_path: Path) -> None:
    stores = desk.office.stores
    one = seen(stores)
    to = desk.ask("letters", *OFFICE)["recipient"]
    assert desk.ask("letters", "recipients")["recipients"][0] == {
        "id": to, "kind": "icrc", "name": "Агентство", "language": "uk", "days": 30, "retired": False,
    }  # fmt: skip
    asked = ("letters", "write", "--to", str(to), "--sighting", str(one.candidate))
    draft = desk.ask(*asked, "--dry-run")
    assert draft["letter"] is None and draft["to_confirm"] == [FORM] and "26-1" in draft["body"]
    assert desk.ask("letters", "list")["letters"] == []
    made = desk.ask(*asked)["letter"]
    assert "nobody has confirmed" in desk.run("letters", "note", str(made), "offered", status=2)
    with stores.db.begin() as db:
        confirmed(db, made)
    desk.run("letters", "note", str(made), "offered")
    assert "for the pages" in desk.run("letters", "note", str(made), "approved", status=2)
    assert "nothing of it may leave" in desk.run("letters", "fetch", str(made), "--to", str(tmp_path), status=2)
    with stores.db.begin() as db:
        noted(db, made, "approved", None, at=date(2026, 1, 2))
        work.offer(db, letters.FINAL, [made])
    assert desk.ask("letters", "make", "--dry-run") == {"due": 2}
    assert desk.ask("letters", "make")["made"] == 2
    files = desk.ask("letters", "fetch", str(made), "--to", str(tmp_path / "out"))["files"]
    assert sorted(Path(name).suffix for name in files) == [".docx", ".pdf"]
    assert all(Path(name).exists() for name in files)
    early = ("letters", "note", str(made), "sent", "--note", "post 17", "--dated", "2026-01-01")
    assert "before the day on which it was approved" in desk.run(*early, status=2)
    desk.run("letters", "note", str(made), "sent", "--note", "post 17", "--dated", "2026-01-02", status=0)
    (row,) = desk.ask("letters", "list", "--show", "overdue")["letters"]
    assert (row["id"], row["state"], row["due"], row["overdue"]) == (made, "sent", "2026-02-01", True)
    assert "overdue" in desk.run("letters", "list")
    with stores.db.begin() as db:
        acts = [event.action for event in events(db) if event.subject == f"letter:{made}"]
        assert letters.find(db, made) is not None
    assert acts.count(Action.DOWNLOADED) == 2 and acts[0] == Action.LETTER_WRITTEN


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("write", "--to", "999", "--sighting", "1"), "no recipient 999"),
        (("write", "--to", "TO", "--sighting", "999"), "no possible sightings: 999"),
        (("write", "--to", "TO"), "name some with --sighting"),
        (("write", "--to", "TO", "--case", "9"), "no case of a group 9"),
        (("write", "--to", "TO", "--sighting", "ONE", "--sex", "x=man"), "--sex x=man"),
        (("fetch", "999", "--to", "x"), "no letter 999"),
        (("note", "999", "sent"), "another state"),
        (("write", "--to", "TO", "--sighting", "ONE", "--text", "EMPTY"), "a subject and a text"),
        (("add-recipient", " ", "--kind", "icrc"), "what the office is called"),
    ],
)
def test_what_cannot_be_meant_says_what_to_write(desk: Desk, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    one = seen(desk.office.stores)
    to = desk.ask("letters", *OFFICE)["recipient"]
    (tmp_path / "empty").write_text(" \n")
    known = {"TO": str(to), "ONE": str(one.candidate), "EMPTY": str(tmp_path / "empty")}
    given = [known.get(word, word) for word in words]
    assert why in desk.run("letters", *given, status=2)


def test_whoever_writes_or_fetches_by_an_account_knows_whom_it_is_about(desk: Desk, tmp_path: Path) -> None:
    stores, password = desk.office.stores, "correct horse battery"
    one = seen(stores)
    with stores.db.begin() as db:
        for name in ("ann", "bob"):
            accounts.add_user(db, name, password, [Role.CASE_OFFICER])
    to = desk.ask("letters", *OFFICE)["recipient"]
    write = ("letters", "write", "--to", str(to), "--sighting", str(one.candidate), "--dry-run")
    desk.run(*write, "--as", "ann", said=f"{password}\n")
    with stores.db.begin() as db:
        made = written(db, one.candidate)
        confirmed(db, made)
        moved(db, made, "offered", "approved", by="carl")
        work.offer(db, letters.FINAL, [made])
    desk.run("letters", "make")
    desk.run("letters", "fetch", str(made), "--to", str(tmp_path / "o"), "--as", "bob", said=f"{password}\n")
    with stores.db.begin() as db:
        told = "SELECT name, person_id FROM tellings_of_people JOIN users ON users.id = user_id ORDER BY name"
        assert db.execute(text(told)).all() == [("ann", one.person), ("bob", one.person)]
