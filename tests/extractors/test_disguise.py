"""A reference photo as if somebody had published it."""

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from extractors import sandbox
from extractors.disguise import disguise_file
from extractors.faces import Engine
from extractors.limits import Limits
from extractors.slides import framed
from lastseen.choices import Choices
from lastseen.outcomes import Fault
from lastseen.records import Box, Disguised, DisguiseWanted, FilmWanted, Pixels, Rejection
from lastseen.settings import Settings
from tests.extractors.films import ANNA, BOHDAN, ground, png, scene

CHOICES = Choices()


def disguised(photo: bytes, wanted: DisguiseWanted, engine: Engine, limits: Limits) -> Disguised | Rejection:
    return disguise_file(io.BytesIO(photo), wanted, engine, limits, CHOICES, Path())


FILM = FilmWanted(640, 360, 25.0, 6.0, 60.0, 28, 0.12, (0.6, -0.4), 83_000)


def framed_photo() -> Pixels:
    """A photo that is higher than wide."""
    return scene({ANNA: (110, 60, 140)}, size=(360, 480))


def size(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as opened:
        return opened.size


@pytest.fixture(scope="module")
def photo() -> bytes:
    return png(scene({ANNA: (60, 60, 140)}))


def test_the_face_is_as_wide_as_is_wanted_on_crop_and_whole(photo: bytes, engine: Engine, limits: Limits) -> None:
    made = {width: disguised(photo, DisguiseWanted(width, 90), engine, limits) for width in (40.0, 80.0, 10_000.0)}
    small, middle, whole = (one for one in made.values() if isinstance(one, Disguised))
    assert size(middle.still)[0] == pytest.approx(2 * size(small.still)[0], abs=2)
    assert size(middle.crop)[0] == pytest.approx(2 * size(small.crop)[0], abs=3)
    assert size(small.crop)[0] == pytest.approx(40 * 2.2, abs=3)
    assert small.eyes and middle.eyes
    assert np.array(middle.eyes) == pytest.approx(2 * np.array(small.eyes), abs=2)
    assert size(whole.still) == scene({}).shape[1::-1], "never larger than it was"


def test_a_poorer_jpeg_shows(photo: bytes, engine: Engine, limits: Limits) -> None:
    made = [disguised(photo, DisguiseWanted(10_000, quality), engine, limits) for quality in (95, 20)]
    good, poor = (np.asarray(Image.open(io.BytesIO(one.still)), float) for one in made if isinstance(one, Disguised))
    plain = scene({ANNA: (60, 60, 140)}).astype(float)
    assert abs(poor - plain).mean() > 1.5 * abs(good - plain).mean()


def test_whose_photo_shows_two_or_nobody_is_refused(engine: Engine, limits: Limits) -> None:
    wanted = DisguiseWanted(60, 80)
    for pixels, why in (
        (scene({ANNA: (20, 40, 120), BOHDAN: (180, 40, 120)}), "2 faces"),
        (ground(), "0 faces"),
    ):
        found = disguised(png(pixels), wanted, engine, limits)
        assert isinstance(found, Rejection)
        assert (found.fault, found.why) == (Fault.SKIPPED, f"{why}, one needed")
    assert isinstance(disguised(b"no picture", wanted, engine, limits), Rejection)


@pytest.fixture(scope="module")
def filmed(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Disguised, Path]:
    """A photo, its film, and where that lies."""
    folder = tmp_path_factory.mktemp("film")
    limits = Limits(max_megapixels=8, max_duration_seconds=60, deadline_seconds=60, memory_mib=4096)
    wanted = DisguiseWanted(80, 80, FILM)
    made = disguise_file(io.BytesIO(png(framed_photo())), wanted, engine, limits, CHOICES, folder)
    assert isinstance(made, Disguised)
    return made, folder / "film.mp4"


def test_what_is_shown_of_its_film_is_what_is_shown_of_any_film(filmed: tuple[Disguised, Path]) -> None:
    made, path = filmed
    assert made.film is not None
    shots, moment = made.film.shots, made.film.moment
    assert 4 <= len(shots) <= 8
    assert all(83_000 <= shot.at_ms < 83_000 + 6_000 for shot in shots)
    times = sorted(shot.at_ms for shot in shots)
    assert all(later - sooner >= 480 for sooner, later in pairwise(times))
    assert len({shot.crop for shot in shots}) == len(shots), "it moves"
    assert all(shot.eyes is not None for shot in shots)
    assert 83_000 + 2_000 <= shots[0].at_ms <= 83_000 + 4_000, "there are two seconds before and after"
    assert moment.end_ms - moment.start_ms == pytest.approx(4_000, abs=50)
    assert len(moment.frames) == pytest.approx(101, abs=1)
    with av.open(str(path), mode="r") as film, av.open(io.BytesIO(moment.clip), mode="r") as clip:
        kinds = [(one.streams.video[0].width, one.streams.video[0].height) for one in (film, clip)]
        assert kinds[0] == kinds[1]
        assert film.streams.video[0].average_rate == 25


def test_a_film_has_the_wanted_shape_and_no_photo_is_lost_in_it() -> None:
    face = Box(110, 60, 140, 140)
    photo = framed_photo()
    large, upright = replace(FILM, width=1920, height=1080), replace(FILM, width=360, height=640)
    for wanted, narrow in ((FILM, 60.0), (large, 40.0), (upright, 60.0)):
        frame = framed(photo, face, wanted)
        assert frame.width / frame.height == pytest.approx(wanted.width / wanted.height, rel=0.03)
        assert max(frame.width, frame.height) <= 1280
        assert min(frame.width, frame.height) >= 240
        assert frame.scale * face.width >= narrow
        reaches = (frame.scale * photo.shape[1] / frame.width, frame.scale * photo.shape[0] / frame.height)
        assert max(reaches) > 0.98, "from side to side, at least one way"
    tiny = framed(np.zeros((60, 45, 3), np.uint8), Box(10, 10, 20, 20), FILM)
    assert (tiny.scale, tiny.height) == (1.0, 60), "never enlarged"


def test_who_is_not_to_be_found_in_the_film_has_none(engine: Engine, limits: Limits, tmp_path: Path) -> None:
    tiny = replace(FILM, width=64, height=36, face_width=8.0)
    photo = io.BytesIO(png(framed_photo()))
    made = disguise_file(photo, DisguiseWanted(80, 80, tiny), engine, limits, CHOICES, tmp_path)
    assert isinstance(made, Disguised)
    assert made.film is None
    assert made.crop


def test_the_sandbox_does_it(photo: bytes, tmp_path: Path, opening: Settings) -> None:
    (tmp_path / "photo.png").write_bytes(photo)
    with sandbox.opened(opening) as box:
        made = box.disguise(tmp_path / "photo.png", DisguiseWanted(60, 80, FILM))
    assert isinstance(made, Disguised)
    assert made.film is not None
    assert made.film.moment.clip
