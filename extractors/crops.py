"""The derivatives that people see: re-encoded, with every other face made unrecognisable."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from extractors.boxes import corners, moved, scaled
from lastseen.records import Box, Eyes, Pixels

CROP_TIMES: Final = 2.2
"""how much wider than the face its crop is: hair, neck and shoulders help people to recognise"""
CROP_SIDE: Final = 1024
"""pixels, at most, and never enlarged: a face of 465 is shown pixel for pixel, which few films hold more detail of"""
CROP_QUALITY: Final = 93
"""of JPEG: people look for moles and scars in a crop"""
JPEG_QUALITY: Final = 88
HIDDEN_TIMES: Final = 1.6
"""how much wider than the face the hidden patch is: detectors frame the features, not hair and chin"""
HIDDEN_CELLS: Final = 6
"""patches are averaged to 6 x 6 cells first: nothing of a face can be won back from that, unlike from a blur"""
ALL_CELLS: Final = 12
"""to which the shorter side of a whole picture is averaged where it has more faces than were followed"""


@dataclass(frozen=True, slots=True)
class Cropped:
    """A face as people will see it."""

    jpeg: bytes
    eyes: Eyes | None = None
    """on it"""


def cropped(
    pixels: Pixels, box: Box, eyes: NDArray[np.float32], others: Iterable[Box] = (), side: int = CROP_SIDE
) -> Cropped:
    """The crop of a face whose eyes are at `eyes` (2 x 2) on the picture; at most `side` pixels high and wide."""
    left, top, right, bottom = corners(scaled(box, CROP_TIMES), pixels)
    there = (eyes - (left, top)) * min(1.0, side / max(right - left, bottom - top, 1))
    (one, down), (other, its_down) = there.round(1).tolist()
    return Cropped(face_crop(pixels, box, others, side), ((one, down), (other, its_down)))


def face_crop(pixels: Pixels, box: Box, others: Iterable[Box] = (), side: int = CROP_SIDE) -> bytes:
    """JPEG of the face with its surroundings, the others hidden; at most `side` pixels high and wide."""
    left, top, right, bottom = corners(scaled(box, CROP_TIMES), pixels)
    around = pixels[top:bottom, left:right]
    hidden = hide(around, [moved(other, -left, -top) for other in others], keep=moved(box, -left, -top))
    return jpeg(hidden, side, CROP_QUALITY)


def hide(pixels: Pixels, others: Iterable[Box], keep: Box | None = None) -> Pixels:
    """A copy with the faces in `others` hidden; where a patch would cover `keep`, that face stays visible."""
    copy = pixels.copy()
    for box in others:
        left, top, right, bottom = corners(scaled(box, HIDDEN_TIMES), pixels)
        if right > left and bottom > top:
            copy[top:bottom, left:right] = _averaged(copy[top:bottom, left:right], box)
    if keep is not None:
        left, top, right, bottom = corners(keep, pixels)
        copy[top:bottom, left:right] = pixels[top:bottom, left:right]
    return copy


def hide_all_but(pixels: Pixels, keep: Box | None) -> Pixels:
    """A copy in which only the surroundings of `keep` can be made out; a box without a place: nothing can."""
    height, width = pixels.shape[:2]
    side = min(height, width) / ALL_CELLS * HIDDEN_CELLS / HIDDEN_TIMES
    copy = _averaged(pixels, Box(0, 0, side, side)).copy()
    if keep is not None:
        left, top, right, bottom = corners(scaled(keep, HIDDEN_TIMES), pixels)
        copy[top:bottom, left:right] = pixels[top:bottom, left:right]
    return copy


def jpeg(pixels: Pixels, longest_side: int, quality: int = JPEG_QUALITY) -> bytes:
    """The picture as JPEG, shrunk if it is larger; carries no metadata."""
    height, width = pixels.shape[:2]
    times = longest_side / max(height, width)
    if times < 1:
        size = max(1, round(width * times)), max(1, round(height * times))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, packed = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return packed.tobytes()


def _averaged(patch: Pixels, box: Box) -> Pixels:
    """As many cells as fit: where an edge cuts the patch, they stay as large."""
    image = Image.fromarray(patch)
    wide = max(1, round(image.width / (box.width * HIDDEN_TIMES) * HIDDEN_CELLS))
    high = max(1, round(image.height / (box.height * HIDDEN_TIMES) * HIDDEN_CELLS))
    cells = image.resize((wide, high), Image.Resampling.BOX)
    return np.asarray(cells.resize(image.size, Image.Resampling.BICUBIC), np.uint8)
