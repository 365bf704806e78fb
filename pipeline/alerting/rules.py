"""Rules that raise alerts from figures: each is a function of what was seen, with a name, and ends what it raised."""

import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from lastseen.clock import utcnow
from lastseen.settings import Settings
from storage import alerts, letters, watching
from storage.alerts import Alert
from storage.database import Connection
from storage.watching import Seen

FEW: Final = 50
"""items: a backlog that is smaller is none"""
DEATHS: Final = 3
"""of workers over one item, from which on it is no accident"""
CALM: Final = timedelta(minutes=30)
"""for which a rule must not have held before its alert ends: what is just at a bound is told of once, not every time"""
AWAY: Final = timedelta(days=1)
"""after which a machine that looked no more has no disk that could be full"""
RAISED_HERE: Final = (
    alerts.BACKLOG,
    alerts.QUARANTINE,
    alerts.WORKERS_DIE,
    alerts.DISK,
    alerts.SILENT,
    alerts.LETTER_OVERDUE,
)
DATA_FOLDER: Final = "data folder"
JOURNAL: Final = "journal"

Found = tuple[str, str, str]
"""kind, subject, what is said"""


def look(db: Connection, settings: Settings) -> None:
    """Look at everything that these rules are about; raise what is so, and end what has not been so for a while."""
    seen = watching.look(db, timedelta(hours=settings.alert_backlog_hours), DEATHS)
    found = [*judged(seen, settings, utcnow()), *_disk(settings), *_letters(db)]
    for kind, subject, said in found:
        alerts.sound(db, kind, subject, said)
    stand = {(kind, subject) for kind, subject, _ in found}
    for one in alerts.standing(db):
        if one.kind in RAISED_HERE and (one.kind, one.subject) not in stand and is_over(one):
            alerts.end(db, one.kind, one.subject)


def is_over(one: Alert) -> bool:
    """Whether an alert that does not hold now has ended.  Another machine's disk is not seen from here.

    A letter is answered once: that is no figure at its bound.
    """
    if one.kind == alerts.LETTER_OVERDUE:
        return True
    elsewhere = one.kind == alerts.DISK and one.subject != disk_here()
    return one.since >= (AWAY if elsewhere else CALM)


def disk_here() -> str:
    """Subject of an alert on the disk of this machine."""
    return f"{DATA_FOLDER}:{platform.node()}"


def judged(seen: Seen, settings: Settings, now: datetime) -> Iterator[Found]:
    """What is to be said of what was seen."""
    for step, items in seen.waiting.items():
        if grows(seen.marks.get(step, ()), items, settings.alert_backlog_hours, now):
            said = f"{items} items of {step} wait, and more in each of the last {settings.alert_backlog_hours} hours"
            yield alerts.BACKLOG, f"step:{step}", said
    for step, items in seen.quarantined.items():
        if items >= settings.alert_quarantined:
            yield alerts.QUARANTINE, f"step:{step}", f"{items} items of {step} were set aside within a day"
    for step, items in seen.dying.items():
        yield alerts.WORKERS_DIE, f"step:{step}", f"over {items} items of {step} workers died {DEATHS} times or more"
    if seen.silent is not None and seen.silent > timedelta(hours=settings.alert_silent_hours):
        hours = seen.silent.total_seconds() / 3600
        yield alerts.SILENT, JOURNAL, f"no work was begun for {hours:.1f} hours"


def grows(marks: Sequence[tuple[datetime, int]], now_waiting: int, hours: int, now: datetime) -> bool:
    """Whether more waited in each hour than in the one before, for so many hours until now.

    `marks`: how much waited at the beginning of each hour, the oldest first.  An hour in which nobody looked, or
    nothing waited, proves nothing.
    """
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    known = dict(marks)
    wanted = [this_hour - timedelta(hours=back) for back in range(hours, 0, -1)]
    if now_waiting < FEW or any(hour not in known for hour in wanted):
        return False
    course = [*(known[hour] for hour in wanted), now_waiting]
    return all(before < after for before, after in pairwise(course))


def _letters(db: Connection) -> Iterator[Found]:
    for letter, due in letters.overdue(db):
        yield alerts.LETTER_OVERDUE, f"letter:{letter}", f"letter {letter}: an answer was expected by {due}"


def _disk(settings: Settings) -> Iterator[Found]:
    room = disk(settings)
    if room["free"] < room["total"] * settings.alert_disk_percent / 100:
        percent = 100 * room["free"] / room["total"]
        yield alerts.DISK, disk_here(), f"{percent:.0f} % of the disk are free: {room['free'] // 2**30} GiB"


def disk(settings: Settings) -> Mapping[str, int]:
    """Bytes of the disk that the data folder of this machine is on: `total`, `free`."""
    folder = settings.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return {"total": usage.total, "free": usage.free}
