"""Reader of dlib's weight files (`.dat`): bytes in, layers from the input upwards out.

The file is a serialised network, outermost object first, so its head is the loss and one version number a layer;
then come the input layer and the layers from the input upwards, each announced by its name.  Numbers are one byte
(low four bits: how many bytes follow, 0x80: negative) and then little-endian bytes; a real is a mantissa and an
exponent of 2; a tensor is a version, four sizes and raw float32.

The reader is strict and never trusts a size: it allocates nothing larger than what is left of the file, and a file
that ends early, goes on too long or says anything that it does not know is refused.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from extractors.faces.protocol import EngineUnavailable

Floats = NDArray[np.float32]

LARGEST_FILE: Final = 256 * 2**20
"""the largest that dlib's authors published is 22 MiB"""
LONGEST_NAME: Final = 64
MOST_LAYERS: Final = 1024
LARGEST_WINDOW: Final = 4096
TAG: Final = 1
"""version of an object that only gives a layer a name, and has nothing else in the file"""
LAYER: Final = 2
LOWEST_LAYERS: Final = (2, 3)
"""versions of the layer that stands on the input"""


@dataclass(frozen=True, eq=False, slots=True)
class Convolution:
    """`weights`: filters x channels x rows x columns; `bias`: filters; steps and margins: vertical, horizontal."""

    weights: Floats
    bias: Floats
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True)
class Scale:
    """Each channel times `gamma` plus `beta`."""

    gamma: Floats
    beta: Floats


@dataclass(frozen=True, slots=True)
class Relu:
    """What is negative becomes zero."""


@dataclass(frozen=True, slots=True)
class Pool:
    """`kind`: `max` or `avg`; `size` (0, 0) is the whole picture."""

    kind: str
    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Add:
    """Plus what went into the block; where sizes differ, the smaller is padded with zeros at its end."""


@dataclass(frozen=True, eq=False, slots=True)
class Dense:
    """Times a matrix: inputs x outputs."""

    weights: Floats


Layer = Convolution | Scale | Relu | Pool | Add | Dense


@dataclass(frozen=True, slots=True)
class Windows:
    """Options of the detector's loss: what a cell of the last layer stands for, and when two finds are one."""

    width: int
    height: int
    same_overlap: float
    """intersection over union above which the weaker of two is dropped"""
    same_covered: float
    """or the share of either that the other covers"""


@dataclass(frozen=True, eq=False, slots=True)
class Network:
    """Layers from the input upwards."""

    mean: tuple[float, float, float]
    """R, G, B; taken from each pixel, before a division by 256"""
    layers: tuple[Layer, ...]
    windows: Windows | None
    """of a detector"""


class _Malformed(Exception):
    """What is wrong, in a few words."""


def read(path: Path) -> Network:
    """The network in a file.  Raises EngineUnavailable if it is not one, or not whole."""
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as fault:
        raise EngineUnavailable(f"{path.name} cannot be opened: {fault.strerror}") from fault
    if len(content) > LARGEST_FILE:
        raise _refused(path.name, f"it is larger than {LARGEST_FILE >> 20} MiB")
    return parse(content, path.name)


def parse(content: bytes, name: str) -> Network:
    """As `read`; `name` is what messages call the file."""
    reader = _Reader(content)
    try:
        with np.errstate(all="ignore"):  # what overflows is refused below
            return _network(reader)
    except _Malformed as fault:
        raise _refused(name, f"{fault}, at byte {reader.at}") from fault


def _refused(name: str, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{name} is damaged or not a file of weights as dlib writes them ({why}): "
        "install the package face-recognition-models again"
    )


class _Reader:
    """Values one after another."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, count: int) -> bytes:
        if count > len(self.content) - self.at:
            raise _Malformed("it ends too early")
        self.at += count
        return self.content[self.at - count : self.at]

    def integer(self, low: int = 0, high: int = 2**31) -> int:
        (head,) = self.take(1)
        count = head & 0x0F
        if not 1 <= count <= 8 or head & 0x70:
            raise _Malformed("a number was expected")
        size = int.from_bytes(self.take(count), "little")
        number = -size if head & 0x80 else size
        if not low <= number <= high:
            raise _Malformed(f"{number} is not between {low} and {high}")
        return number

    def version(self, *known: int) -> int:
        found = self.integer(-(2**31))
        if found not in known:
            raise _Malformed(f"version {found} is unknown")
        return found

    def real(self) -> float:
        mantissa, exponent = self.integer(-(2**63), 2**63), self.integer(-4096, 4096)
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError as fault:
            raise _Malformed("a number is too large") from fault

    def name(self) -> str:
        return self.take(self.integer(1, LONGEST_NAME)).decode("ascii", "replace")

    def expect(self, *known: str) -> str:
        found = self.name()
        if found not in known:
            raise _Malformed(f"{found!a} stands where {' or '.join(known)} was expected")
        return found

    def flag(self) -> bool:
        found = self.take(1)
        if found not in (b"0", b"1"):
            raise _Malformed("a yes or no was expected")
        return found == b"1"

    def sizes(self) -> tuple[int, int, int, int]:
        """How many samples, channels, rows and columns."""
        return self.integer(), self.integer(), self.integer(), self.integer()

    def alias(self) -> tuple[int, int, int, int]:
        self.version(1)
        return self.sizes()

    def tensor(self) -> Floats:
        self.version(2)
        sizes = self.sizes()
        values = np.frombuffer(self.take(4 * math.prod(sizes)), "<f4")
        if not np.isfinite(values).all():
            raise _Malformed("a weight is not a number")
        return values.reshape(sizes)

    def reals(self, count: int) -> tuple[float, ...]:
        return tuple(self.real() for _ in range(count))


def _network(reader: _Reader) -> Network:
    reader.version(1)
    windows = _loss(reader)
    versions, lowest = _versions(reader)
    mean = _input(reader)
    layers = [_layer(reader)]
    _lowest_rest(reader, lowest)
    for _ in range(versions):
        layers.append(_layer(reader))
        _rest(reader)
    if reader.at != len(reader.content):
        raise _Malformed("there is more after its end")
    return Network(mean, tuple(layers), windows)


def _loss(reader: _Reader) -> Windows | None:
    if reader.expect("loss_mmod_", "loss_metric_2") == "loss_mmod_":
        return _windows(reader)
    reader.reals(2)  # margin and distance: of the training
    return None


def _windows(reader: _Reader) -> Windows:
    reader.version(1)
    width, height = reader.integer(1, LARGEST_WINDOW), reader.integer(1, LARGEST_WINDOW)
    reader.reals(3)  # losses of a false alarm and a miss, and what counts as a hit: of the training
    overlap, covered = reader.reals(2)
    reader.reals(2)  # which boxes the training ignored
    if not (0 <= overlap <= 1 and 0 <= covered <= 1):
        raise _Malformed("an overlap is not between 0 and 1")
    return Windows(width, height, overlap, covered)


def _versions(reader: _Reader) -> tuple[int, int]:
    """How many layers stand above the lowest, and the lowest one's version."""
    versions: list[int] = []
    while True:
        before, found = reader.at, reader.integer()
        if found not in (TAG, *LOWEST_LAYERS):
            break
        versions.append(found)
        if len(versions) > MOST_LAYERS:
            raise _Malformed("it has too many layers")
    reader.at = before  # that was the length of the input's name
    if not versions or versions[-1] not in LOWEST_LAYERS or any(one not in (TAG, LAYER) for one in versions[:-1]):
        raise _Malformed("no layers were found")
    return versions[:-1].count(LAYER), versions[-1]


def _input(reader: _Reader) -> tuple[float, float, float]:
    name = reader.expect("input_rgb_image_sized", "input_rgb_image_pyramid")
    red, green, blue = reader.reals(3)
    if name == "input_rgb_image_sized":
        reader.integer(), reader.integer()
    return red, green, blue


def _rest(reader: _Reader) -> None:
    """What the training left behind each layer: three flags, three tensors."""
    for _ in range(3):
        reader.flag()
    for _ in range(3):
        reader.tensor()


def _lowest_rest(reader: _Reader, version: int) -> None:
    _rest(reader)
    if version == LOWEST_LAYERS[1]:
        reader.integer(1, 1)  # samples that one input became


def _layer(reader: _Reader) -> Layer:
    return _LAYERS[reader.expect(*_LAYERS)](reader)


def _convolution(reader: _Reader) -> Convolution:
    params = reader.tensor().ravel()
    filters, rows, columns = reader.integer(1), reader.integer(1), reader.integer(1)
    stride = reader.integer(1), reader.integer(1)
    padding = reader.integer(), reader.integer()
    shape, biases = reader.alias(), _held(reader)
    reader.reals(4)
    held = math.prod(shape)
    if shape[0] != filters or shape[2:] != (rows, columns) or biases != filters:
        raise _Malformed("a convolution contradicts itself")
    if params.size != held + filters or padding[0] >= rows or padding[1] >= columns:
        raise _Malformed("a convolution contradicts itself")
    return Convolution(params[:held].reshape(shape), params[held:], stride, padding)


def _scale(reader: _Reader) -> Scale:
    params = reader.tensor().ravel()
    gamma, beta = _halves(reader, params)
    reader.integer(0, 1)
    return Scale(gamma, beta)


def _normalised(reader: _Reader) -> Scale:
    """Batch normalisation as it is after the training: a scale."""
    gamma, beta = _halves(reader, reader.tensor().ravel())
    reader.tensor(), reader.tensor()  # means and deviations of the last batch
    means, variances = reader.tensor().ravel(), reader.tensor().ravel()
    reader.integer(), reader.integer()
    reader.reals(4)
    spread = variances + np.float32(reader.real())
    if means.size != gamma.size or variances.size != gamma.size:
        raise _Malformed("a normalisation contradicts itself")
    scale = gamma / np.sqrt(spread)
    shift = beta - scale * means
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        raise _Malformed("a normalisation divides by nothing")
    return Scale(scale, shift)


def _halves(reader: _Reader, params: Floats) -> tuple[Floats, Floats]:
    gamma, beta = _held(reader), _held(reader)
    if gamma != beta or gamma + beta != params.size:
        raise _Malformed("a scale contradicts itself")
    return params[:gamma], params[gamma:]


def _held(reader: _Reader) -> int:
    return math.prod(reader.alias())


def _pool(kind: str) -> Callable[[_Reader], Pool]:
    def read_pool(reader: _Reader) -> Pool:
        size = reader.integer(), reader.integer()
        stride = reader.integer(1), reader.integer(1)
        return Pool(kind, size, stride, (reader.integer(), reader.integer()))

    return read_pool


def _dense(reader: _Reader) -> Dense:
    outputs, inputs = reader.integer(1), reader.integer(1)
    params = reader.tensor().ravel()
    held, biases = _held(reader), _held(reader)
    mode = reader.integer(0, 1)
    reader.reals(4)
    if params.size != inputs * outputs or held != params.size or biases or mode != 1:
        raise _Malformed("a matrix contradicts itself, or has a bias")
    return Dense(params.reshape(inputs, outputs))


_LAYERS: Final[dict[str, Callable[[_Reader], Layer]]] = {
    "con_4": _convolution,
    "affine_": _scale,
    "bn_con2": _normalised,
    "relu_": lambda _: Relu(),
    "max_pool_2": _pool("max"),
    "avg_pool_2": _pool("avg"),
    "add_prev_": lambda _: Add(),
    "fc_2": _dense,
}
