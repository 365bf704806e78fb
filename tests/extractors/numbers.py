"""An engine for tests whose chips carry their vector, so that each rule of following and pooling is seen on its own."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from extractors.faces.protocol import Chips, Face, Points, Weights
from extractors.glimpses import Glimpse
from lastseen.records import Box, Pixels, Quality, Vectors

FRONTAL = np.array([(30, 40), (70, 40), (50, 60), (35, 80), (65, 80)], np.float32)


class Numbers:
    """Embeds the first two values of each chip, as tenths; notes how many it was asked for at once."""

    name, version, licence = "numbers", 1, "CC0-1.0"
    weights: Weights = (("none", "0" * 64),)
    dimension, published_threshold, smallest, min_score, sure_score = 2, 0.5, 24.0, 0.1, 1.0

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, images: Sequence[Pixels], scale: float = 1.0) -> list[tuple[Face, ...]]:
        return [() for _ in images]

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        return np.zeros((len(faces), 4, 4, 3), np.uint8)

    def embed(self, chips: Chips) -> Vectors:
        self.batches.append(len(chips))
        return np.asarray(chips[:, 0, 0, :2] / 10, np.float32)

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        return None

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        return np.asarray(np.linalg.norm(left[:, None] - right[None], axis=2), np.float32)


class Directions(Numbers):
    """The same, but the length of a vector says how good its picture is: 1 at a length of 10."""

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        return np.asarray(np.linalg.norm(vectors, axis=1) / 10, np.float32)


def glimpse(
    at: float,
    x: float = 100,
    who: tuple[int, int] = (0, 0),
    weight: float = 0.5,
    width: float = 60,
    gate: str = "",
    landmarks: Points = FRONTAL,
) -> Glimpse:
    """A face at a time and place, of somebody."""
    chip = np.zeros((4, 4, 3), np.uint8)
    chip[0, 0, :2] = who
    face = Face(Box(x, 50, width, width), landmarks, 1.0, 0.0, landmarks[:2])
    return Glimpse(Fraction(at).limit_denominator(1000), face, chip, Quality(width, 1.0, 50.0, 0.0), weight, gate)


def yawed(degrees: float) -> Points:
    """The landmarks of a head that is turned to the side."""
    turn, depth = np.radians(degrees), np.array([0, 0, 15, 3, 3], np.float32)
    middle = FRONTAL.mean(axis=0)
    x = (FRONTAL[:, 0] - middle[0]) * np.cos(turn) + depth * np.sin(turn)
    return np.stack([x + middle[0], FRONTAL[:, 1]], axis=1).astype(np.float32)
