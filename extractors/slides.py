"""A film of a photograph, as many channels publish them: the picture drifts and grows, and is compressed hard.

It has the size, the rate and the length of films that an office gets.  What a camera sees of a living face it cannot
show: a film of a photograph is a film of a photograph.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from extractors.crops import ALL_CELLS
from extractors.moments import SAME_BYTES
from lastseen.records import Box, FilmWanted, Pixels

LONGEST_SIDE: Final = 1280
"""pixels of a frame, at most: a larger film costs several times as much to make, and its clip is shown at 960"""
LEAST_SIDE: Final = 240
"""pixels of a frame's shorter side, if the photo is not too small for that: films below it hardly come"""
LARGEST_FACE: Final = 0.6
"""of a frame's shorter side: a wider face would leave it as the picture drifts"""
DRIFT: Final = 0.06
"""of a frame's sides: how far the picture moves while the film lasts, at most"""
HIGH: Final = 0.45
"""of a frame's height: where the middle of a face is put, if the photo reaches as far"""
RATE_PARTS: Final = 1000
"""of a picture a second, to which a rate is rounded"""


@dataclass(frozen=True, slots=True)
class Frame:
    """How a photo lies in a film."""

    width: int
    height: int
    """of the film in pixels: even, as yuv420p needs them"""
    scale: float
    """of the photo at first; it is never enlarged"""


def write_film(photo: Pixels, face: Box, wanted: FilmWanted, target: Path) -> None:
    """Write the film (MP4, H.264) of a photo whose face is at `face`."""
    frame = framed(photo, face, wanted)
    rate = Fraction(round(wanted.rate * RATE_PARTS), RATE_PARTS)
    with av.open(str(target), "w", format="mp4", options={"fflags": "+bitexact"}) as out:
        options = {"preset": "veryfast", "crf": str(wanted.crf), **SAME_BYTES}
        stream = out.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
        stream.codec_context.thread_count = 1
        for number, pixels in enumerate(_pictures(photo, face, wanted, frame)):
            picture = VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = number, 1 / rate
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def framed(photo: Pixels, face: Box, wanted: FilmWanted) -> Frame:
    """The shape of the frame is as wanted.  It is smaller where the photo would not reach from side to side."""
    by = min(1.0, LONGEST_SIDE / max(wanted.width, wanted.height))
    width, height = wanted.width * by, wanted.height * by
    whole = min(width / photo.shape[1], height / photo.shape[0])
    usual = min(wanted.face_width * by, LARGEST_FACE * min(width, height)) / face.width
    scale = min(1.0, max(usual, whole * min(1.0, LEAST_SIDE / min(width, height))))
    shrunk = min(1.0, scale / whole)
    return Frame(_even(width * shrunk), _even(height * shrunk), scale)


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)


def _pictures(photo: Pixels, face: Box, wanted: FilmWanted, frame: Frame) -> Iterator[Pixels]:
    scale, size = frame.scale, (frame.width, frame.height)
    small = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    middle = _middle(small, (face.x + face.width / 2) * scale, (face.y + face.height / 2) * scale, size)
    behind = _behind(photo, size)
    count = max(2, round(wanted.seconds * wanted.rate))
    for number in range(count):
        yield _picture(small, behind, _placed(middle, wanted, size, number / (count - 1)))


def _middle(small: Pixels, across: float, down: float, size: tuple[int, int]) -> NDArray[np.float64]:
    """The point of the photo that is in the middle of the frame: at the face, where the photo fills the frame."""
    height, width = small.shape[:2]
    at = []
    for place, photo_side, frame_side in ((across, width, size[0]), (down + (0.5 - HIGH) * size[1], height, size[1])):
        half = frame_side / 2
        at.append(photo_side / 2 if photo_side <= frame_side else min(max(place, half), photo_side - half))
    return np.array(at)


def _placed(
    middle: NDArray[np.float64], wanted: FilmWanted, size: tuple[int, int], passed: float
) -> NDArray[np.float64]:
    """The map from photo to frame (2 x 3) when this part of the film, 0 to 1, has passed."""
    grown = 1 + wanted.zoom * (passed if wanted.zoom >= 0 else passed - 1)
    drifted = (passed - 0.5) * DRIFT * np.array([wanted.drift[0] * size[0], wanted.drift[1] * size[1]])
    moved = np.array(size) / 2 + drifted - grown * middle
    return np.array([[grown, 0, moved[0]], [0, grown, moved[1]]])


def _behind(photo: Pixels, size: tuple[int, int]) -> Pixels:
    """What fills a frame beside a photo of another shape: the photo, too coarse to show a face, and darker."""
    cells = cv2.resize(photo, (ALL_CELLS, ALL_CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC) // 2, np.uint8)


def _picture(small: Pixels, behind: Pixels, placed: NDArray[np.float64]) -> Pixels:
    picture = behind.copy()
    size = (behind.shape[1], behind.shape[0])
    drawn = cv2.warpAffine(small, placed, size, dst=picture, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
    return np.ascontiguousarray(drawn, np.uint8)
