"""What the embedder's arithmetic could cost at best: this machine's rate of float32 matrix products."""

from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from extractors.faces.sessions import session
from pipeline.bench.timing import timed

SIDE: Final = 2048
"""of the square matrices: 17 GFLOP a product, beyond which no library here grew faster"""
PRODUCT_FLOP: Final = 2.0 * SIDE**3
REPEATS: Final = 8
"""products that are timed together: about as long as the embedder is, so that both meet the same machine"""


def rates(threads: int) -> tuple[float, float]:
    """FLOP a second of numpy's product and of ONNX Runtime's."""
    return numpy_rate(), runtime_rate(threads)


def numpy_rate() -> float:
    """FLOP a second of numpy's product (OpenBLAS), with the threads that its environment gives it."""
    left, right = _matrices()
    return rate(lambda: left @ right)


def runtime_rate(threads: int) -> float:
    """The same of ONNX Runtime."""
    left, right = _matrices()
    made = session(_product(), threads)
    return rate(lambda: made.run(None, {"left": left, "right": right}))


def rate(product: Callable[[], object]) -> float:
    """FLOP a second of products in a row, after one that is not timed: it makes threads and touches new memory."""
    product()
    return PRODUCT_FLOP / timed(product, REPEATS).seconds


@cache
def _matrices() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    random = np.random.default_rng(0)
    return random.random((SIDE, SIDE), np.float32), random.random((SIDE, SIDE), np.float32)


@cache
def _product() -> bytes:
    sides = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIDE, SIDE]) for name in ("left", "right", "made")
    }
    node = helper.make_node("MatMul", ["left", "right"], ["made"])
    graph = helper.make_graph([node], "product", [sides["left"], sides["right"]], [sides["made"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
