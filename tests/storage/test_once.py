"""Private files that are made once."""

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from storage.once import made_once

MAKERS = 8

KILLED = """
import os, signal, sys
from pathlib import Path
from storage.once import made_once
real = os.fsync
def fsync(file):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = fsync
made_once(Path(sys.argv[1]), lambda: b"half")
"""


def test_it_is_made_once_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.key"
    assert made_once(path, lambda: b"first") == b"first"
    assert made_once(path, lambda: b"second") == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_of_many_makers_one_wins_and_all_agree(tmp_path: Path) -> None:
    path, together = tmp_path / "a.key", Barrier(MAKERS)

    def make(number: int) -> bytes:
        def content() -> bytes:
            together.wait(10)  # all have seen that it is not there
            return bytes([number]) * 32

        return made_once(path, content)

    with ThreadPoolExecutor(MAKERS) as pool:
        got = set(pool.map(make, range(MAKERS)))
    assert got == {path.read_bytes()}
    assert list(tmp_path.iterdir()) == [path]


def test_a_maker_that_is_killed_leaves_no_half_file(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()
    assert made_once(path, lambda: b"whole") == b"whole"


def test_file_and_name_are_on_the_disk_before_anyone_relies_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink().name.partition(".key.")[0])
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    made_once(tmp_path / "keys" / "a.key", lambda: b"key")
    assert synced == ["a", "keys"]
