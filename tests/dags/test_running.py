"""What becomes of a run: what waits is waited for, what is poisoned fails alone, nothing new sets nothing off."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lastseen.clock import utcnow
from lastseen.records import Platform
from lastseen.settings import Settings
from storage import sources, telegram_accounts
from storage.objects import EVIDENCE
from storage.sealing import secrets
from storage.stores import Stores
from tests.dags.running import run
from tests.office import Office
from tests.pipeline.telegram.watching import TELEGRAM
from tests.servers.telegram import Attachment, Channel, Post, Refuse, TelegramServer, World, numbered
from tests.servers.video_site import Answer, Page, VideoSite

PHOTOS = ("obama.jpg", "biden.jpg", "alex-lacamoire.png")


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office that never rests long from a site."""
    return Office(settings.model_copy(update={"site_rest_seconds": 1.0}), stores)


def publish(office: Office, site: VideoSite, name: str, content: bytes) -> str:
    """A page that the office watches, with one file.  Returns the file's path."""
    page = site.add(Page(name, content, title=name))
    body = f"<title>{name}</title><video src='{page.media_path}'></video>"
    site.answer(f"/watch/{name}", Answer(body=body.encode(), headers={"Content-Type": "text/html"}))
    office.run("source", "add", "video_site", site.url(f"/watch/{name}"), "--reason", "a test")
    return page.media_path


def ends(office: Office, step: str) -> list[tuple[str, str | None]]:
    """How the items of a step stand."""
    with office.stores.db.begin() as db:
        rows = db.exec_driver_sql("SELECT state, outcome FROM work WHERE step = %s ORDER BY subject", (step,))
        return [(row.state, row.outcome) for row in rows]


@pytest.mark.long
def test_one_poisoned_file_is_quarantined_alone_and_most_of_them_fail_the_task(
    office: Office, site: VideoSite, shared_media: Path
) -> None:
    for name in PHOTOS:
        publish(office, site, name.partition(".")[0], (shared_media / name).read_bytes())
    publish(office, site, "poison", b"no video")
    assert run(office, "collect_video_sites").state == "success"
    told = run(office, "process_media")
    assert (told.state, told.tasks["analyze"], told.events) == ("success", ["success"], ("tracks",))
    assert ends(office, "analyze") == [("done", None)] * 3 + [("quarantined", "DEFECT")]

    publish(office, site, "more", b"no video either")
    run(office, "collect_video_sites")
    told = run(office, "process_media")
    assert (told.state, told.tasks["analyze"]) == ("failed", ["failed"]), "that is all of its batch"
    assert told.tries == 1, "its items were tried often enough, and the task was not tried again"

    told = run(office, "process_media", failing=4, retry=True)
    assert (told.state, told.tasks["analyze"]) == ("failed", ["failed", "failed"])
    assert ends(office, "analyze")[3:] == [("open", "DEFECT"), ("quarantined", "DEFECT")], (
        "one broke down; the other went on"
    )


@pytest.mark.long
def test_what_a_site_asks_to_wait_for_is_waited_for_and_no_try_is_counted(office: Office, site: VideoSite) -> None:
    paths = [publish(office, site, name, f"bytes of {name}".encode()) for name in ("one", "two")]
    assert run(office, "collect_video_sites", retry=False).events == ("posts", "blobs")
    publish(office, site, "three", b"bytes of three")
    site.answer("/media/three.mp4", Answer(status=429, headers={"Retry-After": "3"}, times=1))
    told = run(office, "collect_video_sites")
    assert (told.state, told.tries) == ("success", 1)
    assert told.put_off >= 1
    assert ends(office, "fetch") == [("done", None)] * 3
    assert told.events == ("posts", "blobs")
    assert [site.count(path) for path in paths]


@pytest.mark.long
def test_nothing_new_sets_nothing_off(office: Office, site: VideoSite) -> None:
    publish(office, site, "one", b"bytes")
    first = run(office, "collect_video_sites")
    assert first.events == ("posts", "blobs")
    again = run(office, "collect_video_sites")
    assert (again.state, again.events) == ("success", ())
    assert again.tasks == {
        "plan_collect": ["success"], "collect": ["skipped"],
        "plan_fetch": ["success"], "fetch": ["skipped"], "all_went_through": ["success"],
    }  # fmt: skip


@pytest.mark.long
def test_telegram_waits_and_what_came_before_the_wait_sets_others_off(office: Office) -> None:
    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    channel.publish(*numbered(range(1, 250)), Post(250, "a file", attachment=Attachment(1, b"bytes")))
    impatient = {**TELEGRAM, "telegram_patience_seconds": 1, "telegram_batch_posts": 100}
    telegram = Office(office.settings.model_copy(update=impatient), office.stores)
    with TelegramServer(world) as server:
        with office.stores.db.begin() as db:
            telegram_accounts.add(db, "anna", 1, server.session("anna").save(), secrets(telegram.settings), "test")
            sources.add(db, Platform.TELEGRAM, "@news", "a reason", "test", "test")
        server.script("GetHistory", Refuse(420, "FLOOD_WAIT_4"), after=2)
        told = run(telegram, "collect_telegram")
    assert (told.state, told.tries) == ("success", 1)
    assert told.put_off >= 1
    assert telegram.rows()["posts"] == 250
    assert telegram.rows()["blobs"] == 1
    assert told.events == ("posts", "blobs")


@pytest.mark.long
def test_a_moment_that_is_far_is_left_to_the_next_run(office: Office, site: VideoSite) -> None:
    publish(office, site, "one", b"bytes")
    site.answer("/media/one.mp4", Answer(status=429, headers={"Retry-After": "7200"}))
    told = run(office, "collect_video_sites")
    assert (told.state, told.put_off) == ("success", 0)
    assert told.events == ("posts",)
    assert told.tasks["fetch"] == ["skipped"]
    assert ends(office, "fetch") == [("open", "WAIT")]


@pytest.mark.long
def test_of_the_runs_that_a_stop_has_missed_only_the_last_one_works(office: Office, site: VideoSite) -> None:
    publish(office, site, "one", b"bytes")
    old, next_one = "2026-03-01T10:00:00+00:00", (utcnow() + timedelta(hours=1)).isoformat()
    for dag in ("collect_video_sites", "process_media", "fixity"):
        told = run(office, dag, scheduled=old)
        assert told.state == "success", dag
        assert {state for task, found in told.tasks.items() if task != "all_went_through" for state in found} == {
            "skipped"
        }, dag
        assert "that one does what both would have done" in said(office)
    assert office.rows()["posts"] == 0
    assert run(office, "collect_video_sites", scheduled=next_one).events == ("posts", "blobs"), "that one is in time"
    told = run(office, "process_media", scheduled=old, cleared=1)
    assert told.tasks["fingerprint"] == ["success"], "whoever clears it wants it"


@pytest.mark.long
def test_what_trying_again_does_not_change_fails_at_once(office: Office, site: VideoSite) -> None:
    """Else other runs would wait for it, and one that found evidence missing would turn green: it looks elsewhere."""
    publish(office, site, "one", b"bytes")
    wishes: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("process_media", {"blob": "0" * 64}, "no blob with the sha256"),
        ("process_media", {"engine": "nothing+such", "source": 1}, "there is no engine 'nothing+such'"),
        ("reembed_tracks", {"source": 99}, "there is no source 99"),
        ("rematch_register", {"person": "P-9"}, "nothing can be compared for this register number"),
        ("rematch_register", {"photo": 9}, "nothing can be compared for photo 9"),
        ("register_import", {"path": "/nowhere"}, "/nowhere cannot be read"),
        ("collect_video_sites", {"dryrun": True}, "there is no parameter dryrun: there are dry_run, "),
        ("match_register", {"person": "P-9"}, "person: `rematch_register` compares one person's photos"),
        ("rematch_register", {"engine": "dlib"}, "engine: `process_media` has files analysed with another engine"),
        ("collect_telegram", {"begin": "5"}, "name its source"),
        ("collect_telegram", {"source": 1}, "source 1 is of video_site, and telegram is read here"),
        ("daily_report", {"day": "2999-01-01"}, "the last day that can be reported"),
    )
    for dag, params, why in wishes:
        told = run(office, dag, **params)
        assert (told.state, told.tries) == ("failed", 1), params
        assert "success" not in {state for states in told.tasks.values() for state in states}, "nothing else is done"
        assert why in said(office), params
        assert re.search(rf"(?m)^.*error.*{re.escape(why)}", said(office)), "in a line of its own"
    assert office.rows()["posts"] == 0, "whoever misspelt `dry_run` had nothing done"

    run(office, "collect_video_sites")
    for key in office.stores.objects.keys(EVIDENCE):
        office.stores.objects.erase(EVIDENCE, key)
    told = run(office, "fixity")
    assert (told.state, told.tries) == ("failed", 1)
    assert "new incidents: `lastseen incidents` lists them" in said(office)


def said(office: Office) -> str:
    """By the last run."""
    return office.dags_log.with_suffix(".said").read_text()
