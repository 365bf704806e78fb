"""A small video site on loopback for the demo: a feed of four pages, two good, one gone, one with a bad file."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

CLIP = "clip.mp4"
MIRRORED = "mirrored.mp4"
"""the clips' names in the folder that is served"""
FEED = "/feed.xml"
"""the address that goes on the allow-list, after the base URL"""

_POLL_SECONDS = 0.05
_NO_VIDEO = "/media/statement.mp4"
_NO_VIDEO_BYTES = b"This file calls itself a video. It is a line of text, and it says so.\n" * 40


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the site, as the feed announces it."""

    path: str
    title: str
    text: str
    published: datetime
    video: str
    """path of its file; empty: the page itself is gone"""


GOOD = Page(
    "/watch/portraits",
    "Portraits on a wall",
    "Somebody walks along a wall with portraits. Composed for a demonstration.",
    datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
    f"/media/{CLIP}",
)
AGAIN = Page(
    "/watch/a-portrait",
    "A portrait",
    "Another wall, filmed in a mirror. Composed for a demonstration.",
    datetime(2026, 11, 1, 9, 10, tzinfo=UTC),
    f"/media/{MIRRORED}",
)
GONE = Page(
    "/watch/taken-down",
    "Taken down since",
    "The feed still announces it.",
    datetime(2026, 11, 1, 8, 15, tzinfo=UTC),
    "",
)
NO_VIDEO = Page(
    "/watch/statement",
    "A statement",
    "Its file is called a video and is none.",
    datetime(2026, 10, 31, 17, 5, tzinfo=UTC),
    _NO_VIDEO,
)
PAGES = (GOOD, AGAIN, GONE, NO_VIDEO)
"""newest first, as in the feed"""


@dataclass(frozen=True, slots=True)
class _Answer:
    media_type: str
    content: bytes
    modified: datetime


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve `folder`'s clips on a free port of 127.0.0.1 until the block ends; gives the base URL, without a slash.

    Raises FileNotFoundError if the folder does not hold both.
    """
    with _Server((folder / CLIP).read_bytes(), (folder / MIRRORED).read_bytes()) as server:
        thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="demo-site", daemon=True)
        thread.start()
        try:
            yield server.base
        finally:
            server.shutdown()
            thread.join()


# --- answers -----------------------------------------------------------------------------------------------


def _answers(base: str, clip: bytes, mirrored: bytes) -> Mapping[str, _Answer]:
    """Everything that the site has, by path."""
    newest = PAGES[0].published
    pages = {
        page.path: _Answer("text/html; charset=utf-8", _html(base, page), page.published)
        for page in PAGES
        if page.video
    }
    return {
        FEED: _Answer("application/rss+xml; charset=utf-8", _rss(base), newest),
        **pages,
        GOOD.video: _Answer("video/mp4", clip, GOOD.published),
        AGAIN.video: _Answer("video/mp4", mirrored, AGAIN.published),
        NO_VIDEO.video: _Answer("video/mp4", _NO_VIDEO_BYTES, NO_VIDEO.published),
    }


def _rss(base: str) -> bytes:
    items = "".join(
        f"<item><title>{escape(page.title)}</title><link>{base}{page.path}</link>"
        f"<description>{escape(page.text)}</description><pubDate>{format_datetime(page.published)}</pubDate></item>\n"
        for page in PAGES
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel><title>Demonstration channel</title>'
        f"<link>{base}/</link><description>Composed for a demonstration.</description>\n{items}</channel></rss>\n"
    ).encode()


def _html(base: str, page: Page) -> bytes:
    title, text = escape(page.title), escape(page.text)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta property="og:title" content="{title}">
<meta property="og:description" content="{text}">
<meta property="article:published_time" content="{page.published.isoformat()}">
</head><body><h1>{title}</h1>
<video controls src="{base}{page.video}"></video>
<p>{text}</p></body></html>
""".encode()


# --- server ------------------------------------------------------------------------------------------------

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def _asked_for(header: str | None, size: int) -> range | None:
    """The bytes that a Range header asks for; all where there is none or it is not understood (RFC 9110, 14.2).

    None: it asks for bytes that are not there.
    """
    asked = _ONE_RANGE.fullmatch(header or "")
    if asked is None or asked.group() == "bytes=-":
        return range(size)
    first, last = asked.groups()
    if not first:
        return range(max(0, size - int(last)), size) if int(last) else None
    found = range(int(first), min(size, int(last) + 1) if last else size)
    return found or None


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD from the site's table, quietly."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    """seconds after which a connection that says nothing is closed"""
    server: "_Server"

    def handle(self) -> None:
        """Talk until the reader hangs up, which it may do at any moment."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: standard error is the demo's."""

    def _answer(self, with_body: bool) -> None:
        found = self.server.answers.get(urlsplit(self.path).path)
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, {"Content-Type": "text/plain"}, b"There is nothing here.\n", with_body)
        else:
            self._send_part(found, with_body)

    def _send_part(self, found: _Answer, with_body: bool) -> None:
        size = len(found.content)
        part = _asked_for(self.headers["Range"], size)
        if part is None:
            headers = {"Content-Range": f"bytes */{size}"}
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers, b"", with_body)
            return
        headers = {
            "Content-Type": found.media_type,
            "Last-Modified": format_datetime(found.modified, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        whole = len(part) == size
        if not whole:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        status = HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT
        self._send(status, headers, found.content[part.start : part.stop], with_body)

    def _send(self, status: HTTPStatus, headers: Mapping[str, str], body: bytes, with_body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    """The site on a free loopback port."""

    def __init__(self, clip: bytes, mirrored: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.answers = _answers(self.base, clip, mirrored)
