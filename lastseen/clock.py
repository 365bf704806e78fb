"""The only clock of the application (leases use the database's own, see `storage.work`)."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """The present moment, in UTC and aware of it."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC with microseconds: one spelling, so that it can be hashed."""
    there = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return there.isoformat(timespec="microseconds").replace("+00:00", "Z")
