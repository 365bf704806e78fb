"""When another calibration comes to hold: what earlier searches have found, judged by it.  No face is compared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lastseen.records import Calibration
from lastseen.settings import Settings
from matchers import judging
from matchers.calibration import band_of, expected_false
from storage import calibrations, candidates, faces
from storage.database import Connection


@dataclass(frozen=True, slots=True)
class Rejudged:
    """What came of it."""

    told: int
    """candidates about which nobody has decided, and that say now what chance does by this calibration"""
    came: int
    """pairs of the watch band that are candidates now"""


def rejudge(db: Connection, engine: str, settings: Settings) -> Rejudged:
    """Say by what holds now how often chance comes as near, and queue whom only a stricter threshold had held back.

    No candidate goes by it, however strict it is.  Call `candidates.lock` before.
    """
    holds = calibrations.current(db, engine)
    if holds is None:
        return Rejudged(0, 0)
    calibration = judging.overridden(holds, settings.review_threshold)
    told = _tell(db, calibration)
    found = candidates.watched(db, calibration.engine, max(band.threshold for band in calibration.bands))
    judged = judging.judge(found, faces.qualities(db, calibration.engine, list(found)), calibration)
    candidates.keep(db, calibration.engine, replace(judged, near={}), settings.people_per_track)
    return Rejudged(told, sum(map(len, judged.found.values())))


def _tell(db: Connection, calibration: Calibration) -> int:
    undecided = candidates.undecided(db, calibration.engine)
    quality = faces.qualities(db, calibration.engine, [one.track for one in undecided])
    figures: Mapping[int, float | None] = {
        one.id: expected_false(band_of(calibration, quality[one.track]), one.distance)
        for one in undecided
        if one.track in quality
    }
    candidates.tell(db, calibration.id, figures)
    return len(figures)
