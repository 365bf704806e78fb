"""How things are said on the pages: times, sizes, addresses, and text that strangers wrote."""

import hashlib
import unicodedata
from datetime import datetime
from urllib.parse import urlsplit

from lastseen.clock import mark as clock
from review import language
from review.language import gettext as _

__all__ = ["clock", "host", "people", "plain", "short_source", "significant", "size", "version", "when"]

SMALL = 1000
"""bytes that are not rounded"""
_KEPT = frozenset("\n\t")
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs"})
"""controls, formats (bidirectional overrides, zero widths, tags), private use, surrogates"""
_JOINERS = frozenset("\u200c\u200d")
"""Persian and Indic words need them; they reorder nothing"""


def plain(text: str | None) -> str:
    """Text from outside without what cannot be seen; the record in the evidence keeps it.  Escape it all the same."""
    return "".join(
        char for char in text or "" if char in _KEPT or char in _JOINERS or unicodedata.category(char) not in _UNSEEN
    )


def when(moment: datetime | None) -> str:
    """A time of day in UTC, e.g. `22 Nov 2026, 12:07 UTC`."""
    if moment is None:
        return _("not stated")
    return language.moment(moment)


def size(count: int) -> str:
    """A number of bytes, e.g. `3.4 MB (3,412,332 bytes)`."""
    exact = language.ngettext("%(count)s byte", "%(count)s bytes", count) % {"count": language.number(count)}
    return exact if count < SMALL else f"{language.spoken().size(count)} ({exact})"


def significant(value: float) -> str:
    """With two significant digits."""
    written = f"{value:.2g}"
    return written.replace(".", language.spoken().locale.number_symbols["latn"]["decimal"])


def people(count: int) -> str:
    """`1 person`, `2 people`."""
    return language.ngettext("%(count)s person", "%(count)s people", count) % {"count": language.number(count)}


def host(address: str | None) -> str:
    """The host that a web address leads to, in ASCII so that no letter imitates another; empty if it leads nowhere."""
    try:
        parts = urlsplit(address or "")
        found = parts.hostname if parts.scheme in {"http", "https"} else None
        return found.encode("idna").decode("ascii") if found else ""
    except ValueError:  # also UnicodeError: a host that is none
        return ""


def short_source(address: str | None) -> str:
    """A source in one line: its host and path, or whatever the office calls it."""
    name = host(address)
    return plain(name + urlsplit(address or "").path.rstrip("/") if name else address)


def version(key: str | None) -> str:
    """A short mark of an object's key: a new object gets a new address, so browsers may keep the old one."""
    return hashlib.sha256((key or "").encode()).hexdigest()[:10]
