"""What it costs to have a file safe in the object store (hashed, locked, read back, hashed again) beside a plain copy.

Both sides put the same bytes from the same file into the same bucket, in turns and in changing order, so that whatever
else the machine does meets both.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from lastseen.clock import utcnow
from lastseen.outcomes import ObjectToStore
from pipeline.bench.timing import Spread, timed
from storage.objects import EVIDENCE, ObjectStore

KIB: Final = 1024
MIB: Final = 1024 * KIB
SIZES: Final = ((64 * KIB, 24), (MIB, 12), (16 * MIB, 3), (128 * MIB, 1))
"""bytes of a file, and how many of them one round puts: a page's record, a photo, a clip, a film"""
LOCK: Final = timedelta(minutes=5)
"""of what the bench puts, which it deletes at its end"""
PREFIX: Final = "bench/"
COLUMNS: Final = ("file", "plain copy", "hashed, locked, read back", "ours over plain")


@dataclass(frozen=True, slots=True)
class Measured:
    """One size of file; rates in bytes a second, a value a round."""

    size: int
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
    def store_ratio(self) -> float:
        """Of all bytes together: the plain copy's time over ours, the middle of the rounds."""
        rounds = range(len(self.sizes[0].plain))
        return Spread.of(self._seconds(turn, plain=True) / self._seconds(turn, plain=False) for turn in rounds).middle

    def _seconds(self, turn: int, *, plain: bool) -> float:
        """Each size has the same weight: the time for a MiB of each."""
        return sum(MIB / (one.plain if plain else one.ours)[turn] for one in self.sizes)

    def rows(self) -> Iterator[Sequence[str]]:
        """For people."""
        for one in self.sizes:
            plain, ours = (Spread.of(rates).told(" MB/s", 1e-6) for rates in (one.plain, one.ours))
            yield _named(one.size), plain, ours, one.ratio.told(digits=2)
        yield "all, each with the same weight", "", "", f"{self.store_ratio:.2f}"

    def fields(self) -> dict[str, object]:
        """For scripts."""
        return {
            "store_ratio": round(self.store_ratio, 3),
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
    return Measured(size, tuple(plain for plain, _ in taken), tuple(ours for _, ours in taken))


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
    until = utcnow() + LOCK
    for thing in things:
        objects.put_verified(thing, until)


def _named(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"
