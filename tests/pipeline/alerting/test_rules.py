"""Rules that raise alerts from figures, and end them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.settings import Settings
from pipeline.alerting import rules
from pipeline.alerting.rules import FEW, grows
from storage import alerts
from storage.database import Engine
from storage.stores import Stores
from tests.storage import lettered

NOW = datetime(2026, 3, 1, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(*items: int | None) -> list[tuple[datetime, int]]:
    """What waited at the hours before NOW, the last of them at 11; None: nobody looked."""
    first = NOW.replace(minute=0) - len(items) * HOUR
    return [(first + place * HOUR, count) for place, count in enumerate(items) if count is not None]


@pytest.mark.parametrize(
    ("marks", "now_waiting", "raised"),
    [
        (hourly(100, 200, 300), 400, True),
        (hourly(100, 200, 200), 400, False),
        (hourly(100, 200, 300), 300, False),
        (hourly(300, 200, 300), 400, False),
        (hourly(100, None, 300), 400, False),
        (hourly(200, 300), 400, False),
        (hourly(1, 2, 3), FEW - 1, False),
        (hourly(1, 2, 3), FEW, True),
        (hourly(900, 100, 200, 300), 400, True),
        ([], 400, False),
    ],
)
def test_a_backlog_grows_when_more_waits_in_each_hour(
    marks: Sequence[tuple[datetime, int]], now_waiting: int, raised: bool
) -> None:
    assert grows(marks, now_waiting, 3, NOW) is raised


ITEMS = text("""
    INSERT INTO work (step, subject, state, ready_at, crashes, settled_at)
    SELECT :step, n, :state, now() - interval '1 minute', :crashes, CASE WHEN :state <> 'open' THEN now() END
      FROM generate_series(1, :items) AS n""")
MARK = text("""
    INSERT INTO backlog_marks (step, hour, items)
    SELECT 'fetch', date_trunc('hour', now()) - n * interval '1 hour', 100 - n FROM generate_series(0, 7) AS n""")


def standing(db: Engine, settings: Settings) -> set[tuple[str, str]]:
    with db.begin() as connection:
        rules.look(connection, settings)
        return {(one.kind, one.subject) for one in alerts.standing(connection)}


def test_each_rule_raises_its_alert_and_ends_it(db: Engine, settings: Settings) -> None:
    quiet = settings.model_copy(update={"alert_disk_percent": 0.0, "alert_quarantined": 3})
    assert standing(db, quiet) == set()
    with db.begin() as connection:
        connection.execute(MARK)
        connection.execute(ITEMS, {"step": "fetch", "state": "open", "crashes": 0, "items": 120})
        connection.execute(ITEMS, {"step": "analyze", "state": "quarantined", "crashes": 0, "items": 3})
        connection.execute(ITEMS, {"step": "enroll", "state": "open", "crashes": 3, "items": 1})
        connection.execute(
            text("INSERT INTO runs (command, actor, started_at) VALUES ('c', 'a', now() - interval '5h')")
        )
    full = quiet.model_copy(update={"alert_disk_percent": 90.0})
    found = standing(db, full)
    assert found >= {
        (alerts.BACKLOG, "step:fetch"),
        (alerts.QUARANTINE, "step:analyze"),
        (alerts.WORKERS_DIE, "step:enroll"),
        (alerts.SILENT, "journal"),
    }
    with db.begin() as connection:
        alerts.sound(connection, alerts.SOURCE_CLOSED, "source:1", "another's")
        connection.execute(text("UPDATE work SET state = 'done', settled_at = now() - interval '2 days'"))
        connection.execute(text("INSERT INTO runs (command, actor) VALUES ('c', 'a')"))
    assert standing(db, quiet) >= found, "what is just at a bound ends and begins at every look"
    calm(db, rules.CALM)
    assert standing(db, quiet) == {(alerts.SOURCE_CLOSED, "source:1")}, "what others raise is theirs to end"


def calm(db: Engine, since: timedelta) -> None:
    """Let time pass since every cause was met."""
    with db.begin() as connection:
        connection.execute(text("UPDATE alerts SET last_at = last_at - CAST(:since AS interval)"), {"since": since})


def test_another_machine_does_not_end_the_alert_on_a_disk_that_it_cannot_see(db: Engine, settings: Settings) -> None:
    """One of several workers looks each time; a machine that is no more is forgotten after a day."""
    with db.begin() as connection:
        alerts.sound(connection, alerts.DISK, f"{rules.DATA_FOLDER}:other", "5 % of the disk are free")
    roomy = settings.model_copy(update={"alert_disk_percent": 0.0})
    calm(db, rules.CALM)
    assert (alerts.DISK, f"{rules.DATA_FOLDER}:other") in standing(db, roomy)
    calm(db, rules.AWAY)
    assert standing(db, roomy) == set()


def test_a_disk_with_too_little_room_is_told(db: Engine, settings: Settings) -> None:
    room = rules.disk(settings)
    share = 100 * room["free"] / room["total"]
    beyond = settings.model_copy(update={"alert_disk_percent": min(share + 1, 100.0)})
    assert (alerts.DISK, rules.disk_here()) in standing(db, beyond)
    assert rules.disk_here() != rules.DATA_FOLDER
    calm(db, rules.CALM)
    assert standing(db, settings.model_copy(update={"alert_disk_percent": 0.0})) == set()


def test_a_letter_whose_answer_is_late_is_told_until_it_is_there(stores: Stores, settings: Settings) -> None:
    quiet = settings.model_copy(update={"alert_disk_percent": 0.0})
    one = lettered.seen(stores)
    with stores.db.begin() as db:
        late = lettered.sent(db, one.candidate, days=2, dated=utcnow().date() - timedelta(days=5))
        lettered.sent(db, one.candidate, days=9, dated=utcnow().date() - timedelta(days=5))
    assert (alerts.LETTER_OVERDUE, f"letter:{late}") in standing(stores.db, quiet)
    with stores.db.begin() as db:
        (told,) = [one for one in alerts.standing(db) if one.kind == alerts.LETTER_OVERDUE]
        lettered.moved(db, late, "answered")
    assert lettered.NAME not in told.said
    assert not [kind for kind, _ in standing(stores.db, quiet) if kind == alerts.LETTER_OVERDUE]


def test_what_waits_is_written_down_once_an_hour(db: Engine, settings: Settings) -> None:
    with db.begin() as connection:
        connection.execute(ITEMS, {"step": "fetch", "state": "open", "crashes": 0, "items": 2})
    standing(db, settings)
    with db.begin() as connection:
        connection.execute(text("UPDATE work SET state = 'done' WHERE subject = 1"))
    standing(db, settings)
    with db.begin() as connection:
        kept = connection.execute(text("SELECT step, items FROM backlog_marks")).all()
    assert [tuple(row) for row in kept] == [("fetch", 2)]
