"""The logs of what runs: one file a process in `logs/` of the data folder, kept small, and read in one place.

A process writes to the end of its file itself, so that nothing is lost when we are killed.  A file that has grown is
copied aside and emptied in place; a line that comes between the two is lost, which a log of noise may bear.
"""

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from lastseen.errors import WrongUse

MOST_BYTES = 5 * 1024**2
"""of one file, before it is set aside"""
KEPT = 3
"""older ones of each: with a dozen processes some 250 MB at most"""


def rotate(folder: Path) -> list[str]:
    """Set aside what has grown.  Returns the names."""
    grown = [path for path in folder.glob("*.log") if not path.is_symlink() and path.stat().st_size > MOST_BYTES]
    for path in grown:
        for number in range(KEPT - 1, 0, -1):
            if (older := _older(path, number)).exists():
                older.replace(_older(path, number + 1))
        shutil.copyfile(path, _older(path, 1))
        with path.open("r+b") as file:  # whoever writes to its end goes on at the new one
            file.truncate(0)
    return [path.name for path in grown]


def expire(folder: Path, until: datetime) -> int:
    """Delete the files below a folder that were last written before a moment, and folders left empty.

    Returns how many files.
    """
    gone = 0
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder comes before it
        if written(path) >= until:
            continue
        if path.is_symlink() or path.is_file():
            path.unlink(missing_ok=True)
            gone += 1
        elif not any(path.iterdir()):
            path.rmdir()
    return gone


def written(path: Path) -> datetime:
    """When it was written last."""
    return datetime.fromtimestamp(path.lstat().st_mtime, UTC)


def named(folder: Path) -> dict[str, Path]:
    """The logs by name; `airflow-scheduler` and `scheduler` are the same."""
    return {path.stem.removeprefix("airflow-"): path for path in sorted(folder.glob("*.log")) if path.is_file()}


def of(folder: Path, name: str) -> Path:
    """One log.  Raises WrongUse."""
    known = named(folder)
    try:
        return known[name.removesuffix(".log").removeprefix("airflow-")]
    except KeyError:
        there = f"there are {', '.join(known)}" if known else "there is none yet: `lastseen up` makes them"
        raise WrongUse(f"there is no log {name!r} in {folder}: {there}") from None


def last(path: Path, lines: int) -> list[str]:
    """The last lines of a log, also of its older part where the newest is short."""
    older = _older(path, 1)
    found: deque[str] = deque(maxlen=lines)
    for part in (older, path):
        if part.exists():
            found.extend(_lines(part))
    return list(found)


def followed(path: Path, ended: Callable[[], bool]) -> Iterator[str]:
    """The lines that come, until it has `ended`, which waits between two looks; from the beginning after a rotation."""
    at = path.stat().st_size if path.exists() else 0
    rest = b""
    while not ended():
        if not path.exists():
            continue
        at, rest = (0, b"") if path.stat().st_size < at else (at, rest)
        with path.open("rb") as file:
            file.seek(at)
            came = file.read()
        at += len(came)
        *whole, rest = (rest + came).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
