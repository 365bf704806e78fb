"""The cache of converted models: written once, whole or not at all, and never believed when it is damaged."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors.faces import converted, weights
from extractors.faces.protocol import EngineUnavailable
from extractors.faces.weights import CNN_DETECTOR, EMBEDDER

PREPARE = (
    "import sys; from pathlib import Path; from extractors.faces import converted; converted.prepare(Path(sys.argv[1]))"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that these tests damage and have mended."""
    models = tmp_path_factory.mktemp("models")
    converted.prepare(models)
    return models


@pytest.fixture
def mended(made: Path) -> Iterator[Path]:
    """The folder, whole again afterwards."""
    yield made
    converted.prepare(made)


def test_prepare_does_nothing_twice(made: Path) -> None:
    before = _times(made)
    assert len(before) == 6
    converted.prepare(made)
    assert _times(made) == before


def test_nothing_is_converted_by_who_only_reads(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"resnet_model_v1\.dat is not converted in .*lastseen models check"):
        converted.load(tmp_path, EMBEDDER, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [".weights", ".onnx", ".json"])
@pytest.mark.parametrize("act", ["flip", "cut", "empty"])
def test_a_damaged_file_is_noticed_and_made_again(mended: Path, kind: str, act: str) -> None:
    (file,) = (mended / converted.FOLDER).glob(f"mmod*{kind}")
    whole = file.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 0x20]) + whole[middle + 1 :]
    file.write_bytes({"flip": flipped, "cut": whole[:middle], "empty": b""}[act])
    with pytest.raises(EngineUnavailable, match=r"mmod_human_face_detector\.dat .*lastseen models check"):
        converted.load(mended, CNN_DETECTOR, 1)
    converted.prepare(mended)
    assert file.read_bytes() == whole, "the same conversion gives the same file"
    converted.load(mended, CNN_DETECTOR, 1)


def test_a_file_that_went_is_made_again(mended: Path) -> None:
    (file,) = (mended / converted.FOLDER).glob("mmod*.weights")
    file.unlink()
    with pytest.raises(EngineUnavailable, match="not converted"):
        converted.load(mended, CNN_DETECTOR, 1)
    converted.prepare(mended)
    assert file.exists()


@pytest.mark.parametrize("said", ["[]", "{}", '{"graph": 1, "weights": 2}', '{"graph": {"name": 3}}'])
def test_nonsense_in_the_note_is_noticed(mended: Path, said: str) -> None:
    (note,) = (mended / converted.FOLDER).glob("mmod*.json")
    note.write_text(said)
    with pytest.raises(EngineUnavailable, match="cannot be read"):
        converted.load(mended, CNN_DETECTOR, 1)


def test_another_processor_has_graphs_of_its_own(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "getCPUFeaturesLine", lambda: "NEON")
    converted.key.cache_clear()
    try:
        with pytest.raises(EngineUnavailable, match="is not converted"):
            converted.load(made, CNN_DETECTOR, 1)
    finally:
        converted.key.cache_clear()


def test_two_processes_at_once(tmp_path: Path) -> None:
    both = [subprocess.Popen([sys.executable, "-c", PREPARE, str(tmp_path)]) for _ in range(2)]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    folder = tmp_path / converted.FOLDER
    assert sorted(file.suffix for file in folder.iterdir()) == sorted([".json", ".onnx", ".weights"] * 2)
    chips = np.zeros((1, 150, 150, 3), np.uint8)
    assert converted.load(tmp_path, EMBEDDER, 1).run(None, {"chips": chips})[0].shape == (1, 128)


def test_damaged_weights_are_not_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "worn_models" / "models").mkdir(parents=True)
    (tmp_path / "worn_models" / "__init__.py").touch()
    (tmp_path / "worn_models" / "models" / CNN_DETECTOR.name).write_bytes(b"worn")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(weights, "PACKAGE", "worn_models")
    with pytest.raises(EngineUnavailable, match="is damaged or another version"):
        converted.prepare(tmp_path / "models")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file stands in the way")
    with pytest.raises(EngineUnavailable, match="cannot be kept in"):
        converted.prepare(tmp_path / "models")


def _times(models: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (models / converted.FOLDER).iterdir()}
