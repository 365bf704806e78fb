"""How far a face is turned away, from where its nose is."""

import numpy as np
from numpy.typing import NDArray


def turned(one: NDArray[np.float32], other: NDArray[np.float32], nose: NDArray[np.float32]) -> float:
    """How far the nose stands from the middle between two eyes, along the line between them: 0 .. 1 (under an eye)."""
    axis = other - one
    length = float(axis @ axis)
    return min(1.0, abs(float((nose - (one + other) / 2) @ axis)) / length * 2) if length else 1.0
