"""What a figure of a report counted, to be shown to people: each record with what it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, TextClause, text

from lastseen import yearly
from lastseen.yearly import Period, Record, Thing
from storage import year_figures

MOST: Final = 200
"""records on one page"""

PEOPLE = text("SELECT id, register_number, names FROM persons WHERE id = ANY(CAST(:ids AS bigint[]))")
SEEN = text("SELECT id, state = 'sighting' AS stands FROM candidates WHERE id = ANY(CAST(:ids AS bigint[]))")
STATEMENTS = text("""
    SELECT id, says, body, reference, dated FROM statements WHERE id = ANY(CAST(:ids AS bigint[]))""")
LINES = text("""
    SELECT list_entries.id, list_id, title, body, "row" FROM list_entries JOIN lists ON lists.id = list_id
     WHERE list_entries.id = ANY(CAST(:ids AS bigint[]))""")
OTHERS: Final = {
    Thing.LETTER: text("""
        SELECT letters.id, letter_recipients.name AS called FROM letters
          JOIN letter_recipients ON letter_recipients.id = recipient_id
         WHERE letters.id = ANY(CAST(:ids AS bigint[]))"""),
    Thing.CASE: text("SELECT id, title AS called FROM group_cases WHERE id = ANY(CAST(:ids AS bigint[]))"),
    Thing.TIP: text("SELECT id, came_by AS called FROM tips WHERE id = ANY(CAST(:ids AS bigint[]))"),
    Thing.LIST: text("SELECT id, title AS called FROM lists WHERE id = ANY(CAST(:ids AS bigint[]))"),
    Thing.PACKAGE: text("SELECT id, recipient AS called FROM packages WHERE id = ANY(CAST(:ids AS bigint[]))"),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """Because of which somebody is counted."""

    id: int
    says: str
    body: str
    reference: str
    dated: date


@dataclass(frozen=True, slots=True)
class ListLine:
    """Because of which somebody is counted."""

    id: int
    list_id: int
    title: str
    body: str
    row: int


@dataclass(frozen=True, slots=True)
class Line:
    """One record, as it is shown."""

    record: Record
    called: str
    """a person's first name of the register, a recipient, a title; empty: it is not there any more"""
    number: str = ""
    """register number, of a person"""
    candidate: int = 0
    """a possible sighting whose page may be opened: it still is one"""
    statement: Statement | None = None
    line: ListLine | None = None


def counted(db: Connection, period: Period, as_of: datetime, figure: str) -> Sequence[Record]:
    """What a figure counts.  Raises KeyError if there is no such figure."""
    return yearly.records(period, year_figures.facts(db, period, as_of, yearly.needs(figure)))[figure]


def shown(db: Connection, records: Sequence[Record]) -> list[Line]:
    """These records with what they are about, in the same order."""
    people = _by_id(db, PEOPLE, [one.id for one in records if one.thing is Thing.PERSON])
    stands = _by_id(db, SEEN, [one.candidate for one in records if one.candidate])
    said = _by_id(db, STATEMENTS, [one.statement for one in records if one.statement])
    lines = _by_id(db, LINES, [one.line for one in records if one.line])
    others = {
        thing: _by_id(db, asked, [one.id for one in records if one.thing is thing]) for thing, asked in OTHERS.items()
    }
    return [_line(one, people, stands, said, lines, others.get(one.thing, {})) for one in records]


Rows = Mapping[int, Mapping[str, Any]]


def _line(record: Record, people: Rows, stands: Rows, said: Rows, lines: Rows, others: Rows) -> Line:
    person, other = people.get(record.id, {}), others.get(record.id, {})
    if record.thing is Thing.PERSON:
        called, number = (person.get("names") or [""])[0], person.get("register_number", "")
    else:
        called, number = other.get("called", ""), ""
    return Line(
        record,
        called,
        number,
        candidate=record.candidate if stands.get(record.candidate, {}).get("stands") else 0,
        statement=Statement(**said[record.statement]) if record.statement in said else None,
        line=ListLine(**lines[record.line]) if record.line in lines else None,
    )


def _by_id(db: Connection, asked: TextClause, ids: Sequence[int]) -> Rows:
    if not ids:
        return {}
    return {row["id"]: dict(row) for row in db.execute(asked, {"ids": sorted(set(ids))}).mappings()}
