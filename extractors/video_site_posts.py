"""From what yt-dlp says of a page to posts.  Pure: a dict of JSON values in, records out.

The identity of a post is `<extractor>:<the site's id>`, and for the generic extractor, whose ids are file names,
`generic:<hash of the address>`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urldefrag

from ulid import ULID

from extractors.addresses import normal, without_secrets
from lastseen.records import MediaSeen, PostSeen, Seen

LISTING = "video_site.listing"
"""method of a post that was read from a list, with what the list says of it"""
PAGE = "video_site.page"
"""method of a post whose own page was read"""
PART = "video_site.part"
"""method of a post whose page was read for one of its videos: of the others nothing is known"""

HASHED_FIELDS = ("id", "title", "description", "uploader", "timestamp", "upload_date", "duration", "webpage_url")
"""what an investigator cares about, frozen: another list is another HASH_VERSION"""
HASH_VERSION = "video_site.2"

AUDIENCE = {
    "views": "view_count",
    "viewers": "concurrent_view_count",
    "likes": "like_count",
    "dislikes": "dislike_count",
    "reposts": "repost_count",
    "comments": "comment_count",
}
"""our word -> yt-dlp's"""

SECRET_KEYS = frozenset({"http_headers", "cookies", "request_data", "downloader_options", "hls_aes", "_has_drm"})
FLEETING_KEYS = frozenset({"fragments", "fragment_base_url", "manifest_url", "manifest_stream_number"})
"""addresses that carry signatures and our own address in their path, and expire"""
FORMAT_KEYS = frozenset({"formats", "subtitles", "automatic_captions", "requested_formats"})
"""below these, every query is a signature or may be one"""

KEY_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")
NUMBER = re.compile(r"video=([1-9][0-9]{0,3})")
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")

Info = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Where one post stands."""

    address: str
    extractor: str
    """yt-dlp's key of it, e.g. `Youtube`"""
    site_id: str
    """the site's own id; not used for the generic extractor"""
    videos: int = 1


def post(info: Info, page: Page, method: str, observed_at: datetime) -> PostSeen:
    """One post as it was seen: `info` as yt-dlp cleaned it (`sanitize_info`)."""
    extractor, own = identity(page)
    return PostSeen(
        platform_post_id=_text(f"{extractor}:{own}"),
        permalink=_text(page.address),
        observed_at=observed_at,
        method=method,
        seen=Seen.PRESENT,
        raw=json.dumps(cleaned(info), ensure_ascii=False, separators=(",", ":")).encode(errors="replace"),
        raw_key=f"raw/video_site/{extractor}/{key_safe(own)}/{ULID()}.json",
        content_hash=content_hash(info, page, method),
        title=_text(info.get("title")),
        text=_text(info.get("description")),
        published_at=published(info),
        media=_media(page, info),
        audience=audience(info),
    )


def absent(platform_post_id: str, permalink: str, why: str, observed_at: datetime) -> PostSeen:
    """A post whose page was asked for and is not there: what was answered is all there is to record."""
    said = {"page": without_secrets(permalink), "asked_at": observed_at.isoformat(), "answer": why}
    extractor, _, own = platform_post_id.partition(":")
    return PostSeen(
        platform_post_id=platform_post_id,
        permalink=permalink,
        observed_at=observed_at,
        method=PAGE,
        seen=Seen.MISSING,
        raw=json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"),
        raw_key=f"raw/video_site/{extractor}/{key_safe(own)}/{ULID()}.json",
        content_hash=hashlib.sha256(f"{HASH_VERSION} absent".encode()).hexdigest(),
    )


def audience(info: Info) -> dict[str, object] | None:
    """How many people a page says to have met, or None where it says nothing of it."""
    stated = ((ours, info.get(theirs)) for ours, theirs in AUDIENCE.items())
    return {name: count for name, count in stated if isinstance(count, int) and count >= 0} or None


def identity(page: Page) -> tuple[str, str]:
    """The extractor's short name, and the id of the post among its posts."""
    name = re.sub(r"[^a-z0-9]", "", page.extractor.lower()) or "unknown"
    if name != "generic" and page.site_id:
        return name, page.site_id
    return name, hashlib.sha256(normal(page.address).encode(errors="replace")).hexdigest()[:32]


def key_safe(own: str) -> str:
    """An id as a part of an object's key: itself if it is plain, else its hash."""
    return own if KEY_SAFE.fullmatch(own) else hashlib.sha256(own.encode(errors="replace")).hexdigest()[:32]


def content_hash(info: Info, page: Page, method: str) -> str:
    """sha256 over HASHED_FIELDS and, of a page with several videos, their ids and durations.

    Not over views, formats and signed addresses.
    """
    values = {name: info.get(name) for name in HASHED_FIELDS}
    values["webpage_url"] = normal(page.address)
    if method == PAGE and page.videos > 1:
        values["entries"] = [[each.get("id"), each.get("duration")] for each in info.get("entries") or () if each]
    spelled = json.dumps([HASH_VERSION, values], sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(spelled.encode()).hexdigest()


def published(info: Info) -> datetime | None:
    """When it was published, in UTC; a date without a time is its midnight."""
    moment = info.get("timestamp")
    if isinstance(moment, int | float):
        try:
            return datetime.fromtimestamp(moment, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    try:
        return datetime.strptime(str(info.get("upload_date")), "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def cleaned(value: Any, below_formats: bool = False) -> Any:
    """The same JSON without secrets: no headers and cookies, no signed addresses."""
    if isinstance(value, Mapping):
        return {
            key: cleaned(each, below_formats or key in FORMAT_KEYS or (key == "url" and "format_id" in value))
            for key, each in value.items()
            if key not in SECRET_KEYS and key not in FLEETING_KEYS
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [cleaned(each, below_formats) for each in value]
    if isinstance(value, str) and re.match(r"(?i)[a-z][a-z0-9+.-]*://", value):
        return without_secrets(value, whole_query=below_formats)
    return value


def numbered(address: str, number: int) -> str:
    """The address of the `number`-th video of a page that has several."""
    return address if number == 1 else f"{urldefrag(address).url}#video={number}"


def beside(address: str, role: str, language: str, sha256: str) -> str:
    """The address of what stands beside a video: each version of it has one of its own."""
    named = "&".join(part for part in (f"file={role}", language and f"language={quote(language)}") if part)
    return f"{address}{'&' if '#' in address else '#'}{named}&sha256={sha256[:16]}"


def number_of(address: str) -> tuple[str, int]:
    """The page's address and which of its videos is meant: the opposite of `numbered`."""
    page, fragment = urldefrag(address)
    found = NUMBER.fullmatch(fragment)
    return (page, int(found[1])) if found else (address, 1)


def _media(page: Page, info: Info) -> tuple[MediaSeen, ...]:
    picture = bool(info.get("direct")) and urldefrag(page.address).url.lower().endswith(IMAGE_ENDINGS)
    kind = "image" if picture else "video"
    return tuple(
        MediaSeen(number - 1, kind, _text(numbered(page.address, number))) for number in range(1, page.videos + 1)
    )


def _text(value: object) -> str:
    """Text that a database and a JSON document can hold: no half characters, no NUL."""
    text = value if isinstance(value, str) else ""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
