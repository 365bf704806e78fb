"""From a register's own pairs of different people to thresholds: how many strangers come how near, how sure that is.

The people of a register stand for the strangers in videos: each is searched in the register without themselves.  What
differs between their photos and tracks (worse pictures, several templates a track) is measured on the tracks that are
kept, at a distance where nearly every pair is one of strangers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lastseen.records import Band
from matchers import impostors, tails
from matchers.calibration import WATCHED_MORE
from matchers.impostors import Numbers, Pairs, Places, Sample, Scan
from matchers.tails import Tail, TooLittle

FEWEST_PEOPLE = 300
"""of a register that is measured: it has 45,000 pairs of people, ten times beyond which a tail is followed to about one
false candidate in 1,500 searches; with fewer, an office's usual wish lies beyond what its pairs carry"""
PEOPLE_A_BAND, MOST_BANDS = 300, 3
BEYOND = 0.1
"""how many pairs as near as the nearest distance of a curve the register is expected to hold: ten times beyond one"""
MOST_FALSE = 1.0
"""strangers' searches queue so many people at most, whatever the analysts can take: one each"""
LONGEST_CURVE = 10.0
POINTS = 48
KEEP = 60_000
MOST_PAIRS = 1_000_000_000
"""about half a minute; of larger registers, probes are left out by chance"""
REPEATS = 100
"""times that people (and files) are drawn anew for the intervals"""
SURE = (2.5, 97.5)
FEWEST_TRACKS, FEWEST_FILES = 100, 20
"""in a band, to say how tracks differ from photos"""
MOST_CHANCE = 0.1
"""share of the pairs that are set aside, at most, which are of different people, by a cautious tail.  Who is left in
by mistake does more harm than who is left out: of 100 people entered twice among 10,000, 79 that were left in had
strangers come 50 times rarer than was said; 48 pairs of strangers left out of 20,000 people, 1.4 times as often"""
MOST_CHANCE_OF_NEAR = 0.05
"""the same by the likeliest tail, of pairs as near as photos of one person: in small registers a cautious tail sees
nothing"""
FEWEST_OF_ONE, USUAL = 30, 0.8
"""so many people with several photos say how near photos of one person are; with fewer, this times the published
threshold does"""
PAIRS_TO_CLUMP = 100
"""of a band, to see whether they clump"""
MOST_PARTNERS = 5
"""a person who is too near to more than so many others resembles everyone, and was not entered several times"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the office can work off."""

    tracks_a_day: float
    accepted: float
    """false candidates a day"""

    @property
    def a_search(self) -> float:
        """False candidates of one track that the office takes."""
        return self.accepted / self.tracks_a_day if self.tracks_a_day else MOST_FALSE


@dataclass(frozen=True, slots=True)
class Tracks:
    """Kept tracks, one template a row."""

    sample: Sample
    """`qualities`: of each track's best template, the same in all its rows"""
    files: Places


@dataclass(frozen=True, slots=True)
class Suspects:
    """Who is too near to be two people by chance, and was not declared."""

    pairs: tuple[tuple[int, int, float], ...]
    """two people's row ids and their distance, nearest first: left out"""
    alike: tuple[tuple[int, int], ...]
    """people who are too near to many others, and to how many: photos that resemble everyone, not left out"""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many more people come near to a track than to a photo of the register."""

    tracks: int
    """that it was measured on; 0: it was not, and is 1"""
    at: float = 1.0
    low: float = 1.0
    high: float = 1.0


@dataclass(frozen=True, slots=True)
class BandFound:
    """One band of quality."""

    band: Band
    tail: Tail
    looked: int
    """pairs of a template and another person"""
    share: float
    """of tracks (of photos, where no tracks are kept) that are in this band"""
    ratio: Ratio
    low: tuple[float, ...]
    high: tuple[float, ...]
    """limits of the 95 % interval, for each point of the band's curve"""
    carried: bool
    """whether the threshold is what was wished for; if not, the pairs end before"""
    drawn: Numbers
    """distances by chance, to draw their distribution from"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a register says."""

    people: int
    photos: int
    pairs: int
    tied: int
    """pairs of people that were declared kin or the same, and left out"""
    suspects: Suspects
    bands: tuple[BandFound, ...]
    wish: Wish
    clumping: float
    """by how much strangers differ in how many people they resemble (`matchers.calibration.fpir`)"""


def measure(
    register: Sample, ties: Sequence[tuple[int, int]], tracks: Tracks | None, wish: Wish, published: float
) -> Found:
    """Measure a register.  `ties`: pairs of people who are kin, or the same.  `published`: the engine's own threshold.

    Raises TooLittle when the register cannot say anything, and ValueError for numbers that are not finite, or a wish
    that is none.
    """
    checked(wish)
    people = len(np.unique(register.owners))
    if people < FEWEST_PEOPLE:
        raise TooLittle(f"the register has {people} people with photos that are searched; {FEWEST_PEOPLE} are needed")
    least = _least(register, people)
    scan = impostors.scan(register, least, KEEP, MOST_PAIRS)
    untied = _leave_out(scan, ties)
    suspects = _suspects(untied, usual(register, published))
    left = _leave_out(untied, [(one, other) for one, other, _ in suspects.pairs])
    bands = tuple(_band(left, register, tracks, wish, least, number) for number in range(len(least)))
    looked = sum(pairs.looked for pairs in scan.bands)
    return Found(people, len(register.owners), looked, len(set(ties)), suspects, bands, wish, _clumping(left, bands))


def checked(wish: Wish) -> Wish:
    """The same.  Raises ValueError."""
    if not (np.isfinite(wish.tracks_a_day) and wish.tracks_a_day >= 0):
        raise ValueError("tracks a day must be a number from 0 on")
    if not (np.isfinite(wish.accepted) and wish.accepted > 0):
        raise ValueError("false candidates a day must be a number above 0: none at all would mean to find nobody")
    return wish


def _least(register: Sample, people: int) -> tuple[float, ...]:
    """Lowest quality of each band: as many photos in each."""
    bands = max(1, min(MOST_BANDS, people // PEOPLE_A_BAND))
    cuts = np.quantile(register.qualities, np.arange(1, bands) / bands)
    inner = np.unique(cuts[cuts > register.qualities.min()])
    return (0.0, *(float(cut) for cut in inner))


# --- who is left out ---------------------------------------------------------------------------------------


def _keys(scan: Scan, probes: Places, others: Places) -> Places:
    """One number for each two people, whichever of them is the probe."""
    return np.minimum(probes, others) * len(scan.people) + np.maximum(probes, others)


def _leave_out(scan: Scan, ties: Sequence[tuple[int, int]]) -> Scan:
    if not ties:
        return scan
    places = {int(person): place for place, person in enumerate(scan.people)}
    known = [(places[one], places[other]) for one, other in ties if one in places and other in places]
    apart = _keys(scan, np.array([a for a, _ in known], np.int64), np.array([b for _, b in known], np.int64))
    bands = [band.without(np.isin(_keys(scan, band.probes, band.others), apart)) for band in scan.bands]
    return Scan(scan.people, tuple(bands))


def _once(scan: Scan, probes: Places, others: Places) -> NDArray[np.bool_]:
    """A selection, by chance, of one pair for each two people: their several photos say nearly the same."""
    order = np.random.default_rng(0).permutation(len(probes))
    _, first = np.unique(_keys(scan, probes, others)[order], return_index=True)
    chosen = np.zeros(len(probes), bool)
    chosen[order[first]] = True
    return chosen


def usual(register: Sample, published: float) -> float:
    """How near two photos of one person usually are: the median of the register's own, or a guess from the engine."""
    order = np.argsort(register.owners, kind="stable")
    _, first, counts = np.unique(register.owners[order], return_index=True, return_counts=True)
    several = first[counts > 1]
    if len(several) < FEWEST_OF_ONE:
        return published * USUAL
    one, other = register.vectors[order[several]], register.vectors[order[several + 1]]
    return float(np.median(np.linalg.norm(one.astype(np.float64) - other, axis=1)))


def _suspects(scan: Scan, same: float) -> Suspects:
    """Benjamini and Hochberg's rule (1995) against a tail that the nearest pairs have no say in.

    Pairs as near as photos of one person usually are (`same`) are also held against the likeliest tail, all against a
    cautious one.  Each two people count once, by the nearest of their photos: several photos say nearly the same, and
    are several chances.
    """
    probes, others, distances = _by_people(scan)
    asked = np.unique(np.concatenate([band.asked for band in scan.bands]))
    looked = int((len(scan.people) - 1 - asked).sum())
    likely, cautious = tails.without_the_nearest(distances, looked)
    near = distances[distances <= likely.start]
    by_chance = cautious.share(near) / MOST_CHANCE
    by_chance = np.where(near <= same, np.minimum(by_chance, likely.share(near) / MOST_CHANCE_OF_NEAR), by_chance)
    fits = np.nonzero(by_chance * looked <= np.arange(1, len(near) + 1))[0]
    count = int(fits.max()) + 1 if len(fits) else 0
    return _divided(scan, probes[:count], others[:count], distances[:count])


def _by_people(scan: Scan) -> tuple[Places, Places, Numbers]:
    """(probe, other, distance) of each two people, rising, as far as all of them are known."""
    probes, others, distances = (
        np.concatenate([getattr(band, name) for band in scan.bands]) for name in ("probes", "others", "distances")
    )
    order = np.argsort(distances, kind="stable")
    order = order[distances[order] <= min(band.reach for band in scan.bands)]
    _, first = np.unique(_keys(scan, probes[order], others[order]), return_index=True)
    chosen = order[np.sort(first)]
    return probes[chosen], others[chosen], distances[chosen]


def _divided(scan: Scan, probes: Places, others: Places, distances: Numbers) -> Suspects:
    """Entries that may be one person or kin, and people who resemble everyone."""
    pairs: dict[tuple[int, int], float] = {}
    for probe, other, distance in zip(probes, others, distances, strict=True):
        one, two = sorted((int(scan.people[probe]), int(scan.people[other])))
        pairs[one, two] = float(distance)
    partners = Counter(person for pair in pairs for person in pair)
    alike = {person: count for person, count in partners.items() if count > MOST_PARTNERS}
    left = tuple((*pair, distance) for pair, distance in pairs.items() if not alike.keys() & set(pair))
    return Suspects(left, tuple(sorted(alike.items(), key=lambda item: -item[1])))


def _clumping(scan: Scan, bands: Sequence[BandFound]) -> float:
    """From how many others each person has within the thresholds, or within the least distance that says something.

    Each two people count once, however many photos bring them near.
    """
    near = [_clumped(pairs, found.band.threshold) for pairs, found in zip(scan.bands, bands, strict=True)]
    probes = np.concatenate([pairs.probes[:count] for pairs, count in zip(scan.bands, near, strict=True)])
    others = np.concatenate([pairs.others[:count] for pairs, count in zip(scan.bands, near, strict=True)])
    _, once = np.unique(_keys(scan, probes, others), return_index=True)
    counts = np.bincount(np.concatenate((probes[once], others[once])), minlength=len(scan.people)).astype(np.float64)
    return max(0.0, float((counts * (counts - 1)).mean() / counts.mean() ** 2) - 1)


def _clumped(pairs: Pairs, threshold: float) -> int:
    """How many of a band's nearest pairs are looked at."""
    several = pairs.distances[min(PAIRS_TO_CLUMP, len(pairs.distances)) - 1]
    return int(np.searchsorted(pairs.distances, max(threshold, several), side="right"))


# --- one band ----------------------------------------------------------------------------------------------


def _band(
    scan: Scan, register: Sample, tracks: Tracks | None, wish: Wish, least: tuple[float, ...], number: int
) -> BandFound:
    pairs, people = scan.bands[number], len(scan.people)
    once = _once(scan, pairs.probes, pairs.others)
    tail = tails.choose(pairs.distances, pairs.looked, once)
    of_band = None if tracks is None else _of_band(tracks, least, number)
    near = None if of_band is None else _near(of_band, register, tail.start)
    level = people * tail.rate if near is None else near.mean
    curve, distances = _curve(pairs, tail, level, float(once.mean()))
    low, high = _interval(scan, pairs, tail, near, distances)
    wished = float(np.clip(wish.a_search, curve[0], min(MOST_FALSE, curve[-1])))
    threshold, watch = (_at(distances, curve, value) for value in (wished, wished * WATCHED_MORE))
    points = tuple((float(distance), float(value)) for distance, value in zip(distances, curve, strict=True))
    qualities = register.qualities if tracks is None else _of_tracks(tracks)
    inside = np.searchsorted(least, qualities, side="right") - 1 == number
    return BandFound(
        Band(least[number], threshold, watch, points),
        tail,
        pairs.looked,
        float(inside.mean()) if len(qualities) else 0.0,
        _ratio(near, people * tail.rate),
        tuple(low.tolist()),
        tuple(high.tolist()),
        bool(wished >= min(wish.a_search, MOST_FALSE)) and bool(wish.a_search >= curve[0]),
        pairs.drawn,
    )


def _curve(pairs: Pairs, tail: Tail, level: float, apart: float) -> tuple[Numbers, Numbers]:
    """(people expected, distance) from as far as the pairs carry up to where they end.

    `level`: people expected within the tail's start.  `apart`: share of the pairs that are not of two people who are
    there already with other photos.
    """
    least = BEYOND / (pairs.looked * apart) / tail.rate * level
    counted = np.arange(1, len(pairs.distances) + 1) / pairs.looked / tail.rate * level
    most = min(LONGEST_CURVE, float(counted[-1]))
    levels = np.geomspace(least, max(most, level), POINTS)
    beyond = pairs.distances[np.minimum(np.searchsorted(counted, levels), len(counted) - 1)]
    shares = np.minimum(levels / level, 1) * tail.rate
    distances = np.where(levels <= level, tail.distance(shares), np.maximum(beyond, tail.start))
    rising = np.concatenate(([True], np.diff(np.maximum.accumulate(distances)) > 0)) & (distances > 0)
    return levels[rising], distances[rising]


def _at(distances: Numbers, curve: Numbers, value: float) -> float:
    """The distance within which so many people are expected."""
    return float(np.interp(np.log(value), np.log(curve), distances))


# --- how sure it is ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Near:
    """Kept tracks of a band: how many people come within the tail's start, file by file."""

    people: Places
    tracks: Places

    @property
    def mean(self) -> float:
        """People a track."""
        return float(self.people.sum() / self.tracks.sum())

    def drawn(self, chance: np.random.Generator) -> float:
        """The same with files drawn anew: tracks of one file show the same people in the same light."""
        files = len(self.tracks)
        weights = chance.multinomial(files, np.full(files, 1 / files))
        return float((weights * self.people).sum() / (weights * self.tracks).sum())


def _interval(scan: Scan, pairs: Pairs, tail: Tail, near: _Near | None, at: Numbers) -> tuple[Numbers, Numbers]:
    """Limits of what is expected at some distances, by drawing people anew with all their pairs (Owen 2007)."""
    chance, people = np.random.default_rng(0), len(scan.people)
    found = []
    for _ in range(REPEATS):
        weights = chance.multinomial(people, np.full(people, 1 / people))
        shares = _shares(pairs, tail, weights, np.append(at, tail.start))
        level = people * shares[-1] if near is None else near.drawn(chance)
        found.append(shares[:-1] / shares[-1] * level)
    low, high = np.percentile(np.array(found), SURE, axis=0)
    return low, high


def _shares(pairs: Pairs, tail: Tail, weights: Places, at: Numbers) -> Numbers:
    """Share of pairs within some distances when each person counts `weights` times."""
    after = np.append(np.cumsum(weights[::-1])[::-1], 0)
    looked = float((weights[pairs.asked] * after[pairs.asked + 1]).sum())
    counts = weights[pairs.probes] * weights[pairs.others]
    within = np.searchsorted(pairs.distances, at, side="right")
    shares = np.append(0, np.cumsum(counts))[within] / looked
    inside, used = at < tail.start, counts[: tail.pairs] > 0
    shape, scale = tails.fit(
        (tail.start - pairs.distances[: tail.pairs])[used], counts[: tail.pairs][used].astype(np.float64)
    )
    rate = float(counts[: tail.pairs].sum()) / looked
    drawn = Tail(tail.start, rate, shape, scale, tail.pairs, 0.0)
    shares[inside] = drawn.share(at[inside])
    return np.asarray(shares)


# --- tracks ------------------------------------------------------------------------------------------------


def _of_tracks(tracks: Tracks) -> Numbers:
    """The quality of each track, once."""
    _, first = np.unique(tracks.sample.owners, return_index=True)
    return tracks.sample.qualities[first]


def _of_band(tracks: Tracks, least: Sequence[float], number: int) -> Tracks | None:
    """Those of one band; None: too few to say anything."""
    rows = np.maximum(np.searchsorted(least, tracks.sample.qualities, side="right") - 1, 0) == number
    sample, files = tracks.sample.of(rows), tracks.files[rows]
    enough = len(np.unique(sample.owners)) >= FEWEST_TRACKS and len(np.unique(files)) >= FEWEST_FILES
    return Tracks(sample, files) if enough else None


def _near(tracks: Tracks, register: Sample, within: float) -> _Near | None:
    """None: nobody came near any of them, so they say nothing."""
    limits = np.full(len(tracks.sample.owners), within)
    people = impostors.between(tracks.sample, register, limits)
    if not people.sum():
        return None
    _, first = np.unique(tracks.sample.owners, return_index=True)
    _, files = np.unique(tracks.files[first], return_inverse=True)
    return _Near(np.bincount(files, people).astype(np.int64), np.bincount(files).astype(np.int64))


def _ratio(near: _Near | None, expected: float) -> Ratio:
    if near is None:
        return Ratio(0)
    chance = np.random.default_rng(0)
    low, high = np.percentile([near.drawn(chance) / expected for _ in range(REPEATS)], SURE)
    return Ratio(int(near.tracks.sum()), near.mean / expected, float(low), float(high))
