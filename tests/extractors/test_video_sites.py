"""Reading a loopback video site with the genuine yt-dlp, in its genuine child processes."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from extractors import video_sites
from extractors.video_sites import NotAllowed, Sites
from lastseen.clock import utcnow
from lastseen.outcomes import Fault, NotDone
from lastseen.records import Fetched, Listing, Platform, Seen, Source
from lastseen.settings import Settings
from tests.servers.video_site import Answer, Page, VideoSite, redirect

MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 1500
DATE = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
HTML = {"Content-Type": "text/html; charset=utf-8"}
SETTINGS = Settings(_env_file=None, allow_private_addresses=(ip_network("127.0.0.1/32"),))


WARM = Sites(SETTINGS)
"""one program for most of these tests, as a worker has it"""


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    """It ends with them."""
    yield
    WARM.close()


@pytest.fixture
def site() -> Iterator[VideoSite]:
    """Three pages, the newest first: new, clip, old."""
    pages = [
        Page("clip", MP4, title="A <clip> & more", description="By the river", published=DATE),
        Page("new", MP4 + b"new", published=DATE + timedelta(days=1)),
        Page("old", MP4 + b"old", published=DATE - timedelta(days=1)),
    ]
    with VideoSite(pages) as started:
        yield started


def source(address: str) -> Source:
    """An allow-listed address."""
    return Source(1, Platform.VIDEO_SITE, address, "test")


def listed(address: str, settings: Settings = SETTINGS) -> Listing:
    """A listing that must succeed."""
    with tempfile.TemporaryDirectory() as scratch:
        if settings is SETTINGS:
            listing = WARM.read_listing(source(address), Path(scratch))
        else:
            listing = video_sites.read_listing(source(address), settings, Path(scratch))
    assert isinstance(listing, Listing), listing
    return listing


def fetched(address: str, scratch: Path, home: str = "") -> Fetched:
    """A fetch that must succeed."""
    got = WARM.fetch(address, source(home or address), scratch)
    assert isinstance(got, Fetched), got
    return got


def refused(address: str, scratch: Path, settings: Settings = SETTINGS, home: str = "") -> NotDone[object]:
    """A fetch that must not succeed, and leaves no file that looks finished."""
    if settings is SETTINGS:
        got = WARM.fetch(address, source(home or address), scratch)
    else:
        got = video_sites.fetch(address, source(home or address), settings, scratch)
    assert isinstance(got, NotDone), got
    assert got.why == got.why.strip()
    assert got.why.isprintable()
    assert not (scratch / "video").exists()
    return got


# --- listing -----------------------------------------------------------------------------------------------


def test_a_single_page_is_one_post_with_its_title_and_date(site: VideoSite) -> None:
    listing = listed(site.url("/watch/clip"))
    (post,) = listing.posts
    assert (post.title, post.text, post.published_at) == ("A <clip> & more", "By the river", DATE)
    assert (post.method, post.seen, post.permalink) == ("video_site.page", Seen.PRESENT, site.url("/watch/clip"))
    assert [(media.ordinal, media.kind, media.address) for media in post.media] == [(0, "video", post.permalink)]
    assert re.fullmatch(r"raw/video_site/generic/[0-9a-f]{32}/[0-9A-Z]{26}\.json", post.raw_key)
    assert json.loads(post.raw)["title"] == "A <clip> & more"
    assert (listing.first, listing.last, listing.complete) == (post.platform_post_id, post.platform_post_id, True)
    assert site.count("/media/clip.mp4") == 0


def test_a_feed_is_listed_flat_newest_first_and_twice_the_same_but_for_what_changed(site: VideoSite) -> None:
    first, second = listed(site.url("/feed.rss")), listed(site.url("/feed.rss"))
    site.add(Page("clip", MP4, title="Another title", description="By the river", published=DATE))
    third = listed(site.url("/feed.rss"))
    assert [post.permalink for post in first.posts] == [site.url(f"/watch/{name}") for name in ("new", "clip", "old")]
    assert {post.method for post in first.posts} == {"video_site.listing"}
    assert first.posts[1].published_at == DATE
    assert [post.content_hash for post in first.posts] == [post.content_hash for post in second.posts]
    assert [post.platform_post_id for post in first.posts] == [post.platform_post_id for post in second.posts]
    assert len({post.raw_key for post in first.posts + second.posts}) == 6
    assert (first.first, first.last) == (first.posts[0].platform_post_id, first.posts[2].platform_post_id)
    assert first.complete
    changed = [old.content_hash != new.content_hash for old, new in zip(first.posts, third.posts, strict=True)]
    assert changed == [False, True, False]
    assert [each.path for each in site.asked] == ["/feed.rss"] * 3


def test_a_listing_that_was_cut_short_says_so(site: VideoSite) -> None:
    listing = listed(site.url("/feed.rss"), SETTINGS.model_copy(update={"listing_limit": 2}))
    assert (len(listing.posts), listing.complete) == (2, False)


def test_entries_that_lead_elsewhere_are_listed_and_not_fetched(site: VideoSite, tmp_path: Path) -> None:
    there = site.url("/watch/clip", host="localhost")
    entries = (there, "file:///etc/passwd", "http://[broken", site.url("/watch/old"))
    items = "".join(f"<item><title>t</title><link>{each}</link></item>" for each in entries)
    feed = site.answer("/mixed.rss", Answer(body=f"<rss><channel>{items}</channel></rss>".encode(), headers=HTML))
    posts = {post.permalink: post for post in listed(feed).posts}
    assert {there, "file:///etc/passwd", site.url("/watch/old")} <= set(posts)
    assert len({post.platform_post_id for post in posts.values()}) == len(posts)
    outcome = refused(there, tmp_path / "a", home=feed)
    assert (outcome.fault, "add it as a source of its own" in outcome.why) == (Fault.SKIPPED, True)
    assert refused("file:///etc/passwd", tmp_path / "b", home=feed).fault is Fault.SKIPPED


def test_files_of_one_name_in_two_folders_are_two_posts(site: VideoSite, tmp_path: Path) -> None:
    video = {"Content-Type": "video/mp4"}
    a = site.answer("/a/video.mp4", Answer(body=MP4 + b"a", headers=video))
    b = site.answer("/b/video.mp4", Answer(body=MP4 + b"b", headers=video))
    got = [fetched(a, tmp_path / "a"), fetched(b, tmp_path / "b")]
    assert got[0].post.platform_post_id != got[1].post.platform_post_id
    assert got[0].file.sha256 != got[1].file.sha256


def test_two_videos_on_one_page_are_two_media_items_of_one_post(site: VideoSite, tmp_path: Path) -> None:
    body = b'<html><title>two</title><video src="/media/new.mp4"></video><video src="/media/old.mp4"></video></html>'
    address = site.answer("/two", Answer(body=body, headers=HTML))
    (post,) = listed(address).posts
    assert [media.ordinal for media in post.media] == [0, 1]
    assert post.title == "two"
    contents = [fetched(media.address, tmp_path / str(media.ordinal), home=address) for media in post.media]
    assert [Path(each.file.path).read_bytes() for each in contents] == [MP4 + b"new", MP4 + b"old"]
    assert {each.post.platform_post_id for each in contents} == {post.platform_post_id}


def test_nothing_is_written_but_in_the_folder_that_was_given(
    site: VideoSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is swept when its worker was killed; the machine's own temporary folder would not be."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nonesuch"))
    video_sites.check_address(site.url("/feed.rss"), SETTINGS)
    (tmp_path / "given").mkdir()
    listing = video_sites.read_listing(source(site.url("/feed.rss")), SETTINGS, tmp_path / "given")
    assert isinstance(listing, Listing)
    assert [path.name for path in tmp_path.iterdir()] == ["given"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(404), Fault.GONE),
        (Answer(body=b"<html><title>x</title><p>words</p></html>", headers=HTML), Fault.SKIPPED),
        (redirect("http://127.0.0.2/"), Fault.SKIPPED),
    ],
)
def test_a_source_that_cannot_be_listed(site: VideoSite, tmp_path: Path, answer: Answer, fault: Fault) -> None:
    outcome = WARM.read_listing(source(site.answer("/x", answer)), tmp_path)
    assert isinstance(outcome, NotDone)
    assert outcome.fault is fault


def test_a_page_that_never_ends_does_not_take_the_listing_with_it(
    site: VideoSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_sites, "LISTING_SECONDS", 2)
    outcome = video_sites.read_listing(source(site.answer("/x", Answer(delay=60))), SETTINGS, tmp_path)
    assert isinstance(outcome, NotDone)
    assert outcome.fault is Fault.TRANSIENT


# --- fetching ----------------------------------------------------------------------------------------------


def test_the_file_arrives_as_the_server_sent_it_and_once(site: VideoSite, tmp_path: Path) -> None:
    got = fetched(site.url("/watch/clip"), tmp_path)
    assert Path(got.file.path).read_bytes() == MP4
    assert got.file.sha256 == hashlib.sha256(MP4).hexdigest()
    assert (got.file.size, got.file.media_type) == (len(MP4), "video/mp4")
    assert (got.post.method, got.post.published_at) == ("video_site.page", DATE)
    assert got.post.platform_post_id == listed(site.url("/feed.rss")).posts[1].platform_post_id
    assert site.count("/media/clip.mp4") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["video"]


def test_the_type_comes_from_the_bytes_and_not_from_the_name(site: VideoSite, tmp_path: Path) -> None:
    jpeg = b"\xff\xd8\xff\xe0" + b"\0" * 1000
    site.add(Page("picture", jpeg, suffix="jpg"))
    site.add(Page("lie", b"#!/bin/sh\n" * 200, suffix="mp4"))
    site.add(Page("program", MP4, suffix="php", media_type="video/mp4"))
    picture = fetched(site.url("/media/picture.jpg"), tmp_path / "1")
    assert (picture.file.media_type, picture.post.media[0].kind) == ("image/jpeg", "image")
    assert fetched(site.url("/media/lie.mp4"), tmp_path / "2").file.media_type == "application/octet-stream"
    assert fetched(site.url("/media/program.php"), tmp_path / "3").file.media_type == "video/mp4"


@pytest.mark.parametrize(
    ("answer", "fault", "said"),
    [
        (Answer(410), Fault.GONE, "410"),
        (Answer(403), Fault.BLOCKED, "open the page in a browser"),
        (Answer(500), Fault.TRANSIENT, "500"),
        (Answer(body=b"<html><title>x</title><p>words</p></html>", headers=HTML), Fault.SKIPPED, "no video"),
        (Answer(headers={"Content-Type": "video/mp4"}), Fault.DEFECT, "0 bytes"),
        (redirect("http://127.0.0.2/"), Fault.SKIPPED, "127.0.0.2/32 to LASTSEEN_ALLOW_PRIVATE_ADDRESSES"),
        (redirect("http://10.0.0.1/"), Fault.SKIPPED, "not allowed"),
        (redirect("file:///etc/passwd"), Fault.SKIPPED, "not allowed"),
        (Answer(body=b'<video src="http://127.0.0.2:9/a.mp4"></video>', headers=HTML), Fault.SKIPPED, "127.0.0.2"),
        (Answer(body=b'<video src="file:///etc/passwd"></video>', headers=HTML), Fault.SKIPPED, "not allowed"),
    ],
)
def test_what_cannot_be_fetched(site: VideoSite, tmp_path: Path, answer: Answer, fault: Fault, said: str) -> None:
    outcome = refused(site.answer("/x", answer), tmp_path)
    assert (outcome.fault, said in outcome.why) == (fault, True), outcome


def test_a_redirect_or_an_embed_to_another_host_is_not_followed(site: VideoSite, tmp_path: Path) -> None:
    there = site.url("/watch/clip", host="localhost")
    moved = refused(site.answer("/moved", redirect(there)), tmp_path)
    meta = f'<html><head><title>x</title><meta http-equiv="refresh" content="0; url={there}"></head></html>'
    refreshed = refused(site.answer("/meta", Answer(body=meta.encode(), headers=HTML)), tmp_path)
    assert [(each.fault, "localhost" in each.why) for each in (moved, refreshed)] == [(Fault.SKIPPED, True)] * 2
    assert site.count("/media/clip.mp4") == 0


def test_too_many_requests_waits_as_long_as_asked(site: VideoSite, tmp_path: Path) -> None:
    outcome = refused(site.answer("/x", Answer(429, headers={"Retry-After": "600"})), tmp_path)
    assert outcome.fault is Fault.WAIT
    assert outcome.until is not None
    assert abs(outcome.until - utcnow() - timedelta(seconds=600)) < timedelta(seconds=30)


def test_a_server_that_recovers_is_tried_again(site: VideoSite, tmp_path: Path) -> None:
    site.answer("/media/clip.mp4", Answer(500, times=1))
    assert fetched(site.url("/watch/clip"), tmp_path).file.size == len(MP4)
    site.answer("/watch/clip", Answer(500, times=1))
    assert refused(site.url("/watch/clip"), tmp_path / "2").fault is Fault.TRANSIENT
    assert fetched(site.url("/watch/clip"), tmp_path / "2").file.size == len(MP4)


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "", "Transfer-Encoding": "chunked"}])
def test_a_file_that_is_too_large_is_skipped_and_the_setting_named(
    site: VideoSite, tmp_path: Path, headers: dict[str, str]
) -> None:
    body = MP4 * 6
    if headers:
        body = b"".join(b"%x\r\n%s\r\n" % (len(MP4), MP4) for _ in range(6)) + b"0\r\n\r\n"
    site.answer("/media/clip.mp4", Answer(body=body, headers={"Content-Type": "video/mp4", **headers}))
    outcome = refused(site.url("/watch/clip"), tmp_path, SETTINGS.model_copy(update={"fetch_max_mib": 1}))
    assert (outcome.fault, "LASTSEEN_FETCH_MAX_MIB" in outcome.why) == (Fault.SKIPPED, True)


def test_a_list_is_not_a_video(site: VideoSite, tmp_path: Path) -> None:
    assert "a source of its own" in refused(site.url("/feed.rss"), tmp_path).why
    assert site.count("/media/new.mp4") == 0


def test_a_download_goes_on_where_it_broke_off(site: VideoSite, tmp_path: Path) -> None:
    site.cut("/media/clip.mp4", after=100_000, times=1)
    got = fetched(site.url("/watch/clip"), tmp_path)
    assert got.file.sha256 == hashlib.sha256(MP4).hexdigest()
    resumed = [each.headers for each in site.asked if "Range" in each.headers]
    assert [("If-Range" in each) for each in resumed] == [True]


def test_a_second_attempt_goes_on_too_but_never_splices_two_files(site: VideoSite, tmp_path: Path) -> None:
    for name in ("same", "changed"):
        site.add(Page(name, MP4))
        site.cut(f"/media/{name}.mp4", after=50_000, times=4)
        outcome = refused(site.url(f"/watch/{name}"), tmp_path / name)
        assert outcome.fault is Fault.TRANSIENT
    site.add(Page("changed", MP4[:64] + MP4[::-1]))
    before = site.sent_bytes
    assert fetched(site.url("/watch/same"), tmp_path / "same").file.sha256 == hashlib.sha256(MP4).hexdigest()
    assert site.sent_bytes - before < len(MP4)
    got = fetched(site.url("/watch/changed"), tmp_path / "changed")
    assert Path(got.file.path).read_bytes() == MP4[:64] + MP4[::-1]


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n{}#EXT-X-ENDLIST\n"
PACKET = (b"G" + bytes(187)) * 50


def hls(site: VideoSite, *segments: str) -> str:
    """A stream in pieces."""
    listing = PLAYLIST.format("".join(f"#EXTINF:4,\n{each}\n" for each in segments))
    kind = {"Content-Type": "application/vnd.apple.mpegurl"}
    site.answer("/1.ts", Answer(body=PACKET))
    site.answer("/2.ts", Answer(body=PACKET[::-1]))
    return site.answer("/stream.m3u8", Answer(body=listing.encode(), headers=kind))


def test_a_stream_is_its_pieces_end_to_end(site: VideoSite, tmp_path: Path) -> None:
    got = fetched(hls(site, "/1.ts", "/2.ts"), tmp_path)
    assert Path(got.file.path).read_bytes() == PACKET + PACKET[::-1]
    assert got.file.media_type == "video/mp2t"


def test_a_stream_with_a_hole_is_not_a_success(site: VideoSite, tmp_path: Path) -> None:
    assert refused(hls(site, "/1.ts", "/missing.ts", "/2.ts"), tmp_path).fault in (Fault.GONE, Fault.TRANSIENT)


def test_a_stream_does_not_lead_to_private_addresses(site: VideoSite, tmp_path: Path) -> None:
    assert refused(hls(site, "/1.ts", "http://127.0.0.2/2.ts"), tmp_path / "1").fault is Fault.SKIPPED
    assert refused(hls(site, "/1.ts", "file:///etc/passwd"), tmp_path / "2").fault is Fault.SKIPPED


# --- children ----------------------------------------------------------------------------------------------


def children(scratch: Path) -> list[int]:
    """Processes that work in this scratch folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cwd").readlink() == scratch:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def wait_for(scratch: Path, there: bool) -> bool:
    """Whether children of this scratch folder are there (or are none left), soon."""
    end = time.monotonic() + 10
    while bool(children(scratch)) is not there and time.monotonic() < end:
        time.sleep(0.02)
    return bool(children(scratch)) is there


def test_a_fetch_is_killed_at_its_deadline(site: VideoSite, tmp_path: Path) -> None:
    site.answer("/media/clip.mp4", Answer(delay=60))
    quick = SETTINGS.model_copy(update={"fetch_deadline_seconds": 2})
    outcome = refused(site.url("/watch/clip"), tmp_path, quick)
    assert (outcome.fault, "LASTSEEN_FETCH_DEADLINE_SECONDS" in outcome.why) == (Fault.TRANSIENT, True)
    assert wait_for(tmp_path, there=False)


FETCH = """
import sys
from ipaddress import ip_network
from pathlib import Path
from extractors import video_sites
from lastseen.records import Platform, Source
from lastseen.settings import Settings
settings = Settings(_env_file=None, allow_private_addresses=(ip_network("127.0.0.1/32"),))
video_sites.fetch(sys.argv[1], Source(1, Platform.VIDEO_SITE, sys.argv[1], ""), settings, Path(sys.argv[2]))
"""


def test_a_worker_that_is_killed_takes_its_download_along(site: VideoSite, tmp_path: Path) -> None:
    site.answer("/media/clip.mp4", Answer(delay=60))
    command = [sys.executable, "-c", FETCH, site.url("/watch/clip"), str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as worker:
        assert wait_for(tmp_path, there=True)
        os.kill(worker.pid, signal.SIGKILL)
    assert wait_for(tmp_path, there=False)


def test_the_child_learns_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LASTSEEN_S3_SECRET_KEY", "secret")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert "secret" not in str(video_sites.environment())
    assert "proxy" not in str(video_sites.environment())


# --- addresses ---------------------------------------------------------------------------------------------


def test_addresses_are_checked_before_they_become_sources(site: VideoSite) -> None:
    video_sites.check_address(site.url("/feed.rss"), SETTINGS)
    video_sites.check_address("https://www.youtube.com/@someone", SETTINGS)
    with pytest.raises(NotAllowed, match="only http and https"):
        video_sites.check_address("file:///etc/passwd", SETTINGS)
    with pytest.raises(NotAllowed, match="LASTSEEN_ALLOW_PRIVATE_ADDRESSES"):
        video_sites.check_address("http://192.168.1.1/", SETTINGS)
    with pytest.raises(NotAllowed, match="LASTSEEN_ALLOWED_EXTRACTORS"):
        only = SETTINGS.model_copy(update={"allowed_extractors": ("youtube",)})
        video_sites.check_address(site.url("/feed.rss"), only)
    assert site.asked == []
