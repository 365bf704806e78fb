"""Step: one shard of the kept tracks against all photos of a sweep; candidates out.

New photos are not compared one by one: `storage.sweeps` bundles what waits, and says why no pair is missed.  What a
worker holds is one shard and the sweep's photos, however many tracks are kept; any number of workers may share a sweep.
"""

from lastseen.settings import Settings
from pipeline.matching.match import Job, Matches, calibrated, compare, keep
from pipeline.runner import Result, Step
from storage import candidates, faces, shards, sweeps
from storage.custody import Entry
from storage.database import Connection
from storage.sealing import Sealer
from storage.template_cache import Cache, blocks_of
from storage.work import Claim

NAME = sweeps.STEP


def step(settings: Settings, engine: str, published: float, sealer: Sealer) -> Step[Job, Matches]:
    """Compare a shard with the photos of its sweep.  `published`: the engine's own threshold."""
    cache = Cache(blocks_of(settings), sealer)

    def load(db: Connection, claim: Claim) -> Job:
        item = sweeps.item(db, claim.subject)
        probes = shards.read(db, item.shard, cache)
        photos = faces.gallery(db, engine, sealer, item.photos)  # anew each time: some may be searched no more
        return Job(f"sweep:{item.sweep}", calibrated(db, engine, published, settings), probes, photos)

    def keep_all(db: Connection, result: Result[Job, Matches]) -> list[Entry]:
        candidates.lock(db)
        sweeps.swept(db, result.claim.subject)
        return [keep(db, result.job, found, settings.people_per_track) for found in result.made]

    return Step(NAME, engine, load, compare, keep_all)
