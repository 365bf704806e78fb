"""The child of `extractors.video_site_forker`: one request in, one answer out, and it is gone.

It needs the network, so it does not run in the sandbox for hostile media, and it opens no media: it lists, and it
writes bytes as they come.  `extractors.network_guard` holds it to public addresses.
"""

import os
import resource
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Never

from extractors import network_guard, video_site_posts, yt_dlp_faults, yt_dlp_reader
from extractors.addresses import NotAllowed
from extractors.video_site_fetch import Failed, Fetch
from extractors.video_site_messages import ANSWERS, REQUESTS, Answer, Refused, Request, Task
from extractors.video_site_posts import LISTING, PAGE, PART, Page
from lastseen.clock import utcnow
from lastseen.outcomes import Fault, NotDone
from lastseen.records import Fetched, Listing, PostSeen

MEMORY_BYTES = 2 << 30
"""address space: a page without an end must not take the machine's memory"""
HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR")


def answer(said: bytes) -> bytes:
    """The one request of this process, served."""
    request = REQUESTS.validate_json(said)
    _settle(request.scratch)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    return ANSWERS.dump_json(_answer(request, network_guard.install(request.private, request.access.proxy)))


def _settle(scratch: Path) -> None:
    """Be at home in the only folder that is written to."""
    os.environ.update(dict.fromkeys(HOMES, str(scratch)))
    tempfile.tempdir = None
    os.umask(0o077)
    os.chdir(scratch if scratch.is_dir() else "/")


def _answer(request: Request, refused: list[str]) -> Answer:
    try:
        served = _serve(request)
    except Failed as failed:
        served = _refusal(failed.outcome)
    except Exception as fault:  # noqa: BLE001  the boundary: yt-dlp and the sites raise what they like
        served = _refusal(yt_dlp_faults.classify(fault))
    if refused and served.refused and served.refused.fault in (Fault.TRANSIENT, Fault.DEFECT):
        return Answer(refused=Refused(Fault.SKIPPED, yt_dlp_faults.one_line(f"not allowed: {refused[-1]}")))
    return served


def _refusal(outcome: NotDone[Any], learnt: Fetched | None = None) -> Answer:
    refused = Refused(outcome.fault, outcome.why, outcome.until, outcome.scope)
    return Answer(fetched=learnt, refused=refused)


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
                return _fetch(reader, request, address, number)


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


def _fetch(reader: yt_dlp_reader.Reader, request: Request, address: str, number: int) -> Answer:
    now = utcnow()
    brought = Fetch(reader, request, address, number).run()
    learnt = None
    if brought.info is not None:
        method = PART if "entries" in brought.info else PAGE
        seen = _page_post(reader, brought.info, address, number, now, method)
        note = yt_dlp_faults.one_line("; ".join(brought.notes))
        learnt = Fetched(seen, tuple(brought.files), brought.duration, note)
    if brought.refused is not None:
        return _refusal(brought.refused, learnt)
    reader.forget()
    return Answer(fetched=learnt)
