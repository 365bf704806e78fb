"""A child process that does what it is asked, one call at a time: `python -m pipeline.bench.children FD`.

A call is a module's function and its arguments; the child imports the module itself, so that the bench never holds
the peer or an engine in its own memory.  Both ends are ours, hence pickles may go between them.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from lastseen.errors import Failure, WrongUse
from pipeline.bench.timing import Timed, timed

P = ParamSpec("P")
Made = TypeVar("Made")

THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""read by libraries of linear algebra when they are loaded, and at no other time"""
END_SECONDS: Final = 10.0


class Child:
    """The parent's end."""

    def __init__(self, line: "Connection[object, object]") -> None:
        self._line = line

    def ask(self, call: Callable[P, Made], *args: P.args, **named: P.kwargs) -> Made:
        """Have it called over there.  Raises Failure and WrongUse where the call does."""
        try:
            self._line.send(partial(call, *args, **named))
            made: Made | Failure | WrongUse = self._line.recv()  # type: ignore[assignment]  # what `serve` makes of the call
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise RuntimeError("a child process of the bench died: see above") from None
        if isinstance(made, Failure | WrongUse):
            raise made
        return made

    def timed(self, times: int, call: Callable[P, Made], *args: P.args, **named: P.kwargs) -> Timed[Made]:
        """The same, timed over there: what the way there and back costs is not counted."""
        return self.ask(timed, partial(call, *args, **named), times)

    def peak_mib(self) -> float:
        """The most memory that it has held so far."""
        return self.ask(peak_mib)


@contextmanager
def child(threads: int) -> Iterator[Child]:
    """A child that may use so many threads; it ends with the block, or with us."""
    ours, theirs = Pipe()
    command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno())]
    path = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": path, **dict.fromkeys(THREADS, str(threads))}
    with ExitStack() as stack:
        # Standard output is the command's result; what libraries say goes beside.
        process = subprocess.Popen(
            command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=2
        )
        stack.callback(_end, process)
        stack.enter_context(ours)
        theirs.close()
        yield Child(ours)


def peak_mib() -> float:
    """The most memory that this process has held, MiB.

    Not `ru_maxrss`: that one begins with what the parent held when it started us.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def serve(line: "Connection[object, object]") -> None:
    """The child's end: until the parent hangs up."""
    while True:
        try:
            call = line.recv()
        except EOFError:
            return
        try:
            line.send(call())  # type: ignore[operator]  # what `ask` sends
        except WrongUse as fault:
            line.send(WrongUse(str(fault)))
        except Failure as fault:  # of any kind: not all of them survive the way as they are
            line.send(Failure(str(fault)))


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as opened:
        serve(opened)
