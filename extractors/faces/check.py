"""An engine checks itself when it is loaded.

What this proves: the embedder answers, gives a batch what it gives one, and sets a likeness of a drawn head nearer
to it than another head.  Where the figures are known that it gave when it was released, they must come out again: then
vectors made here may be compared with vectors made elsewhere, and pixels reach the network as they should.  What it
does not prove is that people are told apart: no faces are shipped with the program, and a drawing is near to another
drawing, so that has to be measured with an office's own pictures.
"""

import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from extractors.faces.packs import EmbedderPack, Known
from extractors.faces.protocol import Chips, Engine, EngineUnavailable, Face
from lastseen.records import Box, Pixels, Vectors

KNOWN: Final = Path(__file__).with_name("known_vector.toml")
SIDE: Final = 150
MARGIN: Final = 60
"""of ground around a drawn head, so that a wider chip is filled"""

CLEARLY: Final = 0.75
"""a likeness is at most this part of the other head's distance away; with dlib it is a third"""
SAME_NUMBERS: Final = 0.01
"""how far from the stored figures a runtime may be: other processors differ by less than 0.001"""
SAME_IN_A_BATCH: Final = 1e-3
"""of a vector's length: other kernels for other sizes of a batch differ by a hundredth of that"""

PICTURE: Final = (640, 360)
AT_ONCE: Final = 16
TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Head:
    """A drawn head; lengths in pixels of a 150 px chip."""

    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    eyes: int
    width: int
    mouth: int
    brow: int

    def points(self) -> NDArray[np.float32]:
        """Eyes, nose and corners of the mouth, the left of the picture first."""
        spots = [(-self.eyes, 62), (self.eyes, 62), (0, 92), (-self.mouth, 116), (self.mouth, 116)]
        return np.array([(75 + across, down) for across, down in spots], np.float32)


FIRST: Final = Head((224, 180, 150), (60, 40, 30), eyes=27, width=54, mouth=24, brow=13)
OTHER: Final = Head((120, 80, 60), (20, 20, 20), eyes=33, width=64, mouth=34, brow=18)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check saw."""

    likeness: float
    """distance of a darker, shifted likeness from the first head: the genuine pair"""
    other: float
    """distance of another head: the impostor pair"""
    known: bool
    """whether these are held against the figures of its release"""


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds, the least of a few tries."""

    detect: float
    """a picture of 640 x 360"""
    align: float
    """a face"""
    embed: float
    """a face alone"""
    embed_batch: float
    """a face among 16"""


def check(engine: Engine, pack: EmbedderPack | None) -> Checked:
    """Raises EngineUnavailable if the engine does not do what it should; `pack` is its embedder's, None for dlib's."""
    chips = _as_drawn() if pack is None else _aligned(engine)
    vectors = engine.embed(chips)
    if vectors.shape != (3, engine.dimension) or not np.isfinite(vectors).all():
        raise EngineUnavailable(f"{engine.name} failed its check: it gives no vectors")
    if np.linalg.norm(engine.embed(chips[2:]) - vectors[2:]) > SAME_IN_A_BATCH * np.linalg.norm(vectors[2]):
        raise EngineUnavailable(f"{engine.name} failed its check: it gives a face in a batch another vector than alone")
    first = known_vector() if pack is None else vectors[:1]
    near, far = map(float, engine.distance(first, vectors[1:])[0])
    if not near < far * CLEARLY:
        raise EngineUnavailable(
            f"{engine.name} failed its check: a likeness lies {near:.3f} away, another head {far:.3f}; compare "
            "`[input]` and `template` of its description with how its publishers run it"
        )
    expected = known_distances() if pack is None else pack.check
    if expected is not None and max(abs(near - expected.likeness), abs(far - expected.other)) > SAME_NUMBERS:
        raise EngineUnavailable(
            f"{engine.name} failed its check: distances {near:.3f} and {far:.3f}, not {expected.likeness:.3f} and "
            f"{expected.other:.3f} as when it was released; install its packages and files again"
        )
    return Checked(near, far, expected is not None)


def finds_drawn_heads(engine: Engine) -> bool:
    """Whether the detector takes a drawing for a face; many good ones do, none has to."""
    return bool(engine.detect([_scene()])[0])


def costs(engine: Engine) -> Costs:
    """What the engine takes on this machine, with the threads that it was loaded with."""
    scene, faces = _scene(), [_face(FIRST)] * AT_ONCE
    picture = _on_ground(draw(FIRST))
    chips = engine.align(picture, faces)
    return Costs(
        detect=_least(lambda: engine.detect([scene])),
        align=_least(lambda: engine.align(picture, faces)) / AT_ONCE,
        embed=_least(lambda: engine.embed(chips[:1])),
        embed_batch=_least(lambda: engine.embed(chips)) / AT_ONCE,
    )


def _least(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def _as_drawn() -> Chips:
    """The first head, its likeness and the other head, as chips of 150 px."""
    return np.stack([draw(FIRST), _likeness(), draw(OTHER)])


def _aligned(engine: Engine) -> Chips:
    """The same, cut out by their five points; the likeness by points that are slightly off, as detectors give them."""
    heads = ((draw(FIRST), FIRST), (_likeness(), FIRST), (draw(OTHER), OTHER))
    return np.concatenate([engine.align(_on_ground(drawn), [_face(head)]) for drawn, head in heads])


def _likeness() -> Pixels:
    """The first head, darker and shifted."""
    return np.asarray(np.roll(draw(FIRST), (1, 2), (0, 1)) * 0.85 + 10, np.uint8)


def _face(head: Head) -> Face:
    box = Box(float(MARGIN + 75 - head.width), MARGIN + 10.0, 2.0 * head.width, 140.0)
    points = head.points() + np.float32(MARGIN)
    return Face(box, points, 1.0, 0.0, points[:2])


def _on_ground(drawn: Pixels) -> Pixels:
    return np.pad(drawn, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="edge")


def _scene() -> Pixels:
    """640 x 360 with three heads."""
    width, height = PICTURE
    scene = np.full((height, width, 3), (90, 110, 140), np.uint8)
    for left, head in ((20, FIRST), (240, OTHER), (460, FIRST)):
        scene[100 : 100 + SIDE, left : left + SIDE] = draw(head)
    return scene


@cache
def known_vector() -> Vectors:
    """What dlib's embedder made of the first head when it was released: 1 x d."""
    return np.array([tomllib.loads(KNOWN.read_text())["first"]], np.float32)


@cache
def known_distances() -> Known:
    """What dlib's embedder gave when this program was released."""
    likeness, other = tomllib.loads(KNOWN.read_text())["distances"]
    return Known(likeness=likeness, other=other)


@cache
def draw(head: Head) -> Pixels:
    """A head of soft ellipses on a grey-blue ground; drawn once a process (20 ms), so nobody may write into it."""
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
