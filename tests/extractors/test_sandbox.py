"""The sandbox that opens files: what its children cannot reach, and that each of their deaths is a verdict.

Every test runs behind bubblewrap and once more with what the kernel alone gives.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from extractors import child, isolation, processes, sandbox
from extractors import filter as calls
from extractors.faces import EngineUnavailable
from extractors.limits import Limits
from extractors.sandbox import Bubblewrap, Sandbox, SandboxUnavailable
from extractors.wire import Probe, ProbeRequest
from lastseen.outcomes import Fault
from lastseen.records import Analysis, Enrolment, Moment, MomentWanted, Rejection
from lastseen.settings import Settings
from tests.extractors.films import ANNA, FPS, film, ground, plain_film, png, scene
from tests.extractors.test_media import png_bomb
from tests.forked import RUNNING

SOON = 60
"""seconds, within which things happen on a machine that has much else to do"""
MISSING = Bubblewrap(None, "bubblewrap is not installed")
NOBODY = MomentWanted(0, (), ())
OBEYS = """
from extractors import child, forker

def obey(request, job, files, engine):
    with open(files[0]) as told:
        exec(told.read(), {"job": job, "channel": 3})

child.open_file = obey
forker.main()
"""
"""in place of the program: its children do what their file says, as if it had taken them over"""


@pytest.fixture(params=["bubblewrap", "kernel"])
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to hold a child."""
    if request.param == "bubblewrap" and sandbox._bubblewrap().program is None:
        pytest.skip(sandbox._bubblewrap().why)
    if request.param == "kernel":
        monkeypatch.setattr(sandbox, "_bubblewrap", lambda: MISSING)
    return str(request.param)


@pytest.fixture
def box(held: str, opening: Settings) -> Iterator[Sandbox]:
    """A sandbox of each kind."""
    with sandbox.opened(opening) as opened:
        yield opened


@pytest.fixture
def obedient(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the files decide what happens."""
    monkeypatch.setattr(sandbox, "PROGRAM", ("-c", OBEYS))


@pytest.fixture
def without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine that lacks it."""
    sandbox._description.cache_clear()
    monkeypatch.setattr(sandbox, "_bubblewrap", lambda: MISSING)
    yield
    sandbox._description.cache_clear()


def rejected(verdict: object) -> Rejection:
    """A rejection, and nothing else."""
    assert isinstance(verdict, Rejection), verdict
    return verdict


def ordered(box: Sandbox, folder: Path, program: str) -> str:
    """What comes of a file that has its child run a program: whatever it raises, or its death."""
    path = folder / "program"
    path.write_text(program)
    return rejected(box.moment(path, NOBODY)).why


# --- what it cannot do -------------------------------------------------------------------------------------


def test_it_reads_nothing_but_its_file(held: str, box: Sandbox, tmp_path: Path) -> None:
    """Neither a sibling, nor the data folder, nor the system's own files, nor this very test."""
    if held == "kernel" and not _has_landlock():
        pytest.skip("this kernel has no Landlock")
    secret, model = tmp_path / "keys" / "template.key", tmp_path / "models" / "weights"
    for path in (secret, model):
        path.parent.mkdir(parents=True)
        path.write_text("secret")
    sibling = plain_film(tmp_path / "sibling.mp4", 0.5)
    hidden = [secret, sibling, Path("/etc/hostname"), Path("/etc/passwd"), Path("/proc/1/environ"), Path(__file__)]
    readable = [Path(sandbox.__file__), model]
    asked = tuple(str(path) for path in [*hidden, *readable])
    assert all(path.is_file() for path in [*hidden, *readable]), "they are there for us"
    probe = box.probe(ProbeRequest(asked))
    assert isinstance(probe, Probe)
    assert probe.readable == tuple(str(path) for path in readable), "only the program itself, and the models"


def test_it_has_no_network(box: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert child._connects(("127.0.0.1", port), socket.SOCK_STREAM), "it is there for us"
        probe = box.probe(ProbeRequest(port=port))
    assert isinstance(probe, Probe)
    assert not probe.connected
    assert not probe.outward


HELD_ALONE = """
import ctypes, struct, sys
from pathlib import Path
from extractors import isolation
isolation.hold_forker(Path("/nonexistent"), Path(sys.argv[1]), alone=True)
held = ctypes.create_string_buffer(24)
header = struct.pack("=Ii", isolation.CAPABILITY_VERSION_3, 0)
print(isolation._libc().capget(header, held), held.raw.strip(bytes(1)).hex() or "none")
"""


def test_its_namespaces_leave_it_no_capabilities(tmp_path: Path) -> None:
    if not _may_unshare():
        pytest.skip("this kernel gives no namespaces to this user")
    command = [sys.executable, "-c", HELD_ALONE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 none"


def test_it_gets_none_of_our_environment(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LASTSEEN_S3_SECRET_KEY", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    probe = box.probe(ProbeRequest())
    assert isinstance(probe, Probe)
    of_libraries = {"PWD", "LC_CTYPE", "LD_LIBRARY_PATH"}
    assert set(probe.environment) - of_libraries == set(sandbox._environment())
    assert not {"LASTSEEN_S3_SECRET_KEY", "HTTPS_PROXY"} & set(probe.environment)


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile sibling.mp4\n", "#EXTM3U\n#EXTINF:10,\n{sibling}\n"])
def test_a_file_that_names_its_sibling(box: Sandbox, tmp_path: Path, text: str) -> None:
    sibling = plain_film(tmp_path / "sibling.mp4", 0.5)
    (tmp_path / "evil.mp4").write_text(text.format(sibling=sibling))
    verdict = rejected(box.moment(tmp_path / "evil.mp4", NOBODY))
    assert verdict.fault == Fault.DEFECT
    assert "neither a video nor a picture" in verdict.why


FORBIDDEN = {
    "another process": "os.fork()",
    "another program": "os.execv('/bin/true', ['true'])",
    "a signal to the others": "os.kill(os.getppid(), 9)",
    "a signal to its own group": "os.kill(0, 9)",
    "a socket": "import socket; socket.socket(socket.AF_UNIX)",
    "another's memory": "libc.ptrace(16, os.getppid(), 0, 0) and fail()",
    "more memory": "import resource; resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40))",
    "the others' folder": "open(job.workspace.parent / 'left', 'w')",
    "its file, to write": "open('/proc/self/fd/4', 'r+b')",
}
REFUSALS = ("PermissionError", "FileNotFoundError", "not allowed to raise maximum limit")


@pytest.mark.usefixtures("obedient")
def test_a_child_that_was_taken_over_gets_nowhere(box: Sandbox, tmp_path: Path) -> None:
    if isolation._libc().prctl(calls.PR_SET_SECCOMP, 0, 0, 0, 0) and os.uname().machine not in calls.ARCHITECTURES:
        pytest.skip("there is no filter of system calls here")
    start = (
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\ndef fail():\n raise PermissionError('refused')\n"
    )
    for what, tried in FORBIDDEN.items():
        said = ordered(box, tmp_path, f"{start}{tried}\nraise Warning('it could')")
        assert any(refusal in said for refusal in REFUSALS), f"{what}: {said}"


@pytest.mark.usefixtures("obedient")
def test_one_file_leaves_nothing_for_the_next(box: Sandbox, tmp_path: Path) -> None:
    """Neither in memory, nor in the folder to work in, nor in what is open."""
    leave = (
        "import sys\nsys.left = 1\n(job.workspace / 'deep').mkdir()\n(job.workspace / 'deep' / 'left').write_text('x')"
    )
    ordered(box, tmp_path, leave)
    look = "import os, sys\nraise Warning(hasattr(sys, 'left'), os.listdir(job.workspace))"
    assert ordered(box, tmp_path, look).endswith("(False, [])")
    assert "PermissionError" in ordered(box, tmp_path, "import os; os.listdir(job.workspace.parent)")
    opened = (
        "import os\nhere = []\nfor fd in range(64):\n try: os.fstat(fd)\n except OSError: continue\n here.append(fd)"
    )
    assert ordered(box, tmp_path, f"{opened}\nraise Warning(here)").endswith("[0, 1, 2, 3, 4]"), "4 is the file"


# --- what it does ------------------------------------------------------------------------------------------


def test_the_three_tasks(box: Sandbox, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [scene({ANNA: (60, 60, 120)})] * FPS)
    (tmp_path / "photo.png").write_bytes(png(scene({ANNA: (60, 60, 140)})))
    found = box.analyze(path)
    assert isinstance(found, Analysis), found
    (track,) = found.tracks
    enrolled = box.enroll(tmp_path / "photo.png")
    assert isinstance(enrolled, Enrolment), enrolled
    assert len(enrolled.template.vector) == len(track.templates[0].vector) == 128
    moment = box.moment(path, MomentWanted(500, track.faces, ()))
    assert isinstance(moment, Moment), moment
    assert moment.still.startswith(b"\xff\xd8")
    assert moment.clip[4:8] == b"ftyp"
    box.close()
    assert _children() == [], "nothing of it is left"


def test_it_writes_only_where_it_is_told_and_leaves_nothing(held: str, tmp_path: Path, opening: Settings) -> None:
    path, workspace = plain_film(tmp_path / "a.mp4", 1), tmp_path / "work"
    workspace.mkdir()
    with sandbox.opened(opening, lambda: nullcontext(workspace)) as box:
        moment = box.moment(path, NOBODY)
        assert isinstance(moment, Moment)
        assert moment.clip
        assert isinstance(box.probe(ProbeRequest()), Probe)
    assert [left for left in workspace.rglob("*") if not left.is_dir()] == [], "but the folder of a child that waited"
    assert sorted(tmp_path.iterdir()) == [path, workspace]


def test_an_empty_ground_is_analysed_too(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(ground()))
    found = box.analyze(tmp_path / "a.png")
    assert isinstance(found, Analysis)
    assert found.tracks == ()


def test_a_picture_that_would_need_gigabytes_is_skipped(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_bomb(30_000, 30_000))
    verdict = rejected(box.enroll(tmp_path / "bomb.png"))
    assert verdict.fault == Fault.SKIPPED
    assert "LASTSEEN_MAX_MEGAPIXELS" in verdict.why


def test_a_file_that_is_not_there_is_our_own_fault(tmp_path: Path, opening: Settings) -> None:
    with sandbox.opened(opening) as box, pytest.raises(FileNotFoundError):
        box.analyze(tmp_path / "nonesuch")


def test_missing_weights_are_our_own_fault(held: str, tmp_path: Path, opening: Settings) -> None:
    other = opening.model_copy(update={"engine": "nonesuch"})
    with sandbox.opened(other) as box, pytest.raises(EngineUnavailable, match="there is no engine 'nonesuch'"):
        box.analyze(plain_film(tmp_path / "a.mp4", 0.5))


def test_what_forks_has_one_thread_and_outlives_its_children(box: Sandbox) -> None:
    """A fork takes one thread along; what another one held would stay held for ever."""
    assert isinstance(box.probe(ProbeRequest()), Probe)
    before = _descendants()
    assert len(before) >= 1
    assert [len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in before] == [1] * len(before)
    assert isinstance(box.probe(ProbeRequest()), Probe)
    assert set(before) <= set(_descendants())


def test_after_so_many_files_it_is_replaced(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "FILES", 2)
    box.probe(ProbeRequest())
    first = _descendants()
    assert first
    box.probe(ProbeRequest())
    assert _descendants() == []
    assert isinstance(box.probe(ProbeRequest()), Probe)
    assert not set(first) & set(_descendants())


# --- how it dies -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("obedient")
def test_the_deadline_kills(held: str, tmp_path: Path, opening: Settings) -> None:
    hurried = opening.model_copy(update={"analyze_deadline_seconds": 1})
    with sandbox.opened(hurried) as box:
        box.probe(ProbeRequest())
        began = time.monotonic()
        why = ordered(box, tmp_path, "while True: pass")
        assert 1 <= time.monotonic() - began < SOON
        assert "past its deadline of 1 s (LASTSEEN_ANALYZE_DEADLINE_SECONDS)" in why
        assert _children() == []
        assert isinstance(box.probe(ProbeRequest()), Probe), "the next file has a new sandbox"


@pytest.mark.usefixtures("obedient")
def test_a_child_ends_itself_at_its_own_deadline_which_a_long_video_moves(
    held: str, tmp_path: Path, opening: Settings
) -> None:
    """Whoever waits for it would wait for the longest video that there may be."""
    hurried = opening.model_copy(update={"analyze_deadline_seconds": 1, "max_duration_seconds": 3600})
    path = tmp_path / "program"
    with sandbox.opened(hurried) as box:
        box.probe(ProbeRequest())
        for moved, least in (("", 1), ("from extractors.child import grant\ngrant(3)\n", 3)):
            path.write_text(f"{moved}while True: pass")
            began = time.monotonic()
            why = rejected(box.analyze(path)).why
            assert "past its deadline of 1 s (LASTSEEN_ANALYZE_DEADLINE_SECONDS)" in why
            assert least <= time.monotonic() - began < SOON < Limits.of(hurried).latest


@pytest.mark.usefixtures("obedient")
def test_a_kill_from_outside_is_a_verdict(box: Sandbox, tmp_path: Path) -> None:
    for _ in range(2):
        box.probe(ProbeRequest())  # with the second, one is forked that waits
    killer = threading.Thread(target=_kill_the_one_with_the_file, args=(set(_descendants()),))
    killer.start()
    why = ordered(box, tmp_path, "import time; time.sleep(600)")
    killer.join()
    assert "was killed by signal 9" in why
    assert isinstance(box.probe(ProbeRequest()), Probe)


def test_a_sandbox_that_was_killed_while_it_waited_is_replaced(box: Sandbox) -> None:
    for _ in range(2):
        assert isinstance(box.probe(ProbeRequest()), Probe)
    (started,) = _children()
    os.kill(started, signal.SIGKILL)
    _until(lambda: not _lives(started))
    assert isinstance(box.probe(ProbeRequest()), Probe)


HOLDS = """
import sys
from pathlib import Path
from extractors import sandbox
from lastseen.records import MomentWanted
from lastseen.settings import Settings
sandbox.PROGRAM = ("-c", sys.argv[2])
if sys.argv[3] == "kernel":
    sandbox._bubblewrap = lambda: sandbox.Bubblewrap(None, "")
with sandbox.opened(Settings.model_construct(data_dir=Path(sys.argv[1]))) as box:
    box.moment(Path(sys.argv[1]) / "program", MomentWanted(0, (), ()))
    print("ready", flush=True)
    box.moment(Path(sys.argv[1]) / "sleep", MomentWanted(0, (), ()))
"""


def test_all_of_it_goes_when_whoever_opened_it_is_killed(held: str, tmp_path: Path) -> None:
    (tmp_path / "program").write_text("pass")
    (tmp_path / "sleep").write_text("import time; time.sleep(60)")
    command = [sys.executable, "-c", HOLDS, str(tmp_path), OBEYS, held]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        _until(lambda: len(_descendants(started.pid)) >= (5 if held == "bubblewrap" else 3))
        below = _descendants(started.pid)  # what forks, a child with a file, one that waits; bubblewrap itself is two
        started.kill()
    _until(lambda: not [pid for pid in below if _lives(pid)])


def test_bubblewrap_reports_the_signal_of_what_it_holds(tmp_path: Path) -> None:
    """It ends with 128 + the signal itself, when that killed all that it held."""
    died = processes.ChildDied(-signal.SIGSEGV, "")
    assert sandbox._fault(died, 1).why == "the child process was killed by signal 11"


def test_memory_has_its_limit(held: str, tmp_path: Path, opening: Settings) -> None:
    poor = opening.model_copy(update={"analyze_memory_mib": 512, "max_megapixels": 500})
    (tmp_path / "a.png").write_bytes(png_bomb(20_000, 20_000))
    with sandbox.opened(poor) as box:
        verdict = rejected(box.moment(tmp_path / "a.png", NOBODY))
    assert verdict.fault == Fault.DEFECT
    assert "more than 512 MiB of memory (LASTSEEN_ANALYZE_MEMORY_MIB)" in verdict.why


NONSENSE = {
    "no verdict that makes sense": "import os; os.write(channel, b'[]'); os._exit(0)",
    "killed by signal 6": "import os; os.abort()",
    "ended with status 1 (l\\x1b[31mast)": "import sys; sys.exit('first\\nl\\x1b[31mast')",
    "no verdict": "import os; os._exit(0)",
    "gave no verdict that makes sense": """import os
os.write(channel, b'{"template":{"kind":"photo","vector":[],"quality":1},'
b'"quality":{"width":1,"score":1,"sharpness":1,"pose":0},"crop":""}'); os._exit(0)""",
    "Surprise while it was read: boo": "class Surprise(Exception): pass\nraise Surprise('boo')",
}


@pytest.mark.usefixtures("obedient")
def test_children_that_talk_nonsense(box: Sandbox, tmp_path: Path) -> None:
    """Their last words are shown on one line, escaped; the others' files are opened all the same."""
    for why, program in NONSENSE.items():
        assert why in ordered(box, tmp_path, program)


@pytest.mark.usefixtures("obedient")
def test_a_child_that_says_too_much(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "VERDICT_BYTES", 1 << 20)
    why = ordered(box, tmp_path, "import os\nwhile True: os.write(channel, b'x' * 65536)")
    assert why == "the child process said more than 1 MiB"


@pytest.mark.usefixtures("obedient")
def test_a_child_that_has_answered_and_does_not_go_is_sent(box: Sandbox, tmp_path: Path) -> None:
    answer = b'{"fault":"DEFECT","why":"so it is"}'
    program = f"import os, time; os.write(channel, {answer!r}); os.close(channel); time.sleep(60)"
    assert ordered(box, tmp_path, program) == "so it is"
    assert _children() == []


# --- what is said of it ------------------------------------------------------------------------------------


def test_required_means_required(without_bubblewrap: None, tmp_path: Path, opening: Settings) -> None:
    strict = opening.model_copy(update={"sandbox": "required"})
    message = r"LASTSEEN_SANDBOX=required: install bubblewrap"
    with sandbox.opened(strict) as box, pytest.raises(SandboxUnavailable, match=message):
        box.moment(plain_film(tmp_path / "a.mp4", 0.5), NOBODY)
    with pytest.raises(SandboxUnavailable, match=r"^bubblewrap is not installed"):
        sandbox.describe(strict)


def test_a_sandbox_that_does_not_start_says_why(
    held: str, tmp_path: Path, opening: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "PROGRAM", ("-c", "raise SystemExit('no such luck')"))
    with sandbox.opened(opening) as box, pytest.raises(SandboxUnavailable, match=r"status 1 \(no such luck\)"):
        box.probe(ProbeRequest())
    assert _children() == []


def test_what_holds_it_is_described(without_bubblewrap: None, opening: Settings) -> None:
    said = sandbox.describe(opening)
    assert said.endswith("limits; bubblewrap is not installed: install bubblewrap 0.8 or newer")
    assert ("Landlock" in said) == _has_landlock()


def test_bubblewrap_is_described(opening: Settings) -> None:
    if sandbox._bubblewrap().program is None:
        pytest.skip(sandbox._bubblewrap().why)
    said = sandbox.describe(opening)
    assert said == "bubblewrap (no network, no files but the one), system calls filtered, limits"


def _children(pid: int | str = "self") -> list[int]:
    """Processes that any thread of one started, but for those that fork commands for other tests."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [one for listed in lists for one in map(int, _read(listed).split()) if one not in RUNNING]


def _descendants(pid: int | str = "self") -> list[int]:
    below = _children(pid)
    return [*below, *(deeper for one in below for deeper in _descendants(one))]


def _lives(pid: int) -> bool:
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].strip()[:1] not in ("", "Z")


def _began(pid: int) -> int:
    """In ticks since the machine started; 0: it is gone."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return int(fields[19]) if fields else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _kill_the_one_with_the_file(before: set[int]) -> None:
    """The newest of those who lived before there was a file: it waited for it, and had it before another was forked.

    Numbers say nothing: they begin anew at times.
    """
    _until(lambda: bool(set(_descendants()) - before))
    os.kill(max(before, key=_began), signal.SIGKILL)


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def _has_landlock() -> bool:
    return bool(isolation._libc().syscall(isolation.CREATE_RULESET, None, 0, isolation.ABI_VERSION) > 0)


def _may_unshare() -> bool:
    tried = os.fork()
    if tried == 0:
        os._exit(0 if isolation._libc().unshare(isolation.NEW_USER | isolation.NEW_NETWORK) == 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(tried, 0)[1]) == 0
