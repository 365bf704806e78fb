"""Where two files show the same footage, and where faces are to be seen in them.

Only direct links count.  Through a compilation, two clips of which it holds a part each would become one, and with them
the people in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from storage.same_face import Overlap, Seen, looks

_STANDS = """
    (CAST(:as_of AS timestamptz) IS NULL OR found_at <= :as_of) AND (withdrawn_at IS NULL OR withdrawn_at > :as_of)"""
PASSAGES = text(f"""
    SELECT one_blob_id AS blob, other_blob_id AS other, one_start_ms AS start_ms, one_end_ms AS end_ms,
           other_start_ms, other_end_ms, mirrored
      FROM repost_links WHERE {_STANDS} AND one_blob_id = ANY(CAST(:blobs AS bigint[]))
     UNION
    SELECT other_blob_id, one_blob_id, other_start_ms, other_end_ms, one_start_ms, one_end_ms, mirrored
      FROM repost_links WHERE {_STANDS} AND other_blob_id = ANY(CAST(:blobs AS bigint[]))
     ORDER BY blob, other, start_ms, other_start_ms""")  # noqa: S608  our own words
PLACES = text("""
    SELECT DISTINCT posts.first_seen_at, posts.id AS post, blobs.sha256, posts.platform, posts.permalink,
           posts.published_at, posts.seen = 'gone' AS gone, sources.address AS source
      FROM blobs
      JOIN media_items ON media_items.blob_id = blobs.id
      JOIN posts ON posts.id = media_items.post_id
      JOIN sources ON sources.id = posts.source_id
     WHERE blobs.sha256 = ANY(CAST(:files AS text[]))
       AND (CAST(:as_of AS timestamptz) IS NULL
            OR (posts.first_seen_at <= :as_of AND (carried_at IS NULL OR carried_at <= :as_of)))
     ORDER BY posts.first_seen_at, posts.id""")
SEEN = text("""
    SELECT tracks.id, analysis_id, start_ms, end_ms, faces, width, height
      FROM tracks JOIN analyses ON analyses.id = analysis_id
     WHERE analysis_id = ANY(CAST(:analyses AS bigint[])) ORDER BY tracks.id""")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one file that shows the footage of a stretch of another."""

    blob: int
    """row id"""
    other: int
    """row id"""
    stretch: Overlap


@dataclass(frozen=True, slots=True)
class Place:
    """A post that carries a file, or another file with the same footage."""

    sha256: str
    """of the file there"""
    post: int
    """row id"""
    platform: str
    permalink: str
    source: str
    published_at: datetime | None
    first_seen_at: datetime
    gone: bool
    passage: Passage | None = None
    """which part of the footage, if it is another file"""


def passages(db: Connection, blobs: Sequence[int], as_of: datetime | None = None) -> list[Passage]:
    """Where other files show the footage of these; of two of these, both ways.  `as_of`: as it was known then."""
    found = db.execute(PASSAGES, {"blobs": list(blobs), "as_of": as_of})
    return [Passage(blob, other, Overlap(*stretch)) for blob, other, *stretch in found]


def places(db: Connection, files: Sequence[str], as_of: datetime | None = None) -> Mapping[str, list[Place]]:
    """By sha256, the posts that carry each of some files, earliest seen first.  `as_of`: that were known then."""
    found: dict[str, list[Place]] = {file: [] for file in files}
    for row in db.execute(PLACES, {"files": list(files), "as_of": as_of}).mappings():
        found[row["sha256"]].append(Place(**row))
    return found


def seen(db: Connection, analyses: Sequence[int]) -> list[Seen]:
    """Where the tracks of some analyses were."""
    found = db.execute(SEEN, {"analyses": list(analyses)}) if analyses else ()
    return [
        Seen(row.id, row.analysis_id, row.start_ms, row.end_ms, looks(row.faces, row.width, row.height))
        for row in found
    ]
