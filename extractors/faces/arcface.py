"""Embedders of the ArcFace kind: a chip cut out by five points goes in, a vector whose direction counts comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.faces.gridded import blob
from extractors.faces.packs import EmbedderPack, File
from extractors.faces.pose import turned
from extractors.faces.protocol import Chips, Detection, EngineUnavailable, Face, Points, Weights
from extractors.faces.sessions import session
from lastseen.records import Pixels, Vectors

BATCH: Final = 32
"""chips that go in at once, which bounds the memory"""


@dataclass(frozen=True, eq=False, slots=True)
class ArcFace:
    """One embedder; implements `Embedder`."""

    pack: EmbedderPack
    file: File
    network: Any  # onnxruntime publishes no types
    at_once: int
    """how many chips the network takes at once"""

    @classmethod
    def load(cls, pack: EmbedderPack, file: File, path: Path, threads: int) -> "ArcFace":
        """Raises EngineUnavailable if the file is no network that does what the description says."""
        try:
            network = session(path, threads)
            batch = network.get_inputs()[0].shape[0]
            made = cls(pack, file, network, batch if isinstance(batch, int) else BATCH)
            found = made.embed(np.full((2, pack.side, pack.side, 3), 127, np.uint8)).shape
        except Exception as fault:  # the runtime has classes of its own for each way in which it cannot fit
            raise EngineUnavailable(
                f"{path} does not do what {pack.name}.toml says of it ({type(fault).__name__}: {str(fault)[:200]}): "
                "compare `side` and `[input]` with how its publishers run it"
            ) from fault
        if found != (2, pack.dimension):
            raise EngineUnavailable(f"{path} gives vectors of {found[-1]} numbers: write that as `dimension`")
        return made

    @property
    def name(self) -> str:
        return self.pack.name

    @property
    def version(self) -> int:
        return self.pack.version

    @property
    def weights(self) -> Weights:
        return ((self.file.name, self.file.sha256),)

    @property
    def licence(self) -> str:
        return self.file.licence.spdx

    @property
    def needs_points(self) -> bool:
        return True

    @property
    def dimension(self) -> int:
        return self.pack.dimension

    @property
    def published_threshold(self) -> float:
        return self.pack.published_threshold

    def face(self, image: Pixels, found: Detection) -> Face:
        """The detection; its five points are the landmarks."""
        if found.points is None:
            raise ValueError(f"{self.name} needs a detector that gives points")
        eye, other, nose = found.points[:3]
        return Face(found.box, found.points, found.score, turned(eye, other, nose), found.points[:2])

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        """n x side x side x 3, the five points moved as near to the template as shift, turn and scale bring them."""
        side = self.pack.side
        chips = np.empty((len(faces), side, side, 3), np.uint8)
        for chip, face in zip(chips, faces, strict=True):
            how = similarity(face.landmarks, np.array(self.pack.template, np.float32))
            chip[:] = cv2.warpAffine(image, how, (side, side), flags=cv2.INTER_LINEAR)
        return chips

    def embed(self, chips: Chips) -> Vectors:
        """n x dimension; of length 1 where only direction counts, unless `norms` needs the length as it is."""
        vectors = [self._embed(chips[start : start + self.at_once]) for start in range(0, len(chips), self.at_once)]
        return np.concatenate(vectors) if vectors else np.empty((0, self.dimension), np.float32)

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        """From the length of `vectors` as `embed` gave them."""
        quality = self.pack.quality
        if quality is None:
            return None
        lengths = np.linalg.norm(vectors, axis=1)
        return np.asarray(np.clip((lengths - quality.low) / (quality.high - quality.low), 0, 1), np.float32)

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        """Euclidean; where only direction counts, between the vectors at length 1: the square root of 2 - 2 cosine."""
        if self.pack.distance == "cosine":
            left, right = unit(left), unit(right)
        return np.asarray(np.linalg.norm(left[:, None, :] - right[None, :, :], axis=2), np.float32)

    def _embed(self, chips: Chips) -> Vectors:
        """At most `at_once`; a network that takes a fixed number gets the last chip several times."""
        full = [*chips, *[chips[-1]] * (self.at_once - len(chips) if self._takes_only_that else 0)]
        given = {self.network.get_inputs()[0].name: blob(full, self.pack.input)}
        raw = np.asarray(self.network.run(None, given)[0], np.float32).reshape(len(full), -1)[: len(chips)]
        return unit(raw) if self.pack.distance == "cosine" and self.pack.quality is None else raw

    @property
    def _takes_only_that(self) -> bool:
        return isinstance(self.network.get_inputs()[0].shape[0], int)


def unit(vectors: Vectors) -> Vectors:
    """Each vector scaled to length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def similarity(points: Points, onto: Points) -> NDArray[np.float64]:
    """2 x 3: the shift, turn and scale that bring `points` nearest to `onto`, by least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI 13 (1991).
    In the plane, with points as complex numbers, turn and scale are one factor, and this is linear regression.
    """
    middle, target = points.mean(axis=0, dtype=np.float64), onto.mean(axis=0, dtype=np.float64)
    left, right = _complex(points - middle), _complex(onto - target)
    power = float((left * left.conj()).real.sum())
    how = complex((left.conj() * right).sum()) / power if power else 0j
    linear = np.array([[how.real, -how.imag], [how.imag, how.real]])
    return np.column_stack([linear, target - linear @ middle])


def _complex(points: NDArray[np.float64]) -> NDArray[np.complex128]:
    return np.asarray(points[:, 0] + 1j * points[:, 1], np.complex128)
