"""From yt-dlp's words to posts: identity, what is hashed, and what must not be kept."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from extractors import video_site_posts
from extractors.video_site_fetch import media_type, refuse_live, subtitles
from extractors.video_site_posts import LISTING, PAGE, PART, Page
from extractors.yt_dlp_reader import Live, broadcast, chosen
from lastseen.records import PostSeen

NOW = datetime(2026, 11, 22, tzinfo=UTC)
VIDEO = Page("https://www.youtube.com/watch?v=BaW_jenozKc", "Youtube", "BaW_jenozKc")
INFO = {
    "id": "BaW_jenozKc",
    "title": "By the river",
    "description": "words",
    "timestamp": 1_700_000_000,
    "view_count": 5,
    "http_headers": {"Cookie": "session=SECRET"},
    "cookies": "SECRET",
    "format_id": "22",
    "url": "https://cdn.example/videoplayback?id=1&n=SECRET",
    "thumbnail": "https://img.example/1.jpg?v=2&sig=SECRET",
    "formats": [
        {
            "format_id": "22",
            "url": "https://cdn.example/videoplayback?id=1&n=SECRET",
            "manifest_url": "https://cdn.example/ip/192.0.2.1/sig/SECRET",
            "http_headers": {"Cookie": "SECRET"},
            "fragments": [{"url": "https://cdn.example/SECRET"}],
        }
    ],
    "automatic_captions": {"uk": [{"url": "https://cdn.example/timedtext?lang=uk&other=SECRET"}]},
}


def seen(page: Page = VIDEO, **changes: object) -> PostSeen:
    """INFO with changes, as a post."""
    return video_site_posts.post({**INFO, **changes}, page, LISTING, NOW)


def test_a_site_with_ids_is_known_by_them() -> None:
    post = seen()
    assert post.platform_post_id == "youtube:BaW_jenozKc"
    assert post.raw_key.startswith("raw/video_site/youtube/BaW_jenozKc/")
    assert post.published_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_no_secret_and_no_signed_address_is_kept() -> None:
    post = seen()
    assert b"SECRET" not in post.raw
    assert b"192.0.2.1" not in post.raw
    assert json.loads(post.raw)["thumbnail"] == "https://img.example/1.jpg?v=2"
    assert json.loads(post.raw)["formats"] == [{"format_id": "22", "url": "https://cdn.example/videoplayback"}]


def test_the_hash_is_over_what_an_investigator_cares_about() -> None:
    same = [seen(), seen(view_count=99), seen(formats=[]), seen(thumbnail=None), seen(http_headers={})]
    assert len({post.content_hash for post in same}) == 1
    other = [seen(title="x"), seen(description=""), seen(uploader="x"), seen(timestamp=1), seen(duration=2)]
    assert len({post.content_hash for post in same + other}) == 6


def test_of_a_page_with_several_videos_each_is_in_the_hash() -> None:
    page = Page("https://example.org/a", "Generic", "a", 2)

    def hashed(*entries: dict[str, object], method: str = PAGE) -> str:
        return video_site_posts.post({**INFO, "entries": list(entries)}, page, method, NOW).content_hash

    one, two = {"id": "a-1", "duration": 3}, {"id": "a-2", "duration": 4}
    different = {hashed(one, two), hashed(one, {**two, "id": "b"}), hashed(one, {**two, "duration": 9})}
    assert len(different) == 3
    assert hashed(one, {**two, "view_count": 7}) == hashed(one, two)
    assert hashed(one, method=PART) == hashed(two, method=PART), "a fetch of one knows nothing of the others"


def test_the_hash_is_frozen() -> None:
    assert seen().content_hash == "abdde33cdbe96c31fbb0094c9a9af53a87c5f5c857a0d9e30608d92aec5ffa95"


def test_generic_pages_that_differ_by_a_parameter_are_different_posts() -> None:
    one, other = (seen(Page(f"https://example.org/show?key={key}", "Generic", "show")) for key in (1, 2))
    assert one.platform_post_id != other.platform_post_id


@pytest.mark.parametrize("own", ["../../etc", "a/b", "їжак", "x" * 65, "", "name with spaces"])
def test_a_key_holds_no_id_that_is_not_plain(own: str) -> None:
    assert video_site_posts.KEY_SAFE.fullmatch(video_site_posts.key_safe(own))


def test_text_from_outside_fits_into_a_database() -> None:
    post = seen(title="half \ud800 and \0", description=None)
    assert (post.title, post.text) == ("half ? and \N{REPLACEMENT CHARACTER}", "")
    post.raw.decode()


@pytest.mark.parametrize(
    ("info", "moment"),
    [
        ({"timestamp": 0}, datetime(1970, 1, 1, tzinfo=UTC)),
        ({"upload_date": "20240102"}, datetime(2024, 1, 2, tzinfo=UTC)),
        ({"timestamp": 1e300}, None),
        ({"timestamp": float("nan")}, None),
        ({"upload_date": "soon"}, None),
        ({}, None),
    ],
)
def test_a_day_is_read_from_either_field_and_a_broken_one_is_none(
    info: dict[str, object], moment: datetime | None
) -> None:
    assert video_site_posts.published(info) == moment


def test_several_videos_of_one_page_have_addresses_of_their_own() -> None:
    assert video_site_posts.numbered("https://example.org/a#t", 1) == "https://example.org/a#t"
    second = video_site_posts.numbered("https://example.org/a#t", 2)
    assert video_site_posts.number_of(second) == ("https://example.org/a", 2)
    assert video_site_posts.number_of("https://example.org/a#t") == ("https://example.org/a#t", 1)


def moment(delta: timedelta) -> float:
    """A time stamp so far from NOW."""
    return (NOW + delta).timestamp()


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("info", "again"),
    [
        ({"is_live": True}, timedelta(minutes=10)),
        ({"live_status": "is_live", "release_timestamp": moment(-8 * HOUR)}, 2 * HOUR),
        ({"live_status": "is_live", "release_timestamp": moment(-900 * HOUR)}, 6 * HOUR),
        ({"live_status": "is_live", "release_timestamp": moment(HOUR)}, timedelta(minutes=10)),
        ({"live_status": "post_live"}, timedelta(minutes=10)),
        ({"live_status": "is_upcoming"}, HOUR),
        ({"live_status": "is_upcoming", "release_timestamp": moment(-HOUR)}, HOUR),
        ({"live_status": "is_upcoming", "release_timestamp": moment(24 * HOUR)}, 24 * HOUR + timedelta(minutes=10)),
        ({"live_status": "is_upcoming", "release_timestamp": moment(9999 * HOUR)}, timedelta(days=7)),
        ({"live_status": "is_upcoming", "release_timestamp": 1e300}, HOUR),
    ],
)
def test_what_is_live_or_announced_waits_the_longer_the_longer_it_lasts(
    info: dict[str, object], again: timedelta
) -> None:
    with pytest.raises(Live) as live:
        refuse_live(info, NOW)
    assert live.value.until == NOW + again


def test_what_was_live_is_fetched() -> None:
    refuse_live({"live_status": "was_live"}, NOW)


@pytest.mark.parametrize(
    ("published", "status"),
    [
        ({"isLiveBroadcast": True, "startDate": "2024-01-01T00:00:00Z"}, "is_live"),
        ({"isLiveBroadcast": "true", "startDate": "2999-01-01T00:00:00Z"}, "is_upcoming"),
        ({"isLiveBroadcast": True, "startDate": "2024-01-01T00:00:00Z", "endDate": "2024-01-02T00:00:00Z"}, "was_live"),
        ({"isLiveBroadcast": False}, None),
        ({"isLiveBroadcast": ["true"]}, None),
        ("soon", None),
    ],
)
def test_what_pages_say_of_being_live(published: object, status: str | None) -> None:
    video = {"@type": "VideoObject", "publication": published}
    assert broadcast(video).get("live_status") == status
    assert broadcast([{"@graph": [{"@type": "Person"}, video]}]).get("live_status") == status


def made(name: str, video: str | None, audio: str | None, protocol: str = "https") -> dict[str, object]:
    """A format."""
    return {"format_id": name, "vcodec": video, "acodec": audio, "protocol": protocol}


@pytest.mark.parametrize(
    ("formats", "taken"),
    [
        ([made("sound", "none", "aac"), made("small", "h264", "aac"), made("big", "vp9", "none")], ["sound", "big"]),
        ([made("apart", "vp9", "none"), made("sound", "none", "aac"), made("whole", "h264", "aac")], ["whole"]),
        ([made("unknown", None, None)], ["unknown"]),
        ([made("mute", "h264", "none")], ["mute"]),
        ([made("low", "none", "opus"), made("high", "none", "opus"), made("v", "vp9", "none")], ["high", "v"]),
        ([made("sound", "none", "aac")], []),
        ([made("whole", "h264", "aac"), made("flash", "h264", "aac", "rtmp")], ["whole"]),
        ([made("board", "none", "none", "mhtml")], []),
        ([], []),
    ],
)
def test_the_best_video_and_its_sound(formats: list[dict[str, object]], taken: list[str]) -> None:
    assert [each["format_id"] for each in chosen(formats)] == taken


def track(ext: str, **more: object) -> dict[str, object]:
    """A subtitle."""
    return {"url": f"https://example.org/s.{ext}", "ext": ext} | more


@pytest.mark.parametrize(
    ("info", "taken"),
    [
        ({"subtitles": {"uk": [track("json3"), track("vtt")], "en": [track("srt")]}}, ["en srt", "uk vtt"]),
        ({"subtitles": {"uk": [track("vtt")]}, "automatic_captions": {"en": [track("vtt")]}}, ["uk vtt"]),
        ({"automatic_captions": {"en": [track("vtt")], "uk-orig": [track("vtt")]}}, ["uk-orig vtt machine"]),
        ({"automatic_captions": {"en": [track("vtt")], "de": [track("vtt")]}, "language": "de"}, ["de vtt machine"]),
        ({"automatic_captions": {"en": [track("vtt")], "de": [track("vtt")]}}, ["en vtt machine"]),
        ({"subtitles": {"live_chat": [track("json", protocol="youtube_live_chat_replay")]}}, []),
        ({"subtitles": {"uk": [{"ext": "vtt", "data": "WEBVTT"}]}}, ["uk vtt"]),
        ({"subtitles": {"uk": None, "en": []}}, []),
        ({}, []),
    ],
)
def test_the_languages_of_subtitles(info: dict[str, object], taken: list[str]) -> None:
    found = [f"{name} {form['ext']}{' machine' * machine}" for name, form, machine in subtitles(info)]
    assert found == taken


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"RIFF0000WEBPVP8 ", "image/webp"),
        (b"RIFF0000AVI LIST", "video/x-msvideo"),
        ((b"G" + bytes(187)) * 2, "video/mp2t"),
        (b"G", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_media_types(head: bytes, kind: str) -> None:
    assert media_type(head) == kind
