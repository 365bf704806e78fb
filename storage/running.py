"""What `lastseen up` runs at this moment: a note in the data folder, for the pages, `doctor` and the next `up`.

The note says what was started; whether it still runs, the kernel is asked.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lastseen.errors import Failure
from storage.once import replaced
from storage.process_table import Process

LOGS = "logs"
"""folder of the data folder in which everything that runs has its log"""


class NotOurs(Failure):
    """The data folder is another user's."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One process that is kept running."""

    name: str
    process: Process
    since: str
    """ISO 8601, UTC: when it was started last"""
    restarts: int
    """how often it died and was started again since `lastseen up` began"""
    log: str
    """path of its log"""

    @property
    def alive(self) -> bool:
        """Whether it runs at this moment."""
        return self.process.alive()


@dataclass(frozen=True, slots=True)
class Note:
    """What one `lastseen up` runs."""

    up: Process
    since: str
    page: str
    """address of the page from which everything is reached"""
    airflow: str
    """address of Airflow's pages"""
    processes: tuple[Ran, ...] = ()
    """what it started itself"""
    servers: tuple[Ran, ...] = ()
    """the embedded servers, which others share"""
    review_host: str = ""
    review_port: int = 0
    """where this machine reaches the review pages; browsers may have another address for them"""

    @property
    def all(self) -> tuple[Ran, ...]:
        """Everything that is kept running."""
        return self.processes + self.servers

    @property
    def stands(self) -> bool:
        """Whether that `lastseen up` still runs."""
        return self.up.alive()


def read(data_dir: Path) -> Note | None:
    """The last note; None if there is none that can be read."""
    try:
        raw = json.loads(_note(data_dir).read_text())
        return Note(
            up=Process(**raw.pop("up")),
            processes=_ran(raw.pop("processes")),
            servers=_ran(raw.pop("servers")),
            **raw,
        )
    except (OSError, ValueError, KeyError, TypeError):  # none, or of another version
        return None


def _ran(noted: list[dict[str, Any]]) -> tuple[Ran, ...]:
    return tuple(Ran(process=Process(**one.pop("process")), **one) for one in noted)


def write(data_dir: Path, note: Note) -> None:
    """Replace the note."""
    replaced(_note(data_dir), json.dumps(asdict(note)).encode())


def still_looks(data_dir: Path) -> None:
    """Say that whoever wrote the note still looks after what it names."""
    with suppress(FileNotFoundError):
        os.utime(_note(data_dir))


def looked_at(data_dir: Path) -> datetime:
    """When that was said last, or the note written.  Raises FileNotFoundError."""
    return datetime.fromtimestamp(_note(data_dir).stat().st_mtime, UTC)


def forget(data_dir: Path) -> None:
    """Nothing is run any more."""
    _note(data_dir).unlink(missing_ok=True)


@contextmanager
def alone(data_dir: Path) -> Iterator[bool]:
    """Be the only `lastseen up` of this folder, until the block or the process ends.  False: there is another.

    Raises NotOurs.
    """
    folder = _note(data_dir).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        file = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)  # not inherited: it ends with this process
    except PermissionError as fault:
        raise NotOurs(
            f"{folder} belongs to another user: run as that user, or give the data folder to this one"
        ) from fault
    try:
        yield _locked(file)
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note(data_dir: Path) -> Path:
    return data_dir / "servers" / "up.json"
