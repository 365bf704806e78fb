"""What runs on this machine, for the page from which everything is reached."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lastseen.settings import Settings
from storage import running


@dataclass(frozen=True, slots=True)
class Line:
    """One process."""

    name: str
    runs: bool
    since: datetime
    restarts: int


@dataclass(frozen=True, slots=True)
class Here:
    """What `lastseen up` runs here."""

    since: datetime
    airflow: str
    """address of its pages"""
    logs: Path
    lines: tuple[Line, ...]


def here(settings: Settings) -> Here | None:
    """None: these pages were started alone, or what started them has ended."""
    note = running.read(settings.data_dir)
    if note is None or not note.stands:
        return None
    logs = settings.data_dir.resolve() / running.LOGS
    lines = tuple(Line(one.name, one.alive, _moment(one.since), one.restarts) for one in note.all)
    return Here(_moment(note.since), note.airflow, logs, lines)


def _moment(said: str) -> datetime:
    return datetime.fromisoformat(said)
