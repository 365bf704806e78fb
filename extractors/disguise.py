"""A reference photo made to look as if somebody had published it: smaller, and saved once more; or as a film of it.

Reviewers are measured with such photos, among candidates; a passport photo as sharp as the office has it would stand
out.  A film of it is analysed like any other film, and what is shown of it is cut in the same way.
"""

from pathlib import Path

import cv2
import numpy as np

from extractors.analysis import analyze_file
from extractors.crops import cropped, jpeg
from extractors.faces.protocol import Engine
from extractors.limits import Limits, Unfit
from extractors.looks import scale_for
from extractors.media import File, open_still
from extractors.moments import AROUND_MS, STILL_SIDE, cut_moment
from extractors.quality import least_score
from extractors.slides import write_film
from lastseen.choices import Choices
from lastseen.outcomes import Fault
from lastseen.records import (
    Analysis,
    BestShot,
    Box,
    Disguised,
    DisguisedFilm,
    DisguisedShot,
    DisguiseWanted,
    Moment,
    MomentWanted,
    Pixels,
    Rejection,
    Track,
)


def disguise_file(
    file: File, wanted: DisguiseWanted, engine: Engine, limits: Limits, choices: Choices, workspace: Path
) -> Disguised | Rejection:
    """The face of a reference photo, and the whole of it; and a film of it, if one is wanted and shows the face.

    `workspace` is a private folder.  Raises OSError if the file cannot be read at all.
    """
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
    film = None
    if wanted.film is not None:
        path = workspace / "film.mp4"
        write_film(resaved(pixels, wanted.quality), found[0].box, wanted.film, path)
        film = _shown(path, wanted.film.since_ms, engine, limits, choices, workspace)
    return Disguised(crop.jpeg, jpeg(published, STILL_SIDE), crop.eyes, film)


def _shown(
    film: Path, since_ms: int, engine: Engine, limits: Limits, choices: Choices, workspace: Path
) -> DisguisedFilm | None:
    """What people are shown of a film of one face; None: it is not to be found there alone and well enough."""
    found = analyze_file(film, engine, limits, choices)
    if not isinstance(found, Analysis) or len(found.tracks) != 1 or found.tracks[0].gate:
        return None
    shots = best_first(found.tracks[0], found.duration_ms)
    moment = cut_moment(film, MomentWanted(shots[0].at_ms, found.tracks[0].faces, ()), limits, workspace)
    if not isinstance(moment, Moment):
        return None
    return DisguisedFilm(tuple(DisguisedShot(since_ms + one.at_ms, one.crop, one.eyes) for one in shots), moment)


def best_first(track: Track, duration_ms: int) -> list[BestShot]:
    """The best shots of a track; first those around which there is a whole moment, as in a film that is longer."""

    def whole(shot: BestShot) -> bool:
        return AROUND_MS <= shot.at_ms <= duration_ms - AROUND_MS

    return sorted(track.best_shots, key=lambda shot: (not whole(shot), -shot.weight, shot.ordinal))


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
