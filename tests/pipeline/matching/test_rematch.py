"""What is planned when a command is given, and photos that are swept again because somebody asks."""

import pytest
from sqlalchemy import text

from lastseen.errors import WrongUse
from lastseen.records import PersonStatus
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import App
from pipeline.jobs import Scope
from pipeline.matching import match, rematch, sweep
from pipeline.matching.held_register import HeldRegister
from pipeline.matching.rematch import Extent, Wanted
from pipeline.media import illustrate, reembed
from pipeline.runner import Runner
from pipeline.steps import AnyStep, Steps
from storage import work
from storage.stores import Stores
from storage.work import Queue
from tests.pipeline.matching.test_match import ENGINE, SEAL, THRESHOLD, Bureau


def opened(bureau: Bureau, runner: Runner, engine: str = ENGINE, threshold: float = THRESHOLD) -> App:
    """The bureau's installation with this engine and threshold."""
    every: tuple[AnyStep, ...] = (
        match.tracks_step(bureau.settings, engine, threshold, SEAL, HeldRegister(bureau.settings, SEAL)),
        sweep.step(bureau.settings, engine, threshold, SEAL),
        reembed.step(engine, SEAL),
        illustrate.step(),
    )
    steps = Steps(engine, "recipe", "fingerprint", {step.name: step for step in every})
    return App(bureau.settings, bureau.stores, steps, runner, "tester")


@pytest.fixture
def bureau(stores: Stores, settings: Settings) -> Bureau:
    """Two people and two tracks, all matched."""
    made = Bureau(stores, settings)
    made.video(0.0, 9.0)
    for number, place in (("A", 0.2), ("B", 9.6)):
        made.person(number, place)
    made.match()
    assert made.candidates() == {"A@0": "open 0.190"}
    with stores.db.begin() as db:
        db.execute(text("DELETE FROM work WHERE step = 'illustrate'"))  # there are no pictures to show
        db.execute(text("UPDATE candidates SET still_key = 'there'"))
    return made


def swept(bureau: Bureau) -> int:
    with bureau.stores.db.begin() as db:
        return int(db.execute(text("SELECT count(*) FROM sweep_photos WHERE sweep_id IS NOT NULL")).scalar_one())


def test_after_the_threshold_was_raised_a_rematch_finds_what_lies_between(bureau: Bureau) -> None:
    wide = opened(bureau, bureau.runner, threshold=0.7)
    jobs.execute(wide, "match", Scope())
    assert set(bureau.candidates()) == {"A@0"}, "nobody asked"
    assert rematch.extent(wide, Wanted()) == Extent(photos=2, shards=1)
    assert rematch.ask(wide, Wanted(person="B")) == 1
    jobs.batch(wide, sweep.NAME, jobs.due(wide, "match", Scope())[sweep.NAME])
    assert bureau.candidates() == {"A@0": "open 0.190", "B@9000": "open 0.590"}
    assert swept(bureau) == 3


def test_who_cannot_be_compared_is_said(bureau: Bureau) -> None:
    app = opened(bureau, bureau.runner)
    bureau.person("A", 0.2, PersonStatus.FOUND)
    for wanted in (Wanted(person="A"), Wanted(person="nobody"), Wanted(photo=99)):
        with pytest.raises(WrongUse, match="nothing can be compared for"):
            rematch.ask(app, wanted)
    assert rematch.ask(app, Wanted()) == 1
    assert rematch.ask(opened(bureau, bureau.runner, "another"), Wanted()) == 0


def test_what_is_only_asked_for_plans_nothing(bureau: Bureau) -> None:
    app = opened(bureau, bureau.runner)
    rematch.ask(app, Wanted())
    before = swept(bureau)
    assert len(jobs.due(app, "match", Scope(), dry=True)[sweep.NAME]) == 1
    assert swept(bureau) == before
    assert len(jobs.due(app, "match", Scope())[sweep.NAME]) == 1
    assert swept(bureau) == before + 2


def test_a_rematch_works_off_what_it_asked_for(bureau: Bureau) -> None:
    asked, tallies = rematch.rematch(opened(bureau, bureau.runner), Wanted(person="A"))
    assert asked == 1
    assert {tally.step: tally.done for tally in tallies} == {"sweep": 1, "illustrate": 0}


def test_shards_of_another_engine_are_left_to_it(bureau: Bureau) -> None:
    rematch.ask(opened(bureau, bureau.runner), Wanted())
    jobs.due(opened(bureau, bureau.runner), "match", Scope())
    other = opened(bureau, bureau.runner, "another")
    assert jobs.due(other, "match", Scope())[sweep.NAME] == []
    with bureau.stores.db.begin() as db:
        assert len(work.ready(db, Queue(sweep.NAME, ENGINE))) == 1
    assert len(jobs.due(other, "reembed", Scope())[reembed.NAME]) == 1, "its tracks are the other engine's to embed"
