"""`lastseen calibrate`: measure what the register's own pairs say, and propose thresholds.  People have one hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from extractors import faces
from lastseen.errors import Failure, WrongUse
from lastseen.records import Band, Calibration
from lastseen.settings import Settings
from matchers import cohort, measuring
from matchers.calibration import band_of, expected_false, published
from matchers.cohort import Cohort, Gain
from matchers.impostors import Sample
from matchers.measuring import BandFound, Found, Tracks, Wish
from matchers.tails import TooLittle
from pipeline.matching import calibration_plot
from storage import calibrations, custody, office_keys
from storage.database import Connection
from storage.stores import Stores

DAYS = 28
"""that tracks are counted over, and looked at"""
MOST_TRACK_TEMPLATES = 30_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was measured, as it was kept."""

    id: int | None
    """row id; None: it was not kept"""
    calibration: Calibration
    counts: Mapping[str, int]
    wish: Wish
    found: Found | None
    """None: nothing could be measured; `calibration.fallback` says why"""
    cohort: Cohort | None
    now: float | None
    """false candidates a day by what holds now; None: not known"""
    then: float | None
    """the same, if this one held"""
    plot: str

    def detail(self) -> dict[str, object]:
        """What is kept beside the thresholds: numbers, and nobody's, since a calibration outlives an erasure."""
        wish: dict[str, object] = {"tracks_a_day": self.wish.tracks_a_day, "accepted": self.wish.accepted}
        told = {**wish, "false_a_day": self.then}
        return told if self.found is None else {**told, **_found(self.found), "cohort": _cohort(self.cohort)}


@dataclass(frozen=True, slots=True)
class _Material:
    register: Sample
    ties: Sequence[tuple[int, int]]
    tracks: Tracks | None
    wish: Wish
    holds: Calibration


def engine_of(settings: Settings) -> str:
    """Id of the engine in use.  Raises EngineUnavailable."""
    return faces.engine_id(settings.engine, settings.models_dir)


def propose(
    stores: Stores, settings: Settings, actor: str, tracks_a_day: float | None, accept: float | None, keep: bool = True
) -> Proposal:
    """Measure, and keep the proposal.  Nothing that holds changes.

    Raises WrongUse for numbers that make no sense, and what opening templates raises.
    """
    engine = engine_of(settings)
    figure = faces.published_threshold(settings.engine, settings.models_dir)
    with stores.db.begin() as db:
        material = _read(db, settings, engine, figure, tracks_a_day, accept)
    proposal = _measured(material, engine, figure)
    if not keep:
        return proposal
    with stores.db.begin() as db:
        kept = proposal.calibration, proposal.counts, proposal.detail(), proposal.plot
        id_, entry = calibrations.keep(db, *kept, actor)
        custody.append_all(db, actor, [entry])
    return replace(proposal, id=id_)


def _read(
    db: Connection, settings: Settings, engine: str, figure: float, tracks_a_day: float | None, accept: float | None
) -> _Material:
    seal = office_keys.sealer(db, settings)
    measured = calibrations.tracks_a_day(db, engine, DAYS) if tracks_a_day is None else tracks_a_day
    wish = Wish(measured, settings.false_candidates_a_day if accept is None else accept)
    try:
        measuring.checked(wish)
    except ValueError as fault:
        raise WrongUse(f"--tracks-a-day, --accept: {fault}") from fault
    photos = calibrations.photos(db, engine, seal)
    days = min(DAYS, settings.retention_days)
    tracks = calibrations.tracks(db, engine, seal, days, MOST_TRACK_TEMPLATES) if days else None
    holds = calibrations.current(db, engine) or published(engine, figure, "nothing was adopted")
    if settings.review_threshold is not None:
        holds = published(engine, settings.review_threshold, "LASTSEEN_REVIEW_THRESHOLD")
    seen = None if tracks is None or not len(tracks.owners) else Tracks(_sample(tracks), tracks.files)
    return _Material(_sample(photos), calibrations.ties(db), seen, wish, holds)


def _sample(templates: calibrations.Templates) -> Sample:
    return Sample(templates.owners, templates.qualities, templates.vectors)


def _measured(material: _Material, engine: str, figure: float) -> Proposal:
    register, wish = material.register, material.wish
    counts = {"people": len(np.unique(register.owners)), "photos": len(register.owners), "pairs": 0}
    try:
        found = measuring.measure(register, material.ties, material.tracks, wish, figure)
    except TooLittle as fault:
        fallback = published(engine, figure, f"{fault}; until then the engine's published figure holds")
        return Proposal(None, fallback, counts, wish, None, None, None, None, "")
    except ValueError as fault:
        raise Failure(f"the register cannot be measured: {fault}") from fault
    apart = [(one, other) for one, other, _ in found.suspects.pairs]
    normed = cohort.measure(register, frozenset([*material.ties, *apart]))
    made = Calibration(None, engine, tuple(band.band for band in found.bands))
    now, then = (a_day(found, [band_of(held, _middle(found, n)) for n in range(len(found.bands))])
                 for held in (material.holds, made))  # fmt: skip
    counts["pairs"] = found.pairs
    return Proposal(None, made, counts, wish, found, normed, now, then, calibration_plot.draw(found))


def _middle(found: Found, number: int) -> float:
    """A quality in the middle of a band."""
    ends = [*(band.band.least for band in found.bands), 1.0]
    return (ends[number] + ends[number + 1]) / 2


def a_day(found: Found, bands: Sequence[Band]) -> float:
    """False candidates a day if these thresholds held, one for each band that was measured.

    Beyond the end of a curve it is the number at its end: at least so many.
    """
    expected = [
        (expected_false(measured.band, band.threshold) or 0.0) * measured.share
        for measured, band in zip(found.bands, bands, strict=True)
    ]
    return sum(expected) * found.wish.tracks_a_day


# --- what is kept of it, as JSON ---------------------------------------------------------------------------


def _found(found: Found) -> dict[str, object]:
    return {
        "bands": [_band(band) for band in found.bands],
        "clumping": found.clumping,
        "tied": found.tied,
        "suspects": len(found.suspects.pairs),
        "alike": len(found.suspects.alike),
    }


def _band(found: BandFound) -> dict[str, object]:
    tail, ratio = found.tail, found.ratio
    low, high = interval(found)
    return {
        "false_a_search": expected_false(found.band, found.band.threshold),
        "low": low,
        "high": high,
        "carried": found.carried,
        "share": found.share,
        "pairs": found.looked,
        "tail": {
            "start": tail.start,
            "rate": tail.rate,
            "shape": tail.shape,
            "scale": tail.scale,
            "pairs": tail.pairs,
            "misfit": tail.misfit,
            "fits": tail.fits,
        },
        "tracks": {"number": ratio.tracks, "ratio": ratio.at, "low": ratio.low, "high": ratio.high},
        "interval": [list(found.low), list(found.high)],
    }


def interval(found: BandFound) -> tuple[float, float]:
    """95 % interval of the false candidates of one search at the threshold."""
    distances = [distance for distance, _ in found.band.curve]
    low, high = (float(np.interp(found.band.threshold, distances, ends)) for ends in (found.low, found.high))
    return low, high


def _cohort(measured: Cohort | None) -> dict[str, object] | None:
    if measured is None:
        return None
    return {
        "people": measured.people,
        "false_match_rate": measured.false_match_rate,
        "found": measured.found,
        "register_side": _gain(measured.register_side),
        "both_sides": _gain(measured.both_sides),
        "used": False,
    }


def _gain(gain: Gain) -> dict[str, object]:
    return {"at": gain.at, "low": gain.low, "high": gain.high, "helps": gain.helps}
