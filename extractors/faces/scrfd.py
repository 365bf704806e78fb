"""SCRFD-type detectors: several answers for each cell of a few grids.

Guo, Deng, Lattas and Zafeiriou, "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022.
"""

from collections.abc import Mapping

import numpy as np

from extractors.faces.grids import Floats, Found, cells, joined
from extractors.faces.packs import Outputs


def read(outputs: Mapping[str, Floats], width: int, height: int, reported: float, named: Outputs) -> Found:
    """What the outputs say of a picture of this size, from score `reported` on."""
    names = zip(named.strides, named.scores, named.boxes, named.points, strict=True)
    return joined(
        [
            _grid(
                outputs[scores],
                outputs[boxes],
                outputs[points],
                where=np.repeat(cells(width, height, stride), named.anchors, axis=0),
                stride=stride,
                reported=reported,
            )
            for stride, scores, boxes, points in names
        ]
    )


def _grid(scores: Floats, boxes: Floats, points: Floats, *, where: Floats, stride: int, reported: float) -> Found:
    """Boxes are distances from the cell's corner to the four sides, points are offsets from it, all in strides."""
    scores = scores.reshape(-1)
    kept = np.flatnonzero(scores >= reported)
    where, sides = where[kept], boxes.reshape(-1, 4)[kept]
    corner, size = (where - sides[:, :2]) * stride, (sides[:, :2] + sides[:, 2:]) * stride
    placed = (where[:, None, :] + points.reshape(-1, 5, 2)[kept]) * stride
    return Found(np.concatenate([corner, size], axis=1), scores[kept], placed)
