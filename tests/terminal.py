"""A person at a terminal."""

import os
import pty
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future


def at_a_terminal(typed: str, command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a command in front of somebody who types a line whenever they are asked; status, and all that it said."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(environ)
    )
    os.close(theirs)
    with process:
        assert process.stdout
        said = _typed(typed, ours, process.stdout.fileno())
    return process.returncode, said


def typing(typed: str, start: Callable[[str, str], "Future[int]"]) -> tuple[int, str]:
    """The same for what others start, with a keyboard and a file for what is said; `start` is given their paths."""
    ours, theirs = pty.openpty()
    reads, writes = os.pipe()
    ended = start(os.ttyname(theirs), f"/proc/{os.getpid()}/fd/{writes}")
    ended.add_done_callback(lambda _: os.close(writes))  # then what it said has an end
    said = _typed(typed, ours, reads)
    for file in (theirs, reads):
        os.close(file)
    return ended.result(), said


def _typed(typed: str, keyboard: int, output: int) -> str:
    """Answer each question with a line, and hang up when there is none.  Returns all that was said.

    They wait for the question: what is typed ahead of a hidden answer is thrown away.
    """
    lines = typed.splitlines(keepends=True)
    said = b""
    with os.fdopen(keyboard, "wb", buffering=0) as keys:
        while more := os.read(output, 4096):
            said += more
            if said.endswith(b": ") and lines:
                keys.write(lines.pop(0).encode())
            elif said.endswith(b": "):
                keys.close()
    return said.decode()
