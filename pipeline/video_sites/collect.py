"""How a source on a video site is collected: its newest posts each time, and the whole list once in a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from lastseen.outcomes import Done, Fault, NotDone, Outcome, Scope
from lastseen.records import Listing, SiteAccess, Source
from lastseen.settings import Settings
from pipeline.runner import Bench
from pipeline.sources import observing
from pipeline.video_sites import searches, visits
from pipeline.video_sites.visits import Told
from storage import erasures, pages, posts, sources
from storage.custody import Entry
from storage.database import Connection
from storage.objects import Stored
from storage.work import Claim


@dataclass(frozen=True, slots=True)
class Job:
    """A source, and how its posts looked before."""

    claim: Claim
    source: Source
    known: observing.Hashes
    whole: bool
    """its list is to be read to the end now"""
    whole_next: bool
    """and if not now, then next, unless the newest posts are all there are"""
    betrays: str = ""
    """why this must not be searched for"""
    erased: frozenset[bytes] = frozenset()
    """hashes of the posts that were erased by a lawful order"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One reading of the list."""

    listing: Listing
    whole: bool


@dataclass(frozen=True, slots=True)
class NotListed:
    """The whole list could not be read."""

    why: str


Made = Listed | NotListed | Told


def load(db: Connection, claim: Claim, source: Source, settings: Settings) -> Job:
    """How its posts looked before, and how far its list is to be read.  A search has no end."""
    known = posts.latest_hashes(db, source.id)
    betrays = searches.betrays(db, source.address)
    listed = pages.listed(db, source.id, timedelta(days=settings.listing_whole_days))
    has_list = not (source.single or searches.is_search(source.address))
    due = has_list and (listed is None or listed.whole_due)
    return Job(claim, source, known, due and listed is not None, due, betrays, erasures.barred(db))


def run(job: Job, bench: Bench) -> Outcome[Made]:
    """Read the newest posts of a source, or all that its list shows; of a single post, its page once."""
    if job.betrays:
        return NotDone(Fault.SKIPPED, job.betrays)
    if job.source.single and job.known:
        return Done(note="the page was read; `recheck` looks at it again")
    visit = visits.visit(
        bench,
        job.claim,
        job.source,
        job.source.address,
        lambda access: _read(job, bench, access),
    )
    if isinstance(visit.brought, NotDone):
        return _not_listed(job, visit.brought, visit.told, barred=visit.barred)
    return _listed(job, visit.brought, visit.told)


def _read(job: Job, bench: Bench, access: SiteAccess) -> Listing | NotDone[Any]:
    if not job.source.single:
        return bench.sites.read_listing(job.source, bench.scratch, access, whole=job.whole)
    seen = bench.sites.read_page(job.source.address, job.source, bench.scratch, access)
    if isinstance(seen, NotDone):
        return seen
    return Listing((seen,), seen.platform_post_id, seen.platform_post_id, complete=False)


def _listed(job: Job, listing: Listing, told: tuple[Told, ...]) -> Outcome[Made]:
    if searches.is_search(job.source.address):
        listing = replace(listing, complete=False)
    listing = replace(listing, posts=observing.not_erased(job.source, listing.posts, job.erased))
    records = tuple(record for seen in listing.posts for record in observing.raw_record(seen, job.known))
    note = f"{len(listing.posts)} posts, {len(records)} changed" + (", of the whole list" if job.whole else "")
    again = job.whole_next and not job.whole and not listing.complete
    return Done((Listed(listing, job.whole), *told), records, note=note, again=again)


def _not_listed(job: Job, met: NotDone[Made], told: tuple[Told, ...], *, barred: bool) -> Outcome[Made]:
    """A whole list that cannot be read does not stand in the way of the newest posts, unless the site refuses us."""
    if job.whole and not barred and met.scope is Scope.ITEM:
        why = f"the whole list: {met.fault}, {met.why}"
        return Done((NotListed(why), *told), note=why, again=True)
    return replace(met, made=(*met.made, *told))


def keep(
    db: Connection, job: Job, made: Sequence[Made], stored: Mapping[str, Stored], settings: Settings
) -> list[Entry]:
    """Keep what was read, and how far."""
    entries: list[Entry] = []
    for one in made:
        match one:
            case Listed(listing=listing, whole=whole):
                sources.cover(db, job.source.id, listing)
                for seen in listing.posts:
                    entries += observing.keep(db, job.source, seen, stored, settings, visits.reached(made))
                pages.keep_list(db, job.source.id, listing, whole=whole)
            case NotListed(why=why):
                pages.keep_try(db, job.source.id, why)
            case _:
                visits.keep(db, one, settings)
    return entries
