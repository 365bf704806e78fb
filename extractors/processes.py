"""Run a child process with a deadline and a bounded answer, and leave nothing of it behind.

The child leads a process group of its own and is killed with everything it started.  It reads one line from its
standard input, which then stays open as a lifeline: when the parent dies, however it dies, the child sees the end
of it (`hold_lifeline`) and goes too.
"""

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

ERRORS_KEPT = 4096
"""bytes of the child's standard error that are kept, from its end"""
GRACE_SECONDS = 2.0
"""between the end of a child's answer and its own end"""
READ_BYTES = 1 << 16


class ChildFault(Exception):
    """The child gave no answer."""


class DeadlinePassed(ChildFault):
    """It took too long, and was killed."""


class TooMuchSaid(ChildFault):
    """Its answer was larger than allowed, and it was killed."""


class ChildDied(ChildFault):
    """It ended with a status other than 0; the message has the status and the end of its standard error."""

    def __init__(self, status: int, errors: str) -> None:
        super().__init__(f"status {status}: {errors}")
        self.status = status
        """as `subprocess` counts: negative for a signal"""


def run(command: Sequence[str], line: bytes, deadline: float, most: int, environment: Mapping[str, str]) -> bytes:
    """Give `line` to the child and return what it wrote to standard output, at most `most` bytes.

    `deadline` is in seconds from now.  Raises DeadlinePassed, TooMuchSaid or ChildDied.
    """
    end = time.monotonic() + deadline
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    ended = True
    try:
        with child:  # closes the pipes
            try:
                answer, errors = _talk(child, line, end, most)
                ended = _has_ended(child, min(end, time.monotonic() + GRACE_SECONDS))
            finally:
                _kill_group(child)
    except BrokenPipeError:  # it died before it had read its line; `with` tried to flush the rest
        answer, errors = b"", b""
    if ended and child.returncode:  # else the status is our own signal: it had answered, and was slow to go
        raise ChildDied(child.returncode, errors.decode(errors="replace").strip())
    return answer


def hold_lifeline() -> bytes:
    """In the child: read the line, and from now on die, with the whole group, when the parent does."""
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_die_with_parent, name="lifeline", daemon=True).start()
    return line


def _die_with_parent() -> None:
    os.read(0, 1)  # nothing more is ever written: it returns when the parent is gone
    os.killpg(0, signal.SIGKILL)


def _talk(child: "subprocess.Popen[bytes]", line: bytes, end: float, most: int) -> tuple[bytes, bytes]:
    stdin, stdout, stderr = _pipes(child)
    stdin.write(line.rstrip(b"\n") + b"\n")
    stdin.flush()
    said = {stdout: bytearray(), stderr: bytearray()}
    complete = False
    with selectors.DefaultSelector() as waiting:
        for pipe in said:
            waiting.register(pipe, selectors.EVENT_READ)
        while waiting.get_map() and time.monotonic() < end:
            for key, _ in waiting.select(max(0.0, end - time.monotonic())):
                pipe = stdout if key.fileobj is stdout else stderr
                part = os.read(pipe.fileno(), READ_BYTES)
                said[pipe] += part
                if part:
                    continue
                waiting.unregister(pipe)
                if pipe is stdout:
                    complete, end = True, min(end, time.monotonic() + GRACE_SECONDS)
            del said[stderr][:-ERRORS_KEPT]
            if len(said[stdout]) > most:
                raise TooMuchSaid(f"it said more than {most} bytes")
    if not complete:
        raise DeadlinePassed("it took too long and was killed")
    return bytes(said[stdout]), bytes(said[stderr])


def _pipes(child: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise RuntimeError("the child was started without pipes")
    return child.stdin, child.stdout, child.stderr


def _has_ended(child: "subprocess.Popen[bytes]", end: float) -> bool:
    """Wait until it has, without reaping it: its group id must stay ours until the group was killed."""
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() >= end:
            return False
        time.sleep(0.002)
    return True


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
