"""Reading all evidence again, a little every day, what was read longest ago first.

What is due is chosen from the same table that `verification` makes; each batch is written down in one transaction, so a
run that was killed goes on where it was.  Locks that end before the next look are made longer on the way.
"""

import hashlib
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from sqlalchemy import Connection, Engine, text

from lastseen.clock import utcnow
from storage import custody, incidents, keys, verification
from storage.custody import Action, Entry, Incident
from storage.custody_keys import Trust
from storage.objects import EVIDENCE, Examined, ObjectStore
from storage.verification import READERS, Begin, Evidence, Expected, Wish

BATCH = 200
"""objects that are read before it is written down"""

# What was never looked at again was read back when it was stored.
DUE = text("""
    SELECT place, expected.key, sha256, coalesce(version, told_version, '') AS version,
           coalesce(locked_until, told_locked_until) AS locked_until
      FROM expected LEFT JOIN fixity_checks ON fixity_checks.key = expected.key
     WHERE kept ORDER BY coalesce(checked_at, told_at) NULLS FIRST, number LIMIT :limit""")

OVERDUE = text("""
    SELECT count(*) FROM expected LEFT JOIN fixity_checks ON fixity_checks.key = expected.key
     WHERE kept AND coalesce(checked_at, told_at, 'epoch') < now() - CAST(:cycle AS interval)""")

NOTE = text("""
    INSERT INTO fixity_checks (key, checked_at, stands)
    SELECT key, now(), bool_and(stands)
      FROM unnest(CAST(:keys AS text[]), CAST(:stands AS boolean[])) AS read (key, stands) GROUP BY key
    ON CONFLICT (key) DO UPDATE SET checked_at = excluded.checked_at, stands = excluded.stands""")

FRESH = text("""
    SELECT key FROM fixity_checks
     WHERE key = ANY(CAST(:keys AS text[])) AND stands AND checked_at > now() - CAST(:cycle AS interval)""")

LOCKED = text("UPDATE blobs SET locked_until = :until WHERE object_key = ANY(:keys) AND locked_until < :until")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is read."""

    cycle: timedelta
    """everything is read once in it"""
    lock: timedelta
    """for how long what is needed stays locked, from now on"""
    actor: str
    trust: Trust = field(default_factory=Trust)
    """whose signatures on heads of the log are believed"""
    also: Sequence[Begin] = ()
    """who listens to the log, as with `verification.verify`"""
    seconds: float = math.inf
    """after so many no further batch is begun"""


@dataclass(frozen=True, slots=True)
class Done:
    """What one run did."""

    due: int
    read: int
    incidents: int
    """that were not known"""
    extended: int
    """locks"""
    proofs: int = 0
    """signed heads, manifests, statements, tokens, roots that were read beside"""


def due(engine: Engine, cycle: timedelta) -> int:
    """How many objects a run would read now."""
    with verification.at_one_moment(engine) as db, db.begin():
        return len(_due(db, verification.expect(db), cycle))


def run(engine: Engine, objects: ObjectStore, plan: Plan) -> Done:
    """Follow the chain, compare rows, log and store, and read those objects that are due today.

    Raises storage.objects.StoreUnavailable when the store does not answer.
    """
    until = monotonic() + plan.seconds
    with verification.at_one_moment(engine) as db:
        evidence = Evidence(db, objects, Wish(), plan.trust, also=plan.also)
        entries = list(verification.overall(evidence))
        items = _due(db, evidence.recorded, plan.cycle)
    found, extended, read = _record(engine, plan, entries), 0, []
    with ThreadPoolExecutor(READERS) as readers:
        for look, chosen in ((_look, items), (_look_at_proof, _proofs(engine, objects, plan.cycle))):
            read.append(0)
            for start in range(0, len(chosen), BATCH):
                if monotonic() >= until:
                    break
                seen = list(readers.map(partial(look, objects), chosen[start : start + BATCH]))
                longer = [one.item for one in seen if _extend(objects, plan, one)]
                found += _keep(engine, plan, seen, longer)
                read[-1], extended = read[-1] + len(seen), extended + len(longer)
    return Done(len(items), read[0], found, extended, proofs=read[1])


def _record(engine: Engine, plan: Plan, found: Sequence[Incident]) -> int:
    with engine.begin() as db:
        entries = incidents.keep(db, found, plan.actor)
        custody.append_all(db, plan.actor, entries)
    return len(entries)


@dataclass(frozen=True, slots=True)
class _Look:
    item: Expected
    seen: Examined | None
    found: Sequence[Incident]


def _look(objects: ObjectStore, item: Expected) -> _Look:
    seen, found = verification.examine(objects, item)
    return _Look(item, seen, found)


def _proofs(engine: Engine, objects: ObjectStore, cycle: timedelta) -> list[Expected]:
    """What proves the evidence, and was not looked at within half a cycle: its locks have to last as long as that's.

    Whether it says what it should is for those who follow the log: every day, all of it.
    """
    there = [one for prefix in keys.PROOFS for one in objects.versions(EVIDENCE, prefix) if not one.marker]
    with engine.connect() as db:
        values = {"keys": [one.key for one in there], "cycle": cycle / 2}
        fresh = set(db.execute(FRESH, values).scalars())
    return [Expected(one.key, one.key, "", one.version_id, None) for one in there if one.key not in fresh]


def _look_at_proof(objects: ObjectStore, item: Expected) -> _Look:
    """Its bytes are hashed for the event; no row says what that hash has to be."""
    seen, found = verification.examine(objects, item)
    return _Look(item, seen, [one for one in found if seen is None or one.what != verification.CHANGED])


def _due(db: Connection, every: int, cycle: timedelta) -> list[Expected]:
    """A day's share of everything, and what should have been read before."""
    overdue: int = db.execute(OVERDUE, {"cycle": cycle}).scalar_one()
    limit = max(overdue, math.ceil(every / max(1, cycle.days)))
    return [Expected(**row) for row in db.execute(DUE, {"limit": limit}).mappings()]


def _extend(objects: ObjectStore, plan: Plan, look: _Look) -> bool:
    """Whether its lock would have ended before anybody looks again, and was made longer.  A damaged one stays too."""
    if look.seen is None or look.seen.locked_until > utcnow() + 2 * plan.cycle:
        return False
    return objects.extend_lock(look.item.key, look.item.version, _until(plan))


def _until(plan: Plan) -> datetime:
    return (utcnow() + plan.lock).replace(microsecond=0)


def _keep(engine: Engine, plan: Plan, seen: Sequence[_Look], longer: Sequence[Expected]) -> int:
    """One event for the batch, which binds what was read and how it stood."""
    lines = "".join(f"{look.item.key} {look.item.version} {look.seen.sha256 if look.seen else '-'}\n" for look in seen)
    detail = {
        "objects": len(seen),
        "stand": sum(not look.found for look in seen),
        "locks_extended": len(longer),
        "list": hashlib.sha256(lines.encode()).hexdigest(),
    }
    with engine.begin() as db:
        stands = {"keys": [look.item.key for look in seen], "stands": [not look.found for look in seen]}
        db.execute(NOTE, stands)
        if longer:
            db.execute(LOCKED, {"until": _until(plan), "keys": [item.key for item in longer]})
        entries = incidents.keep(db, (one for look in seen for one in look.found), plan.actor)
        custody.append_all(db, plan.actor, [Entry(Action.VERIFIED, "evidence", detail), *entries])
    return len(entries)
