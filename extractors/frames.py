"""Sample still pictures from an opened video.  Knows nothing of faces; keeps no picture, so memory stays the same.

Two pictures a second and the first of each shot.  Times are exact (`Fraction` seconds on the stream's own clock),
so a person can seek to them.  A gap is a finding: it is yielded and counted, never skipped.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from extractors.limits import Limits
from extractors.media import Video
from lastseen.records import Pixels

EVERY: Final = Fraction(1, 2)
"""seconds between pictures: a face that passes for one second is met twice"""

# A cut is a jump between two decoded pictures shrunk to 32 x 18 (motion and grain vanish, light stays): on edited
# music and news clips pictures within a shot differ by up to 12 grey levels, across a hard cut by 20 and more.
# Fast pans differ as much but keep on differing, so the jump must also stand out from the pictures just before.
CUT_SIZE: Final = (32, 18)
CUT_LEVELS: Final = 18.0
CUT_TIMES_BEFORE: Final = 3.0
CUT_LOOKS_BACK: Final = 5
SHORTEST_SHOT: Final = Fraction(1, 5)
"""seconds: flashes are no cuts, and a film of nothing but cuts costs no more than five pictures a second"""

JITTER: Final = Fraction(1, 5)
"""seconds: a picture that comes this much too late is no jump of the clock; nothing is missed by it"""
STANDS_STILL: Final = 25
"""pictures in a row that bring the clock no further"""


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """One sampled picture, as shown."""

    at: Fraction
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Cut:
    """A new shot begins with the picture at this moment (the first picture of all is one)."""

    at: Fraction


@dataclass(frozen=True, slots=True)
class Lost:
    """A stretch that would not decode, or after which the times mean something else (`clock`)."""

    why: str
    clock: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The last word of every video that gave at least one picture."""

    decoded: int
    first: Fraction
    last: Fraction
    """when the last decoded picture is shown"""
    until: Fraction
    """when it is no longer shown"""


Event = Picture | Cut | Lost | End


@dataclass(slots=True)
class CutFinder:
    """Compares each picture with the one before it."""

    before: NDArray[np.int16] | None = None
    jumps: deque[float] = field(default_factory=lambda: deque(maxlen=CUT_LOOKS_BACK))
    last_cut: Fraction | None = None

    def is_cut(self, frame: VideoFrame, at: Fraction) -> bool:
        """Whether a new shot begins with this picture."""
        small = frame.reformat(*CUT_SIZE, format="rgb24").to_ndarray().astype(np.int16)
        jump = 0.0 if self.before is None else float(np.abs(small - self.before).mean())
        usual = sum(self.jumps) / len(self.jumps) if self.jumps else 0.0
        first = self.before is None
        self.before = small
        self.jumps.append(jump)
        cut = first or (jump >= CUT_LEVELS and jump >= CUT_TIMES_BEFORE * usual and self._rested(at))
        if cut:
            self.force(at)
        return cut

    def force(self, at: Fraction) -> None:
        """A new shot begins with the picture just compared, whatever it looks like."""
        self.last_cut = at
        self.jumps.clear()

    def _rested(self, at: Fraction) -> bool:
        return self.last_cut is None or at - self.last_cut >= SHORTEST_SHOT


@dataclass(slots=True)
class Clock:
    """Watches that time goes on: joined recordings begin anew, and some writers give every picture one time."""

    furthest: Fraction | None = None
    """since the last jump"""
    passed: Fraction = Fraction(0)
    """seconds, from all stretches before it"""
    began: Fraction = Fraction(0)
    still: int = 0

    def fault(self, at: Fraction) -> str:
        """What is wrong with the time of this picture, or nothing."""
        if self.furthest is None or at < self.furthest - JITTER:
            back = self.furthest is not None
            self.passed += (self.furthest or self.began) - self.began if back else 0
            self.furthest, self.began, self.still = at, at, 0
            return "its clock runs backwards" if back else ""
        self.still = self.still + 1 if at <= self.furthest else 0
        self.furthest = max(self.furthest, at)
        return "its clock stands still" if self.still and self.still % STANDS_STILL == 0 else ""

    def run(self, at: Fraction) -> Fraction:
        """Seconds of pictures so far."""
        return self.passed + at - self.began


def sample(video: Video, limits: Limits, every: Fraction = EVERY) -> Iterator[Event]:
    """Yield each shot's first picture and then one each `every` seconds, each cut before its picture, each gap.

    Where the clock jumps back a new shot begins; where it stands still, one begins every STANDS_STILL pictures.
    `End` comes last, if any picture was decoded.  Raises media.Unfit when a limit is passed on the way.
    """
    finder, clock = CutFinder(), Clock()
    decoded, first, last, due, until = 0, None, Fraction(0), Fraction(0), Fraction(0)
    for frame in decode(video):
        if isinstance(frame, Lost):
            yield frame
            continue
        at = _time(frame)
        limits.check_size(frame.width, frame.height)
        first = at if first is None else first
        fault, halted = clock.fault(at), clock.still > STANDS_STILL
        limits.check_duration(clock.run(at))
        decoded, last, until = decoded + 1, max(last, at) if decoded else at, at + _shown(frame)
        cut = finder.is_cut(frame, at)
        if fault:
            cut = True
            finder.force(at)
            if not halted:
                yield Lost(fault, clock=True)
        if cut:
            yield Cut(at)
        if cut or at >= due:
            yield Picture(at, upright(frame))
            start = finder.last_cut or first
            due = start + ((at - start) // every + 1) * every
    if first is not None:
        yield End(decoded, first, last, max(until, last))


def decode(video: Video) -> Iterator[VideoFrame | Lost]:
    """Every picture with a time on it, and one Lost for each stretch that would not decode."""
    losing = False
    for frame in _frames(video):
        lost = frame if isinstance(frame, Lost) else _damage(frame)
        if lost is not None and not losing:
            yield lost
        losing = lost is not None
        if isinstance(frame, VideoFrame) and frame.pts is not None and frame.time_base is not None:
            yield frame


def _frames(video: Video) -> Iterator[VideoFrame | Lost]:
    """Every picture, and a Lost for each packet that would not decode or if the container breaks off."""
    try:
        for packet in video.container.demux(video.stream):
            try:
                yield from packet.decode()
            except av.error.FFmpegError as fault:
                yield Lost(fault.strerror or "a packet that would not decode")
    except (av.error.FFmpegError, IndexError) as fault:  # IndexError: of a stream that the header did not name
        yield Lost(f"the container breaks off: {fault}")


def _damage(frame: VideoFrame) -> Lost | None:
    if frame.is_corrupt:
        return Lost("a damaged picture")
    return Lost("a picture without a time") if frame.pts is None or frame.time_base is None else None


def upright(frame: VideoFrame) -> Pixels:
    """The picture as shown: RGB, turned by the container's rotation (quarter turns)."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def _time(frame: VideoFrame) -> Fraction:
    return Fraction(frame.pts or 0) * Fraction(frame.time_base or 0)


def _shown(frame: VideoFrame) -> Fraction:
    return Fraction(frame.duration or 0) * Fraction(frame.time_base or 0)
