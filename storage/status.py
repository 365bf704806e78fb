"""How many of everything there are, and what did not get through."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

BY_STATE = {
    "posts": "SELECT seen AS state, count(*) FROM posts GROUP BY seen",
    "media_items": """
        SELECT CASE state WHEN 'open' THEN 'pending' WHEN 'done' THEN 'stored' ELSE state END AS state, count(*)
          FROM work WHERE step = 'fetch' GROUP BY 1""",
    "analyses": """
        SELECT CASE state WHEN 'open' THEN 'pending' ELSE state END AS state, count(*)
          FROM work WHERE step = 'analyze' GROUP BY 1""",
    "photos": """
        SELECT CASE state WHEN 'open' THEN 'pending' WHEN 'done' THEN 'accepted' WHEN 'skipped' THEN 'refused'
                    ELSE state END AS state, count(*)
          FROM work WHERE step = 'enroll' GROUP BY 1""",
    "candidates_by_state": "SELECT state, count(*) FROM candidates GROUP BY state",
    "outcomes": """
        SELECT outcome AS state, count(*)
          FROM (SELECT outcome FROM work WHERE outcome IS NOT NULL UNION ALL SELECT outcome FROM refusals) AS every
         GROUP BY outcome""",
}

TOTALS = {
    "sources": "SELECT count(*) FROM sources",
    "blobs": "SELECT count(*) FROM blobs",
    "tracks": "SELECT count(*) FROM tracks",
    "people": "SELECT count(*) FROM persons",
    "candidates": "SELECT count(*) FROM candidates",
}

# What a work item is called by people: the page, the start of the hash, the register number and file of a photo.
TROUBLES = text("""
    SELECT step, item, state, outcome, why FROM (
        SELECT step, state, outcome, why, coalesce(settled_at, ready_at) AS at,
               coalesce(CASE step
                   WHEN 'collect' THEN (SELECT address FROM sources WHERE id = subject)
                   WHEN 'fetch' THEN (SELECT address FROM media_items WHERE id = subject)
                   WHEN 'analyze' THEN (SELECT 'blob ' || left(sha256, 16) FROM blobs WHERE id = subject)
                   WHEN 'enroll' THEN (SELECT register_number || ': ' || file_name FROM reference_photos
                                         JOIN persons ON persons.id = person_id WHERE reference_photos.id = subject)
               END, subject::text) AS item
          FROM work WHERE outcome IS NOT NULL
        UNION ALL
        SELECT kind, 'refused', outcome, why, refused_at, subject FROM refusals) AS every
     ORDER BY at DESC, step, item LIMIT :limit""")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One item that did not get through, or not yet."""

    step: str
    item: str
    """what people call it: an address, the start of a hash, a photo's register number and name"""
    state: str
    outcome: str
    why: str


def counts(db: Connection) -> Mapping[str, object]:
    """Totals as whole numbers; posts, media items, analyses, photos and outcomes as {state or class: count}."""
    found: dict[str, object] = {name: db.execute(text(sql)).scalar_one() for name, sql in TOTALS.items()}
    for name, sql in BY_STATE.items():
        found[name] = {row.state: row.count for row in db.execute(text(f"{sql} ORDER BY 1"))}
    return found


def troubles(db: Connection, limit: int = 50) -> list[Trouble]:
    """The newest items with an outcome class, and why."""
    return [Trouble(**row) for row in db.execute(TROUBLES, {"limit": limit}).mappings()]
