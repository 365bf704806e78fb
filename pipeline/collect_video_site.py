"""How a source on a video site is collected: one listing of its newest posts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from extractors import video_sites
from lastseen.outcomes import Done, NotDone, Outcome
from lastseen.records import Listing, Source
from lastseen.settings import Settings
from pipeline import observing
from pipeline.runner import Bench
from storage import sources
from storage.custody import Entry
from storage.database import Connection
from storage.objects import Stored


@dataclass(frozen=True, slots=True)
class Job:
    """A source, and how its posts looked before."""

    source: Source
    known: observing.Hashes
    barred: frozenset[bytes] = frozenset()
    """hashes of the posts that were erased"""


def run(job: Job, bench: Bench) -> Outcome[Listing]:
    """Read the newest posts of a source."""
    listing = video_sites.read_listing(job.source, bench.settings, bench.scratch)
    if isinstance(listing, NotDone):
        return listing
    listing = replace(listing, posts=observing.not_erased(job.source, listing.posts, job.barred))
    records = tuple(record for seen in listing.posts for record in observing.raw_record(seen, job.known))
    return Done((listing,), records, note=f"{len(listing.posts)} posts, {len(records)} changed")


def keep(
    db: Connection, job: Job, made: Sequence[Listing], stored: Mapping[str, Stored], settings: Settings
) -> list[Entry]:
    """Keep what was read, and how far."""
    entries = []
    for listing in made:
        sources.cover(db, job.source.id, listing)
        for seen in listing.posts:
            entries += observing.keep(db, job.source, seen, stored, settings.legal_basis)
    return entries
