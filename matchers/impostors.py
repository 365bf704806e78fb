"""How near different people of a register come to each other: every pair of people, looked at once, in blocks.

People stand in an order of chance, and each is a probe for those after them: so each pair is looked at once, and which
of the two is the probe is chance, too.  A probe's distance from a person is that from the nearest of their photos, as
in a search.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lastseen.records import Vectors

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

BLOCK = 1 << 22
"""distances held at once: 16 MiB of float32"""
SHOWN = 1_000_000
"""distances of a band that its distribution is drawn from"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Templates of one engine, one a row."""

    owners: Places
    """whom each shows: a person's row id, or a track's"""
    qualities: Numbers
    """0 .. 1"""
    vectors: Vectors

    def of(self, rows: NDArray[np.bool_] | Places) -> "Sample":
        """Some rows of it."""
        return Sample(self.owners[rows], self.qualities[rows], self.vectors[rows])


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was seen of one band of probes: of all pairs of a probe's template and another person, the nearest."""

    looked: int
    """pairs in all"""
    probes: Places
    """of each of the nearest: the probe's person, as a place in `Scan.people`"""
    others: Places
    distances: Numbers
    """rising"""
    reach: float
    """every pair up to this distance is among them"""
    drawn: Numbers
    """distances by chance, all lengths, to draw the distribution from"""
    asked: Places
    """places of all probes' people, one for each template"""

    def without(self, apart: NDArray[np.bool_]) -> "Pairs":
        """Without some of the nearest."""
        kept = ~apart
        looked = self.looked - int(apart.sum())
        left = (self.probes[kept], self.others[kept], self.distances[kept])
        return Pairs(looked, *left, self.reach, self.drawn, self.asked)


@dataclass(frozen=True, slots=True)
class Scan:
    """All bands of one register."""

    people: Places
    """row ids, in the order of chance"""
    bands: tuple[Pairs, ...]


def checked(sample: Sample) -> Sample:
    """The same.  Raises ValueError if a number of it is not finite."""
    if not (np.isfinite(sample.vectors).all() and np.isfinite(sample.qualities).all()):
        raise ValueError("a template holds a number that is not finite: enroll the register anew")
    return sample


def scan(sample: Sample, least: Sequence[float], keep: int, most_pairs: int, seed: int = 0) -> Scan:
    """Look at all pairs of people, or at `most_pairs` of them by leaving out probes by chance (and no person).

    `least`: the lowest quality of each band, rising.  `keep`: how many of the nearest pairs of a band are kept.
    """
    checked(sample)
    chance = np.random.default_rng(seed)
    people, ranks = np.unique(sample.owners, return_inverse=True)
    order = chance.permutation(len(people))
    ranks = order[ranks].astype(np.int64)
    rows = np.argsort(ranks, kind="stable")
    ranks, vectors = ranks[rows], np.ascontiguousarray(sample.vectors[rows], np.float32)
    bands = np.maximum(np.searchsorted(least, sample.qualities[rows], side="right") - 1, 0)
    share = min(1.0, most_pairs / max(1, len(rows) * len(people) / 2))
    probes = np.nonzero((chance.random(len(rows)) < share) & (ranks < len(people) - 1))[0]
    kept = [_Nearest(keep) for _ in least]
    for asked, near in _blocks(vectors, ranks, probes):
        for band, nearest in enumerate(kept):
            chosen = bands[asked] == band
            nearest.take(ranks[asked[chosen]], near[chosen], len(people))
    named = np.empty_like(people)
    named[order] = people
    return Scan(named, tuple(nearest.pairs(len(people)) for nearest in kept))


def _blocks(vectors: Vectors, ranks: Places, probes: Places) -> Iterator[tuple[Places, NDArray[np.float32]]]:
    """Some probes' rows, and their squared distances from the last people in order; infinite: they are not to be told.

    The people are those that come after the first of these probes.
    """
    people = int(ranks[-1]) + 1
    starts = np.searchsorted(ranks, np.arange(people))
    squares = np.einsum("ij,ij->i", vectors, vectors)
    done = 0
    while done < len(probes):
        first = int(ranks[probes[done]]) + 1
        begin = int(starts[first])
        asked = probes[done : done + max(1, BLOCK // (len(vectors) - begin))]
        done += len(asked)
        squared = squares[begin:] - 2 * (vectors[asked] @ vectors[begin:].T) + squares[asked][:, None]
        near = squared if len(vectors) == people else np.minimum.reduceat(squared, starts[first:] - begin, axis=1)
        last = int(ranks[asked[-1]]) + 1
        near[:, : last - first][np.arange(first, last) <= ranks[asked][:, None]] = np.inf
        yield asked, near


class _Nearest:
    """The nearest pairs of one band so far."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._cut = np.float32(np.inf)
        self._held: list[tuple[Places, Places, NDArray[np.float32]]] = []
        self._count = self._looked = self._drawn_of = 0
        self._drawn: list[NDArray[np.float32]] = []
        self._asked: list[Places] = []

    def take(self, ranks: Places, near: NDArray[np.float32], people: int) -> None:
        """Squared distances of probes (m) from the last people of the order (m x n); infinite: not to be told."""
        if not len(ranks):
            return
        self._asked.append(ranks)
        self._looked += int((people - 1 - ranks).sum())
        self._draw(near)
        rows, columns = np.nonzero(near <= min(self._cut, np.finfo(np.float32).max))
        self._held.append((ranks[rows], columns + (people - near.shape[1]), near[rows, columns]))
        self._count += len(rows)
        if self._count > 2 * self._keep:
            self._drop()

    def _draw(self, near: NDArray[np.float32]) -> None:
        left = SHOWN - self._drawn_of
        if left > 0:
            flat = near.ravel()[:: max(1, near.size // (SHOWN // 20))]
            flat = flat[np.isfinite(flat)][:left]
            self._drawn.append(flat)
            self._drawn_of += len(flat)

    def _drop(self) -> None:
        probes, others, near = (np.concatenate(part) for part in zip(*self._held, strict=True))
        if len(near) > self._keep:
            self._cut = np.partition(near, self._keep - 1)[self._keep - 1]
            chosen = near <= self._cut
            probes, others, near = probes[chosen], others[chosen], near[chosen]
        self._held, self._count = [(probes, others, near)], len(near)

    def pairs(self, people: int) -> Pairs:
        """Everything that was seen."""
        if not self._held:
            nobody, nothing = np.empty(0, np.int64), np.empty(0)
            return Pairs(0, nobody, nobody, nothing, 0.0, nothing, nobody)
        self._drop()
        ((probes, others, near),) = self._held
        order = np.argsort(near, kind="stable")
        distances = _root(near[order])
        reach = float(distances[-1]) if len(distances) else 0.0
        drawn = _root(np.concatenate(self._drawn))
        return Pairs(self._looked, probes[order], others[order], distances, reach, drawn, np.concatenate(self._asked))


def _root(squared: NDArray[np.float32]) -> Numbers:
    return np.sqrt(np.maximum(squared, 0).astype(np.float64))


def between(tracks: Sample, register: Sample, within: Numbers) -> Places:
    """How many people of the register are within its distance of each track (in order of ids), by its nearest template.

    `within`: one distance for each row of `tracks`, the same for all rows of a track.
    """
    checked(tracks)
    _, whose = np.unique(register.owners, return_inverse=True)
    columns = np.argsort(whose, kind="stable")
    starts = np.searchsorted(whose[columns], np.arange(int(whose.max()) + 1))
    vectors = np.ascontiguousarray(register.vectors[columns], np.float32)
    squares = np.einsum("ij,ij->i", vectors, vectors)
    found: list[Places] = []
    step = max(1, BLOCK // len(vectors))
    for start in range(0, len(tracks.owners), step):
        block = tracks.vectors[start : start + step]
        squared = squares - 2 * (block @ vectors.T) + np.einsum("ij,ij->i", block, block)[:, None]
        near = np.minimum.reduceat(squared, starts, axis=1)
        rows, people = np.nonzero(near <= (within[start : start + step] ** 2)[:, None])
        found.append(np.column_stack((tracks.owners[start + rows], people)))
    pairs = np.unique(np.concatenate(found), axis=0) if found else np.empty((0, 2), np.int64)
    owners = np.unique(tracks.owners)
    counts: Places = np.bincount(np.searchsorted(owners, pairs[:, 0]), minlength=len(owners)).astype(np.int64)
    return counts
