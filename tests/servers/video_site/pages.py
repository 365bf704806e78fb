"""What the loopback site publishes, and how it writes its pages: as sites do that yt-dlp's generic extractor reads."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from pathlib import Path

EPOCH = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
"""date of what has no other"""

Url = Callable[[str], str]
"""from a path to an address"""


@dataclass(frozen=True, slots=True)
class Page:
    """One published video (or picture): a page at `/watch/NAME` and its file at `/media/NAME.SUFFIX`."""

    name: str
    content: bytes | Path = b""
    title: str = ""
    """the name, if empty"""
    description: str = ""
    published: datetime = EPOCH
    suffix: str = "mp4"
    media_type: str = ""
    """stated in Content-Type; guessed from the suffix, if empty"""
    duration: float | None = None
    """seconds that the page states"""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """more files, at `/media/NAME/FILE`: the pieces of a stream"""
    source: str = ""
    """which of `files` the player opens; empty: the one file"""
    thumbnail: bytes = b""
    """at `/thumb/NAME.jpg`"""
    subtitles: Mapping[str, bytes] = field(default_factory=dict)
    """language -> WebVTT, at `/sub/NAME.LANGUAGE.vtt`"""
    live: tuple[datetime, datetime | None] | None = None
    """from when until when it is, was or will be live"""

    @property
    def path(self) -> str:
        """Of the page."""
        return f"/watch/{self.name}"

    @property
    def media_path(self) -> str:
        """Of the file, or of what lists its pieces."""
        return f"/media/{self.name}/{self.source}" if self.source else f"/media/{self.name}.{self.suffix}"

    @property
    def thumbnail_path(self) -> str:
        """Of the picture that stands for the video."""
        return f"/thumb/{self.name}.jpg"

    @property
    def id(self) -> str:
        """As software with ids has them: 32 hexadecimal digits."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:32]

    def subtitle_path(self, language: str) -> str:
        """Of one language."""
        return f"/sub/{self.name}.{language}.vtt"

    def described(self, url: Url) -> dict[str, object]:
        """As search engines want it (https://schema.org/VideoObject)."""
        said: dict[str, object] = {
            "@context": "https://schema.org",
            "@type": "VideoObject",
            "name": self.title or self.name,
            "description": self.description,
            "uploadDate": self.published.isoformat(),
            "contentUrl": url(self.media_path),
        }
        if self.duration is not None:
            said["duration"] = f"PT{self.duration:g}S"
        if self.thumbnail:
            said["thumbnailUrl"] = [url(self.thumbnail_path)]
        if self.live is not None:
            starts, ends = self.live
            event = {"@type": "BroadcastEvent", "isLiveBroadcast": True, "startDate": starts.isoformat()}
            said["publication"] = event | ({"endDate": ends.isoformat()} if ends else {})
        return said


def index(pages: Sequence[Page]) -> str:
    """All pages, as links."""
    rows = "".join(f'<li><a href="{escape(p.path)}">{escape(p.title or p.name)}</a></li>' for p in pages)
    return f"<!doctype html><html><head><title>Videos</title></head><body><ul>{rows}</ul></body></html>"


def watch(page: Page, url: Url) -> str:
    """A page as sites write them: Open Graph, a VideoObject for search engines, and the player."""
    title = page.title or page.name
    known = json.dumps(page.described(url)).replace("<", "\\u003c")
    tracks = "".join(
        f'<track kind="subtitles" srclang="{escape(language)}" src="{escape(url(page.subtitle_path(language)))}">'
        for language in page.subtitles
    )
    poster = f' poster="{escape(url(page.thumbnail_path))}"' if page.thumbnail else ""
    return (
        f"<!doctype html><html><head><title>{escape(title)}</title>"
        f'<meta property="og:title" content="{escape(title)}">'
        f'<meta property="og:description" content="{escape(page.description)}">'
        f'<script type="application/ld+json">{known}</script></head>'
        f"<body><h1>{escape(title)}</h1>"
        f'<video controls{poster} src="{escape(url(page.media_path))}">{tracks}</video></body></html>'
    )


def feed(pages: Sequence[Page], url: Url, *, enclosures: bool = False) -> bytes:
    """RSS 2.0; with `enclosures` the entries are the files instead of the pages."""
    items = "".join(
        f"<item><title>{escape(page.title or page.name)}</title><description>{escape(page.description)}</description>"
        f"<link>{escape(url(page.path))}</link><pubDate>{format_datetime(page.published)}</pubDate>"
        + (f'<enclosure url="{escape(url(page.media_path))}" type="video/mp4"/>' if enclosures else "")
        + "</item>"
        for page in pages
    )
    head = "<title>Videos</title><description>Everything</description>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()
