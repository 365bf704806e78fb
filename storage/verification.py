"""Does the evidence still stand?  The chain is followed; what rows and log say is compared; every object is read again.

Everything is as it stood at one moment: others may go on storing meanwhile.  What is looked at is written into a
temporary table of that moment, so that nothing here grows with the evidence, and is then read by several threads.
Each checker yields incidents by name; whoever has more to check adds a checker.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Row, text

from lastseen.clock import iso, utcnow
from storage import answered, chain_checks, decided_lines, erased, erasures, incidents, keys, observed, stated, subjects
from storage.chain_checks import StoredHeads
from storage.custody import Event, Incident
from storage.custody_keys import Trust
from storage.objects import (
    EVIDENCE,
    LOCK_SLACK,
    NEVER,
    PROBES,
    Examined,
    ObjectMissing,
    ObjectStore,
    ObjectUnreadable,
    Version,
)
from storage.subjects import Piece, Subject

Item = TypeVar("Item")

READERS = 4
"""objects that are read at once: the store waits for its disk while we hash"""
BATCH = 500
"""objects that are in the readers' hands, and keys that are looked up at once"""
CHANGED = "the object's bytes are not what was stored"
UNRECORDED = timedelta(days=1)
"""an object without a row may be younger than this: its worker was killed in between, or is about to write the row.
A lease is far shorter, and whoever takes the item up afterwards rests for minutes at most"""

OTHERS = (PROBES, *keys.PROOFS)
"""prefixes of objects that are checked elsewhere: signed heads with the chain (`chain_checks`), manifests and stamps by
those who listen"""

# Who speaks of which object: rows, and the events that must stand beside them.  An event of what was erased by a lawful
# order is matched by the event that says so.
EXPECTED = (
    """
    CREATE TEMPORARY TABLE expected ON COMMIT PRESERVE ROWS AS
    WITH kept AS (
        SELECT 'stored' AS action, object_key AS key, sha256, version_id AS version, size, media_type, locked_until,
               stored_at, 'blob ' || sha256 AS place
          FROM blobs
         UNION ALL
        SELECT 'collected', raw_key, raw_sha256, NULL, NULL, NULL, NULL, NULL, 'raw record ' || raw_key
          FROM observations GROUP BY raw_key, raw_sha256),
    erased AS (
        SELECT detail->>'key' AS key, max(seq) AS seq FROM custody_events WHERE action = 'erased' GROUP BY 1),
    told AS (
        SELECT DISTINCT ON (action, detail->>'key')
               action, detail->>'key' AS key, detail->>'sha256' AS sha256, detail->>'version' AS version,
               at, detail->>'size' AS size, detail->>'media_type' AS media_type,
               detail->>'locked_until' AS locked_until, detail->>'stored_at' AS stored_at
          FROM custody_events LEFT JOIN erased ON erased.key = detail->>'key' AND erased.seq > custody_events.seq
         WHERE action IN ('stored', 'collected') AND detail ? 'key' AND erased.key IS NULL
         ORDER BY action, detail->>'key', custody_events.seq DESC)
    SELECT row_number() OVER (ORDER BY kept.key IS NULL, kept.key, kept.sha256) AS number, action, key,
           kept.place IS NOT NULL AS kept, coalesce(kept.place, key) AS place,
           kept.sha256, kept.version, kept.size, kept.media_type, kept.locked_until,
           kept.stored_at, told.sha256 AS told_sha256, told.version AS told_version, told.size AS told_size,
           told.at AS told_at, told.media_type AS told_media_type,
           CAST(told.locked_until AS timestamptz) AS told_locked_until,
           CAST(told.stored_at AS timestamptz) AS told_stored_at
      FROM kept FULL JOIN told USING (action, key)""",
    "CREATE INDEX expected_number ON expected (number)",
    "CREATE INDEX expected_key ON expected (key)",
    "ANALYZE expected",
)
"""`kept` rows have the numbers from 1 on, then come events whose rows are gone"""

MISFITS = text("""
    SELECT * FROM expected
     WHERE NOT kept OR told_sha256 IS DISTINCT FROM sha256 OR told_version <> version OR told_size <> size::text
        OR told_media_type <> media_type OR told_locked_until > locked_until + interval '1 second'
        OR told_stored_at <> stored_at
     ORDER BY number""")

_OBJECT = """
    SELECT place, key, sha256, coalesce(version, told_version, '') AS version,
           coalesce(locked_until, told_locked_until) AS locked_until
      FROM expected WHERE kept AND"""
NUMBERED = text(f"{_OBJECT} number = ANY(CAST(:numbers AS bigint[])) ORDER BY number")
OF_KEYS = text(f"{_OBJECT} key = ANY(:keys) ORDER BY number")

# Events that speak of other objects than originals and records: a manifest, a stamp, an export as a whole.
SPOKEN = text("""
    SELECT detail->>'key' AS key FROM custody_events WHERE detail->>'key' = ANY(:keys)
     UNION SELECT object_key FROM blobs WHERE object_key = ANY(:keys)
     UNION SELECT raw_key FROM observations WHERE raw_key = ANY(:keys)""")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which objects are to be read again; the chain, rows and log are followed in any case."""

    sample: int | None = None
    """so many, by chance"""
    subject: Subject | None = None
    """what belongs to one case"""

    @property
    def is_all(self) -> bool:
        """Nothing is left out."""
        return self.sample is None and self.subject is None


@dataclass(frozen=True, slots=True)
class Report:
    """What was read, and what did not stand."""

    objects: int
    events: int
    incidents: tuple[Incident, ...]
    recorded: int = 0
    """objects that there should be"""
    unrecorded: int = 0
    """young objects that no row speaks of yet"""
    explained: int = 0
    """objects without a row that somebody has explained"""

    @property
    def ok(self) -> bool:
        """Nothing was found wrong."""
        return not self.incidents

    @property
    def share(self) -> float:
        """Of the objects that there should be, how many were read."""
        return self.objects / self.recorded if self.recorded else 1.0


@dataclass(frozen=True, slots=True)
class Expected:
    """An object that a row speaks of."""

    place: str
    key: str
    sha256: str
    version: str
    """empty: neither row nor log says which"""
    locked_until: datetime | None
    """None: neither row nor log says until when"""


@dataclass(slots=True)
class Evidence:
    """What is being verified, and what was counted on the way."""

    db: Connection
    """has the temporary table `expected`; autocommit"""
    objects: ObjectStore
    wish: Wish
    trust: Trust = field(default_factory=Trust)
    """whose signatures on heads of the log are believed"""
    tell: Callable[[int, int], None] = lambda done, of: None
    """hears how many of how many objects were read"""
    events: int = 0
    read: int = 0
    recorded: int = 0
    unrecorded: int = 0
    explained: int = 0
    known: set[Incident] = field(default_factory=set)
    """what somebody has explained"""
    also: Sequence["Begin"] = ()
    """who listens while the log is followed"""
    listeners: Sequence["Listener"] = ()
    """these, as of the moment that is verified"""


Checker = Callable[[Evidence], Iterable[Incident]]


class Listener(Protocol):
    """Has something of its own to check against the log, which is read once for everybody."""

    def hear(self, event: Event) -> None:
        """The next event, in order; also one that does not fit."""

    def found(self) -> Iterable[Incident]:
        """What does not stand, once all events were heard."""


Begin = Callable[[Connection], Listener]
"""Given the transaction of the moment that is verified, before the first event."""


def verify(
    engine: Engine,
    objects: ObjectStore,
    trust: Trust = Trust(),  # noqa: B008  it is frozen, as is the next
    wish: Wish = Wish(),
    tell: Callable[[int, int], None] = lambda done, of: None,
    also: Sequence[Begin] = (),
) -> Report:
    """Check everything that is wished for.

    `trust`: whose signatures on heads of the log are believed; `also`: who listens to the log meanwhile.

    Raises storage.objects.StoreUnavailable when the store does not answer, and WrongUse for a case that is none.
    """
    with at_one_moment(engine) as db:
        evidence = Evidence(db, objects, wish, trust, tell, also=also)
        found = [*overall(evidence), *check_objects(evidence)]
    return Report(
        evidence.read, evidence.events, tuple(found), evidence.recorded, evidence.unrecorded, evidence.explained
    )


def overall(evidence: Evidence) -> Iterator[Incident]:
    """Everything but the bytes of originals and records, and the temporary table for these."""
    yield from _follow(evidence)
    for checker in CHECKERS:
        yield from checker(evidence)
    for listener in evidence.listeners:
        yield from listener.found()


@contextmanager
def at_one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection whose next transaction sees one moment, and which keeps temporary tables for itself."""
    with engine.connect() as db:
        db.execution_options(isolation_level="REPEATABLE READ")
        yield db
        db.rollback()
        db.execute(text("DROP TABLE IF EXISTS pg_temp.expected"))
        db.commit()


def expect(db: Connection) -> int:
    """Make the temporary table of this moment; returns how many objects there should be."""
    for statement in EXPECTED:
        db.execute(text(statement))
    counted: int = db.execute(text("SELECT count(*) FROM expected WHERE kept")).scalar_one()
    return counted


def _follow(evidence: Evidence) -> Iterator[Incident]:
    """Follow the chain, and have the rows and the log of the same moment in the temporary table."""
    db, stored = evidence.db, StoredHeads.read(evidence.objects)
    with db.begin():
        if evidence.wish.subject is not None:
            subjects.row(db, evidence.wish.subject)
        evidence.recorded = expect(db)
        evidence.known = incidents.explained(db)
        evidence.listeners = [begin(db) for begin in evidence.also]
        for link in chain_checks.follow(db, stored, evidence.trust):
            if isinstance(link, Incident):
                yield link
            else:
                evidence.events += 1
                for listener in evidence.listeners:
                    listener.hear(link)
        yield from observed.check(db)
        orders = erased.read(db)
        for check in (answered.check, stated.check, decided_lines.check):
            yield from check(db, orders)
    db.execution_options(isolation_level="AUTOCOMMIT")  # reading takes hours, and no transaction should last so long


# --- rows and log ------------------------------------------------------------------------------------------


def check_rows(evidence: Evidence) -> Iterator[Incident]:
    """What the rows say of objects is what the log says of them."""
    being_erased = _being_erased(evidence.db)
    for row in evidence.db.execute(MISFITS):
        if row.kept or row.key not in being_erased:
            yield from _misfits(row)


def _misfits(row: Row[Any]) -> Iterator[Incident]:
    if not row.kept:
        yield Incident(f"it was {row.action}, but its row is gone", row.key)
        return
    if row.told_sha256 != row.sha256:
        yield Incident(f"the custody log does not say that it was {row.action}", row.place)
        return
    differ = [
        name
        for name, said, told in (
            ("version", row.version, row.told_version),
            ("size", row.size, row.told_size),
            ("media type", row.media_type, row.told_media_type),
            ("time", row.stored_at and iso(row.stored_at), row.told_stored_at and iso(row.told_stored_at)),
        )
        if None not in (said, told) and str(said) != told
    ]
    if row.told_locked_until and row.locked_until and row.told_locked_until > row.locked_until + timedelta(seconds=1):
        differ.append("lock")
    for name in differ:
        yield Incident(f"its row says another {name} than the custody log", row.place)


def _being_erased(db: Connection) -> set[str]:
    """Keys of the objects that a confirmed erasure was taking when it was cut short: it goes on with the next run."""
    plans = [erasures.plan(db, subjects.parse(one.subject)) for one in erasures.half_done(db)]
    pieces = {piece.key for plan in plans for piece in plan.pieces}
    return pieces | {record.key for plan in plans for record in plan.records}


# --- the store ---------------------------------------------------------------------------------------------


def check_store(evidence: Evidence) -> Iterator[Incident]:
    """Every object in the evidence bucket is one that somebody speaks of, in the version that was recorded."""
    if not evidence.wish.is_all:
        return
    by_key = (list(same) for _, same in groupby(evidence.objects.versions(EVIDENCE), key=lambda one: one.key))
    ours = (versions for versions in by_key if not versions[0].key.startswith(OTHERS))
    for batch in _batched(ours, BATCH):
        known = {one.key: one for one in _of_keys(evidence.db, [versions[0].key for versions in batch])}
        strange = [versions for versions in batch if versions[0].key not in known]
        for versions in batch:
            if versions[0].key in known:
                yield from check_versions(known[versions[0].key], versions, evidence.objects)
        yield from _strays(evidence, strange)


def check_versions(known: Expected, versions: Sequence[Version], objects: ObjectStore) -> Iterator[Incident]:
    """Nothing lies over the recorded version, or beside it, but the same bytes once more."""
    recorded = known.version or min((one for one in versions if not one.marker), key=_age, default=None)
    own = recorded if isinstance(recorded, str) else recorded.version_id if recorded else ""
    for other in versions:
        if other.version_id == own:
            continue
        if other.marker:
            yield Incident(f"it was marked as deleted (version {other.version_id})", known.place)
        elif not _same(objects, known, other):
            yield Incident(f"another version of it is there: {other.version_id}", known.place)


def _same(objects: ObjectStore, known: Expected, other: Version) -> bool:
    try:
        return objects.examine(other.key, other.version_id).sha256 == known.sha256
    except (ObjectMissing, ObjectUnreadable):
        return False


def _age(version: Version) -> datetime:
    return version.made_at


def _strays(evidence: Evidence, strange: Sequence[Sequence[Version]]) -> Iterator[Incident]:
    """Objects of which neither a row nor an event speaks, also not since the moment that is verified."""
    names = [versions[0].key for versions in strange]
    spoken = set(evidence.db.execute(SPOKEN, {"keys": names}).scalars()) if names else set()
    for versions in strange:
        if versions[0].key in spoken:
            continue
        found = Incident("no row and no event speaks of this object", versions[0].key)
        if max(one.made_at for one in versions) > utcnow() - UNRECORDED:
            evidence.unrecorded += 1
        elif found in evidence.known:
            evidence.explained += 1
        else:
            yield found


# --- the objects -------------------------------------------------------------------------------------------


def check_objects(evidence: Evidence) -> Iterator[Incident]:
    """Every object that is wished for is there, in the version that was recorded, with its bytes and its lock."""
    being_erased = _being_erased(evidence.db)
    with ThreadPoolExecutor(READERS) as readers:
        for batch in _batched(_wished(evidence), BATCH):
            for found in readers.map(lambda item: list(_damage(evidence, item, being_erased)), batch):
                evidence.read += 1
                yield from found
            evidence.tell(evidence.read, evidence.recorded)


def _damage(evidence: Evidence, item: Expected, being_erased: set[str]) -> Iterator[Incident]:
    if not evidence.wish.is_all:  # otherwise the whole store was listed
        versions = [one for one in evidence.objects.versions(EVIDENCE, item.key) if one.key == item.key]
        yield from check_versions(item, versions, evidence.objects)
    _, found = examine(evidence.objects, item)
    if not (item.key in being_erased and found == [_missing(item)]):
        yield from found


def _missing(item: Expected) -> Incident:
    return Incident("the object is missing", item.place)


def examine(objects: ObjectStore, item: Expected) -> tuple[Examined | None, list[Incident]]:
    """Read one object again: what it is, and what is wrong with it."""
    try:
        seen = objects.examine(item.key, item.version)
    except ObjectMissing:
        return None, [_missing(item)]
    except ObjectUnreadable:
        return None, [Incident("the store has the object, and cannot give it", item.place)]
    found = []
    if seen.sha256 != item.sha256:
        found.append(Incident(CHANGED, item.place))
    if seen.mode != "GOVERNANCE":
        found.append(Incident(f"it is not locked in GOVERNANCE mode but {seen.mode or 'not at all'}", item.place))
    elif seen.locked_until < (item.locked_until or NEVER) - LOCK_SLACK:
        found.append(Incident(f"its lock ends earlier than was recorded, at {iso(seen.locked_until)}", item.place))
    return seen, found


def _wished(evidence: Evidence) -> Iterator[Expected]:
    numbers: Sequence[int] = range(1, evidence.recorded + 1)
    if evidence.wish.subject is not None:
        for some in _batched((piece.key for piece in _pieces(evidence.db, evidence.wish.subject)), BATCH):
            yield from _of_keys(evidence.db, some)
        return
    if evidence.wish.sample is not None:
        numbers = random.SystemRandom().sample(numbers, min(evidence.wish.sample, evidence.recorded))
    for start in range(0, len(numbers), BATCH):
        yield from _numbered(evidence.db, numbers[start : start + BATCH])


def _pieces(db: Connection, subject: Subject) -> list[Piece]:
    return list(subjects.pieces(db, subject))


def _numbered(db: Connection, numbers: Sequence[int]) -> list[Expected]:
    return [Expected(**row) for row in db.execute(NUMBERED, {"numbers": list(numbers)}).mappings()]


def _of_keys(db: Connection, wanted: Sequence[str]) -> list[Expected]:
    return [Expected(**row) for row in db.execute(OF_KEYS, {"keys": list(wanted)}).mappings()]


def _batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


CHECKERS: tuple[Checker, ...] = (check_rows, check_store)
"""in the order in which they are asked, between the chain and the objects"""
