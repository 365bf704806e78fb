"""Hints by the words of posts: which posts name whom, field by field, and what was compared already.

A hint belongs to one observation, so that what a post once said stays a hint when its text is edited.  Hints are
derived and no facts: they are made again from the observations and the register as both stand, and a hint that no
longer follows is taken away.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, text

from lastseen.records import NamedPerson, NameHint, NameReason, Verdict
from storage import sources
from storage.versions import What, version

BLOCK: Final = 256
"""observations whose words are compared together: their ids, divided by this, are the same"""
MOST_COUNTED: Final = 1000
"""hints; a page says that there are more"""
NO_ID_SO_HIGH: Final = (1 << 63) - 1

PEOPLE = text("SELECT id, names, birth_year FROM persons WHERE is_searched(status) ORDER BY id")

# Not by the newest id: an observation that is committed late has a lower one than others that were compared before.
DUE = text("""
    WITH held AS (SELECT id / :size AS block, count(*) AS observations, sum(id) AS ids
                    FROM observations GROUP BY 1)
    SELECT held.block FROM held LEFT JOIN name_looks AS looks ON looks.block = held.block AND looks.matcher = :matcher
     WHERE (looks.observations, looks.ids, looks.register) IS DISTINCT FROM (held.observations, held.ids, :register)
     ORDER BY held.block DESC""")

STATE = text("""
    SELECT count(*) AS observations, coalesce(sum(id), 0) AS ids FROM observations
     WHERE id >= :first AND id < :end""")

WORDS = text("""
    SELECT observations.id AS observation, post_id AS post, title, text, CAST(published_at AS date) AS published
      FROM observations JOIN posts ON posts.id = post_id
     WHERE observations.id >= :first AND observations.id < :end AND observations.seen = 'present'
       AND (title <> '' OR text <> '')
     ORDER BY observations.id""")

DROP = text("""
    DELETE FROM name_hints WHERE observation_id >= :first AND observation_id < :end
       AND (matcher <> :matcher OR (observation_id, person_id) NOT IN (
            SELECT observation, person FROM jsonb_to_recordset(CAST(:rows AS jsonb))
                       AS found (observation bigint, person bigint)))""")

# Who is no longer missing gets no hint, whatever was compared: the register may have changed meanwhile.
KEEP = text("""
    WITH missing AS (SELECT id FROM persons WHERE id = ANY(:people) AND is_searched(status) ORDER BY id FOR SHARE)
    INSERT INTO name_hints AS known (post_id, observation_id, person_id, matcher, score, namesakes, reasons)
    SELECT post, observation, person, :matcher, score, namesakes, reasons
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS found (
           post bigint, observation bigint, person bigint, score float8, namesakes int, reasons jsonb)
     WHERE person IN (SELECT id FROM missing)
        ON CONFLICT (observation_id, person_id, matcher) DO UPDATE
       SET score = excluded.score, namesakes = excluded.namesakes, reasons = excluded.reasons
     WHERE (known.score, known.namesakes, known.reasons)
           IS DISTINCT FROM (excluded.score, excluded.namesakes, excluded.reasons)
    RETURNING xmax = 0 AS new""")

LOOKED = text("""
    INSERT INTO name_looks (block, matcher, observations, ids, register)
    VALUES (:block, :matcher, :observations, :ids, :register)
    ON CONFLICT (block, matcher) DO UPDATE
       SET observations = excluded.observations, ids = excluded.ids, register = excluded.register, looked_at = now()""")

RANKED = text("""
    SELECT DISTINCT blob_id FROM candidates
      JOIN tracks ON tracks.id = track_id
      JOIN analyses ON analyses.id = analysis_id
     WHERE blob_id IN (SELECT media_items.blob_id FROM media_items JOIN observations USING (post_id)
                        WHERE observations.id >= :first AND observations.id < :end)""")

FORGET = text("DELETE FROM name_hints WHERE person_id = :person")

_COLUMNS = (
    "id, post_id AS post, observation_id AS observation, person_id AS person, score, namesakes, reasons, found_at"
)
# Of each post and person the hint of the newest observation that gives one: of all, or sought for one after the other.
_OF_EACH = f"""
            SELECT DISTINCT ON (post_id, person_id) {_COLUMNS}
              FROM name_hints {{where}} ORDER BY post_id, person_id, observation_id DESC, id DESC"""  # noqa: S608  ours
_ONE_BY_ONE = f"""
            SELECT {_COLUMNS} FROM name_hints
             WHERE NOT EXISTS (
                SELECT FROM name_hints AS later
                 WHERE later.post_id = name_hints.post_id AND later.person_id = name_hints.person_id
                   AND (later.observation_id, later.id) > (name_hints.observation_id, name_hints.id))"""  # noqa: S608

# And whether the post still says so.
_LISTED = f"""
    SELECT hints.*, persons.register_number, persons.names, persons.birth_year, posts.permalink, posts.published_at,
           posts.first_seen_at, {sources.SHOWN} AS source, observations.observed_at,
           coalesce(observations.title, '') AS title, coalesce(observations.text, '') AS text,
           EXISTS (SELECT FROM observations AS later
                    WHERE later.post_id = hints.post AND later.id > hints.observation
                      AND later.method = observations.method AND later.seen = 'present') AS earlier,
           ARRAY(SELECT candidates.id FROM candidates
                   JOIN tracks ON tracks.id = candidates.track_id
                   JOIN analyses ON analyses.id = tracks.analysis_id
                  WHERE candidates.person_id = hints.person AND candidates.state = 'open'
                    AND analyses.blob_id IN (SELECT blob_id FROM media_items WHERE post_id = hints.post)
                  ORDER BY candidates.id) AS candidates
      FROM ({{hints}}) AS hints
      JOIN persons ON persons.id = hints.person AND is_searched(persons.status)
      JOIN posts ON posts.id = hints.post
      JOIN sources ON sources.id = posts.source_id
      JOIN observations ON observations.id = hints.observation"""  # noqa: S608  our own words

LISTED = text(_LISTED.format(hints=_OF_EACH.format(where="")) + " ORDER BY hints.score DESC, hints.id DESC")

_PAGE = _LISTED.format(hints=_ONE_BY_ONE)
OLDER = text(_PAGE + " WHERE hints.id < :than ORDER BY hints.id DESC LIMIT :limit")
NEWER = text(_PAGE + " WHERE hints.id > :than ORDER BY hints.id LIMIT :limit")

COUNTED = text(f"""
    SELECT count(*) FROM (
        SELECT FROM ({_ONE_BY_ONE}) AS hints JOIN persons ON persons.id = person AND is_searched(status)
         LIMIT :most) AS counted""")  # noqa: S608  our own words

_ITS_PERSON_AND_FILE = """
             WHERE person_id = (SELECT person_id FROM candidates WHERE id = :candidate)
               AND post_id IN (SELECT post_id FROM media_items
                                 JOIN analyses ON analyses.blob_id = media_items.blob_id
                                 JOIN tracks ON tracks.analysis_id = analyses.id
                                 JOIN candidates ON candidates.track_id = tracks.id
                                WHERE candidates.id = :candidate)"""

OF_CANDIDATE = text(_LISTED.format(hints=_OF_EACH.format(where=_ITS_PERSON_AND_FILE)) + " ORDER BY hints.id")


@dataclass(frozen=True, slots=True)
class Look:
    """What one comparing of a block was about: another one is due when any of it changes."""

    block: int
    observations: int
    ids: Decimal
    """sum of their row ids"""
    register: str
    """the state of the register"""


@dataclass(frozen=True, slots=True)
class Words:
    """What one observation of a post says."""

    observation: int
    post: int
    text: str
    published: date | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping a block's hints did."""

    hints: int
    new: int
    gone: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A hint as people see it."""

    id: int
    post: int
    person: int
    register_number: str
    names: tuple[str, ...]
    birth_year: int | None
    score: float
    namesakes: int
    """people of the register whom the same words fit as well, this one included"""
    reasons: tuple[NameReason, ...]
    permalink: str
    source: str
    published_at: datetime | None
    first_seen_at: datetime
    title: str
    text: str
    """of the observation that names somebody"""
    earlier: bool
    """the post says something else by now"""
    candidates: tuple[int, ...]
    """open ones: a face in this post's pictures resembles this person's, too"""
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """A page of hints, newest first."""

    rows: tuple[Listed, ...]
    total: int
    """in all, or as far as they are counted"""
    newer: int | None
    """hints newer than this id come before this page; None: it is the first"""
    older: int | None
    """hints older than this id come after this page; None: it is the last"""
    more: bool = False
    """there are more than were counted"""


# --- comparing ---------------------------------------------------------------------------------------------


def people(db: Connection) -> list[NamedPerson]:
    """Everybody who is missing."""
    return [NamedPerson(row.id, tuple(row.names), row.birth_year) for row in db.execute(PEOPLE)]


def due(db: Connection, matcher: str) -> Sequence[int]:
    """Blocks whose observations were not all compared with the register as it is, the newest first."""
    return db.execute(DUE, {"matcher": matcher, "register": version(db, What.REGISTER), "size": BLOCK}).scalars().all()


def look(db: Connection, block: int) -> Look:
    """The block and the register as they stand.  Ask before reading them: what comes in between is compared again."""
    row = db.execute(STATE, _range(block)).one()
    return Look(block, row.observations, row.ids, version(db, What.REGISTER))


def words(db: Connection, block: int) -> list[Words]:
    """What the posts of a block said, where they said anything."""
    return [
        Words(row.observation, row.post, _text(row.title, row.text), row.published)
        for row in db.execute(WORDS, _range(block))
    ]


def keep(db: Connection, matcher: str, looked: Look, found: Mapping[Words, Sequence[NameHint]]) -> Kept:
    """Make a block's hints those that were found, and note what was compared."""
    rows = [_row(said, hint) for said, hints in found.items() for hint in hints]
    values = {"matcher": matcher, "rows": json.dumps(rows), **_range(looked.block)}
    made = db.execute(KEEP, {**values, "people": sorted({row["person"] for row in rows})}).scalars().all()
    gone = db.execute(DROP, values).rowcount
    db.execute(LOOKED, {"matcher": matcher, **asdict(looked)})
    return Kept(len(rows), sum(made), gone)


def ranked(db: Connection, block: int) -> Sequence[int]:
    """Blobs of a block's posts with candidates: where more are near than are asked about, hints decide who is.

    Whom a hint displaces may have been found in another file with the same footage, so all are told.
    """
    return db.execute(RANKED, _range(block)).scalars().all()


def forget(db: Connection, person: int) -> None:
    """Take the hints at somebody who is no longer missing."""
    db.execute(FORGET, {"person": person})


def _range(block: int) -> dict[str, int]:
    return {"first": block * BLOCK, "end": (block + 1) * BLOCK}


def _text(title: str, said: str) -> str:
    return said if title in said else f"{title}\n\n{said}"


def _row(said: Words, hint: NameHint) -> dict[str, Any]:
    return {
        "post": said.post,
        "observation": said.observation,
        "person": hint.person,
        "score": hint.score,
        "namesakes": hint.namesakes,
        "reasons": [asdict(reason) for reason in hint.reasons],
    }


# --- looking -----------------------------------------------------------------------------------------------


def listed(db: Connection) -> list[Listed]:
    """All of them, the surest first."""
    return _listed(db, LISTED, {})


def page(db: Connection, limit: int, *, older_than: int | None = None, newer_than: int | None = None) -> Page:
    """Some of them, the newest first, next to a known id or from the start.

    Pages hang on ids, not on counts: what is found or goes meanwhile neither repeats nor hides a hint.
    """
    if newer_than is not None:
        rows = _listed(db, NEWER, {"than": newer_than, "limit": limit})[::-1]
    else:
        rows = _listed(db, OLDER, {"than": NO_ID_SO_HIGH if older_than is None else older_than, "limit": limit})
    newer = rows[0].id if rows and _listed(db, NEWER, {"than": rows[0].id, "limit": 1}) else None
    older = rows[-1].id if rows and _listed(db, OLDER, {"than": rows[-1].id, "limit": 1}) else None
    total: int = db.execute(COUNTED, {"most": MOST_COUNTED + 1}).scalar_one()
    return Page(tuple(rows), min(total, MOST_COUNTED), newer, older, more=total > MOST_COUNTED)


def of_candidate(db: Connection, candidate: int) -> list[Listed]:
    """Hints at the candidate's person in posts that carry its file."""
    return _listed(db, OF_CANDIDATE, {"candidate": candidate})


def _listed(db: Connection, statement: Any, values: Mapping[str, int]) -> list[Listed]:
    return [
        Listed(
            row.id, row.post, row.person, row.register_number, tuple(row.names), row.birth_year, row.score,
            row.namesakes, tuple(map(_reason, row.reasons)), row.permalink, row.source, row.published_at,
            row.first_seen_at, row.title, row.text, row.earlier, tuple(row.candidates),
            row.found_at,
        )
        for row in db.execute(statement, values)
    ]  # fmt: skip


def _reason(stored: Mapping[str, str]) -> NameReason:
    return NameReason(**{**stored, "verdict": Verdict(stored["verdict"])})  # type: ignore[arg-type]
