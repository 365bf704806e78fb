"""Is what a calibration predicts what happens?  `python -m tests.matchers.calibration_bench [--json]`

Registers of a known distribution are measured; then strangers who are in none of them are searched, at the distance
at which the calibration expects a false match rate of 1e-6.  Where the distribution is known exactly, so is what is
expected.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from time import monotonic

import numpy as np

from matchers import impostors, measuring
from matchers.calibration import fpir
from matchers.measuring import BandFound, Wish
from tests.matchers.registers import WORLDS, World, entered_twice, register, strangers

PUBLISHED = 0.5


@dataclass(frozen=True, slots=True)
class Row:
    """One band of one register."""

    world: str
    seed: int
    band: int
    templates: int
    seconds: float
    set_aside: int
    wrongly: int
    """of them, who are two people"""
    missed: int
    """pairs of entries of one person that were not set aside"""
    distance: float
    predicted: float
    """FPIR"""
    observed: float
    inside: bool
    """whether the interval of what is expected holds what happens"""

    @property
    def off(self) -> float:
        """How many times too high or too low; 1: right."""
        ratio = self.observed / self.predicted
        return float(np.inf) if not ratio else max(ratio, 1 / ratio)


def measured(name: str, people: int, probes: int, seed: int, rate: float) -> Iterator[Row]:
    """Measure one register, and search strangers in it."""
    world = WORLDS[name]
    sample, kin = register(world, people, seed)
    began = monotonic()
    found = measuring.measure(sample, kin, None, Wish(1000, 1000 * rate * people), PUBLISHED)
    seconds = monotonic() - began
    named, twice = {(one, other) for one, other, _ in found.suspects.pairs}, entered_twice(world, people)
    new = strangers(world, probes, 1_000_000 + seed)
    for number, band in enumerate(found.bands):
        distance = float(np.interp(np.log(rate * people), *_curve(band)))
        expected, happens = _happens(world, new, sample, distance, people)
        low, high = (float(np.interp(distance, _curve(band)[1], ends)) for ends in (band.low, band.high))
        row = (name, seed, number, len(sample.owners), seconds, len(named), len(named - twice), len(twice - named))
        yield Row(*row, distance, fpir(rate * people, found.clumping), happens, low <= expected <= high)


def _curve(band: BandFound) -> tuple[list[float], list[float]]:
    distances, people = zip(*band.band.curve, strict=True)
    return np.log(people).tolist(), list(distances)


def _happens(
    world: World, new: impostors.Sample, sample: impostors.Sample, distance: float, people: int
) -> tuple[float, float]:
    """(people within the distance of a stranger, share of strangers who have one)."""
    near = impostors.between(new, sample, np.full(len(new.owners), distance))
    expected = float(near.mean())
    if world.share is not None:
        expected = people * float(world.share(np.array([distance]))[0])
    return expected, float((near > 0).mean())


def main() -> None:
    """Print a table, or one JSON object on the last line."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--templates", type=int, default=20_000)
    asked.add_argument("--probes", type=int, default=20_000)
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--first-seed", type=int, default=0, help="one that nothing was tuned on")
    asked.add_argument("--rate", type=float, default=1e-6)
    asked.add_argument("--world", choices=WORLDS, help="only this one")
    given = asked.parse_args()
    rows = []
    for name, world in WORLDS.items() if not given.world else [(given.world, WORLDS[given.world])]:
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            people = int(given.templates / ((world.photos + 1) / 2))
            for row in measured(name, people, given.probes, seed, given.rate):
                rows.append(row)
                sys.stderr.write(
                    f"{row.world:20} seed {row.seed} band {row.band}: {row.templates} templates, {row.seconds:5.1f} s,"
                    f" {row.set_aside:4} set aside ({row.wrongly} wrongly, {row.missed} missed),"
                    f" at {row.distance:.4f} FPIR {row.predicted:.4f} predicted,"
                    f" {row.observed:.4f} observed, {row.off:.2f} off, interval {'holds' if row.inside else 'no'}\n"
                )
    worst, inside = max(row.off for row in rows), sum(row.inside for row in rows) / len(rows)
    if given.json:
        rows_told = [{**asdict(row), "off": row.off} for row in rows]
        sys.stdout.write(json.dumps({"worst_ratio": worst, "intervals_hold": inside, "rows": rows_told}) + "\n")
    else:
        sys.stdout.write(f"worst: {worst:.2f} times off; intervals hold {inside:.0%} of {len(rows)}\n")


if __name__ == "__main__":
    main()
