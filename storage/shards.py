"""The templates of kept tracks in shards: ranges of row ids, each held in memory by itself, however many there are.

A shard is a range and no list: rows that are deleted leave holes in it, rows that are committed late with an id inside
it are read if they are there by then, and the templates of one track may lie in two shards.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection, text

from lastseen.records import Probes
from storage.faces import IS_REPLACED
from storage.sealed_blocks import IDS, Origin
from storage.template_cache import Cache

BLOCKS: Final = 4
"""in a shard, of `IDS` row ids each: 128 MiB of 512 numbers a template, and some seconds' work"""

# From block to block by the index: two looks a block, however many templates lie in it.
CUT = text("""
    WITH RECURSIVE block (number) AS (
        SELECT min(id) / :ids FROM templates WHERE engine = :engine AND track_id IS NOT NULL
         UNION ALL
        SELECT (SELECT min(id) / :ids FROM templates
                 WHERE engine = :engine AND track_id IS NOT NULL AND id >= (number + 1) * :ids)
          FROM block WHERE number IS NOT NULL)
    SELECT min(first) AS first, max(last) AS last
      FROM (SELECT (row_number() OVER (ORDER BY number) - 1) / :blocks AS shard,
                   (SELECT min(id) FROM templates
                     WHERE engine = :engine AND track_id IS NOT NULL AND id >= number * :ids) AS first,
                   (SELECT max(id) FROM templates
                     WHERE engine = :engine AND track_id IS NOT NULL AND id < (number + 1) * :ids) AS last
              FROM block WHERE number IS NOT NULL) AS held
     GROUP BY shard ORDER BY shard""")

# What is asked of the other tables is about the ids of a shard's own tracks, and does not grow with all that is kept.
REPLACED = text(f"""
    WITH of AS MATERIALIZED (SELECT DISTINCT analysis_id FROM tracks WHERE id BETWEEN :first_track AND :last_track)
    SELECT own.id FROM of JOIN analyses AS own ON own.id = analysis_id
     WHERE {IS_REPLACED.format(engine=":engine")}""")  # noqa: S608  our own words
SEARCHED = text("""
    SELECT id FROM tracks
     WHERE id BETWEEN :first_track AND :last_track AND gate = ''
       AND analysis_id <> ALL(CAST(:replaced AS bigint[]))""")


@dataclass(frozen=True, slots=True)
class Shard:
    """A range of templates of tracks by one engine."""

    engine: str
    first: int
    """row id of its first template"""
    last: int


def plan(db: Connection, engine: str, blocks: int = BLOCKS, ids: int = IDS) -> tuple[Shard, ...]:
    """All templates of tracks that are there now, in shards of whole blocks; none where there are none."""
    rows = db.execute(CUT, {"engine": engine, "blocks": blocks, "ids": ids})
    return tuple(Shard(engine, row.first, row.last) for row in rows)


def read(db: Connection, shard: Shard, cache: Cache) -> Probes:
    """Those of a shard that are searched now: of the newest analysis of each blob, and of tracks that passed the gate.

    Holds the open vectors of one shard.  Raises storage.sealing.CannotOpen.
    """
    held = cache.templates(db, shard.engine, Origin.TRACK, shard.first, shard.last)
    if not len(held.owners):
        return Probes((), held.vectors)
    about = {"engine": shard.engine, "first_track": int(held.owners.min()), "last_track": int(held.owners.max())}
    replaced = list(db.execute(REPLACED, about).scalars())
    searched = np.array(db.execute(SEARCHED, {**about, "replaced": replaced}).scalars().all(), np.int64)
    kept = held.only(np.isin(held.owners, searched))
    return Probes(tuple(kept.owners.tolist()), kept.vectors)
