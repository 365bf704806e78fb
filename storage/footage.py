"""Where two files show the same footage, and where faces are to be seen in them.

Only direct links count.  Through a compilation, two clips of which it holds a part each would become one, and with them
the people in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from storage.same_face import Overlap, Seen, looks

PASSAGES = text("""
    SELECT one_blob_id AS blob, other_blob_id AS other, one_start_ms AS start_ms, one_end_ms AS end_ms,
           other_start_ms, other_end_ms, mirrored
      FROM repost_links WHERE withdrawn_at IS NULL AND one_blob_id = ANY(CAST(:blobs AS bigint[]))
     UNION
    SELECT other_blob_id, one_blob_id, other_start_ms, other_end_ms, one_start_ms, one_end_ms, mirrored
      FROM repost_links WHERE withdrawn_at IS NULL AND other_blob_id = ANY(CAST(:blobs AS bigint[]))
     ORDER BY blob, other, start_ms, other_start_ms""")
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


def passages(db: Connection, blobs: Sequence[int]) -> list[Passage]:
    """Where other files show the footage of these; of two of these, both ways."""
    found = db.execute(PASSAGES, {"blobs": list(blobs)})
    return [Passage(blob, other, Overlap(*stretch)) for blob, other, *stretch in found]


def seen(db: Connection, analyses: Sequence[int]) -> list[Seen]:
    """Where the tracks of some analyses were."""
    found = db.execute(SEEN, {"analyses": list(analyses)}) if analyses else ()
    return [
        Seen(row.id, row.analysis_id, row.start_ms, row.end_ms, looks(row.faces, row.width, row.height))
        for row in found
    ]
