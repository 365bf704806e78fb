"""What is done with rectangles on pictures."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lastseen.records import Box, Pixels

Edges = NDArray[np.float64]
"""n x 4"""


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 .. 1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(width, 0.0) * max(height, 0.0)
    union = one.width * one.height + other.width * other.height - common
    return common / union if union > 0 else 0.0


def edges(boxes: Sequence[Box]) -> Edges:
    """n x 4: left, top, right and bottom of each."""
    found = np.array([(box.x, box.y, box.width, box.height) for box in boxes], np.float64).reshape(-1, 4)
    found[:, 2:] += found[:, :2]
    return found


def overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of each with each, n x m: of a crowd there are a million pairs."""
    one, other = edges(boxes)[:, None], edges(others)[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    common = np.maximum(sides, 0.0).prod(axis=-1)
    areas, other_areas = ((many[..., 2:] - many[..., :2]).prod(axis=-1) for many in (one, other))
    union = areas + other_areas - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0), np.float64)


def meeting(many: Edges, box: Box) -> list[int]:
    """Which of them have something in common with this one: their numbers."""
    left, top, right, bottom = edges([box])[0]
    apart = (many[:, 0] >= right) | (many[:, 1] >= bottom) | (many[:, 2] <= left) | (many[:, 3] <= top)
    return [int(number) for number in np.flatnonzero(~apart)]


def scaled(box: Box, times: float) -> Box:
    """The same middle, `times` as wide and high."""
    width, height = box.width * times, box.height * times
    return Box(box.x - (width - box.width) / 2, box.y - (height - box.height) / 2, width, height)


def moved(box: Box, right: float, down: float) -> Box:
    """The same rectangle elsewhere."""
    return Box(box.x + right, box.y + down, box.width, box.height)


def corners(box: Box, pixels: Pixels) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in whole pixels, within the picture."""
    height, width = pixels.shape[:2]
    left, right = np.clip((round(box.x), round(box.x + box.width)), 0, width)
    top, bottom = np.clip((round(box.y), round(box.y + box.height)), 0, height)
    return int(left), int(top), int(right), int(bottom)


def around_both(one: Box, other: Box) -> Box:
    """The smallest rectangle that holds both."""
    left, top = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    return Box(left, top, right - left, bottom - top)


def joined(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Rectangles that hold all of these and do not touch each other."""
    apart: list[Box] = []
    for box in boxes:
        whole = box
        while touching := [other for other in apart if overlap(whole, other) > 0]:
            apart = [other for other in apart if other not in touching]
            for other in touching:
                whole = around_both(whole, other)
        apart.append(whole)
    return tuple(apart)
