"""Cookies files as browsers' extensions export them (Netscape), and addresses of proxies: checked, never kept here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from extractors.addresses import site_of
from lastseen.errors import WrongUse
from lastseen.records import Cookies

HTTP_ONLY = "#HttpOnly_"
FIELDS = 7
HEADER = "# Netscape HTTP Cookie File\n"
LONGEST = 1 << 20
"""characters of a cookies file: an export of a whole browser stays far below"""
PROXIES = ("http", "socks5h")
"""what yt-dlp's only client that we allow (urllib) can do, and that has the proxy resolve names"""


@dataclass(frozen=True, slots=True)
class _Cookie:
    domain: str
    name: str
    end: datetime | None
    line: str = field(repr=False)


def read(said: str, site: str) -> Cookies:
    """The cookies in a file that `site` (a host) would be sent.  Raises WrongUse, without any of the file's words."""
    if len(said) > LONGEST:
        raise WrongUse("this is larger than any cookies file: export the cookies of one site")
    every = list(_cookies(said))
    mine = [one for one in every if _is_for(one.domain, site)]
    if not mine:
        raise WrongUse(f"no cookie in it is for {site}: it has {len(every)} of other sites")
    written = HEADER + "".join(f"{one.line}\n" for one in mine)
    ends = tuple(one.end for one in mine if one.end is not None)
    return Cookies(written, tuple(one.name for one in mine), ends, len(every) - len(mine))


def proxy(said: str) -> tuple[str, str]:
    """The address of a proxy, and what may be shown of it (host:port).  Raises WrongUse, without the address."""
    how = "write http://HOST:PORT or socks5h://HOST:PORT, with USER:PASSWORD@ before the host if it asks"
    try:
        parts = urlsplit(said.strip())
        port = parts.port
    except ValueError:
        raise WrongUse(f"this is no address of a proxy: {how}") from None
    if parts.scheme not in PROXIES or not parts.hostname or not port or parts.path.strip("/") or parts.query:
        raise WrongUse(f"this is no address of a proxy that can be used here: {how}")
    return said.strip().rstrip("/"), f"{parts.scheme}://{parts.hostname}:{port}"


def _cookies(said: str) -> Iterator[_Cookie]:
    for number, line in enumerate(said.splitlines(), 1):
        plain = line.removeprefix(HTTP_ONLY)
        if not plain.strip() or (plain.startswith("#") and plain == line):
            continue
        fields = plain.split("\t")
        if len(fields) != FIELDS or not re.fullmatch(r"-?\d*(?:\.\d*)?", fields[4]):
            raise WrongUse(
                f"line {number} is no cookie: a Netscape cookies file has {FIELDS} fields with tabs between them in"
                " each line"
            )
        yield _Cookie(fields[0].lower(), fields[5], _end(fields[4]), line)


def _end(stated: str) -> datetime | None:
    """None: it lasts as long as the session."""
    seconds = float(stated or 0)
    if seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _is_for(domain: str, site: str) -> bool:
    """Whether pages of the site, or of a host of it, are sent a cookie of this domain."""
    name, host = domain.removeprefix("."), site.partition(":")[0]
    own = site_of(f"https://{name}/")
    return host in (name, own) or name.endswith(f".{host}") or (domain.startswith(".") and host.endswith(domain))
