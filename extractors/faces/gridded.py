"""Detectors that a pack describes, run by ONNX Runtime: twice as fast as OpenCV's own wrapper on two cores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from extractors.faces import scrfd, yunet
from extractors.faces.grids import Floats, Found
from extractors.faces.packs import DetectorPack, File, Input, Picture
from extractors.faces.protocol import Detection, EngineUnavailable, Weights
from extractors.faces.sessions import session
from lastseen.records import Box, Pixels

STEP: Final = 32
"""the coarsest grid of these detectors: width and height of what goes in are multiples of it"""

Read = Callable[[Mapping[str, Floats], int, int, float], Found]


@dataclass(frozen=True, eq=False, slots=True)
class Gridded:
    """One detector; implements `Detector`."""

    pack: DetectorPack
    file: File
    network: Any  # onnxruntime publishes no types
    read: Read

    @classmethod
    def load(cls, pack: DetectorPack, file: File, path: Path, threads: int) -> "Gridded":
        """Raises EngineUnavailable if the file is no network that does what the description says."""
        try:
            network = session(path if pack.input.size else any_size(path), threads)
            made = cls(pack, file, network, _reader(pack))
            made.detect([np.full((height, 96, 3), 127, np.uint8) for height in (64, 128)])
        except Exception as fault:  # runtime and parser have classes of their own for each way in which it cannot fit
            raise EngineUnavailable(
                f"{path} does not do what {pack.name}.toml says of it ({type(fault).__name__}: {str(fault)[:200]}): "
                "compare `reads`, `[input]` and `[outputs]` with how its publishers run it"
            ) from fault
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
    def gives_points(self) -> bool:
        return True

    @property
    def smallest(self) -> float:
        return self.pack.smallest

    @property
    def min_score(self) -> float:
        return self.pack.min_score

    @property
    def sure_score(self) -> float:
        return self.pack.sure_score

    def detect(self, images: Sequence[Pixels]) -> list[tuple[Detection, ...]]:
        """The faces of each image, the surest first; images may differ in size."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Pixels) -> tuple[Detection, ...]:
        canvas, times = fitted(image, self.pack.input)
        height, width = canvas.shape[:2]
        found = self.read(self._run(canvas), width, height, self.pack.reported_score)
        boxes, points = found.boxes / times, found.points / times
        return tuple(
            Detection(Box(*map(float, boxes[n])), float(found.scores[n]), points[n])
            for n in surest(found, self.pack.overlap)
        )

    def _run(self, canvas: Pixels) -> dict[str, Floats]:
        names = [output.name for output in self.network.get_outputs()]
        given = {self.network.get_inputs()[0].name: blob([canvas], self.pack.input)}
        return dict(zip(names, self.network.run(names, given), strict=True))


def _reader(pack: DetectorPack) -> Read:
    return yunet.read if pack.outputs is None else partial(scrfd.read, named=pack.outputs)


def any_size(path: Path) -> bytes:
    """The network with an input of any size, whatever size it was exported with.

    YuNet and SCRFD are convolutions throughout, and what reshapes their outputs leaves the number of cells open; the
    OpenCV Zoo's files name a size all the same.
    """
    import onnx

    model = onnx.load(path)
    shape = model.graph.input[0].type.tensor_type.shape
    for axis, name in ((2, "height"), (3, "width")):
        shape.dim[axis].dim_param = name
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def fitted(image: Pixels, wanted: Picture) -> tuple[Pixels, np.float32]:
    """The image in the upper left of a canvas that the network takes, and by what it was multiplied (at most 1)."""
    height, width = image.shape[:2]
    if wanted.size is None:
        (wide, high), times = (-(-width // STEP) * STEP, -(-height // STEP) * STEP), 1.0
    else:
        wide, high = wanted.size
        times = min(1.0, wide / width, high / height)
    if times < 1:
        size = max(1, int(width * times)), max(1, int(height * times))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    down, right = high - image.shape[0], wide - image.shape[1]
    if down or right:
        image = np.asarray(cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_CONSTANT), np.uint8)
    return image, np.float32(times)


def blob(images: Sequence[Pixels], wanted: Input) -> Floats:
    """n x 3 x height x width, as the network wants its pixels; `images` are RGB and of one size.

    Plane by plane: OpenCV's own function for this takes twenty times as long, a third of YuNet's whole time.
    """
    made = np.empty((len(images), 3, *images[0].shape[:2]), np.float32)
    for planes, image in zip(made, images, strict=True):
        for to, plane in zip(planes if wanted.colour == "RGB" else planes[::-1], cv2.split(image), strict=True):
            to[:] = plane
    if any(wanted.mean):
        made -= np.array(wanted.mean, np.float32)[:, None, None]
    if wanted.scale != 1:
        made *= np.float32(wanted.scale)
    return made


def surest(found: Found, overlap: float) -> list[int]:
    """Which detections are the surest of those that overlap by more than that, the surest first."""
    kept = cv2.dnn.NMSBoxes(found.boxes.astype(np.float64).tolist(), found.scores.tolist(), 0.0, overlap)
    return [int(n) for n in np.asarray(kept).reshape(-1)]
