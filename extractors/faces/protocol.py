"""What an engine is: a detector, an alignment, an embedder and their distance, under one name.

`Engine` is what the rest of the program sees.  `Detector` and `Embedder` are its two halves, for whoever adds one;
`extractors.faces.engine` joins them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lastseen.errors import Failure
from lastseen.records import Box, Pixels, Vectors

Chips = NDArray[np.uint8]
"""faces x side x side x 3, RGB, upright and scaled alike"""
Points = NDArray[np.float32]
"""5 x 2 pixels: x to the right, y downwards"""
Weights = tuple[tuple[str, str], ...]
"""(file name, sha256) of each file of weights"""


class EngineUnavailable(Failure):
    """This engine cannot run here: its message says which file is missing or damaged, and what to do."""


@dataclass(frozen=True, eq=False, slots=True)
class Face:
    """One detection on one picture."""

    box: Box
    landmarks: Points
    """which points they are is the engine's own business"""
    score: float
    """the detector's; comparable within one engine only"""
    pose: float
    """0 frontal .. 1 profile, from the landmarks' symmetry"""
    eyes: Points
    """2 x 2: their middles, that one first which is on the left of an upright picture"""


@dataclass(frozen=True, eq=False, slots=True)
class Detection:
    """What a detector alone says of one face."""

    box: Box
    score: float
    points: Points | None
    """eyes, nose tip and corners of the mouth, the left of the picture first; None: it does not say"""


class Detector(Protocol):
    """Pictures in, boxes out."""

    @property
    def name(self) -> str:
        """Short and stable, e.g. `yunet`."""

    @property
    def version(self) -> int:
        """Raised whenever the same picture would give other boxes."""

    @property
    def weights(self) -> Weights:
        """All files that it was loaded from."""

    @property
    def licence(self) -> str:
        """SPDX expression of the weights."""

    @property
    def gives_points(self) -> bool:
        """Whether its detections have `points`."""

    @property
    def smallest(self) -> float:
        """Width in pixels of the smallest face that it finds reliably in a picture that is not enlarged."""

    @property
    def min_score(self) -> float:
        """Of a detection that is worth searching with."""

    @property
    def sure_score(self) -> float:
        """From here on a detection cannot be better."""

    def detect(self, images: Sequence[Pixels]) -> list[tuple[Detection, ...]]:
        """The faces of each image, the surest first; images may differ in size."""


class Embedder(Protocol):
    """Faces in, vectors out."""

    @property
    def name(self) -> str:
        """Short and stable, e.g. `sface`."""

    @property
    def version(self) -> int:
        """Of alignment and preprocessing; raised whenever the same face would give another vector."""

    @property
    def weights(self) -> Weights:
        """All files that it was loaded from."""

    @property
    def licence(self) -> str:
        """SPDX expression of the weights."""

    @property
    def needs_points(self) -> bool:
        """Whether it can only work behind a detector that gives `points`."""

    @property
    def dimension(self) -> int:
        """Of the vectors."""

    @property
    def published_threshold(self) -> float:
        """Largest distance worth a person's look when an office has no calibration of its own."""

    def face(self, image: Pixels, found: Detection) -> Face:
        """The detection with the landmarks that `align` wants; `found` is in pixels of `image`."""

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        """One chip for each face, in their order."""

    def embed(self, chips: Chips) -> Vectors:
        """n chips in, n x `dimension` float32 out."""

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        """How good the network takes each picture to be, 0 .. 1, if the length of its vectors says so; else None."""

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        """n x d and m x d in, n x m out; smaller is nearer."""


class Engine(Protocol):
    """Pictures in, faces and vectors out.  Vectors of different engines are never compared."""

    @property
    def name(self) -> str:
        """`dlib`, or `DETECTOR+EMBEDDER`."""

    @property
    def version(self) -> int:
        """Raised whenever the same picture would give other faces or vectors."""

    @property
    def weights(self) -> Weights:
        """All files that it was loaded from."""

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
    def smallest(self) -> float:
        """Width in pixels of the smallest face that it finds reliably at scale 1."""

    @property
    def min_score(self) -> float:
        """Of a detection that is worth searching with."""

    @property
    def sure_score(self) -> float:
        """From here on a detection cannot be better."""

    def detect(self, images: Sequence[Pixels], scale: float = 1.0) -> list[tuple[Face, ...]]:
        """The faces of each image, looked at enlarged or shrunk by `scale`, in pixels of the image as it was given."""

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        """One chip for each face, in their order, cut from the image as it was given."""

    def embed(self, chips: Chips) -> Vectors:
        """n chips in, n x `dimension` float32 out."""

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        """How good the network takes each picture to be, 0 .. 1, if the length of its vectors says so; else None."""

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        """n x d and m x d in, n x m out; smaller is nearer."""
