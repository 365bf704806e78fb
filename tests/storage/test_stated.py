"""What somebody with the password of the database's owner makes of who said what of whom, and whether it is found."""

from datetime import date

import pytest

from lastseen.records import Says, StatementSource
from storage import custody, erased, stated, statements
from storage.custody import Action, Incident
from storage.statements import Said
from storage.stores import Stores
from storage.verification import verify
from tests.storage.casting import person
from tests.storage.owning import change_as_owner

DEAD = Said(Says.DEAD, "side A", StatementSource.DOCUMENT, "list 4", date(2026, 3, 1))
HELD = Said(Says.CAPTIVE, "the Red Cross", StatementSource.LETTER, "letter 17", date(2026, 4, 1), sets=True)
LIMIT = 5


@pytest.fixture
def office(stores: Stores) -> Stores:
    """Side A calls two people dead; of one the Red Cross knows better, and that claim is withdrawn."""
    with stores.db.begin() as db:
        who, _ = person(db, "A")
        other, _ = person(db, "B")
        for about, said in ((who, DEAD), (who, HELD), (other, DEAD)):
            custody.append_all(db, "olha", statements.enter(db, about, said, "olha", LIMIT)[2])
        custody.append_all(db, "halyna", statements.withdraw(db, 1, "they took it back", "halyna", LIMIT)[1])
    return stores


def found(stores: Stores, *statements_: str) -> list[tuple[str, str]]:
    """Do as an owner of the database could, then look; (what, where)."""
    change_as_owner(stores.owner, ("statements", "statement_withdrawals"), statements_)
    with stores.db.begin() as db:
        return [(one.what, one.where) for one in stated.check(db, erased.read(db))]


def test_what_was_said_stands(office: Stores) -> None:
    assert found(office) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("says = 'dead'", ["fate", "content"]),
        ("status = NULL", ["fate"]),
        ("person_id = 2", ["person"]),
        ("entered_by = 'halyna'", ["account"]),
        ("body = 'side B'", ["content"]),
        ("reference = 'letter 18'", ["content"]),
        ("dated = dated - 1", ["content"]),
        ("since = dated", ["content"]),
    ],
)
def test_a_statement_that_was_changed_is_named(office: Stores, change: str, what: list[str]) -> None:
    told = found(office, f"UPDATE statements SET {change} WHERE id = 2")  # noqa: S608  our own words
    seq = next(event.seq for event in _log(office) if event.detail.get("statement") == 2)
    assert told == [(f"its row says another {name} than custody event {seq}", "statement 2") for name in what]


def test_one_that_nobody_wrote_or_that_was_taken_away_is_found(office: Stores) -> None:
    columns = "person_id, says, body, source, reference, dated, entered_by"
    copied = f"INSERT INTO statements ({columns}) SELECT {columns} FROM statements WHERE id = 2"  # noqa: S608  our own
    assert found(office, copied) == [("the custody log does not say that it was written down", "statement 4")]
    ((what, where), _) = found(office, "DELETE FROM statements WHERE id = 3")
    assert where == "statement 3"
    assert what.endswith("and its row is gone")
    report = verify(office.db, office.objects)
    assert Incident(what, where) in report.incidents


def test_a_withdrawal_is_bound_as_well(office: Stores) -> None:
    ((what, where),) = found(office, "UPDATE statement_withdrawals SET withdrawn_by = 'olha', reason = 'another'")[:1]
    assert (what.split(" than ")[0], where) == ("its row says another account", "statement 1")
    ((what, where),) = found(office, "DELETE FROM statement_withdrawals")
    assert (what.split(",")[0], where) == ("it was withdrawn", "statement 1")
    made = "INSERT INTO statement_withdrawals (statement_id, reason, withdrawn_by) VALUES (3, 'x', 'olha')"
    assert ("the custody log does not say that it was withdrawn", "statement 3") in found(office, made)


def test_an_order_may_have_taken_what_is_gone_and_hides_no_other_change(office: Stores) -> None:
    with office.db.begin() as db:
        custody.append(db, "carol", Action.ERASED, "erasure:1", {"erasure": 1})
    assert found(office, "DELETE FROM statements WHERE id = 3", "UPDATE statements SET body = '[erased]'") == []
    ((what, where),) = found(office, "UPDATE statements SET says = 'dead' WHERE id = 2")
    assert (what.split(" than ")[0], where) == ("its row says another fate", "statement 2")


def test_an_order_is_believed_to_have_done_what_its_event_says_and_nothing_else(office: Stores) -> None:
    found(office, "UPDATE statements SET body = '[erased]' WHERE id = 1")
    did = {"took": {"statements": "3", "statement_withdrawals": "1"}}
    with office.db.begin() as db:
        reworded = erased.contents(db, {"statements": [1]})
        custody.append(db, "carol", Action.ERASED, "erasure:1", {"erasure": 1, **did, "reworded": reworded})
    assert found(office, "DELETE FROM statements WHERE id = 3", "DELETE FROM statement_withdrawals") == []
    ((what, where),) = found(office, "UPDATE statements SET dated = dated - 1 WHERE id = 1")
    assert (what.split(" than ")[0], where) == ("its row says another content", "statement 1")
    found(office, "UPDATE statements SET dated = dated + 1 WHERE id = 1")
    ((what, where),) = found(office, "UPDATE statements SET body = '[erased]' WHERE id = 2")
    assert (what.split(" than ")[0], where) == ("its row says another content", "statement 2")
    told = found(office, "DELETE FROM statements WHERE id < 3")
    assert [where for what, where in told if what.endswith("its row is gone")] == ["statement 1", "statement 2"]


def _log(stores: Stores) -> list[custody.Event]:
    with stores.db.begin() as db:
        return list(custody.events(db))
