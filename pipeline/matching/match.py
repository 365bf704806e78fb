"""Step: the tracks of one analysis against the register; candidates out.  `pipeline.matching.sweep` is the other way.

No pair is missed: a track is committed before its match is offered, and the match reads the register after that.  A
photo that is not there yet is committed later than the track, and `storage.sweeps` says why it then meets it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from extractors.cores import available_cores
from lastseen.outcomes import Done, Outcome
from lastseen.records import Calibration, Gallery, Match, Probes
from lastseen.settings import Settings
from matchers import calibration as scale
from matchers import gallery as matcher
from matchers import judging
from pipeline.matching.held_register import HeldRegister
from pipeline.runner import Bench, Result, Step
from storage import calibrations, candidates, faces, tip_finds
from storage.custody import Action, Entry
from storage.database import Connection
from storage.sealing import Sealer
from storage.work import Claim

NOT_MEASURED = "nothing was measured with this register yet: `lastseen calibrate` does"

TRACKS = "match_tracks"

Matches = Mapping[int, Sequence[Match]]
"""track -> people near it, nearest first"""


@dataclass(frozen=True, slots=True)
class Job:
    """What is compared with what."""

    subject: str
    calibration: Calibration
    probes: Probes
    gallery: Gallery


def calibrated(db: Connection, engine: str, published: float, settings: Settings) -> Calibration:
    """By what distances are judged: the newest calibration, or the engine's published figure while there is none.

    A threshold in the settings stands above both; what chance does is as the calibration says.
    """
    current = calibrations.current(db, engine) or scale.published(engine, published, NOT_MEASURED)
    return judging.overridden(current, settings.review_threshold)


def tracks_step(
    settings: Settings, engine: str, published: float, sealer: Sealer, register: HeldRegister
) -> Step[Job, Matches]:
    """Compare the tracks of one analysis with the whole register.  `published`: the engine's own threshold."""

    def load(db: Connection, claim: Claim) -> Job:
        probes = faces.probes(db, claim.recipe, sealer, analysis=claim.subject)
        judge = calibrated(db, claim.recipe, published, settings)
        return Job(f"analysis:{claim.subject}", judge, probes, register.current(db, claim.recipe))

    def keep_all(db: Connection, result: Result[Job, Matches]) -> list[Entry]:
        return [keep(db, result.job, found, settings.people_per_track) for found in result.made]

    return Step(TRACKS, engine, load, compare, keep_all)


def keep_found(db: Connection, calibration: Calibration, found: Matches, people_per_track: int) -> tuple[int, int]:
    """Keep what a search up to `widest(calibration)` has found.  Returns how many pairs are near, and watched.

    It takes `candidates.lock`: call it before anything else in its transaction.
    """
    candidates.lock(db)
    judged = judging.judge(found, faces.qualities(db, calibration.engine, sorted(found)), calibration)
    candidates.keep(db, calibration.engine, judged, people_per_track)
    tip_finds.tell_readers(db, sorted(judged.found))
    return _pairs(judged.found), _pairs(judged.near)


def compare(job: Job, bench: Bench) -> Outcome[Matches]:
    """Everybody near each track, whichever side is new."""
    threads = bench.settings.threads or available_cores()
    found = matcher.search(job.probes, job.gallery, scale.widest(job.calibration), threads)
    tracks, photos = len(set(job.probes.owners)), len(job.gallery.people)
    return Done((found,), note=f"{tracks} tracks, {photos} photos, {_pairs(found)} looked at closely")


def keep(db: Connection, job: Job, found: Matches, people_per_track: int) -> Entry:
    """Keep what was found as candidates.  Returns what the custody log says of the search.  See `keep_found`."""
    near, watched = keep_found(db, job.calibration, found, people_per_track)
    detail = {
        "engine": job.calibration.engine,
        "calibration": job.calibration.id or 0,
        "tracks": len(set(job.probes.owners)),
        "photos": len(job.gallery.people),
        "near": near,
        "watched": watched,
    }
    return Entry(Action.SEARCHED, job.subject, detail)


def _pairs(found: Mapping[int, Sequence[object]]) -> int:
    return sum(map(len, found.values()))
