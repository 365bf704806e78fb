"""One bounded HTTP request to a service that the office has configured itself: time-stamp authorities, calendars,
receivers of alerts.

No redirect is followed: what is asked for must not end up elsewhere.  An answer is read up to a size and for so long;
proxies are taken from the environment, as everywhere.  Private addresses are fine here: the office names the service.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException, HTTPResponse
from time import monotonic
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from lastseen import __version__

SCHEMES = ("http", "https")
LONGEST_ANSWER = 256 * 1024
"""bytes; a time-stamp token with its certificates has 3 to 10 KiB"""
BLOCK = 16 * 1024
AGENT = f"lastseen/{__version__}"


class Unanswered(Exception):
    """The service cannot be reached, is too slow, or says that it cannot answer now: ask again later."""

    def __init__(self, why: str, after: float | None = None) -> None:
        """`after`: seconds that it asks us to wait."""
        super().__init__(why)
        self.after = after


class Refused(Exception):
    """The service answers, and not with what was asked for."""


class Unknown(Refused):
    """It does not know what was asked for (404)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of whom."""

    url: str
    body: bytes | None = None
    """None: GET, otherwise POST"""
    sends: str = "application/octet-stream"
    accepts: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    """beside those"""


def is_allowed(url: str) -> bool:
    """Whether it is an address of HTTP or HTTPS with a host, and without a password."""
    try:
        parts = urlsplit(url)
        return parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False


def ask(asked: Ask, seconds: float) -> bytes:
    """The answer's body.  Raises Unanswered, Unknown, Refused; ValueError for an address that is not allowed."""
    if not is_allowed(asked.url):
        raise ValueError(f"{asked.url} is no address of HTTP or HTTPS")
    headers = {"User-Agent": AGENT, "Accept": asked.accepts, **asked.headers}
    if asked.body is not None:
        headers["Content-Type"] = asked.sends
    until = monotonic() + seconds
    try:
        with _opener().open(Request(asked.url, asked.body, headers), timeout=seconds) as answer:  # noqa: S310  checked
            return _body(answer, until)
    except HTTPError as fault:
        with fault:
            raise _refusal(fault.code, fault.headers) from None
    except ssl.SSLCertVerificationError as fault:
        raise Refused(f"its TLS certificate is not accepted: {fault.verify_message}") from fault
    except URLError as fault:
        if isinstance(fault.reason, ssl.SSLCertVerificationError):
            raise Refused(f"its TLS certificate is not accepted: {fault.reason.verify_message}") from fault
        raise Unanswered(f"it cannot be reached: {fault.reason}") from fault
    except (OSError, HTTPException) as fault:
        raise Unanswered(f"it broke off, or took too long: {str(fault) or type(fault).__name__}") from fault


def _opener() -> OpenerDirector:
    """Speaks HTTP and HTTPS and nothing else, and follows nothing."""
    opener = OpenerDirector()
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPDefaultErrorHandler, HTTPErrorProcessor):
        opener.add_handler(handler())
    return opener


def _body(answer: HTTPResponse, until: float) -> bytes:
    body = bytearray()
    while block := answer.read1(BLOCK):
        body += block
        if len(body) > LONGEST_ANSWER:
            raise Refused(f"its answer is longer than {LONGEST_ANSWER} bytes")
        if monotonic() > until:
            raise Unanswered("its answer took too long")
    return bytes(body)


def _refusal(status: int, headers: Message) -> Unanswered | Refused:
    if status in (408, 425, 429) or status >= 500:
        said = str(headers.get("Retry-After") or "")
        return Unanswered(f"it says HTTP {status}", float(said) if said.isdecimal() else None)
    if status == 404:
        return Unknown("it says HTTP 404")
    if status in range(300, 400):
        return Refused(f"it sends us elsewhere (HTTP {status}), and we do not follow: correct its address")
    return Refused(f"it says HTTP {status}")
