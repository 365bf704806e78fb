"""A register of missing people as an office might hand it over: a table and photos of very different worth.

One entry is a person whom the clip shows, from other prints of the portrait.  The others must not match: drawn
faces that enrol, and photos that an enrolment has to refuse, each for its own reason.  Every name is invented.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from lastseen.records import PersonStatus
from pipeline.demo.pictures import DrawnFace, Scenery, Sitter, drawn, grain, portrait, scenery

COLUMNS = ("register_number", "names", "birth_year", "status", "photos")
WANTED = Sitter.GRACE_HOPPER
"""whom the register holds; the clip's other person is in no entry"""
WANTED_NUMBER = "DEMO-001"


class Fate(StrEnum):
    """What has to become of a photo."""

    ENROLLED = "enrolled"
    NO_FACE = "no face"
    SEVERAL_FACES = "several faces"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """One photo of an entry."""

    path: Path
    fate: Fate
    shows: str
    """what it is in truth, for the demo's own text"""


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One entry as it was written."""

    register_number: str
    name: str
    birth_year: int | None
    status: PersonStatus
    photos: tuple[PhotoFacts, ...]


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """What was written, so that the demo can check what became of it."""

    table: Path
    """`register.csv`: UTF-8, photos relative to its folder and parted by `|`"""
    people: Path
    """the same photos as a folder of `REGISTER_NUMBER/photo-N.jpg`, for an import without the table"""
    wanted: str
    """the only register number that may get candidates"""
    entries: tuple[EntryFacts, ...]


@dataclass(frozen=True, slots=True)
class _Photo:
    shows: str
    fate: Fate
    make: Callable[[], bytes | Image.Image]
    jpeg_quality: int = 85


@dataclass(frozen=True, slots=True)
class _Entry:
    number: str
    name: str
    birth_year: int | None
    photos: tuple[_Photo, ...]
    status: PersonStatus = PersonStatus.MISSING


def write(folder: Path) -> RegisterFacts:
    """Write the table and its photos into `folder`, which is made if need be; the same bytes each time.

    Raises MaterialMissing where a picture is not installed, and OSError where a file cannot be written.
    """
    people, table = folder / "people", folder / "register.csv"
    entries = tuple(_write_entry(people, entry) for entry in _ENTRIES)
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        rows.writerows(_row(entry, folder) for entry in entries)
    return RegisterFacts(table, people, WANTED_NUMBER, entries)


def _write_entry(people: Path, entry: _Entry) -> EntryFacts:
    folder = people / entry.number
    folder.mkdir(parents=True, exist_ok=True)
    photos = tuple(
        _write_photo(folder / f"photo-{number}.jpg", photo) for number, photo in enumerate(entry.photos, start=1)
    )
    return EntryFacts(entry.number, entry.name, entry.birth_year, entry.status, photos)


def _write_photo(path: Path, photo: _Photo) -> PhotoFacts:
    made = photo.make()
    if isinstance(made, bytes):
        path.write_bytes(made)
    else:
        made.save(path, quality=photo.jpeg_quality)
    return PhotoFacts(path, photo.fate, photo.shows)


def _row(entry: EntryFacts, folder: Path) -> tuple[str, ...]:
    photos = "|".join(photo.path.relative_to(folder).as_posix() for photo in entry.photos)
    year = "" if entry.birth_year is None else str(entry.birth_year)
    return entry.register_number, entry.name, year, entry.status.value, photos


# --- photos ------------------------------------------------------------------------------------------------

_FACE_AND_SHOULDERS = (90, 20, 430, 440)
_FACE_ONLY = (130, 60, 410, 370)


def _faded_print() -> Image.Image:
    """The wanted person on old paper: yellowed, flat, a little askew."""
    print_ = portrait(WANTED).rotate(-4, Image.Resampling.BICUBIC).crop(_FACE_AND_SHOULDERS)
    yellowed = ImageOps.colorize(print_.convert("L"), (40, 25, 15), (255, 240, 205))
    return ImageEnhance.Contrast(Image.blend(print_, yellowed, 0.45)).enhance(0.8)


def _photocopy() -> Image.Image:
    """The wanted person as a small, hard photocopy without colour."""
    copy = ImageOps.grayscale(portrait(WANTED).rotate(3, Image.Resampling.BICUBIC).crop(_FACE_ONLY))
    small = ImageOps.scale(copy, 0.7)
    return grain(ImageEnhance.Contrast(small).enhance(1.35).convert("RGB"), 8, seed=2)


def _both() -> Image.Image:
    """Two people in one photo: nobody can say which of them the entry means."""
    left, right = (ImageOps.fit(portrait(sitter), (400, 480)) for sitter in Sitter)
    both = Image.new("RGB", (800, 480))
    both.paste(left, (0, 0))
    both.paste(right, (400, 0))
    return both


def _torn() -> bytes:
    """What is left of a photo whose copying stopped: a JPEG's first bytes, then zeros."""
    return bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + bytes(2000)


_YOUNG = DrawnFace((120, 80, 60), (20, 15, 15), half_width=0.27, half_height=0.41, eyes_apart=0.115, mouth=0.12)
_OLD = DrawnFace(
    (150, 105, 80), (190, 190, 190), half_width=0.27, half_height=0.41, eyes_apart=0.11, mouth=0.12, glasses=True
)
_LONG = DrawnFace((150, 105, 80), (30, 20, 15), half_width=0.27, half_height=0.41, eyes_apart=0.115, mouth=0.12)


_SECOND_NAME = "Особа Вигадана Друга"  # noqa: RUF001 - Ukrainian: registers are not written in Latin letters only


def _drawing(face: DrawnFace, seed: int) -> _Photo:
    return _Photo("a drawn face", Fate.ENROLLED, lambda: drawn(face, 400, seed))


_ENTRIES = (
    _Entry(
        WANTED_NUMBER,
        "Demo Person One",
        1931,
        (
            _Photo(f"{WANTED}, on faded paper", Fate.ENROLLED, _faded_print, 75),
            _Photo(f"{WANTED}, photocopied", Fate.ENROLLED, _photocopy, 50),
        ),
    ),
    _Entry("DEMO-002", _SECOND_NAME, 1988, (_drawing(_YOUNG, 2),)),
    _Entry("DEMO-003", "Demo Person Three", 1951, (_drawing(_OLD, 3),)),
    _Entry("DEMO-004", "Demo Person Four", None, (_Photo("a cat", Fate.NO_FACE, lambda: scenery(Scenery.CAT)),)),
    _Entry(
        "DEMO-005",
        "Demo Person Five",
        1970,
        (_Photo("a man from the side, far away", Fate.NO_FACE, lambda: scenery(Scenery.CAMERAMAN)),),
    ),
    _Entry("DEMO-006", "Demo Person Six", 1956, (_Photo("two people", Fate.SEVERAL_FACES, _both),)),
    _Entry("DEMO-007", "Demo Person Seven", 2001, (_Photo("a torn file", Fate.UNREADABLE, _torn),)),
    _Entry("DEMO-008", "Demo Person Eight", 1979, (_drawing(_LONG, 8),), PersonStatus.FOUND),
)
