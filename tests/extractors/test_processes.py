"""A child with a deadline and a bounded answer: what it leaves behind in each way to end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extractors import processes

GRANDCHILD = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"


def run(code: str, deadline: float = 20, most: int = 1000, mark: str = "") -> bytes:
    """Run a line of Python as the child; `mark` is put into its environment."""
    environment = {"PATH": os.environ["PATH"], "MARK": mark, "PYTHONPATH": str(Path(__file__).parents[2])}
    return processes.run([sys.executable, "-c", code], b"hello", deadline, most, environment)


def marked(mark: str) -> list[int]:
    """Processes that carry a mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def gone(mark: str, within: float = 5) -> bool:
    """Whether no marked process is left, soon."""
    end = time.monotonic() + within
    while left := marked(mark):
        if time.monotonic() > end:
            return not left
        time.sleep(0.02)
    return True


def test_a_line_in_and_an_answer_out() -> None:
    assert run("import sys; sys.stdout.write(sys.stdin.readline().upper())") == b"HELLO\n"


def test_a_large_answer_comes_whole_up_to_the_bound() -> None:
    assert len(run("print('x' * 299_999)", most=300_000)) == 300_000
    with pytest.raises(processes.TooMuchSaid):
        run("print('x' * 300_000)", most=300_000)


def test_a_crash_says_its_status_and_its_last_words() -> None:
    with pytest.raises(processes.ChildDied) as died:
        run("import sys; print('so far'); sys.exit('no more')")
    assert (died.value.status, "no more" in str(died.value)) == (1, True)
    with pytest.raises(processes.ChildDied) as killed:
        run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert killed.value.status == -signal.SIGSEGV


def test_a_child_that_has_answered_and_does_not_go_is_sent(tmp_path: Path) -> None:
    mark = str(tmp_path)
    assert run("import os, time; os.write(1, b'done'); os.close(1); time.sleep(60)", mark=mark) == b"done"
    assert gone(mark)


def test_a_child_that_does_not_listen_is_no_broken_pipe_of_ours() -> None:
    with pytest.raises(processes.ChildDied):
        run("import os; os._exit(3)")


def test_the_deadline_takes_the_child_and_what_it_started(tmp_path: Path) -> None:
    mark = str(tmp_path)
    started = time.monotonic()
    with pytest.raises(processes.DeadlinePassed):
        run(GRANDCHILD + "; import time; time.sleep(60)", deadline=1, mark=mark)
    assert time.monotonic() - started < 10
    assert gone(mark)


def test_a_child_that_is_done_leaves_nothing_behind_either(tmp_path: Path) -> None:
    mark = str(tmp_path)
    assert run("import os; " + GRANDCHILD.replace("'])", "'], stdout=2)") + "; print('done')", mark=mark) == b"done\n"
    assert gone(mark)


def test_the_child_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    mark = str(tmp_path)
    child = "from extractors import processes; processes.hold_lifeline(); import time; time.sleep(60)"
    parent = (
        "import os, sys; from extractors import processes;"
        f"processes.run([sys.executable, '-c', {child!r}], b'x', 60, 10, {{**os.environ, 'MARK': {mark!r}}})"
    )
    with subprocess.Popen([sys.executable, "-c", parent], cwd=Path(__file__).parents[2]) as started:
        end = time.monotonic() + 10
        while not marked(mark) and time.monotonic() < end:
            time.sleep(0.02)
        assert marked(mark)
        started.kill()
    assert gone(mark)
