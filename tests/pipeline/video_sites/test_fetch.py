"""What a fetch of a page leaves in the database and the stores: originals, what stands beside them, a working copy."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.lifecycle import RULES
from lastseen.outcomes import Fault
from lastseen.records import Platform
from lastseen.settings import Settings
from pipeline import jobs, runner
from pipeline.app import App, open_app
from pipeline.jobs import Scope
from storage import posts, sources, verification
from storage.objects import DERIVED
from tests.pipeline.duties.erasing import erase
from tests.servers.video_site import Answer, Page, VideoSite, films, walls

VTT = b"WEBVTT\n\n00:00.000 --> 00:02.000\nBy the river\n"


@dataclass(slots=True)
class Office:
    """An office that watches pages of the loopback site."""

    app: App
    site: VideoSite

    def watch(self, page: Page) -> None:
        """Publish it, put it on the list, and collect it."""
        self.site.add(page)
        with self.app.stores.db.begin() as db:
            sources.add(db, Platform.VIDEO_SITE, self.site.url(page.path), "a reason", "test", "test")
        jobs.execute(self.app, "collect", Scope())

    def fetch(self) -> dict[str, int]:
        """Fetch once."""
        (tally,) = jobs.execute(self.app, "fetch", Scope())
        return tally.as_dict()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What the database says."""
        with self.app.stores.db.begin() as db:
            return [tuple(row) for row in db.execute(text(statement))]

    def now(self) -> None:
        """Have all items be ready."""
        with self.app.stores.db.begin() as db:
            db.execute(text("UPDATE work SET ready_at = now() WHERE state = 'open'"))

    def items(self) -> list[tuple[object, ...]]:
        """Kind, ordinal and hash of all media items, in order."""
        return self.rows("""SELECT kind, ordinal, sha256 FROM media_items LEFT JOIN blobs ON blobs.id = blob_id
                             ORDER BY media_items.post_id, ordinal""")

    def why(self) -> str:
        """What is said of the newest fetch."""
        return str(self.rows("SELECT why FROM work WHERE step = 'fetch' ORDER BY id DESC LIMIT 1")[0][0])

    def custody(self, action: str) -> list[dict[str, object]]:
        """Details of the events of one kind, in order."""
        said = "SELECT detail FROM custody_events WHERE action = :action ORDER BY seq"
        with self.app.stores.db.begin() as db:
            return list(db.execute(text(said), {"action": action}).scalars())

    def analysed(self) -> list[object]:
        """Hashes of the blobs that are to be analysed: their fingerprints come first."""
        wanted = "SELECT sha256 FROM work JOIN blobs ON blobs.id = subject WHERE step = 'fingerprint' ORDER BY sha256"
        return [sha256 for (sha256,) in self.rows(wanted)]

    def partial(self) -> list[Path]:
        """What waits for the rest of it."""
        return [path for path in (self.app.settings.data_dir / "partial").glob("*") if path.is_dir()]


@pytest.fixture
def office(owning: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """With an empty site.  What failed rests until a test says that it is `now`, and not for as long as others take."""
    patient = replace(RULES[Fault.TRANSIENT], rest=timedelta(hours=1))
    monkeypatch.setattr(runner, "RULES", {**RULES, Fault.TRANSIENT: patient})
    with VideoSite() as site, open_app(owning, "test") as app:
        yield Office(app, site)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_page_with_all_that_stands_beside_it(office: Office) -> None:
    film, picture = films.mp4(), films.jpeg()
    office.watch(Page("clip", film, duration=4, thumbnail=picture, subtitles={"uk": VTT}))
    assert office.fetch() == {"done": 1}, office.why()
    assert office.items() == [
        ("video", 0, sha256(film)),
        ("thumbnail", posts.FIRST_BESIDE, sha256(picture)),
        ("subtitle", posts.FIRST_BESIDE + 1, sha256(VTT)),
    ]
    assert office.analysed() == [sha256(film)]
    stored = office.custody("stored")
    assert [each["role"] for each in stored] == ["video", "thumbnail", "subtitle"]
    assert (stored[0]["protocol"], stored[2]["language"], stored[2]["automatic"]) == ("http", "uk", 0)
    assert office.why() == f"{len(film)} bytes"
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok
    assert office.partial() == []


def test_what_stands_beside_a_video_is_no_work_of_its_own(office: Office) -> None:
    office.watch(Page("clip", films.mp4(), thumbnail=films.jpeg(), subtitles={"uk": VTT}))
    office.fetch()
    with office.app.stores.db.begin() as db:
        assert len(posts.items_of(db)) == 1
        assert len(posts.blobs_of(db)) == 1
        assert len(posts.blobs_of(db, sha256=sha256(VTT))) == 1
    asked = len(office.site.asked)
    jobs.execute(office.app, "fetch", Scope(retry=True))
    assert office.rows("SELECT count(*) FROM work WHERE step = 'fetch'") == [(1,)]
    assert len(office.items()) == 3
    assert len(office.site.asked) >= asked


def test_a_subtitle_that_was_corrected_stands_beside_the_first_one(office: Office) -> None:
    page = Page("clip", films.mp4(), subtitles={"uk": VTT})
    office.watch(page)
    office.fetch()
    office.site.add(Page("clip", page.content, subtitles={"uk": VTT + b"\n"}))
    office.rows("UPDATE work SET state = 'open', ready_at = now() WHERE step = 'fetch' RETURNING id")
    office.fetch()
    assert [row[2] for row in office.items()[1:]] == [sha256(VTT), sha256(VTT + b"\n")]
    assert len(office.custody("stored")) == 3
    assert [each["role"] for each in office.custody("seen again")] == ["video"]


def test_picture_and_sound_apart_and_a_working_copy(office: Office) -> None:
    files = films.dash()
    office.watch(Page("clip", files=files, source="film.mpd", duration=4))
    assert office.fetch() == {"done": 1}
    (video, audio) = office.items()
    assert (video[0], audio[0]) == ("video", "audio")
    assert office.analysed() == [video[2]]
    assert [(each["protocol"], each["fragments"]) for each in office.custody("stored")] == [("dash", 5), ("dash", 6)]
    (derived,) = office.custody("derived")
    assert (derived["video"], derived["audio"], derived["recipe"]) == (video[2], audio[2], "join.1")
    assert {"av", "libavformat", "libavcodec", "packets"} <= set(derived)
    objects = office.app.stores.objects
    key = str(derived["key"])
    copy = objects.read(DERIVED, key)
    assert (sha256(copy), len(copy)) == (derived["sha256"], derived["size"])
    assert json.loads(objects.read(DERIVED, f"{key}.json")) == derived
    assert verification.verify(office.app.stores.db, objects).ok


@pytest.mark.parametrize("role", ["video", "audio"])
def test_a_working_copy_goes_with_either_of_what_it_was_made_of(office: Office, role: str) -> None:
    office.watch(Page("clip", files=films.dash(), source="film.mpd", duration=4))
    office.fetch()
    objects = office.app.stores.objects
    assert len(list(objects.keys(DERIVED))) == 2
    (digest,) = (digest for kind, _, digest in office.items() if kind == role)
    erase(office.app, f"blob:{digest}")
    assert list(objects.keys(DERIVED)) == []
    assert verification.verify(office.app.stores.db, objects).ok


def test_what_stands_beside_an_erased_file_of_another_page_is_kept_without_it(office: Office) -> None:
    """A picture that a channel shows above each of its videos must not keep these out."""
    picture = films.jpeg()
    office.watch(Page("one", films.mp4(), thumbnail=picture))
    office.fetch()
    erase(office.app, f"blob:{sha256(picture)}")
    office.watch(Page("two", films.mp4(seed=1), thumbnail=picture, subtitles={"uk": VTT}))
    assert office.fetch() == {"done": 1}
    assert sha256(films.mp4(seed=1)) in office.analysed()
    assert [digest for kind, _, digest in office.items() if kind == "thumbnail"] == [None]
    assert "left out, since it was erased by a lawful order: thumbnail" in office.why()
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok


def test_a_file_that_is_shorter_than_its_page_says_is_tried_again_and_not_kept(office: Office) -> None:
    office.watch(Page("clip", films.mp4(3), duration=4, thumbnail=films.jpeg()))
    office.watch(Page("whole", films.mp4(3, seed=1), duration=3))
    office.watch(Page("longer", films.mp4(3, seed=2), duration=2))
    office.watch(Page("rounded", films.mp4(3, seed=3), duration=3.04))
    assert office.fetch() == {"done": 3, "TRANSIENT": 1}
    why = office.rows("SELECT why FROM work WHERE step = 'fetch' AND state = 'open'")
    assert why == [("the video lasts 3.1 s, the page says 4.0 s: it is not all there, and not kept",)]
    assert [row for row in office.items() if row[2] is None] == [("video", 0, None)]
    assert len(office.items()) == 4
    notes = {str(note) for (note,) in office.rows("SELECT why FROM work WHERE step = 'fetch' AND state = 'done'")}
    assert any(note.endswith("the video lasts 3.1 s, the page says 2.0 s") for note in notes)
    for _ in range(office.app.settings.transient_limit):
        office.now()
        office.fetch()
    assert office.rows("SELECT state FROM work WHERE step = 'fetch' AND outcome = 'TRANSIENT'") == [("failed",)]


def test_a_file_that_is_none_is_kept_with_its_flaw(office: Office) -> None:
    office.watch(Page("clip", b"#!/bin/sh\n" * 200, duration=4))
    assert office.fetch() == {"done": 1, "DEFECT": 1}
    assert "could not be measured" in office.why()


def test_of_what_cannot_be_had_its_page_and_picture_are_kept_once(office: Office) -> None:
    picture = films.jpeg()
    page = Page("clip", films.mp4(), title="By the river", thumbnail=picture, duration=4)
    office.watch(page)
    office.site.answer(page.media_path, walls.login())
    for _ in range(2):
        assert office.fetch() == {"done": 0, "BLOCKED": 1}
        office.now()
    assert office.items() == [("video", 0, None), ("thumbnail", posts.FIRST_BESIDE, sha256(picture))]
    assert office.analysed() == [sha256(picture)]
    assert len(office.custody("stored")) == 1
    assert office.custody("seen again") == []
    with office.app.stores.db.begin() as db:
        assert len(posts.blobs_of(db)) == 1, "it is what there is to look at"
    office.site.answer(page.media_path)
    assert office.fetch() == {"done": 1}
    with office.app.stores.db.begin() as db:
        (blob,) = posts.blobs_of(db)
        assert posts.blob(db, blob).sha256 == sha256(films.mp4())


def test_a_download_goes_on_at_the_next_try(office: Office) -> None:
    film = films.mp4() * 40
    page = Page("clip", film)
    office.watch(page)
    office.site.cut(page.media_path, after=60_000, times=4)
    assert office.fetch() == {"done": 0, "TRANSIENT": 1}
    assert len(office.partial()) == 1
    before = office.site.sent_bytes
    office.now()
    assert office.fetch() == {"done": 1}
    assert office.site.sent_bytes - before < len(film)
    assert office.items() == [("video", 0, sha256(film))]
    assert list((office.app.settings.data_dir / "partial").iterdir()) == []


def test_a_stream_with_a_hole_is_never_kept(office: Office) -> None:
    pieces = {name: content for name, content in films.hls().items() if name != "film2.ts"}
    office.watch(Page("clip", files=pieces, source="film.m3u8", duration=4))
    office.fetch()
    assert office.items() == [("video", 0, None)]
    assert office.rows("SELECT count(*) FROM blobs") == [(0,)]


def test_what_is_live_waits_and_its_page_is_on_record(office: Office) -> None:
    page = Page("clip", films.mp4(), live=(datetime.now(UTC) - timedelta(hours=1), None))
    office.watch(page)
    for _ in range(2):
        assert office.fetch() == {"done": 0, "WAIT": 1}
        office.now()
    assert office.rows("SELECT count(*) FROM observations") == [(1,)]
    assert office.partial() == []


def test_two_files_of_one_name_are_two_posts(office: Office) -> None:
    both = [films.mp4(seed=number) for number in range(2)]
    for place, film in zip("ab", both, strict=True):
        address = office.site.answer(f"/{place}/video.mp4", Answer(body=film, headers={"Content-Type": "video/mp4"}))
        with office.app.stores.db.begin() as db:
            sources.add(db, Platform.VIDEO_SITE, address, "a reason", "test", "test")
    jobs.execute(office.app, "collect", Scope())
    assert office.fetch() == {"done": 2}
    assert {row[2] for row in office.items()} == {sha256(film) for film in both}
    assert office.rows("SELECT count(*) FROM posts") == [(2,)]


def test_a_video_that_was_replaced_leaves_the_first_one_with_its_post(office: Office) -> None:
    contents = [b"first cut", b"second cut", b"first cut"]
    for content in contents:
        if not office.site.pages:
            office.watch(Page("clip", content))
        office.site.add(Page("clip", content))
        office.rows("UPDATE work SET state = 'open', ready_at = now() WHERE step = 'fetch' RETURNING id")
        office.fetch()
    first, second = (sha256(content) for content in contents[:2])
    assert {row[2] for row in office.items()} == {first, second}
    assert office.items()[0] == ("video", 0, first), "what stands there now"
    assert {row[0] for row in office.items()} == {"video"}
    with office.app.stores.db.begin() as db:
        assert len(posts.blobs_of(db)) == 2
        assert len(posts.items_of(db)) == 1
