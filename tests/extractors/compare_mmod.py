"""dlib's CNN detector on dlib's runtime and on ONNX Runtime, side by side on the same pixels.

`python -m tests.extractors.compare_mmod FOLDER MODELS SIDE...` prints each picture of a folder at each length of its
longer side.  dlib takes 1 to 6 seconds for a picture of 640.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import dlib
import numpy as np
from PIL import Image

from extractors.faces import converted
from extractors.faces.mmod import Mmod
from extractors.faces.protocol import Detection
from extractors.faces.weights import CNN_DETECTOR, verified
from lastseen.records import Box, Pixels

PHOTOS = (".jpg", ".png")


@dataclass(frozen=True, slots=True)
class Compared:
    """One picture at one size."""

    name: str
    size: tuple[int, int]
    theirs: int
    """faces"""
    ours: int
    least_overlap: float
    """intersection over union of the boxes, paired in the order of their scores; 1 if there are none"""
    largest_difference: float
    """of the scores; 0 if there are none"""
    their_seconds: float
    our_seconds: float
    """the least of three tries"""

    @property
    def equal(self) -> bool:
        """As the project demands it."""
        return self.theirs == self.ours and self.least_overlap >= 0.95 and self.largest_difference <= 0.05


class Theirs:
    """dlib's own runtime."""

    def __init__(self) -> None:
        self.model = dlib.cnn_face_detection_model_v1(str(verified(CNN_DETECTOR)))

    def detect(self, image: Pixels) -> list[Detection]:
        """As our detector answers."""
        found = [
            Detection(Box(one.rect.left(), one.rect.top(), one.rect.width(), one.rect.height()), one.confidence, None)
            for one in self.model(image, 0)
        ]
        return sorted(found, key=lambda one: -one.score)


def compare(name: str, image: Pixels, theirs: Theirs, ours: Mmod) -> Compared:
    """Both on one picture."""
    start = time.perf_counter()
    expected = theirs.detect(image)
    their_seconds = time.perf_counter() - start
    times = []
    for _ in range(3):
        start = time.perf_counter()
        (found,) = ours.detect([image])
        times.append(time.perf_counter() - start)
    pairs = list(zip(expected, found, strict=False))
    return Compared(
        name,
        (image.shape[1], image.shape[0]),
        len(expected),
        len(found),
        min((overlap(one.box, other.box) for one, other in pairs), default=1.0),
        max((abs(one.score - other.score) for one, other in pairs), default=0.0),
        their_seconds,
        min(times),
    )


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(across, 0) * max(down, 0)
    return common / (one.width * one.height + other.width * other.height - common)


def pictures(folder: Path, sides: Iterable[int]) -> Iterator[tuple[str, Pixels]]:
    """Each photo of a folder, its longer side so many pixels long."""
    for path in sorted(path for path in folder.iterdir() if path.suffix in PHOTOS):
        image = np.asarray(Image.open(path).convert("RGB"))
        for side in sides:
            yield path.name, resized(image, side / max(image.shape[:2]))


def resized(image: Pixels, by: float) -> Pixels:
    """A picture enlarged or shrunk."""
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR
    size = round(image.shape[1] * by), round(image.shape[0] * by)
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def main(folder: Path, models: Path, sides: Iterable[int]) -> int:
    """Print them all; 1 if one is not equal."""
    converted.prepare(models)
    theirs, ours, all_equal = Theirs(), Mmod.load(models, 0), True
    for name, image in pictures(folder, sides):
        one = compare(name, image, theirs, ours)
        all_equal &= one.equal
        sys.stdout.write(
            f"{'=' if one.equal else '!'} {one.name:24} {one.size[0]:4} x {one.size[1]:4}"
            f"  faces {one.theirs} {one.ours}  IoU {one.least_overlap:.3f}  scores {one.largest_difference:.1e}"
            f"  {one.their_seconds * 1000:6.0f} ms / {one.our_seconds * 1000:5.1f} ms"
            f" = {one.their_seconds / one.our_seconds:3.0f}\n"
        )
        sys.stdout.flush()
    return 0 if all_equal else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), [int(side) for side in sys.argv[3:]]))
