"""What need not be counted anew for each visitor: figures of the whole office that are a moment old."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Lately(Generic[Value]):
    """One value that is worked out again once it is older than so many seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: Value | None = None
        self._due = float("-inf")

    def get(self, make: Callable[[], Value]) -> Value:
        """The value; of those who come when it is due one works it out, and the others take the old one if any."""
        with self._lock:
            kept, due = self._kept, self._due <= self._clock()
            if due and kept is not None:
                self._due = self._clock() + self._seconds
        if kept is not None and not due:
            return kept
        made = make()
        with self._lock:
            self._kept, self._due = made, self._clock() + self._seconds
        return made

    def is_due(self) -> bool:
        """Whether it is time again, said once: for work without a value, which is done elsewhere."""
        with self._lock:
            due = self._due <= self._clock()
            if due:
                self._due = self._clock() + self._seconds
            return due
