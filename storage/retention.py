"""What may not be kept: faces that match nobody, photos of people who are no longer missing, and removed photos.

A face is kept while somebody asks who it is (open, or joined to a question that is), while people could not say
(undecided: the person is still missing, and a better photo may come), and when two people said yes (sighting).  Where
all its candidates are closed otherwise (rejected, withdrawn, superseded, displaced), it matches nobody; what comes up
again later is looked at in the film, which stays.  A track keeps its place (what
covers the other faces in a picture is drawn from it, and rejections hold by it) and loses what shows or describes a
face: templates first, so that nothing can become a candidate that is about to go; then the crops; then the rows of the
crops, which is what a run that was killed in between finds and goes on from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from lastseen.lifecycle import CandidateState
from storage import candidates, holds, known_pairs, work
from storage.work import Queue

BATCH = 200
"""tracks, or photos, that go at once"""

# `expired_at` says that a track has lost its templates and its crops; of those that have, there are more every day.
_ITS_MOMENT = "SELECT 1 FROM candidates WHERE track_id = tracks.id AND still_key IS NOT NULL"
_HOLDING_FACES = f"""
       expired_at IS NULL
       AND (EXISTS (SELECT 1 FROM best_shots WHERE track_id = tracks.id)
            OR EXISTS (SELECT 1 FROM templates WHERE track_id = tracks.id) OR EXISTS ({_ITS_MOMENT}))"""  # noqa: S608  ours
# A moment is cut once more when a rejection is revoked.
_HOLDING_A_MOMENT = f"expired_at IS NOT NULL AND EXISTS ({_ITS_MOMENT})"
_DUE = """
      FROM tracks JOIN analyses ON analyses.id = analysis_id
     WHERE {holding} AND analyzed_at <= now() - make_interval(days => :days)
       AND NOT EXISTS (SELECT 1 FROM candidates WHERE track_id = tracks.id
                          AND state IN ('open', 'joined', 'undecided', 'sighting'))
       AND NOT EXISTS (SELECT 1 FROM work
                        WHERE step = 'match_tracks' AND subject = analyses.id AND state = 'open')
       AND NOT (blob_id = ANY(CAST(:held AS bigint[])))"""
_EACH = tuple(_DUE.format(holding=holding) for holding in (_HOLDING_FACES, _HOLDING_A_MOMENT))
DUE_TRACKS = text(f"""
    {" UNION ALL ".join(f"(SELECT tracks.id {each} ORDER BY tracks.id LIMIT :limit)" for each in _EACH)}
     ORDER BY id LIMIT :limit""")
COUNT_TRACKS = text(f"SELECT {' + '.join(f'(SELECT count(*) {each})' for each in _EACH)}")
FORGET_NEAR = text("DELETE FROM near_misses WHERE track_id = ANY(:tracks)")
FORGET = text("DELETE FROM templates WHERE track_id = ANY(:tracks)")
# Templates go before `expired_at` is written, and did so before there was such a column.
EXPIRED = text("""
    SELECT (SELECT count(*) FROM tracks WHERE gate = '' AND expired_at IS NOT NULL)
         + (SELECT count(*) FROM tracks
             WHERE gate = '' AND expired_at IS NULL AND NOT EXISTS (SELECT 1 FROM templates WHERE track_id = tracks.id))
        """)
# Of a rejected candidate its moment, too; that of a track is one, whoever its candidates are.
CROPS = text("""
    SELECT crop_key AS key FROM best_shots WHERE track_id = ANY(:tracks)
     UNION SELECT still_key FROM candidates WHERE track_id = ANY(:tracks) AND still_key IS NOT NULL
     UNION SELECT clip_key FROM candidates WHERE track_id = ANY(:tracks) AND clip_key IS NOT NULL
     ORDER BY key""")
NO_MOMENT = text("""
    UPDATE candidates SET still_key = NULL, clip_key = NULL, clip_start_ms = NULL, clip_end_ms = NULL,
                          clip_frames = NULL
     WHERE track_id = ANY(:tracks) AND still_key IS NOT NULL RETURNING id, state""")
DROP = text("DELETE FROM best_shots WHERE track_id = ANY(:tracks)")
SAY_WHEN = text("UPDATE tracks SET expired_at = now() WHERE id = ANY(:tracks)")

_OF_PEOPLE = """
      FROM reference_photos JOIN persons ON persons.id = person_id
     WHERE object_key <> ''
       AND (removed_at IS NOT NULL OR (NOT is_searched(status) AND changed_at <= now() - make_interval(days => :days)))
       AND NOT (person_id = ANY(CAST(:held AS bigint[])))"""
DUE_PHOTOS = text(f"""
    SELECT reference_photos.id, object_key, crop_key {_OF_PEOPLE}
     ORDER BY reference_photos.id LIMIT :limit FOR UPDATE OF reference_photos, persons""")
REMOVED = text("""
    SELECT reference_photos.id, object_key, crop_key FROM reference_photos JOIN persons ON persons.id = person_id
     WHERE reference_photos.id = :photo AND removed_at IS NOT NULL AND object_key <> ''
       FOR UPDATE OF reference_photos, persons""")
COUNT_PHOTOS = text(f"SELECT count(*) {_OF_PEOPLE}")
STILL_USED = text("""
    SELECT object_key AS key FROM reference_photos WHERE object_key = ANY(:keys) AND NOT (id = ANY(:photos))
     UNION SELECT crop_key FROM reference_photos WHERE crop_key = ANY(:keys) AND NOT (id = ANY(:photos))""")
# A known pair's pictures are made of its probe.
DISGUISED = text(f"""
    SELECT unnest({known_pairs.PICTURES}) AS key FROM known_pairs
     WHERE probe_photo_id = ANY(:photos) ORDER BY key""")  # noqa: S608  our own words
UNDISGUISE = text("""
    UPDATE known_pairs SET probe_key = NULL, still_key = NULL, eyes = NULL, film = NULL,
                           retired_at = coalesce(retired_at, now())
     WHERE probe_photo_id = ANY(:photos)""")
EMPTY = text("UPDATE reference_photos SET object_key = '', crop_key = NULL, eyes = NULL WHERE id = ANY(:photos)")


@dataclass(frozen=True, slots=True)
class Due:
    """How much would go now."""

    tracks: int
    photos: int


@dataclass(frozen=True, slots=True)
class Photos:
    """Reference photos that are to go, and where they and their crops lie, where nobody else's lie there, too."""

    ids: tuple[int, ...]
    objects: tuple[str, ...]
    crops: tuple[str, ...]


def due(db: Connection, days: int, photo_days: int) -> Due:
    """What a run would take."""
    tracks = db.execute(COUNT_TRACKS, {"days": days, "held": holds.held_blobs(db)}).scalar_one()
    photos = db.execute(COUNT_PHOTOS, {"days": photo_days, "held": holds.held_people(db)}).scalar_one()
    return Due(tracks, photos)


def forget(db: Connection, days: int) -> tuple[list[int], int]:
    """Delete the templates of some tracks that match nobody.  Returns the tracks, and how many templates went.

    Call it before anything else in its transaction: it takes `candidates.lock`.
    """
    candidates.lock(db)
    values = {"days": days, "held": holds.held_blobs(db), "limit": BATCH}
    tracks = list(db.execute(DUE_TRACKS, values).scalars())
    db.execute(FORGET_NEAR, {"tracks": tracks})
    return tracks, db.execute(FORGET, {"tracks": tracks}).rowcount


def expired(db: Connection) -> int:
    """How many tracks were compared once, and cannot be compared with a new photo, since their faces are gone."""
    found: int = db.execute(EXPIRED).scalar_one()
    return found


def crops(db: Connection, tracks: Sequence[int]) -> list[str]:
    """Where the crops of some tracks lie, and the moments of their candidates, in the derived bucket."""
    return list(db.execute(CROPS, {"tracks": list(tracks)}).scalars())


def drop(db: Connection, tracks: Sequence[int]) -> int:
    """Delete the rows of those crops, which are gone, and say when on their tracks; returns how many.

    Candidates stay, without their moments; of one whose rejection was revoked meanwhile it is cut once more.
    Call it before anything else in its transaction: it takes `candidates.lock`, so that a revocation is either seen
    here, or sees that no moment is left.
    """
    candidates.lock(db)
    rows = db.execute(NO_MOMENT, {"tracks": list(tracks)}).all()
    reopened = tuple(row.id for row in rows if row.state == CandidateState.OPEN)
    work.again(db, Queue("illustrate", "", reopened))
    db.execute(SAY_WHEN, {"tracks": list(tracks)})
    return db.execute(DROP, {"tracks": list(tracks)}).rowcount


def photos(db: Connection, days: int) -> Photos:
    """Some photos that are to go.  Their people's rows stay as they are until the transaction ends."""
    values = {"days": days, "held": holds.held_people(db), "limit": BATCH}
    return _going(db, db.execute(DUE_PHOTOS, values).all())


def removed(db: Connection, photo: int) -> Photos:
    """A photo that was removed, as `photos` gives those that expire; of a photo that was not, nothing."""
    row = db.execute(REMOVED, {"photo": photo}).one_or_none()
    return _going(db, [] if row is None else [row])


def _going(db: Connection, rows: Sequence[Row[Any]]) -> Photos:
    ids = [row.id for row in rows]
    keys = {row.object_key for row in rows} | {row.crop_key for row in rows if row.crop_key}
    used = set(db.execute(STILL_USED, {"keys": sorted(keys), "photos": ids}).scalars())
    disguised = db.execute(DISGUISED, {"photos": ids}).scalars()
    return Photos(
        tuple(ids),
        tuple(sorted({row.object_key for row in rows} - used)),
        tuple(sorted({*({row.crop_key for row in rows if row.crop_key} - used), *disguised})),
    )


def empty(db: Connection, photo_ids: Sequence[int]) -> None:
    """Their rows stay, since candidates refer to them, and say that nothing is there any more."""
    db.execute(EMPTY, {"photos": list(photo_ids)})
    db.execute(UNDISGUISE, {"photos": list(photo_ids)})
