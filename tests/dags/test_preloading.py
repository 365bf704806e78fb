"""Airflow's processes import the steps where tasks are forked from them, and only there."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from lastseen.settings import Settings
from storage.stores import Stores
from tests.office import Office

LOOK = """
import json, sys, threading
sys.argv[1:] = {words!r}
import airflow
print(json.dumps(["pipeline.tasks" in sys.modules, threading.active_count()]))
"""


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An office."""
    return Office(settings, stores)


def look(office: Office, words: list[str], executor: str) -> tuple[bool, int]:
    """Whether a process of Airflow's with this command has the steps, and how many threads it has."""
    environ: Mapping[str, str] = {**office.airflow_environ(), "AIRFLOW__CORE__EXECUTOR": executor}
    code = LOOK.format(words=words)
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    steps, threads = json.loads(ran.stdout.splitlines()[-1])
    return steps, threads


@pytest.mark.parametrize(
    ("words", "executor"),
    [(["scheduler", "--skip-serve-logs"], "LocalExecutor"), (["celery", "worker"], "CeleryExecutor")],
)
def test_what_forks_tasks_has_the_steps_and_no_thread_that_a_fork_would_lose(
    office: Office, words: list[str], executor: str
) -> None:
    assert look(office, words, executor) == (True, 1)


@pytest.mark.parametrize(
    ("words", "executor"), [(["scheduler"], "CeleryExecutor"), (["api-server"], "LocalExecutor"), ([], "LocalExecutor")]
)
def test_what_forks_none_has_nothing_of_ours(office: Office, words: list[str], executor: str) -> None:
    assert look(office, words, executor)[0] is False
