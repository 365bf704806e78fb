"""Which items a task works off: whatever they take, none is lost or done twice, and no task is too long."""

import math
import random
from collections.abc import Sequence

import pytest

from pipeline import batches
from pipeline.batches import BALANCE_SECONDS, GUESSES, LONGEST_SECONDS, MOST_BATCHES, MOST_ITEMS, Guess, Learnt
from pipeline.steps import COMMANDS

MAX_MAP_LENGTH = 1024
"""Airflow's own `[core] max_map_length`, which nothing here changes"""


def drawn(seed: int) -> list[float]:
    """What some items take: many that are short, some that are long, and a few that are longer than a task."""
    chance = random.Random(seed)
    return [chance.choice((0.01, 1, 7, 29, 31, 59, 61, 4000)) * chance.random() for _ in range(chance.randrange(400))]


def cut(seconds: Sequence[float]) -> list[list[int]]:
    """Into batches; the items are their places."""
    return batches.in_batches(range(len(seconds)), seconds)


@pytest.mark.parametrize("seed", range(50))
def test_nothing_is_lost_nor_done_twice_and_the_order_stays(seed: int) -> None:
    seconds = drawn(seed)
    found = cut(seconds)
    assert [item for batch in found for item in batch] == list(range(len(seconds)))
    assert all(found)
    for batch in found:
        assert len(batch) == 1 or sum(seconds[item] for item in batch) <= LONGEST_SECONDS


@pytest.mark.parametrize("seed", range(50))
def test_work_is_cut_into_no_more_tasks_than_its_parts_and_its_long_items(seed: int) -> None:
    seconds = drawn(seed)
    aim = min(math.sqrt(BALANCE_SECONDS * sum(seconds)), LONGEST_SECONDS)
    long = sum(takes > aim / 2 for takes in seconds)
    assert len(cut(seconds)) <= math.ceil(sum(seconds) / (aim or 1)) + 2 * long


@pytest.mark.parametrize("films", [2, 12, 17, 100, 160, 500])
def test_no_processor_is_left_with_a_long_task_at_the_end(films: int) -> None:
    lengths = [len(batch) for batch in cut([1.75] * films)]
    assert max(lengths) - min(lengths) <= 1


def test_a_film_that_takes_longer_than_a_task_is_alone_in_one() -> None:
    assert cut([1, 1, 300, 1, 1]) == [[0, 1], [2], [3, 4]]


def test_little_work_is_shared_out_and_much_is_not_cut_too_small() -> None:
    assert [len(batch) for batch in cut([1.0] * 10)] == [5, 5]
    assert {len(batch) for batch in cut([1.0] * 160)} == {20}
    assert {len(batch) for batch in cut([1.0] * 6000)} == {LONGEST_SECONDS}


def test_what_takes_no_time_is_not_all_in_one_task() -> None:
    assert [len(batch) for batch in cut([0.0] * 1200)] == [MOST_ITEMS, MOST_ITEMS, 200]


def test_a_plan_is_never_longer_than_airflow_takes_and_takes_the_first() -> None:
    found = cut([61.0] * (MOST_BATCHES + 5))
    assert found == [[item] for item in range(MOST_BATCHES)]
    assert MOST_BATCHES < MAX_MAP_LENGTH


def test_what_was_measured_takes_the_place_of_the_guess() -> None:
    guess = Guess(seconds=1, units=10)
    assert batches.seconds_of([4, None], Learnt(), guess) == [4, 10]
    small, average = batches.seconds_of([4, None], Learnt(items=1000, units=2000, seconds=500), guess)
    assert small == pytest.approx(1, rel=0.1)
    assert average == pytest.approx(0.5, rel=0.1)


def test_there_is_a_guess_for_every_step_that_airflow_plans() -> None:
    assert {step for steps in COMMANDS.values() for step in steps} == set(GUESSES)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ([], "about 0 seconds"),
        ([1.5, 60], "about 62 seconds"),
        ([600], "about 10 minutes"),
        ([7200], "about 2 hours"),
        ([1e6], "about 12 days"),
    ],
)
def test_how_long_it_takes_is_said_for_people(seconds: list[float], said: str) -> None:
    assert batches.about(seconds) == said
