"""200 SIGKILLs over 300 items, and workers that stall beyond their lease and come back: none lost, none done twice."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import work
from storage.database import Engine
from storage.work import Queue

ITEMS = 600
KILLS = 200


@pytest.mark.long
def test_killed_and_stalled_workers_lose_nothing_and_do_nothing_twice(
    db: Engine, owner: Engine, database_url: str, tmp_path: Path
) -> None:
    with owner.begin() as connection:
        connection.execute(text("CREATE TABLE effects (item bigint)"))
        connection.execute(text("GRANT ALL ON effects TO PUBLIC"))
    with db.begin() as connection:
        work.offer(connection, Queue("killed"), range(ITEMS))
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.killing", database_url, str(tmp_path), str(KILLS)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
        text=True,
    )
    killed, stalled = map(int, done.stdout.split())
    assert killed == KILLS, "all workers were killed while there was work left"
    assert stalled >= 4
    with db.begin() as connection:
        effects = connection.execute(text("SELECT item FROM effects ORDER BY item")).scalars().all()
        states = connection.execute(text("SELECT DISTINCT state FROM work")).scalars().all()
        crashes = connection.execute(text("SELECT sum(crashes) FROM work")).scalar_one()
    assert effects == list(range(ITEMS))
    assert states == ["done"]
    assert crashes > KILLS / 4, "most of the killed held an item"
