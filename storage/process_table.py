"""Processes of this machine, so that none is mistaken for a later one that got the same number."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process, not to be mistaken for a later one that got the same number."""

    pid: int
    started: str
    """boot and clock tick at which it started"""

    def alive(self) -> bool:
        """Whether it still is; one that ended and is not yet buried is not."""
        return started(self.pid) == self.started


def started(pid: int) -> str | None:
    """When a process started; None if there is none, or only what its parent has not yet buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else f"{boot}-{fields[19]}"


def myself() -> Process:
    """The process that asks."""
    return of(os.getpid())


def of(pid: int) -> Process:
    """The process that has this number now; never alive if there is none."""
    return Process(pid, started(pid) or "gone")


def marked(variable: str, value: str) -> list[Process]:
    """The living processes, ours excepted, that have inherited this variable of the environment with this value.

    Not those that have given themselves another title: some write it where their environment was.
    """
    mark = f"{variable}={value}".encode()
    return [one for one in _all() if one.pid != os.getpid() and mark in _environment(one.pid)]


def of_session(leader: Process) -> list[Process]:
    """The living processes of the session that it began, also after it has ended itself."""
    if started(leader.pid) not in {None, leader.started}:
        return []  # the number is somebody else's, which it is not while any of the session lives
    return [one for one in _all() if _session(one.pid) == leader.pid]


def _session(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _all() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (when := started(int(entry.name))):
            yield Process(int(entry.name), when)


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError):  # it ended meanwhile, or is another user's
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []
