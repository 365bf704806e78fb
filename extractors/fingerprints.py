"""What a whole file looks like, as a sequence: perceptual hashes of its pictures, four a second.  Sandboxed child only.

Black bars are cut off before, where they stay for some seconds: the same film with and without them has one look.
Each picture is hashed twice, whole and without its margins, so that a copy that was cropped a little meets the inner
hash of what it was made from.  Decoded without the codec's loop filter, which costs as much as the rest of decoding
and changes nothing that can be seen in 64 x 64 points.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from extractors.frames import JITTER, Lost, TookTooLong, decode, time_of
from extractors.limits import Limits, Unfit
from extractors.media import File, Film, Still, Video, open_media
from extractors.pdq import pdq
from extractors.shown import shown_size, squared_size, turn_of, turned
from extractors.tracks import milliseconds
from lastseen.outcomes import Fault
from lastseen.records import Fingerprint, Rejection

EVERY: Final = Fraction(1, 4)
"""seconds: copies are not sampled at the same moments, and in an eighth of a second little moves"""
SIDE: Final = 256
"""pixels each way of what is hashed: whole pictures, squeezed"""
BLACK: Final = 32
"""of 255: at most as light are the pixels of a bar, after hard compression"""
SPECKS: Final = 0.02
"""of a row of a bar may be lighter: noise beside an edge"""
LEAST_BAR, MOST_BAR = SIDE // 50, SIDE * 2 // 5
"""rows or columns: less does not matter, more is a dark picture"""
STAYS: Final = 8
"""moments before and after, two seconds: bars stay, darkness passes"""
MARGIN: Final = SIDE // 20
"""what the inner hash leaves out on each side"""
PARTS: Final = 16
"""of a still picture each way, whose light is kept"""
FLAT: Final = 20
"""quality up to which a hash says nothing"""

Small = NDArray[np.uint8]
Bars = tuple[int, int, int, int]
"""black rows and columns: top, bottom, left, right"""


def fingerprint_file(
    file: File, limits: Limits, threads: int = 1, grant: Callable[[float], object] = lambda seconds: None
) -> Fingerprint | Rejection:
    """Hash the pictures of a video, or the one of a still picture; `threads` decode it.

    `grant` is told how many seconds it may take.  Raises OSError if it cannot be read at all.
    """
    try:
        with open_media(file, limits, threads) as media:
            if isinstance(media, Still):
                return _of_still(media)
            grant(limits.deadline(media.stated))
            return _of_video(media, limits)
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)


def _of_video(video: Video, limits: Limits) -> Fingerprint:
    """Raises limits.Unfit if it shows no picture, or one that is too large."""
    if isinstance(video.source, Film):
        context = video.source.stream.codec_context
        context.options = {**context.options, "skip_loop_filter": "all"}
    sampler, made = _Sampler(video, limits), _Hashes()
    for at_ms, small in without_bars(sampler.pictures()):
        made.add(at_ms, small)
    if sampler.first is None:
        raise Unfit(Fault.DEFECT, "no picture of it would decode")
    duration_ms = milliseconds(sampler.until - sampler.first)
    return made.fingerprint("video", sampler.size, duration_ms, complete=sampler.complete)


def _of_still(still: Still) -> Fingerprint:
    grey = cv2.cvtColor(still.pixels, cv2.COLOR_RGB2GRAY)
    small = np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    made = _Hashes()
    for at_ms, cut in without_bars([(0, small)]):
        made.add(at_ms, cut)
        made.light = np.asarray(cv2.resize(cut, (PARTS, PARTS), interpolation=cv2.INTER_AREA)).tobytes()
    height, width = still.pixels.shape[:2]
    return made.fingerprint("image", (width, height), 0, complete=True)


@dataclass(slots=True)
class _Hashes:
    """Grows by a moment at a time."""

    moments: list[int] = field(default_factory=list)
    hashes: bytearray = field(default_factory=bytearray)
    mirrored: bytearray = field(default_factory=bytearray)
    light: bytes = b""

    def add(self, at_ms: int, small: Small) -> None:
        """Flat pictures are left out."""
        whole, inner = pdq(small), pdq(_inner(small))
        if whole.quality > FLAT:
            self.moments.append(at_ms)
            self.hashes += whole.bits + inner.bits
            self.mirrored += whole.mirrored + inner.mirrored

    def fingerprint(self, kind: str, size: tuple[int, int], duration_ms: int, *, complete: bool) -> Fingerprint:
        """All of it."""
        moments = np.array(self.moments, "<u4").tobytes()
        made = bytes(self.hashes), bytes(self.mirrored), self.light if self.moments else b""
        return Fingerprint(kind, *size, duration_ms, complete, moments, *made)


def _inner(small: Small) -> Small:
    high, wide = small.shape[0] * MARGIN // SIDE, small.shape[1] * MARGIN // SIDE
    return small[high : small.shape[0] - high, wide : small.shape[1] - wide]


@dataclass(slots=True)
class _Sampler:
    """One pass through a video."""

    video: Video
    limits: Limits
    first: Fraction | None = None
    last: Fraction = Fraction(0)
    until: Fraction = Fraction(0)
    """when the last picture is no longer shown"""
    size: tuple[int, int] = (0, 0)
    complete: bool = True
    """every picture decoded, in the order of their times, and none is left"""

    def pictures(self) -> Iterator[tuple[int, Small]]:
        """When, and what, four times a second.  Raises limits.Unfit."""
        due: Fraction | None = None
        try:
            for frame in decode(self.video, self.limits):
                if isinstance(frame, Lost) or not self._counts(frame):
                    self.complete = False
                    continue
                at = time_of(frame)
                if due is None or at >= due:
                    due = (at // EVERY + 1) * EVERY
                    yield milliseconds(at), self._small(frame)
                if self.first is not None and at - self.first > self.limits.max_duration_seconds:
                    self.complete = False
                    return
        except TookTooLong:
            self.complete = False

    def _counts(self, frame: VideoFrame) -> bool:
        """A picture from before the last one belongs to another clock: nobody could say what it is a copy of."""
        at = time_of(frame)
        if self.first is not None and at <= self.last - JITTER:
            return False
        self.first = at if self.first is None else self.first
        self.last = max(at, self.last) if self.size != (0, 0) else at
        self.until = max(self.until, at + Fraction(frame.duration or 0) * Fraction(frame.time_base or 0))
        return True

    def _small(self, frame: VideoFrame) -> Small:
        self.limits.check_size(*squared_size(frame.width, frame.height, self.video.aspect))
        width, height = shown_size(frame, self.video.aspect)
        self.size = self.size if self.size[0] * self.size[1] >= width * height else (width, height)
        grey = frame.to_ndarray(format="gray", width=SIDE, height=SIDE, interpolation="AREA", threads=1)
        return turned(np.asarray(grey, np.uint8), turn_of(frame))


def without_bars(pictures: Iterable[tuple[int, Small]]) -> Iterator[tuple[int, Small]]:
    """The same pictures without the black bars that stay around each."""
    before: deque[Bars | None] = deque(maxlen=STAYS)
    waiting: deque[tuple[int, Small, Bars | None]] = deque()
    for at_ms, small in pictures:
        waiting.append((at_ms, small, bars(small)))
        if len(waiting) > STAYS:
            yield _cut_next(waiting, before)
    while waiting:
        yield _cut_next(waiting, before)


def _cut_next(waiting: deque[tuple[int, Small, Bars | None]], before: deque[Bars | None]) -> tuple[int, Small]:
    around = [*before, *(found for *_, found in waiting)]
    at_ms, small, found = waiting.popleft()
    before.append(found)
    top, bottom, left, right = _that_stay(around)
    return at_ms, np.ascontiguousarray(small[top : SIDE - bottom, left : SIDE - right])


def bars(small: Small) -> Bars | None:
    """How many rows and columns at each edge are black; None: all are."""
    light = small > BLACK
    rows, columns = (np.flatnonzero(light.mean(axis=axis) > SPECKS) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return None
    return int(rows[0]), int(SIDE - 1 - rows[-1]), int(columns[0]), int(SIDE - 1 - columns[-1])


def _that_stay(around: Sequence[Bars | None]) -> Bars:
    known = [found for found in around if found is not None]
    least = [min(widths) for widths in zip(*known, strict=True)] if known else [0, 0, 0, 0]
    top, bottom, left, right = (width if LEAST_BAR <= width <= MOST_BAR else 0 for width in least)
    return top, bottom, left, right
