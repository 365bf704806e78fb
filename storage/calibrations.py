"""Calibrations: what they are measured on; kept one after the other, never changed; one holds when somebody says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, func, insert, select, text

from lastseen.errors import WrongUse
from lastseen.records import Band, Calibration, Vectors
from storage.custody import Action, Entry
from storage.sealing import Sealer, identity
from storage.tables import calibration_adoptions, calibrations

PHOTOS = text("""
    SELECT person_id AS owner, person_id AS file, templates.quality, photo_id, NULL AS track_id, kind, sealed
      FROM templates JOIN reference_photos ON reference_photos.id = photo_id JOIN persons ON persons.id = person_id
     WHERE engine = :engine AND is_searched(status) ORDER BY templates.id""")

# Only days of which all tracks are still there: of older ones retention has left those that resemble somebody.
TRACKS = text("""
    SELECT track_id AS owner, blob_id AS file, max(templates.quality) OVER (PARTITION BY track_id) AS quality,
           NULL AS photo_id, track_id, templates.kind, sealed
      FROM templates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE templates.engine = :engine AND gate = '' AND analyzed_at > now() - make_interval(days => :days)
       AND analysis_id IN (SELECT max(id) FROM analyses WHERE engine = :engine GROUP BY blob_id)
     ORDER BY templates.id DESC LIMIT :most""")

TRACKS_A_DAY = text("""
    SELECT count(*) / greatest(1, least(:days, extract(epoch FROM now() - min(analyzed_at)) / 86400.0))
      FROM tracks JOIN analyses ON analyses.id = analysis_id
     WHERE engine = :engine AND gate = '' AND analyzed_at > now() - make_interval(days => :days)""")

TIES = text("SELECT one_person_id, other_person_id FROM ties ORDER BY 1, 2")

NUMBERS = text("SELECT id, register_number FROM persons WHERE id = ANY(:people)")


@dataclass(frozen=True, slots=True)
class Templates:
    """Opened templates, one a row; they stay in memory."""

    owners: NDArray[np.int64]
    """row id of a person, or of a track"""
    files: NDArray[np.int64]
    """row id of a track's blob"""
    qualities: NDArray[np.float64]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Kept:
    """One calibration with everything that is known of it."""

    calibration: Calibration
    people: int
    photos: int
    pairs: int
    detail: Mapping[str, Any]
    plot: str
    """SVG; empty: nothing was measured"""
    made_by: str
    made_at: datetime
    adopted_by: str | None
    """None: it never held"""
    adopted_at: datetime | None
    reason: str | None
    holds: bool


def photos(db: Connection, engine: str, sealer: Sealer) -> Templates:
    """Templates of the missing people's photos."""
    return _opened(db.execute(PHOTOS, {"engine": engine}).all(), engine, sealer)


def tracks(db: Connection, engine: str, sealer: Sealer, days: int, most: int) -> Templates:
    """Templates of tracks that were analysed in the last days, the newest, at most so many.

    `qualities`: of each track's best template.
    """
    return _opened(db.execute(TRACKS, {"engine": engine, "days": days, "most": most}).all(), engine, sealer)


def tracks_a_day(db: Connection, engine: str, days: int) -> float:
    """How many tracks that are searched came a day, in the last days."""
    return float(db.execute(TRACKS_A_DAY, {"engine": engine, "days": days}).scalar() or 0)


def ties(db: Connection) -> list[tuple[int, int]]:
    """Pairs of people that were declared kin, or the same."""
    return [(row.one_person_id, row.other_person_id) for row in db.execute(TIES)]


def register_numbers(db: Connection, people: Sequence[int]) -> dict[int, str]:
    """What the office calls some people."""
    return {row.id: row.register_number for row in db.execute(NUMBERS, {"people": list(people)})}


def keep(
    db: Connection,
    calibration: Calibration,
    counts: Mapping[str, int],
    detail: Mapping[str, object],
    plot: str,
    actor: str,
) -> tuple[int, Entry]:
    """Keep a proposal: it does not hold.  `counts`: people, photos, pairs.  Returns its id, and the event of it."""
    values = {
        "engine": calibration.engine,
        "fallback": calibration.fallback,
        "bands": [_stored(band) for band in calibration.bands],
        "detail": dict(detail),
        "plot": plot,
        "made_by": actor,
        **counts,
    }
    id_: int = db.execute(insert(calibrations).values(**values).returning(calibrations.c.id)).scalar_one()
    told = {**counts, "engine": calibration.engine, "bands": len(calibration.bands), "fallback": calibration.fallback}
    return id_, Entry(Action.CALIBRATED, f"calibration:{id_}", told)


def adopt(db: Connection, id_: int, engine: str, reason: str, actor: str) -> Entry:
    """Have a calibration of this engine hold from now on, also one that held before.  Raises WrongUse."""
    found = db.execute(select(calibrations.c.engine).where(calibrations.c.id == id_)).scalar()
    if found is None:
        raise WrongUse(f"there is no calibration {id_}: `lastseen calibrations list` shows them")
    if found != engine:
        raise WrongUse(f"calibration {id_} is one of {found}, and {engine} is in use: `lastseen calibrate` makes one")
    db.execute(insert(calibration_adoptions).values(calibration_id=id_, reason=reason, adopted_by=actor))
    return Entry(Action.ADOPTED, f"calibration:{id_}", {"engine": engine}, reason)


def current(db: Connection, engine: str) -> Calibration | None:
    """The calibration of an engine that holds: the one that was adopted last; None: none was."""
    statement = (
        select(calibrations.c.id, calibrations.c.engine, calibrations.c.bands, calibrations.c.fallback)
        .join(calibration_adoptions, calibration_adoptions.c.calibration_id == calibrations.c.id)
        .where(calibrations.c.engine == engine)
        .order_by(calibration_adoptions.c.id.desc())
        .limit(1)
    )
    row: Any = db.execute(statement).one_or_none()
    return None if row is None else _calibration(row)


def listed(db: Connection, engine: str | None = None) -> list[Kept]:
    """All of them (of one engine), the newest first."""
    holding = set(db.execute(HOLDING).scalars())
    statement = _everything().order_by(calibrations.c.id.desc())
    if engine is not None:
        statement = statement.where(calibrations.c.engine == engine)
    return [_kept(row, holding) for row in db.execute(statement)]


def one(db: Connection, id_: int) -> Kept | None:
    """One of them; None: there is no such."""
    row = db.execute(_everything().where(calibrations.c.id == id_)).one_or_none()
    return None if row is None else _kept(row, set(db.execute(HOLDING).scalars()))


HOLDING = text("""
    SELECT DISTINCT ON (engine) calibration_id
      FROM calibration_adoptions JOIN calibrations ON calibrations.id = calibration_id
     ORDER BY engine, calibration_adoptions.id DESC""")


def _everything() -> Select[Any]:
    newest = select(func.max(calibration_adoptions.c.id)).group_by(calibration_adoptions.c.calibration_id)
    last = select(calibration_adoptions).where(calibration_adoptions.c.id.in_(newest)).subquery()
    return select(calibrations, last.c.adopted_by, last.c.adopted_at, last.c.reason).outerjoin(
        last, last.c.calibration_id == calibrations.c.id
    )


def _kept(row: Row[Any], holding: set[int]) -> Kept:
    return Kept(
        _calibration(row),
        row.people,
        row.photos,
        row.pairs,
        row.detail,
        row.plot,
        row.made_by,
        row.made_at,
        row.adopted_by,
        row.adopted_at,
        row.reason,
        row.id in holding,
    )


def _calibration(row: Row[Any]) -> Calibration:
    return Calibration(row.id, row.engine, tuple(map(_band, row.bands)), row.fallback)


def _opened(rows: Sequence[Row[Any]], engine: str, sealer: Sealer) -> Templates:
    names = [identity(track=row.track_id, photo=row.photo_id, kind=row.kind, engine=engine) for row in rows]
    vectors = [sealer.open(row.sealed, name) for row, name in zip(rows, names, strict=True)]
    return Templates(
        np.array([row.owner for row in rows], np.int64),
        np.array([row.file for row in rows], np.int64),
        np.array([row.quality for row in rows], np.float64),
        np.stack(vectors).astype(np.float32) if rows else np.empty((0, 0), np.float32),
    )


def _stored(band: Band) -> dict[str, object]:
    return {"least": band.least, "threshold": band.threshold, "watch": band.watch, "curve": list(band.curve)}


def _band(stored: Mapping[str, Any]) -> Band:
    curve = tuple((float(distance), float(people)) for distance, people in stored["curve"])
    return Band(float(stored["least"]), float(stored["threshold"]), float(stored["watch"]), curve)
