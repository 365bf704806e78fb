"""Step: a day's statement and an authority in, a time stamp by RFC 3161 out, verified and kept as it came.

An authority that cannot be reached is waited for, as long as it takes; one that answers wrongly is refused, asked again
an hour later, and the operator is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from extractors import time_stamps
from extractors.asking import Refused, Unanswered
from extractors.time_stamps import NoRoots, Token, WrongAnswer
from lastseen.clock import iso, utcnow
from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.settings import Authority
from pipeline.custody.manifest import STAMP
from pipeline.runner import Bench, Result, Step
from storage import alerts, keys, manifests, stamps
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import EVIDENCE, Corrupted
from storage.stamps import Request, Stamp
from storage.work import Claim

FIRST_REST = timedelta(minutes=1)
DOUBLINGS = 7
"""so the longest rest of an authority that cannot be reached is two hours"""
LONGEST_REST = timedelta(days=1)
"""whatever a server asks for"""
TOLD_AFTER = 3
"""wrong answers about one day after which the operator is told"""
PATIENCE = timedelta(days=3)
"""after which the operator is told that an authority is not reached"""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be stamped by whom."""

    request: Request
    resting: datetime | None
    """until when the authority is left alone, since it did not answer about another day"""
    attempts: int


@dataclass(frozen=True, slots=True)
class Stamped:
    """A verified answer."""

    key: str
    root_key: str
    token: Token


@dataclass(frozen=True, slots=True)
class Turned:
    """There was no answer that could be kept."""

    why: str
    wrong: bool
    """the authority answered, and not with a stamp"""


@dataclass(frozen=True, slots=True)
class Left:
    """It is not to be asked any more."""


Made = Stamped | Turned | Left


def step() -> Step[Job, Made]:
    """Have a statement stamped."""
    return Step(STAMP, "", load_for(STAMP), _run, _keep)


def load_for(name: str) -> Callable[[Connection, Claim], Job]:
    """Reads the job of a step about one request."""

    def load(db: Connection, claim: Claim) -> Job:
        request = stamps.request(db, claim.subject)
        return Job(request, stamps.resting(db, name, request), claim.attempts)

    return load


def _run(job: Job, bench: Bench) -> Outcome[Made]:
    authority = {one.name: one for one in bench.settings.time_stamp_authorities}.get(job.request.authority)
    if authority is None:
        return left(f"{job.request.authority} stands no longer in LASTSEEN_TIME_STAMP_AUTHORITIES")
    if job.resting is not None:
        return NotDone(Fault.WAIT, f"{authority.name} is left alone for a while", job.resting)
    try:
        return _stamped(job, authority, bench)
    except Unanswered as fault:
        return away(job, str(fault), fault.after)
    except (Refused, WrongAnswer, NoRoots) as fault:
        return wrong(str(fault))


def _stamped(job: Job, authority: Authority, bench: Bench) -> Outcome[Made]:
    """Raises Unanswered, Refused, WrongAnswer, NoRoots."""
    roots, content = time_stamps.roots(authority.roots), statement(job.request, bench)
    key = keys.token(job.request.statement.key, authority.name)
    if bench.stores.objects.exists(EVIDENCE, key):  # whoever stored it was killed before saying so
        answer = bench.stores.objects.read(EVIDENCE, key)
        token = time_stamps.verify(answer, content, roots)
    else:
        query = time_stamps.query(content)
        answer = time_stamps.ask(authority.url, query, bench.settings.time_stamp_seconds)
        token = time_stamps.verify(answer, content, roots, query.nonce)
        tolerance = timedelta(seconds=bench.settings.time_stamp_tolerance_seconds)
        time_stamps.check_time(token, utcnow(), tolerance)
    root_key = keys.root(sha256(roots).hexdigest())
    things = (
        ObjectToStore(EVIDENCE, root_key, roots, sha256(roots).hexdigest(), "application/x-pem-file"),
        ObjectToStore(EVIDENCE, key, answer, sha256(answer).hexdigest(), time_stamps.REPLY),
    )
    return Done((Stamped(key, root_key, token),), things, note=f"stamped at {iso(token.gen_time)}")


def _keep(db: Connection, result: Result[Job, Made]) -> list[Entry]:
    entries = []
    for made in result.made:
        if isinstance(made, Stamped):
            entries.append(_keep_stamp(db, result, made))
        else:
            tell(db, result.job.request, made)
    return entries


def _keep_stamp(db: Connection, result: Result[Job, Made], made: Stamped) -> Entry:
    request, stored, token = result.job.request, result.stored[made.key], made.token
    where, serial = stamps.where(stored), str(token.serial)
    stamp = Stamp(request.id, **where, root_key=made.root_key, gen_time=token.gen_time, serial=serial, complete=True)
    stamps.keep(db, stamp, result.locked_until)
    heard(db, request)
    told = {"genTime": iso(token.gen_time), "serial": serial, "root": made.root_key}
    return entry(request, stored.key, stored.sha256, told)


# --- shared with the step `anchor` ---------------------------------------------------------------------------


def statement(request: Request, bench: Bench) -> bytes:
    """The bytes that are stamped.  Raises storage.objects.Corrupted if they are not what was stored."""
    stated = request.statement
    content = bench.stores.objects.read(EVIDENCE, stated.key, stated.version_id)
    if stamps.digest(content).hex() != stated.sha256:
        raise Corrupted(f"{EVIDENCE}/{stated.key} is not what was stored there")
    return content


def entry(request: Request, key: str, sha256: str, told: dict[str, str]) -> Entry:
    """What the custody log says of an answer."""
    stated = request.statement
    about = {"authority": request.authority, "key": key, "sha256": sha256, "statement": stated.key}
    return Entry(Action.STAMPED, manifests.subject(stated.day), {**about, "checkpoint": stated.checkpoint, **told})


def away(job: Job, why: str, after: float | None) -> NotDone[Turned]:
    """It could not be reached: it is asked again, more and more rarely."""
    rest = FIRST_REST * 2 ** min(job.attempts - 1, DOUBLINGS)
    rest = rest if after is None else min(max(rest, timedelta(seconds=after)), LONGEST_REST)
    return NotDone(Fault.WAIT, why, utcnow() + rest, (Turned(why, wrong=False),))


def wrong(why: str) -> NotDone[Turned]:
    """Its answer is none: the operator has to look."""
    return NotDone(Fault.BLOCKED, why, made=(Turned(why, wrong=True),))


def left(why: str) -> NotDone[Left]:
    """Nobody wants its stamp any more."""
    return NotDone(Fault.SKIPPED, why, made=(Left(),))


def tell(db: Connection, request: Request, turned: Turned | Left) -> None:
    """Write a wrong answer down; tell the operator of the third, and of an authority that is not reached for days."""
    if isinstance(turned, Left):
        heard(db, request)
        return
    if turned.wrong:
        stamps.refuse(db, request.id, turned.why)
    if turned.wrong and request.refusals + 1 >= TOLD_AFTER:
        said = f"{request.refusals + 1} answers about {request.statement.day} were refused: {turned.why}"
        alerts.sound(db, alerts.TIME_STAMPS, f"authority:{request.authority}", said)
    elif not turned.wrong and utcnow() - request.asked_at > PATIENCE:
        said = f"{request.statement.day} waits for it since {iso(request.asked_at)}: {turned.why}"
        alerts.sound(db, alerts.TIME_STAMPS, f"authority:{request.authority}", said)


def heard(db: Connection, request: Request) -> None:
    """It has answered as it should, or need not."""
    alerts.end(db, alerts.TIME_STAMPS, f"authority:{request.authority}")
