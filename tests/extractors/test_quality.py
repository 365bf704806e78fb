"""What a picture of a face is worth, and what is asked of it."""

from dataclasses import replace

import numpy as np
import pytest

from extractors.quality import badge, refusal, sharpness, weight
from lastseen.choices import Choices, Gates
from lastseen.records import Badge, Quality
from tests.extractors.numbers import Numbers

ENGINE, CHOICES = Numbers(), Choices()
GOOD = Quality(80, 1, 50, 0.1)


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        (Quality(40, 1, 50, 0), ""),
        (Quality(31, 1, 50, 0), "face 31 px wide, 32 needed"),
        (Quality(40, 0.05, 50, 0), "detector score 0.05, 0.10 needed"),
        (Quality(40, 1, 1.7, 0), "sharpness 1.7, 2.2 needed"),
        (Quality(40, 1, 50, 1), "turned away 1.00, at most 0.95 allowed"),
    ],
)
def test_each_gate_names_its_value_and_its_need(quality: Quality, reason: str) -> None:
    assert refusal(CHOICES.gates, quality, ENGINE) == reason


def test_the_register_asks_for_more_than_a_search() -> None:
    for field in ("min_width", "min_score_part", "min_sharpness"):
        assert getattr(CHOICES.register_gates, field) > getattr(CHOICES.gates, field)
    assert CHOICES.register_gates.max_pose < CHOICES.gates.max_pose


def test_a_gate_may_ask_for_a_surer_detection() -> None:
    strict = Gates(min_score_part=0.2)
    assert refusal(strict, Quality(40, 0.15, 50, 0), ENGINE) == "detector score 0.15, 0.20 needed"
    assert refusal(strict, Quality(40, 0.25, 50, 0), ENGINE) == ""


@pytest.mark.parametrize(("field", "worse"), [("width", 40), ("score", 0.5), ("sharpness", 20), ("pose", 0.9)])
def test_a_worse_picture_weighs_less(field: str, worse: float) -> None:
    poor = replace(GOOD, **{field: worse})
    assert 0 < weight(poor, ENGINE, CHOICES) < weight(GOOD, ENGINE, CHOICES) < 1


def test_what_the_engine_makes_of_a_picture_counts_squared() -> None:
    assert weight(replace(GOOD, norm=0.5), ENGINE, CHOICES) == pytest.approx(weight(GOOD, ENGINE, CHOICES) / 4)
    assert weight(replace(GOOD, norm=1.0), ENGINE, CHOICES) == weight(GOOD, ENGINE, CHOICES)


def test_sharpness_falls_with_blur() -> None:
    rough = np.random.default_rng(1).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    smooth = (rough // 4 + np.roll(rough, 1, 0) // 4 + np.roll(rough, 1, 1) // 4 + 60).astype(np.uint8)
    assert sharpness(rough) > 2 * sharpness(smooth) > 0
    assert sharpness(np.full((32, 32, 3), 7, np.uint8)) == 0


def test_sharpness_is_the_variance_of_the_grey_picture_s_laplacian_without_its_edge() -> None:
    chip = np.random.default_rng(2).integers(0, 255, (9, 12, 3)).astype(np.uint8)
    grey = chip @ np.array([0.299, 0.587, 0.114])
    inside = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, 8)
        for x in range(1, 11)
    ]
    assert sharpness(chip) == pytest.approx(np.var(inside), rel=1e-5)


@pytest.mark.parametrize(
    ("field", "good", "usable", "poor"),
    [
        ("width", 112, 111, 79),
        ("score", 0.6, 0.59, 0.39),
        ("sharpness", 26, 25, 11),
        ("pose", 0.35, 0.36, 0.56),
        ("norm", 0.5, 0.49, 0.24),
    ],
)
def test_a_photo_is_as_good_as_the_worst_of_what_was_measured(
    field: str, good: float, usable: float, poor: float
) -> None:
    best = Quality(300, 1, 200, 0, 1)
    badges = [badge(replace(best, **{field: value}), ENGINE) for value in (good, usable, poor)]
    assert badges == [Badge.GOOD, Badge.USABLE, Badge.POOR]
    assert badge(replace(best, norm=None), ENGINE) is Badge.GOOD


def test_the_gates_of_the_register_let_in_what_is_poor_and_no_less() -> None:
    gates = CHOICES.register_gates
    hardly = Quality(gates.min_width, gates.min_score_part, gates.min_sharpness, gates.max_pose)
    assert refusal(gates, hardly, ENGINE) == ""
    assert badge(hardly, ENGINE) is Badge.POOR
