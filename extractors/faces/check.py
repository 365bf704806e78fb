"""An engine checks itself when it is loaded.

What this proves: these weights, read and run by this machine's libraries, give the numbers that were measured
when the engine was released, so vectors made here may be compared with vectors made elsewhere.  A likeness of a
drawn head falls on the near side of a line and another head on the far side.  What it does not prove is that
people are told apart: no faces are shipped with the program, so that has to be measured elsewhere.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from extractors.faces.protocol import Chips, Engine, EngineUnavailable
from lastseen.records import Pixels, Vectors

KNOWN: Final = Path(__file__).with_name("known_vector.toml")
SIDE: Final = 150

# Measured with dlib: the likeness lies 0.12 from the first head, the other head 0.35.
LIKENESS_WITHIN: Final = 0.25
SAME_NUMBERS: Final = 0.01
"""how far from the stored figures a runtime may be: other processors differ by less than 0.001"""


@dataclass(frozen=True, slots=True)
class Head:
    """A drawn head; lengths in pixels of a 150 px chip."""

    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    eyes: int
    width: int
    mouth: int
    brow: int


FIRST: Final = Head((224, 180, 150), (60, 40, 30), eyes=27, width=54, mouth=24, brow=13)
OTHER: Final = Head((120, 80, 60), (20, 20, 20), eyes=33, width=64, mouth=34, brow=18)


def check(engine: Engine) -> None:
    """Raises EngineUnavailable if the engine does not give the numbers it should."""
    vectors = engine.embed(chips())
    if vectors.shape != (2, engine.dimension) or not np.isfinite(vectors).all():
        raise EngineUnavailable(f"{engine.name} failed its check: it gives no vectors")
    near, far = engine.distance(known_vector(), vectors)[0]
    expected = known_distances()
    if not near < LIKENESS_WITHIN < far or np.abs(np.array([near, far]) - expected).max() > SAME_NUMBERS:
        raise EngineUnavailable(
            f"{engine.name} failed its check: distances {near:.3f} and {far:.3f}, "
            f"not {expected[0]:.3f} and {expected[1]:.3f}; install its packages again"
        )


def chips() -> Chips:
    """A darker, shifted likeness of the first head, and the other head."""
    likeness = np.roll(draw(FIRST), (1, 2), (0, 1)) * 0.85 + 10
    return np.stack([likeness.astype(np.uint8), draw(OTHER)])


@cache
def known_vector() -> Vectors:
    """What the embedder made of the first head when it was released: 1 x d."""
    return np.array([tomllib.loads(KNOWN.read_text())["first"]], np.float32)


@cache
def known_distances() -> NDArray[np.float64]:
    """From the first head to `chips`, when the engine was released."""
    return np.array(tomllib.loads(KNOWN.read_text())["distances"], np.float64)


def draw(head: Head) -> Pixels:
    """A head of soft ellipses on a grey-blue ground."""
    canvas = np.full((SIDE, SIDE, 3), (90.0, 110.0, 140.0))
    _ellipse(canvas, (75, 60), (head.width + 10, 75), head.hair)
    _ellipse(canvas, (75, 82), (head.width, 66), head.skin)
    _ellipse(canvas, (75, 12), (head.width, 26), head.hair)
    for side in (-1, 1):
        middle = 75 + side * head.eyes
        _ellipse(canvas, (middle, 62), (12, 5), (235, 235, 230))
        _ellipse(canvas, (middle, 62), (5, 5), (50, 35, 25))
        _ellipse(canvas, (middle, 62 - head.brow), (15, 3), head.hair)
    nose = (int(head.skin[0] * 0.8), int(head.skin[1] * 0.8), int(head.skin[2] * 0.8))
    _ellipse(canvas, (75, 92), (8, 7), nose)
    _ellipse(canvas, (75, 116), (head.mouth, 6), (160, 70, 70))
    shade = 1 - 0.25 * ((np.arange(SIDE) - 75) / 75) ** 2
    return np.clip(canvas * shade[None, :, None], 0, 255).astype(np.uint8)


def _ellipse(
    canvas: NDArray[np.float64], centre: tuple[int, int], radii: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    inside = 1 - ((x - centre[0]) / radii[0]) ** 2 - ((y - centre[1]) / radii[1]) ** 2
    cover = np.clip(inside * 6, 0, 1)[..., None]
    canvas[:] = canvas * (1 - cover) + np.array(colour, np.float64) * cover
