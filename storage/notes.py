"""Signed heads of a log: C2SP's signed notes, checkpoints and cosignatures (c2sp.org/signed-note, /tlog-checkpoint,
/tlog-cosignature), with Ed25519.

A note is text that ends with a newline, an empty line, and a line for each signature:

    — <name> <base64 of a key id of 4 bytes and the signature>

Signatures by keys that one does not know are passed over; a signature by a known key that is wrong spoils the note.
This is the one module that imports Ed25519.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from lastseen.clock import iso

PrivateKey = Ed25519PrivateKey

ED25519 = 0x01
COSIGNATURE = 0x04
"""kinds of keys, as C2SP numbers them"""
KEY_ID_BYTES, PUBLIC_BYTES, SIGNATURE_BYTES, TIME_BYTES, HASH_BYTES = 4, 32, 64, 8, 32
DASH = "\N{EM DASH} "
MOST_SIGNATURES = 16
NAME = re.compile(r"[^\s+\x00-\x20\x7f]+")
SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


class BadNote(ValueError):
    """What should be a signed note, a checkpoint or a verifier key is none."""


class BadSignature(BadNote):
    """A signature by a known key is not over this text."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whose signature is believed: a name and a public key."""

    name: str
    kind: int
    """`ED25519` signs notes, `COSIGNATURE` is a witness's"""
    public: bytes

    @property
    def id(self) -> bytes:
        """4 bytes that tell it from other keys of that name."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed).digest()[:KEY_ID_BYTES]

    @property
    def _typed(self) -> bytes:
        return bytes([self.kind]) + self.public

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self._typed).decode()}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """From `<name>+<8 hex>+<base64>`.  Raises BadNote."""
        name, id_, rest = [*text.strip().split("+", 2), "", ""][:3]
        typed = _unbase64(rest)
        if not NAME.fullmatch(name) or len(typed) != 1 + PUBLIC_BYTES or typed[0] not in (ED25519, COSIGNATURE):
            raise BadNote("a verifier key is written NAME+ID+KEY, as `lastseen custody key` prints it")
        key = cls(name, typed[0], typed[1:])
        if key.id.hex() != id_:
            raise BadNote(f"the key of {name} has not the id that stands beside it: part of it was changed or left out")
        return key

    def verified(self, note: "Note") -> "Signature | None":
        """This key's signature on a note; None if it has not signed it.  Raises BadSignature if it is wrong."""
        for signature in note.signatures:
            if signature.name == self.name and signature.key_id == self.id:
                self._check(note.text, signature)
                return signature
        return None

    def _check(self, text: str, signature: "Signature") -> None:
        signed, blob = text.encode(), signature.blob
        if self.kind == COSIGNATURE:
            if len(blob) != TIME_BYTES + SIGNATURE_BYTES:
                raise BadSignature(f"the cosignature of {self.name} has not the right length")
            signed = _cosigned(text, int.from_bytes(blob[:TIME_BYTES]))
            blob = blob[TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(blob, signed)
        except InvalidSignature:
            raise BadSignature(f"the signature of {self.name} ({self.id.hex()}) is not over this text") from None


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note."""

    name: str
    key_id: bytes
    blob: bytes
    """what follows the key id"""

    @property
    def time(self) -> int:
        """For a cosignature: when the witness gave it, in seconds since 1970."""
        return int.from_bytes(self.blob[:TIME_BYTES])

    def __str__(self) -> str:
        return f"{DASH}{self.name} {base64.b64encode(self.key_id + self.blob).decode()}\n"

    @classmethod
    def parse(cls, line: str) -> "Signature":
        """From one line, without its end.  Raises BadNote."""
        name, _, rest = line.removeprefix(DASH).partition(" ")
        signed = _unbase64(rest)
        if not line.startswith(DASH) or not NAME.fullmatch(name) or len(signed) <= KEY_ID_BYTES:
            raise BadNote("a line below the note is no signature")
        return cls(name, signed[:KEY_ID_BYTES], signed[KEY_ID_BYTES:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text and who signed it."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))

    def signed(self, *signatures: Signature) -> "Note":
        """The same with more signatures, each once."""
        return replace(self, signatures=(*self.signatures, *(s for s in signatures if s not in self.signatures)))

    @classmethod
    def parse(cls, content: str | bytes) -> "Note":
        """From a whole note.  Raises BadNote."""
        try:
            whole = content.decode() if isinstance(content, bytes) else content
        except UnicodeDecodeError:
            raise BadNote("it is not UTF-8") from None
        if any(char < " " and char != "\n" for char in whole):
            raise BadNote("it holds control characters")
        text, gap, below = whole.rpartition("\n\n")
        if not gap or not below.endswith("\n"):
            raise BadNote("it is no signed note: a text, an empty line, and a line for each signature")
        lines = below.removesuffix("\n").split("\n")
        if len(lines) > MOST_SIGNATURES:
            raise BadNote(f"it has more than {MOST_SIGNATURES} signatures")
        return cls(text + "\n", tuple(map(Signature.parse, lines)))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a head says: how long a log is, and what is in it."""

    origin: str
    """which log"""
    size: int
    root: bytes
    """of the Merkle tree over the events' hashes"""
    extension: tuple[str, ...] = ()
    """further lines; ours are `chain` and `at`"""

    @classmethod
    def of(cls, origin: str, size: int, root: bytes, chain: bytes, at: datetime) -> "Checkpoint":
        """Our own: `chain` is the hash of event number `size`, `at` when it was signed."""
        return cls(origin, size, root, (f"chain {chain.hex()}", f"at {iso(at)}"))

    @property
    def text(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extension)
        return "".join(f"{line}\n" for line in lines)

    @property
    def chain(self) -> bytes:
        """The hash of event number `size`.  Raises BadNote if it does not say."""
        try:
            return bytes.fromhex(self._said("chain"))
        except ValueError:
            raise BadNote("its chain hash is not written in hex") from None

    @property
    def at(self) -> datetime:
        """When it was signed.  Raises BadNote if it does not say."""
        written = self._said("at")
        try:
            moment = datetime.strptime(written, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        except ValueError:
            raise BadNote("its time cannot be read") from None
        if iso(moment) != written:
            raise BadNote("its time is not written as ours are")
        return moment

    def _said(self, word: str) -> str:
        for line in self.extension:
            if line.startswith(f"{word} "):
                return line.removeprefix(f"{word} ")
        raise BadNote(f"it does not say `{word}`")

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """From a note's text.  Raises BadNote."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not all(lines):
            raise BadNote("it is no checkpoint: origin, size and root stand on its first three lines")
        origin, size, root = lines[0], lines[1], _unbase64(lines[2])
        if not SIZE.fullmatch(size) or len(root) != HASH_BYTES:
            raise BadNote("its size or its root cannot be read")
        return cls(origin, int(size), root, tuple(lines[3:]))


@dataclass(frozen=True, slots=True)
class Signer:
    """A name and a private key."""

    name: str
    private: PrivateKey

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    def verifier(self, kind: int = ED25519) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, kind, self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, text: str) -> Signature:
        """A log's signature under a note."""
        return Signature(self.name, self.verifier().id, self.private.sign(text.encode()))

    def cosign(self, text: str, time: int) -> Signature:
        """A witness's signature (cosignature/v1): at `time`, seconds since 1970, this was the newest head it knew."""
        blob = time.to_bytes(TIME_BYTES) + self.private.sign(_cosigned(text, time))
        return Signature(self.name, self.verifier(COSIGNATURE).id, blob)


def new_private_key() -> bytes:
    """A private key, as the bytes of a PEM file."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def private_key(pem: bytes) -> PrivateKey:
    """The key in the bytes of a PEM file.  Raises BadNote."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise BadNote("it holds no private key without a password in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadNote("its key is not one for Ed25519: `openssl genpkey -algorithm ed25519` makes one")
    return key


def verifier_keys(lines: Iterable[str]) -> Sequence[VerifierKey]:
    """The keys of a list with one on each line; empty lines and those that begin with # are passed over."""
    return [VerifierKey.parse(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _unbase64(text: str) -> bytes:
    """Standard base64, padded; nothing for what is none."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return found if base64.b64encode(found).decode() == text else b""
