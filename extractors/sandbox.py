"""Open hostile files: one child process a file, held as tightly as this machine allows, one verdict back.

The calling process never opens the bytes itself.  A child that dies, hangs or talks nonsense gives a `Rejection`
like any damaged file; what is missing on our own side (weights, bubblewrap when it is required) is raised.  The
child writes only into a folder beside the file, or (under bubblewrap) into memory.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from extractors import child, processes
from extractors.faces import EngineUnavailable
from extractors.isolation import FILE_INSIDE, WORKSPACE_INSIDE, bubblewrap
from extractors.limits import Limits
from extractors.wire import Probe, ProbeRequest, Request, Task, Verdict, pack_request, unpack_verdict
from lastseen.errors import Failure
from lastseen.outcomes import Fault
from lastseen.records import Analysis, Enrolment, Moment, MomentWanted, Rejection
from lastseen.settings import Settings

VERDICT_BYTES: Final = 256 * 1024 * 1024
"""twice what the crops of one file may take (extractors.analysis.CROP_BYTES) as base64"""
PROBE_SECONDS: Final = 20.0
WHY_LENGTH: Final = 200
NOWHERE: Final = Path("/nonexistent")
"""the workspace of a child that writes nothing; by Debian's policy there is no such folder"""
KILLED_BY: Final = 128
"""bubblewrap's status for a child that a signal ended, less the signal"""


Wanted = TypeVar("Wanted", Analysis, Enrolment, Moment, Probe)


class SandboxUnavailable(Failure):
    """Files from outside may not be opened on this machine as it is; the message says what to do."""


def analyze(path: Path, settings: Settings) -> Analysis | Rejection:
    """Find the faces of one video or picture.  Raises OSError, SandboxUnavailable and EngineUnavailable."""
    return _only(Analysis, _ask("analyze", path, settings))


def enroll(path: Path, settings: Settings) -> Enrolment | Rejection:
    """Take the one face of a reference photo.  Raises OSError, SandboxUnavailable and EngineUnavailable."""
    return _only(Enrolment, _ask("enroll", path, settings))


def moment(path: Path, wanted: MomentWanted, settings: Settings) -> Moment | Rejection:
    """Cut out the seconds around a best shot.  Raises OSError and SandboxUnavailable."""
    return _only(Moment, _ask("moment", path, settings, wanted=wanted))


def probe(wanted: ProbeRequest, settings: Settings) -> Probe | Rejection:
    """Let a child try what it should not be able to do.  Raises SandboxUnavailable."""
    return _only(Probe, _ask("probe", None, settings, tried=wanted))


def describe(settings: Settings) -> str:
    """What holds the child that opens files: tried with a child, once a process.  Raises SandboxUnavailable."""
    return _description(settings.sandbox == "required")


@cache
def _description(required: bool) -> str:
    chosen = Settings.model_construct(sandbox="required" if required else "auto")
    found = probe(ProbeRequest(), chosen)
    if isinstance(found, Rejection):
        raise SandboxUnavailable(f"the child that opens files does not run here: {found.why}")
    network = "network reachable" if found.outward else "no network"
    if _bubblewrap().program is not None:
        return f"bubblewrap ({network}, no files but the one), limits"
    return f"{', '.join((network, *found.measures, 'limits'))}; {_bubblewrap().why}: install bubblewrap 0.8 or newer"


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Whether it can be used here."""

    program: str | None
    why: str
    """if it cannot"""


@cache
def _bubblewrap() -> Bubblewrap:
    """Found on the path and tried once a process: containers often forbid what it needs."""
    program = shutil.which("bwrap")
    if program is None:
        return Bubblewrap(None, "bubblewrap is not installed")
    tried = subprocess.run(
        [*bubblewrap(program, None), sys.executable, "-I", "-S", "-c", ""],
        capture_output=True,
        timeout=PROBE_SECONDS,
        env=_environment(),
        check=False,
    )
    if tried.returncode == 0:
        return Bubblewrap(program, "")
    return Bubblewrap(None, f"bubblewrap does not work here ({_line(tried.stderr.decode(errors='replace'))})")


def _program(required: bool) -> str | None:
    found = _bubblewrap()
    if required and found.program is None:
        raise SandboxUnavailable(
            f"{found.why}, and LASTSEEN_SANDBOX=required: install bubblewrap 0.8 or newer, "
            "or set LASTSEEN_SANDBOX=auto to open files with less protection"
        )
    return found.program


def _ask(
    task: Task,
    path: Path | None,
    settings: Settings,
    *,
    wanted: MomentWanted | None = None,
    tried: ProbeRequest | None = None,
) -> Verdict:
    program = _program(settings.sandbox == "required")
    file = path.resolve(strict=True) if path is not None else None
    limits = Limits.of(settings)
    with ExitStack() as stack:
        workspace = Path(WORKSPACE_INSIDE) if program else _workspace(stack, file)
        seen = FILE_INSIDE if program else str(file or "")
        request = Request(task, seen, str(workspace), settings.engine, limits, moment=wanted, probe=tried)
        command = _command(program, file, workspace, limits)
        return _run(command, request, limits.deadline_seconds)


def _workspace(stack: ExitStack, file: Path | None) -> Path:
    """Beside the file: whoever deletes what a killed worker left of it deletes this too."""
    if file is None:
        return NOWHERE
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="work-", dir=file.parent)))


def _command(program: str | None, file: Path | None, workspace: Path, limits: Limits) -> list[str]:
    start = [sys.executable, "-s", "-P", "-B", "-m", child.__name__]
    numbers = [str(limits.memory_mib), str(limits.deadline_seconds)]
    if program is not None:
        return [*bubblewrap(program, file), *start, child.BUBBLEWRAP, *numbers, FILE_INSIDE, WORKSPACE_INSIDE]
    return [*start, child.SELF, *numbers, str(file or ""), str(workspace)]


def _run(command: Sequence[str], request: Request, deadline: float) -> Verdict:
    try:
        answer = processes.run(command, pack_request(request), deadline, VERDICT_BYTES, _environment())
    except processes.ChildDied as died:
        return _death(died)
    except processes.DeadlinePassed:
        why = f"the child process ran past its deadline of {deadline:.0f} s (LASTSEEN_ANALYZE_DEADLINE_SECONDS)"
        return Rejection(Fault.DEFECT, why)
    except processes.TooMuchSaid:
        return Rejection(Fault.DEFECT, f"the child process said more than {VERDICT_BYTES >> 20} MiB")
    try:
        return unpack_verdict(answer)
    except ValueError:
        return Rejection(Fault.DEFECT, "the child process gave no verdict that makes sense")


def _death(died: processes.ChildDied) -> Rejection:
    """A verdict on a child that gave none.  Raises what is not the file's fault."""
    errors = _line(str(died).partition(": ")[2])
    if died.status == child.ENGINE_UNAVAILABLE:
        raise EngineUnavailable(errors)
    if errors.startswith("bwrap: "):
        raise SandboxUnavailable(f"bubblewrap failed: {errors}")
    number = -died.status if died.status < 0 else died.status - KILLED_BY
    if number in signal.valid_signals() and number > 0:
        return Rejection(Fault.DEFECT, f"the child process was killed by signal {number}{_aside(errors)}")
    return Rejection(Fault.DEFECT, f"the child process ended with status {died.status}{_aside(errors)}")


def _only(kind: type[Wanted], verdict: Verdict) -> Wanted | Rejection:
    if isinstance(verdict, kind | Rejection):
        return verdict
    return Rejection(Fault.DEFECT, "the child process answered something else than it was asked")


def _environment() -> Mapping[str, str]:
    """Nothing of ours: no passwords, no keys, no proxy.  One thread a library, as several children run at once."""
    ours = Path(child.__file__).resolve().parent.parent
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PYTHONPATH": str(ours), "LANG": "C.UTF-8", "HOME": WORKSPACE_INSIDE, **threads}


def _line(text: str) -> str:
    """The last line of what a child said, as plain ASCII of bounded length: it may quote the file."""
    lines = [line for line in text.splitlines() if line.strip()]
    return ascii(lines[-1].strip()[:WHY_LENGTH])[1:-1] if lines else ""


def _aside(errors: str) -> str:
    return f" ({errors})" if errors else ""
