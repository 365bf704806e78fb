"""What tasks work with is imported by the process that they are forked from, once, and not by each of them.

Airflow imports this module in each of its processes (entry point `airflow.policy` in pyproject.toml), and it does
nothing but where tasks are forked: in the scheduler of one machine, and in Celery's workers.
"""

import os
import sys
from importlib import import_module
from typing import Final

STEPS: Final = "pipeline.tasks"
"""more than a second; nothing of it opens a connection, or starts a thread that its children would miss"""


def forks_tasks(words: list[str], executor: str) -> bool:
    """Whether Airflow's command, e.g. `celery worker`, has its children run tasks."""
    return words[:2] == ["celery", "worker"] or (words[:1] == ["scheduler"] and executor == "LocalExecutor")


if forks_tasks(sys.argv[1:], os.environ.get("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")):
    import_module(STEPS)
