"""Where two files show the same footage, and which faces of one are which of the other.

Only direct links count.  Through a compilation, two clips of which it holds a part each would become one, and with them
the people in them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

NEAR_MS: Final = 600
"""how far a track's position may lie from the moment asked for: a little more than between two looks"""
ONE_FACE: Final = 1.0
"""how many faces' widths and heights apart two faces may lie that are one: a logo or a slight crop shifts them"""
AS_LARGE: Final = 2.0
"""how many times as wide one of them may be"""

PASSAGES = text("""
    SELECT one_blob_id AS blob, other_blob_id AS other, one_start_ms AS start_ms, one_end_ms AS end_ms,
           other_start_ms, other_end_ms, mirrored
      FROM repost_links WHERE withdrawn_at IS NULL AND one_blob_id = ANY(CAST(:blobs AS bigint[]))
     UNION
    SELECT other_blob_id, one_blob_id, other_start_ms, other_end_ms, one_start_ms, one_end_ms, mirrored
      FROM repost_links WHERE withdrawn_at IS NULL AND other_blob_id = ANY(CAST(:blobs AS bigint[]))
     ORDER BY blob, other, start_ms, other_start_ms""")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one file that shows the footage of a stretch of another."""

    blob: int
    """row id"""
    other: int
    """row id"""
    start_ms: int
    end_ms: int
    other_start_ms: int
    other_end_ms: int
    mirrored: bool

    @property
    def back(self) -> "Passage":
        """The same, seen from the other file."""
        there, here = (self.other_start_ms, self.other_end_ms), (self.start_ms, self.end_ms)
        return Passage(self.other, self.blob, *there, *here, self.mirrored)

    def there(self, at_ms: int) -> int | None:
        """The same moment of the other file; None: it does not show it."""
        if not self.start_ms <= at_ms <= self.end_ms:
            return None
        length = self.end_ms - self.start_ms
        share = (at_ms - self.start_ms) / length if length else 0.0
        return round(self.other_start_ms + share * (self.other_end_ms - self.other_start_ms))

    def shows(self, start_ms: int, end_ms: int) -> tuple[int, int] | None:
        """The part of a stretch of ours that the other file shows, on its clock; None: nothing of it."""
        first, last = max(start_ms, self.start_ms), min(end_ms, self.end_ms)
        begin, end = self.there(first), self.there(last)
        return None if first > last or begin is None or end is None else (begin, end)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a face is, in shares of the picture: its centre and its size."""

    x: float
    y: float
    width: float
    height: float

    def away(self, other: "Spot") -> float:
        """How many faces apart; infinite where one is much the larger."""
        if max(self.width, other.width) > AS_LARGE * min(self.width, other.width):
            return float("inf")
        across = 2 * abs(self.x - other.x) / (self.width + other.width)
        return max(across, 2 * abs(self.y - other.y) / (self.height + other.height))


@dataclass(frozen=True, slots=True)
class Followed:
    """A track, by where it was."""

    track: int
    """row id"""
    times: tuple[int, ...]
    """ms, rising"""
    spots: tuple[Spot, ...]

    @classmethod
    def of(cls, track: int, positions: Sequence[Sequence[float]], size: tuple[int, int]) -> "Followed":
        """From rows of `[at_ms, x, y, width, height, score]` in pixels of a picture of this width and height."""
        across, down = (max(1, side) for side in size)
        spots = tuple(
            Spot((x + width / 2) / across, (y + height / 2) / down, max(width, 1) / across, max(height, 1) / down)
            for _, x, y, width, height, *_ in positions
        )
        return cls(track, tuple(int(row[0]) for row in positions), spots)

    def at(self, moment: int) -> Spot | None:
        """Where it was about then; None: it was not there."""
        after = bisect_left(self.times, moment)
        near = [number for number in (after - 1, after) if 0 <= number < len(self.times)]
        best = min(near, key=lambda number: abs(self.times[number] - moment), default=None)
        return self.spots[best] if best is not None and abs(self.times[best] - moment) <= NEAR_MS else None


def whole(blob: int, duration_ms: int) -> Passage:
    """A file shows what it shows itself."""
    return Passage(blob, blob, 0, duration_ms, 0, duration_ms, mirrored=False)


def passages(db: Connection, blobs: Sequence[int]) -> list[Passage]:
    """Where other files show the footage of these."""
    return [Passage(**row) for row in db.execute(PASSAGES, {"blobs": list(blobs)}).mappings()]


def one_and_the_same(
    some: Iterable[Followed], ours: Sequence[Followed], theirs: Sequence[Followed], passage: Passage
) -> Iterator[tuple[int, int]]:
    """Pairs of tracks that show one face, ours first: each is the nearest to the other at the same moment.

    `some` of ours are looked at, at the beginning, the middle and the end of what both files show of them; a pair may
    come more than once.  Who is not sure to be one stays two.
    """
    for one in some:
        for moment in _moments(one, passage):
            then = passage.there(moment)
            found = _nearest(_there(one.at(moment), passage), theirs, then)
            if found and then is not None and _nearest(_there(found.at(then), passage), ours, moment) is one:
                yield one.track, found.track


def _moments(one: Followed, passage: Passage) -> Iterable[int]:
    shown = [at for at in one.times if passage.start_ms <= at <= passage.end_ms]
    return {shown[0], shown[len(shown) // 2], shown[-1]} if shown else ()


def _there(spot: Spot | None, passage: Passage) -> Spot | None:
    """Where it is in the other file; mirroring is the same both ways."""
    return Spot(1 - spot.x, spot.y, spot.width, spot.height) if spot and passage.mirrored else spot


def _nearest(spot: Spot | None, among: Sequence[Followed], moment: int | None) -> Followed | None:
    """The track whose face is nearest to a place at a moment, if it is near enough to be there."""
    if spot is None or moment is None:
        return None
    away = [(spot.away(there), one) for one in among if (there := one.at(moment))]
    best = min(away, key=lambda pair: pair[0], default=None)
    return best[1] if best and best[0] <= ONE_FACE else None
