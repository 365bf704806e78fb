"""Step: one shard of the kept tracks against all photos of a sweep; candidates out.

New photos are not compared one by one: `storage.sweeps` bundles what waits, and says why no pair is missed.  What a
worker holds is one shard and the sweep's photos, however many tracks are kept; any number of workers may share a sweep.
"""

from dataclasses import dataclass

from lastseen.outcomes import Outcome
from lastseen.records import Gallery
from lastseen.settings import Settings
from pipeline import match
from pipeline.match import Matches
from pipeline.runner import Bench, Result, Step
from storage import candidates, faces, shards, sweeps
from storage.custody import Entry
from storage.database import Connection
from storage.sealing import Sealer
from storage.sweeps import Item
from storage.work import Claim

NAME = sweeps.STEP


@dataclass(frozen=True, slots=True)
class Job:
    """A shard, and what is compared with what."""

    item: Item
    match: match.Job


def step(settings: Settings, engine: str, threshold: float, sealer: Sealer) -> Step[Job, Matches]:
    """Compare a shard with the photos of its sweep."""
    galleries = _Galleries(sealer)

    def load(db: Connection, claim: Claim) -> Job:
        item = sweeps.item(db, claim.subject)
        probes = shards.read(db, item.shard, sealer)
        job = match.Job(f"sweep:{item.sweep}", item.shard.engine, probes, galleries.of(db, item))
        return Job(item, job)

    def run(job: Job, bench: Bench) -> Outcome[Matches]:
        return match.compare(job.match, threshold)

    def keep(db: Connection, result: Result[Job, Matches]) -> list[Entry]:
        candidates.lock(db)
        entries = [match.keep(db, result.job.match, found, settings.people_per_track) for found in result.made]
        sweeps.swept(db, result.claim.subject)
        return entries

    return Step(NAME, engine, load, run, keep)


class _Galleries:
    """The photos of the sweep that is in work, opened once, and again when the register has changed."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._held: tuple[object, Gallery] | None = None

    def of(self, db: Connection, item: Item) -> Gallery:
        version = item.sweep, faces.gallery_version(db, item.shard.engine)
        if self._held is None or self._held[0] != version:
            self._held = version, faces.gallery(db, item.shard.engine, self._sealer, item.photos)
        return self._held[1]
