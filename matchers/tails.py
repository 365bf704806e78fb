"""How fast distances of different people become rare towards zero: a generalised Pareto tail (Coles 2001).

Everything is told in distances: a tail begins at a distance and goes down from there.  `excess` is by how much a pair
is nearer than that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matchers import pareto

Numbers = NDArray[np.float64]

SHAPES = (-0.5, 0.5)
"""between which shapes are sought: below, estimates by likelihood are not regular (Smith 1985); above, no distance
that has an end behaves so"""
FITS = 0.93
"""Anderson-Darling statistic up to which a tail fits: its 5 % point with both parameters fitted, simulated for shapes
from -0.5 to 0.2 (0.93 to 1.32; Choulakian and Stephens 2001), the smallest of them"""
HEAVIEST = 0.0
"""shape up to which the tail of near pairs is sought when the nearest have no say: distances end at zero, so theirs is
below 0; with 0.5, a tenth that was left out made the rest fit a tail without an end, which took 75 of 100 people who
were entered twice for chance"""
STARTS = 14
"""starts of the tail that are tried"""
DEEPEST, WIDEST_SHARE, MOST = 100, 0.01, 10_000
"""a tail is fitted to so many pairs at least, to such a share of all at most, and to so many at most: further out its
shape still changes (tried: at a share of 0.05 strangers come near 1.3 times as often as is said, at 0.01 1.1 times)"""


class TooLittle(ValueError):
    """The pairs cannot say anything; the message says why."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What share of pairs lies within a distance that is smaller than `start`."""

    start: float
    rate: float
    """share of pairs within `start`"""
    shape: float
    scale: float
    pairs: int
    """that it was fitted to"""
    misfit: float
    """Anderson-Darling statistic; up to FITS: nothing speaks against it"""

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return self.misfit <= FITS

    def share(self, distances: Numbers) -> Numbers:
        """Of pairs within each of these distances, none of which is larger than `start`."""
        return np.asarray(self.rate * pareto.sf(self.start - distances, self.shape, scale=self.scale))

    def distance(self, share: Numbers) -> Numbers:
        """The distance within which such a share of pairs lies; shares are at most `rate`."""
        return np.asarray(self.start - pareto.isf(share / self.rate, self.shape, scale=self.scale))


def fit(excess: Numbers, weights: Numbers | None = None) -> tuple[float, float]:
    """(shape, scale) of largest likelihood, shapes within SHAPES.

    The likelihood is profiled in shape/scale (Grimshaw 1993), so that one number is sought.  Raises TooLittle for
    fewer than two different values.
    """
    highest, mean = float(excess.max(initial=0.0)), float(np.average(excess, weights=weights)) if len(excess) else 0.0
    if not 0 < mean < highest:
        raise TooLittle("a tail needs two distances that differ")

    def shape(ratio: float) -> float:
        return float(np.average(np.log1p(ratio * excess), weights=weights))

    def misses(ratio: float) -> float:
        if abs(ratio) * mean < 1e-9:
            return float(np.log(mean)) + 1
        return float(np.log(shape(ratio) / ratio)) + shape(ratio)

    least, most = -(1 - 1e-9) / highest, 50 / mean
    exact = 1e-4 / mean
    low = pareto.root(lambda at: shape(at) - SHAPES[0], least, 0, exact) if shape(least) < SHAPES[0] else least
    high = pareto.root(lambda at: shape(at) - SHAPES[1], 0, most, exact) if shape(most) > SHAPES[1] else most
    best = float(pareto.lowest(misses, low, high, 1e-5 / mean).x)
    best = min((low, best, high), key=misses)
    return (shape(best), shape(best) / best) if abs(best) * mean > 1e-9 else (0.0, mean)


def misfit(excess: Numbers, shape: float, scale: float) -> float:
    """Anderson and Darling's A squared of a fitted tail."""
    number = len(excess)
    below = np.clip(pareto.cdf(np.sort(excess), shape, scale=scale), 1e-12, 1 - 1e-12)
    places = 2 * np.arange(1, number + 1) - 1
    return float(-number - np.sum(places * (np.log(below) + np.log1p(-below[::-1]))) / number)


def choose(nearest: Numbers, looked: int, apart: NDArray[np.bool_]) -> Tail:
    """The tail that begins furthest out among those that fit; if none does, the one that misses least.

    `nearest`: distances of the nearest of `looked` pairs, rising.  `apart`: a selection of them in which no two are
    of the same two people, since the test of the fit takes pairs to be independent.  Raises TooLittle if there
    are too few.
    """
    tails = []
    for pairs in np.unique(np.geomspace(_most(nearest, looked, WIDEST_SHARE), DEEPEST, STARTS).astype(int))[::-1]:
        tail = _from(nearest, looked, apart, int(pairs))
        if tail.fits:
            return tail
        tails.append(tail)
    return min(tails, key=lambda tail: tail.misfit)


def _most(nearest: Numbers, looked: int, share: float) -> int:
    """How many pairs a tail may have.  Raises TooLittle."""
    most = min(MOST, int(share * looked), len(nearest) - 1)
    if most < DEEPEST:
        raise TooLittle(f"{len(nearest)} near pairs of {looked} are too few for a tail: {DEEPEST} are needed")
    return most


def _from(nearest: Numbers, looked: int, apart: NDArray[np.bool_], pairs: int) -> Tail:
    start = float(nearest[pairs])
    excess = start - nearest[:pairs]
    shape, scale = fit(excess)
    return Tail(start, pairs / looked, shape, scale, pairs, misfit(excess[apart[:pairs]], shape, scale))


def without_the_nearest(nearest: Numbers, looked: int, left: float = 0.1) -> tuple[Tail, Tail]:
    """Two tails that the nearest tenth of their pairs has no say in, whoever they are: the likeliest, a cautious one.

    Likelihood of excesses given that they are no nearer than the cut, profiled over the shape.  The cautious tail has
    the heaviest of the shapes up to HEAVIEST that the pairs do not speak against (one-sided, 5 %): it rather takes
    near pairs for chance.
    """
    pairs = _most(nearest, looked, WIDEST_SHARE)
    start = float(nearest[pairs])
    cut = float(start - nearest[int(left * pairs)])
    excess = start - nearest[int(left * pairs) : pairs]
    if not 0 < excess.mean() < cut:
        raise TooLittle("the nearest pairs all lie as far apart: are they all of one picture?")
    shapes = np.linspace(SHAPES[0], HEAVIEST, 51)
    found = [_scale_within(excess, cut, float(shape)) for shape in shapes]
    likely = np.array([likelihood for _, likelihood in found])
    heaviest = int(np.nonzero(likely >= likely.max() - HALF_OF_CHI_SQUARE)[0].max())

    def tail(number: int) -> Tail:
        shape, scale = float(shapes[number]), found[number][0]
        rate = len(excess) / looked / float(pareto.cdf(cut, shape, scale=scale))
        return Tail(start, rate, shape, scale, len(excess), 0.0)

    return tail(int(likely.argmax())), tail(heaviest)


HALF_OF_CHI_SQUARE = 1.353
"""by which the logarithm of a likelihood may fall short, one-sided at 5 %: half of 1.645 squared"""


def _scale_within(excess: Numbers, cut: float, shape: float) -> tuple[float, float]:
    """(scale, logarithm of the likelihood) of excesses that are at most `cut`, for one shape."""
    mean = float(excess.mean())

    def misses(logarithm: float) -> float:
        scale = float(np.exp(logarithm))
        within = float(pareto.cdf(cut, shape, scale=scale))
        if abs(shape) < 1e-9:
            return len(excess) * (float(np.log(within)) + logarithm + mean / scale)
        spread = float(np.log1p(shape * excess / scale).mean())
        return len(excess) * (float(np.log(within)) + logarithm + (1 + 1 / shape) * spread)

    least = max(mean / 50, -shape * cut * (1 + 1e-6)) if shape < 0 else mean / 50
    sought = pareto.lowest(misses, float(np.log(least)), float(np.log(mean * 100)))
    return float(np.exp(sought.x)), -float(sought.fun)
