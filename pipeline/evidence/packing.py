"""Packages of evidence that were asked for on the pages are made, and go when their days are over.

Each is made by `export`, as the command makes it, in the name of whoever asked for it, and put into one file in the
bucket `export`.  A worker that is killed in between leaves a package in the log that nobody got; the next one makes
another.
"""

import hashlib
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from ulid import ULID

from lastseen.clock import utcnow
from lastseen.outcomes import Fault, ObjectToStore
from pipeline.app import App
from pipeline.asked import Asked, give_up
from pipeline.evidence import export
from pipeline.evidence.export import BOUND_BY, Handed
from pipeline.evidence.folders import full_disk_told, require_room
from storage import custody, packages, work
from storage.database import Connection
from storage.objects import EXPORT, Version
from storage.packages import NAME, STEP, Wanted
from storage.work import Claim, LeaseLost, Queue

UNRECORDED = timedelta(days=1)
"""a file without a row may be younger than this: its worker is about to write the row"""


def due(app: App) -> int:
    """How many packages are asked for and not made."""
    return asked(app).due()


def run(app: App) -> dict[str, int]:
    """Make what was asked for, and remove what was kept long enough.  Returns counts."""
    counts = asked(app).run()
    return {**counts, "removed": _remove(app)}


def asked(app: App) -> Asked:
    """The queue of packages."""
    return Asked(app, Queue(STEP), partial(_make, app))


def _make(app: App, held: Claim, folder: Path) -> bool:
    with app.stores.db.begin() as db:
        wanted = packages.get(db, held.subject)
    if wanted is None:
        raise LeaseLost(f"{held.step} {held.subject}")
    if wanted.refusal is not None:
        return give_up(app, held, Fault.SKIPPED, wanted.refusal)
    asker = replace(app, actor=wanted.asked_by)
    package = folder / "package"
    made = export.export(asker, f"candidate:{wanted.candidate}", package, wanted.recipient, wanted.reason)
    with full_disk_told(folder):
        require_room(folder, sum(path.stat().st_size for path in files_of(package)))
        thing = _object(packed({f"evidence-{made.id}": package}, folder / NAME), made)
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


def packed(parts: Mapping[str, Path], target: Path) -> Path:
    """One file that holds these folders, by name; nothing is compressed: recordings are already."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
        for name, package in parts.items():
            for path in files_of(package):
                file.write(path, f"{name}/{path.relative_to(package)}")
    return target


def files_of(package: Path) -> Iterator[Path]:
    """All files of a folder, in order."""
    yield from sorted(path for path in package.rglob("*") if path.is_file())


def _object(path: Path, made: Handed) -> ObjectToStore:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return ObjectToStore(EXPORT, f"{made.id}/{NAME}", path, sha256, "application/zip")


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
        there = list(app.stores.objects.versions(EXPORT))
        left = [one.key for one in there if one.key not in known and _is_left(one.key)]
        left += _of_no_export(db, there)
    for key in left:
        app.stores.objects.erase(EXPORT, key)
    return len(gone) + len(left)


def _is_left(key: str) -> bool:
    """Whether this is a package that nobody is about to write a row for."""
    name, _, file = key.partition("/")
    made = _made(name)
    return file == NAME and made is not None and utcnow() - made > UNRECORDED


def _of_no_export(db: Connection, there: Sequence[Version]) -> list[str]:
    """Manifests that were stored for exports of which the log does not tell: whoever made them died before."""
    old = utcnow() - UNRECORDED
    found: dict[str, list[str]] = defaultdict(list)
    for one in there:
        name, _, file = one.key.partition("/")
        if file in BOUND_BY and one.made_at < old and _made(name) is not None:
            found[name].append(one.key)
    known = packages.logged(db, sorted(found))
    return [key for name, keys in found.items() if name not in known for key in keys]


def _made(name: str) -> datetime | None:
    """When an export of this name was begun; None: it is no name of one."""
    try:
        return ULID.from_str(name).datetime
    except ValueError:
        return None
