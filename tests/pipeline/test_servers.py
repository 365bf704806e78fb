"""What serves until it is told to stop, as a person or a service manager starts and stops it."""

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

import pytest

from lastseen.settings import Settings
from pipeline import servers
from pipeline.servers import Process
from storage import embedded
from storage.stores import Stores
from tests.office import Office

LASTSEEN = [sys.executable, "-c", "from pipeline.cli import main; main()"]
DEADLINE = 120
SERVING = re.compile(r"lastseen review: (http://127\.0\.0\.1:\d+/)")

DEAF = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
heard = []
child = os.fork()
if child == 0:
    time.sleep(600)
os.setpgid(child, child)
print(os.getpid(), child, flush=True)
while len(heard) < int(sys.argv[1]):
    time.sleep(0.01)
"""
"""ends at the nth SIGTERM only, and leaves a child in a process group of its own"""

Found = TypeVar("Found")


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office."""
    return Office(settings, stores)


@contextmanager
def started(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A command, ended at the latest when the block ends."""
    with subprocess.Popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(2 * servers.STOP_SECONDS)
            process.kill()


def told(process: "subprocess.Popen[bytes]", wanted: "re.Pattern[str]") -> "re.Match[str]":
    """Read standard error until a line says what is wanted."""
    assert process.stderr
    said, end = b"", monotonic() + DEADLINE
    while not (found := wanted.search(said.decode())):
        assert select.select([process.stderr], [], [], max(0, end - monotonic()))[0], said.decode()
        piece = os.read(process.stderr.fileno(), 4096)
        assert piece, f"it ended and had said only: {said.decode()}"
        said += piece
    return found


def in_time(look: Callable[[], Found | None]) -> Found:
    """What `look` finds, asked until it finds something."""
    end = monotonic() + DEADLINE
    while not (found := look()):
        assert monotonic() < end
        sleep(0.1)
    return found


# --- the review pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_review_ends_with_its_pages(office: Office, number: signal.Signals) -> None:
    """Only the command is told, not its group: a service manager does so."""
    command = [*LASTSEEN, "review", "--port", "0"]
    with started(command, office.environ(), office.settings.data_dir) as process:
        address = told(process, SERVING)[1]
        family = descendants(process.pid)
        assert len(family) == 1
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0
        assert alive(family) == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2].strip("/"))))


def test_review_that_cannot_serve_ends_by_itself(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = office.run("review", "--port", str(taken.getsockname()[1]), status=1)
    assert "port" in done.stderr


# --- ending ------------------------------------------------------------------------------------------------


def test_who_does_not_hear_the_first_time_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "ASK_EVERY", 0.2)
    process, family = deaf(2)
    servers.end([process])
    assert process.returncode == 0, "it ended by itself"
    assert alive(family) == [], "and what it left went too"


def test_who_never_hears_is_killed_with_all_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.5)
    process, family = deaf(1000)
    quick, _ = deaf(1)
    began = monotonic()
    servers.end([process, quick])
    assert monotonic() - began < DEADLINE, "they would live for ten minutes"
    assert (process.returncode, quick.returncode) == (-signal.SIGKILL, 0)
    assert alive(family) == []
    servers.end([process])  # nothing is left to end


def deaf(hears: int) -> tuple[Process, dict[int, str]]:
    """A process that ends at the nth SIGTERM, and the two of its session."""
    process = subprocess.Popen([sys.executable, "-c", DEAF, str(hears)], stdout=subprocess.PIPE, start_new_session=True)
    with process.stdout or pytest.fail("no pipe") as said:
        pids = [int(word) for word in said.readline().split()]
    return process, {pid: began(pid) or "" for pid in pids}


# --- everything --------------------------------------------------------------------------------------------


@pytest.mark.long
def test_up_keeps_everything_running_and_leaves_nothing(tmp_path: Path) -> None:
    port = free_port()
    data = tmp_path / "data"
    environ = {**os.environ, "LASTSEEN_DATA_DIR": str(data), "LASTSEEN_AIRFLOW_PORT": str(port)}
    with started([*LASTSEEN, "up", "--port", "0"], environ, tmp_path) as process:
        told(process, SERVING)
        in_time(lambda: heartbeat(port))
        assert sent_to(port, "/lastseen/status") == "/lastseen/sign-in?next=%2Fstatus", "the review pages, in Airflow"
        first = in_time(lambda: scheduler(process.pid))
        workers = in_time(lambda: descendants(first))
        os.kill(first, signal.SIGKILL)
        last = in_time(lambda: heartbeat(port))
        told(process, re.compile(r"scheduler ended with status -9.*started again", re.DOTALL))
        assert in_time(lambda: scheduler(process.pid)) != first
        in_time(lambda: (heartbeat(port) or "") > last)
        assert alive(workers) == [], "those of the killed one went with it"

        family = descendants(process.pid)
        family |= {server.pid: began(server.pid) or "" for server in embedded.status(data) if server.pid}
        assert len(family) >= len(servers.AIRFLOW) + 1 + len(embedded.ALL_PARTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        assert alive(family) == []


def test_up_says_that_its_port_is_taken(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = office.settings.model_copy(update={"airflow_port": port})
        said = Office(settings, office.stores).run("up", status=1).stderr
    assert f"port {port}" in said
    assert "LASTSEEN_AIRFLOW_PORT" in said


def heartbeat(port: int) -> str | None:
    """When the scheduler last gave a sign of life, as the API server says; None if it gives none."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("GET", "/api/v2/monitor/health")
            said = json.loads(connection.getresponse().read())["scheduler"]
        except OSError:
            return None
    moment: str = said["latest_scheduler_heartbeat"]
    return moment if said["status"] == "healthy" else None


def sent_to(port: int, path: str) -> str | None:
    """Where the API server redirects whoever asks for an address."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().getheader("location")


def scheduler(parent: int) -> int | None:
    """The scheduler that a process has started, if it has."""
    for pid, (mother, _) in table().items():
        if mother == parent and b"scheduler" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as tried:
        port: int = tried.getsockname()[1]
        return port


# --- the process table -------------------------------------------------------------------------------------


def table() -> dict[int, tuple[int, str]]:
    """Process -> parent, and when it began; without those that ended and are not yet reaped."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = path.read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                found[int(path.parent.name)] = (int(fields[1]), fields[19])
    return found


def descendants(pid: int) -> dict[int, str]:
    """All that a process has started, and they: process -> when it began."""
    now = table()
    found: dict[int, str] = {}
    mothers = {pid}
    while mothers:
        daughters = {each for each, (mother, _) in now.items() if mother in mothers}
        found |= {each: now[each][1] for each in daughters}
        mothers = daughters
    return found


def began(pid: int) -> str | None:
    """When a process began, or None if there is none."""
    return table().get(pid, (0, None))[1]


def alive(family: Mapping[int, str]) -> list[int]:
    """Those of them that still are."""
    now = table()
    return [pid for pid, when in family.items() if pid in now and now[pid][1] == when]
