"""A person at a terminal."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence


def at_a_terminal(typed: str, command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a command in front of somebody who types a line whenever they are asked; status, and all that it said.

    They wait for the question: what is typed ahead of a hidden answer is thrown away.
    """
    lines = typed.splitlines(keepends=True)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(environ)
    )
    os.close(theirs)
    said = b""
    with process, os.fdopen(ours, "wb", buffering=0) as keyboard:
        while process.stdout and (more := os.read(process.stdout.fileno(), 4096)):
            said += more
            if said.endswith(b": ") and lines:
                keyboard.write(lines.pop(0).encode())
            elif said.endswith(b": "):
                process.terminate()
    return process.returncode, said.decode()
