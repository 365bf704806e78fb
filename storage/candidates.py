"""Candidates: (track, person) pairs within the review threshold, waiting for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, text, update

from lastseen.lifecycle import CandidateState
from lastseen.records import Match
from storage.database import any_of
from storage.tables import analyses, best_shots, blobs, candidates, near_misses, tracks

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.candidates'))")

# A person who is no longer missing gets no candidate, whatever was found: the register may have changed meanwhile.
# Neither does a track whose templates have expired since they were read, nor one by a photo that was removed since.
INSERT = text("""
    INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, state)
    SELECT :track, persons.id, :photo, :engine, :distance, 'open' FROM persons
     WHERE persons.id = :person AND persons.status = 'missing'
       AND EXISTS (SELECT 1 FROM templates WHERE track_id = :track)
       AND EXISTS (SELECT 1 FROM templates WHERE photo_id = :photo) FOR SHARE
    ON CONFLICT (track_id, person_id, engine) DO UPDATE
       SET distance = excluded.distance, photo_id = excluded.photo_id,
           state = CASE candidates.state WHEN 'withdrawn' THEN 'open' ELSE candidates.state END
     WHERE (excluded.distance, excluded.photo_id) < (candidates.distance, candidates.photo_id)
        OR candidates.state = 'withdrawn'""")

# Which candidates of a track are queued depends on all of them, never on the order in which they were found.
RANK = text("""
    WITH ranked AS (
        SELECT id, row_number() OVER (PARTITION BY track_id, engine ORDER BY distance, person_id) AS place
          FROM candidates WHERE track_id = ANY(:tracks) AND state IN ('open', 'displaced'))
    UPDATE candidates
       SET state = CASE WHEN ranked.place <= :limit THEN 'open' ELSE 'displaced' END
      FROM ranked
     WHERE ranked.id = candidates.id
       AND candidates.state <> CASE WHEN ranked.place <= :limit THEN 'open' ELSE 'displaced' END""")

# A newer analysis of the same file queues the same person at the same time: one question is enough.
SUPERSEDE = text("""
    UPDATE candidates AS old SET state = 'superseded'
      FROM candidates AS new
      JOIN tracks AS newer ON newer.id = new.track_id
      JOIN analyses AS again ON again.id = newer.analysis_id,
           tracks AS older JOIN analyses AS first ON first.id = older.analysis_id
     WHERE new.track_id = ANY(:tracks) AND new.engine = :engine AND new.state = 'open'
       AND old.track_id = older.id AND old.engine = new.engine AND old.person_id = new.person_id
       AND old.state IN ('open', 'displaced') AND first.blob_id = again.blob_id AND first.id < again.id
       AND older.start_ms <= newer.end_ms AND newer.start_ms <= older.end_ms
    RETURNING old.track_id""")

LISTED = text("""
    SELECT candidates.id, persons.register_number AS person, candidates.distance, posts.permalink AS post,
           blobs.sha256 AS blob, shot.at_ms / 1000.0 AS at_seconds, candidates.state, posts.published_at AS published
      FROM candidates
      JOIN persons ON persons.id = candidates.person_id
      JOIN tracks ON tracks.id = candidates.track_id
      JOIN analyses ON analyses.id = tracks.analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id
      JOIN LATERAL (SELECT at_ms FROM best_shots WHERE best_shots.track_id = tracks.id
                     ORDER BY weight DESC, ordinal LIMIT 1) AS shot ON true
      JOIN LATERAL (SELECT posts.permalink, posts.published_at FROM media_items
                      JOIN posts ON posts.id = media_items.post_id
                     WHERE media_items.blob_id = blobs.id
                     ORDER BY posts.first_seen_at, posts.id LIMIT 1) AS posts ON true
     ORDER BY candidates.distance, candidates.id""")


@dataclass(frozen=True, slots=True)
class Listed:
    """One candidate as the command line shows it."""

    id: int
    person: str
    """register number"""
    distance: float
    post: str
    """permalink of the earliest post that carried the blob"""
    blob: str
    """sha256"""
    at_seconds: float
    """moment of the best shot, on the video's own clock"""
    state: str
    published: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a candidate's best shot lies: what is needed to cut the moment around it."""

    candidate: int
    track: int
    at_ms: int
    blob: int
    sha256: str
    recipe: str


def lock(db: Connection) -> None:
    """Until the transaction ends, nobody else keeps or withdraws candidates.

    Take it before anything else: who is queued depends on all candidates of a track, and on who is still missing.
    """
    db.execute(LOCK)


def keep(db: Connection, engine: str, matches: Mapping[int, Sequence[Match]], people_per_track: int) -> Sequence[int]:
    """Insert the people near each track (row id), queue at most `people_per_track` of each.

    What older analyses of the same file had queued of the same people is superseded; what only they saw stays.
    Returns the candidates that are queued by that and have no moment yet.  Call `lock` before.
    """
    ids = sorted(matches)
    for track in ids:
        for match in matches[track]:
            row = {"person": match.person, "photo": match.photo, "distance": match.distance}
            db.execute(INSERT, {"track": track, "engine": engine, **row})
    db.execute(RANK, {"tracks": ids, "limit": people_per_track})
    older = sorted(set(db.execute(SUPERSEDE, {"tracks": ids, "engine": engine}).scalars()))
    db.execute(RANK, {"tracks": older, "limit": people_per_track})
    return _not_shown(db, [*ids, *older])


def withdraw(db: Connection, person: int, people_per_track: int) -> Sequence[int]:
    """Close what waits for a person who is no longer missing, and queue whom that had displaced.

    Returns the candidates that are queued by that and have no moment yet.  Call `lock` before.
    """
    waiting = candidates.c.state.in_([CandidateState.OPEN, CandidateState.DISPLACED])
    closed = (
        update(candidates)
        .where(candidates.c.person_id == person, waiting)
        .values(state=CandidateState.WITHDRAWN)
        .returning(candidates.c.track_id)
    )
    ids = sorted(db.execute(closed).scalars().all())
    db.execute(RANK, {"tracks": ids, "limit": people_per_track})
    return _not_shown(db, ids)


def withdraw_photo(db: Connection, photo: int, people_per_track: int) -> Sequence[int]:
    """Close what waits because of a reference photo that was removed, and queue whom that had displaced.

    The person's other photos are compared again after it: what they match comes back.  Returns the candidates that
    are queued by this and have no moment yet.  Call `lock` before.
    """
    waiting = candidates.c.state.in_([CandidateState.OPEN, CandidateState.DISPLACED])
    closed = (
        update(candidates)
        .where(candidates.c.photo_id == photo, waiting)
        .values(state=CandidateState.WITHDRAWN)
        .returning(candidates.c.track_id)
    )
    ids = sorted(db.execute(closed).scalars().all())
    db.execute(RANK, {"tracks": ids, "limit": people_per_track})
    db.execute(delete(near_misses).where(near_misses.c.photo_id == photo))
    return _not_shown(db, ids)


def listed(db: Connection) -> list[Listed]:
    """All candidates, nearest first."""
    return [Listed(**{**row, "at_seconds": float(row["at_seconds"])}) for row in db.execute(LISTED).mappings()]


def place(db: Connection, candidate: int) -> Place:
    """Where the candidate's best shot lies."""
    statement = (
        select(
            candidates.c.id.label("candidate"),
            candidates.c.track_id.label("track"),
            best_shots.c.at_ms,
            analyses.c.blob_id.label("blob"),
            blobs.c.sha256,
            analyses.c.recipe,
        )
        .join(tracks, tracks.c.id == candidates.c.track_id)
        .join(analyses, analyses.c.id == tracks.c.analysis_id)
        .join(blobs, blobs.c.id == analyses.c.blob_id)
        .join(best_shots, best_shots.c.track_id == tracks.c.id)
        .where(candidates.c.id == candidate)
        .order_by(best_shots.c.weight.desc(), best_shots.c.ordinal)
        .limit(1)
    )
    return Place(**db.execute(statement).mappings().one())


def keep_moment(
    db: Connection, candidate: int, still_key: str, clip_key: str | None, start_ms: int, end_ms: int
) -> None:
    """Record where the candidate's still and clip lie in the derived bucket."""
    values = {"still_key": still_key, "clip_key": clip_key, "clip_start_ms": start_ms, "clip_end_ms": end_ms}
    db.execute(update(candidates).where(candidates.c.id == candidate).values(**values))


def _not_shown(db: Connection, ids: Sequence[int]) -> Sequence[int]:
    statement = select(candidates.c.id).where(
        candidates.c.track_id == any_of(ids),
        candidates.c.state == CandidateState.OPEN,
        candidates.c.still_key.is_(None),
    )
    return db.execute(statement.order_by(candidates.c.id)).scalars().all()
