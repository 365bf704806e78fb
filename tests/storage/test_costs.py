"""What items take in this office: counted by what there is to do of them, the newest first, in one statement."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, event, text

from storage import costs
from storage.work import Queue

ANALYZE = Queue("analyze", "recipe")
FETCH = Queue("fetch")
BLOB = """
    INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
    VALUES (:sha256, :size, :kind, 'k' || :sha256, 'v', now()) RETURNING id"""
LOOKED = """
    INSERT INTO fingerprints (blob_id, recipe, kind, width, height, duration_ms, complete,
                              moments, hashes, light, anchors)
    VALUES (:blob, 'f', 'video', :width, :height, :duration, true, '', '', '', '')"""


@pytest.fixture
def at_work(db: Engine) -> Iterator[Connection]:
    """A connection whose transaction ends with the test."""
    with db.connect() as connection:
        yield connection


def blob(db: Connection, digit: str, size: int, kind: str = "video/mp4") -> int:
    """A blob of so many bytes."""
    made: int = db.execute(text(BLOB), {"sha256": digit * 64, "size": size, "kind": kind}).scalar_one()
    return made


def looked_at(db: Connection, blob: int, width: int, height: int, duration: int) -> None:
    """Its fingerprint says how long it is."""
    db.execute(text(LOOKED), {"blob": blob, "width": width, "height": height, "duration": duration})


def test_a_film_is_as_much_as_its_seconds_and_more_where_its_pictures_are_large(at_work: Connection) -> None:
    still = blob(at_work, "a", 10**6, "image/jpeg")
    small, large, unseen = (blob(at_work, letter, 10**6) for letter in "bcd")
    looked_at(at_work, small, 100, 100, 60_000)
    looked_at(at_work, large, 1000, 1000, 60_000)
    found = costs.sized(at_work, ANALYZE, [large, still, small, unseen])
    assert found.units == pytest.approx((121, 1, 61.6, 1 + 10**6 / costs.USUAL_RATE))
    assert found.measured == (0, 0, 0)


def test_what_is_not_known_is_not_taken_for_nothing(at_work: Connection) -> None:
    assert costs.sized(at_work, FETCH, [7]).units == (None,)
    costs.learn(at_work, FETCH, {7: 3.0})
    assert costs.sized(at_work, FETCH, []).measured == (0, 0, 0), "nothing can be learnt of an item without a size"


def test_what_was_long_ago_counts_less(at_work: Connection) -> None:
    step = Queue("match_tracks", "engine")
    for _ in range(40):
        costs.learn(at_work, step, dict.fromkeys(range(50), 1.0))
    old = costs.sized(at_work, step, [1]).measured
    assert old[2] / old[1] == pytest.approx(1)
    assert old[0] <= costs.REMEMBERED
    for _ in range(40):
        costs.learn(at_work, step, dict.fromkeys(range(50), 3.0))
    new = costs.sized(at_work, step, [1]).measured
    assert new[2] / new[1] == pytest.approx(3, rel=0.05)
    assert costs.sized(at_work, Queue("match_tracks", "another"), [1]).measured == (0, 0, 0)


def test_a_plan_asks_once_however_many_items_there_are(db: Engine) -> None:
    many = list(range(100_000, 0, -1))
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    with db.connect() as connection:
        event.listen(connection, "before_cursor_execute", note)
        found = costs.sized(connection, FETCH, many)
    assert len(asked) == 1
    assert found.units == (None,) * len(many)
