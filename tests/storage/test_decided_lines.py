"""What somebody with the password of the database's owner makes of whom lines of lists speak of, and whether it is
found."""

import pytest

from storage import custody, decided_lines, erased, list_lines, lists
from storage.custody import Action
from storage.stores import Stores
from storage.verification import verify
from tests.storage.listing import listed
from tests.storage.owning import change_as_owner

LIMIT = 5
TABLES = ("list_decisions", "list_undos")


@pytest.fixture
def office(stores: Stores) -> Stores:
    """Of the first line it was said that it speaks of A, and then that it does not; of the second, that it does.

    The second list is undone after that.
    """
    (_, one), (second, two) = listed(stores, "A"), listed(stores, "B")
    decide(stores, one, "A", True, "olha")
    decide(stores, one, "A", False, "halyna", "another year")
    decide(stores, two, "B", True, "olha")
    with stores.db.begin() as db:
        custody.append_all(db, "olha", lists.undo(db, second, "the wrong file", "olha", LIMIT)[2])
    return stores


def decide(stores: Stores, line: int, number: str, same: bool, who: str, why: str = "") -> None:
    with stores.db.begin() as db:
        made = list_lines.decide(db, line, number, same, who, LIMIT, reason=why)
        custody.append_all(db, who, made.entries)


def found(stores: Stores, *changes: str) -> list[tuple[str, str]]:
    """Do as an owner of the database could, then look; (what, where)."""
    change_as_owner(stores.owner, TABLES, changes)
    with stores.db.begin() as db:
        return [
            (one.what.partition(" than ")[0].partition(", says")[0], one.where)
            for one in decided_lines.check(db, erased.read(db))
        ]


def test_what_was_decided_stands(office: Stores) -> None:
    assert found(office) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("same = NOT same", "its row says another answer"),
        ("decided_by = 'olha'", "its row says another account"),
        ("reason = 'another face'", "its row says another reason"),
    ],
)
def test_a_decision_that_was_changed_is_named(office: Stores, change: str, what: str) -> None:
    assert found(office, f"UPDATE list_decisions SET {change} WHERE id = 2") == [(what, "line 1, person 1")]  # noqa: S608


def test_one_that_was_moved_to_somebody_else_is_found_on_both(office: Stores) -> None:
    assert found(office, "UPDATE list_decisions SET person_id = 1 WHERE id = 3") == [
        ("it was decided", "line 2, person 2"),
        ("the custody log does not say that it was decided", "line 2, person 1"),
    ]


def test_one_that_nobody_took_or_that_was_taken_away_is_found(office: Stores) -> None:
    again = "INSERT INTO list_decisions (entry_id, person_id, same, decided_by) VALUES (1, 1, true, 'olha')"
    made = ("the custody log does not say that it was decided", "line 1, person 1")
    assert found(office, again) == [made]
    told = found(office, "DELETE FROM list_decisions WHERE id = 3")
    assert ("it was decided", "line 2, person 2") in told
    assert {where for _, where in told} <= {one.where for one in verify(office.db, office.objects).incidents}


def test_undoing_a_list_is_bound_as_well(office: Stores) -> None:
    changed = found(office, "UPDATE list_undos SET undone_by = 'halyna', reason = 'x'")
    assert changed == [("its row says another account", "list 2"), ("its row says another reason", "list 2")]
    assert found(office, "DELETE FROM list_undos") == [("it was undone", "list 2")]
    made = "INSERT INTO list_undos (list_id, reason, undone_by) VALUES (1, 'x', 'olha')"
    assert ("the custody log does not say that it was undone", "list 1") in found(office, made)


@pytest.mark.parametrize("took", [{"persons": "2"}, {"list_entries": "2"}])
def test_an_order_took_the_decisions_on_the_people_and_lines_that_it_names(
    office: Stores, took: dict[str, str]
) -> None:
    found(office, "UPDATE list_decisions SET reason = '[erased]' WHERE id = 2")
    with office.db.begin() as db:
        did = {"took": took, "reworded": erased.contents(db, {"list_decisions": [2]})}
        custody.append(db, "carol", Action.ERASED, "erasure:1", did)
    assert found(office, "DELETE FROM list_decisions WHERE id = 3") == []
    changed = found(office, "UPDATE list_decisions SET reason = 'another' WHERE id = 2")
    assert changed == [("its row says another reason", "line 1, person 1")]
    assert found(office, "DELETE FROM list_decisions") == [("it was decided", "line 1, person 1")] * 2
