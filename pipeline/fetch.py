"""Step: one media item in, its bytes as the server sent them out."""

from dataclasses import dataclass
from pathlib import Path

from extractors import video_sites
from lastseen.outcomes import Done, NotDone, ObjectToStore, Outcome
from lastseen.records import Fetched, Source
from lastseen.settings import Settings
from pipeline import observing
from pipeline.runner import Bench, Result, Step
from storage import keys, posts, sources, work
from storage.custody import Entry
from storage.database import Connection
from storage.objects import EVIDENCE
from storage.posts import MediaItem
from storage.work import Claim, Queue


@dataclass(frozen=True, slots=True)
class Job:
    """A media item of a post of a source, and how the post looked before."""

    item: MediaItem
    source: Source
    known: observing.Hashes


def step(settings: Settings, recipe: str) -> Step[Job, Fetched]:
    """Fetch the bytes of a media item; `recipe` is how they will be analysed."""

    def keep(db: Connection, result: Result[Job, Fetched]) -> list[Entry]:
        entries = []
        for fetched in result.made:
            entries += observing.keep(db, result.job.source, fetched.post, result.stored, settings.legal_basis)
            entries.append(_keep_blob(db, result, fetched, recipe))
        return entries

    return Step(observing.FETCH.step, "", _load, _run, keep)


def _load(db: Connection, claim: Claim) -> Job:
    item = posts.media_item(db, claim.subject)
    source = sources.of_post(db, item.post)
    return Job(item, source, posts.latest_hashes(db, source.id, item.post))


def _run(job: Job, bench: Bench) -> Outcome[Fetched]:
    fetched = video_sites.fetch(job.item.address, job.source, bench.settings, bench.scratch)
    if isinstance(fetched, NotDone):
        return fetched
    file = fetched.file
    original = ObjectToStore(EVIDENCE, keys.blob(file.sha256), Path(file.path), file.sha256, file.media_type)
    return Done((fetched,), (original, *observing.raw_record(fetched.post, job.known)), note=f"{file.size} bytes")


def _keep_blob(db: Connection, result: Result[Job, Fetched], fetched: Fetched, recipe: str) -> Entry:
    file = fetched.file
    stored = result.stored[keys.blob(file.sha256)]
    blob, new = posts.keep_blob(db, result.job.item.id, file, stored, result.locked_until)
    detail = {"sha256": file.sha256, "size": file.size, "key": stored.key, "version": stored.version_id}
    work.offer(db, Queue("analyze", recipe), [blob])
    return Entry("stored" if new else "seen again", f"blob:{file.sha256}", detail)
