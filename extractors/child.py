"""What opens hostile bytes: a process that lives for one file.

It is forked by `extractors.forker` inside the sandbox, holds itself once more, loads the engine and says `ready`: so
far it has seen nothing of any file.  Then it gets a request and the file, an open descriptor, does what is asked,
writes one verdict into a channel that only it and whoever asked have, and ends.  Whatever the file makes it raise is
a verdict.
"""

import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from extractors.forking import receive
from extractors.isolation import WORKSPACE_BYTES, hold_child

if TYPE_CHECKING:
    from extractors.faces.protocol import Engine
    from extractors.wire import Probe, ProbeRequest, Request, Setup, Verdict

READY: Final = b"ready"
LENGTH_BYTES: Final = 8
"""before a request: how long it is"""
CPU_SPARE: Final = 10
"""seconds for loading an engine"""
ORPHANED: Final = 4
"""exit status of a child whose forker was gone before it could tie itself to it"""
TRY_SECONDS: Final = 1.0
ELSEWHERE: Final = ("192.0.2.1", 9)
"""for documentation (RFC 5737): connecting a UDP socket sends nothing, and fails where there is no way out"""


MOST_FILES: Final = 3
"""that come with one request"""


class Gear(IntEnum):
    """What a child gets ready for before it is told its task."""

    PLAIN = 0
    ENGINE = 1
    """it will need the engine"""
    WRITER = 2
    """it will be handed a file to write, which may be as large as a film"""


@dataclass(frozen=True, slots=True)
class Job:
    """What a child knows before it has its file."""

    setup: "Setup"
    measures: tuple[str, ...]
    workspace: Path
    gear: Gear


def serve(job: Job, channel: socket.socket) -> int:
    """Hold, load, say so; then one request.  Returns the exit status."""
    from extractors.faces.protocol import EngineUnavailable

    measures = _hold(job)
    try:
        engine = _load(job.setup) if job.gear is Gear.ENGINE else None
    except EngineUnavailable as missing:
        channel.sendall(f"{missing}\n".encode())
        return 0
    channel.sendall(READY + b"\n")
    said, handed, _, _ = socket.recv_fds(channel, LENGTH_BYTES, MOST_FILES)
    if said:
        grant(job.setup.limits.deadline_seconds)
        request = _receive(channel, int.from_bytes(said, "big"))
        _say(channel, _answer(request, job, handed, engine, measures))
    return 0


def _hold(job: Job) -> tuple[str, ...]:
    forker, limits = os.getppid(), job.setup.limits
    # A child that spins on all its cores for its whole deadline is at its end anyway.
    cpu = int(limits.latest * job.setup.threads) + CPU_SPARE
    apart = not job.setup.alone or "namespaces of its own" in job.measures
    written = job.setup.most_written if job.gear is Gear.WRITER else WORKSPACE_BYTES
    filtered = hold_child(Path(job.setup.models), job.workspace, limits.memory_mib, cpu, written, namespaces=apart)
    if os.getppid() != forker:
        os._exit(ORPHANED)
    return (*job.measures, *(["system calls filtered"] if filtered else []))


def _load(setup: "Setup") -> "Engine":
    from extractors import faces

    return faces.load(setup.engine, Path(setup.models), setup.threads)


def grant(seconds: float) -> None:
    """Have the kernel end this process so many seconds from now, whatever it is stuck in.

    Whoever waits for it can only wait as long as for the longest video: it never looks into the file.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _receive(channel: socket.socket, length: int) -> "Request":
    from extractors.wire import unpack_request

    return unpack_request(receive(channel, length))


def _say(channel: socket.socket, verdict: "Verdict") -> None:
    from extractors.wire import pack_verdict

    channel.sendall(pack_verdict(verdict))


def _answer(
    request: "Request", job: Job, files: Sequence[int], engine: "Engine | None", measures: tuple[str, ...]
) -> "Verdict":
    from lastseen.outcomes import Fault
    from lastseen.records import Rejection

    if request.probe is not None:
        return _probe(request.probe, measures)
    try:
        return open_file(request, job, files, engine)
    except MemoryError:
        why = f"it needs more than {job.setup.limits.memory_mib} MiB of memory (LASTSEEN_ANALYZE_MEMORY_MIB)"
        return Rejection(Fault.DEFECT, why)
    except Exception as fault:  # noqa: BLE001  # mutated files raised UnicodeDecodeError, IndexError and others
        return Rejection(Fault.DEFECT, f"{type(fault).__name__} while it was read: {str(fault)[:200]}")


def open_file(request: "Request", job: Job, files: Sequence[int], engine: "Engine | None") -> "Verdict":
    """Do what is asked.  Raises whatever the files make the libraries raise."""
    from extractors.fingerprints import fingerprint_file
    from extractors.joining import join, measure
    from extractors.moments import cut_moment

    setup, limits = job.setup, job.setup.limits
    with os.fdopen(files[0], "rb") as file:
        if request.moment is not None:
            return cut_moment(file, request.moment, limits, job.workspace)
        if request.task == "measure":
            return measure(file)
        if request.task == "join":
            with os.fdopen(files[1], "rb") as sound, os.fdopen(files[2], "w+b") as target:
                return join(file, sound, target)
        if request.task == "fingerprint":
            return fingerprint_file(file, limits, setup.threads, grant)
        if engine is None:
            raise RuntimeError("no engine was loaded")
        return _with_engine(request, job, file, files, engine)


def _with_engine(request: "Request", job: Job, file: IO[bytes], files: Sequence[int], engine: "Engine") -> "Verdict":
    from extractors.analysis import analyze_file, enroll_file
    from extractors.comparing import compare_files
    from extractors.disguise import disguise_file
    from extractors.reembedding import reembed_file

    setup, limits, choices = job.setup, job.setup.limits, job.setup.choices
    if request.crops is not None:
        return reembed_file(file, request.crops, engine, limits, choices)
    if request.disguise is not None:
        return disguise_file(file, request.disguise, engine, limits, choices, job.workspace)
    if request.task == "enroll":
        return enroll_file(file, engine, limits, choices)
    if request.task == "compare":
        with os.fdopen(files[1], "rb") as other:
            return compare_files(file, other, request.links, engine, limits, choices, setup.threads, grant)
    return analyze_file(file, engine, limits, choices, setup.threads, grant)


def _probe(wanted: "ProbeRequest", measures: tuple[str, ...]) -> "Probe":
    from extractors.wire import Probe

    return Probe(
        measures=measures,
        readable=tuple(path for path in wanted.paths if _reads(path)),
        connected=wanted.port is not None and _connects(("127.0.0.1", wanted.port), socket.SOCK_STREAM),
        outward=_connects(ELSEWHERE, socket.SOCK_DGRAM),
        environment=tuple(sorted(os.environ)),
    )


def _reads(path: str) -> bool:
    try:
        with Path(path).open("rb") as opened:
            opened.read(1)
    except OSError:
        return False
    return True


def _connects(address: tuple[str, int], kind: socket.SocketKind) -> bool:
    try:
        with socket.socket(socket.AF_INET, kind) as tried:
            tried.settimeout(TRY_SECONDS)
            tried.connect(address)
    except OSError:
        return False
    return True
