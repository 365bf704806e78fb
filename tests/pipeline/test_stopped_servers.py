"""The object store and the database, stopped and started in the middle of a run: nothing lost, nothing claimed."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any

import psycopg
import pytest

from lastseen.settings import Settings
from storage import posts
from storage.database import DatabaseError, is_away
from storage.embedded import ALL_PARTS, Part, revive, running, status, stop
from storage.objects import EVIDENCE, ObjectStore
from storage.verification import verify
from tests.pipeline.telegram.watching import Watching, watching
from tests.servers.telegram import Attachment, Channel, Post, World

FILES = 6


@pytest.fixture
def office(tmp_path: Path, models_dir: Path) -> Iterator[Watching]:
    """An office with servers of its own, which has read six messages with a file each, and fetched none."""
    data = tmp_path / "data"
    settings = Settings(_env_file=None, data_dir=data, models_dir=models_dir, legal_basis="test", lease_seconds=2.0)
    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    for number in range(1, FILES + 1):
        channel.publish(Post(number, "text", attachment=Attachment(20 + number, b"bytes %d" % number)))
    with watching(settings, world, channel) as made:
        made.collect()
        yield made
    stop(data)


def kill(office: Watching, part: Part) -> None:
    """As a power switch does."""
    (pid,) = (server.pid for server in status(office.settings.data_dir) if server.part is part)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def on_call(number: int, do: Callable[[], None], call: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but something happens just before one of the calls."""
    calls = iter(range(1, number + 1))

    def called(*args: object, **named: object) -> object:
        if next(calls, None) == number:
            do()
        return call(*args, **named)

    return called


def stands(office: Watching) -> int:
    """How many originals are stored; each of them, and nothing else, is claimed to be."""
    report = verify(office.app.stores.db, office.app.stores.objects)
    assert report.incidents == ()
    (stored,) = office.rows("SELECT count(*) FROM custody_events WHERE action = 'stored'")
    (rows,) = office.rows("SELECT count(*) FROM blobs")
    (done,) = office.rows("SELECT count(*) FROM work WHERE step = 'fetch' AND state = 'done'")
    assert stored == rows == done
    return int(str(rows[0]))


def test_servers_stopped_and_started_in_the_middle(office: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = office.settings.data_dir
    for number, before in ((2, "_put"), (1, "_read_back")):
        with monkeypatch.context() as patched:
            stop_store = on_call(number, lambda: kill(office, Part.OBJECTS), getattr(ObjectStore, before))
            patched.setattr(ObjectStore, before, stop_store)
            away = office.run("fetch")
        assert away["TRANSIENT"] >= 1, f"stopped before {before}"
        with running(folder, [Part.OBJECTS]):
            assert stands(office) == 1
        office.waited()

    with monkeypatch.context() as patched:
        patched.setattr(posts, "keep_blob", on_call(2, lambda: kill(office, Part.DATABASE), posts.keep_blob))
        with pytest.raises(DatabaseError) as fault:
            office.run("fetch")
        assert is_away(fault.value)
    with running(folder, [Part.DATABASE]):
        assert stands(office) == 2
        office.waited()
        office.run("fetch")
        assert stands(office) == FILES
        keys = [one.key for one in office.app.stores.objects.versions(EVIDENCE) if one.key.startswith("blob/")]
        assert len(keys) == FILES, "each is there once"


def test_whoever_looks_after_the_servers_finds_them_where_they_were(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        before = {one.part: one.pid for one in status(tmp_path)}
        assert revive(tmp_path, ALL_PARTS) == first
        assert before == {one.part: one.pid for one in status(tmp_path)}, "who lives is left alone"
        for pid in before.values():
            os.kill(pid or 0, signal.SIGKILL)
        while any(one.pid for one in status(tmp_path)):
            sleep(0.01)  # a signal takes a moment
        with psycopg.connect(revive(tmp_path, ALL_PARTS).database_url) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
        assert revive(tmp_path, ALL_PARTS) == first, "on the ports that everybody has been told"
        assert not {one.pid for one in status(tmp_path)} & {None, *before.values()}
        assert [one.users for one in status(tmp_path)] == [1, 1]
    assert [one.pid for one in status(tmp_path)] == [None, None]
