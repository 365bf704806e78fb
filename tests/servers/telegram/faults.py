"""What goes wrong, as scripted: it meets requests of one kind, so many times, after so many that went well."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refuse:
    """An error of the API: `Refuse(420, "FLOOD_WAIT_300")`."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is cut."""

    answered: bool = False
    """after the answer was sent, so that the request did have its effect"""


@dataclass(frozen=True, slots=True)
class Transport:
    """An error below the API, such as -429."""

    code: int


@dataclass(frozen=True, slots=True)
class Wait:
    """The answer comes later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """Something happens to the world just before the answer."""

    happens: Callable[[], None]


Fault = Refuse | Drop | Transport | Wait | Call


@dataclass(slots=True)
class Scripted:
    """One fault, and when it strikes."""

    kind: str
    """of request, such as `GetHistory`"""
    fault: Fault
    after: int
    times: int

    def strikes(self, kind: str) -> bool:
        """Whether this request is met; counts it."""
        if kind != self.kind or not self.times:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True
