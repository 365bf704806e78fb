"""Films that are alike and not the same: other scenes, one studio with many people, one opening card, one template.

Drawn from the pictures that scikit-image carries and from drawn heads; the same number gives the same film.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from extractors.faces import check
from lastseen.records import Box, Pixels
from pipeline.demo.pictures import Scenery, Sitter, portrait, scenery

WIDTH, HEIGHT, FPS = 320, 180, 15

Film = list[Pixels]
"""pictures, FPS a second"""


def scenes(number: int, seconds: float = 12.0) -> Film:
    """Shots of two to four seconds over scenery, each from elsewhere and with another motion."""
    random = np.random.default_rng(number)
    film: Film = []
    while len(film) < seconds * FPS:
        film += list(_shot(random, int(random.uniform(2, 4) * FPS)))
    return film[: int(seconds * FPS)]


def _shot(random: np.random.Generator, count: int) -> Iterator[Pixels]:
    picture = _scenery()[random.integers(len(_scenery()))]
    picture = picture[:, ::-1] if random.random() < 0.5 else picture
    zoom, turn = random.uniform(0.5, 1.4, 2), random.uniform(-12, 12, 2)
    centre = random.uniform(0.3, 0.7, (2, 2)) * (picture.shape[1], picture.shape[0])
    light = random.uniform(0.6, 1.3)
    for part in np.linspace(0, 1, count):
        x, y = centre[0] + (centre[1] - centre[0]) * part
        matrix = cv2.getRotationMatrix2D((x, y), turn @ (1 - part, part), zoom @ (1 - part, part))
        matrix[:, 2] += (WIDTH / 2 - x, HEIGHT / 2 - y)
        seen = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        yield np.clip(seen * light + random.normal(0, 3, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)


@cache
def _scenery() -> list[Pixels]:
    return [np.asarray(scenery(which), np.uint8) for which in Scenery]


def studio(number: int, background: int = 0, seconds: float = 12.0) -> Film:
    """Somebody talks in front of a wall that does not move; who it is, and how they move, depends on the number."""
    random = np.random.default_rng(1000 + number)
    film = []
    wall = next(_shot(np.random.default_rng(77 + background), 2))
    sway, beats = _wander(random, int(seconds * FPS), 6.0), _wander(random, int(seconds * FPS), 1.0)
    nods = _wander(random, int(seconds * FPS), 4.0)
    head = _somebody(random)
    for place in range(int(seconds * FPS)):
        talking = replace(head, mouth=int(16 + 6 * abs(beats[place])))
        film.append(_pasted(wall, talking, 150 + sway[place], 95 + nods[place], 110, random))
    return film


def _somebody(random: np.random.Generator) -> check.Head:
    skin, hair = int(random.integers(120, 240)), [int(shade) for shade in random.integers(20, 160, 3)]
    eyes, width, brow = (int(random.integers(low, high)) for low, high in ((24, 32), (44, 56), (10, 18)))
    skins = (skin, int(skin * 0.85), int(skin * 0.75))
    return check.Head(skins, (hair[0], hair[1], hair[2]), eyes=eyes, width=width, mouth=20, brow=brow)


def _wander(random: np.random.Generator, count: int, size: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """A slow way to and fro, never twice the same."""
    times = np.arange(count) / FPS
    waves = [np.sin(2 * np.pi * (rate * times + random.random())) for rate in random.uniform(0.1, 1.2, 4)]
    return np.asarray(size * np.sum(waves, axis=0) / 2)


def _pasted(
    wall: Pixels, head: check.Head, x: float, y: float, side: int, random: np.random.Generator, noise: float = 3
) -> Pixels:
    drawn = cv2.resize(check.draw(head), (side, side), interpolation=cv2.INTER_AREA)
    matrix = np.array([[1, 0, x - side / 2], [0, 1, y - side / 2]], np.float64)
    face = cv2.warpAffine(drawn, matrix, (WIDTH, HEIGHT))
    mask = cv2.warpAffine(_oval(side), matrix, (WIDTH, HEIGHT))[..., None] / 255
    mixed = wall * (1 - mask) + face * mask + random.normal(0, noise, (HEIGHT, WIDTH, 1))
    return np.clip(mixed, 0, 255).astype(np.uint8)


@cache
def _oval(side: int) -> Pixels:
    half, axes = side // 2, (side * 2 // 5, side // 2)
    drawn = cv2.ellipse(np.zeros((side, side), np.uint8), (half, half), axes, 0, 0, 360, 255, -1)
    return np.asarray(cv2.GaussianBlur(drawn, (5, 5), 0), np.uint8)


def card(seconds: float = 4.0) -> Film:
    """An opening: a sign that grows and turns over a ground that changes its colour."""
    film = []
    for part in np.linspace(0, 1, int(seconds * FPS)):
        ground = np.full((HEIGHT, WIDTH, 3), (20 + 60 * part, 40, 120 - 60 * part), np.uint8)
        box = cv2.boxPoints(((WIDTH / 2, HEIGHT / 2), (40 + 140 * part, 30 + 60 * part), 180 * part))
        cv2.fillPoly(ground, [box.astype(np.int32)], (240, 220, 60))
        cv2.putText(ground, "CHANNEL 7", (30, 165), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 255, 255), 3)
        film.append(ground)
    return film


def opened(number: int) -> Film:
    """The same opening, then scenes of its own."""
    return card() + scenes(2000 + number, 10.0)


def template(number: int, side: int = 80, seconds: float = 12.0) -> Film:
    """A notice as channels make them: everything moves as in the others, only the photo of the person is another."""
    random = np.random.default_rng(3000 + number)
    photo = _somebody(random)
    film = []
    for ground in _shot(np.random.default_rng(5), int(seconds * FPS)):
        cv2.rectangle(ground, (10, 10), (WIDTH - 10, HEIGHT - 10), (200, 30, 30), 4)
        picture = _pasted(ground, photo, WIDTH / 2, HEIGHT / 2, side, random, 0)
        cv2.putText(picture, "MISSING", (95, 170), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2)
        film.append(picture)
    return film


def large_notice(number: int, side: int, seconds: float) -> Film:
    """1280 x 720, with a photo of so few pixels."""
    photo = check.draw(_somebody(np.random.default_rng(3000 + number)))
    small = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
    film = []
    for ground in _shot(np.random.default_rng(5), int(seconds * FPS)):
        picture = np.asarray(cv2.resize(ground, (4 * WIDTH, 4 * HEIGHT)), np.uint8)
        picture[330 : 330 + side, 610 : 610 + side] = small
        film.append(picture)
    return film


# --- what others make of them ------------------------------------------------------------------------------

Change = Callable[[Pixels], Pixels]


def cropped(part: float) -> Change:
    """So much of the width and height is gone, half of it on each side."""

    def change(picture: Pixels) -> Pixels:
        high, wide = (round(pixels * part / 2) for pixels in picture.shape[:2])
        return picture[high : picture.shape[0] - high, wide : picture.shape[1] - wide]

    return change


def scaled(times: float) -> Change:
    """Smaller or larger."""

    def change(picture: Pixels) -> Pixels:
        made = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_AREA)
        return np.asarray(made).astype(np.uint8)

    return change


def mirrored(picture: Pixels) -> Pixels:
    """Left for right."""
    return picture[:, ::-1]


def with_logo(picture: Pixels) -> Pixels:
    """A sign in the upper right corner, a tenth of the width."""
    height, width = picture.shape[:2]
    made = picture.copy()
    made[height // 20 : height * 3 // 20, width * 17 // 20 : width * 19 // 20] = (230, 30, 30)
    return made


def with_caption(picture: Pixels) -> Pixels:
    """A dark band with words."""
    height, width = picture.shape[:2]
    made = picture.copy()
    made[height * 82 // 100 : height * 95 // 100] //= 3
    where = width // 10, height * 92 // 100
    cv2.putText(made, "BREAKING NEWS TODAY", where, cv2.FONT_HERSHEY_SIMPLEX, width / 600, (255, 255, 255), 2)
    return made


def letterboxed(picture: Pixels) -> Pixels:
    """Black bars above and below, a fifth of the height each."""
    bar = picture.shape[0] // 5
    return np.pad(picture, ((bar, bar), (0, 0), (0, 0)))


def as_it_is(picture: Pixels) -> Pixels:
    """No change."""
    return picture


def written(path: Path, film: Film, crf: int = 26, speed: float = 1.0, change: Change = as_it_is) -> Path:
    """As H.264, so hard compressed, so much faster, each picture changed."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = None
        for number, picture in enumerate(film):
            made = change(picture)
            made = np.ascontiguousarray(made[: made.shape[0] // 2 * 2, : made.shape[1] // 2 * 2])
            if stream is None:
                stream = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": str(crf)})
                stream.height, stream.width, stream.pix_fmt = *made.shape[:2], "yuv420p"
                stream.codec_context.time_base, stream.codec_context.thread_count = Fraction(1, 1000), 1
            frame = VideoFrame.from_ndarray(made, format="rgb24")
            frame.pts, frame.time_base = round(number * 1000 / FPS / speed), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        if stream is not None:
            out.mux(stream.encode(None))
    return path


# --- other faces in copies ---------------------------------------------------------------------------------

PORTRAITS = {
    "biden.jpg": (428, 235, 285),
    "obama2.jpg": (170, 278, 285),
    "alex-lacamoire.png": (158, 146, 165),
}
"""left, top and width of the faces in the shared photos"""


@dataclass(frozen=True, eq=False, slots=True)
class Changed:
    """A film with another face in it."""

    film: Film
    place: Box
    start_ms: float
    end_ms: float

    def shown(self, at_ms: int) -> bool:
        """Whether the face is to be seen at this moment."""
        return self.start_ms <= at_ms < self.end_ms


def other_faces(media: Path) -> list[Pixels]:
    """Heads, of which the face is about the middle half: one of the demo's, and those shared beside the project."""
    found = [_around(np.asarray(portrait(Sitter.EILEEN_COLLINS), np.uint8), 168, 69, 96)]
    for name, place in PORTRAITS.items() if media.is_dir() else ():
        with Image.open(media / name) as opened:
            found.append(_around(np.asarray(opened.convert("RGB"), np.uint8), *place))
    return found


def _around(picture: Pixels, left: int, top: int, width: int) -> Pixels:
    edge = min(width // 2, left, top)
    return picture[top - edge : top + width + edge, left - edge : left + width + edge]


def with_face(
    film: Film, face: Pixels, width: int, strength: float, seconds: float, random: np.random.Generator
) -> Changed:
    """Somewhere in the picture, blended in; for so many seconds from somewhere on, or all the time."""
    height, wide = film[0].shape[:2]
    left, top = int(random.integers(0, wide - 2 * width)), int(random.integers(0, height - 2 * width))
    count = min(len(film), max(1, round(seconds * FPS)))
    first = int(random.integers(0, len(film) - count + 1))
    made = [
        put(picture, face, left, top, width, strength) if first <= number < first + count else picture
        for number, picture in enumerate(film)
    ]
    place = Box(left + width / 2, top + width / 2, width, width)
    return Changed(made, place, first * 1000 / FPS, (first + count) * 1000 / FPS)


def put(picture: Pixels, head: Pixels, left: int, top: int, width: int, strength: float) -> Pixels:
    """A picture with a head at this place, whose face is so wide; what is above its edge is cut off."""
    side, cut = 2 * width, max(0, -top)
    made = picture.copy()
    there = made[max(0, top) : top + side, left : left + side]
    mask = strength * _oval(side)[cut:, :, None] / 255
    shrunk = cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA)[cut:]
    there[:] = (there * (1 - mask) + shrunk * mask).astype(np.uint8)
    return made
