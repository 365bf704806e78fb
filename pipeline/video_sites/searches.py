"""What the office searches for must not show in what it fetches: no search holds a name or number of the register.

A site learns the words of every search.  Names are compared as they are written, without case, accents and order; a
name in another script or another grammatical case is not recognised.
"""

import re
import unicodedata
from urllib.parse import parse_qsl, unquote, urlsplit

from extractors.addresses import SEARCH, searched
from lastseen.errors import WrongUse
from storage import register
from storage.database import Connection

ENOUGH = 2
"""words of one name, in whatever order, that tell whom it is about; of a name with a single word, that one"""
PART = 3
"""letters of a word that tells something within another"""
LOOKS_FOR = re.compile(r"(?i)search|results|hashtag|/tags?/|find|query")
"""paths of pages that show what somebody looks for"""
SHORT_NUMBER = re.compile(r"\d{1,3}")
"""in the address of a page these count its pages, and name nobody"""

BETRAYS = (
    "the search holds a name or number of the register, and the site would learn whom the office looks for: search for"
    " places, units, dates, and leave the comparing of people to lastseen"
)

WITHHELD = "a search (its words are not kept)"


class Betrays(WrongUse):
    """The site would learn whom the office looks for."""


def check(address: str) -> None:
    """Raise WrongUse for a search that does not say how many results are wanted: yt-dlp would take one, or all."""
    if (search := SEARCH.fullmatch(address)) and not search[2].isdecimal():
        raise WrongUse(f"say how many results are wanted: {search[1]}50:WORDS")


def is_search(address: str) -> bool:
    """Whether an address asks a site to look for something: what it shows has no end, and no order that stays."""
    return searched(address) is not None or bool(LOOKS_FOR.search(urlsplit(address).path))


def words(address: str) -> frozenset[str]:
    """The words that an address tells a site to look for; none for a channel, list or page."""
    said = searched(address)
    if said is None:
        parts = urlsplit(address)
        asked = [value for _, value in parse_qsl(parts.query)]
        said = " ".join([*asked, unquote(parts.path) if is_search(address) else ""])
        return frozenset(word for word in _words(said) if not SHORT_NUMBER.fullmatch(word))
    return _words(said)


def betrays(db: Connection, address: str) -> str:
    """Why an address must not be asked for; empty: it may."""
    asked = words(address)
    if not asked:
        return ""
    for number, names in register.every_name(db):
        if _is_whole(_words(number), asked) or any(_is_named(_words(name), asked) for name in names):
            return BETRAYS
    return ""


def _is_whole(number: frozenset[str], asked: frozenset[str]) -> bool:
    return bool(number) and number <= asked


def _is_named(name: frozenset[str], asked: frozenset[str]) -> bool:
    """By words of their own, or by one that is made of them, as in a hashtag."""
    if bool(name) and len(name & asked) >= min(ENOUGH, len(name)):
        return True
    return any(sum(part in word for part in name if len(part) >= PART) >= ENOUGH for word in asked)


def _words(said: str) -> frozenset[str]:
    plain = "".join(char for char in unicodedata.normalize("NFKD", said) if not unicodedata.combining(char))
    return frozenset(re.findall(r"[^\W_]+", re.sub(r"['\u2019\u02bc`]", "", plain).casefold()))
