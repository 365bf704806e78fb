"""Does it help to allow for faces that resemble everyone?  Measured on people who have several photos.

Nothing uses it yet.  A person's offset is how near the nearest of a cohort of others come to them, against the average
of all people.  It is taken off the distances from that person:
of the register's side alone (Z-norm), or of both sides (adaptive S-norm,
Matejka et al. 2017, without its scaling).  Cohort and people who are judged by it are different halves of the register.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matchers.impostors import Numbers, Places, Sample, checked

NEAREST = 100
"""of the cohort that an offset is made of; of a small cohort the nearest tenth"""
FEWEST = 50
"""people with several photos, to say anything"""
AS_NEAR = 50
"""pairs of different people that are let pass: fewer are chance"""
MOST = 1000
"""people who are judged"""
REPEATS = 100
SURE = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much the share of genuine pairs that are found rises, at the same share of false ones."""

    at: float
    low: float
    high: float

    @property
    def helps(self) -> bool:
        """Whether its interval leaves zero out."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Cohort:
    """What allowing for it would change."""

    people: int
    """with several photos, who were judged"""
    false_match_rate: float
    found: float
    """share of genuine pairs found without it"""
    register_side: Gain
    both_sides: Gain


def measure(register: Sample, tied: frozenset[tuple[int, int]], seed: int = 0) -> Cohort | None:
    """None: too few people have several photos.  `tied`: people, lower id first, who are kin, the same, or may be."""
    checked(register)
    chance = np.random.default_rng(seed)
    people, counts = np.unique(register.owners, return_counts=True)
    several = chance.permutation(people[counts > 1])
    judged = several[: min(MOST, max(len(several) // 2, len(several) - len(people) // 2))]
    if len(judged) < FEWEST:
        return None
    inside = np.isin(register.owners, judged)
    probes, gallery = _two_photos(register.of(inside))
    cohort = register.of(~inside).vectors
    offsets = _offset(probes.vectors, cohort), _offset(gallery.vectors, cohort)
    distances = _distances(probes.vectors, gallery.vectors)
    use = _usable(gallery.owners, tied)
    plans = (distances, distances - offsets[1], distances - (offsets[0][:, None] + offsets[1]) / 2)
    rate = AS_NEAR / int(use.sum())
    found = np.array([_found(plan, use, rate, np.ones(len(judged), np.int64)) for plan in plans])
    drawn = np.array([_drawn(plans, use, rate, chance) for _ in range(REPEATS)])
    gains = [_gain(found, drawn, number) for number in (1, 2)]
    return Cohort(len(judged), rate, float(found[0]), gains[0], gains[1])


def _two_photos(sample: Sample) -> tuple[Sample, Sample]:
    """Of each person, the first two photos."""
    order = np.argsort(sample.owners, kind="stable")
    _, first = np.unique(sample.owners[order], return_index=True)
    return sample.of(order[first]), sample.of(order[first + 1])


def _distances(one: NDArray[np.float32], other: NDArray[np.float32]) -> Numbers:
    squared = np.einsum("ij,ij->i", one, one)[:, None] - 2 * (one @ other.T) + np.einsum("ij,ij->i", other, other)
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float64)


def _offset(vectors: NDArray[np.float32], cohort: NDArray[np.float32]) -> Numbers:
    nearest = max(1, min(NEAREST, len(cohort) // 10))
    means = np.partition(_distances(vectors, cohort), nearest - 1, axis=1)[:, :nearest].mean(axis=1)
    return np.asarray(means - means.mean())


def _usable(owners: Places, tied: frozenset[tuple[int, int]]) -> NDArray[np.bool_]:
    """Which pairs are of different people, one half of each two."""
    use = np.triu(np.ones((len(owners), len(owners)), bool), 1)
    places = {int(owner): place for place, owner in enumerate(owners)}
    for one, other in tied:
        if one in places and other in places:
            use[places[one], places[other]] = use[places[other], places[one]] = False
    return use


def _found(distances: Numbers, use: NDArray[np.bool_], rate: float, weights: Places) -> float:
    """Share of genuine pairs nearer than what so many of the others stay beyond; people count by their weights."""
    pairs = np.outer(weights, weights)[use]
    values = distances[use]
    nearest = np.argpartition(values, min(len(values) - 1, 20 * AS_NEAR))[: 20 * AS_NEAR]
    nearest = nearest[np.argsort(values[nearest], kind="stable")]
    passed = np.searchsorted(np.cumsum(pairs[nearest]), rate * pairs.sum())
    threshold = values[nearest[min(passed, len(nearest) - 1)]]
    return float(np.average(np.diagonal(distances) <= threshold, weights=weights))


def _drawn(plans: tuple[Numbers, ...], use: NDArray[np.bool_], rate: float, chance: np.random.Generator) -> list[float]:
    people = len(use)
    weights = chance.multinomial(people, np.full(people, 1 / people))
    return [_found(plan, use, rate, weights) for plan in plans]


def _gain(found: Numbers, drawn: Numbers, number: int) -> Gain:
    low, high = np.percentile(drawn[:, number] - drawn[:, 0], SURE)
    return Gain(float(found[number] - found[0]), float(low), float(high))
