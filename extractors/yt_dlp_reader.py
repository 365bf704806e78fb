"""yt-dlp as this project uses it: the one module that imports it.

Facts about the library, tried with 2026.10.26 and held by `tests/extractors/test_yt_dlp_reader.py`:
- A parameter that it does not know is ignored without a word.
- `skip_unavailable_fragments` is True unless set: a video with holes would count as a success.
- With `ignoreerrors` one bad entry does not end a listing, but the exception is gone: `trouble` sees it.
- It resumes a `.part` file without asking whether the file on the server is still the same one: `If-Range` asks.
- The generic extractor takes `Last-Modified` for the time of publication: it is kept apart instead.
- It reads `<video>` elements with an extractor of another name, `html5`, and then forgets what the page says of them.
- The extension that a page states reaches the file system: `process_info` sees the final word on it.
- A playlist of pieces without an end is downloaded as far as it goes, and counts as a success: `_manifest` looks.
- It goes on in a half-fetched stream of pieces by their number alone, whatever the pieces are now; killed between
  writing a piece and its number, it writes the piece twice; where the number cannot be read it appends all anew.
- The subtitles of a stream in pieces are rewritten if their `ext` is `vtt`.
- It adds the time of day to the title of what is live: two looks would always differ.
- schema.org's `publication`, by which pages say that a video is live or announced, is not read.
"""

import hashlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

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
    parse_iso8601,
    unsmuggle_url,
)
from yt_dlp.utils._utils import _UnsafeExtensionError as UnsafeExtensionError

from extractors import addresses
from extractors.addresses import NotAllowed
from lastseen.clock import utcnow
from lastseen.records import SiteAccess

__all__ = [
    "CertificateVerifyError",
    "ContentTooShortError",
    "DownloadError",
    "ExtractorError",
    "GeoRestrictedError",
    "HTTPError",
    "Live",
    "NoSupportingHandlers",
    "NoVideo",
    "Reader",
    "RequestError",
    "TooLarge",
    "TooLong",
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
VIDEO, AUDIO = "video", "audio"
"""what the two downloads of a page are called in its scratch folder, whatever the page calls them"""
PLAIN = ("http", "https")
HLS = ("m3u8", "m3u8_native")
DASH = "http_dash_segments"
READ = frozenset({*PLAIN, *HLS, DASH})
"""protocols that are read here; all others need programs of their own, or are no films"""
MANIFEST_BYTES = 16 << 20
OPEN_RANGE = re.compile(r"bytes=([1-9]\d*)-$")
DYNAMIC = re.compile(r"<MPD\b[^>]*\btype\s*=\s*[\"']dynamic[\"']")
PROTOCOLS = {"m3u8": "hls", "m3u8_native": "hls", DASH: "dash"}
BLOCK_BYTES = 1 << 20
REDIRECTS = range(300, 400)
PIECES = "pieces "
"""begins what tells one list of pieces from another: no server's tag begins so"""
EMPTY_PAGE = "<html></html>"
ANY_PAGE = """<html><head><title>t</title><script type="application/ld+json">{"@context": "https://schema.org",
"@type": "VideoObject", "name": "t", "uploadDate": "no date", "contentUrl": "https://nowhere.invalid/v.mp4"}</script>
</head><body><video src="/v.mp4"></video></body></html>"""
"""what pages have that are read well: nearly all patterns are tried on it"""
LONGEST_WORD = 64
RETRIES = 3
SOCKET_SECONDS = 20
STATED = ("title", "description", "timestamp", "duration", "uploader", "thumbnails")
"""what a page may say of its own video in JSON-LD"""


class TooLarge(Exception):
    """The file is larger than the office wants to keep."""


class TooLong(Exception):
    """The video is longer than the office wants to keep, by what its page says."""


class Told(Exception):
    """An answer that asking again at once does not change; the answer itself is the cause.

    yt-dlp would ask for a file three times more, and then keep to itself what it was told.
    """


class NoVideo(Exception):
    """The page could be read, and gives no video; what was warned of on the way may say why."""


class Live(Exception):
    """There is no video yet: it is announced, or live."""

    def __init__(self, why: str, until: datetime | None) -> None:
        super().__init__(why)
        self.until = until
        """when to look again; None: nobody said when it began"""


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
            entries[0] |= broadcast(list(self._yield_json_ld(webpage, entries[0]["id"], default=())))
        yield from entries


def broadcast(said: object) -> Info:
    """What schema.org's `publication` of a page says of being live: `live_status`, and when it began or will.

    As search engines have it (BroadcastEvent, https://schema.org/publication): live between its two moments.
    """
    match said:
        case [*several]:
            return next((found for each in several if (found := broadcast(each))), {})
        case {"isLiveBroadcast": bool(live) | str(live), **rest} if str(live).lower() == "true":
            starts, ends = (parse_iso8601(rest.get(name)) for name in ("startDate", "endDate"))
            now = utcnow().timestamp()
            if ends is not None and ends <= now:
                return {"live_status": "was_live"}
            status = "is_upcoming" if starts is not None and starts > now else "is_live"
            return {"live_status": status, "release_timestamp": starts}
        case {"publication": inner} | {"@graph": inner}:
            return broadcast(inner if isinstance(inner, list) else [inner])
    return {}


def chosen(formats: Sequence[Info]) -> list[Info]:
    """What is downloaded of a page's formats, which are sorted from worst to best: the best video, and the best sound
    if that video has none.  The video comes last: yt-dlp takes the last one for what it has to say of the page.
    """
    readable = [each for each in formats if each.get("protocol") in READ]
    video = next((each for each in reversed(readable) if each.get("vcodec") != "none"), None)
    if video is None:
        return []
    if video.get("acodec") != "none":
        return [video]
    sounding = (each for each in reversed(readable) if each.get("acodec") != "none")
    sound = next((each for each in sounding if each.get("vcodec") == "none"), None)
    return [video] if sound is None else [sound, video]


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
        "outtmpl": {"default": "%(lastseen_name)s"},
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
    """Options for downloading the video that is the `number`-th of its page, as the server sends it.

    A page without anything to download is no error yet: `Reader.process_info` raises NoVideo.
    """

    def guard(progress: Mapping[str, Any]) -> None:
        size = max(progress.get("total_bytes") or 0, progress.get("downloaded_bytes") or 0)
        if size > max_bytes:
            raise TooLarge(f"{size} bytes")

    return {
        "ignoreerrors": False,
        "playlist_items": str(number),
        "format": lambda given: chosen(given["formats"]),
        "ignore_no_formats_error": True,
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
        self._scratch = scratch
        self._name = VIDEO
        """of the download that is going on"""
        self._media_url = ""
        self.page: Info | None = None
        """the video that was looked at last, with what is known of it"""
        self.brought: dict[str, dict[str, str | int]] = {}
        """name of a file that was downloaded -> how it came"""
        self.before_download: Callable[[Info], None] = lambda _: None
        """called with the info of what is about to be downloaded; may raise"""
        super().__init__(options, auto_init="no_verbose_header")
        self.add_progress_hook(self._note_pieces)
        self._noted: object = None
        if GENERIC in self._ies:
            self.add_info_extractor(PageVideoIE(self))

    # --- where it may go ----------------------------------------------------------------------------------

    def extractor_key(self, address: str, wanted: str | None = None) -> str:
        """Which extractor reads `address`.  Raises NotAllowed if it may not be read here."""
        plain, _ = unsmuggle_url(address)
        candidates = {wanted: self._ies[wanted]} if wanted in self._ies else {} if wanted else self._ies
        found = next((key for key, extractor in candidates.items() if extractor.suitable(address)), None)
        if found is None or (found == GENERIC and addresses.searched(plain) is not None):
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
        """As YoutubeDL's; only http(s), and a resumed download only of the file that was begun.  Raises Told."""
        request = Request(req) if isinstance(req, str) else req
        if not request.url.startswith("data:"):
            addresses.check(unsmuggle_url(request.url)[0], self._private)
        if OPEN_RANGE.match(request.headers.get("Range") or ""):
            self._guard_resume(request)
        try:
            response: Response = super().urlopen(request)
        except HTTPError as error:
            if error.status in REDIRECTS or error.response.headers.get("Retry-After"):
                raise Told(f"the server answered {error.status}") from error
            raise
        self._remember(request, response)
        return response

    # --- what went wrong ----------------------------------------------------------------------------------

    def trouble(self, message: str | None = None, tb: str | None = None, is_error: bool = True) -> None:
        """As YoutubeDL's, and the exception is kept, also where errors are ignored."""
        if is_error:
            error = sys.exception()
            self.troubles.append(error if error is not None else DownloadError(message))
        super().trouble(message, tb, is_error)

    @property
    def warnings(self) -> list[str]:
        """What yt-dlp warned of so far."""
        logger = self.params["logger"]
        return logger.warnings if isinstance(logger, Quiet) else []

    def warm(self, address: str) -> None:
        """Import and compile whatever is done so at first use: with pages that say nothing, and asking nobody."""
        for key, extractor in list(self._ies.items()):
            extractor.suitable(address)
            loaded = self.get_info_extractor(key)
            if key != GENERIC:
                list(loaded.extract_from_webpage(self, address, EMPTY_PAGE))
        if GENERIC in self._ies:
            self.get_info_extractor(GENERIC)._extract_embeds(address, ANY_PAGE)

    # --- the files ----------------------------------------------------------------------------------------

    def process_video_result(self, info_dict: Info, download: bool = True) -> Info:
        """As YoutubeDL's, and what is known of the video stays known if it cannot be had."""
        self.page, title = info_dict, info_dict.get("title")
        processed: Info = info_dict
        try:
            processed = super().process_video_result(info_dict, download)
        finally:
            for each in (info_dict, processed) if title else ():
                each["title"] = title
        return processed

    def process_info(self, info_dict: Info) -> None:
        """As YoutubeDL's; the extension that the page states never reaches the file system."""
        if not info_dict.get("url"):
            raise NoVideo
        self.before_download(info_dict)
        self._name = AUDIO if info_dict.get("vcodec") == "none" else VIDEO
        stated, info_dict["ext"] = info_dict.get("ext"), "unknown_video"
        info_dict["lastseen_name"] = self._name
        plain = info_dict.get("protocol") in PLAIN
        self._media_url = str(info_dict["url"]) if plain else ""
        how = _how(info_dict, stated)
        if plain:
            self._take_up_file()
        else:
            how |= self._take_up_pieces(info_dict)
        try:
            if plain or not self._path.is_file():
                super().process_info(info_dict)
        finally:
            info_dict["ext"] = stated
        if self._path.is_file():
            self.brought[self._name] = how

    def save(self, address: str, headers: Mapping[str, str], path: Path, most: int) -> Response:
        """Write what an address gives to a file.  Raises TooLarge and ContentTooShortError."""
        response: Response = self.urlopen(Request(address, headers=dict(headers)))
        size = 0
        with path.open("wb") as file:
            while block := response.read(BLOCK_BYTES):
                size += len(block)
                if size > most:
                    raise TooLarge(f"more than {most} bytes")
                file.write(block)
        stated = response.headers.get("Content-Length") or ""
        if stated.isdigit() and not response.headers.get("Content-Encoding") and size < int(stated):
            raise ContentTooShortError(size, int(stated))
        return response

    def save_pieces(self, info: Info, path: Path) -> None:
        """Write a stream that comes in pieces to a file, from its first one on.  Raises DownloadError."""
        _drop(path)
        done, _ = self.dl(str(path), info)
        if not done or not path.is_file():
            raise DownloadError("the pieces could not be had")

    def forget(self) -> None:
        """There is nothing to resume any more."""
        for name in (VIDEO, AUDIO):
            self._validator(name).unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return self._scratch / self._name

    def _validator(self, name: str) -> Path:
        """What tells whether the file on the server is still the one that was begun."""
        return self._scratch / f"{name}.resume"

    def _take_up_file(self) -> None:
        """A file that was downloaded whole is asked for once more from its end on: it may be another one now."""
        validator = self._validator(self._name)
        if not validator.is_file() or validator.read_text().startswith(PIECES):
            _drop(self._path)
        elif self._path.is_file():
            self._path.rename(self._path.with_name(f"{self._name}.part"))

    def _take_up_pieces(self, info: Info) -> dict[str, str | int]:
        """Drop the beginning unless the pieces are the same.  Returns how they come.  Raises Live."""
        pieces, how = _pieces(info, self._manifest(info))
        validator = self._validator(self._name)
        same = validator.is_file() and validator.read_text() == pieces
        if not same or not (self._path.is_file() or self._cut_to_pieces()):
            _drop(self._path)
            validator.write_text(pieces)
        return how

    def _note_pieces(self, progress: Mapping[str, Any]) -> None:
        """Note how long the beginning is before a piece is put to its end, in case that this is the last we do."""
        if progress.get("fragment_index") in (None, self._noted):
            return
        self._noted = progress["fragment_index"]
        number, part = self._number(), self._path.with_name(f"{self._name}.part")
        if number is not None and part.is_file():
            draft = self._path.with_name(f"{self._name}.draft")
            draft.write_text(json.dumps([number, part.stat().st_size]))
            draft.replace(self._sizes)

    def _cut_to_pieces(self) -> bool:
        """Take off what an earlier attempt wrote of a piece when it was killed; False: nobody knows what is there."""
        number, part = self._number(), self._path.with_name(f"{self._name}.part")
        if not number or not part.is_file() or not self._sizes.is_file():
            return False
        noted, size = json.loads(self._sizes.read_text())
        if noted == number and part.stat().st_size >= size:
            os.truncate(part, size)
        return noted in (number, number - 1)

    @property
    def _sizes(self) -> Path:
        return self._path.with_name(f"{self._name}.sizes")

    def _number(self) -> int | None:
        """Of the last piece that was put to the beginning, by yt-dlp's own account; None: it cannot be read."""
        try:
            told = json.loads(self._path.with_name(f"{self._name}.ytdl").read_text())
            return int(told["downloader"]["current_fragment"]["index"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _manifest(self, info: Info) -> str:
        """The list of the pieces, read once more by us.  Raises Live."""
        address = info["url"] if info["protocol"] in HLS else info.get("manifest_url")
        if not address:
            return ""
        response: Response = self.urlopen(Request(address, headers=dict(info.get("http_headers") or {})))
        said: str = response.read(MANIFEST_BYTES).decode(errors="replace")
        if info["protocol"] in HLS:
            info["url"], info["hls_media_playlist_data"] = response.url, said
        goes_on = "#EXT-X-ENDLIST" not in said if info["protocol"] in HLS else DYNAMIC.search(said) is not None
        if goes_on and "#EXT-X-PLAYLIST-TYPE:VOD" not in said:
            raise Live("live now", None)
        return said

    def _guard_resume(self, request: Request) -> None:
        validator = self._validator(self._name)
        if request.url == self._media_url and validator.is_file():
            request.headers["If-Range"] = validator.read_text()
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
            self._validator(self._name).write_text(validator)
        else:
            self._validator(self._name).unlink(missing_ok=True)


def _drop(path: Path) -> None:
    """What an earlier attempt left behind of one download."""
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()


def _how(info: Info, extension: object) -> dict[str, str | int]:
    """How one file comes over the wire, as far as the page says."""
    told = {name: info.get(name) for name in ("format_id", "vcodec", "acodec", "width", "height")}
    told |= {"protocol": PROTOCOLS.get(str(info.get("protocol")), info.get("protocol")), "extension": extension}
    plain = {name: word(value) if isinstance(value, str) else value for name, value in told.items()}
    return {name: value for name, value in plain.items() if isinstance(value, str | int) and value not in ("", "none")}


def word(said: str) -> str:
    """What a page says in a word, as it may stand in a log: printable ASCII of bounded length."""
    return re.sub(r"[^ -~]", "?", said)[:LONGEST_WORD]


def _pieces(info: Info, manifest: str) -> tuple[str, dict[str, str | int]]:
    """What tells one list of pieces from another, without what changes from one reading to the next; how they come."""
    if info["protocol"] in HLS:
        lines = [line.strip() for line in manifest.splitlines()]
        pieces = [_without_query(line) for line in lines if line and not line.startswith("#")]
        marks = [line for line in lines if line.startswith(("#EXTINF", "#EXT-X-BYTERANGE"))]
        first = sum(line.startswith("#EXT-X-MAP") for line in lines)
        how: dict[str, str | int] = {"fragments": len(pieces) + first}
        if "#EXT-X-KEY:METHOD=AES-128" in manifest:
            how["decrypted"] = "AES-128"
        told: object = [pieces, marks]
    else:
        fragments = list(info.get("fragments") or ())
        told = [[_without_query(str(each.get("url") or each.get("path"))), each.get("duration")] for each in fragments]
        how = {"fragments": len(fragments)}
    spelled = json.dumps([info.get("format_id"), told], default=str)
    return PIECES + hashlib.sha256(spelled.encode(errors="replace")).hexdigest(), how


def _without_query(address: str) -> str:
    return urlsplit(urldefrag(address).url).path


sanitize: Callable[..., Info] = yt_dlp.YoutubeDL.sanitize_info
plain_address: Callable[[str], tuple[str, object]] = unsmuggle_url
