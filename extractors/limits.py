"""What one file may cost, and how a file is refused."""

from dataclasses import dataclass
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

    @classmethod
    def of(cls, settings: "Settings") -> "Limits":
        """Those of this installation."""
        return cls(
            settings.max_megapixels,
            settings.max_duration_seconds,
            float(settings.analyze_deadline_seconds),
            settings.analyze_memory_mib,
            float(settings.max_decode_seconds),
        )

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
