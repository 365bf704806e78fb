"""A day that is over gets one manifest, whose bytes follow from the custody log."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from lastseen.settings import Settings
from pipeline import jobs, runner
from pipeline.custody import signing
from pipeline.jobs import Scope
from storage import custody, heads, manifests, stamps, work
from storage.custody import Action, Entry
from storage.database import Engine
from storage.objects import EVIDENCE
from storage.stores import Stores
from storage.work import Queue
from tests.pipeline.custody.days import BEFORE, TODAY, YESTERDAY, Days, noon


@pytest.fixture
def days(settings: Settings, stores: Stores, owner: Engine, monkeypatch: pytest.MonkeyPatch) -> Days:
    return Days(settings, stores, owner, monkeypatch)


def test_a_day_that_is_over_gets_a_manifest_of_what_came_in(days: Days) -> None:
    first = days.came_in(noon(YESTERDAY), b"one")
    days.wrote(noon(YESTERDAY), Entry(Action.SEARCHED, "photo:1", {"key": "no object"}))
    collected = {"observation": 7, "key": "raw/a", "sha256": "aa"}
    last = days.wrote(noon(YESTERDAY), Entry(Action.COLLECTED, "post:1", collected))
    assert days.run()["manifest"] == {"done": 1}

    with days.stores.db.begin() as db:
        manifest = manifests.get(db, YESTERDAY)
        assert manifest is not None
        event = manifests.event_of(db, manifest)
        origin = heads.origin(db)
    content = days.stores.objects.read(EVIDENCE, manifest.key, manifest.version_id)
    assert hashlib.sha256(content).hexdigest() == manifest.sha256
    assert days.stores.objects.locked_until(manifest.key, manifest.version_id) is not None
    assert manifest.key.startswith(f"manifest/{YESTERDAY:%Y/%m/%d}/") and manifest.key.endswith(".jsonl")
    assert event is not None and event.detail == manifest.detail()

    lines = content.decode().splitlines(keepends=True)
    assert lines == [
        json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines
    ]
    header, blob, raw = map(json.loads, lines)
    assert header == {
        "day": YESTERDAY.isoformat(),
        "first_seq": first,
        "format": "lastseen.manifest.1",
        "last_seq": last,
        "objects": 2,
        "origin": origin,
    }
    assert (blob["seq"], blob["action"], blob["size"], blob["observations"]) == (first, "stored", 3, [])
    assert raw == {
        "action": "collected",
        "key": "raw/a",
        "observations": [7],
        "seq": last,
        "sha256": "aa",
        "size": None,
        "version": None,
    }


def test_days_off_are_caught_up_with_and_days_without_objects_and_today_have_none(days: Days) -> None:
    week_ago = TODAY - timedelta(days=7)
    days.came_in(noon(week_ago), b"one")
    days.wrote(noon(BEFORE), Entry(Action.VIEWED, "candidate:1"))
    days.came_in(noon(YESTERDAY), b"two")
    days.wrote(noon(TODAY) - timedelta(hours=12), Entry(Action.STORED, "blob:x", {"key": "k", "sha256": "x"}))
    assert days.run()["manifest"] == {"done": 2}
    assert days.rows("SELECT day, objects FROM manifests ORDER BY day") == [(week_ago, 1), (YESTERDAY, 1)]


def test_a_second_run_makes_nothing(days: Days) -> None:
    days.came_in(noon(YESTERDAY), b"one")
    days.run()
    before = days.rows("SELECT seq, action FROM custody_events"), days.keys("")
    assert days.run() == {name: {"done": 0} for name in ("manifest", "statement", "stamp", "anchor", "upgrade")}
    assert (days.rows("SELECT seq, action FROM custody_events"), days.keys("")) == before


def test_a_quiet_day_after_is_no_reason_to_wait(days: Days) -> None:
    """The log itself says that the day is over, before its manifest is made: nothing can come in between."""
    days.came_in(noon(YESTERDAY), b"one")
    days.run()
    actions = [str(action) for _, action in days.rows("SELECT seq, action FROM custody_events ORDER BY seq")]
    assert actions == ["stored", "closed", "manifested"]
    assert days.wrote(noon(YESTERDAY), Entry(Action.STORED, "blob:late", {"key": "late", "sha256": "l"})) == 4
    with days.stores.db.begin() as db:
        late = list(custody.events(db))[-1]
    assert late.at.date() == TODAY, "a machine whose clock is behind cannot write into a day that is closed"


def test_what_the_log_does_not_say_to_be_over_is_left(days: Days) -> None:
    days.came_in(noon(YESTERDAY), b"one")
    with days.opened() as app:
        jobs.due(app, "manifest", Scope(), dry=True)
        with days.stores.db.begin() as db:
            work.offer(db, Queue("manifest"), [manifests.number(YESTERDAY)])
        tally = jobs.batch(app, "manifest", [manifests.number(YESTERDAY)])
    assert tally.as_dict() == {"done": 0, "WAIT": 1}
    assert days.rows("SELECT action FROM custody_events") == [("stored",)], "and a dry run writes nothing"


class Killed(BaseException):
    """Stands for a process that ends here."""


@pytest.mark.parametrize("at", ["_store", "_keep"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_one_manifest_a_day_wherever_a_worker_dies(
    days: Days, monkeypatch: pytest.MonkeyPatch, at: str, when: str
) -> None:
    days.came_in(noon(YESTERDAY), b"one")
    real: Callable[..., object] = getattr(runner.Runner, at)

    def dying(*arguments: object) -> object:
        if when == "after":
            real(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(runner.Runner, at, dying)
        patch.setattr(runner.Runner, "_release", lambda *_: None)
        with pytest.raises(Killed):
            days.run()
    days.hurry()
    days.run()
    days.run()
    assert days.rows("SELECT count(*) FROM manifests") == [(1,)]
    assert len(days.keys("manifest/")) == 1
    assert len(days.rows("SELECT seq FROM custody_events WHERE action = 'manifested'")) == 1
    assert len(days.keys("stamp/")) == 1


def test_what_is_stamped_is_a_head_that_covers_the_manifest(days: Days) -> None:
    days.came_in(noon(YESTERDAY), b"one")
    days.run()
    with days.stores.db.begin() as db:
        [stated], manifest = stamps.statements(db), manifests.get(db, YESTERDAY)
        assert manifest is not None
        event = manifests.event_of(db, manifest)
    assert event is not None
    content = days.stores.objects.read(EVIDENCE, stated.key, stated.version_id)
    assert content.startswith(b'lastseen.stamp.v1\n{"checkpoint":"lastseen/')
    said = stamps.parse(content)
    assert (said.day, said.manifest["sha256"]) == (YESTERDAY, manifest.sha256)
    assert said.checkpoint.size == stated.checkpoint >= event.seq
    assert days.stores.objects.locked_until(stated.key) is not None


@pytest.mark.parametrize("content", [b"", b"lastseen.stamp.v1\n", b"lastseen.stamp.v1\n{}", b'lastseen.stamp.v1\n"a"'])
def test_what_is_no_statement_is_not_read_as_one(content: bytes) -> None:
    with pytest.raises(stamps.NoStatement):
        stamps.parse(content)


def test_nothing_is_stated_under_a_head_that_does_not_cover_the_manifest(days: Days) -> None:
    days.came_in(noon(YESTERDAY), b"one")
    with days.opened() as app:
        signing.sign(app.settings, app.stores)
        jobs.due(app, "manifest", Scope())
        app.runner.drain(app.steps.by_name["manifest"])
        assert app.runner.drain(app.steps.by_name["statement"]).as_dict() == {"done": 0, "WAIT": 1}
    assert days.keys("stamp/") == []
    days.hurry()
    assert days.run()["statement"] == {"done": 1}


def test_nothing_is_stamped_of_a_log_that_is_not_what_was_signed(days: Days) -> None:
    days.came_in(noon(YESTERDAY), b"one")
    days.came_in(noon(YESTERDAY), b"two")
    signing.sign(days.settings, days.stores)
    days.rows("ALTER TABLE custody_events DISABLE TRIGGER append_only; UPDATE custody_events SET actor = 'x'")
    with pytest.raises(signing.CannotSign):
        days.run()
    assert days.keys("stamp/") == []
