"""What people see of a face: itself, and nobody else."""

from fractions import Fraction

import numpy as np

from extractors.crops import face_crop
from extractors.frames import Picture
from extractors.watch import cropper
from lastseen.records import Box
from tests.extractors.numbers import glimpse


def test_a_crop_hides_those_that_reach_into_it_and_needs_no_others() -> None:
    """Neighbours whose hidden patch only touches the crop count as well: the whole crowd changes nothing more."""
    pixels = np.random.default_rng(1).integers(0, 255, (400, 1200, 3), np.uint8)
    seen = [glimpse(0, place, width=width) for place, width in ((0, 80), (110, 80), (200, 60), (300, 90), (700, 80))]
    crop = cropper(Picture(Fraction(0), pixels), seen)
    for one in seen:
        assert crop(one) == face_crop(pixels, one.face.box, [other.face.box for other in seen if other is not one])
    assert crop(seen[0]) != face_crop(pixels, seen[0].face.box)
    assert crop(seen[4]) == face_crop(pixels, seen[4].face.box, [Box(0, 0, 1, 1)])
