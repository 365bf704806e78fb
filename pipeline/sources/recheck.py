"""Step: one source in, what has become of its posts out: edited, missing, gone, back.

Which posts are looked for again is in `storage.schedule`, whatever the platform: the older a post, the rarer; one with
a candidate always.  What is not there is missing, and gone when a second, later look does not find it either; a channel
or site that cannot be read says nothing of its posts.
"""

from typing import Any

from lastseen.outcomes import Outcome
from lastseen.records import Platform
from lastseen.settings import Settings
from pipeline.runner import Bench, Result, Step
from pipeline.telegram import readings
from pipeline.telegram import recheck as recheck_telegram
from pipeline.video_sites import recheck as recheck_video_site
from storage import sources
from storage.custody import Entry
from storage.database import Connection
from storage.work import Claim

NAME = "recheck"

AnyJob = recheck_telegram.Job | recheck_video_site.Job


def step(settings: Settings) -> Step[AnyJob, Any]:
    """Look for posts again."""

    def load(db: Connection, claim: Claim) -> AnyJob:
        source = sources.get(db, claim.subject)
        if source.platform is Platform.TELEGRAM:
            return recheck_telegram.load(db, source, settings)
        return recheck_video_site.load(db, claim, source, settings)

    def keep(db: Connection, result: Result[AnyJob, Any]) -> list[Entry]:
        match result.job:
            case recheck_telegram.Job(desk=desk):
                return [entry for made in result.made for entry in readings.keep(db, desk, made, settings)]
            case recheck_video_site.Job():
                return recheck_video_site.keep(db, result.job, result.made, result.stored, settings)

    return Step(NAME, "", load, _run, keep)


def _run(job: AnyJob, bench: Bench) -> Outcome[Any]:
    match job:
        case recheck_telegram.Job():
            return recheck_telegram.run(job, bench)
        case recheck_video_site.Job():
            return recheck_video_site.run(job, bench)
