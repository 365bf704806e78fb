"""Each error of yt-dlp and the outcome that it amounts to; errors are raised by the genuine library's own classes."""

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, NoSupportingHandlers, RequestError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from extractors.addresses import NotAllowed
from extractors.yt_dlp_faults import LONGEST, by_warnings, classify, one_line, retry_after
from extractors.yt_dlp_reader import TooLarge
from lastseen.clock import utcnow
from lastseen.outcomes import Fault, Scope

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def http(status: int, headers: dict[str, str] | None = None) -> HTTPError:
    """The library's error for one HTTP status."""
    return HTTPError(Response(io.BytesIO(b""), "https://example.org/", headers or {}, status=status))


def wrapped(root: BaseException) -> BaseException:
    """What a caller of YoutubeDL gets: the root, in an ExtractorError unless it is one, in a DownloadError."""
    try:
        _extract(root)
    except ExtractorError as middle:
        info = middle.exc_info if middle.exc_info[0] else sys.exc_info()
        outer: BaseException = DownloadError(str(middle), info)
        outer.__context__ = middle
    return outer


def _extract(root: BaseException) -> None:
    if isinstance(root, ExtractorError):
        raise root
    try:
        raise root  # noqa: TRY301  it must stand behind the next one as its context
    except BaseException as error:
        raise ExtractorError("Unable to download webpage", cause=error) from error


def said(message: str, expected: bool = True) -> Callable[[], BaseException]:
    """An ExtractorError as sites' extractors raise it."""
    return lambda: ExtractorError(message, expected=expected)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: http(404), Fault.GONE),
        (lambda: http(410), Fault.GONE),
        (lambda: http(403), Fault.BLOCKED),
        (lambda: http(401), Fault.BLOCKED),
        (lambda: http(451), Fault.BLOCKED),
        (lambda: http(429), Fault.WAIT),
        (lambda: http(503, {"Retry-After": "7"}), Fault.WAIT),
        (lambda: http(503), Fault.TRANSIENT),
        (lambda: http(500), Fault.TRANSIENT),
        (lambda: http(408), Fault.TRANSIENT),
        (lambda: http(400), Fault.DEFECT),
        (lambda: http(302, {"Location": "file:///etc/passwd"}), Fault.SKIPPED),
        (lambda: http(302, {"Location": "/again"}), Fault.DEFECT),
        (lambda: TransportError("reset by peer"), Fault.TRANSIENT),
        (lambda: TimeoutError("timed out"), Fault.TRANSIENT),
        (lambda: OSError(28, "No space left on device"), Fault.TRANSIENT),
        (lambda: NotAllowed("10.0.0.1 is not public"), Fault.SKIPPED),
        (lambda: RequestError(cause=NotAllowed("10.0.0.1 is not public")), Fault.SKIPPED),
        (lambda: NoSupportingHandlers([], [NotAllowed("10.0.0.1 is not public")]), Fault.SKIPPED),
        (lambda: TooLarge("5 bytes"), Fault.SKIPPED),
        (lambda: GeoRestrictedError("not here"), Fault.BLOCKED),
        (lambda: UnsupportedError("https://example.org/"), Fault.SKIPPED),
        (lambda: UserNotLive(), Fault.SKIPPED),
        (said("Sign in to confirm you're not a bot"), Fault.BLOCKED),
        (said("This video is private"), Fault.BLOCKED),
        (said("This video has been removed by the uploader"), Fault.GONE),
        (said("The uploader has not made this video available in your country"), Fault.BLOCKED),
        (said("Video is not available in your country"), Fault.BLOCKED),
        (said("rate-limited by the site; try again later"), Fault.WAIT),
        (said("This video is DRM protected"), Fault.SKIPPED),
        (said("No video formats found!", expected=False), Fault.SKIPPED),
        (said("title not found", expected=False), Fault.DEFECT),
        (said("something unheard of"), Fault.DEFECT),
        (lambda: KeyError("removed"), Fault.DEFECT),
    ],
)
def test_each_error_of_the_library_has_its_outcome(make: Callable[[], BaseException], fault: Fault) -> None:
    assert classify(wrapped(make())).fault is fault


@pytest.mark.parametrize(
    ("make", "fault", "scope"),
    [
        (said("Sign in to confirm you're not a bot. Use --cookies"), Fault.BLOCKED, Scope.SITE),
        (said("Got HTTP Error 403 caused by Cloudflare anti-bot challenge"), Fault.BLOCKED, Scope.SITE),
        (
            said("Sign in to confirm your age. It may be inappropriate for some users"),
            Fault.BLOCKED,
            Scope.ITEM,
        ),
        (said("Private video. Sign in if you've been granted access to this video"), Fault.BLOCKED, Scope.ITEM),
        (said("This video is only available for registered users"), Fault.BLOCKED, Scope.ITEM),
        (said("Video is not available in your country"), Fault.BLOCKED, Scope.ITEM),
        (said("This content isn't available, try again later"), Fault.WAIT, Scope.SITE),
        (lambda: http(403, {"cf-mitigated": "challenge"}), Fault.BLOCKED, Scope.SITE),
        (lambda: http(403), Fault.BLOCKED, Scope.ITEM),
        (lambda: http(401), Fault.BLOCKED, Scope.ITEM),
        (lambda: http(407), Fault.BLOCKED, Scope.SITE),
        (lambda: http(451), Fault.BLOCKED, Scope.ITEM),
        (lambda: http(429), Fault.WAIT, Scope.SITE),
        (lambda: http(503, {"Retry-After": "7"}), Fault.WAIT, Scope.SITE),
    ],
)
def test_a_page_that_is_closed_is_told_from_a_site_that_is(
    make: Callable[[], BaseException], fault: Fault, scope: Scope
) -> None:
    outcome = classify(wrapped(make()))
    assert (outcome.fault, outcome.scope) == (fault, scope)


def test_what_stands_behind_a_page_without_a_video() -> None:
    login = by_warnings(["[x] This video is only available for registered users", "Requested format is not available"])
    assert (login.fault, login.scope) == (Fault.BLOCKED, Scope.ITEM)
    assert by_warnings(["This video is DRM protected"]).fault is Fault.SKIPPED
    assert by_warnings(["Requested format is not available"]).fault is Fault.SKIPPED
    assert by_warnings([]).fault is Fault.SKIPPED


def test_a_page_that_unpacks_without_end_says_so_and_asks_nobody_for_news_of_yt_dlp() -> None:
    verdict = classify(wrapped(NoSupportingHandlers([], [MemoryError()])))
    assert verdict.fault is Fault.DEFECT
    assert "unpacks" in verdict.why and "yt-dlp" not in verdict.why


def test_a_type_that_says_more_wins_over_the_status_behind_it() -> None:
    try:
        try:
            raise http(403)
        except HTTPError as refused:
            raise GeoRestrictedError("not here") from refused
    except GeoRestrictedError as error:
        assert "country" in classify(wrapped(error)).why


def test_too_many_requests_waits_until_the_named_moment() -> None:
    outcome = classify(wrapped(http(429, {"Retry-After": "90"})))
    assert outcome.until is not None
    assert abs(outcome.until - utcnow() - timedelta(seconds=90)) < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("90", NOW + timedelta(seconds=90)),
        ("Sun, 22 Nov 2026 12:05:00 GMT", NOW + timedelta(minutes=5)),
        ("Sun, 22 Nov 2020 12:05:00 GMT", NOW),
        ("999999999", NOW + timedelta(days=1)),
        ("soon", NOW + timedelta(minutes=15)),
        (None, NOW + timedelta(minutes=15)),
    ],
)
def test_retry_after(value: str | None, moment: datetime) -> None:
    assert retry_after(value, NOW) == moment


def test_a_reason_is_one_line_without_secrets_or_control_characters() -> None:
    line = one_line("bad\x1b[31m thing\r\nat https://u:p@example.org/v?id=1&sig=SECRET \u202ereversed\x00")
    assert line == "bad thing at https://example.org/v?id=1 \\u202ereversed\\u0000"
    assert len(one_line("x" * 5000)) == LONGEST
