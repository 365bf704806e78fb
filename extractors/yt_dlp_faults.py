"""What an error of yt-dlp means for the item: on exception types and status codes first, on the text last.

Facts (tried with 2026.10.26):
- `DownloadError.exc_info[1]` is the root cause; the ExtractorError in between is its `__context__`.  A root may
  be an HTTPError that an extractor handled to learn that the video is geo-blocked: types that say more win.
- `ExtractorError.expected` is False where yt-dlp believes that itself is broken: its words then mean nothing.
- A refusal raised below the HTTP client arrives as RequestError (`cause`) or NoSupportingHandlers
  (`unexpected_errors`), not as itself.
- A redirect to `file://` arrives as an HTTPError with the redirect's own status.
- "Did not get any data blocks": the server answered well, with 0 bytes.
- "Giving up after 3 retries" has no exception behind it; only broken connections and 5xx are retried.
"""

import errno
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Never

from extractors.addresses import NotAllowed, without_secrets
from extractors.yt_dlp_reader import (
    CertificateVerifyError,
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    HTTPError,
    TooLarge,
    TransportError,
    UnsafeExtensionError,
    UnsupportedError,
    UserNotLive,
)
from lastseen.clock import utcnow
from lastseen.outcomes import Fault, NotDone

LONGEST = 400
"""characters of a reason"""
DEEPEST = 40
"""errors behind one error that are looked at"""
UNASKED_WAIT = timedelta(minutes=15)
"""after "too many requests" that name no moment"""
LONGEST_WAIT = timedelta(days=1)

Meaning = tuple[str, Fault, str]

# yt-dlp's own words, for what it tells in no other way
OWN_WORDS: tuple[Meaning, ...] = (
    (r"did not get any data blocks", Fault.DEFECT, "the server sent 0 bytes"),
    (r"giving up after \d+ retries", Fault.TRANSIENT, "the download broke off"),
    (r"no video formats|requested format is not available|no video could be found|there'?s no video", Fault.SKIPPED,
     "no video on this page"),
    (r"\bDRM\b", Fault.SKIPPED, "protected against copying, not fetched"),
    (r"is not a valid url", Fault.SKIPPED, "this is not an address"),
)  # fmt: skip

# the sites' words, as the extractors pass them on
SITES_WORDS: tuple[Meaning, ...] = (
    (r"(?:in|from) your (?:country|location|region)|geo.?(?:restrict|block)", Fault.BLOCKED,
     "the site refuses our country"),
    (r"rate.?limit|too many requests|try again later", Fault.WAIT, "the site asks us to slow down"),
    (r"not a bot|captcha|sign in|log ?in|logged|cookies|members.only|subscri|age.restrict|forbidden|access denied",
     Fault.BLOCKED, "the site wants an account or takes us for a robot; open the page in a browser"),
    (r"will begin|premieres in|not currently live|upcoming", Fault.SKIPPED, "not published yet, or live"),
    (r"removed|deleted|private|unavailable|not available|terminated|no longer|(?:n'?t| not) exist|not found|expired",
     Fault.GONE, "the site says that it is not there"),
    (r"timed? ?out|connection|temporar", Fault.TRANSIENT, "the site did not answer"),
)  # fmt: skip


def classify(error: BaseException) -> NotDone[Never]:
    """The outcome that `error` amounts to."""
    met = list(_behind(error))
    for judge in _JUDGES:
        for each in met:
            verdict = judge(each)
            if verdict is not None:
                return verdict
    return _by_words(met) or NotDone(
        Fault.DEFECT, one_line(f"the page could not be read: {_said(error)}; see whether yt-dlp has news")
    )


def one_line(text: str) -> str:
    """Text from outside as one line without control characters or secrets, at most LONGEST characters."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    plain = re.sub(
        r"[;.]? *(?:please report this issue on|Confirm you are on the latest version).*", "", plain, flags=re.S
    )
    plain = re.sub(r"[a-z]+://[^\s'\"<>]+", lambda found: without_secrets(found[0]), plain, flags=re.I)
    line = "".join(_escaped(char) for char in " ".join(plain.split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _escaped(char: str) -> str:
    return char if not unicodedata.category(char).startswith("C") else f"\\u{ord(char):04x}"


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error and all that stand behind it, the nearest first, each once."""
    waiting: list[object] = [error]
    met: set[int] = set()
    while waiting and len(met) < DEEPEST:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in met:
            continue
        met.add(id(each))
        yield each
        info = getattr(each, "exc_info", None)
        waiting += [info[1] if isinstance(info, tuple) else None, getattr(each, "cause", None), each.__cause__]
        waiting += [*getattr(each, "unexpected_errors", ()), each.__context__]


# --- judges: an error in, a verdict or None out ------------------------------------------------------------


def _policy(error: BaseException) -> NotDone[Never] | None:
    match error:
        case NotAllowed():
            return NotDone(Fault.SKIPPED, one_line(f"not allowed: {error}"))
        case TooLarge():
            why = f"too large ({error}); LASTSEEN_FETCH_MAX_MIB is the limit"
            return NotDone(Fault.SKIPPED, why)
        case UnsafeExtensionError():
            return NotDone(Fault.SKIPPED, one_line(f"not allowed: a file of the type {error.extension!r}"))
    return None


def _telling_type(error: BaseException) -> NotDone[Never] | None:
    match error:
        case GeoRestrictedError():
            return NotDone(Fault.BLOCKED, "the site refuses our country; ask the operator about the line out")
        case UnsupportedError():
            return NotDone(Fault.SKIPPED, "no video on this page")
        case UserNotLive():
            return NotDone(Fault.SKIPPED, "a live channel that is not live now")
    return None


def _http(error: BaseException) -> NotDone[Never] | None:
    if not isinstance(error, HTTPError):
        return None
    said = f"the server answered {error.status}"
    if error.status in (404, 410):
        return NotDone(Fault.GONE, said)
    if error.status == 429 or (error.status == 503 and error.response.headers.get("Retry-After")):
        until = retry_after(error.response.headers.get("Retry-After"), utcnow())
        return NotDone(Fault.WAIT, f"{said} and asks us to wait", until=until)
    if error.status in (401, 402, 403, 407, 451):
        return NotDone(Fault.BLOCKED, f"{said}; open the page in a browser to see what it asks")
    if error.status in (408, 425) or error.status >= 500:
        return NotDone(Fault.TRANSIENT, said)
    if 300 <= error.status < 400:
        return _redirect(error)
    return NotDone(Fault.DEFECT, f"{said} to a request that we believe to be right")


def _redirect(error: HTTPError) -> NotDone[Never]:
    target = error.response.headers.get("Location") or ""
    scheme = target.partition(":")[0].lower() if ":" in target else "http"
    if scheme not in ("http", "https"):
        return NotDone(Fault.SKIPPED, one_line(f"not allowed: a redirect to {scheme}, only http and https are read"))
    return NotDone(Fault.DEFECT, "the page redirects in a circle")


def _disk(error: BaseException) -> NotDone[Never] | None:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NotDone(Fault.TRANSIENT, "no room on the disk: make room under LASTSEEN_DATA_DIR")
    return None


def _line(error: BaseException) -> NotDone[Never] | None:
    if isinstance(error, CertificateVerifyError):
        return NotDone(Fault.BLOCKED, "the site's certificate is not valid; open the page in a browser to see why")
    if isinstance(error, TransportError | ContentTooShortError | ConnectionError | TimeoutError):
        return NotDone(Fault.TRANSIENT, one_line(f"the connection failed: {_said(error)}"))
    return None


def _by_words(met: Sequence[BaseException]) -> NotDone[Never] | None:
    theirs = [each for each in met if isinstance(each, ExtractorError | DownloadError)]
    broken = any(isinstance(each, ExtractorError) and not each.expected for each in theirs)
    said = " / ".join(dict.fromkeys(_said(each) for each in theirs))
    for pattern, fault, meaning in OWN_WORDS if broken else OWN_WORDS + SITES_WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            until = utcnow() + UNASKED_WAIT if fault is Fault.WAIT else None
            return NotDone(fault, one_line(f"{meaning} ({_said(theirs[0])})"), until=until)
    return None


_JUDGES: tuple[Callable[[BaseException], NotDone[Never] | None], ...] = (_policy, _telling_type, _disk, _http, _line)


def retry_after(value: str | None, now: datetime) -> datetime:
    """The moment that a Retry-After header names, in seconds or as a date; at most LONGEST_WAIT from now."""
    return min(max(_named(value or "", now), now), now + LONGEST_WAIT)


def _named(value: str, now: datetime) -> datetime:
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        return now + timedelta(seconds=int(value))
    try:
        named = parsedate_to_datetime(value)
    except ValueError:
        return now + UNASKED_WAIT
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def _said(error: BaseException) -> str:
    return str(getattr(error, "orig_msg", None) or getattr(error, "msg", None) or error).removeprefix("ERROR: ")
