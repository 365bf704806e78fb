"""The templates of the database in memory, by way of sealed files that are made anew where rows came or went.

A template is inserted and deleted, and its vector never changes.  So what a range of ids holds is told by its ids, and
by the nonce of the last one: after a restored backup the same ids may come again, for others.  Where templates are
sealed again with another key, the nonce is another one and the files are made anew with that key.
"""

import hashlib
import logging
from collections.abc import Sequence
from itertools import groupby
from typing import Final

import numpy as np
from sqlalchemy import Connection, Row, text

from lastseen.records import Gallery
from lastseen.settings import Settings
from storage.database import driver
from storage.sealed_blocks import IDS, NO_TEMPLATES, BlockPlace, Blocks, Ids, Origin, Templates
from storage.sealing import Sealer, identity

log = logging.getLogger(__name__)

FOLDER: Final = "templates"
"""of the data folder"""
FIRST, LAST = 0, (1 << 63) - 1
OWNER: Final = {Origin.PHOTO: "photo_id", Origin.TRACK: "track_id"}

_PRINTS = """
    SELECT number, octet_length(ids) / 8 AS rows,
           sha256(ids || (SELECT substring(sealed FROM 2 FOR 12) FROM templates WHERE id = last)) AS print
      FROM (SELECT id / :size AS number, string_agg(int8send(id), ''::bytea ORDER BY id) AS ids, max(id) AS last
              FROM templates WHERE engine = :engine AND {owner} IS NOT NULL AND id BETWEEN :first AND :last
             GROUP BY 1) AS block
     ORDER BY number"""
PRINTS = {origin: text(_PRINTS.format(owner=owner)) for origin, owner in OWNER.items()}

_READ = """
    COPY (SELECT id, {owner}, kind, sealed FROM templates
           WHERE engine = %(engine)s AND {owner} IS NOT NULL AND id BETWEEN %(first)s AND %(last)s
           ORDER BY id) TO STDOUT (FORMAT BINARY)"""
READ = {origin: _READ.format(owner=owner) for origin, owner in OWNER.items()}

SEARCHED = """
    COPY (SELECT reference_photos.id, person_id FROM reference_photos JOIN persons ON persons.id = person_id
           WHERE is_searched(status)) TO STDOUT (FORMAT BINARY)"""

HEADER_BYTES, TRAILER_BYTES = 19, 2
PAIR: Final = np.dtype(
    [("fields", ">i2"), ("one_size", ">i4"), ("one", ">i8"), ("other_size", ">i4"), ("other", ">i8")]
)
"""a row of two bigints as binary COPY writes it: https://www.postgresql.org/docs/current/sql-copy.html"""


def blocks_of(settings: Settings) -> Blocks:
    """The files of this machine."""
    return Blocks(settings.data_dir / FOLDER)


class Cache:
    """Reads templates from the files of this machine, and makes those anew that are not as the database is."""

    def __init__(self, blocks: Blocks, sealer: Sealer) -> None:
        self._blocks, self._sealer = blocks, sealer

    def gallery(self, db: Connection, engine: str) -> Gallery:
        """The templates of all missing people; as `faces.gallery`, without reading each row."""
        found = self.templates(db, engine, Origin.PHOTO)
        sweep(db, self._blocks, Origin.PHOTO)
        photos, people = _pairs(db, SEARCHED)
        place = np.minimum(np.searchsorted(photos, found.owners), max(0, len(photos) - 1))
        missing = photos[place] == found.owners if len(photos) else np.zeros(len(found.ids), bool)
        kept = found.only(missing)
        return Gallery(tuple(people[place[missing]].tolist()), tuple(kept.owners.tolist()), kept.vectors)

    def templates(self, db: Connection, engine: str, origin: Origin, first: int = FIRST, last: int = LAST) -> Templates:
        """All templates of photos, or of tracks, with row ids from `first` to `last`, whether or not they are searched.

        Whole blocks are read, so ranges that begin and end with one cost least.  Raises storage.sealing.CannotOpen if a
        row of the database does not open.
        """
        there = _there(db, engine, origin, first // IDS, last // IDS)
        blocks = (self._block(db, BlockPlace(origin, engine, row.number), bytes(row.print)) for row in there)
        found = next(blocks) if len(there) == 1 else Templates.joined(blocks, sum(row.rows for row in there))
        return found.only((found.ids >= first) & (found.ids <= last))

    def _block(self, db: Connection, place: BlockPlace, print_: bytes) -> Templates:
        return self._blocks.read(place, print_, self._sealer) or self._anew(db, place)

    def _anew(self, db: Connection, place: BlockPlace) -> Templates:
        """From the database, into the file as well, if that is possible."""
        made, print_ = _read(db, place, self._sealer)
        try:
            self._blocks.write(place, print_, made, self._sealer)
        except OSError as fault:
            log.warning("templates are not kept on this machine, and are read from the database: %s", fault.strerror)
        # Rows that went meanwhile were in what was just written.  Those that go after this look are swept by whoever
        # takes them: the file is there by now.
        if _prints(db, place.engine, place.origin, place.number, place.number).get(place.number) != print_:
            self._blocks.drop(place)
        return made


def sweep(db: Connection, blocks: Blocks, only: Origin | None = None) -> int:
    """Delete the files that hold other rows than the database does.  Returns how many; needs no key.

    Call it after a transaction that deleted templates.
    """
    gone = 0
    held = [one for one in blocks.held() if only in (None, one[0].origin)]
    for (origin, engine), group in groupby(held, key=lambda one: (one[0].origin, one[0].engine)):
        prints = _prints(db, engine, origin, FIRST // IDS, LAST // IDS)
        stale = [place for place, print_ in group if prints.get(place.number) != print_]
        for place in stale:
            blocks.drop(place)
        gone += len(stale)
    return gone


def _prints(db: Connection, engine: str, origin: Origin, first: int, last: int) -> dict[int, bytes]:
    """Number and print of each block that has rows, among the blocks from `first` to `last`."""
    return {row.number: bytes(row.print) for row in _there(db, engine, origin, first, last)}


def _there(db: Connection, engine: str, origin: Origin, first: int, last: int) -> Sequence[Row[int, int, bytes]]:
    """`number`, `rows` and `print` of each of those blocks."""
    values = {"engine": engine, "size": IDS, "first": first * IDS, "last": last * IDS + IDS - 1}
    return db.execute(PRINTS[origin], values).all()


def _read(db: Connection, place: BlockPlace, sealer: Sealer) -> tuple[Templates, bytes]:
    """A block as the database has it now, and its print."""
    first = place.number * IDS
    values = {"engine": place.engine, "first": first, "last": first + IDS - 1}
    ids, owners, vectors, nonce = [], [], [], b""
    with driver(db).cursor() as cursor, cursor.copy(READ[place.origin], values) as rows:
        rows.set_types(["int8", "int8", "text", "bytea"])
        for id_, owner, kind, sealed in rows.rows():
            ids.append(id_)
            owners.append(owner)
            vectors.append(sealer.open(sealed, _identity(place, owner, kind)))
            nonce = bytes(sealed[1:13])
    print_ = hashlib.sha256(np.array(ids, ">i8").tobytes() + nonce).digest()
    if not ids:
        return NO_TEMPLATES, print_
    return Templates(np.array(ids, np.int64), np.array(owners, np.int64), np.stack(vectors)), print_


def _identity(place: BlockPlace, owner: int, kind: str) -> str:
    if place.origin is Origin.PHOTO:
        return identity(track=None, photo=owner, kind=kind, engine=place.engine)
    return identity(track=owner, photo=None, kind=kind, engine=place.engine)


def _pairs(db: Connection, statement: str) -> tuple[Ids, Ids]:
    """What COPY says of two bigints a row, sorted by the first one."""
    with driver(db).cursor() as cursor, cursor.copy(statement.encode()) as copied:
        said = b"".join(copied)
    rows = np.frombuffer(said[HEADER_BYTES : len(said) - TRAILER_BYTES], PAIR)
    order = np.argsort(rows["one"])
    return rows["one"][order].astype(np.int64), rows["other"][order].astype(np.int64)
