"""A time-stamp authority on loopback, for tests and trials by hand: the real `openssl ts` behind HTTP.

`python -m tests.servers.time_stamp_authority FOLDER [--port N] [--fault NAME]` makes its certificates in a folder,
serves, and says how to configure it.

In tests: `with TimeStampAuthority(tmp_path) as authority: authority.url; authority.roots`.  `authority.fault` scripts
what is wrong with the next answers, `authority.at` the moment that they state.
"""

import argparse
import shutil
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.servers.serving import LoopbackServer, Said

OPENSSL = shutil.which("openssl") or "openssl"
REPLY = "application/timestamp-reply"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
"""content type of what an authority signs"""
GENERALIZED_TIME = b"\x18\x0f"
"""tag and length of `20261122120000Z`"""
SECOND = timedelta(seconds=1)
YEAR = timedelta(days=365)

CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/{name}.pem
certs = {folder}/chain.pem
signer_key = {folder}/{name}.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Fault(StrEnum):
    """What may be wrong with an answer."""

    IMPRINT = "imprint"
    """it is a stamp of something else"""
    NONCE = "nonce"
    """it answers another request"""
    NO_NONCE = "no nonce"
    OTHER_CA = "other ca"
    """names and everything else fit, but another root has signed"""
    EXPIRED = "expired"
    """the certificate's time was over when it stamped"""
    NOT_YET = "not yet"
    """the certificate's time had not begun"""
    NO_USAGE = "no usage"
    """the certificate does not say that it is for time stamping"""
    UNNAMED = "unnamed"
    """what is signed does not say by which certificate"""
    DAMAGED = "damaged"
    """one bit of the signature"""
    REJECTION = "rejection"
    GARBAGE = "garbage"
    CUT_SHORT = "cut short"
    EMPTY = "empty"
    HUGE = "huge"
    SLOW = "slow"
    AWAY = "away"
    HTTP_500 = "http 500"
    HTTP_429 = "http 429"
    HTTP_403 = "http 403"
    REDIRECT = "redirect"


SIGNERS = {
    Fault.OTHER_CA: "other",
    Fault.EXPIRED: "expired",
    Fault.NOT_YET: "not-yet",
    Fault.NO_USAGE: "no-usage",
}
SLOW_SECONDS = 20


@dataclass(frozen=True, slots=True)
class _Signer:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class TimeStampAuthority(LoopbackServer):
    """Root, intermediate and signer of its own; one answer at a time, since `openssl ts` counts in a file."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """`folder` gets certificates, keys and the serial number."""
        super().__init__(port)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.fault: Fault | None = None
        self.at: datetime | None = None
        """what its clock says; None: the truth"""
        self.asked = 0
        """requests until now"""
        self._lock = threading.Lock()
        _make_certificates(folder)

    @property
    def roots(self) -> Path:
        """What an office configures."""
        return self.folder / "root.pem"

    def answer(self, method: str, path: str, body: bytes) -> Said:
        """One reply, with whatever is wrong with it."""
        self.asked += 1
        if (said := self._unasked()) is not None:
            return said
        with self._lock:
            return Said(self.reply(body, self.fault), media_type=REPLY)

    def _unasked(self) -> Said | None:
        """An answer that has nothing to do with what was asked."""
        if self.fault is Fault.SLOW:
            self.ending.wait(SLOW_SECONDS)
        return {
            Fault.AWAY: Said(cut=True),
            Fault.SLOW: Said(cut=True),
            Fault.HTTP_500: Said(b"no", 500, "text/plain"),
            Fault.HTTP_403: Said(b"no", 403, "text/plain"),
            Fault.HTTP_429: Said(b"later", 429, "text/plain", {"Retry-After": "120"}),
            Fault.REDIRECT: Said(status=302, headers={"Location": f"{self.url}/elsewhere"}),
            Fault.GARBAGE: Said(b"<html>sign in to the hotel's network</html>", media_type=REPLY),
            Fault.EMPTY: Said(media_type=REPLY),
            Fault.HUGE: Said(bytes(1 << 20), media_type=REPLY),
        }.get(self.fault or Fault.IMPRINT)

    def reply(self, query: bytes, fault: Fault | None = None) -> bytes:
        """The TimeStampResp to a TimeStampReq."""
        (self.folder / "query.tsq").write_bytes(self._other_query(query, fault))
        name = SIGNERS.get(fault or Fault.IMPRINT, "signer")
        answer = self._reply("signer" if fault is Fault.NO_USAGE else name)
        if fault in (Fault.NO_USAGE, Fault.UNNAMED) or self.at is not None:
            return self._signed_anew(answer, name, self.at, named=fault is not Fault.UNNAMED)
        if fault is Fault.DAMAGED:
            return answer[:-1] + bytes([answer[-1] ^ 1])
        return answer[: len(answer) // 2] if fault is Fault.CUT_SHORT else answer

    def _other_query(self, query: bytes, fault: Fault | None) -> bytes:
        """What `openssl ts` is made to answer."""
        if fault is Fault.IMPRINT:
            return query.replace(_digest(query), bytes(32))
        same = ("-digest", _digest(query).hex(), "-sha256")
        changed = {
            Fault.NONCE: same,
            Fault.NO_NONCE: (*same, "-no_nonce"),
            Fault.REJECTION: ("-digest", "ab" * 64, "-sha512"),
        }
        return self._openssl("ts", "-query", "-cert", *changed[fault]) if fault in changed else query

    def _reply(self, name: str) -> bytes:
        (self.folder / "tsa.conf").write_text(CONFIG.format(folder=self.folder, name=name))
        return self._openssl("ts", "-reply", "-config", "tsa.conf", "-section", "here", "-queryfile", "query.tsq")

    def _signed_anew(self, answer: bytes, name: str, at: datetime | None, *, named: bool) -> bytes:
        """The same statement, at another moment or by a signer that `openssl ts` would not sign with."""
        (self.folder / "answer.tsr").write_bytes(answer)
        token = self._openssl("ts", "-reply", "-in", "answer.tsr", "-token_out", "-config", "tsa.conf")
        (self.folder / "token.p7").write_bytes(token)
        said = self._openssl("cms", "-verify", "-noverify", "-inform", "DER", "-in", "token.p7")
        if at is not None:
            start = said.index(GENERALIZED_TIME, said.index(_digest(said))) + 2
            said = said[:start] + at.strftime("%Y%m%d%H%M%SZ").encode() + said[start + 15 :]
        (self.folder / "said.der").write_bytes(said)
        signed = self._openssl(
            *(
                "cms",
                "-sign",
                *(["-cades"] if named else []),
                "-binary",
                "-nodetach",
                "-econtent_type",
                TST_INFO,
                "-in",
                "said.der",
                "-md",
                "sha256",
            ),
            *("-signer", f"{name}.pem", "-inkey", f"{name}.key", "-certfile", "chain.pem", "-outform", "DER"),
        )
        return _sequence(_sequence(b"\x02\x01\x00") + signed)

    def _openssl(self, *arguments: str) -> bytes:
        done = subprocess.run([OPENSSL, *arguments], cwd=self.folder, capture_output=True, timeout=30, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode()}")
        return done.stdout


def _digest(der: bytes) -> bytes:
    """The sha256 of a MessageImprint: an OCTET STRING of 32 bytes."""
    start = der.index(b"\x04\x20") + 2
    return der[start : start + 32]


def _sequence(content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([0x30, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x30, 0x80 | len(length)]) + length + content


# --- certificates ------------------------------------------------------------------------------------------


def _make_certificates(folder: Path) -> None:
    if (folder / "serial").exists():
        return
    now = datetime.now(UTC).replace(microsecond=0)
    whole = (now - 10 * YEAR, now + 10 * YEAR)
    root = _certificate("lastseen test root", None, whole, authority=True)
    between = _certificate("lastseen test intermediate", root, whole, authority=True)
    other = _certificate("lastseen test root", None, whole, authority=True)
    (folder / "root.pem").write_bytes(_pem(root))
    (folder / "chain.pem").write_bytes(_pem(between))
    signers = {
        "signer": _certificate("lastseen test authority", between, whole),
        "other": _certificate("lastseen test authority", other, whole),
        "expired": _certificate("lastseen test authority", between, (whole[0], now - YEAR)),
        "not-yet": _certificate("lastseen test authority", between, (now + YEAR, whole[1])),
        "no-usage": _certificate("lastseen test authority", between, whole, usage=None),
    }
    for name, signer in signers.items():
        (folder / f"{name}.pem").write_bytes(_pem(signer))
        (folder / f"{name}.key").write_bytes(
            signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
    (folder / "serial").write_text("01")


def _certificate(
    name: str,
    issuer: _Signer | None,
    valid: tuple[datetime, datetime],
    *,
    authority: bool = False,
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.TIME_STAMPING,
) -> _Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by = issuer.certificate.subject if issuer else subject
    builder = x509.CertificateBuilder(by, subject, key.public_key(), x509.random_serial_number(), *valid)
    builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(own, critical=False)
    builder = builder.add_extension(
        x509.KeyUsage(not authority, not authority, False, False, False, authority, authority, False, False),
        critical=True,
    )
    signing = issuer.key if issuer else key
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    builder = builder.add_extension(above, critical=False)
    if not authority and usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return _Signer(builder.sign(signing, hashes.SHA256()), key)


def _pem(signer: _Signer) -> bytes:
    return signer.certificate.public_bytes(Encoding.PEM)


def main() -> None:
    """Serve by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.time_stamp_authority", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0, help="to listen on; a free one unless said")
    parser.add_argument("--fault", type=Fault, choices=list(Fault), help="what is wrong with every answer")
    wanted = parser.parse_args()
    with TimeStampAuthority(wanted.folder.resolve(), wanted.port) as authority, suppress(KeyboardInterrupt):
        authority.fault = wanted.fault
        print(f"LASTSEEN_TIME_STAMP_AUTHORITIES='test {authority.url} {authority.roots}'", flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
