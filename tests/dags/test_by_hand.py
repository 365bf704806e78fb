"""Work that is asked for by hand: a day, a source, a video with another engine, what failed, a stretch of the past."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from storage.stores import Stores
from tests.dags.running import run
from tests.office import Office
from tests.servers.video_site import Page, VideoSite

MARCH = {number: datetime(2026, 3, number, 14, 30, tzinfo=UTC) for number in (1, 2, 3)}
ENGINE = "yunet+dlib"


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office."""
    return Office(settings, stores)


def watch(office: Office, site: VideoSite, *pages: Page) -> None:
    """Pages on the allow-list."""
    for page in pages:
        site.add(page)
        office.run("source", "add", "video_site", site.url(page.path), "--reason", "a test")


def days(office: Office) -> list[int]:
    """Of which days of March something is held."""
    held = """SELECT extract(day FROM published_at)::int FROM posts JOIN media_items ON post_id = posts.id
               WHERE blob_id IS NOT NULL AND ordinal = 0 ORDER BY 1"""
    with office.stores.db.begin() as db:
        return list(db.execute(text(held)).scalars())


def looked(office: Office) -> list[int]:
    """At which blobs."""
    with office.stores.db.begin() as db:
        done = "SELECT subject FROM work WHERE step = 'fingerprint' AND state = 'done' ORDER BY subject"
        return list(db.execute(text(done)).scalars())


@pytest.mark.long
def test_a_day_a_source_and_a_backfill_are_about_nothing_else(office: Office, site: VideoSite) -> None:
    pages = [Page(f"p{day}", f"bytes {day}".encode(), title="x", published=at) for day, at in MARCH.items()]
    watch(office, site, *pages)
    run(office, "collect_video_sites", since="2026-03-02", until="2026-03-02")
    assert days(office) == [2]
    told = run(office, "collect_video_sites", backfill="2026-03-01T14:00:00+00:00")
    assert told.state == "success"
    assert days(office) == [1, 2]
    rows = office.rows()
    told = run(office, "collect_video_sites", backfill="2026-03-01T14:00:00+00:00")
    assert told.state == "success"
    assert office.rows() == rows, "the same backfill again adds nothing"
    run(office, "process_media", source=2)
    assert looked(office) == [1], "the first blob is the second source's"
    run(office, "process_media", backfill="2026-03-01T13:25:00+00:00")
    assert looked(office) == [1], "nothing is of that hour"
    run(office, "process_media", backfill="2026-03-01T15:25:00+00:00")
    assert looked(office) == [1, 2]
    told = run(office, "daily_report", backfill="2026-03-02T04:40:00+00:00")
    assert told.state == "success"
    with office.stores.db.begin() as db:
        assert [str(day) for day in db.execute(text("SELECT day FROM daily_reports")).scalars()] == ["2026-03-01"]
    run(office, "collect_video_sites")
    assert days(office) == [1, 2, 3]


@pytest.mark.long
@pytest.mark.usefixtures("with_yunet")
def test_one_video_with_another_engine_and_by_force_leaves_no_duplicate(
    office: Office, site: VideoSite, shared_media: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "register" / "LMM-1980" / "photo.png"
    photo.parent.mkdir(parents=True)
    photo.write_bytes((shared_media / "lin-manuel-miranda.png").read_bytes())
    office.run("register", "import", str(photo.parents[1]))
    watch(office, site, Page("clip", (shared_media / "short_hamilton_clip.mp4").read_bytes(), title="x"))
    office.run("run")
    with office.stores.db.begin() as db:
        blob = db.execute(text("SELECT sha256 FROM blobs")).scalar_one()
    assert waiting(office) == {"LMM-1980"}

    assert run(office, "process_media", blob=blob, dry_run=True, engine=ENGINE).state == "success"
    assert analyses(office) == ["dlib"], "a dry run only says what it would do"
    told = run(office, "process_media", blob=blob, engine=ENGINE)
    assert (told.state, told.tasks["analyze"]) == ("success", ["success"])
    assert told.events == ("tracks", "others_tracks"), "which sets off what makes them ready for the office's engine"
    assert analyses(office) == ["dlib", ENGINE]
    for dag in ("reembed_tracks", "match_register"):
        assert run(office, dag).state == "success"
    assert waiting(office) == {"LMM-1980"}, "the office's own engine compares what the other one found"
    with office.stores.db.begin() as db:
        uses = db.execute(text("SELECT split_part(engine, '/', 1) FROM engine_uses")).scalars().all()
    assert uses == ["dlib"], "the office's engine stays what it is"

    rows, objects = office.rows(), office.objects()
    again = run(office, "process_media", blob=blob, engine=ENGINE)
    assert again.tasks["analyze"] == ["skipped"], "nothing is due"
    forced = run(office, "process_media", blob=blob, engine=ENGINE, force=True)
    assert forced.state == "success"
    run(office, "process_media", blob=blob, force=True)
    assert (office.rows(), office.objects()) == (rows, objects), "it said the same, so nothing is kept twice"
    with office.stores.db.begin() as db:
        attempts = db.execute(text("SELECT attempts FROM work WHERE step = 'analyze' ORDER BY id")).scalars().all()
    assert attempts == [2, 2], "it was done again all the same"


def analyses(office: Office) -> list[str]:
    """The engines that made them."""
    with office.stores.db.begin() as db:
        return list(db.execute(text("SELECT split_part(engine, '/', 1) FROM analyses ORDER BY id")).scalars())


def waiting(office: Office) -> set[object]:
    """Who is a candidate that waits for reviewers."""
    found = office.ask("candidates")["candidates"]
    assert isinstance(found, list)
    return {one["person"] for one in found if one["state"] == "open"}


@pytest.mark.long
def test_only_what_failed_and_a_wish_that_makes_no_sense(office: Office, site: VideoSite) -> None:
    watch(office, site, Page("bad", b"no video", title="x"))
    office.run("collect")
    office.run("fetch")
    office.run("analyze")
    watch(office, site, Page("new", b"nor is this", title="x"))
    office.run("collect")
    office.run("fetch")
    run(office, "process_media", retry_only=True)
    with office.stores.db.begin() as db:
        stood = db.execute(text("SELECT attempts, state FROM work WHERE step = 'analyze'")).all()
        new = (
            db.execute(text("SELECT attempts FROM work WHERE step = 'fingerprint' ORDER BY id DESC")).scalars().first()
        )
    assert [tuple(row) for row in stood] == [(2, "quarantined")]
    assert new == 0, "what is new was not asked for"

    told = run(office, "process_media", engine="nothing+such", blob="0" * 64)
    assert told.tasks["plan_analyze"] == ["failed"]
    assert "there is no engine 'nothing+such'" in office.dags_log.with_suffix(".said").read_text()
    told = run(office, "process_media", force=True)
    assert told.state == "failed"
    assert "name what it is about" in office.dags_log.with_suffix(".said").read_text()
