"""Which pictures of a track are kept."""

from itertools import pairwise

import numpy as np
import pytest

from extractors.glimpses import Glimpse
from extractors.shots import admit, pose_apart
from lastseen.choices import Choices
from tests.extractors.numbers import FRONTAL, glimpse, yawed

CHOICES = Choices()


def admitted(*shots: Glimpse, choices: Choices = CHOICES) -> list[Glimpse]:
    """The best of a track, in order of time."""
    best: list[Glimpse] = []
    for shot in shots:
        best = admit(best, shot, choices)
    return sorted(best, key=lambda shot: shot.at)


def test_best_shots_are_few_and_apart() -> None:
    best = admitted(*(glimpse(n * 0.2, weight=((n * 37) % 100) / 100) for n in range(100)))
    assert len(best) == CHOICES.best_shots
    assert all(later.at - earlier.at >= CHOICES.apart for earlier, later in pairwise(best))
    assert min(shot.weight for shot in best[:-1]) > 0.8


def test_a_shot_that_passes_its_gates_beats_any_that_does_not() -> None:
    best = admitted(glimpse(0, weight=0.9, gate="turned away"), glimpse(0.1, weight=0.1))
    assert [shot.weight for shot in best] == [0.1]


def test_the_newest_shot_stays_while_it_is_the_newest() -> None:
    choices = Choices(best_shots=3)
    good = [glimpse(n, weight=0.9) for n in range(3)]
    assert admitted(*good, glimpse(3, weight=0.1), choices=choices)[-1].weight == 0.1
    assert [shot.weight for shot in admitted(*good, glimpse(3, weight=0.1), glimpse(4, weight=0.2), choices=choices)][
        1:
    ] == [0.9, 0.2]
    gated = glimpse(3, weight=0.95, gate="turned away")
    assert gated not in admitted(*good, gated, choices=choices)


def test_of_too_many_those_of_another_pose_stay() -> None:
    """Ten of the front, a little better each time, and two from the side that are not as good."""
    front = [glimpse(n, weight=0.5 + n / 100) for n in range(10)]
    side = [glimpse(20 + n, weight=0.4, landmarks=yawed(turn)) for n, turn in enumerate((35, -35))]
    best = admitted(*side, *(glimpse(30 + n, weight=0.5 + n / 100) for n in range(10)))
    assert best[:2] == side
    assert side[0] not in admitted(side[0], *front, choices=Choices(alike_costs=0))


def test_how_far_a_head_turned_is_told_from_its_landmarks() -> None:
    assert pose_apart(FRONTAL, FRONTAL) == pytest.approx(0, abs=1e-3)
    angles = [pose_apart(FRONTAL, yawed(degrees)) for degrees in (10, 20, 40)]
    assert angles == sorted(angles)
    assert angles[1] == pytest.approx(CHOICES.pose_apart, abs=0.03)
    assert pose_apart(yawed(-20), yawed(20)) > 1.5 * angles[1], "left is not right"


def test_place_size_and_roll_are_no_pose() -> None:
    turn = np.array([(0.8, -0.6), (0.6, 0.8)], np.float32)
    assert pose_apart(FRONTAL, (3 * FRONTAL @ turn + 500).astype(np.float32)) == pytest.approx(0, abs=1e-3)
    assert pose_apart(FRONTAL, np.zeros((5, 2), np.float32)) == 1, "points in one place tell nothing"
