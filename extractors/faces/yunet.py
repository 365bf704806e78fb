"""YuNet: one answer for each cell of three grids.

Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20 (2023).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from extractors.faces.grids import Floats, Found, cells, joined

STRIDES: Final = (8, 16, 32)


def read(outputs: Mapping[str, Floats], width: int, height: int, reported: float) -> Found:
    """What the outputs cls_8 .. kps_32 say of a picture of this size, from score `reported` on."""
    return joined([_grid(outputs, cells(width, height, stride), stride, reported) for stride in STRIDES])


def _grid(outputs: Mapping[str, Floats], where: Floats, stride: int, reported: float) -> Found:
    """A score is the geometric mean of "a face" and "an object"; boxes and points count from the cell, in strides."""
    face, thing = (outputs[f"{kind}_{stride}"].reshape(-1).clip(0, 1) for kind in ("cls", "obj"))
    scores = np.sqrt(face * thing)
    kept = np.flatnonzero(scores >= reported)
    where, box = where[kept], outputs[f"bbox_{stride}"].reshape(-1, 4)[kept]
    size = np.exp(box[:, 2:]) * stride
    corner = (where + box[:, :2]) * stride - size / 2
    points = (where[:, None, :] + outputs[f"kps_{stride}"].reshape(-1, 5, 2)[kept]) * stride
    return Found(np.concatenate([corner, size], axis=1), scores[kept], points)
