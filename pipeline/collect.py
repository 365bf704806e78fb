"""Step: one source in, what its listing shows now out."""

from dataclasses import dataclass

from extractors import video_sites
from lastseen.outcomes import Done, Fault, NotDone, Outcome
from lastseen.records import Listing, Platform, Source
from lastseen.settings import Settings
from pipeline import observing
from pipeline.runner import Bench, Result, Step
from storage import posts, sources
from storage.custody import Entry
from storage.database import Connection
from storage.work import Claim

NAME = "collect"


@dataclass(frozen=True, slots=True)
class Job:
    """A source, and how its posts looked before."""

    source: Source
    known: observing.Hashes


def step(settings: Settings) -> Step[Job, Listing]:
    """Read the newest posts of a source."""

    def keep(db: Connection, result: Result[Job, Listing]) -> list[Entry]:
        entries = []
        for listing in result.made:
            sources.cover(db, result.job.source.id, listing)
            for seen in listing.posts:
                entries += observing.keep(db, result.job.source, seen, result.stored, settings.legal_basis)
        return entries

    return Step(NAME, "", _load, _run, keep)


def _load(db: Connection, claim: Claim) -> Job:
    return Job(sources.get(db, claim.subject), posts.latest_hashes(db, claim.subject))


def _run(job: Job, bench: Bench) -> Outcome[Listing]:
    if job.source.platform is not Platform.VIDEO_SITE:
        return NotDone(Fault.SKIPPED, f"sources of platform {job.source.platform} are not read by this version")
    listing = video_sites.read_listing(job.source, bench.settings, bench.scratch)
    if isinstance(listing, NotDone):
        return listing
    records = tuple(record for seen in listing.posts for record in observing.raw_record(seen, job.known))
    return Done((listing,), records, note=f"{len(listing.posts)} posts, {len(records)} changed")
