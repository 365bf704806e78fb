"""The tail that is fitted is the one that the numbers came from."""

import numpy as np
import pytest
from scipy.stats import genpareto

from matchers import tails
from matchers.tails import TooLittle


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.0, 0.2])
def test_known_parameters_are_found_again_on_average(shape: float) -> None:
    chance = np.random.default_rng(1)
    found = [tails.fit(genpareto.rvs(shape, scale=0.05, size=1000, random_state=chance)) for _ in range(40)]
    shapes, scales = np.array(found).T
    assert shapes.mean() == pytest.approx(shape, abs=0.03)
    assert scales.mean() == pytest.approx(0.05, rel=0.03)


def test_it_is_the_fit_of_scipy() -> None:
    excess = genpareto.rvs(-0.15, scale=0.05, size=3000, random_state=2)
    shape, _, scale = genpareto.fit(excess, floc=0)
    assert tails.fit(excess) == pytest.approx((shape, scale), rel=2e-2)


def test_a_weight_is_as_good_as_so_many_copies() -> None:
    excess = genpareto.rvs(-0.1, scale=0.05, size=400, random_state=3)
    weights = np.random.default_rng(3).integers(0, 4, 400)
    chosen = weights > 0
    weighted = tails.fit(excess[chosen], weights[chosen].astype(float))
    assert weighted == pytest.approx(tails.fit(np.repeat(excess, weights)), rel=1e-3)


def test_the_statistic_takes_a_tail_for_one_and_nothing_else() -> None:
    chance = np.random.default_rng(4)
    rejected = 0
    for _ in range(200):
        excess = genpareto.rvs(-0.1, scale=0.05, size=300, random_state=chance)
        rejected += tails.misfit(excess, *tails.fit(excess)) > tails.FITS
    assert rejected / 200 == pytest.approx(0.06, abs=0.05)
    hump = chance.normal(0.3, 0.05, 300)
    assert tails.misfit(hump, *tails.fit(hump)) > tails.FITS


def near(shape: float, pairs: int = 4000) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Distances below 0.6, rising."""
    return np.sort(0.6 - genpareto.rvs(shape, scale=0.03, size=pairs, random_state=5))


def test_a_chosen_tail_says_what_share_is_how_near() -> None:
    distances, looked = near(-0.1), 400_000
    tail = tails.choose(distances, looked, np.ones(4000, bool))
    assert tail.fits
    assert tail.share(np.array([tail.start])) == pytest.approx(tail.pairs / looked)
    at = np.array([0.5])
    assert tail.share(at)[0] == pytest.approx(0.01 * genpareto.sf(0.1, -0.1, scale=0.03), rel=0.3)
    assert tail.distance(tail.share(at)) == pytest.approx(at)


def test_a_kink_makes_the_tail_begin_further_in() -> None:
    """Further out than 0.5 the pairs are many more than any tail has."""
    inner = 0.5 - genpareto.rvs(-0.1, scale=0.03, size=1000, random_state=6)
    outer = np.random.default_rng(6).uniform(0.5, 0.505, 3000)
    tail = tails.choose(np.sort(np.concatenate((inner, outer))), 400_000, np.ones(4000, bool))
    assert tail.fits
    assert tail.start <= 0.5005


def test_a_few_very_near_pairs_do_not_pull_the_cautious_tail() -> None:
    distances = near(-0.1)
    pulled = np.sort(np.concatenate((np.full(80, 0.1), distances[:-80])))
    clean, dirty = (tails.without_the_nearest(values, 400_000)[0] for values in (distances, pulled))
    assert abs(dirty.shape - clean.shape) <= 0.1
    assert tails.fit(0.6 - pulled)[0] > clean.shape + 0.15, "and without the caution it would be"


@pytest.mark.parametrize("excess", [np.array([]), np.array([0.1]), np.full(5, 0.1), np.zeros(5)])
def test_nothing_is_made_of_nothing(excess: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    with pytest.raises(TooLittle):
        tails.fit(excess)


def test_few_pairs_are_refused_with_their_number() -> None:
    with pytest.raises(TooLittle, match="of 5000 are too few"):
        tails.choose(near(-0.1)[:60], 5000, np.ones(60, bool))
