"""From shots to templates, and to the people that they show."""

import numpy as np
import pytest

from extractors.glimpses import Glimpse, embed
from extractors.templates import people, templates
from lastseen.choices import Choices
from tests.extractors.numbers import Directions, Numbers, glimpse

CHOICES = Choices()
ANNA, BOHDAN = (10, 10), (20, 20)
"""1.4 apart; the engine's threshold is 0.5"""


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


def shots(*who: tuple[int, int]) -> list[Glimpse]:
    return [glimpse(n, who=one) for n, one in enumerate(who)]


def runs(numbers: Numbers, *who: tuple[int, int]) -> list[int]:
    """How many shots in a row are one person's."""
    return [len(run) for run in people(shots(*who), numbers, CHOICES)]


def test_a_stranger_among_the_shots_is_left_out_of_the_mean(numbers: Numbers) -> None:
    pooled, best, *others = templates(shots((10, 0), (10, 1), (90, 90), (10, 2)), numbers, CHOICES)
    assert pooled.vector == pytest.approx((1.0, 0.1))
    assert best.kind == "best"
    assert [one.vector for one in others] == [pytest.approx((1.0, 0.1)), pytest.approx((1.0, 0.2))], "nor searched"
    assert 0 < pooled.quality <= 1


def test_the_mean_is_weighted_by_quality(numbers: Numbers) -> None:
    made = [glimpse(0, who=(10, 0), weight=0.75), glimpse(1, who=(14, 0), weight=0.25)]
    pooled, best, other = templates(made, numbers, CHOICES)
    assert pooled.vector == pytest.approx((1.1, 0.0), abs=1e-4)
    assert pooled.quality == pytest.approx(0.75 * 0.75 + 0.25 * 0.25, abs=1e-4)
    assert best.vector == pytest.approx((1.0, 0.0))
    assert best.quality == 0.75
    assert other.vector == pytest.approx((1.4, 0.0))


def test_the_best_shots_are_searched_on_their_own_as_many_as_are_chosen(numbers: Numbers) -> None:
    made = [glimpse(n, who=(10, n), weight=weight) for n, weight in enumerate((0.3, 0.5, 0.2, 0.4))]
    singles = [(one.kind, one.quality) for one in templates(made, numbers, CHOICES)[1:]]
    assert singles == [("best", 0.5), ("best-2", 0.4), ("best-3", 0.3)]
    assert [one.kind for one in templates(made, numbers, Choices(singles=1))] == ["pooled", "best"]


def test_of_two_that_disagree_the_better_is_believed(numbers: Numbers) -> None:
    made = [glimpse(0, who=ANNA, weight=0.2), glimpse(1, who=BOHDAN, weight=0.8)]
    assert [template.vector for template in templates(made, numbers, CHOICES)] == [pytest.approx((2.0, 2.0))] * 2


def test_no_shots_make_no_templates(numbers: Numbers) -> None:
    assert templates([], numbers, CHOICES) == ()
    assert numbers.batches == []


def test_a_vectors_length_counts_once_where_it_tells_the_quality() -> None:
    """Two directions, the first of full length, the second of a half: 1 and 1/4 is what they weigh."""
    engine = Directions()
    made = [glimpse(0, who=(100, 0)), glimpse(1, who=(48, 14))]
    pooled, best, _ = templates(made, engine, Choices(agrees=9))
    expected = np.average([(1, 0), (0.96, 0.28)], axis=0, weights=(1, 0.25))
    assert pooled.vector == pytest.approx(tuple(expected / np.linalg.norm(expected)), abs=1e-4)
    assert best.vector == pytest.approx((1, 0))
    assert [shot.quality.norm for shot in made] == [pytest.approx(1), pytest.approx(0.5)]
    assert made[1].weight < made[0].weight


def test_vectors_are_made_once(numbers: Numbers) -> None:
    made = shots(ANNA, ANNA)
    assert embed(made, numbers, CHOICES).shape == (2, 2)
    people(made, numbers, CHOICES)
    templates(made, numbers, CHOICES)
    assert numbers.batches == [2]
    assert embed([], numbers, CHOICES).shape == (0, 2)


def test_one_person_is_one_run(numbers: Numbers) -> None:
    assert runs(numbers) == [0]
    assert runs(numbers, ANNA) == [1]
    assert runs(numbers, ANNA, (11, 10), (12, 10), (14, 11)) == [4]


def test_where_another_face_took_its_place_a_run_ends(numbers: Numbers) -> None:
    assert runs(numbers, ANNA, ANNA, ANNA, BOHDAN, BOHDAN) == [3, 2]
    assert runs(numbers, ANNA, ANNA, (15, 15), BOHDAN, BOHDAN) in ([2, 3], [3, 2]), "halfway through a dissolve"
    assert runs(numbers, ANNA, ANNA, BOHDAN, BOHDAN, ANNA, ANNA) == [2, 2, 2]


def test_a_single_shot_is_somebody_only_at_an_end_and_far_away(numbers: Numbers) -> None:
    assert runs(numbers, ANNA, ANNA, ANNA, BOHDAN) == [3, 1]
    assert runs(numbers, BOHDAN, ANNA, ANNA, ANNA) == [1, 3]
    assert runs(numbers, ANNA, ANNA, BOHDAN, ANNA) == [4]
    assert runs(numbers, ANNA, ANNA, ANNA, (15, 15)) == [4], "0.7 apart: it may be a bad picture"


def test_shots_that_are_all_unlike_each_other_are_left_together(numbers: Numbers) -> None:
    assert runs(numbers, (0, 0), (7, 0), (3, 6)) == [3]
