"""What the reader of a file hands on, whatever kind of file it was."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from lastseen.words import Words, words

LARGEST_FILE: Final = 32 << 20
"""bytes: a list of 100,000 names has about 10 MB"""
LARGEST_UNPACKED: Final = 256 << 20
"""bytes of all parts of a spreadsheet together"""
MOST_ROWS: Final = 200_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 4_000
"""characters"""
HEADER_WITHIN: Final = 20
"""rows, from the first: lists often begin with a title and a date"""
KINDS: Final = ("csv", "xlsx", "pfif", "text")


class Unreadable(Exception):
    """The file as a whole cannot be read; the message says what to do."""

    def __init__(self, why: Words) -> None:
        super().__init__(why)
        self.why = why


def to_copy(what: Words) -> Words:
    """What to do with something that has words, and is no table."""
    return words("it is {what}: copy its text into a file that ends in .txt, or its table into a CSV", what=what)


def to_save(what: Words) -> Words:
    """What to do with something that a spreadsheet opens, and this does not."""
    return words("it is {what}: open it as a table, and save that as XLSX or as CSV UTF-8", what=what)


def packed() -> Words:
    """What to do with something in which other files are packed."""
    return words("files are packed in it: unpack it, and take the one that is the list")


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or one person of a PFIF file."""

    number: int
    """as whoever opens the file counts: of a CSV the line on which it begins, of a text the line"""
    cells: tuple[str, ...]
    fault: Words | None = None
    """it could not be read as the others"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file, read and not yet understood."""

    kind: str
    """one of `KINDS`"""
    columns: tuple[str, ...]
    """as the header names them; without one `1`, `2` ..."""
    rows: tuple[Row, ...]
    taken: Mapping[str, str] = field(default_factory=dict)
    """what the file did not say and was found out: its encoding, its delimiter, which sheet ..."""

    def as_json(self) -> dict[str, Any]:
        """For the way out of the process that read it."""
        rows = [[row.number, row.cells, row.fault and row.fault.as_json()] for row in self.rows]
        return {"kind": self.kind, "columns": self.columns, "rows": rows, "taken": dict(self.taken)}

    @classmethod
    def of_json(cls, read: Mapping[str, Any]) -> Self:
        """The same again."""
        rows = tuple(
            Row(number, tuple(cells), Words.of_json(fault) if fault else None) for number, cells, fault in read["rows"]
        )
        return cls(read["kind"], tuple(read["columns"]), rows, read["taken"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What whoever imports says of the file; empty: find it out."""

    name: str = ""
    """of the file; its ending may say what it is"""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header: bool = True
    """False: its first row is somebody, and columns are called by their numbers"""


def cell(written: str) -> str:
    """As it is kept: PostgreSQL has no NUL, and no line of a list needs a bell."""
    return "".join(char if char.isprintable() or char in "\n\t" or ord(char) > 0x9F else "\ufffd" for char in written)


def headed(kind: str, rows: list[Row], taken: dict[str, str], wanted: Wanted, is_header: Any) -> Sheet:
    """The sheet, its header apart: the first row that looks like one (`is_header`), or else the first.

    Rows above it are no lines of the list; how many there are stands in `taken`.  Raises Unreadable.
    """
    rows = [row for row in rows if row.fault or any(map(str.strip, row.cells))]
    if not rows:
        raise Unreadable(words("there is nothing in it"))
    width = max(len(row.cells) for row in rows)
    if width > MOST_COLUMNS:
        raise Unreadable(words("it has {width} columns: {most} are the most", width=width, most=MOST_COLUMNS))
    numbers = tuple(str(place) for place in range(1, width + 1))
    if not wanted.header:
        return Sheet(kind, numbers, tuple(rows), taken)
    at = next((place for place, row in enumerate(rows[:HEADER_WITHIN]) if is_header(row.cells)), 0)
    if at:
        taken["rows above the header"] = str(at)
    return Sheet(kind, _columns(rows[at].cells, numbers), tuple(rows[at + 1 :]), taken)


def _columns(header: tuple[str, ...], numbers: tuple[str, ...]) -> tuple[str, ...]:
    """Each by a name of its own: who has none, or another's, is called by its number."""
    made: list[str] = []
    for place, number in enumerate(numbers):
        name = " ".join(header[place].split()) if place < len(header) else ""
        made.append(name if name and name not in made else f"{name} {number}".strip())
    return tuple(made)
