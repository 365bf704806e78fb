"""yt-dlp as this project uses it: the one module that imports it.

Facts about the library, tried with 2026.10.26 and held by `tests/extractors/test_yt_dlp_reader.py`:
- A parameter that it does not know is ignored without a word.
- `skip_unavailable_fragments` is True unless set: a video with holes would count as a success.
- With `ignoreerrors` one bad entry does not end a listing, but the exception is gone: `trouble` sees it.
- It resumes a `.part` file without asking whether the file on the server is still the same one: `If-Range` asks.
- The generic extractor takes `Last-Modified` for the time of publication: it is kept apart instead.
- It reads `<video>` elements with an extractor of another name, `html5`, and then forgets what the page says of them.
- The extension that a page states reaches the file system: `process_info` sees the final word on it.
"""

import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yt_dlp
from yt_dlp.extractor.genericembeds import HTML5MediaEmbedIE
from yt_dlp.networking import Request, Response
from yt_dlp.networking.exceptions import (
    CertificateVerifyError,
    HTTPError,
    NoSupportingHandlers,
    RequestError,
    TransportError,
)
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
    unsmuggle_url,
)
from yt_dlp.utils._utils import _UnsafeExtensionError as UnsafeExtensionError

from extractors import addresses
from extractors.addresses import NotAllowed
from lastseen.records import SiteAccess

__all__ = [
    "CertificateVerifyError",
    "ContentTooShortError",
    "DownloadError",
    "ExtractorError",
    "GeoRestrictedError",
    "HTTPError",
    "NoSupportingHandlers",
    "Reader",
    "RequestError",
    "TooLarge",
    "TransportError",
    "UnsafeExtensionError",
    "UnsupportedError",
    "UserNotLive",
    "common_options",
    "fetching_options",
    "listing_options",
    "visiting_options",
]

Info = dict[str, Any]
"""yt-dlp's info dict: JSON-like, nothing in it is certain"""

GENERIC = "Generic"
FILE_NAME = "file"
"""what a download is called in its scratch folder, whatever the page calls it"""
VALIDATOR_NAME = "resume.json"
OPEN_RANGE = re.compile(r"bytes=([1-9]\d*)-$")
RETRIES = 3
SOCKET_SECONDS = 20
STATED = ("title", "description", "timestamp", "duration", "uploader")
"""what a page may say of its own video in JSON-LD"""


class TooLarge(Exception):
    """The file is larger than the office wants to keep."""


class TooLong(Exception):
    """The video is longer than the office wants to keep, by what its page says."""


class Live(Exception):
    """There is no video yet: it is announced, or live."""

    def __init__(self, why: str, until: datetime) -> None:
        super().__init__(why)
        self.until = until
        """when to look again"""


class Quiet:
    """The logger: nothing is printed; warnings are kept for the answer."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Progress and debugging."""

    def warning(self, message: str) -> None:
        """Something that the operator may want to know."""
        self.warnings.append(message)

    def error(self, message: str) -> None:
        """Told through `Reader.trouble`, with the exception."""


class PageVideoIE(HTML5MediaEmbedIE):  # type: ignore[misc]  # yt-dlp has no types
    """The `<video>` elements of a page, and what the page says of its only one."""

    def _extract_from_webpage(self, url: str, webpage: str) -> Iterator[Info]:
        entries: list[Info] = list(super()._extract_from_webpage(url, webpage))
        if len(entries) == 1:
            stated = self._search_json_ld(webpage, entries[0]["id"], default={})
            entries[0]["title"] = self._generic_title(url, webpage)
            entries[0] |= {name: stated[name] for name in STATED if stated.get(name) is not None}
        yield from entries


def common_options(extractors: tuple[str, ...], scratch: Path) -> Info:
    """Options of every use: silent, no files but in `scratch`, no other programs, no secrets from the machine."""
    return {
        "quiet": True,
        "no_warnings": False,
        "noprogress": True,
        "logger": Quiet(),
        "color": "never",
        "usenetrc": False,
        "cachedir": False,
        "proxy": "",
        "enable_file_urls": False,
        "js_runtimes": {},
        "remote_components": [],
        "warn_when_outdated": False,
        "external_downloader": {"default": "native"},
        # "youtube" stands for "youtube:tab" and the like too
        "allowed_extractors": [rf"{re.escape(name)}(:.*)?" for name in extractors],
        "default_search": "error",
        "socket_timeout": SOCKET_SECONDS,
        "extractor_retries": 1,
        "retries": RETRIES,
        "fragment_retries": RETRIES,
        "file_access_retries": 0,
        "lazy_playlist": True,
        "extract_flat": "in_playlist",
        "paths": {"home": str(scratch)},
        "outtmpl": {"default": FILE_NAME},
    }


def visiting_options(access: SiteAccess, pause: float, rate: int) -> Info:
    """Options for how a site is met: `pause` in seconds between pages, `rate` in bytes a second (0: any).

    Cookies are read from memory, and what the site changes about them is lost with it.
    """
    cookies = {"cookiefile": io.StringIO(access.cookies)} if access.cookies else {}
    return cookies | {"proxy": access.proxy, "sleep_interval_requests": pause, "ratelimit": rate or None}


def listing_options(limit: int) -> Info:
    """Options for reading a page or a list without downloading; one entry more than `limit` shows that it goes on."""
    return {
        "simulate": True,
        "skip_download": True,
        "ignoreerrors": True,
        "ignore_no_formats_error": True,
        "playlist_items": f"1:{limit + 1}",
    }


def fetching_options(number: int, max_bytes: int) -> Info:
    """Options for downloading the video that is the `number`-th of its page, as the server sends it."""

    def guard(progress: Mapping[str, Any]) -> None:
        size = max(progress.get("total_bytes") or 0, progress.get("downloaded_bytes") or 0)
        if size > max_bytes:
            raise TooLarge(f"{size} bytes")

    return {
        "ignoreerrors": False,
        "playlist_items": str(number),
        "format": "bv*/b",
        "fixup": "never",
        "postprocessors": [],
        "skip_unavailable_fragments": False,
        "continuedl": True,
        "overwrites": False,
        "progress_hooks": [guard],
    }


class Reader(yt_dlp.YoutubeDL):  # type: ignore[misc]  # yt-dlp has no types
    """A YoutubeDL that stays where it may be, remembers its troubles, and resumes only what is still the same file.

    `home` is the source's address.  Use it as a context manager, one use each.
    """

    def __init__(self, options: Info, home: str, private: tuple[addresses.Network, ...], scratch: Path) -> None:
        self.troubles: list[BaseException] = []
        self.last_modified = ""
        """what the last answer said of its age: not a date of publication"""
        self._home = addresses.host_of(home)
        self._private = private
        self._validator_file = scratch / VALIDATOR_NAME
        self._media_url = ""
        self.before_download: Callable[[Info], None] = lambda _: None
        """called with the info of what is about to be downloaded; may raise"""
        super().__init__(options, auto_init="no_verbose_header")
        if GENERIC in self._ies:
            self.add_info_extractor(PageVideoIE(self))

    # --- where it may go ----------------------------------------------------------------------------------

    def extractor_key(self, address: str, wanted: str | None = None) -> str:
        """Which extractor reads `address`.  Raises NotAllowed if it may not be read here."""
        plain, _ = unsmuggle_url(address)
        candidates = {wanted: self._ies[wanted]} if wanted in self._ies else {} if wanted else self._ies
        found = next((key for key, extractor in candidates.items() if extractor.suitable(address)), None)
        if found is None:
            raise NotAllowed(
                f"none of the allowed extractors reads {addresses.without_secrets(plain)}; "
                "LASTSEEN_ALLOWED_EXTRACTORS names them"
            )
        if found == GENERIC or "://" in plain:  # an extractor may name a video without an address: jwplatform:ID
            addresses.check(plain, self._private)
        if found == GENERIC and addresses.host_of(plain) != self._home:
            raise NotAllowed(
                f"{addresses.host_of(plain)} is not the host of the source ({self._home}); "
                "if it may be watched, add it as a source of its own"
            )
        return str(found)

    def temporary_id(self, address: str, key: str) -> str | None:
        """The id that an extractor reads off the address itself, or None."""
        found = self._ies[key].get_temp_id(address) if key != GENERIC else None
        return str(found) if found else None

    def extract_info(self, url: str, *args: Any, **kwargs: Any) -> Any:
        """As YoutubeDL's, for every address on the way."""
        self.extractor_key(url, kwargs.get("ie_key"))
        return super().extract_info(url, *args, **kwargs)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        """One HTTP client, whose connections Python sees (`extractors.network_guard`), whatever is installed."""
        return super().build_request_director([each for each in handlers if each.RH_KEY == "Urllib"], preferences)

    def urlopen(self, req: Any) -> Any:
        """As YoutubeDL's; only http(s), and a resumed download only of the file that was begun."""
        request = Request(req) if isinstance(req, str) else req
        if not request.url.startswith("data:"):
            addresses.check(unsmuggle_url(request.url)[0], self._private)
        if OPEN_RANGE.match(request.headers.get("Range") or ""):
            self._guard_resume(request)
        response: Response = super().urlopen(request)
        self._remember(request, response)
        return response

    # --- what went wrong ----------------------------------------------------------------------------------

    def trouble(self, message: str | None = None, tb: str | None = None, is_error: bool = True) -> None:
        """As YoutubeDL's, and the exception is kept, also where errors are ignored."""
        if is_error:
            error = sys.exception()
            self.troubles.append(error if error is not None else DownloadError(message))
        super().trouble(message, tb, is_error)

    # --- the file -----------------------------------------------------------------------------------------

    def process_info(self, info_dict: Info) -> None:
        """As YoutubeDL's; the extension that the page states never reaches the file system."""
        self.before_download(info_dict)
        stated = info_dict.get("ext")
        info_dict["ext"] = "unknown_video"
        self._media_url = str(info_dict.get("url") or "") if info_dict.get("protocol") in ("http", "https") else ""
        (self._validator_file.parent / FILE_NAME).unlink(missing_ok=True)
        if not self._validator_file.is_file() or not self._media_url:
            self.forget_part()
        try:
            super().process_info(info_dict)
        finally:
            info_dict["ext"] = stated

    def forget_part(self) -> None:
        """Drop what an earlier attempt left behind."""
        for left in self._validator_file.parent.glob(f"{FILE_NAME}*"):
            left.unlink()
        self.forget_validator()

    def forget_validator(self) -> None:
        """There is nothing to resume any more."""
        self._validator_file.unlink(missing_ok=True)

    def _guard_resume(self, request: Request) -> None:
        if self._validator_file.is_file():
            request.headers["If-Range"] = json.loads(self._validator_file.read_text())["validator"]
        else:
            request.headers.pop("Range")

    def _remember(self, request: Request, response: Response) -> None:
        self.last_modified = response.headers.get("Last-Modified") or ""
        del response.headers["Last-Modified"]
        if request.url != self._media_url or response.status != 200:
            return
        tag = response.headers.get("ETag") or ""
        validator = tag if tag.startswith('"') else self.last_modified
        if validator:
            self._validator_file.write_text(json.dumps({"validator": validator}))
        else:
            self.forget_validator()


sanitize: Callable[..., Info] = yt_dlp.YoutubeDL.sanitize_info
plain_address: Callable[[str], tuple[str, object]] = unsmuggle_url
