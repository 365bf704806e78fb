"""The people of the register as a list, and what else belongs on one person's timeline: letters, lists, posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, text

from lastseen import letter_marks
from lastseen.records import SEARCHED, PersonStatus
from storage import contradictions

MOST: Final = 50
"""people on one page"""
MOST_POSTS: Final = 200
"""on one person's page"""
NO_ID_SO_HIGH: Final = (1 << 63) - 1

# By row id, the newest entry first: a page goes on where the last one ended, whatever came in meanwhile.
LISTED = text("""
    SELECT persons.id, register_number, names, birth_year, status, region, sighted.found AS sighted,
           (SELECT count(*) FROM statements
             WHERE person_id = persons.id
               AND NOT EXISTS (SELECT FROM statement_withdrawals WHERE statement_id = statements.id)) AS statements
      FROM persons
      JOIN LATERAL (SELECT status = ANY(:searched)
                           AND EXISTS (SELECT FROM candidates WHERE person_id = persons.id AND state = 'sighting')
                           AS found) AS sighted ON true
     WHERE persons.id < :before
       AND (CAST(:status AS text) IS NULL OR status = :status)
       AND (NOT :sighted OR sighted.found)
       AND (CAST(:among AS bigint[]) IS NULL OR persons.id = ANY(CAST(:among AS bigint[])))
       AND (:words = '' OR register_number ILIKE :like OR array_to_string(names, ' ') ILIKE :like)
     ORDER BY persons.id DESC LIMIT :most""")
COUNTS = text("SELECT status, count(*) AS people FROM persons GROUP BY status")

LETTERS = text("""
    SELECT letters.id, letters.subject, letter_recipients.name AS recipient, made_by, made_at, event, dated, note,
           noted_by, noted_at, EXISTS (SELECT FROM letters AS later WHERE later.revises_id = letters.id) AS revised
      FROM letter_people
      JOIN letters ON letters.id = letter_id
      JOIN letter_recipients ON letter_recipients.id = recipient_id
      LEFT JOIN LATERAL (SELECT event, dated, note, noted_by, noted_at FROM letter_events
                          WHERE letter_events.letter_id = letters.id AND event <> 'confirmed'
                          ORDER BY letter_events.id DESC LIMIT 1)
           AS newest ON true
     WHERE person_id = :person ORDER BY letters.id""")
LINES = text("""
    SELECT DISTINCT ON (list_entries.id) list_entries.id AS entry, lists.id AS list, title, body, lists.dated, "row",
           list_entries.names, says, since, same, list_decisions.reason, decided_by, decided_at,
           list_undos.list_id IS NOT NULL AS undone
      FROM list_decisions
      JOIN list_entries ON list_entries.id = entry_id
      JOIN lists ON lists.id = list_entries.list_id
      LEFT JOIN list_undos ON list_undos.list_id = lists.id
     WHERE person_id = :person ORDER BY list_entries.id, list_decisions.id DESC""")
POSTS = text("""
    SELECT DISTINCT posts.id, permalink, sources.address AS source, published_at, first_seen_at, seen,
           ARRAY(SELECT candidates.id FROM candidates
                   JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
                   JOIN media_items ON media_items.blob_id = analyses.blob_id
                  WHERE person_id = :person AND state = 'sighting' AND media_items.post_id = posts.id
                  ORDER BY candidates.id) AS sightings
      FROM posts JOIN sources ON sources.id = source_id
     WHERE posts.id IN (SELECT post_id FROM media_items
                          JOIN analyses ON analyses.blob_id = media_items.blob_id
                          JOIN tracks ON tracks.analysis_id = analyses.id
                          JOIN candidates ON candidates.track_id = tracks.id
                         WHERE person_id = :person AND state = 'sighting')
     ORDER BY first_seen_at, posts.id LIMIT :most""")
OF_ENTRIES = text("SELECT id, register_number FROM persons WHERE id = ANY(CAST(:people AS bigint[]))")


class Show(StrEnum):
    """Which people are listed, beside their status."""

    ALL = "all"
    SIGHTED = "sighted"
    """somebody missing or held of whom a possible sighting stands"""
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True)
class Line:
    """One person of the list."""

    id: int
    register_number: str
    names: Sequence[str]
    birth_year: int | None
    status: PersonStatus
    region: str
    sighted: bool
    """a possible sighting stands"""
    statements: int
    """that stand"""
    contradictions: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that tells of somebody."""

    id: int
    subject: str
    recipient: str
    made_by: str
    made_at: datetime
    event: str | None
    """what became of it last; None: it was written"""
    dated: date | None
    note: str | None
    noted_by: str | None
    noted_at: datetime | None
    revised: bool
    """a newer one stands in its place"""


@dataclass(frozen=True, slots=True)
class ListLine:
    """A line of a list of which somebody decided whether it speaks of the person."""

    entry: int
    list: int
    title: str
    body: str
    dated: date
    row: int
    names: Sequence[str]
    says: str
    since: date | None
    same: bool
    reason: str
    decided_by: str
    decided_at: datetime
    undone: bool
    """the whole list was"""


@dataclass(frozen=True, slots=True)
class Post:
    """A post that carries a file in which somebody was perhaps seen."""

    id: int
    permalink: str
    source: str
    published_at: datetime | None
    first_seen_at: datetime
    seen: str
    sightings: Sequence[int]
    """candidates"""


@dataclass(frozen=True, slots=True)
class Around:
    """What belongs on a timeline beside sightings and statements."""

    letters: tuple[Letter, ...]
    lines: tuple[ListLine, ...]
    posts: tuple[Post, ...]


def listed(
    db: Connection,
    show: Show = Show.ALL,
    status: PersonStatus | None = None,
    words: str = "",
    before: int | None = None,
) -> list[Line]:
    """People, the newest entry first; `before`: only those behind this row id.  One more than MOST, if any.

    `words`: part of a register number or a name, whatever its capitals.
    """
    among = None
    if show is Show.CONTRADICTED:
        among = sorted({entry for one in contradictions.every(db) for entry in one.entries})
    values = {
        "status": status, "sighted": show is Show.SIGHTED, "before": NO_ID_SO_HIGH if before is None else before,
        "among": among, "words": words, "like": f"%{_literal(words)}%", "most": MOST + 1,
        "searched": sorted(SEARCHED),
    }  # fmt: skip
    rows = db.execute(LISTED, values).mappings().all()
    found = contradictions.of_people(db, [row["id"] for row in rows])
    told = {entry: len(one.found) for one in found for entry in one.entries}
    return [
        Line(**{**row, "status": PersonStatus(row["status"])}, contradictions=told.get(row["id"], 0)) for row in rows
    ]


def counts(db: Connection) -> dict[PersonStatus, int]:
    """How many people have which status."""
    found = {row.status: row.people for row in db.execute(COUNTS)}
    return {status: found.get(status, 0) for status in PersonStatus}


def around(db: Connection, person: int) -> Around:
    """Letters, lines of lists and posts of one entry (row id)."""
    about = {"person": person}
    posts = db.execute(POSTS, {**about, "most": MOST_POSTS}).mappings()
    return Around(
        tuple(Letter(**letter_marks.titled(row)) for row in db.execute(LETTERS, about).mappings()),
        tuple(ListLine(**row) for row in db.execute(LINES, about).mappings()),
        tuple(Post(**row) for row in posts),
    )


def numbers(db: Connection, people: Sequence[int]) -> dict[int, str]:
    """Row id -> register number."""
    return {row.id: row.register_number for row in db.execute(OF_ENTRIES, {"people": list(people)})}


def _literal(words: str) -> str:
    """Words for LIKE, in which nothing stands for anything else."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
