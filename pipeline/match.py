"""Step: the tracks of one analysis against the register; candidates out.  `pipeline.sweep` is the other way.

No pair is missed: a track is committed before its match is offered, and the match reads the register after that.  A
photo that is not there yet is committed later than the track, and `storage.sweeps` says why it then meets it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lastseen.outcomes import Done, Outcome
from lastseen.records import Gallery, Match, Probes
from lastseen.settings import Settings
from matchers import gallery as matcher
from pipeline.runner import Bench, Result, Step
from storage import candidates, engines, faces, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.sealing import Sealer
from storage.template_cache import Cache, blocks_of
from storage.work import Claim, Queue

TRACKS = "match_tracks"

Held = TypeVar("Held")

Matches = Mapping[int, Sequence[Match]]
"""track -> people near it, nearest first"""


@dataclass(frozen=True, slots=True)
class Job:
    """What is compared with what."""

    subject: str
    engine: str
    probes: Probes
    gallery: Gallery


def tracks_step(settings: Settings, engine: str, threshold: float, sealer: Sealer) -> Step[Job, Matches]:
    """Compare the tracks of one analysis with the whole register."""
    cache = Cache(blocks_of(settings), sealer)
    register = _Held(faces.gallery_version, lambda db, engine: matcher.ready(cache.gallery(db, engine)))

    def load(db: Connection, claim: Claim) -> Job:
        probes = faces.probes(db, claim.recipe, sealer, analysis=claim.subject)
        return Job(f"analysis:{claim.subject}", claim.recipe, probes, register.current(db, claim.recipe))

    def run(job: Job, bench: Bench) -> Outcome[Matches]:
        return compare(job, threshold)

    def keep_all(db: Connection, result: Result[Job, Matches]) -> list[Entry]:
        candidates.lock(db)
        engines.displace(db, result.job.engine, result.job.probes.owners)
        return [keep(db, result.job, found, settings.people_per_track) for found in result.made]

    return Step(TRACKS, engine, load, run, keep_all)


def compare(job: Job, threshold: float) -> Outcome[Matches]:
    """Everybody near each track, whichever side is new."""
    found = matcher.search(job.probes, job.gallery, threshold)
    pairs = sum(len(people) for people in found.values())
    return Done((found,), note=f"{len(set(job.probes.owners))} tracks, {len(job.gallery.people)} photos, {pairs} near")


def keep(db: Connection, job: Job, found: Matches, people_per_track: int) -> Entry:
    """Keep what was found as candidates.  Returns what the custody log says of the search."""
    candidates.lock(db)
    work.offer(db, Queue("illustrate"), candidates.keep(db, job.engine, found, people_per_track))
    engines.supersede(db, job.engine, tuple(found))
    detail = {
        "engine": job.engine,
        "tracks": len(set(job.probes.owners)),
        "photos": len(job.gallery.people),
        "near": sum(len(people) for people in found.values()),
    }
    return Entry(Action.SEARCHED, job.subject, detail)


class _Held(Generic[Held]):
    """Templates kept in memory until those in the database change."""

    def __init__(self, version: Callable[[Connection, str], object], read: Callable[[Connection, str], Held]) -> None:
        self._version = version
        self._read = read
        self._held: dict[str, tuple[object, Held]] = {}

    def current(self, db: Connection, engine: str) -> Held:
        version = self._version(db, engine)
        held = self._held.get(engine)
        if held is None or held[0] != version:
            self._held.pop(engine, None)  # a register is not held twice
            held = self._held[engine] = (version, self._read(db, engine))
        return held[1]
