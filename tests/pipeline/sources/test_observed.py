"""Observations are bound by the custody log: whoever changes, adds, takes or moves a row is found."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.settings import Settings
from pipeline.duties import erasure
from storage import custody, erasures, observed, subjects
from storage.database import Engine
from storage.verification import verify
from tests.pipeline.telegram.watching import Watching, watching
from tests.servers.telegram import Attachment, Channel, Post, World

Tampered = Callable[..., list[str]]
HOSTILE = "a\ttab, a\nline, a \\ and \\N, їжак \U0001f9ed"


@pytest.fixture
def office(owning: Settings) -> Iterator[Watching]:
    """It has read three messages, two of which are gone since."""
    channel, now = Channel(1001, "news", "News"), utcnow()
    file = Attachment(22, b"x")
    channel.publish(Post(1, HOSTILE, now, views=7), Post(2, "two", now, attachment=file), Post(3, "", now))
    world = World()
    world.add(channel)
    with watching(owning, world, channel) as made:
        made.collect()
        channel.delete(2, 3)
        made.age()
        made.run("recheck")
        assert made.rows("SELECT count(*) FROM observations WHERE seen = 'missing'") == [(2,)]
        assert verify(made.app.stores.db, made.app.stores.objects).incidents == ()
        yield made


@pytest.fixture
def tampered(owner: Engine) -> Tampered:
    """What is said when the database's owner has done that; it is undone afterwards."""

    def tampered(*statements: str) -> list[str]:
        with owner.connect() as db:
            for table in ("observations", "custody_events"):
                db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            for statement in statements:
                assert db.execute(text(statement)).rowcount, statement
            found = [incident.what for incident in observed.check(db)]
            db.rollback()
        return found

    return tampered


def test_every_column_of_a_row_is_bound(office: Watching, tampered: Tampered) -> None:
    assert tampered() == []
    for change in (
        "title = 'x'",
        "text = text || ' '",
        "text = replace(text, E'\\t', ' ')",
        """facts = '{"edited": "2020-01-01T00:00:00.000000Z"}'""",
        """audience = '{"views": 700}'""",
        "audience = NULL",
        "seen = 'gone'",
        "method = method || '2'",
        "observed_at = observed_at - interval '1 microsecond'",
        "content_hash = repeat('0', 64)",
        "post_id = post_id + 1",
    ):
        where = "id = (SELECT min(id) FROM observations)"
        (said,) = tampered(f"UPDATE observations SET {change} WHERE {where}")  # noqa: S608
        assert "says was observed" in said, change
    assert tampered("UPDATE posts SET platform_post_id = platform_post_id || '0' WHERE number = 1")
    assert tampered("UPDATE posts SET source_id = source_id WHERE number = 1") == []


def test_rows_that_are_taken_added_or_moved_are_found(office: Watching, tampered: Tampered) -> None:
    assert "and there are" in tampered("DELETE FROM observations WHERE id = 1")[0]
    columns = "post_id, observed_at, method, seen, content_hash, raw_key, raw_sha256, title, text, facts, audience"
    added = f"INSERT INTO observations ({columns}) SELECT {columns} FROM observations WHERE id = 1"  # noqa: S608
    assert tampered(added) == ["1 are there that the custody log does not know of"]
    moved = """UPDATE observations SET (raw_key, raw_sha256) =
                      (SELECT raw_key, raw_sha256 FROM observations ORDER BY id DESC LIMIT 1) WHERE id = 1"""
    assert len(tampered(moved)) == 3, "too few of one record; others, and too many, of the other"


def test_an_erasure_says_what_it_has_left_of_a_record(office: Watching, tampered: Tampered) -> None:
    """The two that are gone were missed in one answer, which holds no message that could be left out of it."""
    ((post,),) = office.rows("SELECT id FROM posts WHERE number = 2")
    stores = office.app.stores
    with stores.db.begin() as db:
        number, entries = erasures.ask(db, subjects.parse(f"post:{post}"), "a court said so", "AZ 12/26", "anna")
        custody.append_all(db, "anna", entries)
    with stores.db.begin() as db:
        custody.append_all(db, "bert", erasures.confirm(db, number, "bert"))
    erasure.finish(office.app)
    assert office.rows("SELECT count(*) FROM observations WHERE seen = 'missing'") == [(1,)]
    assert verify(stores.db, stores.objects).incidents == ()
    assert tampered("UPDATE observations SET text = 'x' WHERE seen = 'missing'")


def test_rows_from_before_they_were_bound_are_counted(office: Watching, tampered: Tampered) -> None:
    unbound = "UPDATE custody_events SET detail = detail - 'rows'"
    assert tampered(unbound, "UPDATE observations SET text = 'x'") == []
    assert tampered(unbound, "DELETE FROM observations WHERE id = 1")
