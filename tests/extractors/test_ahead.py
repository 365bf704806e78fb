"""What works ahead: the same items in the same order, never too far in front, gone when the block ends."""

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from extractors.ahead import ITEMS, Ahead

PATIENCE = 10.0
"""seconds for a thread to get somewhere"""


class Counted:
    """0, 1, 2, ...; says how far it got, and that it stands."""

    def __init__(self) -> None:
        self.taken = 0
        self.reached = threading.Condition()

    def __iter__(self) -> Iterator[int]:
        for number in count():
            with self.reached:
                self.taken = number + 1
                self.reached.notify_all()
            yield number

    def wait_until(self, taken: int) -> None:
        with self.reached:
            assert self.reached.wait_for(lambda: self.taken >= taken, PATIENCE)


def running() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


def test_gives_everything_in_order() -> None:
    with Ahead(iter(range(500)), lambda _: 1, 10) as ahead:
        assert list(ahead) == list(range(500))
    assert running() == 0


def test_runs_in_front_by_weight_and_no_further() -> None:
    source = Counted()
    with Ahead(iter(source), lambda _: 3, 10) as ahead:
        numbers = iter(ahead)
        assert next(numbers) == 0
        source.wait_until(5)  # 0 is out, three of 3 wait, and one more is at hand
        assert [next(numbers) for _ in range(20)] == list(range(1, 21))
        source.wait_until(25)
        assert source.taken == 25
    assert running() == 0


def test_runs_in_front_by_number() -> None:
    source = Counted()
    with Ahead(iter(source), lambda _: 0, 10) as ahead:
        assert next(iter(ahead)) == 0
        source.wait_until(ITEMS + 2)
        assert source.taken == ITEMS + 2


def test_one_item_that_weighs_more_than_may_wait_still_comes() -> None:
    with Ahead(iter([100, 200, 1]), lambda weight: weight, 10) as ahead:
        assert list(ahead) == [100, 200, 1]


def test_what_goes_wrong_comes_after_what_went_well() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise IndexError("a stream that the header did not name")

    seen: list[int] = []
    with Ahead(broken(), lambda _: 1, 10) as ahead, pytest.raises(IndexError, match="did not name"):
        seen.extend(ahead)  # what came before the error stays
    assert seen == [1, 2]
    assert running() == 0


def test_whoever_leaves_early_leaves_nothing_running() -> None:
    source = Counted()
    with Ahead(iter(source), lambda _: 1, 10) as ahead:
        assert next(iter(ahead)) == 0
    taken = source.taken
    assert running() == 0
    assert source.taken == taken


def test_nobody_needs_to_look_at_all() -> None:
    source = Counted()
    with Ahead(iter(source), lambda _: 1, 10):
        source.wait_until(1)
    assert running() == 0
