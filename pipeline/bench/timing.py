"""How long calls take: the middle of several, with the spread."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Timed(Generic[Made]):
    """What a call made, and what it cost."""

    seconds: float
    """of the wall clock, for one call"""
    made: Made


def timed(call: Callable[[], Made], times: int = 1) -> Timed[Made]:
    """Call it several times in a row, for what is too short to be timed once; the mean, so no run is left out."""
    start = time.perf_counter()
    made = call()
    for _ in range(times - 1):
        made = call()
    return Timed((time.perf_counter() - start) / times, made)


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Their median and both ends.  Raises ValueError if there are none."""
        known = sorted(values)
        if not known:
            raise ValueError("nothing was measured")
        return cls(median(known), known[0], known[-1])

    @classmethod
    def of_ratios(cls, over: Sequence[float], under: Sequence[float]) -> "Spread":
        """Pair by pair, since what else a machine does changes from one pair to the next."""
        return cls.of(above / below for above, below in zip(over, under, strict=True))

    def told(self, unit: str = "", scale: float = 1.0, digits: int = 1) -> str:
        """For people: `4.2 ms (4.1 - 4.9)`."""
        middle, least, most = (f"{value * scale:.{digits}f}" for value in (self.middle, self.least, self.most))
        return f"{middle}{unit} ({least} - {most})"

    def rounded(self, digits: int = 3) -> list[float]:
        """For scripts: least, middle, most."""
        return [round(value, digits) for value in (self.least, self.middle, self.most)]
