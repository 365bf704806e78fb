"""How long the items of a step take in this office, by what they have to do: from that a task's share is cut.

What an item has to do is counted in units of its step: MiB, seconds of film, or plain items.  Of each step and recipe
the newest items are added up; what was long ago counts less and less, so a new machine or engine is soon known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from storage.work import Queue

REMEMBERED: Final = 500.0
"""items: when so many more have come, what was before counts nothing"""
USUAL_RATE: Final = 125_000
"""bytes of film a second, where nobody has looked yet how long it is"""

# Subject -> how much there is to do of it, NULL where that is not known.  One more for each: opening it takes time.
MEDIA = """
    SELECT media_items.id AS subject, 1 + coalesce(blobs.size, media_items.size) / 1048576.0 AS units
      FROM media_items LEFT JOIN blobs ON blobs.id = blob_id"""
BLOBS = "SELECT id AS subject, 1 + size / 1048576.0 AS units FROM blobs"

# Seconds of film; a large picture takes longer to decode, and is scaled down before anybody looks for faces in it.
FILMS = f"""
    SELECT blobs.id AS subject,
           1 + CASE WHEN looked.blob_id IS NOT NULL
                    THEN looked.duration_ms / 1000.0 * (1 + looked.width * looked.height / 1e6)
                    WHEN media_type LIKE 'video/%' THEN size / {USUAL_RATE}.0 ELSE 0 END AS units
      FROM blobs LEFT JOIN LATERAL (
           SELECT blob_id, duration_ms, width, height FROM fingerprints
            WHERE blob_id = blobs.id ORDER BY id DESC LIMIT 1) AS looked ON true"""  # noqa: S608  our own number
ITEMS = "SELECT subject, 1.0 AS units FROM unnest(CAST(:subjects AS bigint[])) AS subject"

UNITS: Final[Mapping[str, str]] = {"fetch": MEDIA, "fingerprint": BLOBS, "analyze": FILMS}
"""by step; of all others an item is a unit"""

ASKED = """
    SELECT asked.subject, measured.units, learnt.items, learnt.units AS all_units, learnt.seconds
      FROM unnest(CAST(:subjects AS bigint[])) WITH ORDINALITY AS asked (subject, place)
      LEFT JOIN ({units}) AS measured ON measured.subject = asked.subject
      LEFT JOIN work_costs AS learnt ON step = :step AND recipe = :recipe
     ORDER BY place"""

LEARN = """
    INSERT INTO work_costs AS known (step, recipe, items, units, seconds)
    SELECT :step, :recipe, count(*), sum(measured.units), sum(took.seconds)
      FROM unnest(CAST(:subjects AS bigint[]), CAST(:seconds AS double precision[])) AS took (subject, seconds)
      JOIN ({units}) AS measured ON measured.subject = took.subject
     WHERE measured.units IS NOT NULL
    HAVING count(*) > 0
    ON CONFLICT (step, recipe) DO UPDATE
       SET items = known.items * greatest(0, 1 - excluded.items / :remembered) + excluded.items,
           units = known.units * greatest(0, 1 - excluded.items / :remembered) + excluded.units,
           seconds = known.seconds * greatest(0, 1 - excluded.items / :remembered) + excluded.seconds,
           learnt_at = now()"""


@dataclass(frozen=True, slots=True)
class Sized:
    """What there is to do of some items, and what was measured of their step."""

    units: tuple[float | None, ...]
    """in the order in which they were asked for; None: not known"""
    measured: tuple[float, float, float]
    """items, units, seconds: what the newest items took together"""


def sized(db: Connection, queue: Queue, subjects: Sequence[int]) -> Sized:
    """How much there is to do of each subject of a queue: one statement, however many they are."""
    statement = text(ASKED.format(units=UNITS.get(queue.step, ITEMS)))
    rows = db.execute(statement, {**queue.values(), "subjects": list(subjects)}).all()
    units = tuple(None if row.units is None else float(row.units) for row in rows)
    known = rows[0] if rows and rows[0].items is not None else None
    return Sized(units, (known.items, known.all_units, known.seconds) if known else (0.0, 0.0, 0.0))


def learn(db: Connection, queue: Queue, seconds: Mapping[int, float]) -> None:
    """Keep what items took that are done: subject -> seconds.  Call it in a transaction of its own: others wait."""
    if not seconds:
        return
    statement = text(LEARN.format(units=UNITS.get(queue.step, ITEMS)))
    took = {"subjects": list(seconds), "seconds": list(seconds.values()), "remembered": REMEMBERED}
    db.execute(statement, {**queue.values(), **took})
