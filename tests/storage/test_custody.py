"""The custody chain: no gaps, one head, and every change of a kept event is found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from lastseen.clock import utcnow
from storage import custody
from storage.custody import Event, Incident
from storage.database import Engine


def chain(db: Engine, length: int = 5) -> list[Event]:
    with db.begin() as connection:
        for number in range(length):
            custody.append(connection, "someone", "stored", f"blob:{number}", {"size": number, "names": ["ж", "ї"]})
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
        lambda event: replace(event, at=event.at - timedelta(microseconds=1)),
    ],
)
def test_a_changed_event_is_found_where_it_stands(db: Engine, change: Callable[[Event], Event]) -> None:
    events = chain(db)
    events[2] = change(events[2])
    assert incidents(events) == [Incident("its content is not what was hashed", "custody event 3")]


def test_a_changed_event_with_a_new_hash_of_its_own_breaks_the_next_one(db: Engine) -> None:
    events = chain(db)
    forged = replace(events[2], actor="someone else")
    body = custody.canonical(forged.seq, forged.at, forged.actor, forged.action, forged.subject, forged.detail)
    events[2] = replace(forged, hash=custody.digest(forged.previous, body))
    assert incidents(events) == [Incident("it does not follow the event before it", "custody event 4")]


def test_a_removed_event_and_a_reordered_pair_are_found(db: Engine) -> None:
    events = chain(db)
    assert incidents(events[:2] + events[3:]) == [Incident("1 events before it are missing", "custody event 4")]
    assert incidents([events[0], events[2], events[1], *events[3:]])


def test_the_database_refuses_to_change_or_remove_an_event(db: Engine) -> None:
    chain(db)
    for statement in (
        "UPDATE custody_events SET actor = 'nobody' WHERE seq = 2",
        "DELETE FROM custody_events WHERE seq = 5",
        "TRUNCATE custody_events",
    ):
        with pytest.raises(DBAPIError), db.begin() as connection:
            connection.execute(text(statement))
    with db.begin() as connection:
        assert incidents(list(custody.events(connection))) == []


def test_writers_at_the_same_time_keep_one_chain(db: Engine) -> None:
    def write(number: int) -> None:
        with db.begin() as connection:
            custody.append(connection, f"writer {number}", "stored", f"blob:{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(100)))
    with db.begin() as connection:
        events = list(custody.events(connection))
    assert [event.seq for event in events] == list(range(1, 101))
    assert incidents(events) == []


def test_an_event_goes_with_the_transaction_that_it_tells_of(db: Engine) -> None:
    with pytest.raises(RuntimeError), db.begin() as connection:
        custody.append(connection, "someone", "stored", "blob:1")
        raise RuntimeError
    assert [event.seq for event in chain(db, 1)] == [1]


def test_a_float_has_no_canonical_spelling() -> None:
    with pytest.raises(TypeError, match="no floats"):
        custody.canonical(1, utcnow(), "a", "b", "c", {"list": [{"x": 0.5}]})
