"""The peer of a search: faiss' exact indexes.  Called in a child process only."""

import importlib
from dataclasses import dataclass
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lastseen.errors import Failure
from pipeline.bench import drawn
from pipeline.bench.drawn import Shape

L2, IP = "IndexFlatL2", "IndexFlatIP"


class PeerMissing(Failure):
    """faiss cannot be imported; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of the index."""

    shape: Shape
    index: str
    probes: int
    """how many of the probes"""
    count: int
    """how many neighbours; 0: all within the threshold"""


def ready(threads: int) -> str:
    """Import it.  Returns its version and what it was compiled for; raises PeerMissing."""
    faiss = _package()
    faiss.omp_set_num_threads(threads)
    return f"{faiss.__version__} ({faiss.get_compile_options().strip()})"


def load(shape: Shape, index: str) -> None:
    """Fill an index, and let go of the one before."""
    _index(shape, index)


def search(asked: Asked) -> list[tuple[int, int]]:
    """(row, probe) of what it finds."""
    index, probes = _index(asked.shape, asked.index), drawn.probes(asked.shape)[: asked.probes]
    if asked.count:
        rows = index.search(probes, asked.count)[1]
        return _pairs(rows.ravel(), np.repeat(np.arange(len(probes)), asked.count))
    limits, _, rows = index.range_search(probes, drawn.THRESHOLD**2)
    return _pairs(rows, np.repeat(np.arange(len(probes)), np.diff(limits.astype(np.int64))))


def _pairs(rows: NDArray[np.int64], probes: NDArray[np.int64]) -> list[tuple[int, int]]:
    return list(zip(rows.tolist(), probes.tolist(), strict=True))


@lru_cache(1)
def _index(shape: Shape, name: str) -> Any:
    index = getattr(_package(), name)(shape.dimension)
    for chunk in drawn.chunks(shape):
        index.add(chunk)
    return index


@cache
def _package() -> ModuleType:
    try:
        return importlib.import_module("faiss")
    except ImportError as fault:
        raise PeerMissing(
            f"the peer faiss cannot be imported ({fault}): install faiss-cpu (dependency group `bench`)"
        ) from fault
