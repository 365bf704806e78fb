"""Workers that are killed while they collect, for `test_kills`: `python -m tests.pipeline.telegram.killing N`

Forks one worker after the other (each collects until nothing is left), kills the first N of them at random moments,
and lets the last one end.  The settings are in the environment.  Prints how many were killed at work.
"""

import os
import random
import signal
import sys
import time

from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import open_app
from pipeline.jobs import Scope

LONGEST = 0.5
"""seconds that a worker lives at most before it is killed"""


def worker() -> int:
    """Fork one.  Returns its process id."""
    pid = os.fork()
    if pid == 0:
        try:
            with open_app(Settings(_env_file=None), "test") as app:
                jobs.execute(app, "collect", Scope())
        finally:
            os._exit(0)
    return pid


def main(kills: int) -> None:
    """Kill so many."""
    killed = 0
    for _ in range(kills):
        pid = worker()
        time.sleep(random.uniform(0.05, LONGEST))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        killed += os.WIFSIGNALED(status)
    os.waitpid(worker(), 0)
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
