"""Folders for servers that live no longer than one run of the tests, and what runs that were killed have left of them.

A run holds a lock on its folder.  The kernel lets go of it when the run dies, however it dies: what nobody holds is
nobody's any more, and the next run stops the servers in it and removes it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage import embedded
from storage.embedded import EmbeddedError

PREFIX = "lastseen-test-run-"
DATA = "data"
"""the servers' own folder within it"""


@contextmanager
def room(place: Path) -> Iterator[Path]:
    """A new folder for servers in `place`, for as long as the block; what is left there of dead runs goes before."""
    for left in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or another run clears it at this moment
            clear(left)
    folder, held = _new(place)
    try:
        yield folder / DATA
    finally:
        shutil.rmtree(folder)
        os.close(held)


def clear(folder: Path) -> bool:
    """Stop the servers of a run that has died, and remove its folder.  False: it lives, or another clears it."""
    held = _hold(folder)
    if held is None:
        return False
    try:
        embedded.stop(folder / DATA)
        shutil.rmtree(folder)
    except EmbeddedError:  # its servers cannot be seen from this container
        return False
    finally:
        os.close(held)
    return True


def _new(place: Path) -> tuple[Path, int]:
    """A folder and its lock.  Whoever clears may take it for a dead run's until it is locked: then another is made."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        with suppress(FileNotFoundError):
            held = _hold(folder)
            if held is not None and folder.exists():
                return folder, held


def _hold(folder: Path) -> int | None:
    """The folder, open and locked; None: another process holds it.  A process that this one starts does not get it."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
