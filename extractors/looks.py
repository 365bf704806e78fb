"""How closely each picture is looked at: most pictures quickly, some thoroughly, and places where faces are again.

A detector's time grows with the pixels that it is given, and what it finds with how large a face is in them. So the
pictures of a video are shrunk to `look_pixels`; the first ones of shots and one every few seconds are looked at as
they are (up to `closer_pixels`) or enlarged (to `enlarged_pixels`), enough for small faces in wide shots; and where
such a closer look met faces that a quick look must miss, the pictures after it are looked at closely there and only
there. A still picture gets one look, with up to `still_pixels`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np

from extractors.boxes import corners, joined, moved, overlap, scaled
from extractors.faces.protocol import Engine, Face
from extractors.frames import Picture
from lastseen.choices import Choices
from lastseen.records import Box, Pixels

WORTH_IT: Final = 1.2
"""times the scale of a quick look: below it a closer look would show next to nothing more.  No setting: it only spares
work where both looks are nearly the same, and `look_pixels` and `closer_pixels` say how far apart they are"""
SAME_FACE: Final = 0.4
"""overlap (intersection over union) of two detections on one picture that are one face.  No setting: it joins two looks
at one picture as detectors join their own findings (YuNet's pack says 0.3, dlib's network a little less than 0.5)"""


@dataclass(frozen=True, eq=False, slots=True)
class Looked:
    """What a look at one picture showed."""

    faces: tuple[Face, ...]
    everywhere: bool
    """the whole picture was looked at; else only places where faces had been"""


@dataclass(slots=True)
class Looker:
    """Looks at the pictures of one video, in their order."""

    engine: Engine
    choices: Choices
    closer_at: Fraction | None = None
    """when a picture was last looked at closely"""
    is_new: bool = True
    """no picture of this shot was looked at closely yet, and one should be"""
    places: tuple[Box, ...] = ()
    """where faces were that a quick look misses"""

    def cut(self) -> None:
        """A new shot begins: what was known of places is of no use any more."""
        self.is_new, self.places = True, ()

    def look(self, picture: Picture) -> Looked:
        """The faces of one sampled picture."""
        quick, closer = self._scales(picture.pixels)
        if closer < quick * WORTH_IT:
            self.is_new = False
            return Looked(self._detect(picture.pixels, quick), everywhere=True)
        if self._closer_is_due(picture.at):
            self.closer_at, self.is_new = picture.at, False
            faces = self._detect(picture.pixels, closer)
        else:
            places = self._affordable(closer)
            faces = merged(self._detect(picture.pixels, quick), self.near(picture.pixels, places, closer))
        self.places = tuple(face.box for face in faces if face.box.width * quick < self.engine.smallest)
        return Looked(faces, everywhere=True)

    def closer_due(self) -> Fraction | None:
        """When this shot must be looked at closely, even if nothing moves in it; None: it was, or need not be."""
        if not self.is_new or self.closer_at is None:
            return None
        return self.closer_at + Fraction(self.choices.closer_look_in_shot)

    def look_between(self, picture: Picture, places: Sequence[Box]) -> Looked:
        """The faces of a picture between two sampled ones, only where a better shot is wanted."""
        _, closer = self._scales(picture.pixels)
        return Looked(self.near(picture.pixels, places, closer), everywhere=False)

    def near(self, pixels: Pixels, places: Sequence[Box], most: float) -> tuple[Face, ...]:
        """The faces at and around some places, enlarged as far as each needs, by `most` at most."""
        around = joined(scaled(place, self.choices.place_times) for place in places)
        return tuple(face for region in around for face in self._within(pixels, region, places, most))

    def _within(self, pixels: Pixels, region: Box, places: Sequence[Box], most: float) -> list[Face]:
        left, top, right, bottom = corners(region, pixels)
        if right <= left or bottom <= top:  # the picture has become smaller
            return []
        least = min(place.width for place in places if overlap(place, region) > 0)
        view = np.ascontiguousarray(pixels[top:bottom, left:right])
        return [_shifted(face, left, top) for face in self.engine.detect([view], self._enlarged(least, most))[0]]

    def _enlarged(self, width: float, most: float) -> float:
        """The scale at which a face of this width is found surely."""
        return min(most, self.choices.place_larger * self.engine.smallest / max(width, 1.0))

    def _closer_is_due(self, at: Fraction) -> bool:
        """Seldom; sooner in a new shot, but not in each of a film of nothing but cuts."""
        if self.closer_at is None or at < self.closer_at:
            return True
        wait = self.choices.closer_look_in_shot if self.is_new else self.choices.closer_look_every
        return at - self.closer_at >= Fraction(wait)

    def _affordable(self, scale: float) -> list[Box]:
        """The largest of the known places, as many as cost no more than half another quick look."""
        chosen, left = [], self.choices.look_pixels / 2
        for place in sorted(self.places, key=lambda box: -box.width):
            enlarged = self._enlarged(place.width, scale)
            cost = place.width * place.height * (self.choices.place_times * enlarged) ** 2
            if cost <= left:
                chosen.append(place)
                left -= cost
        return chosen

    def _scales(self, pixels: Pixels) -> tuple[float, float]:
        """Of a quick and of a closer look."""
        least = self.choices.gates.min_width
        quick, closer, enlarged = (
            scale_for(pixels, self.engine, least, most)
            for most in (self.choices.look_pixels, self.choices.closer_pixels, self.choices.enlarged_pixels)
        )
        return quick, max(quick, min(closer, max(enlarged, 1.0)))

    def _detect(self, pixels: Pixels, scale: float) -> tuple[Face, ...]:
        return self.engine.detect([pixels], scale)[0]


def scale_for(pixels: Pixels, engine: Engine, width: float, most: int) -> float:
    """By how much to enlarge or shrink a picture to meet faces `width` px wide, with at most `most` pixels."""
    height, wide = pixels.shape[:2]
    return min(engine.smallest / width, math.sqrt(most / (height * wide)))


def merged(faces: Sequence[Face], more: Iterable[Face]) -> tuple[Face, ...]:
    """All of `faces`, and of `more` those that are not there yet, the surer first."""
    kept = list(faces)
    for face in sorted(more, key=lambda one: -one.score):
        if all(overlap(face.box, other.box) < SAME_FACE for other in kept):
            kept.append(face)
    return tuple(kept)


def surest(faces: Sequence[Face], most: int) -> Sequence[Face]:
    """All of them, or as many as `most`, in their order."""
    if len(faces) <= most:
        return faces
    kept = sorted(range(len(faces)), key=lambda number: -faces[number].score)[:most]
    return [faces[number] for number in sorted(kept)]


def _shifted(face: Face, right: int, down: int) -> Face:
    by = np.array((right, down), np.float32)
    return replace(face, box=moved(face.box, right, down), landmarks=face.landmarks + by, eyes=face.eyes + by)
