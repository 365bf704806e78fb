"""Signed heads of the custody log, and what witnesses say of them: in the database and in the evidence bucket.

A head is kept in both, since each shows what was done to the other: a database that is restored, shortened or written
anew does not take the locked objects with it.  The row comes first and the object after it: a signer that dies in
between leaves a row, and the next one brings its object.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy import Connection, Row, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from lastseen.outcomes import ObjectToStore
from storage import custody, keys, merkle
from storage.merkle import Frontier
from storage.notes import Checkpoint, Note, Signature, VerifierKey
from storage.objects import EVIDENCE
from storage.tables import checkpoints, cosignatures

ONE_SIGNER = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.custody.sign'))")
MEDIA_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class SignedHead:
    """A head as it was signed."""

    note: Note
    frontier: Frontier
    """of the Merkle tree, to go on from"""

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """What it says.  Raises BadNote if somebody put something else into the database."""
        return Checkpoint.parse(self.note.text)

    @property
    def size(self) -> int:
        """How many events it is over."""
        return self.frontier.size

    def as_object(self) -> ObjectToStore:
        """For the evidence bucket."""
        return _object(keys.checkpoint(self.size, self.checkpoint.at), self.note)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's line under a head."""

    size: int
    witness: str
    """its verifier key"""
    line: str


def lock(db: Connection) -> None:
    """Be the only signer to the end of the transaction."""
    db.execute(ONE_SIGNER)


def origin(db: Connection, name: str = "") -> str:
    """Which log this is: its name in the settings, or else what follows from its first event."""
    first = next(custody.hashes(db, 0, 1), b"")
    return name or f"lastseen/{first.hex()[:32]}"


def newest(db: Connection) -> SignedHead | None:
    """The head over most events."""
    row = db.execute(select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)).first()
    return _head(row) if row else None


def of_size(db: Connection, size: int) -> SignedHead | None:
    """The head over so many events."""
    row = db.execute(select(checkpoints).where(checkpoints.c.size == size)).first()
    return _head(row) if row else None


def notes_by_size(db: Connection, after: int = -1, upto: int | None = None) -> dict[int, str]:
    """Every head as it stands in the database: those over more than `after` events, to those over `upto` of them."""
    wanted = select(checkpoints.c.size, checkpoints.c.note).where(checkpoints.c.size > after)
    rows = db.execute(wanted if upto is None else wanted.where(checkpoints.c.size <= upto))
    return {row.size: row.note for row in rows}


def keep(db: Connection, head: SignedHead) -> None:
    """Write a head down."""
    said = head.checkpoint
    db.execute(
        insert(checkpoints).values(
            size=head.size,
            origin=said.origin,
            note=str(head.note),
            peaks=head.frontier.packed(),
            signed_at=said.at,
        )
    )


def proof(db: Connection, old: int, new: int) -> Sequence[bytes]:
    """That the log of `new` events has grown from that of `old` (RFC 9162, 2.1.4).

    Reads only the events behind `old` where that is the size of a signed head.
    """
    spans = merkle.consistency_spans(old, new)
    start = of_size(db, old)
    onto = start.frontier if start else Frontier()
    found = merkle.subtrees(custody.hashes(db, onto.size, new) if spans else (), spans, onto) if spans else {}
    return [found[span] for span in spans]


@dataclass(frozen=True, slots=True)
class Proofs:
    """Paths in the Merkle tree of the log's first `size` events (RFC 9162)."""

    size: int
    inclusion: Mapping[int, tuple[bytes, ...]]
    """number of an event (from 1) -> that it is in the log (2.1.3)"""
    consistency: Mapping[int, tuple[bytes, ...]]
    """size of an earlier log -> that it has grown to this one (2.1.4)"""


def proofs(db: Connection, size: int, events: Iterable[int], earlier: Iterable[int]) -> Proofs:
    """Prove that events are in the log of `size` events, and that earlier heads are states of it, in one pass."""
    inside = {seq: merkle.inclusion_spans(seq - 1, size) for seq in events}
    grown = {old: merkle.consistency_spans(old, size) for old in earlier}
    wanted = {span for spans in (*inside.values(), *grown.values()) for span in spans}
    found = merkle.subtrees(custody.hashes(db, upto=size), wanted) if wanted else {}
    return Proofs(
        size,
        {seq: tuple(found[span] for span in spans) for seq, spans in inside.items()},
        {old: tuple(found[span] for span in spans) for old, spans in grown.items()},
    )


def cosigned(db: Connection, size: int, witness: VerifierKey, line: Signature) -> None:
    """Write a witness's signature down; of several the first stays."""
    values = {
        "size": size,
        "witness": str(witness),
        "signature": str(line),
        "signed_at": datetime.fromtimestamp(line.time, UTC),
    }
    db.execute(upsert(cosignatures).values(values).on_conflict_do_nothing())


def cosignatures_of(db: Connection, after: int = -1, upto: int | None = None) -> Iterator[Cosignature]:
    """Those of every head over more than `after` events, to those over `upto` of them, by size."""
    columns = cosignatures.c
    wanted = select(columns.size, columns.witness, columns.signature).where(columns.size > after).order_by(columns.size)
    for row in db.execute(wanted if upto is None else wanted.where(columns.size <= upto)):
        yield Cosignature(*row)


def witnessed(db: Connection, witness: VerifierKey) -> int:
    """The size of the newest head that a witness has cosigned; 0 if none."""
    known = select(func.max(cosignatures.c.size)).where(cosignatures.c.witness == str(witness))
    return db.execute(known).scalar() or 0


def cosigned_object(head: SignedHead, line: Signature) -> ObjectToStore:
    """A head with a witness's line, for the evidence bucket."""
    return _object(keys.cosignature(head.size, head.checkpoint.at, line.key_id, line.time), head.note.signed(line))


def _head(row: Row[tuple[object, ...]]) -> SignedHead:
    return SignedHead(Note.parse(row.note), Frontier.unpacked(row.size, row.peaks))


def _object(key: str, note: Note) -> ObjectToStore:
    content = str(note).encode()
    return ObjectToStore(EVIDENCE, key, content, hashlib.sha256(content).hexdigest(), MEDIA_TYPE)
