"""Links that people send: whether one leads to a single post that lastseen can read.  Strings in, strings out.

Nothing is asked of anybody here, and nothing is resolved: what an address leads to is checked again, and in earnest,
when it is visited (`extractors.network_guard`).
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from lastseen.errors import WrongUse
from lastseen.records import Platform
from lastseen.words import words

LONGEST: Final = 2048
"""characters of an address"""
_TELEGRAM: Final = frozenset({"t.me", "telegram.me", "telegram.dog"})
_POST: Final = re.compile(r"/(?:s/)?([A-Za-z][A-Za-z0-9_]{3,31})/([1-9][0-9]{0,9})/?")
_PRIVATE: Final = re.compile(r"/(?:s/)?(?:c/|joinchat/|\+)", re.IGNORECASE)
_FIRST: Final = re.compile(r"/(?:s/)?([A-Za-z]+)(?:/|$)")
_NO_NAMES: Final = frozenset(
    {
        *("addemoji", "addlist", "addstickers", "addtheme", "bg", "boost", "call", "confirmphone", "contact"),
        *("giftcode", "invoice", "iv", "login", "m", "nft", "proxy", "setlanguage", "share", "socks"),
    }
)
"""what stands in place of a channel's name in addresses that Telegram's programs read themselves; nobody has such a
name (https://core.telegram.org/api/links)"""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LOOPBACK: Final = IPv4Address("127.0.0.1")

Network = IPv4Network | IPv6Network


class NotRead(WrongUse):
    """This leads to nothing that lastseen can read; the message says why, for whoever sent it or got it."""


@dataclass(frozen=True, slots=True)
class Link:
    """One that leads to a single post, as far as its words can tell."""

    platform: Platform
    source: str
    """address of the source that this post alone is"""
    post: str
    """one spelling of it: of a post on Telegram its permalink in small letters"""


def read(written: str, private: Sequence[Network] = ()) -> Link:
    """What a link leads to.  `private`: networks that may be visited though they are not public.  Raises NotRead."""
    parts = _parts(written.strip())
    host = (parts.hostname or "").rstrip(".")
    if host.removeprefix("www.") in _TELEGRAM:
        return _of_telegram(parts)
    _check_host(host, private)
    address = urlunsplit(parts._replace(netloc=parts.netloc.lower(), fragment=""))
    return Link(Platform.VIDEO_SITE, address, address)


def _parts(written: str) -> SplitResult:
    if not written:
        raise NotRead(words("There is no link."))
    if len(written) > LONGEST or not written.isprintable() or any(sign in written for sign in ' \\"<>'):
        raise NotRead(words("This is no link: one has no spaces in it, and at most {most} signs.", most=LONGEST))
    whole = written if _SCHEME.match(written) and "://" in written else f"https://{written}"
    try:
        parts = urlsplit(whole)
        parts.port  # noqa: B018  reading it is what checks it
    except ValueError:
        raise NotRead(words("This is no link that can be read.")) from None
    if parts.scheme.lower() not in ("http", "https"):
        raise NotRead(words("Only links that begin with https:// or http:// are read."))
    if "@" in parts.netloc or not parts.hostname:
        raise NotRead(words("This is no link that can be read."))
    return parts


def _of_telegram(parts: SplitResult) -> Link:
    if _PRIVATE.match(parts.path):
        raise NotRead(words("This is a post of a private channel: only what is public is read, and nothing is joined."))
    first = _FIRST.match(parts.path)
    if first is not None and first[1].lower() in _NO_NAMES:
        raise NotRead(words("This link makes Telegram do something, and is no post: open the post, and copy its link."))
    found = _POST.fullmatch(parts.path)
    if found is None:
        raise NotRead(words("This is a channel on Telegram, and not one post of it: a post's link ends in a number."))
    name, number = found[1].lower(), int(found[2])
    return Link(Platform.TELEGRAM, f"@{name}/{number}", f"https://t.me/{name}/{number}")


def _check_host(host: str, private: Sequence[Network]) -> None:
    """Raises NotRead for an address that is no public site's."""
    literal = _literal(host)
    if literal is None:
        if "." not in host:
            raise NotRead(words("This is no link to a public site."))
        return
    if not (literal.is_global or any(literal in network for network in private)):
        raise NotRead(words("This is no link to a public site."))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is a spelling of (127.1, 0x7f000001, localhost); None: it is a name."""
    if host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


_CLOCK: Final = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,5})")


def seconds(written: str) -> int | None:
    """A moment as people write it (`1:02:35`, `2:35`, `155`) in seconds; None: none is named.  Raises WrongUse."""
    tidy = written.strip()
    if not tidy:
        return None
    found = _CLOCK.fullmatch(tidy) if tidy.isascii() else None
    if found is None:
        raise WrongUse(words("Write the moment as minutes and seconds, such as 2:35."))
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest
