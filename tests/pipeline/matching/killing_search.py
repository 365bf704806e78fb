"""A worker of `test_killed_searches`: `python -m tests.pipeline.matching.killing_search URL FOLDER`.

Sweeps what waits, until it is killed.
"""

import sys
from pathlib import Path

from lastseen.settings import Settings
from pipeline.matching import sweep
from pipeline.runner import Runner
from storage.database import connect
from storage.stores import Stores
from tests.pipeline.matching.test_match import ENGINE, SEAL, THRESHOLD

LEASE_SECONDS = 0.5

if __name__ == "__main__":
    url, folder = sys.argv[1:]
    settings = Settings(_env_file=None, data_dir=Path(folder), lease_seconds=LEASE_SECONDS)
    Runner(Stores(connect(url)), settings, "tester").drain(sweep.step(settings, ENGINE, THRESHOLD, SEAL))
