"""What a child process that gave no answer did instead, and how long it is waited for (`extractors.keeper`)."""

from typing import Final

GRACE_SECONDS: Final = 2.0
"""between the end of a child's answer and its own end"""
READ_BYTES: Final = 1 << 16


class ChildFault(Exception):
    """The child gave no answer."""


class DeadlinePassed(ChildFault):
    """It took too long, and was killed."""


class TooMuchSaid(ChildFault):
    """Its answer was larger than allowed, and it was killed."""


class ChildDied(ChildFault):
    """It ended with a status other than 0; the message has the status and the end of its standard error."""

    def __init__(self, status: int, errors: str) -> None:
        super().__init__(f"status {status}: {errors}")
        self.status = status
        """as `subprocess` counts: negative for a signal"""
