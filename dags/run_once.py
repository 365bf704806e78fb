"""Run DAGs for real, one after the other, in this process: `python -m dags.run_once DAG[=JSON] ...`.

Airflow's environment must be set before (see `pipeline.airflow_home`).  What Airflow says goes to standard error; a
line as each run ends goes to standard output.  Exit status 1 when a run did not succeed.
"""

import json
import os
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

PROJECT_DAGS = Path(__file__).parent


def main(asked: list[str]) -> int:
    """Run the DAGs named, each with the parameters behind its `=`."""
    said = keep_output_for_us()
    return run(prepare(), asked, said)


def prepare() -> "DagBag":
    """Airflow's database as it has to be, and the DAGs."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    bag = DagBag(PROJECT_DAGS)
    for path, error in bag.import_errors.items():
        sys.stderr.write(f"{path}: {error}\n")
    return bag


def run(bag: "DagBag", asked: list[str], said: TextIO) -> int:
    """Run the DAGs named, and say how each ended.  Returns the exit status."""
    failed = bool(bag.import_errors)
    for order in asked:
        name, _, conf = order.partition("=")
        began = monotonic()
        run = bag.dags[name].test(run_conf=json.loads(conf or "{}"))
        said.write(f"{name}: {run.state} in {monotonic() - began:.0f} s\n")
        said.flush()
        failed = failed or run.state != "success"
    return int(failed)


def keep_output_for_us() -> TextIO:
    """Standard output as it was; from now on whatever Airflow prints there goes to standard error."""
    ours = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return ours


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
