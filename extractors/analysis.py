"""A whole file in, everything found in it out: what the sandboxed child does with one blob or one photo."""

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from extractors.crops import cropped
from extractors.faces.protocol import Engine
from extractors.frames import Picture
from extractors.glimpses import embedded, glimpses
from extractors.limits import Limits, Unfit
from extractors.looks import scale_for
from extractors.media import File, Still, open_media, open_still
from extractors.quality import badge, least_score, measured, refusal, weight
from extractors.templates import plain
from extractors.tracks import Tracker
from extractors.watch import Watch, cropper
from lastseen.choices import Choices
from lastseen.outcomes import Fault
from lastseen.records import Analysis, Enrolment, Rejection, Shot, Template

ENOUGH_TIME: Final = 0.8
"""of the deadline: after it a video is left with what was found, marked incomplete, rather than killed with
nothing.  No setting: the deadline is the choice, and this leaves time to embed what is still on the screen"""


def analyze_file(
    file: File,
    engine: Engine,
    limits: Limits,
    choices: Choices,
    threads: int = 1,
    grant: Callable[[float], object] = lambda seconds: None,
) -> Analysis | Rejection:
    """Find, follow and embed the faces of a video or still picture; `threads` decode it.

    `grant` is told how many seconds it may take, once it is known how long the video says it lasts.  Raises OSError
    if it cannot be read at all.
    """
    began = time.monotonic()
    try:
        with open_media(file, limits, threads) as media:
            if isinstance(media, Still):
                return _analyze_still(media, engine, choices)
            seconds = limits.deadline(media.stated)
            grant(seconds)
            return Watch(media, engine, limits, choices, began + seconds * ENOUGH_TIME).run()
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)


def enroll_file(file: File, engine: Engine, limits: Limits, choices: Choices) -> Enrolment | Rejection:
    """Take the one face of a reference photo.  Raises OSError if the file cannot be read at all."""
    gates = choices.register_gates
    try:
        pixels = open_still(file, limits).pixels
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)
    scale = scale_for(pixels, engine, gates.min_width, choices.still_pixels)
    found = [face for face in engine.detect([pixels], scale)[0] if face.score >= least_score(gates, engine)]
    if len(found) != 1:
        none = f"no face found that is {engine.smallest / scale:.0f} px wide or more: cut the photo to the face"
        return Rejection(Fault.SKIPPED, f"{len(found)} faces, one needed" if found else none)
    chips = engine.align(pixels, found)
    vectors, norms = embedded(chips, engine)
    quality = measured(found[0], chips[0], norms[0])
    if why := refusal(gates, quality, engine):
        return Rejection(Fault.SKIPPED, f"too poor for the register: {why}")
    template = Template("photo", plain(vectors[0]), weight(quality, engine, choices))
    crop = cropped(pixels, found[0].box, found[0].eyes)
    return Enrolment(template, quality, crop.jpeg, badge(quality, engine), crop.eyes)


def _analyze_still(still: Still, engine: Engine, choices: Choices) -> Analysis:
    picture = Picture(Fraction(0), still.pixels)
    scale = scale_for(still.pixels, engine, choices.gates.min_width, choices.still_pixels)
    found = engine.detect([picture.pixels], scale)[0]
    seen = glimpses(picture.at, picture.pixels, found, engine, choices)
    tracker = Tracker(engine, choices)
    tracker.cut()
    tracker.see(picture.at, seen, cropper(picture, found))
    height, width = still.pixels.shape[:2]
    return Analysis("image", width, height, 0, 1, 1, 0, True, (Shot(0, 0, 0),), tuple(tracker.cut()), still.note)
