"""The languages of the daily report: its messages, numbers, days and sizes.

The review pages have theirs in `review.language`, which this room may not know: the report is made where nobody asks
for a page, once in every language.  Its catalogues are read from their `.po` files (docs/translating.md).
"""

import gettext as gnu
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from lastseen import catalogues
from lastseen.preferences import LANGUAGES


def noted(message: str) -> str:
    """The message itself: it is translated where it is said.  By this name `make words` finds it."""
    return message


_UNITS = ((10**12, noted("TB")), (10**9, noted("GB")), (10**6, noted("MB")), (10**3, noted("kB")), (1, noted("B")))


@dataclass(frozen=True, slots=True)
class Speech:
    """One language that reports are written in."""

    code: str
    locale: Locale
    messages: gnu.NullTranslations

    @property
    def direction(self) -> str:
        """Of its script: `ltr` or `rtl`."""
        return self.locale.text_direction

    def say(self, message: str) -> str:
        """The message in this language; what no catalogue knows stays as it is."""
        return self.messages.gettext(message)

    def number(self, value: float, digits: int = 0) -> str:
        """With thousands set apart and so many digits behind the point."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(format_decimal(value, pattern, locale=self.locale))

    def size(self, count: int) -> str:
        """A number of bytes, e.g. `3.4 MB`."""
        factor, unit = next((one for one in _UNITS if count >= one[0]), _UNITS[-1])
        return f"{self.number(count / factor, 1 if factor > 1 else 0)} {self.say(unit)}"

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

    def moment(self, at: datetime | str) -> str:
        """A time of day in UTC; `at` may be as `lastseen.clock.iso` spells it."""
        there = datetime.fromisoformat(at) if isinstance(at, str) else at
        return str(format_datetime(there.astimezone(UTC), "d MMM y, HH:mm 'UTC'", locale=self.locale))


@cache
def speeches() -> dict[str, Speech]:
    """All languages, by code."""
    return {code: Speech(code, Locale.parse(code), _messages(code)) for code in LANGUAGES}


def _messages(code: str) -> gnu.NullTranslations:
    """Of the reports; what figures of a year are called is said by the pages, too, and stands in their catalogue."""
    own = catalogues.read("pipeline.report", "report", code)
    own.add_fallback(catalogues.read("review", "lastseen", code))
    return own
