"""dlib's own runtime: the reference that faster engines are held against.

The embedder, the 5-point alignment and the chip (150 px, padding 0.25) are those of the `face-recognition`
package, so the vectors are the same.  The 68-point predictor is never loaded: it was trained on pictures
licensed for research only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import dlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from extractors.faces.protocol import Chips, Face
from extractors.faces.weights import CNN_DETECTOR, EMBEDDER, FIVE_POINTS, WeightFile, verified
from lastseen.records import Box, Pixels, Vectors

CHIP_SIDE: Final = 150
CHIP_PADDING: Final = 0.25

# HOG's smallest face is 80 px, 40 px in a picture doubled first.  Doubling costs four times the time, so only
# pictures up to 960 x 540 are doubled, and pictures over 1920 x 1080 are searched at that size.
DOUBLE_BELOW: Final = 960 * 540
SHRINK_ABOVE: Final = 1920 * 1080

DIMENSION: Final = 128

Found = tuple["dlib.rectangle", float]


@dataclass(frozen=True, eq=False, slots=True)
class DlibReference:
    """One of dlib's two detectors with its one embedder."""

    name: str
    version: int
    weights: tuple[tuple[str, str], ...]
    min_score: float
    sure_score: float
    detector: Callable[[Pixels], list[Found]]
    predictor: "dlib.shape_predictor"
    embedder: "dlib.face_recognition_model_v1"
    published_threshold: float
    licence: str = "CC0-1.0"
    dimension: int = DIMENSION

    @classmethod
    def load(cls, name: str, version: int, files: Sequence[WeightFile], threshold: float) -> "DlibReference":
        """Read the weights (about 0.5 s).  Raises EngineUnavailable if one is missing or damaged."""
        paths = {file: str(verified(file)) for file in files}
        return cls(
            name=name,
            version=version,
            weights=tuple((file.name, file.sha256) for file in files),
            min_score=0.0 if name == "dlib-hog" else 0.5,
            sure_score=1.0,
            published_threshold=threshold,
            detector=_hog() if name == "dlib-hog" else _cnn(paths[CNN_DETECTOR]),
            predictor=dlib.shape_predictor(paths[FIVE_POINTS]),
            embedder=dlib.face_recognition_model_v1(paths[EMBEDDER]),
        )

    def detect(self, images: Sequence[Pixels]) -> list[tuple[Face, ...]]:
        """The faces of each image, the surest first."""
        return [tuple(self._face(image, *found) for found in self._find(image)) for image in images]

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        """n x 150 x 150 x 3."""
        if not faces:
            return np.empty((0, CHIP_SIDE, CHIP_SIDE, 3), np.uint8)
        shapes = dlib.full_object_detections([_shape(face) for face in faces])
        return np.stack(dlib.get_face_chips(image, shapes, size=CHIP_SIDE, padding=CHIP_PADDING))

    def embed(self, chips: Chips) -> Vectors:
        """n x 128, not of unit length: the network was trained on raw Euclidean distance."""
        if not len(chips):
            return np.empty((0, DIMENSION), np.float32)
        return np.array(self.embedder.compute_face_descriptor(list(chips)), np.float32)

    def distance(self, left: Vectors, right: Vectors) -> NDArray[np.float32]:
        """Euclidean, as the network was trained (cosine separates these vectors worse)."""
        return np.asarray(np.linalg.norm(left[:, None, :] - right[None, :, :], axis=2), np.float32)

    def _find(self, image: Pixels) -> list[Found]:
        height, width = image.shape[:2]
        scale = _scale(height * width)
        if scale >= 1:
            return self.detector(image)
        small = Image.fromarray(image).resize((round(width * scale), round(height * scale)), Image.Resampling.BOX)
        return [(_grown(box, 1 / scale), score) for box, score in self.detector(np.asarray(small))]

    def _face(self, image: Pixels, box: "dlib.rectangle", score: float) -> Face:
        points = self.predictor(image, box).parts()
        landmarks = np.array([(point.x, point.y) for point in points], np.float32)
        place = Box(float(box.left()), float(box.top()), float(box.width()), float(box.height()))
        return Face(place, landmarks, score, _pose(landmarks))


def _hog() -> Callable[[Pixels], list[Found]]:
    detector = dlib.get_frontal_face_detector()

    def find(image: Pixels) -> list[Found]:
        doubled = int(image.shape[0] * image.shape[1] <= DOUBLE_BELOW)
        boxes, scores, _ = detector.run(image, doubled, 0.0)
        return sorted(zip(boxes, map(float, scores), strict=True), key=lambda found: -found[1])

    return find


def _cnn(path: str) -> Callable[[Pixels], list[Found]]:
    detector = dlib.cnn_face_detection_model_v1(path)

    def find(image: Pixels) -> list[Found]:
        found = [(face.rect, float(face.confidence)) for face in detector(image, 0)]
        return sorted(found, key=lambda face: -face[1])

    return find


def _scale(pixels: int) -> float:
    return float(min(1.0, (SHRINK_ABOVE / pixels) ** 0.5))


def _grown(box: "dlib.rectangle", by: float) -> "dlib.rectangle":
    left, top, right, bottom = (round(side * by) for side in (box.left(), box.top(), box.right(), box.bottom()))
    return dlib.rectangle(left, top, right, bottom)


def _shape(face: Face) -> "dlib.full_object_detection":
    box = face.box
    corners = (round(box.x), round(box.y), round(box.x + box.width) - 1, round(box.y + box.height) - 1)
    return dlib.full_object_detection(dlib.rectangle(*corners), [dlib.point(int(x), int(y)) for x, y in face.landmarks])


def _pose(landmarks: NDArray[np.float32]) -> float:
    """How far the nose stands from the middle between the eyes, 0 .. 1 (under an eye).

    dlib's points: two corners of one eye, two of the other, the nose.
    """
    one, other, nose = landmarks[0:2].mean(axis=0), landmarks[2:4].mean(axis=0), landmarks[4]
    axis = other - one
    length = float(axis @ axis)
    return min(1.0, abs(float((nose - (one + other) / 2) @ axis)) / length * 2) if length else 1.0
