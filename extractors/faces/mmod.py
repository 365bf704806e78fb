"""dlib's CNN face detector, run by ONNX Runtime: the same boxes, the same scores.

King, "Max-Margin Object Detection", arXiv:1502.00046 (2015).  The network looks for faces of one size.  So that it
finds all larger ones, dlib lays ever smaller copies of the picture, each 5/6 of the one before it, side by side on one
tile and runs the network over that.  Its filters reach over the gaps between copies: whoever wants its scores has to
lay the same tile, to the pixel.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.faces import MMOD_VERSION, converted
from extractors.faces.protocol import Detection, EngineUnavailable, Weights
from extractors.faces.sessions import Session, use_threads
from extractors.faces.weights import CNN_DETECTOR
from lastseen.records import Box, Pixels

Floats = NDArray[np.float64]
Tile = NDArray[np.float32]

# Of dlib: the pyramid's rate, its lowest copy, and the gaps on the tile (older weight files do not say them).
RATE: Final = (6.0 - 1.0) / 6
LOWEST: Final = 5
GAP: Final = 10
OUTER_GAP: Final = 11
DRIFT: Final = 0.3
"""by how many pixels dlib moves a box for each copy that it stands below the picture"""

# Of 18 faces of public figures, each at three sizes, it found with a score of 0.5 or more 19 % of those that were 48 px
# wide from cheek to cheek, 69 % at 56, 89 % at 64, 94 % at 72 and above.  Its boxes are a tenth wider than that.
SMALLEST: Final = 80.0
SMALLEST_PICTURE: Final = 8
"""pixels; below it the network's layers have nothing left to put out"""
# A picture's tile has 4 times its pixels, and with the network on it takes 270 bytes for each pixel of the picture:
# 1 GiB here.  Larger ones are shrunk; faces of 80 px in these 4 megapixels are 140 px in the 12 of a telephone's photo.
MOST_PIXELS: Final = 2560 * 1600
LONGEST_SIDE: Final = 16384
"""OpenCV's transformations end at 32767"""


@dataclass(frozen=True, slots=True)
class Copy:
    """Where on the tile a copy of the picture lies, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def on(self, plane: Tile) -> Tile:
        """This part of one of the tile's planes."""
        return plane[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True, slots=True)
class Layout:
    """A tile, and its copies from the picture itself down."""

    width: int
    height: int
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class About:
    """What the weight file says besides weights."""

    width: int
    height: int
    """of the face that the network looks for"""
    same_overlap: float
    """share of two boxes' common area in the box around both, above which they are one face"""
    same_covered: float
    """or its share in either of them"""
    mean: tuple[float, float, float]
    """what gaps are filled with"""
    step: int
    """pixels of the tile from one score to the next"""
    start: int
    """the pixel in the middle of what the first score sees"""


@dataclass(eq=False, slots=True)
class _Canvas:
    """The last tile: pictures of a video are of one size, and its gaps stay as they are.

    Tiles of other sizes are laid in the same memory: to touch it for the first time is what takes long.
    """

    layout: Layout | None = None
    memory: Tile = field(default_factory=lambda: np.empty(0, np.float32))
    tile: Tile = field(default_factory=lambda: np.empty((1, 3, 0, 0), np.float32))

    def laid(self, image: Pixels, mean: Sequence[float]) -> tuple[Tile, Layout]:
        height, width = image.shape[:2]
        layout = lay_out(width, height)
        if layout != self.layout:
            shape = (1, 3, layout.height, layout.width)
            if self.memory.size < math.prod(shape):
                self.memory = np.empty(math.prod(shape), np.float32)
            self.tile = self.memory[: math.prod(shape)].reshape(shape)
            self.tile[:] = np.array(mean, np.float32)[None, :, None, None]
            self.layout = layout
        for channel in range(3):
            _fill(self.tile[0, channel], layout.copies, image[:, :, channel])
        return self.tile, layout


@dataclass(frozen=True, eq=False, slots=True)
class Mmod:
    """Implements `Detector`."""

    session: Session
    about: About
    canvas: _Canvas = field(default_factory=_Canvas)
    name: str = "mmod"
    version: int = MMOD_VERSION
    weights: Weights = ((CNN_DETECTOR.name, CNN_DETECTOR.sha256),)
    licence: str = "CC0-1.0"
    gives_points: bool = False
    smallest: float = SMALLEST
    min_score: float = 0.5
    """of 42 faces on photos and an edited clip 40 had 0.92 - 1.13, the other two 0.26 and 0.32"""
    sure_score: float = 1.0
    """around which the others lie, whether 40 or 310 px wide"""

    @classmethod
    def load(cls, models: Path, threads: int) -> "Mmod":
        """From what `converted.prepare` made (5 ms).  Raises EngineUnavailable."""
        opened = converted.load(models, CNN_DETECTOR, use_threads(threads))
        return cls(opened, _about(opened))

    def detect(self, images: Sequence[Pixels]) -> list[tuple[Detection, ...]]:
        """The faces of each image, the surest first: boxes are squares of 80 x 80, 96 x 96, ... pixels.

        A picture of more than 4 megapixels is looked at shrunk to that.
        """
        return [self._of(image) for image in images]

    def _of(self, image: Pixels) -> tuple[Detection, ...]:
        height, width = image.shape[:2]
        if min(width, height) < SMALLEST_PICTURE:
            return ()
        scale = min(1.0, math.sqrt(MOST_PIXELS / (width * height)), LONGEST_SIDE / max(width, height))
        if scale == 1:
            return self._found(image)
        small = cv2.resize(
            image, (max(1, int(width * scale)), max(1, int(height * scale))), interpolation=cv2.INTER_AREA
        )
        return tuple(
            _grown(found, width / small.shape[1], height / small.shape[0])
            for found in self._found(np.asarray(small, np.uint8))
        )

    def _found(self, image: Pixels) -> tuple[Detection, ...]:
        tile, layout = self.canvas.laid(image, self.about.mean)
        scores = self.session.run(None, {"tile": tile})[0][0, 0]
        return tuple(_detections(scores, layout, self.about))


@lru_cache(maxsize=8)
def lay_out(width: int, height: int) -> Layout:
    """The tile that dlib lays for a picture of this size.

    Copies go down its left side until the next one fits beside the last and half of what hangs over the picture's
    height is laid; the others go up its right side, until one would meet the picture.
    """
    sizes = _sizes(width, height)
    turn = _turn(sizes)
    bottom = sum(high + GAP for _, high in sizes[:turn]) - GAP
    copies = [
        Copy(OUTER_GAP, OUTER_GAP + sum(above + GAP for _, above in sizes[:at]), *sizes[at]) for at in range(turn)
    ]
    end = OUTER_GAP + bottom
    for wide, high in sizes[turn:]:
        left, top = OUTER_GAP + width - wide, end - high
        if top < OUTER_GAP + height:
            break
        copies.append(Copy(left, top, wide, high))
        end = top - GAP
    return Layout(width + 2 * OUTER_GAP, bottom + 2 * OUTER_GAP, tuple(copies))


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    sizes = [(width, height)]
    while True:
        width, height = math.floor(RATE * width), math.floor(RATE * height)
        if width == 0 or height < LOWEST:
            return sizes
        sizes.append((width, height))


def _turn(sizes: Sequence[tuple[int, int]]) -> int:
    """How many copies go down the left side."""
    width, height = sizes[0]
    total = sum(high + GAP for _, high in sizes) - 2 * GAP
    down = last = 0
    for at, (wide, high) in enumerate(sizes):
        if wide <= width - last - GAP and (down - height) * 2 >= total - height:
            return at
        down, last = down + high + GAP, wide
    return len(sizes)


def _fill(plane: Tile, copies: Sequence[Copy], channel: NDArray[np.uint8]) -> None:
    """Each copy out of the one before it, bilinear between the middles of their corner pixels."""
    copies[0].on(plane)[:] = channel
    for larger, smaller in pairwise(copies):
        across = (larger.width - 1) / max(smaller.width - 1, 1)
        down = (larger.height - 1) / max(smaller.height - 1, 1)
        cv2.warpAffine(
            larger.on(plane),
            np.array([[across, 0, 0], [0, down, 0]]),
            (smaller.width, smaller.height),
            dst=smaller.on(plane),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )


def _detections(scores: Tile, layout: Layout, about: About) -> list[Detection]:
    """The boxes behind positive scores, the surest first; of boxes that are one face the surest only."""
    rows, columns = np.nonzero(scores > 0)
    found = scores[rows, columns]
    order = np.argsort(-found, kind="stable")
    middles = np.stack([columns, rows], axis=1)[order] * about.step + about.start
    boxes = _on_picture(middles, layout, about)
    return [_detection(boxes[at], float(found[order[at]])) for at in _apart(boxes, about)]


def _on_picture(middles: NDArray[np.int64], layout: Layout, about: About) -> Floats:
    """Boxes around pixels of the tile, in pixels of the picture: n x (left, top, right, bottom), all four inside."""
    levels = _nearest(middles, layout.copies)
    corners = np.array([(copy.left, copy.top) for copy in layout.copies])[levels]
    half = np.array([about.width - 1, about.height - 1]) / 2
    boxes = np.concatenate([middles - corners - half, middles - corners + half], axis=1)
    for below in range(int(levels.max(initial=0))):
        boxes = np.where((levels > below)[:, None], boxes / RATE + DRIFT, boxes)
    return np.asarray(np.sign(boxes) * np.floor(np.abs(boxes) + 0.5))


def _nearest(middles: NDArray[np.int64], copies: Sequence[Copy]) -> NDArray[np.int64]:
    """Which copy each pixel lies on, or is nearest to."""
    first = np.array([(copy.left, copy.top) for copy in copies])
    last = first + np.array([(copy.width, copy.height) for copy in copies]) - 1
    beside = np.maximum(np.maximum(first - middles[:, None], middles[:, None] - last), 0)
    return np.asarray(np.argmin(np.linalg.norm(beside, axis=2), axis=1))


def _apart(boxes: Floats, about: About) -> list[int]:
    """Which boxes to keep, of those that come in the order of their scores."""
    kept: list[int] = []
    for at, box in enumerate(boxes):
        if not _same(box, boxes[kept], about).any():
            kept.append(at)
    return kept


def _same(box: Floats, others: Floats, about: About) -> NDArray[np.bool_]:
    """Whether a box and others are one face, as dlib sees it: by the box around both, not by their union."""
    common = _area(np.maximum(others[:, :2], box[:2]), np.minimum(others[:, 2:], box[2:]))
    around = _area(np.minimum(others[:, :2], box[:2]), np.maximum(others[:, 2:], box[2:]))
    smaller = np.minimum(_area(others[:, :2], others[:, 2:]), _area(box[None, :2], box[None, 2:]))
    return (common > 0) & ((common > about.same_overlap * around) | (common > about.same_covered * smaller))


def _area(first: Floats, last: Floats) -> Floats:
    return np.asarray(np.maximum(last - first + 1, 0).prod(axis=1))


def _detection(box: Floats, score: float) -> Detection:
    left, top, right, bottom = map(float, box)
    return Detection(Box(left, top, right - left + 1, bottom - top + 1), score, None)


def _grown(found: Detection, across: float, down: float) -> Detection:
    box = found.box
    return Detection(Box(box.x * across, box.y * down, box.width * across, box.height * down), found.score, None)


def _about(opened: Session) -> About:
    try:
        said = json.loads(opened.get_modelmeta().custom_metadata_map["lastseen"])
        return About(**{**said, "mean": tuple(said["mean"])})
    except (ValueError, LookupError, TypeError) as fault:
        raise EngineUnavailable(
            "the converted detector says nothing of itself: remove it and convert it again"
        ) from fault
