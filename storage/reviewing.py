"""What the review pages read of one candidate whole, and where the crop of a face in a roll call lies.

`storage.review_pictures` finds the pictures of a candidate, and `storage.decided` says who may see it.  Crops of people
who match nobody cannot be had by counting ids here; `storage.roll_calls` says whose faces may be looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from lastseen.lifecycle import CandidateState
from lastseen.records import TELEGRAM_EXPORT
from storage import candidates
from storage.accounts import User
from storage.candidates import NO_KIN, Kin

CANDIDATE = text("""
    SELECT candidates.id, candidates.state, candidates.created_at, candidates.engine,
           candidates.expected_false, candidates.calibration_id AS calibration,
           candidates.clip_start_ms,
           persons.register_number, persons.names,
           tracks.id AS track, tracks.start_ms, tracks.end_ms, analyses.kind, analyses.duration_ms,
           analyses.blob_id AS blob, blobs.sha256, blobs.size, blobs.media_type, blobs.stored_at, blobs.locked_until,
           (SELECT (quality ->> 'width')::float8 FROM best_shots
             WHERE best_shots.track_id = tracks.id ORDER BY weight DESC, ordinal LIMIT 1) AS width
      FROM candidates
      JOIN persons ON persons.id = candidates.person_id
      JOIN tracks ON tracks.id = candidates.track_id
      JOIN analyses ON analyses.id = tracks.analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id
     WHERE candidates.id = :id""")

STATE = text("SELECT state FROM candidates WHERE id = :id")

# Faces that were searched: over the last week, or since the first one where that is less.
A_DAY = text("""
    SELECT sum(searched) / greatest(extract(epoch FROM now() - greatest(min(analyzed_at), now() - interval '7 days'))
                               / 86400, 1)
      FROM analyses WHERE searched > 0 AND analyzed_at > now() - interval '7 days'""")

# The words of a post are those of the newest observation that found it there: a missing page has none.  What an export
# states counts only where nothing else does: it may be older than what was read before it was imported.
PLACES = text("""
    SELECT DISTINCT ON (posts.first_seen_at, posts.id)
           posts.id AS post, posts.platform, posts.permalink, posts.published_at, posts.first_seen_at,
           posts.last_seen_at,
           posts.seen = 'gone' AS gone, sources.address AS source, sources.reason,
           coalesce(observation.title, '') AS title, coalesce(observation.text, '') AS text
      FROM media_items
      JOIN posts ON posts.id = media_items.post_id
      JOIN sources ON sources.id = posts.source_id
      LEFT JOIN LATERAL (SELECT title, text FROM observations WHERE observations.post_id = posts.id
                          ORDER BY (observations.seen = 'present') DESC,
                                   (observations.method <> :export) DESC, observations.id DESC LIMIT 1)
             AS observation ON true
     WHERE media_items.blob_id = :blob
     ORDER BY posts.first_seen_at, posts.id""").bindparams(export=TELEGRAM_EXPORT)

# Posts of other files that show the same footage while the face is to be seen, in any of the tracks that the cast
# joins, and when it begins there: only direct links count.
COPIES = text("""
    WITH RECURSIVE face (track) AS (
        SELECT CAST(:track AS bigint)
         UNION SELECT CASE face.track WHEN one_track_id THEN other_track_id ELSE one_track_id END
          FROM face JOIN cast_links ON face.track IN (one_track_id, other_track_id) AND withdrawn_at IS NULL),
         seen AS (
        SELECT tracks.start_ms AS from_ms, tracks.end_ms AS to_ms, analyses.blob_id AS blob
          FROM face JOIN tracks ON tracks.id = track JOIN analyses ON analyses.id = analysis_id),
         side AS (
        SELECT one_blob_id AS blob, one_start_ms AS start_ms, one_end_ms AS end_ms, other_blob_id AS copy,
               other_start_ms AS copy_start_ms, other_end_ms AS copy_end_ms, mirrored
          FROM repost_links WHERE withdrawn_at IS NULL
        UNION ALL
        SELECT other_blob_id, other_start_ms, other_end_ms, one_blob_id, one_start_ms, one_end_ms, mirrored
          FROM repost_links WHERE withdrawn_at IS NULL)
    SELECT posts.permalink, posts.published_at, posts.first_seen_at, blobs.sha256, mirrored,
           min(copy_start_ms + (greatest(from_ms, start_ms) - start_ms) * (copy_end_ms - copy_start_ms)
                               / greatest(end_ms - start_ms, 1)) AS at_ms
      FROM seen
      JOIN side ON side.blob = seen.blob AND from_ms <= end_ms AND to_ms >= start_ms
      JOIN blobs ON blobs.id = copy
      JOIN media_items ON media_items.blob_id = copy
      JOIN posts ON posts.id = media_items.post_id
     GROUP BY posts.id, blobs.sha256, mirrored
     ORDER BY posts.first_seen_at, posts.id, at_ms""")

# Whoever may still have to judge sees the pictures of what waits under their review only, where nothing tells what it
# is: here they are for those who have given their own answer, and for all once it is decided.
_SHOWN_TO = """(candidates.state IN ('undecided', 'sighting')
                OR candidates.state IN ('open', 'rejected') AND has_judged(:reader, candidates.id))"""

SHOT_KEY = text(f"""
    SELECT crop_key FROM best_shots
     WHERE id = :id
       AND EXISTS (SELECT FROM candidates WHERE candidates.track_id = best_shots.track_id AND {_SHOWN_TO})""")  # noqa: S608  our own words


@dataclass(frozen=True, slots=True)
class PostShown:
    """One post that carries the candidate's bytes."""

    post: int
    """row id"""
    platform: str
    permalink: str
    published_at: datetime | None
    """as the platform says"""
    first_seen_at: datetime
    last_seen_at: datetime
    gone: bool
    source: str
    reason: str
    title: str
    text: str
    kept_back: bool = False
    """its words are not shown to whoever may still be asked about a face of it"""


@dataclass(frozen=True, slots=True)
class Copy:
    """One post that carries another file which shows the same footage."""

    permalink: str
    published_at: datetime | None
    first_seen_at: datetime
    sha256: str
    mirrored: bool
    """left for right"""
    at_ms: int
    """when the face is first to be seen there"""


@dataclass(frozen=True, slots=True)
class CandidateShown:
    """One candidate with everything that its page tells."""

    id: int
    state: CandidateState
    created_at: datetime
    engine: str
    expected_false: float | None
    """people of the register expected this near to a stranger's face by chance; None: not known"""
    calibration: int | None
    kin: Kin
    clip_start_ms: int | None
    """None: there is no clip (yet)"""
    register_number: str
    names: tuple[str, ...]
    track: int
    start_ms: int
    end_ms: int
    kind: str
    """of the blob: `video` or `image`"""
    duration_ms: int
    blob: int
    sha256: str
    size: int
    """bytes"""
    media_type: str
    stored_at: datetime
    locked_until: datetime
    width: float | None
    """of the face in its best shot, pixels of the original; None: not kept"""
    places: tuple[PostShown, ...]
    """earliest seen first"""
    copies: tuple[Copy, ...]
    """of the same footage, earliest seen first"""


def candidate(db: Connection, id_: int) -> CandidateShown | None:
    """One candidate in whatever state, or None."""
    row = db.execute(CANDIDATE, {"id": id_}).mappings().first()
    if row is None:
        return None
    places = db.execute(PLACES, {"blob": row["blob"]}).mappings()
    told: Mapping[str, object] = {
        **row,
        "state": CandidateState(row["state"]),
        "names": tuple(row["names"]),
        "kin": candidates.kin(db, id_).get(id_, NO_KIN),
        "places": tuple(PostShown(**place) for place in places),
        "copies": tuple(Copy(**copy) for copy in db.execute(COPIES, {"track": row["track"]}).mappings()),
    }
    return CandidateShown(**told)  # type: ignore[arg-type]  # the query's columns are the fields


def state(db: Connection, id_: int) -> CandidateState | None:
    """Where a candidate stands; None: there is no such one."""
    found = db.execute(STATE, {"id": id_}).scalar()
    return CandidateState(found) if found else None


def faces_a_day(db: Connection) -> float | None:
    """How many faces were searched a day, of late; None: none were."""
    found = db.execute(A_DAY).scalar()
    return float(found) if found else None


def shot_key(db: Connection, reader: User, id_: int) -> str | None:
    """Where the crop of a best shot lies in the derived bucket."""
    found: str | None = db.execute(SHOT_KEY, {"id": id_, "reader": reader.id}).scalar()
    return found
