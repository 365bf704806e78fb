"""The languages of the pages: which one somebody reads, and its messages, dates and numbers.

The language of a request lies in a context variable: the guard sets it, and the threads that answer inherit it.
Catalogues are read from their `.po` files at start, so there is nothing to compile (docs/translating.md).
"""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from lastseen import catalogues
from lastseen.preferences import FIRST_LANGUAGE, LANGUAGES
from lastseen.tongue import Tongue
from lastseen.words import Words

FIRST = FIRST_LANGUAGE
"""what the sources are written in, and whoever asks for no language that there is gets it"""
COOKIE = "lastseen_language"
COOKIE_SECONDS = 365 * 24 * 3600
_MOST_ASKED = 20
"""languages of one `Accept-Language` that are looked at"""


@dataclass(frozen=True, slots=True)
class Language(Tongue):
    """One language that the pages speak."""

    name: str
    """its own name for itself"""


@cache
def languages() -> dict[str, Language]:
    """All of them, by code."""
    return {
        code: Language(code, Locale.parse(code), catalogues.read("review", "lastseen", code), name)
        for code, name in LANGUAGES.items()
    }


def chosen(preferred: str, cookie: str, accepted: str) -> Language:
    """The language for somebody: what they prefer, what was last chosen in this browser, or what it asks for.

    `accepted`: the header `Accept-Language`.
    """
    known = languages()
    return next((known[code] for code in (preferred, cookie, *_asked(accepted)) if code in known), known[FIRST])


def speak(language: Language) -> None:
    """Everything that is said from here on, in this request, is said in this language."""
    _spoken.set(language)


def spoken() -> Language:
    """The language of this request; outside of requests the first."""
    return _spoken.get(None) or languages()[FIRST]


def gettext(message: str) -> str:
    """The message in the language that is spoken."""
    return spoken().messages.gettext(message)


def ngettext(one: str, several: str, count: int) -> str:
    """The message in the form that the count takes."""
    return spoken().messages.ngettext(one, several, count)


def pgettext(context: str, message: str) -> str:
    """The message as it is meant in this context."""
    return spoken().messages.pgettext(context, message)


def npgettext(context: str, one: str, several: str, count: int) -> str:
    """The message as it is meant in this context, in the form that the count takes."""
    return spoken().messages.npgettext(context, one, several, count)


def said(sentence: object) -> str:
    """What a room below the pages says, or an error of it, in the language that is spoken."""
    if isinstance(sentence, BaseException):
        return said(sentence.args[0]) if sentence.args else ""
    if isinstance(sentence, Words):
        return gettext(sentence.template).format_map({name: _part(part) for name, part in sentence.values.items()})
    return str(sentence)


def number(value: float, digits: int = 0) -> str:
    """With thousands set apart and so many digits behind the point."""
    return spoken().number(value, digits)


def moment(at: datetime) -> str:
    """A time of day in UTC."""
    return spoken().moment(at)


def day(of: date) -> str:
    """A day without a time, wherever it was."""
    # translators: a pattern of Unicode's CLDR
    return str(format_date(of, pgettext("pattern of a day", "d MMM y"), locale=spoken().locale))


def _part(part: object) -> str:
    if isinstance(part, int | float):
        return str(format_decimal(part, locale=spoken().locale))
    return said(part)


def _asked(accepted: str) -> list[str]:
    """The codes of `Accept-Language`, what is wanted most first; what cannot be read is left out."""
    found = []
    for entry in accepted.split(",")[:_MOST_ASKED]:
        tag, _, weight = entry.partition(";")
        try:
            wanted = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if wanted > 0:
            found.append((-wanted, tag.strip().partition("-")[0].casefold()))
    return [code for _, code in sorted(found, key=lambda one: one[0])]


_spoken: ContextVar[Language | None] = ContextVar("language", default=None)
