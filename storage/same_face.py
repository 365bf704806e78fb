"""Whether two tracks show one face, by when and where in the picture they were seen: plain numbers, no database.

Only places are compared, never templates: what somebody said of a face holds when the templates are gone, and when
another engine looks at the file.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
class Stretch:
    """A stretch of one file, and where another one shows the same footage."""

    start_ms: int
    end_ms: int
    other_start_ms: int
    other_end_ms: int
    mirrored: bool = False

    def turned(self) -> "Stretch":
        """The same, from the other file."""
        return Stretch(self.other_start_ms, self.other_end_ms, self.start_ms, self.end_ms, self.mirrored)

    def over(self, at_ms: float) -> float:
        """A moment of the one file on the clock of the other."""
        length = self.end_ms - self.start_ms
        pace = (self.other_end_ms - self.other_start_ms) / length if length else 1.0
        return self.other_start_ms + (at_ms - self.start_ms) * pace

    def carried(self, seen: Seen) -> Seen | None:
        """A track as it would be in the other file; None: it is not in this stretch."""
        start, end = max(seen.start_ms, self.start_ms), min(seen.end_ms, self.end_ms)
        if start > end:
            return None
        looks = tuple(self._look(look) for look in seen.looks if self.start_ms <= look[0] <= self.end_ms)
        return Seen(seen.track, seen.analysis, round(self.over(start)), round(self.over(end)), looks)

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
    one: Seen, beside: Sequence[Seen], other: Seen, beside_other: Sequence[Seen], stretch: Stretch
) -> bool:
    """Whether `one` is the face of `other`, in a file that shows the same footage, perhaps cropped, scaled or mirrored.

    Being near is not enough, since cropping moves a face to where its neighbour was: of all faces there
    (`beside_other`) it has to be the one by which most of the other faces (`beside`) move along to faces, too.  In
    doubt it is not.
    """
    carried = stretch.carried(one)
    if carried is None:
        return False
    found = _moved(carried, other)
    if found is None or _far(found) > FARTHEST or not _as_large(carried, other):
        return False
    others = [seen for seen in beside_other if at_once(seen, carried)]
    neighbours = (seen for seen in beside if seen.track != one.track and at_once(seen, one))
    along = [seen for seen in map(stretch.carried, neighbours) if seen is not None]
    fit = _fit(along, others, found)
    for rival in others:
        move = None if rival.track == other.track else _moved(carried, rival)
        if move is not None and _far(move) <= FARTHEST:
            theirs = _fit(along, others, move)
            if theirs > fit or (theirs == fit and _far(found) * CLEARLY > _far(move)):
                return False
    return True


def any_pair(ones: Iterable[Seen], others: Iterable[Seen]) -> bool:
    """Whether two looks at one file saw one face, which each of them may have cut into several tracks."""
    return any(at_once(one, other) and same_place(one, other) for one, other in product(ones, others))


def _met(one: Seen, other: Seen) -> Iterator[tuple[Look, Look]]:
    """Each look of the track that has fewer, with that of the other which is nearest in time, where one is near."""
    few, many = sorted((one.looks, other.looks), key=len)
    times = [look[0] for look in many]
    for look in few:
        place = bisect_left(times, look[0])
        around = many[max(0, place - 1) : place + 1]
        near = min(around, key=lambda there: abs(there[0] - look[0]), default=None)
        if near is not None and abs(near[0] - look[0]) <= NEAR_MS:
            yield look, near


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


def _fit(along: Iterable[Seen], others: Sequence[Seen], move: tuple[float, float]) -> int:
    """How many faces would lie on a face if all moved like this."""
    return sum(any(same_place(_by(seen, move), other) for other in others) for seen in along)


def _by(seen: Seen, move: tuple[float, float]) -> Seen:
    across, down = move
    moved = tuple((at, left + across, top + down, width, height) for at, left, top, width, height in seen.looks)
    return replace(seen, looks=moved)


def _as_large(one: Seen, other: Seen) -> bool:
    ratios = [mine[4] / theirs[4] for mine, theirs in _met(one, other) if mine[4] > 0 and theirs[4] > 0]
    return bool(ratios) and 1 / LARGEST <= median(ratios) <= LARGEST
