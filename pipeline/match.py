"""Steps: tracks against the register, and a new photo against the kept tracks; candidates out.

No pair is missed: a track and a photo are each committed before their match is offered, and each match reads the
other side after that.  Whichever of the two is committed last sees the other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lastseen.outcomes import Done, Outcome
from lastseen.records import Gallery, Match, Probes
from lastseen.settings import Settings
from matchers import gallery as matcher
from pipeline.runner import Bench, Result, Step
from storage import candidates, faces, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.sealing import Sealer
from storage.template_cache import Cache, blocks_of
from storage.work import Claim, Queue

TRACKS = "match_tracks"
PHOTO = "match_photo"

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

    return Step(TRACKS, engine, load, _search(threshold), _keeper(settings))


def photo_step(settings: Settings, engine: str, threshold: float, sealer: Sealer) -> Step[Job, Matches]:
    """Compare one reference photo with all kept tracks."""

    tracks = _Held(faces.probes_version, lambda db, engine: faces.probes(db, engine, sealer))

    def load(db: Connection, claim: Claim) -> Job:
        photo = faces.gallery(db, claim.recipe, sealer, photo=claim.subject)
        return Job(f"photo:{claim.subject}", claim.recipe, tracks.current(db, claim.recipe), photo)

    return Step(PHOTO, engine, load, _search(threshold), _keeper(settings))


def _search(threshold: float) -> Callable[[Job, Bench], Outcome[Matches]]:
    def run(job: Job, bench: Bench) -> Outcome[Matches]:
        found = matcher.search(job.probes, job.gallery, threshold)
        pairs = sum(len(people) for people in found.values())
        return Done(
            (found,), note=f"{len(set(job.probes.owners))} tracks, {len(job.gallery.people)} photos, {pairs} near"
        )

    return run


def _keeper(settings: Settings) -> Callable[[Connection, Result[Job, Matches]], list[Entry]]:
    def keep(db: Connection, result: Result[Job, Matches]) -> list[Entry]:
        return [_keep(db, result.job, found, settings.people_per_track) for found in result.made]

    return keep


def _keep(db: Connection, job: Job, found: Matches, people_per_track: int) -> Entry:
    candidates.lock(db)
    work.offer(db, Queue("illustrate"), candidates.keep(db, job.engine, found, people_per_track))
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
