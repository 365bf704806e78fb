"""What the benches make of their measurements."""

import math
import time

import numpy as np
import pytest

from lastseen.records import Box
from pipeline.bench import products
from pipeline.bench.matching import Agreement, Scored
from pipeline.bench.pooling import COUNTS, METHODS, Report, Row, tar_at
from pipeline.bench.timing import Spread, timed


def test_ratios_are_taken_pair_by_pair() -> None:
    spread = Spread.of_ratios(over=[100.0, 20.0, 90.0], under=[10.0, 1.0, 3.0])
    assert (spread.least, spread.middle, spread.most) == (10, 20, 30)
    assert spread.told("x") == "20.0x (10.0 - 30.0)"
    assert spread.rounded() == [10, 20, 30]


def test_pairs_that_lack_their_other_half_are_no_ratios() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Spread.of_ratios([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_a_short_call_is_timed_as_the_mean_of_several() -> None:
    calls: list[int] = []

    def call() -> int:
        calls.append(1)
        return len(calls)

    assert timed(call, times=4).made == 4
    assert timed(call).seconds >= 0
    assert len(calls) == 5


def test_a_machine_s_rate_is_that_of_warm_products() -> None:
    """The first one makes threads and memory; timed, it makes the machine look slower than it is."""
    calls: list[float] = []

    def product() -> None:
        calls.append(0.2 if not calls else 0.001)
        time.sleep(calls[-1])

    assert products.rate(product) > products.PRODUCT_FLOP / 0.05
    assert len(calls) == products.REPEATS + 1


def test_detections_are_paired_by_the_largest_overlap() -> None:
    ours = [Scored(Box(0, 0, 10, 10), 1.0), Scored(Box(5, 0, 10, 10), 0.5)]
    theirs = [Scored(Box(5, 0, 10, 9), 0.6), Scored(Box(0, 0, 10, 10), 1.0)]
    agreed = Agreement.of(ours, theirs)
    assert (agreed.faces, agreed.alone) == (2, 0)
    assert agreed.min_iou == pytest.approx(0.9)
    assert agreed.max_score_difference == pytest.approx(0.1)


def test_a_face_that_one_finds_alone_shows() -> None:
    face = Scored(Box(0, 0, 10, 10), 1.0)
    elsewhere = Scored(Box(50, 0, 10, 10), 1.0)
    assert Agreement.of([face], []) == Agreement(1, 1, 0.0, 0.0)
    assert Agreement.of([face], [elsewhere]) == Agreement(2, 2, 0.0, 0.0)
    assert Agreement.of_all([Agreement.of([face], [face]), Agreement.of([], [face])]) == Agreement(2, 1, 0.0, 0.0)
    assert Agreement.of([], []).min_iou == 1


def test_the_threshold_lets_no_more_impostors_in_than_allowed() -> None:
    impostor = [0.5 + number / 100 for number in range(100)]
    assert tar_at([0.4, 0.505, 0.51, 0.9], impostor, fmr=0.01) == pytest.approx(2 / 4)
    assert tar_at([0.4, 0.505, 0.51, 0.9], impostor, fmr=0.02) == pytest.approx(3 / 4)
    assert tar_at([0.4, 0.49, 0.505], impostor, fmr=0.0) == pytest.approx(2 / 3)


def test_a_method_that_cannot_tell_finds_what_it_lets_in() -> None:
    same = np.random.default_rng(0).random(20_000)
    assert math.isclose(tar_at(same[:10_000].tolist(), same[10_000:].tolist(), 0.1), 0.1, abs_tol=0.02)


def test_the_gain_is_that_of_the_longest_tracks() -> None:
    rows = [Row(count, method, 0.5, 0.4, 0.5, 0.0) for count in COUNTS[:-1] for method in METHODS]
    last = zip(METHODS, (0.7, 0.8, 0.9, 0.95, 0.97), strict=True)
    rows += [Row(COUNTS[-1], method, tar, 0.3, 0.6, 0.0) for method, tar in last]
    report = Report("dlib", people=2, faces=2, own_photo_only=2, refused=0.1, rows=tuple(rows))
    assert report.fields()["gain"] == pytest.approx(0.15)
    assert [line[0] for line in report.lines()] == ["1", "3", "5", "8"]
    assert [*report.lines()][-1][-1] == "0.970 0.600 (0.300)"
