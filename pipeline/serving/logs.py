"""The logs of what runs: one file a process in `logs/` of the data folder, kept small, and read in one place.

A process writes to the end of its file itself, so that it goes on and nothing is lost when we are killed, and nobody
has to read for it to write.  A file that has grown is copied aside, to its very end, and emptied in place.
What is written in the microseconds between the two is lost: a log of noise may bear it, and nothing that has to be
kept is in a log only.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from lastseen.errors import WrongUse

MOST_BYTES = 5 * 1024**2
"""of one file, before it is set aside"""
PIECE_BYTES = 1024**2
KEPT = 3
"""older ones of each: with a dozen processes some 250 MB at most"""


def rotate(folder: Path) -> list[str]:
    """Set aside what has grown.  Returns the names.

    Where the disk has no room for that, what was set aside before goes first: the newest is what somebody will read.
    """
    grown = [path for path in folder.glob("*.log") if not path.is_symlink() and path.stat().st_size > MOST_BYTES]
    for path in grown:
        for number in range(KEPT - 1, 0, -1):
            if (older := _older(path, number)).exists():
                older.replace(_older(path, number + 1))
        try:
            _set_aside(path)
        except OSError:
            for number in range(1, KEPT + 1):
                _older(path, number).unlink(missing_ok=True)
            _set_aside(path)
    return [path.name for path in grown]


def _set_aside(path: Path) -> None:
    """Copy it, also what comes meanwhile, and empty it; whoever writes to its end goes on at the new one."""
    with path.open("r+b") as file, _older(path, 1).open("wb") as aside:
        while piece := file.read(PIECE_BYTES):
            aside.write(piece)
            aside.flush()  # here, and not between the last look and the emptying
        file.truncate(0)


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
    held = _from(_older(path, 1), 0) + _from(path, 0)
    return held.decode(errors="replace").splitlines()[-lines:]


def followed(path: Path, ended: Callable[[], bool]) -> Iterator[str]:
    """The lines that come, until it has `ended`, which waits between two looks; also over a rotation."""
    at = path.stat().st_size if path.exists() else 0
    rest = b""
    while not ended():
        if not path.exists():
            continue
        came = b""
        if path.stat().st_size < at:  # it was set aside, with what came until then
            came, at = _from(_older(path, 1), at), 0
        fresh = _from(path, at)
        at += len(fresh)
        *whole, rest = (rest + came + fresh).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)


def _from(path: Path, at: int) -> bytes:
    """What a file holds from a place on; nothing where there is no such file."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(at)
        return file.read()
    return b""


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
