"""The templates of kept tracks in shards: ranges of row ids, each read in one go by binary COPY, opened in memory only.

A shard is a range and no list: rows that are deleted leave holes in it, rows that are committed late with an id inside
it are read if they are there by then, and the templates of one track may lie in two shards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from lastseen.records import Probes, Vectors
from storage.database import driver
from storage.faces import IS_SEARCHED
from storage.sealing import Sealer, identity

Vector = NDArray[np.float32]
"""of one template: d values"""

TEMPLATES: Final = 65_536
"""in a shard: 128 MiB of 512 numbers each, and a few seconds' work, most of it opening the templates"""

CUT = text("""
    SELECT min(id) AS first, max(id) AS last
      FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / :size AS shard
              FROM templates WHERE engine = :engine AND track_id IS NOT NULL) AS numbered
     GROUP BY shard ORDER BY shard""")

HOW_MANY = text("""
    SELECT count(*) FROM templates
     WHERE engine = :engine AND track_id IS NOT NULL AND id BETWEEN :first AND :last""")

READ: Final = f"""
    COPY (SELECT templates.track_id, templates.kind, templates.sealed
            FROM templates JOIN tracks ON tracks.id = templates.track_id
           WHERE templates.engine = %(engine)s AND templates.id BETWEEN %(first)s AND %(last)s
             AND {IS_SEARCHED.format(engine="%(engine)s")}
           ORDER BY templates.id) TO STDOUT (FORMAT BINARY)"""  # noqa: S608  our own words


@dataclass(frozen=True, slots=True)
class Shard:
    """A range of templates of tracks by one engine."""

    engine: str
    first: int
    """row id of its first template"""
    last: int


def plan(db: Connection, engine: str, size: int = TEMPLATES) -> tuple[Shard, ...]:
    """All templates of tracks that are there now, cut into shards of `size`; none where there are none."""
    rows = db.execute(CUT, {"engine": engine, "size": size})
    return tuple(Shard(engine, row.first, row.last) for row in rows)


def read(db: Connection, shard: Shard, sealer: Sealer) -> Probes:
    """Those of a shard that are searched now: of the newest analysis of each blob, and of tracks that passed the gate.

    Holds the open vectors of one shard, and one sealed template.  Raises storage.sealing.CannotOpen.
    """
    values = {"engine": shard.engine, "first": shard.first, "last": shard.last}
    most: int = db.execute(HOW_MANY, values).scalar_one()
    owners: list[int] = []
    vectors: Vectors = np.empty((0, 0), np.float32)
    for track, vector in _opened(db, shard, sealer):
        if not owners:
            vectors = np.empty((max(most, 1), len(vector)), np.float32)
        if len(owners) == len(vectors):  # one was committed since they were counted
            vectors = np.concatenate([vectors, np.empty_like(vectors)])
        vectors[len(owners)] = vector
        owners.append(track)
    return Probes(tuple(owners), vectors[: len(owners)])


def _opened(db: Connection, shard: Shard, sealer: Sealer) -> Iterator[tuple[int, Vector]]:
    """Track and vector of each template, as they come."""
    values = {"engine": shard.engine, "first": shard.first, "last": shard.last}
    with driver(db).cursor() as cursor, cursor.copy(READ, values) as copied:
        copied.set_types(["int8", "text", "bytea"])
        for track, kind, sealed in copied.rows():
            name = identity(track=track, photo=None, kind=kind, engine=shard.engine)
            yield track, sealer.open(bytes(sealed), name)
