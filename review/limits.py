"""How often one may try to sign in.

Kept in the memory of this process: a restart forgets it, and two processes would each count for themselves.  That is
enough while one process serves the pages; with more, it belongs in the database.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

PER_NAME = 8
PER_ADDRESS = 24
"""an office sits behind one address"""
WINDOW_SECONDS = 15 * 60
MOST_KEYS = 10_000
"""names and addresses remembered; beyond that the ones tried longest ago are forgotten"""


class SignInLimit:
    """Counts the tries of the last quarter of an hour, by name and by address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def take(self, name: str, address: str) -> int:
        """Count one try.  Returns 0, or for how many seconds to wait; a try that must wait is not counted.

        It is counted before the password is looked at, so that tries side by side do not slip through.
        """
        with self._lock:
            now = self._clock()
            keys = ((("name", name), PER_NAME), (("address", address), PER_ADDRESS))
            wait = max(self._wait(key, limit, now) for key, limit in keys)
            if wait <= 0:
                for key, _ in keys:
                    self._count(key, now)
            return max(0, int(wait + 1)) if wait > 0 else 0

    def forget(self, name: str) -> None:
        """The password was right: its owner starts afresh.  The address does not."""
        with self._lock:
            self._tries.pop(("name", name), None)

    def _wait(self, key: tuple[str, str], limit: int, now: float) -> float:
        tries = self._tries.get(key, deque())
        while tries and tries[0] <= now - WINDOW_SECONDS:
            tries.popleft()
        return tries[0] + WINDOW_SECONDS - now if len(tries) >= limit else 0.0

    def _count(self, key: tuple[str, str], now: float) -> None:
        self._tries.setdefault(key, deque()).append(now)
        self._tries.move_to_end(key)
        while len(self._tries) > MOST_KEYS:
            self._tries.popitem(last=False)
