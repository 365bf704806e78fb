"""Small networks made while the tests run, whose answers can be worked out by hand."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from extractors.faces.packs import DetectorPack, EmbedderPack, read

SIDE = 112
DIMENSION = 192
STRIDES = (8, 16, 32)
BOX = (0.5, 1.0, 1.5, 2.0)
"""distances to left, top, right and bottom side that the detector gives for every cell, in strides"""
POINTS = ((-0.2, -0.3), (0.2, -0.3), (0.0, 0.0), (-0.1, 0.3), (0.1, 0.3))
"""offsets of the five points, in strides"""
WEAKER = 0.5
"""score of a cell's first answer, for 1.0 of its second"""


def embedder(path: Path, batch: int | None = None, constant: bool = False) -> Path:
    """A chip's colours in 8 x 8 fields: 3 x 112 x 112 in, 192 numbers out; `constant` gives all chips the same."""
    nodes = [
        helper.make_node("AveragePool", ["in"], ["fields"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["fields"], ["flat"], axis=1),
        helper.make_node("Mul", ["flat", "times"], ["some"]),
        helper.make_node("Add", ["some", "plus"], ["out"]),
    ]
    weights = {
        "times": np.array([0 if constant else 1], np.float32),
        "plus": np.array([1 if constant else 0], np.float32),
    }
    return _saved(path, nodes, weights, ["batch" if batch is None else batch, 3, SIDE, SIDE], ["out"])


def detector(path: Path, size: tuple[int, int] | None = None) -> Path:
    """SCRFD's outputs: a cell's score is its brightness, its box and points are always the same ones."""
    nodes, weights, outputs = [], dict[str, NDArray[np.float32]](), []
    for stride in STRIDES:
        pooled = f"pooled_{stride}"
        nodes.append(helper.make_node("AveragePool", ["in"], [pooled], kernel_shape=[stride] * 2, strides=[stride] * 2))
        for kind, (weight, bias) in _heads().items():
            name = f"{kind}_{stride}"
            weights |= {f"{name}_w": weight, f"{name}_b": bias, f"{name}_shape": np.array([-1, len(bias) // 2])}
            nodes += [
                helper.make_node("Conv", [pooled, f"{name}_w", f"{name}_b"], [f"{name}_map"]),
                helper.make_node("Transpose", [f"{name}_map"], [f"{name}_rows"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{name}_rows", f"{name}_shape"], [name]),
            ]
            outputs.append(name)
    wide, high = size or (64, 64)
    return _saved(path, nodes, weights, [1, 3, high, wide], outputs)


def _heads() -> Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Weights and biases of two answers for each cell; the first is the weaker one."""
    score = np.zeros((2, 3, 1, 1), np.float32)
    score[0, :], score[1, :] = WEAKER / 3, 1 / 3
    return {
        "score": (score, np.zeros(2, np.float32)),
        "box": (np.zeros((8, 3, 1, 1), np.float32), np.array([*BOX, *BOX], np.float32)),
        "points": (np.zeros((20, 3, 1, 1), np.float32), np.array([*np.ravel(POINTS), *np.ravel(POINTS)], np.float32)),
    }


def _saved(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    weights: Mapping[str, NDArray[np.float32]],
    shape: Sequence[int | str],
    outputs: Sequence[str],
) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


DETECTOR = """
kind = "detector"
name = "{name}"
version = 1
about = "Takes what is bright for a face."
reads = "scrfd"
smallest = 8.0
reported_score = 0.4
min_score = 0.6
sure_score = 0.9
overlap = 0.3
[input]
colour = "RGB"
mean = [0.0, 0.0, 0.0]
scale = 0.00392156862745098
{size}
[outputs]
scores = ["score_8", "score_16", "score_32"]
boxes = ["box_8", "box_16", "box_32"]
points = ["points_8", "points_16", "points_32"]
"""
EMBEDDER = """
kind = "embedder"
name = "{name}"
version = 2
about = "Compares colours."
dimension = 192
distance = "cosine"
threshold = 0.9
threshold_source = "Nobody."
[input]
colour = "RGB"
mean = [127.5, 127.5, 127.5]
scale = 0.00784313725490196
"""
FILE = """
[[files]]
name = "{file}"
size = {size}
sha256 = "{sha256}"
urls = {urls}
[files.licence]
spdx = "{spdx}"
free = {free}
url = "https://example.org/licence"
text = "{text}"
"""


def file_table(path: Path, urls: Sequence[str] = (), text: str = "") -> str:
    """The table of a file; with a text its licence must be accepted."""
    content = path.read_bytes()
    return FILE.format(
        file=path.name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        urls=str(list(urls)).replace("'", '"'),
        spdx="LicenseRef-Test" if text else "CC0-1.0",
        free=str(not text).lower(),
        text=text,
    )


def describe(models: Path, name: str, body: str, files: str) -> Path:
    """An office's own description."""
    path = models / "packs" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body + files)
    return path


def add_detector(models: Path, name: str = "bright", size: tuple[int, int] | None = None) -> DetectorPack:
    """A detector as an office would add it: description and file in one folder."""
    made = detector(models / "packs" / f"{name}.onnx", size)
    body = DETECTOR.format(name=name, size=f"size = [{size[0]}, {size[1]}]" if size else "")
    pack = read(describe(models, name, body, file_table(made)))
    assert isinstance(pack, DetectorPack)
    return pack


def add_embedder(models: Path, name: str = "colours", more: str = "", batch: int | None = None) -> EmbedderPack:
    """An embedder as an office would add it; `more` are further tables."""
    made = embedder(models / "packs" / f"{name}.onnx", batch)
    pack = read(describe(models, name, EMBEDDER.format(name=name) + more, file_table(made)))
    assert isinstance(pack, EmbedderPack)
    return pack
