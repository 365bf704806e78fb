"""Where the pictures of one review lie: of the probe, of the moment, and of the reference once the probe was described.

They are numbered from 1 in the order in which the page shows them.  A known pair has the same shape as a candidate:
from a picture, one picture of the face, a whole picture, no clip; or from a film, its best shots and a clip as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from lastseen.records import Eyes
from storage.reviews import Review

MOST_SHOTS = 8
MOST_PHOTOS = 24
"""all that nearly any entry has"""

# The best one first.
SHOTS = text("""
    (SELECT crop_key AS key, CASE WHEN analyses.kind = 'video' THEN at_ms END AS at_ms, eyes
      FROM candidates
      JOIN tracks ON tracks.id = candidates.track_id
      JOIN analyses ON analyses.id = tracks.analysis_id
      JOIN best_shots ON best_shots.track_id = tracks.id
     WHERE candidates.id = :candidate ORDER BY weight DESC, best_shots.ordinal)
    UNION ALL
    SELECT probe_key, NULL, eyes FROM known_pairs WHERE id = :known_pair AND NOT :as_film AND probe_key IS NOT NULL
    UNION ALL
    (SELECT shot ->> 'key', (shot ->> 'at_ms')::bigint, nullif(shot -> 'eyes', 'null')
       FROM known_pairs, jsonb_array_elements(film -> 'shots') WITH ORDINALITY AS listed (shot, place)
      WHERE known_pairs.id = :known_pair AND :as_film ORDER BY place)
     LIMIT :most""")
MOMENT = text("""
    SELECT still_key AS still, clip_key AS clip, clip_frames AS frames FROM candidates WHERE id = :candidate
     UNION ALL
    SELECT CASE WHEN :as_film THEN film ->> 'still' ELSE still_key END, CASE WHEN :as_film THEN film ->> 'clip' END,
           CASE WHEN :as_film THEN film -> 'frames' END
      FROM known_pairs WHERE id = :known_pair""")
# The photo that was found first, then the others of the same person.
PHOTOS = text("""
    WITH asked (person, photo, probe) AS (
        SELECT person_id, photo_id, NULL::bigint FROM candidates WHERE id = :candidate
         UNION ALL SELECT person_id, photo_id, probe_photo_id FROM known_pairs WHERE id = :known_pair)
    SELECT crop_key AS key, NULL AS at_ms, eyes
      FROM reference_photos JOIN asked ON person = person_id
     WHERE crop_key IS NOT NULL AND id IS DISTINCT FROM probe
       AND (id = photo OR EXISTS (SELECT FROM templates WHERE photo_id = reference_photos.id))
     ORDER BY id <> photo, id LIMIT :most""")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a face in the derived bucket."""

    key: str
    at_ms: int | None
    """of the video; None: it is no moment of one"""
    eyes: Eyes | None = None
    """where they are on this picture; None: not known"""


@dataclass(frozen=True, slots=True)
class Pictures:
    """All pictures of a review."""

    shots: tuple[Picture, ...]
    photos: tuple[Picture, ...]
    """empty until the probe was described"""
    still: str | None
    """the whole picture, other faces covered"""
    clip: str | None
    frames: tuple[int, ...] = ()
    """when each picture of the clip is shown, ms from its beginning; empty: not known"""


def of_review(db: Connection, review: Review) -> Pictures:
    """Which pictures a review has."""
    whose = {"candidate": review.candidate, "known_pair": review.known_pair, "as_film": review.as_film}
    return _of(db, whose, with_photos=review.described_at is not None)


def of_candidate(db: Connection, candidate: int) -> Pictures:
    """Which pictures the record of a candidate has (`storage.decided` says who may see it)."""
    return _of(db, {"candidate": candidate, "known_pair": None, "as_film": False}, with_photos=True)


def _of(db: Connection, whose: Mapping[str, int | bool | None], *, with_photos: bool) -> Pictures:
    shots = db.execute(SHOTS, {**whose, "most": MOST_SHOTS}).mappings()
    photos = db.execute(PHOTOS, {**whose, "most": MOST_PHOTOS}).mappings() if with_photos else ()
    moment = db.execute(MOMENT, whose).first()
    return Pictures(
        tuple(Picture(**row) for row in shots),
        tuple(Picture(**row) for row in photos),
        moment.still if moment else None,
        moment.clip if moment else None,
        tuple(moment.frames or ()) if moment else (),
    )
