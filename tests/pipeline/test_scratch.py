"""Scratch folders: fresh, private, and gone when their worker is, however it went."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lastseen.settings import Settings
from pipeline import scratch

HOLD = """
import sys
from pathlib import Path
from pipeline import scratch
with scratch.folder(Path(sys.argv[1])) as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "media").write_bytes(b"hostile")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_fresh_private_and_gone_afterwards(tmp_path: Path) -> None:
    root = tmp_path / "data" / "scratch"
    with scratch.folder(root) as one, scratch.folder(root) as other:
        assert one != other
        assert one.is_absolute()
        assert list(one.iterdir()) == []
        assert [stat.S_IMODE(path.stat().st_mode) for path in (root, one, other)] == [0o700] * 3
        (one / "media").write_bytes(b"hostile")
    assert list(root.iterdir()) == []


def test_it_goes_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch.folder(tmp_path) as folder:
        (folder / "media").write_bytes(bytes(1 // 0))
    assert list(tmp_path.iterdir()) == []


def test_a_relative_root_gives_an_absolute_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with scratch.folder(Path(".lastseen/scratch")) as folder:
        assert folder.parent == (tmp_path / ".lastseen" / "scratch").resolve()


def test_what_a_killed_worker_left_is_swept_and_what_is_held_is_not(tmp_path: Path) -> None:
    with (
        scratch.folder(tmp_path) as held,
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as worker,
    ):
        assert worker.stdout
        left = Path(worker.stdout.readline().strip())
        assert scratch.sweep(tmp_path) == 0
        assert (left / "deep" / "media").exists(), "its worker lives"
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert (left / "deep" / "media").exists(), "nobody was there to delete it"
        assert scratch.sweep(tmp_path) == 1
        assert not left.exists()
        assert held.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_lost_its_lock_and_a_lock_without_folder_go(tmp_path: Path) -> None:
    (tmp_path / "0123456789abcdef").mkdir()
    (tmp_path / "fedcba9876543210.lock").touch()
    assert scratch.sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
    assert scratch.sweep(tmp_path / "nonesuch") == 0


def test_what_cannot_be_deleted_now_is_left_for_the_next_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0123456789abcdef" / "deep").mkdir(parents=True)
    with monkeypatch.context() as busy:
        busy.setattr(shutil, "rmtree", lambda *_, **__: None)  # root, as which tests may run, can delete anything
        assert scratch.sweep(tmp_path) == 0
    assert scratch.sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_takers_and_sweepers_at_once(tmp_path: Path) -> None:
    def work(number: int) -> None:
        for _ in range(30):
            with scratch.folder(tmp_path) as folder:
                (folder / "mine").write_text(str(number))
                scratch.sweep(tmp_path)
                assert (folder / "mine").read_text() == str(number)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def settings_here(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / "data")


def test_a_kept_folder_stays_from_one_try_to_the_next(settings_here: Settings, tmp_path: Path) -> None:
    with scratch.kept(settings_here, "item", tmp_path / "other") as folder:
        (folder / "begun").write_text("x")
    with scratch.kept(settings_here, "item", tmp_path / "other") as folder:
        assert (folder / "begun").read_text() == "x"
        with scratch.kept(settings_here, "item", tmp_path / "other") as another:
            assert another == tmp_path / "other", "somebody else has it"
        shutil.rmtree(folder)
    assert list((settings_here.data_dir / "partial").iterdir()) == []


def test_a_kept_folder_that_nobody_goes_on_with_is_swept(settings_here: Settings, tmp_path: Path) -> None:
    with scratch.kept(settings_here, "item", tmp_path / "other") as folder:
        (folder / "begun").write_text("x")
    scratch.sweep_partials(settings_here)
    assert folder.is_dir()
    for path in (folder, folder.with_name("item.lock")):
        os.utime(path, (0, 0))
    scratch.sweep_partials(settings_here)
    assert list((settings_here.data_dir / "partial").iterdir()) == []
