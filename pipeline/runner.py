"""The only place that acts on an outcome: claims an item, lets its step work, keeps what it made, settles the claim.

    claim (own transaction) -> load (read) -> run (nothing open) -> objects safe in the store
        -> keep + settle (one transaction)

A worker that is killed anywhere on this way leaves its lease to end; what it had put into the object store is found
there, equal, by the next one.
"""

import logging
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Generic, TypeVar

from lastseen.clock import utcnow
from lastseen.lifecycle import RULES
from lastseen.outcomes import Done, Fault, NotDone, Outcome
from lastseen.settings import Settings
from storage import work
from storage.database import UNAVAILABLE, Connection
from storage.objects import EVIDENCE, Corrupted, ObjectMissing, Stored, StoreUnavailable
from storage.stores import Stores
from storage.work import Claim, Heartbeat, LeaseLost, Queue

Job = TypeVar("Job")
Made = TypeVar("Made")

log = logging.getLogger("lastseen.runner")


@dataclass(frozen=True, slots=True)
class Bench:
    """What a step may use while it works: settings, a folder of its own, and reading from the object store."""

    settings: Settings
    scratch: Path
    """empty, and deleted afterwards"""
    stores: Stores

    def download(self, bucket: str, key: str, sha256: str, version_id: str | None = None) -> Path:
        """The object as a file, hashed again on its way.  Raises storage.objects.Corrupted."""
        path = self.scratch / "media"
        if self.stores.objects.download(bucket, key, path, version_id) != sha256:
            raise Corrupted(f"{bucket}/{key} is not what was stored there")
        return path


@dataclass(frozen=True, slots=True)
class Result(Generic[Job, Made]):
    """What a step made, with what it was made from and where its objects lie now."""

    claim: Claim
    job: Job
    made: tuple[Made, ...]
    stored: Mapping[str, Stored]
    """by object key"""
    actor: str
    locked_until: datetime
    """of the objects in the evidence bucket"""


@dataclass(frozen=True, slots=True)
class Step(Generic[Job, Made]):
    """One step: how to read its job, do it, and keep what came of it."""

    name: str
    recipe: str
    """how it works, where there are several ways; empty: there is one"""
    load: Callable[[Connection, Claim], Job]
    run: Callable[[Job, Bench], Outcome[Made]]
    keep: Callable[[Connection, Result[Job, Made]], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the work on one item ended."""

    step: str
    subject: int
    fault: Fault | None
    why: str
    bug: bool = False
    """it was lastseen's own fault"""


@dataclass(slots=True)
class Tally:
    """What a drain did."""

    step: str
    done: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    """items that another worker had taken over meanwhile"""
    bugs: int = 0
    """of the faults, those that were lastseen's own"""

    def count(self, ended: Ended | None) -> None:
        """Add one item."""
        if ended is None:
            self.lost += 1
        elif ended.fault is None:
            self.done += 1
        else:
            self.faults[ended.fault] += 1
            self.bugs += ended.bug

    def as_dict(self) -> dict[str, int]:
        """Counts by `done` and by class."""
        return {"done": self.done, **dict(sorted(self.faults.items()))}


@dataclass(frozen=True, slots=True)
class Limits:
    """When a drain ends although there is more to do."""

    items: int | None = None
    seconds: float | None = None
    wait_for_others: bool = True
    """wait for items that another worker holds: it may have been killed"""


UNLIMITED = Limits()


class Runner:
    """Works items off, one at a time; any number of runners may work side by side."""

    def __init__(
        self, stores: Stores, settings: Settings, actor: str, told: Callable[[Ended], None] = lambda ended: None
    ) -> None:
        """`told` hears of every item that ended, e.g. to show progress."""
        self.stores, self.settings, self.actor, self._told = stores, settings, actor, told
        self._lease = timedelta(seconds=settings.lease_seconds)

    def drain(self, step: Step[Job, Made], subjects: Sequence[int] | None = None, limits: Limits = UNLIMITED) -> Tally:
        """Work until nothing of `step` is ready (among `subjects`, if given), or a limit is reached."""
        tally, began = Tally(step.name), utcnow()
        queue = Queue(step.name, step.recipe, None if subjects is None else tuple(subjects))
        while not _spent(limits, tally, began):
            held = self._claim(queue)
            if held is not None:
                ended = self._work(step, held)
                tally.count(ended)
                if ended is not None:
                    self._told(ended)
            elif not (limits.wait_for_others and self._wait(queue)):
                break
        return tally

    def _claim(self, queue: Queue) -> Claim | None:
        with self.stores.db.begin() as db:
            work.retire(db, queue, self.settings.crash_limit)
        with self.stores.db.begin() as db:
            return work.claim(db, queue, self._lease)

    def _wait(self, queue: Queue) -> bool:
        """Sleep until another worker's lease may have ended; False if nobody holds anything."""
        with self.stores.db.begin() as db:
            held = work.held(db, queue)
        if held is None:
            return False
        log.info("%s: %d items are held by another worker", queue.step, held.items)
        sleep(min(max(held.until.total_seconds(), 0.05), 1.0))
        return True

    def _work(self, step: Step[Job, Made], claim: Claim) -> Ended | None:
        try:
            with (
                Heartbeat(self.stores.db, claim, self._lease),
                tempfile.TemporaryDirectory(prefix="lastseen-") as folder,
            ):
                return self._work_in(step, claim, Path(folder))
        except LeaseLost:
            log.warning("%s %d: another worker has taken it over", claim.step, claim.subject)
            return None
        except BaseException:
            self._release(claim)
            raise

    def _work_in(self, step: Step[Job, Made], claim: Claim, scratch: Path) -> Ended:
        with self.stores.db.begin() as db:
            job = step.load(db, claim)
        bench = Bench(self.settings, scratch, self.stores)
        outcome, stored = self._attempt(step, claim, job, bench)
        try:
            with self.stores.db.begin() as db:
                step.keep(db, Result(claim, job, outcome.made, stored, self.actor, self._locked_until()))
                return self._settle(db, claim, outcome)
        except (LeaseLost, *UNAVAILABLE):
            raise
        except Exception as fault:  # noqa: BLE001  what came from outside does not fit into its table
            with self.stores.db.begin() as db:
                return self._settle(db, claim, _our_fault(claim, fault))

    def _attempt(
        self, step: Step[Job, Made], claim: Claim, job: Job, bench: Bench
    ) -> tuple[Outcome[Made], Mapping[str, Stored]]:
        try:
            outcome = step.run(job, bench)
            return outcome, self._store(outcome)
        except StoreUnavailable as fault:
            return NotDone(Fault.TRANSIENT, f"the object store did not answer: {fault}"), {}
        except (Corrupted, ObjectMissing) as fault:
            log.error("%s %d: %s", claim.step, claim.subject, fault)  # noqa: TRY400  the message is all there is to say
            return _OurFault(Fault.DEFECT, f"incident, run `lastseen verify`: {fault}"), {}
        except Exception as fault:  # noqa: BLE001  our own bug: the item is quarantined and the others go on
            return _our_fault(claim, fault), {}

    def _store(self, outcome: Outcome[Made]) -> dict[str, Stored]:
        locked_until = self._locked_until()
        return {
            thing.key: self.stores.objects.put_verified(thing, locked_until if thing.bucket == EVIDENCE else None)
            for thing in outcome.objects
        }

    def _locked_until(self) -> datetime:
        return utcnow() + timedelta(days=self.settings.evidence_lock_days)

    def _settle(self, db: Connection, claim: Claim, outcome: Outcome[Made]) -> Ended:
        match outcome:
            case Done(note=note):
                work.finish(db, claim, note)
                return Ended(claim.step, claim.subject, None, note)
            case NotDone(fault=fault, why=why, until=until):
                work.fail(db, claim, fault, why, _rest(fault, claim.failures), until, self.settings.transient_limit)
                return Ended(claim.step, claim.subject, fault, why, bug=isinstance(outcome, _OurFault))

    def _release(self, claim: Claim) -> None:
        with self.stores.db.begin() as db:
            work.release(db, claim)


class _OurFault(NotDone[Made]):
    """A step raised: a bug of ours, or something from outside that does not fit where it belongs."""


def _our_fault(claim: Claim, fault: Exception) -> _OurFault[Made]:
    log.error("%s %d: %s", claim.step, claim.subject, type(fault).__name__, exc_info=fault)
    return _OurFault(Fault.DEFECT, f"a fault of lastseen itself, see the log: {type(fault).__name__}")


def _rest(fault: Fault, failures: int) -> timedelta:
    """Doubled with each failure, and spread, so that many items do not come back at one moment."""
    rule = RULES[fault]
    spread = random.uniform(0.5, 1.5)  # noqa: S311  jitter, not a secret
    return rule.rest * (2**failures) * spread if rule.counted else rule.rest


def _spent(limits: Limits, tally: Tally, began: datetime) -> bool:
    worked = tally.done + tally.faults.total() + tally.lost
    late = limits.seconds is not None and (utcnow() - began).total_seconds() >= limits.seconds
    return late or (limits.items is not None and worked >= limits.items)
