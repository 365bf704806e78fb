"""How a media item of a video site is fetched: its page is read again, and its file downloaded."""

from dataclasses import dataclass, replace
from datetime import timedelta

from extractors import video_site_posts, video_sites
from lastseen.clock import utcnow
from lastseen.outcomes import Done, Fault, NotDone, Outcome
from lastseen.records import Fetched, PostSeen, Source
from lastseen.settings import Settings
from pipeline import observing, visits
from pipeline.runner import Bench
from pipeline.visits import Told
from storage import pages, posts
from storage.database import Connection
from storage.posts import MediaItem
from storage.work import Claim


@dataclass(frozen=True, slots=True)
class Job:
    """A media item of a post of a source, and how the post looked before."""

    claim: Claim
    item: MediaItem
    source: Source
    known: observing.Hashes
    told: bool
    """if its page is not there: that was told already, and now is no second look"""


Made = Fetched | PostSeen | Told


def load(db: Connection, claim: Claim, item: MediaItem, source: Source, settings: Settings) -> Job:
    """What is known of it."""
    told = pages.told(db, item.post, timedelta(seconds=settings.site_gone_after_seconds))
    return Job(claim, item, source, posts.latest_hashes(db, source.id, [item.post]), told)


def run(job: Job, bench: Bench) -> Outcome[Made]:
    """The page at this moment, and the file."""
    visit = visits.visit(
        bench,
        job.claim,
        job.source,
        job.item.address,
        lambda access: video_sites.fetch(job.item.address, job.source, bench.settings, bench.scratch, access),
    )
    fetched = visit.brought
    if isinstance(fetched, NotDone):
        outcome = replace(fetched, made=(*fetched.made, *visit.told))
        return _absent(job, outcome) if fetched.fault is Fault.GONE and not fetched.made else outcome
    records = observing.raw_record(fetched.post, job.known)
    made = (fetched, *visit.told)
    return Done(made, (observing.original(fetched.file), *records), note=f"{fetched.file.size} bytes")


def _absent(job: Job, met: NotDone[Made]) -> NotDone[Made]:
    """Its page is not there: that is a first look at the post, or a second."""
    absent = video_site_posts.absent(job.item.platform_post_id, job.item.permalink, met.why, utcnow())
    records = () if job.told else (observing.record(absent),)
    return replace(met, made=(absent, *met.made), objects=records)
