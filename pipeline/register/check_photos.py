"""Step: the photos of one entry beside each other and beside the whole register; what is odd about them out.

No pair is missed: a photo is committed before its entry is offered here, and each look reads the register after that.
Of two photos, whichever was committed last meets the other.
"""

from dataclasses import dataclass

from lastseen.outcomes import Done, Outcome
from lastseen.records import Finding, Gallery
from matchers import photos
from matchers.photos import Limits
from pipeline.matching.held_register import HeldRegister
from pipeline.runner import Bench, Result, Step
from storage import calibrations, findings
from storage.custody import Action, Entry
from storage.database import Connection
from storage.work import Claim

NAME = findings.STEP


@dataclass(frozen=True, slots=True)
class Job:
    """Whose photos are looked at, and with what."""

    person: int
    engine: str
    gallery: Gallery
    limits: Limits


Findings = tuple[Finding, ...]


def step(engine: str, threshold: float, apart: float, register: HeldRegister) -> Step[Job, Findings]:
    """Look at the photos of an entry; `threshold` and `apart` are what the engine's publishers say of distances."""

    def load(db: Connection, claim: Claim) -> Job:
        given = photos.limits(calibrations.current(db, claim.recipe), threshold, apart)
        return Job(claim.subject, claim.recipe, register.current(db, claim.recipe), given)

    return Step(NAME, engine, load, _run, _keep)


def _run(job: Job, bench: Bench) -> Outcome[Findings]:
    found = tuple(photos.check(job.person, job.gallery, job.limits))
    return Done((found,), note=f"{len(found)} findings beside {len(job.gallery.photos)} photos")


def _keep(db: Connection, result: Result[Job, Findings]) -> list[Entry]:
    job = result.job
    for found in result.made:
        findings.keep(db, job.engine, job.person, found, job.limits.alike)
    detail = {"engine": job.engine, "photos": len(job.gallery.photos), "findings": sum(map(len, result.made))}
    return [Entry(Action.SEARCHED, f"person:{job.person}", detail)]
