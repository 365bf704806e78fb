"""What an erasure says that it did: written, read again, and believed of nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from storage import custody, erased, erasures
from storage.custody import Action
from storage.erased import Erased
from storage.stores import Stores

IDS = some.frozensets(some.integers(1, 60), min_size=1)


def told(stores: Stores, *details: dict[str, object]) -> Erased:
    """What is read where the log has these events of erasures, the first as its event 2."""
    with stores.db.begin() as db:
        custody.append(db, "carol", Action.SIGNED_IN, "user:carol", {})
        for detail in details:
            custody.append(db, "carol", Action.ERASED, "erasure:1", detail)
        return erased.read(db)


def test_ids_are_written_as_ranges() -> None:
    rows = {"judgements": [9, 3, 4, 5, 12, 4], "rejections": list(range(1, 10_001)), "statements": []}
    assert erased.listed(rows) == {"judgements": "3-5,9,12", "rejections": "1-10000"}


@given(IDS)
def test_what_is_written_is_read_again(ids: frozenset[int]) -> None:
    did = erased.Did(2, erased.tables(erased.listed({"judgements": ids})), {})
    assert {row for row in range(62) if Erased(0, (did,)).took("judgements", row, 1)} == ids


def test_an_erasure_did_what_it_says_to_what_was_there_before(stores: Stores) -> None:
    orders = told(stores, {"took": {"judgements": "3-5"}, "reworded": {"statements": {"7": "ab"}}})
    assert orders.took("judgements", 4, 1)
    assert orders.reworded("statements", 7, 1, "ab")
    assert not orders.reworded("statements", 7, 1, "cd"), "somebody changed it since"
    assert not orders.reworded("statements", 7, 3, "ab")
    assert not orders.took("judgements", 6, 1)
    assert not orders.took("rejections", 4, 1)
    assert not orders.took("statements", 7, 1), "a name went out of it, and it stayed"
    assert not orders.reworded("judgements", 4, 1, "ab")
    assert not orders.took("judgements", 4, 3), "that was given afterwards"


def test_one_that_says_nothing_is_believed_unless_it_comes_after_one_that_does(stores: Stores) -> None:
    orders = told(stores, {"erasure": 1}, {"took": {}, "reworded": {}}, {"erasure": 2})
    assert orders.took("judgements", 8, 1)
    assert orders.reworded("judgements", 8, 1, "ab")
    assert not orders.took("judgements", 8, 2)


@pytest.mark.parametrize(
    "took", ["all", ["1-9"], {"judgements": "everything"}, {"judgements": None}, {"judgements": "9-1"}]
)
def test_what_is_no_listing_tells_of_no_row(stores: Stores, took: object) -> None:
    orders = told(stores, {"took": took})
    assert not any(orders.took("judgements", row, 1) for row in range(12))


def test_of_two_erasures_that_reworded_a_row_the_newer_one_says_how_it_is(stores: Stores) -> None:
    older, newer = ({"statements": {"7": content}} for content in ("ab", "cd"))
    orders = told(stores, {"took": {}, "reworded": older}, {"took": {}, "reworded": newer})
    assert orders.reworded("statements", 7, 1, "cd")
    assert not orders.reworded("statements", 7, 1, "ab")


@pytest.mark.parametrize("reworded", ["all", None, {"judgements": "1-9"}, {"judgements": {"1-9": "ab", "x": "ab"}}])
def test_what_says_no_content_tells_of_no_row(stores: Stores, reworded: object) -> None:
    orders = told(stores, {"took": {}, "reworded": reworded})
    assert not any(orders.reworded("judgements", row, 1, "ab") for row in range(12))


def test_of_every_table_that_an_erasure_rewords_it_can_say_what_a_row_is_since() -> None:
    assert {*erasures.BOUND} == {*erased.CONTENT}
    for table, columns in erasures.BOUND.items():
        assert {*columns} <= {*erasures.OTHER_TEXTS[table][1]}
