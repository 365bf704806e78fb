"""Registers that nobody is in: vectors with a known distribution, for tests and for the bench."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc
from scipy.stats import chi2

from matchers.impostors import Numbers, Sample

Draw = Callable[[np.random.Generator, int], Numbers]
Share = Callable[[Numbers], Numbers]

DIMENSIONS, SPREAD = 40, 0.09
"""strangers lie 0.8 apart, give or take 0.09, as those of the default engine do"""


@dataclass(frozen=True, slots=True)
class World:
    """How people are spread, and what is put among them."""

    draw: Draw
    """n people's vectors"""
    share: Share | None = None
    """of pairs of strangers within a distance; None: nobody knows it exactly"""
    photos: int = 1
    """at most, a person"""
    noise: float = 0.0
    """between photos of one person"""
    entered_twice: float = 0.0
    """share of people who are there a second time, undeclared"""
    kin: float = 0.0
    """share of people who have a relative in the register, declared"""


def gaussian(chance: np.random.Generator, people: int) -> Numbers:
    """Nobody is special."""
    return chance.normal(size=(people, DIMENSIONS)) * SPREAD


def gaussian_share(distances: Numbers) -> Numbers:
    """Exactly."""
    return np.asarray(chi2.cdf((distances / SPREAD) ** 2 / 2, DIMENSIONS))


def sphere(chance: np.random.Generator, people: int) -> Numbers:
    """Vectors of length one, in every direction alike, as of engines that compare directions."""
    vectors = chance.normal(size=(people, 64))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def sphere_share(distances: Numbers) -> Numbers:
    """Exactly, for distances below the square root of 2."""
    cosine = 1 - distances**2 / 2
    return np.asarray(0.5 * betainc(63 / 2, 0.5, 1 - cosine**2))


def wolves(chance: np.random.Generator, people: int) -> Numbers:
    """One face of 50 lies near the middle, and so near to everyone."""
    scale = np.where(chance.random(people) < 0.02, 0.7, 1.0)
    return gaussian(chance, people) * scale[:, None]


def groups(chance: np.random.Generator, people: int) -> Numbers:
    """Eight kinds of faces of different sizes, nearer to their own kind."""
    middles = np.random.default_rng(0).normal(size=(8, DIMENSIONS)) * 0.04
    kind = chance.choice(8, people, p=np.arange(1, 9) / 36)
    return middles[kind] + gaussian(chance, people)


WORLDS = {
    "gaussian": World(gaussian, gaussian_share),
    "sphere": World(sphere, sphere_share),
    "wolves": World(wolves),
    "groups": World(groups),
    "photos, kin, twins": World(gaussian, photos=3, noise=0.035, entered_twice=0.01, kin=0.02),
}


def register(world: World, people: int, seed: int) -> tuple[Sample, list[tuple[int, int]]]:
    """A register, and who is declared kin.  Ids begin at 1; those entered twice come last."""
    chance = np.random.default_rng(seed)
    vectors = world.draw(chance, people)
    related = int(people * world.kin / 2)
    vectors[:related] = 0.8 * vectors[:related] + 0.6 * vectors[related : 2 * related]
    twice = int(people * world.entered_twice)
    if twice:
        vectors[-twice:] = vectors[:twice] + chance.normal(size=(twice, vectors.shape[1])) * 0.03
    owners = np.repeat(np.arange(people), chance.integers(1, world.photos + 1, people))
    seen = looked_at(world, vectors[owners], chance)
    kin = [(number + 1, number + related + 1) for number in range(related)]
    return Sample(owners + 1, chance.random(len(owners)), seen), kin


def entered_twice(world: World, people: int) -> set[tuple[int, int]]:
    """Ids of those who are in a register of so many a second time, lower id first."""
    twice = int(people * world.entered_twice)
    return {(number + 1, people - twice + number + 1) for number in range(twice)}


def strangers(world: World, people: int, seed: int) -> Sample:
    """People who are in no register, with one photo each."""
    chance = np.random.default_rng(seed)
    seen = looked_at(world, world.draw(chance, people), chance)
    return Sample(np.arange(people), chance.random(people), seen)


def looked_at(world: World, vectors: Numbers, chance: np.random.Generator) -> NDArray[np.float32]:
    """Photos of these people."""
    return np.asarray(vectors + chance.normal(size=vectors.shape) * world.noise, np.float32)
