"""Packages of evidence that were asked for on the pages are made, and go when their days are over.

Each is made by `export`, as the command makes it, in the name of whoever asked for it, and put into one file in the
bucket `export`.  A worker that is killed in between leaves a package in the log that nobody got; the next one makes
another.  What goes wrong with one holds up no other: it is settled by the rules of all steps (`lastseen.lifecycle`),
and the page says why.
"""

import hashlib
import logging
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ulid import ULID

from lastseen.clock import utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.outcomes import Fault, ObjectToStore
from pipeline import scratch
from pipeline.app import App
from pipeline.evidence import export
from pipeline.evidence.export import Handed
from pipeline.evidence.folders import NoRoom, full_disk_told, require_room
from pipeline.runner import rest
from storage import custody, packages, work
from storage.database import DatabaseError, is_away
from storage.objects import EXPORT, Corrupted, ObjectMissing, StoreUnavailable
from storage.packages import NAME, STEP, Wanted
from storage.work import Claim, Heartbeat, LeaseLost, Queue

log = logging.getLogger(__name__)

UNRECORDED = timedelta(days=1)
"""a file without a row may be younger than this: its worker is about to write the row"""


def due(app: App) -> int:
    """How many packages are asked for and not made."""
    with app.stores.db.begin() as db:
        return len(work.ready(db, Queue(STEP)))


def run(app: App) -> dict[str, int]:
    """Make what was asked for, and remove what was kept long enough.  Returns counts."""
    counts = Counter({"made": 0, "failed": 0})
    while (held := _claim(app)) is not None:
        counts["made" if _work(app, held) else "failed"] += 1
    return {**counts, "removed": _remove(app)}


def _claim(app: App) -> Claim | None:
    with app.stores.db.begin() as db:
        work.retire(db, Queue(STEP), app.settings.crash_limit)
    with app.stores.db.begin() as db:
        return work.claim(db, Queue(STEP), _lease(app))


def _lease(app: App) -> timedelta:
    return timedelta(seconds=app.settings.lease_seconds)


def _work(app: App, held: Claim) -> bool:
    """Whether it was made.  Raises DatabaseError if the database is away."""
    try:
        with Heartbeat(app.stores.db, held, _lease(app)), scratch.folder(scratch.root(app.settings)) as folder:
            return _attempt(app, held, folder)
    except LeaseLost:
        log.warning("package %d: another worker has taken it over, or an erasure has", held.subject)
        return False
    except BaseException:
        with app.stores.db.begin() as db:
            work.release(db, held)
        raise


def _attempt(app: App, held: Claim, folder: Path) -> bool:
    """Raises LeaseLost, and DatabaseError if the database is away."""
    try:
        return _make(app, held, folder)
    except StoreUnavailable as fault:
        return _give_up(app, held, Fault.TRANSIENT, f"the object store did not answer: {fault}")
    except NoRoom as fault:
        return _give_up(app, held, Fault.TRANSIENT, str(fault))
    except (Corrupted, ObjectMissing) as fault:
        log.error("package %d: %s", held.subject, fault)  # noqa: TRY400  the message is all there is to say
        return _give_up(app, held, Fault.DEFECT, f"incident, run `lastseen verify`: {fault}")
    except (WrongUse, Failure) as fault:
        return _give_up(app, held, Fault.DEFECT, str(fault))
    except LeaseLost:
        raise
    except Exception as fault:  # our own bug: the others that wait are made all the same
        if isinstance(fault, DatabaseError) and is_away(fault):
            raise
        log.exception("package %d", held.subject)
        return _give_up(app, held, Fault.DEFECT, f"a fault of lastseen itself, see the log: {type(fault).__name__}")


def _make(app: App, held: Claim, folder: Path) -> bool:
    with app.stores.db.begin() as db:
        wanted = packages.get(db, held.subject)
    if wanted is None:
        raise LeaseLost(f"{held.step} {held.subject}")
    if wanted.refusal is not None:
        return _give_up(app, held, Fault.SKIPPED, wanted.refusal)
    asker = replace(app, actor=wanted.asked_by)
    package = folder / "package"
    made = export.export(asker, f"candidate:{wanted.candidate}", package, wanted.recipient, wanted.reason)
    with full_disk_told(folder):
        require_room(folder, sum(path.stat().st_size for path in _files(package)))
        thing = _object(_packed(package, folder / NAME, made), made)
    app.stores.objects.put_verified(thing)
    _keep(app, held, wanted, made, thing)
    return True


def _keep(app: App, held: Claim, wanted: Wanted, made: Handed, thing: ObjectToStore) -> None:
    """Raises LeaseLost: it was erased meanwhile, or another worker makes it.  Then the file is gone, too."""
    size = app.stores.objects.size(EXPORT, thing.key)
    try:
        with app.stores.db.begin() as db:
            work.finish(db, held)
            packages.keep(db, wanted.id, made.id, made.sha256, made.key, size, thing.key)
    except LeaseLost:
        app.stores.objects.erase(EXPORT, thing.key)
        raise


def _packed(package: Path, target: Path, made: Handed) -> Path:
    """One file that holds the folder; nothing is compressed: recordings are already."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for path in _files(package):
            packed.write(path, f"evidence-{made.id}/{path.relative_to(package)}")
    return target


def _files(package: Path) -> Iterator[Path]:
    yield from sorted(path for path in package.rglob("*") if path.is_file())


def _object(path: Path, made: Handed) -> ObjectToStore:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return ObjectToStore(EXPORT, f"{made.id}/{NAME}", path, sha256, "application/zip")


def _give_up(app: App, held: Claim, fault: Fault, why: str) -> bool:
    """Settle it as not made: always False."""
    with app.stores.db.begin() as db:
        work.fail(db, held, fault, why, rest(fault, held.failures), None, app.settings.transient_limit)
    return False


def _remove(app: App) -> int:
    """What was kept long enough, and what an erasure or a killed worker has left without a row."""
    with app.stores.db.begin() as db:
        gone = packages.over(db)
    for package, candidate, key, made in gone:
        app.stores.objects.erase(EXPORT, key)
        with app.stores.db.begin() as db:
            custody.append_all(db, app.actor, [packages.removed(db, package, candidate, made)])
    with app.stores.db.begin() as db:
        known = packages.keys(db)
    left = [key for key in app.stores.objects.keys(EXPORT) if key not in known and _is_left(key)]
    for key in left:
        app.stores.objects.erase(EXPORT, key)
    return len(gone) + len(left)


def _is_left(key: str) -> bool:
    """Whether this is a package that nobody is about to write a row for."""
    name, _, file = key.partition("/")
    try:
        return file == NAME and utcnow() - ULID.from_str(name).datetime > UNRECORDED
    except ValueError:
        return False
