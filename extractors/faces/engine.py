"""A detector and an embedder, joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.faces.protocol import Chips, Detection, Detector, Embedder, EngineUnavailable, Face, Points, Weights
from lastseen.records import Box, Pixels, Vectors


@dataclass(frozen=True, eq=False, slots=True)
class Joined:
    """One engine out of two halves; implements `Engine`."""

    name: str
    detector: Detector
    embedder: Embedder

    def __post_init__(self) -> None:
        if self.embedder.needs_points and not self.detector.gives_points:
            raise EngineUnavailable(
                f"{self.name}: {self.embedder.name} aligns by eyes, nose and mouth, which {self.detector.name} "
                f"does not find: use it behind another detector, e.g. yunet+{self.embedder.name}"
            )

    @property
    def version(self) -> int:
        return self.detector.version * 100 + self.embedder.version

    @property
    def weights(self) -> Weights:
        return (*self.detector.weights, *self.embedder.weights)

    @property
    def licence(self) -> str:
        return " AND ".join(dict.fromkeys((self.detector.licence, self.embedder.licence)))

    @property
    def dimension(self) -> int:
        return self.embedder.dimension

    @property
    def published_threshold(self) -> float:
        return self.embedder.published_threshold

    @property
    def smallest(self) -> float:
        return self.detector.smallest

    @property
    def min_score(self) -> float:
        return self.detector.min_score

    @property
    def sure_score(self) -> float:
        return self.detector.sure_score

    def detect(self, images: Sequence[Pixels], scale: float = 1.0) -> list[tuple[Face, ...]]:
        """See `Engine`."""
        looked_at = [_resized(image, scale) for image in images]
        found = self.detector.detect([small for small, _ in looked_at])
        return [
            tuple(self.embedder.face(image, _grown(one, times)) for one in faces)
            for image, (_, times), faces in zip(images, looked_at, found, strict=True)
        ]

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        """See `Engine`."""
        return self.embedder.align(image, faces)

    def embed(self, chips: Chips) -> Vectors:
        """See `Engine`."""
        return self.embedder.embed(chips)

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        """See `Engine`."""
        return self.embedder.norms(vectors)

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        """See `Engine`."""
        return self.embedder.distance(left, right)


Times = tuple[float, float]
"""by which an image's width and height were multiplied"""


def _resized(image: Pixels, scale: float) -> tuple[Pixels, Times]:
    height, width = image.shape[:2]
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    if (wide, high) == (width, height):
        return image, (1.0, 1.0)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (wide, high), interpolation=how), np.uint8), (wide / width, high / height)


def _grown(found: Detection, times: Times) -> Detection:
    if times == (1.0, 1.0):
        return found
    across, down = times
    box = Box(found.box.x / across, found.box.y / down, found.box.width / across, found.box.height / down)
    points: Points | None = None if found.points is None else np.asarray(found.points / times, np.float32)
    return Detection(box, found.score, points)
