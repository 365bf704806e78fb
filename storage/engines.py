"""A change of engine: which analyses are still to be searched with the new one, and what came of looking again.

Vectors of two engines are never compared, so candidates of both may stand side by side: `storage.questions` says which
of them asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from lastseen.records import Box, Template
from storage import candidates, faces
from storage.sealing import Sealer

STEP: Final = "reembed"
"""its items are analyses"""

# The newest analysis of each blob, where another engine made it and a track of it can still be searched.  Those of
# other engines are found by the index, and tracks are looked for only where the step does not know the analysis.
DUE = text("""
    WITH newest AS MATERIALIZED (
        SELECT id FROM analyses
         WHERE (engine < :engine OR engine > :engine)
           AND NOT EXISTS (SELECT FROM analyses AS later
                            WHERE later.blob_id = analyses.blob_id AND later.id > analyses.id)
           AND NOT EXISTS (SELECT FROM reembeddings
                            WHERE analysis_id = analyses.id AND reembeddings.engine = :engine)
           AND NOT EXISTS (SELECT FROM work
                            WHERE step = 'reembed' AND subject = analyses.id AND recipe = :engine))
    SELECT id FROM newest
     WHERE EXISTS (SELECT FROM tracks JOIN templates ON track_id = tracks.id WHERE analysis_id = newest.id)
     ORDER BY id DESC""")

# Its item was taken over by the engine that was set meanwhile, in whose hands nothing was compared by this one.
UNMATCHED = text("""
    SELECT id FROM analyses
     WHERE (engine = :engine OR EXISTS (SELECT FROM reembeddings
                                         WHERE analysis_id = analyses.id AND reembeddings.engine = :engine))
       AND NOT EXISTS (SELECT FROM work
                        WHERE step = 'match_tracks' AND subject = analyses.id AND recipe = :engine)
       AND EXISTS (SELECT FROM tracks JOIN templates ON track_id = tracks.id
                    WHERE analysis_id = analyses.id AND templates.engine = :engine)
     ORDER BY id DESC""")

ANALYSIS = text("""
    SELECT analyses.id, analyses.blob_id AS blob, sha256, width, height
      FROM analyses JOIN blobs ON blobs.id = blob_id WHERE analyses.id = :id""")

# A track whose faces have expired has no templates of any engine.
TRACKS = text("""
    SELECT id, EXISTS (SELECT FROM templates WHERE track_id = tracks.id) AS kept
      FROM tracks WHERE analysis_id = :id AND gate = '' ORDER BY id""")

SHOTS = text("""
    SELECT track_id AS track, crop_key AS key, at_ms, box FROM best_shots
     WHERE track_id = ANY(:tracks) AND weight > 0 ORDER BY track_id, ordinal""")

STILL_KEPT = text("SELECT DISTINCT track_id FROM templates WHERE track_id = ANY(:tracks)")

NOTE = text("""
    INSERT INTO reembeddings (analysis_id, engine, tracks, expired, lost, without_face)
    VALUES (:analysis, :engine, :tracks, :expired, :lost, :without_face)
    ON CONFLICT (analysis_id, engine) DO UPDATE
       SET tracks = excluded.tracks, expired = excluded.expired, lost = excluded.lost,
           without_face = excluded.without_face, made_at = now()""")

IN_USE = text("SELECT engine FROM engine_uses ORDER BY id DESC LIMIT 1")
USE = text("INSERT INTO engine_uses (engine) VALUES (:engine)")
OF_SEVERAL = text("""
    SELECT blob_id FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     GROUP BY blob_id HAVING count(DISTINCT candidates.engine) > 1 ORDER BY blob_id""")


@dataclass(frozen=True, slots=True)
class Shot:
    """A kept picture of a track."""

    track: int
    """row id"""
    key: str
    """in the derived bucket"""
    at_ms: int
    box: Box
    """of the face, in pixels of the picture that the crop was cut from"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of an analysis, to be embedded with another engine."""

    analysis: int
    blob: int
    sha256: str
    width: int
    """of its pictures"""
    height: int
    expired: int
    """tracks whose faces are gone"""
    shots: tuple[Shot, ...]
    """those that passed the gates, together by track"""
    tracks: tuple[int, ...]
    """row ids of all others"""


@dataclass(frozen=True, slots=True)
class Count:
    """What became of the tracks of one analysis that are searched."""

    tracks: int
    """have templates of the engine now"""
    expired: int
    """their faces are gone by retention"""
    lost: int
    """none of their pictures could be read"""
    without_face: int
    """the engine finds no face that passes its gates on any of them"""


def use(db: Connection, engine: str, people_per_track: int) -> bool:
    """Note that this engine is set where tracks are matched; returns whether another one was until now.

    Of what two engines have found the one in use asks: who asks is worked out anew.  Call it in a transaction of its
    own: where the engine changes it takes `candidates.lock`.
    """
    if db.execute(IN_USE).scalar() == engine:
        return False
    candidates.lock(db)
    if db.execute(IN_USE).scalar() == engine:
        return False
    db.execute(USE, {"engine": engine})
    candidates.arrange(db, db.execute(OF_SEVERAL).scalars().all(), people_per_track)
    return True


def due(db: Connection, engine: str) -> Sequence[int]:
    """Analyses by other engines that are to be embedded with this one, and are not known to the step; newest first."""
    return db.execute(DUE, {"engine": engine}).scalars().all()


def unmatched(db: Connection, engine: str) -> Sequence[int]:
    """Analyses with tracks of this engine that were never queued to be compared by it; newest first.

    There are some when an engine is set again that was changed before all was compared by it.
    """
    return db.execute(UNMATCHED, {"engine": engine}).scalars().all()


def kept(db: Connection, analysis: int) -> Kept:
    """What is left of one analysis."""
    row = db.execute(ANALYSIS, {"id": analysis}).one()
    found = db.execute(TRACKS, {"id": analysis}).all()
    tracks = tuple(track.id for track in found if track.kept)
    shots = tuple(
        Shot(shot.track, shot.key, shot.at_ms, Box(**shot.box)) for shot in db.execute(SHOTS, {"tracks": list(tracks)})
    )
    return Kept(row.id, row.blob, row.sha256, row.width, row.height, len(found) - len(tracks), shots, tracks)


def keep(
    db: Connection, analysis: int, engine: str, made: Mapping[int, tuple[Template, ...]], count: Count, seal: Sealer
) -> int:
    """Keep templates of another engine, track by track; returns of how many.

    None are kept of tracks whose faces have expired meanwhile.  Call it before anything else in its transaction: it
    takes `candidates.lock`, as whoever has faces expire does.
    """
    candidates.lock(db)
    there = set(db.execute(STILL_KEPT, {"tracks": list(made)}).scalars())
    for track in sorted(there):
        faces.keep_track_templates(db, track, engine, made[track], seal)
    gone = len(made) - len(there)
    values = {"tracks": len(there), "expired": count.expired + gone, "lost": count.lost}
    db.execute(NOTE, {"analysis": analysis, "engine": engine, "without_face": count.without_face, **values})
    return len(there)
