"""Step: one candidate in; the moment around its best shot out, re-encoded, the other faces covered."""

import hashlib
from dataclasses import dataclass

from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.records import Moment, MomentWanted, Rejection
from pipeline.runner import Bench, Result, Step
from storage import candidates, faces, keys, posts
from storage.candidates import BestMoment
from storage.custody import Entry
from storage.database import Connection
from storage.objects import DERIVED, EVIDENCE
from storage.posts import Blob
from storage.work import Claim

NAME = "illustrate"


@dataclass(frozen=True, slots=True)
class Job:
    """Where to cut, and whose faces to cover."""

    best: BestMoment
    number: int
    """ordinal of the candidate's track in its analysis"""
    blob: Blob
    wanted: MomentWanted


def step() -> Step[Job, Moment]:
    """Cut the still and the clip that analysts look at."""
    return Step(NAME, "", _load, _run, _keep)


def _load(db: Connection, claim: Claim) -> Job:
    best = candidates.best_moment(db, claim.subject)
    rows = faces.of_analysis(db, best.track)
    shown = next(row for row in rows if row.track == best.track)
    others = tuple(row.faces for row in rows if row.track != best.track)
    wanted = MomentWanted(best.at_ms, shown.faces, others, faces.has_unfollowed(db, best.track))
    return Job(best, shown.ordinal, posts.blob(db, best.blob), wanted)


def _run(job: Job, bench: Bench) -> Outcome[Moment]:
    path = bench.download(EVIDENCE, job.blob.key, job.blob.sha256, job.blob.version_id)
    moment = bench.box.moment(path, job.wanted)
    if isinstance(moment, Rejection):
        return NotDone(Fault(moment.fault), moment.why)
    pictures = [_derived(_still_key(job), moment.still, "image/jpeg")]
    if moment.clip:
        pictures.append(_derived(_clip_key(job), moment.clip, "video/mp4"))
    return Done((moment,), tuple(pictures))


def _keep(db: Connection, result: Result[Job, Moment]) -> list[Entry]:
    job = result.job
    for moment in result.made:
        clip = _clip_key(job) if moment.clip else None
        candidates.keep_moment(db, job.best.candidate, _still_key(job), clip, moment)
    return []


def _derived(key: str, content: bytes, media_type: str) -> ObjectToStore:
    return ObjectToStore(DERIVED, key, content, hashlib.sha256(content).hexdigest(), media_type)


def _still_key(job: Job) -> str:
    return keys.still(job.best.sha256, job.best.recipe, job.best.at_ms, job.number)


def _clip_key(job: Job) -> str:
    return keys.clip(job.best.sha256, job.best.recipe, job.best.at_ms, job.number)
