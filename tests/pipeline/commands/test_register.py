"""`lastseen register` as the register keeper types it."""

from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.roles import Role
from lastseen.settings import Settings
from pipeline.app import local_actor
from storage import accounts, custody
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.commands.test_site import Desk
from tests.review.house.test_register_page import two_entries

ONE, TWO = "26-001", "26-002"


@pytest.fixture
def desk(settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Of an office with two entries that are odd beside each other."""
    two_entries(stores)
    return Desk(Office(settings, stores), monkeypatch)


def test_a_finding_is_read_and_explained(desk: Desk) -> None:
    (only,) = desk.ask("register", "findings")["findings"]
    told = {
        name: only[name] for name in ("kind", "state", "person", "other_person", "distance", "bound", "tie", "reason")
    }
    assert told == {
        "kind": "twice", "state": "open", "person": ONE, "other_person": TWO, "distance": 0.25, "bound": 0.4,
        "tie": None, "reason": None,
    }  # fmt: skip
    assert not any("crop" in name for name in only)
    assert desk.run("register", "findings").startswith("1 findings")
    assert desk.ask("register", "explain", str(only["id"]), "--reason", "cousins") == {"explained": only["id"]}
    assert desk.ask("register", "findings")["findings"] == []
    (only,) = desk.ask("register", "findings", "--all", "--person", TWO)["findings"]
    assert (only["state"], only["reason"]) == ("explained", "cousins")
    assert "explained before" in desk.run("register", "explain", str(only["id"]), "--reason", "again", status=2)


def test_entries_are_tied_shown_and_untied(desk: Desk) -> None:
    assert desk.ask("register", "tie", TWO, ONE, "--kin", "--reason", "sisters") == {"tied": 1, "kind": "kin"}
    assert "already" in desk.run("register", "tie", ONE, TWO, "--kin", "--reason", "sisters")
    shown = desk.ask("register", "show", ONE)
    assert shown["ties"] == [{"one": ONE, "other": TWO, "kind": "kin"}]
    assert [(one["badge"], one["state"]) for one in shown["photos"]] == [("poor", "searched")]
    assert [one["state"] for one in shown["findings"]] == ["warning"]
    assert "sisters" not in desk.run("register", "show", ONE)
    desk.run("register", "untie", ONE, TWO, "--reason", "a mistake")
    assert [one["state"] for one in desk.ask("register", "findings")["findings"]] == ["open"]
    with desk.office.stores.db.begin() as db:
        told = [(event.action, event.reason) for event in custody.events(db)]
    assert [one for one in told if one[0] != "viewed"] == [("tied", "sisters"), ("untied", "a mistake")]
    assert [one[0] for one in told].count("viewed") == 2


def test_a_photo_goes_and_a_person_is_found(desk: Desk) -> None:
    assert desk.ask("register", "remove-photo", ONE, "1.jpg", "--reason", "not her") == {"removed": 1, "left": 0}
    assert desk.ask("register", "findings", "--all")["findings"] == []
    closed = {"status": "found", "came_up": 0, "candidates_closed": 1, "templates_gone": 1}
    assert desk.ask("register", "close", TWO, "--found", "--reason", "at home") == closed
    assert [one["state"] for one in desk.ask("register", "show", TWO)["photos"]] == ["not searched"]
    assert desk.ask("candidates")["candidates"][0]["state"] == "withdrawn"


PASSWORD = "correct horse battery"


@pytest.mark.parametrize("command", [("show", ONE), ("contradictions",)])
def test_who_looked_at_what_was_said_is_known_and_whoever_did_by_an_account_is_asked_no_more(
    desk: Desk, command: tuple[str, ...]
) -> None:
    desk.run("register", "state", ONE, "--says", "dead", *SAID, "--since", "2026-04-02")
    desk.run("register", "state", ONE, "--says", "alive", *SAID, "--since", "2026-04-20")
    with desk.office.stores.db.begin() as db:
        accounts.add_user(db, "sue", PASSWORD, [Role.SENIOR])
    desk.run("register", *command)
    desk.run("register", *command, "--as", "sue", said=f"{PASSWORD}\n")
    with desk.office.stores.db.begin() as db:
        looks = [event.actor for event in custody.events(db) if event.action == "viewed"]
        told = db.execute(text("SELECT register_number FROM tellings_of_people JOIN persons ON persons.id = person_id"))
        assert told.scalars().all() == [ONE]
    assert looks == [local_actor(), "sue"]


SAID = ("--body", "side A", "--reference", "list of May", "--dated", "2026-05-01")


def test_what_is_said_of_somebody_is_kept_shown_and_taken_back(desk: Desk) -> None:
    claim = desk.ask("register", "state", ONE, "--says", "dead", *SAID, "--since", "2026-04-02", "--note", "by post")
    assert claim == {"statement": 1, "changed": False, "status": None, "came_up": 0}
    home = desk.ask("register", "state", ONE, "--says", "returned", *SAID, "--source", "letter", "--sets")
    assert (home["changed"], home["status"]) == (True, "returned")
    assert (home["candidates_closed"], home["templates_gone"]) == (1, 1)
    shown = desk.ask("register", "show", ONE)
    assert shown["status"] == "returned"
    assert [(one["says"], one["since"], one["status"]) for one in shown["statements"]] == [
        ("dead", "2026-04-02", None),
        ("returned", None, "returned"),
    ]
    assert [one["kind"] for one in shown["contradictions"]] == ["said to live after a claimed death"]
    told = desk.ask("register", "contradictions")
    assert (told["people"], told["contradictions"]) == (1, shown["contradictions"])
    assert "2026-04-02 (spoken of)" in desk.run("register", "contradictions")
    back = desk.ask("register", "take-back", str(home["statement"]), "--reason", "another person")
    assert (back["changed"], back["status"]) == (True, "missing")
    assert desk.ask("register", "show", ONE)["statements"][1]["why_withdrawn"] == "another person"


def test_whoever_ends_the_search_by_one_entry_is_told_by_which_others_it_goes_on(desk: Desk) -> None:
    desk.run("register", "tie", ONE, TWO, "--same", "--reason", "one mother")
    first, second = (
        desk.ask("register", "state", number, "--says", "returned", *SAID, "--sets") for number in (ONE, TWO)
    )
    assert (first["searched_for_too"], "searched_for_too" in second) == ([TWO], False)
    desk.ask("register", "state", TWO, "--says", "missing", *SAID, "--sets")
    desk.ask("register", "state", ONE, "--says", "missing", *SAID, "--sets")
    closing = ("register", "close", "--found", "--reason", "at home")
    closed = [desk.ask(*closing, number) for number in (ONE, TWO)]
    assert (closed[0]["searched_for_too"], "searched_for_too" in closed[1]) == ([TWO], False)
    assert closed[0]["templates_gone"] == 0


def test_closing_an_entry_is_a_decision_of_the_office_or_says_whose(desk: Desk) -> None:
    desk.run("register", "close", ONE, "--found", "--reason", "at home")
    desk.run("register", "close", TWO, "--deceased", "--reason", "DNA", *SAID)
    (one,), (two,) = (desk.ask("register", "show", number)["statements"] for number in (ONE, TWO))
    assert (one["says"], one["source"], one["reference"]) == ("found", "decision", "at home")
    assert (two["says"], two["status"], two["body"], two["dated"]) == ("dna", "deceased", "side A", "2026-05-01")


WRONG = (
    (("state", ONE, "--says", "dead", *SAID, "--sets"), "sets no status"),
    (("state", ONE, "--says", "dead", *SAID, "--source", "list"), "import the list first"),
    (("state", ONE, "--says", "dead", *SAID, "--since", "1.5.2026"), "“1.5.2026” is no day"),
    (("state", ONE, "--says", "dead", *SAID, "--since", "2999-05-01"), "2999-05-01 is still to come"),
    (("state", ONE, "--says", "dead", *SAID, "--dated", "2999-05-01"), "2999-05-01 is still to come"),
    (("close", ONE, "--found", "--reason", "x", "--dated", "2999-05-01"), "2999-05-01 is still to come"),
    (("state", "26-009", "--says", "dead", *SAID), "no entry 26-009"),
    (("take-back", "9", "--reason", "x"), "no statement 9"),
    (("show", "26-009"), "no entry 26-009"),
    (("findings", "--person", "26-009"), "no entry 26-009"),
    (("explain", "99", "--reason", "x"), "no finding 99"),
    (("explain", "1", "--reason", " "), "--reason is empty"),
    (("tie", ONE, TWO, "--reason", "x"), "say one of --kin, --same"),
    (("tie", ONE, TWO, "--kin", "--same", "--reason", "x"), "say one of --kin, --same"),
    (("tie", ONE, ONE, "--kin", "--reason", "x"), "no tie with itself"),
    (("untie", ONE, TWO, "--reason", "x"), "have no tie"),
    (("remove-photo", ONE, "9.jpg", "--reason", "x"), "no such photo"),
    (("close", ONE, "--reason", "x"), "say one of --found, --returned, --deceased, --withdrawn"),
)


def test_what_cannot_be_meant_is_said(desk: Desk) -> None:
    for arguments, why in WRONG:
        assert why in desk.run("register", *arguments, status=2)


def test_what_a_check_of_photos_says_at_its_end(desk: Desk, tmp_path: Path) -> None:
    assert desk.ask("register", "refused") == {"refused": []}
    with desk.office.stores.db.begin() as db:
        db.execute(text("UPDATE reference_photos SET object_key = ''"))  # seeded without bytes: nothing to check again
    table = tmp_path / "register.csv"
    table.write_text("register_number,names,birth_year,status,photos\n26-003,Third,,found,\n", encoding="utf-8")
    told = desk.ask("register", "import", str(table))
    assert told["badges"] == {"good": 0, "usable": 0, "poor": 1}
    assert told["findings"] == {"open": 1, "warning": 0, "explained": 0}
