"""Sweeps: photos that wait meet every kept track, whatever is committed when, whoever dies, and whoever is found."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from lastseen.lifecycle import WorkState
from lastseen.records import PersonStatus
from lastseen.settings import Settings
from pipeline.matching import sweep
from pipeline.runner import Tally
from storage import cases, sweeps, work
from storage.stores import Stores
from storage.work import Queue
from tests.pipeline.matching.test_match import ENGINE, SEAL, THRESHOLD, Bureau

QUEUE = Queue(sweep.NAME, ENGINE)


@pytest.fixture
def bureau(stores: Stores, settings: Settings) -> Bureau:
    """An empty one."""
    return Bureau(stores, settings)


def plan(bureau: Bureau, size: int = 2) -> int:
    """Bundle what waits; a track has two templates, so there is a shard for each."""
    with bureau.stores.db.begin() as db:
        return sweeps.plan(db, ENGINE, size, ids=1)


def work_off(bureau: Bureau, subjects: list[int] | None = None) -> Tally:
    """Have shards swept."""
    return bureau.runner.drain(sweep.step(bureau.settings, ENGINE, THRESHOLD, SEAL), subjects)


def ready(bureau: Bureau) -> list[int]:
    """Items of the step that wait."""
    with bureau.stores.db.begin() as db:
        return list(work.ready(db, QUEUE))


def count(bureau: Bureau, sql: str) -> int:
    with bureau.stores.db.begin() as db:
        found: int = db.execute(text(sql)).scalar_one()
    return found


def test_photos_that_wait_are_bundled_and_each_shard_is_read_once_for_all_of_them(bureau: Bureau) -> None:
    bureau.video(0.0, 5.0, 9.0)
    for number, place in (("A", 0.2), ("B", 5.1), ("C", 9.2), ("D", 20.0)):
        bureau.person(number, place)
    assert plan(bureau) == 3
    assert plan(bureau) == 0, "nobody waits any more"
    assert count(bureau, "SELECT count(*) FROM sweeps") == 1
    assert work_off(bureau).as_dict() == {"done": 3}
    assert bureau.candidates() == {"A@0": "open 0.190", "B@5000": "open 0.090", "C@9000": "open 0.190"}
    assert count(bureau, "SELECT count(*) FROM sweep_shards WHERE swept_at IS NULL") == 0
    with bureau.stores.db.begin() as db:
        said = db.execute(text("SELECT subject, detail FROM custody_events WHERE action = 'searched'")).all()
    assert [(row.subject, row.detail["tracks"], row.detail["photos"]) for row in said] == [("sweep:1", 1, 4)] * 3


def test_a_package_of_evidence_tells_of_the_sweeps_that_its_photos_were_in(bureau: Bureau) -> None:
    bureau.video(0.0, 9.0)
    for number, place in (("A", 0.2), ("B", 9.2)):
        bureau.person(number, place)
        plan(bureau)
        work_off(bureau)
    with bureau.stores.db.begin() as db:
        case = cases.of_person(db, "B")
        assert case is not None
        said = [event.subject for event in cases.events(db, case, 1000) if event.action == "searched"]
    assert said == ["sweep:2"] * 2


def test_a_track_whose_templates_lie_in_two_shards_is_queued_once_by_the_nearer(bureau: Bureau) -> None:
    bureau.video(0.0)
    bureau.person("A", 0.3)
    assert plan(bureau, size=1) == 2
    work_off(bureau, [ready(bureau)[0]])
    assert bureau.candidates() == {"A@0": "open 0.300"}
    work_off(bureau)
    assert bureau.candidates() == {"A@0": "open 0.290"}


def test_what_is_committed_between_plan_and_sweep_is_met_by_one_side_or_the_other(bureau: Bureau) -> None:
    """A photo before or after the plan, a track before or after it: all four pairs are found, each by its own way."""
    bureau.person("before", 0.1)
    bureau.video(0.0)
    plan(bureau)
    bureau.person("after", 0.2)
    bureau.video(0.05)
    work_off(bureau)
    assert bureau.candidates() == {"before@0": "open 0.090"}, "the sweep knows what was there when it was planned"
    plan(bureau)
    work_off(bureau)
    assert set(bureau.candidates()) == {"before@0", "after@0", "after@50"}
    bureau.match("tracks")
    assert set(bureau.candidates()) == {"before@0", "after@0", "before@50", "after@50"}


def test_a_photo_whose_keeper_has_not_ended_waits_for_the_next_plan(bureau: Bureau) -> None:
    bureau.video(0.0)
    bureau.person("A", 0.1)
    plan(bureau)
    photo = count(bureau, "SELECT id FROM reference_photos")
    with bureau.stores.db.begin() as slow:
        sweeps.ask(slow, ENGINE, [photo])
        assert plan(bureau) == 0
    assert plan(bureau) == 1


def test_a_photo_that_waits_is_left_where_it_is_while_somebody_asks_for_it_anew(bureau: Bureau) -> None:
    """Found, missing again, enrolled again: its new template is not seen before its keeper ends."""
    bureau.video(0.0)
    bureau.person("A", 0.1)
    photo = count(bureau, "SELECT id FROM reference_photos")
    with bureau.stores.db.begin() as slow:
        assert sweeps.ask(slow, ENGINE, [photo]) == 0
        assert plan(bureau) == 0
    assert plan(bureau) == 1


def test_a_photo_asked_for_while_it_is_swept_is_swept_again_and_asked_twice_once(bureau: Bureau) -> None:
    bureau.video(0.0)
    bureau.person("A", 0.1)
    plan(bureau)
    with bureau.stores.db.begin() as db:
        photo = db.execute(text("SELECT id FROM reference_photos")).scalar_one()
        assert [sweeps.ask(db, ENGINE, [photo]) for _ in range(2)] == [1, 0]
    assert plan(bureau) == 1
    assert work_off(bureau).as_dict() == {"done": 2}
    assert bureau.candidates() == {"A@0": "open 0.090"}


def test_who_is_found_between_two_shards_is_left_out_and_searched_everywhere_when_missing_again(bureau: Bureau) -> None:
    bureau.video(0.0, 0.2)
    bureau.person("A", 0.1)
    plan(bureau)
    first, second = ready(bureau)
    work_off(bureau, [first])
    assert bureau.candidates() == {"A@0": "open 0.090"}
    bureau.person("A", 0.1, PersonStatus.FOUND)
    work_off(bureau, [second])
    assert bureau.candidates() == {"A@0": "withdrawn 0.090"}
    bureau.person("A", 0.1)
    plan(bureau)
    work_off(bureau)
    assert bureau.candidates() == {"A@0": "open 0.090", "A@200": "open 0.100"}


def test_a_killed_workers_shard_comes_back_and_twice_is_once(bureau: Bureau) -> None:
    bureau.video(0.0, 5.0)
    bureau.person("A", 0.1)
    plan(bureau)
    with bureau.stores.db.begin() as db:
        dead = work.claim(db, QUEUE, timedelta(seconds=0))
    assert dead is not None
    assert work_off(bureau).as_dict() == {"done": 2}
    before = bureau.candidates()
    with bureau.stores.db.begin() as db:
        work.reopen(db, QUEUE, [WorkState.DONE])
    assert work_off(bureau).as_dict() == {"done": 2}
    assert bureau.candidates() == before == {"A@0": "open 0.090"}


def test_where_nothing_is_kept_a_sweep_is_over_at_once(bureau: Bureau) -> None:
    bureau.person("A", 0.1)
    assert plan(bureau) == 0
    assert ready(bureau) == []
    bureau.video(0.0)
    bureau.match("tracks")
    assert bureau.candidates() == {"A@0": "open 0.090"}


def test_many_photos_are_more_than_one_sweep(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "PHOTOS", 2)
    bureau.video(0.0)
    for number in range(5):
        bureau.person(f"P{number}", number / 10)
    assert plan(bureau) == 3
    work_off(bureau)
    assert len(bureau.candidates()) == 5


def test_whom_a_rematch_is_about(bureau: Bureau) -> None:
    for number, place in (("A", 0.1), ("B", 0.2), ("C", 0.3)):
        bureau.person(number, place)
    bureau.person("C", 0.3, PersonStatus.FOUND)
    with bureau.stores.db.begin() as db:
        everybody = sweeps.searchable(db, ENGINE)
        assert len(everybody) == 2
        assert sweeps.searchable(db, ENGINE, person="B") == everybody[1:]
        assert sweeps.searchable(db, ENGINE, photo=everybody[0]) == everybody[:1]
        assert sweeps.searchable(db, ENGINE, person="C") == sweeps.searchable(db, "another engine") == []
