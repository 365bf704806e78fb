"""One picture laid over another of the same footage: how they lie, and where they differ.  Sandboxed child only.

What is compared is the light of small cells, as when an analysis leaves out a picture that is nearly identical to the
one before it (`extractors.differences.Sameness`): a face of the least width covers 16 of them.  Other contrast and
brightness of a whole picture are made up for; other colours are none of a face.
"""

from dataclasses import dataclass
from typing import Final, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.boxes import joined
from lastseen.choices import Choices
from lastseen.records import Box, Pixels

Grey = NDArray[np.uint8]
"""height x width"""
Light = NDArray[np.float32]
"""rows x columns of cells, or of points"""
Where = NDArray[np.bool_]
Some = TypeVar("Some", Light, Where)
Map = NDArray[np.float64]
"""2 x 3, from pixels of a copy to those of the other; columns stay columns and rows rows"""

POINTS: Final = 800
"""that are looked for in each of two pictures to find how they lie"""
LEAST_POINTS: Final = 16
"""that must agree on it: of different pictures four or five do by chance"""
AGREE: Final = 3.0
"""pixels, of pictures shrunk to POINTS_SIDE"""
POINTS_SIDE: Final = 640
TILT: Final = 0.02
"""of rows against rows: nobody turns a copy by more than a degree, and still has it called one"""
LEAST_STEPS, MOST_STEPS = 24, 400
"""points that are followed to lay two pictures exactly, at least and at most"""
MOST_DIFFERS: Final = 0.6
"""of a picture, or what does not differ is no sign of how the two lie"""
STEP_WINDOW: Final = (15, 15)
FACE_CELLS_ACROSS: Final = 4
"""cells of a face of the least width"""
LEAST_CELLS: Final = 3
"""that differ within a face, each half over the next.  Of portraits 32 to 48 px wide, faded into a plain ground until
nothing differs by more than 8 levels, dlib's detector still finds one in forty: 7 to 12 cells differ then, as a rule;
where it finds every second one, 18 at least"""
MOST_CONTRAST: Final = 2.0
"""times that a copy may have of the other's, or the other of its"""
EDGE: Final = 0.6
"""pixels of the other, by which a map may be wrong at its edge"""
PROFILE: Final = 12
"""points each way of a face that is held against the same place of another picture"""
GROUND: Final = 0.5
"""of what differs is looked at around it, and the least face at least"""


# --- how they lie ------------------------------------------------------------------------------------------


def squeezed(copy: Grey, other: Grey, *, mirrored: bool) -> Map:
    """The whole of one on the whole of the other."""
    wide, high = other.shape[1] / copy.shape[1], other.shape[0] / copy.shape[0]
    lay = np.array([[wide, 0, (wide - 1) / 2], [0, high, (high - 1) / 2]], np.float64)
    return _turned(lay, copy) if mirrored else lay


def _turned(lay: Map, copy: Grey) -> Map:
    """For a copy that was turned left for right before it was laid like this."""
    return np.array([[-lay[0, 0], 0, lay[0, 0] * (copy.shape[1] - 1) + lay[0, 2]], lay[1]], np.float64)


def laid_by_points(copy: Grey, other: Grey, *, mirrored: bool) -> Map | None:
    """By what stands out in both (ORB, RANSAC); None: too little agrees."""
    view = np.ascontiguousarray(copy[:, ::-1]) if mirrored else copy
    ones, others = _points(view), _points(other)
    if ones is None or others is None:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(ones[1], others[1])
    if len(pairs) < LEAST_POINTS:
        return None
    start = np.array([ones[0][pair.queryIdx] for pair in pairs], np.float32)
    end = np.array([others[0][pair.trainIdx] for pair in pairs], np.float32)
    shrunk = max(other.shape) / POINTS_SIDE
    found, agreed = cv2.estimateAffine2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=AGREE * max(1.0, shrunk))
    good = np.asarray(agreed).ravel() == 1  # None, where nothing agrees, is no 1
    if good.sum() < LEAST_POINTS:
        return None
    if max(abs(found[0, 1]), abs(found[1, 0])) > TILT * abs(found[0, 0]) or min(found[0, 0], found[1, 1]) <= 0:
        return None
    lay = np.zeros((2, 3), np.float64)
    for axis in (0, 1):
        lay[axis, axis], lay[axis, 2] = np.polyfit(start[good, axis], end[good, axis], 1)
    return _turned(lay, copy) if mirrored else lay


def _points(picture: Grey) -> tuple[NDArray[np.float32], NDArray[np.uint8]] | None:
    """Places, in pixels of the picture, and what they look like."""
    times = min(1.0, POINTS_SIDE / max(picture.shape))
    small = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_AREA) if times < 1 else picture
    spots, looks = cv2.ORB.create(nfeatures=POINTS, fastThreshold=8).detectAndCompute(np.asarray(small), None)
    if len(spots) < LEAST_POINTS:
        return None
    places = np.array([spot.pt for spot in spots], np.float32)
    grid = np.array([picture.shape[1] / small.shape[1], picture.shape[0] / small.shape[0]], np.float32)
    return (places + 0.5) * grid - 0.5, np.asarray(looks, np.uint8)


def refined(laid_over: "Overlay", lay: Map) -> Map:
    """The map by which it was laid, to a part of a pixel: by where points are in the other that do not differ much."""
    copy, over = laid_over.copy, laid_over.other
    start = cast("Light | None", cv2.goodFeaturesToTrack(copy, MOST_STEPS, 0.01, 6, mask=_alike_enough(laid_over)))
    if start is None or len(start) < LEAST_STEPS:
        return lay
    end, found, _ = cv2.calcOpticalFlowPyrLK(copy, over, start, start.copy(), winSize=STEP_WINDOW, maxLevel=3)
    good = found.ravel() == 1
    if good.sum() < LEAST_STEPS:
        return lay
    here, there = start.reshape(-1, 2)[good], end.reshape(-1, 2)[good]
    step = [_line(here[:, axis], there[:, axis]) for axis in (0, 1)]
    made = np.zeros((2, 3), np.float64)
    for axis, (slope, start_at) in enumerate(step):
        made[axis, axis] = lay[axis, axis] * slope
        made[axis, 2] = lay[axis, axis] * start_at + lay[axis, 2]
    return made


def _alike_enough(laid_over: "Overlay") -> Grey | None:
    """Where words and signs are not that were put over one of them, but None if next to nothing is left."""
    if laid_over.part > MOST_DIFFERS:
        return None
    height, width = laid_over.copy.shape
    half = laid_over.cell // 2
    grown = cv2.dilate(laid_over.differs.astype(np.uint8), np.ones((5, 5), np.uint8))
    large = np.kron(1 - grown, np.ones((half, half), np.uint8))[:height, :width]
    return np.ascontiguousarray(large, np.uint8)


def _line(here: NDArray[np.float32], there: NDArray[np.float32]) -> tuple[float, float]:
    """Slope and start of a line through most of the points: those far off are left out, thrice."""
    good = np.ones(len(here), np.bool_)
    slope, start = 1.0, float(np.median(there - here))
    for _ in range(3):
        off = np.abs(there - (slope * here + start))
        good = off <= max(0.25, 2.5 * float(np.median(off)))
        if good.sum() < LEAST_POINTS or np.ptp(here[good]) < 1:
            break
        slope, start = (float(value) for value in np.polyfit(here[good], there[good], 1))
    return slope, start


def laid(other: Grey, lay: Map, shape: tuple[int, ...]) -> Grey:
    """What of the other lies over each pixel of a picture of this shape (height, width); its edge goes on outside."""
    wide, high = abs(lay[0, 0]), abs(lay[1, 1])
    if max(wide, high) > 1.1:  # or points between would be left out
        size = max(1, round(other.shape[1] / max(wide, 1.0))), max(1, round(other.shape[0] / max(high, 1.0)))
        grid = np.array([other.shape[1] / size[0], other.shape[0] / size[1]])
        other = np.asarray(cv2.resize(other, size, interpolation=cv2.INTER_AREA), np.uint8)
        lay = lay / grid[:, None]
        lay[:, 2] += (1 / grid - 1) / 2
    return np.asarray(
        cv2.warpAffine(
            other,
            lay,
            (shape[1], shape[0]),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def enlarged(lay: Map) -> float:
    """How many pixels of the other lie over one of the copy's, each way, at least."""
    return float(min(abs(lay[0, 0]), abs(lay[1, 1])))


# --- where they differ -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Overlay:
    """A picture of a copy, and what of the other lies over it."""

    copy: Grey
    other: Grey
    """of the copy's shape"""
    cell: int
    """pixels"""
    cells: Light
    """of the copy; a cell begins each half"""
    differs: Where
    """of the shape of `cells`"""
    plain: float
    """part of the picture in which light is the same all around: it lies on anything"""

    @property
    def part(self) -> float:
        """Of the picture that differs."""
        return float(self.differs.mean())


def cell_of(choices: Choices) -> int:
    """Pixels of a cell of a copy: even, of the least face that is searched a quarter."""
    return max(2, int(choices.gates.min_width / FACE_CELLS_ACROSS) // 2 * 2)


def overlay(copy: Grey, other: Grey, lay: Map, choices: Choices) -> Overlay:
    """Lay one over the other, as bright, and compare.  Outside of the other the copy must be of one light: a bar."""
    over, cell = laid(other, lay, copy.shape[:2]), cell_of(choices)
    outside, ones = _outside(other, lay, copy.shape[:2]), _cells(copy, cell)
    inside = _cells(outside, cell) == 0
    gain, lift = _brightness(_cells(over, cell), ones, inside)
    over = np.clip(gain * over.astype(np.float32) + lift, 0, 255).astype(np.uint8)
    if outside.any():
        over[outside > 0] = np.median(copy[outside > 0])
    apart = np.abs(ones - _cells(over, cell))
    plain = _plain(ones, choices.same_levels)
    differs = _not_alone((apart > choices.same_levels) & ~plain)
    return Overlay(copy, over, cell, ones, differs, float(plain.mean()))


def _not_alone(differs: Where) -> Where:
    """Without cells of which there are too few for a face, as far as the least one reaches: noise of the encoding."""
    window = (2 * FACE_CELLS_ACROSS + 1, 2 * FACE_CELLS_ACROSS + 1)
    around = cv2.boxFilter(differs.astype(np.float32), -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(differs & (around > LEAST_CELLS - 0.5), np.bool_)


def _plain(cells: Light, levels: float) -> Where:
    """Cells around which, as far as the least face reaches, light is the same: bars, and bands without words."""
    window = np.ones((2 * FACE_CELLS_ACROSS + 1, 2 * FACE_CELLS_ACROSS + 1), np.uint8)
    return np.asarray(cv2.dilate(cells, window) - cv2.erode(cells, window) <= levels, np.bool_)


def _outside(other: Grey, lay: Map, shape: tuple[int, ...]) -> Grey:
    """255 where the other does not reach, by more than EDGE; else 0."""
    wide, high = (np.arange(length) for length in (shape[1], shape[0]))
    across, down = lay[0, 0] * wide + lay[0, 2], lay[1, 1] * high + lay[1, 2]
    columns = (across >= -EDGE) & (across <= other.shape[1] - 1 + EDGE)
    rows = (down >= -EDGE) & (down <= other.shape[0] - 1 + EDGE)
    return np.where(rows[:, None] & columns, 0, 255).astype(np.uint8)


def _cells(picture: Grey, cell: int) -> Light:
    """Mean light; one begins each half, so that nothing lies on the edge of all of them."""
    half = cell // 2
    rows, columns = -(-picture.shape[0] // half), -(-picture.shape[1] // half)
    below, right = rows * half - picture.shape[0], columns * half - picture.shape[1]
    filled = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
    halves = cv2.resize(filled, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.blur(halves, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE), np.float32)


def _brightness(others: Light, ones: Light, inside: Where) -> tuple[float, float]:
    """By what to multiply the light of the other and what to add, to be as bright as the copy: a line through most."""
    good, gain, lift = inside.copy(), 1.0, 0.0
    for _ in range(3):
        if good.sum() < LEAST_STEPS:
            break
        spread = float(others[good].std())
        gain = float(np.cov(others[good], ones[good])[0, 1]) / spread**2 if spread > 1 else 1.0
        gain = min(max(gain, 1 / MOST_CONTRAST), MOST_CONTRAST)
        lift = float(np.median(ones[good] - gain * others[good]))
        off = np.abs(ones - gain * others - lift)
        good = inside & (off <= max(1.0, 2.5 * float(np.median(off[inside]))))
    return gain, lift


def regions(differs: Where, cell: int, least: float, shape: tuple[int, ...]) -> tuple[Box, ...]:
    """Places of a picture of this shape with all cells that differ, and their surroundings; none touches another.

    `least`: width of the least face that is searched.
    """
    half = cell // 2
    grown = max(1, int(least / half) // 2) * 2 + 1
    near = cv2.dilate(differs.astype(np.uint8), np.ones((grown, grown), np.uint8))
    _, _, found, _ = cv2.connectedComponentsWithStats(near)
    return joined(_around(Box(*(float(value * half) for value in row[:4])), least, shape) for row in found[1:])


def _around(box: Box, least: float, shape: tuple[int, ...]) -> Box:
    more = max(least, GROUND * min(box.width, box.height))
    left, top = max(0.0, box.x - more), max(0.0, box.y - more)
    right, bottom = min(float(shape[1]), box.x + box.width + more), min(float(shape[0]), box.y + box.height + more)
    return Box(left, top, right - left, bottom - top)


def marked(cells: Some, box: Box, cell: int) -> Some:
    """A view of those that have something in common with a rectangle."""
    half = cell // 2
    left, top = max(0, int(box.x / half) - 1), max(0, int(box.y / half) - 1)
    return cells[top : max(0, int((box.y + box.height) / half) + 1), left : max(0, int((box.x + box.width) / half) + 1)]


def alike(laid_over: Overlay, box: Box) -> float:
    """-1 .. 1: how alike the two are in a rectangle, whatever their contrast and brightness."""
    height, width = laid_over.copy.shape
    left, right = (int(np.clip(edge, 0, width)) for edge in (box.x, box.x + box.width))
    top, bottom = (int(np.clip(edge, 0, height)) for edge in (box.y, box.y + box.height))
    if right - left < 2 or bottom - top < 2:
        return 0.0
    ones, others = (_profile(picture[top:bottom, left:right]) for picture in (laid_over.copy, laid_over.other))
    norm = float(np.linalg.norm(ones) * np.linalg.norm(others))
    return float((ones * others).sum()) / norm if norm > 0 else 0.0


def _profile(picture: Grey) -> Light:
    small = cv2.resize(picture, (PROFILE, PROFILE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small - small.mean(), np.float32)


def detail(laid_over: Overlay) -> float:
    """How many times as much the light of the copy changes from one few pixels to the next, where the two are alike.

    What was squeezed hard or is out of focus has less; 1 where nothing is alike.
    """
    height, width = laid_over.copy.shape
    half = laid_over.cell // 2
    same = np.kron(~laid_over.differs, np.ones((half, half), np.bool_))[:height, :width]
    ones, others = (float(_fine(picture)[same].sum()) for picture in (laid_over.copy, laid_over.other))
    return ones / others if others > 0 and same.any() else 1.0


def _fine(picture: Grey) -> Light:
    light = picture.astype(np.float32)
    return np.asarray(np.abs(cv2.GaussianBlur(light, (0, 0), 1.0) - cv2.GaussianBlur(light, (0, 0), 2.0)), np.float32)


def grey(pixels: Pixels) -> Grey:
    """The light of a picture."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
