"""Files that people asked for on the pages: one worker's round through a queue of them.

What goes wrong with one holds up no other: it is settled by the rules of all steps (`lastseen.lifecycle`), and the page
says why.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lastseen.errors import Failure, WrongUse
from lastseen.outcomes import Fault
from pipeline import scratch
from pipeline.app import App
from pipeline.evidence.folders import NoRoom
from pipeline.runner import rest
from storage import work
from storage.database import DatabaseError, is_away
from storage.objects import Corrupted, ObjectMissing, StoreUnavailable
from storage.work import Claim, Heartbeat, LeaseLost, Queue

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A queue of what was asked for, and how one is made."""

    app: App
    queue: Queue
    make: Callable[[Claim, Path], bool]
    """in a scratch folder; settles the item itself, and says whether it was made"""

    def due(self) -> int:
        """How many are asked for and not made."""
        with self.app.stores.db.begin() as db:
            return len(work.ready(db, self.queue))

    def run(self) -> Counter[str]:
        """Make all of them.  Returns counts.  Raises DatabaseError if the database is away."""
        counts = Counter({"made": 0, "failed": 0})
        while (held := self.claim()) is not None:
            counts["made" if self.work(held) else "failed"] += 1
        return counts

    def claim(self) -> Claim | None:
        """Take the next one."""
        with self.app.stores.db.begin() as db:
            work.retire(db, self.queue, self.app.settings.crash_limit)
        with self.app.stores.db.begin() as db:
            return work.claim(db, self.queue, self._lease)

    def work(self, held: Claim) -> bool:
        """Whether it was made.  Raises DatabaseError if the database is away."""
        app = self.app
        try:
            with Heartbeat(app.stores.db, held, self._lease), scratch.folder(scratch.root(app.settings)) as folder:
                return self._attempt(held, folder)
        except LeaseLost:
            log.warning("%s %d: another worker has taken it over, or an erasure has", held.step, held.subject)
            return False
        except BaseException:
            with app.stores.db.begin() as db:
                work.release(db, held)
            raise

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.app.settings.lease_seconds)

    def _attempt(self, held: Claim, folder: Path) -> bool:
        """Raises LeaseLost, and DatabaseError if the database is away."""
        try:
            return self.make(held, folder)
        except StoreUnavailable as fault:
            return give_up(self.app, held, Fault.TRANSIENT, f"the object store did not answer: {fault}")
        except NoRoom as fault:
            return give_up(self.app, held, Fault.TRANSIENT, str(fault))
        except (Corrupted, ObjectMissing) as fault:
            log.error("%s %d: %s", held.step, held.subject, fault)  # noqa: TRY400  the message is all there is to say
            return give_up(self.app, held, Fault.DEFECT, f"incident, run `lastseen verify`: {fault}")
        except (WrongUse, Failure) as fault:
            return give_up(self.app, held, Fault.DEFECT, str(fault))
        except LeaseLost:
            raise
        except Exception as fault:  # our own bug: the others that wait are made all the same
            if isinstance(fault, DatabaseError) and is_away(fault):
                raise
            log.exception("%s %d", held.step, held.subject)
            told = f"a fault of lastseen itself, see the log: {type(fault).__name__}"
            return give_up(self.app, held, Fault.DEFECT, told)


def give_up(app: App, held: Claim, fault: Fault, why: str) -> bool:
    """Settle it as not made: always False."""
    with app.stores.db.begin() as db:
        work.fail(db, held, fault, why, rest(fault, held.failures), None, app.settings.transient_limit)
    return False
