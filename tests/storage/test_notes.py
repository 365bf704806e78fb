"""Signed notes as C2SP writes them: the published example verifies, and whatever is not one is refused."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from storage import notes
from storage.notes import COSIGNATURE, BadNote, BadSignature, Checkpoint, Note, Signer, VerifierKey

EXAMPLE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def signer(name: str = "lastseen/test") -> Signer:
    return Signer(name, notes.private_key(notes.new_private_key()))


def checkpoint() -> Checkpoint:
    return Checkpoint.of("lastseen/test", 7, bytes(32), b"\x01" * 32, AT)


def test_the_published_note_verifies_and_is_written_as_it_was() -> None:
    key, note = VerifierKey.parse(EXAMPLE_KEY), Note.parse(EXAMPLE.encode())
    assert key.verified(note) == note.signatures[0]
    assert (str(key), str(note)) == (EXAMPLE_KEY, EXAMPLE)
    with pytest.raises(BadSignature, match="PeterNeumann"):
        key.verified(Note(note.text.replace("your", "my"), note.signatures))


def test_a_checkpoint_is_the_text_of_the_standard() -> None:
    made = checkpoint()
    assert made.text == (
        "lastseen/test\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        f"chain {'01' * 32}\nat 2026-11-22T12:00:00.000000Z\n"
    )
    assert Checkpoint.parse(made.text) == made
    assert (made.chain, made.at) == (b"\x01" * 32, AT)


def test_signatures_of_a_log_and_of_a_witness_stand_beside_each_other() -> None:
    log, witness = signer(), signer("witness.example")
    text = checkpoint().text
    note = Note.parse(str(Note(text).signed(log.sign(text)).signed(witness.cosign(text, 1_800_000_000))))
    assert log.verifier().verified(note) == note.signatures[0]
    seen = witness.verifier(COSIGNATURE).verified(note)
    assert seen is not None
    assert seen.time == 1_800_000_000
    assert witness.verifier().verified(note) is None, "the same key of another kind is another key"
    assert signer("somebody").verifier().verified(note) is None
    assert note.signed(seen) == note
    late = notes.Signature(seen.name, seen.key_id, b"\x01" + seen.blob[1:])
    with pytest.raises(BadSignature, match="not over this text"):
        witness.verifier(COSIGNATURE).verified(Note(text).signed(late))
    short = notes.Signature(seen.name, seen.key_id, seen.blob[:-1])
    with pytest.raises(BadSignature, match="length"):
        witness.verifier(COSIGNATURE).verified(Note(text).signed(short))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no signature\n",
        EXAMPLE.encode()[:-1],
        EXAMPLE.replace("—", "-").encode(),
        EXAMPLE.replace("x08go", "x08g").encode(),
        EXAMPLE.replace("PeterNeumann ", "Peter Neumann ").encode(),
        EXAMPLE.replace("PeterNeumann ", "Peter+Neumann ").encode(),
        EXAMPLE.replace("your", "\t").encode(),
        EXAMPLE.encode() + b"\n",
        b"\xff" + EXAMPLE.encode(),
        (EXAMPLE + EXAMPLE.splitlines(True)[-1] * notes.MOST_SIGNATURES).encode(),
        "text\n\n— name AAAAAA==\n".encode(),
    ],
)
def test_what_is_no_note_is_refused(content: bytes) -> None:
    with pytest.raises(BadNote):
        Note.parse(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n7\n",
        f"origin\n07\n{'A' * 43}=\n",
        f"origin\n-7\n{'A' * 43}=\n",
        f"origin\n7\n{'A' * 42}==\n",
        f"origin\n7\n{'A' * 43}=\n\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.parse(text)


@pytest.mark.parametrize("line", ["chain zz", "at noon", ""])
def test_a_checkpoint_that_does_not_say_what_ours_do(line: str) -> None:
    made = Checkpoint.parse(f"origin\n7\n{'A' * 43}=\n" + (f"{line}\n" if line else ""))
    with pytest.raises(BadNote):
        _ = made.chain
    with pytest.raises(BadNote):
        _ = made.at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        EXAMPLE_KEY[:-4],
        EXAMPLE_KEY.replace("c74f", "c74e"),
        EXAMPLE_KEY.replace("+AR", "+BR"),
        EXAMPLE_KEY.replace("Peter", "Paul"),
        EXAMPLE_KEY.replace("Peter", "Peter "),
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        VerifierKey.parse(text)


def test_a_list_of_keys() -> None:
    one, two = str(signer("one").verifier()), str(signer("two").verifier(COSIGNATURE))
    assert [str(key) for key in notes.verifier_keys(["# ours", one, "", f" {two} "])] == [one, two]


def test_a_file_that_holds_no_such_key_is_refused() -> None:
    with pytest.raises(BadNote, match="PEM"):
        notes.private_key(b"nothing")
    with pytest.raises(BadNote, match="Ed25519"):
        notes.private_key(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
