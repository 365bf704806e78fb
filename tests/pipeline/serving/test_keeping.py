"""A process that is started again: soon at first, then ever more rarely, and told of once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.serving import keeping, processes
from pipeline.serving.errands import Errands
from pipeline.serving.keeping import MOST_REST_SECONDS, REST_SECONDS, STEADY_SECONDS, Kept, OnDisk
from pipeline.serving.processes import Process

ENDS, STAYS = "raise SystemExit(3)", "import time; time.sleep(600)"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def family() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    processes.end(started)


def starter(family: list[Process], code: str) -> Callable[[], Process]:
    return lambda: processes.start(family, [sys.executable, "-c", code])


def ended(process: Process) -> None:
    """Wait until it is dead, and leave it to whoever keeps it to bury it."""
    while processes.runs(process):
        pass


def test_who_keeps_dying_is_tried_ever_more_rarely_and_told_of_twice(family: list[Process]) -> None:
    clock, said = Clock(), list[str]()
    kept = Kept("it", starter(family, ENDS), family, "it.log", said.append, clock)
    rests = []
    for _ in range(9):
        ended(kept.process)
        before = clock.now
        while not kept.look():
            clock.now += 1
        rests.append(clock.now - before)
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert rests[0] == REST_SECONDS
    assert rests[-1] == MOST_REST_SECONDS
    assert [line.partition(",")[0] for line in said] == ["it ended with status 3"] * 2
    assert "no more is said" in said[1]
    assert kept.ran().restarts == 9
    assert len(family) == 1, "the dead are buried"


def test_who_has_run_long_begins_with_the_shortest_rest(family: list[Process]) -> None:
    clock, said = Clock(), list[str]()
    codes = iter([ENDS] * keeping.TELL_AGAIN + [STAYS, ENDS])

    def start() -> Process:
        return processes.start(family, [sys.executable, "-c", next(codes)])

    kept = Kept("it", start, family, "it.log", said.append, clock)
    for _ in range(keeping.TELL_AGAIN):
        ended(kept.process)
        clock.now += MOST_REST_SECONDS
        assert kept.look()
    clock.now += STEADY_SECONDS
    assert not kept.look()
    assert said[-1] == "it runs steadily again"
    kept.process.kill()
    ended(kept.process)
    assert kept.look(), "at once: it had run for long"
    assert "started again" in said[-1]


def test_errands_run_one_after_the_other_and_a_failure_is_told(family: list[Process]) -> None:
    said, did = list[str](), list[str]()

    def start(name: str, words: tuple[str, ...]) -> Process:
        assert all(not processes.runs(other) for other in family)
        return processes.start(family, [sys.executable, "-c", *words])

    errands = Errands(start, said.append)
    errands.ask("first", (ENDS,), lambda: did.append("first"))
    errands.ask("second", ("pass",), lambda: did.append("second"))
    errands.ask("third", (ENDS,), failed=did.append)
    while errands.busy:
        errands.look()
    assert did == ["second", "third"]
    assert said == ["first failed: see `lastseen logs first`"]


def test_a_disk_that_is_full_is_told_of_once_and_ends_nothing() -> None:
    said = list[str]()
    disk = OnDisk(said.append)
    full, room = Path("/dev/full"), Path(os.devnull)
    assert [disk.did(lambda: full.write_bytes(b"x"), "it waits") for _ in range(3)] == [False] * 3
    assert len(said) == 1
    assert "it waits ([Errno 28]" in said[0]
    assert disk.did(lambda: room.write_bytes(b"x"), "it waits")
    assert not disk.did(lambda: full.write_bytes(b"x"), "it waits")
    assert len(said) == 2, "it had passed"


def test_whoever_is_hurried_does_not_wait(family: list[Process]) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
    with process.stdout or pytest.fail("no pipe") as said:
        said.readline()
    processes.end([process], lambda: True)
    assert process.returncode == -9
