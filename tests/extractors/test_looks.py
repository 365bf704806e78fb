"""How closely pictures are looked at, with an engine whose findings depend on the pixels that it is shown."""

from fractions import Fraction

import pytest

from extractors.frames import Picture
from extractors.looks import Looker, merged, scale_for
from lastseen.choices import Choices
from lastseen.records import Pixels
from tests.extractors.squares import SMALLEST, engine, squares

WIDE = (1280, 720)
CHOICES = Choices(look_pixels=640 * 360, closer_pixels=1280 * 720, closer_look_every=3, closer_look_in_shot=1.5)
QUICK_MISSES = 60
"""px: half as wide in a quick look at WIDE, which is under SMALLEST"""


def at(seconds: float, pixels: Pixels) -> Picture:
    return Picture(Fraction(seconds), pixels, between=False)


def test_a_large_face_is_met_by_quick_looks_that_see_few_pixels() -> None:
    joined, detector = engine()
    looker = Looker(joined, CHOICES)
    scene = squares(WIDE, (100, 100, 200))
    for second in (0.0, 0.5, 1.0):
        (face,) = looker.look(at(second, scene)).faces
        assert face.box.width == pytest.approx(200, abs=3)
        assert face.box.x == pytest.approx(100, abs=3)
    assert detector.shown == [1280 * 720, 640 * 360, 640 * 360], "the first picture of a shot is looked at closely"


def test_a_small_face_is_met_by_a_closer_look_and_then_followed_where_it_is() -> None:
    joined, detector = engine()
    looker = Looker(joined, CHOICES)
    for step in range(6):
        left = 600 + 20 * step
        (face,) = looker.look(at(step / 2, squares(WIDE, (left, 300, QUICK_MISSES)))).faces
        assert face.box.x == pytest.approx(left, abs=2)
        assert face.landmarks[0][0] == pytest.approx(left + 0.3 * QUICK_MISSES, abs=2)
    assert max(detector.shown[2::2]) <= (3 * QUICK_MISSES + 1) ** 2, "and nowhere else"


def test_a_small_face_that_comes_later_waits_for_the_next_closer_look() -> None:
    looker = Looker(engine()[0], CHOICES)
    looker.look(at(0, squares(WIDE)))
    small = squares(WIDE, (600, 300, QUICK_MISSES))
    assert looker.look(at(0.5, small)).faces == ()
    assert len(looker.look(at(3, small)).faces) == 1


def test_a_cut_forgets_places_and_brings_the_next_closer_look_sooner() -> None:
    looker = Looker(engine()[0], CHOICES)
    looker.look(at(0, squares(WIDE, (600, 300, QUICK_MISSES))))
    assert looker.places
    looker.cut()
    assert not looker.places
    after = squares(WIDE, (20, 30, QUICK_MISSES))
    assert looker.look(at(0.5, after)).faces == (), "a film of nothing but cuts is not looked at closely all the time"
    assert len(looker.look(at(1.5, after)).faces) == 1


@pytest.mark.parametrize(
    ("size", "width", "shown"),
    [
        ((1920, 1080), SMALLEST + 2, 1920 * 1080),  # as it is
        ((3840, 2160), 2 * SMALLEST + 2, 1920 * 1080),  # shrunk
        ((1200, 675), 0.94 * SMALLEST + 2, 1280 * 720),  # enlarged
        ((640, 360), 0.8 * SMALLEST + 1, 800 * 450),  # enlarged no further than the least face needs
    ],
)
def test_a_closer_look_sees_a_picture_as_it_is_or_enlarged(size: tuple[int, int], width: float, shown: int) -> None:
    joined, detector = engine()
    side = round(width)
    (face,) = Looker(joined, Choices()).look(at(0, squares(size, (200, 100, side)))).faces
    assert face.box.width == pytest.approx(side, abs=2)
    assert detector.shown == [shown]


def test_a_face_seen_by_both_looks_counts_once() -> None:
    looker = Looker(engine()[0], CHOICES)
    scene = squares(WIDE, (600, 300, QUICK_MISSES), (700, 300, 100))
    for second in (0.0, 0.5):
        assert len(looker.look(at(second, scene)).faces) == 2


def test_a_picture_between_is_looked_at_only_where_it_is_asked() -> None:
    joined, detector = engine()
    looker = Looker(joined, CHOICES)
    scene = squares(WIDE, (600, 300, 100), (50, 50, 100))
    places = [face.box for face in looker.look(at(0, scene)).faces if face.box.x > 500]
    seen = looker.look_between(Picture(Fraction(1, 6), scene, between=True), places)
    assert not seen.everywhere
    assert [round(face.box.x) for face in seen.faces] == [600]
    assert detector.shown[-1] < 100_000


def test_a_small_picture_is_enlarged_until_the_least_face_can_be_found() -> None:
    joined, _ = engine()
    scene = squares((320, 180), (40, 40, 33))
    assert scale_for(scene, joined, 32, CHOICES.look_pixels) == pytest.approx(SMALLEST / 32)
    (face,) = Looker(joined, CHOICES).look(at(0, scene)).faces
    assert face.box.width == pytest.approx(33, abs=2)


def test_of_two_detections_of_one_face_the_first_stays() -> None:
    joined, _ = engine()
    (face,) = joined.detect([squares((200, 200), (50, 50, 80))])[0]
    assert merged([face], [face]) == (face,)
    assert merged((), [face, face]) == (face,)


def test_places_outside_a_picture_that_has_become_smaller_are_passed_over() -> None:
    joined, _ = engine()
    looker = Looker(joined, CHOICES)
    place = joined.detect([squares(WIDE, (1100, 600, 100))])[0][0].box
    seen = looker.look_between(Picture(Fraction(1, 6), squares((320, 180)), between=True), [place])
    assert seen.faces == ()


def test_a_face_that_is_too_dear_to_follow_does_not_hide_a_smaller_one() -> None:
    looker = Looker(engine()[0], Choices(look_pixels=200 * 200, closer_pixels=1280 * 720))
    scene = squares(WIDE, (100, 100, 120), (700, 300, 45))
    for second in (0.0, 0.5):
        looked = looker.look(at(second, scene))
    assert 45 in [round(face.box.width) for face in looked.faces]


def test_a_still_shot_says_when_it_must_be_looked_at_closely() -> None:
    looker = Looker(engine()[0], CHOICES)
    looker.look(at(0, squares(WIDE)))
    assert looker.closer_due() is None
    looker.cut()
    looker.look(at(0.5, squares(WIDE)))
    assert looker.closer_due() == Fraction(3, 2)
