"""What is kept of a page, and each way in which it cannot be had: the genuine yt-dlp on streams made here."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from extractors import video_site_fetch, yt_dlp_reader
from extractors.video_site_messages import Request, Task
from extractors.video_sites import Sites
from lastseen.clock import utcnow
from lastseen.outcomes import Fault, NotDone, Scope
from lastseen.records import Fetched, FileRole, Listing, PageFile, Platform, Source
from lastseen.settings import Settings
from tests.servers.video_site import Answer, Page, VideoSite, films, redirect, walls

SETTINGS = Settings(
    _env_file=None,
    allow_private_addresses=(ip_network("127.0.0.1/32"),),
    allowed_extractors=("mediasite", "mediasitecatalog", "mediasitenamedcatalog", "generic"),
)
VTT = b"WEBVTT\n\n00:00.000 --> 00:02.000\nBy the river\n"
PLAYLIST = {"Content-Type": "application/vnd.apple.mpegurl"}
ENCRYPTED = (
    'METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"',
    'METHOD=SAMPLE-AES,URI="key"',
)


@cache
def film(seed: int = 0) -> bytes:
    """Four seconds."""
    return films.mp4(seed=seed)


@cache
def hls(seed: int = 0) -> films.Files:
    """In four pieces."""
    return films.hls(seed=seed)


@cache
def hls_apart() -> films.Files:
    """Picture and sound, in four pieces each."""
    return films.hls_apart()


@cache
def dash() -> films.Files:
    """The same, otherwise."""
    return films.dash()


@cache
def jpeg() -> bytes:
    """A thumbnail."""
    return films.jpeg()


def joined(seed: int = 0) -> bytes:
    """The pieces of `hls`."""
    return b"".join(hls(seed)[f"film{number}.ts"] for number in range(4))


@pytest.fixture
def site() -> Iterator[VideoSite]:
    """An empty one."""
    with VideoSite() as started:
        yield started


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    """One program for all of these tests, as a worker has it."""
    with Sites(SETTINGS) as opened:
        yield opened


@pytest.fixture
def fetch(sites: Sites, tmp_path: Path) -> "Fetch":
    """See `Fetch`."""
    return Fetch(sites, tmp_path / "scratch")


class Fetch:
    """Fetches one address, in one folder."""

    def __init__(self, sites: Sites, scratch: Path) -> None:
        self.sites, self.scratch = sites, scratch

    def __call__(self, address: str, home: str = "") -> Fetched | NotDone[Fetched]:
        return self.sites.fetch(address, Source(1, Platform.VIDEO_SITE, home or address, "test"), self.scratch)

    def got(self, address: str) -> Fetched:
        """It must succeed."""
        found = self(address)
        assert isinstance(found, Fetched), found
        return found

    def refused(self, address: str) -> NotDone[Fetched]:
        """It must not."""
        found = self(address)
        assert isinstance(found, NotDone), found
        assert found.why.isprintable()
        return found


def content(file: PageFile) -> bytes:
    """Its bytes, which are those that were hashed."""
    found = Path(file.file.path).read_bytes()
    assert hashlib.sha256(found).hexdigest() == file.file.sha256
    assert len(found) == file.file.size
    return found


def roles(fetched: Fetched) -> list[FileRole]:
    """What came."""
    return [each.role for each in fetched.files]


# --- what is kept ------------------------------------------------------------------------------------------


def test_a_video_with_all_that_stands_beside_it(site: VideoSite, fetch: Fetch) -> None:
    page = Page("clip", film(), duration=4, thumbnail=jpeg(), subtitles={"uk": VTT, "en": VTT + b"\n"})
    got = fetch.got(site.url(site.add(page).path))
    assert roles(got) == [FileRole.VIDEO, FileRole.THUMBNAIL, FileRole.SUBTITLE, FileRole.SUBTITLE]
    assert [content(each) for each in got.files] == [film(), jpeg(), VTT + b"\n", VTT]
    assert [each.how.get("language") for each in got.files[2:]] == ["en", "uk"]
    assert [each.file.media_type for each in got.files] == ["video/mp4", "image/jpeg", "text/vtt", "text/vtt"]
    assert (got.duration, got.note) == (4, "")
    assert got.files[0].how == {"protocol": "http", "extension": "mp4", "format_id": "0"}


def test_a_stream_in_pieces_is_what_was_sent_end_to_end(site: VideoSite, fetch: Fetch) -> None:
    page = site.add(Page("clip", files=hls(), source="film.m3u8", duration=4))
    got = fetch.got(site.url(page.path))
    assert roles(got) == [FileRole.VIDEO]
    assert content(got.files[0]) == joined()
    assert (got.files[0].how["protocol"], got.files[0].how["fragments"]) == ("hls", 4)
    assert site.count("/media/clip/film0.ts") == 1
    assert b"EXTM3U" not in got.post.raw


@pytest.mark.parametrize(
    ("source", "protocol", "video", "audio"),
    [
        ("master.m3u8", "hls", ["v/init.mp4", *(f"v/film{n}.m4s" for n in range(4))], ["a/init.mp4", "a/film0.m4s"]),
        (
            "film.mpd",
            "dash",
            ["init-stream0.m4s", *(f"chunk-stream0-{n:05}.m4s" for n in range(1, 5))],
            ["init-stream1.m4s", "chunk-stream1-00001.m4s"],
        ),
    ],
)
def test_picture_and_sound_apart_are_two_originals(
    site: VideoSite, fetch: Fetch, source: str, protocol: str, video: list[str], audio: list[str]
) -> None:
    files = hls_apart() if source.endswith("m3u8") else dash()
    got = fetch.got(site.url(site.add(Page("clip", files=files, source=source, duration=4)).path))
    assert roles(got) == [FileRole.VIDEO, FileRole.AUDIO]
    assert content(got.files[0]) == b"".join(files[name] for name in video)
    assert content(got.files[1]).startswith(b"".join(files[name] for name in audio))
    assert {each.how["protocol"] for each in got.files} == {protocol}
    assert got.files[0].how["fragments"] == 5
    assert json.loads(got.post.raw)["vcodec"].startswith("avc1"), "the record is of the picture, not of the sound"


def test_a_stream_that_was_encrypted_says_that_it_was_decrypted(site: VideoSite, fetch: Fetch) -> None:
    key, start = b"k" * 16, bytes(16)
    files = dict(hls())
    files |= {name: _encrypted(piece, key, start) for name, piece in files.items() if name.endswith("ts")}
    mark = f'#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x{start.hex()}\n#EXTINF'.encode()
    files["film.m3u8"] = files["film.m3u8"].replace(b"#EXTINF", mark, 1)
    page = site.add(Page("clip", files=files | {"key.bin": key}, source="film.m3u8"))
    got = fetch.got(site.url(page.path))
    assert content(got.files[0]) == joined()
    assert got.files[0].how["decrypted"] == "AES-128"


def _encrypted(content: bytes, key: bytes, start: bytes) -> bytes:
    padder, cipher = PKCS7(128).padder(), Cipher(AES(key), CBC(start)).encryptor()
    return cipher.update(padder.update(content) + padder.finalize()) + cipher.finalize()


def test_subtitles_in_pieces_are_not_rewritten(site: VideoSite, tmp_path: Path) -> None:
    pieces = [b"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n" + VTT[8:]] * 2
    for number, piece in enumerate(pieces):
        site.answer(f"/{number}.vtt", Answer(body=piece))
    listed = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/0.vtt\n#EXTINF:2,\n/1.vtt\n#EXT-X-ENDLIST\n"
    form = {
        "url": site.answer("/s.m3u8", Answer(body=listed, headers=PLAYLIST)),
        "protocol": "m3u8_native",
        "ext": "vtt",
    }
    options = yt_dlp_reader.common_options(("generic",), tmp_path) | yt_dlp_reader.fetching_options(1, 1 << 20)
    private = (ip_network("127.0.0.1/32"),)
    request = Request(Task.FETCH, "", site.url(), tmp_path, ("generic",), private, 1, 1 << 20, 9.0)
    with yt_dlp_reader.Reader(options, site.url(), private, tmp_path) as reader:
        reader.page = {"subtitles": {"uk": [form]}}
        task = video_site_fetch.Fetch(reader, request, "", 1)
        task._beside()
        assert task.brought.notes == []
        assert [content(each) for each in task.brought.files] == [b"".join(pieces)]
        assert task.brought.files[0].how["protocol"] == "hls"
        site.answer("/1.vtt", Answer(body=VTT))
        task._beside()
        assert content(task.brought.files[1]) == pieces[0] + VTT, "what an earlier try left is not taken for it"


def test_what_stands_beside_it_does_not_take_the_video_along(site: VideoSite, fetch: Fetch) -> None:
    page = site.add(Page("clip", film(), thumbnail=jpeg(), subtitles={"uk": VTT, "en": VTT}))
    site.answer(page.thumbnail_path, redirect("http://10.0.0.1/x.jpg"))
    site.answer(page.subtitle_path("en"), Answer(404))
    got = fetch.got(site.url(page.path))
    assert roles(got) == [FileRole.VIDEO, FileRole.SUBTITLE]
    assert "10.0.0.1" in got.note
    assert "subtitle en: the server answered 404" in got.note


def test_a_thumbnail_that_broke_off_is_not_kept(site: VideoSite, fetch: Fetch) -> None:
    page = site.add(Page("clip", film(), thumbnail=jpeg()))
    site.cut(page.thumbnail_path, after=100, times=3)
    got = fetch.got(site.url(page.path))
    assert roles(got) == [FileRole.VIDEO]
    assert got.note.startswith("thumbnail: the connection failed")


def test_an_extractor_with_ids_of_its_own(site: VideoSite, fetch: Fetch) -> None:
    page = site.add(Page("clip", files=hls(), source="film.m3u8", title="By the river", duration=4, thumbnail=jpeg()))
    got = fetch.got(site.play(page))
    assert got.post.platform_post_id == f"mediasite:{page.id}"
    assert (got.post.title, got.duration, roles(got)) == ("By the river", 4, [FileRole.VIDEO, FileRole.THUMBNAIL])


@pytest.mark.parametrize(
    "path", ["/Mediasite/Catalog/Full/00000000000000000000000000000001", "/Mediasite/Catalog/catalogs/all"]
)
def test_a_list_of_an_extractor_with_ids(site: VideoSite, sites: Sites, tmp_path: Path, path: str) -> None:
    pages = [site.add(Page(name, film())) for name in ("a", "b")]
    listing = sites.read_listing(Source(1, Platform.VIDEO_SITE, site.url(path), "test"), tmp_path)
    assert isinstance(listing, Listing), listing
    assert {post.platform_post_id for post in listing.posts} == {f"mediasite:{page.id}" for page in pages}


def test_two_different_files_of_one_name_are_two_posts(site: VideoSite, fetch: Fetch) -> None:
    kind = {"Content-Type": "video/mp4"}
    both = [site.answer(f"/{place}/video.mp4", Answer(body=film(seed=n), headers=kind)) for n, place in enumerate("ab")]
    got = []
    for address in both:
        got.append(fetch.got(address))
        assert content(got[-1].files[0]) == film(seed=len(got) - 1)
    assert got[0].post.platform_post_id != got[1].post.platform_post_id


# --- success means all of it -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 2, 3])
def test_a_stream_with_a_hole_is_not_a_success(site: VideoSite, fetch: Fetch, number: int) -> None:
    pieces = {name: content for name, content in hls().items() if name != f"film{number}.ts"}
    page = site.add(Page("clip", files=pieces, source="film.m3u8"))
    assert fetch.refused(site.url(page.path)).fault in (Fault.GONE, Fault.TRANSIENT)
    assert not (fetch.scratch / "video").exists()


@pytest.mark.parametrize("stream", [0, 1])
def test_a_hole_in_either_half_is_not_a_success(site: VideoSite, fetch: Fetch, stream: int) -> None:
    pieces = {name: content for name, content in dash().items() if name != f"chunk-stream{stream}-00003.m4s"}
    page = site.add(Page("clip", files=pieces, source="film.mpd"))
    assert fetch.refused(site.url(page.path)).fault in (Fault.GONE, Fault.TRANSIENT)


@pytest.mark.parametrize("broken", ["/media/clip/film2.ts", "/media/clip/chunk-stream0-00003.m4s"])
def test_pieces_that_have_come_are_not_fetched_twice(site: VideoSite, fetch: Fetch, broken: str) -> None:
    files, source = (hls(), "film.m3u8") if broken.endswith("ts") else (dash(), "film.mpd")
    page = site.add(Page("clip", files=files, source=source, duration=4))
    whole = fetch.got(site.url(page.path)).file.sha256
    for left in fetch.scratch.iterdir():
        left.unlink()
    site.asked.clear()
    site.answer(broken, Answer(503, times=4))
    assert fetch.refused(site.url(page.path)).fault is Fault.TRANSIENT
    assert fetch.got(site.url(page.path)).file.sha256 == whole
    once = [name for name in files if name.endswith(("0.ts", "1.ts", "-00001.m4s", "-00002.m4s"))]
    assert {site.count(f"/media/clip/{name}") for name in once} == {1}
    assert site.count(broken) == 5


def test_pieces_of_another_stream_are_not_joined(site: VideoSite, fetch: Fetch) -> None:
    first = {f"old{name}" if name.endswith("ts") else name: content for name, content in hls(seed=5).items()}
    first["film.m3u8"] = first["film.m3u8"].replace(b"film", b"oldfilm")
    page = site.add(Page("clip", files=first, source="film.m3u8"))
    site.answer("/media/clip/oldfilm2.ts", Answer(503))
    assert fetch.refused(site.url(page.path)).fault is Fault.TRANSIENT
    site.add(Page("clip", files=hls(), source="film.m3u8"))
    assert content(fetch.got(site.url(page.path)).files[0]) == b"".join(
        hls()[f"film{number}.ts"] for number in range(4)
    )


@pytest.mark.parametrize("killed", ["within a piece", "before its number was written", "within its number"])
def test_a_piece_is_never_there_twice(site: VideoSite, fetch: Fetch, killed: str) -> None:
    """What a child leaves that is killed while it puts the third piece to the first two."""
    page = site.add(Page("clip", files=hls(), source="film.m3u8"))
    site.answer("/media/clip/film2.ts", Answer(503, times=4))
    assert fetch.refused(site.url(page.path)).fault is Fault.TRANSIENT
    part, number, sizes = (fetch.scratch / f"video.{name}" for name in ("part", "ytdl", "sizes"))
    there = part.stat().st_size
    assert json.loads(number.read_text())["downloader"]["current_fragment"]["index"] == 2
    sizes.write_text(json.dumps([2, there]))
    with part.open("ab") as file:
        file.write(hls()["film2.ts"][: 1000 if killed == "within a piece" else None])
    if killed == "within its number":
        number.write_text('{"downloader": {"curr')
    assert content(fetch.got(site.url(page.path)).files[0]) == joined()
    assert site.count("/media/clip/film0.ts") == (2 if killed == "within its number" else 1)


def test_the_size_is_noted_before_each_piece(site: VideoSite, fetch: Fetch) -> None:
    page = site.add(Page("clip", files=hls(), source="film.m3u8"))
    site.answer("/media/clip/film3.ts", Answer(503))
    assert fetch.refused(site.url(page.path)).fault is Fault.TRANSIENT
    noted = json.loads((fetch.scratch / "video.sizes").read_text())
    assert noted == [2, len(hls()["film0.ts"]) + len(hls()["film1.ts"])], "before the third one was put to them"


def test_pieces_are_not_gone_on_with_as_a_file(site: VideoSite, fetch: Fetch) -> None:
    """A server that knows no conditions would give the rest of another file."""
    page = site.add(Page("clip", files=hls(), source="film.m3u8"))
    site.answer("/media/clip/film2.ts", Answer(503))
    assert fetch.refused(site.url(page.path)).fault is Fault.TRANSIENT
    assert (fetch.scratch / "video.part").stat().st_size > 0
    site.add(Page("clip", film()))
    assert content(fetch.got(site.url(page.path)).files[0]) == film()
    assert [asked.headers.get("Range") for asked in site.asked if asked.path == "/media/clip.mp4"] == [None]


def test_a_half_that_has_come_is_not_fetched_twice(site: VideoSite, fetch: Fetch) -> None:
    page = site.add(Page("clip", files=hls_apart(), source="master.m3u8", duration=4))
    site.answer("/media/clip/v/film3.m4s", Answer(503, times=4))
    assert fetch.refused(site.url(page.path)).fault is Fault.TRANSIENT
    assert roles(fetch.got(site.url(page.path))) == [FileRole.VIDEO, FileRole.AUDIO]
    assert site.count("/media/clip/a/film0.m4s") == 1


@pytest.mark.parametrize("leads", ["http://10.0.0.1/2.ts", "http://127.0.0.2/2.ts", "file:///etc/passwd"])
def test_pieces_do_not_lead_to_private_addresses(site: VideoSite, fetch: Fetch, leads: str) -> None:
    page = site.add(Page("clip", files=hls(), source="film.m3u8"))
    led = hls()["film.m3u8"].replace(b"film2.ts", leads.encode())
    site.answer("/media/clip/film.m3u8", Answer(body=led, headers=PLAYLIST))
    refused = fetch.refused(site.url(page.path))
    assert (refused.fault, "not allowed" in refused.why) == (Fault.SKIPPED, True), refused
    site.answer("/media/clip/film.m3u8")
    site.answer("/media/clip/film1.ts", redirect(leads))
    assert fetch.refused(site.url(page.path)).fault is Fault.SKIPPED


# --- each way in which it cannot be had --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wall", "fault", "scope"),
    [
        (walls.removed(), Fault.GONE, Scope.ITEM),
        (walls.login(), Fault.BLOCKED, Scope.ITEM),
        (walls.age(), Fault.BLOCKED, Scope.ITEM),
        (walls.country(), Fault.BLOCKED, Scope.ITEM),
        (walls.robots(), Fault.BLOCKED, Scope.SITE),
        (walls.too_many(60), Fault.WAIT, Scope.SITE),
        (walls.too_many(), Fault.WAIT, Scope.SITE),
        (walls.overloaded(60), Fault.WAIT, Scope.SITE),
        (walls.overloaded(), Fault.TRANSIENT, Scope.ITEM),
        (redirect("http://10.0.0.1/"), Fault.SKIPPED, Scope.ITEM),
    ],
)
@pytest.mark.parametrize("where", ["page", "file"])
def test_each_wall(site: VideoSite, fetch: Fetch, wall: Answer, fault: Fault, scope: Scope, where: str) -> None:
    page = site.add(Page("clip", film()))
    site.answer(page.path if where == "page" else page.media_path, wall)
    refused = fetch.refused(site.url(page.path))
    assert (refused.fault, refused.scope) == (fault, scope), refused
    assert (refused.until is not None) is (fault is Fault.WAIT)


def test_what_was_learnt_of_a_page_whose_video_cannot_be_had(site: VideoSite, fetch: Fetch) -> None:
    page = site.add(Page("clip", film(), title="By the river", thumbnail=jpeg(), duration=4))
    site.answer(page.media_path, walls.login())
    refused = fetch.refused(site.url(page.path))
    (learnt,) = refused.made
    assert (refused.fault, learnt.post.title) == (Fault.BLOCKED, "By the river")
    assert [(each.role, content(each)) for each in learnt.files] == [(FileRole.THUMBNAIL, jpeg())]
    site.answer(page.media_path, Answer(500))
    assert fetch.refused(site.url(page.path)).made == ()


@pytest.mark.parametrize(
    ("page", "settings", "names"),
    [
        (Page("long", b"x", duration=100_000), {}, "LASTSEEN_FETCH_MAX_SECONDS"),
        (Page("large", bytes(3 << 20)), {"fetch_max_mib": 1}, "LASTSEEN_FETCH_MAX_MIB"),
        (Page("long", b"x", duration=4), {"fetch_max_seconds": 3}, "4 s"),
    ],
)
def test_what_is_too_much(site: VideoSite, tmp_path: Path, page: Page, settings: dict[str, int], names: str) -> None:
    site.add(page)
    with Sites(SETTINGS.model_copy(update=settings)) as sites:
        refused = Fetch(sites, tmp_path / "scratch").refused(site.url(page.path))
    assert (refused.fault, names in refused.why) == (Fault.SKIPPED, True), refused
    assert len(refused.made) == 1


def test_sound_only_is_no_video(site: VideoSite, fetch: Fetch) -> None:
    sound = films.mp4(2, video=False)
    html = b'<title>x</title><audio src="/sound.mp4"></audio>'
    page = site.answer("/x", Answer(body=html, headers={"Content-Type": "text/html"}))
    site.answer("/sound.mp4", Answer(body=sound, headers={"Content-Type": "audio/mp4"}))
    refused = fetch.refused(page)
    assert (refused.fault, refused.why) == (Fault.SKIPPED, "sound only, no video")
    assert site.count("/sound.mp4") == 0


@pytest.mark.parametrize(
    ("live", "rest"),
    [
        ((timedelta(hours=-8), None), timedelta(hours=2)),
        ((timedelta(days=1), None), timedelta(days=1, minutes=10)),
        ((timedelta(hours=-4), timedelta(hours=1)), timedelta(hours=1)),
    ],
)
def test_what_is_live_or_announced_waits(
    site: VideoSite, fetch: Fetch, live: tuple[timedelta, timedelta | None], rest: timedelta
) -> None:
    """`live`: when it begins and ends, from now on."""
    now = utcnow()
    begins, ends = now + live[0], None if live[1] is None else now + live[1]
    page = site.add(Page("clip", film(), title="By the river", live=(begins, ends)))
    refused = fetch.refused(site.url(page.path))
    assert (refused.fault, refused.scope) == (Fault.WAIT, Scope.ITEM)
    assert refused.until is not None
    assert abs(refused.until - utcnow() - rest) < timedelta(minutes=2)
    assert [learnt.post.title for learnt in refused.made] == ["By the river"]
    assert fetch.refused(site.url(page.path)).made[0].post.content_hash == refused.made[0].post.content_hash
    site.add(Page("clip", film(), title="By the river", live=(begins - timedelta(days=9), now - timedelta(days=1))))
    assert content(fetch.got(site.url(page.path)).files[0]) == film()


@pytest.mark.parametrize("source", ["film.m3u8", "film.mpd"])
def test_a_list_of_pieces_that_goes_on_is_live(site: VideoSite, fetch: Fetch, source: str) -> None:
    files = dict(hls() if source.endswith("m3u8") else dash())
    files[source] = files[source].replace(b"#EXT-X-ENDLIST", b"").replace(b'type="static"', b'type="dynamic"')
    page = site.add(Page("clip", files=files, source=source))
    assert fetch.refused(site.url(page.path)).fault is Fault.WAIT
    assert site.count("/media/clip/film0.ts") == 0


@pytest.mark.parametrize("key", ENCRYPTED)
def test_what_is_protected_is_left_alone(site: VideoSite, fetch: Fetch, key: str) -> None:
    files = dict(hls())
    files["film.m3u8"] = files["film.m3u8"].replace(b"#EXTINF", f"#EXT-X-KEY:{key}\n#EXTINF".encode(), 1)
    page = site.add(Page("clip", files=files, source="film.m3u8"))
    refused = fetch.refused(site.url(page.path))
    assert refused.fault is Fault.SKIPPED, refused
    assert site.count("/media/clip/film0.ts") == 0


def test_a_page_without_end_takes_neither_memory_nor_time(site: VideoSite, tmp_path: Path) -> None:
    page = site.add(Page("clip"))
    more = Answer(body=b"<p>more</p>" * 5000, headers={"Content-Length": "", "Connection": "close"}, endless=True)
    site.answer(page.path, more)
    with Sites(SETTINGS.model_copy(update={"fetch_deadline_seconds": 3})) as sites:
        refused = Fetch(sites, tmp_path / "scratch").refused(site.url(page.path))
    assert refused.fault in (Fault.TRANSIENT, Fault.DEFECT)


def test_a_program_that_was_killed_is_started_again(site: VideoSite, fetch: Fetch) -> None:
    slow = site.add(Page("slow", film()))
    site.answer(slow.path, Answer(delay=60))
    quick = SETTINGS.model_copy(update={"fetch_deadline_seconds": 2})
    with Sites(quick) as sites:
        assert Fetch(sites, fetch.scratch).refused(site.url(slow.path)).fault is Fault.TRANSIENT
        page = site.add(Page("clip", film()))
        assert Fetch(sites, fetch.scratch).got(site.url(page.path)).file.size == len(film())
