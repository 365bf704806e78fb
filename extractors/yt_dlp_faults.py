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
    Live,
    TooLarge,
    TooLong,
    TransportError,
    UnsafeExtensionError,
    UnsupportedError,
    UserNotLive,
)
from lastseen.clock import utcnow
from lastseen.outcomes import Fault, NotDone, Scope

LONGEST = 400
"""characters of a reason"""
DEEPEST = 40
"""errors behind one error that are looked at"""
UNASKED_WAIT = timedelta(minutes=15)
"""after "too many requests" that name no moment"""
LONGEST_WAIT = timedelta(days=1)

CHALLENGE = "challenge"
"""what Cloudflare says in `cf-mitigated` to those whom it takes for robots (read in its documentation)"""
LOOK = "open the page in a browser to see what it asks"
REFUSALS = {
    401: ("it wants an account: give the source cookies of one", Scope.ITEM),
    402: ("it wants to be paid", Scope.ITEM),
    403: ("it lets us not in", Scope.ITEM),
    407: ("the proxy wants a password", Scope.SITE),
    451: ("it may not show this in our country", Scope.ITEM),
}
"""status -> what it means, and how far it reaches"""

NO_FORMAT = "Requested format is not available"
"""a warning that follows from the others"""

Meaning = tuple[str, Fault, str]

# yt-dlp's own words, for what it tells in no other way
OWN_WORDS: tuple[Meaning, ...] = (
    (r"fragment \d+ not found|the pieces could not be had|downloaded file is empty", Fault.TRANSIENT,
     "a piece of the stream is missing"),
    (r"did not get any data blocks", Fault.DEFECT, "the server sent 0 bytes"),
    (r"giving up after \d+ retries", Fault.TRANSIENT, "the download broke off"),
    (r"no video formats|requested format is not available|no video could be found|there'?s no video", Fault.SKIPPED,
     "no video on this page"),
    (r"only images are available", Fault.SKIPPED, "pictures only, no video"),
    (r"ffmpeg (?:could not be found|is not installed)|live HLS streams are not supported", Fault.SKIPPED,
     "a stream of a kind that is not read here (encrypted in an unusual way, or without an end)"),
    (r"\bDRM\b", Fault.SKIPPED, "protected against copying, not fetched"),
    (r"is not a valid url", Fault.SKIPPED, "this is not an address"),
)  # fmt: skip

# the sites' words, as the extractors pass them on; the first that fits, so what a page says of itself comes late
SITES_WORDS: tuple[Meaning, ...] = (
    (r"(?:in|from) your (?:country|location|region)|geo.?(?:restrict|block)", Fault.BLOCKED,
     "the site refuses our country"),
    (r"rate.?limit|too many requests|try again later", Fault.WAIT, "the site asks us to slow down"),
    (r"not a (?:ro)?bot|captcha|anti-bot|unusual traffic|are you human", Fault.BLOCKED,
     "the site takes us for a robot; open it in a browser from here"),
    (r"confirm your age|age.?(?:restrict|gate|verif|limit)|inappropriate for some users|adults? only", Fault.BLOCKED,
     "the page is for adults who are signed in: give the source cookies of an account"),
    (r"\bprivate\b", Fault.BLOCKED, "the page is private: only an account that was let in may see it"),
    (r"sign in|log ?in|logged|cookies|members.only|subscri|registered users|authenticat|premium|purchase|forbidden"
     r"|access denied",
     Fault.BLOCKED, "the page wants an account: give the source cookies of one"),
    (r"will begin|premieres in|not currently live|upcoming", Fault.SKIPPED, "not published yet, or live"),
    (r"removed|deleted|unavailable|not available|terminated|no longer|(?:n'?t| not) exist|not found|expired",
     Fault.GONE, "the site says that it is not there"),
    (r"timed? ?out|connection|temporar", Fault.TRANSIENT, "the site did not answer"),
)  # fmt: skip
WHOLE_SITE = frozenset(meaning for _, _, meaning in (SITES_WORDS[1], SITES_WORDS[2]))
"""what is said to us, whatever page we ask for"""


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
            return NotDone(Fault.SKIPPED, f"too large ({error}); LASTSEEN_FETCH_MAX_MIB is the limit")
        case TooLong():
            return NotDone(Fault.SKIPPED, f"too long ({error}); LASTSEEN_FETCH_MAX_SECONDS is the limit")
        case Live():
            return NotDone(Fault.WAIT, str(error), until=error.until or utcnow() + UNASKED_WAIT)
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
        case MemoryError():
            return NotDone(Fault.DEFECT, "the page unpacks to more than is held in memory while a page is read")
    return None


def _http(error: BaseException) -> NotDone[Never] | None:
    if not isinstance(error, HTTPError):
        return None
    said = f"the server answered {error.status}"
    if error.status in (404, 410):
        return NotDone(Fault.GONE, said)
    if error.status == 429 or (error.status == 503 and error.response.headers.get("Retry-After")):
        until = retry_after(error.response.headers.get("Retry-After"), utcnow())
        return NotDone(Fault.WAIT, f"{said} and asks us to wait", until=until, scope=Scope.SITE)
    if error.response.headers.get("cf-mitigated") == CHALLENGE:
        return NotDone(Fault.BLOCKED, f"{said}: it takes us for a robot; {LOOK}", scope=Scope.SITE)
    if error.status in REFUSALS:
        why, scope = REFUSALS[error.status]
        return NotDone(Fault.BLOCKED, f"{said}: {why}; {LOOK}", scope=scope)
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
        why = "the site's certificate is not valid; open the page in a browser to see why"
        return NotDone(Fault.BLOCKED, why, scope=Scope.SITE)
    if isinstance(error, TransportError | ContentTooShortError | ConnectionError | TimeoutError):
        return NotDone(Fault.TRANSIENT, one_line(f"the connection failed: {_said(error)}"))
    return None


def _by_words(met: Sequence[BaseException]) -> NotDone[Never] | None:
    theirs = [each for each in met if isinstance(each, ExtractorError | DownloadError)]
    broken = any(isinstance(each, ExtractorError) and not each.expected for each in theirs)
    return _meant([_said(each) for each in theirs], OWN_WORDS if broken else OWN_WORDS + SITES_WORDS)


def by_warnings(said: Sequence[str]) -> NotDone[Never]:
    """Why a page that could be read shows no video: by what yt-dlp warned of on the way."""
    theirs = [each for each in said if NO_FORMAT not in each]
    verdict = _meant(theirs, SITES_WORDS) or _meant(theirs, OWN_WORDS)
    return verdict or NotDone(Fault.SKIPPED, "no video on this page")


def _meant(said: Sequence[str], words: Sequence[Meaning]) -> NotDone[Never] | None:
    joined = " / ".join(dict.fromkeys(said))
    for pattern, fault, meaning in words:
        if re.search(pattern, joined, re.IGNORECASE):
            until = utcnow() + UNASKED_WAIT if fault is Fault.WAIT else None
            scope = Scope.SITE if meaning in WHOLE_SITE else Scope.ITEM
            return NotDone(fault, one_line(f"{meaning} ({said[0]})"), until=until, scope=scope)
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
    said = str(getattr(error, "orig_msg", None) or getattr(error, "msg", None) or error)
    return re.sub(r"^(?:ERROR: |\s*\[download\] |Got error: )+", "", said)
