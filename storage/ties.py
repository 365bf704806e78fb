"""What the office declares of two entries of its register: relatives, or one person who was entered twice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.records import TieKind
from storage import candidates
from storage.custody import Action, Entry

PERSON = text("SELECT id FROM persons WHERE register_number = :number")
DECLARE = text("""
    INSERT INTO ties (one_person_id, other_person_id, kind, declared_by) VALUES (:one, :other, :kind, :actor)
    ON CONFLICT DO NOTHING""")
HELD = text("SELECT kind FROM ties WHERE one_person_id = :one AND other_person_id = :other FOR UPDATE")
UNTIE = text("DELETE FROM ties WHERE one_person_id = :one AND other_person_id = :other")
LISTED = text("""
    SELECT one.register_number AS one, other.register_number AS other, kind, declared_by, declared_at
      FROM ties JOIN persons AS one ON one.id = one_person_id JOIN persons AS other ON other.id = other_person_id
     WHERE CAST(:number AS text) IS NULL OR :number IN (one.register_number, other.register_number)
     ORDER BY one.register_number, other.register_number""")

SAME = text("SELECT one_person_id, other_person_id FROM ties WHERE kind = 'same' ORDER BY 1, 2")
# A tie that is taken back leaves no row: what was declared at a past moment stands in the custody log.
SAME_THEN = text("""
    SELECT one, other
      FROM (SELECT DISTINCT ON (subject, detail ->> 'other') CAST(split_part(subject, ':', 2) AS bigint) AS one,
                   CAST(detail ->> 'other' AS bigint) AS other, action, detail ->> 'kind' AS kind
              FROM custody_events WHERE action IN ('tied', 'untied') AND at <= :as_of
             ORDER BY subject, detail ->> 'other', seq DESC) AS newest
     WHERE action = 'tied' AND kind = 'same' ORDER BY one, other""")


class NotTied(WrongUse):
    """These two entries cannot be tied so; the message says why, and names no entry."""


@dataclass(frozen=True, slots=True)
class Tie:
    """One that stands.  It has no direction."""

    one: str
    """register number"""
    other: str
    kind: TieKind
    declared_by: str
    declared_at: datetime


def person(db: Connection, number: str) -> int:
    """The row id of an entry.  Raises WrongUse."""
    found: int | None = db.execute(PERSON, {"number": number}).scalar()
    if found is None:
        raise WrongUse(f"the register has no entry {number}")
    return found


def declare(
    db: Connection, numbers: tuple[str, str], kind: TieKind, actor: str, people_per_track: int, reason: str = ""
) -> list[Entry]:
    """Tie two entries (register numbers); the same tie again changes nothing.

    Of two entries that are one person, what asks the same becomes one question.  Returns what the custody log must say.
    Call it before anything else in its transaction: it may take `candidates.lock`.  Raises NotTied, and WrongUse if
    there is no such entry.
    """
    if kind is TieKind.SAME:
        candidates.lock(db)
    one, other = sorted(person(db, number) for number in numbers)
    if one == other:
        raise NotTied("an entry has no tie with itself")
    pair = {"one": one, "other": other}
    if db.execute(DECLARE, {**pair, "kind": kind, "actor": actor}).rowcount:
        if kind is TieKind.SAME:
            candidates.rearrange(db, (one, other), people_per_track)
        return [Entry(Action.TIED, f"person:{one}", {"other": other, "kind": kind}, reason)]
    held = db.execute(HELD, pair).scalar()
    if held != kind:
        raise NotTied(f"the two entries are declared as {held} already: `lastseen register untie` first")
    return []


def untie(db: Connection, numbers: tuple[str, str], reason: str, people_per_track: int) -> list[Entry]:
    """Take the tie of two entries back: each of them asks for itself again.  Returns what the custody log must say.

    Call it before anything else in its transaction: it takes `candidates.lock`.  Raises WrongUse if there is none.
    """
    candidates.lock(db)
    one, other = sorted(person(db, number) for number in numbers)
    pair = {"one": one, "other": other}
    held = db.execute(HELD, pair).scalar()
    if held is None:
        raise WrongUse(f"{numbers[0]} and {numbers[1]} have no tie: `lastseen register show` lists those of an entry")
    db.execute(UNTIE, pair)
    candidates.rearrange(db, (one, other), people_per_track)
    return [Entry(Action.UNTIED, f"person:{one}", {"other": other, "kind": held}, reason)]


def listed(db: Connection, number: str | None = None) -> list[Tie]:
    """Those of one entry (register number), or all."""
    rows = db.execute(LISTED, {"number": number}).mappings()
    return [Tie(**{**row, "kind": TieKind(row["kind"])}) for row in rows]


def same(db: Connection, as_of: datetime | None = None) -> list[tuple[int, int]]:
    """Pairs of entries (row ids) that are declared as one person; `as_of`: that were at that moment."""
    found = db.execute(SAME) if as_of is None else db.execute(SAME_THEN, {"as_of": as_of})
    return [(one, other) for one, other in found]


def groups(db: Connection, people: Iterable[int], as_of: datetime | None = None) -> list[tuple[int, ...]]:
    """Of these entries (row ids), each with all that are the same person, once; `as_of`: as it was then."""
    beside: dict[int, set[int]] = defaultdict(set)
    for one, other in same(db, as_of):
        beside[one].add(other)
        beside[other].add(one)
    found, met = [], set[int]()
    for entry in people:
        if entry not in met:
            group = _reached(entry, beside)
            met |= group
            found.append(tuple(sorted(group)))
    return found


def _reached(start: int, beside: Mapping[int, set[int]]) -> set[int]:
    found, waiting = {start}, [start]
    while waiting:
        fresh = beside.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found
