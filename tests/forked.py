"""Processes for tests that are forked from one that has imported everything: to import takes longer than most of them.

A forker is `python -m MODULE`, where the module calls `serve`.  For each line of JSON that it reads it forks a child,
which takes on an environment, a folder and files to write to, and answers with the child's exit status.  It ends when
nobody is left to ask.
"""

import atexit
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final, TextIO


@dataclass(frozen=True, slots=True)
class Order:
    """What a child is to be and do."""

    environ: Mapping[str, str]
    folder: str
    out: str
    """files that its output is added to"""
    err: str
    arguments: Sequence[str]
    keyboard: str = os.devnull
    """where it reads what is typed"""


@dataclass(slots=True)
class Forker:
    """The process that forks; it starts with the first order."""

    module: str
    lock: Lock = field(default_factory=Lock)
    """held by who asks: it does one thing at a time"""
    _process: "subprocess.Popen[str] | None" = None

    def ask(self, order: Order) -> int:
        """Have a child do it.  Returns its exit status; negative: the signal that ended it."""
        process = self.begun(order.environ, order.err)
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(astuple(order)) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"{self.module} ended: {_last_words(Path(order.err))}"
        return int(answer)

    def begun(self, environ: Mapping[str, str], err: str) -> "subprocess.Popen[str]":
        """The process; it is started if it is not there, and what it says itself is then added to the file `err`."""
        if self._process is None:
            self._process = self._start(environ, err)
            RUNNING.add(self._process.pid)
            atexit.register(self._end, self._process)
        return self._process

    @staticmethod
    def _end(process: "subprocess.Popen[str]") -> None:
        process.communicate()

    def _start(self, environ: Mapping[str, str], err: str) -> "subprocess.Popen[str]":
        with Path(err).open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-m", self.module],
                env=dict(environ), cwd=PROJECT,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True,
            )  # fmt: skip


def _last_words(said: Path) -> str:
    """Nothing of what is no file: a pipe has been read."""
    return said.read_text()[-4000:] if said.is_file() else ""


RUNNING: Final[set[int]] = set()
"""process ids of the forkers of this run, which are no children of what is tested"""
PROJECT: Final = Path(__file__).parents[1]


def serve(child: Callable[[Sequence[str]], int], answers: TextIO) -> None:
    """Fork a child for each order, which calls `child` with its arguments and ends with what that returns.

    What is there by now is left out when a child looks for garbage: it would do so among 200,000 objects when it ends,
    which takes ten times as long as most commands.
    """
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            answers.close()
            order = Order(*json.loads(line))
            _be(order)
            sys.exit(child(order.arguments))  # as any process ends: with its handlers, and its fault told
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        answers.flush()


def kept_output() -> TextIO:
    """Standard output as it was, for answers; from now on what is printed goes to standard error."""
    kept = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return kept


def _be(order: Order) -> None:
    os.environ.clear()
    os.environ.update(order.environ)
    os.chdir(order.folder)
    _onto(order.keyboard, os.O_RDONLY | os.O_NOCTTY, 0)
    for number, name in ((1, order.out), (2, order.err)):
        _onto(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, number)


def _onto(name: str, flags: int, number: int) -> None:
    opened = os.open(name, flags, 0o600)
    os.dup2(opened, number)
    os.close(opened)
