"""The only clock of the application (leases use the database's own, see `storage.work`), and how moments are spelt."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

TOMORROW: Final = timedelta(days=1)
"""a document may bear the date of a place where it is tomorrow already"""


def utcnow() -> datetime:
    """The present moment, in UTC and aware of it."""
    return datetime.now(UTC)


def is_to_come(day: date) -> bool:
    """Whether a day has begun nowhere on earth yet."""
    return day > utcnow().date() + TOMORROW


def mark(milliseconds: int | None) -> str:
    """A moment in a video, e.g. `1:02.4` (minutes, seconds, tenths) or `1:00:02.4`."""
    tenths = (milliseconds or 0) // 100
    seconds, tenth = divmod(tenths, 10)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}.{tenth}" if hour else f"{minute}:{second:02}.{tenth}"


def iso(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC with microseconds: one spelling, so that it can be hashed."""
    there = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return there.isoformat(timespec="microseconds").replace("+00:00", "Z")
