"""One face on one sampled picture, and what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from extractors.faces.protocol import Engine, Face
from extractors.quality import measured, refusal, weight
from lastseen.choices import Choices
from lastseen.records import Pixels, Quality, Vectors


@dataclass(eq=False, slots=True)
class Sighting:
    """One face on one sampled picture, with what is needed to embed it."""

    at: Fraction
    face: Face
    chip: Pixels
    quality: Quality
    weight: float
    """0 .. 1: what it counts for in a template"""
    gate: str
    """why it is not good enough to be searched with; empty: it is"""
    crop: bytes = b""
    vector: Vectors | None = None
    """d values; None: not embedded yet"""


def sightings(at: Fraction, pixels: Pixels, faces: Sequence[Face], engine: Engine, choices: Choices) -> list[Sighting]:
    """The faces of one picture, aligned, measured and held against the gates."""
    chips = engine.align(pixels, faces)
    seen = []
    for face, chip in zip(faces, chips, strict=True):
        quality = measured(face, chip)
        gate = refusal(choices.gates, quality, engine)
        seen.append(Sighting(at, face, chip, quality, weight(quality, engine, choices), gate))
    return seen


def embed(shots: Sequence[Sighting], engine: Engine, choices: Choices) -> Vectors:
    """Their vectors, n x d; of none, 0 x d.

    Those that have none yet get theirs in one batch, and with it what the engine makes of the picture
    (`Quality.norm`), if it says so.
    """
    if bare := [shot for shot in shots if shot.vector is None]:
        made, norms = embedded(np.stack([shot.chip for shot in bare]), engine)
        for shot, vector, norm in zip(bare, made, norms, strict=True):
            shot.vector = vector
            shot.quality = replace(shot.quality, norm=norm)
            shot.weight = weight(shot.quality, engine, choices) if norm is not None else shot.weight
    vectors = [shot.vector for shot in shots if shot.vector is not None]
    return np.stack(vectors) if vectors else np.empty((0, engine.dimension), np.float32)


def embedded(chips: Pixels, engine: Engine) -> tuple[Vectors, list[float | None]]:
    """n chips in; out their vectors, n x d, and what the engine makes of each picture.

    Where a vector's length tells how good its picture is, the length is taken off: it must count once only, and
    templates are compared by distance.  Otherwise it is part of what the engine compares, and stays.
    """
    vectors = engine.embed(chips)
    norms = engine.norms(vectors)
    if norms is None:
        return vectors, [None] * len(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32), [float(norm) for norm in norms]
