"""When a task goes on, when it fails, and what an earlier attempt of it had made."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from pipeline import tasks
from pipeline.tasks import A_MOMENT, LONGEST_WAITING, NEAR, waits_until
from storage import runs, work
from storage.work import Queue
from tests.office import Office

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("wait", "begun", "goes_on"),
    [
        (None, timedelta(), False),
        (MINUTE, timedelta(), True),
        (NEAR, timedelta(), True),
        (NEAR + MINUTE, timedelta(), False),
        (MINUTE, LONGEST_WAITING - MINUTE, True),
        (MINUTE, LONGEST_WAITING, False),
    ],
)
def test_a_task_goes_on_at_a_moment_that_is_near_unless_its_run_waits_for_long(
    wait: timedelta | None, begun: timedelta, *, goes_on: bool
) -> None:
    until = waits_until(wait, NOW, NOW - begun)
    assert until == (NOW + wait + A_MOMENT if goes_on and wait else None)


def put(db: Connection, subject: int, state: str, outcome: str | None = None, minutes: int = 0, site: str = "") -> None:
    """An item as it stands; it rests for so many minutes."""
    db.execute(
        text("""INSERT INTO work (step, subject, state, outcome, ready_at, site)
                VALUES ('fetch', :subject, :state, :outcome, now() + :rest, nullif(:site, ''))"""),
        {
            "subject": subject,
            "state": state,
            "outcome": outcome,
            "rest": timedelta(minutes=minutes),
            "site": site,
        },
    )


def standing(db: Connection, *subjects: int) -> work.Standing:
    """How they stand."""
    return work.standing(db, Queue("fetch", subjects=subjects))


def test_what_is_nobodys_fault_fails_no_task(db: Engine) -> None:
    with db.connect() as connection:
        put(connection, 1, "done")
        put(connection, 2, "quarantined", "DEFECT")
        put(connection, 3, "failed", "TRANSIENT")
        put(connection, 4, "gone", "GONE")
        put(connection, 5, "skipped", "SKIPPED")
        put(connection, 6, "open", "WAIT", 20)
        put(connection, 7, "open", "BLOCKED", 60)
        put(connection, 8, "done", "DEFECT")
        found = standing(connection, *range(1, 9))
        assert (found.items, found.failed, found.mostly_failed) == (8, 3, False)
        assert standing(connection, 1, 2, 3).mostly_failed
        assert not standing(connection, 1, 2).mostly_failed
        assert not standing(connection, 4, 5, 6, 8).mostly_failed


def test_an_item_waits_for_its_own_moment_and_for_that_of_its_site(db: Engine) -> None:
    with db.connect() as connection:
        for site, minutes in (("closed", 10), ("open", None)):
            connection.execute(
                text("INSERT INTO sites (site, closed_until) VALUES (:site, now() + :until)"),
                {"site": site, "until": None if minutes is None else timedelta(minutes=minutes)},
            )
        put(connection, 1, "open", site="open")
        assert standing(connection, 1).wait is None, "it may be tried now"
        put(connection, 2, "open", "WAIT", 20, "open")
        put(connection, 3, "open", "WAIT", 0, "closed")
        put(connection, 4, "open", "WAIT", 15, "closed")
        assert standing(connection, 1, 2).wait == timedelta(minutes=20)
        assert standing(connection, 1, 2, 3, 4).wait == timedelta(minutes=10)
        assert standing(connection, 4).wait == timedelta(minutes=15)


def test_an_attempt_that_made_something_or_was_killed_counts(db: Engine) -> None:
    with db.connect() as connection:
        first = runs.begin(connection, "airflow fetch", {"task": "a"}, "airflow")
        second = runs.begin(connection, "airflow fetch", {"task": "a"}, "airflow")
        assert runs.made_before(connection, second, "a"), "nobody knows what it had made"
        runs.end(connection, first, {"made": 0})
        assert not runs.made_before(connection, second, "a")
        runs.end(connection, first, {"made": 2})
        assert runs.made_before(connection, second, "a")
        assert not runs.made_before(connection, second, "b")


def test_the_sum_of_a_task_bears_its_run_and_what_airflow_calls_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks, "settings", lambda: office.settings)
    with caplog.at_level(logging.INFO, "lastseen.tasks"):
        tasks.work("names", [7], {}, "match_register manual__1 work_names 0")
    with office.stores.db.begin() as db:
        run = db.execute(text("SELECT id FROM runs")).scalar_one()
    about = f"[task=match_register manual__1 work_names 0 run={run} step=names]"
    assert [record.getMessage() for record in caplog.records if record.name == "lastseen.tasks"] == [
        f"names: {{'done': 0}} {about}"
    ]
