"""How often chance comes as near, in words."""

import pytest

from lastseen.chance import UNKNOWN, said, short


@pytest.mark.parametrize(
    ("expected", "sentence", "column"),
    [
        (1 / 4180, "one in 4,200 strangers' faces comes this near", "1 in 4,200"),
        (0.075, "one in 13 strangers' faces comes this near", "1 in 13"),
        (0.4, "about 0.4 people of this register come this near", "0.4 a face"),
        (3.04, "about 3 people of this register come this near", "3 a face"),
        (0.0, "one in 1,000,000,000,000 strangers' faces", "1 in 1,000,000,000,000"),
    ],
)
def test_it_is_said_as_one_in_so_many_faces(expected: float, sentence: str, column: str) -> None:
    assert sentence in said(expected)
    assert short(expected) == column


def test_it_is_said_how_often_that_is_where_the_faces_of_a_day_are_known() -> None:
    assert said(1 / 4000, 120).endswith("; with 120 faces a day, about once in 33 days")
    assert said(0.5, 120).endswith("about 60 times a day")
    assert "a day" not in said(0.5)


def test_without_a_calibration_nothing_is_claimed() -> None:
    assert said(None, 120) == UNKNOWN
    assert short(None) == "not known"
    assert "%" not in said(0.01)
