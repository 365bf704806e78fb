"""Workers that are killed or stalled at random moments, for `test_kills`.

`python -m tests.pipeline.killing URL FOLDER KILLS`

Forks its workers, so that each lives only as long as it works.  A stalled one is stopped for longer than its lease, and
comes back to settle what another has done meanwhile.  Prints how many were killed and how many stalled while work was
left.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from sqlalchemy import text

from lastseen.outcomes import Done, Outcome
from lastseen.settings import Settings
from pipeline.runner import Bench, Result, Runner, Step
from storage.custody import Entry
from storage.database import Connection, connect
from storage.stores import Stores
from storage.work import Claim

WORKERS = 8
LEASE_SECONDS = 0.6
BETWEEN_KILLS = 0.04
STALLS = 0.2
"""of what happens to a worker that runs, how often it is stopped rather than killed"""
STALL_SECONDS = 4.0
MOST_STOPPED = 2
"""so that the others go on with what these hold"""


def load(db: Connection, claim: Claim) -> int:
    return claim.subject


def run(job: int, bench: Bench) -> Outcome[int]:
    time.sleep(random.uniform(0.05, 0.25))
    return Done((job,))


def keep(db: Connection, result: Result[int, int]) -> list[Entry]:
    for made in result.made:
        db.execute(text("INSERT INTO effects VALUES (:made)"), {"made": made})
    return []


STEP = Step("killed", "", load, run, keep)


def work(url: str, folder: str) -> None:
    settings = Settings(_env_file=None, data_dir=Path(folder), lease_seconds=LEASE_SECONDS, crash_limit=1000)
    stores = Stores(connect(url))
    while _left(stores):
        Runner(stores, settings, "test").drain(STEP)
        time.sleep(0.01)


def _left(stores: Stores) -> bool:
    with stores.db.begin() as db:
        return db.execute(text("SELECT 1 FROM work WHERE state = 'open' LIMIT 1")).first() is not None


class Gang:
    """Workers who have a bad day."""

    def __init__(self, url: str, folder: str) -> None:
        self.url, self.folder = url, folder
        self.killed = self.stalls = 0
        self.stopped: dict[int, float] = {}
        self.workers = [self.fork() for _ in range(WORKERS)]

    def fork(self) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                random.seed()
                work(self.url, self.folder)
            finally:
                os._exit(0)
        return pid

    def strike(self) -> bool:
        """Do something to somebody.  False if somebody had found nothing more to do: there was too little work."""
        place = random.choice([place for place, pid in enumerate(self.workers) if pid not in self.stopped])
        pid = self.workers[place]
        if os.waitpid(pid, os.WNOHANG)[0]:
            del self.workers[place]
            return False
        if len(self.stopped) < MOST_STOPPED and random.random() < STALLS:
            os.kill(pid, signal.SIGSTOP)
            self.stopped[pid] = time.monotonic() + STALL_SECONDS
            self.stalls += 1
            return True
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.killed += 1
        self.workers[place] = self.fork()
        return True

    def resume(self, now: float) -> None:
        """Let those go on who were stopped long enough."""
        for pid in [pid for pid, until in self.stopped.items() if until <= now]:
            os.kill(pid, signal.SIGCONT)
            del self.stopped[pid]

    def retire(self) -> None:
        """Leave them in peace until all is done."""
        self.resume(float("inf"))
        for pid in self.workers:
            os.waitpid(pid, 0)


def main(url: str, folder: str, kills: int) -> None:
    gang = Gang(url, folder)
    while gang.killed < kills and gang.strike():
        time.sleep(random.uniform(0, 2 * BETWEEN_KILLS))
        gang.resume(time.monotonic())
    gang.retire()
    sys.stdout.write(f"{gang.killed} {gang.stalls}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
