"""Time stamps of days: what is stamped (a statement), who is asked (requests), and what they answered.

A statement's bytes are `lastseen.stamp.v1`, LF, and canonical JSON {"checkpoint", "day", "manifest": {"key","objects",
"sha256","size"}}: a signed head of the custody log that covers the event of the day's manifest.  What is stamped is the
sha256 of these bytes: it fixes all that is in the log up to there, and through it every object.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from storage.manifests import Manifest
from storage.notes import Checkpoint, Note
from storage.objects import Stored
from storage.tables import checkpoints, manifests, stamp_refusals, stamp_requests, stamp_statements, stamps

DOMAIN = b"lastseen.stamp.v1\n"

# An authority that could not answer about one day is not asked about the others until it is to be asked again.
RESTING = text("""
    SELECT max(work.ready_at) FROM work JOIN stamp_requests ON stamp_requests.id = work.subject
     WHERE work.step = :step AND work.state = 'open' AND work.lease IS NULL AND work.outcome IN ('WAIT', 'BLOCKED')
       AND work.ready_at > now() AND authority = :authority AND stamp_requests.id <> :request""")

EVERY = text("""
    SELECT manifests.day, manifests.key, manifests.objects, authority, stamp_requests.id AS request, asked_at,
           newest.gen_time, newest.received_at, newest.complete, newest.key AS answer,
           work.state, work.outcome, work.why, work.ready_at,
           (SELECT count(*) FROM stamp_refusals WHERE request_id = stamp_requests.id) AS refusals
      FROM manifests
      LEFT JOIN stamp_statements ON stamp_statements.day = manifests.day
      LEFT JOIN stamp_requests ON statement_id = stamp_statements.id
      LEFT JOIN LATERAL (SELECT * FROM stamps WHERE request_id = stamp_requests.id ORDER BY id DESC LIMIT 1) AS newest
             ON true
      LEFT JOIN work ON work.subject = stamp_requests.id AND work.recipe = ''
            AND work.step = CASE WHEN authority <> 'opentimestamps' THEN 'stamp'
                                 WHEN newest.id IS NULL THEN 'anchor' ELSE 'upgrade' END
     ORDER BY manifests.day DESC, authority""")


class NoStatement(ValueError):
    """These bytes are no statement."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a statement says."""

    day: date
    note: Note
    """the signed head"""
    checkpoint: Checkpoint
    at: datetime
    """when that was signed"""
    chain: bytes
    """hash of the last event that it covers"""
    manifest: dict[str, object]
    """key, objects, sha256, size"""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as its row has it."""

    id: int
    day: date
    key: str
    sha256: str
    version_id: str
    checkpoint: int
    """how many events the head covers"""


@dataclass(frozen=True, slots=True)
class Request:
    """That one authority is to stamp one statement."""

    id: int
    authority: str
    asked_at: datetime
    refusals: int
    """answers of it that were none"""
    statement: Statement


@dataclass(frozen=True, slots=True)
class Stamp:
    """An answer that was verified when it came."""

    request: int
    key: str
    sha256: str
    size: int
    version_id: str
    root_key: str | None
    """the authority's root certificates as they were then; None: OpenTimestamps needs none"""
    gen_time: datetime | None
    """what the authority says; None: OpenTimestamps, whose blocks say it"""
    serial: str | None
    complete: bool
    """False: a calendar has only promised"""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, with whose it is and what it is about."""

    authority: str
    statement: int
    """row id"""
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Line:
    """A day with one of its authorities, for people to read."""

    day: date
    key: str
    """of the manifest"""
    objects: int
    authority: str | None
    """None: nobody is to stamp this day"""
    request: int | None
    asked_at: datetime | None
    gen_time: datetime | None
    received_at: datetime | None
    complete: bool | None
    answer: str | None
    """key of the newest answer"""
    state: str | None
    """of the work on it"""
    outcome: str | None
    why: str | None
    ready_at: datetime | None
    """when it is asked again"""
    refusals: int


STAMP = [stamps.c.request_id.label("request"), *(stamps.c[one.name] for one in fields(Stamp)[1:])]
STATEMENT = [stamp_statements.c[one.name] for one in fields(Statement)]


# --- statements --------------------------------------------------------------------------------------------


def statement(note: str, manifest: Manifest) -> bytes:
    """The bytes that are stamped.  `note`: the signed head, without cosignatures."""
    said = {
        "checkpoint": note,
        "day": manifest.day.isoformat(),
        "manifest": about(manifest),
    }
    return DOMAIN + json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _aware(moment: datetime) -> datetime:
    """Raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a time does not say of which zone it is")
    return moment


def about(manifest: Manifest) -> dict[str, object]:
    """What a statement says of a manifest."""
    return {
        "key": manifest.key,
        "objects": manifest.objects,
        "sha256": manifest.sha256,
        "size": manifest.size,
    }


def parse(content: bytes) -> Said:
    """What a statement says.  Raises NoStatement."""
    if not content.startswith(DOMAIN):
        raise NoStatement("it does not begin as a statement does")
    try:
        match json.loads(content.removeprefix(DOMAIN)):
            case {"checkpoint": str() as note, "day": str() as day, "manifest": {**manifest}}:
                signed, named = Note.parse(note), {str(name): value for name, value in manifest.items()}
                head = Checkpoint.parse(signed.text)
                return Said(date.fromisoformat(day), signed, head, _aware(head.at), head.chain, named)
    except ValueError as fault:
        raise NoStatement(f"it cannot be read: {fault}") from fault
    raise NoStatement("it does not say what a statement says")


def covering(db: Connection, seq: int) -> str | None:
    """The first signed head that covers an event, without cosignatures; None: there is none yet."""
    found = select(checkpoints.c.note).where(checkpoints.c.size >= seq).order_by(checkpoints.c.size).limit(1)
    return db.execute(found).scalar()


def keep_statement(db: Connection, day: date, checkpoint: int, stored: Stored, locked_until: datetime) -> int:
    """Write it down.  Returns its id.  Raises sqlalchemy's IntegrityError if the day has one."""
    values = {"day": day, "checkpoint": checkpoint, **where(stored), "locked_until": locked_until}
    made: int = db.execute(insert(stamp_statements).values(values).returning(stamp_statements.c.id)).scalar_one()
    return made


def statements(db: Connection) -> Sequence[Statement]:
    """All of them, by days."""
    found = db.execute(select(*STATEMENT).order_by(stamp_statements.c.day)).mappings()
    return [Statement(**row) for row in found]


def newest(db: Connection) -> int | None:
    """The statement of the last day that has one."""
    return db.execute(select(stamp_statements.c.id).order_by(stamp_statements.c.day.desc()).limit(1)).scalar()


# --- requests ----------------------------------------------------------------------------------------------


def ask(db: Connection, statement: int, authorities: Sequence[str]) -> Sequence[tuple[int, str]]:
    """Have a statement stamped by some.  Returns (id, authority) of those that were not asked before."""
    if not authorities:
        return []
    values = [{"statement_id": statement, "authority": one} for one in authorities]
    made = upsert(stamp_requests).values(values).on_conflict_do_nothing()
    rows = db.execute(made.returning(stamp_requests.c.id, stamp_requests.c.authority))
    return [(row.id, row.authority) for row in rows]


def request(db: Connection, request: int) -> Request:
    """One of them.  Raises sqlalchemy's NoResultFound."""
    refusals = select(func.count()).where(stamp_refusals.c.request_id == request).scalar_subquery()
    columns = (stamp_requests.c.id.label("request"), stamp_requests.c.authority, stamp_requests.c.asked_at)
    found = select(*columns, refusals.label("refusals"), *STATEMENT).join_from(stamp_requests, stamp_statements)
    return _request(db.execute(found.where(stamp_requests.c.id == request)).one())


def resting(db: Connection, step: str, request: Request) -> datetime | None:
    """Until when an authority is left alone, since it could not answer about another day."""
    values = {"step": step, "authority": request.authority, "request": request.id}
    return db.execute(RESTING, values).scalar()


def refuse(db: Connection, request: int, why: str) -> None:
    """Write down that an answer was none."""
    db.execute(insert(stamp_refusals).values(request_id=request, why=why))


# --- answers -----------------------------------------------------------------------------------------------


def keep(db: Connection, stamp: Stamp, locked_until: datetime) -> None:
    """Write down an answer.  Raises sqlalchemy's IntegrityError if it is there."""
    values = asdict(stamp)
    db.execute(insert(stamps).values(request_id=values.pop("request"), **values, locked_until=locked_until))


def answers(db: Connection, request: int) -> Sequence[Stamp]:
    """The answers to one request, in the order in which they came."""
    found = select(*STAMP).where(stamps.c.request_id == request).order_by(stamps.c.id)
    return [Stamp(**row) for row in db.execute(found).mappings()]


def answered(db: Connection) -> Sequence[Answered]:
    """Every answer, in the order in which they came."""
    found = select(stamp_requests.c.authority, stamp_requests.c.statement_id, *STAMP).join_from(stamps, stamp_requests)
    rows = (dict(row) for row in db.execute(found.order_by(stamps.c.id)).mappings())
    return [Answered(row.pop("authority"), row.pop("statement_id"), Stamp(**row)) for row in rows]


def every_key(db: Connection) -> set[str]:
    """Of every manifest, statement and answer."""
    return {key for one in (manifests, stamp_statements, stamps) for key in db.execute(select(one.c.key)).scalars()}


def lines(db: Connection) -> Sequence[Line]:
    """Each day with each of its authorities, the newest day first."""
    return [Line(**row) for row in db.execute(EVERY).mappings()]


def digest(content: bytes) -> bytes:
    """What is stamped of a statement."""
    return hashlib.sha256(content).digest()


def where(stored: Stored) -> dict[str, Any]:
    """What a row says of an object."""
    return {"key": stored.key, "sha256": stored.sha256, "size": stored.size, "version_id": stored.version_id}


def _request(row: Row[Any]) -> Request:
    statement = Statement(**{one.name: getattr(row, one.name) for one in fields(Statement)})
    return Request(row.request, row.authority, row.asked_at, row.refusals, statement)
