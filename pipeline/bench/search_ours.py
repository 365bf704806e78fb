"""Our side of a search, the bare product, and the truth.  Called in a child process only."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from lastseen.records import Vectors
from matchers import products
from matchers.products import Exact, Pairs, Reals
from pipeline.bench import drawn
from pipeline.bench.drawn import CHUNK, THRESHOLD, Shape

DOUBT: Final = 1e-6
"""of a squared distance by way of a product in float64, many times over"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One search."""

    shape: Shape
    probes: int
    """how many of the probes"""
    count: int
    """how many neighbours; 0: all within the threshold"""
    threads: int


def load(shape: Shape) -> float:
    """Draw the rows, and work out what is kept of them.  Returns their size in MiB."""
    return (drawn.rows(shape).nbytes + _halves(shape).nbytes) / 2**20


def search(asked: Asked) -> list[tuple[int, int]]:
    """(row, probe) of what is found; of neighbours in order."""
    rows, probes, known = drawn.rows(asked.shape), drawn.probes(asked.shape)[: asked.probes], _halves(asked.shape)
    if asked.count:
        return _listed(products.nearest(rows, probes, asked.count, known, asked.threads))
    return _listed(products.within(rows, probes, THRESHOLD, known, asked.threads))


def product(shape: Shape) -> None:
    """Nothing but the product, into memory that is there already."""
    np.matmul(drawn.probes(shape), drawn.rows(shape).T, out=_room(shape))


def truth(shape: Shape, count: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """What is within the threshold, and the nearest in their order: each row's difference in float64, where it matters.

    Which differences matter is told by the plain formula in float64, chunk by chunk, and by nothing of ours.
    """
    rows, probes = drawn.rows(shape), drawn.probes(shape).astype(np.float64)
    squares = np.concatenate([_squares(rows[at : at + CHUNK], probes) for at in range(0, len(rows), CHUNK)])
    least = np.maximum(np.partition(squares, count - 1, axis=0)[count - 1], THRESHOLD**2) + DOUBT
    near, column = np.nonzero(squares <= least)
    distances = np.linalg.norm(rows[near].astype(np.float64) - probes[column], axis=1)
    order = np.lexsort((near, distances, column))
    ordered = list(zip(near[order].tolist(), column[order].tolist(), distances[order].tolist(), strict=True))
    within = sorted((one[:2] for one in ordered if one[2] <= THRESHOLD), key=lambda pair: pair[::-1])
    nearest = [pair[:2] for probe in range(len(probes)) for pair in [one for one in ordered if one[1] == probe][:count]]
    return within, nearest


def _squares(chunk: Vectors, probes: Exact) -> Exact:
    block = chunk.astype(np.float64)
    return np.asarray(np.vecdot(block, block)[:, None] + np.vecdot(probes, probes) - 2 * block @ probes.T)


def _listed(pairs: Pairs) -> list[tuple[int, int]]:
    return list(zip(pairs.rows.tolist(), pairs.probes.tolist(), strict=True))


@lru_cache(1)
def _halves(shape: Shape) -> Reals:
    return products.halves(drawn.rows(shape))


@lru_cache(1)
def _room(shape: Shape) -> Reals:
    return np.empty((shape.probes, shape.rows), np.float32)
