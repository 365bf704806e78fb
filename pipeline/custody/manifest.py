"""Steps: a day that is over in, its manifest out; then what is time-stamped of it, once a signed head covers that.

The manifest follows from the custody log alone, and its key from its bytes: whoever is killed in between leaves what
the next one finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from lastseen.clock import utcnow
from lastseen.lifecycle import WorkState
from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.settings import OPENTIMESTAMPS, Settings
from pipeline.runner import Bench, Result, Step
from storage import heads, keys, manifests, stamps, work
from storage.custody import Action, Entry
from storage.database import Connection, Engine
from storage.manifests import DAY, Contents, Manifest
from storage.objects import EVIDENCE
from storage.work import Claim, Queue

MANIFEST = "manifest"
STATEMENT = "statement"
STAMP = "stamp"
ANCHOR = "anchor"

REST = timedelta(minutes=1)
"""after which is looked again for what the custody log does not have yet"""

# --- the manifest of a day -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """A day, and what its manifest says."""

    day: date
    known: bool
    """it has its manifest"""
    contents: Contents | None
    """None: it is known, or events of that day can still come"""


def manifest_step(settings: Settings) -> Step[Day, Contents]:
    """Make the manifest of a day."""

    def load(db: Connection, claim: Claim) -> Day:
        day = manifests.day_of(claim.subject)
        known, closed = manifests.get(db, day) is not None, manifests.is_closed(db, day)
        if known or not closed:
            return Day(day, known, None)
        origin = heads.origin(db, settings.log_name)
        return Day(day, known, manifests.contents(day, origin, manifests.events_of(db, day)))

    return Step(MANIFEST, "", load, _manifest, _keep_manifest)


def _manifest(job: Day, _bench: Bench) -> Outcome[Contents]:
    if job.known:
        return Done(note="it was made before")
    if job.contents is None:
        return NotDone(Fault.WAIT, "the day is not over in the custody log", utcnow() + REST)
    made = job.contents
    thing = ObjectToStore(EVIDENCE, _key(job.day, made), made.content, made.sha256, "application/jsonl")
    return Done((made,), (thing,), note=f"{made.objects} objects")


def _keep_manifest(db: Connection, result: Result[Day, Contents]) -> list[Entry]:
    entries = []
    for made in result.made:
        day = result.job.day
        manifest = manifests.made(day, made, result.stored[_key(day, made)])
        manifests.keep(db, manifest, result.locked_until)
        work.offer(db, Queue(STATEMENT), [result.claim.subject])
        entries.append(Entry(Action.MANIFESTED, manifests.subject(day), manifest.detail()))
    return entries


def _key(day: date, made: Contents) -> str:
    return keys.manifest(day, manifests.start(day + DAY), made.sha256)


# --- what is stamped of it -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToState:
    """A manifest, and the head that covers its event."""

    manifest: Manifest
    head: str | None
    """the signed note; None: none covers it yet"""


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement."""

    key: str
    checkpoint: int
    """how many events it covers"""


def statement_step(settings: Settings) -> Step[ToState, Stated]:
    """Say what is to be stamped of a day, and whom to ask."""

    def load(db: Connection, claim: Claim) -> ToState:
        manifest = manifests.get(db, manifests.day_of(claim.subject))
        if manifest is None:
            raise LookupError(f"there is no manifest of day {claim.subject}")
        event = manifests.event_of(db, manifest)
        return ToState(manifest, stamps.covering(db, event.seq) if event else None)

    def keep(db: Connection, result: Result[ToState, Stated]) -> list[Entry]:
        for made in result.made:
            day, stored = result.job.manifest.day, result.stored[made.key]
            statement = stamps.keep_statement(db, day, made.checkpoint, stored, result.locked_until)
            ask(db, statement, settings)
        return []

    return Step(STATEMENT, "", load, _state, keep)


def _state(job: ToState, _bench: Bench) -> Outcome[Stated]:
    if job.head is None:
        return NotDone(Fault.WAIT, "no signed head of the custody log covers it yet", utcnow() + REST)
    content = stamps.statement(job.head, job.manifest)
    sha256, said = stamps.digest(content).hex(), stamps.parse(content)
    key = keys.statement(job.manifest.day, said.at, sha256)
    thing = ObjectToStore(EVIDENCE, key, content, sha256, "application/octet-stream")
    return Done((Stated(key, said.checkpoint.size),), (thing,))


def ask(db: Connection, statement: int, settings: Settings) -> None:
    """Have a statement stamped by everybody who is configured and was not asked yet."""
    wanted: Sequence[str] = [one.name for one in settings.time_stamp_authorities]
    if settings.opentimestamps_calendars:
        wanted = [*wanted, OPENTIMESTAMPS]
    for request, authority in stamps.ask(db, statement, wanted):
        work.offer(db, Queue(ANCHOR if authority == OPENTIMESTAMPS else STAMP), [request])


# --- what is due ---------------------------------------------------------------------------------------------


def close_days(db: Engine, actor: str) -> None:
    """Close the days that are over, in a transaction of its own: it holds the custody log."""
    with db.begin() as transaction:
        manifests.close(transaction, actor, utcnow().date())


def fill(db: Connection, queue: Queue, settings: Settings) -> None:
    """Offer the days that are over, ask authorities that were configured since, and try again what has failed.

    An authority that is new stamps the newest day: its head covers all days before it.
    """
    if queue.step == MANIFEST:
        work.offer(db, queue, [manifests.number(day) for day in manifests.due(db, utcnow().date())])
    newest = stamps.newest(db) if queue.step in (STAMP, ANCHOR) else None
    if newest is not None:
        ask(db, newest, settings)
    work.reopen(db, queue, [WorkState.FAILED])
