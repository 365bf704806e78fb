"""Open hostile files: a sandbox as tight as this machine allows, in it a fresh process for each file, one verdict back.

    with sandbox.opened(settings) as box:
        found = box.analyze(path)

The calling process never opens the bytes itself, and no file meets a process that another file has met.  A child that
dies, hangs or talks nonsense gives a `Rejection` like any damaged file; what is missing on our own side (weights,
bubblewrap when it is required) is raised.  Starting the sandbox takes a second, so it is kept for many files; the next
file's child gets ready while this one's still works.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from extractors import faces, forker, processes
from extractors.child import Gear
from extractors.cores import available_cores
from extractors.faces import EngineUnavailable
from extractors.isolation import WORKSPACE_INSIDE, bubblewrap
from extractors.keeper import Child, Keeper
from extractors.limits import Limits
from extractors.room import VERDICT_BYTES
from extractors.wire import Kind, Probe, ProbeRequest, Request, Setup, pack_request, pack_setup, unpack_verdict
from lastseen.errors import Failure
from lastseen.outcomes import Fault
from lastseen.records import (
    Analysis,
    Comparison,
    CropsKept,
    Disguised,
    DisguiseWanted,
    Enrolment,
    Fingerprint,
    Joined,
    LinkedStretch,
    Measured,
    Moment,
    MomentWanted,
    Reembedded,
    Rejection,
)
from lastseen.settings import Settings

MIB: Final = 1024 * 1024
MOST_PARTS: Final = 3
"""times the largest file: two of them, and what a container adds"""
PROBE_SECONDS: Final = 20.0
WHY_LENGTH: Final = 200
FILES: Final = 500
"""that one sandbox opens: forked children have the forker's layout of memory, which must not be there to be learnt"""
PROGRAM: Final = ("-m", forker.__name__)
ARENAS: Final = "2"
"""of the C library's allocator: by itself it reserves 64 MiB of address space for each of eight a core"""
KEPT: Final = str(1 << 30)
"""bytes that the allocator keeps for the next picture instead of giving them back: touching new memory for the first
time is what costs a fresh process most, and it needs the same pieces again and again"""

Workspace = Callable[[], AbstractContextManager[Path | str]]


class SandboxUnavailable(Failure):
    """Files from outside may not be opened on this machine as it is; the message says what to do."""


class Sandbox:
    """Opens files, one at a time, for the thread that made it.  Starts when it is first needed."""

    def __init__(self, settings: Settings, workspace: Workspace = tempfile.TemporaryDirectory) -> None:
        """`workspace` gives an empty folder of our own, to be written in where there is no bubblewrap."""
        self._settings, self._limits, self._workspace = settings, Limits.of(settings), workspace
        self._open = ExitStack()
        self._keeper: Keeper | None = None
        self._waiting: tuple[Child, Gear] | None = None
        """a child that gets ready for the next file, and for what"""
        self._files = 0
        self._prepared = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def analyze(self, path: Path) -> Analysis | Rejection:
        """Find the faces of one video or picture.  Raises OSError, SandboxUnavailable and EngineUnavailable."""
        return self._ask(Request("analyze"), [path], Analysis, Gear.ENGINE)

    def enroll(self, path: Path) -> Enrolment | Rejection:
        """Take the one face of a reference photo.  Raises OSError, SandboxUnavailable and EngineUnavailable."""
        return self._ask(Request("enroll"), [path], Enrolment, Gear.ENGINE)

    def disguise(self, path: Path, wanted: DisguiseWanted) -> Disguised | Rejection:
        """Make a reference photo look as if it had been published.  Raises as `enroll` does."""
        return self._ask(Request("disguise", disguise=wanted), [path], Disguised, Gear.ENGINE)

    def reembed(self, path: Path, kept: CropsKept) -> Reembedded | Rejection:
        """Embed kept pictures that stand one after the other in a file.

        Raises OSError, SandboxUnavailable and EngineUnavailable.
        """
        return self._ask(Request("reembed", crops=kept), [path], Reembedded, Gear.ENGINE)

    def fingerprint(self, path: Path) -> Fingerprint | Rejection:
        """Hash the pictures of one video or picture.  Raises OSError and SandboxUnavailable."""
        return self._ask(Request("fingerprint"), [path], Fingerprint)

    def compare(self, copy: Path, other: Path, links: Sequence[LinkedStretch]) -> Comparison | Rejection:
        """Whether a copy shows something to be searched that the other file does not, where links lay it.

        Raises OSError, SandboxUnavailable and EngineUnavailable.
        """
        return self._ask(Request("compare", links=tuple(links)), [copy, other], Comparison, Gear.ENGINE)

    def moment(self, path: Path, wanted: MomentWanted) -> Moment | Rejection:
        """Cut out the seconds around a best shot.  Raises OSError and SandboxUnavailable."""
        return self._ask(Request("moment", moment=wanted), [path], Moment)

    def measure(self, path: Path) -> Measured | Rejection:
        """How long a file lasts.  Raises OSError and SandboxUnavailable."""
        return self._ask(Request("measure"), [path], Measured)

    def join(self, video: Path, audio: Path, target: Path) -> Joined | Rejection:
        """Copy the packets of both into one file, `target`.  Raises OSError and SandboxUnavailable."""
        target.touch(mode=0o600)
        return self._ask(Request("join"), [video, audio, target], Joined, Gear.WRITER)

    def probe(self, wanted: ProbeRequest) -> Probe | Rejection:
        """Let a child try what it should not be able to do.  Raises SandboxUnavailable."""
        return self._ask(Request("probe", probe=wanted), [Path(os.devnull)], Probe)

    def warm(self) -> None:
        """Start, and have a child with an engine ready.  Raises SandboxUnavailable and EngineUnavailable."""
        self._waiting = (self._child(Gear.ENGINE), Gear.ENGINE)

    def close(self) -> None:
        """End it; it may be used again."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[0].close()
        self._keeper, self._files = None, 0
        self._open.close()

    def _ask(
        self, request: Request, paths: Sequence[Path], kind: type[Kind], gear: Gear = Gear.PLAIN
    ) -> Kind | Rejection:
        """The last of several files is written, the others are read."""
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("r+b" if path in paths[2:] else "rb")).fileno() for path in paths]
            child = self._child(gear)
            try:
                verdict = self._hear(child, request, files, kind, gear)
            except BaseException:
                self.close()  # whatever it was, what is left of it belongs to this file
                raise
            finally:
                child.close()
        self._files += 1
        if self._files >= FILES:
            self.close()
        return verdict

    def _hear(
        self, child: Child, request: Request, files: Sequence[int], kind: type[Kind], gear: Gear
    ) -> Kind | Rejection:
        limits = self._limits
        deadline = limits.latest if request.task in ("analyze", "fingerprint", "compare") else limits.deadline_seconds
        end = time.monotonic() + deadline
        try:
            child.give(pack_request(request), files, deadline)
            if self._keeper is not None and self._files:
                self._waiting = (self._keeper.fork(gear), gear)
            answer = child.answer(end, VERDICT_BYTES)
        except processes.ChildFault as fault:
            self.close()
            return _fault(fault, limits.deadline_seconds)
        try:
            return unpack_verdict(answer, kind)
        except ValueError:
            return Rejection(Fault.DEFECT, "the child process gave no verdict that makes sense")

    def _child(self, gear: Gear) -> Child:
        """One that is ready for a file."""
        if self._keeper is not None and not self._keeper.lives():
            self.close()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            child, ready_for = waiting
            try:
                if (gear in (ready_for, Gear.PLAIN)) and not child.ready():
                    return child
            except processes.ChildDied:
                self.close()  # whatever killed it, there was no file in it: a new one is as good
            child.close()
        return self._fresh(gear)

    def _fresh(self, gear: Gear) -> Child:
        if gear is Gear.ENGINE and not self._prepared:
            self.close()  # started before, it might not see what is made now
            faces.prepare(self._settings.engine, self._settings.models_dir.resolve())
            self._prepared = True
        try:
            child = self._kept().fork(gear)
            missing = child.ready()
        except processes.ChildDied as died:
            self.close()
            raise SandboxUnavailable(f"a child process ended before it had its file: {_told(died)}") from died
        if missing:
            child.close()
            raise EngineUnavailable(missing)
        return child

    def _kept(self) -> Keeper:
        if self._keeper is None:
            self._keeper = self._start()
        return self._keeper

    def _start(self) -> Keeper:
        program = _program(self._settings.sandbox == "required")
        models = self._settings.models_dir.resolve()
        workspace = WORKSPACE_INSIDE if program else str(self._open.enter_context(self._workspace()))
        start = [sys.executable, "-s", "-P", "-B", *PROGRAM]
        setup = Setup(
            alone=program is None,
            workspace=workspace,
            models=str(models),
            engine=self._settings.engine,
            threads=self._settings.threads or available_cores(),
            limits=self._limits,
            choices=self._settings.analysis,
            most_written=MOST_PARTS * self._settings.fetch_max_mib * MIB,
        )
        keeper = Keeper([*(bubblewrap(program, models) if program else ()), *start], pack_setup(setup), _environment())
        self._open.callback(keeper.close)
        try:
            keeper.greeted()
        except processes.ChildDied as died:
            self._open.close()
            raise SandboxUnavailable(f"the sandbox did not start: {_told(died)}") from died
        return keeper


@contextmanager
def opened(settings: Settings, workspace: Workspace = tempfile.TemporaryDirectory) -> Iterator[Sandbox]:
    """A sandbox, closed when the block ends."""
    with Sandbox(settings, workspace) as box:
        yield box


def describe(settings: Settings) -> str:
    """What holds the child that opens files: tried with a child, once a process.  Raises SandboxUnavailable."""
    return _description(settings.sandbox == "required")


@cache
def _description(required: bool) -> str:
    chosen = Settings.model_construct(sandbox="required" if required else "auto")
    with opened(chosen) as box:
        found = box.probe(ProbeRequest())
    if isinstance(found, Rejection):
        raise SandboxUnavailable(f"the child that opens files does not run here: {found.why}")
    network = "network reachable" if found.outward else "no network"
    if _bubblewrap().program is not None:
        return ", ".join((f"bubblewrap ({network}, no files but the one)", *found.measures, "limits"))
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


def _fault(fault: processes.ChildFault, deadline: float) -> Rejection:
    """A verdict on a child that gave none.  Raises what is not the file's fault."""
    late = f"ran past its deadline of {deadline:.0f} s (LASTSEEN_ANALYZE_DEADLINE_SECONDS)"
    match fault:
        case processes.DeadlinePassed():
            why = late
        case processes.TooMuchSaid():
            why = f"said more than {VERDICT_BYTES >> 20} MiB"
        case processes.ChildDied(status=status) if status == -signal.SIGALRM:
            why = late
        case processes.ChildDied():
            why = _told(fault)
        case _:
            raise fault
    return Rejection(Fault.DEFECT, f"the child process {why}")


def _told(died: processes.ChildDied) -> str:
    """How a process died, with its last words."""
    errors = _line(str(died).partition(": ")[2])
    how = f"was killed by signal {-died.status}" if died.status < 0 else f"ended with status {died.status}"
    return f"{how}{_aside(errors)}"


def _environment() -> Mapping[str, str]:
    """Nothing of ours: no passwords, no keys, no proxy.

    One thread for what libraries would start when they are imported: a forker must have one only, and engines are
    told how many to use.
    """
    ours = Path(forker.__file__).resolve().parent.parent
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    memory = {"MALLOC_ARENA_MAX": ARENAS, "MALLOC_TRIM_THRESHOLD_": KEPT, "MALLOC_MMAP_THRESHOLD_": KEPT}
    quiet = {"ORT_DISABLE_TELEMETRY": "1"}
    return {"PYTHONPATH": str(ours), "LANG": "C.UTF-8", "HOME": WORKSPACE_INSIDE, **threads, **memory, **quiet}


def _line(text: str) -> str:
    """The last line of what a child said, as plain ASCII of bounded length: it may quote the file."""
    lines = [line for line in text.splitlines() if line.strip()]
    return ascii(lines[-1].strip()[:WHY_LENGTH])[1:-1] if lines else ""


def _aside(errors: str) -> str:
    return f" ({errors})" if errors else ""
