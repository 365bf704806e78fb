"""The runner: what each outcome, and each kind of error, does to an item and to the others."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from time import monotonic, sleep

import pytest
from sqlalchemy import text

from lastseen import logs
from lastseen.clock import utcnow
from lastseen.errors import Failure
from lastseen.lifecycle import WorkState
from lastseen.outcomes import Done, Fault, NotDone, Outcome
from lastseen.settings import Settings
from pipeline.runner import Bench, Result, Runner, Step
from storage import work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import StoreUnavailable
from storage.stores import Stores
from storage.work import Claim, Queue

QUEUE = Queue("tried")
Run = Callable[[int, Bench], Outcome[int]]
Keep = Callable[[Connection, Result[int, int]], list[Entry]]


def finish(job: int, bench: Bench) -> Outcome[int]:
    return Done((job,))


def say(db: Connection, result: Result[int, int]) -> list[Entry]:
    return [Entry(Action.DERIVED, f"item:{made}") for made in result.made]


def step(run: Run = finish, keep: Keep = say) -> Step[int, int]:
    return Step("tried", "", lambda db, claim: claim.subject, run, keep)


@pytest.fixture
def runner(stores: Stores, settings: Settings) -> Runner:
    """A runner with items 1, 2 and 3 in its queue."""
    with stores.db.begin() as db:
        work.offer(db, QUEUE, [1, 2, 3])
    return Runner(stores, settings.model_copy(update={"lease_seconds": 1.0}), "tester")


def rows(runner: Runner) -> dict[int, tuple[str, str | None, str]]:
    with runner.stores.db.begin() as db:
        found = db.execute(text("SELECT subject, state, outcome, why FROM work ORDER BY subject"))
        return {row.subject: (row.state, row.outcome, row.why) for row in found}


def events(runner: Runner) -> list[str]:
    with runner.stores.db.begin() as db:
        return list(db.execute(text("SELECT subject FROM custody_events ORDER BY seq")).scalars())


def test_done_items_are_told_of_in_the_custody_log(runner: Runner) -> None:
    tally = runner.drain(step())
    assert tally.as_dict() == {"done": 3}
    assert events(runner) == ["item:1", "item:2", "item:3"]


def test_a_flaw_is_counted_and_the_item_is_done(runner: Runner) -> None:
    def flawed(job: int, bench: Bench) -> Outcome[int]:
        return Done((job,), note="it ends early", flaw=Fault.DEFECT if job == 2 else None)

    assert runner.drain(step(flawed)).as_dict() == {"done": 3, "DEFECT": 1}
    assert rows(runner)[2] == ("done", "DEFECT", "it ends early")


@pytest.mark.logs_errors
@pytest.mark.parametrize("where", ["load", "run", "keep", "what does not fit into its column"])
def test_a_bug_of_ours_ends_its_item_and_the_others_go_on(
    runner: Runner, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    def load(db: Connection, claim: Claim) -> int:
        return claim.subject // (0 if where == "load" and claim.subject == 2 else 1)

    def run(job: int, bench: Bench) -> Outcome[int]:
        return Done((job // (0 if where == "run" and job == 2 else 1),))

    def keep(db: Connection, result: Result[int, int]) -> list[Entry]:
        if result.job == 2 and where == "keep":
            raise KeyError(result.job)
        if result.job == 2 and where.startswith("what"):
            db.execute(text("SELECT CAST(:text AS text)"), {"text": "a NUL: \x00"})
        return say(db, result)

    with caplog.at_level(logging.INFO, "lastseen.runner"):  # whatever other tests have left it at
        tally = runner.drain(Step("tried", "", load, run, keep))
    assert (tally.done, tally.bugs, dict(tally.faults)) == (2, 1, {"DEFECT": 1})
    state, outcome, why = rows(runner)[2]
    assert (state, outcome) == ("quarantined", "DEFECT")
    assert why.startswith("a fault of lastseen itself, see the log: ")
    assert events(runner) == ["item:1", "item:3"], "nothing of it was kept"
    said = [
        (one.levelno, one.getMessage(), bool(one.exc_info)) for one in caplog.records if one.name == "lastseen.runner"
    ]
    assert said == [
        (logging.INFO, "tried 1: done", False),
        (logging.ERROR, "tried 2", True),
        (logging.INFO, "tried 2: DEFECT", False),
        (logging.INFO, "tried 3: done", False),
    ], "the error is said once, and with where it came from"


def test_what_is_logged_over_an_item_names_it_in_every_thread(runner: Runner) -> None:
    heard: list[dict[str, object]] = []

    def run(job: int, bench: Bench) -> Outcome[int]:
        beside = threading.Thread(target=lambda: heard.append(logs.about()))
        beside.start()
        beside.join()
        return finish(job, bench)

    with logs.of_process(run=7):
        runner.drain(step(run))
    assert heard == [{"run": 7, "step": "tried", "item": item} for item in (1, 2, 3)]
    assert logs.about() == {}


def test_how_each_item_ended_is_logged_without_words_from_outside(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    def run(job: int, bench: Bench) -> Outcome[int]:
        return finish(job, bench) if job == 1 else NotDone(Fault.GONE, "https://hostile.example/")

    with caplog.at_level(logging.INFO, "lastseen.runner"):
        runner.drain(step(run))
    said = [record.getMessage() for record in caplog.records if record.name == "lastseen.runner"]
    assert said == ["tried 1: done", "tried 2: GONE", "tried 3: GONE"]


def test_what_every_item_needs_stops_the_run_and_harms_no_item(runner: Runner) -> None:
    def run(job: int, bench: Bench) -> Outcome[int]:
        raise Failure("bubblewrap is gone: install it")

    with pytest.raises(Failure, match="install it"):
        runner.drain(step(run))
    assert set(rows(runner).values()) == {("open", None, "")}
    assert runner.drain(step()).done == 3, "each could be taken again at once"


def test_a_store_that_does_not_answer_is_worth_a_rest(runner: Runner) -> None:
    def run(job: int, bench: Bench) -> Outcome[int]:
        raise StoreUnavailable("connection refused")

    assert runner.drain(step(run)).as_dict() == {"done": 0, "TRANSIENT": 3}
    assert rows(runner)[1] == ("open", "TRANSIENT", "the object store did not answer: connection refused")


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_a_transaction_that_lost_against_another_is_tried_again(runner: Runner, state: str) -> None:
    tries: list[int] = []

    def keep(db: Connection, result: Result[int, int]) -> list[Entry]:
        tries.append(result.job)
        if tries == [1]:
            db.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"))
        return say(db, result)

    assert runner.drain(step(keep=keep)).as_dict() == {"done": 3}
    assert tries == [1, 1, 2, 3]


def test_whoever_lost_the_lease_leaves_nothing(runner: Runner) -> None:
    def run(job: int, bench: Bench) -> Outcome[int]:
        if job == 2:
            with runner.stores.db.begin() as db:
                db.execute(text("UPDATE work SET lease = gen_random_uuid() WHERE subject = 2"))
        return Done((job,))

    assert runner.drain(step(run), wait=False).as_dict() == {"done": 2, "lost": 1}
    assert events(runner) == ["item:1", "item:3"]


def test_what_is_offered_again_while_it_is_in_work_is_done_anew(runner: Runner) -> None:
    seen: list[int] = []

    def run(job: int, bench: Bench) -> Outcome[int]:
        seen.append(job)
        if seen == [1]:
            with runner.stores.db.begin() as db:
                work.again(db, Queue("tried", subjects=(1,)))
        return Done((job,))

    runner.drain(step(run))
    assert sorted(seen) == [1, 1, 2, 3]
    assert sorted(events(runner)) == ["item:1", "item:2", "item:3"], "only the second look was kept"


def test_a_dead_workers_item_is_waited_for(runner: Runner) -> None:
    with runner.stores.db.begin() as db:
        assert work.claim(db, QUEUE, timedelta(seconds=0.6)) is not None  # and never heard of again
    assert runner.drain(step()).done == 3


def test_a_living_workers_item_is_left_to_it(runner: Runner) -> None:
    stop = False

    def live() -> None:
        with runner.stores.db.begin() as db:
            held = work.claim(db, QUEUE, timedelta(seconds=1))
        assert held is not None
        while not stop:
            with runner.stores.db.begin() as db:
                work.renew(db, held, timedelta(seconds=1))
            sleep(0.2)

    other = Thread(target=live)
    other.start()
    sleep(0.3)
    began = monotonic()
    try:
        assert runner.drain(step()).done == 2
    finally:
        stop = True
        other.join()
    assert monotonic() - began < 10, "it does not wait for ever"
    assert rows(runner)[1][0] == WorkState.OPEN


def test_an_interrupted_item_is_given_back(runner: Runner) -> None:
    def run(job: int, bench: Bench) -> Outcome[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.drain(step(run))
    assert runner.drain(step(), wait=False).done == 3


def test_a_server_that_asks_to_wait_is_obeyed(runner: Runner) -> None:
    def run(job: int, bench: Bench) -> Outcome[int]:
        return NotDone(Fault.WAIT, "429", until=utcnow() + timedelta(hours=1))

    assert runner.drain(step(run)).as_dict() == {"done": 0, "WAIT": 3}
    assert runner.drain(step()).as_dict() == {"done": 0}
