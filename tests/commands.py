"""`lastseen` for tests, forked from a process that has imported it (see `tests.forked`)."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.forked import Forker, Order, kept_output, serve
from tests.terminal import typing

_FORKER: Final = Forker("tests.commands")


def run(
    environ: Mapping[str, str], folder: Path, arguments: Sequence[str]
) -> "subprocess.CompletedProcess[str] | None":
    """`lastseen ARGUMENTS` in a folder, with nothing to read.  None: the forker is busy with another one."""
    if not _FORKER.lock.acquire(blocking=False):
        return None
    try:
        with tempfile.TemporaryDirectory() as said:
            out, err = Path(said, "out"), Path(said, "err")
            status = _FORKER.ask(Order(environ, str(folder.resolve()), str(out), str(err), list(arguments)))
            return subprocess.CompletedProcess(list(arguments), status, _read(out), _read(err))
    finally:
        _FORKER.lock.release()


def typed(environ: Mapping[str, str], folder: Path, lines: str, arguments: Sequence[str]) -> tuple[int, str] | None:
    """The same in front of somebody who types: its status, and all that it said."""
    if not _FORKER.lock.acquire(blocking=False):
        return None

    def start(keyboard: str, said: str) -> Future[int]:
        return asked.submit(_FORKER.ask, Order(environ, str(folder.resolve()), said, said, list(arguments), keyboard))

    try:
        _FORKER.begun(environ, os.devnull)
        with ThreadPoolExecutor(1) as asked:
            return typing(lines, start)
    finally:
        _FORKER.lock.release()


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def main() -> None:
    """Import the command, and fork."""
    answers = kept_output()
    from pipeline import cli

    def child(arguments: Sequence[str]) -> int:
        sys.argv = ["lastseen", *arguments]
        cli.main()
        return 0

    serve(child, answers)


if __name__ == "__main__":
    main()
