"""From the embedded shots of a track to whom they show: one person's templates, or the places where one person ends
and another begins."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from extractors.faces.protocol import Engine
from extractors.glimpses import Glimpse, embed
from extractors.shots import rank
from lastseen.choices import Choices
from lastseen.records import Template, Vectors

Distances = NDArray[np.float32]

BEST: Final = "best"

OF_LENGTH_ONE: Final = 1e-3
"""by how much a length of 1 may be wrong"""


def templates(shots: Sequence[Glimpse], engine: Engine, choices: Choices) -> tuple[Template, ...]:
    """`pooled` and `best`, `best-2`, ... of the shots that passed their gates, or nothing if none did.

    Pooled: the mean of the vectors, weighted by quality, without outliers: those further than `agrees` times the
    engine's threshold from the medoid (the shot nearest to all others by weight; of two shots the better).  Where all
    vectors have length 1 the mean is brought back to it, since directions are compared; dlib's never had it, and the
    middle of a person's pictures is the point from which their distances are smallest.

    Best: the best single shot, whatever the others say, and after it the next ones that are no outliers, `singles` in
    all.  Somebody's photo may be nearer to one look of theirs than to the middle of all.
    """
    if not shots:
        return ()
    vectors = embed(shots, engine, choices)
    best, *others = sorted(range(len(shots)), key=lambda number: rank(shots[number]), reverse=True)
    weights = np.array([shot.weight for shot in shots]) + 1e-6
    agree = _agreeing(engine.distance(vectors, vectors), weights, best, engine.published_threshold * choices.agrees)
    pooled = _middle(vectors[agree], weights[agree])
    singles = [best, *(number for number in others if agree[number])][: choices.singles]
    return (
        Template("pooled", plain(pooled), float(np.average(weights[agree], weights=weights[agree]))),
        *(
            Template(_single(place), plain(vectors[number]), float(shots[number].weight))
            for place, number in enumerate(singles, 1)
        ),
    )


def people(shots: Sequence[Glimpse], engine: Engine, choices: Choices) -> list[list[Glimpse]]:
    """The shots of a track, which are in order of time, as runs of one person each; usually there is one run.

    Where one face was followed into another (a dissolve, two people who pass each other), the shots fall into groups
    that lie far from each other: on average over `divides` times the engine's threshold.  A run ends where the group
    changes.  A single shot is a group only if it is the first or last one and lies further yet (`divides_one`);
    otherwise it is an outlier, for `templates` to leave out.
    """
    if len(shots) < 2:
        return [list(shots)]
    vectors = embed(shots, engine, choices)
    return [list(shots[run]) for run in _runs(engine.distance(vectors, vectors), engine.published_threshold, choices)]


def likeness(track: Sequence[Glimpse], others: Sequence[Glimpse], engine: Engine, choices: Choices) -> Distances:
    """Distance of each of `others` from the middle of a track's shots: n numbers."""
    vectors = embed([*track, *others], engine, choices)
    weights = np.array([shot.weight for shot in track]) + 1e-6
    middle = _middle(vectors[: len(track)], weights)
    distances: Distances = engine.distance(middle[None], vectors[len(track) :])[0]
    return distances


def plain(vector: Vectors) -> tuple[float, ...]:
    """A vector as records hold it: d numbers, each of them a float32."""
    return tuple(float(value) for value in vector.astype(np.float32))


def _single(place: int) -> str:
    """What the template of the best, second best, ... shot is called."""
    return BEST if place == 1 else f"{BEST}-{place}"


def _middle(vectors: Vectors, weights: NDArray[np.float64]) -> Vectors:
    """n x d in, d out."""
    mean = np.average(vectors, axis=0, weights=weights)
    if np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < OF_LENGTH_ONE:
        mean /= max(float(np.linalg.norm(mean)), OF_LENGTH_ONE)
    return np.asarray(mean, np.float32)


def _agreeing(distances: Distances, weights: NDArray[np.float64], best: int, within: float) -> NDArray[np.bool_]:
    medoid = int((distances @ weights).argmin()) if len(weights) > 2 else best
    return np.asarray(distances[medoid] <= within)


def _runs(distances: Distances, threshold: float, choices: Choices) -> list[slice]:
    """Slices that follow each other, of one person each."""
    groups = _groups(distances, threshold * choices.divides)
    whose: list[int | None] = [None] * len(distances)
    for name, members in enumerate(groups):
        if len(members) > 1 or _stands_alone(distances, members[0], threshold * choices.divides_one):
            for member in members:
                whose[member] = name
    starts = [0, *_changes(whose)]
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(distances)], strict=True)]


def _groups(distances: Distances, within: float) -> list[list[int]]:
    """Clusters by average linkage: the two nearest are joined until none are near enough."""
    groups = [[number] for number in range(len(distances))]
    while len(groups) > 1:
        pairs = combinations(range(len(groups)), 2)
        means = {(a, b): float(distances[np.ix_(groups[a], groups[b])].mean()) for a, b in pairs}
        one, other = min(means, key=lambda pair: means[pair])
        if means[one, other] > within:
            break
        groups[one] += groups.pop(other)
    return groups


def _stands_alone(distances: Distances, number: int, beyond: float) -> bool:
    """Whether one shot is somebody else: the first or the last may be, one in the middle is just bad."""
    others = np.delete(distances[number], number)
    return number in (0, len(distances) - 1) and bool(others.mean() > beyond)


def _changes(whose: Sequence[int | None]) -> list[int]:
    """Where another one begins; whoever is None goes with the one before."""
    known = [(number, name) for number, name in enumerate(whose) if name is not None]
    return [number for (_, before), (number, name) in pairwise(known) if name != before]
