"""Files of many templates each, sealed as a whole: what a process that matches reads instead of a million rows.

A file, `<photo or track>/<engine>/<number, hexadecimal>`, holds what lay in one range of row ids when it was written: a
copy that may go at any time.  Which rows it holds stands before it (`print`, made from the rows by whoever
writes it) and is sealed with it, like its engine, its kind and its number: a file that is damaged, of another key, out
of another place or of another time does not open, or is not asked for, and is made anew.  Vectors are never on disk.
"""

import logging
import mmap
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from lastseen.clock import utcnow
from lastseen.records import Vectors
from storage.sealing import CannotOpen, Sealer

log = logging.getLogger(__name__)

IDS: Final = 1 << 14
"""row ids of a block: 8 MiB of 128 numbers each; a new template costs as much to write and a changed one to read"""
MAGIC: Final = b"lastseen.block.1"
PRINT_BYTES: Final = 32
HEAD: Final = len(MAGIC) + PRINT_BYTES
NEW: Final = ".new-"
NEW_SECONDS: Final = 3600
"""after which a file that somebody began to write belongs to nobody"""
Ids = NDArray[np.int64]


class Origin(StrEnum):
    """What templates are of."""

    PHOTO = "photo"
    TRACK = "track"


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """Where a block belongs."""

    origin: Origin
    engine: str
    number: int
    """row ids from `number * IDS` on"""

    def identity(self, print_: bytes) -> str:
        """What it is sealed as."""
        return f"templates/{self.origin}/{self.engine}/{self.number}/{print_.hex()}"


@dataclass(frozen=True, slots=True)
class Templates:
    """Templates of one engine and kind, in the order of their row ids."""

    ids: Ids
    owners: Ids
    """row id of each one's photo or track"""
    vectors: Vectors

    @classmethod
    def joined(cls, parts: "Iterable[Templates]", expected: int) -> "Templates":
        """Several, one after the other, about so many in all.  Parts are asked for one by one, and not held."""
        held, count = NO_TEMPLATES, 0
        for part in parts:
            if not len(part.ids):
                continue
            end = count + len(part.ids)
            if end > len(held.ids):
                held = held._with_room(max(expected, end), part.vectors.shape[1])
            held.ids[count:end], held.owners[count:end], held.vectors[count:end] = part.ids, part.owners, part.vectors
            count = end
        return cls(held.ids[:count], held.owners[:count], held.vectors[:count])

    def _with_room(self, rows: int, dimension: int) -> "Templates":
        """These, and room for more after them."""
        made = Templates(np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty((rows, dimension), np.float32))
        known = len(self.ids)
        if known:
            made.ids[:known], made.owners[:known], made.vectors[:known] = self.ids, self.owners, self.vectors
        return made

    def only(self, which: NDArray[np.bool_]) -> "Templates":
        """Some of them; these themselves if it is all of them."""
        return self if which.all() else Templates(self.ids[which], self.owners[which], self.vectors[which])


NO_TEMPLATES: Final = Templates(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 0), np.float32))


class Blocks:
    """The files of one folder.  Any number of processes may read and write them at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, place: BlockPlace, print_: bytes, sealer: Sealer) -> Templates | None:
        """A block as it was written with this print; None: it is not there, or not to be believed."""
        try:
            with self._path(place).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if mapped[:HEAD] != MAGIC + print_:
                return None
            return _unpacked(sealer.open_block(memoryview(mapped)[HEAD:], place.identity(print_)))
        except (OSError, ValueError):  # an empty file cannot be mapped
            return None
        except CannotOpen:
            log.warning("block %d of %s templates does not open: it is made anew", place.number, place.origin)
            return None

    def write(self, place: BlockPlace, print_: bytes, templates: Templates, sealer: Sealer) -> None:
        """Put a block in its place, whole or not at all.  Raises OSError."""
        path = self._path(place)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(NEW + secrets.token_hex(8))
        try:
            sealed = sealer.seal_block(_packed(templates), place.identity(print_))
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(MAGIC + print_)
                file.write(sealed)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def held(self) -> Iterator[tuple[BlockPlace, bytes]]:
        """Every block that is there, with the print that it claims.  What nobody goes on writing is deleted."""
        for path in sorted(self.root.glob("*/*/*")):
            place = _place(path)
            if place is not None:
                with suppress(FileNotFoundError), path.open("rb") as file:
                    yield place, file.read(HEAD).removeprefix(MAGIC)
            elif path.name.startswith(NEW) and not _is_being_written(path):
                path.unlink(missing_ok=True)

    def drop(self, place: BlockPlace) -> None:
        """Delete a block, if it is there."""
        self._path(place).unlink(missing_ok=True)

    def _path(self, place: BlockPlace) -> Path:
        return self.root / place.origin / quote(place.engine, safe="") / f"{place.number:x}"


def _place(path: Path) -> BlockPlace | None:
    """Whose file this is; None: nobody's."""
    try:
        number = int(path.name, 16)
        return BlockPlace(Origin(path.parent.parent.name), unquote(path.parent.name), number)
    except ValueError:
        return None


def _is_being_written(path: Path) -> bool:
    try:
        return utcnow().timestamp() - path.stat().st_mtime < NEW_SECONDS
    except FileNotFoundError:
        return True


def _packed(templates: Templates) -> bytes:
    parts = (templates.vectors.shape, templates.ids, templates.owners)
    head = b"".join(np.asarray(part, "<i8").tobytes() for part in parts)
    return head + np.ascontiguousarray(templates.vectors, "<f4").tobytes()


def _unpacked(plain: bytes) -> Templates:
    """Views of `plain`, which cannot be written to.  Raises ValueError."""
    count, dimension = np.frombuffer(plain, "<i8", 2).tolist()
    ids, owners = np.frombuffer(plain, "<i8", 2 * count, 16).reshape(2, count)
    vectors = np.frombuffer(plain, "<f4", count * dimension, 16 * (count + 1)).reshape(count, dimension)
    return Templates(ids, owners, vectors)
