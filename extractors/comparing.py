"""Whether a copy shows nothing to be searched that another file does not: both decoded side by side.  Sandboxed only.

Compared is each picture of the copy that an analysis would look at: two a second, and the first after each cut.  What
it leaves out since it is nearly identical to the picture before is left out here, and those that it takes between two,
around a face that has just come, are a quarter of a second from one that was compared.  Whatever of a picture cannot
be found in the other file, to the cell, is searched for faces as closely as a still picture; where one is that the
other file does not show in the same place, the copy shows more.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame

from extractors.boxes import corners, moved
from extractors.faces.protocol import Engine
from extractors.frames import End, Enough, Lost, Picture, decode, sample, time_of
from extractors.limits import Limits, Unfit
from extractors.looks import scale_for
from extractors.media import File, Still, Video, open_media
from extractors.overlays import (
    Grey,
    Light,
    Map,
    Overlay,
    Where,
    alike,
    detail,
    enlarged,
    grey,
    laid,
    laid_by_points,
    marked,
    overlay,
    refined,
    regions,
    squeezed,
)
from extractors.shown import shown, shown_size, turn_of, turned
from lastseen.choices import Choices
from lastseen.records import Box, Comparison, LinkedStretch, Pixels, Rejection

NEAR: Final = Fraction(2, 5)
"""seconds before and after where a link says it is, in which the same picture is looked for: links are as exact as
fingerprints are dense"""
JUMP: Final = Fraction(10)
"""seconds: what lies further ahead is sought rather than decoded up to"""
SMALL: Final = (96, 54)
"""to which pictures are shrunk to find the one that is alike"""
TRIED: Final = 4
"""pictures of the other file that one is laid over, the likeliest first"""
LIES_WELL: Final = 0.001
"""of a picture may differ, and nobody asks whether it lies better otherwise"""
LIES_BADLY: Final = 0.08
"""of a picture differs: how the two lie is found anew"""
NO_FEWER: Final = 0.97
"""pixels of the other for one of the copy, each way: with fewer, faces are larger in the copy; 0.03 is more than what
maps are off by"""
MOST_PLAIN: Final = 0.5
"""of a picture, or it does not tell how the two lie"""
ENOUGH_TOLD: Final = 5
"""pictures that tell, and the others are not waited for"""
MORE_DETAIL: Final = 1.25
"""times as much as the other has, in most pictures: encoded less hard, the copy may show a face that the other blurs.
CRF 18 has 1.0 to 1.3 times that of CRF 23, 1.1 to 1.5 times that of CRF 28 and 1.2 to 2.0 times that of CRF 36"""
SAME_FACE: Final = 0.97
"""how alike a face is to the same place of the other file, or it is another face: of 4,950 pairs of people who are
photographed alike (Labeled Faces in the Wild, by way of scikit-image) one in a thousand reaches 0.87, the most 0.92"""
MOST_SEARCHED: Final = 1.0
"""of the pixels that an analysis' quick look at each picture costs; what needs more is analysed for little more"""
FREE_LOOKS: Final = 20
"""pictures, ten seconds of film, that may be searched before that is held against it"""
ELSEWHERE: Final[Map] = np.array([[1.0, 0.0, 1e9], [0.0, 1.0, 1e9]])
"""how a picture lies that is not found in the other file"""
HELD_PIXELS: Final = 64_000_000
"""of pictures that are held at once: 96 MiB as most videos keep them"""


class Differs(Exception):
    """The copy shows more than the other file, or might: its message says what."""


def compare_files(
    copy: File,
    other: File,
    links: Sequence[LinkedStretch],
    engine: Engine,
    limits: Limits,
    choices: Choices,
    threads: int = 1,
    grant: Callable[[float], object] = lambda seconds: None,
) -> Comparison | Rejection:
    """Lay each picture of `copy` over the one of `other` that the links name.  Raises OSError.

    `grant` is told how many seconds it may take.
    """
    try:
        with open_media(copy, limits, threads) as one, open_media(other, limits, threads) as another:
            if isinstance(one, Still) or isinstance(another, Still) or not links:
                return Comparison("a still picture, or nothing is linked", 0, 0)
            grant(max(limits.deadline(one.stated), limits.deadline(another.stated)))
            return _compared(_Comparer(one, _Other(another, limits), links, engine, limits, choices))
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)


def _compared(comparer: "_Comparer") -> Comparison:
    why = ""
    try:
        comparer.run()
    except Differs as differs:
        why = str(differs)
    except Enough as enough:
        why = f"not all of it was compared: {enough}"
    return Comparison(why, comparer.compared, comparer.searcher.looks)


# --- the other file ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _Frame:
    """One picture of it."""

    at: Fraction
    frame: VideoFrame
    small: Grey
    size: tuple[int, int]
    """height and width, as shown"""


@dataclass(slots=True)
class _Other:
    """Pictures around any moment of a file; cheap as long as moments rise."""

    video: Video
    limits: Limits
    frames: Iterator[VideoFrame | Lost] = field(init=False)
    held: deque[_Frame] = field(default_factory=deque)
    reached: Fraction | None = None
    """when the last decoded picture is shown"""
    gone: Fraction | None = None
    """when the last one is shown that is held no more"""

    def __post_init__(self) -> None:
        self.frames = decode(self.video, self.limits)

    def around(self, at: Fraction) -> list[_Frame]:
        """Those shown not more than NEAR before or after, and the one that is still shown then.  Raises Enough."""
        start = at - NEAR
        if (self.gone is not None and start < self.gone) or (self.reached is not None and start > self.reached + JUMP):
            self._seek(max(start, Fraction(0)))
        while (self.reached is None or self.reached < at + NEAR) and self._decode_one(start):
            pass
        while len(self.held) > 1 and self.held[1].at <= start:
            self.gone = self.held.popleft().at
        return [frame for frame in self.held if frame.at <= at + NEAR]

    def _decode_one(self, start: Fraction) -> bool:
        """Hold the next picture, in place of those that end before `start`; False: there is none."""
        frame = next(self.frames, None)
        if isinstance(frame, VideoFrame):
            at = self.reached = time_of(frame)
            apart = 2 * NEAR * frame.width * frame.height / HELD_PIXELS
            if not self.held or at - self.held[-1].at >= apart:
                while self.held and self.held[-1].at < start and at <= start:
                    self.gone = self.held.pop().at
                size = shown_size(frame, self.video.aspect)
                self.held.append(_Frame(at, frame, _small(frame), size[::-1]))
        return frame is not None

    def _seek(self, at: Fraction) -> None:
        self.video.source.seek(at)
        self.frames, self.reached, self.gone = decode(self.video, self.limits), None, None
        self.held.clear()


def _small(frame: VideoFrame) -> Grey:
    turn = turn_of(frame)
    width, height = SMALL[::-1] if turn[0] else SMALL
    made = frame.to_ndarray(format="gray", width=width, height=height, interpolation="AREA", threads=1)
    return turned(np.asarray(made, np.uint8), turn)


@dataclass(frozen=True, eq=False, slots=True)
class _Fit:
    """One way to lay a picture of the copy over one of the other file."""

    found: Overlay
    lay: Map

    @property
    def part(self) -> float:
        """That differs."""
        return self.found.part


# --- both --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Comparer:
    """One pass through a copy."""

    video: Video
    other: _Other
    links: Sequence[LinkedStretch]
    engine: Engine
    limits: Limits
    choices: Choices
    searcher: "_Searcher" = field(init=False)
    lays: dict[int, Map] = field(default_factory=dict)
    """how the pictures of each link lie"""
    compared: int = 0
    details: list[float] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    """pixels of the other for one of the copy, in pictures that tell"""

    def __post_init__(self) -> None:
        self.searcher = _Searcher(self.engine, self.choices)

    def run(self) -> None:
        """Raises Differs and Enough."""
        with closing(sample(self.video, self.limits, self.choices)) as events:
            for event in events:
                if isinstance(event, Picture):
                    self._see(event)
                elif isinstance(event, Lost) or (isinstance(event, End) and event.broke_off):
                    raise Differs("not all of it can be seen")
        if not self.scales:
            raise Differs("it shows nothing that tells how it lies")
        self._check_scale()
        if median(self.details) > MORE_DETAIL:
            raise Differs(f"it has {median(self.details):.2f} times the detail")

    def _check_scale(self) -> None:
        scale = median(self.scales)
        if scale < NO_FEWER:
            raise Differs(f"its pictures are larger, {1 / scale:.2f} times")

    def _see(self, picture: Picture) -> None:
        found = self._laid(picture)
        if len(self.scales) >= ENOUGH_TOLD:
            self._check_scale()
        self.compared += 1
        self.details.append(detail(found))
        self.searcher.search(picture, found, self.compared)

    def _laid(self, picture: Picture) -> Overlay:
        """Over that picture of the other file with which it has most in common."""
        number, link = _link_at(self.links, picture.at)
        copy, frames = grey(picture.pixels), self.other.around(_moment(link, picture.at))
        best = self._nearest(copy, frames, link, None, self.lays.get(number))
        if best is None:
            return overlay(copy, np.zeros_like(copy), ELSEWHERE, self.choices)
        if best.part > LIES_WELL:  # how they lie is known from a picture of about the time: now which of them it is
            best = self._nearest(copy, frames, link, best, best.lay) or best
        if best.found.plain <= MOST_PLAIN:
            self.scales.append(enlarged(best.lay))
            if best.part <= LIES_BADLY:
                self.lays[number] = best.lay
        return best.found

    def _nearest(
        self, copy: Grey, frames: Sequence[_Frame], link: LinkedStretch, best: _Fit | None, known: Map | None
    ) -> _Fit | None:
        """The best one yet, or a better one of these pictures; None: there is none."""
        known = known if best is None else best.lay
        for frame in _likeliest(copy, frames, link, known):
            other = grey(shown(frame.frame, self.other.video.aspect))
            found = self._fitted(copy, other, link, known if best is None else best.lay)
            best = found if best is None or found.part < best.part else best
            if best.part <= LIES_WELL:
                break
        return best

    def _fitted(self, copy: Grey, other: Grey, link: LinkedStretch, known: Map | None) -> _Fit:
        """Laid as the pictures before, else to a part of a pixel, else anew: what differs least."""
        lay = squeezed(copy, other, mirrored=link.mirrored) if known is None else known
        best = _Fit(overlay(copy, other, lay, self.choices), lay)
        if best.part > LIES_WELL:
            best = self._better(best, other, lay)
        if best.part > LIES_BADLY or (known is None and best.part > LIES_WELL):
            by_points = laid_by_points(copy, other, mirrored=link.mirrored)
            best = best if by_points is None else self._better(best, other, by_points)
        return best

    def _better(self, best: _Fit, other: Grey, lay: Map) -> _Fit:
        """The better one of this, and what comes of a map when it is refined twice."""
        found = overlay(best.found.copy, other, lay, self.choices)
        for _ in range(2):
            lay = refined(found, lay)
            found = overlay(best.found.copy, other, lay, self.choices)
            best = _Fit(found, lay) if found.part < best.part else best
        return best


def _likeliest(copy: Grey, frames: Sequence[_Frame], link: LinkedStretch, lay: Map | None) -> list[_Frame]:
    """TRIED pictures that are most alike when all are shrunk."""
    small = np.asarray(cv2.resize(copy, SMALL, interpolation=cv2.INTER_AREA), np.uint8)
    if not frames:
        return []
    whole = squeezed(small, small, mirrored=link.mirrored)
    known = whole if lay is None else _shrunk(lay, copy.shape, frames[0].size)
    return sorted(frames, key=lambda frame: _unlike(small, frame.small, known))[:TRIED]


def _link_at(links: Sequence[LinkedStretch], at: Fraction) -> tuple[int, LinkedStretch]:
    """The one that this moment is in, or nearest to."""
    at_ms = float(at) * 1000
    return min(enumerate(links), key=lambda one: max(one[1].start_ms - at_ms, at_ms - one[1].end_ms, 0))


def _moment(link: LinkedStretch, at: Fraction) -> Fraction:
    """When the other shows it."""
    length = max(link.end_ms - link.start_ms, 1)
    speed = Fraction(link.other_end_ms - link.other_start_ms, length)
    return (Fraction(link.other_start_ms) + (at * 1000 - link.start_ms) * speed) / 1000


def _shrunk(lay: Map, shape: tuple[int, ...], other: tuple[int, int]) -> Map:
    """The same map for pictures of SMALL."""
    made = np.zeros((2, 3))
    for axis in (0, 1):
        ours, theirs = SMALL[axis] / shape[1 - axis], SMALL[axis] / other[1 - axis]
        made[axis, axis] = lay[axis, axis] * theirs / ours
        made[axis, 2] = (lay[axis, axis] * (0.5 / ours - 0.5) + lay[axis, 2] + 0.5) * theirs - 0.5
    return made


def _unlike(copy: Grey, other: Grey, lay: Map) -> float:
    apart = copy.astype(np.float32) - laid(other, lay, copy.shape)
    return float(np.abs(apart - np.median(apart)).mean())


# --- what differs ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Searcher:
    """Looks for faces where pictures differ."""

    engine: Engine
    choices: Choices
    looks: int = 0
    """at parts of pictures"""
    spent: float = 0.0
    """pixels"""
    known: Light | None = None
    """cells of the copy as they were when they were last searched, in vain; NaN: never"""

    def search(self, picture: Picture, found: Overlay, pictures: int) -> None:
        """Raises Differs if this picture, the so-many-th, shows another face where it differs, or too much differs."""
        new = found.differs & ~self._as_before(found.cells)
        if not new.any():
            return
        least = self.choices.gates.min_width
        for box in regions(new, found.cell, least, found.copy.shape):
            self._pay(picture.pixels, box, pictures)
            faces = self._faces(picture.pixels, box)
            for face in faces:
                if marked(found.differs, face, found.cell).any() and alike(found, face) < SAME_FACE:
                    raise Differs(f"at {float(picture.at):.1f} s it shows a face that the other file does not")
            if not faces:  # of a face that both show, the next picture may show that the other has lost it
                self._remember(found, box)

    def _faces(self, pixels: Pixels, box: Box) -> list[Box]:
        left, top, right, bottom = corners(box, pixels)
        view = np.ascontiguousarray(pixels[top:bottom, left:right])
        scale = scale_for(view, self.engine, self.choices.gates.min_width, self.choices.still_pixels)
        self.looks += 1
        return [moved(face.box, left, top) for face in self.engine.detect([view], scale)[0]]

    def _pay(self, pixels: Pixels, box: Box, pictures: int) -> None:
        enlarging = self.engine.smallest / self.choices.gates.min_width
        self.spent += box.width * box.height * enlarging**2
        if self.spent > MOST_SEARCHED * self.choices.look_pixels * (pictures + FREE_LOOKS):
            raise Differs("too much of its pictures differs")

    def _as_before(self, cells: Light) -> Where:
        """Cells that look as when they were searched."""
        if self.known is None or self.known.shape != cells.shape:
            self.known = np.full_like(cells, np.nan)
        return np.asarray(np.abs(cells - self.known) <= self.choices.same_levels, np.bool_)

    def _remember(self, found: Overlay, box: Box) -> None:
        if self.known is not None:
            differs = marked(found.differs, box, found.cell)
            marked(self.known, box, found.cell)[differs] = marked(found.cells, box, found.cell)[differs]
