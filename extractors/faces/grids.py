"""What detectors say that answer for each cell of a few grids."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """Detections in pixels of what went into the network, overlapping ones included."""

    boxes: Floats
    """n x 4: left, top, width, height"""
    scores: Floats
    """n, 0 .. 1"""
    points: Floats
    """n x 5 x 2"""


def cells(width: int, height: int, stride: int) -> Floats:
    """(columns x rows) x 2: the column and row of each cell, row by row."""
    rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
    return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)


def joined(grids: Sequence[Found]) -> Found:
    """The detections of all grids."""
    return Found(
        np.concatenate([grid.boxes for grid in grids]),
        np.concatenate([grid.scores for grid in grids]),
        np.concatenate([grid.points for grid in grids]),
    )
