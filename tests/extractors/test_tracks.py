"""Following faces: with an engine of numbers, so that each rule is seen on its own."""

from collections.abc import Sequence
from fractions import Fraction

import pytest

from extractors.boxes import overlap
from extractors.crops import Cropped
from extractors.faces.protocol import Engine
from extractors.glimpses import Glimpse
from extractors.tracks import Tracker
from lastseen.choices import Choices
from lastseen.records import Box, Track
from tests.extractors.numbers import Numbers, glimpse

CHOICES = Choices()


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


def follow(engine: Engine, *pictures: Sequence[Glimpse] | str) -> list[Track]:
    """All tracks of a run of pictures; a string is a cut."""
    tracker, done = Tracker(engine, CHOICES), []
    done += tracker.cut()
    for seen in pictures:
        if isinstance(seen, str):
            done += tracker.cut()
        elif seen:
            done += tracker.see(seen[0].at, seen, lambda _: Cropped(b"crop"))
    return sorted([*done, *tracker.cut()], key=lambda track: track.ordinal)


def test_a_face_that_stays_is_one_track(numbers: Numbers) -> None:
    (track,) = follow(numbers, [glimpse(0)], [glimpse(0.5, 110)], [glimpse(1, 120)])
    assert (track.start_ms, track.end_ms, len(track.faces), track.gate) == (0, 1000, 3, "")
    assert [shot.crop for shot in track.best_shots] == [b"crop"] * 3
    assert [template.kind for template in track.templates] == ["pooled", "best", "best-2", "best-3"]
    assert numbers.batches == [3], "the best shots of a track are embedded in one batch"


def test_tracks_that_end_together_are_embedded_in_one_batch(numbers: Numbers) -> None:
    """A crowd before a cut: one by one they cost five times as much."""
    crowd = [[glimpse(at, 90 * n) for n in range(40)] for at in (0, 0.5)]
    tracks = follow(numbers, *crowd)
    assert [bool(track.templates) for track in tracks] == [True] * 40
    assert numbers.batches == [80]


def test_two_faces_side_by_side_stay_apart(numbers: Numbers) -> None:
    tracks = follow(numbers, [glimpse(0, 0), glimpse(0, 90)], [glimpse(0.5, 95), glimpse(0.5, 5)])
    assert [[face.box.x for face in track.faces] for track in tracks] == [[0, 5], [90, 95]]


def test_no_track_crosses_a_cut(numbers: Numbers) -> None:
    tracks = follow(numbers, [glimpse(0)], "cut", [glimpse(0.1)])
    assert [track.shot for track in tracks] == [0, 1]


def test_a_gap_of_a_second_is_bridged_and_a_longer_one_is_not(numbers: Numbers) -> None:
    assert len(follow(numbers, [glimpse(0)], [glimpse(1)])) == 1
    assert len(follow(numbers, [glimpse(0)], [glimpse(1.04)])) == 2


def test_one_who_moved_far_is_known_by_likeness(numbers: Numbers) -> None:
    assert len(follow(numbers, [glimpse(0, 0, (1, 1))], [glimpse(0.5, 400, (2, 1))])) == 1
    assert len(follow(numbers, [glimpse(0, 0, (1, 1))], [glimpse(0.5, 400, (9, 1))])) == 2


def test_likeness_is_not_asked_where_place_tells(numbers: Numbers) -> None:
    follow(numbers, [glimpse(0)], [glimpse(0.5)], [glimpse(1)])
    assert len(numbers.batches) == 1


def test_a_gated_face_is_kept_and_not_searched(numbers: Numbers) -> None:
    small = glimpse(0, width=28, gate="face 28 px wide, 32 needed")
    (track,) = follow(numbers, [small])
    assert (track.templates, track.gate) == ((), "face 28 px wide, 32 needed")
    assert len(track.best_shots) == 1
    assert numbers.batches == []


def test_a_tiny_face_is_counted_without_a_picture(numbers: Numbers) -> None:
    (track,) = follow(numbers, [glimpse(0, width=20, gate="face 20 px wide, 32 needed")])
    assert track.best_shots == ()
    assert track.gate == "face 20 px wide, 24 needed to keep a picture"
    assert len(track.faces) == 1


def test_one_good_shot_makes_a_track_searchable(numbers: Numbers) -> None:
    (track,) = follow(numbers, [glimpse(0, gate="blurred", who=(9, 9))], [glimpse(0.5, who=(1, 1))])
    assert track.gate == ""
    assert [template.vector for template in track.templates] == [pytest.approx((0.1, 0.1))] * 2


def test_overlap_is_the_share_of_both_boxes_that_they_have_in_common() -> None:
    assert overlap(Box(0, 0, 10, 10), Box(0, 0, 10, 10)) == 1
    assert overlap(Box(0, 0, 10, 10), Box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 10, 10), Box(20, 20, 10, 10)) == 0
    assert overlap(Box(0, 0, 0, 0), Box(0, 0, 0, 0)) == 0


ANNA, BOHDAN = (1, 1), (9, 9)


def test_a_doubtful_place_is_checked_by_likeness(numbers: Numbers) -> None:
    assert len(follow(numbers, [glimpse(0, 100, ANNA)], [glimpse(0.5, 130, ANNA)])) == 1
    assert len(follow(numbers, [glimpse(0, 100, ANNA)], [glimpse(0.5, 130, BOHDAN)])) == 2, "little overlap"
    assert len(follow(numbers, [glimpse(0, 100, ANNA)], [glimpse(0.9, 100, BOHDAN)])) == 2, "a gap"
    assert len(follow(numbers, [glimpse(0, 100, ANNA, width=50)], [glimpse(0.5, 100, BOHDAN, width=85)])) == 2, "size"


def test_where_a_vector_would_tell_nothing_place_is_believed(numbers: Numbers) -> None:
    assert len(follow(numbers, [glimpse(0, 100, ANNA, gate="blurred")], [glimpse(0.5, 130, BOHDAN)])) == 1
    assert numbers.batches == [1], "the one that passed, at the end"


def test_a_dissolve_divides_a_track_and_each_part_keeps_its_own(numbers: Numbers) -> None:
    pictures = [[glimpse(n / 2, who=ANNA if n < 3 else BOHDAN)] for n in range(6)]
    one, other = follow(numbers, *pictures)
    assert [(part.start_ms, part.end_ms, len(part.faces)) for part in (one, other)] == [(0, 1000, 3), (1500, 2500, 3)]
    assert [len(part.best_shots) for part in (one, other)] == [3, 3]
    assert [part.templates[0].vector for part in (one, other)] == [pytest.approx((0.1, 0.1)), pytest.approx((0.9, 0.9))]
    assert numbers.batches == [6]


def test_whoever_takes_the_place_in_a_long_track_is_noticed(numbers: Numbers) -> None:
    """Twenty seconds of good pictures, then ten of worse ones of somebody else, in the same place."""
    first = [[glimpse(n / 2, who=ANNA, weight=0.9)] for n in range(40)]
    then = [[glimpse(20 + n / 2, who=BOHDAN, weight=0.3)] for n in range(20)]
    one, other = follow(numbers, *first, *then)
    assert 20_000 <= other.start_ms <= 24_000
    assert (one.end_ms < other.start_ms, other.end_ms) == (True, 29_500)
    assert other.templates[0].vector == pytest.approx((0.9, 0.9))
    assert sum(numbers.batches) < 30


def test_who_comes_last_and_briefly_is_not_lost(numbers: Numbers) -> None:
    first = [[glimpse(n / 2, who=ANNA, weight=0.9)] for n in range(40)]
    *_, last = follow(numbers, *first, [glimpse(20, who=BOHDAN, weight=0.3)])
    assert last.templates[0].vector == pytest.approx((0.9, 0.9))


def test_a_picture_that_is_the_same_extends_what_was_on_the_screen(numbers: Numbers) -> None:
    tracker = Tracker(numbers, CHOICES)
    tracker.cut()
    tracker.see(Fraction(0), [glimpse(0, 0), glimpse(0, 300)], lambda _: Cropped(b""))
    tracker.see(Fraction(1, 2), [glimpse(0.5, 0)], lambda _: Cropped(b""))
    ended = [track for n in (2, 3, 4) for track in tracker.same(Fraction(n, 2))]
    assert [(track.faces[0].box.x, track.end_ms) for track in ended] == [(300, 0)], "it was not on the screen any more"
    (track,) = tracker.cut()
    assert [face.at_ms for face in track.faces] == [0, 500, 1000, 1500, 2000]
    assert len(track.best_shots) == 2


def test_who_is_outside_of_a_partial_look_is_not_missing(numbers: Numbers) -> None:
    """A new face in the place that is looked at is not taken for the one who is elsewhere."""
    tracker = Tracker(numbers, CHOICES)
    tracker.cut()
    tracker.see(Fraction(0), [glimpse(0, 0, ANNA)], lambda _: Cropped(b""))
    tracker.see(Fraction(1, 5), [glimpse(0.2, 400, ANNA)], lambda _: Cropped(b""), whole=False)
    assert len(tracker.open) == 2
    tracker.same(Fraction(1, 2))
    assert [len(track.faces) for track in tracker.cut()] == [2, 2], "both go on"


def test_another_look_at_the_same_picture_adds_nobody_twice(numbers: Numbers) -> None:
    tracker = Tracker(numbers, CHOICES)
    tracker.cut()
    tracker.see(Fraction(0), [glimpse(0, 0)], lambda _: Cropped(b""))
    tracker.see(Fraction(0), [glimpse(0, 2), glimpse(0, 300)], lambda _: Cropped(b""), whole=False)
    assert [len(track.faces) for track in tracker.cut()] == [1, 1]


@pytest.mark.parametrize("every", [0.04, 0.2, 1.0])
def test_pictures_may_be_any_time_apart(numbers: Numbers, every: float) -> None:
    (track,) = follow(numbers, *([glimpse(n * every, 100 + n)] for n in range(20)))
    assert len(track.faces) == 20
