"""Processes that serve until they are stopped: the review pages alone, or with `lastseen up` all of one machine.

Each is started in a session of its own: it hears of a signal from us only, and what it leaves behind is found by
its session.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from lastseen.errors import Failure
from lastseen.settings import Settings
from pipeline import airflow_home
from storage import status, telegram_accounts
from storage.stores import Stores, open_stores

log = logging.getLogger("lastseen.servers")

STOP_SECONDS = 15
"""after which a server that was asked to stop is killed"""
ASK_EVERY = 3.0
"""seconds; Airflow's scheduler loses a SIGTERM that comes at the wrong moment"""
GONE_SECONDS = 5.0
"""how long killed processes may take to leave the process table"""
LOOK_EVERY = 1.0
LISTEN_EVERY = 0.1
REST_SECONDS = 5.0
"""between two starts of a server that keeps dying"""
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a service manager, a terminal that was closed"""

AIRFLOW: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--host", airflow_home.LOOPBACK),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""`airflow standalone` would listen on every interface"""

EMPTY = (
    "there is nobody in the register yet: `lastseen register import PATH` brings people in, `lastseen source add` what"
    " is watched. Only to try it: `lastseen up --demo`, in a folder of its own"
)

Process = subprocess.Popen[bytes]


class CannotServe(Failure):
    """A server that is needed did not start; the message names its log."""


@dataclass(frozen=True, slots=True)
class Guests:
    """Whom the review pages print one-time links for."""

    names: tuple[str, ...] = ()
    minutes: int | None = None
    """for so long the links work; None: as long as all links do"""
    browser: bool = False
    """the first is opened in a browser, too, where there is a display"""

    def words(self) -> list[str]:
        """As the review pages' process takes them."""
        links = [word for name in self.names for word in ("--link", name)]
        minutes = [] if self.minutes is None else ["--link-minutes", str(self.minutes)]
        return [*links, *minutes, *(["--open"] if self.browser else [])]


NOBODY = Guests()


def serve_review(port: int | None = None, guests: Guests = NOBODY, *, folder: Path | None = None) -> int:
    """Serve the review pages until they end or we are told to, and print one-time links for the guests.

    `folder` is where they run: settings are read from the `.env` that lies there.

    Returns their exit status; 0 if they ended because we were told.
    """
    with _until_told() as told, _ended_at_last() as running:
        review = _start(running, _review(port, guests), folder=folder)
        while _runs(review) and not told.within(LOOK_EVERY):
            pass
    return 0 if told.heard else abs(review.returncode)


def up(
    settings: Settings,
    review_port: int | None,
    say: Callable[[str], None],
    guests: Guests = NOBODY,
    *,
    folder: Path | None = None,
) -> None:
    """Start everything, say where it is, and keep it running until Ctrl-C or SIGTERM.  Raises CannotServe.

    `folder` is where all of it runs, as in `serve_review`.
    """
    _require_free(settings.airflow_port)
    with _until_told() as told, open_stores(settings) as stores, _ended_at_last() as running:
        environ = airflow_home.environment(settings, stores.owner)
        logs = settings.data_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        say("preparing Airflow's database ...")
        _prepare(running, environ, logs / "airflow-migrate.log", told, _accounts(stores))
        if told.heard:
            return
        fleet = [_Server(running, name, _airflow(*command), environ, logs, folder) for name, command in AIRFLOW.items()]
        say(f"Airflow: {environ['AIRFLOW__API__BASE_URL']} (user admin; its password is in {_password_file(environ)})")
        review = _start(running, _review(review_port, guests), folder=folder)
        say(f"logs: {logs}; Ctrl-C stops everything")
        if _is_empty(stores):
            say(EMPTY)
        while _runs(review) and not told.within(LOOK_EVERY):
            for server in fleet:
                server.replace_if_dead(say)
        say("stopping ...")
    if not told.heard:
        raise CannotServe(f"the review pages ended with status {review.returncode}, and everything with them")


def end(processes: Sequence[Process]) -> None:
    """Ask processes to end, all at once and again and again; after STOP_SECONDS kill them.

    What they had started in their sessions goes with them.
    """
    deadline = monotonic() + STOP_SECONDS
    while (left := [process for process in processes if _runs(process)]) and monotonic() < deadline:
        for process in left:
            process.terminate()
        _wait(left, min(deadline, monotonic() + ASK_EVERY))
    for process in processes:
        if _runs(process):
            log.warning("process %d (%s) did not end when it was asked, and is killed", process.pid, process.args)
        _kill_session(process)
        process.wait()


class _Server:
    """One process that is started again when it dies."""

    def __init__(
        self,
        running: list[Process],
        name: str,
        command: list[str],
        environ: Mapping[str, str],
        logs: Path,
        folder: Path | None,
    ) -> None:
        """`running` always holds its present process."""
        self._running, self._name, self._command, self._environ, self._folder = running, name, command, environ, folder
        self._log = logs / f"airflow-{name}.log"
        self._start()

    def replace_if_dead(self, say: Callable[[str], None]) -> None:
        if _runs(self._process) or monotonic() < self._started + REST_SECONDS:
            return
        end([self._process])
        self._running.remove(self._process)
        say(f"{self._name} ended with status {self._process.returncode}, see {self._log}; started again")
        self._start()

    def _start(self) -> None:
        self._started = monotonic()
        self._process = _start(self._running, self._command, self._environ, self._log, self._folder)


class _Told:
    """Whether a signal has told us to stop.  No lock in it: a handler may run while the main thread holds one."""

    def __init__(self) -> None:
        self.heard = False

    def hear(self, *_: object) -> None:
        self.heard = True

    def within(self, seconds: float) -> bool:
        """Wait for it."""
        until = monotonic() + seconds
        while not self.heard and monotonic() < until:
            sleep(LISTEN_EVERY)
        return self.heard


@contextmanager
def _until_told() -> Iterator[_Told]:
    """What END_SIGNALS say is heard, and nothing else comes of it."""
    told = _Told()
    heeded = [number for number in END_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup
    before = {number: signal.signal(number, told.hear) for number in heeded}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ended_at_last() -> Iterator[list[Process]]:
    """A list whose processes do not outlive the block."""
    running: list[Process] = []
    try:
        yield running
    finally:
        end(running)


def _start(
    running: list[Process],
    command: Sequence[str],
    environ: Mapping[str, str] | None = None,
    log: Path | None = None,
    folder: Path | None = None,
) -> Process:
    with ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else None
        process = subprocess.Popen(
            command, env=environ, stdout=output, stderr=output, cwd=folder, start_new_session=True
        )
    running.append(process)
    return process


def _runs(process: Process) -> bool:
    """Without reaping it: its session's id must stay its own until `_kill_session`."""
    if process.returncode is not None:
        return False
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None


def _wait(processes: Sequence[Process], until: float) -> None:
    while any(map(_runs, processes)) and monotonic() < until:
        sleep(LISTEN_EVERY)


def _kill_session(leader: Process) -> None:
    """Kill a process and what it started, also in process groups of their own, as Airflow's tasks are."""
    if leader.returncode is not None:
        return
    until = monotonic() + GONE_SECONDS
    while (members := _session(leader.pid)) and monotonic() < until:
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        sleep(LISTEN_EVERY)


def _session(leader: int) -> list[int]:
    """The living processes of a session."""
    members = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            state, _parent, _group, session, *_ = path.read_text().rpartition(")")[2].split()
            if int(session) == leader and state != "Z":
                members.append(int(path.parent.name))
    return members


def _require_free(port: int) -> None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((airflow_home.LOOPBACK, port))
        except OSError as fault:
            raise CannotServe(
                f"port {port} cannot be had for Airflow ({fault.strerror}): end what listens there"
                " (another `lastseen up`?), or set LASTSEEN_AIRFLOW_PORT"
            ) from fault


def _prepare(running: list[Process], environ: Mapping[str, str], log: Path, told: _Told, accounts: int) -> None:
    """Airflow's tables, and its pool with a slot for each account on Telegram (see `dags.wiring`)."""
    pool = ("pools", "set", "telegram", str(max(accounts, 1)), "a slot for each account on Telegram")
    for command in (("db", "migrate"), pool):
        process = _start(running, _airflow(*command), environ, log)
        while _runs(process) and not told.within(LOOK_EVERY):
            pass
        if told.heard:
            return
        if process.wait():
            raise CannotServe(f"Airflow's database could not be prepared: see {log}")


def _accounts(stores: Stores) -> int:
    with stores.db.begin() as db:
        return len(telegram_accounts.every(db))


def _is_empty(stores: Stores) -> bool:
    with stores.db.begin() as db:
        return status.counts(db)["people"] == 0


def _review(port: int | None, guests: Guests) -> list[str]:
    return [sys.executable, "-m", "review", *([] if port is None else ["--port", str(port)]), *guests.words()]


def _airflow(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def _password_file(environ: Mapping[str, str]) -> Path:
    return Path(environ["AIRFLOW_HOME"]) / "simple_auth_manager_passwords.json.generated"
