"""Whether two tracks show one face, by when and where in the picture they were seen: plain numbers, no database.

Only places are compared, never templates: what somebody said of a face holds when the templates are gone, and when
another engine looks at the file.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import product
from statistics import median

NEAR_MS = 600
"""two looks at a face are held against each other up to here: pictures are looked at half a second apart"""
LEAST_OVERLAP = 0.3
"""of two boxes of one face in one picture, over their union: detectors draw them larger and smaller"""
FARTHEST = 0.15
"""of the picture's sides: how far the middle of a face may move when a tenth of the picture is cut off"""
LARGEST = 1.6
"""times: how much larger or smaller, against the picture, a face may become by that"""
CLEARLY = 2
"""times: how much farther away another face has to be where nothing else tells the two apart"""
NEIGHBOURS = 8
"""around a face tell how the picture moved; in a crowd, more tell no more"""
AGREEING = 4
"""of so many around it that stay in the picture one has to move along, or a face is not taken for one farther off than
its own size"""
LOOKS = 8
"""at two tracks tell about as much as all: in a long film there are hundreds"""

Look = tuple[float, float, float, float, float]
"""ms, then left, top, width and height as shares of the picture"""


@dataclass(frozen=True, slots=True)
class Seen:
    """When and where one track was seen."""

    track: int
    """row id"""
    analysis: int
    start_ms: int
    end_ms: int
    looks: tuple[Look, ...]
    """in time order; empty: its places were not kept"""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A stretch of one file, and where another one shows the same footage."""

    start_ms: int
    end_ms: int
    other_start_ms: int
    other_end_ms: int
    mirrored: bool = False

    def turned(self) -> "Overlap":
        """The same, from the other file."""
        return Overlap(self.other_start_ms, self.other_end_ms, self.start_ms, self.end_ms, self.mirrored)

    def over(self, at_ms: float) -> float:
        """A moment of the one file on the clock of the other."""
        length = self.end_ms - self.start_ms
        pace = (self.other_end_ms - self.other_start_ms) / length if length else 1.0
        return self.other_start_ms + (at_ms - self.start_ms) * pace

    def shows(self, start_ms: int, end_ms: int) -> tuple[int, int] | None:
        """The part of this time that the other file shows, on its clock; None: nothing of it."""
        start, end = max(start_ms, self.start_ms), min(end_ms, self.end_ms)
        return (round(self.over(start)), round(self.over(end))) if start <= end else None

    def carried(self, seen: Seen) -> Seen | None:
        """A track as it would be in the other file; None: it is not in this stretch."""
        shown = self.shows(seen.start_ms, seen.end_ms)
        looks = tuple(self._look(look) for look in seen.looks if self.start_ms <= look[0] <= self.end_ms)
        return Seen(seen.track, seen.analysis, *shown, looks) if shown else None

    def _look(self, look: Look) -> Look:
        at, left, top, width, height = look
        return self.over(at), 1 - left - width if self.mirrored else left, top, width, height


def looks(faces: Iterable[Sequence[float]], width: int, height: int) -> tuple[Look, ...]:
    """From `tracks.faces` of an analysis with pictures of this size."""
    made = ((at, x / width, y / height, w / width, h / height) for at, x, y, w, h, *_ in faces)
    return tuple(sorted(made))


def at_once(one: Seen, other: Seen) -> bool:
    """Whether their times overlap."""
    return one.start_ms <= other.end_ms and other.start_ms <= one.end_ms


def same_place(one: Seen, other: Seen) -> bool:
    """Whether two looks at one file saw one face: at the same time, and in the same place."""
    shares = [_overlap(mine, theirs) for mine, theirs in _met(one, other)]
    return bool(shares) and median(shares) >= LEAST_OVERLAP


def same_footage(
    one: Seen, beside: Sequence[Seen], other: Seen, beside_other: Sequence[Seen], stretch: Overlap
) -> bool:
    """Whether `one` is the face of `other`, in a file that shows the same footage, perhaps cropped, scaled or mirrored.

    Being near is not enough, since cropping moves a face to where its neighbour was: of all faces there
    (`beside_other`) at its time it has to be the one by which most of the faces around it (of `beside`) move along to
    faces, too, and the same the other way round.  In doubt it is not.
    """
    return other.track in {seen.track for seen in elsewhere(one, beside, beside_other, stretch)}


def elsewhere(
    one: Seen, beside: Sequence[Seen], beside_other: Sequence[Seen], stretch: Overlap | None
) -> tuple[Seen, ...]:
    """The tracks of another analysis that show the face of `one`; `stretch`: None if it is of the same file."""
    if stretch is None:
        return tuple(seen for seen in beside_other if any_pair([one], [seen]))
    ours = tuple({seen.track: seen for seen in (*beside, one)}.values())
    back = stretch.turned()
    return tuple(
        seen
        for seen in _moved_to(one, beside, beside_other, stretch)
        if one.track in {again.track for again in _moved_to(seen, beside_other, ours, back)}
    )


def _moved_to(one: Seen, beside: Sequence[Seen], beside_other: Sequence[Seen], stretch: Overlap) -> tuple[Seen, ...]:
    """The tracks of the other file that may be the face of `one`, seen from here; no two of them at one time."""
    carried = stretch.carried(one)
    if carried is None:
        return ()
    others = [seen for seen in beside_other if at_once(seen, carried)]
    near = [(seen, move) for seen in others if (move := _moved(carried, seen)) and _far(move) <= FARTHEST]
    around = _around(carried, beside, stretch) if near else []
    landing = [(seen, [there for there in others if _may_be(seen, there)]) for seen in around]
    moves = [_Move(seen, move, sum(_lands(face, among, move) for face, among in landing)) for seen, move in near]
    return tuple(
        move.to
        for move in moves
        if _as_large(carried, move.to)
        and (_within_a_face(carried, move.by) or AGREEING * move.fit >= sum(_stays(face, move.by) for face in around))
        and all(move.beats(rival) for rival in moves if rival is not move and at_once(rival.to, move.to))
    )


@dataclass(frozen=True, slots=True)
class _Move:
    """From a face to one that it may be in another file."""

    to: Seen
    by: tuple[float, float]
    fit: int
    """how many faces around it would lie on a face if all moved like this"""

    def beats(self, rival: "_Move") -> bool:
        if self.fit != rival.fit:
            return self.fit > rival.fit
        return _far(self.by) * CLEARLY <= _far(rival.by)


def any_pair(ones: Iterable[Seen], others: Iterable[Seen]) -> bool:
    """Whether two looks at one file saw one face, which each of them may have cut into several tracks."""
    return any(at_once(one, other) and same_place(one, other) for one, other in product(ones, others))


def _met(one: Seen, other: Seen) -> Iterator[tuple[Look, Look]]:
    """Some looks of the track that has fewer, with those of the other that are nearest in time, where any is near."""
    few, many = sorted((one.looks, other.looks), key=len)
    if not few:
        return
    begin = bisect_left(few, many[0][0] - NEAR_MS, key=_when)
    end = bisect_right(few, many[-1][0] + NEAR_MS, key=_when)
    for look in few[begin : end : max(1, (end - begin) // LOOKS)]:
        place = bisect_left(many, look[0], key=_when)
        near = min(many[max(0, place - 1) : place + 1], key=lambda there: abs(there[0] - look[0]))
        if abs(near[0] - look[0]) <= NEAR_MS:
            yield look, near


def _when(look: Look) -> float:
    return look[0]


def _overlap(one: Look, other: Look) -> float:
    _, left, top, width, height = one
    _, left2, top2, width2, height2 = other
    across = min(left + width, left2 + width2) - max(left, left2)
    down = min(top + height, top2 + height2) - max(top, top2)
    common = max(0.0, across) * max(0.0, down)
    both = width * height + width2 * height2 - common
    return common / both if both > 0 else 0.0


def _moved(one: Seen, other: Seen) -> tuple[float, float] | None:
    """How far the middle moves from one to the other, in sides of the picture; None: not seen at one time."""
    moves = [_between(mine, theirs) for mine, theirs in _met(one, other)]
    return (median(move[0] for move in moves), median(move[1] for move in moves)) if moves else None


def _between(one: Look, other: Look) -> tuple[float, float]:
    return other[1] + other[3] / 2 - one[1] - one[3] / 2, other[2] + other[4] / 2 - one[2] - one[4] / 2


def _far(move: tuple[float, float]) -> float:
    return max(abs(move[0]), abs(move[1]))


def _around(carried: Seen, beside: Iterable[Seen], stretch: Overlap) -> list[Seen]:
    """The faces that are nearest to it while it is to be seen, as they would be in the other file."""
    moved = (stretch.carried(seen) for seen in beside if seen.track != carried.track)
    away = [
        (_far(move), seen.track, seen)
        for seen in moved
        if seen and at_once(seen, carried) and (move := _moved(carried, seen))
    ]
    return [seen for *_, seen in nsmallest(NEIGHBOURS, away)]


def _may_be(one: Seen, other: Seen) -> bool:
    """Whether a move that is not too far may bring it there."""
    move = _moved(one, other)
    return move is not None and _far(move) <= FARTHEST + max(max(look[3:]) for look in one.looks)


def _lands(seen: Seen, among: Iterable[Seen], move: tuple[float, float]) -> bool:
    """Whether it would lie on a face if it moved like this."""
    moved = _by(seen, move)
    return any(same_place(moved, other) for other in among)


def _stays(seen: Seen, move: tuple[float, float]) -> bool:
    """Whether its middle would still be in the picture if it moved like this."""
    middles = ((x + width / 2, y + height / 2) for _, x, y, width, height in _by(seen, move).looks)
    return any(0 < x < 1 and 0 < y < 1 for x, y in middles)


def _within_a_face(one: Seen, move: tuple[float, float]) -> bool:
    across, down = move
    width, height = (median(look[side] for look in one.looks) for side in (3, 4))
    return abs(across) <= width and abs(down) <= height


def _by(seen: Seen, move: tuple[float, float]) -> Seen:
    across, down = move
    moved = tuple((at, left + across, top + down, width, height) for at, left, top, width, height in seen.looks)
    return replace(seen, looks=moved)


def _as_large(one: Seen, other: Seen) -> bool:
    ratios = [mine[4] / theirs[4] for mine, theirs in _met(one, other) if mine[4] > 0 and theirs[4] > 0]
    return bool(ratios) and 1 / LARGEST <= median(ratios) <= LARGEST
