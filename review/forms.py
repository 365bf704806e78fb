"""What pages read out of the fields of a form."""

from collections.abc import Mapping
from datetime import date

from starlette.requests import Request

from lastseen import days
from review.doors import visit_of


def cut(request: Request, longest: Mapping[str, int]) -> dict[str, str]:
    """These fields, each no longer than its number of characters; what was not sent is empty."""
    form = visit_of(request).form
    return {name: form.get(name, "")[:most] for name, most in longest.items()}


def day(written: str) -> date | None:
    """A day of a form, which has begun; None: nothing was written.  Raises WrongUse."""
    return days.past_day(written.strip()) if written.strip() else None
