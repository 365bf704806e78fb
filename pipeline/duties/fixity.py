"""All evidence is read again within a quarter: `lastseen fixity`, and the DAG of that name."""

import math
from datetime import timedelta

from pipeline.app import App
from pipeline.custody import stamp_checks
from pipeline.duties import erasure
from storage import alerts, custody_keys, fixity, holds
from storage.fixity import Plan
from storage.objects import LockNotKept


def due(app: App) -> int:
    """How many objects would be read now."""
    return fixity.due(app.stores.db, timedelta(days=app.settings.fixity_days))


def run(app: App, minutes: float | None = None) -> dict[str, int]:
    """Probe the lock, tell the store of holds on what has come since, finish what was cut short, and read what is due.

    Where it runs as a role that may not erase, an erasure that was cut short waits for `lastseen erasures finish`, and
    an alert says so.

    Raises storage.objects.LockNotKept, StoreUnavailable.
    """
    _probe(app)
    held = holds.sync(app.stores.db, app.stores.objects)
    finished, waiting = _erasures(app)
    done = fixity.run(app.stores.db, app.stores.objects, _plan(app, minutes))
    return {
        "due": done.due,
        "read": done.read,
        "proofs": done.proofs,
        "incidents": done.incidents,
        "locks_extended": done.extended,
        "held": held.held,
        "erasures_finished": finished,
        "erasures_waiting": waiting,
    }


def _erasures(app: App) -> tuple[int, int]:
    """How many that were cut short are done now, and how many wait for somebody who may."""
    if erasure.may_erase(app.stores):
        return len(erasure.finish(app)), 0
    return 0, erasure.alert(app)


def waiting_said(count: int) -> str:
    """What to do about so many erasures that wait."""
    return (
        f"{count} erasures were confirmed and cut short, and the role of LASTSEEN_DATABASE_URL may not go on with them:"
        " `lastseen erasures finish`, with the owner of the database in LASTSEEN_DATABASE_OWNER_URL (in Compose"
        " `docker compose run --rm migrate lastseen erasures finish`); say with --called again what was said before"
    )


def _probe(app: App) -> None:
    try:
        app.stores.objects.probe_lock()
    except LockNotKept as fault:
        with app.stores.db.begin() as db:
            alerts.sound(db, alerts.LOCK, "object store", str(fault))
        raise
    with app.stores.db.begin() as db:
        alerts.end(db, alerts.LOCK, "object store")


def _plan(app: App, minutes: float | None) -> Plan:
    return Plan(
        cycle=timedelta(days=app.settings.fixity_days),
        lock=timedelta(days=app.settings.evidence_lock_days),
        trust=custody_keys.trusted(app.settings),
        also=[stamp_checks.listening(app.stores, app.settings)],
        seconds=math.inf if minutes is None else minutes * 60,
        actor=app.actor,
    )
