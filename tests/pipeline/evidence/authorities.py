"""Authorities of many kinds for the verifier: certificates by `cryptography`, tokens by the real `openssl ts`."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipeline.evidence import verify
from tests.servers.time_stamp_authority import Fault, TimeStampAuthority

OPENSSL = shutil.which("openssl") or "openssl"
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
YEAR = timedelta(days=365)
KINDS = ("rsa", "rsa-sha512", "pss", "p256", "p384", "p521")
CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = signer.pem
certs = signer.pem
signer_key = signer.key
signer_digest = {digest}
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = {ess}
"""

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def stamped(authority: TimeStampAuthority, statement: bytes, fault: Fault | None = None) -> bytes:
    """An authority's answer on a statement."""
    return authority.reply(query(authority.folder, statement), fault)


def query(folder: Path, statement: bytes) -> bytes:
    """A TimeStampReq that asks for the certificates, too."""
    digest = hashlib.sha256(statement).hexdigest()
    return openssl(folder, "ts", "-query", "-digest", digest, "-sha256", "-cert")


def openssl(folder: Path, *arguments: str) -> bytes:
    """What `openssl` prints."""
    return subprocess.run([OPENSSL, *arguments], cwd=folder, capture_output=True, check=True).stdout


def algorithm(oid: str) -> verify.Der:
    """An AlgorithmIdentifier without parameters."""
    return verify.whole(_sequence(_oid(oid)))


def pss(digest: str, salt: int) -> verify.Der:
    """That of RSA-PSS."""
    named = _sequence(_oid(next(oid for oid, name in verify.DIGESTS.items() if name == digest)))
    mask = _sequence(_oid(verify.MGF1) + named)
    fields = _tagged(0xA0, named) + _tagged(0xA1, mask) + _tagged(0xA2, bytes([0x02, 1, salt]))
    return verify.whole(_sequence(_oid(verify.RSA_PSS) + _sequence(fields)))


class Small:
    """A root and a signer of one kind of key."""

    def __init__(self, folder: Path, kind: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.kind = folder, kind
        self.root = folder / "root.pem"
        above, key = _private(kind), _private(kind)
        name = f"root {kind}"
        root = certificate(name, name, above.public_key(), above, authority=True, pss=kind == "pss")
        signer = certificate(f"signer {kind}", name, key.public_key(), above, stamper=True, pss=kind == "pss")
        self.root.write_bytes(root.public_bytes(Encoding.PEM))
        (folder / "signer.pem").write_bytes(signer.public_bytes(Encoding.PEM))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "signer.key").write_bytes(pem)
        (folder / "serial").write_text("01")
        digest = "sha512" if kind == "rsa-sha512" else "sha256"
        ess = "sha1" if kind == "rsa" else "sha256"
        (folder / "tsa.conf").write_text(CONFIG.format(digest=digest, ess=ess))

    def token(self, statement: bytes) -> bytes:
        """An answer on a statement."""
        (self.folder / "query.tsq").write_bytes(query(self.folder, statement))
        return openssl(
            self.folder, "ts", "-reply", "-config", "tsa.conf", "-section", "here", "-queryfile", "query.tsq"
        )


def certificate(
    name: str,
    issuer: str,
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    signing: Private,
    *,
    authority: bool = False,
    stamper: bool = False,
    pss: bool = False,
) -> x509.Certificate:
    """One that is valid now."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        _name(issuer), _name(name), public, x509.random_serial_number(), now - YEAR, now + YEAR
    ).add_extension(x509.BasicConstraints(authority, None), critical=True)
    if stamper:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    if pss and isinstance(signing, rsa.RSAPrivateKey):
        return builder.sign(
            signing, hashes.SHA384(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA384()), padding.PSS.DIGEST_LENGTH)
        )
    return builder.sign(signing, hashes.SHA256())


def ring() -> Sequence[x509.Certificate]:
    """Two that vouch for each other."""
    one, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    return (
        certificate("one", "other", one.public_key(), other, authority=True),
        certificate("other", "one", other.public_key(), one, authority=True),
    )


def lonely() -> x509.Certificate:
    """A root of nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    return certificate("stranger", "stranger", key.public_key(), key, authority=True)


def issued_by_a_leaf() -> Sequence[x509.Certificate]:
    """A root, one that may not issue, and one that it issued all the same."""
    root, leaf, below = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    return (
        certificate("root", "root", root.public_key(), root, authority=True),
        certificate("leaf", "root", leaf.public_key(), root),
        certificate("below", "leaf", below.public_key(), leaf, stamper=True),
    )


def _private(kind: str) -> Private:
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind]) if kind in curves else rsa.generate_private_key(65537, 2048)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _oid(oid: str) -> bytes:
    numbers = [int(number) for number in oid.split(".")]
    body = b""
    for number in [40 * numbers[0] + numbers[1], *numbers[2:]]:
        groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)][::-1]
        body += bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])
    return _tagged(0x06, body)


def _sequence(body: bytes) -> bytes:
    return _tagged(0x30, body)


def _tagged(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body
