"""The pictures that the demo is made from: those that installed packages carry, and faces that are drawn.

The packages' files are opened where they lie: importing the packages would cost a second, and scikit-image's own
loader may go to the network for a file that it does not find.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from lastseen.errors import Failure

Colour = tuple[int, int, int]


class MaterialMissing(Failure):
    """A package that carries a picture of the demo is not installed; the message says what to do."""


class Sitter(StrEnum):
    """Who is portrayed.  Both portraits are works of the United States' government: public domain."""

    GRACE_HOPPER = "Grace Hopper"
    EILEEN_COLLINS = "Eileen Collins"


class Scenery(StrEnum):
    """Pictures without people, by their file names in scikit-image; public domain or CC0."""

    ROCKET = "rocket.jpg"
    COFFEE = "coffee.png"
    BRICK = "brick.png"
    GRAVEL = "gravel.png"
    CAT = "chelsea.png"
    CAMERAMAN = "camera.png"
    """a man from the side, far away: no detector of frontal faces finds him"""


_PORTRAITS = {
    Sitter.GRACE_HOPPER: ("matplotlib", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    Sitter.EILEEN_COLLINS: ("scikit-image", "skimage", "data/astronaut.png"),
}


def portrait(sitter: Sitter) -> Image.Image:
    """The portrait as its package carries it, RGB.  Raises MaterialMissing."""
    return _carried(*_PORTRAITS[sitter])


def scenery(which: Scenery) -> Image.Image:
    """A picture in which no face is found, RGB.  Raises MaterialMissing."""
    return _carried("scikit-image", "skimage", f"data/{which}")


def _carried(distribution: str, package: str, name: str) -> Image.Image:
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0], name) if folders else None
    if path is None or not path.is_file():
        raise MaterialMissing(
            f"the demo shows pictures that {distribution} carries: install it "
            "(`make demo` does, or `pip install scikit-image matplotlib`) and start the demo again"
        )
    with Image.open(path) as picture:
        return picture.convert("RGB")


def grain(picture: Image.Image, strength: float, seed: int) -> Image.Image:
    """The picture with grey noise of that standard deviation (of 255), the same for the same seed."""
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    noise: NDArray[np.float32] = np.random.default_rng(seed).standard_normal(pixels.shape[:2], np.float32)
    return Image.fromarray(np.clip(pixels + strength * noise[..., None], 0, 255).astype(np.uint8))


# --- drawn faces -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DrawnFace:
    """A face that belongs to nobody.  Lengths are fractions of the picture's side."""

    skin: Colour
    hair: Colour
    half_width: float = 0.30
    half_height: float = 0.40
    hairline: float = 0.12
    eyes_apart: float = 0.125
    """half of it"""
    mouth_y: float = 0.69
    mouth: float = 0.11
    """half its width"""
    glasses: bool = False


_SIDE = 1280
"""pixels of the canvas, which is reduced afterwards: Pillow draws without smoothing"""
_EYE_Y = 0.44
_NOSE_Y = 0.58
_BACKGROUND: Colour = (120, 130, 140)
_CLOTHES: Colour = (50, 60, 90)
_LIPS: Colour = (165, 85, 80)
_INK: Colour = (20, 20, 20)


class _Canvas:
    """Ellipses and lines in fractions of the side."""

    def __init__(self, picture: Image.Image) -> None:
        self._draw = ImageDraw.Draw(picture)

    def ellipse(self, x: float, y: float, half_width: float, half_height: float, fill: Colour | int) -> None:
        self._draw.ellipse(_scaled(x - half_width, y - half_height, x + half_width, y + half_height), fill=fill)

    def polygon(self, *corners: float, fill: Colour | int) -> None:
        self._draw.polygon(_scaled(*corners), fill=fill)

    def line(self, *points: float, fill: Colour, width: float) -> None:
        self._draw.line(_scaled(*points), fill=fill, width=round(width * _SIDE))

    def arc(self, *box: float, fill: Colour, width: float) -> None:
        self._draw.arc(_scaled(*box), 200, 340, fill=fill, width=round(width * _SIDE))

    def frame(self, *box: float, fill: Colour, width: float) -> None:
        self._draw.rounded_rectangle(_scaled(*box), 0.03 * _SIDE, outline=fill, width=round(width * _SIDE))


def drawn(face: DrawnFace, side: int, seed: int) -> Image.Image:
    """A frontal face with a square picture around it, `side` pixels, RGB, drawn well enough for a face detector."""
    picture = Image.new("RGB", (_SIDE, _SIDE), _BACKGROUND)
    _draw_head(_Canvas(picture), face)
    picture = _soft(picture, 0.008)
    picture = Image.composite(_plain(_tone(face.skin, 0.35)), picture, _shadows(face))
    picture = Image.composite(_plain(_tone(face.skin, 1.35)), picture, _lights())
    _draw_features(_Canvas(picture), face)
    return grain(_soft(picture, 0.002).resize((side, side), Image.Resampling.LANCZOS), 4, seed)


def _draw_head(canvas: _Canvas, face: DrawnFace) -> None:
    canvas.ellipse(0.5, 1.12, 0.46, 0.28, _CLOTHES)
    canvas.polygon(0.41, 0.75, 0.59, 0.75, 0.59, 0.95, 0.41, 0.95, fill=_tone(face.skin, 0.75))
    canvas.ellipse(
        0.5,
        0.5 - 0.6 * face.hairline,
        face.half_width + 0.035,
        face.half_height + 0.02 - 0.2 * face.hairline,
        face.hair,
    )
    for side in (-1, 1):
        canvas.ellipse(0.5 + side * face.half_width, 0.52, 0.035, 0.07, _tone(face.skin, 0.8))
    canvas.ellipse(0.5, 0.54, face.half_width, face.half_height - 0.02, face.skin)
    canvas.ellipse(0.5, 0.22, 0.8 * face.half_width, 0.09, face.hair)


def _shadows(face: DrawnFace) -> Image.Image:
    """Where the light does not reach: eye sockets, the sides and the foot of the nose, under the lip."""
    mask = Image.new("L", (_SIDE, _SIDE), 0)
    canvas = _Canvas(mask)
    for side in (-1, 1):
        canvas.ellipse(0.5 + side * face.eyes_apart, _EYE_Y, 0.085, 0.052, 110)
    canvas.polygon(0.488, _EYE_Y, 0.512, _EYE_Y, 0.55, _NOSE_Y, 0.45, _NOSE_Y, fill=35)
    canvas.ellipse(0.5, _NOSE_Y + 0.006, 0.06, 0.018, 110)
    canvas.ellipse(0.5, face.mouth_y + 0.062, face.mouth, 0.018, 70)
    return _soft(mask, 0.02)


def _lights() -> Image.Image:
    """Where it falls: cheeks, forehead, ridge of the nose, chin."""
    mask = Image.new("L", (_SIDE, _SIDE), 0)
    canvas = _Canvas(mask)
    for side in (-1, 1):
        canvas.ellipse(0.5 + side * 0.17, 0.61, 0.07, 0.05, 70)
    canvas.ellipse(0.5, 0.31, 0.12, 0.06, 80)
    canvas.ellipse(0.5, 0.515, 0.015, 0.055, 110)
    canvas.ellipse(0.5, 0.84, 0.05, 0.04, 60)
    return _soft(mask, 0.02)


def _draw_features(canvas: _Canvas, face: DrawnFace) -> None:
    for side in (-1, 1):
        _draw_eye(canvas, 0.5 + side * face.eyes_apart, face)
        canvas.ellipse(0.5 + side * 0.028, _NOSE_Y + 0.009, 0.014, 0.007, _tone(face.skin, 0.3))
    left, right = 0.5 - face.mouth, 0.5 + face.mouth
    canvas.ellipse(0.5, face.mouth_y + 0.007, face.mouth, 0.027, _LIPS)
    canvas.line(left, face.mouth_y, 0.5, face.mouth_y + 0.01, right, face.mouth_y, fill=_tone(_LIPS, 0.45), width=0.01)
    if face.glasses:
        canvas.line(0.46, _EYE_Y, 0.54, _EYE_Y, fill=_INK, width=0.01)


def _draw_eye(canvas: _Canvas, x: float, face: DrawnFace) -> None:
    canvas.ellipse(x, _EYE_Y, 0.058, 0.027, _tone(face.skin, 0.3))
    canvas.ellipse(x, _EYE_Y + 0.004, 0.052, 0.021, (235, 232, 228))
    canvas.ellipse(x, _EYE_Y + 0.002, 0.022, 0.022, (60, 45, 35))
    canvas.ellipse(x, _EYE_Y + 0.002, 0.010, 0.010, (10, 10, 10))
    canvas.ellipse(x - 0.006, _EYE_Y - 0.006, 0.004, 0.004, (255, 255, 255))
    canvas.arc(x - 0.075, _EYE_Y - 0.095, x + 0.075, _EYE_Y + 0.02, fill=_tone(face.hair, 0.9), width=0.018)
    if face.glasses:
        canvas.frame(x - 0.085, _EYE_Y - 0.05, x + 0.085, _EYE_Y + 0.06, fill=_INK, width=0.01)


def _soft(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius * _SIDE))


def _plain(colour: Colour) -> Image.Image:
    return Image.new("RGB", (_SIDE, _SIDE), colour)


def _scaled(*fractions: float) -> list[float]:
    return [fraction * _SIDE for fraction in fractions]


def _tone(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, int(part * factor)) for part in colour)
    return red, green, blue
