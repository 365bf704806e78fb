"""Which browsers are playing which clips: one play is many requests for pieces of it, and one custody event."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

LASTS_SECONDS = 10 * 60
"""pieces asked for within this time of a play's beginning belong to it; clips last seconds"""
MOST = 10_000


class Plays:
    """Remembers the plays of the last minutes, in memory: forgetting one only writes one event more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._begun: OrderedDict[tuple[str, int], float] = OrderedDict()

    def begins(self, session: str, candidate: int, first_byte: int) -> bool:
        """Whether a request for the clip from `first_byte` on begins a play.

        The beginning of the clip always does; a later piece does if this session has not begun one lately.
        """
        key = (session, candidate)
        with self._lock:
            now = self._clock()
            lately = self._begun.get(key, float("-inf")) > now - LASTS_SECONDS
            if first_byte > 0 and lately:
                return False
            self._begun[key] = now
            self._begun.move_to_end(key)
            while len(self._begun) > MOST:
                self._begun.popitem(last=False)
            return True
