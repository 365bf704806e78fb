"""The peer: `face_recognition`, used as its own documentation uses it.  Called in a child process only.

Importing the package loads its 68-point predictor, which was trained on pictures licensed for research; nothing that
is measured here uses it, and the program itself never imports the package.
"""

import contextlib
import importlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.faces.protocol import Chips
from extractors.faces.weights import CNN_DETECTOR, EMBEDDER, located
from lastseen.errors import Failure
from lastseen.records import Box, Pixels, Vectors
from pipeline.bench.matching import Scored

TOLERANCE: Final = 0.5
"""of its example for video files"""


class PeerMissing(Failure):
    """face_recognition cannot be imported; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the loop over a video brought."""

    frames: int
    faces: int
    nearest: Mapping[str, float]
    """person -> smallest distance of any face"""
    hits: Mapping[str, tuple[float, ...]]
    """person -> distances of all faces within TOLERANCE"""


def ready() -> str:
    """Import it.  Returns the version of dlib that it runs on; raises PeerMissing."""
    package()
    return str(importlib.import_module("dlib").__version__)


def encode(jobs: Sequence[tuple[Pixels, Sequence[Box]]]) -> Vectors:
    """`face_encodings` of known faces, picture by picture, as a user calls it: n x 128."""
    peer = package()
    made = [vector for pixels, boxes in jobs for vector in peer.face_encodings(pixels, [_css(box) for box in boxes])]
    return np.array(made, np.float32).reshape(-1, 128)


def describe(chips: Chips) -> Vectors:
    """dlib's embedder alone, on chips: n x 128."""
    return np.array([_embedder().compute_face_descriptor(chip) for chip in chips], np.float32).reshape(-1, 128)


def locate(pixels: Pixels) -> list[Box]:
    """`face_locations(model="cnn")`, which doubles the picture first."""
    return [_box(*place) for place in package().face_locations(pixels, model="cnn")]


def detect(pixels: Pixels) -> list[Scored]:
    """dlib's CNN detector alone on the picture as it is: with scores, and boxes that may reach over the edge."""
    found = _detector()(pixels, 0)
    return [Scored(_box(*_sides(one.rect)), float(one.confidence)) for one in found]


def register(photos: Mapping[str, Sequence[Path]]) -> dict[str, Vectors]:
    """The first face of each photo, as its examples take it; people of whom no photo shows a face are left out."""
    peer = package()
    made = {
        person: [vector for path in paths for vector in peer.face_encodings(peer.load_image_file(path))[:1]]
        for person, paths in photos.items()
    }
    return {person: np.array(vectors, np.float32) for person, vectors in made.items() if vectors}


def watch(clip: Path, known: Mapping[str, Vectors]) -> Watched:
    """The loop of its example for video files: every frame, HOG on the doubled picture, an encoding for each face.

    The example also draws boxes and writes a video, which is left out in its favour.
    """
    peer = package()
    encodings = [vector for vectors in known.values() for vector in vectors]
    seen: list[NDArray[np.float64]] = []
    frames = 0
    with contextlib.closing(Capture(clip)) as capture:
        while (frame := capture.read()) is not None:
            frames += 1
            places = peer.face_locations(frame)
            for vector in peer.face_encodings(frame, places):
                peer.compare_faces(encodings, vector, tolerance=TOLERANCE)
                seen.append(vector)
    distances = _distances(seen, known)
    nearest = {person: min(found) for person, found in distances.items() if found}
    hits = {person: tuple(one for one in found if one <= TOLERANCE) for person, found in distances.items()}
    return Watched(frames, len(seen), nearest, hits)


class Capture:
    """A video through OpenCV, RGB."""

    def __init__(self, clip: Path) -> None:
        self._capture = cv2.VideoCapture(str(clip))
        if not self._capture.isOpened():
            raise Failure(f"OpenCV cannot open {clip}")

    def read(self) -> Pixels | None:
        """The next picture, or None at the end."""
        more, frame = self._capture.read()
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8) if more else None

    def close(self) -> None:
        """Let go of it."""
        self._capture.release()


def _distances(seen: Sequence[NDArray[np.float64]], known: Mapping[str, Vectors]) -> dict[str, list[float]]:
    """Person -> of each face the distance from the nearest photo."""
    faces = np.array(seen).reshape(-1, 1, 128)
    return {
        person: np.linalg.norm(faces - vectors[None], axis=2).min(axis=1).tolist() for person, vectors in known.items()
    }


@cache
def package() -> ModuleType:
    """face_recognition, imported.  Raises PeerMissing."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of pkg_resources, that it will go
            return importlib.import_module("face_recognition")
    except (ImportError, SystemExit) as fault:  # without its models it prints a hint and quits
        raise PeerMissing(
            f"the peer face_recognition cannot be imported ({type(fault).__name__}: {fault}): "
            "install face-recognition, face-recognition-models and 'setuptools<81' (dependency group `bench`)"
        ) from fault


@cache
def _embedder() -> Any:
    return importlib.import_module("dlib").face_recognition_model_v1(str(located(EMBEDDER)))


@cache
def _detector() -> Any:
    return importlib.import_module("dlib").cnn_face_detection_model_v1(str(located(CNN_DETECTOR)))


def _css(box: Box) -> tuple[int, int, int, int]:
    """Top, right, bottom, left; the last two inclusive, as dlib counts."""
    return round(box.y), round(box.x + box.width) - 1, round(box.y + box.height) - 1, round(box.x)


def _sides(rectangle: Any) -> tuple[int, int, int, int]:
    return rectangle.top(), rectangle.right(), rectangle.bottom(), rectangle.left()


def _box(top: int, right: int, bottom: int, left: int) -> Box:
    return Box(left, top, right - left + 1, bottom - top + 1)
