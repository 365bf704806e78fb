"""What it costs to have files safe in the object store (hashed, locked, read back, hashed again) beside a plain copy.

Both sides put the same files into the same bucket one after the other, in turns and in changing order, so that whatever
else the machine does meets both.  Ours reads one file back while the next goes up, as a step's objects are stored.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from operator import truediv
from pathlib import Path
from typing import Final

from lastseen.clock import utcnow
from lastseen.outcomes import ObjectToStore
from pipeline.bench.timing import Spread, timed
from storage.objects import EVIDENCE, ObjectStore

KIB: Final = 1024
MIB: Final = 1024 * KIB
SIZES: Final = ((64 * KIB, 24), (MIB, 12), (16 * MIB, 2), (64 * MIB, 1))
"""bytes of a file, and how many of them one round puts: a page's record, a photo, a clip, a film"""
LOCK: Final = timedelta(minutes=5)
"""of what the bench puts, which it deletes at its end"""
PREFIX: Final = "bench/"
SIDES: Final = ("plain", "ours")
COLUMNS: Final = ("file", "plain copy", "hashed, locked, read back", "ours over plain")


@dataclass(frozen=True, slots=True)
class Measured:
    """One size of file; rates in bytes a second, a value a round."""

    size: int
    files: int
    """a round"""
    plain: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def ratio(self) -> Spread:
        """Our rate over the plain copy's, round by round."""
        return Spread.of_ratios(self.ours, self.plain)


@dataclass(frozen=True, slots=True)
class Report:
    """All sizes."""

    sizes: tuple[Measured, ...]

    @property
    def overall(self) -> Spread:
        """Our rate over the plain copy's for all files together, round by round."""
        return Spread.of_ratios(*(self._seconds([getattr(one, side) for one in self.sizes]) for side in SIDES))

    def _seconds(self, rates: Sequence[Sequence[float]]) -> list[float]:
        """What each round took for all that it put."""
        sizes = [one.size * one.files for one in self.sizes]
        return [sum(map(truediv, sizes, turn)) for turn in zip(*rates, strict=True)]

    def rows(self) -> Iterator[Sequence[str]]:
        """For people."""
        for one in self.sizes:
            plain, ours = (Spread.of(rates).told(" MB/s", 1e-6) for rates in (one.plain, one.ours))
            yield _named(one.size), plain, ours, one.ratio.told(digits=2)
        yield "all of them", "", "", self.overall.told(digits=2)

    def fields(self) -> dict[str, object]:
        """For scripts."""
        return {
            "store_ratio": round(self.overall.middle, 3),
            "store_ratio_least": round(min(one.ratio.middle for one in self.sizes), 3),
            "sizes": [
                {
                    "bytes": one.size,
                    "ratio": one.ratio.rounded(),
                    "plain_bytes_a_second": round(Spread.of(one.plain).middle),
                    "ours_bytes_a_second": round(Spread.of(one.ours).middle),
                }
                for one in self.sizes
            ],
        }


def run(objects: ObjectStore, scratch: Path, rounds: int, sizes: Sequence[tuple[int, int]] = SIZES) -> Report:
    """Measure, and delete what was put.  Raises storage.objects.StoreUnavailable."""
    try:
        _round(objects, scratch, MIB, 2, plain_first=True)  # connections, and the store's first volume
        return Report(tuple(_measured(objects, scratch, size, files, rounds) for size, files in sizes))
    finally:
        for one in list(objects.versions(EVIDENCE, PREFIX)):
            objects.erase(EVIDENCE, one.key)


def _measured(objects: ObjectStore, scratch: Path, size: int, files: int, rounds: int) -> Measured:
    taken = [_round(objects, scratch, size, files, plain_first=bool(turn % 2)) for turn in range(rounds)]
    return Measured(size, files, tuple(plain for plain, _ in taken), tuple(ours for _, ours in taken))


def _round(objects: ObjectStore, scratch: Path, size: int, files: int, *, plain_first: bool) -> tuple[float, float]:
    """Rates of both sides."""
    things = [_thing(scratch / f"bench-{number}", size) for number in range(files)]
    sides = {"plain": lambda: _copy(objects, things), "ours": lambda: _store(objects, things)}
    order = ("plain", "ours") if plain_first else ("ours", "plain")
    seconds = {side: timed(sides[side]).seconds for side in order}
    return files * size / seconds["plain"], files * size / seconds["ours"]


def _thing(path: Path, size: int) -> ObjectToStore:
    """New bytes in a file, with the hash that whoever fetched it has made."""
    content = secrets.token_bytes(size)
    path.write_bytes(content)
    key = f"{PREFIX}{secrets.token_hex(16)}"
    return ObjectToStore(EVIDENCE, key, path, sha256(content).hexdigest(), "application/octet-stream")


def _copy(objects: ObjectStore, things: Sequence[ObjectToStore]) -> None:
    for thing in things:
        objects.copy_plainly(thing, f"{thing.key}-plain")


def _store(objects: ObjectStore, things: Sequence[ObjectToStore]) -> None:
    objects.put_all(things, utcnow() + LOCK)


def _named(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"
