"""Merkle trees as in RFC 9162, section 2.1 (RFC 6962's): pure functions over the entries of a log that only grows.

An entry's leaf is sha256(0x00 || entry), a node sha256(0x01 || left || right); a tree of n entries splits at the
largest power of two below n.  Every subtree that a proof is made of is either perfect (2^k entries, beginning at a
multiple of 2^k) or reaches up to the last entry, so one pass over the entries with a stack of the perfect subtrees
gives the root and any number of proofs, in memory that grows with the logarithm of the log.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

HASH_BYTES = 32

Span = tuple[int, int]
"""the subtree over entries `start` <= i < `stop`"""


def leaf(entry: bytes) -> bytes:
    """The hash of a tree of one entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of a tree with two parts."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that a log's tree has to remember to grow: the perfect subtrees that `size` is the sum of, largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        """The root of the tree (RFC 9162, 2.1.1); sha256 of nothing for an empty one."""
        return _folded(self.peaks) if self.peaks else hashlib.sha256().digest()

    @property
    def spans(self) -> list[Span]:
        """Of each peak the entries that are below it."""
        spans, start = [], 0
        for bit in reversed(range(self.size.bit_length())):
            if self.size >> bit & 1:
                spans.append((start, start + (1 << bit)))
                start += 1 << bit
        return spans

    def grown(self, entries: Iterable[bytes]) -> "Frontier":
        """The frontier with more entries behind those it has."""
        stack = Growing(self)
        for entry in entries:
            stack.push(entry)
        return stack.frontier

    def packed(self) -> bytes:
        """The peaks as bytes, to be kept beside `size`."""
        return b"".join(self.peaks)

    @classmethod
    def unpacked(cls, size: int, packed: bytes) -> "Frontier":
        """What `packed` made.  Raises ValueError if it is not for that size."""
        peaks = tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES))
        if len(packed) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(packed)} bytes are not the peaks of a tree of {size} entries")
        return cls(size, peaks)


def subtrees(entries: Iterable[bytes], wanted: Collection[Span], onto: Frontier = Frontier()) -> dict[Span, bytes]:
    """The hashes of the subtrees that are wanted, in one pass over the entries that follow those of `onto`.

    Below `onto` only its peaks are known.  Raises KeyError if a subtree cannot be had so.
    """
    found = dict(zip(onto.spans, onto.peaks, strict=True))
    missing, stack = set(wanted), Growing(onto)
    for entry in entries:
        found |= {span: root for span, root in stack.push(entry) if span in missing}
    whole = stack.frontier
    for number, (start, _) in enumerate(whole.spans):
        found[start, whole.size] = _folded(whole.peaks[number:])
    return {span: found[span] for span in missing}


class Growing:
    """A frontier while it grows."""

    def __init__(self, start: Frontier = Frontier()) -> None:
        self._size, self._peaks = start.size, list(start.peaks)

    @property
    def frontier(self) -> Frontier:
        """What it has grown to."""
        return Frontier(self._size, tuple(self._peaks))

    def push(self, entry: bytes) -> list[tuple[Span, bytes]]:
        """Add one entry.  Returns the perfect subtrees that end with it."""
        self._size += 1
        root, width = leaf(entry), 1
        ended = [((self._size - 1, self._size), root)]
        while self._size % (2 * width) == 0:
            root, width = node(self._peaks.pop(), root), 2 * width
            ended.append(((self._size - width, self._size), root))
        self._peaks.append(root)
        return ended


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The subtrees that prove that entry `index` (from 0) is one of `size`, in the proof's order (2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a log of {size} entries has no entry {index}")
    spans, start, stop = [], 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """The subtrees that prove that a log of `old` entries has grown to `new`, in the proof's order (2.1.4.1)."""
    if not 0 <= old <= new:
        raise ValueError(f"a log of {old} entries does not grow to {new}")
    if old in (0, new):
        return []
    spans, start, stop, whole = [], 0, new, True
    while stop != old:
        middle = start + _split(stop - start)
        if old <= middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start, whole = middle, False
    if not whole:  # else it is the old tree itself, whose root is known
        spans.append((start, stop))
    return spans[::-1]


def root_of_inclusion(entry: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a proof of inclusion leads to (2.1.3.2).  Raises ValueError if it has not the right length."""
    spans = inclusion_spans(index, size)
    if len(spans) != len(proof):
        raise ValueError(f"the proof has {len(proof)} hashes and needs {len(spans)}")
    found = leaf(entry)
    for (start, _), other in zip(spans, proof, strict=True):
        found = node(found, other) if start > index else node(other, found)
    return found


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the log with `old_root` has grown to the one with `new_root` (2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    spans = consistency_spans(old, new)
    if len(spans) != len(proof):
        return False
    if old == new:
        return old_root == new_root
    if old == 0:
        return old_root == Frontier().root
    hashes = list(proof)
    if old & (old - 1) == 0:  # the old tree is one of the new one's subtrees, and is not said again
        spans, hashes = [(0, old), *spans], [old_root, *hashes]
    was = is_now = hashes[0]
    for (start, stop), other in zip(spans[1:], hashes[1:], strict=True):
        is_now = node(is_now, other) if start >= old else node(other, is_now)
        if stop <= old:
            was = node(other, was)
    return was == old_root and is_now == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`, which is 2 or more."""
    return 1 << (size - 1).bit_length() - 1


def _folded(peaks: Sequence[bytes]) -> bytes:
    return reduce(lambda right, left: node(left, right), reversed(peaks))
