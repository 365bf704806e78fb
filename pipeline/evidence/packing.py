"""Packages of evidence that were asked for on the pages are made, and go when their days are over.

Each is made by `export`, as the command makes it, in the name of whoever asked for it, and put into one file in the
bucket `export`.  A worker that is killed in between leaves a package in the log that nobody got; the next one makes
another.
"""

import hashlib
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ulid import ULID

from lastseen.clock import utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.lifecycle import RULES
from lastseen.outcomes import Fault, ObjectToStore
from pipeline import scratch
from pipeline.app import App
from pipeline.evidence import export
from pipeline.evidence.export import Handed
from pipeline.evidence.folders import require_room
from storage import custody, packages, work
from storage.objects import EXPORT, StoreUnavailable
from storage.packages import NAME, STEP, Wanted
from storage.work import Claim, Heartbeat, LeaseLost, Queue

UNRECORDED = timedelta(days=1)
"""a file without a row may be younger than this: its worker is about to write the row"""


def due(app: App) -> int:
    """How many packages are asked for and not made."""
    with app.stores.db.begin() as db:
        return len(work.ready(db, Queue(STEP)))


def run(app: App) -> dict[str, int]:
    """Make what was asked for, and remove what was kept long enough.  Returns counts."""
    counts = Counter({"made": 0, "failed": 0, "removed": _remove(app)})
    while (held := _claim(app)) is not None:
        counts["made" if _work(app, held) else "failed"] += 1
    return dict(counts)


def _claim(app: App) -> Claim | None:
    with app.stores.db.begin() as db:
        work.retire(db, Queue(STEP), app.settings.crash_limit)
    with app.stores.db.begin() as db:
        return work.claim(db, Queue(STEP), _lease(app))


def _lease(app: App) -> timedelta:
    return timedelta(seconds=app.settings.lease_seconds)


def _work(app: App, held: Claim) -> bool:
    """Whether it was made."""
    try:
        with Heartbeat(app.stores.db, held, _lease(app)), scratch.folder(scratch.root(app.settings)) as folder:
            _make(app, held, folder)
    except LeaseLost:
        return False
    except StoreUnavailable as fault:
        _give_up(app, held, Fault.TRANSIENT, f"the object store did not answer: {fault}")
        return False
    except (WrongUse, Failure) as fault:
        _give_up(app, held, Fault.DEFECT, str(fault))
        return False
    except BaseException:
        with app.stores.db.begin() as db:
            work.release(db, held)
        raise
    return True


def _make(app: App, held: Claim, folder: Path) -> None:
    with app.stores.db.begin() as db:
        wanted = packages.get(db, held.subject)
    asker = replace(app, actor=wanted.asked_by)
    package = folder / "package"
    made = export.export(asker, f"candidate:{wanted.candidate}", package, wanted.recipient, wanted.reason)
    require_room(folder, sum(path.stat().st_size for path in _files(package)))
    thing = _object(_packed(package, folder / NAME, made), made)
    app.stores.objects.put_verified(thing)
    _keep(app, held, wanted, made, thing)


def _keep(app: App, held: Claim, wanted: Wanted, made: Handed, thing: ObjectToStore) -> None:
    size = app.stores.objects.size(EXPORT, thing.key)
    with app.stores.db.begin() as db:
        packages.keep(db, wanted.id, made.id, made.sha256, made.key, size, thing.key)
        work.finish(db, held)


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


def _give_up(app: App, held: Claim, fault: Fault, why: str) -> None:
    with app.stores.db.begin() as db:
        work.fail(db, held, fault, why, RULES[fault].rest, None, app.settings.transient_limit)


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
