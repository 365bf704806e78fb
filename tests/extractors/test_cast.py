"""Whose tracks are one face across cuts."""

from dataclasses import replace

import pytest

from extractors.cast import links
from lastseen.choices import Choices
from lastseen.records import CastLink, Template, Track
from tests.extractors.numbers import Numbers

ENGINE, CHOICES = Numbers(), Choices()
"""linked are tracks at most 0.4 apart"""


def track(ordinal: int, place: float, shot: int | None = None, quality: float = 0.5, at: int = 0) -> Track:
    """A track of a second in its own shot, unless said otherwise."""
    made = (Template("pooled", (place, 0.0), quality), Template("best", (place, 0.0), 0.5))
    return Track(ordinal, ordinal if shot is None else shot, at, at + 1000, (), (), made)


def linked(*tracks: Track, choices: Choices = CHOICES) -> list[tuple[int, int]]:
    return [(link.one, link.other) for link in links(tracks, ENGINE, choices)]


def test_tracks_of_one_face_are_linked_and_others_are_not() -> None:
    assert links([track(0, 0), track(1, 5), track(2, 0.25)], ENGINE, CHOICES) == (CastLink(0, 2, 0.25),)


def test_a_poor_third_shot_keeps_nobody_out() -> None:
    poor = Template("best-2", (0.0, 0.0), CHOICES.cast_quality / 2)
    one, other = (replace(made, templates=(*made.templates, poor)) for made in (track(0, 0), track(1, 0.1)))
    assert linked(one, other) == [(0, 1)]


def test_n_tracks_have_one_link_less() -> None:
    assert sorted(linked(track(0, 0), track(1, 0.1), track(2, 0.15))) == [(0, 1), (1, 2)]


def test_a_chain_joins_nobody() -> None:
    assert linked(track(0, 0), track(1, 0.3), track(2, 0.5)) == [(1, 2)]


def test_two_on_the_screen_at_once_are_two_even_through_a_third() -> None:
    side_by_side = track(0, 0, shot=0), track(1, 0.01, shot=0)
    assert linked(*side_by_side) == []
    assert len(linked(*side_by_side, track(2, 0.005))) == 1
    assert linked(track(0, 0, shot=0), track(1, 0.01, shot=0, at=2000)) == [(0, 1)], "one after the other"


@pytest.mark.parametrize("quality", [0.14, 0.0])
def test_a_poor_track_is_never_linked(quality: float) -> None:
    assert linked(track(0, 0, quality=quality), track(1, 0)) == []


def test_a_track_that_is_not_searched_is_never_linked() -> None:
    gated = Track(1, 1, 0, 1000, (), (), (), "blurred")
    assert linked(track(0, 0), gated) == []
    assert linked() == []


def test_of_very_many_tracks_the_best_are_linked() -> None:
    tracks = [track(0, 0), track(1, 0, quality=0.3), track(2, 0)]
    assert linked(*tracks, choices=Choices(cast_tracks=2)) == [(0, 2)]
