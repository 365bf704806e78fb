"""The custody log: who did what to which piece of evidence, and why, as a hash chain without gaps.

Each event's hash is over versioned, domain-separated, canonical bytes that bind the event before it, so that a
changed, removed or reordered event shows.  Events are appended in the transaction that does what they tell of.
Heads of the chain that are signed outside the database (`storage.heads`) show when somebody rewrites all of it.

Time never runs back along the chain.  Where a machine's clock does, its events bear the time of the one before them
until the clock has caught up: evidence is not left lying because a clock is wrong.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select, text

from lastseen.clock import iso, utcnow
from storage.tables import custody_events

DOMAINS = {1: b"lastseen.custody.v1\n", 2: b"lastseen.custody.v2\n"}
"""by an event's version; those of version 1 give no reason"""
VERSION = 2
GENESIS = bytes(32)
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
ROWS = 2000
"""events that are read from the database at once"""
STREAMED = {"yield_per": ROWS}
"""given with a statement: a connection would keep it for all that come after"""

_as_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode

# One writer at a time from here to the end of its transaction: the chain has one head.
_BEGUN = text("SELECT (SELECT at FROM custody_events ORDER BY seq LIMIT 1) < :moment")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.custody'))")


class Action(StrEnum):
    """What can be done to a piece of evidence, or to what is around it."""

    COLLECTED = "collected"
    """a raw record came in"""
    IMPORTED = "imported"
    """somebody's export, as a whole"""
    STORED = "stored"
    """an original is safe in the object store"""
    SEEN_AGAIN = "seen again"
    """an original that is there already was met once more"""
    DERIVED = "derived"
    """an analysis or a template was made"""
    SEARCHED = "searched"
    """tracks or a photo were compared"""
    VIEWED = "viewed"
    PLAYED = "played"
    VERIFIED = "verified"
    """objects were read and hashed again"""
    EXPORTED = "exported"
    HELD = "held"
    """a legal hold was put on it"""
    RELEASED = "released"
    """a legal hold was taken off"""
    ERASED = "erased"
    """by a lawful order"""
    EXPIRED = "expired"
    """by a rule of retention"""
    CLOSED = "closed"
    """a day is over: whatever comes after this bears a later one"""
    ERASURE_ASKED = "erasure asked"
    ERASURE_CONFIRMED = "erasure confirmed"
    """by another person"""
    ERASURE_REFUSED = "erasure refused"
    INCIDENT = "incident"
    """something was found not to stand as it was recorded"""
    EXPLAINED = "explained"
    """an incident, or a finding about a photo, by a person"""
    MANIFESTED = "manifested"
    """a day's manifest was made"""
    STAMPED = "stamped"
    """an authority has put its time on a manifest"""
    KEY_CHANGED = "key changed"
    """heads are signed with another key from here on"""
    RESEALED = "sealed again"
    """templates or secrets, with another key"""
    KEY_LOST = "key lost"
    """that templates or secrets were sealed with: the office goes on with another one"""
    PARTED = "parted"
    """a link between two tracks was withdrawn"""
    REJECTED = "rejected"
    """somebody said that a face is not this person"""
    REJECTION_REVOKED = "rejection revoked"
    JUDGED = "judged"
    """a reviewer answered on a candidate"""
    JUDGEMENT_UNDONE = "judgement undone"
    """by its reviewer, within a minute"""
    CALIBRATED = "calibrated"
    """the register's pairs of different people were measured, and a threshold proposed"""
    ADOPTED = "adopted"
    """somebody had a calibration hold from here on"""
    REGISTERED = "registered"
    REGISTER_CHANGED = "register entry changed"
    REMOVED = "removed"
    """a photo of the register, by its keeper"""
    TIED = "tied"
    """two entries of the register are declared to be relatives, or one person"""
    UNTIED = "untied"
    DESCRIBED = "described"
    """a reviewer noted what can be seen of a face, before any reference was shown"""
    GIVEN_BACK = "given back"
    """a reviewer gave back what they had taken up"""
    WARNED = "warned"
    """somebody warned others of what a file shows"""
    TOOK_UP = "took up"
    """a candidate or a known pair is somebody's to judge"""
    HANDED_OVER = "handed over"
    """a possible sighting, to a case officer"""
    ASKED_FOR = "asked for"
    """a package of evidence, by whoever means to take it out of the office"""
    DOWNLOADED = "downloaded"
    """a package of evidence that was made ready"""
    KNOWN_PAIRS_MADE = "known pairs made"
    """out of the register's photos, to measure those who review"""
    KNOWN_PAIRS_RETIRED = "known pairs retired"
    """they are shown to nobody any more"""
    LOOKED_AT_FIGURES = "looked at figures"
    """of those who review: one's own, or everybody's"""
    LIMIT_LIFTED = "limit lifted"
    """a senior had somebody look at more than a day's"""
    SIGNED_IN = "signed_in"
    PASSWORD_SET = "password_set"  # noqa: S105  no password
    SIGNED_OUT = "signed out"
    """out of one browser, or of all"""
    ACCOUNT_ADDED = "account added"
    ROLES_CHANGED = "roles changed"
    DISABLED = "account disabled"
    ENABLED = "account enabled"
    UNLOCKED = "account unlocked"
    """after too many wrong passwords or codes"""
    LINK_MADE = "sign-in link made"
    """whoever has it comes in as this account, once"""
    SECOND_FACTOR_SET = "second factor set"
    SECOND_FACTOR_RESET = "second factor reset"
    RECOVERY_CODES_MADE = "recovery codes made"
    PROVIDER_LINKED = "provider linked"
    """an account at an OpenID provider"""
    TOKEN_MADE = "token made"  # noqa: S105  no token
    """for a program that acts as this account"""
    TOKEN_REVOKED = "token revoked"  # noqa: S105  no token
    STATED = "stated"
    """something was written down of a person's fate, as somebody's statement"""
    STATEMENT_WITHDRAWN = "statement withdrawn"
    LISTED = "list imported"
    LIST_UNDONE = "list undone"
    LINE_DECIDED = "line decided"
    """whether a line of a list speaks of somebody of the register"""
    CASE_OPENED = "case opened"
    """of a group"""
    CASE_CHANGED = "case changed"
    TEMPLATE_EDITED = "letter template edited"
    RECIPIENT_CHANGED = "recipient changed"
    """an office that letters go to was added, or retired"""
    LETTER_WRITTEN = "letter written"
    LETTER_MOVED = "letter moved on"
    """approved, refused, sent, acknowledged, answered"""
    TIP_RECEIVED = "tip received"
    TIP_MOVED = "tip moved on"
    CONTACT_OPENED = "contact opened"
    """how a relative is reached was shown to a case officer"""
    CONTACT_REMOVED = "contact removed"
    REPORTED = "reported"
    """the figures of a day were made into a report"""


@dataclass(frozen=True, slots=True)
class Event:
    """One link of the chain, as it stands in the database."""

    seq: int
    at: datetime
    actor: str
    action: str
    """one of `Action`, unless another version of this software or somebody else wrote it"""
    subject: str
    """what it was done to, as `kind:id`"""
    detail: Mapping[str, object]
    """strings, whole numbers, booleans, and lists of them"""
    previous: bytes
    hash: bytes
    version: int = VERSION
    reason: str = ""
    """why it was done; may be empty"""

    @property
    def body(self) -> bytes:
        """The event as JSON: sorted keys, no spaces, UTF-8.  Raises TypeError for a float: it has many spellings."""
        said = {
            "seq": self.seq,
            "at": iso(self.at),
            "actor": self.actor,
            "action": self.action,
            "subject": self.subject,
            "detail": self.detail,
        }
        if self.version >= VERSION:
            said["reason"] = self.reason
        _refuse_floats(self.detail)
        return _as_json(said).encode()

    @property
    def is_whole(self) -> bool:
        """Whether its content is what was hashed."""
        domain = DOMAINS.get(self.version)
        if domain is None or (self.reason and self.version < VERSION):
            return False
        try:
            return digest(self.previous, self.body, domain) == self.hash
        except TypeError:  # no event was ever written with a float
            return False


@dataclass(frozen=True, slots=True)
class Entry:
    """What an event will say, before it has its place in the chain."""

    action: Action
    subject: str
    detail: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that does not stand as it should, and where."""

    what: str
    where: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain."""

    seq: int = 0
    hash: bytes = GENESIS
    at: datetime = BEGINNING


def digest(previous: bytes, body: bytes, domain: bytes = DOMAINS[VERSION]) -> bytes:
    """sha256 of domain, previous hash and canonical bytes."""
    return hashlib.sha256(domain + previous + body).digest()


def append_all(db: Connection, actor: str, entries: Iterable[Entry]) -> Sequence[Event]:
    """Add events in order, in the caller's transaction.  Returns them.

    From here to the end of the transaction no other one can add any: make it the last thing that a transaction does,
    so that nobody who holds the chain ever waits for a row.
    """
    entries = list(entries)
    if not entries:
        return []
    db.execute(_LOCK)
    added = list(_linked(head(db), actor, entries))
    db.execute(insert(custody_events), [_row(event) for event in added])
    return added


def append(
    db: Connection,
    actor: str,
    action: Action,
    subject: str,
    detail: Mapping[str, object] | None = None,
    reason: str = "",
) -> int:
    """Add one event to the chain in the caller's transaction.  Returns its sequence number."""
    (event,) = append_all(db, actor, [Entry(action, subject, detail or {}, reason)])
    return event.seq


def head(db: Connection) -> Head:
    """Where the chain ends."""
    columns = custody_events.c
    row = db.execute(select(columns.seq, columns.hash, columns.at).order_by(columns.seq.desc()).limit(1)).first()
    return Head(row.seq, row.hash, row.at) if row else Head()


def begun(db: Connection, moment: datetime) -> bool:
    """Whether anything was written down here before a moment."""
    return bool(db.execute(_BEGUN, {"moment": moment}).scalar())


def events(db: Connection, after: int = 0, upto: int | None = None) -> Iterator[Event]:
    """The chain in order, streamed: those behind number `after`, to number `upto` if it is given.

    An event at a time that PostgreSQL knows and no calendar (infinity, the year 20000) is left out: it is missing.
    """
    columns = [custody_events.c[each.name] for each in fields(Event)]
    dated = custody_events.c.at.between(BEGINNING, END)
    wanted = select(*columns).where(custody_events.c.seq > after, dated).order_by(custody_events.c.seq)
    if upto is not None:
        wanted = wanted.where(custody_events.c.seq <= upto)
    with db.execute(wanted, execution_options=STREAMED) as rows:
        for row in rows:
            yield Event(*row)


def hashes(db: Connection, after: int = 0, upto: int | None = None) -> Iterator[bytes]:
    """The hashes of the same events: the leaves of the log's Merkle tree."""
    columns = custody_events.c
    wanted = select(columns.hash).where(columns.seq > after).order_by(columns.seq)
    if upto is not None:
        wanted = wanted.where(columns.seq <= upto)
    with db.execute(wanted, execution_options=STREAMED) as rows:
        yield from rows.scalars()


def check(chain: Iterable[Event], behind: Head = Head()) -> Iterator[Incident | Event]:
    """Follow the chain; yields every event, and an incident before each one that does not fit."""
    last = behind
    for event in chain:
        yield from _misfits(last, event)
        yield event
        last = Head(event.seq, event.hash, event.at)


def _misfits(last: Head, event: Event) -> Iterator[Incident]:
    where = f"custody event {event.seq}"
    if event.seq != last.seq + 1:
        yield Incident(f"{event.seq - last.seq - 1} events before it are missing", where)
    elif event.previous != last.hash:
        yield Incident("it does not follow the event before it", where)
    if not event.is_whole:
        yield Incident("its content is not what was hashed", where)
    if event.at < last.at and event.version >= VERSION:  # those of version 1 bore whatever the clock said
        yield Incident("it is dated before the event before it", where)


def _linked(last: Head, actor: str, entries: Sequence[Entry]) -> Iterator[Event]:
    at = max(last.at, utcnow())
    for number, entry in enumerate(entries, last.seq + 1):
        event = Event(number, at, actor, entry.action, entry.subject, entry.detail, last.hash, b"", reason=entry.reason)
        last = Head(number, digest(last.hash, event.body), at)
        yield replace(event, hash=last.hash)


def _row(event: Event) -> dict[str, object]:
    return {column.name: getattr(event, column.name) for column in custody_events.columns}


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
