"""What the register's own photos say of each other: who does not agree with an entry, and who stands in two."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from lastseen.records import Band, Calibration, Finding, FindingKind, Gallery, Match, Probes, Vectors
from matchers import gallery as matcher
from matchers.calibration import expected_false

FALSE_TWICE: Final = 0.01
"""people of the register who may be taken for the one on a photo by chance: one look in vain for a hundred photos"""
FALSE_ALIKE: Final = 0.1
"""the same, of those who may be relatives: nobody has to look"""
SAME_PART: Final = 0.8
"""of the published threshold, where nothing was measured.  dlib: 0.4, within which photos of one person lie among six
shared portraits (0.24-0.39), where strangers lie 0.70 apart and more"""
HALVINGS: Final = 40
"""of the stretch in which a distance is sought: more than a float has digits for"""


@dataclass(frozen=True, slots=True)
class Limits:
    """By what distances of reference photos are judged."""

    same: float
    """two entries as near as this are probably one person"""
    alike: float
    """as near as this they may be relatives; at or above `same`"""
    apart: float
    """a photo that is farther from all others of its entry is probably of somebody else"""


def limits(calibration: Calibration | None, threshold: float, apart: float) -> Limits:
    """As the office's own calibration says, else by the engine's published threshold.

    The best band holds: photos of the register passed stricter gates than tracks.
    """
    best = None if calibration is None else calibration.bands[-1]
    if best is None or not best.curve:
        return Limits(threshold * SAME_PART, threshold, apart)
    return Limits(farthest(best, FALSE_TWICE), farthest(best, FALSE_ALIKE), apart)


def farthest(band: Band, people: float) -> float:
    """The largest distance, up to the band's threshold, within which at most so many people are expected by chance.

    Where the curve begins above that, its beginning.
    """
    low, high = min(band.curve[0][0], band.threshold), band.threshold
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = expected_false(band, middle)
        low, high = (middle, high) if expected is not None and expected <= people else (low, middle)
    return low


def check(person: int, gallery: Gallery, given: Limits) -> list[Finding]:
    """What is odd about the photos of a person (row id), with the whole register beside them.

    Of two entries the nearest pair of photos is told, whichever of the two is checked, and whichever came first.
    """
    mine = np.flatnonzero(np.asarray(gallery.people, np.int64) == person)
    own = Probes(tuple(gallery.photos[row] for row in mine), gallery.vectors[mine])
    near = matcher.search(own, gallery, given.alike) if len(mine) else {}
    return [*_apart(person, own, given.apart), *_of_others(person, near, given)]


def _apart(person: int, own: Probes, bound: float) -> Iterator[Finding]:
    for photo, (distance, fellow) in _fellows(own.owners, own.vectors).items():
        if distance > bound:
            yield Finding(FindingKind.APART, person, photo, person, fellow, distance, bound)


def _fellows(photos: tuple[int, ...], vectors: Vectors) -> dict[int, tuple[float, int]]:
    """photo -> its distance to the nearest other photo, and which that is; nothing of a photo that is alone."""
    nearest: dict[int, tuple[float, int]] = {}
    for photo, vector in zip(photos, vectors.astype(np.float64), strict=True):
        for fellow, distance in zip(photos, np.linalg.norm(vectors - vector, axis=1), strict=True):
            if fellow != photo:
                nearest[photo] = min(nearest.get(photo, (np.inf, 0)), (float(distance), fellow))
    return nearest


def _of_others(person: int, near: dict[int, list[Match]], given: Limits) -> list[Finding]:
    nearest: dict[int, Finding] = {}
    for photo, matches in near.items():
        for match in matches:
            if match.person != person:
                found = _pair(person, photo, match, given)
                nearest[match.person] = min(nearest.get(match.person, found), found, key=_rank)
    return sorted(nearest.values(), key=_rank)


def _pair(person: int, photo: int, match: Match, given: Limits) -> Finding:
    (one, its), (other, theirs) = sorted([(person, photo), (match.person, match.photo)])
    same = match.distance <= given.same
    kind, bound = (FindingKind.TWICE, given.same) if same else (FindingKind.ALIKE, given.alike)
    return Finding(kind, one, its, other, theirs, match.distance, bound)


def _rank(found: Finding) -> tuple[float, int, int]:
    return found.distance, found.photo, found.other_photo
