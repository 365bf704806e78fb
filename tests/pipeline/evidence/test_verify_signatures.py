"""The verifier's own cryptography, held against published vectors, the `cryptography` library and `openssl ts`."""

import ast
import hashlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipeline.evidence import verify
from pipeline.evidence.verify import Doubt
from storage import merkle, notes
from tests.pipeline.evidence import authorities
from tests.servers.time_stamp_authority import Fault, TimeStampAuthority

RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465"
        "5141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb0"
        "0d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc0"
        "27beceea1ec40a",
    ),
]
"""section 7.1: public key, message, signature"""
ORDER = 2**252 + 27742317777372353535851937790883648493
STATEMENT = b'lastseen.stamp.v1\n{"some":"statement"}'


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_ed25519_by_the_vectors_of_rfc_8032(public: str, message: str, signature: str) -> None:
    key, said, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert verify.ed25519_verifies(key, said, signed)
    assert not verify.ed25519_verifies(key, said + b"\0", signed)
    for place in range(0, 64, 9):
        assert not verify.ed25519_verifies(key, said, bytes(b ^ (at == place) for at, b in enumerate(signed)))


def test_ed25519_as_the_library_has_it() -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    for size in (0, 1, 31, 64, 1000):
        message = secrets.token_bytes(size)
        assert verify.ed25519_verifies(public, message, private.sign(message))


def test_ed25519_takes_no_second_spelling_of_a_signature() -> None:
    public, message, signature = (bytes.fromhex(part) for part in RFC_8032[1])
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not verify.ed25519_verifies(public, message, signature[:32] + scalar.to_bytes(32, "little"))
    assert not verify.ed25519_verifies(public, message, signature[:63])
    assert not verify.ed25519_verifies(b"\xff" * 32, message, signature), "no point has such a coordinate"


def test_merkle_proofs_are_those_of_the_log() -> None:
    entries = [hashlib.sha256(bytes([number])).digest() for number in range(1, 40)]
    roots = {size: merkle.Frontier().grown(entries[:size]).root for size in range(1, 40)}
    for size, root in roots.items():
        for index in range(size):
            spans = merkle.inclusion_spans(index, size)
            found = merkle.subtrees(entries[:size], spans)
            proof, leaf = [found[span] for span in spans], verify.leaf_hash(entries[index])
            assert verify.included_root(leaf, index, size, proof) == root
            assert verify.included_root(leaf, index, size, [*proof, bytes(32)]) is None
            assert verify.included_root(leaf, (index + 1) % size, size, proof) != root or size == 1
            assert size == 1 or verify.included_root(leaf, index, size, proof[:-1]) != root
        for old in range(1, size + 1):
            spans = merkle.consistency_spans(old, size)
            found = merkle.subtrees(entries[:size], spans)
            proof = [found[span] for span in spans]
            assert verify.consistent(old, size, roots[old], root, proof)
            assert not verify.consistent(old, size, hashlib.sha256(roots[old]).digest(), root, proof)
            assert not verify.consistent(old, size, roots[old], hashlib.sha256(root).digest(), proof)
            assert not verify.consistent(old, size, roots[old], root, [*proof, bytes(32)])


def test_heads_and_cosignatures_as_the_log_signs_them() -> None:
    signer = notes.Signer("lastseen/test", Ed25519PrivateKey.generate())
    witness = notes.Signer("witness.example", Ed25519PrivateKey.generate())
    said = notes.Checkpoint.of(signer.name, 7, bytes(32), bytes(32), datetime(2026, 11, 1, tzinfo=UTC))
    note = notes.Note(said.text).signed(signer.sign(said.text), witness.cosign(said.text, 1_790_000_000))
    head = verify.checkpoint(str(note))
    key, eye = verify.vkey(str(signer.verifier())), verify.vkey(str(witness.verifier(notes.COSIGNATURE)))
    assert verify.is_signed(head, key)
    assert (head.size, head.root, head.chain) == (7, bytes(32), bytes(32))
    assert verify.cosigned_at(head, eye) == datetime.fromtimestamp(1_790_000_000, UTC)
    other = verify.vkey(str(notes.Signer(signer.name, Ed25519PrivateKey.generate()).verifier()))
    assert not verify.is_signed(head, other)
    assert verify.cosigned_at(head, other) is None
    forged = verify.checkpoint(str(note).replace("\n7\n", "\n8\n"))
    assert not verify.is_signed(forged, key)
    with pytest.raises(Doubt, match="does not hold"):
        verify.cosigned_at(forged, eye)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lastseen/x\n7\n",
        "lastseen/x\n07\nAAAA\nchain 00\nat now\n\n— x AAAA\n",
        f"lastseen/x\n7\n{'A' * 43}=\nchain {'0' * 64}\nat 2026-11-01T00:00:00.000000Z\n\nno signature\n",
        f"lastseen/x\n7\n{'A' * 43}=\nchain {'0' * 64}\nat 2026-13-01T00:00:00.000000Z\n\n— x AAAA\n",
        f"lastseen/x\n7\n{'A' * 42}B=\nchain {'0' * 64}\nat 2026-11-01T00:00:00.000000Z\n\n— x AAAA\n",
    ],
)
def test_what_is_no_checkpoint_is_told(text: str) -> None:
    with pytest.raises(Doubt):
        verify.checkpoint(text)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda one: one.name)
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_ecdsa_as_the_library_has_it(curve: ec.EllipticCurve, digest: str) -> None:
    private = ec.generate_private_key(curve)
    key = verify.whole(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    oid = next(oid for oid, name in verify.EC_WITH.items() if name == digest)
    algorithm = authorities.algorithm(oid)
    signature = private.sign(b"said", ec.ECDSA(authorities.HASHES[digest]))
    verify.require_signature(key, algorithm, None, b"said", signature)
    r, s = utils.decode_dss_signature(signature)
    for bad in (utils.encode_dss_signature(r + 1, s), utils.encode_dss_signature(0, s), signature[:-1], b""):
        with pytest.raises(Doubt):
            verify.require_signature(key, algorithm, None, b"said", bad)
    with pytest.raises(Doubt):
        verify.require_signature(key, algorithm, None, b"something else", signature)


@pytest.mark.parametrize("bits", [2048, 2049, 3072])
@pytest.mark.parametrize("salt", [0, 20, 32])
def test_rsa_as_the_library_has_it(bits: int, salt: int) -> None:
    private = rsa.generate_private_key(65537, bits)
    key = verify.whole(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    plain = private.sign(b"said", padding.PKCS1v15(), hashes.SHA512())
    by_name = authorities.algorithm("1.2.840.113549.1.1.13")
    verify.require_signature(key, by_name, None, b"said", plain)
    pss = private.sign(b"said", padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
    verify.require_signature(key, authorities.pss("sha256", salt), None, b"said", pss)
    for algorithm, signature in ((by_name, plain), (authorities.pss("sha256", salt), pss)):
        for bad in (signature[:-1] + bytes([signature[-1] ^ 1]), signature[:-1], b"\xff" * len(signature)):
            with pytest.raises(Doubt, match="does not hold"):
                verify.require_signature(key, algorithm, None, b"said", bad)
    with pytest.raises(Doubt):
        verify.require_signature(key, authorities.pss("sha256", salt + 1), None, b"said", pss)


def test_weak_keys_and_weak_hashes_are_not_accepted() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  that is what is tried
    key = verify.whole(weak.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    signature = weak.sign(b"said", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(Doubt, match="1024 bits"):
        verify.require_signature(key, authorities.algorithm("1.2.840.113549.1.1.11"), None, b"said", signature)
    with pytest.raises(Doubt, match="not accepted"):  # sha1WithRSAEncryption
        verify.require_signature(key, authorities.algorithm("1.2.840.113549.1.1.5"), None, b"said", signature)


# --- tokens ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeStampAuthority]:
    """A real one, which need not serve."""
    with TimeStampAuthority(tmp_path_factory.mktemp("authority")) as made:
        yield made


def roots(authority: TimeStampAuthority) -> list[verify.Certificate]:
    return verify.pem_certificates(authority.roots.read_text())


def test_a_token_of_openssl(authority: TimeStampAuthority) -> None:
    stamp = verify.token(authorities.stamped(authority, STATEMENT))
    assert stamp.imprint == hashlib.sha256(STATEMENT).digest()
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert verify.require_chain(stamp.signer, stamp.others, roots(authority), stamp.at) == "lastseen test root"


@pytest.mark.parametrize("kind", authorities.KINDS)
def test_tokens_of_every_kind_of_key(kind: str, tmp_path: Path) -> None:
    small = authorities.Small(tmp_path, kind)
    stamp = verify.token(small.token(STATEMENT))
    assert stamp.imprint == hashlib.sha256(STATEMENT).digest()
    root = verify.pem_certificates(small.root.read_text())
    assert verify.require_chain(stamp.signer, stamp.others, root, stamp.at) == f"root {kind}"
    other = authorities.Small(tmp_path / "other", kind)
    with pytest.raises(Doubt, match="not vouched for"):
        stranger = verify.pem_certificates(other.root.read_text())
        verify.require_chain(stamp.signer, stamp.others, stranger, stamp.at)


def test_the_bytes_of_a_token_count(authority: TimeStampAuthority) -> None:
    """What is outside of what is signed and of the signer's certificate may differ, and says nothing else then."""
    data = authorities.stamped(authority, STATEMENT)
    first = verify.token(data)
    trusted = roots(authority)
    for place in range(secrets.randbelow(7), len(data), 7):
        damaged = data[:place] + bytes([data[place] ^ 0x01]) + data[place + 1 :]
        try:
            read = verify.token(damaged)
            verify.require_chain(read.signer, read.others, trusted, read.at)
        except Doubt:
            continue
        assert read[:4] == first[:4], f"byte {place} changes what the token says"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault.OTHER_CA, "not vouched for"),
        (Fault.EXPIRED, "was not valid at"),
        (Fault.NOT_YET, "was not valid at"),
        (Fault.NO_USAGE, "not for time stamps|do not name the signer"),
        (Fault.DAMAGED, "does not hold"),
        (Fault.CUT_SHORT, "ends too early"),
        (Fault.REJECTION, "refused"),
    ],
)
def test_wrong_tokens_are_found(authority: TimeStampAuthority, fault: Fault, why: str) -> None:
    data = authorities.stamped(authority, STATEMENT, fault)
    with pytest.raises(Doubt, match=why):
        stamp = verify.token(data)
        verify.require_chain(stamp.signer, stamp.others, roots(authority), stamp.at)


def test_no_bytes_make_the_reader_of_tokens_raise_anything_else(authority: TimeStampAuthority) -> None:
    data = authorities.stamped(authority, STATEMENT)
    for _ in range(300):
        place, junk = secrets.randbelow(len(data)), secrets.token_bytes(secrets.randbelow(6))
        damaged = data[:place] + junk + data[place + secrets.randbelow(6) :]
        try:
            verify.token(damaged)
        except Doubt:
            continue
    for junk in (b"", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x02\x01\x00", bytes(1000)):
        with pytest.raises(Doubt):
            verify.token(junk)


def test_a_ring_of_issuers_ends() -> None:
    """Two certificates that vouch for each other."""
    one, other = authorities.ring()
    held = [verify.certificate(one.public_bytes(Encoding.DER)), verify.certificate(other.public_bytes(Encoding.DER))]
    stranger = verify.certificate(authorities.lonely().public_bytes(Encoding.DER))
    with pytest.raises(Doubt, match="not vouched for"):
        verify.require_chain(held[0], held, [stranger], datetime.now(UTC))


def test_a_certificate_that_may_not_issue_does_not_vouch() -> None:
    root, leaf, below = authorities.issued_by_a_leaf()
    read = [verify.certificate(one.public_bytes(Encoding.DER)) for one in (root, leaf, below)]
    with pytest.raises(Doubt, match="not vouched for"):
        verify.require_chain(read[2], read, read[:1], datetime.now(UTC))
    assert verify.require_chain(read[1], read, read[:1], datetime.now(UTC)) == "root"


def test_certificates_are_read_as_the_library_reads_them(authority: TimeStampAuthority) -> None:
    pem = authority.roots.read_text()
    theirs, (ours,) = x509.load_pem_x509_certificate(pem.encode()), verify.pem_certificates(pem)
    assert (ours.serial, ours.begin, ours.end) == (
        theirs.serial_number,
        theirs.not_valid_before_utc,
        theirs.not_valid_after_utc,
    )
    assert ours.named() == "lastseen test root"


def test_the_verifier_is_written_for_python_3_8_and_imports_its_library_only() -> None:
    source = Path(verify.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= {
        *("__future__", "argparse", "base64", "binascii", "contextlib", "datetime", "hashlib", "json", "mmap", "os"),
        *("pathlib", "re", "stat", "struct", "sys", "typing", "unicodedata"),
    }
