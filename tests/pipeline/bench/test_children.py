"""The child processes that the benches ask."""

import os
import sys
from pathlib import Path

import pytest

from lastseen.errors import Failure, WrongUse
from pipeline.bench import ours, peer
from pipeline.bench.children import child, peak_mib
from pipeline.bench.pictures import people


def test_a_child_does_what_it_is_asked_in_a_process_of_its_own() -> None:
    with child(threads=1) as asked:
        assert asked.ask(os.getpid) != os.getpid()
        assert asked.ask(os.getenv, "OMP_NUM_THREADS") == "1"
        assert asked.timed(3, sum, [1, 2]).made == 3
        assert 1 < asked.peak_mib() < peak_mib()


def test_a_failure_over_there_is_one_here(tmp_path: Path) -> None:
    with child(threads=1) as asked:
        with pytest.raises(WrongUse, match="is no folder"):
            asked.ask(people, tmp_path / "nowhere")
        with pytest.raises(Failure, match="cannot open"):
            asked.ask(peer.Capture, tmp_path / "no.mp4")
        assert asked.ask(os.getpid)


def test_a_child_that_died_is_told_of(capfd: pytest.CaptureFixture[str]) -> None:
    with child(threads=1) as asked, pytest.raises(RuntimeError, match="died: see above"):
        asked.ask(ours.decode, Path("/nonexistent.mp4"))
    assert "FileNotFoundError" in capfd.readouterr().err


def test_a_peer_that_is_not_installed_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "face_recognition.py").write_text("raise ImportError('No module named pkg_resources')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    peer.package.cache_clear()
    with pytest.raises(peer.PeerMissing, match=r"No module named pkg_resources.*'setuptools<81'"):
        peer.ready()
