"""The child of `extractors.video_sites`: one request in, one answer out, and it is gone.

It needs the network, so it does not run in the sandbox for hostile media, and it opens no media: it lists, and it
writes bytes as they come.  `extractors.network_guard` holds it to public addresses.
"""

import hashlib
import os
import resource
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Never

from extractors import network_guard, processes, video_site_posts, yt_dlp_faults, yt_dlp_reader
from extractors.addresses import NotAllowed
from extractors.video_site_messages import ANSWERS, REQUESTS, Answer, Refused, Request, Task
from extractors.video_site_posts import LISTING, PAGE, PART, Page
from lastseen.clock import utcnow
from lastseen.outcomes import Fault, NotDone
from lastseen.records import Fetched, FetchedFile, FileRole, Listing, PageFile, PostSeen

MEMORY_BYTES = 2 << 30
"""address space: a page without an end must not take the machine's memory"""
BLOCK_BYTES = 1 << 20
MAGIC_BYTES = 512
SOON = timedelta(minutes=10)
"""after the announced start of something that is not published yet"""

MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"FLV\x01", "video/x-flv"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"OggS", "video/ogg"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (8, b"WEBP", "image/webp"),
    (0, b"GIF8", "image/gif"),
)
"""(offset, bytes, media type); the first that fits"""

TS_PACKET = 188


class Failed(Exception):
    """Carries an outcome out of the depth."""

    def __init__(self, outcome: NotDone[Never]) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


def main() -> None:
    """Serve the one request on standard input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not reach the answer
    request = REQUESTS.validate_json(processes.hold_lifeline())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    refused = network_guard.install(request.private, request.access.proxy)
    with answers:
        answers.write(ANSWERS.dump_json(_answer(request, refused)))


def _answer(request: Request, refused: list[str]) -> Answer:
    try:
        return _serve(request)
    except Failed as failed:
        outcome = failed.outcome
    except Exception as fault:  # noqa: BLE001  the boundary: yt-dlp and the sites raise what they like
        outcome = yt_dlp_faults.classify(fault)
    if refused and outcome.fault in (Fault.TRANSIENT, Fault.DEFECT):
        outcome = NotDone(Fault.SKIPPED, yt_dlp_faults.one_line(f"not allowed: {refused[-1]}"))
    return Answer(refused=Refused(outcome.fault, outcome.why, outcome.until, outcome.scope))


def _serve(request: Request) -> Answer:
    address, number = video_site_posts.number_of(request.address)
    options = yt_dlp_reader.common_options(request.extractors, request.scratch)
    options |= yt_dlp_reader.visiting_options(request.access, request.pause, request.rate)
    match request.task:
        case Task.CHECK | Task.LIST:
            options |= yt_dlp_reader.listing_options(request.listing_limit)
        case Task.FETCH:
            options |= yt_dlp_reader.fetching_options(number, request.max_bytes)
    with yt_dlp_reader.Reader(options, request.home, request.private, request.scratch) as reader:
        reader.extractor_key(address)
        match request.task:
            case Task.CHECK:
                return Answer()
            case Task.LIST:
                return Answer(listing=_list(reader, address, request.listing_limit))
            case Task.FETCH:
                return Answer(fetched=_fetch(reader, address, number, request.scratch))


# --- listing -----------------------------------------------------------------------------------------------


def _list(reader: yt_dlp_reader.Reader, address: str, limit: int) -> Listing:
    now = utcnow()
    info = reader.extract_info(address, download=False)
    if not info:
        raise Failed(_trouble(reader))
    if "entries" not in info:
        if not info.get("formats") and not info.get("url"):
            raise Failed(NotDone(Fault.SKIPPED, "no video on this page"))
        return _listing((_page_post(reader, info, address, 1, now),), complete=True)
    entries = [entry for entry in info["entries"] if entry]
    own, others = _split(entries[:limit], info)
    posts = [_page_post(reader, info, address, len(own), now)] if own else []
    posts += [seen for entry in others if (seen := _entry_post(reader, entry, now)) is not None]
    complete = len(entries) <= limit and len(posts) == len(others) + bool(own) and not reader.troubles
    return _listing(_once(posts), complete)


def _split(entries: list[Any], info: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """The videos that stand on the page itself, and the entries that have pages of their own."""
    here = info.get("webpage_url")
    own = [entry for entry in entries if _is_video(entry) and entry.get("webpage_url") in (None, here)]
    return own, [entry for entry in entries if not any(entry is each for each in own)]


def _is_video(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("_type", "video") == "video")


def _page_post(
    reader: yt_dlp_reader.Reader,
    info: Mapping[str, Any],
    address: str,
    videos: int,
    now: datetime,
    method: str = PAGE,
) -> PostSeen:
    key = reader.extractor_key(address)
    site_id = reader.temporary_id(address, key) or str(info.get("id") or "")
    page = Page(address, key, site_id, videos)
    raw = yt_dlp_reader.sanitize(dict(info), remove_private_keys=True)
    raw["_last_modified"] = reader.last_modified
    if videos > 1:
        raw["entries"] = [yt_dlp_reader.sanitize(dict(each), remove_private_keys=True) for each in info["entries"]]
    return video_site_posts.post(raw, page, method, now)


def _entry_post(reader: yt_dlp_reader.Reader, entry: Mapping[str, Any], now: datetime) -> PostSeen | None:
    """The post of one entry of a list, or None for an entry that leads nowhere."""
    stated = entry.get("url") if not _is_video(entry) else entry.get("webpage_url")
    if not isinstance(stated, str):
        return None
    address = yt_dlp_reader.plain_address(stated)[0]
    if "://" not in address:
        address = str(entry.get("webpage_url") or address)
    try:
        key = reader.extractor_key(address, entry.get("ie_key"))
        site_id = reader.temporary_id(address, key) or str(entry.get("id") or "")
    except NotAllowed:  # listed all the same: the fetch will say so, and it will be counted
        key, site_id = str(entry.get("ie_key") or yt_dlp_reader.GENERIC), str(entry.get("id") or "")
    try:
        raw = yt_dlp_reader.sanitize({**entry, "url": address}, remove_private_keys=True)
        return video_site_posts.post(raw, Page(address, key, site_id), LISTING, now)
    except ValueError:  # an address that cannot be read
        return None


def _once(posts: list[PostSeen]) -> tuple[PostSeen, ...]:
    return tuple({seen.platform_post_id: seen for seen in reversed(posts)}.values())[::-1]


def _listing(posts: tuple[PostSeen, ...], complete: bool) -> Listing:
    ends = (posts[0].platform_post_id, posts[-1].platform_post_id) if posts else ("", "")
    return Listing(posts, *ends, complete)


def _trouble(reader: yt_dlp_reader.Reader) -> NotDone[Never]:
    if not reader.troubles:
        return NotDone(Fault.DEFECT, "the page was read, and nothing came of it")
    return yt_dlp_faults.classify(reader.troubles[-1])


# --- fetching ----------------------------------------------------------------------------------------------


def _fetch(reader: yt_dlp_reader.Reader, address: str, number: int, scratch: Path) -> Fetched:
    now = utcnow()
    reader.before_download = lambda info: _refuse_live(info, now)
    info = reader.extract_info(address, download=True)
    videos = [each for each in (info or {}).get("entries") or [info] if each]
    if not videos:
        raise Failed(NotDone(Fault.GONE, f"the page has no video number {number} any more"))
    if not _is_video(videos[0]):
        raise Failed(NotDone(Fault.SKIPPED, "a list, not a video: add it as a source of its own"))
    file = _measured(scratch / yt_dlp_reader.FILE_NAME)
    reader.forget_validator()
    seen = _page_post(reader, info or {}, address, number, now, PART if "entries" in (info or {}) else PAGE)
    return Fetched(seen, (PageFile(FileRole.VIDEO, file, {}),))


def _refuse_live(info: Mapping[str, Any], now: datetime) -> None:
    status = info.get("live_status")
    starts = info.get("release_timestamp")
    if status == "is_upcoming" and isinstance(starts, int | float) and starts > now.timestamp():
        until = datetime.fromtimestamp(starts, UTC) + SOON
        raise Failed(NotDone(Fault.WAIT, "it is announced for later", until=until))
    if info.get("is_live") or status in ("is_live", "is_upcoming", "post_live"):
        raise Failed(NotDone(Fault.SKIPPED, "live now: it is fetched when it is a video"))


def _measured(path: Path) -> FetchedFile:
    """Hash the file while it is read from its beginning to its end."""
    if not path.is_file():
        raise Failed(NotDone(Fault.DEFECT, "the download ended without a file"))
    digest, size, head = hashlib.sha256(), 0, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            head = head or block[:MAGIC_BYTES]
            digest.update(block)
            size += len(block)
    if not size:
        raise Failed(NotDone(Fault.DEFECT, "the server sent 0 bytes"))
    return FetchedFile(str(path), digest.hexdigest(), size, media_type(head))


def media_type(head: bytes) -> str:
    """What the first bytes of a file say that it is, whatever it is called."""
    for offset, magic, name in MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    if head[:1] == b"G" and head[TS_PACKET : TS_PACKET + 1] == b"G":
        return "video/mp2t"
    return "application/octet-stream"


if __name__ == "__main__":
    main()
    os._exit(0)  # the answer is out; nothing is left to tidy up
