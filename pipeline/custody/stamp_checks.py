"""Do the manifests and the time stamps still stand?  Part of `lastseen verify`.

Nothing here trusts the database, and nothing asks an authority.  Each object is read and hashed again; each manifest is
made again from the custody log; the head in each statement is computed again from it; each token is verified against
the certificates that were kept beside it, as of the time that it states, and against those that the office names today.
Times in the log are held against those of the stamps: what was written later and dated back shows.  So does an object
in the store that the database has forgotten.

Not checked: whether a certificate was revoked; and of OpenTimestamps, without LASTSEEN_OPENTIMESTAMPS_HEADERS, whether
the blocks that proofs lead to are blocks of Bitcoin.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from extractors import opentimestamps, time_stamps
from extractors.opentimestamps import Malformed
from extractors.time_stamps import NoRoots, Token, WrongAnswer
from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.settings import OPENTIMESTAMPS, Settings
from pipeline.custody.stamped_log import Anchor, Log, Times
from storage import heads, keys, manifests, stamps
from storage.custody import Event, Incident
from storage.database import Connection
from storage.manifests import DAY, Manifest
from storage.objects import EVIDENCE, ObjectMissing, ObjectStore, ObjectUnreadable
from storage.stamps import Answered, NoStatement, Said, Stamp, Statement
from storage.stores import Stores
from storage.verification import Begin

GRACE = DAY
"""after the end of a day, for whoever makes its manifest"""
BLOCK_CLOCKS = timedelta(hours=2)
"""by so much the time of a block of Bitcoin may be wrong"""


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement that could be read."""

    row: Statement
    content: bytes
    said: Said

    @property
    def where(self) -> str:
        """For incidents."""
        return f"statement {self.row.key}"


class StampChecks:
    """What is checked of manifests and stamps, as of one moment, while somebody follows the log."""

    def __init__(self, stores: Stores, settings: Settings, db: Connection) -> None:
        """Read the rows and the objects that are held against the log.

        Raises storage.objects.StoreUnavailable when the store does not answer; WrongUse for headers that cannot be
        read.
        """
        self._stores, self._there = stores, _there(stores.objects)
        self._kept, self._answers = manifests.every(db), stamps.answered(db)
        self._signed_heads = heads.notes_by_size(db)
        self._reader = reader = _Reader(stores.objects, settings)
        headers = {one.day: reader.header(one) for one in self._kept}
        found = (reader.stated(one) for one in stamps.statements(db))
        self._stated = {one.row.id: one for one in found if one is not None}
        for answer in self._answers:
            if answer.statement in self._stated:
                reader.answer(answer, self._stated[answer.statement])
        signed = [Anchor(one.said.checkpoint.size, one.said.at, one.where) for one in self._stated.values()]
        times = Times(reader.anchors, signed, reader.tolerance)
        self._log = Log(times, headers, {anchor.size for anchor in signed})

    def hear(self, event: Event) -> None:
        """The next event of the log."""
        self._log.hear(event)

    def found(self) -> Iterator[Incident]:
        """Everything that does not stand, once all events were heard."""
        yield from self._reader.incidents
        yield from _days(self._kept, self._log)
        for one in self._stated.values():
            yield from _head(one, self._kept, self._signed_heads, self._log)
        yield from _told(self._answers, self._log)
        yield from self._log.incidents
        yield from _forgotten(self._stores, self._there)


def listening(stores: Stores, settings: Settings) -> Begin:
    """These checks, for whoever follows the log (`storage.verification`)."""
    return partial(StampChecks, stores, settings)


def _there(objects: ObjectStore) -> set[str]:
    """Keys of what is in the store."""
    return {key for prefix in (keys.MANIFESTS, keys.STAMPS) for key in objects.keys(EVIDENCE, prefix)}


def _forgotten(stores: Stores, there: set[str]) -> Iterator[Incident]:
    """What is in the store, and in no row now: a worker that is about to write its row has done so by now."""
    with stores.db.begin() as db:
        known = stamps.every_key(db)
    for key in sorted(there - known):
        yield Incident("it is in the store, and the database does not know of it: was an older one restored?", key)


class _Reader:
    """Reads the objects, and collects what is wrong with them by themselves."""

    def __init__(self, objects: ObjectStore, settings: Settings) -> None:
        self.incidents: list[Incident] = []
        self.anchors: list[Anchor] = []
        """times that are stated outside"""
        self.tolerance = timedelta(seconds=settings.time_stamp_tolerance_seconds)
        self._objects = objects
        self._authorities = {one.name: one for one in settings.time_stamp_authorities}
        self._headers = _block_headers(settings)

    def header(self, manifest: Manifest) -> bytes:
        """The first line of a manifest."""
        where = _of(manifest.day)
        content = self._read(manifest.key, manifest.sha256, manifest.version_id, where) or b""
        first = content.partition(b"\n")[0] + b"\n"
        expected = {"objects": manifest.objects, "first_seq": manifest.first_seq, "last_seq": manifest.last_seq}
        if content and not _says(first, {**expected, "day": manifest.day.isoformat(), "format": manifests.FORMAT}):
            self._tell("its first line is not what its row says", where)
        return first

    def stated(self, row: Statement) -> Stated | None:
        """A statement, if it can be read."""
        content = self._read(row.key, row.sha256, row.version_id, f"statement {row.key}")
        if content is None:
            return None
        try:
            return Stated(row, content, stamps.parse(content))
        except NoStatement as fault:
            self._tell(str(fault), f"statement {row.key}")
            return None

    def answer(self, answered: Answered, stated: Stated) -> None:
        """Verify what an authority answered."""
        stamp, where = answered.stamp, f"time stamp {answered.stamp.key}"
        content = self._read(stamp.key, stamp.sha256, stamp.version_id, where)
        if content is None:
            return
        if answered.authority == OPENTIMESTAMPS:
            self._proof(content, stamp, stated, where)
        else:
            self._token(content, answered, stated, where)

    def _token(self, content: bytes, answered: Answered, stated: Stated, where: str) -> None:
        stamp = answered.stamp
        root = self._root(stamp, where)
        if root is None:
            return
        try:
            token = time_stamps.verify(content, stated.content, root)
        except (WrongAnswer, NoRoots) as fault:
            self._tell(str(fault), where)
            return
        if (token.gen_time, str(token.serial)) != (stamp.gen_time, stamp.serial):
            self._tell(f"it states {iso(token.gen_time)} and number {token.serial}, and its row says otherwise", where)
        self._require_named_today(content, answered, stated, where)
        self._anchor(stated, token, where)

    def _root(self, stamp: Stamp, where: str) -> bytes | None:
        named = (stamp.root_key or "").rpartition("/")[2].removesuffix(".pem")
        if stamp.root_key != keys.root(named):
            self._tell("no root certificate is kept beside it", where)
            return None
        return self._read(stamp.root_key, named, None, f"{where}: root certificate {stamp.root_key}")

    def _require_named_today(self, content: bytes, answered: Answered, stated: Stated, where: str) -> None:
        """Whoever rewrites everything can keep a root of their own beside it: the office's own file decides."""
        authority = self._authorities.get(answered.authority)
        if authority is None:
            return
        try:
            time_stamps.verify(content, stated.content, time_stamps.roots(authority.roots))
        except NoRoots as fault:
            self._tell(str(fault), where)
        except WrongAnswer:
            self._tell(
                f"it verifies against the root kept beside it, and not against {authority.roots}: if"
                f" {authority.name} has changed its root, that file needs both",
                where,
            )

    def _anchor(self, stated: Stated, token: Token, where: str) -> None:
        self.anchors.append(Anchor(stated.said.checkpoint.size, token.gen_time, where))

    def _proof(self, content: bytes, stamp: Stamp, stated: Stated, where: str) -> None:
        try:
            for moment in _block_times(content, stamp, stated, self._headers):
                self.anchors.append(Anchor(stated.said.checkpoint.size, moment + BLOCK_CLOCKS, where))
        except Malformed as fault:
            self._tell(str(fault), where)

    def _read(self, key: str, sha256: str, version: str | None, where: str) -> bytes | None:
        try:
            content = self._objects.read(EVIDENCE, key, version)
        except ObjectMissing:
            self._tell("the object is missing", where)
            return None
        except ObjectUnreadable:
            self._tell("the store has the object, and cannot give it", where)
            return None
        if hashlib.sha256(content).hexdigest() != sha256:
            self._tell("the object's bytes are not what was stored", where)
            return None
        return content

    def _tell(self, what: str, where: str) -> None:
        self.incidents.append(Incident(what, where))


def _block_headers(settings: Settings) -> Mapping[int, bytes]:
    path = settings.opentimestamps_headers
    if path is None:
        return {}
    try:
        return opentimestamps.headers(path.read_text())
    except (OSError, UnicodeDecodeError, Malformed) as fault:
        raise WrongUse(f"LASTSEEN_OPENTIMESTAMPS_HEADERS: {path} cannot be read: {fault}") from fault


def _block_times(content: bytes, stamp: Stamp, stated: Stated, headers: Mapping[int, bytes]) -> Iterator[datetime]:
    """When the blocks were made that a proof leads to, of those whose headers are there.  Raises Malformed."""
    proof = opentimestamps.read(content)
    if proof.digest != stamps.digest(stated.content):
        raise Malformed("it is not about its statement")
    if bool(proof.blocks) != stamp.complete:
        raise Malformed("its row says otherwise how far it leads")
    for block in proof.blocks:
        if block.height in headers:
            yield opentimestamps.check_header(block, headers[block.height])


def _says(line: bytes, expected: Mapping[str, object]) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and all(said.get(name) == value for name, value in expected.items())


# --- against the log -----------------------------------------------------------------------------------------


def _days(kept: Sequence[Manifest], log: Log) -> Iterator[Incident]:
    """Each day that is over has its manifest, and the log gives the same one, and says that it was made."""
    known = {one.day for one in kept}
    for day in sorted(set(log.days) - known):
        if log.at >= manifests.start(day + DAY) + GRACE:
            yield Incident(f"{log.days[day].objects} objects came in, and no manifest was made", _of(day))
    for manifest in kept:
        found = log.days.get(manifest.day)
        if found is None or found.digest.hexdigest() != manifest.sha256:
            objects = found.objects if found else 0
            said = f"the custody log gives another manifest, of {objects} objects; it has {manifest.objects}"
            yield Incident(said, _of(manifest.day))
        event = log.manifested.get(manifest.key)
        if event is None or manifests.detail(event) != manifest.detail():
            yield Incident("the custody log does not say that it was made as it is", _of(manifest.day))
    rows = {one.key for one in kept}
    for key, event in log.manifested.items():
        if key not in rows:
            yield Incident(f"it was made (custody event {event.seq}), and its row is gone", f"manifest {key}")


def _head(stated: Stated, kept: Sequence[Manifest], notes: Mapping[int, str], log: Log) -> Iterator[Incident]:
    """A statement is about its day's manifest, and about a head that the log gives and that covers it."""
    said, row = stated.said, stated.row
    manifest = next((one for one in kept if one.day == row.day), None)
    if manifest is None or said.day != row.day or said.manifest != stamps.about(manifest):
        yield Incident("it is about another manifest than that of its day", stated.where)
    if said.checkpoint.size != row.checkpoint:
        yield Incident("it holds another signed head than its row says", stated.where)
    if notes.get(said.checkpoint.size) != str(said.note):
        yield Incident("the signed head in it is not in the database", stated.where)
    cut = log.cuts.get(said.checkpoint.size)
    if cut is None:
        size = said.checkpoint.size
        yield Incident(f"{size} events were stamped, and the custody log has {log.size}: its end is gone", stated.where)
    elif cut.root != said.checkpoint.root or cut.hash != said.chain:
        yield Incident("the custody log is not the one that was stamped", stated.where)
    made = log.manifested.get(manifest.key) if manifest else None
    if made is not None and made.seq > said.checkpoint.size:
        yield Incident("the signed head in it does not cover the manifest's event", stated.where)


def _told(answers: Sequence[Answered], log: Log) -> Iterator[Incident]:
    """The log says of each answer that it came, and of no other."""
    for answered in answers:
        event = log.stamped.get(answered.stamp.key)
        if event is None or not _is_about(event, answered):
            where = f"time stamp {answered.stamp.key}"
            yield Incident("the custody log does not say that it came as it is", where)
    rows = {one.stamp.key for one in answers}
    for key, event in log.stamped.items():
        if key not in rows:
            yield Incident(f"it came (custody event {event.seq}), and its row is gone", f"time stamp {key}")


def _is_about(event: Event, answered: Answered) -> bool:
    said, stamp = manifests.detail(event), answered.stamp
    told = iso(stamp.gen_time) if stamp.gen_time else None
    return (said.get("authority"), said.get("sha256"), said.get("genTime")) == (answered.authority, stamp.sha256, told)


def _of(day: date) -> str:
    return f"manifest of {day.isoformat()}"
