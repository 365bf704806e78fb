"""The custody chain: no gaps, one head, and every change of a kept event is found."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event as happening
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from lastseen.clock import iso
from storage import custody
from storage.custody import Action, Entry, Event, Incident
from storage.database import Engine

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def chain(db: Engine, length: int = 5) -> list[Event]:
    with db.begin() as connection:
        for number in range(length):
            custody.append(
                connection, "someone", Action.STORED, f"blob:{number}", {"size": number, "names": ["ж", "ї"]}
            )
    with db.begin() as connection:
        return list(custody.events(connection))


def incidents(events: list[Event]) -> list[Incident]:
    return [link for link in custody.check(iter(events)) if isinstance(link, Incident)]


def test_a_chain_as_it_was_written_stands(db: Engine) -> None:
    events = chain(db)
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert events[0].previous == custody.GENESIS
    assert incidents(events) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda event: replace(event, actor="someone else"),
        lambda event: replace(event, action="viewed"),
        lambda event: replace(event, subject="blob:7"),
        lambda event: replace(event, detail={**event.detail, "size": 99}),
        lambda event: replace(event, at=event.at + timedelta(microseconds=1)),
        lambda event: replace(event, reason="because"),
        lambda event: replace(event, version=1),
        lambda event: replace(event, version=3),
    ],
)
def test_a_changed_event_is_found_where_it_stands(db: Engine, change: Callable[[Event], Event]) -> None:
    events = chain(db)
    events[2] = change(events[2])
    assert incidents(events) == [Incident("its content is not what was hashed", "custody event 3")]


def test_a_changed_event_with_a_new_hash_of_its_own_breaks_the_next_one(db: Engine) -> None:
    events = chain(db)
    forged = replace(events[2], actor="someone else")
    events[2] = replace(forged, hash=custody.digest(forged.previous, forged.body))
    assert incidents(events) == [Incident("it does not follow the event before it", "custody event 4")]


def test_a_removed_event_and_a_reordered_pair_are_found(db: Engine) -> None:
    events = chain(db)
    assert incidents(events[:2] + events[3:]) == [Incident("1 events before it are missing", "custody event 4")]
    assert incidents([events[0], events[2], events[1], *events[3:]])


def test_the_database_refuses_to_change_or_remove_an_event(db: Engine, owner: Engine) -> None:
    chain(db)
    for statement in (
        "UPDATE custody_events SET actor = 'nobody' WHERE seq = 2",
        "DELETE FROM custody_events WHERE seq = 5",
        "TRUNCATE custody_events",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), db.begin() as connection:
            connection.execute(text(statement))
        with pytest.raises(IntegrityError, match="append-only"), owner.begin() as connection:
            connection.execute(text(statement))
    with db.begin() as connection:
        assert incidents(list(custody.events(connection))) == []


def test_writers_at_the_same_time_keep_one_chain(db: Engine) -> None:
    def write(number: int) -> None:
        with db.begin() as connection:
            custody.append(connection, f"writer {number}", Action.STORED, f"blob:{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(100)))
    with db.begin() as connection:
        events = list(custody.events(connection))
    assert [event.seq for event in events] == list(range(1, 101))
    assert incidents(events) == []


def test_an_event_goes_with_the_transaction_that_it_tells_of(db: Engine) -> None:
    with pytest.raises(RuntimeError), db.begin() as connection:
        custody.append(connection, "someone", Action.STORED, "blob:1")
        raise RuntimeError
    assert [event.seq for event in chain(db, 1)] == [1]


def test_a_float_has_no_canonical_spelling(db: Engine) -> None:
    with pytest.raises(TypeError, match="no floats"), db.begin() as connection:
        custody.append(connection, "someone", Action.STORED, "blob:1", {"list": [{"x": 0.5}]})


def test_the_bytes_that_are_hashed() -> None:
    event = Event(3, NOON, "someone", "stored", "blob:ж", {"b": 1, "a": ["x"]}, b"\x07" * 32, b"", reason="order 7")
    assert event.body.decode() == (
        '{"action":"stored","actor":"someone","at":"2026-11-22T12:00:00.000000Z","detail":{"a":["x"],"b":1},'
        '"reason":"order 7","seq":3,"subject":"blob:ж"}'
    )
    hashed = hashlib.sha256(b"lastseen.custody.v2\n" + b"\x07" * 32 + event.body).digest()
    assert replace(event, hash=hashed).is_whole


def test_a_chain_of_version_1_still_stands_and_goes_on(db: Engine) -> None:
    last = custody.GENESIS
    for seq, moment in enumerate((NOON, NOON - timedelta(hours=1)), 1):  # the clock ran back, and nothing held it
        body = f'{{"action":"stored","actor":"a","at":"{iso(moment)}","detail":{{}},"seq":{seq},"subject":"s"}}'
        link = hashlib.sha256(b"lastseen.custody.v1\n" + last + body.encode()).digest()
        values = {"seq": seq, "at": moment, "previous": last, "hash": link}
        with db.begin() as connection:
            connection.execute(text(OF_VERSION_1), values)
        last = link
    events = chain(db, 1)
    assert [(event.seq, event.version) for event in events] == [(1, 1), (2, 1), (3, 2)]
    assert incidents(events) == []
    reasoned = [replace(events[0], reason="because"), *events[1:]]
    assert incidents(reasoned) == [Incident("its content is not what was hashed", "custody event 1")]


OF_VERSION_1 = """
    INSERT INTO custody_events (seq, at, actor, action, subject, detail, previous, hash)
    VALUES (:seq, :at, 'a', 'stored', 's', '{}', :previous, :hash)"""


def test_time_does_not_run_back_where_the_clock_does(db: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = chain(db, 1)[0].at
    monkeypatch.setattr(custody, "utcnow", lambda: first - timedelta(days=1))
    events = chain(db, 2)
    assert [event.at for event in events] == [first, first, first]
    assert incidents(events) == []


def test_an_event_that_was_dated_back_and_hashed_anew_is_found(db: Engine) -> None:
    events = chain(db, 2)
    forged = replace(events[1], at=events[0].at - timedelta(days=1))
    events[1] = replace(forged, hash=custody.digest(forged.previous, forged.body))
    assert incidents(events) == [Incident("it is dated before the event before it", "custody event 2")]


def test_many_events_of_one_transaction_are_three_statements(db: Engine) -> None:
    asked = []
    with db.begin() as connection:
        happening.listen(db, "before_cursor_execute", lambda *said: asked.append(said[2]))
        added = custody.append_all(connection, "someone", [Entry(Action.STORED, f"blob:{n}") for n in range(500)])
    assert len(asked) == 3
    assert [one.seq for one in added] == list(range(1, 501))
    with db.begin() as connection:
        assert list(custody.events(connection)) == added
        assert [one.seq for one in custody.events(connection, 3, 5)] == [4, 5]
        assert list(custody.hashes(connection, 498)) == [one.hash for one in added[498:]]
        assert custody.append_all(connection, "someone", []) == []


def test_processes_at_the_same_time_keep_one_chain(db: Engine) -> None:
    program = """
import sys
from storage import custody
from storage.database import connect
db = connect(sys.argv[1])
for number in range(25):
    with db.begin() as connection:
        entries = [custody.Entry(custody.Action.STORED, f"blob:{n}") for n in range(number % 3)]
        custody.append_all(connection, "me", entries)
"""
    command = [sys.executable, "-c", program, db.url.render_as_string(hide_password=False)]
    writers = [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    with db.begin() as connection:
        events = list(custody.events(connection))
    assert [event.seq for event in events] == list(range(1, 4 * 24 + 1))
    assert incidents(events) == []
