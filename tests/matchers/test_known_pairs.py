"""Which photos make a known pair: points on a line stand for faces."""

from collections.abc import Collection, Sequence

import numpy as np

from lastseen.records import Gallery
from matchers import known_pairs
from matchers.known_pairs import Bounds

BOUNDS = Bounds(alike=0.5, apart=0.9)

Photo = tuple[int, int, float]
"""person, photo, place"""


def register(held: Sequence[Photo]) -> Gallery:
    vectors = np.array([[place, 0.0] for _, _, place in held], np.float32).reshape(-1, 2)
    return Gallery(tuple(person for person, _, _ in held), tuple(photo for _, photo, _ in held), vectors)


def genuine(*held: Photo, odd: Collection[int] = ()) -> list[tuple[int, int, int, float]]:
    found = known_pairs.genuine(register(held), BOUNDS, odd)
    assert all(pair.genuine for pair in found)
    return [(pair.probe, pair.person, pair.photo, round(pair.distance, 3)) for pair in found]


def strangers(
    *held: Photo, apart: Collection[tuple[int, int]] = (), odd: Collection[int] = ()
) -> list[tuple[int, int, int, float]]:
    found = known_pairs.strangers(register(held), BOUNDS, apart, 0, odd)
    assert not any(pair.genuine for pair in found)
    return [(pair.probe, pair.person, pair.photo, round(pair.distance, 3)) for pair in found]


def test_two_pictures_of_one_person_make_a_pair_and_one_picture_twice_does_not() -> None:
    assert genuine((1, 10, 0.0), (1, 11, 0.4)) == [(10, 1, 11, 0.4), (11, 1, 10, 0.4)]
    assert genuine((1, 10, 0.0), (1, 11, 0.1)) == []  # the same, cut anew
    assert genuine((1, 10, 0.0)) == []
    # The third photo shows what the first does: whoever sees it beside the first knows.
    assert genuine((1, 10, 0.0), (1, 11, 0.4), (1, 12, 0.05)) == [(11, 1, 12, 0.35)]


def test_of_a_photo_that_may_be_somebody_else_nothing_is_known() -> None:
    assert genuine((1, 10, 0.0), (1, 11, 1.0)) == []
    assert genuine((1, 10, 0.0), (1, 11, 0.4), odd=[11]) == []


def test_the_hard_ones_come_first_and_few_of_one_person() -> None:
    easy, hard = [(1, 10, 0.0), (1, 11, 0.25)], [(2, 20, 5.0), (2, 21, 5.45)]
    assert [pair[1] for pair in genuine(*easy, *hard)] == [2, 2, 1, 1]
    assert len(genuine((1, 10, 0.0), (1, 11, 0.3), (1, 12, 0.6), (1, 13, 0.9))) == known_pairs.A_PERSON


def test_a_stranger_is_the_nearest_who_is_not_too_near() -> None:
    held = [(1, 10, 0.0), (2, 20, 0.4), (3, 30, 0.6), (4, 40, 2.0)]
    found = {probe: (person, photo, distance) for probe, person, photo, distance in strangers(*held)}
    assert found[10] == (3, 30, 0.6)  # 2 is so near that it may be a relative, or the same
    assert found[40] == (3, 30, 1.4)
    assert found[20] == (4, 40, 1.6)  # 1 and 3 are too near to it


def test_whoever_is_near_with_any_photo_is_no_stranger() -> None:
    held = [(1, 10, 0.0), (2, 20, 0.6), (2, 21, 0.3), (3, 30, 1.5)]
    assert (10, 3, 30, 1.5) in strangers(*held)


def test_ties_and_doubts_leave_people_out() -> None:
    held = [(1, 10, 0.0), (2, 20, 0.6), (3, 30, 1.5)]
    assert (10, 2, 20, 0.6) in strangers(*held)
    assert (10, 3, 30, 1.5) in strangers(*held, apart=[(1, 2)])
    assert all(probe != 10 for probe, *_ in strangers(*held, odd=[10]))
    assert strangers((1, 10, 0.0)) == []
    assert strangers() == []


def test_rows_of_one_person_need_not_stand_together() -> None:
    held = [(2, 20, 0.6), (1, 10, 0.0), (2, 21, 0.55), (1, 11, 0.2)]
    whose = {20: 2, 21: 2, 10: 1, 11: 1, 30: 3}
    assert all(whose[probe] != person for probe, person, _, _ in strangers(*held, (3, 30, 9.0)))
