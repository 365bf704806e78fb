"""Processes that serve until they are stopped: the review pages alone, or with `lastseen up` all of one machine."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

from lastseen.errors import Failure
from lastseen.settings import Settings
from pipeline import airflow_home
from storage.stores import open_stores

STOP_SECONDS = 15
"""after which a server that was asked to stop is killed"""
LOOK_EVERY = 1.0

AIRFLOW: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--host", airflow_home.LOOPBACK),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""`airflow standalone` would listen on every interface"""


class CannotServe(Failure):
    """A server that is needed did not start; the message names its log."""


def serve_review(port: int | None = None, link_for: str | None = None) -> int:
    """Serve the review pages until they end, and print a one-time link for an account.  Returns their exit status."""
    review = subprocess.Popen(_review(port, link_for))
    while True:
        try:
            return review.wait()
        except KeyboardInterrupt:
            continue  # the pages were told by the same key, and end by themselves


def up(settings: Settings, review_port: int | None, say: Callable[[str], None]) -> None:
    """Start everything, say where it is, and keep it running until Ctrl-C or SIGTERM.  Raises CannotServe."""
    with open_stores(settings) as stores, _until_told() as told, ExitStack() as stack:
        environ = airflow_home.environment(settings, stores.db)
        logs = settings.data_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        say("preparing Airflow's database ...")
        _prepare(environ, logs / "airflow-migrate.log")
        fleet = {name: _Server(name, _airflow(*command), environ, logs) for name, command in AIRFLOW.items()}
        for server in fleet.values():
            stack.callback(server.stop)
            server.start()
        say(f"Airflow: {environ['AIRFLOW__API__BASE_URL']} (user admin; its password is in {_password_file(environ)})")
        review = subprocess.Popen(_review(review_port), start_new_session=True)
        stack.callback(_end, review)
        say(f"logs: {logs}; Ctrl-C stops everything")
        while not told.wait(LOOK_EVERY) and review.poll() is None:
            for server in fleet.values():
                server.replace_if_dead(say)
        say("stopping ...")


class _Server:
    """One process that is started again when it dies."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str], logs: Path) -> None:
        self._name, self._command, self._environ = name, command, environ
        self._log = logs / f"airflow-{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environ, stdout=log, stderr=log, start_new_session=True
            )

    def replace_if_dead(self, say: Callable[[str], None]) -> None:
        if self._process is not None and self._process.poll() is not None:
            say(f"{self._name} ended with status {self._process.returncode}, see {self._log}; started again")
            self.start()

    def stop(self) -> None:
        if self._process is not None:
            _end(self._process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _prepare(environ: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as file:
        done = subprocess.run(_airflow("db", "migrate"), env=environ, stdout=file, stderr=file, check=False)
    if done.returncode:
        raise CannotServe(f"Airflow's database could not be prepared: see {log}")


def _review(port: int | None, link_for: str | None = None) -> list[str]:
    options = {"--port": port, "--link": link_for}
    given = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    return [sys.executable, "-m", "review", *given]


def _airflow(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def _password_file(environ: Mapping[str, str]) -> Path:
    return Path(environ["AIRFLOW_HOME"]) / "simple_auth_manager_passwords.json.generated"


@contextmanager
def _until_told() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set."""
    told = Event()
    before = {number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
