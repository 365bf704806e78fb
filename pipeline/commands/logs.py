"""`lastseen logs`: what the processes of this machine said, in one place."""

from pathlib import Path
from time import sleep
from typing import Annotated

import typer

from lastseen.clock import iso
from lastseen.settings import settings
from pipeline import console
from pipeline.console import AsJson, Voice, plain
from pipeline.serving import logs
from storage import running

FOLLOW_SECONDS = 0.5
"""between two looks for new lines"""


def logs_(
    name: Annotated[str | None, typer.Argument(help="Which one; without it: which there are.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of its last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes; Ctrl-C ends it.")] = False,
    as_json: AsJson = False,
) -> None:
    """What the servers of this machine said: which logs there are, or the last lines of one."""
    folder = settings().data_dir / running.LOGS
    if name is None:
        _list(folder, Voice(as_json))
        return
    path = logs.of(folder, name)
    last = logs.last(path, lines)
    Voice(as_json).result({"log": str(path), "lines": last}, map(plain, last))
    if follow and not as_json:
        _follow(path)


def _list(folder: Path, voice: Voice) -> None:
    found = [(name, path.stat().st_size, _written(path)) for name, path in logs.named(folder).items()]
    voice.show(console.table(f"logs in {folder}", ("name", "bytes", "last written"), found))
    told = [dict(zip(("name", "bytes", "written"), one, strict=True)) for one in found]
    voice.result({"folder": str(folder), "logs": told})


def _written(path: Path) -> str:
    return iso(logs.written(path))


def _follow(path: Path) -> None:
    try:
        for line in logs.followed(path, _rest):
            console.out.print(plain(line))
    except KeyboardInterrupt:
        return


def _rest() -> bool:
    sleep(FOLLOW_SECONDS)
    return False
