"""Which addresses may be visited, and how an address is written down.  Strings in, strings out: nothing is resolved.

A name may lead anywhere, and elsewhere tomorrow; what it leads to is checked when the connection is made
(`extractors.network_guard`).
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from lastseen.errors import WrongUse

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

SCHEMES = ("http", "https")
DEFAULT_PORTS = {"http": 80, "https": 443}
NAT64 = IPv6Network("64:ff9b::/96")
NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),  # protocols' own (RFC 6890); a cloud's metadata, too
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, given up (RFC 7526)
    IPv4Network("168.63.129.16/32"),  # what a machine at Azure asks about itself
    IPv6Network("::/96"),  # an IPv4 address in another spelling, given up (RFC 4291)
    IPv6Network("::ffff:0:0:0/96"),  # the same, translated (RFC 2765)
    IPv6Network("64:ff9b:1::/48"),  # translators within a network (RFC 8215)
    IPv6Network("3fff::/20"),  # for documentation (RFC 9637)
    IPv6Network("5f00::/16"),  # routing within a network (RFC 9602)
)
"""beside those that `ipaddress` knows of, whose table is as old as the Python that brings it"""
LOOPBACK = ipaddress.ip_address("127.0.0.1")
LONGEST = 2048
"""characters of an address; browsers and servers agree on no more"""

# Query parameters that open a door for whoever holds them, or tell where we stand.
SECRET_PARAMETER = re.compile(
    r"(?i)^(?:sig|lsig|signature|sign|token|.*_token|access_?token|auth.*|api_?key|key|key-pair-id|policy|hdnts|hdnea"
    r"|hmac|hash|secure|session.*|sid|password|passwd|pwd|ip|expires?|x-amz-.*|x-goog-.*)$"
)

# The few of them that can be nothing but a signature.  `key`, `hash` or `sid` may be all that tells two pages apart.
SIGNING_PARAMETER = re.compile(r"(?i)^(?:signature|expires|x-amz-.*|x-goog-.*)$")

SEARCH = re.compile(r"([a-z]*search[a-z]*)([1-9][0-9]{0,5}|all|):(.+)", re.DOTALL)
"""a search as yt-dlp writes it: `ytsearch50:words`"""
SEARCH_SITES = {
    "bilisearch": "bilibili.com",
    "gvsearch": "google.com",
    "nicosearch": "nicovideo.jp",
    "nicosearchdate": "nicovideo.jp",
    "rkfnsearch": "rokfin.com",
    "scsearch": "soundcloud.com",
    "ytsearch": "youtube.com",
    "yvsearch": "yahoo.com",
}
SAME_SITE = {
    "dai.ly": "dailymotion.com",
    "odnoklassniki.ru": "ok.ru",
    "vk.ru": "vk.com",
    "vkvideo.ru": "vk.com",
    "youtu.be": "youtube.com",
    "youtube-nocookie.com": "youtube.com",
}
DOORS = re.compile(r"(?:www|m|mobile|music)\.(?=[^.]+\.)")
"""what stands before the name of a site where it shows the same to other devices"""


class NotAllowed(WrongUse, ValueError):
    """This address may not be visited; the message says why, and what to do."""


def check(address: str, private: Sequence[Network] = ()) -> None:
    """Raise NotAllowed unless `address` is http(s), names a host, and is not a private address outside `private`."""
    host = _checked(address).hostname or ""
    literal = _as_ip(host)
    if literal is not None:
        check_ip(literal, private)


def check_ip(ip: str | Address, private: Sequence[Network] = ()) -> None:
    """Raise NotAllowed unless `ip` is public or in one of the networks `private`."""
    given = ipaddress.ip_address(ip.partition("%")[0]) if isinstance(ip, str) else ip
    for each in (given, *_inside(given)):
        if not _is_public(each) and not any(each in network for network in private):
            raise NotAllowed(
                f"{each} is not a public address, and a stranger's link may lead there to reach what is yours; "
                f"only for a site of your own add {each}/{each.max_prefixlen} to LASTSEEN_ALLOW_PRIVATE_ADDRESSES"
            )


def _is_public(ip: Address) -> bool:
    odd = ip.is_multicast or getattr(ip, "is_site_local", False) or any(ip in network for network in NOT_PUBLIC)
    return ip.is_global and not odd


def is_shielded(address: str) -> bool:
    """Whether what is read there cannot be seen or changed on its way: encrypted, or from this machine itself."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_here(address)))


def is_here(address: str) -> bool:
    """Whether an address is of this machine, written so that nobody needs to be asked."""
    literal = _as_ip(urlsplit(address).hostname or "")
    return literal is not None and literal.is_loopback


def host_of(address: str) -> str:
    """The host of an address in lower case, without a leading `www.`."""
    return (urlsplit(address).hostname or "").rstrip(".").removeprefix("www.")


def searched(address: str) -> str | None:
    """The words of a search, or None for what is the address of a page or list."""
    found = SEARCH.fullmatch(address)
    return found[3] if found else None


def site_of(address: str) -> str:
    """Which site is asked for an address: its host, with a port of its own if it has one; never empty.

    It is the host, and not yt-dlp's extractor, that turns visitors away: one extractor serves thousands of hosts
    (`generic`, `peertube`), and several serve one.
    """
    search = SEARCH.fullmatch(address)
    if search:
        return SEARCH_SITES.get(search[1], search[1])
    try:
        parts = urlsplit(address)
        port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    except ValueError:
        return "unknown"
    host = DOORS.sub("", (parts.hostname or "").rstrip("."), count=1)
    return f"{SAME_SITE.get(host, host)}{port}" if host else parts.scheme or "unknown"


def normal(address: str) -> str:
    """One spelling of an address, for identity: no scheme, default port, user, fragment or signature.

    It may hold secrets: hash it, never show or keep it.
    """
    parts = urlsplit(address)
    port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    query = urlencode([pair for pair in _pairs(parts.query) if not SIGNING_PARAMETER.match(pair[0])])
    return f"{host_of(address)}{port}{parts.path or '/'}{'?' + query if query else ''}"


def without_secrets(address: str, whole_query: bool = False) -> str:
    """The address without user, password and secret parameters (`whole_query`: without any parameter)."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "(an address that cannot be read)"
    pairs = _pairs(parts.query)
    kept = [] if whole_query else [pair for pair in pairs if not SECRET_PARAMETER.match(pair[0])]
    query = parts.query if len(kept) == len(pairs) else urlencode(kept)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def _checked(address: str) -> SplitResult:
    if len(address) > LONGEST or not address.isprintable() or " " in address or "\\" in address:
        raise NotAllowed("an address has no spaces, backslashes or control characters and at most 2048 characters")
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  reading it is what checks it
    except ValueError as fault:
        raise NotAllowed(f"this is not an address ({fault}): write https://host/path") from fault
    if parts.scheme not in SCHEMES:
        raise NotAllowed(f"only http and https are read, not {parts.scheme or 'an address without a scheme'!r}")
    if not parts.hostname:
        raise NotAllowed("the address names no host: write https://host/path")
    if "@" in parts.netloc:
        raise NotAllowed("an address is kept and shown: leave the user name and password out of it")
    return parts


def _as_ip(host: str) -> Address | None:
    """The IP address that a host is another spelling of (127.1, 0x7f000001, localhost), or None for a name."""
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return LOOPBACK
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(name))
    except (OSError, UnicodeError):
        return None


def _inside(ip: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to by translation or tunnel."""
    if isinstance(ip, IPv4Address):
        return ()
    translated = IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None
    found = (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ()), translated)
    return tuple(each for each in found if each is not None)


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)
