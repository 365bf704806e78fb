"""Who may work on what, and until when.  Every time here is the database's own: two workers' clocks disagree,
and a lease must not.

One primitive serves every step: `offer` an item, `claim` it under a lease with a random token, `settle` it with
that token in the transaction that keeps what was made.  A worker that stalled and came back finds its token
gone, and its transaction is rolled back.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from lastseen import logs
from lastseen.lifecycle import RULES, WorkState
from lastseen.outcomes import Fault

log = logging.getLogger("lastseen.work")

BLAMELESS = (Fault.WAIT, Fault.GONE, Fault.SKIPPED)
"""faults that are nobody's: a task whose items end so has not failed"""
OF_A_TIP = 5
"""priority of what a relative pointed to: above that of young posts and of sources that are about to go"""
LISTED = 20
"""items that a line of the log names"""
BEATS_PER_LEASE = 3
"""two renewals may fail before the lease is lost"""

# Leased means "not ready until the lease ends", so a dead worker's item comes back by itself, behind everything
# of its priority that was ready before.  Attempts are counted here, not at the end: an item that kills its worker
# never gets there.  Items of sites that nobody is to ask now are left where they are.
CLAIM = text("""
    UPDATE work
       SET lease = gen_random_uuid(), ready_at = now() + :lease, attempts = attempts + 1,
           crashes = crashes + (lease IS NOT NULL)::int, visits = NULL
     WHERE id = (SELECT id FROM work
                  WHERE step = :step AND recipe = :recipe AND state = 'open' AND ready_at <= now()
                    AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))
                    AND (site IS NULL OR site <> ALL(CAST(:leave AS text[])))
                  ORDER BY priority DESC, ready_at, id LIMIT 1
                    FOR UPDATE SKIP LOCKED)
    RETURNING id, step, subject, recipe, lease, attempts, failures, crashes, blocks, site, priority""")

RENEW = text("UPDATE work SET ready_at = now() + :lease WHERE id = :id AND lease = :token")

SETTLE = text("""
    UPDATE work
       SET state = :state, outcome = :outcome, why = :why, lease = NULL, failures = failures + :failed,
           crashes = CASE WHEN :advanced THEN 0 ELSE crashes END, visits = NULL,
           blocks = CASE WHEN :blocked THEN blocks + 1 WHEN :state = 'done' THEN 0 ELSE blocks END,
           ready_at = greatest(now() + :rest, coalesce(:until, now())),
           settled_at = CASE WHEN :state = 'open' THEN NULL ELSE now() END
     WHERE id = :id AND lease = :token""")

RETIRE = text("""
    UPDATE work
       SET state = 'quarantined', outcome = 'DEFECT', lease = NULL, settled_at = now(), crashes = crashes + 1,
           why = 'its worker died ' || (crashes + 1) || ' times while working on it'
     WHERE step = :step AND state = 'open' AND lease IS NOT NULL AND ready_at <= now() AND crashes + 1 >= :limit""")

OFFER = text("""
    INSERT INTO work (step, subject, recipe, state, priority, site)
    SELECT :step, subject, :recipe, 'open', :priority, :site FROM unnest(CAST(:subjects AS bigint[])) AS subject
    ON CONFLICT (step, subject, recipe) DO NOTHING""")

# An item that somebody works on at this moment is taken from them: what they read may be out of date.
AGAIN = text("""
    UPDATE work SET state = 'open', ready_at = now(), lease = NULL, failures = 0, crashes = 0, settled_at = NULL
     WHERE step = :step AND recipe = :recipe AND (state = 'done' OR (state = 'open' AND lease IS NOT NULL))
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))""")

# Items that wait for a recipe that is no longer in use.  Of several for one subject the newest is taken over; where the
# new one has it already, nobody will ever work them off, and retention would wait for them.
LEFT_OVER = text("""
    DELETE FROM work AS waiting
     WHERE step = :step AND recipe <> :recipe AND state = 'open' AND lease IS NULL
       AND EXISTS (SELECT FROM work AS known
                    WHERE known.step = :step AND known.subject = waiting.subject
                      AND (known.recipe = :recipe
                           OR (known.state = 'open' AND known.lease IS NULL AND known.id > waiting.id)))""")
ADOPT = text("""
    UPDATE work AS waiting SET recipe = :recipe
     WHERE step = :step AND recipe <> :recipe AND state = 'open' AND lease IS NULL
       AND NOT EXISTS (SELECT FROM work AS known
                        WHERE known.step = :step AND known.recipe = :recipe AND known.subject = waiting.subject)""")

REOPEN = text("""
    UPDATE work SET state = 'open', ready_at = now(), failures = 0, crashes = 0, settled_at = NULL
     WHERE step = :step AND recipe = :recipe AND state = ANY(:states)
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))""")

# Done, though something was wrong with it: a video that was left half-way.
REOPEN_FLAWED = text("""
    UPDATE work SET state = 'open', ready_at = now(), failures = 0, crashes = 0, settled_at = NULL
     WHERE step = :step AND recipe = :recipe AND state = 'done' AND outcome IS NOT NULL
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))""")

HELD = text("""
    SELECT min(ready_at) - now() AS wait, count(*) AS items FROM work
     WHERE step = :step AND recipe = :recipe AND state = 'open' AND lease IS NOT NULL
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))""")

READY = text("""
    SELECT subject FROM work
     WHERE step = :step AND recipe = :recipe AND state = 'open' AND ready_at <= now()
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))
       AND (site IS NULL OR site <> ALL(CAST(:leave AS text[])))
     ORDER BY priority DESC, ready_at, id""")

BY_SITE = text("""
    SELECT subject, site FROM work
     WHERE step = :step AND recipe = :recipe AND site IS NOT NULL
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))""")

# Those that did not get through, whatever has become of them since; and what was done, but not whole.
NOT_THROUGH = text("""
    SELECT subject FROM work
     WHERE step = :step AND recipe = :recipe AND state <> 'open' AND (state <> 'done' OR outcome IS NOT NULL)
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))
     ORDER BY id""")

# Where the work of a task stands.  An item waits for its own moment, and for that of its site.
STANDING = text("""
    SELECT count(*) AS items,
           count(*) FILTER (WHERE state IN ('failed', 'quarantined')
                               OR (state = 'open' AND outcome <> ALL(:blameless) AND waits)) AS failed,
           min(moment) FILTER (WHERE state = 'open' AND waits) - now() AS wait
      FROM (SELECT state, work.outcome, greatest(ready_at, closed_until) AS moment,
                   lease IS NULL AND greatest(ready_at, closed_until) > now() AS waits
              FROM work LEFT JOIN sites ON sites.site = work.site
             WHERE step = :step AND recipe = :recipe AND subject = ANY(:subjects)) AS batch""")

HURRY = text("""
    UPDATE work SET priority = :priority
     WHERE step = :step AND recipe = :recipe AND state = 'open' AND priority < :priority
       AND subject = ANY(:subjects)""")

RELEASE = text("UPDATE work SET lease = NULL, visits = NULL, ready_at = now() WHERE id = :id AND lease = :token")


class LeaseLost(Exception):
    """Another worker holds this item now: roll back whatever was made from it."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The items of one step that are done by one recipe."""

    step: str
    recipe: str = ""
    """how it is done, where there are several ways: an engine, an analysis recipe"""
    subjects: tuple[int, ...] | None = None
    """only these; None: all"""

    def values(self) -> dict[str, object]:
        """Bound into every statement of this file."""
        subjects = None if self.subjects is None else list(self.subjects)
        return {"step": self.step, "recipe": self.recipe, "subjects": subjects}


@dataclass(frozen=True, slots=True)
class Claim:
    """One item, ours until the lease ends."""

    id: int
    step: str
    subject: int
    """row id of what the step works on: a source, a media item, a blob, a photo, an analysis, a candidate"""
    recipe: str
    lease: UUID
    """the token that must still stand in the row when the work is settled"""
    attempts: int
    failures: int
    crashes: int
    blocks: int = 0
    """how often in a row it was refused"""
    site: str | None = None
    """where its worker has to go, if that is known"""
    priority: int = 0

    @property
    def passed_on(self) -> int:
        """The priority of what comes of it: what a relative pointed to stays ahead of others to its end."""
        return self.priority if self.priority >= OF_A_TIP else 0


@dataclass(frozen=True, slots=True)
class Held:
    """Items of a step that some worker holds."""

    items: int
    until: timedelta
    """when the first of their leases ends, from now"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the items of one batch stand."""

    items: int
    failed: int
    """that ended, or rest, for a fault that is neither the server's asking to wait, nor a loss, nor a policy"""
    wait: timedelta | None
    """until the first of them may be tried again that nobody may try now; None: there is none"""

    @property
    def mostly_failed(self) -> bool:
        """More than half did not get through."""
        return self.failed * 2 > self.items


def offer(db: Connection, queue: Queue, subjects: Sequence[int], priority: int = 0, site: str | None = None) -> int:
    """Put items into a queue; those already known there stay as they are.  Returns how many were new.

    Those with a higher `priority` are claimed first.  `site` is where their worker will have to go (`storage.sites`).
    """
    if not subjects:
        return 0
    values = {**queue.values(), "subjects": list(subjects), "priority": priority, "site": site}
    new = db.execute(OFFER, values).rowcount
    if new and "run" in logs.about():  # what a run finds for the next steps; who reviews what is in no log
        log.info("next for %s: %s", queue.step, _some(subjects))
    return new


def _some(subjects: Sequence[int]) -> str:
    """Their ids, as far as a line goes: by them an item is followed through the logs from step to step."""
    more = len(subjects) - LISTED
    return ", ".join(map(str, subjects[:LISTED])) + (f" and {more} more" if more > 0 else "")


def hurry(db: Connection, queue: Queue, priority: int) -> int:
    """Have the queue's subjects, which it has to name, claimed before those of lower priority.  Returns how many."""
    return db.execute(HURRY, {**queue.values(), "priority": priority}).rowcount


def claim(db: Connection, queue: Queue, lease: timedelta, leave: Sequence[str] = ()) -> Claim | None:
    """Take the item of a queue that has been ready longest, or None; none of the sites in `leave`.

    Call it in a transaction of its own, and commit before the work begins.
    """
    row = db.execute(CLAIM, {**queue.values(), "lease": lease, "leave": list(leave)}).mappings().first()
    return Claim(**row) if row else None


def renew(db: Connection, held: Claim, lease: timedelta) -> None:
    """Say that the worker is alive.  Raises LeaseLost if the item is no longer its own."""
    if db.execute(RENEW, {"id": held.id, "token": held.lease, "lease": lease}).rowcount != 1:
        raise LeaseLost(f"{held.step} {held.subject}")


def release(db: Connection, held: Claim) -> None:
    """Give an item back at once: its worker stops for a reason of its own."""
    db.execute(RELEASE, {"id": held.id, "token": held.lease})


def finish(db: Connection, held: Claim, note: str = "", flaw: Fault | None = None) -> None:
    """Settle as done, in the transaction that keeps what was made.  Raises LeaseLost."""
    _settle(db, held, WorkState.DONE, flaw, note, timedelta(), None, 0)


def advance(db: Connection, held: Claim, note: str) -> None:
    """Settle as done in part: the item is ready again at once, and what its workers suffered before is forgotten.

    Raises LeaseLost.
    """
    _settle(db, held, WorkState.OPEN, None, note, timedelta(), None, -held.failures, advanced=True)


def fail(
    db: Connection, held: Claim, fault: Fault, why: str, rest: timedelta, until: datetime | None, limit: int
) -> WorkState:
    """Settle as `lastseen.lifecycle.RULES` says for this class of fault.  Raises LeaseLost.

    `rest` is how long the item waits if it stays open; at `limit` counted failures it ends as failed.  Who is refused
    for a reason of the site's, and not of its own, has no rest.
    """
    rule = RULES[fault]
    state = WorkState.FAILED if rule.counted and held.failures + 1 >= limit else rule.state
    blocked = fault is Fault.BLOCKED and rest > timedelta()
    _settle(db, held, state, fault, why, rest, until, int(rule.counted), blocked=blocked)
    return state


def retire(db: Connection, queue: Queue, limit: int) -> int:
    """Quarantine the items whose workers died `limit` times.  Returns how many."""
    return db.execute(RETIRE, {"step": queue.step, "limit": limit}).rowcount


def reopen(db: Connection, queue: Queue, states: Sequence[WorkState]) -> int:
    """Put ended items back into the queue: a new observation is due, or an operator asks.  Returns how many."""
    return db.execute(REOPEN, {**queue.values(), "states": list(states)}).rowcount


def reopen_flawed(db: Connection, queue: Queue) -> int:
    """Put items back that were done with a flaw (`Done.flaw`): an operator asks.  Returns how many."""
    return db.execute(REOPEN_FLAWED, queue.values()).rowcount


def again(db: Connection, queue: Queue) -> int:
    """What was done, or is in work, is to be done anew, since what it stands on has changed.  Returns how many."""
    return db.execute(AGAIN, queue.values()).rowcount


def adopt(db: Connection, queue: Queue) -> int:
    """Have what still waits for another recipe of this step done by this one, which has it once.  Returns how many."""
    db.execute(LEFT_OVER, queue.values())
    return db.execute(ADOPT, queue.values()).rowcount


def held(db: Connection, queue: Queue) -> Held | None:
    """Which items of a queue are in some worker's hands, or None."""
    row = db.execute(HELD, queue.values()).one()
    return Held(row.items, max(row.wait, timedelta())) if row.items else None


def ready(db: Connection, queue: Queue, leave: Sequence[str] = ()) -> Sequence[int]:
    """Subjects of a queue's items that could be claimed now, in their order; none of the sites in `leave`."""
    return db.execute(READY, {**queue.values(), "leave": list(leave)}).scalars().all()


def not_through(db: Connection, queue: Queue) -> Sequence[int]:
    """Subjects of a queue's items that ended without getting through, or not whole."""
    return db.execute(NOT_THROUGH, queue.values()).scalars().all()


def standing(db: Connection, queue: Queue) -> Standing:
    """How the subjects stand that a queue names."""
    row = db.execute(STANDING, {**queue.values(), "blameless": [str(fault) for fault in BLAMELESS]}).one()
    return Standing(row.items, row.failed, row.wait)


def by_site(db: Connection, queue: Queue) -> Mapping[int, str]:
    """Subject -> site, for those of a queue's subjects that go to one."""
    rows = db.execute(BY_SITE, queue.values())
    return {row.subject: row.site for row in rows}


class Heartbeat:
    """Renews a lease in the background for as long as the block runs.

    A lease that is lost meanwhile is only noted here: settling finds out, and nothing is kept.
    """

    def __init__(self, engine: Engine, held: Claim, lease: timedelta) -> None:
        self._engine, self._held, self._lease = engine, held, lease
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{held.id}", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._lease.total_seconds() / BEATS_PER_LEASE):
            try:
                with self._engine.begin() as db:
                    renew(db, self._held, self._lease)
            except LeaseLost:
                return
            except DBAPIError as fault:  # the database may be back before the lease ends
                log.warning("%s %d: the lease was not renewed: %s", self._held.step, self._held.subject, type(fault))


def _settle(
    db: Connection,
    held: Claim,
    state: WorkState,
    fault: Fault | None,
    why: str,
    rest: timedelta,
    until: datetime | None,
    failed: int,
    *,
    advanced: bool = False,
    blocked: bool = False,
) -> None:
    values: Mapping[str, object] = {
        "id": held.id,
        "token": held.lease,
        "state": state,
        "outcome": fault,
        "why": why,
        "rest": rest,
        "until": until,
        "failed": failed,
        "advanced": advanced,
        "blocked": blocked,
    }
    if db.execute(SETTLE, values).rowcount != 1:
        raise LeaseLost(f"{held.step} {held.subject}")
