"""A process is killed while it keeps what a sweep found: nothing of it stays, and another ends in the same rows."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from storage.database import Engine
from storage.stores import Stores
from tests.pipeline.matching.test_match import Bureau
from tests.pipeline.matching.test_sweep import count, plan, work_off

SECONDS = 120
KEEPS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO {table}%'"


def test_a_sweep_that_is_killed_while_it_keeps_ends_in_the_same_rows(
    stores: Stores, settings: Settings, owner: Engine, database_url: str, tmp_path: Path
) -> None:
    bureau = Bureau(stores, settings)
    bureau.video(0.0, 5.0)
    bureau.person("A", 0.1)
    bureau.person("B", 5.1)
    assert plan(bureau) == 2
    with owner.begin() as held:
        held.execute(text("LOCK TABLE candidates IN SHARE MODE"))
        kill_while_it_keeps(bureau, [database_url, str(tmp_path)], "candidates")
    assert bureau.candidates() == {}
    assert count(bureau, "SELECT count(*) FROM sweep_shards WHERE swept_at IS NOT NULL") == 0
    assert work_off(bureau).as_dict() == {"done": 2}
    assert bureau.candidates() == {"A@0": "open 0.090", "B@5000": "open 0.090"}
    assert count(bureau, "SELECT sum(crashes) FROM work WHERE step = 'sweep'") == 1
    assert count(bureau, "SELECT count(*) FROM sweep_shards WHERE swept_at IS NULL") == 0
    assert count(bureau, "SELECT count(*) FROM custody_events WHERE action = 'searched'") == 2


def kill_while_it_keeps(bureau: Bureau, arguments: list[str], table: str) -> None:
    """Start a worker, and kill it when it waits to write into a table that somebody has locked."""
    worker = subprocess.Popen([sys.executable, "-m", "tests.pipeline.matching.killing_search", *arguments])
    try:
        end = time.monotonic() + SECONDS
        while not count(bureau, KEEPS.format(table=table)):
            if worker.poll() is not None or time.monotonic() > end:
                pytest.fail("the worker kept nothing")
            time.sleep(0.05)
    finally:
        worker.kill()
        worker.wait()
