"""Verifying the custody log in pieces of a bounded size, so that it holds nobody up however long the log is.

How far it has come is in the memory of this program and not in the database, which is what is being checked: it begins
anew when the program does.
"""

import threading
from dataclasses import dataclass
from datetime import datetime

from lastseen.clock import utcnow
from lastseen.settings import Settings
from storage import chain_checks, custody, custody_keys
from storage.chain_checks import Followed
from storage.stores import Stores

PIECE = 5000
"""events that one request verifies: about a quarter of a second"""


@dataclass(frozen=True, slots=True)
class Verified:
    """How far the log was followed, and when."""

    so_far: Followed
    upto: int
    """the last event there was when this pass was begun, or went on"""
    begun_at: datetime
    at: datetime

    @property
    def done(self) -> bool:
        """Everything there was has been followed."""
        return self.so_far.reached >= self.upto


class Audit:
    """The one pass over the log that this program is at; one piece at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.verified: Verified | None = None

    def go_on(self, stores: Stores, settings: Settings, *, anew: bool) -> Verified | None:
        """Follow one more piece.  Returns how far it came; None: another piece is being followed at this moment."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            self.verified = _piece(stores, settings, None if anew else self.verified)
            return self.verified
        finally:
            self._lock.release()


def _piece(stores: Stores, settings: Settings, before: Verified | None) -> Verified:
    trust, now = custody_keys.trusted(settings), utcnow()
    so_far = before.so_far if before else Followed()
    with stores.db.begin() as db:
        upto = custody.head(db).seq if before is None or before.done else before.upto
        events = max(0, min(PIECE, upto - so_far.reached))
        found = chain_checks.go_on(db, stores.objects, trust, so_far, events)
    return Verified(found, upto, before.begun_at if before else now, now)
