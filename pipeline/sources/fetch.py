"""Step: one media item in, its bytes as the server sent them out.  How they are had depends on the platform."""

from typing import Any

from lastseen.outcomes import Outcome
from lastseen.records import FetchedFile, Platform
from lastseen.settings import Settings
from pipeline.runner import Bench, Result, Step
from pipeline.sources import observing
from pipeline.telegram import fetch as fetch_telegram
from pipeline.telegram import readings
from pipeline.telegram.fetch import Held
from pipeline.video_sites import fetch as fetch_video_site
from storage import posts, sources, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.work import Claim, Queue

AnyJob = fetch_telegram.Job | fetch_video_site.Job
AnyResult = Result[AnyJob, Any]


def step(settings: Settings, recipe: str) -> Step[AnyJob, Any]:
    """Fetch the bytes of a media item; `recipe` is how their fingerprint will be taken."""

    def keep(db: Connection, result: AnyResult) -> list[Entry]:
        return [entry for made in result.made for entry in _keep(db, result, made, settings, recipe)]

    def load(db: Connection, claim: Claim) -> AnyJob:
        item = posts.media_item(db, claim.subject)
        source = sources.of_post(db, item.post)
        if source.platform is Platform.TELEGRAM:
            return fetch_telegram.load(db, item, source)
        return fetch_video_site.load(db, claim, item, source, settings)

    return Step(observing.FETCH.step, "", load, _run, keep)


def _run(job: AnyJob, bench: Bench) -> Outcome[Any]:
    match job:
        case fetch_telegram.Job():
            return fetch_telegram.run(job, bench)
        case fetch_video_site.Job():
            return fetch_video_site.run(job, bench)


def _keep(db: Connection, result: AnyResult, made: Any, settings: Settings, recipe: str) -> list[Entry]:
    match made, result.job:
        case _, fetch_video_site.Job() as job:
            return fetch_video_site.keep(db, job, made, result, settings, recipe)
        case FetchedFile(), _:
            return [observing.keep_file(db, result.job.item.id, made, result, recipe)]
        case Held(blob=blob), _:
            posts.carry(db, result.job.item.id, blob.id)
            work.offer(db, Queue("fingerprint", recipe), [blob.id], result.claim.passed_on)
            return [
                Entry(Action.SEEN_AGAIN, f"blob:{blob.sha256}", {"sha256": blob.sha256, "post": result.job.item.post})
            ]
        case _, fetch_telegram.Job(desk=desk):
            return readings.keep(db, desk, made, settings)
    raise TypeError(f"a fetch does not make {type(made).__name__}")
