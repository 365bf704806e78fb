"""What people see of a face: itself, and nobody else."""

import io
from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from extractors import room
from extractors.crops import CROP_SIDE, cropped, face_crop
from extractors.frames import Picture
from extractors.watch import cropper
from lastseen.records import Box
from tests.extractors.numbers import glimpse


def test_a_crop_hides_those_that_reach_into_it_and_needs_no_others() -> None:
    """Neighbours whose hidden patch only touches the crop count as well: the whole crowd changes nothing more."""
    pixels = np.random.default_rng(1).integers(0, 255, (400, 1200, 3), np.uint8)
    seen = [glimpse(0, place, width=width) for place, width in ((0, 80), (110, 80), (200, 60), (300, 90), (700, 80))]
    crop = cropper(Picture(Fraction(0), pixels), [one.face for one in seen])
    for one in seen:
        others = [other.face.box for other in seen if other is not one]
        assert crop(one).jpeg == face_crop(pixels, one.face.box, others)
    assert crop(seen[0]).jpeg != face_crop(pixels, seen[0].face.box)
    assert crop(seen[4]).jpeg == face_crop(pixels, seen[4].face.box, [Box(0, 0, 1, 1)])


def test_a_face_that_nobody_looked_for_is_hidden_where_it_was_last() -> None:
    """Between two sampled pictures only some places are looked at; where the face itself was before hides nothing."""
    pixels = np.random.default_rng(1).integers(0, 255, (400, 1200, 3), np.uint8)
    one, before, neighbour = glimpse(0, 300), Box(310, 55, 60, 60), Box(370, 50, 60, 60)
    crop = cropper(Picture(Fraction(0), pixels), [one.face], [before, neighbour])
    assert crop(one).jpeg == face_crop(pixels, one.face.box, [neighbour])
    assert crop(one).jpeg != face_crop(pixels, one.face.box)


@pytest.mark.parametrize(
    ("width", "side", "high"), [(100, 1024, 220), (400, 1024, 880), (600, 1024, 1024), (400, 320, 320)]
)
def test_a_crop_shows_the_picture_s_own_pixels_and_says_where_the_eyes_are(width: int, side: int, high: int) -> None:
    """Two white dots are the eyes: they are where they are said to be, also where the edge cuts the crop off."""
    for x, y in ((500, 500), (20, 500), (500, 30)):
        pixels = np.zeros((1600, 1600, 3), np.uint8)
        eyes = np.array([(x + width * 0.3, y + width * 0.4), (x + width * 0.7, y + width * 0.45)], np.float32)
        for across, down in eyes.round().astype(int).tolist():
            cv2.circle(pixels, (across, down), width // 20, (255, 255, 255), -1)
        made = cropped(pixels, Box(x, y, width, width), eyes, side=side)
        shown = np.asarray(Image.open(io.BytesIO(made.jpeg)))
        assert made.eyes is not None
        if (x, y) == (500, 500):
            assert shown.shape == (high, high, 3)
        for across, down in made.eyes:
            assert shown[round(down), round(across)].min() > 200
        assert made.eyes[0][0] < made.eyes[1][0]


def test_a_film_of_many_close_ups_loses_detail_before_pictures() -> None:
    sides = [room.crop_side(taken) for taken in range(0, room.CROP_BYTES + 1, room.CROP_BYTES // 12)]
    assert sides == sorted(sides, reverse=True)
    assert (sides[0], sides[-1]) == (CROP_SIDE, 320)
    assert len(set(sides)) == 3
