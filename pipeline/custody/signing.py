"""Signing heads of the custody log.  What does not extend the last signed head is never signed."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lastseen.clock import iso, utcnow
from lastseen.errors import Failure
from lastseen.settings import Settings
from storage import alerts, custody, custody_keys, heads, keys
from storage.custody import Action, Entry, Incident
from storage.database import Connection
from storage.heads import SignedHead
from storage.merkle import Frontier
from storage.notes import BadNote, Checkpoint, Note, Signer, VerifierKey
from storage.objects import EVIDENCE, ObjectStore
from storage.stores import Stores

log = logging.getLogger("lastseen.signing")

ABOUT = "custody:log"
"""what alerts are about"""
CLOCKS = timedelta(minutes=5)
"""by so much the clocks of several machines may differ before somebody is told"""


class CannotSign(Failure):
    """The log is not what was signed before, or its last head is not where it should be."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The newest head."""

    head: SignedHead | None
    """None: nothing was logged yet"""
    fresh: bool
    """it was signed just now"""


@dataclass(frozen=True, slots=True)
class Rotated:
    """A change of keys."""

    key: VerifierKey
    """the new one"""
    retired: Path | None
    """where the one before it is"""


def sign(settings: Settings, stores: Stores) -> Signed:
    """Sign the head of the log, if it has grown since it was signed last.

    Raises CannotSign, with an alert, where the log does not extend what was signed; NoCustodyKey; StoreUnavailable,
    after which the next signing brings the object that is missing.
    """
    try:
        with stores.db.begin() as db:
            heads.lock(db)
            signed = _sign(settings, stores, db)
    except CannotSign as fault:
        with stores.db.begin() as db:
            alerts.sound(db, alerts.LOG_REWRITTEN, ABOUT, str(fault))
        raise
    _keep_object(settings, stores.objects, signed.head)
    _tell(stores, signed.head)
    return signed


def unsigned(stores: Stores) -> int:
    """How many events came since the head was signed last."""
    with stores.db.begin() as db:
        last = heads.newest(db)
        return custody.head(db).seq - (last.size if last else 0)


def rotate(settings: Settings, stores: Stores, actor: str, reason: str, *, lost: bool) -> "Rotated":
    """Go on with a new key: an event announces it, and a head is signed by both.

    `lost`: the present key is not there any more, and the new one signs alone.  Raises as `sign` does.
    """
    if not lost:
        sign(settings, stores)  # what stands until now is signed by the present key alone
    with stores.db.begin() as db:
        name = heads.origin(db, settings.log_name)
        fresh = Signer(name, custody_keys.next_key(settings))
        present = [] if lost else [Signer(name, custody_keys.private_key(settings, make=False))]
        heads.lock(db)
        signed = _sign(settings, stores, db, _Change(actor, reason, (*present, fresh))).head
    custody_keys.pin(settings, fresh.verifier())
    retired = custody_keys.adopt_next_key(settings)
    _keep_object(settings, stores.objects, signed)
    return Rotated(fresh.verifier(), retired)


@dataclass(frozen=True, slots=True)
class _Change:
    """Of keys."""

    actor: str
    reason: str
    signers: tuple[Signer, ...]
    """the last is the new one"""

    def entry(self) -> Entry:
        """What the log says of it."""
        *before, fresh = (signer.verifier() for signer in self.signers)
        detail = {"key": str(fresh), "before": [str(key) for key in before]}
        return Entry(Action.KEY_CHANGED, f"key:{fresh.id.hex()}", detail, self.reason)


def _sign(settings: Settings, stores: Stores, db: Connection, change: _Change | None = None) -> Signed:
    try:
        last = heads.newest(db)
        _require_whole(settings, stores.objects, last, custody.head(db).seq)
        if change:
            custody.append_all(db, change.actor, [change.entry()])
        end = custody.head(db)
        if last is not None and end.seq == last.size and end.hash == last.checkpoint.chain:
            return Signed(last, fresh=False)
        frontier = _extended(db, last, end)
    except BadNote as fault:
        raise CannotSign(f"the newest signed head in the database is none: {fault}") from fault
    if not end.seq:
        return Signed(None, fresh=False)
    name = heads.origin(db, settings.log_name)
    if last is not None and last.checkpoint.origin != name and not settings.log_name:
        raise CannotSign(f"the log was {last.checkpoint.origin} when it was signed last, and is {name} now")
    signers = change.signers if change else (Signer(name, custody_keys.private_key(settings, make=last is None)),)
    head = _made(name, end, frontier, signers)
    heads.keep(db, head)
    if last is None or last.checkpoint.origin != name or not custody_keys.public_keys(settings):
        custody_keys.pin(settings, signers[0].verifier())
    return Signed(head, fresh=True)


def _made(name: str, end: custody.Head, frontier: Frontier, signers: tuple[Signer, ...]) -> SignedHead:
    said = Checkpoint.of(name, end.seq, frontier.root, end.hash, max(utcnow(), end.at))
    note = Note(said.text).signed(*(signer.sign(said.text) for signer in signers))
    return SignedHead(note, frontier)


def _require_whole(settings: Settings, objects: ObjectStore, last: SignedHead | None, length: int) -> None:
    """The newest head is ours, and the store has none that is newer, or another one in its place."""
    if last is not None:
        _require_ours(settings, last)
    sizes = {_size(key): key for key in objects.keys(EVIDENCE, keys.CHECKPOINTS)}
    newest = max(sizes, default=0)
    if newest > (last.size if last else 0):
        if _begins_anew(settings, objects, sizes[newest]) and length > newest:
            return
        raise CannotSign(
            f"the object store has a signed head over {newest} events ({sizes[newest]}), and the database's newest is"
            f" over {last.size if last else 0}: an older database was restored, or heads were removed from it"
        )
    if last is not None and newest < last.size:  # whoever signed it did not get so far
        _keep_object(settings, objects, last)
    elif last is not None and objects.read(EVIDENCE, sizes[newest]) != str(last.note).encode():
        raise CannotSign(f"the signed head over {newest} events is another one in the object store: {sizes[newest]}")


def _begins_anew(settings: Settings, objects: ObjectStore, key: str) -> bool:
    """Whether the office has given the log another name than a head in the store has, as it does after a restore."""
    try:
        lost = Checkpoint.parse(Note.parse(objects.read(EVIDENCE, key)).text)
    except BadNote as fault:
        raise CannotSign(f"{key} in the object store is no signed head: {fault}") from fault
    return settings.log_name not in ("", lost.origin)


def _require_ours(settings: Settings, last: SignedHead) -> None:
    known = custody_keys.public_keys(settings)
    if not known:
        known = [Signer(last.checkpoint.origin, custody_keys.private_key(settings, make=False)).verifier()]
    if not any(key.verified(last.note) for key in known):
        raise CannotSign(f"the newest signed head, over {last.size} events, was signed by none of this log's keys")


def _extended(db: Connection, last: SignedHead | None, end: custody.Head) -> Frontier:
    """The tree of the whole log, after the events since the last signed head were checked.  Raises CannotSign."""
    behind, frontier = _start(db, last)
    found: list[bytes] = []
    for link in custody.check(custody.events(db, behind.seq, end.seq), behind):
        if isinstance(link, Incident):
            raise CannotSign(f"{link.where}: {link.what}")
        found.append(link.hash)
        if len(found) >= custody.ROWS:
            frontier, found = frontier.grown(found), []
    frontier = frontier.grown(found)
    if frontier.size != end.seq:
        raise CannotSign(f"the log ends at event {end.seq}, and {frontier.size} events can be followed")
    return frontier


def _start(db: Connection, last: SignedHead | None) -> tuple[custody.Head, Frontier]:
    """The event that the last head ends with, and the tree up to there."""
    if last is None:
        return custody.Head(), Frontier()
    said = last.checkpoint
    event = next(custody.events(db, last.size - 1, last.size), None)
    if event is None:
        raise CannotSign(f"events that were signed are gone: the head over {last.size} events ends behind the log")
    if event.hash != said.chain or not event.is_whole:
        raise CannotSign(f"custody event {last.size} is not the one that was signed at {iso(said.at)}")
    if last.frontier.root != said.root or said.size != last.size:
        raise CannotSign(f"what is kept beside the signed head over {last.size} events is not of its tree")
    return custody.Head(event.seq, event.hash, event.at), last.frontier


def _size(key: str) -> int:
    stem = key.rpartition("/")[2].removesuffix(".txt")
    return int(stem) if stem.isdecimal() else 0


def _keep_object(settings: Settings, objects: ObjectStore, head: SignedHead | None) -> None:
    if head is not None:
        objects.put_verified(head.as_object(), locked_until(settings))


def locked_until(settings: Settings) -> datetime:
    """Until when heads are locked in the object store."""
    return utcnow() + timedelta(days=settings.evidence_lock_days)


def _tell(stores: Stores, head: SignedHead | None) -> None:
    """Alerts whose causes are gone end; one is raised where time has run ahead."""
    with stores.db.begin() as db:
        alerts.end(db, alerts.LOG_REWRITTEN, ABOUT)
        ahead = custody.head(db).at - utcnow()
        if head is not None and ahead > CLOCKS:
            said = f"the newest event is dated {ahead} later than this machine's clock: set the clocks right"
            alerts.sound(db, alerts.CLOCK, ABOUT, said)
        else:
            alerts.end(db, alerts.CLOCK, ABOUT)
