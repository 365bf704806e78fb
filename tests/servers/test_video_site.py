"""The loopback video site keeps its own promises."""

import http.client
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path

import pytest

from tests.servers.video_site import Answer, Page, VideoSite, redirect

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def site() -> Iterator[VideoSite]:
    """A site with one page."""
    pages = [Page("clip", CONTENT, title="A <clip> & more", published=datetime(2024, 1, 2, tzinfo=UTC))]
    with VideoSite(pages) as started:
        yield started


def get(address: str, **headers: str) -> tuple[int, Message, bytes]:
    """One request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, headers=named)  # noqa: S310  our own loopback address
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  our own loopback address
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_pages_feeds_and_files(site: VideoSite) -> None:
    assert b"<title>A &lt;clip&gt; &amp; more</title>" in get(site.url("/watch/clip"))[2]
    assert b"A &lt;clip&gt; &amp; more" in get(site.url("/feed.rss"))[2]
    assert b"/watch/clip" in get(site.url("/"))[2]
    assert get(site.url("/media/clip.mp4"))[2] == CONTENT
    assert site.count("/media/clip.mp4") == 1


def test_ranges_and_their_condition(site: VideoSite) -> None:
    address = site.url("/media/clip.mp4")
    tag = get(address)[1]["ETag"]
    status, headers, body = get(address, Range="bytes=1000-")
    assert (status, body, headers["Content-Range"]) == (206, CONTENT[1000:], "bytes 1000-255999/256000")
    assert get(address, Range="bytes=5-6", If_Range=tag)[2] == CONTENT[5:7]
    assert get(address, Range="bytes=5-6", If_Range='"another"')[0] == 200
    assert get(address, Range="bytes=999999-")[0] == 416


def test_gone_canned_and_back_again(site: VideoSite) -> None:
    assert get(site.url("/watch/nothing"))[0] == 404
    site.remove("clip")
    assert get(site.url("/watch/clip"))[0] == 410
    address = site.answer("/x", Answer(500, times=1), Answer(429, headers={"Retry-After": "3"}, times=1))
    assert [get(address)[0] for _ in range(3)] == [500, 429, 404]
    assert get(site.answer("/away", redirect(site.url("/feed.rss"))))[0] == 200


def test_a_cut_answer_is_short(site: VideoSite) -> None:
    site.cut("/media/clip.mp4", after=1000, times=1)
    with pytest.raises(http.client.IncompleteRead):
        get(site.url("/media/clip.mp4"))
    assert len(get(site.url("/media/clip.mp4"))[2]) == len(CONTENT)


def test_a_folder_by_hand(tmp_path: Path) -> None:
    (tmp_path / "one.mp4").write_bytes(CONTENT)
    command = [sys.executable, "-m", "tests.servers.video_site", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as served:
        assert served.stdout is not None
        feed = served.stdout.readline().strip()
        try:
            assert b"/watch/one" in get(feed)[2]
        finally:
            served.terminate()
