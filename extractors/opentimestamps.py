"""OpenTimestamps: the detached proof file, read and written, and its calendars, asked.

A proof is a tree of operations that begins at the sha256 of what is stamped and ends in attestations: *pending* (a
calendar promises to bring the value into Bitcoin) or *bitcoin* (the value is the Merkle root of the block of that
height).  A proof that is only pending proves nothing but the promise.  This module does not look at Bitcoin:
`check_header` holds an attestation against a block header that somebody has given.

The format is that of the `opentimestamps` library, written anew (docs/decisions/0014-opentimestamps-by-hand.md).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from extractors import asking
from extractors.asking import Ask

MAGIC: Final = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94"
VERSION: Final = 1
BRANCH, ATTESTATION = 0xFF, 0x00
APPEND, PREPEND, REVERSE, HEXLIFY = 0xF0, 0xF1, 0xF2, 0xF3
SHA256 = 0x08
WITH_ARGUMENT: Final = frozenset({APPEND, PREPEND})
PENDING: Final = bytes.fromhex("83dfe30d2ef90c8e")
BITCOIN: Final = bytes.fromhex("0588960d73d71901")

LONGEST_MESSAGE = 4096
LONGEST_PAYLOAD = 8192
LONGEST_URI = 1000
DEEPEST = 256
MOST_NODES = 10_000
HEADER = 80
"""bytes of a block header of Bitcoin"""
ROOT_AT, TIME_AT = 36, 68
"""where its Merkle root (32 bytes) and its time (4, little-endian) begin"""

ACCEPTS = "application/vnd.opentimestamps.v1"


class Malformed(ValueError):
    """It is no proof, or none of what it is said to prove."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """Where a path of a proof ends."""

    tag: bytes
    """8 bytes"""
    payload: bytes

    @property
    def uri(self) -> str | None:
        """Address of the calendar, of a pending one.  Raises Malformed."""
        if self.tag != PENDING:
            return None
        reader = _Reader(self.payload)
        said = reader.block(LONGEST_URI)
        reader.end()
        try:
            return said.decode("ascii")
        except UnicodeDecodeError as fault:
            raise Malformed("a calendar's address is not ASCII") from fault

    @property
    def height(self) -> int | None:
        """Number of the block, of one in Bitcoin.  Raises Malformed."""
        if self.tag != BITCOIN:
            return None
        reader = _Reader(self.payload)
        height = reader.number()
        reader.end()
        return height


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a path."""

    tag: int
    argument: bytes = b""

    def apply(self, message: bytes) -> bytes:
        """Raises Malformed for an operation that is not known here."""
        match self.tag:
            case 0xF0:  # append
                made = message + self.argument
            case 0xF1:  # prepend
                made = self.argument + message
            case 0xF2:
                made = message[::-1]
            case 0xF3:
                made = message.hex().encode()
            case 0x08:
                made = hashlib.sha256(message).digest()
            case _:
                raise Malformed(f"operation {self.tag:#04x} is not known here")
        if len(made) > LONGEST_MESSAGE:
            raise Malformed("a value grows too long")
        return made


@dataclass(frozen=True, slots=True)
class Node:
    """What follows from one value."""

    attestations: tuple[Attestation, ...] = ()
    steps: tuple[tuple[Operation, "Node"], ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """An attestation with the value that it attests."""

    value: bytes
    attestation: Attestation


@dataclass(frozen=True, slots=True)
class Block:
    """A block that a proof leads to."""

    height: int
    root: bytes
    """its Merkle root, as the proof has it; in the byte order of the header"""


@dataclass(frozen=True, slots=True)
class Proof:
    """A detached proof."""

    digest: bytes
    """sha256 of what is stamped"""
    node: Node

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of Bitcoin that it leads to."""
        found = ((end.value, end.attestation.height) for end in ends(self.node, self.digest))
        return tuple(Block(height, value) for value, height in found if height is not None)

    @property
    def pending(self) -> tuple[tuple[str, bytes], ...]:
        """(calendar, value that it promises to bring into Bitcoin)"""
        found = ((end.attestation.uri, end.value) for end in ends(self.node, self.digest))
        return tuple((uri, value) for uri, value in found if uri is not None)


# --- the file ----------------------------------------------------------------------------------------------


def read(content: bytes) -> Proof:
    """A detached proof (`.ots`) over a sha256.  Raises Malformed."""
    reader = _Reader(content)
    if reader.take(len(MAGIC)) != MAGIC:
        raise Malformed("it does not begin as a proof of OpenTimestamps does")
    if (version := reader.number()) != VERSION:
        raise Malformed(f"its version is {version}, and {VERSION} is known here")
    if reader.byte() != SHA256:
        raise Malformed("it is not about a sha256")
    digest = reader.take(32)
    node = reader.node(0)
    reader.end()
    proof = Proof(digest, node)
    _try(proof)
    return proof


def write(proof: Proof) -> bytes:
    """The proof as a detached file."""
    return b"".join([MAGIC, _number(VERSION), bytes([SHA256]), proof.digest, serialise(proof.node)])


def parse(content: bytes, value: bytes) -> Node:
    """What a calendar answers about a value.  Raises Malformed."""
    reader = _Reader(content)
    node = reader.node(0)
    reader.end()
    _try(Proof(value, node))
    return node


def serialise(node: Node) -> bytes:
    """A node as a calendar writes it, in a fixed order."""
    parts = [bytes([ATTESTATION]) + one.tag + _block(one.payload) for one in _sorted(node.attestations)]
    for operation, below in sorted(node.steps, key=lambda step: (step[0].tag, step[0].argument)):
        argument = _block(operation.argument) if operation.tag in WITH_ARGUMENT else b""
        parts.append(bytes([operation.tag]) + argument + serialise(below))
    return b"".join(bytes([BRANCH]) + part for part in parts[:-1]) + parts[-1]


def ends(node: Node, value: bytes) -> Iterator[End]:
    """Every path to its end.  Raises Malformed."""
    for attestation in node.attestations:
        yield End(value, attestation)
    for operation, below in node.steps:
        yield from ends(below, operation.apply(value))


def merged(one: Node, other: Node) -> Node:
    """Two nodes over one value as one."""
    steps = dict(one.steps)
    for operation, below in other.steps:
        steps[operation] = merged(steps[operation], below) if operation in steps else below
    attestations = tuple(dict.fromkeys([*one.attestations, *other.attestations]))
    return Node(attestations, tuple(steps.items()))


def check_header(block: Block, header: bytes) -> datetime:
    """When a block was made, if the proof leads to it.  Raises Malformed.

    `header` is taken at its word: whether it is part of Bitcoin is not looked at.
    """
    if len(header) != HEADER:
        raise Malformed(f"the header of block {block.height} is not {HEADER} bytes long")
    if header[ROOT_AT : ROOT_AT + 32] != block.root:
        raise Malformed(f"it does not lead to block {block.height}")
    return datetime.fromtimestamp(int.from_bytes(header[TIME_AT : TIME_AT + 4], "little"), UTC)


def headers(content: str) -> Mapping[int, bytes]:
    """Block headers of a text with a line `HEIGHT HEX` for each.  Raises Malformed."""
    try:
        pairs = (line.split() for line in content.splitlines() if line.strip())
        return {int(height): bytes.fromhex(header) for height, header in pairs}
    except ValueError as fault:
        raise Malformed("a line is not the number of a block and its header in hexadecimal") from fault


# --- calendars ---------------------------------------------------------------------------------------------


def submit(calendar: str, digest: bytes, seconds: float) -> Node:
    """Hand a value in.  Raises what `asking.ask` raises, and Malformed."""
    return parse(asking.ask(Ask(f"{calendar.rstrip('/')}/digest", digest, accepts=ACCEPTS), seconds), digest)


def upgraded(calendar: str, value: bytes, seconds: float) -> Node | None:
    """What has become of a value that was handed in; None: nothing yet.  Raises as `submit` does."""
    try:
        answer = asking.ask(Ask(f"{calendar.rstrip('/')}/timestamp/{value.hex()}", accepts=ACCEPTS), seconds)
    except asking.Unknown:
        return None
    return parse(answer, value)


def grown(proof: Proof, found: Mapping[bytes, Node]) -> Proof:
    """The proof with what calendars have answered about values of it."""
    return replace(proof, node=_grown(proof.node, proof.digest, found))


def _grown(node: Node, value: bytes, found: Mapping[bytes, Node]) -> Node:
    steps = tuple((operation, _grown(below, operation.apply(value), found)) for operation, below in node.steps)
    grown = replace(node, steps=steps)
    return merged(grown, found[value]) if value in found else grown


# --- bytes -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    """Reads from the beginning; every length is limited.  All methods raise Malformed."""

    content: bytes
    at: int = 0
    nodes: int = field(default=0)

    def take(self, length: int) -> bytes:
        taken = self.content[self.at : self.at + length]
        if len(taken) != length:
            raise Malformed("it ends too early")
        self.at += length
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        value = 0
        for shift in range(0, 63, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
        raise Malformed("a number is too large")

    def block(self, longest: int) -> bytes:
        length = self.number()
        if length > longest:
            raise Malformed("a part is too long")
        return self.take(length)

    def end(self) -> None:
        if self.at != len(self.content):
            raise Malformed("something stands behind its end")

    def node(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise Malformed("it is too deep")
        attestations: list[Attestation] = []
        steps: list[tuple[Operation, Node]] = []
        more = True
        while more:
            self.nodes += 1
            if self.nodes > MOST_NODES:
                raise Malformed("it is too large")
            tag = self.byte()
            if more := tag == BRANCH:
                tag = self.byte()
            if tag == ATTESTATION:
                attestations.append(Attestation(self.take(8), self.block(LONGEST_PAYLOAD)))
            else:
                operation = Operation(tag, self.block(LONGEST_MESSAGE) if tag in WITH_ARGUMENT else b"")
                steps.append((operation, self.node(depth + 1)))
        return Node(tuple(attestations), tuple(steps))


def _try(proof: Proof) -> None:
    """Walk every path.  Raises Malformed."""
    _ = proof.blocks, proof.pending


def _sorted(attestations: Sequence[Attestation]) -> list[Attestation]:
    return sorted(attestations, key=lambda one: (one.tag, one.payload))


def _block(content: bytes) -> bytes:
    return _number(len(content)) + content


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def pending(uri: str) -> Attestation:
    """A calendar's promise."""
    return Attestation(PENDING, _block(uri.encode("ascii")))


def bitcoin(height: int) -> Attestation:
    """The value is the Merkle root of a block."""
    return Attestation(BITCOIN, _number(height))
