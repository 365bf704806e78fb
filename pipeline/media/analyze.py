"""Step: one blob in; shots, tracks, best shots and templates out, found by a child process that cannot reach out."""

import hashlib
from dataclasses import dataclass

from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.records import Analysis, Rejection
from pipeline.runner import Bench, Result, Step
from storage import faces, keys, posts, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.faces import Outline
from storage.objects import DERIVED, EVIDENCE
from storage.posts import Blob
from storage.sealing import Sealer
from storage.work import Claim, Queue

NAME = "analyze"


@dataclass(frozen=True, slots=True)
class Job:
    """A blob, and how to look at it."""

    blob: Blob
    recipe: str
    """what the analysis will be kept as"""
    before: Outline | None
    """what the newest one said, if it was made before: it was cut short, or its file is flawed"""


def step(recipe: str, engine: str, sealer: Sealer) -> Step[Job, Analysis]:
    """Find the faces of a blob, by this recipe, with the engine of this id."""

    def keep(db: Connection, result: Result[Job, Analysis]) -> list[Entry]:
        return [_keep(db, result, found, engine, sealer) for found in result.made]

    return Step(NAME, recipe, _load, _run, keep)


def _load(db: Connection, claim: Claim) -> Job:
    before = faces.outlines(db, claim.subject, claim.recipe)
    recipe = faces.numbered(claim.recipe, len(before) + 1)
    return Job(posts.blob(db, claim.subject), recipe, before[-1] if before else None)


def _run(job: Job, bench: Bench) -> Outcome[Analysis]:
    path = bench.download(EVIDENCE, job.blob.key, job.blob.sha256, job.blob.version_id)
    found = bench.box.analyze(path)
    if isinstance(found, Rejection):
        return NotDone(Fault(found.fault), found.why)
    flaw = None if found.complete and not found.gaps else Fault.DEFECT
    if job.before == Outline.of(found):
        return Done(note=found.note, flaw=flaw)
    crops = tuple(
        ObjectToStore(DERIVED, key, shot.crop, hashlib.sha256(shot.crop).hexdigest(), "image/jpeg")
        for track, row in zip(found.tracks, _crop_keys(job, found), strict=True)
        for shot, key in zip(track.best_shots, row, strict=True)
    )
    return Done((found,), crops, found.note, flaw)


def _crop_keys(job: Job, found: Analysis) -> list[list[str]]:
    return [
        [keys.crop(job.blob.sha256, job.recipe, shot.at_ms, track.ordinal) for shot in track.best_shots]
        for track in found.tracks
    ]


def _keep(db: Connection, result: Result[Job, Analysis], found: Analysis, engine: str, sealer: Sealer) -> Entry:
    job = result.job
    analysis = faces.keep_analysis(db, job.blob.id, job.recipe, engine, found, _crop_keys(job, found), sealer)
    detail = {"recipe": job.recipe, "tracks": len(found.tracks), "gaps": found.gaps, "complete": found.complete}
    work.offer(db, Queue("match_tracks", engine), [analysis], result.claim.passed_on)
    return Entry(Action.DERIVED, f"blob:{job.blob.sha256}", detail)
