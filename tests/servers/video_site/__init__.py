"""A small video site on loopback, for tests, the demo and trials by hand.

`python -m tests.servers.video_site FOLDER [--port N]` serves every file of a folder as a page with a title and a
date, a feed of the pages at `/feed.rss`, and the files themselves under `/media/`; `--demo` adds a page for each kind
of stream, and for each way in which a site refuses.

In tests: `with VideoSite() as site: site.add(Page("clip", content)); site.url("/watch/clip")`.  Any other answer
(gone, too many requests, slow, broken off, endless, redirected) is put on a path with `site.answer(path, Answer(...))`;
`walls` has those of sites that refuse.  Requests are counted.  What is published can be read at addresses of Mediasite,
too, for which yt-dlp has an extractor that reads any host: `site.play(page)`, `site.catalog`.

Feeds: `/feed.rss?page=2&per=50`, `/search.rss?q=WORD`, `/enclosures.rss`.
"""

import hashlib
import mimetypes
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers.video_site import mediasite, pages
from tests.servers.video_site.pages import EPOCH, Page

__all__ = ["EPOCH", "Answer", "Asked", "Page", "VideoSite", "redirect"]

BLOCK_BYTES = 1 << 16
FEEDS = ("/feed.rss", "/enclosures.rss", "/search.rss")
KINDS = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "ts": "video/mp2t",
    "m4s": "video/iso.segment",
    "vtt": "text/vtt",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One canned answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    """an empty value takes a header away"""
    times: int | None = None
    """how often, before the path is answered as if there were no Answer; None: for ever"""
    delay: float = 0.0
    """seconds before anything is sent"""
    break_after: int | None = None
    """bytes of the body after which the connection is cut"""
    pause: float = 0.0
    """seconds after each block of the body"""
    endless: bool = False
    """the body is sent again and again, until the visitor hangs up"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]


def redirect(target: str) -> Answer:
    """Sends the visitor elsewhere."""
    return Answer(302, headers={"Location": target})


class VideoSite:
    """The site.  A context manager; it may be changed while it is served."""

    def __init__(self, published: Sequence[Page] = (), port: int = 0) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.sent_bytes = 0
        """of bodies"""
        self.closing = threading.Event()
        self._answers: dict[str, list[Answer]] = {}
        self._cuts: dict[str, list[int]] = {}
        self._gone: set[str] = set()
        self._lock = threading.Lock()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        for page in published:
            self.add(page)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- what it shows ------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of a path."""
        return f"http://{host}:{self.port}{path}"

    def play(self, page: Page) -> str:
        """The address of a page as Mediasite has it."""
        return self.url(f"{mediasite.PLAY}{page.id}")

    @property
    def catalog(self) -> str:
        """The address of the list of all pages as Mediasite has it."""
        return self.url(f"/Mediasite/Catalog/Full/{mediasite.CATALOG}")

    def add(self, page: Page) -> Page:
        """Publish a page, or publish it again with something else."""
        with self._lock:
            self.pages[page.name] = page
            self._gone.discard(page.name)
        return page

    def remove(self, name: str) -> None:
        """Take a page down: from now on 410, and out of the feed."""
        with self._lock:
            del self.pages[name]
            self._gone.add(name)

    def answer(self, path: str, *answers: Answer) -> str:
        """Answer `path` so, each answer as often as it says; returns the address."""
        with self._lock:
            self._answers[path] = list(answers)
        return self.url(path)

    def cut(self, path: str, after: int, times: int) -> None:
        """Break off the next `times` answers on `path` after so many bytes of body."""
        with self._lock:
            self._cuts[path] = [after] * times

    # --- what was asked -----------------------------------------------------------------------------------

    def count(self, path: str) -> int:
        """How many requests came for a path, whatever their method and query."""
        with self._lock:
            return sum(urlsplit(each.path).path == path for each in self.asked)

    # --- for the handler ----------------------------------------------------------------------------------

    def note(self, asked: Asked) -> Answer | None:
        """Count a request; the canned answer for it, if there is one."""
        path = urlsplit(asked.path).path
        with self._lock:
            self.asked.append(asked)
            left = self._answers.get(asked.path) or self._answers.get(path) or []
            if not left:
                return None
            first = left[0]
            if first.times is not None:
                left[:1] = [replace(first, times=first.times - 1)] if first.times > 1 else []
            return first

    def next_cut(self, path: str) -> int | None:
        """After how many bytes the answer on `path` is to break off."""
        with self._lock:
            cuts = self._cuts.get(path)
            return cuts.pop() if cuts else None

    def is_gone(self, name: str) -> bool:
        """Whether a page of this name was taken down."""
        with self._lock:
            return name in self._gone

    def shown(self) -> list[Page]:
        """The pages, newest first."""
        with self._lock:
            return sorted(self.pages.values(), key=lambda page: (page.published, page.name), reverse=True)

    def sent(self, size: int) -> None:
        """Count bytes of a body."""
        with self._lock:
            self.sent_bytes += size


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    site: VideoSite

    def __init__(self, site: VideoSite, port: int) -> None:
        self.site = site
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor that hangs up is no error; anything else is shown by the base class."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typed for sockets only


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 5
    _posted: bytes | None = None

    def do_GET(self) -> None:
        """Answer with a body."""
        self._serve()

    def do_POST(self) -> None:
        """The same, to what was posted."""
        self._posted = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._serve()

    def do_HEAD(self) -> None:
        """Answer without."""
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        site = self.server.site
        answer = site.note(Asked(self.command, self.path, dict(self.headers)))
        if answer is None:
            path = unquote(urlsplit(self.path).path)
            answer = replace(self._page(path), break_after=site.next_cut(path))
        if answer.delay:
            site.closing.wait(answer.delay)
        self._send(answer)

    def _page(self, path: str) -> Answer:
        site = self.server.site
        if self._posted is not None:
            said = mediasite.answer(path, self._posted, site.shown(), site.url)
            return _missing(404) if said is None else Answer(body=said, headers={"Content-Type": "application/json"})
        if path in ("/", "/index.html"):
            return _html(pages.index(site.shown()))
        if path in FEEDS:
            return Answer(body=self._feed(path), headers={"Content-Type": "application/rss+xml"})
        written = mediasite.html(path)
        return _html(written) if written is not None else self._of_page(path)

    def _feed(self, path: str) -> bytes:
        site, asked = self.server.site, dict(parse_qsl(urlsplit(self.path).query))
        shown = [page for page in site.shown() if asked.get("q", "").lower() in (page.title or page.name).lower()]
        size = int(asked.get("per") or len(shown) or 1)
        start = (int(asked.get("page") or 1) - 1) * size
        return pages.feed(shown[start : start + size], site.url, enclosures=path == "/enclosures.rss")

    def _of_page(self, path: str) -> Answer:
        """A page, or one of its files."""
        site = self.server.site
        name = _name_of(path)
        page = site.pages.get(name)
        if page is None:
            return _missing(410 if site.is_gone(name) else 404)
        if path == page.path:
            return _html(pages.watch(page, site.url))
        if path == page.media_path and not page.source:
            content = page.content if isinstance(page.content, bytes) else page.content.read_bytes()
            return self._file(content, page.media_type or _kind(path), page.published)
        beside = {page.thumbnail_path: page.thumbnail} if page.thumbnail else {}
        beside |= {f"/media/{page.name}/{file}": content for file, content in page.files.items()}
        beside |= {page.subtitle_path(language): content for language, content in page.subtitles.items()}
        return self._file(beside[path], _kind(path), page.published) if path in beside else _missing(404)

    def _file(self, content: bytes, kind: str, published: datetime) -> Answer:
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {
            "Content-Type": kind,
            "Accept-Ranges": "bytes",
            "ETag": tag,
            "Last-Modified": format_datetime(published, usegmt=True),
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None or self.headers.get("If-Range", tag) != tag:
            return Answer(body=content, headers=headers)
        start, end = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        if start >= len(content):
            return Answer(416, headers={"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        return Answer(206, content[start : end + 1], headers)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        body = answer.body[: answer.break_after]
        self._write(body, answer.pause)
        while answer.endless and not self.server.site.closing.is_set():
            self._write(body, answer.pause)
        if answer.break_after is not None:
            self.close_connection = True

    def _write(self, body: bytes, pause: float) -> None:
        site = self.server.site
        for start in range(0, len(body), BLOCK_BYTES):
            part = body[start : start + BLOCK_BYTES]
            self.wfile.write(part)
            site.sent(len(part))
            if pause and site.closing.wait(pause):
                return


def _html(body: str) -> Answer:
    return Answer(body=body.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def _name_of(path: str) -> str:
    """Of the page that a path belongs to: /watch/NAME, /media/NAME.mp4, /media/NAME/FILE, /sub/NAME.uk.vtt ..."""
    _, place, *rest = path.split("/")
    endings = 0 if place == "watch" or len(rest) != 1 else 2 if place == "sub" else 1
    return rest[0].rsplit(".", endings)[0] if rest else ""


def _missing(status: int) -> Answer:
    return Answer(status, b"gone", {"Content-Type": "text/plain"})


def _kind(path: str) -> str:
    suffix = path.rpartition(".")[2]
    return KINDS.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
