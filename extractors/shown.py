"""A decoded frame as a player shows it: colours, transparency, high dynamic range, square pixels, upright.

Costly beside decoding (0.1 ms at 640 x 360, 0.3 ms at 1280 x 720, HDR 17 ms), so only pictures that are looked at come
here.
"""

import struct
from fractions import Fraction
from functools import cache
from typing import Final, cast

import cv2
import numpy as np
from av.sidedata.sidedata import SideData
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from extractors.hdr import TRANSFERS, to_sdr
from lastseen.records import Pixels

UNNAMED: Final = 2
"""H.273: the file does not say which colours it means"""
BT2020: Final = (9, 10)
"""H.273: matrix coefficients, constant luminance or not; 9 are also the primaries"""
HIGH_DEFINITION: Final = 720
"""lines from which players take unnamed colours for BT.709, below for BT.601"""
SQUARE: Final = Fraction(1)
Turn = tuple[bool, bool, bool]
"""rows become columns, then left becomes right, then top becomes bottom"""
AS_IT_IS: Final[Turn] = (False, False, False)


def shown(frame: VideoFrame, aspect: Fraction = SQUARE) -> Pixels:
    """Height x width x RGB as shown; `aspect` is the width of one pixel by its height."""
    return turned(squared(_colours(frame), aspect), turn_of(frame))


def shown_size(frame: VideoFrame, aspect: Fraction = SQUARE) -> tuple[int, int]:
    """Width and height of `shown`, without the work."""
    width, height = squared_size(frame.width, frame.height, aspect)
    return (height, width) if turn_of(frame)[0] else (width, height)


def squared_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The longer way is stretched: nothing that was stored is thrown away."""
    if aspect >= 1:
        return max(1, round(width * aspect)), height
    return width, max(1, round(height / aspect))


def squared(pixels: Pixels, aspect: Fraction) -> Pixels:
    """Faces in pixels that are not square would be squeezed, and detectors and embedders know no such faces."""
    if aspect == SQUARE:
        return pixels
    height, width = pixels.shape[:2]
    size = squared_size(width, height, aspect)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def turn_of(frame: VideoFrame) -> Turn:
    """The nearest of the eight ways to lay a picture down, from the container's display matrix."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return AS_IT_IS
    across, down_by_x, _, across_by_y, down, *_ = struct.unpack("=9i", bytes(cast("SideData", matrix))[:36])
    if abs(across) + abs(down) >= abs(down_by_x) + abs(across_by_y):
        return False, across < 0, down < 0
    return True, across_by_y < 0, down_by_x < 0


def turned(pixels: Pixels, turn: Turn) -> Pixels:
    """The picture laid down like that."""
    if turn == AS_IT_IS:
        return pixels
    swapped, mirrored, upside_down = turn
    if swapped:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[:: -1 if upside_down else 1, :: -1 if mirrored else 1])


def on_white(layered: Pixels) -> Pixels:
    """Height x width x RGBA in, RGB out: what is transparent becomes white, as on a light page."""
    alpha = layered[..., 3:].astype(np.uint16)
    over = layered[..., :3] * alpha + 255 * (255 - alpha) + 127
    return np.asarray(over // 255, np.uint8)


@cache
def has_alpha(name: str) -> bool:
    """Whether pictures of this pixel format can be transparent."""
    return any(component.is_alpha for component in VideoFormat(name, 16, 16).components)


def _colours(frame: VideoFrame) -> Pixels:
    if has_alpha(frame.format.name):
        return on_white(np.asarray(_converted(frame, "rgba"), np.uint8))
    transfer = TRANSFERS.get(frame.color_trc)
    if transfer is not None:
        wide = frame.color_primaries in (UNNAMED, *BT2020)
        return to_sdr(np.asarray(_converted(frame, "rgb48le"), np.uint16), transfer, wide)
    return np.asarray(_converted(frame, "rgb24"), np.uint8)


def _converted(frame: VideoFrame, layout: str) -> NDArray[np.generic]:
    # one thread: at 640 x 360 the scaler's own threads cost more than they bring
    return frame.to_ndarray(format=layout, threads=1, src_colorspace=_matrix(frame))


def _matrix(frame: VideoFrame) -> int | None:
    """Which matrix made the frame's chroma; None: the one that it names."""
    if frame.format.is_rgb or frame.colorspace != UNNAMED:
        return None
    if frame.color_trc in TRANSFERS:
        return int(Colorspace.BT2020)
    return int(Colorspace.ITU709 if frame.height >= HIGH_DEFINITION else Colorspace.ITU601)
