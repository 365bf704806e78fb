"""Sessions, threads, and what is said when a model cannot be loaded."""

import os
from pathlib import Path

import cv2
import pytest

from extractors import cores as extractors_cores
from extractors.cores import available_cores
from extractors.faces.protocol import EngineUnavailable
from extractors.faces.sessions import session, use_threads
from extractors.faces.weights import CNN_DETECTOR


def test_cores_are_those_of_the_affinity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(extractors_cores, "GROUP_QUOTA", tmp_path / "none")
    before = os.sched_getaffinity(0)
    assert available_cores() == len(before)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("said", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 64), ("nonsense", 64)]
)
def test_cores_are_limited_by_the_control_group(
    said: str, cores: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpu.max").write_text(said)
    monkeypatch.setattr(extractors_cores, "GROUP_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert available_cores() == cores


def test_opencv_gets_what_the_sessions_get() -> None:
    before = cv2.getNumThreads()
    try:
        assert use_threads(1) == 1
        assert cv2.getNumThreads() == 1
        assert use_threads(0) == available_cores() == cv2.getNumThreads()
    finally:
        cv2.setNumThreads(before)


def test_a_session_has_the_threads_it_was_given(models_dir: Path) -> None:
    from extractors.faces import converted

    opened = converted.load(models_dir, CNN_DETECTOR, 1)
    assert opened.get_session_options().intra_op_num_threads == 1
    assert opened.get_providers() == ["CPUExecutionProvider"]


def test_what_is_no_model_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "torn.onnx").write_bytes(b"\x08\x08rubbish")
    with pytest.raises(EngineUnavailable, match=r"ONNX Runtime cannot load torn\.onnx: "):
        session(tmp_path / "torn.onnx", 1)
    with pytest.raises(EngineUnavailable, match=r"cannot load gone\.onnx: .*"):
        session(tmp_path / "gone.onnx", 1)
    with pytest.raises(EngineUnavailable, match="cannot load a model in memory"):
        session(b"rubbish", 1)
    assert capfd.readouterr().err == "", "what is raised is not also written"
