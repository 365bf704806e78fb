"""The only place that acts on an outcome: claims an item, lets its step work, keeps what it made, settles the claim.

    claim (own transaction) -> load (read) -> run (nothing open) -> objects safe in the store
        -> keep + settle + custody (one transaction, in this order: nobody who holds the chain waits for a row)

A worker that is killed anywhere on this way leaves its lease to end; what it had put into the object store is found
there, equal, by the next one.
"""

import logging
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Generic, Self, TypeVar

from extractors.sandbox import Sandbox
from extractors.video_sites import Sites
from lastseen import logs
from lastseen.clock import iso, utcnow
from lastseen.errors import Failure
from lastseen.lifecycle import RULES
from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome, Scope
from lastseen.settings import Settings
from pipeline import scratch
from pipeline.telegram.lines import Lines
from storage import costs, custody, erasures, sites, work
from storage.custody import Action, Entry
from storage.database import Connection, DatabaseError, is_away, is_conflict
from storage.objects import EVIDENCE, Corrupted, ObjectMissing, Stored, StoreUnavailable
from storage.sites import Manners
from storage.stores import Stores
from storage.work import Claim, Heartbeat, LeaseLost, Queue

Job = TypeVar("Job")
Made = TypeVar("Made")

log = logging.getLogger("lastseen.runner")

VISITING = ("collect", "recheck", "fetch")
"""steps that ask video sites"""
WAITED_LEASES = 1.5
"""a dead worker's item is free after one lease; the rest is for slow clocks and machines"""
SHORTEST_PAUSE = timedelta(milliseconds=50)
LONGEST_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a step may use while it works: settings, a folder of its own, reading from the object store, a sandbox."""

    settings: Settings
    scratch: Path
    """empty, and deleted afterwards"""
    stores: Stores
    box: Sandbox
    """for whatever came from outside; it starts with the first file"""
    sites: Sites
    """reads video sites; it starts with the first page"""
    lines: Lines
    """to Telegram; each is taken when it is first asked for"""
    store_ahead: Callable[[ObjectToStore], None]
    """have an object safe in the store before the outcome that it belongs to; from any thread, raising what storing it
    then would"""

    def download(self, bucket: str, key: str, sha256: str, version_id: str | None = None, name: str = "media") -> Path:
        """The object as a file, hashed again on its way.  Raises storage.objects.Corrupted."""
        path = self.scratch / name
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
    keep: Callable[[Connection, Result[Job, Made]], Sequence[Entry]]
    """inserts the rows, offers the next steps' items, and returns what the custody log must say of it"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the work on one item ended."""

    step: str
    subject: int
    done: bool
    fault: Fault | None
    """what was wrong, also with an item that is done all the same"""
    why: str
    bug: bool = False
    """it was lastseen's own fault"""
    made: bool = False
    """something was kept that was not there before: the custody log tells of it, or an object was stored"""

    @property
    def said(self) -> str:
        """In a word or two, without words from outside: `done`, `WAIT`, `done, DEFECT`, `goes on`."""
        return ", ".join([*["done"] * self.done, *([str(self.fault)] if self.fault else [])]) or "goes on"


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
    made: int = 0
    """items of which something new was kept"""

    def count(self, ended: Ended | None) -> None:
        """Add one item."""
        if ended is None:
            self.lost += 1
            return
        self.done += ended.done
        self.bugs += ended.bug
        self.made += ended.made
        if ended.fault is not None:
            self.faults[ended.fault] += 1

    def as_dict(self) -> dict[str, int]:
        """Counts by `done`, by class, and by `lost` to another worker if there were any."""
        lost = {"lost": self.lost} if self.lost else {}
        return {"done": self.done, **{str(fault): count for fault, count in sorted(self.faults.items())}, **lost}


def by_step(tallies: Sequence[Tally]) -> dict[str, dict[str, int]]:
    """What each step did, whichever commands had it work."""
    found: dict[str, Counter[str]] = {}
    for tally in tallies:
        found.setdefault(tally.step, Counter()).update(tally.as_dict())
    return {step: dict(counts) for step, counts in found.items()}


@dataclass(slots=True)
class Stopwatch:
    """What items took, whatever they ended as on the way."""

    done: dict[int, float] = field(default_factory=dict)
    """subject -> seconds, of those that are done"""
    _under_way: dict[int, float] = field(default_factory=dict)

    def note(self, subject: int, seconds: float, *, done: bool) -> None:
        """Somebody worked on an item."""
        self._under_way[subject] = self._under_way.get(subject, 0.0) + seconds
        if done:
            self.done[subject] = self.done.get(subject, 0.0) + self._under_way.pop(subject)


class Runner:
    """Works items off, one at a time; any number of runners may work side by side.

    A context manager: at its end, the sandbox that its steps opened files in is closed, and so are its sites and lines.
    """

    def __init__(
        self, stores: Stores, settings: Settings, actor: str, told: Callable[[Ended], None] = lambda ended: None
    ) -> None:
        """`told` hears of every item that ended, e.g. to show progress."""
        self.stores, self.settings, self.actor, self._told = stores, settings, actor, told
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._manners = manners(settings)
        self._box = Sandbox(settings, lambda: scratch.folder(scratch.root(settings)))
        self._sites = Sites(settings)
        self._lines = Lines(stores.db, settings)
        self._ahead: dict[str, Stored] = {}
        """by key: what is safe in the store before the outcome that it belongs to"""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rest()
        self._sites.close()
        self._box.close()

    def drain(
        self,
        step: Step[Job, Made],
        subjects: Sequence[int] | None = None,
        *,
        wait: bool = True,
        seconds: float = math.inf,
    ) -> Tally:
        """Work until nothing of `step` is ready (among `subjects`, if given); after `seconds` no item is begun.

        With `wait`, items that another worker holds are waited for, for as long as a dead worker's lease can last;
        whoever renews a lease in that time is alive, and the item is left to it.
        """
        tally, patience, stopwatch = Tally(step.name), self._lease * WAITED_LEASES, Stopwatch()
        queue = Queue(step.name, step.recipe, None if subjects is None else tuple(subjects))
        until = monotonic() + seconds
        while monotonic() < until:
            held = self._claim(queue)
            if held is not None:
                self._take(step, held, tally, stopwatch)
                continue
            self._rest()
            pause = self._pause(queue) if wait and patience > timedelta() else None
            if pause is None:
                break
            patience -= pause
        self._rest()
        self._learn(queue, stopwatch)
        return tally

    def _rest(self) -> None:
        """Let others have the accounts; what was read and stored ahead of it is not asked for any more."""
        self._lines.rest()
        self._ahead.clear()

    def _take(self, step: Step[Job, Made], held: Claim, tally: Tally, stopwatch: "Stopwatch") -> None:
        began = monotonic()
        ended = self._work(step, held)
        stopwatch.note(held.subject, monotonic() - began, done=ended is not None and ended.done)
        tally.count(ended)
        if ended is not None:
            self._told(ended)

    def _learn(self, queue: Queue, stopwatch: "Stopwatch") -> None:
        """Keep what items took.  It is a figure for plans: not worth an error where the database has just gone."""
        try:
            with self.stores.db.begin() as db:
                costs.learn(db, queue, stopwatch.done)
        except DatabaseError as fault:
            if not is_away(fault):
                raise
            log.warning("%s: what its items took was not kept: %s", queue.step, type(fault).__name__)

    def _claim(self, queue: Queue) -> Claim | None:
        with self.stores.db.begin() as db:
            work.retire(db, queue, self.settings.crash_limit)
        with self.stores.db.begin() as db:
            leave = sites.unavailable(db, queue.step, self._manners) if queue.step in VISITING else ()
            return work.claim(db, queue, self._lease, leave)

    def _pause(self, queue: Queue) -> timedelta | None:
        """Sleep until another worker's lease may have ended.  Returns for how long; None if nobody holds anything."""
        with self.stores.db.begin() as db:
            held = work.held(db, queue)
        if held is None:
            return None
        log.info("%s: %d items are held by another worker", queue.step, held.items)
        pause = min(max(held.until, SHORTEST_PAUSE), LONGEST_PAUSE)
        sleep(pause.total_seconds())
        return pause

    def _work(self, step: Step[Job, Made], claim: Claim) -> Ended | None:
        try:
            with (
                logs.of_process(step=claim.step, item=claim.subject),
                Heartbeat(self.stores.db, claim, self._lease),
                scratch.folder(scratch.root(self.settings)) as folder,
            ):
                ended = self._work_in(step, claim, folder)
                log.info("%s %d: %s", claim.step, claim.subject, ended.said)  # and not why: that may hold an address
                return ended
        except LeaseLost:
            log.warning("%s %d: another worker has taken it over", claim.step, claim.subject)
            return None
        except BaseException:
            self._release(claim)
            raise

    def _work_in(self, step: Step[Job, Made], claim: Claim, folder: Path) -> Ended:
        """Raises LeaseLost, DatabaseError if the database is away, Failure if something that every item needs is."""
        locked_until = self._locked_until()
        try:
            job, outcome = self._attempt(step, claim, self._bench(folder))
            self._refuse_erased(outcome)
            stored = self._store(outcome, locked_until)
            result = Result(claim, job, outcome.made, stored, self.actor, locked_until)
            return self._keep(step, result, outcome)
        except Erased:
            return self._give_up(claim, NotDone(Fault.SKIPPED, "the same bytes were erased by a lawful order"))
        except StoreUnavailable as fault:
            return self._give_up(claim, NotDone(Fault.TRANSIENT, f"the object store did not answer: {fault}"))
        except (Corrupted, ObjectMissing) as fault:
            log.error("%s %d: %s", claim.step, claim.subject, fault)  # noqa: TRY400  the message is all there is to say
            return self._give_up(claim, _OurFault(Fault.DEFECT, f"incident, run `lastseen verify`: {fault}"))
        except (LeaseLost, Failure):
            raise
        except Exception as fault:  # our own bug, or what came from outside does not fit into its table
            if isinstance(fault, DatabaseError) and is_away(fault):
                raise
            log.exception("%s %d", claim.step, claim.subject)
            why = f"a fault of lastseen itself, see the log: {type(fault).__name__}"
            return self._give_up(claim, _OurFault(Fault.DEFECT, why))

    def _bench(self, folder: Path) -> Bench:
        return Bench(self.settings, folder, self.stores, self._box, self._sites, self._lines, self._store_ahead)

    def _attempt(self, step: Step[Job, Made], claim: Claim, bench: Bench) -> tuple[Job, Outcome[Made]]:
        with self.stores.db.begin() as db:
            job = step.load(db, claim)
        return job, step.run(job, bench)

    def _store(self, outcome: Outcome[Made], locked_until: datetime) -> dict[str, Stored]:
        if not outcome.objects:
            return {}
        ahead = {thing.key: self._ahead.pop(thing.key) for thing in outcome.objects if thing.key in self._ahead}
        rest = [thing for thing in outcome.objects if thing.key not in ahead]
        return ahead | self.stores.objects.put_all(rest, locked_until)

    def _store_ahead(self, thing: ObjectToStore) -> None:
        lock = self._locked_until() if thing.bucket == EVIDENCE else None
        self._ahead[thing.key] = self.stores.objects.put_verified(thing, lock)

    def _refuse_erased(self, outcome: Outcome[Made]) -> None:
        """Before anything is stored.  Raises Erased."""
        if any(thing.bucket == EVIDENCE for thing in outcome.objects):
            with self.stores.db.begin() as db:
                if _erased(db, outcome):
                    raise Erased

    def _refuse_erased_meanwhile(self, db: Connection, outcome: Outcome[Made]) -> None:
        """As long as the transaction is open no erasure is confirmed.  Raises Erased; what was stored is gone then."""
        erasures.hold_off(db)
        erased = _erased(db, outcome)
        for thing in erased:
            self.stores.objects.erase(EVIDENCE, thing.key)
        if erased:
            raise Erased

    def _locked_until(self) -> datetime:
        return utcnow() + timedelta(days=self.settings.evidence_lock_days)

    def _keep(self, step: Step[Job, Made], result: Result[Job, Made], outcome: Outcome[Made]) -> Ended:
        try:
            return self._keep_once(step, result, outcome)
        except DatabaseError as fault:
            if not is_conflict(fault):
                raise
        return self._keep_once(step, result, outcome)  # another transaction won; it is through by now

    def _keep_once(self, step: Step[Job, Made], result: Result[Job, Made], outcome: Outcome[Made]) -> Ended:
        with self.stores.db.begin() as db:
            self._refuse_erased_meanwhile(db, outcome)
            entries = step.keep(db, result)
            ended = self._settle(db, result.claim, outcome)
            custody.append_all(db, self.actor, [_placed(entry, result) for entry in entries])
            return replace(ended, made=bool(entries or outcome.objects))

    def _settle(self, db: Connection, claim: Claim, outcome: Outcome[Made]) -> Ended:
        match outcome:
            case Done(note=note, again=True):
                work.advance(db, claim, note)
                return Ended(claim.step, claim.subject, False, None, note)
            case Done(note=note, flaw=flaw):
                work.finish(db, claim, note, flaw)
                return Ended(claim.step, claim.subject, True, flaw, note)
            case NotDone(fault=fault, why=why, until=until):
                pause = timedelta() if outcome.scope is Scope.SITE else rest(fault, claim.failures)
                work.fail(db, claim, fault, why, pause, until, self.settings.transient_limit)
                return Ended(claim.step, claim.subject, False, fault, why, bug=isinstance(outcome, _OurFault))

    def _give_up(self, claim: Claim, outcome: NotDone[Made]) -> Ended:
        with self.stores.db.begin() as db:
            return self._settle(db, claim, outcome)

    def _release(self, claim: Claim) -> None:
        with self.stores.db.begin() as db:
            work.release(db, claim)


def manners(settings: Settings) -> Manners:
    """How this office behaves towards video sites."""
    return Manners(
        pause=timedelta(seconds=settings.site_pause_seconds),
        jitter=settings.site_jitter,
        patience=timedelta(seconds=settings.site_patience_seconds),
        downloads=settings.site_downloads,
        rest=timedelta(seconds=settings.site_rest_seconds),
    )


def _placed(entry: Entry, result: Result[Job, Made]) -> Entry:
    """What an event says of an object that was stored for it, with its version and until when it is locked."""
    thing = result.stored.get(str(entry.detail.get("key")))
    if thing is None or entry.action not in (Action.STORED, Action.COLLECTED):
        return entry
    told = {"version": thing.version_id, "locked_until": iso(result.locked_until)}
    return replace(entry, detail={**entry.detail, **told})


def _erased(db: Connection, outcome: Outcome[Made]) -> list[ObjectToStore]:
    """What it would put into the evidence, and a lawful order has had erased."""
    evidence = [thing for thing in outcome.objects if thing.bucket == EVIDENCE]
    if not evidence:
        return []
    barred = erasures.among(db, [bytes.fromhex(thing.sha256) for thing in evidence])
    return [thing for thing in evidence if bytes.fromhex(thing.sha256) in barred]


class Erased(Exception):
    """These bytes are not kept again: a lawful order had them erased."""


class _OurFault(NotDone[Made]):
    """Not the item's fault, and not the world's."""


def rest(fault: Fault, failures: int) -> timedelta:
    """Doubled with each failure, and spread, so that many items do not come back at one moment."""
    rule = RULES[fault]
    spread = random.uniform(0.5, 1.5)  # noqa: S311  jitter, not a secret
    return rule.rest * (2**failures) * spread if rule.counted else rule.rest
