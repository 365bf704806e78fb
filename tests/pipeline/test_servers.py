"""What serves until it is told to stop, as a person or a service manager starts and stops it."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

import pytest

from lastseen.errors import Failure
from lastseen.settings import Settings
from pipeline import doctor, servers
from pipeline.serving import processes
from pipeline.serving.house import MARK
from pipeline.serving.processes import Process
from storage import process_table, running
from storage.process_table import Process as Known
from storage.running import Note, Ran
from storage.stores import Stores
from tests.office import Office

LASTSEEN = [sys.executable, "-c", "from pipeline.cli import main; main()"]
DEADLINE = 300
"""seconds; nothing is measured by it"""
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
                process.wait(2 * processes.STOP_SECONDS)
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
    monkeypatch.setattr(processes, "ASK_EVERY", 0.2)
    process, family = deaf(2)
    processes.end([process])
    assert process.returncode == 0, "it ended by itself"
    assert alive(family) == [], "and what it left went too"


def test_who_never_hears_is_killed_with_all_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
    process, family = deaf(1000)
    quick, _ = deaf(1)
    began = monotonic()
    processes.end([process, quick])
    assert monotonic() - began < DEADLINE, "they would live for ten minutes"
    assert (process.returncode, quick.returncode) == (-signal.SIGKILL, 0)
    assert alive(family) == []
    processes.end([process])  # nothing is left to end


def deaf(hears: int) -> tuple[Process, dict[int, str]]:
    """A process that ends at the nth SIGTERM, and the two of its session."""
    process = subprocess.Popen([sys.executable, "-c", DEAF, str(hears)], stdout=subprocess.PIPE, start_new_session=True)
    with process.stdout or pytest.fail("no pipe") as said:
        pids = [int(word) for word in said.readline().split()]
    return process, {pid: began(pid) or "" for pid in pids}


def test_the_second_signal_hurries() -> None:
    with processes.until_told() as heard:
        for hurried in (False, True):
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard.within(DEADLINE)
            assert heard.hurried is hurried


def test_what_a_killed_up_has_left_is_ended_and_nobody_else(tmp_path: Path) -> None:
    waits, mark = [sys.executable, "-c", "import time; time.sleep(600)"], {MARK: str(tmp_path.resolve())}
    family: list[Process] = []
    noted, recycled, other = (processes.start(family, waits) for _ in range(3))
    marked, elsewhere = (processes.start(family, waits, {**os.environ, MARK: at}) for at in (*mark.values(), "/other"))
    ran = [process_table.of(noted.pid), Known(recycled.pid, "another boot")]
    left = tuple(Ran("it", each, "2026-01-01T00:00:00Z", 0, "it.log") for each in ran)
    up = Known(1, "another boot")
    running.write(tmp_path, Note(up, "2026-01-01T00:00:00Z", "http://x/status", "http://x", left))
    said = list[str]()
    in_time(lambda: len(process_table.marked(*next(iter(mark.items())))) == 1)
    try:
        servers.end_left_behind(tmp_path, said.append)
        assert [processes.runs(one) for one in (noted, marked, recycled, other, elsewhere)] == [
            *(False, False),
            *(True, True, True),
        ]
        assert said == ["the last `lastseen up` was killed: ending the 2 processes that it left"]
        servers.end_left_behind(tmp_path, said.append)
        assert len(said) == 1, "nothing is said of nothing"
    finally:
        processes.end(family, lambda: True)


# --- everything --------------------------------------------------------------------------------------------


def test_up_says_that_its_port_is_taken_before_it_starts_anything(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for setting in ("airflow_port", "review_port"):
            settings = office.settings.model_copy(update={"airflow_port": free_port(), "review_port": 0, setting: port})
            said = Office(settings, office.stores).run("up", status=1).stderr
            assert said.startswith(f"lastseen: port {port} cannot be had"), "and nothing before"
            assert f"LASTSEEN_{setting.upper()}" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to somebody else")
@pytest.mark.parametrize("broken", ["not a folder", "another's", "another's servers"])
def test_up_and_doctor_say_whose_the_data_folder_is(tmp_path: Path, broken: str) -> None:
    data = tmp_path / "data"
    if broken == "not a folder":
        data.write_text("a file")
    else:
        (data / "servers").mkdir(parents=True)
        (data / "servers" / "up.lock").touch(mode=0o600)
        data.chmod(0o755 if broken == "another's" else 0o777)
    settings = Settings(_env_file=None, data_dir=data)
    with acting_as_nobody(tmp_path):
        with pytest.raises(Failure, match=r"give (it|the data folder) to this"):
            servers.up(settings, 0, lambda _: None)
        found = {one.part: one for one in doctor.examine(settings)}
    assert not found["data folder"].ok or broken == "another's servers"
    assert not found["database"].ok
    assert re.search(r"give .* to this", found["database"].said)


@contextmanager
def acting_as_nobody(folder: Path) -> Iterator[None]:
    """For as long as the block runs; the folders above are opened to everybody."""
    nobody = 65534
    above = [one for one in (folder, *folder.parents) if one.stat().st_uid == 0 and not one.stat().st_mode & 0o001]
    modes = {one: one.stat().st_mode for one in above}
    for one, mode in modes.items():
        one.chmod(mode | 0o001)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)
        for one, mode in modes.items():
            one.chmod(mode)


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
