"""A clip such as Telegram channels publish: hard cuts, a hand-held camera, small soft faces, hard compression.

Of its six shots two show one person each, one shows both, and three show nobody.  A second, shorter clip shows one of
them again, mirrored, as films that were published again often are: it gives the people who review a second face.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from lastseen.records import Pixels
from pipeline.demo.pictures import Scenery, Sitter, portrait, scenery

WIDTH, HEIGHT = 640, 360
FRAMES_PER_SECOND = 25
_FRAME_MS = 1000 // FRAMES_PER_SECOND

_SEED = 20261101
_SCENE = (1000, 600)
"""pixels of the pictures over which the camera moves"""
_NOISE = 5.0
"""standard deviation of the sensor's noise, of 255"""
_NOISE_FIELDS = 8
"""noise pictures made once and shifted at random afterwards: fresh noise would take longer than the encoder"""
_SHAKE = ((2.2, 0.9), (1.1, 2.3))
"""the hand that holds the camera: (pixels, Hertz)"""
_FLICKER = 0.03
"""part by which the brightness swings"""
_X264 = {"preset": "veryfast", "crf": "30", "g": "25", "threads": "1"}
"""hard compression, a key frame each second; one thread, so that the same pictures give the same bytes"""


@dataclass(frozen=True, slots=True)
class Appearance:
    """Who is on screen, and when, on the clip's own clock."""

    sitter: Sitter
    start_ms: int
    end_ms: int
    """the first moment at which the person is not on screen any more"""


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What was composed, so that the demo can check what was found."""

    path: Path
    duration_ms: int
    cuts_ms: tuple[int, ...]
    """where a new shot starts, without the first"""
    appearances: tuple[Appearance, ...]
    """the clip shows nobody at any other moment"""

    def of(self, sitter: Sitter) -> tuple[Appearance, ...]:
        """When that person is on screen."""
        return tuple(appearance for appearance in self.appearances if appearance.sitter is sitter)

    def on_screen(self, at_ms: int) -> frozenset[Sitter]:
        """Who is on screen at that moment."""
        return frozenset(shown.sitter for shown in self.appearances if shown.start_ms <= at_ms < shown.end_ms)


@dataclass(frozen=True, slots=True)
class _View:
    """Where the camera looks: the centre in pixels of the scene, magnification, roll in degrees."""

    x: float
    y: float
    zoom: float
    roll: float = 0.0

    def towards(self, end: "_View", part: float) -> "_View":
        def between(a: float, b: float) -> float:
            return a + (b - a) * part

        return _View(
            between(self.x, end.x), between(self.y, end.y), between(self.zoom, end.zoom), between(self.roll, end.roll)
        )


@dataclass(frozen=True, slots=True)
class _Take:
    """One shot."""

    frames: int
    scene: Callable[[], Image.Image]
    start: _View
    end: _View
    brightness: float
    blur: float
    """radius in pixels"""
    sitters: tuple[Sitter, ...] = ()


def compose(path: Path) -> ClipFacts:
    """Write the clip to `path`: MP4, H.264, 640 x 360, 25 pictures a second, no sound; the same bytes each time.

    Raises MaterialMissing where a picture is not installed, and OSError where the file cannot be written.
    """
    _write(path, _TAKES)
    return _facts(path)


def compose_mirrored(path: Path) -> None:
    """Write the second clip to `path`, as `compose` does."""
    _write(path, _MIRRORED_TAKES)


def compose_another(path: Path, number: int) -> None:
    """Write one more film of the kind of the first to `path`; for each number other views in another order.

    No two show the same, so that none of them is taken for a copy.
    """
    random = np.random.default_rng((_SEED, number))
    takes = [_varied(take, random) for take in _TAKES]
    _write(path, [takes[place] for place in random.permutation(len(takes))])


def _varied(take: _Take, random: np.random.Generator) -> _Take:
    x, y = random.uniform(-40, 40, 2)
    moved = (replace(view, x=view.x + x, y=view.y + y) for view in (take.start, take.end))
    start, end = moved if random.random() < 0.5 else reversed(list(moved))
    longer, brighter = random.uniform(0.8, 1.2), random.uniform(0.8, 1.1)
    return replace(
        take, frames=round(take.frames * longer), start=start, end=end, brightness=take.brightness * brighter
    )


def _write(path: Path, takes: Sequence[_Take]) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=_X264)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, pixels in enumerate(_pictures(takes)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _facts(path: Path) -> ClipFacts:
    starts, appearances, at_ms = [], [], 0
    for take in _TAKES:
        starts.append(at_ms)
        end_ms = at_ms + take.frames * _FRAME_MS
        appearances += [Appearance(sitter, at_ms, end_ms) for sitter in take.sitters]
        at_ms = end_ms
    return ClipFacts(path, at_ms, tuple(starts[1:]), tuple(appearances))


# --- pictures ----------------------------------------------------------------------------------------------


def _pictures(takes: Sequence[_Take]) -> Iterator[Pixels]:
    """The pictures of a clip, in order."""
    random = np.random.default_rng(_SEED)
    noise = _NOISE * random.standard_normal((_NOISE_FIELDS, HEIGHT, WIDTH, 1), np.float32)
    number = 0
    for take in takes:
        scene = take.scene().filter(ImageFilter.GaussianBlur(take.blur))
        for frame in range(take.frames):
            view = take.start.towards(take.end, frame / take.frames)
            shown = np.asarray(_seen(scene, view, number / FRAMES_PER_SECOND), np.float32)
            yield _exposed(shown, take.brightness * _flicker(frame), _shifted(noise, random))
            number += 1


def _seen(scene: Image.Image, view: _View, seconds: float) -> Image.Image:
    """What the camera sees of the scene at that moment, in a hand that shakes."""
    shake_x = sum(size * math.sin(2 * math.pi * rate * seconds) for size, rate in _SHAKE)
    shake_y = sum(size * math.cos(2 * math.pi * rate * seconds * 1.1) for size, rate in _SHAKE)
    cos, sin = (turn(math.radians(view.roll)) / view.zoom for turn in (math.cos, math.sin))
    left = view.x + shake_x - cos * WIDTH / 2 + sin * HEIGHT / 2
    top = view.y + shake_y - sin * WIDTH / 2 - cos * HEIGHT / 2
    return scene.transform(
        (WIDTH, HEIGHT), Image.Transform.AFFINE, (cos, -sin, left, sin, cos, top), Image.Resampling.BILINEAR
    )


def _flicker(frame: int) -> float:
    return 1 + _FLICKER * math.sin(2 * math.pi * frame / FRAMES_PER_SECOND)


def _shifted(noise: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    field, down, right = random.integers((len(noise), HEIGHT, WIDTH))
    return np.roll(noise[field], (down, right), (0, 1))


def _exposed(picture: NDArray[np.float32], brightness: float, noise: NDArray[np.float32]) -> Pixels:
    exposed: Pixels = np.clip(picture * brightness + noise, 0, 255).astype(np.uint8)
    return exposed


# --- scenes ------------------------------------------------------------------------------------------------


def _landscape(which: Scenery) -> Callable[[], Image.Image]:
    """A picture without people, large enough for the camera to move over it."""
    return lambda: ImageOps.fit(scenery(which), _SCENE, Image.Resampling.BICUBIC)


_HEAD_AND_SHOULDERS = {
    Sitter.GRACE_HOPPER: (70, 0, 440, 480),
    Sitter.EILEEN_COLLINS: (50, 0, 370, 310),
}
"""crops of the portraits, (left, top, right, bottom)"""
_LIT = {Scenery.BRICK: 1.2, Scenery.GRAVEL: 0.8}
"""how bright each wall is, of the picture's own brightness"""
_BORDER = 8
"""pixels of white paper around a hung portrait"""


def _hung(backdrop: Scenery, *pictures: tuple[Sitter, float, tuple[int, int]]) -> Callable[[], Image.Image]:
    """Portraits hung on a wall: each with its scale and its left upper corner."""

    def scene() -> Image.Image:
        wall = ImageEnhance.Brightness(_landscape(backdrop)()).enhance(_LIT[backdrop])
        for sitter, scale, corner in pictures:
            print_ = ImageOps.scale(portrait(sitter).crop(_HEAD_AND_SHOULDERS[sitter]), scale)
            wall.paste(ImageOps.expand(print_, _BORDER, "white"), corner)
        return wall

    return scene


_HOPPER, _COLLINS = Sitter.GRACE_HOPPER, Sitter.EILEEN_COLLINS
_TAKES = (
    _Take(45, _landscape(Scenery.ROCKET), _View(450, 250, 0.9), _View(520, 330, 1.1), 1.1, 1.0),
    _Take(
        75,
        _hung(Scenery.BRICK, (_HOPPER, 0.42, (430, 200))),
        _View(420, 320, 1.0, -1.5),
        _View(600, 290, 1.1, 2.0),
        0.85,
        0.8,
        (_HOPPER,),
    ),
    _Take(40, _landscape(Scenery.COFFEE), _View(540, 320, 1.1, 3.0), _View(450, 280, 0.9), 1.0, 1.2),
    _Take(
        75,
        _hung(Scenery.GRAVEL, (_COLLINS, 0.85, (380, 170))),
        _View(590, 290, 1.0, 1.0),
        _View(430, 310, 1.1, -2.0),
        1.08,
        0.9,
        (_COLLINS,),
    ),
    _Take(
        50,
        _hung(Scenery.BRICK, (_COLLINS, 0.8, (240, 190)), (_HOPPER, 0.40, (560, 210))),
        _View(490, 310, 1.0, -1.0),
        _View(510, 300, 1.05, 1.0),
        0.95,
        1.0,
        (_COLLINS, _HOPPER),
    ),
    _Take(30, _landscape(Scenery.GRAVEL), _View(460, 300, 1.0), _View(500, 310, 1.1), 0.6, 2.0),
)


def _mirrored(scene: Callable[[], Image.Image]) -> Callable[[], Image.Image]:
    return lambda: ImageOps.mirror(scene())


_MIRRORED_TAKES = (
    _Take(20, _landscape(Scenery.COFFEE), _View(430, 300, 1.0), _View(480, 320, 1.1), 0.9, 1.0),
    _Take(
        70,
        _mirrored(_hung(Scenery.GRAVEL, (_HOPPER, 0.5, (420, 170)))),
        _View(400, 290, 1.0, 2.0),
        _View(520, 310, 1.1, -1.0),
        0.75,
        1.0,
        (_HOPPER,),
    ),
)
