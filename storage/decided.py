"""What pages may show once somebody has judged: who sees how much of a candidate, possible sightings, one person's.

Whoever may still be asked sees nothing of a candidate before their own answer, and nothing of what others answered
before it is settled.  A face of which was said that it is not this person is a stranger's, and is shown to nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, text

from lastseen.lifecycle import CandidateState
from lastseen.roles import Role
from storage.accounts import User

DECIDED = frozenset({CandidateState.SIGHTING, CandidateState.UNDECIDED, CandidateState.REJECTED})
PICTURED = frozenset({CandidateState.OPEN, CandidateState.SIGHTING, CandidateState.UNDECIDED})
"""states in which the pictures of a candidate may be looked at, by whoever may see it"""
MOST = 50
"""possible sightings on one page"""
MOST_OF_A_PERSON = 200
"""moments on a person's page"""

STANDS = text("""
    SELECT state, verdict, has_judged(:user, candidates.id) AS judged
      FROM candidates, weighed_of(candidates.id) WHERE candidates.id = :candidate""")
JUDGED_OF = text("""
    SELECT candidate FROM unnest(CAST(:candidates AS bigint[])) AS asked (candidate)
     WHERE EXISTS (SELECT FROM candidates WHERE id = candidate AND state = ANY(:decided))
        OR has_judged(:user, candidate)""")

# By the files of a post, and others with their footage, over any number of others.
KEPT_BACK = text("""
    WITH RECURSIVE shown (post, blob) AS (
        SELECT post_id, blob_id FROM media_items WHERE post_id = ANY(CAST(:posts AS bigint[])) AND blob_id IS NOT NULL
         UNION SELECT post, CASE blob WHEN one_blob_id THEN other_blob_id ELSE one_blob_id END
          FROM shown JOIN repost_links ON blob IN (one_blob_id, other_blob_id) AND withdrawn_at IS NULL)
    SELECT DISTINCT post FROM shown JOIN review_queue ON blob_id = blob
     WHERE account_judges(:user) AND NOT (CAST(:user AS bigint) = ANY(judges || told))""")

# Where it was published: the post that was there first, and how many carry the file.
_PLACE = """
    LEFT JOIN LATERAL (
         SELECT (array_agg(permalink ORDER BY first_seen_at, posts.id))[1] AS permalink,
                min(published_at) AS published_at, min(first_seen_at) AS first_seen_at, count(*) AS places
           FROM posts WHERE EXISTS (SELECT FROM media_items WHERE post_id = posts.id AND blob_id = blobs.id))
           AS place ON true"""
# Of several hand-overs the newest.  It tells of what stands now only if nothing else was concluded since.
_HANDED = """
    LEFT JOIN LATERAL (
         SELECT receiver, handed_at,
                NOT EXISTS (SELECT FROM verdicts WHERE verdicts.candidate_id = candidates.id
                                AND verdict <> 'sighting' AND made_at > handed_at) AS holds
           FROM hand_overs WHERE hand_overs.candidate_id = candidates.id ORDER BY hand_overs.id DESC LIMIT 1)
           AS handed ON true"""
SIGHTINGS = text(f"""
    SELECT candidates.id, candidates.state, register_number, names, kind, tracks.start_ms AS at_ms,
           latest.id AS verdict, latest.made_at AS decided_at,
           permalink, published_at, first_seen_at, coalesce(places, 0) AS places, receiver, handed_at,
           coalesce(holds, false) AS holds
      FROM candidates
      JOIN LATERAL (SELECT id, made_at FROM verdicts WHERE candidate_id = candidates.id ORDER BY id DESC LIMIT 1)
           AS latest ON true
      JOIN persons ON persons.id = person_id
      JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id {_PLACE} {_HANDED}
     WHERE CASE CAST(:which AS text)
                WHEN 'waiting' THEN state = 'sighting' AND holds IS NOT TRUE
                WHEN 'handed' THEN state = 'sighting' AND holds
                WHEN 'changed' THEN state <> 'sighting' AND receiver IS NOT NULL
                ELSE state = 'sighting' END
       AND (state = 'sighting' OR CAST(:which AS text) = 'changed')
       AND (state <> 'open' OR NOT account_judges(:user) OR has_judged(:user, candidates.id)
            OR was_told(:user, candidates.id))
       AND (CAST(:before AS bigint) IS NULL OR latest.id < :before)
     ORDER BY latest.id DESC LIMIT :most""")  # noqa: S608  our own words
WAITING = text("""
    SELECT count(*) FROM candidates
     WHERE state = 'sighting'
       AND NOT EXISTS (SELECT FROM hand_overs
                        WHERE hand_overs.candidate_id = candidates.id
                          AND NOT EXISTS (SELECT FROM verdicts WHERE verdicts.candidate_id = candidates.id
                                             AND verdict <> 'sighting' AND made_at > handed_at))""")
PERSON = text("""
    SELECT id, register_number, names, birth_year, status, region,
           ARRAY(SELECT other.register_number FROM ties
                   JOIN persons AS other ON other.id IN (one_person_id, other_person_id) AND other.id <> persons.id
                  WHERE kind = 'same' AND persons.id IN (one_person_id, other_person_id)
                  ORDER BY other.register_number) AS same
      FROM persons WHERE register_number = :number""")
COUNTS = text("SELECT state, count(*) AS candidates FROM candidates WHERE person_id = :person GROUP BY state")
MOMENTS = text(f"""
    SELECT candidates.id, state, kind, tracks.start_ms AS at_ms, permalink, published_at, first_seen_at,
           coalesce(places, 0) AS places, receiver, handed_at, coalesce(holds, false) AS holds,
           EXISTS (SELECT FROM tips WHERE tips.blob_id = blobs.id) AS given
      FROM candidates
      JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id {_PLACE} {_HANDED}
     WHERE person_id = :person AND state IN ('sighting', 'undecided')
     ORDER BY coalesce(published_at, first_seen_at), first_seen_at, candidates.id LIMIT :most""")  # noqa: S608  our own


class Showing(StrEnum):
    """How much of a candidate somebody may see."""

    WHOLE = "whole"
    """it is settled: all evidence, and what everybody answered"""
    OWN = "own"
    """all evidence, and their own answer: others may still be asked"""
    CLOSED = "closed"
    """why it waits for nobody, and nothing else"""
    NOT_YET = "not yet"
    """nothing: it waits, perhaps for them"""


class Which(StrEnum):
    """Which possible sightings are listed."""

    WAITING = "waiting"
    """nobody was told yet"""
    HANDED = "handed"
    CHANGED = "changed"
    """a case officer was told, and people came to something else since"""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One line of the list."""

    id: int
    """of the candidate"""
    state: CandidateState
    register_number: str
    names: Sequence[str]
    kind: str
    """of the file: `video` or `image`"""
    at_ms: int
    verdict: int
    """row id of the newest verdict: the place in the list"""
    decided_at: datetime
    permalink: str | None
    """of the post that was seen first"""
    published_at: datetime | None
    """the earliest that a platform says"""
    first_seen_at: datetime | None
    places: int
    """posts that carry the file"""
    receiver: str | None
    """whom it was handed to last"""
    handed_at: datetime | None
    holds: bool
    """it was handed over as what it is now"""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where one person was perhaps seen."""

    id: int
    """of the candidate"""
    state: CandidateState
    kind: str
    at_ms: int
    permalink: str | None
    published_at: datetime | None
    first_seen_at: datetime | None
    places: int
    receiver: str | None
    handed_at: datetime | None
    holds: bool
    given: bool
    """the file came with a tip: only who is told of this person may know"""


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of the register, with where they were perhaps seen."""

    id: int
    register_number: str
    names: Sequence[str]
    birth_year: int | None
    status: str
    region: str
    same: Sequence[str]
    """register numbers of entries that are declared to be the same person"""
    counts: Mapping[str, int]
    """state -> candidates"""
    moments: tuple[Moment, ...]
    """possible sightings and undecided ones, by the time of publication, the first first"""


def showing(db: Connection, user: User, candidate: int) -> Showing | None:
    """How much of a candidate a reviewer may see; None: there is no such one."""
    row = db.execute(STANDS, {"user": user.id, "candidate": candidate}).first()
    if row is None:
        return None
    state = CandidateState(row.state)
    if state in DECIDED or (state is not CandidateState.OPEN and row.verdict != CandidateState.OPEN):
        return Showing.WHOLE
    if row.judged:
        return Showing.OWN
    return Showing.NOT_YET if state is CandidateState.OPEN else Showing.CLOSED


def seen_by(db: Connection, user: User, candidates: Sequence[int]) -> frozenset[int]:
    """Of some candidates those of which this person may know whom they are compared with."""
    values = {"user": user.id, "candidates": list(candidates), "decided": [str(state) for state in DECIDED]}
    return frozenset(db.execute(JUDGED_OF, values).scalars())


def kept_back(db: Connection, user: User, posts: Sequence[int]) -> frozenset[int]:
    """Of some posts (row ids) those whose words this person may not read yet.

    A face of what they show waits to be compared with somebody, and this person may be asked: the words may say whom it
    is compared with, or where and when that was.
    """
    return frozenset(db.execute(KEPT_BACK, {"user": user.id, "posts": list(posts)}).scalars())


def may_see(user: User, showing_: Showing | None, state: CandidateState) -> bool:
    """Whether somebody may see the evidence of a candidate.

    Whoever keeps the register or follows cases, of a possible sighting only.
    """
    if state is CandidateState.SIGHTING and {Role.REGISTER_KEEPER, Role.CASE_OFFICER} & set(user.roles):
        return True
    reviews = bool({Role.ANALYST, Role.SENIOR} & set(user.roles))
    return reviews and showing_ in (Showing.WHOLE, Showing.OWN)


def sightings(db: Connection, user: User, which: Which, before: int | None = None) -> list[Sighting]:
    """Possible sightings, the newest first; `before`: only those behind this verdict.  One more than MOST, if any.

    What was one, and is asked about again, is kept from this person as long as they may be asked themselves.
    """
    rows = db.execute(SIGHTINGS, {"user": user.id, "which": which, "before": before, "most": MOST + 1}).mappings()
    return [Sighting(**{**row, "state": CandidateState(row["state"])}) for row in rows]


def waiting(db: Connection) -> int:
    """How many possible sightings nobody was told of."""
    count: int = db.execute(WAITING).scalar_one()
    return count


def person(db: Connection, register_number: str) -> Person | None:
    """One entry of the register; None: there is no such one."""
    row = db.execute(PERSON, {"number": register_number}).mappings().first()
    if row is None:
        return None
    about = {"person": row["id"]}
    counts = {one.state: one.candidates for one in db.execute(COUNTS, about)}
    moments = db.execute(MOMENTS, {**about, "most": MOST_OF_A_PERSON}).mappings()
    found = tuple(Moment(**{**one, "state": CandidateState(one["state"])}) for one in moments)
    return Person(**row, counts=counts, moments=found)
