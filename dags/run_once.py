"""Run DAGs for real, one after the other, in this process: `python -m dags.run_once [--conf JSON] DAG [DAG ...]`.

Airflow's environment must be set before (see `pipeline.airflow_home`).  Exit status 1 when a run did not succeed.
"""

import argparse
import json
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run the DAGs named; prints one line each on standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dags", nargs="+")
    parser.add_argument("--conf", type=json.loads, default={}, help="parameters of the run, as JSON")
    chosen = parser.parse_args(arguments)

    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    bag = DagBag(Path(__file__).parent)
    for path, error in bag.import_errors.items():
        sys.stderr.write(f"{path}: {error}\n")
    failed = bool(bag.import_errors)
    for name in chosen.dags:
        run = bag.dags[name].test(run_conf=chosen.conf)
        sys.stderr.write(f"DAG {name}: {run.state}\n")
        failed = failed or run.state != "success"
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
