"""Vectors to search among, drawn alike in whatever process asks: unit length, and near pairs planted among them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lastseen.records import Vectors

CHUNK: Final = 1 << 14
NEAR: Final = 8
"""rows planted around each probe"""
REACH: Final = 0.2, 1.0
"""how far they are from it: the nearest and the farthest, the others evenly between"""
THRESHOLD: Final = 0.62
"""about half of them are within it; of 64 million other pairs none is"""


@dataclass(frozen=True, slots=True)
class Shape:
    """How much is drawn."""

    rows: int
    dimension: int
    probes: int
    seed: int = 1


@lru_cache(2)
def probes(shape: Shape) -> Vectors:
    """(probes, dimension)."""
    return _unit(np.random.default_rng([shape.seed, 0]).standard_normal((shape.probes, shape.dimension), np.float32))


def chunks(shape: Shape) -> Iterator[Vectors]:
    """The rows, `CHUNK` at a time."""
    places, planted = _planted(shape)
    for start in range(0, shape.rows, CHUNK):
        size = min(CHUNK, shape.rows - start)
        random = np.random.default_rng([shape.seed, 1, start])
        chunk = _unit(random.standard_normal((size, shape.dimension), np.float32))
        here = (places >= start) & (places < start + size)
        chunk[places[here] - start] = planted[here]
        yield chunk


@lru_cache(1)
def rows(shape: Shape) -> Vectors:
    """All of them; held until others are asked for."""
    made = np.empty((shape.rows, shape.dimension), np.float32)
    for number, chunk in enumerate(chunks(shape)):
        made[number * CHUNK : number * CHUNK + len(chunk)] = chunk
    return made


def planted_within(shape: Shape, threshold: float, among: int) -> int:
    """How many of the planted pairs are within a threshold, whose rows are among the first ones."""
    places, planted = _planted(shape)
    apart = np.repeat(probes(shape), NEAR, axis=0).astype(np.float64) - planted
    return int(((np.linalg.norm(apart, axis=1) <= threshold) & (places < among)).sum())


def _planted(shape: Shape) -> tuple[NDArray[np.int64], Vectors]:
    """Where rows near the probes stand, and those rows."""
    random = np.random.default_rng([shape.seed, 2])
    places = random.choice(shape.rows, shape.probes * NEAR, replace=False)
    away = _unit(random.standard_normal((len(places), shape.dimension), np.float32))
    far = np.tile(np.linspace(*REACH, NEAR, dtype=np.float32), shape.probes)[:, None]
    return places, _unit(np.repeat(probes(shape), NEAR, axis=0) + far * away)


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
