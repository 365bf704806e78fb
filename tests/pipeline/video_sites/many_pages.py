"""A thousand pages with every fault that a site can have, and how the work on each has to end: for `test_many_pages`.

Most are on one site, where a fault is a page's own.  What is said to us as a whole would close that site for all, so
each such refusal has a site of its own.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from tests.servers.video_site import Answer, Page, VideoSite, films, pages, redirect, walls

SHARE = int(os.environ.get("TEST_PAGES_SHARE", "1"))
"""only one in so many pages, to try something out"""
MAX_MIB = 1
MAX_SECONDS = 100
"""limits of the office"""
HTML = {"Content-Type": "text/html; charset=utf-8"}
HOSTILE = "By the \x1b[31mriver\x07 \u202egnp.exe <script>alert(1)</script> =cmd|'/c calc'!A1 \u0000\u2028"
VTT = b"WEBVTT\n\n00:00.000 --> 00:01.000\nBy the river\n"

Say = Callable[[VideoSite, Page], object]
"""what the site answers beside what stands on the page"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Pages of one kind, and how they have to end."""

    name: str
    count: int
    make: Callable[[str, int], Page]
    """from a name and a number"""
    state: str = "done"
    fault: str | None = None
    files: tuple[str, ...] = ("video",)
    """kinds of the media items that carry bytes"""
    say: Say = lambda site, page: None
    seen: str = "present"
    listed: int = 1
    """how often its list shows it"""

    def named(self) -> Iterator[tuple[str, int]]:
        """Its pages' names, with their numbers."""
        return ((f"{self.name}-{number:03}", number) for number in range(max(2, self.count // SHARE)))


def _answers(*answers: Answer) -> Say:
    """So the page itself is answered."""
    return lambda site, page: site.answer(page.path, *answers)


def _first(answer: Answer) -> Say:
    """So the first page of its kind is answered."""
    return lambda site, page: page.name.endswith("-000") and site.answer(page.path, answer)


def _file_answers(*answers: Answer) -> Say:
    """So its file is answered."""
    return lambda site, page: site.answer(page.media_path, *answers)


def _plain(name: str, number: int) -> Page:
    return Page(name, f"bytes of {name} ".encode() * 20, title=f"title of {name}")


def _film(name: str, number: int) -> Page:
    return Page(name, _of_its_own(films.mp4(1), name), duration=1)


def _beside(name: str, number: int) -> Page:
    return replace(_film(name, number), thumbnail=_of_its_own(_jpeg(), name), subtitles={"uk": VTT + name.encode()})


def _stream(name: str, number: int, *, hole: bool = False) -> Page:
    pieces = dict(_hls())
    pieces["film1.ts"] += _NULL_PACKET[:4] + name.encode().ljust(184, b"\xff")
    if hole:
        del pieces[f"film{number % 2}.ts"]
    return Page(name, files=pieces, source="film.m3u8", duration=2)


def _apart(name: str, number: int) -> Page:
    return Page(name, files=films.dash(1, seed=number), source="film.mpd", duration=1)


def _hls_apart(name: str, number: int) -> Page:
    return Page(name, files=films.hls_apart(1, seed=100 + number), source="master.m3u8", duration=1)


def _of_its_own(film: bytes, name: str) -> bytes:
    """The same film in other bytes: players skip a box that is free."""
    told = name.encode()
    return film + (len(told) + 8).to_bytes(4, "big") + b"free" + told


_NULL_PACKET = b"\x47\x1f\xff\x10"


@cache
def _hls() -> films.Files:
    return films.hls(2)


@cache
def _jpeg() -> bytes:
    return films.jpeg()


def _said(**said: object) -> Callable[[str, int], Page]:
    """A plain page with something else."""
    return lambda name, number: replace(_plain(name, number), **said)  # type: ignore[arg-type]  # a test's own words


NOW = datetime.now(UTC)
BIG = b"\0" * ((MAX_MIB << 20) + 1)

KINDS = (
    Kind("plain", 500, _plain),
    Kind("film", 20, _film),
    Kind("beside", 20, _beside, files=("video", "thumbnail", "subtitle")),
    Kind("hls", 20, _stream),
    Kind("dash", 12, _apart, files=("video", "audio")),
    Kind("hls-apart", 6, _hls_apart, files=("video", "audio")),
    Kind("same-name", 24, lambda name, number: replace(_plain(name, number), files={"video.mp4": name.encode() * 9},
                                                      content=b"", source="video.mp4")),
    Kind("same-bytes", 24, lambda name, number: Page(name, b"the same bytes %d " % (number // 2) * 20)),
    Kind("twice", 24, _plain, listed=2),
    Kind("hostile-title", 24, _said(title=HOSTILE, description=HOSTILE)),
    Kind("was-live", 12, _said(live=(NOW - timedelta(days=2), NOW - timedelta(days=1)))),
    Kind("slow", 12, _plain, say=_answers(Answer(delay=0.2, times=1, status=500))),
    Kind("slow-file", 12, _plain, say=_file_answers(Answer(body=b"slowly" * 40000, pause=0.05))),
    Kind("passes", 24, _plain, say=_answers(Answer(500, times=1))),
    Kind("broke-off-once", 24, _film, say=lambda site, page: site.cut(page.media_path, after=700, times=1)),
    Kind("removed", 24, _plain, "gone", "GONE", (), _answers(walls.removed()), "missing"),
    Kind("not-found", 12, _plain, "gone", "GONE", (), _answers(Answer(404)), "missing"),
    Kind("private", 12, _plain, "open", "BLOCKED", (), _answers(Answer(403, b"This video is private", HTML))),
    Kind("country", 24, _plain, "open", "BLOCKED", (), _answers(walls.country())),
    Kind("age", 24, _plain, "open", "BLOCKED", (), _answers(walls.age())),
    Kind("login", 24, _plain, "open", "BLOCKED", (), _answers(walls.login())),
    Kind("stays-broken", 12, _plain, "failed", "TRANSIENT", (), _answers(Answer(500))),
    Kind("breaks-off", 12, _film, "failed", "TRANSIENT", (), _file_answers(Answer(body=b"x" * 900, break_after=300))),
    Kind("too-short", 12, lambda name, number: replace(_film(name, number), duration=4), "failed", "TRANSIENT", ()),
    Kind("hole", 12, lambda name, number: _stream(name, number, hole=True), "failed", "TRANSIENT", ()),
    Kind("endless", 12, _plain, "skipped", "SKIPPED", (),
         _file_answers(Answer(body=b"more" * 9000, headers={"Content-Length": ""}, endless=True))),
    Kind("too-large", 12, _said(content=BIG), "skipped", "SKIPPED", ()),
    Kind("too-long", 12, _said(duration=MAX_SECONDS + 1), "skipped", "SKIPPED", ()),
    Kind("unsupported", 12, _plain, "skipped", "SKIPPED", (), _answers(Answer(body=b"<p>Words</p>", headers=HTML))),
    Kind("inside", 12, _plain, "skipped", "SKIPPED", (), _answers(redirect("http://10.0.0.1/"))),
    Kind("inside-file", 12, _plain, "skipped", "SKIPPED", (), _file_answers(redirect("http://10.0.0.1/video.mp4"))),
    Kind("live", 12, _said(live=(NOW - timedelta(hours=1), None)), "open", "WAIT", ()),
    Kind("announced", 12, _said(live=(NOW + timedelta(days=1), None)), "open", "WAIT", ()),
)  # fmt: skip
"""on the one site"""

REFUSING = (
    Kind("robots", 12, _plain, "open", None, (), _answers(walls.robots())),
    Kind("asks-to-wait", 12, _plain, "open", None, (), _answers(walls.too_many(3600))),
    Kind("too-many", 12, _plain, "open", None, (), _answers(walls.too_many())),
    Kind("waits-once", 12, _plain, say=_first(Answer(429, headers={"Retry-After": "60"}, times=1))),
)  # fmt: skip
"""each on a site of its own"""


@dataclass(slots=True)
class World:
    """The sites."""

    main: VideoSite
    refusing: dict[str, VideoSite] = field(default_factory=dict)

    @property
    def lists(self) -> list[str]:
        """Addresses of what is watched."""
        return [site.url("/feed.rss") for site in (self.main, *self.refusing.values())]


@contextmanager
def world() -> Iterator[World]:
    """All that is published."""
    with ExitStack() as open_sites:
        made = World(open_sites.enter_context(VideoSite()))
        _publish(made.main, KINDS)
        for kind in REFUSING:
            made.refusing[kind.name] = open_sites.enter_context(VideoSite())
            _publish(made.refusing[kind.name], [kind])
        yield made


def _publish(site: VideoSite, kinds: "tuple[Kind, ...] | list[Kind]") -> None:
    listed = []
    for kind in kinds:
        for name, number in kind.named():
            page = site.add(kind.make(name, number))
            kind.say(site, page)
            listed += [Page(name)] * kind.listed
    # whoever watches one kind after the other would meet one fault after the other
    listed.sort(key=lambda page: (page.name[-3:], page.name))
    site.answer("/feed.rss", Answer(body=pages.feed(listed, site.url), headers={"Content-Type": "application/rss+xml"}))
