"""The engines, by name.  Nothing is loaded until `load` is called; `engine_id` only hashes files."""

import hashlib
from dataclasses import dataclass
from functools import cache

from extractors.faces.protocol import Chips, Engine, EngineUnavailable, Face
from extractors.faces.weights import CNN_DETECTOR, EMBEDDER, FIVE_POINTS, WeightFile, located, sha256_of

# The customary 0.6 has a false match rate of 3.4e-3 on web photos of 24 people: some 300 false candidates a face at
# 100,000 photos.  Among the pictures that this was first tried on, strangers' templates lay 0.59 apart or more and
# a person's own 0.38 - 0.57; 0.5 keeps a margin on the strangers' side.  An office's own calibration replaces it.
DLIB_THRESHOLD = 0.5

__all__ = ["ENGINES", "Chips", "Engine", "EngineUnavailable", "Face", "engine_id", "load", "published_threshold"]


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What identifies an engine before any of it is loaded."""

    name: str
    version: int
    """raised whenever detection, alignment or embedding of the same picture would differ"""
    weights: tuple[WeightFile, ...]
    published_threshold: float


ENGINES = {
    spec.name: spec
    for spec in (
        EngineSpec("dlib-hog", 1, (FIVE_POINTS, EMBEDDER), DLIB_THRESHOLD),
        EngineSpec("dlib-cnn", 1, (CNN_DETECTOR, FIVE_POINTS, EMBEDDER), DLIB_THRESHOLD),
    )
}


def engine_id(name: str) -> str:
    """`NAME/VERSION/8 hex` for detector, alignment, embedder and weights as they are on this machine.

    Reads each file of weights once a process.  Raises EngineUnavailable.
    """
    spec = _spec(name)
    weights = "".join(f"{file.name} {sha256_of(located(file))}\n" for file in spec.weights)
    return f"{spec.name}/{spec.version}/{hashlib.sha256(weights.encode()).hexdigest()[:8]}"


def published_threshold(name: str) -> float:
    """Largest distance worth a person's look when an office has no calibration; loads nothing."""
    return _spec(name).published_threshold


@cache
def load(name: str) -> Engine:
    """The engine, its weights verified and itself checked; once a process.  Raises EngineUnavailable."""
    from extractors.faces.check import check
    from extractors.faces.dlib_reference import DlibReference

    spec = _spec(name)
    engine = DlibReference.load(spec.name, spec.version, spec.weights, spec.published_threshold)
    check(engine)
    return engine


def _spec(name: str) -> EngineSpec:
    if name not in ENGINES:
        raise EngineUnavailable(f"there is no engine {name!r}; there are {', '.join(ENGINES)}")
    return ENGINES[name]
