"""A reference photo as if somebody had published it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from extractors import sandbox
from extractors.disguise import disguise_file
from extractors.faces import Engine
from extractors.limits import Limits
from lastseen.choices import Choices
from lastseen.outcomes import Fault
from lastseen.records import Disguised, DisguiseWanted, Rejection
from lastseen.settings import Settings
from tests.extractors.films import ANNA, BOHDAN, ground, png, scene

CHOICES = Choices()


def disguised(photo: bytes, wanted: DisguiseWanted, engine: Engine, limits: Limits) -> Disguised | Rejection:
    return disguise_file(io.BytesIO(photo), wanted, engine, limits, CHOICES)


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


def test_the_sandbox_does_it(photo: bytes, tmp_path: Path, opening: Settings) -> None:
    (tmp_path / "photo.png").write_bytes(photo)
    with sandbox.opened(opening) as box:
        assert isinstance(box.disguise(tmp_path / "photo.png", DisguiseWanted(60, 80)), Disguised)
