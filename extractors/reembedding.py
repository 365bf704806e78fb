"""Kept pictures of tracks in, templates by another engine out: what the sandboxed child does when the engine changed.

A crop is a small JPEG that an earlier child made of bytes from outside, so it is opened as carefully as those.  Where
on it the face is follows from where it was on the whole picture: the new engine has to find one there, and what lies
elsewhere on the crop is somebody else.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import IO, Final

import numpy as np

from extractors.boxes import corners, moved, overlap, scaled
from extractors.crops import CROP_TIMES
from extractors.faces.protocol import Engine
from extractors.glimpses import Glimpse, glimpses
from extractors.limits import Limits, Unfit
from extractors.looks import scale_for
from extractors.media import open_still
from extractors.templates import templates
from lastseen.choices import Choices
from lastseen.records import Box, CropKept, CropsKept, Pixels, Reembedded, TrackReembedded

SAME_PLACE: Final = 0.2
"""overlap (intersection over union) with where the face was.  No setting: detectors frame one face differently (half of
both boxes in common is usual), and all other faces on a crop are hidden"""

ENOUGH: Final = 320
"""pixels a side of a crop that a detector has to be shown: a face fills nearly half of it"""


def reembed_file(file: IO[bytes], kept: CropsKept, engine: Engine, limits: Limits, choices: Choices) -> Reembedded:
    """Templates of each track from its crops, which stand one after the other in `file`; none where none will do.

    A crop that does not open, and one on which the engine finds no face that passes its gates, is left out.
    """
    again = _Again(kept.width, kept.height, engine, limits, choices)
    together = groupby(kept.crops, key=lambda crop: crop.track)
    return Reembedded(tuple(again.track(file, track, crops) for track, crops in together))


def place(box: Box, width: int, height: int, crop: Pixels) -> Box:
    """Where on its crop a face is that was at `box` on a picture of this width and height."""
    left, top, right, _ = corners(scaled(box, CROP_TIMES), np.empty((height, width, 0), np.uint8))
    times = crop.shape[1] / max(1, right - left)
    there = moved(box, -left, -top)
    return Box(there.x * times, there.y * times, there.width * times, there.height * times)


@dataclass(frozen=True, eq=False, slots=True)
class _Again:
    """Looks at the faces of one analysis once more."""

    width: int
    height: int
    engine: Engine
    limits: Limits
    choices: Choices

    def track(self, file: IO[bytes], track: int, crops: Iterable[CropKept]) -> TrackReembedded:
        opened, shots = 0, []
        for crop in crops:
            pixels = self._pixels(file, crop)
            if pixels is None:
                continue
            opened += 1
            one = self._glimpse(crop, pixels)
            if one is not None and not one.gate:
                shots.append(one)
        return TrackReembedded(track, opened, templates(shots, self.engine, self.choices))

    def _pixels(self, file: IO[bytes], crop: CropKept) -> Pixels | None:
        file.seek(crop.offset)
        try:
            return open_still(io.BytesIO(file.read(crop.length)), self.limits).pixels
        except Unfit:
            return None

    def _glimpse(self, crop: CropKept, pixels: Pixels) -> Glimpse | None:
        """The face that the crop was cut for; None: the engine does not see it."""
        expected = place(crop.box, self.width, self.height, pixels)
        # Enough to find this face: where it is large already, a detector needs no more pixels.
        least = min(1.0, ENOUGH / max(pixels.shape[:2]))
        scale = max(least, scale_for(pixels, self.engine, expected.width, self.choices.still_pixels))
        found = self.engine.detect([pixels], scale)[0]
        nearest = max(found, key=lambda face: overlap(face.box, expected), default=None)
        if nearest is None or overlap(nearest.box, expected) < SAME_PLACE:
            return None
        return glimpses(Fraction(crop.at_ms, 1000), pixels, [nearest], self.engine, self.choices)[0]
