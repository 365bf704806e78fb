"""Steps: a day's statement in, the promise of OpenTimestamps' calendars out; a promise in, what became of it out.

A calendar gets the sha256 of the statement and nothing else: 32 bytes from which nobody can tell anything, since the
statement holds the root of a tree over the whole log.  A promise becomes a proof some hours later; that is another
object and another row, and the promise stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from extractors import opentimestamps
from extractors.asking import Refused, Unanswered
from extractors.opentimestamps import Malformed, Node, Proof
from lastseen.clock import utcnow
from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.settings import Settings
from pipeline.custody import stamp
from pipeline.custody.manifest import ANCHOR
from pipeline.custody.stamp import Job, Left, Turned
from pipeline.runner import Bench, Result, Step
from storage import keys, stamps, work
from storage.custody import Entry
from storage.database import Connection
from storage.objects import EVIDENCE
from storage.stamps import Stamp
from storage.work import Claim, Queue

UPGRADE = "upgrade"
UPGRADE_REST = timedelta(hours=1)
"""a block comes every ten minutes, and calendars wait for several"""
MEDIA_TYPE = "application/vnd.opentimestamps.ots"


@dataclass(frozen=True, slots=True)
class Anchored:
    """A proof, promised or through."""

    key: str
    proof: Proof


Made = Anchored | Turned | Left


def step() -> Step[Job, Made]:
    """Hand a statement's hash to the calendars."""
    return Step(ANCHOR, "", stamp.load_for(ANCHOR), _anchor, _keep_promise)


def _anchor(job: Job, bench: Bench) -> Outcome[Made]:
    calendars = bench.settings.opentimestamps_calendars
    if not calendars:
        return stamp.left("LASTSEEN_OPENTIMESTAMPS_CALENDARS names no calendar any more")
    digest, key = stamps.digest(stamp.statement(job.request, bench)), keys.proof(job.request.statement.key, 1)
    if bench.stores.objects.exists(EVIDENCE, key):  # whoever stored it was killed before saying so
        return _done(key, opentimestamps.read(bench.stores.objects.read(EVIDENCE, key)), "it was stored before")
    nodes, faults = _promises(calendars, digest, bench.settings.time_stamp_seconds)
    if not nodes:
        return _nobody(job, faults)
    node = nodes[0]
    for other in nodes[1:]:
        node = opentimestamps.merged(node, other)
    return _done(key, Proof(digest, node), f"{len(nodes)} of {len(calendars)} calendars")


def _promises(
    calendars: Sequence[str], digest: bytes, seconds: float
) -> tuple[list[Node], list[Unanswered | Refused | Malformed]]:
    nodes, faults = [], []
    for calendar in calendars:
        try:
            nodes.append(opentimestamps.submit(calendar, digest, seconds))
        except (Unanswered, Refused, Malformed) as fault:
            faults.append(fault)
    return nodes, faults


def _nobody(job: Job, faults: Sequence[Unanswered | Refused | Malformed]) -> Outcome[Made]:
    """No calendar has answered well: they are away if one of them is, and wrong if none is."""
    for fault in faults:
        if isinstance(fault, Unanswered):
            return stamp.away(job, str(fault), fault.after)
    return stamp.wrong(str(faults[0]))


def _done(key: str, proof: Proof, note: str) -> Outcome[Made]:
    content = opentimestamps.write(proof)
    thing = ObjectToStore(EVIDENCE, key, content, sha256(content).hexdigest(), MEDIA_TYPE)
    return Done((Anchored(key, proof),), (thing,), note)


def _keep_promise(db: Connection, result: Result[Job, Made]) -> list[Entry]:
    entries = _keep(db, result, result.job)
    if entries:
        work.offer(db, Queue(UPGRADE), [result.claim.subject])
    return entries


def _keep(db: Connection, result: Result[Job, Made] | Result["Promise", Made], job: Job) -> list[Entry]:
    entries = []
    for made in result.made:
        if not isinstance(made, Anchored):
            stamp.tell(db, job.request, made)
            continue
        stored, blocks = result.stored[made.key], made.proof.blocks
        kept = Stamp(
            job.request.id, **stamps.where(stored), root_key=None, gen_time=None, serial=None, complete=bool(blocks)
        )
        stamps.keep(db, kept, result.locked_until)
        stamp.heard(db, job.request)
        told = {"blocks": " ".join(str(block.height) for block in blocks)}
        entries.append(stamp.entry(job.request, stored.key, stored.sha256, told))
    return entries


# --- what becomes of a promise -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise, and how many objects there are of it."""

    job: Job
    answers: Sequence[Stamp]


def upgrade_step() -> Step[Promise, Made]:
    """Ask the calendars what has become of what they promised."""
    load = stamp.load_for(UPGRADE)

    def both(db: Connection, claim: Claim) -> Promise:
        return Promise(load(db, claim), stamps.answers(db, claim.subject))

    return Step(UPGRADE, "", both, _upgrade, lambda db, result: _keep(db, result, result.job.job))


def _upgrade(promise: Promise, bench: Bench) -> Outcome[Made]:
    held = promise.answers[-1]
    if held.complete:
        return Done(note="it leads to a block")
    if promise.job.resting is not None:
        return NotDone(Fault.WAIT, "the calendars are left alone for a while", promise.job.resting)
    key = keys.proof(promise.job.request.statement.key, len(promise.answers) + 1)
    if bench.stores.objects.exists(EVIDENCE, key):  # whoever stored it was killed before saying so
        return _done(key, opentimestamps.read(bench.stores.objects.read(EVIDENCE, key)), "it was stored before")
    proof = opentimestamps.read(bench.stores.objects.read(EVIDENCE, held.key, held.version_id))
    asked = _asked(proof, bench.settings)
    if not asked:
        return stamp.left("none of the calendars that promised stands in LASTSEEN_OPENTIMESTAMPS_CALENDARS any more")
    try:
        grown = opentimestamps.grown(proof, _found(asked, bench.settings.time_stamp_seconds))
    except Unanswered as fault:
        return stamp.away(promise.job, str(fault), fault.after)
    except (Refused, Malformed) as fault:
        return stamp.wrong(str(fault))
    if not grown.blocks:
        return NotDone(Fault.WAIT, "no calendar has brought it into Bitcoin yet", utcnow() + UPGRADE_REST)
    return _done(key, grown, "it leads to a block")


def _asked(proof: Proof, settings: Settings) -> list[tuple[str, bytes]]:
    """The promises of calendars that are configured; others that a proof names are not asked."""
    allowed = {one.rstrip("/") for one in settings.opentimestamps_calendars}
    return [(uri, value) for uri, value in proof.pending if uri.rstrip("/") in allowed]


def _found(promises: Sequence[tuple[str, bytes]], seconds: float) -> dict[bytes, Node]:
    """What the first calendar says that has kept its promise; one is enough.

    Raises Unanswered, Refused, Malformed if there is none, and a calendar had to be passed over.
    """
    passed: Unanswered | Refused | Malformed | None = None
    for uri, value in promises:
        try:
            node = opentimestamps.upgraded(uri, value, seconds)
        except (Unanswered, Refused, Malformed) as fault:
            passed = fault
            continue
        if node is not None:
            return {value: node}
    if passed is not None:
        raise passed
    return {}
