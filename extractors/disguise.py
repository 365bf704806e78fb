"""A reference photo made to look as if somebody had published it: smaller, and saved once more.

Reviewers are measured with such photos, among candidates from still pictures; a passport photo as sharp as the office
has it would stand out.
"""

import cv2
import numpy as np

from extractors.crops import cropped, jpeg
from extractors.faces.protocol import Engine
from extractors.limits import Limits, Unfit
from extractors.looks import scale_for
from extractors.media import File, open_still
from extractors.moments import STILL_SIDE
from extractors.quality import least_score
from lastseen.choices import Choices
from lastseen.outcomes import Fault
from lastseen.records import Box, Disguised, DisguiseWanted, Pixels, Rejection


def disguise_file(
    file: File, wanted: DisguiseWanted, engine: Engine, limits: Limits, choices: Choices
) -> Disguised | Rejection:
    """The face of a reference photo, and the whole of it.  Raises OSError if the file cannot be read at all."""
    gates = choices.register_gates
    try:
        pixels = open_still(file, limits).pixels
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)
    scale = scale_for(pixels, engine, gates.min_width, choices.still_pixels)
    found = [face for face in engine.detect([pixels], scale)[0] if face.score >= least_score(gates, engine)]
    if len(found) != 1:
        return Rejection(Fault.SKIPPED, f"{len(found)} faces, one needed")
    smaller, by = shrunk(pixels, wanted.face_width / found[0].box.width)
    published = resaved(smaller, wanted.quality)
    crop = cropped(published, _times(found[0].box, by), found[0].eyes * by)
    return Disguised(crop.jpeg, jpeg(published, STILL_SIDE), crop.eyes)


def shrunk(pixels: Pixels, by: float) -> tuple[Pixels, float]:
    """The picture so many times as large, never larger than it is; and by how much it was shrunk."""
    if by >= 1:
        return pixels, 1.0
    height, width = pixels.shape[:2]
    size = max(1, round(width * by)), max(1, round(height * by))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), size[0] / width


def resaved(pixels: Pixels, quality: int) -> Pixels:
    """The picture as a JPEG of this quality leaves it."""
    _, packed = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(again, cv2.COLOR_BGR2RGB), np.uint8)


def _times(box: Box, by: float) -> Box:
    return Box(box.x * by, box.y * by, box.width * by, box.height * by)
