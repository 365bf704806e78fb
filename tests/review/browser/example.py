"""The office of the worked example: six people, two films and two lists, all of them invented.

Two of the faces are the portraits that packages carry, the others are drawn.  Days are told from today, so that the
story stands in the present whenever it is told.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import openpyxl
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from extractors.faces import check
from lastseen.clock import utcnow
from lastseen.records import Pixels
from pipeline.demo.pictures import DrawnFace, Scenery, Sitter, drawn, grain, portrait, scenery
from tests.extractors.films import film

Draw = Callable[[], Image.Image]
"""a square picture of a head and shoulders"""

TODAY = utcnow().date()
YEAR = f"{TODAY:%Y}"
LAST_SEEN = TODAY - timedelta(days=200)
DEATH = TODAY - timedelta(days=90)
"""on which side A says that two of them died"""
LIST_OF_THE_DEAD = TODAY - timedelta(days=80)
FILMED = TODAY - timedelta(days=40)
"""the yard was published: seven weeks after the death that side A claims"""
MARKET = TODAY - timedelta(days=30)
"""the film that a mother found was published"""
VISITED = TODAY - timedelta(days=10)
"""on which the ICRC's delegates saw one of them, as they answer"""
DENIED = TODAY - timedelta(days=5)
HOME = TODAY
"""of the exchange"""


@dataclass(frozen=True)
class Person:
    """One entry of the register."""

    number: str
    name: str
    """surname first, as registers have it"""
    born: int
    face: Draw | None
    """None: the office has no photo"""


def _sitter(sitter: Sitter, box: tuple[int, int, int, int]) -> Image.Image:
    return ImageOps.fit(portrait(sitter).crop(box), (400, 400))


def _head() -> Image.Image:
    """The head by which engines check themselves, with ground around it."""
    around = ((30, 30), (30, 30), (0, 0))
    return Image.fromarray(np.pad(check.draw(check.FIRST), around, mode="edge")).resize((400, 400))


_SPECTACLED = DrawnFace(
    (150, 105, 80), (190, 190, 190), half_width=0.27, half_height=0.41, eyes_apart=0.11, mouth=0.12, glasses=True
)
_BROAD = DrawnFace(
    (100, 65, 50), (15, 12, 12), half_width=0.34, half_height=0.38, eyes_apart=0.15, mouth=0.15, mouth_y=0.74
)
_PALE = DrawnFace((225, 185, 160), (120, 70, 30), half_width=0.33, eyes_apart=0.14, mouth=0.09, mouth_y=0.72)

VIRA = Person("26-001", "Марченко Віра Іванівна", 1990, partial(_sitter, Sitter.GRACE_HOPPER, (70, 0, 440, 480)))
DARYNA = Person("26-002", "Савчук Дарина Петрівна", 1988, partial(_sitter, Sitter.EILEEN_COLLINS, (115, 0, 325, 210)))
NAZAR = Person("26-003", "Дорошенко Назар Ілліч", 1996, _head)
PETRO = Person("26-004", "Гнатюк Петро Олексійович", 1985, partial(drawn, _SPECTACLED, 400, 3))
IHOR = Person("26-005", "Бондаренко Ігор Степанович", 1979, partial(drawn, _BROAD, 400, 9))
LESIA = Person("26-006", "Коваль Леся Андріївна", 1993, None)
"""there is no photo of her"""
EVERYBODY = (VIRA, DARYNA, NAZAR, PETRO, IHOR, LESIA)


def stranger() -> Image.Image:
    """Somebody who is in no register."""
    return drawn(_PALE, 400, 4)


# --- the register ------------------------------------------------------------------------------------------


def write_register(folder: Path) -> Path:
    """The table of an office, with a photo of all but one."""
    folder.mkdir()
    with (folder / "register.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("register_number", "names", "birth_year", "status", "photos"))
        for person in EVERYBODY:
            photo = f"{person.number}.jpg" if person.face else ""
            if person.face:
                _as_handed_in(person.face()).save(folder / photo, quality=85)
            rows.writerow((person.number, person.name, person.born, "missing", photo))
    return folder / "register.csv"


def _as_handed_in(face: Image.Image) -> Image.Image:
    """A print from a family's album: a little askew and flat."""
    return ImageEnhance.Contrast(face.rotate(-3, Image.Resampling.BICUBIC)).enhance(0.9)


# --- films -------------------------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 640, 360
_FRAMES, _FPS = 60, 24
_SIDE = 160
"""pixels of a head with its shoulders"""
_DRIFT = 60
"""pixels by which the camera moves in a film"""


def yard(path: Path) -> Path:
    """Three of the register and a stranger, before a wall."""
    return _walked_along(path, Scenery.BRICK, [VIRA.face, DARYNA.face, NAZAR.face, stranger])


def market(path: Path) -> Path:
    """One of the register, in another place."""
    return _walked_along(path, Scenery.GRAVEL, [PETRO.face])


def departure(path: Path) -> Path:
    """One who was in the yard, once more."""
    return _walked_along(path, Scenery.GRAVEL, [DARYNA.face], backwards=True)


def _walked_along(path: Path, wall: Scenery, faces: Sequence[Draw | None], *, backwards: bool = False) -> Path:
    frames = list(_frames(ImageOps.fit(scenery(wall), (_WIDTH + _DRIFT, _HEIGHT)), faces))
    return film(path, reversed(frames) if backwards else frames, _FPS)


def _frames(wall: Image.Image, faces: Sequence[Draw | None]) -> Iterator[Pixels]:
    """The camera moves along a wall before which they stand."""
    between = wall.width // len(faces)
    for number, face in enumerate(filter(None, faces)):
        left = number * between + (between - _SIDE) // 2
        wall.paste(face().resize((_SIDE, _SIDE)), (left, 120 + 12 * (number % 2)))
    wall = grain(wall.filter(ImageFilter.GaussianBlur(0.6)), 4, seed=1)
    for number in range(_FRAMES):
        left = number * _DRIFT // _FRAMES
        yield np.asarray(wall.crop((left, 0, left + _WIDTH, _HEIGHT)))


def at_noon(day: date) -> datetime:
    """When something was published."""
    return datetime.combine(day, time(12), UTC)


# --- lists -------------------------------------------------------------------------------------------------


def list_of_the_dead() -> bytes:
    """As side A gave it out: in an old encoding, a name misspelt, one name that is only like one of the register."""
    out = io.StringIO(newline="")
    rows = csv.writer(out, delimiter=";")
    rows.writerow(("№", "Прізвище та ім'я", "Рік", "Коли"))
    rows.writerow((1, "Марченко Вера Ивановна", 1990, f"{DEATH:%d.%m.%Y}"))
    rows.writerow((2, "БОНДАРЕНКО Ігор", 1979, f"{DEATH:%d.%m.%Y}"))
    rows.writerow((3, "Гнатюк Петро Остапович", 1985, f"{DEATH:%d.%m.%Y}"))
    rows.writerow((4, "Невідомий Хтось", 1970, ""))
    return out.getvalue().encode("cp1251")


def list_of_the_exchange() -> bytes:
    """A workbook of those who came home: two of the register, and one whom another office looks for."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Список повернутих у межах обміну"])
    sheet.append(["ПІБ", "Рік народження", "Статус", "Дата повернення"])
    sheet.append(["САВЧУК Дарина Петрівна", 1988, "повернуто", f"{HOME:%d.%m.%Y}"])
    sheet.append(["Doroshenko Nazar", 1996, "повернуто", f"{HOME:%d.%m.%Y}"])
    sheet.append(["Ткачук Богдан Юрійович", 2001, "повернуто", f"{HOME:%d.%m.%Y}"])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
