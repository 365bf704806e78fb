"""Nothing is lost to the rounding of products: vectors made to lose digits, and pairs right at the threshold."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from lastseen.records import Vectors
from matchers import products
from matchers.products import Pairs, nearest, within

Exact = NDArray[np.float64]
EDGES = 1.0, 1 - 1e-15, 1 + 1e-15, 1 - 1e-7, 1 + 1e-7
"""parts of a pair's own distance that are taken as the threshold"""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "MOST_ROWS", 16)
    monkeypatch.setattr(products, "COLUMNS", 7)
    monkeypatch.setattr(products, "SHARE", 1)


def distances(rows: Vectors, probes: Vectors) -> Exact:
    """The plainest way to write it: (rows, probes)."""
    return np.array([np.linalg.norm(rows.astype(np.float64) - probe, axis=1) for probe in probes]).T


def hard(seed: int, dimensions: int) -> Iterator[tuple[str, Vectors, Vectors]]:
    """Rows and probes whose products round badly."""
    random = np.random.default_rng(seed)
    near = random.normal(size=(60, dimensions))
    probes = near[:11] + random.normal(size=(11, dimensions)) * 0.05
    spread = 10.0 ** random.uniform(-6, 6, size=(1, dimensions))
    yield "plain", near.astype(np.float32), probes.astype(np.float32)
    yield "far from zero", (near + 4000).astype(np.float32), (probes + 4000).astype(np.float32)
    yield "of many magnitudes", (near * spread).astype(np.float32), (probes * spread).astype(np.float32)
    yield "tiny", (near * 1e-21).astype(np.float32), (probes * 1e-21).astype(np.float32)
    yield "denormal", (near * 1e-41).astype(np.float32), (probes * 1e-41).astype(np.float32)
    yield "huge", (near * 1e13).astype(np.float32), (probes * 1e13).astype(np.float32)
    opposite = np.where(np.arange(dimensions) % 2, 1e6, -1e6)
    yield "of sums that cancel", (near + opposite).astype(np.float32), (probes - opposite[::-1]).astype(np.float32)
    unit = near / np.linalg.norm(near, axis=1, keepdims=True)
    yield "of length 1", unit.astype(np.float32), unit[:11].astype(np.float32)
    lone = near.copy()
    lone[3] *= 1e12
    yield "one of them far out", lone.astype(np.float32), probes.astype(np.float32)
    yield "twins", np.repeat(near[:5], 12, axis=0).astype(np.float32), near[:5].astype(np.float32)


def as_set(pairs: Pairs) -> set[tuple[int, int, float]]:
    return set(zip(*(column.tolist() for column in pairs), strict=True))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dimensions", [1, 5, 128, 512])
def test_no_pair_right_at_the_threshold_is_lost_and_none_beyond_it_is_found(seed: int, dimensions: int) -> None:
    random = np.random.default_rng(seed)
    for what, rows, probes in hard(seed, dimensions):
        apart = distances(rows, probes)
        for edge in EDGES:
            threshold = float(random.choice(apart.ravel())) * edge
            wanted = {
                (row, probe, apart[row, probe]) for row, probe in zip(*np.nonzero(apart <= threshold), strict=True)
            }
            for few in (1, 4, 11):
                found = as_set(within(rows, probes[:few], threshold, threads=2))
                assert found == {pair for pair in wanted if pair[1] < few}, (what, threshold, few)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dimensions", [1, 5, 128, 512])
@pytest.mark.parametrize("count", [1, 5, 70])
def test_the_nearest_are_those_of_the_plain_way_in_its_order(seed: int, dimensions: int, count: int) -> None:
    for what, rows, probes in hard(seed, dimensions):
        apart = distances(rows, probes)
        for few in (1, 11):
            found = nearest(rows, probes[:few], count, threads=2)
            order = [
                np.lexsort((np.arange(len(rows)), apart[:, probe]))[:count] for probe in range(min(few, len(probes)))
            ]
            assert found.rows.tolist() == np.concatenate(order).tolist(), what
            assert found.probes.tolist() == np.repeat(np.arange(len(order)), len(order[0])).tolist()
            assert found.distances.tolist() == apart[found.rows, found.probes].tolist()


def test_the_margin_is_what_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it pairs are lost: these vectors are as hard as they are meant to be."""
    monkeypatch.setattr(products, "ROUNDING", 0.0)
    lost = set()
    for seed in range(4):
        for what, rows, probes in hard(seed, 128):
            apart = distances(rows, probes)
            for threshold in np.sort(apart.ravel())[5:200:20].tolist():
                lost |= {what} if len(within(rows, probes, threshold).rows) < (apart <= threshold).sum() else set()
    assert lost >= {"far from zero", "of many magnitudes", "of sums that cancel", "of length 1", "twins"}


def test_a_threshold_without_end_finds_all_and_a_negative_one_nothing() -> None:
    rows, probes = np.ones((40, 3), np.float32), np.zeros((2, 3), np.float32)
    assert len(within(rows, probes, np.inf).rows) == 80
    assert len(within(rows, probes, -2.0).rows) == 0
    assert len(nearest(rows, probes, 0).rows) == 0


def test_linear_algebra_has_all_its_threads_again_after_a_search() -> None:
    def threads() -> list[int]:
        return [library["num_threads"] for library in products._controller().info()]

    before = threads()
    rows = np.ones((64, 3), np.float32)
    within(rows, rows, 1.0, threads=4)
    assert threads() == before
