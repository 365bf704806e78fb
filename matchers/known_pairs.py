"""Pairs of reference photos of which is known whether they show one person: what reviewers are measured with.

Both kinds lie as near as can be to the distance from which on the software asks people at all, from this side or that:
those are the ones that people differ on, and their distance does not tell which kind they are.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lastseen.records import Gallery, PairKnown, Vectors

AGAIN_PART: Final = 0.4
"""of the distance up to which two entries may be alike: photos of one person that are nearer are one picture, cut or
saved anew, and measure nothing.  dlib: 0.2, below the nearest of six shared portraits (0.24)"""
A_PERSON: Final = 2
"""pairs of one kind at most whose probe is the same person"""
PROBES: Final = 4000
"""photos that are looked at for a pair of strangers; drawn by lot where there are more"""
ROWS: Final = 256
"""photos that are compared with the whole register at once"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """By what distances pairs are chosen."""

    alike: float
    """strangers who are as near as this may be relatives, or one person who was entered twice"""
    apart: float
    """a photo that is farther from all others of its entry may be of somebody else"""

    @property
    def again(self) -> float:
        """Two photos as near as this are one picture."""
        return self.alike * AGAIN_PART


def genuine(gallery: Gallery, bounds: Bounds, odd: Collection[int] = ()) -> list[PairKnown]:
    """One person each, the best first.  `odd`: photos of which somebody doubts whose they are."""
    people, photos = _columns(gallery)
    found = [
        pair
        for person in np.unique(people)
        for pair in _of_one(int(person), photos[people == person], gallery.vectors[people == person], bounds, odd)
    ]
    return _best(found, gallery, bounds.alike)


def strangers(
    gallery: Gallery, bounds: Bounds, apart: Collection[tuple[int, int]], seed: int, odd: Collection[int] = ()
) -> list[PairKnown]:
    """Two people each who are not alike enough to be taken for one, the best first.

    `apart`: pairs of people (row ids, the lesser first) that may be relatives, or one.
    """
    people, photos = _columns(gallery)
    if len(people) == 0:
        return []
    order = np.lexsort((photos, people))
    people, photos, vectors = people[order], photos[order], gallery.vectors[order].astype(np.float32)
    starts = np.flatnonzero(np.r_[True, people[1:] != people[:-1]])
    barred = _barred(apart)
    usable = np.flatnonzero(~np.isin(photos, np.fromiter(odd, np.int64)))
    drawn = np.random.default_rng(seed).permutation(usable)[:PROBES]
    found: list[PairKnown] = []
    for first in range(0, len(drawn), ROWS):
        rows = drawn[first : first + ROWS]
        for row, distances in zip(rows, _distances(vectors[rows], vectors), strict=True):
            pair = _nearest_stranger(int(row), distances, (people, photos, starts), bounds.alike, barred)
            found.extend([pair] if pair else [])
    return _best(found, gallery, bounds.alike)


def _columns(gallery: Gallery) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.asarray(gallery.people, np.int64), np.asarray(gallery.photos, np.int64)


def _of_one(
    person: int, photos: NDArray[np.int64], vectors: Vectors, bounds: Bounds, odd: Collection[int]
) -> Iterator[PairKnown]:
    """A pair for each photo of one person that is another picture than all the others."""
    if len(photos) < 2:
        return
    distances = _distances(vectors.astype(np.float32), vectors.astype(np.float32))
    np.fill_diagonal(distances, np.inf)
    for row, photo in enumerate(photos):
        nearest = int(np.argmin(distances[row]))
        distance = float(distances[row, nearest])
        if bounds.again < distance <= bounds.apart and not {int(photo), int(photos[nearest])} & set(odd):
            yield PairKnown(True, int(photo), person, int(photos[nearest]), distance)


def _nearest_stranger(
    row: int,
    distances: NDArray[np.float32],
    register: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.intp]],
    alike: float,
    barred: dict[int, set[int]],
) -> PairKnown | None:
    """Whoever is nearest among those who are farther than `alike` with all their photos."""
    people, photos, starts = register
    mine = int(people[row])
    nearest = np.minimum.reduceat(distances, starts)
    nearest[(nearest <= alike) | np.isin(people[starts], [mine, *barred.get(mine, ())])] = np.inf
    chosen = int(np.argmin(nearest))
    if not np.isfinite(nearest[chosen]):
        return None
    ends = [*starts[1:], len(people)]
    place = int(starts[chosen]) + int(np.argmin(distances[starts[chosen] : ends[chosen]]))
    return PairKnown(False, int(photos[row]), int(people[place]), int(photos[place]), float(nearest[chosen]))


def _distances(some: Vectors, every: Vectors) -> NDArray[np.float32]:
    squared = (some**2).sum(1)[:, None] + (every**2).sum(1)[None, :] - 2 * some @ every.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float32)


def _barred(apart: Collection[tuple[int, int]]) -> dict[int, set[int]]:
    barred: dict[int, set[int]] = {}
    for one, other in apart:
        barred.setdefault(one, set()).add(other)
        barred.setdefault(other, set()).add(one)
    return barred


def _best(found: list[PairKnown], gallery: Gallery, target: float) -> list[PairKnown]:
    """Nearest to the target first, and not many of one person."""
    owner = dict(zip(gallery.photos, gallery.people, strict=True))
    best: list[PairKnown] = []
    taken: dict[int, int] = {}
    for pair in sorted(found, key=lambda one: (abs(one.distance - target), one.probe)):
        whose = owner[pair.probe]
        taken[whose] = taken.get(whose, 0) + 1
        if taken[whose] <= A_PERSON:
            best.append(pair)
    return best
