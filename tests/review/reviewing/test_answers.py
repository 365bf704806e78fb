"""The two forms of a review, without pages: what is read, and what must be there before it is taken."""

import pytest

from lastseen.judging import Compared, Comparison, Feature
from review.reviewing.answers import (
    LONGEST_NOTE,
    Lack,
    answered,
    described,
    fields,
    form_of,
    lacks,
    lacks_of_description,
    visible,
)

NOSE_SIMILAR = {"feature.nose": "similar"}
NOSE_DIFFERENT = {"feature.nose": "different"}
EARS_DIFFERENT = {"feature.ears": "different"}


def test_a_description_says_of_each_feature_whether_it_is_visible() -> None:
    description = described({"visible.ears": "on", "note.ears": " left one only ", "seen": "dark"})
    assert visible(description) == {Feature.EARS}
    assert description["features"]["ears"] == {"visible": True, "note": "left one only"}  # type: ignore[index]  # as JSON
    assert set(description["features"]) == set(Feature)  # type: ignore[call-overload]  # as JSON
    assert lacks_of_description(description) == []


def test_a_description_of_nothing_says_why() -> None:
    assert lacks_of_description(described({})) == [Lack.NOTHING_NOTED]
    assert lacks_of_description(described({"seen": "a hand before the face"})) == []


@pytest.mark.parametrize("description", [{}, {"features": 3}, {"features": {"ears": {}}}])
def test_a_description_of_another_shape_shows_nothing_as_visible(description: dict[str, object]) -> None:
    assert visible(description) == frozenset()


def test_a_draft_keeps_our_own_fields_and_no_others() -> None:
    form = {"note.ears": "x" * 1000, "answer": "3", "feature.soul": "similar", "visible.ears": "", "evil": "1"}
    assert fields(form) == {"note.ears": "x" * LONGEST_NOTE, "answer": "3"}


@pytest.mark.parametrize(
    ("form", "lacking"),
    [
        ({}, [Lack.NO_ANSWER]),
        ({"answer": "4"}, [Lack.NO_ANSWER]),
        ({"answer": " 3"}, [Lack.NO_ANSWER]),
        ({"answer": "0"}, []),
        ({"answer": "1"}, []),
        ({"answer": "none"}, [Lack.NO_REASON]),
        ({"answer": "none", "reason": "  "}, [Lack.NO_REASON]),
        ({"answer": "none", "reason": "blurred"}, []),
        ({"answer": "-2"}, [Lack.NO_DIFFERENCE]),
        ({"answer": "-3", **NOSE_SIMILAR}, [Lack.NO_DIFFERENCE]),
        ({"answer": "-3", **NOSE_DIFFERENT}, []),
        ({"answer": "2"}, [Lack.NOT_ALL]),
        ({"answer": "3", **NOSE_SIMILAR}, []),
        ({"answer": "3", **NOSE_DIFFERENT}, []),
        ({"answer": "-2", **EARS_DIFFERENT}, []),
        ({"answer": "-1", **EARS_DIFFERENT}, [Lack.EXCLUDED]),
        ({"answer": "0", **EARS_DIFFERENT, "explained.ears": " "}, [Lack.EXCLUDED]),
        ({"answer": "0", **EARS_DIFFERENT, "explained.ears": "a helmet folds it"}, []),
        ({"answer": "none", "reason": "blurred", **EARS_DIFFERENT}, [Lack.EXCLUDED]),
    ],
)
def test_what_stands_against_an_answer(form: dict[str, str], lacking: list[Lack]) -> None:
    assert lacks(answered(form), frozenset({Feature.NOSE})) == lacking


def test_an_answer_reads_each_line() -> None:
    given = answered({"answer": "-2", "note.ears": "lobe", "explained.ears": "", **EARS_DIFFERENT})
    assert given.features == (Compared(Feature.EARS, Comparison.DIFFERENT, "lobe", ""),)
    assert (given.given, given.value) == (True, -2)


@pytest.mark.parametrize("value", [-3, 0, 3, None])
def test_an_answer_that_is_taken_back_stands_in_the_form_as_it_was_given(value: int | None) -> None:
    features = {"ears": {"comparison": "different", "note": "lobe", "explained": "helmet"}}
    form = form_of(value, "why", features)
    given = answered(form)
    assert (given.value, given.reason) == (value, "why")
    assert given.features == (Compared(Feature.EARS, Comparison.DIFFERENT, "lobe", "helmet"),)
