"""The languages of the reports: their messages, numbers, days and sizes.

The review pages have theirs in `review.language`, which this room may not know: the report is made where nobody asks
for a page, once in every language.  Its catalogues are read from their `.po` files (docs/translating.md).
"""

import gettext
from dataclasses import dataclass
from datetime import date
from functools import cache

from babel import Locale
from babel.dates import format_date

from lastseen import catalogues
from lastseen.preferences import LANGUAGES
from lastseen.tongue import Tongue


@dataclass(frozen=True, slots=True)
class Speech(Tongue):
    """One language that reports are written in."""

    def say(self, message: str) -> str:
        """The message in this language; what no catalogue knows stays as it is."""
        return self.messages.gettext(message)

    def duration(self, seconds: int) -> str:
        """Hours, minutes and seconds, e.g. `1:02:03`; hours as many as there are."""
        minutes, second = divmod(seconds, 60)
        hours, minute = divmod(minutes, 60)
        return f"{self.number(hours)}:{minute:02}:{second:02}"

    def day(self, day: date) -> str:
        """In full, e.g. `25 November 2026`."""
        return str(format_date(day, "d MMMM y", locale=self.locale))

    def short_day(self, day: date) -> str:
        """As little as will do below a plot, e.g. `25 Nov`."""
        return str(format_date(day, "d MMM", locale=self.locale))

    def month(self, day: date) -> str:
        """A month in full, e.g. `November 2026`."""
        return str(format_date(day, "LLLL y", locale=self.locale))

    def short_month(self, day: date) -> str:
        """As little as will do below a plot, e.g. `Nov`."""
        return str(format_date(day, "LLL", locale=self.locale))


@cache
def speeches() -> dict[str, Speech]:
    """All languages, by code."""
    return {code: Speech(code, Locale.parse(code), _messages(code)) for code in LANGUAGES}


def _messages(code: str) -> gettext.NullTranslations:
    """Of the reports; what figures of a year are called is said by the pages, too, and stands in their catalogue."""
    own = catalogues.read("pipeline.report", "report", code)
    own.add_fallback(catalogues.read("review", "lastseen", code))
    return own
