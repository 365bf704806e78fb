"""The custody log: who did what to which piece of evidence, as a hash chain without gaps.

Each event's hash is over versioned, domain-separated, canonical bytes that bind the event before it, so that a
changed, removed or reordered event shows.  Events are appended in the transaction that does what they tell of.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, insert, select, text

from lastseen.clock import iso, utcnow
from storage.tables import custody_events

DOMAIN = b"lastseen.custody.v1\n"
GENESIS = bytes(32)

# One writer at a time from here to the end of its transaction: the chain has one head.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.custody'))")


@dataclass(frozen=True, slots=True)
class Event:
    """One link of the chain, as it stands in the database."""

    seq: int
    at: datetime
    actor: str
    action: str
    """collected, stored, verified, derived, searched, viewed, played ..."""
    subject: str
    """what it was done to, as `kind:id`"""
    detail: Mapping[str, object]
    """strings, whole numbers, booleans, and lists of them"""
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What an event will say, before it has its place in the chain."""

    action: str
    subject: str
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that does not stand as it should, and where."""

    what: str
    where: str


def canonical(seq: int, at: datetime, actor: str, action: str, subject: str, detail: Mapping[str, object]) -> bytes:
    """The event as JSON: sorted keys, no spaces, UTF-8.  Raises TypeError for a float: it has many spellings."""
    _refuse_floats(detail)
    event = {"seq": seq, "at": iso(at), "actor": actor, "action": action, "subject": subject, "detail": detail}
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(previous: bytes, body: bytes) -> bytes:
    """sha256 of domain, previous hash and canonical bytes."""
    return hashlib.sha256(DOMAIN + previous + body).digest()


def append_all(db: Connection, actor: str, entries: Iterable[Entry]) -> None:
    """Add events in order.

    From here to the end of the transaction no other one can add any: make it the last thing that a transaction does,
    so that nobody who holds the chain ever waits for a row.
    """
    for entry in entries:
        append(db, actor, entry.action, entry.subject, entry.detail)


def append(db: Connection, actor: str, action: str, subject: str, detail: Mapping[str, object] | None = None) -> int:
    """Add one event to the chain in the caller's transaction.  Returns its sequence number."""
    db.execute(_LOCK)
    head = db.execute(
        select(custody_events.c.seq, custody_events.c.hash).order_by(custody_events.c.seq.desc()).limit(1)
    ).first()
    seq, previous = (head.seq + 1, head.hash) if head else (1, GENESIS)
    at, detail = utcnow(), detail or {}
    body = canonical(seq, at, actor, action, subject, detail)
    db.execute(
        insert(custody_events).values(
            seq=seq,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
            previous=previous,
            hash=digest(previous, body),
        )
    )
    return seq


def events(db: Connection) -> Iterator[Event]:
    """The whole chain in order, streamed."""
    rows = db.execution_options(yield_per=1000).execute(select(custody_events).order_by(custody_events.c.seq))
    for row in rows.mappings():
        yield Event(**row)


def check(chain: Iterator[Event]) -> Iterator[Incident | Event]:
    """Follow the chain; yields every event, and an incident before each one that does not fit."""
    seq, previous = 0, GENESIS
    for event in chain:
        where = f"custody event {event.seq}"
        if event.seq != seq + 1:
            yield Incident(f"{event.seq - seq - 1} events before it are missing", where)
        elif event.previous != previous:
            yield Incident("it does not follow the event before it", where)
        body = canonical(event.seq, event.at, event.actor, event.action, event.subject, event.detail)
        if digest(event.previous, body) != event.hash:
            yield Incident("its content is not what was hashed", where)
        yield event
        seq, previous = event.seq, event.hash


def _refuse_floats(value: object) -> None:
    match value:
        case float():
            raise TypeError("a custody event holds no floats: give a string or a whole number")
        case Mapping():
            for item in value.values():
                _refuse_floats(item)
        case list() | tuple():
            for item in value:
                _refuse_floats(item)
        case _:
            pass
