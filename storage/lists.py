"""Lists of names that somebody gave out: as received, line by line, beside the register, and what people decided.

A list is a claim, and so is each of its lines.  What the names alone propose (`list_matches`) is worked out again
whenever the register changes; a line says something of somebody only once a person confirmed it, and then as a
statement of the list's giver.  An undone list stays with all its lines, and its statements are withdrawn.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.records import NamedPerson
from lastseen.words import words
from storage import candidates, statements
from storage.custody import Action, Entry
from storage.versions import What, version

BLOCK: Final = 512
"""lines that are compared together: their ids, divided by this, are the same"""
LONGEST_NAME: Final = 100
"""characters of a mapping's name"""

KEEP = text("""
    INSERT INTO lists (title, body, kind, dated, file_name, sha256, size, object_key, mapping, imported_by)
    VALUES (:title, :body, :kind, :dated, :file_name, :sha256, :size, :key, CAST(:mapping AS jsonb), :by)
    RETURNING id""")
KEEP_LINES = text("""
    INSERT INTO list_entries (list_id, "row", part, names, birth_year, born, says, since, note, raw, fault,
                              fault_words, key)
    SELECT :list, "row", part, ARRAY(SELECT jsonb_array_elements_text(names)), birth_year, born, says, since, note, raw,
           fault, fault_words, key
      FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS line ("row" int, part smallint, names jsonb, birth_year int,
           born date, says text, since date, note text, raw jsonb, fault text, fault_words jsonb,
           key text)
     ORDER BY "row", part""")
SAME_FILE = text("""
    SELECT lists.id, imported_at FROM lists LEFT JOIN list_undos ON list_id = lists.id
     WHERE sha256 = :sha256 AND undone_at IS NULL ORDER BY lists.id DESC LIMIT 1""")
UNDO = text("INSERT INTO list_undos (list_id, reason, undone_by) VALUES (:list, :reason, :by)")
STATED = text("""
    SELECT statements.id FROM statements JOIN list_entries ON list_entries.id = list_entry_id
      LEFT JOIN statement_withdrawals ON statement_id = statements.id
     WHERE list_id = :list AND withdrawn_at IS NULL
       AND (CAST(:entry AS bigint) IS NULL OR list_entry_id = :entry)
       AND (CAST(:person AS bigint) IS NULL OR person_id = :person) ORDER BY statements.id""")

KEEP_MAPPING = text("INSERT INTO list_mappings (name, mapping, kept_by) VALUES (:name, CAST(:mapping AS jsonb), :by)")
MAPPING = text("SELECT mapping FROM list_mappings WHERE name = :name ORDER BY id DESC LIMIT 1")
MAPPINGS = text("""
    SELECT DISTINCT ON (name) name, mapping, kept_by, kept_at FROM list_mappings ORDER BY name, id DESC""")

# --- comparing

PEOPLE = text("SELECT id, names, birth_year FROM persons ORDER BY id")
DUE = text("""
    WITH held AS (SELECT list_entries.id / :size AS block, count(*) AS entries, sum(list_entries.id) AS ids
                    FROM list_entries LEFT JOIN list_undos USING (list_id) WHERE undone_at IS NULL GROUP BY 1)
    SELECT held.block FROM held LEFT JOIN list_looks AS looks ON looks.block = held.block AND looks.matcher = :matcher
     WHERE (looks.entries, looks.ids, looks.register) IS DISTINCT FROM (held.entries, held.ids, :register)
     ORDER BY held.block DESC""")
STATE = text("""
    SELECT count(*) AS entries, coalesce(sum(list_entries.id), 0) AS ids
      FROM list_entries LEFT JOIN list_undos USING (list_id)
     WHERE undone_at IS NULL AND list_entries.id >= :first AND list_entries.id < :end""")
LINES = text("""
    SELECT list_entries.id, names, birth_year FROM list_entries LEFT JOIN list_undos USING (list_id)
     WHERE undone_at IS NULL AND list_entries.id >= :first AND list_entries.id < :end
       AND names <> '{}' AND says <> ''
     ORDER BY list_entries.id""")
# What somebody decided stays beside its proposal, with the reasons that they saw.
DROP = text("""
    DELETE FROM list_matches WHERE entry_id >= :first AND entry_id < :end
       AND NOT EXISTS (SELECT FROM list_decisions WHERE list_decisions.entry_id = list_matches.entry_id
                                                    AND list_decisions.person_id = list_matches.person_id)
       AND (entry_id, person_id) NOT IN (
            SELECT entry, person FROM jsonb_to_recordset(CAST(:rows AS jsonb))
                       AS found (entry bigint, person bigint))""")
PROPOSE = text("""
    WITH there AS (SELECT id FROM persons WHERE id = ANY(:people) ORDER BY id FOR SHARE)
    INSERT INTO list_matches AS known (entry_id, person_id, rank, why)
    SELECT entry, person, rank, why
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS found (entry bigint, person bigint, rank smallint, why jsonb)
     WHERE person IN (SELECT id FROM there)
        ON CONFLICT (entry_id, person_id) DO UPDATE SET rank = excluded.rank, why = excluded.why
     WHERE (known.rank, known.why) IS DISTINCT FROM (excluded.rank, excluded.why)
    RETURNING xmax = 0 AS new""")
LOOKED = text("""
    INSERT INTO list_looks (block, matcher, entries, ids, register)
    VALUES (:block, :matcher, :entries, :ids, :register)
    ON CONFLICT (block, matcher) DO UPDATE
       SET entries = excluded.entries, ids = excluded.ids, register = excluded.register, looked_at = now()""")
UNCOMPARED = text("""
    SELECT count(*) FROM list_entries
     WHERE list_id = :list AND names <> '{}' AND says <> ''
       AND NOT EXISTS (SELECT FROM list_looks WHERE block = list_entries.id / :size AND matcher = :matcher)""")


@dataclass(frozen=True, slots=True)
class Received:
    """A list as somebody gave it out."""

    title: str
    body: str
    """whose claim it is"""
    kind: str
    """`csv`, `xlsx`, `pfif` or `text`"""
    dated: date
    file_name: str
    sha256: str
    size: int
    key: str
    """of its object in the register bucket"""
    mapping: Mapping[str, Any]
    """how its columns were understood"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What an import did."""

    list: int
    lines: int
    faulty: int
    """of which something was not understood"""


@dataclass(frozen=True, slots=True)
class Saved:
    """A mapping that was saved under a name."""

    name: str
    mapping: Mapping[str, Any]
    kept_by: str
    kept_at: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """What one comparing of a block was about: another one is due when any of it changes."""

    block: int
    entries: int
    ids: Decimal
    """sum of their row ids"""
    register: str
    """the state of the register"""


@dataclass(frozen=True, slots=True)
class Named:
    """A line that names somebody."""

    id: int
    names: tuple[str, ...]
    birth_year: int | None


@dataclass(frozen=True, slots=True)
class Proposed:
    """What keeping a block's proposals did."""

    lines: int
    """that have some"""
    new: int
    gone: int


# --- receiving ---------------------------------------------------------------------------------------------


def keep(db: Connection, received: Received, lines: Sequence[Mapping[str, Any]], actor: str) -> tuple[Kept, Entry]:
    """Write a list down with all its lines, also those that were not understood.

    A line is a mapping of the columns of `list_entries`.  Returns what that did, and what the custody log must say.
    Raises WrongUse if nobody is said to claim it.
    """
    if not received.title.strip() or not received.body.strip():
        raise WrongUse(words("Say what the list is called, and who gave it out."))
    values = asdict(received) | {"mapping": json.dumps(received.mapping), "by": actor}
    made: int = db.execute(KEEP, values).scalar_one()
    db.execute(KEEP_LINES, {"list": made, "lines": json.dumps(lines, default=str)})
    faulty = sum(bool(line["fault"]) for line in lines)
    detail = {"lines": len(lines), "faulty": faulty, "sha256": received.sha256, "kind": received.kind,
              "dated": received.dated.isoformat()}  # fmt: skip
    return Kept(made, len(lines), faulty), Entry(Action.LISTED, f"list:{made}", detail)


def same_file(db: Connection, sha256: str) -> int | None:
    """The newest list that stands and came of the same bytes."""
    found: int | None = db.execute(SAME_FILE, {"sha256": sha256}).scalar()
    return found


def undo(
    db: Connection, list_: int, reason: str, actor: str, people_per_track: int
) -> tuple[int, tuple[int, ...], list[Entry]]:
    """Have a list count for nothing any more: what it had said of people is withdrawn, and their statuses go back.

    Returns how many statements that were, candidates that came up by it, and what the custody log must say.  Call it
    before anything else in its transaction: it takes `candidates.lock`.  Raises WrongUse.
    """
    candidates.lock(db)
    if not reason.strip():
        raise WrongUse(words("Say why, for whoever reads it in ten years."))
    row = db.execute(text("SELECT undone_at FROM lists LEFT JOIN list_undos ON list_id = id WHERE id = :list"),
                     {"list": list_}).first()  # fmt: skip
    if row is None:
        raise WrongUse(words("There is no list {id}.", id=str(list_)))
    if row.undone_at is not None:
        raise WrongUse(words("This list was undone before."))
    withdrawn, came_up, entries = withdraw(db, list_, reason, actor, people_per_track)
    db.execute(UNDO, {"list": list_, "reason": reason.strip(), "by": actor})
    detail = {"statements": withdrawn, "content": statements.digest(reason.strip())}
    said = Entry(Action.LIST_UNDONE, f"list:{list_}", detail)
    return withdrawn, came_up, [*entries, said]


def withdraw(
    db: Connection, list_: int, reason: str, actor: str, people_per_track: int,
    entry: int | None = None, person: int | None = None,
) -> tuple[int, tuple[int, ...], list[Entry]]:  # fmt: skip
    """Withdraw what stands of a list, or of one line of it about one person."""
    asked = {"list": list_, "entry": entry, "person": person}
    came_up: list[int] = []
    entries: list[Entry] = []
    found = db.execute(STATED, asked).scalars().all()
    for statement in found:
        kept, said = statements.withdraw(db, statement, reason, actor, people_per_track)
        came_up.extend(kept.came_up)
        entries.extend(said)
    return len(found), tuple(came_up), entries


# --- mappings ----------------------------------------------------------------------------------------------


def keep_mapping(db: Connection, name: str, mapping: Mapping[str, Any], actor: str) -> None:
    """Save one under a name; another of that name is kept, and counts no more.  Raises WrongUse."""
    if not name.strip() or len(name) > LONGEST_NAME:
        raise WrongUse(words("A mapping's name has 1 to {most} characters.", most=LONGEST_NAME))
    if mapping_named(db, name.strip()) != mapping:
        db.execute(KEEP_MAPPING, {"name": name.strip(), "mapping": json.dumps(mapping), "by": actor})


def mapping_named(db: Connection, name: str) -> Mapping[str, Any] | None:
    """The newest of this name."""
    found: Mapping[str, Any] | None = db.execute(MAPPING, {"name": name.strip()}).scalar()
    return found


def mappings(db: Connection) -> list[Saved]:
    """All, by name."""
    return [Saved(**row) for row in db.execute(MAPPINGS).mappings()]


# --- comparing ---------------------------------------------------------------------------------------------


def people(db: Connection) -> list[NamedPerson]:
    """Everybody in the register, whatever became of them: lists speak of those who came home, too."""
    return [NamedPerson(row.id, tuple(row.names), row.birth_year) for row in db.execute(PEOPLE)]


def due(db: Connection, matcher: str) -> Sequence[int]:
    """Blocks whose lines were not all compared with the register as it is, the newest first."""
    return db.execute(DUE, {"matcher": matcher, "register": version(db, What.REGISTER), "size": BLOCK}).scalars().all()


def look(db: Connection, block: int) -> Look:
    """The block and the register as they stand.  Ask before reading them: what comes in between is compared again."""
    row = db.execute(STATE, _range(block)).one()
    return Look(block, row.entries, row.ids, version(db, What.REGISTER))


def lines(db: Connection, block: int) -> list[Named]:
    """The lines of a block that name somebody."""
    return [Named(row.id, tuple(row.names), row.birth_year) for row in db.execute(LINES, _range(block))]


def propose(
    db: Connection, matcher: str, looked: Look, found: Mapping[int, Sequence[tuple[int, Mapping[str, Any]]]]
) -> Proposed:
    """Make a block's proposals those that were found, and note what was compared.

    `found`: line -> (person, why), the likeliest first.
    """
    rows: list[dict[str, Any]] = [
        {"entry": entry, "person": person, "rank": rank, "why": why}
        for entry, people_ in found.items() for rank, (person, why) in enumerate(people_, 1)
    ]  # fmt: skip
    values = {"rows": json.dumps(rows), **_range(looked.block)}
    made = db.execute(PROPOSE, {**values, "people": sorted({row["person"] for row in rows})}).scalars().all()
    gone = db.execute(DROP, values).rowcount
    db.execute(LOOKED, {"matcher": matcher, **asdict(looked)})
    return Proposed(sum(map(bool, found.values())), sum(made), gone)


def uncompared(db: Connection, list_: int, matcher: str) -> int:
    """How many of its lines nobody has held against the register."""
    found: int = db.execute(UNCOMPARED, {"list": list_, "matcher": matcher, "size": BLOCK}).scalar_one()
    return found


def entries_of(db: Connection, list_: int) -> list[int]:
    """Row ids of all of its lines, in their order."""
    asked = text("SELECT id FROM list_entries WHERE list_id = :list ORDER BY id")
    return list(db.execute(asked, {"list": list_}).scalars())


def blocks_of(db: Connection, list_: int) -> list[int]:
    """Blocks in which a list has lines."""
    asked = text("SELECT DISTINCT id / :size AS block FROM list_entries WHERE list_id = :list ORDER BY 1")
    return list(db.execute(asked, {"list": list_, "size": BLOCK}).scalars())


def _range(block: int) -> dict[str, int]:
    return {"first": block * BLOCK, "end": (block + 1) * BLOCK}
