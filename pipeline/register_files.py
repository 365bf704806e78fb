"""Reading a register as an office keeps it: a folder of `PERSON/photo.jpg`, or a CSV with photos.

Nothing is stored here.  What cannot be read is a `Refusal` with its place and reason; everything else goes on.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lastseen.clock import utcnow
from lastseen.errors import Failure
from lastseen.records import PersonEntry, PersonStatus

COLUMNS = ("register_number", "names", "birth_year", "status", "photos")
DELIMITERS = ",;\t"
SEPARATOR = "|"
"""between several names, and between several photos, of one person"""
OLDEST_BIRTH_YEAR = 1900


class NotARegister(Failure):
    """The file or folder as a whole cannot be read as a register."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row, photo or file that was left out."""

    where: str
    """`row 7`, or a path below the folder"""
    why: str


def read(path: Path) -> Iterator[PersonEntry | Refusal]:
    """Entries and refusals in the order of the file.  Raises NotARegister."""
    if path.is_dir():
        return _from_folder(path)
    if not path.exists():
        raise NotARegister(f"{path} does not exist")
    return _from_csv(path)


def _from_folder(folder: Path) -> Iterator[PersonEntry | Refusal]:
    inside = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    if not any(entry.is_dir() for entry in inside):
        raise NotARegister(
            f"{folder} holds no folders: each person needs one with photos, named by the register number"
        )
    for entry in inside:
        if entry.is_dir():
            photos = sorted(photo for photo in entry.iterdir() if photo.is_file() and not photo.name.startswith("."))
            yield PersonEntry(entry.name, (entry.name,), None, PersonStatus.MISSING, tuple(map(str, photos)))
        else:
            yield Refusal(entry.name, "it does not lie in the folder of a person")


def _from_csv(path: Path) -> Iterator[PersonEntry | Refusal]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError as fault:
        raise NotARegister(f"{path} is not UTF-8 (byte {fault.start}): save it as CSV UTF-8") from fault
    if not lines:
        raise NotARegister(f"{path} is empty")
    rows = csv.DictReader(lines, delimiter=_delimiter(lines[0]), skipinitialspace=True, strict=True)
    found = [name.strip().lower() for name in rows.fieldnames or ()]
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise NotARegister(
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)};"
            f" it has {', '.join(found)}; needed are {', '.join(COLUMNS)}"
        )
    rows.fieldnames = found
    return _entries(rows, path.parent)


def _entries(rows: "csv.DictReader[str]", folder: Path) -> Iterator[PersonEntry | Refusal]:
    seen: dict[str, int] = {}
    try:
        for row in rows:
            entry = _entry(row, folder)
            number = entry.register_number if isinstance(entry, PersonEntry) else ""
            if number in seen:
                yield Refusal(f"row {rows.line_num}", f"register number stands in row {seen[number]} already")
                continue
            if number:
                seen[number] = rows.line_num
            yield Refusal(f"row {rows.line_num}", entry) if isinstance(entry, str) else entry
    except csv.Error as fault:
        yield Refusal(f"row {rows.line_num}", f"it is no CSV from here on: {fault}")


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _entry(row: dict[str, str | None], folder: Path) -> PersonEntry | str:
    """The entry, or what is wrong with its row."""
    number = (row["register_number"] or "").strip()
    names = _parts(row["names"])
    if not number:
        return "it has no register_number"
    if not names:
        return "it has no names"
    try:
        year, status = _year(row["birth_year"]), _status(row["status"])
    except ValueError as fault:
        return str(fault)
    photos = tuple(str(folder / Path(photo.replace("\\", "/"))) for photo in _parts(row["photos"]))
    return PersonEntry(number, names, year, status, photos)


def _parts(cell: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (cell or "").split(SEPARATOR) if part.strip())


def _year(cell: str | None) -> int | None:
    text = (cell or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and OLDEST_BIRTH_YEAR <= int(text) <= utcnow().year):
        raise ValueError(f"birth_year {text!r} is no year between {OLDEST_BIRTH_YEAR} and now")
    return int(text)


def _status(cell: str | None) -> PersonStatus:
    text = (cell or "").strip().lower()
    try:
        return PersonStatus(text) if text else PersonStatus.MISSING
    except ValueError:
        raise ValueError(f"status {text!r} is none of {', '.join(PersonStatus)}") from None
