"""Time stamps by RFC 3161: asked for, and verified.  The only module that imports `rfc3161_client`.

What the library does: it checks the status (only `granted` passes), the token's signature, the chain of certificates
up to the roots given, as it stood at the token's own time, the signer's extended key usage (critical, time stamping),
the nonce where one is given, and that the imprint is the one expected.  What is added here: the hash named in the
imprint must be SHA-256, the signed attributes must name one of the token's certificates by its hash (RFC 5816, which
keeps another certificate of the same key from taking its place), and the token's time must be near our clock when it
is fresh.  Revocation is not checked: an authority whose key was lost has to be left by hand.

The library reads DER only, where the certificates of a token stand in order of their bytes.  Authorities put them in
any order (`openssl ts` does); no signature covers that order, so a copy is put in order before it is read.  What is
kept is the answer as it came.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import rfc3161_client
from cryptography import x509
from rfc3161_client import HashAlgorithm, PKIStatus, TimestampRequestBuilder, VerifierBuilder
from rfc3161_client.errors import VerificationError

from extractors import asking
from extractors.asking import Ask

SHA256 = "2.16.840.1.101.3.4.2.1"
QUERY = "application/timestamp-query"
REPLY = "application/timestamp-reply"
LARGEST_ROOTS = 1 << 20
"""bytes of a file of certificates"""


class WrongAnswer(Exception):
    """It is no time stamp of what was asked for, by whom it was asked of."""


class Rejected(WrongAnswer):
    """The authority says that it gives none."""


class NoRoots(Exception):
    """The certificates of an authority cannot be read: the message says what to do."""


@dataclass(frozen=True, slots=True)
class Query:
    """A request, and what its answer must bring back."""

    body: bytes
    """DER"""
    nonce: int


@dataclass(frozen=True, slots=True)
class Token:
    """What a verified answer states."""

    gen_time: datetime
    serial: int
    policy: str
    """OID"""


def query(statement: bytes) -> Query:
    """A request for a stamp of the sha256 of `statement`, with a fresh nonce; the certificates are asked for, too."""
    builder = TimestampRequestBuilder().data(statement).hash_algorithm(HashAlgorithm.SHA256)
    made = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    if made.nonce is None:
        raise RuntimeError("rfc3161-client made a request without the nonce it was asked for")
    return Query(made.as_bytes(), made.nonce)


def ask(url: str, query: Query, seconds: float) -> bytes:
    """What the authority answers, not yet verified.  Raises what `asking.ask` raises."""
    return asking.ask(Ask(url, query.body, QUERY, REPLY), seconds)


def roots(path: Path) -> bytes:
    """The root certificates of an authority, as PEM.  Raises NoRoots."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_ROOTS + 1)
    except OSError as fault:
        said = f"{path} cannot be read: {fault.strerror}: put the authority's root certificate there, or name its file"
        raise NoRoots(f"{said} in LASTSEEN_TIME_STAMP_AUTHORITIES") from fault
    if len(content) > LARGEST_ROOTS:
        raise NoRoots(f"{path} is too large for a few certificates")
    _certificates(content, str(path))
    return content


def _certificates(pem: bytes, where: str) -> Sequence[x509.Certificate]:
    """Raises NoRoots."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as fault:
        raise NoRoots(f"{where} holds no certificates in PEM: give the authority's root certificate there") from fault


def verify(answer: bytes, statement: bytes, roots: bytes, nonce: int | None = None) -> Token:
    """What a TimeStampResp states of `statement`, if it stands: needs no network, and no clock.

    `roots` are PEM; `nonce` is the request's, where it is known.  Raises WrongAnswer, NoRoots.
    """
    verifier = VerifierBuilder(roots=list(dict.fromkeys(_certificates(roots, "the authority's file"))), nonce=nonce)
    try:
        response = rfc3161_client.decode_timestamp_response(_in_order(answer))
        _check_status(response.status, response.status_string)
        imprint = response.tst_info.message_imprint
        if imprint.hash_algorithm.dotted_string != SHA256:
            raise WrongAnswer("its imprint is not a SHA-256")
        verifier.build().verify(response, hashlib.sha256(statement).digest())
        _check_named(answer)
        info = response.tst_info
        return Token(info.gen_time.astimezone(UTC), info.serial_number, info.policy.dotted_string)
    except VerificationError as fault:
        raise WrongAnswer(f"it does not verify: {_plain(str(fault))}") from fault
    except (ValueError, TypeError, OverflowError) as fault:
        raise WrongAnswer(f"it is no answer in the form of RFC 3161: {fault}") from fault


def check_time(token: Token, now: datetime, tolerance: timedelta) -> None:
    """A fresh token's time must be near our own.  Raises WrongAnswer."""
    if abs(token.gen_time - now) > tolerance:
        raise WrongAnswer(
            f"its time {token.gen_time:%Y-%m-%dT%H:%M:%SZ} is further from this machine's clock"
            f" ({now:%Y-%m-%dT%H:%M:%SZ}) than {tolerance.total_seconds():.0f} seconds: one of the two is wrong"
        )


def _plain(said: str) -> str:
    """OpenSSL's own words out of the stack of its errors."""
    found = re.search(r'Verify error: ([^"]+)"', said) or re.search(r'reason: "([^"]+)"', said)
    return f"its certificates or its signature: {found[1]}" if found else said


def _check_status(status: int, said: Sequence[str]) -> None:
    """Raises Rejected, and Unanswered where the authority asks us to come back."""
    if status == PKIStatus.GRANTED:
        return
    told = f": {' '.join(said)[:200]}" if said else ""
    name = PKIStatus(status).name.lower() if status in set(PKIStatus) else str(status)
    if status == PKIStatus.WAITING:
        raise asking.Unanswered(f"it says `{name}`{told}")
    raise Rejected(f"it says `{name}`{told}")


# --- DER ---------------------------------------------------------------------------------------------------

CERTIFICATES = 0xA0
"""tag [0] of a SignedData"""
ATTRIBUTES = 0xA0
"""tag [0] of a SignerInfo: what is signed beside the content"""
SIGNING_CERTIFICATE = bytes.fromhex("060b2a864886f70d010910020c")
"""OID 1.2.840.113549.1.9.16.2.12: the signer's certificate by its SHA-1 (RFC 2634)"""
SIGNING_CERTIFICATE_V2 = bytes.fromhex("060b2a864886f70d010910022f")
"""OID 1.2.840.113549.1.9.16.2.47: by another hash, SHA-256 unless it says otherwise (RFC 5035)"""
HASHES = {
    SIGNING_CERTIFICATE: ("sha1",),
    SIGNING_CERTIFICATE_V2: ("sha256", "sha384", "sha512"),
}


@dataclass(frozen=True, slots=True)
class _Part:
    """One value of DER: where it begins, where its content does, and where it ends."""

    start: int
    content: int
    end: int


def _in_order(answer: bytes) -> bytes:
    """The answer with its token's certificates in order of their bytes, as DER has them.

    TimeStampResp { status, ContentInfo { type, [0] { SignedData { ..., [0] certificates, ... } } } }
    Raises ValueError.
    """
    for part in _signed(answer):
        if answer[part.start] == CERTIFICATES:
            held = sorted(answer[one.start : one.end] for one in _parts(answer, part))
            return answer[: part.content] + b"".join(held) + answer[part.end :]
    return answer


def _check_named(answer: bytes) -> None:
    """The signer has signed which certificate is its own.  Raises WrongAnswer, and ValueError for what is no answer."""
    signed = _signed(answer)
    held = [one for part in signed if answer[part.start] == CERTIFICATES for one in _parts(answer, part)]
    certificates = [answer[one.start : one.end] for one in held]
    for part in _parts(answer, _inside(answer, signed[-1], 0)):
        if answer[part.start] == ATTRIBUTES and any(_names(answer, one, certificates) for one in _parts(answer, part)):
            return
    raise WrongAnswer("its signature does not say by which certificate it was made")


def _names(answer: bytes, attribute: _Part, certificates: Sequence[bytes]) -> bool:
    """Whether it is the attribute that names a certificate, and names one of these."""
    kind, value = _inside(answer, attribute, 0), _inside(answer, attribute, 1)
    hashes = HASHES.get(answer[kind.start : kind.end], ())
    said = answer[value.content : value.end]
    return any(hashlib.new(name, one).digest() in said for name in hashes for one in certificates)


def _signed(answer: bytes) -> list[_Part]:
    """The parts of the answer's SignedData; none: it is a rejection, which has no token.  Raises ValueError."""
    response = _parts(answer, _inside(answer, _Part(0, 0, len(answer)), 0))
    return _parts(answer, _inside(answer, _inside(answer, response[1], 1), 0)) if len(response) > 1 else []


def _inside(der: bytes, whole: _Part, number: int) -> _Part:
    """One of the values inside a value.  Raises ValueError."""
    parts = _parts(der, whole)
    if number >= len(parts):
        raise ValueError("a part is missing")
    return parts[number]


def _parts(der: bytes, whole: _Part) -> list[_Part]:
    """The values inside a value.  Raises ValueError."""
    parts, at = [], whole.content
    while at < whole.end:
        part = _part(der, at)
        if part.end > whole.end:
            raise ValueError("a part is longer than the whole")
        parts.append(part)
        at = part.end
    return parts


def _part(der: bytes, at: int) -> _Part:
    """Raises ValueError."""
    first = der[at + 1] if at + 1 < len(der) else 0x80
    more = first & 0x7F if first & 0x80 else 0
    if first == 0x80 or more > 4:
        raise ValueError("a length is not as in DER")
    content = at + 2 + more
    length = int.from_bytes(der[at + 2 : content]) if more else first
    return _Part(at, content, content + length)
