"""The claim primitive: one holder at a time, by the database's clock, fenced by a token."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.lifecycle import RULES, WorkState
from lastseen.outcomes import Fault
from storage import work
from storage.database import Connection, Engine
from storage.work import Claim, Heartbeat, LeaseLost, Queue

FETCH = Queue("fetch")
LEASE = timedelta(seconds=30)
BLINK = timedelta(milliseconds=30)


@pytest.fixture
def one(db: Engine) -> Iterator[Connection]:
    """A connection that commits after each statement, with item 7 in the queue."""
    with db.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        work.offer(connection, FETCH, [7])
        yield connection


def take(db: Connection, lease: timedelta = LEASE, queue: Queue = FETCH) -> Claim:
    claim = work.claim(db, queue, lease)
    assert claim is not None
    return claim


def row(db: Connection) -> dict[str, object]:
    return dict(db.execute(text("SELECT * FROM work")).mappings().one())


def test_a_claimed_item_is_nobody_elses(one: Connection) -> None:
    claim = take(one)
    assert (claim.subject, claim.attempts, claim.crashes) == (7, 1, 0)
    assert work.claim(one, FETCH, LEASE) is None


def test_an_item_comes_back_when_its_lease_ends_and_the_death_is_counted(one: Connection) -> None:
    first = take(one, BLINK)
    sleep(0.05)
    second = take(one)
    assert (second.attempts, second.crashes, second.failures) == (2, 1, 0)
    assert second.lease != first.lease


def test_who_lost_the_lease_can_settle_nothing(one: Connection) -> None:
    first = take(one, BLINK)
    sleep(0.05)
    second = take(one)
    with pytest.raises(LeaseLost):
        work.finish(one, first)
    with pytest.raises(LeaseLost):
        work.fail(one, first, Fault.DEFECT, "too late", timedelta(), None, 5)
    with pytest.raises(LeaseLost):
        work.renew(one, first, LEASE)
    work.finish(one, second)
    assert row(one)["state"] == WorkState.DONE


def test_nothing_is_settled_twice(one: Connection) -> None:
    claim = take(one)
    work.finish(one, claim)
    with pytest.raises(LeaseLost):
        work.finish(one, claim)


def test_a_heartbeat_keeps_an_item_beyond_its_lease(db: Engine, one: Connection) -> None:
    lease = timedelta(milliseconds=300)
    claim = take(one, lease)
    with Heartbeat(db, claim, lease):
        sleep(0.7)
        assert work.claim(one, FETCH, LEASE) is None
    work.finish(one, claim)


def test_a_released_item_is_ready_at_once_and_no_death_is_counted(one: Connection) -> None:
    work.release(one, take(one))
    assert take(one).crashes == 0


@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_ends_as_the_table_says(one: Connection, fault: Fault) -> None:
    state = work.fail(one, take(one), fault, "because", timedelta(), None, 5)
    assert state == RULES[fault].state
    found = row(one)
    assert (found["state"], found["outcome"], found["why"]) == (state, fault, "because")
    assert found["failures"] == int(RULES[fault].counted)


def test_clean_failures_end_at_their_limit(one: Connection) -> None:
    for _ in range(2):
        assert work.fail(one, take(one), Fault.TRANSIENT, "off", timedelta(), None, 3) == WorkState.OPEN
    assert work.fail(one, take(one), Fault.TRANSIENT, "off", timedelta(), None, 3) == WorkState.FAILED


def test_a_wait_lasts_until_its_moment_and_is_no_failure(one: Connection) -> None:
    work.fail(one, take(one), Fault.WAIT, "429", timedelta(), utcnow() + timedelta(hours=1), 5)
    assert work.claim(one, FETCH, LEASE) is None
    assert row(one)["failures"] == 0


def test_an_item_that_kills_its_workers_is_quarantined_where_people_see_it(one: Connection) -> None:
    for _ in range(3):
        assert work.retire(one, FETCH, limit=3) == 0
        take(one, BLINK)
        sleep(0.05)
    assert work.retire(one, FETCH, limit=3) == 1
    found = row(one)
    assert (found["state"], found["outcome"]) == (WorkState.QUARANTINED, Fault.DEFECT)
    assert found["why"] == "its worker died 3 times while working on it"


def test_offering_again_changes_nothing_and_reopening_starts_afresh(one: Connection) -> None:
    work.finish(one, take(one))
    assert work.offer(one, FETCH, [7]) == 0
    assert work.claim(one, FETCH, LEASE) is None
    assert work.reopen(one, FETCH, [WorkState.FAILED]) == 0
    assert work.reopen(one, FETCH, [WorkState.DONE]) == 1
    assert take(one).failures == 0


def test_what_was_done_with_a_flaw_can_be_asked_for_again(one: Connection) -> None:
    work.finish(one, take(one))
    assert work.reopen_flawed(one, FETCH) == 0
    work.reopen(one, FETCH, [WorkState.DONE])
    work.finish(one, take(one), "it was left half-way", Fault.DEFECT)
    assert work.reopen_flawed(one, Queue("fetch", "", (8,))) == 0
    assert work.reopen_flawed(one, FETCH) == 1
    work.finish(one, take(one))
    assert row(one)["outcome"] is None


def test_queues_are_apart_by_step_recipe_and_subject(one: Connection) -> None:
    assert work.claim(one, Queue("analyze"), LEASE) is None
    assert work.claim(one, Queue("fetch", "other"), LEASE) is None
    assert work.claim(one, Queue("fetch", "", (8,)), LEASE) is None
    assert work.claim(one, Queue("fetch", "", ()), LEASE) is None
    assert list(work.ready(one, Queue("fetch", "", (7, 8)))) == [7]
    assert take(one, queue=Queue("fetch", "", (7, 8))).subject == 7


def test_what_waits_for_a_recipe_of_before_is_done_once_by_the_one_that_is_set(one: Connection) -> None:
    """Nothing stays open that nobody would ever claim: faces would be kept for its sake for ever."""
    for recipe, subjects in (("r1", [1, 2, 3]), ("r2", [2, 4]), ("r3", [3])):
        work.offer(one, Queue("analyze", recipe), subjects)
    held = take(one, queue=Queue("analyze", "r2", (4,)))
    assert work.adopt(one, Queue("analyze", "r3")) == 2
    there = one.execute(text("SELECT recipe, subject FROM work WHERE step = 'analyze' ORDER BY recipe, subject"))
    assert [tuple(item) for item in there] == [("r2", 4), ("r3", 1), ("r3", 2), ("r3", 3)]
    work.finish(one, held)


def test_who_waits_learns_when_the_item_may_come_back(one: Connection) -> None:
    assert work.held(one, FETCH) is None
    take(one)
    held = work.held(one, FETCH)
    assert held is not None
    assert held.items == 1
    assert timedelta(seconds=28) < held.until <= LEASE


def test_many_workers_share_a_queue_without_a_duplicate(db: Engine) -> None:
    with db.begin() as connection:
        work.offer(connection, FETCH, range(200))

    def drain(_: int) -> list[int]:
        taken: list[int] = []
        while True:
            with db.begin() as connection:
                claim = work.claim(connection, FETCH, LEASE)
            if claim is None:
                return taken
            taken.append(claim.subject)

    with ThreadPoolExecutor(4) as pool:
        taken = [subject for part in pool.map(drain, range(4)) for subject in part]
    assert sorted(taken) == list(range(200))


def test_a_claim_does_not_read_the_whole_table(db: Engine) -> None:
    with db.begin() as connection:
        work.offer(connection, FETCH, range(20_000))
        connection.execute(text("UPDATE work SET state = 'done' WHERE subject < 19000"))
    with db.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE work"))
        plan = connection.execute(
            text("EXPLAIN " + str(work.CLAIM)), {**FETCH.values(), "lease": LEASE, "leave": ["a"]}
        ).scalars()
        lines = "\n".join(plan)
    assert "ix_work_ready" in lines
    assert "Seq Scan" not in lines
