"""Intervals and agreement, against figures that others have published."""

import pytest

from matchers.agreement import alpha, interval


@pytest.mark.parametrize(
    ("wrong", "answers", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_an_interval_is_that_of_wilson(wrong: int, answers: int, low: float, high: float) -> None:
    assert interval(wrong, answers) == pytest.approx((low, high), abs=5e-5)


def test_more_wrong_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        interval(3, 2)


def test_alpha_is_that_of_krippendorff() -> None:
    # Krippendorff (2011), example A: two observers, two values, ten units; alpha 0.095
    one, other = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
    assert alpha(list(zip(one, other, strict=True))) == pytest.approx(0.095, abs=5e-4)
    assert alpha([(-3, -3), (2, 2)]) == 1
    worse = alpha([(-3, 3), (3, -3)])
    assert worse is not None and worse < 0


def test_of_too_little_or_of_one_answer_only_nothing_is_said() -> None:
    assert alpha([(1, 2)]) is None
    assert alpha([(2, 2), (2, 2)]) is None
