"""The commands as a script calls them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lastseen.errors import Failure, WrongUse
from pipeline.bench import faces, pooling, video
from pipeline.bench.ours import Chosen
from tests.extractors.films import ANNA, FPS, film, ground, png, scene

BENCH = [sys.executable, "-c", "from pipeline.cli import main; main()", "bench"]


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """A drawn head, and a photo that shows nobody."""
    for person, picture in {"anna": scene({ANNA: (60, 20, 220)}), "nobody": ground()}.items():
        (tmp_path / "register" / person).mkdir(parents=True)
        (tmp_path / "register" / person / "photo.png").write_bytes(png(picture))
    return tmp_path / "register"


def test_a_clip_is_measured_without_the_peer(register: Path, tmp_path: Path, models_dir: Path) -> None:
    clip = film(tmp_path / "clip.mp4", [scene({ANNA: (60 + n, 60, 140)}) for n in range(FPS)])
    words = [
        "video",
        str(clip),
        "--register",
        str(register),
        "--engine",
        "dlib",
        "--no-peer",
        "--rounds",
        "1",
        "--json",
    ]
    environment = {**os.environ, "LASTSEEN_MODELS_DIR": str(models_dir), "LASTSEEN_THREADS": "1"}
    done = subprocess.run([*BENCH, *words], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    said = json.loads(line)
    assert said["people_found"] == 1
    assert list(said["people"]) == ["anna"]
    assert said["tracks"] == said["tracks_searched"] == 1
    assert said["engines"]["dlib"]["over_decode"] == said["over_decode"] > 1
    assert said["x_real_time"] == pytest.approx(1 / said["seconds"], abs=0.1)
    assert said["peak_mib"] > 100
    assert "ratio" not in said


def test_a_clip_or_a_folder_that_is_not_there_is_wrong_use(register: Path, tmp_path: Path) -> None:
    nowhere, empty = tmp_path / "nowhere", tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(WrongUse, match="nowhere is no folder"):
        faces.run(nowhere, tmp_path, threads=1, pairs=1)
    with pytest.raises(WrongUse, match="empty holds no pictures"):
        pooling.run(empty, Chosen("dlib", tmp_path, 1))
    with pytest.raises(WrongUse, match=r"there is no file .*nowhere"):
        video.run(wish(nowhere, register, tmp_path))


def test_pictures_without_a_face_are_no_measurement(tmp_path: Path, models_dir: Path) -> None:
    faceless = tmp_path / "faceless"
    faceless.mkdir()
    (faceless / "a.png").write_bytes(png(ground()))
    (faceless / "b.png").write_bytes(b"no picture")
    clip = film(tmp_path / "clip.mp4", [ground()] * 3)
    with pytest.raises(Failure, match="no face was found in 1 pictures"):
        faces.run(faceless, models_dir, threads=1, pairs=1)
    with pytest.raises(Failure, match="0 faces of 0 people are too few"):
        pooling.run(faceless, Chosen("dlib", models_dir, 1))
    with pytest.raises(Failure, match=r"no photo in .*faceless was accepted"):
        video.run(wish(clip, faceless, models_dir))


def wish(clip: Path, register: Path, models: Path) -> video.Wish:
    return video.Wish(clip, register, ("dlib",), models, threads=1, rounds=1, with_peer=False, minutes=(), boxed=False)
