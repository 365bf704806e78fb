"""Long films out of short ones, and what is made of pictures."""

from pathlib import Path

import av
import numpy as np
import pytest

from extractors.faces.protocol import Detection
from lastseen.errors import WrongUse
from lastseen.records import Box
from pipeline.bench import films
from pipeline.bench.pictures import people, sized
from pipeline.bench.views import degraded
from tests.extractors.films import FPS, ground, plain_film, png


def test_a_film_is_repeated_until_it_is_as_long_as_asked_for(tmp_path: Path) -> None:
    short = plain_film(tmp_path / "short.mp4", seconds=2)
    once = films.encoded(short, tmp_path / "once.mp4", height=180)
    long = films.looped(once, tmp_path / "long.mp4", length=7)
    assert films.seconds(short) == films.seconds(once) == pytest.approx(2, abs=0.01)
    with av.open(str(long)) as container:
        frames = [frame.pts or 0 for frame in container.decode(video=0)]
        assert (container.streams.video[0].width, container.streams.video[0].height) == (320, 180)
    assert len(frames) == 7 * FPS
    assert frames == sorted(set(frames))
    assert films.seconds(long) == pytest.approx(7, abs=0.01)


def test_folders_are_people_and_else_each_photo_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(ground()))
    (tmp_path / "clip.mp4").touch()
    (tmp_path / ".hidden.png").touch()
    assert people(tmp_path) == {"a.png": [tmp_path / "a.png"]}
    (tmp_path / "26-001").mkdir()
    (tmp_path / "26-001" / "b.JPG").touch()
    (tmp_path / "notes").mkdir()
    assert people(tmp_path) == {"26-001": [tmp_path / "26-001" / "b.JPG"]}


def test_a_folder_without_pictures_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="holds no pictures"):
        people(tmp_path)
    with pytest.raises(WrongUse, match="is no folder"):
        people(tmp_path / "nowhere")


def test_a_picture_is_sized_by_its_longer_side() -> None:
    assert sized(ground(size=(480, 270)), 320).shape == (180, 320, 3)
    assert sized(ground(size=(90, 160)), 320).shape == (320, 180, 3)


def test_a_view_is_small_and_its_face_lies_where_it_is_said_to() -> None:
    picture = ground(40, (400, 300))
    picture[100:200, 150:250] = 230
    points = np.array([(170, 130), (230, 130), (200, 160), (180, 180), (220, 180)], np.float32)
    random = np.random.default_rng(1)
    for _ in range(20):
        view = degraded(picture, Detection(Box(150, 100, 100, 100), 1.0, points), random)
        box, found = view.found.box, view.found.points
        assert 28 < box.width < 80
        assert found is not None
        inside = (found >= (box.x, box.y)) & (found <= (box.x + box.width, box.y + box.height))
        assert inside.all()
        grey = view.pixels.mean(axis=2)
        row, column = round(box.y + box.height / 2), round(box.x + box.width / 2)
        assert grey[row - 2 : row + 3, column - 2 : column + 3].mean() > grey[:4].mean() + 20
