"""What an engine is: a detector, an alignment, an embedder and their distance, under one name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lastseen.errors import Failure
from lastseen.records import Box, Pixels, Vectors

Chips = NDArray[np.uint8]
"""faces x side x side x 3, RGB, upright and scaled alike"""


class EngineUnavailable(Failure):
    """This engine cannot run here: its message says which file is missing or damaged, and what to do."""


@dataclass(frozen=True, eq=False, slots=True)
class Face:
    """One detection on one picture."""

    box: Box
    landmarks: NDArray[np.float32]
    """5 x 2 pixels; which points they are is the engine's own business"""
    score: float
    """the detector's; comparable within one engine only"""
    pose: float
    """0 frontal .. 1 profile, from the landmarks' symmetry"""


class Engine(Protocol):
    """Pictures in, faces and vectors out.  Vectors of different engines are never compared."""

    @property
    def name(self) -> str:
        """Short and stable, e.g. `dlib-hog`."""

    @property
    def version(self) -> int:
        """Of the preprocessing; raised whenever the same picture would give other vectors."""

    @property
    def weights(self) -> tuple[tuple[str, str], ...]:
        """(file name, sha256) of each file of weights."""

    @property
    def licence(self) -> str:
        """SPDX expression of the weights."""

    @property
    def dimension(self) -> int:
        """Of the vectors."""

    @property
    def published_threshold(self) -> float:
        """Largest distance worth a person's look when an office has no calibration of its own."""

    @property
    def min_score(self) -> float:
        """Of a detection that is worth searching with."""

    @property
    def sure_score(self) -> float:
        """From here on a detection cannot be better."""

    def detect(self, images: Sequence[Pixels]) -> list[tuple[Face, ...]]:
        """The faces of each image, in pixels of that image; images may differ in size."""

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        """One chip for each face, in their order."""

    def embed(self, chips: Chips) -> Vectors:
        """n chips in, n x `dimension` float32 out."""

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        """n x d and m x d in, n x m out; smaller is nearer."""
