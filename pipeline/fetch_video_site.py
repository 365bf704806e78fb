"""How a media item of a video site is fetched: its page is read again, and its file downloaded."""

from dataclasses import dataclass

from extractors import video_sites
from lastseen.outcomes import Done, NotDone, Outcome
from lastseen.records import Fetched, Source
from pipeline import observing
from pipeline.runner import Bench
from storage.posts import MediaItem


@dataclass(frozen=True, slots=True)
class Job:
    """A media item of a post of a source, and how the post looked before."""

    item: MediaItem
    source: Source
    known: observing.Hashes


def run(job: Job, bench: Bench) -> Outcome[Fetched]:
    """The page at this moment, and the file."""
    fetched = video_sites.fetch(job.item.address, job.source, bench.settings, bench.scratch)
    if isinstance(fetched, NotDone):
        return fetched
    records = observing.raw_record(fetched.post, job.known)
    return Done((fetched,), (observing.original(fetched.file), *records), note=f"{fetched.file.size} bytes")
