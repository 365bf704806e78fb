"""Merkle trees against RFC 9162's recursions written down plainly, and the vectors that Certificate Transparency's
reference implementation publishes."""

import pytest

from storage import merkle
from storage.merkle import Frontier, leaf, node

ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""of the first 1, 2 ... 8 entries"""
INCLUSIONS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCIES = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
SIZES = range(20)


def entries(size: int) -> list[bytes]:
    return [b"%d" % number for number in range(size)]


def root(items: list[bytes]) -> bytes:
    """2.1.1, as it stands there."""
    if len(items) == 1:
        return leaf(items[0])
    split = largest_power(len(items))
    return node(root(items[:split]), root(items[split:]))


def path(index: int, items: list[bytes]) -> list[bytes]:
    """2.1.3.1, as it stands there."""
    if len(items) == 1:
        return []
    split = largest_power(len(items))
    if index < split:
        return [*path(index, items[:split]), root(items[split:])]
    return [*path(index - split, items[split:]), root(items[:split])]


def subproof(old: int, items: list[bytes], whole: bool) -> list[bytes]:
    """2.1.4.1, as it stands there."""
    if old == len(items):
        return [] if whole else [root(items)]
    split = largest_power(len(items))
    if old <= split:
        return [*subproof(old, items[:split], whole), root(items[split:])]
    return [*subproof(old - split, items[split:], False), root(items[:split])]


def largest_power(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def proof(spans: list[merkle.Span], items: list[bytes], onto: int = 0) -> list[bytes]:
    found = merkle.subtrees(items[onto:], spans, Frontier().grown(items[:onto]))
    return [found[span] for span in spans]


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    assert Frontier().grown(ENTRIES[:size]).root.hex() == ROOTS[size - 1]


def test_an_empty_tree_is_the_hash_of_nothing() -> None:
    assert Frontier().root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("where", INCLUSIONS)
def test_published_proofs_of_inclusion(where: tuple[int, int]) -> None:
    index, size = where
    found = proof(merkle.inclusion_spans(index, size), ENTRIES[:size])
    assert [one.hex() for one in found] == INCLUSIONS[where]
    assert merkle.root_of_inclusion(ENTRIES[index], index, size, found).hex() == ROOTS[size - 1]


@pytest.mark.parametrize("where", CONSISTENCIES)
def test_published_proofs_of_consistency(where: tuple[int, int]) -> None:
    old, new = where
    found = proof(merkle.consistency_spans(old, new), ENTRIES[:new])
    assert [one.hex() for one in found] == CONSISTENCIES[where]
    old_root, new_root = (bytes.fromhex(ROOTS[size - 1]) for size in where)
    assert merkle.is_consistent(old, new, old_root, new_root, found)


@pytest.mark.parametrize("size", SIZES[1:])
def test_any_tree_is_the_recursion(size: int) -> None:
    items = entries(size)
    assert Frontier().grown(items).root == root(items)
    for index in range(size):
        found = proof(merkle.inclusion_spans(index, size), items)
        assert found == path(index, items)
        assert merkle.root_of_inclusion(items[index], index, size, found) == root(items)
    for old in range(1, size + 1):
        spans = merkle.consistency_spans(old, size)
        found = proof(spans, items)
        assert found == subproof(old, items, True)
        assert proof(spans, items, onto=old) == found, "what is kept of the old tree is enough"
        assert merkle.is_consistent(old, size, root(items[:old]), root(items), found)


@pytest.mark.parametrize("size", SIZES)
def test_a_frontier_grows_from_where_it_was_kept(size: int) -> None:
    items = entries(20)
    kept = Frontier().grown(items[:size])
    again = Frontier.unpacked(size, kept.packed())
    assert again == kept
    assert again.grown(items[size:]) == Frontier().grown(items)
    with pytest.raises(ValueError, match="not the peaks"):
        Frontier.unpacked(size, kept.packed() + b"x")


@pytest.mark.parametrize("size", SIZES[2:])
def test_no_other_history_is_consistent(size: int) -> None:
    items = entries(size)
    new_root = root(items)
    for old in range(1, size):
        found = proof(merkle.consistency_spans(old, size), items)
        other = [*items[: old - 1], b"other"]
        assert not merkle.is_consistent(old, size, root(other), new_root, found)
        assert not merkle.is_consistent(old, size, root(items[:old]), root([*items[:-1], b"other"]), found)
        assert not merkle.is_consistent(old, size, root(items[:old]), new_root, [*found, bytes(32)])
        assert not merkle.is_consistent(old, size, root(items[:old]), new_root, found[:-1])
        for place in range(len(found)):
            damaged = [*found[:place], bytes(32), *found[place + 1 :]]
            assert not merkle.is_consistent(old, size, root(items[:old]), new_root, damaged)


def test_the_ends_of_consistency() -> None:
    items = entries(3)
    empty, whole = Frontier().root, root(items)
    assert merkle.is_consistent(0, 3, empty, whole, [])
    assert not merkle.is_consistent(0, 3, whole, whole, [])
    assert merkle.is_consistent(3, 3, whole, whole, [])
    assert not merkle.is_consistent(3, 3, whole, empty, [])
    assert not merkle.is_consistent(3, 2, whole, whole, [])
    with pytest.raises(ValueError, match="does not grow"):
        merkle.consistency_spans(3, 2)
    with pytest.raises(ValueError, match="no entry"):
        merkle.inclusion_spans(3, 3)
    with pytest.raises(ValueError, match="needs 2"):
        merkle.root_of_inclusion(items[0], 0, 3, [])
