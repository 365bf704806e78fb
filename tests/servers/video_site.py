"""A small video site on loopback, for tests, the demo and trials by hand.

`python -m tests.servers.video_site FOLDER [--port N]` serves every file of a folder as a page with a title and a
date, a feed of the pages at `/feed.rss`, and the files themselves under `/media/`.

In tests: `with VideoSite() as site: site.add(Page("clip", content)); site.url("/watch/clip")`.  Any other answer
(gone, too many requests, slow, broken off, redirected) is put on a path with `site.answer(path, Answer(...))`.
Requests are counted.
"""

import argparse
import hashlib
import json
import mimetypes
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

BLOCK_BYTES = 1 << 16
EPOCH = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
"""date of what has no other"""


@dataclass(frozen=True, slots=True)
class Page:
    """One published video (or picture): a page at `/watch/NAME` and its file at `/media/NAME.SUFFIX`."""

    name: str
    content: bytes | Path
    title: str = ""
    """the name, if empty"""
    description: str = ""
    published: datetime = EPOCH
    suffix: str = "mp4"
    media_type: str = ""
    """stated in Content-Type; guessed from the suffix, if empty"""

    @property
    def path(self) -> str:
        """Of the page."""
        return f"/watch/{self.name}"

    @property
    def media_path(self) -> str:
        """Of the file."""
        return f"/media/{self.name}.{self.suffix}"


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

    def __init__(self, pages: Sequence[Page] = (), port: int = 0) -> None:
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
        for page in pages:
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

    def do_GET(self) -> None:
        """Answer with a body."""
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
        if path in ("/", "/index.html"):
            return _html(_index(site))
        if path == "/feed.rss":
            return Answer(body=_feed(site, enclosures=False), headers={"Content-Type": "application/rss+xml"})
        if path == "/enclosures.rss":
            return Answer(body=_feed(site, enclosures=True), headers={"Content-Type": "application/rss+xml"})
        name = Path(path).stem if path.startswith("/media/") else path.removeprefix("/watch/")
        page = site.pages.get(name)
        if page is not None and path == page.path:
            return _html(_watch(site, page))
        if page is not None and path == page.media_path:
            return self._file(page)
        return Answer(410 if site.is_gone(name) else 404, b"gone", {"Content-Type": "text/plain"})

    def _file(self, page: Page) -> Answer:
        content = page.content if isinstance(page.content, bytes) else page.content.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {
            "Content-Type": page.media_type or mimetypes.guess_type(page.media_path)[0] or "application/octet-stream",
            "Accept-Ranges": "bytes",
            "ETag": tag,
            "Last-Modified": format_datetime(page.published, usegmt=True),
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
        for part in _parts(answer.body[: answer.break_after]):
            self.wfile.write(part)
            self.server.site.sent(len(part))
        if answer.break_after is not None:
            self.close_connection = True


def _parts(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), BLOCK_BYTES):
        yield body[start : start + BLOCK_BYTES]


def _html(body: str) -> Answer:
    return Answer(body=body.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def _index(site: VideoSite) -> str:
    rows = "".join(f'<li><a href="{escape(p.path)}">{escape(p.title or p.name)}</a></li>' for p in site.shown())
    return f"<!doctype html><html><head><title>Videos</title></head><body><ul>{rows}</ul></body></html>"


def _watch(site: VideoSite, page: Page) -> str:
    """A page as sites write them: Open Graph, a VideoObject for search engines, and the player."""
    media, title = site.url(page.media_path), page.title or page.name
    described = {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": title,
        "description": page.description,
        "uploadDate": page.published.isoformat(),
        "contentUrl": media,
    }
    known = json.dumps(described).replace("<", "\\u003c")
    return (
        f"<!doctype html><html><head><title>{escape(title)}</title>"
        f'<meta property="og:title" content="{escape(title)}">'
        f'<meta property="og:description" content="{escape(page.description)}">'
        f'<script type="application/ld+json">{known}</script></head>'
        f'<body><h1>{escape(title)}</h1><video controls src="{escape(media)}"></video></body></html>'
    )


def _feed(site: VideoSite, enclosures: bool) -> bytes:
    """RSS 2.0, newest first; with `enclosures` the entries are the files instead of the pages."""
    items = "".join(
        f"<item><title>{escape(page.title or page.name)}</title><description>{escape(page.description)}</description>"
        f"<link>{escape(site.url(page.path))}</link><pubDate>{format_datetime(page.published)}</pubDate>"
        + (f'<enclosure url="{escape(site.url(page.media_path))}" type="video/mp4"/>' if enclosures else "")
        + "</item>"
        for page in site.shown()
    )
    head = "<title>Videos</title><description>Everything</description>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()


def from_folder(folder: Path) -> Iterator[Page]:
    """A page for every file of a folder, dated as the file."""
    for path in sorted(folder.iterdir()):
        if path.is_file():
            date = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
            yield Page(path.stem, path, title=path.stem, published=date, suffix=path.suffix.lstrip(".") or "bin")


def main() -> None:
    """Serve a folder until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.video_site", description=__doc__)
    parser.add_argument("folder", type=Path, help="its files are published")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    arguments = parser.parse_args()
    with VideoSite(list(from_folder(arguments.folder)), arguments.port) as site:
        sys.stdout.write(f"{site.url('/feed.rss')}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
