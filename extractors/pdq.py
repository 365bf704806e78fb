"""PDQ: 256 bits that say what a picture looks like as a whole, and how much there is in it to tell it by.

After the published description (Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm",
2019): light, smoothed twice by a mean over half a cell, read at 64 x 64 points, a discrete cosine transform of 16 x 16
frequencies without the mean, each compared with their median.  Two hashes of one picture, written otherwise, differ in
few bits; of two pictures in about 128.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE: Final = 64
FREQUENCIES: Final = 16
BYTES: Final = FREQUENCIES * FREQUENCIES // 8
MOST_QUALITY: Final = 100

Light = NDArray[np.uint8] | NDArray[np.float32]
Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hashed:
    """The hash of one picture."""

    bits: bytes
    """frequency after frequency, down then across; of each byte the lowest bit first, as PDQ counts them"""
    mirrored: bytes
    """of the same picture, left for right"""
    quality: int
    """0 .. 100: flat pictures have little, and below 50 PDQ's makers take a hash for worthless"""

    def __str__(self) -> str:
        """In hexadecimal, as PDQ's own programs print it."""
        return self.bits[::-1].hex()


def pdq(light: Light) -> Hashed:
    """The hash of a picture, height x width of light in 0 .. 255.

    PDQ's own programs shrink what is larger than 512 before; whoever calls this has shrunk it anyway.
    """
    grey = np.asarray(light, np.float32)
    points, mirrored = (decimated(smoothed(side)) for side in (grey, np.ascontiguousarray(grey[:, ::-1])))
    return Hashed(_packed(points), _packed(mirrored), quality(points))


def smoothed(grey: Grey) -> Grey:
    """Twice a mean over a window of half a cell each way; at the edges, of what there is."""
    size = window(grey.shape[1]), window(grey.shape[0])
    if size == (1, 1):
        return grey
    counted = _sums(np.ones_like(grey), size)
    for _ in range(2):
        grey = _sums(grey, size) / counted
    return grey


def window(pixels: int) -> int:
    """How many pixels the smoothing takes together, of so many."""
    return (pixels + 2 * SIDE - 1) // (2 * SIDE)


def _sums(grey: Grey, size: tuple[int, int]) -> Grey:
    """Over windows; one of an even length reaches further to the right and down."""
    anchor = (size[0] - 1) // 2, (size[1] - 1) // 2
    summed = cv2.boxFilter(grey, -1, size, anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(summed, np.float32)


def decimated(grey: Grey) -> Grey:
    """Read in the middle of each of 64 x 64 cells."""
    rows, columns = (((np.arange(SIDE) + 0.5) * pixels / SIDE).astype(int) for pixels in grey.shape)
    return grey[np.ix_(rows, columns)]


def quality(points: Grey) -> int:
    """Steps between neighbouring points, in hundredths of the range, together; 100 from 9000 on."""
    steps = (np.diff(points, axis=axis) * (100 / 255) for axis in (0, 1))
    total = sum(int(np.abs(step.astype(np.int64)).sum()) for step in steps)
    return min(MOST_QUALITY, total // 90)


def _packed(points: Grey) -> bytes:
    waves = _cosines() @ points @ _cosines().T
    return np.packbits((waves > np.median(waves)).reshape(-1), bitorder="little").tobytes()


@cache
def _cosines() -> Grey:
    """16 x 64: the waves of the frequencies 1 .. 16."""
    waves = np.arange(1, FREQUENCIES + 1)[:, None] * (2 * np.arange(SIDE) + 1)[None]
    cosines: Grey = (np.sqrt(2 / SIDE) * np.cos(np.pi / (2 * SIDE) * waves)).astype(np.float32)
    return cosines
