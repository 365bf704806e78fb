"""Calibrations: kept one after the other, never changed; the newest of an engine holds."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from lastseen.records import Band, Calibration
from storage.tables import calibrations


def current(db: Connection, engine: str) -> Calibration | None:
    """The newest calibration of an engine; None: there is none."""
    statement = (
        select(calibrations.c.id, calibrations.c.bands, calibrations.c.fallback)
        .where(calibrations.c.engine == engine)
        .order_by(calibrations.c.id.desc())
        .limit(1)
    )
    row = db.execute(statement).one_or_none()
    return row and Calibration(row.id, engine, tuple(map(_band, row.bands)), row.fallback)


def _band(stored: Mapping[str, object]) -> Band:
    curve = tuple((float(distance), float(people)) for distance, people in stored["curve"])  # type: ignore[attr-defined]
    return Band(float(str(stored["least"])), float(str(stored["threshold"])), float(str(stored["watch"])), curve)
