"""Rectangles: what is done with many of them is what is done with one."""

import numpy as np
import pytest

from extractors.boxes import edges, meeting, overlap, overlaps
from lastseen.records import Box

CHANCE = np.random.default_rng(5)
MANY = [Box(*map(float, row)) for row in CHANCE.uniform(1, 40, (60, 4))]


def test_overlaps_of_many() -> None:
    found = overlaps(MANY[:20], MANY[20:])
    one_by_one = [[overlap(box, other) for other in MANY[20:]] for box in MANY[:20]]
    assert found == pytest.approx(np.array(one_by_one), abs=1e-12)
    assert overlaps([], MANY).shape == (0, 60)
    assert overlaps([Box(3, 3, 0, 0)], [Box(3, 3, 0, 0)]).tolist() == [[0.0]]


def test_which_ones_meet_a_rectangle() -> None:
    here = MANY[0]
    assert meeting(edges(MANY), here) == [n for n, box in enumerate(MANY) if overlap(box, here) > 0]
    assert meeting(edges([]), here) == []
    assert meeting(edges([Box(0, 0, 10, 10)]), Box(10, 0, 10, 10)) == [], "an edge is nothing"
