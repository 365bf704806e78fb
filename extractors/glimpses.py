"""One face on one sampled picture, and what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np

from extractors.crops import Cropped
from extractors.faces.protocol import Engine, Face
from extractors.quality import measured, refusal, refusal_at_sight, weight
from lastseen.choices import Choices
from lastseen.records import Pixels, Quality, Vectors

NO_CHIP: Final = np.empty((0, 0, 3), np.uint8)
NO_CROP: Final = Cropped(b"")


@dataclass(eq=False, slots=True)
class Glimpse:
    """One face on one sampled picture, with what is needed to embed it."""

    at: Fraction
    face: Face
    chip: Pixels
    quality: Quality
    weight: float
    """0 .. 1: what it counts for in a template"""
    gate: str
    """why it is not good enough to be searched with; empty: it is"""
    crop: Cropped = NO_CROP
    vector: Vectors | None = None
    """d values; None: not embedded yet"""


def glimpses(at: Fraction, pixels: Pixels, faces: Sequence[Face], engine: Engine, choices: Choices) -> list[Glimpse]:
    """The faces of one picture, held against the gates; those that the detector alone does not rule out are aligned."""
    at_sight = [refusal_at_sight(choices.gates, face.box.width, face.score, engine) for face in faces]
    chips = iter(engine.align(pixels, [face for face, why in zip(faces, at_sight, strict=True) if not why]))
    return [
        _unaligned(at, face, why) if why else _aligned(at, face, next(chips), engine, choices)
        for face, why in zip(faces, at_sight, strict=True)
    ]


def _aligned(at: Fraction, face: Face, chip: Pixels, engine: Engine, choices: Choices) -> Glimpse:
    quality = measured(face, chip)
    return Glimpse(at, face, chip, quality, weight(quality, engine, choices), refusal(choices.gates, quality, engine))


def _unaligned(at: Fraction, face: Face, why: str) -> Glimpse:
    """A face that is too small or too doubtful to be cut out: it is followed and counted, never embedded."""
    return Glimpse(at, face, NO_CHIP, Quality(face.box.width, face.score, 0.0, face.pose), 0.0, why)


def embed(shots: Sequence[Glimpse], engine: Engine, choices: Choices) -> Vectors:
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
