"""The child that opens files: what it cannot reach, and that each of its deaths is a verdict.

Every test runs behind bubblewrap and once more with what the kernel alone gives.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extractors import child, isolation, processes, sandbox
from extractors.faces import EngineUnavailable
from extractors.limits import Limits
from extractors.sandbox import Bubblewrap, SandboxUnavailable
from extractors.wire import Probe, ProbeRequest, Request
from lastseen.outcomes import Fault
from lastseen.records import Analysis, Enrolment, Moment, MomentWanted, Rejection
from lastseen.settings import Settings
from tests.extractors.films import ANNA, FPS, film, ground, plain_film, png, scene
from tests.extractors.test_media import png_bomb

MISSING = Bubblewrap(None, "bubblewrap is not installed")
MUTANTS = 100


@pytest.fixture(params=["bubblewrap", "kernel"])
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to hold a child."""
    if request.param == "bubblewrap" and sandbox._bubblewrap().program is None:
        pytest.skip(sandbox._bubblewrap().why)
    if request.param == "kernel":
        monkeypatch.setattr(sandbox, "_bubblewrap", lambda: MISSING)
    return str(request.param)


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


# --- what it cannot do -------------------------------------------------------------------------------------


def test_it_reads_nothing_but_its_file(held: str, tmp_path: Path, opening: Settings) -> None:
    """Neither a sibling, nor the data folder, nor the system's own files, nor this very test."""
    if held == "kernel" and not _has_landlock():
        pytest.skip("this kernel has no Landlock")
    secret = tmp_path / "data" / "keys" / "template.key"
    secret.parent.mkdir(parents=True)
    secret.write_text("secret")
    sibling = plain_film(tmp_path / "sibling.mp4", 0.5)
    hidden = [secret, sibling, Path("/etc/hostname"), Path("/etc/passwd"), Path("/proc/1/environ"), Path(__file__)]
    readable = [Path(sandbox.__file__)]
    asked = tuple(str(path) for path in [*hidden, *readable])
    assert all(path.is_file() for path in [*hidden, *readable]), "they are there for us"
    probe = sandbox.probe(ProbeRequest(asked), opening)
    assert isinstance(probe, Probe)
    assert probe.readable == tuple(str(path) for path in readable), "only the program itself"


def test_it_has_no_network(held: str, opening: Settings) -> None:
    if held == "kernel" and not _may_unshare():
        pytest.skip("this kernel gives no namespaces to this user")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert child._connects(("127.0.0.1", port), socket.SOCK_STREAM), "it is there for us"
        probe = sandbox.probe(ProbeRequest(port=port), opening)
    assert isinstance(probe, Probe)
    assert not probe.connected
    assert not probe.outward


HELD_CAPABILITIES = """
import ctypes, struct, sys
from pathlib import Path
from extractors import isolation
isolation.limit(4096, 20)
isolation.hold_self(None, Path(sys.argv[1]))
held = ctypes.create_string_buffer(24)
header = struct.pack("=Ii", isolation.CAPABILITY_VERSION_3, 0)
print(isolation._libc().capget(header, held), held.raw.strip(bytes(1)).hex() or "none")
"""


def test_its_namespaces_leave_it_no_capabilities(tmp_path: Path) -> None:
    if not _may_unshare():
        pytest.skip("this kernel gives no namespaces to this user")
    command = [sys.executable, "-c", HELD_CAPABILITIES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 none"


def test_it_gets_none_of_our_environment(held: str, opening: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LASTSEEN_S3_SECRET_KEY", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    probe = sandbox.probe(ProbeRequest(), opening)
    assert isinstance(probe, Probe)
    ours = {"HOME", "LANG", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONPATH"}
    assert set(probe.environment) - {"PWD", "LC_CTYPE"} == ours


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile sibling.mp4\n", "#EXTM3U\n#EXTINF:10,\n{sibling}\n"])
def test_a_file_that_names_its_sibling(held: str, tmp_path: Path, opening: Settings, text: str) -> None:
    sibling = plain_film(tmp_path / "sibling.mp4", 0.5)
    (tmp_path / "evil.mp4").write_text(text.format(sibling=sibling))
    verdict = rejected(sandbox.analyze(tmp_path / "evil.mp4", opening))
    assert verdict.fault == Fault.DEFECT
    assert "neither a video nor a picture" in verdict.why


# --- what it does ------------------------------------------------------------------------------------------


def test_the_three_tasks(held: str, tmp_path: Path, opening: Settings) -> None:
    path = film(tmp_path / "a.mp4", [scene({ANNA: (60, 60, 120)})] * FPS)
    (tmp_path / "photo.png").write_bytes(png(scene({ANNA: (60, 60, 140)})))
    found = sandbox.analyze(path, opening)
    assert isinstance(found, Analysis), found
    (track,) = found.tracks
    enrolled = sandbox.enroll(tmp_path / "photo.png", opening)
    assert isinstance(enrolled, Enrolment), enrolled
    assert len(enrolled.template.vector) == len(track.templates[0].vector) == 128
    moment = sandbox.moment(path, MomentWanted(500, track.faces, ()), opening)
    assert isinstance(moment, Moment), moment
    assert moment.still.startswith(b"\xff\xd8")
    assert moment.clip[4:8] == b"ftyp"
    assert _children() == [], "nothing of them is left"


def test_it_works_beside_its_file_and_leaves_nothing(
    held: str, tmp_path: Path, opening: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's folder is swept when its worker was killed; the machine's own temporary folder would not be."""
    path = film(tmp_path / "a.mp4", [scene({ANNA: (60, 60, 120)})] * FPS)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nonesuch"))
    moment = sandbox.moment(path, MomentWanted(0, (), ()), opening)
    assert isinstance(moment, Moment)
    assert moment.clip
    assert isinstance(sandbox.probe(ProbeRequest(), opening), Probe)
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_that_would_need_gigabytes_is_skipped(held: str, tmp_path: Path, opening: Settings) -> None:
    (tmp_path / "bomb.png").write_bytes(png_bomb(30_000, 30_000))
    verdict = rejected(sandbox.enroll(tmp_path / "bomb.png", opening))
    assert verdict.fault == Fault.SKIPPED
    assert "LASTSEEN_MAX_MEGAPIXELS" in verdict.why


def test_a_file_that_is_not_there_is_our_own_fault(tmp_path: Path, opening: Settings) -> None:
    with pytest.raises(FileNotFoundError):
        sandbox.analyze(tmp_path / "nonesuch", opening)


def test_missing_weights_are_our_own_fault(held: str, tmp_path: Path, opening: Settings) -> None:
    other = opening.model_copy(update={"engine": "nonesuch"})
    with pytest.raises(EngineUnavailable, match="there is no engine 'nonesuch'"):
        sandbox.analyze(plain_film(tmp_path / "a.mp4", 0.5), other)


# --- how it dies -------------------------------------------------------------------------------------------


def test_the_deadline_kills(held: str, tmp_path: Path, opening: Settings) -> None:
    hurried = opening.model_copy(update={"analyze_deadline_seconds": 1})
    path = film(tmp_path / "a.mp4", [scene({ANNA: (60, 60, 120)}, size=(1920, 1080))] * 2)
    began = time.monotonic()
    verdict = rejected(sandbox.analyze(path, hurried))
    assert time.monotonic() - began < 5
    assert verdict.fault == Fault.DEFECT
    assert "past its deadline of 1 s (LASTSEEN_ANALYZE_DEADLINE_SECONDS)" in verdict.why
    assert _children() == []


def test_a_kill_from_outside_is_a_verdict(held: str, tmp_path: Path, opening: Settings) -> None:
    path = film(tmp_path / "a.mp4", [scene({ANNA: (60, 60, 120)})] * FPS)
    killer = threading.Thread(target=_kill_a_child)
    killer.start()
    verdict = rejected(sandbox.analyze(path, opening))
    killer.join()
    assert verdict.fault == Fault.DEFECT
    assert "was killed by signal 9" in verdict.why


def test_bubblewrap_reports_the_signal_of_what_it_holds() -> None:
    """It ends with 128 + the signal itself."""
    died = processes.ChildDied(128 + signal.SIGSEGV, "")
    assert sandbox._death(died).why == "the child process was killed by signal 11"


def test_memory_has_its_limit(held: str, tmp_path: Path, opening: Settings) -> None:
    poor = opening.model_copy(update={"analyze_memory_mib": 512, "max_megapixels": 500})
    (tmp_path / "a.png").write_bytes(png_bomb(20_000, 20_000))
    verdict = rejected(sandbox.moment(tmp_path / "a.png", MomentWanted(0, (), ()), poor))
    assert verdict.fault == Fault.DEFECT
    assert "more than 512 MiB of memory (LASTSEEN_ANALYZE_MEMORY_MIB)" in verdict.why


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("print('[]')", "no verdict that makes sense"),
        ("import os; os.abort()", "killed by signal 6"),
        ("import sys; sys.exit('first\\nl\\x1b[31mast')", "ended with status 1 (l\\x1b[31mast)"),
        ("pass", "no verdict that makes sense"),
    ],
)
def test_a_child_that_talks_nonsense(program: str, why: str) -> None:
    """Its last words are shown on one line, escaped."""
    request = Request("analyze", "", "", "", Limits(1, 1, 1.0, 1))
    verdict = rejected(sandbox._run([sys.executable, "-I", "-c", program], request, 20))
    assert verdict.fault == Fault.DEFECT
    assert why in verdict.why


def test_a_child_that_says_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "VERDICT_BYTES", 1 << 20)
    request = Request("analyze", "", "", "", Limits(1, 1, 1.0, 1))
    endless = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    verdict = rejected(sandbox._run([sys.executable, "-I", "-c", endless], request, 20))
    assert verdict.why == "the child process said more than 1 MiB"


# --- damaged files -----------------------------------------------------------------------------------------


def test_every_mutant_has_an_outcome(tmp_path: Path) -> None:
    """Films with bytes overwritten, cut out or doubled: a moment, a finding or a rejection, never anything else."""
    _mutants(tmp_path, MUTANTS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.extractors.open_all", str(tmp_path)], capture_output=True, text=True, check=True
    )
    outcomes = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert len(outcomes) == MUTANTS, done.stderr
    kinds = Counter(outcome.split(" ")[0] for outcome in outcomes.values())
    assert set(kinds) <= {"Analysis", "Moment", "Rejection", "signal"}, kinds
    assert kinds["Rejection"] >= 3, "some are damaged beyond reading"
    assert kinds["Moment"] >= 3, "some still show something"


def test_mutants_behind_the_wall(held: str, tmp_path: Path, opening: Settings) -> None:
    _mutants(tmp_path, 4)
    for path in sorted(tmp_path.glob("*.mp4")):
        assert isinstance(sandbox.moment(path, MomentWanted(200, (), ()), opening), Moment | Rejection)


def _mutants(folder: Path, count: int) -> None:
    whole = plain_film(folder / "whole.mp4", 1).read_bytes()
    (folder / "whole.mp4").unlink()
    for number in range(count):
        chance = random.Random(number)  # the same mutants each time
        (folder / f"{number}.mp4").write_bytes(_mutant(whole, chance))


# --- what is said of it ------------------------------------------------------------------------------------


def test_required_means_required(without_bubblewrap: None, tmp_path: Path, opening: Settings) -> None:
    strict = opening.model_copy(update={"sandbox": "required"})
    with pytest.raises(SandboxUnavailable, match=r"LASTSEEN_SANDBOX=required: install bubblewrap"):
        sandbox.analyze(plain_film(tmp_path / "a.mp4", 0.5), strict)
    with pytest.raises(SandboxUnavailable, match=r"^bubblewrap is not installed"):
        sandbox.describe(strict)


def test_what_holds_it_is_described(without_bubblewrap: None, opening: Settings) -> None:
    said = sandbox.describe(opening)
    assert said.endswith("limits; bubblewrap is not installed: install bubblewrap 0.8 or newer")
    assert ("Landlock" in said) == _has_landlock()


def test_bubblewrap_is_described(opening: Settings) -> None:
    if sandbox._bubblewrap().program is None:
        pytest.skip(sandbox._bubblewrap().why)
    assert sandbox.describe(opening) == "bubblewrap (no network, no files but the one), limits"


def _mutant(whole: bytes, chance: random.Random) -> bytes:
    """Mostly a few bytes overwritten; now and then some cut out or doubled, which breaks the index."""
    content = bytearray(whole)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content))
        length = chance.choice((1, 4, 64))
        match chance.randrange(12):
            case 0:
                del content[at : at + length]
            case 1:
                content[at:at] = content[at : at + length]
            case _:
                content[at : at + length] = chance.randbytes(length)
    return bytes(content)


def _children() -> list[int]:
    """Processes that any thread of this one started."""
    lists = Path("/proc/self/task").glob("*/children")
    return [int(pid) for listed in lists for pid in _read(listed).split()]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _kill_a_child() -> None:
    _until(lambda: any("extractors.child" in _read(Path(f"/proc/{pid}/cmdline")) for pid in _children()))
    time.sleep(0.3)
    for pid in _children():
        os.kill(pid, signal.SIGKILL)


def _until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
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


def test_an_empty_ground_is_analysed_too(held: str, tmp_path: Path, opening: Settings) -> None:
    (tmp_path / "a.png").write_bytes(png(ground()))
    found = sandbox.analyze(tmp_path / "a.png", opening)
    assert isinstance(found, Analysis)
    assert found.tracks == ()
