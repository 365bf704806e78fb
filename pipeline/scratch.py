"""Folders to work in, for bytes from outside and evidence on its way: none outlives its worker for long.

Each folder has a file beside it that its worker keeps locked.  The kernel lets go of the lock when the worker dies,
however it dies; whoever opens the installation next sweeps away what nobody holds.
"""

import fcntl
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from lastseen.clock import utcnow
from lastseen.settings import Settings

log = logging.getLogger("lastseen.scratch")

PARTIAL_KEPT = timedelta(days=7)
"""a download that nobody went on with for so long is begun anew"""
LOCK = ".lock"
"""ends the name of the file beside a folder"""


def root(settings: Settings) -> Path:
    """Where the folders of one installation are."""
    return settings.data_dir / "scratch"


def partial(settings: Settings, name: str) -> Path:
    """Where the beginning of a file waits for the rest of it, from one try to the next."""
    place = settings.data_dir / "partial"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place / name


@contextmanager
def kept(settings: Settings, name: str, otherwise: Path) -> Iterator[Path]:
    """A folder that stays from one try to the next, for us alone; `otherwise` if a worker that stalled still has it."""
    path = partial(settings, name)
    lock = os.open(_beside(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        ours = path if _locks(lock) and _is(lock, _beside(path)) else otherwise
        ours.mkdir(mode=0o700, exist_ok=True)
        os.utime(lock)  # so that nobody sweeps it away
        yield ours
        if ours is path and not path.exists():
            _beside(path).unlink(missing_ok=True)
    finally:
        os.close(lock)


def sweep_partials(settings: Settings) -> None:
    """Delete the beginnings that nobody goes on with."""
    oldest = utcnow().timestamp() - PARTIAL_KEPT.total_seconds()
    for path in (settings.data_dir / "partial").glob("*"):
        with suppress(FileNotFoundError):  # somebody else sweeps, too
            if path.stat().st_mtime >= oldest:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


@contextmanager
def folder(root: Path) -> Iterator[Path]:
    """A fresh, empty folder under `root` (absolute, for us alone), deleted when the block ends."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock, path = _take(root.resolve())
    try:
        path.mkdir(mode=0o700)
        yield path
    finally:
        _remove(path)
        os.close(lock)


def sweep(root: Path) -> int:
    """Delete the folders whose workers died.  Returns how many; any number of processes may sweep at once."""
    if not root.is_dir():
        return 0
    names = {entry.name.removesuffix(LOCK) for entry in root.iterdir()}
    swept = sum(_sweep(root / name) for name in sorted(names))
    if swept:
        log.info("%d folders of workers that died were deleted", swept)
    return swept


def _take(root: Path) -> tuple[int, Path]:
    """A name whose lock is ours.  A sweeper may be faster between making the file and locking it: then another name."""
    while True:
        path = root / secrets.token_hex(8)
        lock = os.open(_beside(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if _locks(lock) and _is(lock, _beside(path)):
            return lock, path
        os.close(lock)


def _sweep(path: Path) -> bool:
    """Delete one folder, if nobody holds it.  The folder goes first, so that none is ever without a lock."""
    lock = os.open(_beside(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        return _locks(lock) and _remove(path)
    finally:
        os.close(lock)


def _remove(path: Path) -> bool:
    there = path.exists()
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():  # something of a killed worker may still be writing there
        log.warning("the folder %s could not be deleted now: the next start tries again", path.name)
        return False
    _beside(path).unlink(missing_ok=True)
    return there


def _beside(path: Path) -> Path:
    return path.with_name(path.name + LOCK)


def _locks(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(lock: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False
