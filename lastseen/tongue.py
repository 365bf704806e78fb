"""A language that something is written in: its messages, numbers, sizes and moments, on pages and in reports alike."""

import gettext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal

from lastseen.words import noted

UNITS: Final = ((10**12, noted("TB")), (10**9, noted("GB")), (10**6, noted("MB")), (10**3, noted("kB")))
"""of bytes, the largest first"""


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language."""

    code: str
    locale: Locale
    messages: gettext.NullTranslations

    @property
    def direction(self) -> str:
        """Of its script: `ltr` or `rtl`."""
        return self.locale.text_direction

    def number(self, value: float, digits: int = 0) -> str:
        """With thousands set apart and so many digits behind the point."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(format_decimal(value, pattern, locale=self.locale))

    def size(self, count: int) -> str:
        """A number of bytes in the unit that suits it, e.g. `3.4 MB` or `512 B`."""
        factor, unit = next((one for one in UNITS if count >= one[0]), (1, noted("B")))
        return f"{self.number(count / factor, 0 if factor == 1 else 1)} {self.messages.gettext(unit)}"

    def moment(self, at: datetime | str) -> str:
        """A time of day in UTC; `at` may be as `lastseen.clock.iso` spells it."""
        there = datetime.fromisoformat(at) if isinstance(at, str) else at
        # translators: a pattern of Unicode's CLDR; what stands between quotes is written as it is
        pattern = self.messages.pgettext("pattern of a time", "d MMM y, HH:mm 'UTC'")
        return str(format_datetime(there.astimezone(UTC), pattern, locale=self.locale))
