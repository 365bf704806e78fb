"""How fast one browser or program may ask: against scripts that run away, not against those who guess.

Kept in the memory of this process on purpose: what it protects is this process's threads and its connections to the
database, so it must not cost either of them, and two processes that each count for themselves protect each their own.
Tries to sign in are counted in the database (`storage.lockouts`), for all processes together.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

BURST_SECONDS = 20
"""so many seconds' worth of requests may come at once: a page brings pictures with it"""
MOST_KEYS = 10_000
"""remembered; beyond that the one that asked longest ago is forgotten, and starts afresh"""


@dataclass(slots=True)
class _Bucket:
    left: float
    """requests"""
    at: float
    """seconds"""


class RequestLimit:
    """A bucket of requests for each key, which fills again with time."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`a_minute`: requests; 0: as many as one likes."""
        self._rate, self._clock = a_minute / 60, clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> int:
        """Count one request.  Returns 0, or after how many seconds the next one is answered."""
        if not self._rate:
            return 0
        most = self._rate * BURST_SECONDS
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(key, _Bucket(most, now))
            bucket.left, bucket.at = min(most, bucket.left + (now - bucket.at) * self._rate), now
            self._buckets.move_to_end(key)
            while len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)
            if bucket.left < 1:
                return int((1 - bucket.left) / self._rate) + 1
            bucket.left -= 1
            return 0
