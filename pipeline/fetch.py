"""Step: one media item in, its bytes as the server sent them out.  How they are had depends on the platform."""

from typing import Any

from lastseen.outcomes import Outcome
from lastseen.records import Fetched, FetchedFile, Platform
from lastseen.settings import Settings
from pipeline import fetch_telegram, fetch_video_site, observing, telegram
from pipeline.fetch_telegram import Held
from pipeline.runner import Bench, Result, Step
from storage import keys, posts, sources, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.work import Claim, Queue

AnyJob = fetch_telegram.Job | fetch_video_site.Job
AnyResult = Result[AnyJob, Any]


def step(settings: Settings, recipe: str) -> Step[AnyJob, Any]:
    """Fetch the bytes of a media item; `recipe` is how they will be analysed."""

    def keep(db: Connection, result: AnyResult) -> list[Entry]:
        return [entry for made in result.made for entry in _keep(db, result, made, settings, recipe)]

    return Step(observing.FETCH.step, "", _load, _run, keep)


def _load(db: Connection, claim: Claim) -> AnyJob:
    item = posts.media_item(db, claim.subject)
    source = sources.of_post(db, item.post)
    if source.platform is Platform.TELEGRAM:
        return fetch_telegram.load(db, item, source)
    return fetch_video_site.Job(item, source, posts.latest_hashes(db, source.id, item.post))


def _run(job: AnyJob, bench: Bench) -> Outcome[Any]:
    match job:
        case fetch_telegram.Job():
            return fetch_telegram.run(job, bench)
        case fetch_video_site.Job():
            return fetch_video_site.run(job, bench)


def _keep(db: Connection, result: AnyResult, made: Any, settings: Settings, recipe: str) -> list[Entry]:
    match made, result.job:
        case Fetched(post=post, file=file), fetch_video_site.Job(source=source):
            seen = observing.keep(db, source, post, result.stored, settings.legal_basis)
            return [*seen, _keep_file(db, result, file, recipe)]
        case FetchedFile(), _:
            return [_keep_file(db, result, made, recipe)]
        case Held(blob=blob), _:
            posts.carry(db, result.job.item.id, blob.id)
            work.offer(db, Queue("analyze", recipe), [blob.id])
            return [
                Entry(Action.SEEN_AGAIN, f"blob:{blob.sha256}", {"sha256": blob.sha256, "post": result.job.item.post})
            ]
        case _, fetch_telegram.Job(desk=desk):
            return telegram.keep(db, desk, made, settings)
    raise TypeError(f"a fetch does not make {type(made).__name__}")


def _keep_file(db: Connection, result: AnyResult, file: FetchedFile, recipe: str) -> Entry:
    stored = result.stored[keys.blob(file.sha256)]
    blob, new = posts.keep_blob(db, result.job.item.id, file, stored, result.locked_until)
    detail = {"sha256": file.sha256, "size": file.size, "key": stored.key, "version": stored.version_id}
    work.offer(db, Queue("analyze", recipe), [blob])
    return Entry(Action.STORED if new else Action.SEEN_AGAIN, f"blob:{file.sha256}", detail)
