"""The register's photos beside each other: points on a line stand for faces."""

from collections.abc import Sequence

import numpy as np
import pytest

from lastseen.records import Band, Calibration, Finding, FindingKind, Gallery
from matchers import photos
from matchers.photos import Limits

LIMITS = Limits(same=0.4, alike=0.5, apart=0.65)
APART, TWICE, ALIKE = FindingKind

Photo = tuple[int, int, float]
"""person, photo, place"""


def register(held: Sequence[Photo]) -> Gallery:
    vectors = np.array([[place, 0.0] for _, _, place in held], np.float32).reshape(-1, 2)
    return Gallery(tuple(person for person, _, _ in held), tuple(photo for _, photo, _ in held), vectors)


def found(person: int, *held: Photo) -> list[tuple[object, ...]]:
    return [
        (one.kind, one.person, one.photo, one.other_person, one.other_photo, round(one.distance, 3), one.bound)
        for one in photos.check(person, register(held), LIMITS)
    ]


def test_photos_that_agree_are_no_finding() -> None:
    assert found(1, (1, 10, 0.0), (1, 11, 0.3), (2, 20, 5.0)) == []


def test_a_photo_is_held_against_the_nearest_of_its_entry() -> None:
    """A face that ages from photo to photo agrees with each next one, though the first and last lie far apart."""
    assert found(1, (1, 10, 0.0), (1, 11, 0.6), (1, 12, 1.2)) == []
    assert found(1, (1, 10, 0.0), (1, 11, 0.6), (1, 12, 1.3)) == [(APART, 1, 12, 1, 11, 0.7, 0.65)]


def test_of_two_photos_that_do_not_agree_nobody_knows_which_is_wrong() -> None:
    assert [said[2] for said in found(1, (1, 10, 0.0), (1, 11, 2.0))] == [10, 11]


def test_a_photo_that_is_alone_agrees() -> None:
    assert found(1, (1, 10, 0.0)) == []


def test_several_templates_of_one_photo_do_not_vouch_for_it() -> None:
    held = (1, 10, 0.0), (1, 10, 0.1), (1, 11, 3.0)
    assert [said[2:5] for said in found(1, *held)] == [(10, 1, 11), (11, 1, 10)]


@pytest.mark.parametrize(
    ("place", "kind", "bound"), [(0.39, TWICE, 0.4), (0.41, ALIKE, 0.5), (0.0, TWICE, 0.4), (0.51, None, None)]
)
def test_how_near_another_entry_is_says_what_it_may_be(place: float, kind: object, bound: float) -> None:
    said = found(2, (1, 10, 0.0), (2, 20, place))
    assert said == ([(kind, 1, 10, 2, 20, place, bound)] if kind else [])


def test_of_two_entries_the_nearest_pair_is_told_from_both_sides() -> None:
    held = (1, 10, 0.0), (1, 11, 0.2), (2, 20, 0.5), (2, 21, 0.4), (3, 30, 9.0)
    assert found(1, *held) == found(2, *held) == [(TWICE, 1, 11, 2, 21, 0.2, 0.4)]
    assert found(3, *held) == []


def test_of_equally_near_pairs_the_lower_ids_are_told_from_both_sides() -> None:
    held = (1, 11, 0.0), (1, 10, 0.0), (2, 21, 0.25), (2, 20, 0.25)
    assert found(1, *held) == found(2, *held) == [(TWICE, 1, 10, 2, 20, 0.25, 0.4)]


def test_somebody_without_a_photo_has_no_findings() -> None:
    assert found(7, (1, 10, 0.0)) == found(7) == []


def test_a_thousand_people_are_looked_at_exactly() -> None:
    """Against the plain way of doing it."""
    made = np.random.default_rng(6)
    vectors = made.normal(size=(1000, 16)).astype(np.float32) / np.float32(4)
    people = np.arange(1000) // 2
    gallery = Gallery(tuple(map(int, people)), tuple(range(1000)), vectors)
    given = Limits(0.7, 0.9, 1.2)
    for person in (0, 250, 499):
        mine, others = vectors[people == person].astype(np.float64), people != person
        distances = np.linalg.norm(mine[:, None] - vectors[None], axis=2).min(axis=0)
        near = {int(other): distances[people == other].min() for other in set(people[others & (distances <= 0.9)])}
        told = {
            one.person + one.other_person - person: one.distance
            for one in photos.check(person, gallery, given)
            if one.kind is not APART
        }
        assert told == pytest.approx(near)


# --- limits ------------------------------------------------------------------------------------------------

CURVE = ((0.2, 0.0001), (0.3, 0.01), (0.4, 0.1), (0.5, 10.0))


def calibrated(*bands: Band) -> Calibration:
    return Calibration(1, "engine", bands)


def test_what_was_measured_holds_in_its_best_band() -> None:
    poor, good = Band(0, 0.3, 0.35, ((0.1, 5.0),)), Band(0.5, 0.45, 0.5, CURVE)
    given = photos.limits(calibrated(poor, good), 0.6, 0.65)
    assert [given.same, given.alike, given.apart] == pytest.approx([0.3, 0.4, 0.65])


def test_nothing_lies_beyond_the_threshold() -> None:
    given = photos.limits(calibrated(Band(0, 0.25, 0.3, CURVE)), 0.6, 0.65)
    assert [given.same, given.alike] == pytest.approx([0.25, 0.25])


def test_where_even_the_beginning_of_the_curve_is_too_much_it_is_as_far_as_one_goes() -> None:
    assert photos.farthest(Band(0, 0.45, 0.5, CURVE), 1e-6) == pytest.approx(0.2)


@pytest.mark.parametrize("calibration", [None, calibrated(Band(0, 0.3, 0.35))])
def test_without_a_measurement_the_published_figure_holds(calibration: Calibration | None) -> None:
    assert photos.limits(calibration, 0.5, 0.65) == Limits(0.4, 0.5, 0.65)


def test_a_finding_names_what_it_was_compared_with() -> None:
    (only,) = photos.check(1, register([(1, 10, 0.0), (2, 20, 0.0)]), LIMITS)
    assert only == Finding(TWICE, 1, 10, 2, 20, 0.0, 0.4)
