"""Workers that are killed at random moments, for `test_kills`: `python -m tests.pipeline.killing URL KILLS`.

Forks its workers, so that each lives only as long as it works; prints how many it killed while work was left.
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

WORKERS = 6
LEASE_SECONDS = 0.6
BETWEEN_KILLS = 0.04


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


def work(url: str) -> None:
    settings = Settings(_env_file=None, data_dir=Path("unused"), lease_seconds=LEASE_SECONDS, crash_limit=1000)
    Runner(Stores(connect(url)), settings, "test").drain(STEP)


def fork(url: str) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            random.seed()
            work(url)
        finally:
            os._exit(0)
    return pid


def main(url: str, kills: int) -> None:
    killed, workers = 0, [fork(url) for _ in range(WORKERS)]
    while killed < kills:
        time.sleep(random.uniform(0, 2 * BETWEEN_KILLS))
        place = random.randrange(WORKERS)
        if os.waitpid(workers[place], os.WNOHANG)[0]:
            del workers[place]
            break  # it found nothing to do: there was too little work for so many kills
        os.kill(workers[place], signal.SIGKILL)
        os.waitpid(workers[place], 0)
        killed += 1
        workers[place] = fork(url)
    for pid in workers:
        os.waitpid(pid, 0)
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
