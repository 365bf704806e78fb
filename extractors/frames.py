"""Sample still pictures from an opened video.  Knows nothing of faces; keeps no picture, so memory stays the same.

Two pictures a second and the first of each shot, more while the consumer asks for them (`Pace`); what is nearly
identical to the picture before it is left out, and said.  Times are exact (`Fraction` seconds on the stream's own
clock), so a person can seek to them.  A gap is a finding: it is yielded and counted, never skipped.
"""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

import av
from av.video.frame import VideoFrame

from extractors.ahead import Ahead
from extractors.differences import CutFinder, Sameness, planes_of
from extractors.hdr import TRANSFERS
from extractors.limits import Limits, Unfit
from extractors.media import Video, points_outside
from extractors.shown import shown, squared_size
from lastseen.choices import Choices
from lastseen.records import Pixels

JITTER: Final = Fraction(1, 5)
"""seconds: a picture that comes this much too late is no jump of the clock; nothing is missed by it.  No setting: it
tells how exact containers are, and pictures are looked at more seldom"""
OWED: Final = 16
"""pictures that a decoder may still hold back when a packet fails (the most of H.264 and HEVC): a stretch that would
not decode is over only when as many sound ones have followed, or the hole behind those held back would not be seen"""
STANDS_STILL: Final = 25
"""pictures in a row that bring the clock no further: a second of most films.  No setting: such a file is broken, and
this is how its pictures are looked at all the same"""
AHEAD_PIXELS: Final = 16_000_000
"""of pictures that are decoded while others are looked at: 24 MiB as most videos keep them"""


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """One sampled picture, as shown."""

    at: Fraction
    pixels: Pixels
    between: bool = False
    """it came because of `Pace`, between two that would have come anyway"""


@dataclass(frozen=True, slots=True)
class Cut:
    """A new shot begins with the picture at this moment (the first picture of all is one)."""

    at: Fraction


@dataclass(frozen=True, slots=True)
class Same:
    """The picture due at this moment is nearly identical to the last `Picture`, and was left out."""

    at: Fraction


@dataclass(frozen=True, slots=True)
class Lost:
    """A stretch that would not decode, or after which the times mean something else (`clock`)."""

    why: str
    clock: bool = False
    since: Fraction | None = None
    """when the last sound picture before it is no longer shown; None: there was none, or no picture is missing"""
    until: Fraction | None = None
    """when the first sound picture after it is shown"""

    @property
    def seconds(self) -> Fraction:
        """Without a sound picture."""
        return Fraction(0) if self.since is None or self.until is None else self.until - self.since


@dataclass(frozen=True, slots=True)
class Remark:
    """What whoever reads the analysis should know of the video; each is said once."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The last word of every video that gave at least one picture."""

    decoded: int
    first: Fraction
    last: Fraction
    """when the last decoded picture is shown"""
    until: Fraction
    """when it is no longer shown"""
    broke_off: str = ""
    """why the rest was not looked at, if it was not"""


Kind = tuple[int, int, bool, int]
"""of a frame: width, height, interlaced, transfer characteristics"""
Event = Picture | Cut | Same | Lost | Remark | End


@dataclass(slots=True)
class Pace:
    """What the consumer of `sample` sets between two events."""

    closer_until: Fraction | None = None
    """up to here pictures come every `closer_every` seconds as well, on the clock of the last event"""
    look_from: Fraction | None = None
    """from here on a picture is given even if it is nearly identical to the last one"""

    def wants(self, at: Fraction) -> bool:
        """Whether the picture due now is to be given in any case."""
        return self.look_from is not None and at >= self.look_from


class Enough(Exception):
    """The rest is not looked at, since a limit is passed: its message names the setting.  What was seen stays."""


class TookTooLong(Enough):
    """Decoding took more than LASTSEEN_MAX_DECODE_SECONDS."""


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
        if self.furthest is not None and at > self.furthest:
            self.furthest, self.still = at, 0
            return ""
        if self.furthest is None or at < self.furthest - JITTER:
            back = self.furthest is not None
            self.passed += 0 if self.furthest is None else self.furthest - self.began
            self.furthest, self.began, self.still = at, at, 0
            return "its clock runs backwards" if back else ""
        self.still += 1
        return "its clock stands still" if self.still % STANDS_STILL == 0 else ""

    def run(self, at: Fraction) -> Fraction:
        """Seconds of pictures so far."""
        return self.passed + at - self.began


@dataclass(slots=True)
class Schedule:
    """When the next picture is due: at multiples of the cadence from where the shot began."""

    every: Fraction
    closer_every: Fraction
    pace: Pace
    due: Fraction = Fraction(0)
    between_due: Fraction = Fraction(0)

    def is_due(self, at: Fraction) -> bool:
        """By the usual cadence."""
        return at >= self.due

    def is_due_between(self, at: Fraction) -> bool:
        """By the closer one, where the consumer asked for it."""
        until = self.pace.closer_until
        return until is not None and self.between_due <= at <= until

    def took(self, at: Fraction, start: Fraction) -> None:
        """The picture at this moment was taken, or left out, in the shot that began at `start`."""
        passed = at - start
        self.due = start + (passed // self.every + 1) * self.every
        self.between_due = start + (passed // self.closer_every + 1) * self.closer_every


def sample(video: Video, limits: Limits, choices: Choices | None = None, pace: Pace | None = None) -> Generator[Event]:
    """Yield each cut, its first picture, then one each `choices.every` seconds, or `Same` in its place; each gap.

    While `pace.closer_until` lies ahead, one each `choices.closer_every` seconds as well.  Where the clock jumps back
    a new shot begins; where it stands still, one begins every STANDS_STILL pictures.  `End` comes last, if any picture
    was decoded; a limit that is passed on the way ends it there (`End.broke_off`).  Raises limits.Unfit if the first
    picture is over one already.

    A thread decodes ahead until this generator ends: whoever may leave it early closes it before the video.
    """
    sampler = _Sampler(video, limits, choices or Choices(), pace or Pace())
    yield from map(Remark, video.remarks)
    try:
        with Ahead(decode(video, limits), _pixels, AHEAD_PIXELS) as frames:
            for frame in frames:
                if isinstance(frame, Lost):
                    yield frame
                else:
                    yield from sampler.see(frame)
    except Enough as enough:
        if isinstance(enough, TookTooLong):
            yield Lost(str(enough))
        sampler.broke_off = str(enough)
    yield from sampler.end()


@dataclass(slots=True)
class _Sampler:
    """One pass through a video."""

    video: Video
    limits: Limits
    choices: Choices
    pace: Pace
    finder: CutFinder = field(init=False)
    sameness: Sameness = field(init=False)
    schedule: Schedule = field(init=False)
    clock: Clock = field(default_factory=Clock)
    decoded: int = 0
    first: Fraction = Fraction(0)
    last: Fraction = Fraction(0)
    until: Fraction = Fraction(0)
    kind: Kind = (0, 0, False, 0)
    said: set[str] = field(default_factory=set)
    broke_off: str = ""

    def __post_init__(self) -> None:
        every, closer = (Fraction(str(seconds)) for seconds in (self.choices.every, self.choices.closer_every))
        self.finder, self.sameness = CutFinder(self.choices), Sameness(self.choices)
        self.schedule = Schedule(every, closer, self.pace)

    def see(self, frame: VideoFrame) -> Iterator[Event]:
        """What one decoded frame gives rise to."""
        at = time_of(frame)
        fault, halted = self.clock.fault(at), self.clock.still > STANDS_STILL
        kind = (frame.width, frame.height, frame.interlaced_frame, frame.color_trc)
        if kind != self.kind:
            yield from self._changed(kind)
        self._count(frame, at)
        picture = planes_of(frame)
        cut = self.finder.is_cut(picture, at)
        if fault:
            cut, self.pace.closer_until = True, None
            self.finder.force(at)
            if not halted:
                yield Lost(fault, clock=True)
        if cut:
            self.sameness.forget()
            yield Cut(at)
        usual = cut or self.schedule.is_due(at)
        if usual or self.schedule.is_due_between(at):
            if self.clock.run(at) > self.limits.max_duration_seconds:
                most = self.limits.max_duration_seconds
                raise Enough(f"only the first {most} s of a video are looked at (LASTSEEN_MAX_DURATION_SECONDS)")
            same = self.sameness.same(picture, at, whole=usual) and not self.pace.wants(at)
            start = self.finder.last_cut
            self.schedule.took(at, at if start is None else start)
            yield Same(at) if same else Picture(at, shown(frame, self.video.aspect), between=not usual)

    def end(self) -> Iterator[End]:
        """The last word."""
        if self.decoded:
            yield End(self.decoded, self.first, self.last, max(self.until, self.last), self.broke_off)

    def _count(self, frame: VideoFrame, at: Fraction) -> None:
        self.last = max(self.last, at) if self.decoded else at
        self.first = self.first if self.decoded else at
        self.decoded, self.until = self.decoded + 1, at + _shown_for(frame)

    def _changed(self, kind: Kind) -> Iterator[Remark]:
        """Hold pictures of another kind against the limits, and say what is to be said of them, once."""
        width, height, interlaced, transfer = kind
        try:
            self.limits.check_size(*squared_size(width, height, self.video.aspect))
        except Unfit as unfit:
            if not self.decoded:
                raise
            raise Enough(unfit.why) from unfit
        found = {
            "its pictures change their size": self.kind[:2] not in ((0, 0), (width, height)),
            "its pictures are interlaced: what moves is combed": interlaced,
            "its high dynamic range was pressed into that of a screen": transfer in TRANSFERS,
        }
        self.kind = kind
        for text, holds in found.items():
            if holds and text not in self.said:
                self.said.add(text)
                yield Remark(text)


@dataclass(slots=True)
class _Stopwatch:
    """Runs while this side decodes, and stands while the consumer looks at what came out."""

    seconds: float
    spent: float = 0.0
    since: float = field(default_factory=time.monotonic)

    def pause(self) -> None:
        self.spent += time.monotonic() - self.since

    def go_on(self) -> None:
        self.since = time.monotonic()

    def check(self) -> None:
        if self.spent + time.monotonic() - self.since > self.seconds:
            raise TookTooLong(f"decoding took more than {self.seconds:g} s (LASTSEEN_MAX_DECODE_SECONDS)")


@dataclass(slots=True)
class _Losses:
    """Makes stretches, with their seconds, of packets and pictures that failed."""

    lost: Lost | None = None
    """the stretch that is not over"""
    sound: int = 0
    """pictures since the last failure"""
    shown_until: Fraction | None = None
    """of the last sound picture"""

    def failed(self, why: str) -> None:
        self.lost, self.sound = self.lost or Lost(why), 0

    def passed(self, frame: VideoFrame) -> Iterator[Lost]:
        """A sound picture came: gives the stretch that is over by it, if one is."""
        at, before = time_of(frame), self.shown_until
        self.shown_until = at + _shown_for(frame)
        if self.lost is None:
            return
        if before is not None and at - before > JITTER:
            self.lost = replace(self.lost, since=self.lost.since or before, until=at)
        self.sound += 1
        if self.sound >= OWED:
            yield from self.over()

    def over(self) -> Iterator[Lost]:
        """The video ends: gives the stretch that was not over, if there is one."""
        lost, self.lost = self.lost, None
        if lost is not None:
            yield lost


def decode(video: Video, limits: Limits) -> Iterator[VideoFrame | Lost]:
    """Every picture with a time on it, and one Lost for each stretch that would not decode.  Raises TookTooLong."""
    losses = _Losses()
    try:
        for frame in _frames(video, limits):
            why = frame if isinstance(frame, str) else _damage(frame)
            if why:
                losses.failed(why)
            elif isinstance(frame, VideoFrame):
                yield from losses.passed(frame)
            if isinstance(frame, VideoFrame) and _has_time(frame):
                yield frame
    except TookTooLong:
        yield from losses.over()
        raise
    yield from losses.over()


def _frames(video: Video, limits: Limits) -> Iterator[VideoFrame | str]:
    """Every picture, and why for each packet that would not decode or if the container breaks off."""
    watch = _Stopwatch(limits.decoding(video.stated))
    try:
        for decoded in video.source.packets():
            watch.check()
            for frame in decoded:
                watch.pause()
                yield frame
                watch.go_on()
    except (av.error.FFmpegError, IndexError) as fault:  # IndexError: of a stream that the header did not name
        yield f"the container breaks off: {fault}"
    except OSError as fault:
        if not points_outside(fault):
            raise
        yield f"the container breaks off: {fault}"


def _damage(frame: VideoFrame) -> str:
    """What is wrong with a picture, or nothing."""
    if frame.is_corrupt:
        return "a damaged picture"
    return "" if _has_time(frame) else "a picture without a time"


def _has_time(frame: VideoFrame) -> bool:
    return frame.pts is not None and frame.time_base is not None


def _pixels(frame: VideoFrame | Lost) -> int:
    return frame.width * frame.height if isinstance(frame, VideoFrame) else 0


def time_of(frame: VideoFrame) -> Fraction:
    """Seconds on the stream's own clock."""
    return Fraction(frame.pts or 0) * Fraction(frame.time_base or 0)


def _shown_for(frame: VideoFrame) -> Fraction:
    return Fraction(frame.duration or 0) * Fraction(frame.time_base or 0)
