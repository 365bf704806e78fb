"""Step: one reference photo in, its template out, or the reason why it is refused."""

import hashlib
from dataclasses import dataclass

from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.records import Enrolment, Rejection
from pipeline.runner import Bench, Result, Step
from storage import faces, findings, keys, register, sweeps
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import DERIVED, REGISTER
from storage.register import Photo
from storage.sealing import Sealer
from storage.work import Claim

NAME = "enroll"


@dataclass(frozen=True, slots=True)
class Job:
    """A photo, and the engine it is made ready for."""

    photo: Photo
    engine: str


def step(engine: str, sealer: Sealer) -> Step[Job, Enrolment]:
    """Check a reference photo and make its template with the engine of this id."""

    def keep(db: Connection, result: Result[Job, Enrolment]) -> list[Entry]:
        return [entry for made in result.made for entry in _keep(db, result, made, sealer)]

    return Step(NAME, engine, _load, _run, keep)


def _load(db: Connection, claim: Claim) -> Job:
    return Job(register.photo(db, claim.subject), claim.recipe)


def _run(job: Job, bench: Bench) -> Outcome[Enrolment]:
    path = bench.download(REGISTER, job.photo.key, job.photo.sha256)
    made = bench.box.enroll(path)
    if isinstance(made, Rejection):
        return NotDone(Fault(made.fault), made.why)
    key = keys.photo_crop(job.photo.sha256, job.engine)
    return Done((made,), (ObjectToStore(DERIVED, key, made.crop, hashlib.sha256(made.crop).hexdigest(), "image/jpeg"),))


def _keep(db: Connection, result: Result[Job, Enrolment], made: Enrolment, sealer: Sealer) -> list[Entry]:
    photo, engine = result.job.photo, result.job.engine
    if not register.is_searched(db, photo.id):
        return []  # found, withdrawn or removed while we looked: no template is made
    register.keep_check(db, photo.id, keys.photo_crop(photo.sha256, engine), made.eyes, made.quality, made.badge)
    faces.keep_photo_template(db, photo.id, engine, made.template, sealer)
    sweeps.ask(db, engine, [photo.id])
    findings.look_again(db, engine, [photo.person])
    return [Entry(Action.DERIVED, f"photo:{photo.id}", {"engine": engine, "sha256": photo.sha256})]
