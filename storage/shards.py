"""The templates of kept tracks in shards: ranges of row ids, each read in one go by binary COPY, opened in memory only.

A shard is a range and no list: rows that are deleted leave holes in it, rows that are committed late with an id inside
it are read if they are there by then, and the templates of one track may lie in two shards.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from lastseen.records import Probes, Vectors
from storage.database import driver
from storage.faces import IS_REPLACED
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

# What a shard is about in the other tables, by their ids: what is asked of those must not grow with all that is kept.
ABOUT = text("""
    SELECT count(*) AS templates, coalesce(min(track_id), 0) AS first_track, coalesce(max(track_id), 0) AS last_track
      FROM templates WHERE engine = :engine AND track_id IS NOT NULL AND id BETWEEN :first AND :last""")
REPLACED = text(f"""
    WITH of AS MATERIALIZED (SELECT DISTINCT analysis_id FROM tracks WHERE id BETWEEN :first_track AND :last_track)
    SELECT own.id FROM of JOIN analyses AS own ON own.id = analysis_id
     WHERE {IS_REPLACED.format(engine=":engine")}""")  # noqa: S608  our own words

READ: Final = """
    COPY (SELECT templates.track_id, templates.kind, templates.sealed
            FROM templates JOIN tracks ON tracks.id = templates.track_id
           WHERE templates.engine = %(engine)s AND templates.id BETWEEN %(first)s AND %(last)s
             AND tracks.id BETWEEN %(first_track)s AND %(last_track)s AND tracks.gate = ''
             AND tracks.analysis_id <> ALL(CAST(%(replaced)s AS bigint[]))) TO STDOUT (FORMAT BINARY)"""


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

    In no order.  Holds the open vectors of one shard, and one sealed template.  Raises storage.sealing.CannotOpen.
    """
    about: dict[str, object] = {"engine": shard.engine, "first": shard.first, "last": shard.last}
    found = db.execute(ABOUT, about).one()
    about |= {"first_track": found.first_track, "last_track": found.last_track}
    about["replaced"] = list(db.execute(REPLACED, about).scalars())
    owners: list[int] = []
    vectors: Vectors = np.empty((0, 0), np.float32)
    for track, vector in _opened(db, shard.engine, about, sealer):
        if not owners:
            vectors = np.empty((found.templates, len(vector)), np.float32)
        if len(owners) == len(vectors):  # one was committed since they were counted
            vectors = np.concatenate([vectors, np.empty_like(vectors)])
        vectors[len(owners)] = vector
        owners.append(track)
    return Probes(tuple(owners), vectors[: len(owners)])


def _opened(db: Connection, engine: str, about: Mapping[str, object], sealer: Sealer) -> Iterator[tuple[int, Vector]]:
    """Track and vector of each template, as they come."""
    with driver(db).cursor() as cursor, cursor.copy(READ, about) as copied:
        copied.set_types(["int8", "text", "bytea"])
        for track, kind, sealed in copied.rows():
            name = identity(track=track, photo=None, kind=kind, engine=engine)
            yield track, sealer.open(bytes(sealed), name)
