"""An engine that takes white squares for faces: what it finds depends on pixels and scale, as with real ones."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.faces.engine import Joined
from extractors.faces.protocol import Chips, Detection, Face, Weights
from lastseen.records import Box, Pixels, Vectors

SMALLEST = 40


class Squares:
    """Finds white squares of SMALLEST pixels and more; notes how many pixels it was shown."""

    name, version, licence = "squares", 1, "none"
    weights: Weights = ()
    gives_points = True
    smallest, min_score, sure_score = float(SMALLEST), 0.5, 1.0

    def __init__(self) -> None:
        self.shown: list[int] = []

    def detect(self, images: Sequence[Pixels]) -> list[tuple[Detection, ...]]:
        return [tuple(self._squares(image)) for image in images]

    def _squares(self, image: Pixels) -> list[Detection]:
        self.shown.append(image.shape[0] * image.shape[1])
        count, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] > 128).astype(np.uint8))
        boxes = [Box(*map(float, stats[label, :4])) for label in range(1, count)]
        return [Detection(box, 1.0, _points(box)) for box in boxes if box.width >= SMALLEST]


class Places:
    """Embeds nothing: a chip is a copy of the picture's first pixel."""

    name, version, licence = "places", 1, "none"
    weights: Weights = ()
    needs_points = True
    dimension = 3
    published_threshold = 0.5

    def face(self, image: Pixels, found: Detection) -> Face:
        assert found.points is not None
        return Face(found.box, found.points, found.score, 0.0, found.points[:2])

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        return np.zeros((len(faces), 8, 8, 3), np.uint8)

    def embed(self, chips: Chips) -> Vectors:
        return chips[:, 0, 0].astype(np.float32)

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        return None

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        return np.asarray(np.linalg.norm(left[:, None] - right[None], axis=2), np.float32)


def engine() -> tuple[Joined, Squares]:
    """The engine, and its detector to ask what it was shown."""
    detector = Squares()
    return Joined("squares+places", detector, Places()), detector


def squares(size: tuple[int, int], *boxes: tuple[int, int, int]) -> Pixels:
    """White squares (left, top, side) on black; `size` is width x height."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, side in boxes:
        picture[top : top + side, left : left + side] = 255
    return picture


def _points(box: Box) -> NDArray[np.float32]:
    x, y, side = box.x, box.y, box.width
    return np.array(
        [
            (x + 0.3 * side, y + 0.4 * side),
            (x + 0.7 * side, y + 0.4 * side),
            (x + 0.5 * side, y + 0.6 * side),
            (x + 0.35 * side, y + 0.8 * side),
            (x + 0.65 * side, y + 0.8 * side),
        ],
        np.float32,
    )
