"""A new folder that appears whole, or not at all."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ulid import ULID

from lastseen.errors import Failure, WrongUse

UNFINISHED: Final = ".unfinished-export-"
"""how the folders begin in which exports are made"""
MIB: Final = 1024 * 1024
SPARE: Final = 64 * MIB
"""bytes that an export leaves free"""
FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class NoRoom(Failure):
    """The disk is full, or would be; the message says where, and what to do."""


@contextmanager
def appearing(target: Path, tell: Callable[[str], None]) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when the block ends well; otherwise nothing of it is left.

    What a killed export has left beside `target` is removed, and told.  Raises WrongUse if `target` cannot be made
    there, and NoRoom when the disk is full.
    """
    _require_new(target)
    sweep(target.parent, tell)
    desk = target.parent / f"{UNFINISHED}{ULID()}"
    desk.mkdir(mode=0o700)
    lock = os.open(desk, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        inside = desk / "package"
        inside.mkdir(mode=0o700)
        with full_disk_told(target.parent):
            yield inside
        _require_new(target)
        inside.rename(target)
    finally:
        shutil.rmtree(desk, ignore_errors=True)
        os.close(lock)


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Raises NoRoom where the disk runs full under a block that writes to `folder`."""
    try:
        yield
    except OSError as fault:
        if fault.errno not in FULL:
            raise
        raise NoRoom(f"the disk of {folder} is full: nothing was exported; make room, and try again") from fault


def sweep(parent: Path, tell: Callable[[str], None]) -> None:
    """Remove what killed exports have left in a folder; those that still run hold a lock."""
    for desk in sorted(parent.glob(f"{UNFINISHED}*")):
        with suppress(OSError):
            lock = os.open(desk, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(desk)
                tell(f"an export that was broken off had left {desk.name}: it was no package, and is removed")
            finally:
                os.close(lock)


def require_room(folder: Path, wanted: int) -> None:
    """Raises NoRoom if so many bytes do not fit."""
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE:
        raise NoRoom(
            f"the package needs {-(-wanted // MIB)} MiB and {SPARE // MIB} MiB to spare, and {free // MIB} MiB are free"
            f" where {folder} is: make room, or export to another disk"
        )


def _require_new(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise WrongUse(f"{target} is there already: an export makes a new folder, give it another name")
    if not target.parent.is_dir():
        raise WrongUse(f"there is no folder {target.parent} to make {target.name} in")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise WrongUse(f"nothing can be written to {target.parent}: export to another folder")
