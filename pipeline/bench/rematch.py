"""New photos against stored tracks, streamed from sealed files: what a search costs that holds no track in memory.

Files are written as `storage.template_cache` writes them, and leave the system's cache before each run, so that they
come from the disk.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lastseen.errors import Failure
from lastseen.records import Gallery, Probes
from matchers import gallery
from pipeline.bench import drawn
from pipeline.bench.drawn import CHUNK, THRESHOLD, Shape
from pipeline.bench.timing import Timed, timed
from pipeline.console import say
from storage.sealed_blocks import IDS, BlockPlace, Blocks, Origin, Templates
from storage.sealing import KEY_BYTES, Sealer

PHOTOS: Final = 100
DIMENSION: Final = 128
ENGINE: Final = "drawn"
PARTS: Final = 0.1, 0.25, 0.5, 1.0
"""of the tracks that are searched one after the other: how it scales"""
COLUMNS: Final = "", "took", "which is", "found"
OPENED: Final = 1_000_000
"""templates, at most, that are opened at once"""
ROOM: Final = 1.05
"""times the vectors' own bytes: with ids and seals"""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One search."""

    tracks: int
    seconds: float
    found: int
    planted: int
    """pairs that are within the threshold"""


@dataclass(frozen=True, slots=True)
class Streamed:
    """All that was measured on files."""

    opened: int
    """templates that were opened into memory at once, as a register is"""
    opening: float
    """seconds that it took"""
    sweeps: tuple[Sweep, ...]

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """For people."""
        yield f"{self.opened:,} opened into memory", f"{self.opening:.2f} s", "", ""
        for one in self.sweeps:
            a_million = one.seconds / one.tracks * 1e6
            found = f"{one.found} of {one.planted} pairs"
            yield f"against {one.tracks:,}", f"{one.seconds:.2f} s", f"{a_million:.2f} s a million", found

    def fields(self) -> dict[str, object]:
        """For scripts."""
        return {
            "opened": self.opened,
            "opening_seconds": round(self.opening, 3),
            "rematch": [{**asdict(one), "seconds": round(one.seconds, 3)} for one in self.sweeps],
        }


def needed(tracks: int) -> int:
    """Bytes on disk."""
    return int(tracks * DIMENSION * 4 * ROOM)


def require_room(folder: Path, tracks: int) -> None:
    """Raises Failure where the disk is too small."""
    free = shutil.disk_usage(folder).free
    if free < needed(tracks) * 1.1:
        raise Failure(
            f"{tracks:,} tracks need {needed(tracks) / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free:"
            " take fewer with --tracks, or another LASTSEEN_DATA_DIR"
        )


def run(folder: Path, tracks: int, threads: int) -> Streamed:
    """Write, search, and leave the files to whoever removes the folder."""
    shape, sealer = Shape(tracks, DIMENSION, PHOTOS), Sealer(os.urandom(KEY_BYTES))
    blocks = Blocks(folder)
    say(f"writing {tracks:,} tracks")
    for number, chunk in enumerate(drawn.chunks(shape)):
        ids = np.arange(number * CHUNK, number * CHUNK + len(chunk))
        blocks.write(_place(number), _print(number), Templates(ids, ids, chunk), sealer)
    counts = sorted({max(1, round(tracks * part / IDS)) for part in PARTS})
    opened = timed(lambda: _opened(blocks, sealer, min(counts[-1], OPENED // IDS)))
    sweeps = tuple(_swept(blocks, sealer, shape, count, threads) for count in counts)
    return Streamed(opened.made, opened.seconds, sweeps)


def _opened(blocks: Blocks, sealer: Sealer, count: int) -> int:
    _leave_the_cache(blocks.root)
    parts = (_read(blocks, sealer, number) for number in range(count))
    return len(Templates.joined(parts, count * IDS).ids)


def _swept(blocks: Blocks, sealer: Sealer, shape: Shape, count: int, threads: int) -> Sweep:
    _leave_the_cache(blocks.root)
    photos = drawn.probes(shape)
    everybody = tuple(range(len(photos)))
    register = Gallery(everybody, everybody, photos)
    say(f"{len(photos)} photos against {min(shape.rows, count * IDS):,} tracks")
    search: Timed[int] = timed(lambda: sum(_near(blocks, sealer, number, register, threads) for number in range(count)))
    planted = drawn.planted_within(shape, THRESHOLD, count * IDS)
    return Sweep(min(shape.rows, count * IDS), search.seconds, search.made, planted)


def _near(blocks: Blocks, sealer: Sealer, number: int, register: Gallery, threads: int) -> int:
    """How many pairs of one block are near."""
    held = _read(blocks, sealer, number)
    found = gallery.search(Probes(tuple(held.owners.tolist()), held.vectors), register, THRESHOLD, threads)
    return sum(map(len, found.values()))


def _read(blocks: Blocks, sealer: Sealer, number: int) -> Templates:
    held = blocks.read(_place(number), _print(number), sealer)
    if held is None:
        raise Failure("a file that the bench has written is not there any more")
    return held


def _leave_the_cache(root: Path) -> None:
    for path in root.glob("*/*/*"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _place(number: int) -> BlockPlace:
    return BlockPlace(Origin.TRACK, ENGINE, number)


def _print(number: int) -> bytes:
    return number.to_bytes(32, "big")
