"""A witness: on a machine that is not the office's, it signs a head only if it extends the last one it signed.

It needs no database and no settings of the office: a folder holds its key, and for each log the keys that are believed
and the last head.  It is spoken to by files, or over HTTP as C2SP's tlog-witness says.

The new head is on the disk before its signature leaves: after a crash the witness may have seen more than it said,
never less.  Of several requests at once each waits for a lock of its log, also in other processes.
"""

import base64
import binascii
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from storage import merkle, notes
from storage.custody_keys import read_private_key
from storage.merkle import Frontier
from storage.notes import COSIGNATURE, ED25519, NAME, SIZE, BadNote, Checkpoint, Note, Signature, Signer, VerifierKey
from storage.once import made_once, replaced

PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
MOST_PROOF = 63
"""hashes; enough for any log"""
MOST_BYTES = 64 * 1024
"""of a request"""
MOST_REFUSED = 100
"""contradicting heads that are kept of each log"""


class Refused(Exception):
    """A head that is not signed, and the status that says why."""

    status = HTTPStatus.BAD_REQUEST
    kind = "text/plain; charset=utf-8"


class Malformed(Refused):
    """The request cannot be read."""


class UnknownLog(Refused):
    """Nobody told this witness of that log."""

    status = HTTPStatus.NOT_FOUND


class NotSigned(Refused):
    """None of the log's keys has signed it."""

    status = HTTPStatus.FORBIDDEN


class Stale(Refused):
    """The proof begins at another head than the last one; the words are the last one's size."""

    status = HTTPStatus.CONFLICT
    kind = SIZE_TYPE


class Contradicts(Refused):
    """Another head of the same size was signed before."""

    status = HTTPStatus.CONFLICT


class Inconsistent(Refused):
    """The proof does not show that the last head was extended."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


@dataclass(frozen=True, slots=True)
class Request:
    """What a log asks with."""

    old: int
    """size of the head that the proof begins at; 0: none was signed yet"""
    proof: tuple[bytes, ...]
    note: bytes

    def written(self) -> bytes:
        """As it is sent, and carried in a file."""
        lines = [f"old {self.old}", *(base64.b64encode(one).decode() for one in self.proof), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.note

    @classmethod
    def read(cls, content: bytes) -> "Request":
        """Raises Malformed."""
        before, gap, note = content.partition(b"\n\n")
        first, *rest = before.decode("ascii", "replace").split("\n")
        size = first.removeprefix("old ")
        if not gap or not first.startswith("old ") or not SIZE.fullmatch(size):
            raise Malformed("it begins with `old SIZE`, then come the proof's hashes, an empty line, and the head")
        if len(rest) > MOST_PROOF:
            raise Malformed(f"the proof has more than {MOST_PROOF} hashes")
        return cls(int(size), tuple(_hash(line) for line in rest), note)


@dataclass(frozen=True, slots=True)
class State:
    """The folder of a witness."""

    folder: Path

    @property
    def signer(self) -> Signer:
        """Its name and key.  Raises WrongUse where no witness is."""
        try:
            name = (self.folder / "name").read_text().strip()
        except OSError:
            raise WrongUse(f"{self.folder} holds no witness: `lastseen witness init` makes one") from None
        return Signer(name, read_private_key(self.folder / "witness.key"))

    @property
    def verifier(self) -> VerifierKey:
        """What the office writes into LASTSEEN_WITNESSES."""
        return self.signer.verifier(COSIGNATURE)

    def log(self, origin: str) -> "Log":
        """One log's part of the folder."""
        return Log(self.folder / "logs" / hashlib.sha256(origin.encode()).hexdigest()[:32])

    def logs(self) -> Sequence["Log"]:
        """Every log that it was told of."""
        return [Log(path) for path in sorted((self.folder / "logs").glob("*"))]


@dataclass(frozen=True, slots=True)
class Log:
    """What a witness knows of one log."""

    folder: Path

    @property
    def keys(self) -> Sequence[VerifierKey]:
        """Whose signatures are believed."""
        path = self.folder / "keys"
        return notes.verifier_keys(path.read_text().splitlines()) if path.exists() else []

    @property
    def last(self) -> Note | None:
        """The last head that was signed, with the signatures that it had and ours."""
        path = self.folder / "checkpoint"
        return Note.parse(path.read_bytes()) if path.exists() else None

    @property
    def refused(self) -> int:
        """How many heads contradicted what was signed before."""
        return len(list((self.folder / "refused").glob("*")))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who decides on this log, in whatever thread or process."""
        file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


def init(folder: Path, name: str, log_keys: Sequence[str]) -> State:
    """Make a witness, or tell one that is there of more keys.  Raises WrongUse."""
    try:
        told = notes.verifier_keys(log_keys)
    except BadNote as fault:
        raise WrongUse(str(fault)) from fault
    if not NAME.fullmatch(name) or any(key.kind != ED25519 for key in told):
        raise WrongUse("a witness has a name without spaces and +, and is told keys of `lastseen custody key`")

    state = State(folder)
    made_once(folder / "witness.key", notes.new_private_key)
    if (held := made_once(folder / "name", name.encode).decode()) != name:
        raise WrongUse(f"this witness is called {held}: its name is part of its key")
    for key in told:
        _tell(state.log(key.name), key)
    return state


def _tell(log: Log, key: VerifierKey) -> None:
    log.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with log.locked():
        if key not in log.keys:
            replaced(log.folder / "keys", "".join(f"{one}\n" for one in (*log.keys, key)).encode())


def cosign(state: State, content: bytes) -> tuple[Note, Signature]:
    """Decide on a request.  Returns the head and our line under it.  Raises Refused, and WrongUse without a witness."""
    request, signer = Request.read(content), state.signer
    try:
        note = Note.parse(request.note)
        said = checkpoint_of(note)
    except BadNote as fault:
        raise Malformed(str(fault)) from fault
    log = state.log(said.origin)
    if not log.keys:
        raise UnknownLog(f"this witness was not told of the log {said.origin}")
    _require_signed(log, note)
    with log.locked():
        try:
            _require_extended(log, request, said)
        except (Contradicts, Inconsistent):
            _keep_refused(log, request.note)
            raise
        line = signer.cosign(note.text, int(utcnow().timestamp()))
        replaced(log.folder / "checkpoint", str(note.signed(line)).encode())
    return note, line


def checkpoint_of(note: Note) -> Checkpoint:
    """What a note says of a log.  Raises BadNote."""
    return Checkpoint.parse(note.text)


def _require_signed(log: Log, note: Note) -> None:
    try:
        signatures = [key.verified(note) for key in log.keys]  # of all keys: none may be wrong
    except BadNote as fault:
        raise NotSigned(str(fault)) from fault
    if not any(signatures):
        raise NotSigned("none of the keys that this witness was told has signed it")


def _require_extended(log: Log, request: Request, said: Checkpoint) -> None:
    last = checkpoint_of(log.last) if log.last else Checkpoint(said.origin, 0, Frontier().root)
    if request.old > said.size:
        raise Malformed(f"the head over {said.size} events does not extend one over {request.old}")
    if request.old != last.size:
        raise Stale(str(last.size))
    if last.size == said.size and last.root != said.root:
        raise Contradicts(f"this witness has cosigned another head over {said.size} events")
    if not merkle.is_consistent(last.size, said.size, last.root, said.root, request.proof):
        raise Inconsistent(f"the proof does not show that the log of {last.size} events has grown to {said.size}")


def _keep_refused(log: Log, note: bytes) -> None:
    """Two heads that the log has signed and that contradict each other prove what was done: keep the second, too."""
    if log.refused < MOST_REFUSED:
        replaced(log.folder / "refused" / f"{hashlib.sha256(note).hexdigest()[:32]}.txt", note)


def _hash(line: str) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != merkle.HASH_BYTES:
        raise Malformed("a line of the proof is no hash in base64")
    return found
