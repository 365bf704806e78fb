"""What one file may cost, and how a file is refused."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from lastseen.outcomes import Fault

if TYPE_CHECKING:  # building the settings takes a quarter of a second, and the child is given its limits
    from lastseen.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost."""

    max_megapixels: int
    max_duration_seconds: int
    deadline_seconds: float
    memory_mib: int
    max_decode_seconds: float = 600.0
    seconds_a_second: float = 0.0
    """more time, for each second that a video says it lasts"""

    @classmethod
    def of(cls, settings: "Settings") -> "Limits":
        """Those of this installation."""
        return cls(
            settings.max_megapixels,
            settings.max_duration_seconds,
            float(settings.analyze_deadline_seconds),
            settings.analyze_memory_mib,
            float(settings.max_decode_seconds),
            settings.analyze_seconds_a_second,
        )

    @property
    def latest(self) -> float:
        """The deadline of the longest video, in seconds: whoever cannot look into a file waits so long."""
        return self.deadline_seconds + self._more(Fraction(self.max_duration_seconds))

    def deadline(self, stated: Fraction | None) -> float:
        """Seconds for an analysis of a video that says it lasts so many, or nothing of it."""
        return self.deadline_seconds + self._more(stated)

    def decoding(self, stated: Fraction | None) -> float:
        """The same for decoding it."""
        return self.max_decode_seconds + self._more(stated)

    def _more(self, stated: Fraction | None) -> float:
        looked_at = min(max(stated or Fraction(0), Fraction(0)), Fraction(self.max_duration_seconds))
        return float(looked_at) * self.seconds_a_second

    def check_size(self, width: int, height: int) -> None:
        """Raises Unfit if a picture of this size is over the limit, naming the setting."""
        if width * height > self.max_megapixels * 1_000_000:
            raise Unfit(
                Fault.SKIPPED,
                f"a picture of {width} x {height} is over the limit of {self.max_megapixels} megapixels "
                "(LASTSEEN_MAX_MEGAPIXELS)",
            )


class Unfit(Exception):
    """This file gives nothing; `fault` and `why` go into the verdict."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(why)
        self.fault = fault
        self.why = why
