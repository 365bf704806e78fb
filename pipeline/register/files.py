"""Reading a register as an office keeps it: a folder of `PERSON/photo.jpg`, or a CSV with photos.

The CSV is UTF-8, parted by `,`, `;` or tabs, with the columns of `COLUMNS` in any order, perhaps `TIES` and `REGION`;
an empty status means missing, paths of photos are relative to the file.  A folder names people by their register
numbers and states nothing else of them.  Hidden files are passed over.

Nothing is stored here.  What cannot be read is a `Refusal` with its place and reason; everything else goes on.
Reasons quote no cell and name no file: they are kept, and logs carry them.
"""

import csv
import io
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lastseen.clock import utcnow
from lastseen.errors import Failure
from lastseen.records import PersonEntry, PersonFacts, PersonStatus

COLUMNS = ("register_number", "names", "birth_year", "status", "photos")
TIES = ("kin", "same_as")
"""columns that a file may have or not: register numbers of relatives, and of entries of the same person"""
REGION = "region"
"""a column that a file may have or not: by it the queue can be filtered"""
DELIMITERS = ",;\t"
SEPARATOR = "|"
"""between several names, and between several photos, of one person"""
YEAR = re.compile("[0-9]{4}")
OLDEST_BIRTH_YEAR = 1900
LONGEST_NUMBER = 128
"""characters of a register number"""
LONGEST_NAME = 300
"""characters of one name"""
LONGEST_REGION = 100
"""characters"""
MOST_PHOTOS = 50
"""of one person: more are a mistake, and each costs seconds"""
MOST_TIES = 200
"""of one person to others: more are a mistake"""
LARGEST_PHOTO = 64 << 20
"""bytes"""

UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories: control, format, surrogates (a file name that is not UTF-8), line and paragraph separators"""
JOINERS_AND_MARKS = "\u200c\u200d\u200e\u200f"
"""of the format characters, those that Persian, Arabic and Hebrew names are written with"""


class NotARegister(Failure):
    """The file or folder as a whole cannot be read as a register."""

    def __init__(self, path: Path, why: str) -> None:
        """`why` goes on where the path ends: `lacks the column names`."""
        super().__init__(path, why)
        self.why = why

    def __str__(self) -> str:
        return f"{self.args[0]} {self.why}"


class Unfit(Exception):
    """A row, a folder or a photo cannot be taken as it is; the message says why."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row, photo or file that was left out."""

    where: str
    """for who imports: `row 7`, `26-001: photo.jpg`, or a path below the folder"""
    why: str
    place: str
    """for the database, since the names of files may be those of people: `row 7`, `26-001: photo 2`, `entry 3`

    A row is known by the line of the file on which it begins, the header's being 1, as text editors count; so do
    spreadsheets, as long as no cell before it holds a line break.  Entries of a folder are counted by name.
    """


def read(register: Path) -> Iterator[PersonEntry | Refusal]:
    """Entries and refusals, in the order of the file or by name.  Raises NotARegister, before the first."""
    try:
        return _from_folder(register) if register.is_dir() else _from_csv(register)
    except (OSError, ValueError) as fault:
        raise NotARegister(register, f"cannot be read: {_reason(fault)}") from None


def read_photo(photo: str, register: Path) -> bytes:
    """The bytes of a photo that an entry names.  Raises Unfit."""
    path = Path(photo)
    _check_text("its file name", path.name)
    try:
        if register.is_dir() and _leads_out(path, register):
            raise Unfit("it is a link that leads out of the register")
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise Unfit("it is a folder: photos lie directly in the folder of their person")
        if not stat.S_ISREG(found.st_mode):
            raise Unfit("it is no regular file")
        if found.st_size > LARGEST_PHOTO:
            raise Unfit(f"it has more than {LARGEST_PHOTO >> 20} MiB")
        return path.read_bytes()
    except (OSError, ValueError) as fault:
        raise Unfit(f"the photo cannot be read: {_reason(fault)}") from None


def printable(text: str) -> str:
    """The same text, with escapes for what cannot be printed."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


# --- a folder ----------------------------------------------------------------------------------------------


def _from_folder(register: Path) -> Iterator[PersonEntry | Refusal]:
    inside = _listed(register)
    if not any(entry.is_dir() for entry in inside):
        raise NotARegister(register, "holds no folders: each person needs one with photos, named by register number")
    return (_folder_or_refusal(entry, place, register) for place, entry in enumerate(inside, 1))


def _folder_or_refusal(entry: Path, place: int, register: Path) -> PersonEntry | Refusal:
    try:
        return _person_in(entry, register)
    except Unfit as fault:
        why = str(fault)
    except OSError as fault:
        why = f"the folder cannot be read: {_reason(fault)}"
    return Refusal(printable(entry.name), why, f"entry {place}")


def _person_in(folder: Path, register: Path) -> PersonEntry:
    if not folder.is_dir():
        raise Unfit("it does not lie in the folder of a person")
    if _leads_out(folder, register):
        raise Unfit("it is a link that leads out of the register")
    return _checked(PersonEntry(folder.name.strip(), None, tuple(map(str, _listed(folder)))))


def _listed(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _leads_out(path: Path, register: Path) -> bool:
    try:
        return not path.resolve().is_relative_to(register.resolve())
    except RuntimeError:  # links in a circle lead nowhere
        return True


# --- a CSV -------------------------------------------------------------------------------------------------


def _from_csv(register: Path) -> Iterator[PersonEntry | Refusal]:
    rows = _rows(io.StringIO(_text(register), newline=""))
    _, header = next(rows, (1, []))
    if isinstance(header, Unfit):
        raise NotARegister(register, f"cannot be read: {header}")
    columns = [cell.strip().lower() for cell in header]
    _check_columns(register, columns)
    return _entries(rows, columns, register.parent)


def _rows(lines: io.StringIO) -> Iterator[tuple[int, list[str] | Unfit]]:
    """The line on which each row begins, and its cells; at last, perhaps, what keeps the rest from being read."""
    delimiter = max(DELIMITERS, key=lines.readline().count)
    lines.seek(0)
    rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    try:
        for cells in rows:
            yield line, cells
            line = rows.line_num + 1
    except csv.Error as fault:
        yield line, Unfit(f"it is no CSV from here on: {fault}")


def _text(register: Path) -> str:
    try:
        return register.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = fault.object.count(b"\n", 0, fault.start) + 1
        raise NotARegister(register, f"is not UTF-8 (line {line}): save it as CSV UTF-8") from None


def _check_columns(register: Path, columns: Sequence[str]) -> None:
    """Names columns that are needed, never what stands there: without a header it is somebody's data."""
    count = Counter(columns)
    faults = {
        "lacks": [name for name in COLUMNS if not count[name]],
        "has more than once": [name for name in (*COLUMNS, *TIES, REGION) if count[name] > 1],
    }
    for fault, names in faults.items():
        if names:
            several = "s" if len(names) > 1 else ""
            raise NotARegister(
                register, f"{fault} the column{several} {', '.join(names)}; needed are {', '.join(COLUMNS)}"
            )


def _entries(
    rows: Iterable[tuple[int, list[str] | Unfit]], columns: Sequence[str], folder: Path
) -> Iterator[PersonEntry | Refusal]:
    seen: dict[str, int] = {}
    for line, cells in rows:
        if not isinstance(cells, Unfit) and not any(map(str.strip, cells)):
            continue
        try:
            entry = _entry(columns, cells, folder, f"row {line}")
        except Unfit as fault:
            yield _refused(line, str(fault))
            continue
        first = seen.setdefault(entry.register_number, line)
        yield entry if first == line else _refused(line, f"register number stands in row {first} already")


def _refused(line: int, why: str) -> Refusal:
    return Refusal(f"row {line}", why, f"row {line}")


def _entry(columns: Sequence[str], cells: list[str] | Unfit, folder: Path, place: str) -> PersonEntry:
    if isinstance(cells, Unfit):
        raise cells
    if len(cells) != len(columns):
        raise Unfit(f"it has {len(cells)} cells, the header {len(columns)}")
    row = dict(zip(columns, cells, strict=True))
    photos = tuple(str(folder / photo.replace("\\", "/")) for photo in _parts(row["photos"]))
    kin, same_as = (_parts(row.get(column, "")) for column in TIES)
    return _checked(PersonEntry(row["register_number"].strip(), _facts(row), photos, kin, same_as, place))


def _facts(row: Mapping[str, str]) -> PersonFacts:
    names = tuple(" ".join(name.split()) for name in _parts(row["names"]))
    year, status = _year(row["birth_year"].strip()), _status(row["status"].strip().lower())
    return PersonFacts(names, year, status, _region(row[REGION]) if REGION in row else None)


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(SEPARATOR) if part.strip())


def _year(cell: str) -> int | None:
    if not cell:
        return None
    year = int(cell) if YEAR.fullmatch(cell) else 0
    if not OLDEST_BIRTH_YEAR <= year <= utcnow().year:
        raise Unfit(f"birth_year is no year between {OLDEST_BIRTH_YEAR} and now")
    return year


def _region(cell: str) -> str:
    region = " ".join(cell.split())
    _check_text("region", region, LONGEST_REGION)
    return region


def _status(cell: str) -> PersonStatus:
    try:
        return PersonStatus(cell) if cell else PersonStatus.MISSING
    except ValueError:
        raise Unfit(f"status is none of {', '.join(PersonStatus)}") from None


# --- both --------------------------------------------------------------------------------------------------


def _checked(entry: PersonEntry) -> PersonEntry:
    """The entry, if it can be kept.  Raises Unfit."""
    if not entry.register_number:
        raise Unfit("it has no register_number")
    _check_text("register_number", entry.register_number, LONGEST_NUMBER)
    if entry.facts is not None and not entry.facts.names:
        raise Unfit("it has no names")
    for name in entry.facts.names if entry.facts is not None else ():
        _check_text("a name", name, LONGEST_NAME)
    if len(entry.kin) + len(entry.same_as) > MOST_TIES:
        raise Unfit(f"it has more than {MOST_TIES} ties to other entries")
    if len(entry.photos) > MOST_PHOTOS:
        raise Unfit(f"it has {len(entry.photos)} photos: {MOST_PHOTOS} are the most")
    return entry


def _check_text(what: str, text: str, longest: int | None = None) -> None:
    if longest is not None and len(text) > longest:
        raise Unfit(f"{what} is longer than {longest} characters")
    for char in text:
        if unicodedata.category(char) in UNPRINTABLE and char not in JOINERS_AND_MARKS:
            raise Unfit(f"{what} holds a character that cannot be printed: U+{ord(char):04X}")


def _reason(fault: OSError | ValueError) -> str:
    """Without the path that an OSError's text carries."""
    return (isinstance(fault, OSError) and fault.strerror) or "no file can be called so"
