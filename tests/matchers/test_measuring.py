"""What a calibration says of registers whose distribution is known."""

from dataclasses import replace

import numpy as np
import pytest

from lastseen.records import Calibration
from matchers import cohort, measuring
from matchers.calibration import band_of, expected_false
from matchers.impostors import Sample
from matchers.measuring import Found, Tracks, Wish
from matchers.tails import TooLittle
from tests.matchers.registers import SPREAD, WORLDS, entered_twice, gaussian, gaussian_share, register, strangers

PUBLISHED = 0.5
WISH = Wish(1000, 20)
PEOPLE = 900


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals need many, these tests few."""
    monkeypatch.setattr(measuring, "REPEATS", 20)


def measured(world: str = "gaussian", people: int = PEOPLE, seed: int = 0, wish: Wish = WISH) -> Found:
    sample, kin = register(WORLDS[world], people, seed)
    return measuring.measure(sample, kin, None, wish, PUBLISHED)


@pytest.mark.parametrize("seed", range(2))
def test_the_threshold_lets_as_many_strangers_pass_as_is_said(seed: int) -> None:
    found = measured(people=2000, seed=seed)
    assert len(found.bands) == 3
    for band in found.bands:
        assert band.tail.fits
        happens = 2000 * float(gaussian_share(np.array([band.band.threshold]))[0])
        assert 1 / 2.5 < happens / WISH.a_search < 2.5
        assert expected_false(band.band, band.band.threshold) == pytest.approx(WISH.a_search, rel=1e-3)


def test_intervals_hold_what_happens() -> None:
    held = []
    for seed in range(8):
        found = measured(people=400, seed=seed, wish=Wish(1000, 100)).bands[0]
        distances = [distance for distance, _ in found.band.curve]
        at = found.band.threshold
        low, high = (float(np.interp(at, distances, ends)) for ends in (found.low, found.high))
        held.append(low <= 400 * float(gaussian_share(np.array([at]))[0]) <= high)
    assert sum(held) >= 6


def test_a_larger_register_and_a_smaller_wish_lower_the_threshold() -> None:
    thresholds = [measured(people=people).bands[0].band.threshold for people in (400, 2500)]
    assert thresholds[1] < thresholds[0]
    wishes = [measured(wish=Wish(1000, accepted)).bands[0].band.threshold for accepted in (2, 20, 200)]
    assert wishes == sorted(set(wishes))
    busy = [measured(wish=Wish(tracks, 20)).bands[0].band.threshold for tracks in (100, 10_000)]
    assert busy[1] < busy[0]


def test_curves_rise_and_the_watch_band_lies_beyond_the_threshold() -> None:
    for band in (found.band for found in measured("wolves").bands):
        distances, people = zip(*band.curve, strict=True)
        assert list(distances) == sorted(set(distances))
        assert list(people) == sorted(set(people))
        assert distances[0] <= band.threshold < band.watch <= distances[-1]


def test_a_wish_that_the_pairs_do_not_carry_ends_where_they_do_and_says_so() -> None:
    (band,) = measured(people=400, wish=Wish(1_000_000, 1)).bands
    assert not band.carried
    assert band.band.threshold == band.band.curve[0][0]
    assert band.band.curve[0][1] == pytest.approx(400 * 0.1 / band.looked)
    generous = measured(people=400, wish=Wish(1, 1000)).bands[0]
    assert expected_false(generous.band, generous.band.threshold) == pytest.approx(measuring.MOST_FALSE, rel=1e-3)
    assert measured(people=400, wish=Wish(0, 20)).bands[0].band.threshold == generous.band.threshold


def test_ties_are_left_out_and_what_looks_like_one_is_named() -> None:
    """Of one person entered twice, a threshold that lets nobody pass would come."""
    sample, _ = register(replace(WORLDS["gaussian"], entered_twice=0.01), PEOPLE, 5)
    twins = {(number + 1, PEOPLE - 9 + number + 1) for number in range(9)}
    found = measuring.measure(sample, [], None, WISH, PUBLISHED)
    named = {(one, other) for one, other, _ in found.suspects.pairs}
    assert twins <= named
    assert len(named - twins) <= 2
    declared = measuring.measure(sample, sorted(twins), None, WISH, PUBLISHED)
    assert not twins & {(one, other) for one, other, _ in declared.suspects.pairs}
    assert declared.tied == 9
    for one, other in zip(found.bands, declared.bands, strict=True):
        assert one.band.threshold == pytest.approx(other.band.threshold, abs=0.02)


def test_of_people_with_several_photos_each_two_count_once() -> None:
    """When each photo counted for itself, none of these was noticed."""
    world = WORLDS["photos, kin, twins"]
    sample, kin = register(world, 2000, 602)
    found = measuring.measure(sample, kin, None, WISH, PUBLISHED)
    named = {(one, other) for one, other, _ in found.suspects.pairs}
    assert len(entered_twice(world, 2000) - named) <= 2
    assert len(named - entered_twice(world, 2000)) <= 5


def test_a_second_copy_of_every_photo_clumps_nobody() -> None:
    sample, _ = register(WORLDS["gaussian"], 400, 3)
    doubled = sample.of(np.repeat(np.arange(400), 2))
    once, twice = (measuring.measure(one, [], None, WISH, PUBLISHED) for one in (sample, doubled))
    assert twice.clumping == pytest.approx(once.clumping, rel=0.3)


def test_nobody_is_named_where_nobody_is_there_twice() -> None:
    assert sum(len(measured(people=500, seed=seed).suspects.pairs) > 0 for seed in range(5)) <= 1


def test_a_face_that_resembles_everyone_is_named_and_not_left_out() -> None:
    sample, _ = register(WORLDS["gaussian"], PEOPLE, 6)
    vectors = sample.vectors.copy()
    vectors[:20] *= 0.4
    vectors[0] *= 0.1
    found = measuring.measure(Sample(sample.owners, sample.qualities, vectors), [], None, WISH, PUBLISHED)
    assert found.suspects.alike[0][0] == 1
    assert found.clumping > 10 > measured().clumping
    assert not [pair for pair in found.suspects.pairs if 1 in pair[:2]]


def kept(files: int = 40, templates: int = 1, quality: float = 0.2, scale: float = 1.0) -> Tracks:
    """Tracks of strangers, ten a file."""
    new = strangers(WORLDS["gaussian"], files * 10, 77)
    owners = np.repeat(new.owners, templates)
    noise = np.random.default_rng(7).normal(size=(len(owners), new.vectors.shape[1])) * 0.03 * (templates > 1)
    vectors = (new.vectors[owners] * scale + noise).astype(np.float32)
    return Tracks(Sample(owners, np.full(len(owners), quality), vectors), owners // 10)


@pytest.mark.parametrize(("tracks", "more"), [(kept(), False), (kept(templates=4), True), (kept(scale=0.9), True)])
def test_tracks_say_how_they_differ_from_photos(tracks: Tracks, more: bool) -> None:
    sample, _ = register(WORLDS["gaussian"], PEOPLE, 8)
    alone = measuring.measure(sample, [], None, WISH, PUBLISHED)
    found = measuring.measure(sample, [], tracks, WISH, PUBLISHED)
    lowest = found.bands[0]
    assert lowest.ratio.tracks == 400
    assert lowest.share == 1
    assert (lowest.ratio.low > 1) == more
    assert lowest.ratio.low < lowest.ratio.at < lowest.ratio.high
    assert not more or lowest.band.threshold < alone.bands[0].band.threshold
    assert [band.ratio.tracks for band in found.bands[1:]] == [0, 0]
    assert found.bands[1].band == alone.bands[1].band


def test_few_tracks_say_nothing() -> None:
    sample, _ = register(WORLDS["gaussian"], PEOPLE, 8)
    found = measuring.measure(sample, [], kept(files=measuring.FEWEST_FILES - 1), WISH, PUBLISHED)
    assert found.bands[0].ratio.tracks == 0


def test_bands_are_found_by_quality() -> None:
    bands = tuple(found.band for found in measured().bands)
    for number, band in enumerate(bands):
        assert band_of(Calibration(1, "e", bands), band.least + 1e-9) == bands[number]


@pytest.mark.parametrize("people", [0, 1, measuring.FEWEST_PEOPLE - 1])
def test_a_small_register_says_nothing_and_how_many_are_needed(people: int) -> None:
    with pytest.raises(TooLittle, match=rf"{people} people .* 300 are needed"):
        measured(people=people)


def test_a_register_of_one_picture_says_nothing() -> None:
    same = Sample(np.arange(400), np.ones(400), np.ones((400, 8), np.float32))
    with pytest.raises(TooLittle):
        measuring.measure(same, [], None, WISH, PUBLISHED)


def test_a_number_that_is_none_is_refused() -> None:
    sample, _ = register(WORLDS["gaussian"], 400, 0)
    sample.vectors[7, 7] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        measuring.measure(sample, [], None, WISH, PUBLISHED)


@pytest.mark.parametrize("wish", [Wish(10, 0), Wish(10, -1), Wish(-1, 5), Wish(np.nan, 5), Wish(10, np.inf)])
def test_a_wish_that_is_none_is_refused(wish: Wish) -> None:
    with pytest.raises(ValueError, match="a day must be a number"):
        measured(people=400, wish=wish)


# --- cohort ------------------------------------------------------------------------------------------------


def with_two_photos(spread_of_scale: float) -> Sample:
    """People with two photos each, some of whom lie near the middle."""
    chance = np.random.default_rng(9)
    people = gaussian(chance, 500) * np.exp(chance.normal(size=500) * spread_of_scale)[:, None]
    owners = np.repeat(np.arange(500), 2)
    photos = people[owners] + chance.normal(size=(1000, people.shape[1])) * SPREAD * 0.6
    return Sample(owners, np.ones(1000), photos.astype(np.float32))


def test_allowing_for_faces_that_resemble_everyone_helps_where_some_do_and_not_elsewhere() -> None:
    uneven, even = (cohort.measure(with_two_photos(spread), frozenset()) for spread in (0.3, 0.0))
    assert uneven and even
    assert uneven.both_sides.helps
    assert uneven.both_sides.low <= uneven.both_sides.at <= uneven.both_sides.high
    assert not even.register_side.helps
    assert not even.both_sides.helps


def test_without_people_who_have_several_photos_it_is_not_measured() -> None:
    sample, _ = register(WORLDS["gaussian"], 400, 0)
    assert cohort.measure(sample, frozenset()) is None
