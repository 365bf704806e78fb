"""The format of OpenTimestamps, and a calendar that promises now and confirms later."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from extractors import opentimestamps as ots
from extractors.asking import Refused, Unanswered
from extractors.opentimestamps import Malformed, Node, Operation, Proof
from tests.servers.calendar import Calendar
from tests.servers.serving import Said

DIGEST = hashlib.sha256(b"a statement").digest()

# As `ots stamp` of the reference client writes it (its library reads this, and writes it so): one calendar, pending.
WRITTEN_BY_HAND = (
    "004f70656e54696d657374616d7073000050726f6f6600bf89e2e884e89294"  # magic
    "01" + "08" + DIGEST.hex()  # version, sha256 of the file
    + "f010" + "000102030405060708090a0b0c0d0e0f" + "08"  # append 16 bytes, sha256
    + "00" + "83dfe30d2ef90c8e" + "1b" + "1a" + b"https://calendar.test/path".hex()  # pending
)  # fmt: skip


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    with Calendar() as served:
        yield served


def test_the_format_is_the_published_one() -> None:
    proof = ots.read(bytes.fromhex(WRITTEN_BY_HAND))
    assert proof.digest == DIGEST
    value = hashlib.sha256(DIGEST + bytes(range(16))).digest()
    assert proof.pending == (("https://calendar.test/path", value),)
    assert proof.blocks == ()
    assert ots.write(proof) == bytes.fromhex(WRITTEN_BY_HAND)


def test_a_promise_becomes_a_block(calendar: Calendar) -> None:
    promised = Proof(DIGEST, ots.submit(calendar.url, DIGEST, 5))
    [(uri, value)] = promised.pending
    assert uri == calendar.url
    assert ots.upgraded(uri, value, 5) is None

    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    calendar.confirm(moment)
    node = ots.upgraded(uri, value, 5)
    assert node is not None
    proof = ots.grown(promised, {value: node})
    assert ots.read(ots.write(proof)) == proof
    assert proof.pending == promised.pending, "what was promised stays in it"
    [block] = proof.blocks
    header = ots.headers(calendar.headers())[block.height]
    assert ots.check_header(block, header) == moment
    with pytest.raises(Malformed, match="does not lead to block"):
        ots.check_header(block, header[:40] + b"x" + header[41:])


def test_several_calendars_are_one_proof(calendar: Calendar) -> None:
    with Calendar() as other:
        nodes = [ots.submit(one.url, DIGEST, 5) for one in (calendar, other)]
        # both use the same salt here, so their paths meet
        proof = Proof(DIGEST, ots.merged(*nodes))
        assert {uri for uri, _ in proof.pending} == {calendar.url, other.url}
    assert ots.read(ots.write(proof)) == ots.read(ots.write(Proof(DIGEST, ots.merged(*nodes[::-1]))))


def test_every_cut_and_every_changed_byte_is_another_proof_or_none() -> None:
    content = bytes.fromhex(WRITTEN_BY_HAND)
    for at in range(len(content)):
        with pytest.raises(Malformed):
            ots.read(content[:at])
        changed = content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :]
        with suppress(Malformed):
            assert ots.read(changed) != ots.read(content)
    with pytest.raises(Malformed, match="behind its end"):
        ots.read(content + b"\0")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x08" * 400 + b"\0", "too deep"),
        (b"\xff\x00" + bytes(8) + b"\xff" * 3, "too early|not known"),
        (b"\xf0" + b"\xff" * 10, "number is too large"),
        (b"\xf0\xff\x7f", "part is too long"),
        (b"\x02\x00" + bytes(9), "not known here"),
        (b"\xf3" * 10 + b"\x00" + bytes(9), "too long"),
        (b"", "too early"),
    ],
)
def test_hostile_answers_are_refused_within_bounds(calendar: Calendar, content: bytes, said: str) -> None:
    calendar.said = Said(content)
    with pytest.raises(Malformed, match=said):
        ots.submit(calendar.url, DIGEST, 5)


def test_a_calendar_that_fails_is_told_apart(calendar: Calendar) -> None:
    calendar.said = Said(b"no", 503)
    with pytest.raises(Unanswered, match="503"):
        ots.submit(calendar.url, DIGEST, 5)
    calendar.said = Said(b"no", 400)
    with pytest.raises(Refused, match="400"):
        ots.upgraded(calendar.url, DIGEST, 5)


def test_headers_are_read_line_by_line() -> None:
    assert ots.headers("1 00ff\n\n2 0a\n") == {1: b"\0\xff", 2: b"\n"}
    with pytest.raises(Malformed, match="number of a block"):
        ots.headers("one 00")


def test_an_operation_that_hashes_is_applied() -> None:
    assert Operation(ots.REVERSE).apply(b"ab") == b"ba"
    assert Operation(ots.HEXLIFY).apply(b"\x01") == b"01"
    assert ots.ends(Node(), b"") is not None
