"""Whether two files show the same footage, and which stretch of one is which of the other; from their fingerprints.

A wrong answer would hide a face from the analysis, so what is asked is not whether pictures are alike (those of one
studio are, whoever sits in it), but whether they *change* alike: bits of both hashes that turn at the same moments.  A
stretch is proven window by window; where nothing moves nothing is proven, and a stretch reaches no further than
`REACH` beyond what is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

BITS: Final = 256
HASH_BYTES: Final = BITS // 8
PARTS: Final = 16
"""of a still picture each way, of which the fingerprint has the light"""
CADENCE_MS: Final = 250
ALIKE: Final = 14
"""of the 64 bits of the lowest waves, that pictures of one footage may differ in to be found by"""
LEAST_SCORE, LEAST_OF_ONE = 12, 10
"""what a file has to reach to be compared at all, or a single picture: the sum over anchors of how far below `ALIKE`
the nearest one is"""
MOST_COMPARED: Final = 50
SPEEDS: Final = tuple(round(0.80 + 0.02 * step, 2) for step in range(23) if step != 10)
"""0.80 .. 1.24: films are sped up by a tenth to escape recognition"""
NEARLY_ALL: Final = 0.9
"""of the shorter of two: when so much is found, nothing else is tried"""
LONG: Final = 4800
"""moments, twenty minutes: if both are longer, other speeds are not tried, which would take minutes"""
WINDOW: Final = 16
"""moments, four seconds, that are proven together"""
AROUND: Final = 16
"""moments on each side over which the mean is taken that turns are counted from"""
PEAKS, PEAKS_AT_A_SPEED = 12, 3
"""lags that are tried for each way to lay one look on the other, at the same speed and at any other"""
PROVEN: Final = 0.45
"""correlation of the turns in a window; of different footage it is about 0"""
STANDS_OUT: Final = 0.20
"""by which it must exceed that of the same window some seconds aside: what moves evenly looks like itself later"""
ASIDE: Final = (-12, -8, 8, 12)
"""moments"""
LEAST_TURNS: Final = 60.0
"""of a window, counted as the two looks' variances together: compression alone turns fewer"""
SAME: Final = 90
"""of 256 bits, that two pictures of one footage may differ in: those of others have about 128"""
SECOND: Final = 4
"""moments"""
SAME_STILL, SAME_LIGHT = 24, 24.0
"""of 256 bits, and of 255 levels of light, that two still pictures may differ in"""
REACH: Final = 12
"""moments beyond a proven one, three seconds"""
PHASE_MS: Final = 200
"""between the moments at which both were sampled, at most"""

Words = NDArray[np.uint64]
Times = NDArray[np.int64]
Bits = NDArray[np.float32]
Light = NDArray[np.uint8]


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """A fingerprint as numbers."""

    at_ms: Times
    """n, rising"""
    whole: Words
    """n x 4"""
    inner: Words
    """n x 4"""
    light: Light
    """PARTS x PARTS, of a still picture; else empty"""


@dataclass(frozen=True, eq=False, slots=True)
class Shelf:
    """Anchors of many files, by which those worth comparing are found."""

    owners: Times
    """whose each is"""
    words: Words
    """n x 2: the lowest waves of the whole picture, and of its inner part"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From here to there one shows what the other shows from there to there."""

    one_start_ms: int
    one_end_ms: int
    other_start_ms: int
    other_end_ms: int
    mirrored: bool
    distance: float
    """mean, of 256 bits"""
    margin: str = ""
    """whose margins the other lacks: `one`, `other`, or neither's"""


def look(moments: bytes, hashes: bytes, light: bytes) -> Look:
    """What is written in a fingerprint.  Raises ValueError if it is none."""
    at_ms = np.frombuffer(moments, "<u4").astype(np.int64)
    if len(hashes) != len(at_ms) * 2 * HASH_BYTES or (light and (len(light) != PARTS**2 or len(at_ms) != 1)):
        raise ValueError(f"{len(hashes)} bytes of hashes and {len(light)} of light for {len(at_ms)} moments")
    if np.any(np.diff(at_ms) <= 0):
        raise ValueError("moments that do not rise")
    both = np.frombuffer(hashes, "<u8").reshape(-1, 2, 4)
    parts = np.frombuffer(light, np.uint8).reshape(-1, PARTS)
    return Look(at_ms, np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1]), parts)


def anchors(found: Look, every_ms: int = 1000) -> Words:
    """n x 2: the lowest waves of one moment in so many milliseconds."""
    if not len(found.at_ms):
        return np.empty((0, 2), np.uint64)
    _, first = np.unique(found.at_ms // every_ms, return_index=True)
    return np.stack([_lowest(found.whole[first]), _lowest(found.inner[first])], axis=1)


def _lowest(hashes: Words) -> Words:
    """Of 16 x 16 waves the 8 x 8 lowest: each second byte of the first half."""
    return np.ascontiguousarray(hashes.view(np.uint8)[:, : HASH_BYTES // 2 : 2]).view(np.uint64)[:, 0]


# --- which files to compare --------------------------------------------------------------------------------


def worth_comparing(one: Look, mirrored: Look, shelves: Iterable[Shelf]) -> list[int]:
    """Owners of anchors that look like some of one's, the most alike first, at most MOST_COMPARED."""
    asked = [anchors(view, 2 * CADENCE_MS) for view in (one, mirrored)]
    found: dict[int, int] = {}
    for shelf in shelves:
        found |= _scores(asked, shelf)
    least = min(LEAST_SCORE, LEAST_OF_ONE * len(asked[0]))
    worth = sorted((owner for owner, score in found.items() if score >= least), key=lambda owner: -found[owner])
    return worth[:MOST_COMPARED]


def _scores(asked: list[Words], shelf: Shelf) -> dict[int, int]:
    """Owner -> how alike, for those that are at all; a shelf has all anchors of each of its owners."""
    owners, places = np.unique(shelf.owners, return_inverse=True)
    best = np.zeros(len(owners), np.int64)
    for words in asked:
        for mine, theirs in ((0, 0), (1, 0), (0, 1)):
            best = np.maximum(best, _score(words[:, mine], shelf.words[:, theirs], places, len(owners)))
    return {int(owners[place]): int(best[place]) for place in np.flatnonzero(best)}


def _score(asked: Words, words: Words, places: Times, count: int) -> Times:
    total = np.zeros(count, np.int64)
    for word in asked:
        apart = np.bitwise_count(words ^ word)
        near = np.flatnonzero(apart <= ALIKE)
        if len(near):
            nearest = np.zeros(count, np.int64)
            np.maximum.at(nearest, places[near], ALIKE + 1 - apart[near].astype(np.int64))
            total += nearest
    return total


# --- two files ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _Pair:
    """One way to lay two files' hashes on each other."""

    one_ms: Times
    one: Words
    other_ms: Times
    other: Words
    mirrored: bool
    margin: str


@dataclass(frozen=True, slots=True)
class _Line:
    """other's time = speed * one's time + lag."""

    speed: float
    lag_ms: float


def stretches(one: Look, mirrored: Look, other: Look) -> list[Stretch]:
    """What both show, in the order of one's time, in which no two overlap; `mirrored` is `one`, left for right."""
    pairs = [pair for pair in _pairs(one, mirrored, other) if min(len(pair.one_ms), len(pair.other_ms)) >= WINDOW]
    whole = [pair for pair in pairs if not pair.margin and min(len(one.at_ms), len(other.at_ms)) <= LONG]
    found: list[Stretch] = []
    for pair, speeds in [*((pair, (1.0,)) for pair in pairs), *((pair, SPEEDS) for pair in whole)]:
        for line in _lines(pair, speeds):
            found = _apart([*found, *_along(pair, line)])
            if _seen(found, one, other) >= NEARLY_ALL:
                return found
    return found


def stills(one: Look, mirrored: Look, other: Look) -> list[Stretch]:
    """The same for still pictures, of which there is one moment each: both hashes have to be nearly equal."""
    for pair in _pairs(one, mirrored, other):
        if pair.margin or len(pair.one) != 1 or len(pair.other) != 1:
            continue
        apart, view = int(np.bitwise_count(pair.one ^ pair.other).sum()), mirrored if pair.mirrored else one
        if apart <= SAME_STILL and _unlike(view.light, other.light) <= SAME_LIGHT:
            return [Stretch(0, 0, 0, 0, pair.mirrored, float(apart))]
    return []


def _seen(found: list[Stretch], one: Look, other: Look) -> float:
    """How much of the shorter one, about, is in the stretches."""
    ones = sum(stretch.one_end_ms - stretch.one_start_ms for stretch in found)
    others = sum(stretch.other_end_ms - stretch.other_start_ms for stretch in found)
    return float(max(ones / (one.at_ms[-1] - one.at_ms[0]), others / (other.at_ms[-1] - other.at_ms[0])))


def _pairs(one: Look, mirrored: Look, other: Look) -> Iterator[_Pair]:
    """The likeliest first."""
    ways = (("whole", "whole", ""), ("inner", "whole", "one"), ("whole", "inner", "other"))
    for ours, others, margin in ways:
        for view, is_mirrored in ((one, False), (mirrored, True)):
            mine, theirs = getattr(view, ours), getattr(other, others)
            yield _Pair(one.at_ms, mine, other.at_ms, theirs, is_mirrored, margin)


def _apart(found: list[Stretch]) -> list[Stretch]:
    """The longest first; what is left of the others beside them is not worth telling."""
    kept: list[Stretch] = []
    for stretch in sorted(found, key=_worth, reverse=True):
        if all(stretch.one_end_ms <= has.one_start_ms or has.one_end_ms <= stretch.one_start_ms for has in kept):
            kept.append(stretch)
    return sorted(kept, key=lambda stretch: stretch.one_start_ms)


def _worth(stretch: Stretch) -> float:
    return (stretch.one_end_ms - stretch.one_start_ms) * (BITS / 2 - stretch.distance)


# Lines: where turns of one fall on turns of the other.


def _lines(pair: _Pair, speeds: Sequence[float]) -> Iterator[_Line]:
    """Those along which the two may run together: peaks of the cross-correlation over all lags."""
    ours, theirs = _turns(pair.one), _turns(pair.other)
    length = int(pair.other_ms[-1] - pair.other_ms[0]) / min(speeds) + int(pair.one_ms[-1] - pair.one_ms[0])
    size = 1 << (int(length / CADENCE_MS) + 2).bit_length()
    spectrum = np.conj(np.fft.rfft(_grid(pair.one_ms, ours, 1.0), size))
    for speed in speeds:
        grid = _grid(pair.other_ms, theirs, speed)
        sums = np.fft.irfft((spectrum * np.fft.rfft(grid, size)).sum(axis=0), size)
        for place in _peaks(sums, PEAKS if speed == 1.0 else PEAKS_AT_A_SPEED):
            lag = place if place < grid.shape[1] else place - size
            start = pair.other_ms[0] / speed + lag * CADENCE_MS - pair.one_ms[0]
            yield _Line(speed, float(start * speed))


def _peaks(sums: NDArray[np.floating], most: int) -> Iterator[int]:
    """Places of the highest sums, these first; what is near one is not told again."""
    for _ in range(most):
        peak = int(np.argmax(sums))
        if sums[peak] <= 0:
            return
        yield peak
        sums[max(0, peak - SECOND) : peak + SECOND + 1] = 0


def _turns(hashes: Words) -> Bits:
    """n x 64: how far each of the lowest bits is from its mean around."""
    lowest = _unpacked(_lowest(hashes)[:, None])
    return lowest - _mean_around(lowest)


def _grid(at_ms: Times, turns: Bits, speed: float) -> Bits:
    """64 x time, a place each CADENCE_MS of the other one's time divided by `speed`."""
    places = np.rint((at_ms - at_ms[0]) / (speed * CADENCE_MS)).astype(np.int64)
    grid = np.zeros((turns.shape[1], int(places[-1]) + 1), np.float32)
    grid[:, places] = turns.T
    return grid


def _unpacked(hashes: Words) -> Bits:
    """-1 and 1."""
    bits = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8), axis=1)
    return bits.astype(np.float32) * 2 - 1


def _mean_around(values: Bits) -> Bits:
    """Over AROUND rows before and after, as far as there are any."""
    before = np.arange(len(values))
    low, high = np.maximum(before - AROUND, 0), np.minimum(before + AROUND + 1, len(values))
    sums = np.concatenate([np.zeros((1, values.shape[1]), np.float64), np.cumsum(values, axis=0, dtype=np.float64)])
    mean: Bits = ((sums[high] - sums[low]) / (high - low)[:, None]).astype(np.float32)
    return mean


# Stretches: what of a line is proven.


@dataclass(frozen=True, eq=False, slots=True)
class _Rows:
    """Moments of both that a line lays on each other."""

    one: Times
    """places in one"""
    other: Times
    apart: Times
    """bits"""


def _along(pair: _Pair, line: _Line) -> Iterator[Stretch]:
    """What is proven of a line."""
    rows = _laid(pair, line if line.speed == 1.0 else _refined(pair, line))
    for first, after in _runs(pair, rows):
        run = _Rows(rows.one[first:after], rows.other[first:after], rows.apart[first:after])
        for start, end in _reached(_proven(pair, run)):
            yield _stretch(pair, run, start, end)


def _laid(pair: _Pair, line: _Line) -> _Rows:
    wanted = line.speed * pair.one_ms + line.lag_ms
    after = np.clip(np.searchsorted(pair.other_ms, wanted), 1, len(pair.other_ms) - 1)
    sooner = wanted - pair.other_ms[after - 1] < pair.other_ms[after] - wanted
    nearest = np.where(sooner, after - 1, after)
    one = np.flatnonzero(np.abs(pair.other_ms[nearest] - wanted) <= PHASE_MS)
    other = nearest[one]
    return _Rows(one, other, np.bitwise_count(pair.one[one] ^ pair.other[other]).sum(axis=1).astype(np.int64))


def _refined(pair: _Pair, line: _Line) -> _Line:
    """The same line, through the most alike of neighbouring moments: speeds are tried in steps."""
    rows = _laid(pair, line)
    good = rows.apart <= SAME
    if good.sum() < WINDOW:
        return line
    one, around = rows.one[good], rows.other[good][:, None] + np.arange(-2, 3)
    around = np.clip(around, 0, len(pair.other_ms) - 1)
    apart = np.bitwise_count(pair.one[one][:, None] ^ pair.other[around]).sum(axis=2)
    best = around[np.arange(len(one)), apart.argmin(axis=1)]
    speed, lag = np.polyfit(pair.one_ms[one], pair.other_ms[best], 1)
    return _Line(float(speed), float(lag)) if abs(speed - line.speed) < 0.04 else line


def _runs(pair: _Pair, rows: _Rows) -> Iterator[tuple[int, int]]:
    """Where rows that are alike follow each other within a second, and are enough for a window."""
    alike = np.flatnonzero(rows.apart <= SAME)
    if len(alike) < WINDOW:
        return
    times = pair.one_ms[rows.one[alike]]
    ends = np.flatnonzero(np.diff(times) > SECOND * CADENCE_MS)
    for first, last in zip([0, *(ends + 1)], [*ends, len(alike) - 1], strict=True):
        if last - first + 1 >= WINDOW:
            yield int(alike[first]), int(alike[last]) + 1


def _proven(pair: _Pair, run: _Rows) -> NDArray[np.bool_]:
    """Which rows lie in a window whose turns agree, and agree with nothing else."""
    one, other = _unpacked(pair.one[run.one]), _unpacked(pair.other[run.other])
    agreed, turns = _agreement(one, other)
    best_aside = np.full(len(agreed), -1.0)
    for moments in ASIDE:
        aside = pair.other[np.clip(run.other + moments, 0, len(pair.other) - 1)]
        best_aside = np.maximum(best_aside, _agreement(one, _unpacked(aside))[0])
    sure = (agreed >= PROVEN) & (turns >= LEAST_TURNS) & (agreed - best_aside >= STANDS_OUT)
    proven = np.zeros(len(one), np.bool_)
    for start in np.flatnonzero(sure):
        proven[start : start + WINDOW] = True
    return proven


def _agreement(one: Bits, other: Bits) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each window: correlation of the turns of all bits, and how many there are."""
    both, mean_one, mean_other = (_window_means(values) for values in (one * other, one, other))
    shared = (both - mean_one * mean_other).sum(axis=1)
    varied = np.sqrt((1 - mean_one**2).sum(axis=1) * (1 - mean_other**2).sum(axis=1))
    return shared / np.maximum(varied, 1e-9), varied * WINDOW


def _window_means(values: Bits) -> Bits:
    """Whole numbers up to 2^24, which 32 bits hold exactly."""
    sums = np.concatenate([np.zeros((1, values.shape[1]), np.float32), np.cumsum(values, axis=0, dtype=np.float32)])
    means: Bits = (sums[WINDOW:] - sums[:-WINDOW]) / WINDOW
    return means


def _reached(proven: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last rows of what lies within REACH of a proven row."""
    places = np.flatnonzero(proven)
    if not len(places):
        return
    starts = [int(places[0]), *(int(after) for before, after in pairwise(places) if after - before > 2 * REACH)]
    lasts = [*(int(before) for before, after in pairwise(places) if after - before > 2 * REACH), int(places[-1])]
    for start, last in zip(starts, lasts, strict=True):
        yield max(0, start - REACH), min(len(proven) - 1, last + REACH)


def _stretch(pair: _Pair, run: _Rows, start: int, last: int) -> Stretch:
    apart = run.apart[start : last + 1]
    return Stretch(
        int(pair.one_ms[run.one[start]]),
        int(pair.one_ms[run.one[last]]),
        int(pair.other_ms[run.other[start]]),
        int(pair.other_ms[run.other[last]]),
        pair.mirrored,
        float(apart.mean()),
        pair.margin,
    )


def _unlike(one: Light, other: Light) -> float:
    """The most that any part of two still pictures differs in light, of 255; without light to compare, that."""
    if not one.size or not other.size:
        return 255.0
    apart = one.astype(np.float64) - other
    return float(np.abs(apart - apart.mean()).max())
