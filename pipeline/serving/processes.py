"""Starting processes and ending them with all they started.

Each is started in a session of its own: it hears of a signal from us only, and what it leaves behind is found by
its session.
"""

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from storage import process_table
from storage.process_table import Process as Known

log = logging.getLogger("lastseen.servers")

STOP_SECONDS = 15
"""after which a server that was asked to stop is killed"""
ASK_EVERY = 7.0
"""seconds; Airflow's scheduler loses a SIGTERM that comes at the wrong moment, and its triggerer, which takes 5, is
thrown back by each that comes before it has ended"""
GONE_SECONDS = 5.0
"""how long killed processes may take to leave the process table"""
LISTEN_EVERY = 0.1
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a service manager, a terminal that was closed"""

Process = subprocess.Popen[bytes]


class Told:
    """Whether a signal has told us to stop.  No lock in it: a handler may run while the main thread holds one."""

    def __init__(self) -> None:
        self.heard = False
        self.hurried = False
        """and once more: who waits there has no time"""

    def hear(self, *_: object) -> None:
        """What the handlers of signals call."""
        self.hurried, self.heard = self.heard, True

    def within(self, seconds: float) -> bool:
        """Wait for it."""
        until = monotonic() + seconds
        while not self.heard and monotonic() < until:
            sleep(LISTEN_EVERY)
        return self.heard


@contextmanager
def until_told() -> Iterator[Told]:
    """What END_SIGNALS say is heard, and nothing else comes of it."""
    told = Told()
    heeded = [number for number in END_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup
    before = {number: signal.signal(number, told.hear) for number in heeded}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_at_last(told: Told) -> Iterator[list[Process]]:
    """A list whose processes do not outlive the block."""
    running: list[Process] = []
    try:
        yield running
    finally:
        end(running, lambda: told.hurried)


def start(
    running: list[Process],
    command: Sequence[str],
    environ: Mapping[str, str] | None = None,
    log: Path | None = None,
    folder: Path | None = None,
) -> Process:
    """Start one; what it says goes to the end of its log, or where ours goes."""
    with ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else None
        process = subprocess.Popen(
            command, env=environ, stdout=output, stderr=output, cwd=folder, start_new_session=True
        )
    running.append(process)
    return process


def runs(process: Process) -> bool:
    """Without reaping it: its session's id must stay its own until `_kill_session`."""
    if process.returncode is not None:
        return False
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None


def end(processes: Sequence[Process], hurried: Callable[[], bool] = lambda: False) -> None:
    """Ask processes to end, all at once and again and again; after STOP_SECONDS, or when `hurried`, kill them.

    What they had started in their sessions goes with them.
    """
    deadline = monotonic() + STOP_SECONDS
    while (left := [process for process in processes if runs(process)]) and monotonic() < deadline and not hurried():
        for process in left:
            process.terminate()
        again = min(deadline, monotonic() + ASK_EVERY)
        _poll(lambda: hurried() or not any(map(runs, left)), again)
    for process in processes:
        if runs(process):
            log.warning("process %d (%s) did not end when it was asked, and is killed", process.pid, _words(process))
        _kill_session(process)
        process.wait()


def _words(process: Process) -> str:
    """Its command, without the folders of its program."""
    program, *words = map(str, process.args if isinstance(process.args, list | tuple) else (process.args,))
    return " ".join([Path(program).name, *words])


def end_known(processes: Sequence[Known], hurried: Callable[[], bool]) -> None:
    """The same for processes that are not our children: asked once, killed after ASK_EVERY seconds."""
    _signal_all(processes, signal.SIGTERM)
    _poll(lambda: hurried() or not _alive(processes), monotonic() + ASK_EVERY)
    until = monotonic() + GONE_SECONDS
    while (left := _alive(processes)) and monotonic() < until:
        _signal_all(left, signal.SIGKILL)
        sleep(LISTEN_EVERY)


def kill(process: Known) -> None:
    """Kill one that hangs and would not hear anything else; whoever keeps it buries it, with what it started."""
    _signal_all([process], signal.SIGKILL)


def _alive(processes: Sequence[Known]) -> list[Known]:
    return [one for one in processes if one.alive()]


def _signal_all(processes: Sequence[Known], number: signal.Signals) -> None:
    for one in _alive(processes):
        with suppress(ProcessLookupError):
            os.kill(one.pid, number)


def _poll(done: Callable[[], bool], until: float) -> None:
    while not done() and monotonic() < until:
        sleep(LISTEN_EVERY)


def _kill_session(leader: Process) -> None:
    """Kill a process and what it started, also in process groups of their own, as Airflow's tasks are."""
    if leader.returncode is not None:
        return
    until = monotonic() + GONE_SECONDS
    known = process_table.of(leader.pid)
    while (members := process_table.of_session(known)) and monotonic() < until:
        _signal_all(members, signal.SIGKILL)
        sleep(LISTEN_EVERY)
