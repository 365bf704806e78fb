"""A table of tips (CSV) into what was given, with what is wrong by row.  Reads bytes, and nothing else."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lastseen import links
from lastseen.errors import WrongUse
from storage import tips
from storage.tips import Given

COLUMNS: Final = ("link", "moment", "whom", "how", "contact", "language")
NEEDED: Final = ("link", "whom", "contact")
LONGEST: Final = 8 << 20
"""bytes of a table; ten thousand tips with long stories stay below"""
DELIMITERS: Final = ",;\t"
_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be taken as it is."""

    row: int
    """as a spreadsheet counts: the heading is row 1"""
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """What a table holds."""

    rows: tuple[tuple[int, Given], ...]
    """row number, and what was given"""
    faults: tuple[Fault, ...]
    unread: tuple[Fault, ...]
    """rows that are taken, whose link leads to nothing that can be read"""


def read(content: bytes, private: Sequence[links.Network] = ()) -> Table:
    """Read it.  Raises WrongUse for what is no such table at all."""
    lines = _lines(content)
    names = [cell.strip().casefold() for cell in lines[0]]
    if lacking := [name for name in NEEDED if name not in names]:
        raise WrongUse(
            f"the first row has no column {', '.join(lacking)}: the columns are called {', '.join(COLUMNS)}, of which"
            f" {', '.join(NEEDED)} are needed"
        )
    if unknown := [name for name in names if name and name not in COLUMNS]:
        raise WrongUse(f"nobody knows what the column {unknown[0]!r} is: the columns are called {', '.join(COLUMNS)}")
    rows: list[tuple[int, Given]] = []
    faults, unread = [], []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            given = _given(names, cells)
        except WrongUse as fault:
            faults.append(Fault(number, str(fault)))
            continue
        rows.append((number, given))
        unread += _unread(number, given, private)
    return Table(tuple(rows), tuple(faults), tuple(unread))


def _lines(content: bytes) -> list[list[str]]:
    """Raises WrongUse."""
    if len(content) > LONGEST:
        raise WrongUse(f"the table is larger than {LONGEST >> 20} MiB: split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise WrongUse(f"the table is not written in UTF-8 (byte {fault.start}): save it as CSV UTF-8") from None
    if "\0" in text:
        raise WrongUse("this is no CSV: save the table as CSV UTF-8")
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as fault:
        raise WrongUse(f"this CSV cannot be read: {fault}") from None
    if not lines:
        raise WrongUse("the table is empty")
    return lines


def _given(names: Sequence[str], cells: Sequence[str]) -> Given:
    """Raises WrongUse."""
    if len(cells) > len(names):
        raise WrongUse(f"it has {len(cells)} cells, and the first row has {len(names)}: a cell with a delimiter in it"
                       " stands in quotes")  # fmt: skip
    said: Mapping[str, str] = dict(zip(names, cells, strict=False))
    at = links.seconds(said.get("moment", ""))
    whom, how, contact = (said.get(name, "") for name in ("whom", "how", "contact"))
    given = Given(said.get("link", ""), at, whom, how, contact, said.get("language", "").strip() or _LANGUAGE)
    tips.check(given)
    return given


def _unread(number: int, given: Given, private: Sequence[links.Network]) -> list[Fault]:
    try:
        links.read(given.address, private)
    except links.NotRead as fault:
        return [Fault(number, str(fault))]
    return []
