"""Step: one source in, what it shows now out.  How that is read depends on the platform."""

from typing import Any

from lastseen.outcomes import Outcome
from lastseen.records import Platform
from lastseen.settings import Settings
from pipeline.runner import Bench, Result, Step
from pipeline.telegram import collect as collect_telegram
from pipeline.telegram import readings
from pipeline.video_sites import collect as collect_video_site
from storage import sources
from storage.custody import Entry
from storage.database import Connection
from storage.work import Claim

NAME = "collect"

AnyJob = collect_video_site.Job | readings.Desk


def step(settings: Settings) -> Step[AnyJob, Any]:
    """Read what a source has published."""

    def load(db: Connection, claim: Claim) -> AnyJob:
        source = sources.get(db, claim.subject)
        if source.platform is Platform.TELEGRAM:
            return collect_telegram.load(db, source)
        return collect_video_site.load(db, claim, source, settings)

    def keep(db: Connection, result: Result[AnyJob, Any]) -> list[Entry]:
        match result.job:
            case readings.Desk():
                return [entry for made in result.made for entry in readings.keep(db, result.job, made, settings)]
            case collect_video_site.Job():
                return collect_video_site.keep(db, result.job, result.made, result.stored, settings)

    return Step(NAME, "", load, _run, keep)


def _run(job: AnyJob, bench: Bench) -> Outcome[Any]:
    match job:
        case readings.Desk():
            return collect_telegram.run(job, bench)
        case collect_video_site.Job():
            return collect_video_site.run(job, bench)
