"""The bench of search: both sides see the same vectors, the truth is nobody's, and what is planted is found."""

import shutil
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from lastseen.errors import Failure
from pipeline.bench import drawn, search, search_ours, search_peer
from pipeline.bench.drawn import Shape

SMALL = Shape(rows=20_000, dimension=16, probes=3)


def test_everything_is_measured_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "DIMENSIONS", (16,))
    report = search.run(search.Wish(rows=20_000, tracks=40_000, rounds=1, threads=1, scratch=tmp_path))
    said = report.fields()
    assert said["recall"] == 1
    assert said["in_order"] is True
    assert {"batch_ratio", "single_ratio", "over_product", "peer", "opening_seconds"} <= set(said)
    [size] = report.sizes
    assert [(one.batch, one.peer_recall > 0.99) for one in size.compared] == [(64, True), (1, True)] * 3
    assert report.streamed is not None
    assert [one.tracks for one in report.streamed.sweeps] == [16384, 32768]
    for one in report.streamed.sweeps:
        assert one.found == one.planted > 50
    assert all(len(row) == 4 for row in [*report.rows(), *report.streamed.rows()])


def test_both_sides_draw_the_same() -> None:
    whole = drawn.rows(SMALL)
    assert np.array_equal(np.concatenate(list(drawn.chunks(SMALL))), whole)
    assert np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-6)


def test_the_truth_is_that_of_the_plainest_way() -> None:
    apart = np.array(
        [np.linalg.norm(drawn.rows(SMALL).astype(np.float64) - one, axis=1) for one in drawn.probes(SMALL)]
    )
    within, nearest = search_ours.truth(SMALL, 5)
    probes, near = np.nonzero(apart <= drawn.THRESHOLD)
    assert within == list(zip(near.tolist(), probes.tolist(), strict=True))
    assert len(within) >= 9
    assert nearest == [(row, probe) for probe in range(3) for row in np.argsort(apart[probe])[:5].tolist()]


def test_recall_is_the_part_that_was_found() -> None:
    assert search._recall([(1, 0), (9, 9)], [(1, 0), (2, 0)]) == 0.5
    assert search._recall([], []) == 1


def test_a_disk_that_is_too_small_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9))
    with pytest.raises(Failure, match=r"10,000,000 tracks need 5\.4 GB of disk, 1\.0 GB are free: take fewer"):
        search.run(search.Wish(10_000, 10_000_000, 1, 1, tmp_path))


def test_a_peer_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    search_peer._package.cache_clear()
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(search_peer.PeerMissing, match="install faiss-cpu"):
        search_peer.ready(1)
