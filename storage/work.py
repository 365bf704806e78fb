"""Who may work on what, and until when.  Every time here is the database's own: two workers' clocks disagree,
and a lease must not.

One primitive serves every step: `offer` an item, `claim` it under a lease with a random token, `settle` it with
that token in the transaction that keeps what was made.  A worker that stalled and came back finds its token
gone, and its transaction is rolled back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from lastseen.lifecycle import RULES, WorkState
from lastseen.outcomes import Fault

# Leased means "not ready until the lease ends", so a dead worker's item comes back by itself, behind everything
# that was ready before.  Attempts are counted here, not at the end: an item that kills its worker never gets there.
CLAIM = text("""
    UPDATE work
       SET lease = gen_random_uuid(), ready_at = now() + :lease, attempts = attempts + 1,
           crashes = crashes + (lease IS NOT NULL)::int
     WHERE id = (SELECT id FROM work
                  WHERE step = :step AND state = 'open' AND ready_at <= now()
                    AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))
                  ORDER BY ready_at, id LIMIT 1
                    FOR UPDATE SKIP LOCKED)
    RETURNING id, step, subject, recipe, lease, attempts, failures, crashes""")

RENEW = text("UPDATE work SET ready_at = now() + :lease WHERE id = :id AND lease = :token")

SETTLE = text("""
    UPDATE work
       SET state = :state, outcome = :outcome, why = :why, lease = NULL, failures = failures + :failed,
           ready_at = greatest(now() + :rest, coalesce(:until, now())),
           settled_at = CASE WHEN :state = 'open' THEN NULL ELSE now() END
     WHERE id = :id AND lease = :token""")

RETIRE = text("""
    UPDATE work
       SET state = 'quarantined', outcome = 'DEFECT', lease = NULL, settled_at = now(), crashes = crashes + 1,
           why = 'its worker died ' || (crashes + 1) || ' times while working on it'
     WHERE step = :step AND state = 'open' AND lease IS NOT NULL AND ready_at <= now() AND crashes + 1 >= :limit""")

OFFER = text("""
    INSERT INTO work (step, subject, recipe, state)
    SELECT :step, subject, :recipe, 'open' FROM unnest(CAST(:subjects AS bigint[])) AS subject
    ON CONFLICT (step, subject, recipe) DO NOTHING""")

REOPEN = text("""
    UPDATE work SET state = 'open', ready_at = now(), failures = 0, crashes = 0, settled_at = NULL
     WHERE step = :step AND state = ANY(:states)
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))""")

NEXT_RELEASE = text("""
    SELECT min(ready_at) - now() AS wait, count(*) AS items FROM work
     WHERE step = :step AND state = 'open' AND lease IS NOT NULL
       AND (CAST(:subjects AS bigint[]) IS NULL OR subject = ANY(:subjects))""")


class LeaseLost(Exception):
    """Another worker holds this item now: roll back whatever was made from it."""


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


@dataclass(frozen=True, slots=True)
class Held:
    """Items of a step that some worker holds."""

    items: int
    until: timedelta
    """when the first of their leases ends, from now"""


def offer(db: Connection, step: str, subjects: Sequence[int], recipe: str = "") -> int:
    """Put items into a step's queue; those already known there stay as they are.  Returns how many were new."""
    return db.execute(OFFER, {"step": step, "subjects": list(subjects), "recipe": recipe}).rowcount


def claim(db: Connection, step: str, lease: timedelta, subjects: Sequence[int] | None = None) -> Claim | None:
    """Take the item that has been ready longest (among `subjects`, if given), or None.

    Call it in a transaction of its own, and commit before the work begins.
    """
    row = db.execute(CLAIM, {"step": step, "lease": lease, "subjects": _array(subjects)}).mappings().first()
    return Claim(**row) if row else None


def renew(db: Connection, held: Claim, lease: timedelta) -> None:
    """Say that the worker is alive.  Raises LeaseLost if the item is no longer its own."""
    if db.execute(RENEW, {"id": held.id, "token": held.lease, "lease": lease}).rowcount != 1:
        raise LeaseLost(f"{held.step} {held.subject}")


def finish(db: Connection, held: Claim) -> None:
    """Settle as done, in the transaction that keeps what was made.  Raises LeaseLost."""
    _settle(db, held, WorkState.DONE, None, "", timedelta(), None, 0)


def fail(
    db: Connection, held: Claim, fault: Fault, why: str, rest: timedelta, until: datetime | None, limit: int
) -> WorkState:
    """Settle as `lastseen.lifecycle.RULES` says for this class of fault.  Raises LeaseLost.

    `rest` is how long the item waits if it stays open; at `limit` counted failures it ends as failed.
    """
    rule = RULES[fault]
    state = WorkState.FAILED if rule.counted and held.failures + 1 >= limit else rule.state
    _settle(db, held, state, fault, why, rest, until, int(rule.counted))
    return state


def retire(db: Connection, step: str, limit: int) -> int:
    """Quarantine the items whose workers died `limit` times.  Returns how many."""
    return db.execute(RETIRE, {"step": step, "limit": limit}).rowcount


def reopen(db: Connection, step: str, states: Sequence[WorkState], subjects: Sequence[int] | None = None) -> int:
    """Put ended items back into the queue: a new observation is due, or an operator asks.  Returns how many."""
    values: Mapping[str, object] = {"step": step, "states": list(states), "subjects": _array(subjects)}
    return db.execute(REOPEN, values).rowcount


def held(db: Connection, step: str, subjects: Sequence[int] | None = None) -> Held | None:
    """Which items of a step are in some worker's hands, or None."""
    row = db.execute(NEXT_RELEASE, {"step": step, "subjects": _array(subjects)}).one()
    return Held(row.items, max(row.wait, timedelta())) if row.items else None


def _array(subjects: Sequence[int] | None) -> list[int] | None:
    return None if subjects is None else list(subjects)


def _settle(
    db: Connection,
    held: Claim,
    state: WorkState,
    fault: Fault | None,
    why: str,
    rest: timedelta,
    until: datetime | None,
    failed: int,
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
    }
    if db.execute(SETTLE, values).rowcount != 1:
        raise LeaseLost(f"{held.step} {held.subject}")
