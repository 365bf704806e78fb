"""Workers that collect and fetch from video sites, killed at random moments, for `test_many_pages`.

`python -m tests.pipeline.video_sites.killing SEED KILLS`

Forks its workers, each the leader of a process group, and kills whole groups; those who are left end when nothing but
what has to wait is left.  The settings are in the environment.  Prints how many were killed at work.
"""

import os
import random
import signal
import sys
import time

from sqlalchemy import text

from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.jobs import Scope

WORKERS = 3
LONGEST = 2.0
"""seconds between two kills at most"""

# What failed is tried again as if it had rested, and sites that asked for a second are asked after it.
HASTEN = text("""
    UPDATE work SET ready_at = now()
     WHERE step = 'fetch' AND state = 'open' AND lease IS NULL AND outcome = 'TRANSIENT' AND ready_at > now()""")
LEFT = text("""
    SELECT count(*) FROM work LEFT JOIN sites ON sites.site = work.site
     WHERE step IN ('collect', 'fetch') AND state = 'open'
       AND (work.lease IS NOT NULL OR work.outcome IS NULL OR work.outcome = 'TRANSIENT' OR work.ready_at <= now())
       AND (closed_until IS NULL OR closed_until < now() + interval '10 seconds')""")


def work() -> None:
    """Collect once, and fetch until what is left has to wait.

    A list whose site was closed when its turn came, or that broke off, is left from then: it is taken up as it is.
    """
    with open_app(Settings(_env_file=None), "test") as app:
        jobs.execute(app, "collect", Scope())
        while True:
            app.runner.drain(app.steps.by_name["collect"])
            jobs.execute(app, "fetch", Scope())
            if not _left(app):
                return
            time.sleep(0.2)


def _left(app: App) -> int:
    with app.stores.db.begin() as db:
        db.execute(HASTEN)
        left: int = db.execute(LEFT).scalar_one()
        return left


def fork() -> int:
    """Start a worker.  Returns its process id, which is also its group's."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setpgid(0, 0)
            work()
            status = 0
        finally:
            os._exit(status)
    os.setpgid(pid, pid)
    return pid


def main(seed: int, kills: int) -> None:
    """Kill so many."""
    chance = random.Random(seed)
    workers = [fork() for _ in range(WORKERS)]
    killed = 0
    for _ in range(kills):
        time.sleep(chance.uniform(0.1, LONGEST))
        pid = workers.pop(chance.randrange(WORKERS))
        os.killpg(pid, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        workers.append(fork())
    ended = [os.waitpid(pid, 0)[1] for pid in workers]
    sys.stdout.write(f"{killed} {sum(map(bool, ended))}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
