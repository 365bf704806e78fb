"""Step: the probe of one known pair in; the same as if it had been published out."""

import hashlib
from dataclasses import dataclass

from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.records import Disguised, DisguiseWanted, Rejection
from pipeline.runner import Bench, Result, Step
from storage import keys, known_pairs
from storage.custody import Entry
from storage.database import Connection
from storage.known_pairs import Probe
from storage.objects import DERIVED, REGISTER
from storage.work import Claim

NAME = known_pairs.STEP
NARROWEST, WIDEST = 48.0, 160.0
"""pixels that a face is made wide, where too few still pictures came to go by"""
POOREST, BEST = 55, 85
"""of JPEG, as platforms save pictures anew"""


@dataclass(frozen=True, slots=True)
class Job:
    """A probe, and what it is to look like; None: its photo was removed."""

    probe: Probe | None
    wanted: DisguiseWanted


def step() -> Step[Job, Disguised]:
    """Make the pictures of a known pair's probe."""
    return Step(NAME, "", _load, _run, _keep)


def look_of(sha256: str) -> tuple[float, float]:
    """Two numbers, 0 .. 1, that a photo always has: where it lies among widths, and among qualities of JPEG."""
    drawn = hashlib.sha256(f"known pair {sha256}".encode()).digest()
    width, quality = (int.from_bytes(drawn[at : at + 4]) / 2**32 for at in (0, 4))
    return width, quality


def _load(db: Connection, claim: Claim) -> Job:
    probe = known_pairs.probe(db, claim.subject)
    width, quality = look_of(probe.sha256 if probe else "")
    usual = known_pairs.usual_width(db, width) or NARROWEST + width * (WIDEST - NARROWEST)
    return Job(probe, DisguiseWanted(usual, round(POOREST + quality * (BEST - POOREST))))


def _run(job: Job, bench: Bench) -> Outcome[Disguised]:
    if job.probe is None:
        return NotDone(Fault.SKIPPED, "its photo was removed")
    path = bench.download(REGISTER, job.probe.key, job.probe.sha256)
    made = bench.box.disguise(path, job.wanted)
    if isinstance(made, Rejection):
        return NotDone(Fault(made.fault), made.why)
    return Done((made,), tuple(_object(job.probe, *one) for one in (("face", made.crop), ("whole", made.still))))


def _object(probe: Probe, what: str, jpeg: bytes) -> ObjectToStore:
    key = keys.disguised(probe.sha256, probe.id, what)
    return ObjectToStore(DERIVED, key, jpeg, hashlib.sha256(jpeg).hexdigest(), "image/jpeg")


def _keep(db: Connection, result: Result[Job, Disguised]) -> list[Entry]:
    probe = result.job.probe
    if probe is not None:
        face, whole = (keys.disguised(probe.sha256, probe.id, what) for what in ("face", "whole"))
        for made in result.made:
            known_pairs.keep_disguise(db, probe.id, face, whole, made)
    return []
