"""Who becomes a candidate and who is only watched, by the quality of the face."""

import pytest

from lastseen.records import Band, Calibration, Match
from matchers.calibration import published
from matchers.judging import judge, overridden

POOR = Band(0, 0.3, 0.4, ((0.2, 0.001), (0.4, 0.1)))
GOOD = Band(0.5, 0.5, 0.6)
MEASURED = Calibration(7, "engine", (POOR, GOOD))
FOUND = {1: [Match(person, person, distance) for person, distance in enumerate((0.2, 0.35, 0.45, 0.55, 0.65))]}


@pytest.mark.parametrize(("quality", "found", "near"), [(0.2, [0], [1]), (0.5, [0, 1, 2], [3])])
def test_each_face_is_judged_by_its_own_band(quality: float, found: list[int], near: list[int]) -> None:
    judged = judge(FOUND, {1: quality}, MEASURED)
    assert [one.match.person for one in judged.found[1]] == found
    assert [match.person for match in judged.near[1]] == near
    assert judged.calibration == 7


def test_chance_is_told_where_it_was_measured() -> None:
    assert [one.expected_false for one in judge(FOUND, {1: 0.2}, MEASURED).found[1]] == [0.001]
    assert {one.expected_false for one in judge(FOUND, {1: 0.9}, MEASURED).found[1]} == {None}


def test_an_office_s_own_threshold_stands_above_the_calibration_and_changes_nothing_of_chance() -> None:
    judged = judge(FOUND, {1: 0.2}, overridden(MEASURED, 0.5))
    assert [one.match.person for one in judged.found[1]] == [0, 1, 2]
    assert judged.near[1] == ()
    assert judged.found[1][0].expected_false == 0.001
    assert overridden(MEASURED, None) == MEASURED


def test_a_track_without_templates_is_left_out() -> None:
    assert judge(FOUND, {}, published("engine", 0.5, "nothing measured")).found == {}
