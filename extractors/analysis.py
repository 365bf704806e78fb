"""A whole file in, everything found in it out: what the sandboxed child does with one blob or one photo."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from extractors import cast, faces
from extractors.crops import face_crop
from extractors.faces.protocol import Engine
from extractors.frames import Cut, End, Lost, Picture, sample
from extractors.limits import Limits, Unfit
from extractors.media import File, Still, Video, open_media, open_still
from extractors.quality import least_score, measured, refusal, weight
from extractors.sightings import Sighting, embedded, sightings
from extractors.templates import plain
from extractors.tracks import Tracker, milliseconds, with_best_only
from lastseen.choices import Choices
from lastseen.outcomes import Fault
from lastseen.records import Analysis, Enrolment, Rejection, Shot, Template, Track

ANALYSIS_VERSION: Final = 1
"""raised whenever the same file and engine would give other tracks, shots or templates"""

CHOICES: Final = Choices()

ENOUGH_TIME: Final = 0.8
"""of the deadline: after it a video is left with what was found, marked incomplete, rather than killed with nothing"""
CROP_BYTES: Final = 96 * 1024 * 1024
"""of one verdict; tracks found after that keep the crop of their best shot only"""
COMPLETE_WITHIN: Final = Fraction(1)
"""seconds by which containers misstate how long a video lasts"""


def recipe(engine_name: str) -> str:
    """What an analysis depends on besides the file: engine id and analysis version.  Raises EngineUnavailable."""
    return f"{faces.engine_id(engine_name)}+analysis/{ANALYSIS_VERSION}"


def analyze_file(file: File, engine: Engine, limits: Limits) -> Analysis | Rejection:
    """Find, follow and embed the faces of a video or still picture.  Raises OSError if it cannot be read at all."""
    stop = time.monotonic() + limits.deadline_seconds * ENOUGH_TIME
    try:
        with open_media(file, limits) as media:
            if isinstance(media, Still):
                return _analyze_still(media, engine)
            return _Watch(media, engine, limits, stop).run()
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)


def enroll_file(file: File, engine: Engine, limits: Limits) -> Enrolment | Rejection:
    """Take the one face of a reference photo.  Raises OSError if the file cannot be read at all."""
    try:
        pixels = open_still(file, limits).pixels
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)
    found = [face for face in engine.detect([pixels])[0] if face.score >= least_score(CHOICES.register_gates, engine)]
    if len(found) != 1:
        return Rejection(Fault.SKIPPED, f"{len(found)} faces, one needed" if found else "no face found")
    chips = engine.align(pixels, found)
    vectors, norms = embedded(chips, engine)
    quality = measured(found[0], chips[0], norms[0])
    if why := refusal(CHOICES.register_gates, quality, engine):
        return Rejection(Fault.SKIPPED, f"too poor for the register: {why}")
    template = Template("photo", plain(vectors[0]), weight(quality, engine, CHOICES))
    return Enrolment(template, quality, face_crop(pixels, found[0].box))


def _analyze_still(still: Still, engine: Engine) -> Analysis:
    tracker = Tracker(engine, CHOICES)
    tracker.cut()
    _look(tracker, Picture(Fraction(0), still.pixels), engine)
    height, width = still.pixels.shape[:2]
    tracks = tuple(tracker.cut())
    return Analysis("image", width, height, 0, 1, 1, 0, True, (Shot(0, 0, 0),), tracks, still.note)


def _look(tracker: Tracker, picture: Picture, engine: Engine) -> list[Track]:
    found = engine.detect([picture.pixels])[0]
    seen = sightings(picture.at, picture.pixels, found, engine, CHOICES)
    return tracker.see(picture.at, seen, _cropper(picture, seen))


def _cropper(picture: Picture, seen: Sequence[Sighting]) -> Callable[[Sighting], bytes]:
    def crop(one: Sighting) -> bytes:
        others = [other.face.box for other in seen if other is not one]
        return face_crop(picture.pixels, one.face.box, others)

    return crop


@dataclass(slots=True)
class _Watch:
    """One pass through a video."""

    video: Video
    engine: Engine
    limits: Limits
    stop: float
    """on the monotonic clock"""
    tracks: list[Track] = field(default_factory=list)
    starts: list[Fraction] = field(default_factory=list)
    ends: list[Fraction] = field(default_factory=list)
    """of all shots but the last"""
    sampled: int = 0
    crop_bytes: int = 0
    losses: list[Lost] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    end: End | None = None
    last: Fraction = Fraction(0)
    notes: list[str] = field(default_factory=list)

    def run(self) -> Analysis:
        tracker = Tracker(self.engine, CHOICES)
        for event in sample(self.video, self.limits):
            match event:
                case Picture():
                    self._picture(tracker, event)
                case Cut(at):
                    if self.starts:
                        self.ends.append(max(at, self.last))
                    self.starts.append(at)
                    self._keep(tracker.cut())
                case Lost():
                    self.losses.append(event)
                case End():
                    self.end = event
            if time.monotonic() > self.stop:
                break
        self._keep(tracker.cut())
        return self._verdict()

    def _picture(self, tracker: Tracker, picture: Picture) -> None:
        self.sampled += 1
        self.last = picture.at
        height, width = picture.pixels.shape[:2]
        self.size = self.size if self.size != (0, 0) else (width, height)
        self._keep(_look(tracker, picture, self.engine))

    def _keep(self, tracks: Sequence[Track]) -> None:
        for track in tracks:
            kept = track if self.crop_bytes < CROP_BYTES else with_best_only(track)
            self.crop_bytes += sum(len(shot.crop) for shot in kept.best_shots)
            self.tracks.append(kept)

    def _verdict(self) -> Analysis:
        if not self.starts:
            why = f": {self.losses[0].why}" if self.losses else ""
            raise Unfit(Fault.DEFECT, f"no picture of this video could be decoded{why}")
        first = self.starts[0]
        last = self.end.until if self.end else self.last
        complete = self._complete(last - first)
        tracks = tuple(sorted(self.tracks, key=lambda track: track.ordinal))
        return Analysis(
            kind="video",
            width=self.size[0],
            height=self.size[1],
            duration_ms=milliseconds(last - first),
            pictures_decoded=self.end.decoded if self.end else self.sampled,
            pictures_sampled=self.sampled,
            gaps=len(self.losses),
            complete=complete,
            shots=self._shots(last),
            tracks=tracks,
            note="; ".join(self.notes),
            cast=cast.links(tracks, self.engine, CHOICES),
        )

    def _complete(self, seen: Fraction) -> bool:
        stated = self.video.stated
        clock = list(dict.fromkeys(lost.why for lost in self.losses if lost.clock))
        self.notes += [f"{why}: times of what follows are those of its new count" for why in clock]
        if undecoded := sum(not lost.clock for lost in self.losses):
            self.notes.append(f"{undecoded} stretches would not decode")
        if stated is None:
            self.notes.append("the file does not state how long it lasts")
        short = stated is not None and stated - seen > COMPLETE_WITHIN
        if self.end is None:
            self.notes.append(f"time ran out at {float(seen):.1f} s (LASTSEEN_ANALYZE_DEADLINE_SECONDS)")
        elif short and stated is not None:
            self.notes.append(f"ends at {float(seen):.1f} s of {float(stated):.1f} s stated")
        if self.crop_bytes >= CROP_BYTES:
            self.notes.append("very many faces: later ones keep one picture each")
        if self.video.others:
            self.notes.append(f"only its largest video stream was looked at, {self.video.others} more were not")
        return self.end is not None and not short and not clock and not self.video.others

    def _shots(self, last: Fraction) -> tuple[Shot, ...]:
        jumped = any(lost.clock for lost in self.losses)
        ends = [*self.ends, self.last if jumped else last]
        return tuple(
            Shot(number, milliseconds(start), milliseconds(end))
            for number, (start, end) in enumerate(zip(self.starts, ends, strict=True))
        )
