"""One face or two: by when and where in the picture tracks were seen."""

import time
from random import Random

import pytest

from storage.same_face import Overlap, Seen, any_pair, at_once, looks, same_footage, same_place

WIDE, HIGH = 640, 360
WHOLE = Overlap(0, 10_000, 0, 10_000)


def seen(track: int, x: float, y: float = 0.4, size: float = 0.1, *, start: int = 0, end: int = 2000) -> Seen:
    """A face with its middle at (x, y), looked at every half second."""
    box = (x - size / 2, y - size / 2, size, size)
    return Seen(track, 1, start, end, tuple((at, *box) for at in range(start, end + 1, 500)))


def changed(one: Seen, scale: float, right: float, down: float, *, later: int = 0, track: int = 0) -> Seen:
    """The same face after the footage was scaled and moved."""
    moved = tuple(
        (at + later, x * scale + right, y * scale + down, w * scale, h * scale) for at, x, y, w, h in one.looks
    )
    return Seen(track or one.track + 10, 2, one.start_ms + later, one.end_ms + later, moved)


def test_places_are_kept_as_shares_of_the_picture() -> None:
    assert looks([(500, 64, 36, 128, 72, 0.9), (0, 0, 0, 640, 360, 0.9)], WIDE, HIGH) == (
        (0, 0, 0, 1, 1), (500, 0.1, 0.1, 0.2, 0.2),
    )  # fmt: skip


def test_one_face_is_found_again_though_another_detector_draws_it_larger() -> None:
    assert same_place(seen(1, 0.5), seen(2, 0.51, size=0.14))
    assert not same_place(seen(1, 0.5), seen(2, 0.62))


def test_a_face_in_the_same_place_at_another_time_is_another() -> None:
    later = seen(2, 0.5, start=5000, end=7000)
    assert not same_place(seen(1, 0.5), later)
    assert not any_pair([seen(1, 0.5)], [later])
    assert at_once(seen(1, 0.5), seen(2, 0.5, start=2000, end=3000))


def test_without_places_nobody_is_the_same() -> None:
    assert not same_place(Seen(1, 1, 0, 1000, ()), seen(2, 0.5))


ROW = [seen(1, 0.2), seen(2, 0.32), seen(3, 0.44)]
"""three people side by side, nearer to each other than a crop may move them"""
CHANGES = {
    "as it is": (1.0, 0.0, 0.0),
    "a tenth cut off at the left": (1 / 0.9, -0.1 / 0.9, 0.0),
    "a tenth cut off all around": (1 / 0.9, -0.05 / 0.9, -0.05 / 0.9),
    "a border around it": (0.9, 0.05, 0.05),
}


@pytest.mark.parametrize("how", CHANGES)
def test_each_face_of_a_row_is_found_in_a_repost_and_no_neighbour_is_taken_for_it(how: str) -> None:
    there = [changed(one, *CHANGES[how]) for one in ROW]
    found = [[same_footage(one, ROW, other, there, WHOLE) for other in there] for one in ROW]
    assert found == [[True, False, False], [False, True, False], [False, False, True]]


def test_a_face_of_another_size_in_that_place_is_another() -> None:
    one, larger = seen(1, 0.5), seen(11, 0.5, size=0.2)
    assert not same_footage(one, [one], larger, [larger], WHOLE)


def test_mirrored_footage_is_held_against_its_mirror_image() -> None:
    there = [
        Seen(one.track + 10, 2, 0, 2000, tuple((at, 1 - x - w, y, w, h) for at, x, y, w, h in one.looks)) for one in ROW
    ]
    mirrored = Overlap(0, 10_000, 0, 10_000, mirrored=True)
    assert all(same_footage(one, ROW, other, there, mirrored) for one, other in zip(ROW, there, strict=True))
    assert not same_footage(ROW[0], ROW, there[0], there, WHOLE)


def test_a_moment_is_carried_over_to_the_other_clock_at_its_pace() -> None:
    faster = Overlap(1000, 12_000, 0, 10_000)
    assert faster.over(1000) == 0
    assert faster.over(12_000) == 10_000
    assert faster.turned().over(faster.over(4300)) == pytest.approx(4300)
    there = changed(seen(1, 0.5, start=6000, end=8000), 1, 0, 0, later=-6000 + 4545)
    assert same_footage(seen(1, 0.5, start=6000, end=8000), [], there, [there], faster)
    assert not same_footage(seen(1, 0.5), [], there, [there], faster), "another moment of the footage"


def test_what_is_outside_the_stretch_is_no_footage_of_the_other_file() -> None:
    there = changed(seen(1, 0.5), 1, 0, 0)
    assert not same_footage(seen(1, 0.5), [], there, [there], Overlap(5000, 9000, 0, 4000))


def test_where_only_one_of_two_neighbours_was_seen_nothing_is_said_unless_it_is_clear() -> None:
    one = seen(1, 0.3)
    near, middle, far = seen(11, 0.31), seen(12, 0.37), seen(13, 0.42)
    assert same_footage(one, [one], near, [near, far], WHOLE)
    assert not same_footage(one, [one], middle, [middle, far], WHOLE)


def test_whoever_stood_beside_a_face_is_not_taken_for_it_where_only_one_of_the_two_is_seen_again() -> None:
    ours, again = [seen(1, 0.3), seen(2, 0.38)], seen(12, 0.37)
    assert not same_footage(ours[0], ours, again, [again], WHOLE)
    assert same_footage(ours[1], ours, again, [again], WHOLE)


def test_a_face_that_the_other_analysis_cut_into_two_tracks_is_both_of_them() -> None:
    one = seen(1, 0.3, end=6000)
    halves = [seen(11, 0.31, end=2500), seen(12, 0.31, start=3000, end=6000)]
    assert all(same_footage(one, [one], half, halves, WHOLE) for half in halves)


def test_far_from_its_place_it_is_another_if_nobody_beside_it_moved_along() -> None:
    ours, there = [seen(1, 0.2), seen(2, 0.7)], seen(11, 0.33)
    assert not same_footage(ours[0], ours, there, [there], WHOLE)
    assert same_footage(ours[0], ours[:1], there, [there], WHOLE), "alone, it may have been cropped"


def test_a_crowd_that_is_seen_for_minutes_is_told_apart_at_once() -> None:
    drawn = Random(1)
    crowd = [seen(n, drawn.random(), drawn.random(), 0.05, end=60_000) for n in range(120)]
    there = [changed(one, 1 / 0.9, -0.05 / 0.9, -0.05 / 0.9, track=one.track + 1000) for one in crowd]
    began = time.process_time()
    assert same_footage(crowd[100], crowd, there[100], there, Overlap(0, 200_000, 0, 200_000))
    assert not same_footage(crowd[100], crowd, there[99], there, Overlap(0, 200_000, 0, 200_000))
    assert time.process_time() - began < 3, "it takes a fifth of that"
