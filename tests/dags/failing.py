"""Runs `process_media` where the batch of one item fails, for `test_dags`."""

import sys
from collections.abc import Sequence

from airflow.dag_processing.dagbag import DagBag

from pipeline import tasks


def main(bag: DagBag, failing: str) -> int:
    """Print how the run ended, and each of its tasks.  `failing`: the item."""
    dag = bag.dags["process_media"]
    for task in dag.tasks:
        task.retries = 0  # they would rest for minutes
    tasks.BATCHES["fetch"] = 1
    work = tasks.work

    def fail_with_one(step: str, batch: Sequence[int]) -> dict[str, int]:
        if step == "fetch" and int(failing) in batch:
            raise RuntimeError("a batch that fails")
        return work(step, batch)

    tasks.work = fail_with_one
    run = dag.test()
    states = sorted(f"{ti.task_id} {ti.map_index} {ti.state}" for ti in run.get_task_instances())
    sys.stdout.write("\n".join([run.state, *states, ""]))
    return 0
