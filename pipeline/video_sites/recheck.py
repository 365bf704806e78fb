"""How posts of a video site are looked for again: their pages are read, one visit each, and nothing is downloaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from extractors import video_site_posts
from lastseen.clock import utcnow
from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.records import PostSeen, Source
from lastseen.settings import Settings
from pipeline.runner import Bench
from pipeline.sources import observing
from pipeline.video_sites import visits
from pipeline.video_sites.visits import Told, Visit
from storage import erasures, pages, posts
from storage.custody import Entry
from storage.database import Connection
from storage.objects import Stored
from storage.pages import Due
from storage.work import Claim


@dataclass(frozen=True, slots=True)
class Job:
    """A source, and which of its posts are due."""

    claim: Claim
    source: Source
    due: Sequence[Due]
    known: observing.Hashes
    more: bool
    """others are due, too"""


@dataclass(frozen=True, slots=True)
class Unclear:
    """A page that could not be read for another reason than that it is not there: nothing is concluded."""

    post: int
    at: datetime
    why: str


Made = PostSeen | Unclear | Told


def load(db: Connection, claim: Claim, source: Source, settings: Settings) -> Job:
    """Which posts are due, and how they look."""
    second_look, limit = timedelta(seconds=settings.site_gone_after_seconds), settings.site_batch_pages
    erased = erasures.barred(db)
    found = pages.due(db, source.id, second_look, limit)
    due = [one for one in found if erasures.post_hash(source.platform, one.platform_post_id) not in erased]
    known = posts.latest_hashes(db, source.id, [one.id for one in due])
    return Job(claim, source, due, known, len(found) == limit)


def run(job: Job, bench: Bench) -> Outcome[Made]:
    """Read the pages, until the site is not to be asked any more."""
    if not job.due:
        return Done(note="no post is due")
    return _Recheck(job, bench).run()


@dataclass(slots=True)
class _Recheck:
    """One round of looks."""

    job: Job
    bench: Bench
    made: list[Made] = field(default_factory=list)
    records: list[ObjectToStore] = field(default_factory=list)

    def run(self) -> Outcome[Made]:
        for number, due in enumerate(self.job.due):
            visit = self._visit(number, due)
            self.made += visit.told
            if visit.barred and isinstance(visit.brought, NotDone):
                return self._barred(visit.brought, number)
            self._note(due, visit.brought)
        return self._done(len(self.job.due), again=self.job.more)

    def _visit(self, number: int, due: Due) -> Visit[PostSeen]:
        source, folder = self.job.source, self.bench.scratch / str(number)
        folder.mkdir()
        return visits.visit(
            self.bench,
            self.job.claim,
            source,
            due.permalink,
            lambda access: self.bench.sites.read_page(due.permalink, source, folder, access),
        )

    def _note(self, due: Due, brought: PostSeen | NotDone[Made]) -> None:
        if isinstance(brought, PostSeen):
            # a page that names itself otherwise by now is still the post that was looked for
            seen = replace(brought, platform_post_id=due.platform_post_id)
            self.made.append(seen)
            self.records += observing.raw_record(seen, self.job.known)
        elif brought.fault is Fault.GONE:
            absent = video_site_posts.absent(due.platform_post_id, due.permalink, brought.why, utcnow())
            self.made.append(absent)
            self.records += [] if due.told else [observing.record(absent)]
        else:
            self.made.append(Unclear(due.id, utcnow(), f"{brought.fault}: {brought.why}"))

    def _barred(self, met: NotDone[Made], looked: int) -> Outcome[Made]:
        """The rest is looked for when the site may be asked again; what was seen until then is kept."""
        if met.fault is Fault.WAIT and looked and not any(isinstance(one, visits.Refused) for one in self.made):
            return self._done(looked, again=True)
        return replace(met, made=tuple(self.made), objects=tuple(self.records))

    def _done(self, looked: int, *, again: bool) -> Done[Made]:
        unclear = [one for one in self.made if isinstance(one, Unclear)]
        note = f"{looked} posts" + (f", {len(unclear)} unclear, the last: {unclear[-1].why}" if unclear else "")
        return Done(tuple(self.made), tuple(self.records), note, again=again)


def keep(
    db: Connection, job: Job, made: Sequence[Made], stored: Mapping[str, Stored], settings: Settings
) -> list[Entry]:
    """Keep what was seen, and what was not."""
    entries: list[Entry] = []
    for one in made:
        match one:
            case PostSeen():
                entries += observing.keep(db, job.source, one, stored, settings, visits.reached(made))
            case Unclear(post=post, at=at):
                pages.looked(db, post, at)
            case _:
                visits.keep(db, one, settings)
    return entries
