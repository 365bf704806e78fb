"""Degraded views of a face, as phones and channels make them: small, soft, dark, noisy, compressed, half hidden."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.boxes import corners, moved, scaled
from extractors.faces.protocol import Detection
from lastseen.records import Box, Pixels

# Chosen so that about three single views in four are found at one false match in a hundred.
WIDTHS: Final = (32.0, 72.0)
"""pixels of the face after shrinking: from the least that is searched upwards"""
BLUR: Final = (0.3, 1.8)
"""standard deviation in pixels of the shrunk picture"""
GAIN: Final = (0.45, 1.5)
NOISE: Final = (2.0, 14.0)
"""standard deviation of 255"""
QUALITY: Final = (18, 60)
"""of JPEG"""
SHIFT: Final = 0.05
"""of the face's width: how far a detector places its box off"""
COVERED: Final = 0.2
"""how often a hand or a microphone hides part of the face"""
COVER: Final = (0.25, 0.4)
"""of the face's height"""
AROUND: Final = 2.2
"""what is cut out, in faces"""


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """One degraded picture with one face on it."""

    pixels: Pixels
    found: Detection


def degraded(picture: Pixels, found: Detection, random: np.random.Generator) -> View:
    """Another view of a face each time."""
    cut, there = _cut(picture, found)
    times = float(min(random.uniform(*WIDTHS), there.box.width)) / there.box.width
    size = max(1, round(cut.shape[1] * times)), max(1, round(cut.shape[0] * times))
    small = np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)
    placed = _placed(there, times, random)
    if random.random() < COVERED:
        small = _covered(small, placed.box, random)
    soft = cv2.GaussianBlur(small, (0, 0), random.uniform(*BLUR)).astype(np.float32)
    lit = soft * random.uniform(*GAIN) + random.standard_normal(soft.shape, np.float32) * random.uniform(*NOISE)
    return View(_compressed(np.clip(lit, 0, 255).astype(np.uint8), int(random.integers(*QUALITY))), placed)


def _cut(picture: Pixels, found: Detection) -> tuple[Pixels, Detection]:
    left, top, right, bottom = corners(scaled(found.box, AROUND), picture)
    points = None if found.points is None else found.points - np.array((left, top), np.float32)
    return picture[top:bottom, left:right], Detection(moved(found.box, -left, -top), found.score, points)


def _placed(found: Detection, times: float, random: np.random.Generator) -> Detection:
    """Where a detector finds it on the shrunk picture, not quite exactly."""
    box = found.box
    right, down, larger = random.uniform(-SHIFT, SHIFT, 3) * box.width
    x, y, width, height = np.array((box.x + right, box.y + down, box.width + larger, box.height + larger)) * times
    points = (
        None
        if found.points is None
        else ((found.points + np.array((right, down), np.float32)) * times).astype(np.float32)
    )
    return Detection(Box(float(x), float(y), float(width), float(height)), found.score, points)


def _covered(pixels: Pixels, box: Box, random: np.random.Generator) -> Pixels:
    """A bar of one colour over the upper or the lower part of the face."""
    left, top, right, bottom = corners(box, pixels)
    high = round((bottom - top) * random.uniform(*COVER))
    at = top if random.random() < 0.5 else bottom - high
    made: Pixels = pixels.copy()
    made[at : at + high, left:right] = random.integers(0, 256, 3)
    return made


def _compressed(pixels: Pixels, quality: int) -> Pixels:
    _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    unpacked: NDArray[np.uint8] = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return unpacked
