"""Rows understood by a mapping.  What cannot be understood keeps its words, and says what to write instead."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from typing import Final

from lastseen.words import Words, words
from matchers.lists.mapping import (
    BIRTH_YEAR,
    BORN,
    FAMILY,
    GIVEN,
    NAMES,
    NOTE,
    PATRONYMIC,
    SAYS,
    SINCE,
    Columns,
    check,
)
from matchers.lists.sheets import Row, Sheet
from matchers.names import given, people
from matchers.names.folding import seen, spellings

OLDEST: Final = 1900
LONGEST_NAME: Final = 300
"""characters"""
MOST_NAMES: Final = 10
"""spellings of one person's name"""
_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_MONTH = re.compile(r"\d{4}-\d\d$|\d\d\.\d{4}$")
_ANY_NUMBER = re.compile(r"\d")
_BETWEEN = re.compile(r"\s*[|/]\s*")
_NUMBERED = re.compile(r"^\s*(?:\d{1,6}\s*[.)]|[-•–—*])\s*")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list."""

    row: int
    part: int
    """of several people in one row, which"""
    names: tuple[str, ...]
    birth_year: int | None
    born: date | None
    says: str
    """one of `Says`; empty where a fault says why"""
    since: date | None
    note: str
    raw: dict[str, str]
    """column -> what stood there"""
    fault: Words | None
    """what could not be understood; the rest of the line may be"""
    key: str
    """the same for lines that name the same person in the same way, in whatever script; empty: it has no names"""

    @property
    def compared(self) -> bool:
        """It can be held against the register."""
        return bool(self.names and self.says)


def read(sheet: Sheet, mapping: Columns, today: date) -> list[Line]:
    """Every row as a line.  Raises WrongUse."""
    check(mapping, sheet)
    places = {name: place for place, name in enumerate(sheet.columns)}
    parts: Counter[int] = Counter()
    made = []
    for row in sheet.rows:
        parts[row.number] += 1
        made.append(_line(row, parts[row.number], sheet.columns, places, mapping, today))
    return made


def doubles(lines: Iterable[Line]) -> list[tuple[Line, ...]]:
    """Lines that name the same person in the same way, each group by its first row."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        if line.key:
            groups.setdefault(line.key, []).append(line)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def key_of(names: Iterable[str], birth_year: int | None) -> str:
    """Words in one spelling and one order, with the year: Петренко Іван and Ivan PETRENKO are the same."""
    first = next(iter(names), "")
    found = sorted(_label(word) for word in seen(first).split() if _LETTER.search(word))
    return f"{' '.join(found)} {birth_year or ''}".strip() if found else ""


def _label(word: str) -> str:
    return given.name(word).label.lower() if people.is_given(word) else spellings(word)[0].coarse


class _Faults(list[Words]):
    """What is wrong with one row."""

    def note(self, column: str, why: Words) -> None:
        self.append(words("{column}: {why}", column=column, why=why) if column else why)

    @property
    def whole(self) -> Words | None:
        """All of it, one after the other."""
        return reduce(lambda one, other: words("{one}; {other}", one=one, other=other), self) if self else None


def _line(row: Row, part: int, columns: tuple[str, ...], places: dict[str, int], mapping: Columns, today: date) -> Line:
    cells = {name: row.cells[place].strip() if place < len(row.cells) else "" for name, place in places.items()}
    raw = {name: written for name, written in cells.items() if written}
    raw |= {str(place): one for place, one in enumerate(row.cells[len(columns) :], len(columns) + 1) if one}
    faults = _Faults([row.fault] if row.fault else [])
    if row.fault and "expiry_date" not in row.fault and "formula" not in row.fault:
        return Line(row.number, part, (), None, None, "", None, "", raw, faults.whole, "")
    names = tuple(_names(cells, mapping, faults))
    born, year = _birth(cells, mapping, faults, today)
    says, since = _says(cells, mapping, faults), _since(cells, mapping, faults, today)
    note = "; ".join(cells[one] for one in mapping.columns.get(NOTE, ()) if cells[one])
    if row.fault and "expiry_date" in row.fault:
        names = ()
    line = Line(row.number, part, names, year, born, says, since, note, raw, faults.whole, "")
    return replace(line, key=key_of(names, year))


def _names(cells: dict[str, str], mapping: Columns, faults: _Faults) -> Iterator[str]:
    columns = mapping.columns
    written = [one for column in columns.get(NAMES, ()) for one in _spellings(cells[column])]
    parted = " ".join(cells[one] for name in (FAMILY, GIVEN, PATRONYMIC) for one in columns.get(name, ()) if cells[one])
    found = dict.fromkeys(filter(_LETTER.search, (_tidy(one) for one in [*written, parted])))
    column = next(iter((*columns.get(NAMES, ()), *columns.get(FAMILY, ()))), "")
    if not found:
        if not faults:
            faults.note(column, words("there is no name: write at least a surname and a given name"))
        return
    if any(len(one) > LONGEST_NAME for one in found) or len(found) > MOST_NAMES:
        why = words(
            "that is no name: {longest} characters and {most} spellings are the most",
            longest=LONGEST_NAME,
            most=MOST_NAMES,
        )
        faults.note(column, why)
        return
    if not any(len(_LETTER.sub("x", one).split()) > 1 for one in found):
        why = words("there is one word only: without a given name or initials nobody can be told apart")
        faults.note(column, why)
    yield from found


def _spellings(cell: str) -> list[str]:
    """Parted by | or /; by a line's end only where whole names stand on the lines, and not one that is broken."""
    parts = cell.splitlines()
    whole = parts if all(len(part.split()) > 1 for part in parts) else [" ".join(parts)]
    return [one for part in whole for one in _BETWEEN.split(part)]


def _tidy(name: str) -> str:
    return " ".join(_NUMBERED.sub("", seen(name)).split()).strip(" ,;")


def _birth(cells: dict[str, str], mapping: Columns, faults: _Faults, today: date) -> tuple[date | None, int | None]:
    born, year = None, None
    for column in mapping.columns.get(BORN, ()):
        if written := cells[column]:
            born, year = _day_or_year(column, written, mapping, faults)
    for column in mapping.columns.get(BIRTH_YEAR, ()):
        if (written := cells[column]) and year is None:
            year = _year(column, written, faults)
    if year is not None and not OLDEST <= year <= today.year:
        column = next(iter((*mapping.columns.get(BORN, ()), *mapping.columns.get(BIRTH_YEAR, ()))))
        why = words(
            "nobody who is looked for was born in {year}: write a year from {first} to {last}",
            year=str(year),
            first=str(OLDEST),
            last=str(today.year),
        )
        faults.note(column, why)
        return None, None
    return born, year


def _day_or_year(column: str, written: str, mapping: Columns, faults: _Faults) -> tuple[date | None, int | None]:
    try:
        day = mapping.day(written)
    except ValueError:
        years = _YEAR.findall(written)
        if len(years) == 1 and (_MONTH.match(written) or not _ANY_NUMBER.search(_YEAR.sub("", written))):
            return None, int(years[0])
        why = words(
            "“{written}” is no day that is understood: write it as 1990-05-31, or say its order", written=written[:40]
        )
        faults.note(column, why)
        return None, int(years[0]) if len(years) == 1 else None
    return day, day.year if day else None


def _year(column: str, written: str, faults: _Faults) -> int | None:
    years = _YEAR.findall(written)
    if len(years) == 1:
        return int(years[0])
    faults.note(column, words("“{written}” is no year: write four digits, as 1990", written=written[:40]))
    return None


def _says(cells: dict[str, str], mapping: Columns, faults: _Faults) -> str:
    for column in mapping.columns.get(SAYS, ()):
        if written := cells[column]:
            if says := mapping.said(written):
                return says
            why = words(
                "nobody said what “{written}” means: give it a meaning, in the way of загинув=dead",
                written=written[:40],
            )
            faults.note(column, why)
            return ""
    if not mapping.says:
        why = words("it says nothing of their fate: fill the cell")
        faults.note(next(iter(mapping.columns.get(SAYS, ())), ""), why)
    return mapping.says


def _since(cells: dict[str, str], mapping: Columns, faults: _Faults, today: date) -> date | None:
    for column in mapping.columns.get(SINCE, ()):
        if written := cells[column]:
            try:
                day = mapping.day(written)
            except ValueError:
                why = words("“{written}” is no day that is understood: write it as 2026-05-31", written=written[:40])
                faults.note(column, why)
                return None
            if day and day > today:
                faults.note(column, words("{day} has not been yet", day=day.isoformat()))
                return None
            return day
    return None
