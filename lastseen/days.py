"""Days and moments as people write them: one reader for commands, DAGs and pages, and one sentence for what is none."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from lastseen.clock import is_to_come
from lastseen.errors import WrongUse
from lastseen.words import words

A_DAY: Final = timedelta(days=1)
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""no other spelling of ISO 8601, such as 20260301, which is the number of a post as well"""
_SHOWN: Final = 40
"""characters of what was written that an error repeats"""


def day(written: str, other: str = "") -> date:
    """A day such as 2026-03-01.  Raises WrongUse.

    `other`: what a command takes beside days.
    """
    found = _day(written)
    if found is None:
        refusal = words("“{written}” is no day: write it as 2026-03-01.", written=written[:_SHOWN])
        raise WrongUse(f"{refusal} Or write {other}." if other else refusal)
    return found


def past_day(written: str) -> date:
    """A day that has begun, as that of a document has.  Raises WrongUse, also for one that is still to come."""
    found = day(written)
    if is_to_come(found):
        raise WrongUse(words("{day} is still to come.", day=str(found)))
    return found


def moment(written: str) -> datetime:
    """A moment such as 2026-03-01T14:00, in UTC unless it says otherwise; of a day its beginning.  Raises WrongUse."""
    return _moment(written, timedelta(0))


def until(written: str) -> datetime:
    """A moment as well, but of a day its end.  Raises WrongUse."""
    return _moment(written, A_DAY)


def midnight(of: date) -> datetime:
    """The moment at which a day begins, UTC."""
    return datetime.combine(of, time(), UTC)


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if _DAY.fullmatch(written) else None
    except ValueError:
        return None


def _moment(written: str, later: timedelta) -> datetime:
    """`later`: than the beginning of a day."""
    found = _day(written)
    try:
        if found is not None:
            return midnight(found) + later
        if "T" in written:
            said = datetime.fromisoformat(written)
            return said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise WrongUse(f"“{written[:_SHOWN]}” is no day and no moment: write it as 2026-03-01 or 2026-03-01T14:00")
