"""dlib's two networks as ONNX models.

Both are written so that ONNX Runtime keeps all of it in blocks of channels, the layout of its fastest convolutions:

- scales are folded into the convolutions before them, and so is what is done to the pixels: neither first
  convolution has margins, so the models take pixels as they are, 0 .. 255;
- channels are filled up to blocks (45 become 48: weights and biases of the rest are zero);
- where dlib fills up the smaller of two summands with zeros, a convolution does it: for channels 1 x 1 with the
  identity as weights, for rows and columns one weight a channel and margins;
- the detector's last layer (9 x 9 with one filter, which would be filled up to a block of them) becomes rows of 9
  weights, one filter for each of the 9 rows, and then a column that adds those up: a seventh of the work.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from extractors.faces.dlib_format import Add, Convolution, Dense, Floats, Layer, Network, Pool, Relu, Scale
from extractors.faces.protocol import EngineUnavailable

BLOCK: Final = 16
"""channels a block with AVX-512; a multiple of every other processor's"""
PIXEL: Final = 256
"""what dlib divides a pixel by"""
OPSET: Final = 17
IR_VERSION: Final = 8
"""of the ONNX format: the one that came with this opset"""

CHIP_SIDE: Final = 150
CHIPS: Final = "chips"
"""input of the embedder: n x 150 x 150 x 3 bytes, RGB"""
TILE: Final = "tile"
"""input of the detector: 1 x 3 x rows x columns float32, RGB, 0 .. 255"""
ABOUT: Final = "lastseen"
"""key of the detector's metadata: a JSON object with the fields of `Windows`, `mean`, `step` and `start`"""

Margins = tuple[int, int, int, int]
"""top, left, bottom, right"""
NONE: Final[Margins] = (0, 0, 0, 0)
L = TypeVar("L", bound=Layer)


class _Unexpected(Exception):
    """What is not as in the network that we know."""


def embedder(network: Network) -> ModelProto:
    """`CHIPS` in, n x 128 out.  Raises EngineUnavailable if this is another network."""
    try:
        with np.errstate(all="ignore"):  # what overflows is refused where it becomes a weight
            return _embedder(network)
    except _Unexpected as fault:
        raise _other("face embedder", fault) from fault


def detector(network: Network) -> ModelProto:
    """`TILE` in, 1 x 1 x rows x columns of scores out.  Raises EngineUnavailable if this is another network."""
    try:
        with np.errstate(all="ignore"):
            return _detector(network)
    except _Unexpected as fault:
        raise _other("face detector", fault) from fault


def operations(network: Network) -> int:
    """Multiplications and additions that dlib's embedder takes for one chip.  Raises EngineUnavailable."""
    try:
        with np.errstate(all="ignore"):
            stem, blocks, dense = _parts(network)
    except _Unexpected as fault:
        raise _other("face embedder", fault) from fault
    once = [(stem.convolution, stem.side)]
    for block in blocks:
        once += [(block.first, block.middle), (block.second, block.middle)]
    return 2 * (sum(one.weights.size * side**2 for one, side in once) + dense.weights.size)


def _other(what: str, fault: _Unexpected) -> EngineUnavailable:
    return EngineUnavailable(
        f"the weights are not those of dlib's {what} ({fault}): install the package face-recognition-models again"
    )


# --- what the layers mean ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _Stem:
    """What stands on the pixels."""

    convolution: Convolution
    side: int
    """of what the convolution puts out"""
    pool: Pool


@dataclass(frozen=True, eq=False, slots=True)
class _Block:
    """Two convolutions and what went in, added."""

    first: Convolution
    second: Convolution
    pool: Pool | None
    """what is done to what went in"""
    middle: int
    """side of what the convolutions put out"""
    side: int
    """of what the block puts out"""


class _Walk:
    """The layers, one after another."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = layers
        self.at = 0

    def next_is(self, kind: type[Layer]) -> bool:
        return self.at < len(self.layers) and isinstance(self.layers[self.at], kind)

    def take(self, kind: type[L]) -> L:
        found = self.layers[self.at] if self.at < len(self.layers) else None
        if not isinstance(found, kind):
            raise _Unexpected(f"{type(found).__name__} as layer {self.at} instead of {kind.__name__}")
        self.at += 1
        return found

    def convolution(self, channels: int) -> Convolution:
        """One that does the same down and across, of so many channels."""
        one = self.take(Convolution)
        if one.weights.shape[1] != channels:
            raise _Unexpected(f"layer {self.at - 1} does not fit the one before it")
        if any(down != across for down, across in (one.weights.shape[2:], one.stride, one.padding)):
            raise _Unexpected(f"layer {self.at - 1} is not square")
        return one

    def pool(self, kind: str) -> Pool:
        """One that does the same down and across, without margins."""
        one = self.take(Pool)
        if one.kind != kind or one.padding != (0, 0) or any(len(set(pair)) > 1 for pair in (one.size, one.stride)):
            raise _Unexpected(f"another pool as layer {self.at - 1}")
        return one

    def folded(self, channels: int) -> Convolution:
        """A convolution of so many channels and the scale behind it, as one convolution."""
        one, scale = self.convolution(channels), self.take(Scale)
        if scale.gamma.size != one.bias.size:
            raise _Unexpected(f"layer {self.at - 1} does not fit the one before it")
        weights = one.weights * scale.gamma[:, None, None, None]
        return Convolution(weights, one.bias * scale.gamma + scale.beta, one.stride, one.padding)

    def end(self) -> None:
        if self.at != len(self.layers):
            raise _Unexpected(f"it goes on after layer {self.at}")


def _parts(network: Network) -> tuple[_Stem, list[_Block], Dense]:
    walk = _Walk(network.layers)
    stem = _stem(walk, network.mean)
    side, channels = _after(stem.side, stem.pool.size[0], stem.pool.stride[0]), stem.convolution.bias.size
    blocks: list[_Block] = []
    while walk.next_is(Convolution):
        blocks.append(_block(walk, channels, side))
        side, channels = blocks[-1].side, blocks[-1].second.bias.size
    whole, dense = walk.pool("avg"), walk.take(Dense)
    walk.end()
    if whole.size != (0, 0) or dense.weights.shape[0] != channels:
        raise _Unexpected("it does not end in an average and a matrix")
    return stem, blocks, dense


def _stem(walk: _Walk, mean: tuple[float, float, float]) -> _Stem:
    first = _on_pixels(walk.folded(3), mean)
    walk.take(Relu)
    pool = walk.pool("max")
    return _Stem(first, _after(CHIP_SIDE, first.weights.shape[2], first.stride[0]), pool)


def _block(walk: _Walk, channels: int, side: int) -> _Block:
    first = walk.folded(channels)
    walk.take(Relu)
    second = walk.folded(first.bias.size)
    pool = walk.pool("avg") if walk.next_is(Pool) else None
    walk.take(Add), walk.take(Relu)
    middle = _convolved(_convolved(side, first), second)
    out = _after(side, pool.size[0], pool.stride[0]) if pool else side
    if not 1 <= middle <= out or second.bias.size < channels:
        raise _Unexpected("a block that puts out less than went in")
    return _Block(first, second, pool, middle, out)


def _on_pixels(one: Convolution, mean: tuple[float, float, float]) -> Convolution:
    """The same for pixels from which no mean was taken and that were not divided."""
    if one.padding != (0, 0):
        raise _Unexpected("a first convolution with margins")
    weights = one.weights.astype(np.float64) / PIXEL
    bias = one.bias - np.einsum("fcrs,c->f", weights, np.array(mean))
    return Convolution(weights.astype(np.float32), bias.astype(np.float32), one.stride, one.padding)


def _after(side: int, size: int, stride: int, margin: int = 0) -> int:
    return (side + 2 * margin - size) // stride + 1


def _convolved(side: int, one: Convolution) -> int:
    return _after(side, one.weights.shape[2], one.stride[0], one.padding[0])


# --- ONNX -------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Graph:
    """Nodes and weights as they come."""

    nodes: list[NodeProto] = field(default_factory=list)
    weights: list[TensorProto] = field(default_factory=list)

    def node(self, kind: str, *inputs: str, **attributes: int | list[int]) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [name], name=name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return name

    def weight(self, values: Floats) -> str:
        name = f"weight_{len(self.weights)}"
        if not np.isfinite(values).all():
            raise _Unexpected("a weight that is not a number")
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def convolve(
        self, of: str, weights: Floats, bias: Floats | None, *, stride: int = 1, margins: Margins = NONE, group: int = 1
    ) -> str:
        constants = [self.weight(weights)] + ([] if bias is None else [self.weight(bias)])
        size = list(weights.shape[2:])
        return self.node(
            "Conv", of, *constants, kernel_shape=size, strides=[stride] * 2, pads=list(margins), group=group
        )

    def layer(self, of: str, one: Convolution) -> str:
        down, across = one.padding
        return self.convolve(of, one.weights, one.bias, stride=one.stride[0], margins=(down, across, down, across))

    def pool(self, of: str, pool: Pool) -> str:
        kind = {"max": "MaxPool", "avg": "AveragePool"}[pool.kind]
        return self.node(kind, of, kernel_shape=list(pool.size), strides=list(pool.stride))

    def model(self, given: tuple[str, int, list[int | str]], made: tuple[str, list[int | str]]) -> ModelProto:
        inputs = [helper.make_tensor_value_info(*given)]
        outputs = [helper.make_tensor_value_info(made[0], TensorProto.FLOAT, made[1])]
        graph = helper.make_graph(self.nodes, "dlib", inputs, outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _embedder(network: Network) -> ModelProto:
    stem, blocks, dense = _parts(network)
    graph = _Graph()
    planes = graph.node("Transpose", CHIPS, perm=[0, 3, 1, 2])
    pixels = graph.node("Cast", planes, to=TensorProto.FLOAT)
    at = graph.pool(graph.node("Relu", graph.layer(pixels, stem.convolution)), stem.pool)
    for block in blocks:
        at = _add_block(graph, at, block)
    features = graph.node("Flatten", graph.node("GlobalAveragePool", at))
    out = graph.node("MatMul", features, graph.weight(dense.weights))
    chips: list[int | str] = ["n", CHIP_SIDE, CHIP_SIDE, 3]
    return graph.model((CHIPS, TensorProto.UINT8, chips), (out, ["n", dense.weights.shape[1]]))


def _add_block(graph: _Graph, at: str, block: _Block) -> str:
    filters, channels = block.first.weights.shape[:2]
    inner = graph.node("Relu", graph.layer(at, block.first))
    inner = graph.layer(inner, _centre(block.second) if block.middle == 1 else block.second)
    outer = graph.pool(at, block.pool) if block.pool else at
    if filters > channels:
        outer = graph.convolve(outer, np.eye(filters, channels, dtype=np.float32)[:, :, None, None], None)
    if block.side > block.middle:
        rest = block.side - block.middle
        ones = np.ones((filters, 1, 1, 1), np.float32)
        inner = graph.convolve(inner, ones, None, margins=(0, 0, rest, rest), group=filters)
    return graph.node("Relu", graph.node("Add", outer, inner))


def _centre(one: Convolution) -> Convolution:
    """What a convolution with margins does to a single pixel."""
    down, across = one.padding
    weights = one.weights[:, :, down : down + 1, across : across + 1]
    return Convolution(weights, one.bias, one.stride, (0, 0))


def _detector(network: Network) -> ModelProto:
    graph, walk = _Graph(), _Walk(network.layers)
    at, channels, layers = TILE, 3, list[Convolution]()
    while walk.at + 1 < len(network.layers):
        one = walk.folded(channels)
        walk.take(Relu)
        channels = one.bias.size
        layers.append(one)
        at = graph.node("Relu", graph.layer(at, _in_blocks(one if at != TILE else _on_pixels(one, network.mean))))
    last = walk.convolution(channels)
    walk.end()
    if last.weights.shape[0] != 1 or last.weights.shape[2] > BLOCK or last.stride != (1, 1):
        raise _Unexpected("another last layer")
    at = _add_last(graph, at, last)
    tile: list[int | str] = [1, 3, "rows", "columns"]
    model = graph.model((TILE, TensorProto.FLOAT, tile), (at, [1, 1, "cell_rows", "cell_columns"]))
    helper.set_model_props(model, {ABOUT: json.dumps(_about(network, [*layers, last]))})
    return model


def _in_blocks(one: Convolution) -> Convolution:
    """Filled up with filters and channels that are zero; not the channels of pixels."""
    filters, channels = one.weights.shape[:2]
    more, wider = -filters % BLOCK, -channels % BLOCK if channels > 3 else 0
    weights = np.pad(one.weights, ((0, more), (0, wider), (0, 0), (0, 0)))
    return Convolution(weights, np.pad(one.bias, (0, more)), one.stride, one.padding)


def _add_last(graph: _Graph, at: str, last: Convolution) -> str:
    _, channels, rows, columns = last.weights.shape
    down, across = last.padding
    each = np.zeros((BLOCK, channels + -channels % BLOCK, 1, columns), np.float32)
    each[:rows, :channels, 0] = last.weights[0].transpose(1, 0, 2)
    of_rows = graph.convolve(at, each, None, margins=(0, across, 0, across))
    column = np.zeros((1, BLOCK, rows, 1), np.float32)
    column[0, range(rows), range(rows), 0] = 1
    return graph.convolve(of_rows, column, last.bias, margins=(down, 0, down, 0))


def _about(network: Network, layers: Sequence[Convolution]) -> dict[str, object]:
    if network.windows is None:
        raise _Unexpected("it says nothing of windows")
    windows = network.windows
    step, start = _cells(layers)
    return {
        "width": windows.width,
        "height": windows.height,
        "same_overlap": windows.same_overlap,
        "same_covered": windows.same_covered,
        "mean": list(network.mean),
        "step": step,
        "start": start,
    }


def _cells(layers: Sequence[Convolution]) -> tuple[int, int]:
    """Pixels from one cell of the last layer to the next, and the middle of the first: the same down and across."""
    step, start = 1, 0
    for one in reversed(layers):
        step, start = step * one.stride[0], start * one.stride[0] - one.padding[0] + one.weights.shape[2] // 2
    return step, start
