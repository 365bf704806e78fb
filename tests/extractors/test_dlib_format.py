"""dlib's weight files: what is read from whole ones, and that damaged ones are refused in words, without a crash."""

import random
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest

from extractors.faces import dlib_graphs, weights
from extractors.faces.dlib_format import Convolution, Dense, Network, Windows, parse, read
from extractors.faces.protocol import EngineUnavailable

TIMES = 250
"""how often a file is damaged"""


def test_the_embedder_is_read_whole() -> None:
    network = read(weights.located(weights.EMBEDDER))
    kinds = Counter(type(layer).__name__ for layer in network.layers)
    assert kinds == {"Convolution": 29, "Scale": 29, "Relu": 29, "Add": 14, "Pool": 6, "Dense": 1}
    assert network.windows is None
    assert np.allclose(network.mean, (122.782, 117.001, 104.298))
    assert dlib_graphs.operations(network) == pytest.approx(0.54e9, rel=0.01)


def test_the_detector_is_read_whole() -> None:
    network = read(weights.located(weights.CNN_DETECTOR))
    sizes = [layer.weights.shape for layer in network.layers if isinstance(layer, Convolution)]
    assert sizes[0] == (16, 3, 5, 5)
    assert sizes[-1] == (1, 45, 9, 9)
    assert network.windows is not None
    assert (network.windows.width, network.windows.height) == (80, 80)
    assert network.windows.same_overlap == pytest.approx(0.3383, abs=1e-4)


@pytest.mark.parametrize(
    ("file", "build"), [(weights.EMBEDDER, dlib_graphs.embedder), (weights.CNN_DETECTOR, dlib_graphs.detector)]
)
def test_the_graphs_are_onnx(file: weights.WeightFile, build: Callable[[Network], onnx.ModelProto]) -> None:
    onnx.checker.check_model(build(read(weights.located(file))), full_check=True)


def test_a_network_is_not_taken_for_the_other() -> None:
    with pytest.raises(EngineUnavailable, match=r"not those of dlib's face embedder.*install the package"):
        dlib_graphs.embedder(_detector())
    with pytest.raises(EngineUnavailable, match="not those of dlib's face detector"):
        dlib_graphs.detector(read(weights.located(weights.EMBEDDER)))


def test_layers_that_do_not_fit_are_refused() -> None:
    network = _detector()
    first = network.layers[0]
    assert isinstance(first, Convolution)
    lopsided = Convolution(first.weights, first.bias, (2, 1), first.padding)
    for layers in (network.layers[1:], network.layers[:-1], (lopsided, *network.layers[1:]), (*network.layers[:4], 0)):
        with pytest.raises(EngineUnavailable, match="not those of dlib's face detector"):
            dlib_graphs.detector(Network(network.mean, layers, network.windows))  # type: ignore[arg-type]
    with pytest.raises(EngineUnavailable, match="nothing of windows"):
        dlib_graphs.detector(Network(network.mean, network.layers, None))


def test_a_file_that_ends_anywhere_is_refused() -> None:
    whole = _content()
    chance = random.Random(1)
    ends = {*range(300), *chance.sample(range(len(whole)), TIMES), len(whole) - 1, len(whole) - 30}
    for end in ends:
        with pytest.raises(EngineUnavailable, match=r"m\.dat is damaged or not a file of weights.*install the package"):
            parse(whole[:end], "m.dat")


def test_a_file_that_goes_on_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="there is more after its end"):
        parse(_content() + b"\0", "m.dat")


def test_flipped_bytes_are_refused_or_change_a_weight() -> None:
    """Whatever passes is a network that a graph can be made of, or that is refused there: never another error."""
    chance, refused, telling = random.Random(2), 0, _places()
    for _ in range(4 * TIMES):
        damaged = bytearray(_content())
        for at in chance.choices(telling, k=chance.choice((1, 1, 2, 5))):
            damaged[at] = chance.randrange(256)
        try:
            dlib_graphs.detector(parse(bytes(damaged), "m.dat"))
        except EngineUnavailable:
            refused += 1
    assert refused > 2 * TIMES


def test_sizes_are_not_believed() -> None:
    """A tensor that claims to fill the machine's memory costs nothing."""
    whole = _content()
    at = whole.index(b"con_4") + len(b"con_4\x01\x02")
    claim = b"\x04\xff\xff\xff\x7f" * 4
    damaged = whole[:at] + claim + whole[at + 8 :]
    tracemalloc.start()
    with pytest.raises(EngineUnavailable, match="ends too early"):
        parse(damaged, "m.dat")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(whole)


def test_a_weight_that_is_no_number_is_refused() -> None:
    whole = bytearray(_content())
    at = whole.index(b"con_4") + 40
    whole[at : at + 16] = b"\xff" * 16
    with pytest.raises(EngineUnavailable, match="a weight is not a number"):
        parse(bytes(whole), "m.dat")


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"\x89PNG\r\n\x1a\n" * 9, b"\x01\x01\x01\x0aloss_ranks"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.dat").write_bytes(content)
    with pytest.raises(EngineUnavailable, match=r"other\.dat is damaged or not a file of weights"):
        read(tmp_path / "other.dat")


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"gone\.dat cannot be opened: No such file"):
        read(tmp_path / "gone.dat")
    with pytest.raises(EngineUnavailable, match="cannot be opened: Is a directory"):
        read(tmp_path)


def test_the_predictor_is_another_kind_of_file() -> None:
    with pytest.raises(EngineUnavailable, match="shape_predictor_5_face_landmarks"):
        read(weights.located(weights.FIVE_POINTS))


@cache
def _content() -> bytes:
    return weights.located(weights.CNN_DETECTOR).read_bytes()


@cache
def _detector() -> Network:
    network = parse(_content(), "m.dat")
    assert isinstance(network.windows, Windows)
    assert not any(isinstance(layer, Dense) for layer in network.layers)
    return network


def _places() -> list[int]:
    """Bytes that are no weights: the head, and what stands around each layer's name."""
    whole, places = _content(), list(range(220))
    for name in (b"con_4", b"bn_con2", b"relu_"):
        at = whole.find(name)
        while at >= 0:
            places += range(max(0, at - 40), at + 24)
            at = whole.find(name, at + 1)
    return places
