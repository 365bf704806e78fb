"""Which items one Airflow task works off: as many as take it some seconds up to a minute, and not a number of them.

A task costs a second by itself, whatever it does; and what a task holds back (other items, a slot of a pool, the end
of its run) it holds back for as long as it takes.  Plain functions of numbers: how long an item takes is measured, and
kept by `storage.costs`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

BALANCE_SECONDS: Final = 2.5
"""What a task costs before it works (a process, and where films are opened an engine) weighs as much as the wait for
the longest one at the end, on a few processors, when tasks last the root of this times all the work: 5 seconds of 10,
20 of 160."""
LONGEST_SECONDS: Final = 60.0
"""of work a task; one item that takes longer has a task of its own"""
MOST_ITEMS: Final = 500
"""a task: their ids go through Airflow's database"""
MOST_BATCHES: Final = 1000
"""a plan; Airflow fails one that is mapped over more than `max_map_length`, which is 1024 unless it is set"""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the newest items of a step took here, added up."""

    items: float = 0.0
    units: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Guess:
    """What is assumed of a step until its items have been measured."""

    seconds: float
    """a unit"""
    units: float = 1.0
    """of an item whose size is not known"""


GUESSES: Final[Mapping[str, Guess]] = {
    "collect": Guess(6),
    "recheck": Guess(6),
    "fetch": Guess(0.5, 20),  # MiB and one more: an item of unknown size is a short film
    "fingerprint": Guess(0.3, 20),  # the same
    "analyze": Guess(0.2, 60),  # seconds of film, more where its pictures are large
    "enroll": Guess(2),
    "check_photos": Guess(0.1),
    "names": Guess(0.3),
    "lists": Guess(5),
    "match_tracks": Guess(0.3),
    "sweep": Guess(4),
    "reembed": Guess(3),
    "illustrate": Guess(1.5),
    "manifest": Guess(3),
    "statement": Guess(0.3),
    "stamp": Guess(1.5),
    "anchor": Guess(1.5),
    "upgrade": Guess(0.6),
}
"""by step; what a unit is, `storage.costs` says.  Rough: a few dozen items later they count for little"""
TRUST: Final = 5
"""items that a guess counts for, against those that were measured"""


def seconds_of(units: Sequence[float | None], learnt: Learnt, guess: Guess) -> list[float]:
    """How long each item is likely to take; None: its size is not known, and it is taken for an average one."""
    average = (TRUST * guess.units + learnt.units) / (TRUST + learnt.items)
    known = TRUST * guess.units + learnt.units
    a_unit = (TRUST * guess.units * guess.seconds + learnt.seconds) / known
    return [a_unit * (average if size is None else size) for size in units]


def about(seconds: Sequence[float]) -> str:
    """How long all of it takes one worker, for people."""
    total = sum(seconds)
    for length, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if total >= 2 * length:
            return f"about {total / length:.0f} {name}"
    return f"about {total:.0f} seconds"


def in_batches(items: Sequence[int], seconds: Sequence[float]) -> list[list[int]]:
    """The items in their order, cut where a task would take too long; at most MOST_BATCHES, the first ones.

    `seconds`: how long each is likely to take.  Nothing is in two batches, all but the last take about the same time,
    and an item that takes longer than a task should is alone in one.
    """
    return list(islice(_cut(items, seconds, _aim(sum(seconds))), MOST_BATCHES))


def _aim(total: float) -> float:
    """Seconds that a task should take: equal parts, so that no processor is left with a long one at the end."""
    balanced = min(math.sqrt(BALANCE_SECONDS * total), LONGEST_SECONDS)
    return total / math.ceil(total / balanced) if balanced else LONGEST_SECONDS


def _cut(items: Sequence[int], seconds: Sequence[float], aim: float) -> Iterator[list[int]]:
    """Laid end to end, items whose middles lie in the same part of `aim` seconds go together."""
    batch: list[int] = []
    part = total = laid = 0.0
    for item, takes in zip(items, seconds, strict=True):
        lies = (laid + takes / 2) // aim
        if batch and (lies != part or total + takes > LONGEST_SECONDS or len(batch) == MOST_ITEMS):
            yield batch
            batch, total = [], 0.0
        batch.append(item)
        part = lies
        total += takes
        laid += takes
    if batch:
        yield batch
