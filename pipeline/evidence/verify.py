"""Check a package of evidence, offline, with nothing but Python (3.8 or newer) and its standard library.

    python3 -I verify.py [PACKAGE] [--key VKEY] [--known FILE] [--root FILE] [--witness VKEY] [--package-sha256 HEX]

PACKAGE is the folder that holds `bagit.txt`; left out, it is the package that this file lies in.  Nothing in a package
is run, and no name in it is followed out of it.  Whoever can change a package can change the copy of this program in
it, too: take the program from where you trust it, such as `pipeline/evidence/verify.py` where lastseen is published.

Exit status: 0 everything that was checked stands, 1 something does not (it says what), 2 wrong use.
What only the package itself vouches for is marked so: give `--key`, `--root`, `--known` from elsewhere to do better.

The formats are in docs/evidence.md.  Standards: RFC 8493 (BagIt), RFC 9162 (Merkle trees), RFC 8032 (Ed25519),
RFC 3161, 5652, 5816 and 5280 (time stamps and certificates), RFC 8017 (RSA), FIPS 186-5 (ECDSA), C2SP signed-note.
"""

from __future__ import annotations

import sys

if not sys.flags.isolated and sys.path:
    del sys.path[0]  # started without -I: a file beside this one must not be taken for a part of Python

import argparse
import base64
import binascii
import contextlib
import hashlib
import json
import mmap
import os
import re
import stat
import struct
import unicodedata
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping, Sequence

CHUNK = 1 << 20
MOST_FILES = 200_000
MOST_NAME = 1000
"""characters of a file's path"""
MOST_LINE = 16 << 20
"""bytes of a line of JSON"""
MOST_EVENTS = 1_000_000
MOST_SMALL = 4 << 20
"""bytes of a file that is read as a whole: checkpoints, tokens, certificates, statements"""
MOST_RECORD = 128 << 20
"""bytes of a raw record that is parsed; a larger one is hashed only, and that is said"""
MOST_DIGITS = 400
"""of a number in JSON: longer ones are made to cost time"""
MOST_SHOWN = 20
"""findings of one kind that are told one by one"""
CLOCKS = timedelta(minutes=5)
"""by how much two clocks may differ"""

FORMAT = "lastseen.package.1"
RECEIPT = "receipt.json"
EVENT_DOMAINS = {1: b"lastseen.custody.v1\n", 2: b"lastseen.custody.v2\n"}
EVENT_FIELDS = {
    1: {"action", "actor", "at", "detail", "seq", "subject"},
    2: {"action", "actor", "at", "detail", "reason", "seq", "subject"},
}
STAMP_DOMAIN = b"lastseen.stamp.v1\n"
HEX = re.compile(r"[0-9a-f]{64}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


MALFORMED = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""what Python says when it meets, say, a list where a number has to be"""


class Doubt(Exception):
    """Something does not hold; the text says what."""


# --- what was found ----------------------------------------------------------------------------------------


class Finding(NamedTuple):
    """One thing that was looked at."""

    check: str
    state: str
    """`ok`; `failed`; `open`: nothing is wrong, and it is not proven either"""
    said: str
    where: str = ""


class Verdict:
    """Everything that was found, in the order in which it was looked at."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.was_told = False
        """the reader was told of this very package another way"""

    def ok(self, check: str, said: str) -> None:
        """Something holds."""
        self.findings.append(Finding(check, "ok", said))

    def open(self, check: str, said: str, where: str = "") -> None:
        """Something is not proven, and nothing speaks against it."""
        self.findings.append(Finding(check, "open", said, where))

    def failed(self, check: str, said: str, where: str = "") -> None:
        """Something does not hold."""
        self.findings.append(Finding(check, "failed", said, where))

    def settle(self, check: str, said: str) -> None:
        """`ok`, unless something of this check has failed."""
        if not any(one.check == check and one.state == "failed" for one in self.findings):
            self.ok(check, said)

    @contextlib.contextmanager
    def doubting(self, check: str, where: str = "") -> Iterator[None]:
        """Whatever is doubted inside is a failure of this check."""
        try:
            yield
        except Doubt as doubt:
            self.failed(check, str(doubt), where)
        except MALFORMED as fault:  # a value of a kind that nobody writes there: never a reason to believe the rest
            self.failed(check, f"it is not of the form that it must have ({type(fault).__name__})", where)

    @property
    def stands(self) -> bool:
        """Nothing has failed."""
        return not any(one.state == "failed" for one in self.findings)


# --- small things ------------------------------------------------------------------------------------------


def sha256(*parts: bytes) -> bytes:
    """Of all parts behind each other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def plain(text: object) -> str:
    """Text of the package as it may be printed: nothing that a terminal would act on."""
    return "".join(map(_printed, str(text)[:2000]))


def _printed(char: str) -> str:
    return char if char == " " or unicodedata.category(char)[0] not in "CZ" else "\N{REPLACEMENT CHARACTER}"


def moment(text: object) -> datetime:
    """A time as this format spells it.  Raises Doubt."""
    if not isinstance(text, str) or not TIME.fullmatch(text):
        raise Doubt(f"a time is not spelt as YYYY-MM-DDTHH:MM:SS.ffffffZ: {plain(text)}")
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise Doubt(f"there is no such time as {text}") from None


def unhex(text: object) -> bytes:
    """32 bytes written as 64 lower-case hexadecimal digits.  Raises Doubt."""
    if not isinstance(text, str) or not HEX.fullmatch(text):
        raise Doubt(f"not a sha256 in lower-case hexadecimal: {plain(text)}")
    return bytes.fromhex(text)


def unbase64(text: str) -> bytes:
    """Padded standard base64 in its one spelling.  Raises Doubt."""
    try:
        made = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Doubt(f"not base64: {plain(text)}") from None
    if base64.b64encode(made).decode() != text:
        raise Doubt(f"base64 that is not in its one spelling: {plain(text)}")
    return made


def _number(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise Doubt(f"a number of {len(text)} digits")
    return int(text)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Doubt("a field stands there twice")
    return made


def parse(text: str | bytes, strict: bool = True) -> Any:
    """JSON; `strict`: no field twice.  Raises Doubt."""
    try:
        return json.loads(text, parse_int=_number, object_pairs_hook=_unique if strict else None)
    except (ValueError, RecursionError) as fault:
        raise Doubt(f"it is no JSON: {plain(fault)}") from None


def parsed(text: str | bytes) -> dict[str, Any]:
    """A JSON object.  Raises Doubt."""
    made = parse(text)
    if not isinstance(made, dict):
        raise Doubt("it is no JSON object")
    return made


def canonical(value: object) -> bytes:
    """Keys sorted, no spaces, UTF-8.  Raises Doubt."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, UnicodeEncodeError, RecursionError) as fault:
        raise Doubt(f"it has no canonical spelling: {plain(fault)}") from None


def many(count: int, what: str) -> str:
    """`1 event`, `2 events`."""
    return "{} {}{}".format(count, what, "" if count == 1 else "s")


# --- Ed25519 (RFC 8032, 5.1) -------------------------------------------------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of this public key (32 bytes) has signed the message; the signature is 64 bytes long."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, nonce = _decompressed(public), _decompressed(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= _L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    return _same(_times(scalar, _BASE), _sum(nonce, _times(challenge, key)))


def _sum(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    made = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            made = _sum(made, point)
        point = _sum(point, point)
        scalar >>= 1
    return made


def _same(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return (one[0] * other[2] - other[0] * one[2]) % _P == 0 and (one[1] * other[2] - other[1] * one[2]) % _P == 0


def _decompressed(data: bytes) -> tuple[int, int, int, int] | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _x(y, sign) if y < _P else None
    return None if x is None else (x, y, 1, x * y % _P)


def _x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    if square == 0:
        return None if sign else 0
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P:
        return None
    return _P - x if x & 1 != sign else x


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE_X = _x(_BASE_Y, 0) or 0
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


# --- Merkle trees (RFC 9162, 2.1) --------------------------------------------------------------------------


def leaf_hash(event: bytes) -> bytes:
    """Of an event's hash."""
    return sha256(b"\0", event)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1", left, right)


def included_root(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (2.1.3.2); None: it leads nowhere."""
    if not 0 <= index < size:
        return None
    at, last, made = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            made = _node(step, made)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            made = _node(made, step)
        at, last = at >> 1, last >> 1
    return made if last == 0 else None


def consistent(first: int, second: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a tree of `second` leaves begins with the tree of `first` leaves (2.1.4.2)."""
    if first == second:
        return old == new and not proof
    if not 0 < first < second or not proof:
        return False
    path = [old, *proof] if first & (first - 1) == 0 else list(proof)
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, now = _node(step, was), _node(step, now)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            now = _node(now, step)
        at, last = at >> 1, last >> 1
    return was == old and now == new and last == 0


# --- signed heads (C2SP signed-note, tlog-checkpoint, tlog-cosignature) ------------------------------------

LOG, WITNESS = 1, 4
"""types of keys"""


class Key(NamedTuple):
    """A verifier key."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The first bytes of a hash over all of it."""
        return sha256(self.name.encode(), b"\n", bytes([self.kind]), self.public)[:4]


def vkey(text: str) -> Key:
    """A key written as `<name>+<8 hex>+<base64>`.  Raises Doubt."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not parts[0] or not re.fullmatch(r"[0-9a-f]{8}", parts[1]):
        raise Doubt(f"this is no key such as NAME+12345678+BASE64: {plain(text)}")
    data = unbase64(parts[2])
    if len(data) != 33 or data[0] not in (LOG, WITNESS):
        raise Doubt(f"the key of {plain(parts[0])} is of a kind that this program does not know")
    key = Key(parts[0], data[0], data[1:])
    if key.id.hex() != parts[1]:
        raise Doubt(f"the key of {plain(parts[0])} does not have the id that it is written with")
    return key


class Checkpoint(NamedTuple):
    """A signed head of the custody log."""

    text: str
    """what is signed"""
    origin: str
    size: int
    root: bytes
    chain: bytes
    """hash of the event number `size`"""
    at: datetime
    signatures: tuple[tuple[str, bytes], ...]
    """(name, key id and signature)"""


def checkpoint(text: str) -> Checkpoint:
    """Raises Doubt."""
    body, blank, rest = text.partition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != 5 or not rest.endswith("\n"):
        raise Doubt("it is no checkpoint of five lines and its signatures")
    if not lines[0] or not re.fullmatch(r"[1-9]\d{0,17}", lines[1]):
        raise Doubt("its origin or size is not written as it must be")
    root = unbase64(lines[2])
    if len(root) != 32 or not lines[3].startswith("chain ") or not lines[4].startswith("at "):
        raise Doubt("its root, chain or time is not written as it must be")
    chain, at = unhex(lines[3][6:]), moment(lines[4][3:])
    signatures = tuple(_signature(line) for line in rest[:-1].split("\n"))
    return Checkpoint(body + "\n", lines[0], int(lines[1]), root, chain, at, signatures)


def _signature(line: str) -> tuple[str, bytes]:
    found = re.fullmatch("\N{EM DASH} ([^ ]+) ([A-Za-z0-9+/=]+)", line)
    if not found:
        raise Doubt(f"a line below the checkpoint is no signature: {plain(line)}")
    return found[1], unbase64(found[2])


def is_signed(head: Checkpoint, key: Key) -> bool:
    """Whether the log's key has signed it."""
    return any(
        name == key.name and data[:4] == key.id and ed25519_verifies(key.public, head.text.encode(), data[4:])
        for name, data in head.signatures[:100]
    )


def cosigned_at(head: Checkpoint, key: Key) -> datetime | None:
    """When this witness says that it saw it.  Raises Doubt for a cosignature by its key that does not hold."""
    for name, data in head.signatures[:100]:
        if name != key.name or data[:4] != key.id:
            continue
        if len(data) != 76:
            raise Doubt(f"the cosignature of {plain(name)} has a wrong length")
        seconds = struct.unpack(">Q", data[4:12])[0]
        message = f"cosignature/v1\ntime {seconds}\n{head.text}".encode()
        if not ed25519_verifies(key.public, message, data[12:]) or seconds > 1 << 34:
            raise Doubt(f"the cosignature of {plain(name)} does not hold")
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    return None


# --- DER (X.690), as far as tokens and certificates need it ------------------------------------------------


class Der(NamedTuple):
    """One value."""

    tag: int
    raw: bytes
    """with its head"""
    body: bytes

    def parts(self) -> list[Der]:
        """The values inside.  Raises Doubt."""
        made, at = [], 0
        while at < len(self.body):
            one = der(self.body, at)
            made.append(one)
            at += len(one.raw)
            if len(made) > 10_000:
                raise Doubt("a structure of too many parts")
        return made

    def of(self, tag: int) -> Der:
        """Itself, if it has this tag.  Raises Doubt."""
        if self.tag != tag:
            raise Doubt(f"a structure is not as its standard says (tag {self.tag:#x}, not {tag:#x})")
        return self

    def integer(self) -> int:
        """Raises Doubt."""
        if not self.of(INTEGER).body or len(self.body) > 2048:
            raise Doubt(f"an integer of {len(self.body)} bytes")
        return int.from_bytes(self.body, "big", signed=True)

    def oid(self) -> str:
        """Raises Doubt."""
        body = self.of(OID).body
        if not body or len(body) > 64 or body[-1] & 0x80:
            raise Doubt("an object identifier that is none")
        numbers, number = [], 0
        for byte in body:
            number = number << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(number)
                number = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    def bits(self) -> bytes:
        """Of a bit string of whole bytes.  Raises Doubt."""
        if self.of(BIT_STRING).body[:1] != b"\0":
            raise Doubt("a bit string that is not of whole bytes")
        return self.body[1:]

    def time(self) -> datetime:
        """Raises Doubt."""
        text = self.body.decode("ascii", "replace")
        if self.tag == UTC_TIME and re.fullmatch(r"\d{12}Z", text):
            text = ("19" if text[:2] >= "50" else "20") + text
        found = re.fullmatch(r"(\d{14})(\.\d{1,6}\d*)?Z", text)
        if self.tag not in (UTC_TIME, GENERALIZED_TIME) or not found:
            raise Doubt("a time that is not spelt as its standard says")
        try:
            second = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
        except ValueError:
            raise Doubt(f"there is no such time as {found[1]}") from None
        return second + timedelta(seconds=float("0" + (found[2] or ".0")[:7]))


BOOLEAN, INTEGER, BIT_STRING, OCTETS, OID, SEQUENCE, SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


def der(data: bytes, at: int = 0) -> Der:
    """The value that begins there.  Raises Doubt."""
    if len(data) < at + 2 or data[at] & 0x1F == 0x1F:
        raise Doubt("a structure ends too early, or has a tag that its standard does not use")
    length, begin = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise Doubt("a length that is not in DER")
        length, begin = int.from_bytes(data[begin : begin + count], "big"), begin + count
    if begin + length > len(data):
        raise Doubt("a structure ends too early")
    return Der(data[at], data[at : begin + length], data[begin : begin + length])


def whole(data: bytes) -> Der:
    """A value with nothing behind it.  Raises Doubt."""
    made = der(data)
    if len(made.raw) != len(data):
        raise Doubt("there are bytes behind the structure's end")
    return made


def part(parts: Sequence[Der], number: int, tag: int) -> Der:
    """The part of that number, of that tag.  Raises Doubt."""
    if not 0 <= number < len(parts):
        raise Doubt("a structure has too few parts")
    return parts[number].of(tag)


# --- signatures of authorities: RSA (RFC 8017) and ECDSA (FIPS 186-5) --------------------------------------

DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
RSA, RSA_PSS, MGF1 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
RSA_WITH = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
EC = "1.2.840.10045.2.1"
EC_WITH = {"1.2.840.10045.4.3.2": "sha256", "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512"}
DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


class Curve(NamedTuple):
    """y^2 = x^3 - 3x + b over the integers modulo p; g generates n points."""

    p: int
    b: int
    n: int
    g: tuple[int, int]


CURVES = {
    "1.2.840.10045.3.1.7": Curve(
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        (
            0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
            0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        ),
    ),
    "1.3.132.0.34": Curve(
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        (
            0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
            0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
        ),
    ),
    "1.3.132.0.35": Curve(
        2**521 - 1,
        int(
            "0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF07"
            "3573DF883D2C34F1EF451FD46B503F00",
            16,
        ),
        int(
            "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D0"
            "3BB5C9B8899C47AEBB6FB71E91386409",
            16,
        ),
        (
            int(
                "00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE"
                "3348B3C1856A429BF97E7E31C2E5BD66",
                16,
            ),
            int(
                "011839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761"
                "353C7086A272C24088BE94769FD16650",
                16,
            ),
        ),
    ),
}


def require_signature(key: Der, algorithm: Der, digest: str | None, message: bytes, signature: bytes) -> None:
    """Raises Doubt unless the key (a SubjectPublicKeyInfo) signed the message.

    `digest`: what the signer says that it hashed with; where the algorithm names one, they must agree.
    """
    named = algorithm.of(SEQUENCE).parts()
    kind = part(named, 0, OID).oid()
    holder = part(key.of(SEQUENCE).parts(), 0, SEQUENCE).parts()
    owner = part(holder, 0, OID).oid()
    if kind == RSA_PSS:
        digest, salt = _pss_parameters(named)
        _require_pss(*_rsa_key(key, owner), digest, salt, message, signature)
        return
    stated = RSA_WITH.get(kind) or EC_WITH.get(kind) or digest
    if stated is None or stated not in DIGEST_INFO or digest not in (None, stated):
        raise Doubt(f"a signature by an algorithm that is not accepted ({kind})")
    if kind == RSA or kind in RSA_WITH:
        _require_pkcs1(*_rsa_key(key, owner), stated, message, signature)
    elif kind in EC_WITH:
        _require_ecdsa(key, holder, owner, stated, message, signature)
    else:
        raise Doubt(f"a signature by an algorithm that is not accepted ({kind})")


def _rsa_key(key: Der, owner: str) -> tuple[int, int]:
    if owner not in (RSA, RSA_PSS):
        raise Doubt("an RSA signature by a key that is not RSA")
    numbers = whole(part(key.parts(), 1, BIT_STRING).bits()).of(SEQUENCE).parts()
    modulus, exponent = part(numbers, 0, INTEGER).integer(), part(numbers, 1, INTEGER).integer()
    if not 2048 <= modulus.bit_length() <= 8192 or not 3 <= exponent < 1 << 33 or not exponent & 1:
        raise Doubt(f"an RSA key of {modulus.bit_length()} bits is not accepted")
    return modulus, exponent


def _opened(modulus: int, exponent: int, signature: bytes) -> bytes:
    """Raises Doubt."""
    size = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= modulus:
        raise Doubt("the authority's signature does not hold")
    return pow(number, exponent, modulus).to_bytes(size, "big")


def _require_pkcs1(modulus: int, exponent: int, digest: str, message: bytes, signature: bytes) -> None:
    opened = _opened(modulus, exponent, signature)
    info = DIGEST_INFO[digest] + hashlib.new(digest, message).digest()
    if opened != b"\0\1" + b"\xff" * (len(opened) - len(info) - 3) + b"\0" + info:
        raise Doubt("the authority's signature does not hold")


def _pss_parameters(named: Sequence[Der]) -> tuple[str, int]:
    """Digest and length of the salt.  Raises Doubt, also for the defaults, which are SHA-1."""
    fields = {one.tag: whole(one.body) for one in part(named, 1, SEQUENCE).parts()}
    if 0xA0 not in fields or 0xA1 not in fields:
        raise Doubt("an RSA-PSS signature with SHA-1 is not accepted")
    digest = _digest_name(fields[0xA0])
    mask = fields[0xA1].of(SEQUENCE).parts()
    if part(mask, 0, OID).oid() != MGF1 or _digest_name(part(mask, 1, SEQUENCE)) != digest:
        raise Doubt("an RSA-PSS signature with two hash functions is not accepted")
    salt = fields[0xA2].integer() if 0xA2 in fields else 20
    if not 0 <= salt <= 512 or (0xA3 in fields and fields[0xA3].integer() != 1):
        raise Doubt("an RSA-PSS signature with parameters that are not accepted")
    return digest, salt


def _digest_name(algorithm: Der) -> str:
    oid = part(algorithm.of(SEQUENCE).parts(), 0, OID).oid()
    if oid not in DIGESTS:
        raise Doubt(f"a hash function that is not accepted ({oid})")
    return DIGESTS[oid]


def _require_pss(modulus: int, exponent: int, digest: str, salt: int, message: bytes, signature: bytes) -> None:
    """RFC 8017, 9.1.2."""
    bits = modulus.bit_length() - 1
    size = (bits + 7) // 8
    opened = _opened(modulus, exponent, signature)[-size:]
    hashed = hashlib.new(digest, message).digest()
    length = size - len(hashed) - 1
    if length < salt + 1 or opened[-1] != 0xBC:
        raise Doubt("the authority's signature does not hold")
    masked, proof = opened[:length], opened[length:-1]
    number = int.from_bytes(masked, "big") ^ int.from_bytes(_mask(digest, proof, length), "big")
    block = (number & ((1 << (bits - 8 * len(hashed) - 8)) - 1)).to_bytes(length, "big")
    padding = b"\0" * (length - salt - 1) + b"\1"
    redone = hashlib.new(digest, b"\0" * 8 + hashed + block[len(padding) :]).digest()
    if int.from_bytes(masked, "big") >> (bits - 8 * len(hashed) - 8) or block[: len(padding)] != padding:
        raise Doubt("the authority's signature does not hold")
    if redone != proof:
        raise Doubt("the authority's signature does not hold")


def _mask(digest: str, seed: bytes, length: int) -> bytes:
    made = b""
    for count in range(length // 32 + 1):
        made += hashlib.new(digest, seed + struct.pack(">I", count)).digest()
    return made[:length]


def _require_ecdsa(key: Der, holder: Sequence[Der], owner: str, digest: str, message: bytes, signature: bytes) -> None:
    if owner != EC:
        raise Doubt("an ECDSA signature by a key that is not of an elliptic curve")
    curve = CURVES.get(part(holder, 1, OID).oid())
    if curve is None:
        raise Doubt("an elliptic curve that is not accepted")
    size = (curve.p.bit_length() + 7) // 8
    point = part(key.parts(), 1, BIT_STRING).bits()
    x, y = int.from_bytes(point[1 : 1 + size], "big"), int.from_bytes(point[1 + size :], "big")
    if point[:1] != b"\4" or len(point) != 2 * size + 1 or not _is_on(curve, x, y):
        raise Doubt("a public key that is no point of its curve")
    numbers = whole(signature).of(SEQUENCE).parts()
    r, s = part(numbers, 0, INTEGER).integer(), part(numbers, 1, INTEGER).integer()
    if not (0 < r < curve.n and 0 < s < curve.n):
        raise Doubt("the authority's signature does not hold")
    hashed = hashlib.new(digest, message).digest()
    number = int.from_bytes(hashed, "big") >> max(0, 8 * len(hashed) - curve.n.bit_length())
    inverse = pow(s, curve.n - 2, curve.n)
    one = _ec_times(curve, number * inverse % curve.n, curve.g)
    other = _ec_times(curve, r * inverse % curve.n, (x, y))
    if not _is_x(curve, _ec_sum(curve, one, other), r):
        raise Doubt("the authority's signature does not hold")


def _is_on(curve: Curve, x: int, y: int) -> bool:
    return x < curve.p and y < curve.p and (y * y - (x * x * x - 3 * x + curve.b)) % curve.p == 0


def _is_x(curve: Curve, point: tuple[int, int, int], r: int) -> bool:
    x, _, z = point
    if z == 0:
        return False
    return x * pow(z, -2, curve.p) % curve.p % curve.n == r


def _ec_times(curve: Curve, scalar: int, point: tuple[int, int]) -> tuple[int, int, int]:
    made, power = (1, 1, 0), (point[0], point[1], 1)
    while scalar:
        if scalar & 1:
            made = _ec_sum(curve, made, power)
        power = _ec_double(curve, power)
        scalar >>= 1
    return made


def _ec_sum(curve: Curve, one: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[int, int, int]:
    """Jacobian coordinates."""
    if one[2] == 0 or other[2] == 0:
        return other if one[2] == 0 else one
    p = curve.p
    z1, z2 = one[2] * one[2] % p, other[2] * other[2] % p
    u1, u2 = one[0] * z2 % p, other[0] * z1 % p
    s1, s2 = one[1] * z2 * other[2] % p, other[1] * z1 * one[2] % p
    h, r = (u2 - u1) % p, (s2 - s1) % p
    if h == 0:
        return _ec_double(curve, one) if r == 0 else (1, 1, 0)
    hh = h * h % p
    hhh, v = h * hh % p, u1 * hh % p
    x = (r * r - hhh - 2 * v) % p
    return x, (r * (v - x) - s1 * hhh) % p, h * one[2] * other[2] % p


def _ec_double(curve: Curve, point: tuple[int, int, int]) -> tuple[int, int, int]:
    x, y, z = point
    if z == 0 or y == 0:
        return 1, 1, 0
    p = curve.p
    zz, yy = z * z % p, y * y % p
    s, m = 4 * x * yy % p, 3 * (x - zz) * (x + zz) % p
    new = (m * m - 2 * s) % p
    return new, (m * (s - new) - 8 * yy * yy) % p, 2 * y * z % p


# --- certificates (RFC 5280) -------------------------------------------------------------------------------

BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_USAGE, KEY_NAME = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.14"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
KNOWN_EXTENSIONS = {BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_USAGE}
"""that may be critical; any other one that is has to be refused"""
KEY_CERT_SIGN = 0x04
"""in the first byte of a key's usages"""
MOST_STEPS = 8
"""certificates from an authority's to its root"""


class Certificate(NamedTuple):
    """As much of one as is needed."""

    raw: bytes
    signed: bytes
    serial: int
    issuer: bytes
    begin: datetime
    end: datetime
    subject: bytes
    key: Der
    extensions: dict[str, tuple[bool, bytes]]
    """critical, and the value"""
    algorithm: Der
    signature: bytes

    def named(self) -> str:
        """Its owner's common name, or what there is."""
        found = ""
        for group in whole(self.subject).parts():
            for pair in group.parts():
                kind, value = [*pair.parts(), pair, pair][:2]
                if kind.tag == OID and (kind.oid() == "2.5.4.3" or not found):
                    found = value.body.decode("utf-8", "replace")
        return plain(found) or "an authority without a name"

    def serves_as_issuer(self, below: int) -> bool:
        """Whether it may issue certificates, with `below` further ones under the one issued."""
        constraints = whole(self.extensions.get(BASIC_CONSTRAINTS, (False, b"\x30\0"))[1]).of(SEQUENCE).parts()
        if not constraints or constraints[0].tag != BOOLEAN or constraints[0].body != b"\xff":
            return False
        if len(constraints) > 1 and constraints[1].integer() < below:
            return False
        if KEY_USAGE not in self.extensions:
            return True
        usage = whole(self.extensions[KEY_USAGE][1]).of(BIT_STRING).body
        return len(usage) > 1 and bool(usage[1] & KEY_CERT_SIGN)

    def serves_as_stamper(self) -> bool:
        """Whether it is for time stamps and for nothing else (RFC 3161, 2.3)."""
        critical, usage = self.extensions.get(EXTENDED_USAGE, (False, b""))
        return critical and [one.oid() for one in whole(usage).parts()] == [TIME_STAMPING]


def certificate(data: bytes) -> Certificate:
    """Raises Doubt."""
    outer = whole(data).of(SEQUENCE).parts()
    signed = part(outer, 0, SEQUENCE)
    fields = signed.parts()
    if fields and fields[0].tag == 0xA0:
        fields = fields[1:]
    validity = part(fields, 3, SEQUENCE).parts()
    if len(validity) != 2 or len(fields) < 6:
        raise Doubt("a certificate is not as its standard says")
    extensions = [one for one in fields[6:] if one.tag == 0xA3]
    return Certificate(
        data,
        signed.raw,
        part(fields, 0, INTEGER).integer(),
        part(fields, 2, SEQUENCE).raw,
        validity[0].time(),
        validity[1].time(),
        part(fields, 4, SEQUENCE).raw,
        part(fields, 5, SEQUENCE),
        _extensions(whole(extensions[0].body)) if extensions else {},
        part(outer, 1, SEQUENCE),
        part(outer, 2, BIT_STRING).bits(),
    )


def _extensions(listed: Der) -> dict[str, tuple[bool, bytes]]:
    made = {}
    for one in listed.of(SEQUENCE).parts():
        fields = one.of(SEQUENCE).parts()
        critical = len(fields) == 3 and part(fields, 1, BOOLEAN).body == b"\xff"
        made[part(fields, 0, OID).oid()] = (critical, part(fields, len(fields) - 1, OCTETS).body)
    return made


def pem_certificates(text: str) -> list[Certificate]:
    """All certificates of a PEM file.  Raises Doubt."""
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----", text)
    if not blocks:
        raise Doubt("there is no certificate in it")
    return [certificate(unbase64("".join(block.split()))) for block in blocks[:100]]


def require_chain(
    signer: Certificate, others: Sequence[Certificate], roots: Sequence[Certificate], at: datetime
) -> str:
    """Follow the issuers to a root; each must be valid at that moment.  Returns the root's name.  Raises Doubt."""
    held, seen = signer, {signer.raw}
    for below in range(MOST_STEPS):
        if not held.begin <= at <= held.end:
            raise Doubt(f"the certificate of {held.named()} was not valid at {at:%Y-%m-%d %H:%M}")
        if any(held.raw == root.raw for root in roots):
            return held.named()
        _require_known(held)
        issuer = _issuer(held, [*roots, *others], below)
        if issuer is None or issuer.raw in seen:
            raise Doubt(f"{held.named()} is not vouched for by any of the roots")
        seen.add(issuer.raw)
        held = issuer
    raise Doubt(f"{signer.named()} is too many certificates away from a root")


def _require_known(held: Certificate) -> None:
    unknown = [name for name, (critical, _) in held.extensions.items() if critical and name not in KNOWN_EXTENSIONS]
    if unknown:
        raise Doubt(f"the certificate of {held.named()} has a critical extension that is not known here")


def _issuer(held: Certificate, among: Sequence[Certificate], below: int) -> Certificate | None:
    """The one that signed it."""
    named = [one for one in among if one.subject == held.issuer and one.serves_as_issuer(below)]
    for one in named[:8]:
        with contextlib.suppress(Doubt):
            require_signature(one.key, held.algorithm, None, held.signed, held.signature)
            return one
    return None


# --- time-stamp tokens (RFC 3161) --------------------------------------------------------------------------

SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"


class Token(NamedTuple):
    """What an authority says, once its signature was found to hold."""

    imprint: bytes
    digest: str
    at: datetime
    serial: int
    signer: Certificate
    others: tuple[Certificate, ...]


def token(data: bytes) -> Token:
    """A TimeStampResp whose signature holds by the certificate in it.  Raises Doubt."""
    signed = _signed_data(data)
    content = part(signed, 2, SEQUENCE).parts()
    if part(content, 0, OID).oid() != TST_INFO:
        raise Doubt("what is signed is no time stamp")
    info = whole(part(content, 1, 0xA0).body).of(OCTETS).body
    certificates = [
        certificate(one.raw)
        for group in signed[3:]
        if group.tag == 0xA0
        for one in group.parts()
        if one.tag == SEQUENCE
    ]
    signers = signed[-1].of(SET).parts()
    if len(signers) != 1:
        raise Doubt(f"a time stamp has one signature, this one has {len(signers)}")
    signer = _require_signer(signers[0].of(SEQUENCE).parts(), info, certificates)
    fields = whole(info).of(SEQUENCE).parts()
    imprint = part(fields, 2, SEQUENCE).parts()
    return Token(
        part(imprint, 1, OCTETS).body,
        _digest_name(part(imprint, 0, SEQUENCE)),
        part(fields, 4, GENERALIZED_TIME).time(),
        part(fields, 3, INTEGER).integer(),
        signer,
        tuple(certificates),
    )


def _signed_data(data: bytes) -> list[Der]:
    """The fields of the SignedData in a TimeStampResp."""
    response = whole(data).of(SEQUENCE).parts()
    status = part(part(response, 0, SEQUENCE).parts(), 0, INTEGER).integer()
    if status not in (0, 1) or len(response) != 2:
        raise Doubt(f"the authority refused (status {status}): there is no token")
    outer = part(response, 1, SEQUENCE).parts()
    if part(outer, 0, OID).oid() != SIGNED_DATA:
        raise Doubt("the answer holds no signed data")
    signed = whole(part(outer, 1, 0xA0).body).of(SEQUENCE).parts()
    if len(signed) < 4:
        raise Doubt("a structure has too few parts")
    return signed


def _require_signer(fields: Sequence[Der], info: bytes, certificates: Sequence[Certificate]) -> Certificate:
    """RFC 5652, 5.4 and 5.6; returns the signer's certificate."""
    held = _named_signer(fields, certificates)
    digest = _digest_name(part(fields, 2, SEQUENCE))
    attributes = part(fields, 3, 0xA0)
    values = _attributes(attributes)
    if CONTENT_TYPE not in values or values[CONTENT_TYPE].oid() != TST_INFO:
        raise Doubt("the signed attributes do not say that this is a time stamp")
    if MESSAGE_DIGEST not in values or values[MESSAGE_DIGEST].of(OCTETS).body != hashlib.new(digest, info).digest():
        raise Doubt("the time stamp's content is not what was signed")
    _require_named_by_hash(values, held)
    message = bytes([SET]) + attributes.raw[1:]
    require_signature(held.key, part(fields, 4, SEQUENCE), digest, message, part(fields, 5, OCTETS).body)
    if not held.serves_as_stamper():
        raise Doubt(f"the certificate of {held.named()} is not for time stamps")
    return held


def _named_signer(fields: Sequence[Der], certificates: Sequence[Certificate]) -> Certificate:
    if len(fields) < 6:
        raise Doubt("a signature has too few parts")
    if fields[1].tag == 0x80:
        found = [one for one in certificates if _key_name(one) == fields[1].body]
    else:
        names = fields[1].of(SEQUENCE).parts()
        issuer, serial = part(names, 0, SEQUENCE).raw, part(names, 1, INTEGER).integer()
        found = [one for one in certificates if (one.issuer, one.serial) == (issuer, serial)]
    if not found:
        raise Doubt("the certificate of whoever signed is not in the token")
    return found[0]


def _key_name(held: Certificate) -> bytes | None:
    stated = held.extensions.get(KEY_NAME)
    return whole(stated[1]).of(OCTETS).body if stated else None


def _attributes(attributes: Der) -> dict[str, Der]:
    """Each attribute's one value."""
    made: dict[str, Der] = {}
    for one in attributes.parts():
        fields = one.of(SEQUENCE).parts()
        name, values = part(fields, 0, OID).oid(), part(fields, 1, SET).parts()
        if name in made or len(values) != 1:
            raise Doubt("a signed attribute stands there twice, or has not one value")
        made[name] = values[0]
    return made


def _require_named_by_hash(values: Mapping[str, Der], held: Certificate) -> None:
    """RFC 5816: the signed attributes name the signer's certificate by its hash."""
    if SIGNING_CERTIFICATE_2 in values:
        first = part(part(values[SIGNING_CERTIFICATE_2].parts(), 0, SEQUENCE).parts(), 0, SEQUENCE).parts()
        named = len(first) > 0 and first[0].tag == SEQUENCE
        digest = _digest_name(first[0]) if named else "sha256"
        stated = part(first, 1 if named else 0, OCTETS).body
    elif SIGNING_CERTIFICATE in values:
        first = part(part(values[SIGNING_CERTIFICATE].parts(), 0, SEQUENCE).parts(), 0, SEQUENCE).parts()
        digest, stated = "sha1", part(first, 0, OCTETS).body
    else:
        raise Doubt("the signed attributes do not name the signer's certificate")
    if hashlib.new(digest, held.raw).digest() != stated:
        raise Doubt("the token was signed with another certificate than it names")


# --- the package (RFC 8493) --------------------------------------------------------------------------------

TAG_FILES = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt")
ALGORITHMS = ("sha256", "sha512")
MANIFEST_LINE = re.compile(r"([0-9a-f]{64,128})  ?(\S.*)")


class Held(NamedTuple):
    """A file of the package as it lies there."""

    size: int
    digests: dict[str, str]


class Package:
    """A folder of plain files, each read once.  Only names that were found by listing it are ever opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Held] = {}
        """path below the folder -> what lies there"""

    def read(self, verdict: Verdict) -> None:
        """List it and hash every file.  Whatever is no plain file is a failure, and is not opened."""
        for name, path in _listed(self.folder, verdict):
            with verdict.doubting("files", name):
                self.files[name] = _hashed(path)

    def content(self, name: str, most: int = MOST_SMALL) -> bytes:
        """A whole small file.  Raises Doubt."""
        if name not in self.files:
            raise Doubt(f"{plain(name)} is missing")
        if self.files[name].size > most:
            raise Doubt(f"{plain(name)} is larger than such a file can be")
        with _opened_file(self.folder / name) as file:
            data: bytes = file.read(most + 1)
        if hashlib.sha256(data).hexdigest() != self.files[name].digests["sha256"]:
            raise Doubt(f"{plain(name)} has changed while it was read")
        return data

    def text(self, name: str, most: int = MOST_SMALL) -> str:
        """The same, as UTF-8.  Raises Doubt."""
        try:
            return self.content(name, most).decode()
        except UnicodeDecodeError:
            raise Doubt(f"{plain(name)} is not UTF-8") from None

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a file, without their ends.  Raises Doubt."""
        if name not in self.files:
            raise Doubt(f"{plain(name)} is missing")
        with _opened_file(self.folder / name) as file:
            while True:
                line = file.readline(MOST_LINE + 1)
                if not line:
                    return
                if len(line) > MOST_LINE or not line.endswith(b"\n"):
                    raise Doubt(f"{plain(name)} has a line that is too long, or does not end")
                yield line[:-1]

    def below(self, folder: str) -> list[str]:
        """Names of the files below a folder, in order."""
        return sorted(name for name in self.files if name.startswith(folder))


def _listed(folder: Path, verdict: Verdict) -> Iterator[tuple[str, Path]]:
    """(name, path) of each plain file."""
    waiting, count = [(folder, "")], 0
    while waiting:
        inside, prefix = waiting.pop()
        for path in sorted(inside.iterdir()):
            name, count = prefix + path.name, count + 1
            if count > MOST_FILES:
                verdict.failed("files", f"there are more than {MOST_FILES} files in it")
                return
            mode = path.lstat().st_mode
            if not _is_name(name) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                verdict.failed("files", "it is no plain file, or has a name that such a package does not use", name)
            elif stat.S_ISDIR(mode):
                waiting.append((path, name + "/"))
            else:
                yield name, path


def _is_name(name: str) -> bool:
    """Whether a package of ours may hold a file of this name: no way out of it, and nothing that hides."""
    parts = name.split("/")
    return (
        len(name) <= MOST_NAME
        and len(parts) <= 20
        and all(re.fullmatch(r"[A-Za-z0-9_~@+=,-][A-Za-z0-9._~@+=,-]*", one) for one in parts)
    )


@contextlib.contextmanager
def _opened_file(path: Path) -> Iterator[Any]:
    """A plain file, and nothing else that took its place meanwhile.  Raises Doubt."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(str(path), flags)
    except OSError as fault:
        raise Doubt(f"it cannot be read: {fault.strerror}") from fault
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Doubt("it is no plain file")
        try:
            yield file
        except OSError as fault:
            raise Doubt(f"it cannot be read: {fault.strerror}") from fault


def _hashed(path: Path) -> Held:
    digests, size = {name: hashlib.new(name) for name in ALGORITHMS}, 0
    with _opened_file(path) as file:
        while True:
            chunk = file.read(CHUNK)
            if not chunk:
                return Held(size, {name: digest.hexdigest() for name, digest in digests.items()})
            size += len(chunk)
            for digest in digests.values():
                digest.update(chunk)


def check_bag(package: Package, verdict: Verdict) -> None:
    """Every file is there, is as it was written down, and no other one is there."""
    with verdict.doubting("files", "bagit.txt"):
        if package.content("bagit.txt") != b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n":
            raise Doubt("it is no BagIt 1.0 declaration")
    payload = {name for name in package.files if name.startswith("data/")}
    tags = {f"tagmanifest-{algorithm}.txt" for algorithm in ALGORITHMS}
    for algorithm in ALGORITHMS:
        _check_manifest(package, f"manifest-{algorithm}.txt", algorithm, payload, verdict)
        _check_manifest(package, f"tagmanifest-{algorithm}.txt", algorithm, set(TAG_FILES), verdict)
    for name in sorted(set(package.files) - payload - tags - set(TAG_FILES) - {RECEIPT}):
        verdict.failed("files", "a file that no manifest speaks of", name)
    size = sum(held.size for held in package.files.values())
    verdict.settle("files", "{} ({} bytes), each as written down".format(many(len(package.files), "file"), size))


def _check_manifest(package: Package, name: str, algorithm: str, wanted: set[str], verdict: Verdict) -> None:
    listed: dict[str, str] = {}
    with verdict.doubting("files", name):
        for line in package.lines(name):
            found = MANIFEST_LINE.fullmatch(line.decode("utf-8", "replace"))
            if not found or len(found[1]) != hashlib.new(algorithm).digest_size * 2 or found[2] in listed:
                raise Doubt("a line of it is not as it must be: {}".format(plain(line.decode("utf-8", "replace"))))
            listed[found[2]] = found[1]
    for missing in sorted(set(listed) - set(package.files))[:MOST_SHOWN]:
        verdict.failed("files", f"{name} speaks of it, and it is missing", plain(missing))
    for extra in sorted(wanted - set(listed))[:MOST_SHOWN]:
        verdict.failed("files", f"{name} does not speak of it", extra)
    for odd in sorted(set(listed) & set(package.files) - wanted)[:MOST_SHOWN]:
        verdict.failed("files", f"{name} must not speak of it", odd)
    for file in sorted(set(listed) & wanted & set(package.files)):
        if package.files[file].digests[algorithm] != listed[file]:
            verdict.failed("files", f"its {algorithm} is not the one in {name}", file)


# --- the custody log ---------------------------------------------------------------------------------------


class Event(NamedTuple):
    """One event of the custody log, as it was hashed."""

    version: int
    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: bytes
    hash: bytes


def event(line: Mapping[str, Any]) -> Event:
    """An event whose hash is that of its body.  Raises Doubt."""
    version, body = line.get("version"), line.get("body")
    if version not in EVENT_DOMAINS or not isinstance(version, int) or not isinstance(body, str):
        raise Doubt("an event without a body, or of a version that this program does not know")
    data = body.encode("utf-8", "surrogatepass")
    previous, stated = unhex(line.get("previous")), unhex(line.get("hash"))
    if sha256(EVENT_DOMAINS[version], previous, data) != stated:
        raise Doubt("its content is not what was hashed")
    said = parsed(body)
    if set(said) != EVENT_FIELDS[version] or canonical(said) != data:
        raise Doubt("its body is not written as it must be")
    if not isinstance(said["seq"], int) or said["seq"] < 1 or not isinstance(said["detail"], dict):
        raise Doubt("its body is not written as it must be")
    actor, action, subject = words = [said[name] for name in ("actor", "action", "subject")]
    if not all(isinstance(word, str) for word in words):
        raise Doubt("its body is not written as it must be")
    at, detail = moment(said["at"]), said["detail"]
    return Event(version, said["seq"], at, actor, action, subject, detail, previous, stated)


class Log:
    """The extract of the custody log, and the signed heads that it is proven against."""

    def __init__(self) -> None:
        self.events: dict[int, Event] = {}
        self.head: Checkpoint | None = None
        """the newest"""
        self.earlier: dict[int, Checkpoint] = {}
        """by size: proven to be earlier states of the same log"""
        self.keys: list[Key] = []
        """of the log, that are believed"""
        self.stated: list[Key] = []
        """that the package says were the log's at some time: good for what is proven to lead up to a believed head"""

    def heads(self) -> list[Checkpoint]:
        """All that are proven, in order."""
        return sorted([*self.earlier.values(), *([self.head] if self.head else [])], key=lambda one: one.size)

    def about(self, action: str) -> list[Event]:
        """All events of an action, in order."""
        return [one for _, one in sorted(self.events.items()) if one.action == action]


def check_heads(package: Package, asked: Asked, log: Log, verdict: Verdict) -> None:
    """Signatures of the heads, and that each is an earlier state of the newest one."""
    stated: list[Key] = []
    with verdict.doubting("key", "data/custody/keys.txt"):
        stated = [vkey(line) for line in package.text("data/custody/keys.txt").splitlines()]
    with verdict.doubting("checkpoint", "data/custody/checkpoint.txt"):
        head = checkpoint(package.text("data/custody/checkpoint.txt"))
        log.keys, log.stated = _believed(asked, stated, head, verdict), [key for key in stated if key.kind == LOG]
        require_signed(head, log.keys)
        log.head = head
        verdict.ok(
            "checkpoint",
            "the head of {}, {}, signed {:%Y-%m-%d %H:%M} UTC".format(
                plain(head.origin), many(head.size, "event"), head.at
            ),
        )
    if log.head is not None:
        _check_earlier(package, log, verdict)
        _check_witnesses(log.heads(), asked, stated, verdict)
        _check_known(package, asked, log, verdict)


def require_signed(head: Checkpoint, keys: Sequence[Key]) -> None:
    """Raises Doubt."""
    if not any(key.name == head.origin and is_signed(head, key) for key in keys):
        raise Doubt("it is not signed by the key of the log")


def _believed(asked: Asked, stated: Sequence[Key], head: Checkpoint, verdict: Verdict) -> list[Key]:
    """The log's keys: the reader's own, or else what the package says."""
    own = [key for key in asked.keys if key.kind == LOG]
    if own:
        verdict.ok("key", "the key is the one that you gave")
        return own
    said = [key for key in stated if key.kind == LOG and key.name == head.origin]
    verdict.open("key", "the key is only the package's own word: get it from the office another way, and give --key")
    return said


def _check_witnesses(heads: Sequence[Checkpoint], asked: Asked, stated: Sequence[Key], verdict: Verdict) -> None:
    """`heads`: all that are proven, the newest last."""
    own = [key for key in asked.witnesses if key.kind == WITNESS]
    for key in own or [key for key in stated if key.kind == WITNESS]:
        with verdict.doubting("witnesses", key.name):
            seen = [(head, at) for head in heads for at in [cosigned_at(head, key)] if at is not None]
            if not seen and own:
                raise Doubt("it signed none of the heads in the package")
            if seen:
                head, at = seen[-1]
                said = f"{plain(key.name)} saw the log with {many(head.size, 'event')} at {at:%Y-%m-%d %H:%M} UTC"
                _tell_of_witness(said, bool(own), verdict)
    if not any(one.check == "witnesses" for one in verdict.findings):
        verdict.open("witnesses", "nobody outside the office has signed a head, as far as the package says")


def _tell_of_witness(said: str, own: bool, verdict: Verdict) -> None:
    if own:
        verdict.ok("witnesses", said)
    else:
        verdict.open("witnesses", said + "; its key is only the package's own word: give --witness")


def _proofs(package: Package) -> dict[int, tuple[int, list[bytes]]]:
    """Size of an earlier head -> (size of the later one, proof).  Raises Doubt."""
    made = {}
    for line in package.lines("data/custody/consistency.jsonl"):
        said = parsed(line)
        first, second, proof = said.get("from"), said.get("to"), said.get("proof")
        if not isinstance(first, int) or not isinstance(second, int):
            raise Doubt("a proof without sizes")
        made[first] = (second, hashes(proof))
        if len(made) > 100_000:
            raise Doubt("too many proofs")
    return made


def hashes(listed: object) -> list[bytes]:
    """A proof's path.  Raises Doubt."""
    if not isinstance(listed, list) or len(listed) > 128:
        raise Doubt("a proof that is no list of hashes")
    return [unhex(one) for one in listed]


def require_earlier(package: Package, head: Checkpoint, old: Checkpoint) -> None:
    """Raises Doubt unless the package proves that the log of `old` goes on as that of `head`.

    A log may go on under another name: what counts is the proof.
    """
    try:
        _require_grown(package, head, old)
    except Doubt:
        if old.origin != head.origin:
            raise Doubt(f"it is of another log: {plain(old.origin)}") from None
        raise


def _require_grown(package: Package, head: Checkpoint, old: Checkpoint) -> None:
    if old.size > head.size:
        raise Doubt(f"it is longer ({old.size}) than the package's ({head.size}): nothing can be concluded")
    if old.size == head.size:
        if old.root != head.root:
            raise Doubt("the package's log is not the one of it: one of the two was rewritten")
        return
    second, proof = _proofs(package).get(old.size, (0, []))
    if second != head.size:
        raise Doubt(f"the package holds no proof that the log of {many(old.size, 'event')} goes on in its own")
    if not consistent(old.size, head.size, old.root, head.root, proof):
        raise Doubt("the package's log is not the continuation of it: one of the two was rewritten")


def _check_earlier(package: Package, log: Log, verdict: Verdict) -> None:
    for name in package.below("data/custody/checkpoints/"):
        with verdict.doubting("checkpoint", name):
            _keep_earlier(package, log, checkpoint(package.text(name)))
    if log.earlier:
        verdict.settle("checkpoint", "{} earlier, of the same log".format(many(len(log.earlier), "head")))


def _keep_earlier(package: Package, log: Log, old: Checkpoint) -> None:
    """Raises Doubt."""
    if log.head is None:
        raise Doubt("there is no head to compare it with")
    require_signed(old, [*log.keys, *log.stated])
    require_earlier(package, log.head, old)
    later = [one for one in log.heads() if one.size > old.size and one.at < old.at]
    if later:
        raise Doubt("it was signed after a longer one")
    log.earlier[old.size] = old


def _check_known(package: Package, asked: Asked, log: Log, verdict: Verdict) -> None:
    for old in asked.known:
        with verdict.doubting("earlier checkpoint", "--known, {}".format(many(old.size, "event"))):
            if log.head is None:
                raise Doubt("there is no head to compare it with")
            require_earlier(package, log.head, old)
            verdict.ok("earlier checkpoint", f"the log goes on from the one that you had ({old.size})")
    if not asked.known:
        verdict.open("earlier checkpoint", "you gave none of your own (--known) that this one must go on from")


def check_events(package: Package, log: Log, verdict: Verdict) -> None:
    """Each event is what was hashed, and is in the log that was signed."""
    with verdict.doubting("events", "data/custody/events.jsonl"):
        for count, line in enumerate(package.lines("data/custody/events.jsonl"), 1):
            if count > MOST_EVENTS:
                raise Doubt(f"there are more than {MOST_EVENTS} events")
            with verdict.doubting("events", f"line {count}"):
                _keep_event(log, parsed(line))
    if not log.events:
        verdict.failed("events", "there is no event in it")


def _keep_event(log: Log, line: dict[str, Any]) -> None:
    one = event(line)
    if one.seq in log.events:
        raise Doubt(f"event {one.seq} stands there twice")
    log.events[one.seq] = one
    if log.head is None:
        raise Doubt(f"event {one.seq} cannot be proven: there is no signed head")
    if included_root(leaf_hash(one.hash), one.seq - 1, log.head.size, hashes(line.get("proof"))) != log.head.root:
        raise Doubt(f"event {one.seq} is not proven to be in the signed log")
    if one.seq == log.head.size and one.hash != log.head.chain:
        raise Doubt(f"event {one.seq} is not the one that the signed head ends with")


def _check_order(log: Log, verdict: Verdict) -> None:
    """Neighbours are linked, times do not go back, and none is earlier than a head that does not have it."""
    before = None
    for seq, one in sorted(log.events.items()):
        with verdict.doubting("events", f"event {seq}"):
            if before is not None and before.seq == seq - 1 and one.previous != before.hash:
                raise Doubt(f"it does not follow event {before.seq}")
            if before is not None and one.at < before.at and one.version > 1:  # those bore whatever the clock said
                raise Doubt(f"it is dated before event {before.seq}, which stands before it")
        with verdict.doubting("events", f"event {seq}"):
            _require_time(log, one)
        before = one


def _require_time(log: Log, one: Event) -> None:
    for head in log.heads():
        if one.seq <= head.size and one.at > head.at + CLOCKS:
            raise Doubt("it is dated after the head that was signed with it in the log")
        if one.seq > head.size and one.at < head.at - CLOCKS:
            raise Doubt(
                f"it is dated back: it says {one.at:%Y-%m-%d %H:%M}, and the head signed {head.at:%Y-%m-%d %H:%M}"
                " did not have it"
            )


# --- the receipt: what the log says of this package --------------------------------------------------------


def check_receipt(package: Package, asked: Asked, log: Log, verdict: Verdict) -> None:
    """The log's own event about this package, whose hash binds every file in it."""
    name = "tagmanifest-sha256.txt"
    stated = package.files[name].digests["sha256"] if name in package.files else ""
    with verdict.doubting("receipt", "--package-sha256"):
        if asked.package and asked.package != stated:
            raise Doubt("the package is not the one that you were told of: it is {}".format(stated or "no bag"))
        verdict.was_told = bool(asked.package)
    with verdict.doubting("receipt", RECEIPT):
        _require_receipt(package, log, stated)
        said = "the log says that this package left the office as it lies here"
        verdict.settle("receipt", said + (", and so were you told" if asked.package else ""))


def _require_receipt(package: Package, log: Log, stated: str) -> None:
    data = package.content(RECEIPT)
    said = parsed(data)
    if canonical(said) + b"\n" != data or set(said) != {"checkpoint", "event", "format", "proof", "consistency"}:
        raise Doubt("it is not written as it must be")
    if said["format"] != "lastseen.receipt.1" or not isinstance(said["checkpoint"], str):
        raise Doubt("it is of a format that this program does not know")
    if not isinstance(said["event"], dict) or log.head is None:
        raise Doubt("there is no event in it, or no signed head to compare it with")
    told, head = event(said["event"]), checkpoint(said["checkpoint"])
    require_signed(head, log.keys)
    if included_root(leaf_hash(told.hash), told.seq - 1, head.size, hashes(said["proof"])) != head.root:
        raise Doubt("its event is not proven to be in the signed log")
    if not consistent(log.head.size, head.size, log.head.root, head.root, hashes(said["consistency"])):
        raise Doubt("its log is not the continuation of the package's")
    if told.action != "exported" or told.detail.get("sha256") != stated:
        raise Doubt("the package is not the one that the log says was handed over")
    if told.seq <= log.head.size or told.at < log.head.at - CLOCKS:
        raise Doubt("it is older than what the package holds")


# --- originals, raw records, observations ------------------------------------------------------------------

ORIGINAL = re.compile(r"data/originals/([0-9a-f]{64})(\.[a-z0-9]{1,8})?")
READ = ("collected", "imported")


def check_originals(package: Package, log: Log, verdict: Verdict) -> dict[str, str]:
    """Each original is named by its hash, and was stored, says the log.  Returns sha256 -> name."""
    stored = {str(one.detail.get("sha256")): one for one in log.about("stored")}
    made = {}
    for name in package.below("data/originals/"):
        with verdict.doubting("originals", name):
            found = ORIGINAL.fullmatch(name)
            if not found or package.files[name].digests["sha256"] != found[1]:
                raise Doubt("its bytes are not those that it is named by")
            if found[1] not in stored or stored[found[1]].subject != "blob:" + found[1]:
                raise Doubt("the log does not say that it was stored")
            if stored[found[1]].detail.get("size") != package.files[name].size:
                raise Doubt("the log says that it was stored with another size")
            made[found[1]] = name
    for missing in sorted(set(stored) - set(made))[:MOST_SHOWN]:
        verdict.failed("originals", "the log speaks of it, and it is not in the package", missing)
    verdict.settle("originals", "{}, as the log says that they were stored".format(many(len(made), "original")))
    return made


def check_records(package: Package, log: Log, verdict: Verdict) -> None:
    """Each raw record is the one that the log says was received, and can be read."""
    told = {(one.detail.get("key"), one.detail.get("sha256")) for action in READ for one in log.about(action)}
    names = package.below("data/records/")
    for name in names:
        with verdict.doubting("records", name):
            key = name[len("data/records/") :]
            if (key, package.files[name].digests["sha256"]) not in told:
                raise Doubt("the log does not say that it was received")
            _require_readable(package, name, verdict)
    for key in sorted({str(key) for key, _ in told} - {name[len("data/records/") :] for name in names})[:MOST_SHOWN]:
        verdict.failed("records", "the log speaks of it, and it is not in the package", plain(key))
    verdict.settle("records", "{}, as the log says that they were received".format(many(len(names), "raw record")))


def _require_readable(package: Package, name: str, verdict: Verdict) -> None:
    if name.endswith(".tl"):
        _require_answers(package.folder / name)
    elif package.files[name].size > MOST_RECORD:
        verdict.open("records", "it was hashed and not parsed: it is too large", name)
    elif name.endswith(".json"):
        parse(package.text(name, MOST_RECORD), strict=False)


def _require_answers(path: Path) -> None:
    """Telegram's answers: a line of JSON that says how many bytes follow, these, and a line's end.  Raises Doubt."""
    with _opened_file(path) as file:
        while True:
            line = file.readline(MOST_SMALL)
            if not line:
                return
            size = parsed(line).get("bytes")
            if not isinstance(size, int) or not 0 <= size < 1 << 32:
                raise Doubt("a line of it does not say how many bytes follow")
            if file.tell() + size >= os.fstat(file.fileno()).st_size:
                raise Doubt("it ends in the middle of an answer")
            file.seek(size, os.SEEK_CUR)
            if file.read(1) != b"\n":
                raise Doubt("an answer in it is longer than its line says")


def check_observations(package: Package, log: Log, verdict: Verdict) -> set[int]:
    """Each observation has its raw record, and says what stands in there.  Returns the posts that were observed."""
    told = {(one.detail.get("key"), one.detail.get("sha256")): one for action in READ for one in log.about(action)}
    known, seen = set(), set()
    records: dict[str, set[str]] = {}
    with verdict.doubting("observations", "data/observations.jsonl"):
        posts = {one.get("id"): one for one in map(parsed, package.lines("data/posts.jsonl"))}
        for line in package.lines("data/observations.jsonl"):
            said = parsed(line)
            with verdict.doubting("observations", "observation {}".format(plain(said.get("id")))):
                if not isinstance(said.get("id"), int) or not isinstance(said.get("post"), int) or said["id"] in known:
                    raise Doubt("it has no number, or another one's")
                known.add(said["id"])
                seen.add(said["post"])
                one = _require_observed(package, said, told)
                _require_said(package, said, records)
                if "observation" in one.detail and "rows" in one.detail and said["post"] in posts:
                    _require_row(said, posts[said["post"]], str(one.detail["rows"]))
    for one in log.about("collected"):
        if "observation" in one.detail and one.detail["observation"] not in known:
            verdict.failed("observations", "the log speaks of it, and it is not in the package", _observation(one))
    verdict.settle("observations", "{}, as their raw records say".format(many(len(known), "observation")))
    return seen


def _observation(one: Event) -> str:
    return "observation {}".format(plain(one.detail.get("observation")))


def _require_observed(package: Package, said: Mapping[str, Any], told: Mapping[Any, Event]) -> Event:
    key, stated = said.get("raw_key"), said.get("raw_sha256")
    held = package.files.get(f"data/records/{key}")
    if held is None or held.digests["sha256"] != stated:
        raise Doubt("its raw record is not in the package")
    one = told.get((key, stated))
    if one is None:
        raise Doubt("the log does not say that its raw record was received")
    if "observation" in one.detail and (one.detail["observation"], one.subject) != (
        said["id"],
        "post:{}".format(said["post"]),
    ):
        raise Doubt("the log says that its raw record is another observation's")
    if moment(said.get("observed_at")) > one.at + CLOCKS:
        raise Doubt("it is dated after the log says that it was received")
    return one


OBSERVATIONS_DOMAIN = b"lastseen.observations.v1\n"
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _require_row(said: Mapping[str, Any], post: Mapping[str, Any], rows: str) -> None:
    """Every field of an observation that alone has an event is the one that the event's hash is over."""
    words = [post["platform_post_id"], *(said[name] for name in ("observed_at", "method", "seen", "content_hash"))]
    words += [said["title"], said["text"], canonical(said["facts"] or {}).decode()]
    words.append(canonical(said["audience"]).decode() if said["audience"] else None)
    fields = [str(post["source"]), *("\\N" if word is None else word.translate(ESCAPED) for word in words)]
    if sha256(OBSERVATIONS_DOMAIN, "\t".join(fields).encode(), b"\n").hex() != rows:
        raise Doubt("it is not what the log holds the hash of: a field of it, or its post, is another")


def _require_said(package: Package, said: Mapping[str, Any], records: dict[str, set[str]]) -> None:
    """Title and text stand in the raw record.  Raises Doubt."""
    name = "data/records/{}".format(said.get("raw_key"))
    for field in ("title", "text"):
        words = said.get(field)
        if not isinstance(words, str):
            raise Doubt(f"it has no {field}")
        if words and not _stands_in(package, name, words, records):
            raise Doubt(f"its {field} does not stand in its raw record")


ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+.-]*://")


def _stands_in(package: Package, name: str, words: str, records: dict[str, set[str]]) -> bool:
    """Whether a raw record holds this text; true where this program cannot tell."""
    if name.endswith(".tl"):
        with _opened_file(package.folder / name) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            parts = words.encode("utf-8", "replace").split("\N{REPLACEMENT CHARACTER}".encode())
            return all(view.find(one) >= 0 for one in parts)
    if "/export/" in name or package.files[name].size > MOST_RECORD or ADDRESS.match(words):
        return True  # an export spells a text in pieces; of an address the record lacks what is secret in it
    if name not in records:
        records.clear()  # one record in memory at a time
        records[name] = set(_strings(parse(package.text(name, MOST_RECORD), strict=False)))
    return words in records[name]


def _strings(value: object) -> Iterator[str]:
    """All strings in a JSON value, as lastseen keeps text."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def check_posts(package: Package, originals: Mapping[str, str], seen: set[int], verdict: Verdict) -> None:
    """Each post was observed, and its files are in the package; each original is a post's."""
    carried, known = set(), set()
    with verdict.doubting("posts", "data/posts.jsonl"):
        for line in package.lines("data/posts.jsonl"):
            said = parsed(line)
            if not isinstance(said.get("id"), int):
                raise Doubt("a post has no number")
            known.add(said["id"])
            for item in said.get("media") or ():
                stated = item.get("sha256") if isinstance(item, dict) else None
                if stated is not None and stated not in originals:
                    verdict.failed("posts", "its file is not in the package", "post {}".format(plain(said.get("id"))))
                carried.add(stated)
    for post in sorted(seen - known):
        verdict.failed("posts", "it was observed, and is not in the package", f"post {post}")
    for unseen in sorted(map(str, known - seen)):
        verdict.failed("posts", "there is no observation of it", f"post {plain(unseen)}")
    for idle in sorted(set(originals) - carried):
        verdict.failed("posts", "no post is said to have carried it", originals[idle])
    verdict.settle("posts", "{}, with what they carried".format(many(len(known), "post")))


def check_derived(package: Package, originals: Mapping[str, str], verdict: Verdict) -> None:
    """Each derived picture is one that the package tells of, and of an original in it."""
    told = set()
    with verdict.doubting("pictures", "data/derived.jsonl"):
        for line in package.lines("data/derived.jsonl"):
            said = parsed(line)
            name = "data/{}".format(said.get("file"))
            told.add(name)
            with verdict.doubting("pictures", plain(name)):
                if name not in package.files or package.files[name].digests["sha256"] != said.get("sha256"):
                    raise Doubt("it is missing, or another one")
                if said.get("blob") not in originals:
                    raise Doubt("what it was made of is not in the package")
    for odd in sorted(set(package.below("data/derived/")) - told):
        verdict.failed("pictures", "the package does not tell what it was made of", odd)
    verdict.settle("pictures", "{}, and what they were made of".format(many(len(told), "derived file")))


# --- what reviewers answered -------------------------------------------------------------------------------

SIGHTING, SIGHTED = "possible sighting", "sighting"
CLEAR_YES = 2
"""from this answer on, of a scale that ends at 3, somebody said yes"""
FOR_A_SIGHTING = 2
"""people who said yes"""
ANSWERED_WITHIN = timedelta(hours=1)
"""an answer is dated by the database's clock, its event by the log's, which never runs back"""
ERASED = "[erased by a lawful order]"
"""stands in a reason for what named somebody who was erased since"""


def check_judgements(package: Package, log: Log, verdict: Verdict) -> None:
    """Each answer is the one that the log holds, of the account that gave it; a sighting is what two people said."""
    given = {one.subject: one for one in log.about("judged")}
    undone = {one.subject for one in log.about("judgement undone")}
    lines: dict[object, list[dict[str, Any]]] = {}
    with verdict.doubting("judgements", "data/decisions.jsonl"):
        for line in package.lines("data/decisions.jsonl"):
            lines.setdefault(parsed(line).get("kind"), []).append(parsed(line))
    answers = {"judgement:{}".format(one.get("id")): one for one in lines.get("judgement", ())}
    for subject, said in answers.items():
        with verdict.doubting("judgements", plain(subject)):
            _require_given(said, given.get(subject), subject in undone, verdict)
    for missing in sorted(set(given) - set(answers))[:MOST_SHOWN]:
        verdict.failed("judgements", "the log speaks of it, and it is not in the package", plain(missing))
    _look_for_looks(log, verdict)
    newest = {str(one.get("candidate")): one for one in lines.get("verdict", ())}
    sighted = [str(one.get("id")) for one in lines.get("candidate", ()) if one.get("state") == SIGHTED]
    for candidate in sighted:
        with verdict.doubting("judgements", f"candidate {plain(candidate)}"):
            _require_two_people(newest.get(candidate), answers)
    said_so = f"; {many(len(sighted), SIGHTING)}, each what two people said" if sighted else ""
    verdict.settle("judgements", many(len(answers), "answer") + ", as the log says who gave them" + said_so)


def _require_given(said: Mapping[str, Any], one: Event | None, undone: bool, verdict: Verdict) -> None:
    if one is None:
        raise Doubt("the log does not say that it was given")
    if one.actor != said.get("reviewer"):
        raise Doubt(f"the log says that another account gave it: {plain(one.actor)}")
    for name in ("candidate", "stage", "answer"):
        if one.detail.get(name) != said.get(name):
            raise Doubt(f"the log says another {name}: {plain(one.detail.get(name))}")
    if (said.get("undone_at") is not None) != undone:
        raise Doubt("the log {} that it was undone".format("says" if undone else "does not say"))
    _require_words(said, one, verdict)
    if abs(moment(said.get("judged_at")) - one.at) > ANSWERED_WITHIN:
        verdict.open("judgements", f"the log dates it otherwise: {one.at:%Y-%m-%d %H:%M} UTC", one.subject)


def _require_words(said: Mapping[str, Any], one: Event, verdict: Verdict) -> None:
    rests = {name: said.get(name) for name in ("answer", "reason", "features", "shown")}
    if sha256(canonical(rests)).hex() == one.detail.get("content"):
        return
    if ERASED not in str(said.get("reason")):
        raise Doubt("what was said and shown is not what the log holds the hash of")
    told = "a name was erased from its reason: its words cannot be held against the log"
    verdict.open("judgements", told, one.subject)


def _look_for_looks(log: Log, verdict: Verdict) -> None:
    """Nobody had opened a candidate's record before their first answer on it: others' answers stand there."""
    looked: dict[tuple[str, str], int] = {}
    for one in reversed(log.about("viewed")):
        looked[one.actor, one.subject] = one.seq
    for one in log.about("judged"):
        first = looked.get((one.actor, "candidate:{}".format(one.detail.get("candidate"))), one.seq)
        if first < one.seq and "supersedes" not in one.detail:
            told = f"it is not shown to be independent: event {first} says that its account looked at the record before"
            verdict.open("judgements", told, one.subject)


def _require_two_people(newest: Mapping[str, Any] | None, answers: Mapping[str, Mapping[str, Any]]) -> None:
    if newest is None or newest.get("verdict") != SIGHTING:
        raise Doubt("it is called a possible sighting, and no verdict says so")
    said = [answers.get(f"judgement:{number}", {}) for number in newest["judgements"]]
    yes = {one["reviewer"] for one in said if isinstance(one.get("answer"), int) and one["answer"] >= CLEAR_YES}
    if len(yes) < FOR_A_SIGHTING:
        raise Doubt("it is called a possible sighting, and not two people said yes")


# --- manifests of the days, and their time stamps ----------------------------------------------------------


class Statement(NamedTuple):
    """What was time-stamped."""

    name: str
    data: bytes
    head: Checkpoint
    day: str
    manifest: dict[str, Any]


def statement(package: Package, name: str) -> Statement:
    """Raises Doubt."""
    data = package.content(name)
    if not data.startswith(STAMP_DOMAIN):
        raise Doubt("it is no statement for time stamps")
    said = parsed(data[len(STAMP_DOMAIN) :])
    if canonical(said) != data[len(STAMP_DOMAIN) :] or set(said) != {"checkpoint", "day", "manifest"}:
        raise Doubt("it is not written as it must be")
    if not isinstance(said["checkpoint"], str) or not isinstance(said["manifest"], dict):
        raise Doubt("it is not written as it must be")
    text = said["checkpoint"]
    return Statement(name, data, checkpoint(text), str(said["day"]), said["manifest"])


def check_stamps(package: Package, asked: Asked, log: Log, verdict: Verdict) -> None:
    """The statements, the manifests that they name, and the authorities' tokens on them."""
    names = package.below("data/custody/stamps/")
    stated = []
    for name in names:
        if name.endswith(".json"):
            with verdict.doubting("time stamps", name):
                stated.append(statement(package, name))
                _require_of_log(package, log, stated[-1])
    trusted = _roots(package, asked, verdict)
    stamped = sum(_check_tokens(package, asked, log, one, trusted, verdict) for one in stated)
    _check_stray(names, stated, verdict)
    if not names:
        verdict.open("time stamps", "there is none: nobody outside says when this log was as it is")
    elif not stamped:
        verdict.failed("time stamps", "there are statements, and no token on any of them holds")
    _check_manifests(package, log, stated, verdict)


def _require_of_log(package: Package, log: Log, one: Statement) -> None:
    if log.head is None:
        raise Doubt("there is no signed head to compare it with")
    require_signed(one.head, [*log.keys, *log.stated])
    require_earlier(package, log.head, one.head)
    log.earlier.setdefault(one.head.size, one.head)


def _check_stray(names: Sequence[str], stated: Sequence[Statement], verdict: Verdict) -> None:
    beginnings = tuple(one.name[: -len("json")] for one in stated)
    for name in names:
        if name.endswith(".ots"):
            verdict.open("time stamps", "an OpenTimestamps proof, which this program does not check", name)
        if not name.startswith(beginnings or ("?",)):
            verdict.failed("time stamps", "it is of no statement in the package", name)


class Roots(NamedTuple):
    """Whom the tokens are held against."""

    held: tuple[Certificate, ...]
    own: bool
    """the reader gave them"""


def _roots(package: Package, asked: Asked, verdict: Verdict) -> Roots:
    if asked.roots:
        return Roots(tuple(asked.roots), True)
    held: list[Certificate] = []
    for name in package.below("data/custody/authorities/"):
        with verdict.doubting("time stamps", name):
            held += pem_certificates(package.text(name))
    return Roots(tuple(held), False)


def _check_tokens(package: Package, asked: Asked, log: Log, one: Statement, roots: Roots, verdict: Verdict) -> int:
    """How many tokens on a statement hold."""
    count = 0
    for name in package.below(one.name[: -len("json")]):
        if not name.endswith(".tsr"):
            continue
        with verdict.doubting("time stamps", name):
            stamp = token(package.content(name))
            if stamp.imprint != hashlib.new(stamp.digest, one.data).digest():
                raise Doubt("it stamps something else than its statement")
            said = _said_of(stamp, one, roots, verdict, name)
            _require_order(log, one, stamp)
            count += 1
            if roots.own and said:
                verdict.ok("time stamps", said)
            elif said:
                verdict.open("time stamps", said + "; the root is only the package's own word: give --root", name)
    if roots.own and count and not any(f.check == "time stamps" and f.state == "ok" for f in verdict.findings):
        verdict.failed("time stamps", "none of its tokens is vouched for by a root that you gave", one.name)
    return count


def _said_of(stamp: Token, one: Statement, roots: Roots, verdict: Verdict, name: str) -> str:
    """What a token says; empty: its root is not among the reader's, which is said.  Raises Doubt."""
    try:
        root = require_chain(stamp.signer, stamp.others, roots.held, stamp.at)
    except Doubt as doubt:
        if not roots.own or "not vouched for" not in str(doubt):
            raise
        verdict.open("time stamps", f"{doubt}, of those that you gave", name)
        return ""
    return "{} (root {}) says that the log had {} at {:%Y-%m-%d %H:%M:%S} UTC".format(
        stamp.signer.named(), root, many(one.head.size, "event"), stamp.at
    )


def _require_order(log: Log, one: Statement, stamp: Token) -> None:
    if stamp.at < one.head.at - CLOCKS:
        raise Doubt("the head says that it was signed after it was stamped")
    for event_ in log.events.values():
        if event_.seq <= one.head.size and event_.at > stamp.at + CLOCKS:
            raise Doubt(f"event {event_.seq} is dated after the stamp on a log that holds it")


def _check_manifests(package: Package, log: Log, stated: Sequence[Statement], verdict: Verdict) -> None:
    names = package.below("data/custody/manifests/")
    by_hash = {package.files[name].digests["sha256"]: name for name in names}
    told = {str(one.detail.get("sha256")) for one in log.about("manifested")}
    for one in stated:
        with verdict.doubting("manifests", one.name):
            if one.manifest.get("sha256") not in by_hash:
                raise Doubt("the manifest that it names is not in the package")
    stamped = {one.manifest.get("sha256") for one in stated}
    for digest, name in sorted(by_hash.items()):
        with verdict.doubting("manifests", name):
            if digest not in told:
                raise Doubt("the log does not say that it was made")
            _require_manifest(package, log, name)
            if digest not in stamped:
                verdict.open("manifests", "no statement for time stamps names it", name)
    if names:
        verdict.settle("manifests", "{}, as the log and the originals say".format(many(len(names), "day's manifest")))
    else:
        verdict.open("manifests", "there is none: no day of these events was closed yet")


def _require_manifest(package: Package, log: Log, name: str) -> None:
    """Its lines are as many as it says, and agree with the events in the package; none of these is left out."""
    lines = package.lines(name)
    first = parsed(next(lines, b""))
    if first.get("format") != "lastseen.manifest.1" or not isinstance(first.get("day"), str):
        raise Doubt("it is of a format that this program does not know")
    count, told = 0, set()
    for line in lines:
        said, count = parsed(line), count + 1
        one = log.events.get(said["seq"]) if isinstance(said.get("seq"), int) else None
        if one is not None:
            told.add(one.seq)
            if [one.action, one.detail.get("key"), one.detail.get("sha256")] != [
                said.get(field) for field in ("action", "key", "sha256")
            ]:
                raise Doubt(f"its line about event {one.seq} is not what the log says")
    if count != first.get("objects"):
        raise Doubt("it says {} objects, and has {}".format(plain(first.get("objects")), many(count, "line")))
    for one in [*log.about("stored"), *log.about("collected")]:
        first_seq, last_seq = first.get("first_seq"), first.get("last_seq")
        of_day = f"{one.at:%Y-%m-%d}" == first["day"]
        inside = isinstance(first_seq, int) and isinstance(last_seq, int) and first_seq <= one.seq <= last_seq
        if of_day and inside and one.seq not in told:
            raise Doubt(f"it leaves out event {one.seq} of its day")


# --- the command -------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """What the reader brought."""

    keys: Sequence[Key] = ()
    witnesses: Sequence[Key] = ()
    known: Sequence[Checkpoint] = ()
    roots: Sequence[Certificate] = ()
    package: str = ""
    """sha256 of the package's tagmanifest, as the office said it"""


def verify(folder: Path, asked: Asked | None = None) -> Verdict:
    """Check a package.  Never raises for anything that is in it."""
    asked = asked or Asked()
    verdict, package, log = Verdict(), Package(folder), Log()
    package.read(verdict)
    check_bag(package, verdict)
    with verdict.doubting("checkpoint"):
        check_heads(package, asked, log, verdict)
    check_stamps_and_log(package, asked, log, verdict)
    with verdict.doubting("originals"):
        originals = check_originals(package, log, verdict)
        check_derived(package, originals, verdict)
        with verdict.doubting("observations"):
            seen = check_observations(package, log, verdict)
            check_posts(package, originals, seen, verdict)
    with verdict.doubting("records"):
        check_records(package, log, verdict)
    with verdict.doubting("judgements"):
        check_judgements(package, log, verdict)
    with verdict.doubting("receipt"):
        check_receipt(package, asked, log, verdict)
    return verdict


def check_stamps_and_log(package: Package, asked: Asked, log: Log, verdict: Verdict) -> None:
    """Events first, since stamps and manifests are held against them; the order of both once all heads are known."""
    with verdict.doubting("events"):
        check_events(package, log, verdict)
    with verdict.doubting("time stamps"):
        check_stamps(package, asked, log, verdict)
    _check_order(log, verdict)
    verdict.settle("events", f"{many(len(log.events), 'event')}, each as it was hashed and in the signed log")


TITLES = {
    "files": "Files",
    "key": "Signing key",
    "checkpoint": "Signed head",
    "witnesses": "Witnesses",
    "earlier checkpoint": "Continuity",
    "events": "Custody events",
    "time stamps": "Time stamps",
    "manifests": "Daily manifests",
    "originals": "Originals",
    "records": "Raw records",
    "observations": "Observations",
    "posts": "Posts",
    "pictures": "Derived pictures",
    "judgements": "Judgements",
    "receipt": "Receipt",
}
MARKS = {"ok": "  ok    ", "open": "  open  ", "failed": "  FAILED"}


def told(verdict: Verdict) -> Iterator[str]:
    """The findings for people, those of one check together."""
    for check, title in TITLES.items():
        found = [one for one in verdict.findings if one.check == check]
        for one in found[:MOST_SHOWN]:
            where = f"{plain(one.where)}: " if one.where else ""
            yield f"{MARKS[one.state]}  {title:<17} {where}{plain(one.said)}"
        if len(found) > MOST_SHOWN:
            yield f"          {title:<17} and {len(found) - MOST_SHOWN} more"
    yield ""
    failed = sum(one.state == "failed" for one in verdict.findings)
    left = sum(one.state == "open" for one in verdict.findings)
    if failed:
        yield f"This package does NOT stand: {failed} of what was checked failed."
    else:
        yield "Everything that was checked stands" + (
            ", and {} could not be proven by the package alone (open).".format(many(left, "thing")) if left else "."
        )
        yield _shows(verdict)


VOUCHING = ("key", "witnesses", "earlier checkpoint", "time stamps")
"""checks that are `ok` only by what the reader brought"""


def _shows(verdict: Verdict) -> str:
    """What follows from a package that stands: with nothing from elsewhere, only that it agrees with itself."""
    if verdict.was_told or any(one.state == "ok" and one.check in VOUCHING for one in verdict.findings):
        return "This shows that nothing was changed since; not that a video is genuine, nor who is in it."
    return (
        "This shows that the package agrees with itself, and no more: whoever made all of it anew has one that stands,"
        " too. Give --key or --package-sha256, which you got from the office another way."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    folder = Path(given.package) if given.package else _own_package()
    try:
        asked = _asked(given)
    except (Doubt, OSError, UnicodeDecodeError) as fault:
        parser.error(plain(fault))
    if not (folder / "bagit.txt").is_file():
        parser.error(f"{plain(folder)} is no package: it holds no bagit.txt")
    verdict = verify(folder, asked)
    if given.json:
        found = [one._asdict() for one in verdict.findings]
        lines = [json.dumps({"ok": verdict.stands, "findings": found})]
    else:
        lines = list(told(verdict))
    for line in lines:
        sys.stdout.write(line.encode(sys.stdout.encoding or "ascii", "replace").decode(sys.stdout.encoding) + "\n")
    return 0 if verdict.stands else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check a package of evidence that lastseen has made.")
    parser.add_argument("package", nargs="?", help="its folder; left out: the one that this file lies in")
    parser.add_argument("--key", action="append", default=[], help="the office's key, as you got it another way")
    parser.add_argument("--witness", action="append", default=[], help="a witness's key, as you got it another way")
    parser.add_argument("--known", action="append", default=[], metavar="FILE", help="a checkpoint that you had before")
    parser.add_argument("--root", action="append", default=[], metavar="FILE", help="roots that you trust (PEM)")
    parser.add_argument("--package-sha256", default="", metavar="HEX", help="the package's sha256, as you were told it")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    return parser


def _asked(given: argparse.Namespace) -> Asked:
    """Raises Doubt and OSError."""
    if given.package_sha256:
        unhex(given.package_sha256)
    return Asked(
        [vkey(text) for text in given.key],
        [vkey(text) for text in given.witness],
        [checkpoint(Path(name).read_text("utf-8")) for name in given.known],
        [one for name in given.root for one in pem_certificates(Path(name).read_text("utf-8"))],
        given.package_sha256,
    )


def _own_package() -> Path:
    here = Path(__file__).resolve().parent
    return here.parent if here.name == "data" else here


if __name__ == "__main__":
    sys.exit(main())
