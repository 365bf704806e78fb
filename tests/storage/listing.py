"""Lists for tests, without a file: lines that name people, and whom the names propose."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import insert

from lastseen.records import PersonEntry, PersonFacts, PersonStatus
from storage import lists, register
from storage.lists import Received
from storage.stores import Stores
from storage.tables import list_matches

DATED = date(2026, 1, 31)


def line(row: int, name: str, says: str = "dead", **more: object) -> dict[str, Any]:
    """A line as it is kept."""
    kept = {"row": row, "part": 1, "names": [name], "birth_year": None, "born": None, "says": says, "since": None,
            "note": "", "raw": {"names": name}, "fault": "", "key": name.lower()}  # fmt: skip
    return kept | more


def kept(stores: Stores, lines: Sequence[dict[str, Any]], body: str = "Side A", title: str = "A list") -> int:
    """A list with these lines; its row id."""
    sha256 = hashlib.sha256(secrets.token_bytes(8)).hexdigest()
    mapping = {"columns": {"names": ["names"]}, "says": "", "values": {}, "dates": [], "header": True}
    received = Received(title, body, "csv", DATED, "a.csv", sha256, 1, "list/none", mapping)
    with stores.db.begin() as db:
        return lists.keep(db, received, lines, "tester")[0].list


def propose(stores: Stores, entry: int, *people: int) -> None:
    """Have the names propose these people (row ids) for a line."""
    why = {"score": 0.9, "fitting": 1, "reasons": [
        {"field": "surname", "said": "Ada", "registered": "Ada", "verdict": "agrees", "how": ""}]}  # fmt: skip
    rows = [{"entry_id": entry, "person_id": person, "rank": rank, "why": why} for rank, person in enumerate(people, 1)]
    with stores.db.begin() as db:
        db.execute(insert(list_matches), rows)


def person(stores: Stores, number: str, name: str = "Ada Test", year: int | None = None) -> int:
    """An entry of the register; its row id."""
    entry = PersonEntry(number, PersonFacts((name,), year, PersonStatus.MISSING), ())
    with stores.db.begin() as db:
        return register.keep_person(db, entry, 5).person


def listed(stores: Stores, number: str) -> tuple[int, int]:
    """A list of one line that may speak of a new entry with this number: row ids of list and line."""
    made = kept(stores, [line(2, f"Ada {number}")])
    with stores.db.begin() as db:
        (entry,) = lists.entries_of(db, made)
    propose(stores, entry, person(stores, number))
    return made, entry
