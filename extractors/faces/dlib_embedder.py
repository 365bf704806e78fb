"""dlib's face embedder, run by ONNX Runtime: the vectors of the `face-recognition` package.

The 5-point predictor and the chip that is cut by its points (150 px, padding 0.25) are dlib's own.  The 68-point
predictor is never loaded: it was trained on pictures licensed for research only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import dlib
import numpy as np
from numpy.typing import NDArray

from extractors.faces import DLIB_THRESHOLD, DLIB_VERSION, converted
from extractors.faces.pose import turned
from extractors.faces.protocol import Chips, Detection, EngineUnavailable, Face, Points, Weights
from extractors.faces.sessions import Session, use_threads
from extractors.faces.weights import EMBEDDER, FIVE_POINTS, verified
from lastseen.records import Box, Pixels, Vectors

CHIP_SIDE: Final = 150
CHIP_PADDING: Final = 0.25
DIMENSION: Final = 128
BATCH: Final = 16
"""chips a run; twice as many take the same time a face and twice the memory"""

# The predictor starts from the square that dlib's own detectors draw around a face; other detectors draw other boxes.
# Where they also say where eyes and mouth are, the square is laid around those: on faces that both find, dlib's is
# 2.2 (+- 0.16) times as wide as it is from the eyes to the mouth.  Tried on a clip against a photo of the same man and
# on six photos, squares of 2.0 to 2.4 times that gave mean distances of 0.428 to 0.431 (dlib's own 0.428, YuNet's tall
# box as it is 0.433); 2.4 around the middle of the points kept the strangers farthest (0.506; the tall box 0.499).
SQUARE: Final = 2.4
LEAST, MOST = 0.5, 1.5
"""of a box's longer side: points that ask for another square than this are nonsense"""


@dataclass(frozen=True, eq=False, slots=True)
class DlibEmbedder:
    """Implements `Embedder`."""

    session: Session
    name: str = "dlib"
    version: int = DLIB_VERSION
    weights: Weights = ((FIVE_POINTS.name, FIVE_POINTS.sha256), (EMBEDDER.name, EMBEDDER.sha256))
    licence: str = "CC0-1.0"
    needs_points: bool = False
    dimension: int = DIMENSION
    published_threshold: float = DLIB_THRESHOLD

    @classmethod
    def load(cls, models: Path, threads: int) -> "DlibEmbedder":
        """From what `converted.prepare` made (5 ms, and once a process 45 ms for the predictor).

        Raises EngineUnavailable.
        """
        predictor()
        return cls(converted.load(models, EMBEDDER, use_threads(threads)))

    def face(self, image: Pixels, found: Detection) -> Face:
        """With the corners of both eyes and the base of the nose as landmarks."""
        parts = predictor()(np.ascontiguousarray(image), _square(found)).parts()
        landmarks = np.array([(point.x, point.y) for point in parts], np.float32)
        one, other, nose = landmarks[0:2].mean(axis=0), landmarks[2:4].mean(axis=0), landmarks[4]
        return Face(found.box, landmarks, found.score, turned(one, other, nose), np.stack([other, one]))

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        """n x 150 x 150 x 3."""
        if not faces:
            return np.empty((0, CHIP_SIDE, CHIP_SIDE, 3), np.uint8)
        # One by one: cut at once they come from one pyramid over all of them, and are not the chips of face_encodings.
        whole = np.ascontiguousarray(image)
        return np.stack([dlib.get_face_chip(whole, _shape(face.landmarks), CHIP_SIDE, CHIP_PADDING) for face in faces])

    def embed(self, chips: Chips) -> Vectors:
        """n x 128, not of unit length: the network was trained on raw Euclidean distance."""
        parts = [self._run(chips[at : at + BATCH]) for at in range(0, len(chips), BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, DIMENSION), np.float32)

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        """None: the length of these vectors says nothing of the picture."""
        return None

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        """Euclidean, as the network was trained (cosine separates these vectors worse)."""
        return np.asarray(np.linalg.norm(left[:, None, :] - right[None, :, :], axis=2), np.float32)

    def _run(self, chips: Chips) -> Vectors:
        return np.asarray(self.session.run(None, {"chips": np.ascontiguousarray(chips)})[0], np.float32)


@cache
def predictor() -> "dlib.shape_predictor":
    """dlib's 5-point predictor, once a process (45 ms): a process that is forked inherits it.

    Raises EngineUnavailable.
    """
    path = verified(FIVE_POINTS)
    try:
        return dlib.shape_predictor(str(path))
    except RuntimeError as fault:
        raise EngineUnavailable(f"dlib cannot read {path.name}: {fault}") from fault


def _square(found: Detection) -> "dlib.rectangle":
    """Where the predictor is to look for a face."""
    if found.points is None:
        return _rectangle(found.box)
    longer = max(found.box.width, found.box.height)
    side = min(max(SQUARE * _eyes_to_mouth(found.points), LEAST * longer), MOST * longer)
    across, down = map(float, found.points.mean(axis=0))
    return _rectangle(Box(across - side / 2, down - side / 2, side, side))


def _eyes_to_mouth(points: Points) -> float:
    return float(np.linalg.norm(points[3:5].mean(axis=0) - points[0:2].mean(axis=0)))


def _rectangle(box: Box) -> "dlib.rectangle":
    """In dlib's way of counting, where the last pixel is inside."""
    return dlib.rectangle(round(box.x), round(box.y), round(box.x + box.width) - 1, round(box.y + box.height) - 1)


def _shape(landmarks: Points) -> "dlib.full_object_detection":
    """Only the points count: the chip is cut by them alone."""
    return dlib.full_object_detection(dlib.rectangle(), [dlib.point(int(x), int(y)) for x, y in landmarks])
