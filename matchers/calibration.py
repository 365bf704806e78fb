"""What a distance is worth: the threshold of a search, and how many strangers come as near by chance."""

import math
from bisect import bisect_left, bisect_right

from lastseen.records import Band, Calibration

WATCHED = 1.1
"""times the threshold: how far the watch band reaches where nothing was measured"""
CLUMPED = 1e-6
WATCHED_MORE = 10.0
"""times the people that are expected by chance within the threshold: how far the watch band reaches where it was"""


def published(engine: str, threshold: float, why: str) -> Calibration:
    """What holds until something was measured: one band, the engine's own figure, and no idea of chance."""
    return Calibration(None, engine, (Band(0, threshold, threshold * WATCHED),), why)


def band_of(calibration: Calibration, quality: float) -> Band:
    """The band that a probe of this quality belongs to."""
    place = bisect_right([band.least for band in calibration.bands], quality)
    return calibration.bands[max(0, place - 1)]


def widest(calibration: Calibration) -> float:
    """The largest distance that means anything to any probe: what a search has to look up to."""
    return max(band.watch for band in calibration.bands)


def fpir(expected: float, clumping: float) -> float:
    """Share of strangers' searches that find somebody, where so many people are expected on average.

    `clumping`: variance of what is expected between strangers, over its square; 0: 1 - (1 - p)^n.  Some faces resemble
    many, and one search that finds three people is one search (gamma-distributed expectations: negative binomial).
    """
    return -math.expm1(-expected if clumping < CLUMPED else -math.log1p(expected * clumping) / clumping)


def expected_false(band: Band, distance: float) -> float | None:
    """How many people of the register come within `distance` of a stranger by chance; None: not known.

    Between two points of the curve it is interpolated in the logarithm; outside, the nearest point holds.
    """
    if not band.curve:
        return None
    places = [point[0] for point in band.curve]
    at = bisect_left(places, distance)
    if at in (0, len(places)):
        return band.curve[min(at, len(places) - 1)][1]
    (near, low), (far, high) = band.curve[at - 1], band.curve[at]
    share = (distance - near) / (far - near)
    return math.exp((1 - share) * math.log(low) + share * math.log(high)) if low > 0 else share * high
