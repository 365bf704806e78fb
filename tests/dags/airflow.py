"""Airflow as it runs for months: its services on loopback, each a process of its own, asked over its REST API."""

import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from pipeline import airflow_home
from pipeline.serving import airflow, processes
from pipeline.serving.processes import Process
from storage import process_table
from storage.database import ensure_database, with_driver
from storage.process_table import Process as Known
from tests.conftest import run_sql
from tests.office import Office
from tests.pipeline.test_servers import free_port

DEADLINE = 400
"""seconds; nothing is measured by it"""
LOOK_EVERY = 0.5
"""each look costs Airflow a question"""
WITHOUT_REST = """
from datetime import timedelta


def task_policy(task):
    task.retry_delay = timedelta(seconds=1)
"""
"""Airflow's own way to change tasks from outside: what died is tried again at once, not after minutes"""
QUICK: Mapping[str, str] = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",  # so that the test says what runs
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",  # our DAGs do not change meanwhile
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",  # after which a task of a dead worker is given up
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "LASTSEEN_REVIEW_IN_AIRFLOW": "0",  # tests/pipeline/test_up.py looks at it there
}


@dataclass(frozen=True, slots=True)
class Airflow:
    """Its services, which run."""

    office: Office
    environ: Mapping[str, str]
    family: list[Process]

    @property
    def logs(self) -> Path:
        """The folder of what each service says; pytest keeps it when a test has failed."""
        return self.office.settings.data_dir / "logs"

    def start(self, name: str, words: Sequence[str]) -> Process:
        """Start one more."""
        command = [sys.executable, "-m", "airflow", *words]
        return processes.start(self.family, command, self.environ, self.logs / f"airflow-{name}.log")

    def ask(self, path: str, method: str = "GET", order: Mapping[str, object] | None = None) -> Mapping[str, object]:
        """Over its REST API, with a token of its user's."""
        return airflow.ask(self.office.settings, path, method, order)

    def listed(self, path: str, name: str) -> list[Mapping[str, object]]:
        """The same for a list."""
        found = self.ask(path)[name]
        assert isinstance(found, list)
        return found

    def trigger(self, dag: str) -> None:
        """Have a DAG run."""
        self.ask(f"/dags/{dag}/dagRuns", "POST", {"logical_date": None, "conf": {}})

    def unpause(self, *dags: str) -> None:
        """Have it run whenever it is due, and what was triggered before."""
        for dag in dags:
            self.ask(f"/dags/{dag}?update_mask=is_paused", "PATCH", {"is_paused": False})

    def runs(self) -> list[Mapping[str, object]]:
        """All runs."""
        return self.listed("/dags/~/dagRuns?limit=100", "dag_runs")

    def attempts(self, dag: str, task: str) -> list[int]:
        """How often each of a task's batches was tried."""
        found = self.listed(f"/dags/{dag}/dagRuns/~/taskInstances?task_id={task}&limit=100", "task_instances")
        return [int(str(one["try_number"])) for one in found]

    def processes_of(self, dag: str, task: str) -> list[Known]:
        """The processes in which a task runs now."""
        path = f"/dags/{dag}/dagRuns/~/taskInstances?task_id={task}&state=running"
        titles = {f"airflow worker -- {one['id']}" for one in self.listed(path, "task_instances")}
        return [one for service in self.family for one in session(service) if title(one) in titles]

    def service_of(self, process: Known) -> Process:
        """The service that has started a process."""
        return next(one for one in self.family if process in session(one))

    def until(self, what: Callable[[], bool], why: str, look_every: float = LOOK_EVERY) -> None:
        """Wait for something; fail where it does not come, or a service that was not killed has ended."""
        end = monotonic() + DEADLINE
        while not what():
            dead = [one.args for one in self.family if not processes.runs(one)]
            assert not dead, f"{dead} ended: see {self.logs}"
            assert monotonic() < end, f"{why}: see {self.logs}"
            sleep(look_every)

    def idle(self) -> bool:
        """Whether no run is under way."""
        return not any(run["state"] in {"queued", "running"} for run in self.runs())

    def rest(self, dags: Sequence[str]) -> bool:
        """Whether each of these has run, as hourly ones do as soon as they may, and nothing runs now."""
        return self.idle() and set(dags) <= {run["dag_id"] for run in self.runs()}

    def kill(self, service: Process) -> None:
        """A service and all that it has started die at one blow, and nobody says goodbye."""
        for one in session(service):
            os.kill(one.pid, signal.SIGKILL)
        processes.end([service])
        self.family.remove(service)


def session(service: Process) -> list[Known]:
    """A service and what it has started."""
    return process_table.of_session(process_table.of(service.pid))


def title(process: Known) -> str:
    """What a process calls itself."""
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except FileNotFoundError:
        return ""


@contextmanager
def airflow_of(
    office: Office, more: Mapping[str, str], workers: Mapping[str, Sequence[str]], dags: Sequence[str]
) -> Iterator[Airflow]:
    """Airflow for an office, with its pools, and with these DAGs read, until the block ends.

    `more`: of its settings.  `workers`: name -> words, of services beside those of `lastseen up`.
    """
    office = Office(office.settings.model_copy(update={"airflow_port": free_port()}), office.stores)
    environ = {**office.airflow_environ(), **airflow_home.side_by_side(office.settings), **QUICK, **more}
    policy = airflow_home.folder(office.settings) / "config" / "airflow_local_settings.py"
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text(WITHOUT_REST)
    with own_database(office) as url, processes.ended_at_last(processes.Told()) as family:
        found = Airflow(office, {**environ, **at(url)}, family)
        found.logs.mkdir(exist_ok=True)
        found.start("migrate", ("db", "migrate")).wait()
        family.clear()
        for name, words in {**airflow.PROCESSES, **workers}.items():
            found.start(name, words)
        found.until(lambda: not unwell(office), "Airflow did not come up")
        for name, pool in airflow.wanted_pools(office.settings, office.stores).items():
            found.ask("/pools", "POST", {"name": name, **pool})
        found.until(lambda: set(dags) <= read(found), "the DAGs were not read")
        yield found


def unwell(office: Office) -> list[str]:
    """What gives no sign of life."""
    health = airflow.health(office.settings)
    return airflow.unwell(health) if health else ["api-server"]


def read(found: Airflow) -> set[str]:
    """The DAGs that it knows."""
    return {str(one["dag_id"]) for one in found.listed("/dags?limit=100", "dags")}


@contextmanager
def own_database(office: Office) -> Iterator[str]:
    """For Airflow's tables: those that other tests share are full of runs, with which a scheduler would go on."""
    name = f"airflow_{secrets.token_hex(6)}"
    url = ensure_database(office.stores.owner, name)
    yield url
    run_sql(office.stores.owner.url.render_as_string(hide_password=False), f"DROP DATABASE {name} WITH (FORCE)")


def at(url: str) -> dict[str, str]:
    """Airflow's settings for a database."""
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": with_driver(url, "postgresql+psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": with_driver(url, "postgresql+asyncpg"),
    }
