"""Who may ask a site now: pauses, visitors, refusals that grow and are forgotten.  The clock is the database's."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.outcomes import Fault
from storage import sites, work
from storage.database import Connection, Engine
from storage.sites import Closed, Manners, Turn
from storage.work import Claim, LeaseLost, Queue

LEASE = timedelta(minutes=5)
HOUR, NONE = timedelta(hours=1), timedelta()
MANNERS = Manners(pause=NONE, jitter=0.0, patience=timedelta(seconds=5), downloads=1, rest=timedelta(minutes=10))
SLOW = replace(MANNERS, pause=timedelta(seconds=4))
HERE, ELSEWHERE = "site.example", "other.example"


@pytest.fixture
def at(db: Engine) -> Iterator[Connection]:
    """A connection that commits after each statement, with three downloads of a site and one of another."""
    with db.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        work.offer(connection, Queue("fetch"), [1, 2, 3], site=HERE)
        work.offer(connection, Queue("fetch"), [4], site=ELSEWHERE)
        work.offer(connection, Queue("collect"), [1], site=HERE)
        yield connection


def take(db: Connection, step: str = "fetch", manners: Manners = MANNERS) -> Claim | None:
    return work.claim(db, Queue(step), LEASE, sites.unavailable(db, step, manners))


def enter(db: Connection, manners: Manners = MANNERS, step: str = "fetch") -> tuple[Claim, Turn]:
    claim = take(db, step, manners)
    assert claim is not None
    return claim, sites.enter(db, claim, HERE if claim.subject < 4 else ELSEWHERE, manners)


def refuse(db: Connection, until: datetime | None = None) -> Closed:
    return sites.refuse(db, HERE, Fault.BLOCKED, "not a bot", until, MANNERS)


def pass_by(db: Connection, passed: timedelta) -> None:
    """Have everything been so much longer ago."""
    for column in ("closed_until", "refused_at", "next_at"):
        db.execute(text(f"UPDATE sites SET {column} = {column} - :passed"), {"passed": passed})  # noqa: S608  columns


def rest(db: Connection) -> float:
    """Minutes for which the site is closed now."""
    row: timedelta = db.execute(text("SELECT closed_until - clock_timestamp() FROM sites")).scalar_one()
    return round(row / timedelta(minutes=1))


def test_one_download_of_a_site_at_once_and_others_go_elsewhere(at: Connection) -> None:
    first, turn = enter(at)
    assert (first.subject, turn.mine) == (1, True)
    second, turn = enter(at)
    assert (second.subject, turn.mine) == (4, True)
    assert take(at) is None
    assert take(at, "collect") is not None, "a list is no download"
    work.finish(at, first)
    third = take(at)
    assert third is not None
    assert third.subject == 2


def test_two_that_claim_at_the_same_moment_do_not_both_enter(at: Connection) -> None:
    one, other = (work.claim(at, Queue("fetch", subjects=(1, 2)), LEASE) for _ in range(2))
    assert one is not None
    assert other is not None
    assert sites.enter(at, one, HERE, MANNERS).mine
    turn = sites.enter(at, other, HERE, MANNERS)
    assert (turn.mine, turn.wait, HERE in turn.why) == (False, MANNERS.patience, True)


def test_a_worker_that_died_is_no_visitor(at: Connection) -> None:
    enter(at)
    at.execute(text("UPDATE work SET ready_at = now() WHERE visits IS NOT NULL"))
    assert enter(at)[1].mine


def test_who_lost_the_lease_does_not_enter(at: Connection) -> None:
    claim = take(at)
    assert claim is not None
    at.execute(text("UPDATE work SET lease = NULL"))
    with pytest.raises(LeaseLost):
        sites.enter(at, claim, HERE, MANNERS)


def test_visits_begin_a_pause_apart_and_nobody_waits_for_long(at: Connection) -> None:
    claims = [work.claim(at, Queue("fetch", subjects=(one,)), LEASE) for one in (1, 2, 3)]
    many = replace(SLOW, downloads=9)
    turns = [sites.enter(at, claim, HERE, many) for claim in claims if claim]
    assert [turn.mine for turn in turns] == [True, True, False]
    waits = [turn.wait.total_seconds() for turn in turns]
    assert waits[0] == 0
    assert 3 < waits[1] <= 4, "its turn is a pause after the first"
    assert 7 < waits[2] <= 8, "too long to wait for: the item is given back"
    assert HERE in sites.unavailable(at, "fetch", many)
    pass_by(at, timedelta(seconds=4))
    assert HERE not in sites.unavailable(at, "fetch", many)


def test_the_pause_varies_as_asked(at: Connection) -> None:
    claim = take(at)
    assert claim is not None
    waits = set()
    for _ in range(30):
        sites.enter(at, claim, HERE, replace(SLOW, jitter=0.5, patience=HOUR))
        gap = at.execute(text("SELECT next_at - clock_timestamp() FROM sites")).scalar_one()
        waits.add(gap)
        pass_by(at, gap)
    assert min(waits) >= timedelta(seconds=1.5)
    assert max(waits) <= timedelta(seconds=6)
    assert max(waits) - min(waits) > timedelta(seconds=1)


def test_a_refusal_closes_the_site_for_all_steps(at: Connection) -> None:
    claim, _ = enter(at)
    refuse(at)
    work.fail(at, claim, Fault.BLOCKED, "not a bot", NONE, None, 5)
    assert [enter(at)[0].subject, take(at), take(at, "collect")] == [4, None, None]
    assert work.ready(at, Queue("fetch"), sites.closed(at)) == []
    row = at.execute(text("SELECT failures, blocks, state FROM work WHERE subject = 1 AND step = 'fetch'")).one()
    assert tuple(row) == (0, 0, "open")
    on_its_way = work.claim(at, Queue("collect"), LEASE)
    assert on_its_way is not None
    turn = sites.enter(at, on_its_way, HERE, MANNERS)
    assert (turn.mine, "not a bot" in turn.why) == (False, True)


def test_the_rest_doubles_up_to_a_day_and_is_forgotten(at: Connection) -> None:
    rests = []
    for _ in range(9):
        refuse(at)
        rests.append(rest(at))
        pass_by(at, timedelta(minutes=rests[-1], seconds=1))
    assert rests == [10, 20, 40, 80, 160, 320, 640, 1280, 1440]
    pass_by(at, timedelta(days=7))
    refuse(at)
    assert rest(at) < 60, "of nine refusals a week leaves one or two"


def test_many_that_are_refused_at_once_are_one_refusal(at: Connection) -> None:
    assert [refuse(at).refusals for _ in range(5)] == [1] * 5
    assert rest(at) == 10


def test_the_moment_that_the_server_names_is_kept_to(at: Connection) -> None:
    refuse(at, utcnow() + 3 * HOUR)
    assert rest(at) == 180
    refuse(at, utcnow() + HOUR)
    assert rest(at) == 180
    refuse(at, utcnow() + 4 * HOUR)
    assert rest(at) == 240


def test_a_site_that_answers_again_is_trusted_step_by_step(at: Connection) -> None:
    for _ in range(2):
        refuse(at)
        pass_by(at, HOUR)
    enter(at)
    assert take(at, "collect") is None, "one visitor at a time, of whatever step"
    at.execute(text("UPDATE work SET lease = NULL, ready_at = now(), visits = NULL"))
    assert sites.answered(at, HERE)
    refuse(at)
    assert rest(at) == 20, "one of the two refusals is forgiven"
    assert not sites.answered(at, HERE), "what was asked before it closed is no answer"
    pass_by(at, HOUR)
    assert [sites.answered(at, HERE) for _ in range(4)] == [True, True, False, False]
    assert sites.every(at)[0].refusals == 0


def test_an_operator_opens_a_site(at: Connection) -> None:
    claim, _ = enter(at)
    refuse(at)
    work.fail(at, claim, Fault.BLOCKED, "a page", HOUR, None, 5)
    assert sites.reopen(at, HERE)
    assert not sites.reopen(at, "nobody.example")
    assert set(work.ready(at, Queue("fetch"))) == {1, 2, 3, 4}, "what was refused there is asked for again"
    assert {enter(at)[0].subject, enter(at)[0].subject} == {2, 4}, "each site has one visitor"
    site = next(one for one in sites.every(at) if one.site == HERE)
    assert (site.closed_until, site.refusals, site.waiting) == (None, 0, 4)
