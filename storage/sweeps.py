"""Sweeps: photos that wait to be compared with all kept tracks, bundled, and the tracks cut into shards.

No pair of a photo and a track is missed.  A photo begins to wait in the transaction that keeps its template (`ask`).
`plan` first takes the photos that wait, then cuts the tracks' templates that are there into shards, by a later
statement.  So for each photo and each track one of two holds:

- the track was committed before the shards were cut: it lies in one of them, whenever that is read, and
- the track was committed after that: then also after the photo, and the track's own match (step `match_tracks`, offered
  in the transaction that keeps the track) reads the register later still, with the photo in it.

The register is read again for each shard.  Who is found meanwhile has no templates any more, and the shards that are
left pass them over; when they are missing again, their photos are enrolled, and begin to wait, anew.
A photo that is asked for while a sweep has it waits for the next one, too.  One that waits already and is asked for
once more, with a template that `plan` does not see yet, is held by who asks (its row is written), and `plan` passes it
over until that is committed.  A shard that is read twice gives the same
candidates twice, which is once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from storage import shards, work
from storage.sealed_blocks import IDS
from storage.shards import Shard
from storage.work import Queue

STEP: Final = "sweep"
"""its items are rows of `sweep_shards`"""
PHOTOS: Final = 16_384
"""in a sweep, at most: its gallery is held beside each shard, 32 MiB of 512 numbers each"""

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.sweeps'))")
ASK = text("""
    INSERT INTO sweep_photos (photo_id, engine) SELECT photo, :engine FROM unnest(CAST(:photos AS bigint[])) AS photo
    ON CONFLICT (engine, photo_id) WHERE sweep_id IS NULL DO UPDATE SET asked_at = now()
    RETURNING xmax = 0 AS new""")
WAITING = text("""
    SELECT id FROM sweep_photos WHERE engine = :engine AND sweep_id IS NULL ORDER BY id LIMIT :limit
       FOR UPDATE SKIP LOCKED""")
BEGIN = text("INSERT INTO sweeps (engine) VALUES (:engine) RETURNING id")
TAKE = text("UPDATE sweep_photos SET sweep_id = :sweep WHERE id = ANY(:rows)")
ADD = text("""
    INSERT INTO sweep_shards (sweep_id, first_template, last_template) VALUES (:sweep, :first, :last) RETURNING id""")
ITEM = text("""
    SELECT sweep_id AS sweep, engine, first_template AS first, last_template AS last
      FROM sweep_shards JOIN sweeps ON sweeps.id = sweep_id WHERE sweep_shards.id = :id""")
PHOTOS_OF = text("SELECT photo_id FROM sweep_photos WHERE sweep_id = :sweep ORDER BY photo_id")
SWEPT = text("UPDATE sweep_shards SET swept_at = now() WHERE id = :id")

# Of missing people only; a photo without a template of this engine was refused, or is asked for when it is enrolled.
TO_ASK = text("""
    SELECT DISTINCT reference_photos.id
      FROM reference_photos
      JOIN persons ON persons.id = person_id AND is_searched(status)
      JOIN templates ON templates.photo_id = reference_photos.id AND engine = :engine
     WHERE (CAST(:person AS text) IS NULL OR register_number = :person)
       AND (CAST(:photo AS bigint) IS NULL OR reference_photos.id = :photo)
     ORDER BY 1""")


@dataclass(frozen=True, slots=True)
class Item:
    """One shard of one sweep."""

    sweep: int
    shard: Shard
    photos: tuple[int, ...]
    """row ids"""


def ask(db: Connection, engine: str, photos: Sequence[int]) -> int:
    """Have photos compared with all kept tracks.  Returns how many of them did not wait for that already."""
    return sum(db.execute(ASK, {"engine": engine, "photos": list(photos)}).scalars())


def searchable(db: Connection, engine: str, person: str | None = None, photo: int | None = None) -> Sequence[int]:
    """Photos that could be compared: of everybody missing, of one (by register number), or one by its row id."""
    return db.execute(TO_ASK, {"engine": engine, "person": person, "photo": photo}).scalars().all()


def plan(db: Connection, engine: str, blocks: int = shards.BLOCKS, ids: int = IDS) -> int:
    """Bundle what waits into sweeps and queue their shards.  Returns how many shards there are more."""
    db.execute(LOCK)
    queued = 0
    while rows := db.execute(WAITING, {"engine": engine, "limit": PHOTOS}).scalars().all():
        sweep: int = db.execute(BEGIN, {"engine": engine}).scalar_one()
        db.execute(TAKE, {"sweep": sweep, "rows": list(rows)})
        queued += _queue(db, sweep, shards.plan(db, engine, blocks, ids))
    return queued


def _queue(db: Connection, sweep: int, cut: Sequence[Shard]) -> int:
    made = [db.execute(ADD, {"sweep": sweep, "first": shard.first, "last": shard.last}).scalar_one() for shard in cut]
    return work.offer(db, Queue(STEP, cut[0].engine), made) if cut else 0


def item(db: Connection, id_: int) -> Item:
    """What an item of the step is about; of photos that were erased meanwhile nothing is there any more."""
    row = db.execute(ITEM, {"id": id_}).one()
    photos = tuple(db.execute(PHOTOS_OF, {"sweep": row.sweep}).scalars())
    return Item(row.sweep, Shard(row.engine, row.first, row.last), photos)


def swept(db: Connection, id_: int) -> None:
    """Note that a shard is through.  A sweep is over when all its shards are."""
    db.execute(SWEPT, {"id": id_})
