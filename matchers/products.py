"""What is near what: blocks of products on all cores, selected while they are in the cache, and decided exactly.

A product of float32 is off by at most g |a| |b| <= g (|a|^2 + |b|^2) / 2, where g = d u / (1 - d u), u = 2^-24, in
whatever order the d products are summed (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1).  A
pair within t has a.b >= (|a|^2 + |b|^2 - t^2) / 2.  So whatever satisfies

    a.b - (1 - e) |b|^2 / 2  >=  ((1 - e) |a|^2 - (1 + e) t^2) / 2     (products and squares in float32)

for an e well above g holds every such pair, and the two sides can be made once for each row.  What is selected by it is
decided by the difference itself in float64: nothing is lost, and nothing that is too far gets in.
"""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from lastseen.records import Vectors

Reals = NDArray[np.float32]
Exact = NDArray[np.float64]
Rows = NDArray[np.intp]
Made = TypeVar("Made")

ROUNDING: Final = 2.0**-22
"""four times the rounding unit of float32, a dimension: for the product, both squares and their differences"""
TINY: Final = 2.0**-120
"""a dimension: what products below the smallest normal number may lose in all"""
LONGEST: Final = 1e30
"""squared length that is compared: beyond it a product may overflow"""
LEAST_ROWS, MOST_ROWS, DISTANCES = 1 << 10, 1 << 13, 1 << 16
"""rows of a block, and the distances that it holds (256 KiB): what was just made is read from the cache"""
COLUMNS: Final = 1 << 8
"""probes at once"""
FEW: Final = 4
"""so many probes wait for memory: one by one they are faster than as a matrix"""
SHARE: Final = 1 << 21
"""numbers of rows that are worth a thread of their own (8 MiB), or eight times fewer for eight times the probes"""
PIECE: Final = 1 << 13
"""near pairs looked at closely at once"""
WAITING: Final = 8
"""times as many rows as are wanted may wait until the farther ones are dropped"""

_alone = threading.Lock()
"""the number of threads of linear algebra is the whole process's: one search at a time sets it"""


class Pairs(NamedTuple):
    """Pairs of rows and what lies between them, an element a pair."""

    rows: Rows
    probes: Rows
    distances: Exact

    @classmethod
    def joined(cls, parts: "Iterable[Pairs]") -> "Pairs":
        """Several, one after the other."""
        known = [*parts, _NONE]
        return cls(*(np.concatenate(column) for column in zip(*known, strict=True)))

    def chosen(self, which: NDArray[np.bool_] | Rows) -> "Pairs":
        """Some of them."""
        return Pairs(self.rows[which], self.probes[which], self.distances[which])


_NONE: Final = Pairs(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.float64))


def halves(vectors: Vectors) -> Reals:
    """Half the squared length of each row.  Raises ValueError if a number is not finite, or a vector is too long."""
    with np.errstate(over="ignore", invalid="ignore"):  # which is what is looked for
        squares: Reals = np.vecdot(vectors, vectors)
    if squares.size and not squares.max() <= LONGEST:  # NaN is no number that is less
        raise ValueError("a template holds a number that is not finite, or too large: it would hide all others")
    return squares / np.float32(2)


def within(rows: Vectors, probes: Vectors, threshold: float, known: Reals | None = None, threads: int = 0) -> Pairs:
    """All pairs at most `threshold` apart (Euclidean, in float64), in no order.

    Rows (n, d) may be millions, probes (m, d) rather hundreds; `known` are the halves of the rows, if they were made
    before.  `threads` 0: all cores that this process may use.  Raises ValueError if the dimensions differ, or as
    `halves`.
    """
    if not _comparable(rows, probes):
        return _NONE
    search = _Search.of(rows, probes, known)
    least = search.least(threshold)

    def span(start: int, end: int) -> Pairs:
        found = (search.above(block, least) for block in search.blocks(start, end))
        return Pairs.joined(_exact(rows, probes, pairs, threshold) for pairs in found if len(pairs.rows))

    return Pairs.joined(_on_all_cores(span, search, threads))


def nearest(rows: Vectors, probes: Vectors, count: int, known: Reals | None = None, threads: int = 0) -> Pairs:
    """Of each probe the `count` nearest rows, nearest first, of equally near ones the lower row; else as `within`."""
    if count < 1 or not _comparable(rows, probes):
        return _NONE
    search = _Search.of(rows, probes, halves(rows) if known is None else known)

    def span(start: int, end: int) -> Pairs:
        best = _Best(search, count)
        for block in search.blocks(start, end):
            best.expect(block)
            best.add(search.above(block, best.least))
        return best.kept()

    best = _Best(search, count)
    for found in _on_all_cores(span, search, threads):
        best.add(found)
    return _first(_exact(rows, probes, best.kept(), np.inf), count)


def _comparable(rows: Vectors, probes: Vectors) -> bool:
    """Whether there is anything to compare."""
    if not len(rows) or not len(probes):
        return False
    if rows.shape[1] != probes.shape[1]:
        raise ValueError(f"probes have {probes.shape[1]} dimensions, the gallery has {rows.shape[1]}")
    return True


class _Block(NamedTuple):
    """Some rows against some probes."""

    row: int
    probe: int
    likeness: Reals
    """(rows, probes): product less (1 - e) half squared length of the row: the larger, the nearer; a view that is
    written over by the next block"""


@dataclass(frozen=True, slots=True)
class _Search:
    """Two sets of vectors, and what bounds the error of their products."""

    rows: Vectors
    probes: Vectors
    lengths: Exact
    """(1 - e) half squared length of each probe"""
    known: Reals | None
    error: float
    """e"""

    @classmethod
    def of(cls, rows: Vectors, probes: Vectors, known: Reals | None) -> "_Search":
        error = (rows.shape[1] + 8) * ROUNDING
        probes = np.ascontiguousarray(probes, np.float32)
        return cls(rows, probes, halves(probes).astype(np.float64) * (1 - error), known, error)

    def least(self, threshold: float) -> Reals:
        """The likeness that a pair within the threshold has at least, for each probe."""
        reach = (1 + self.error) * threshold * threshold / 2
        return _rounded_down(self.lengths - reach - self.rows.shape[1] * TINY)

    def blocks(self, start: int, end: int) -> "Iterable[_Block]":
        """The rows from `start` on, block by block."""
        columns = [self.probes[at : at + COLUMNS] for at in range(0, len(self.probes), COLUMNS)]
        turned = [np.ascontiguousarray(part.T) if len(part) > FEW else part for part in columns]
        step = min(MOST_ROWS, max(LEAST_ROWS, DISTANCES // len(self.probes)))
        room = np.empty(step * min(COLUMNS, len(self.probes)), np.float32)
        for row in range(start, end, step):
            block = self.rows[row : min(end, row + step)]
            known = halves(block) if self.known is None else self.known[row : row + len(block)]
            lengths = known * np.float32(1 - self.error)
            for number, part in enumerate(turned):
                yield _Block(row, number * COLUMNS, _likeness(block, lengths, part, len(columns[number]), room))

    def surely(self, likeness: NDArray[np.floating], row: Rows | slice) -> NDArray[np.floating]:
        """What a likeness is at least, where `likeness` is what it is at most; both less what is the probe's alone."""
        if self.known is None:
            raise ValueError("the halves of the rows are needed")
        return likeness - (2 * self.error * self.known[row])

    def rivals(self, kth: NDArray[np.floating]) -> Reals:
        """The likeness of whatever may be as near as a row that surely is so like, for each probe."""
        return _rounded_down(kth - 3 * self.error * self.lengths - 4 * self.rows.shape[1] * TINY)

    def above(self, block: _Block, least: Reals) -> Pairs:
        """Pairs of the block whose likeness is at least that of their probe; as distances their likeness."""
        wanted = least[block.probe : block.probe + block.likeness.shape[1]]
        hits = block.likeness >= wanted
        rows, probes = _places(hits)
        if not len(rows):
            return _NONE
        return Pairs(rows + block.row, probes + block.probe, block.likeness[rows, probes].astype(np.float64))


def _likeness(block: Vectors, lengths: Reals, part: Vectors, count: int, room: Reals) -> Reals:
    """Into `room`.  `part` is (d, m), or (m, d) if there are few."""
    if count > FEW:
        likeness = room[: len(block) * count].reshape(len(block), count)
        np.matmul(block, part, out=likeness)
    else:
        likeness = room[: len(block) * count].reshape(count, len(block)).T
        for column, probe in enumerate(part):
            np.vecdot(block, probe, out=likeness[:, column])
    return np.subtract(likeness, lengths[:, None], out=likeness)


class _Best:
    """The likest rows of each probe so far, and those that may be as like."""

    def __init__(self, search: _Search, count: int) -> None:
        self.least = np.full(len(search.probes), -np.inf, np.float32)
        """the likeness that counts from now on, for each probe"""
        self._search, self._count = search, count
        self._held: list[Pairs] = []
        self._waiting = 0

    def expect(self, block: _Block) -> None:
        """Learn from the first block how like is not enough, so that not all of it has to be held."""
        columns = slice(block.probe, block.probe + block.likeness.shape[1])
        rows, count = len(block.likeness), self._count
        if rows < count or np.isfinite(self.least[columns]).any():
            return
        surely = self._search.surely(block.likeness.T, slice(block.row, block.row + rows))
        kth = np.full(len(self.least), -np.inf)
        kth[columns] = np.partition(surely, rows - count, axis=1)[:, rows - count]
        self.least = np.maximum(self.least, self._search.rivals(kth))

    def add(self, pairs: Pairs) -> None:
        """More rows, with their likeness."""
        self._held.append(pairs)
        self._waiting += len(pairs.rows)
        if self._waiting > WAITING * self._count * len(self.least):
            self._held = [self.kept()]
            self._waiting = 0

    def kept(self) -> Pairs:
        """All that may be among the likest."""
        pairs = Pairs.joined(self._held)
        surely = self._search.surely(pairs.distances, pairs.rows)
        order = np.lexsort((-surely, pairs.probes))
        starts = np.searchsorted(pairs.probes[order], np.arange(len(self.least) + 1))
        full = np.diff(starts) >= self._count
        kth = np.full(len(full), -np.inf)
        kth[full] = surely[order[starts[:-1][full] + self._count - 1]]
        self.least = np.maximum(self.least, self._search.rivals(kth))
        return pairs.chosen(pairs.distances >= self.least[pairs.probes])


def _places(hits: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Rows and columns of what is true, in whatever order it lies in memory: several times as fast as `nonzero`."""
    places = np.flatnonzero(hits.ravel(order="K"))
    if hits.flags.c_contiguous:
        return np.divmod(places, hits.shape[1])
    return np.divmod(places, hits.shape[0])[::-1]


def _exact(rows: Vectors, probes: Vectors, pairs: Pairs, threshold: float) -> Pairs:
    """Those pairs that are within the threshold, with their distances."""
    distances = np.empty(len(pairs.rows), np.float64)
    for at in range(0, len(distances), PIECE):
        piece = slice(at, at + PIECE)
        apart = rows[pairs.rows[piece]].astype(np.float64) - probes[pairs.probes[piece]]
        distances[piece] = np.linalg.norm(apart, axis=1)
    return Pairs(pairs.rows, pairs.probes, distances).chosen(distances <= threshold)


def _first(pairs: Pairs, count: int) -> Pairs:
    """The nearest of each probe."""
    ordered = pairs.chosen(np.lexsort((pairs.rows, pairs.distances, pairs.probes)))
    starts = np.searchsorted(ordered.probes, ordered.probes)
    return ordered.chosen(np.arange(len(starts)) - starts < count)


def _rounded_down(values: Exact) -> Reals:
    with np.errstate(over="ignore"):  # to -inf, which is less
        return np.nextafter(values.astype(np.float32), np.float32(-np.inf))


def _on_all_cores(span: Callable[[int, int], Made], search: _Search, threads: int) -> list[Made]:
    """`span(start, end)` for stretches of the rows, one a core, each with linear algebra on that core alone."""
    rows, worth = len(search.rows), search.rows.size * max(1, len(search.probes) // 8) // SHARE
    parts = max(1, min(threads or len(os.sched_getaffinity(0)), rows, worth))
    if parts == 1:
        return [span(0, rows)]
    ends = [rows * part // parts for part in range(parts + 1)]
    with _alone, _controller().limit(limits=1, user_api="blas"), ThreadPoolExecutor(parts) as pool:
        return list(pool.map(span, ends[:-1], ends[1:]))


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
