"""What the rules of `pipeline.alerting.rules` look at: counts by step and hour, and when work was last begun."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, text

from storage import tallies

KEPT: Final = timedelta(days=8)
"""for so long it is known how much waited"""

MARK = text("""
    INSERT INTO backlog_marks (step, hour, items)
    SELECT step, date_trunc('hour', now()), items
      FROM unnest(CAST(:steps AS text[]), CAST(:items AS bigint[])) AS seen (step, items)
    ON CONFLICT (step, hour) DO NOTHING""")
FORGET = text("DELETE FROM backlog_marks WHERE hour < now() - CAST(:kept AS interval)")
MARKS = text("""
    SELECT step, hour, items FROM backlog_marks
     WHERE hour >= date_trunc('hour', now()) - CAST(:back AS interval) ORDER BY step, hour""")

QUARANTINED = text("""
    SELECT step, count(*) AS items FROM work
     WHERE state = 'quarantined' AND settled_at > now() - interval '1 day' GROUP BY step""")
DYING = text("""
    SELECT step, count(*) AS items FROM work WHERE state = 'open' AND crashes >= :deaths GROUP BY step""")
NEWEST_RUN = text("SELECT extract(epoch FROM now() - started_at) AS age FROM runs ORDER BY id DESC LIMIT 1")


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to judge by."""

    waiting: Mapping[str, int]
    """step -> items that could be taken up now"""
    marks: Mapping[str, Sequence[tuple[datetime, int]]]
    """step -> the hours before this one, the oldest first, with how much waited then"""
    quarantined: Mapping[str, int]
    """step -> items that were set aside within a day"""
    dying: Mapping[str, int]
    """step -> open items over which workers died repeatedly"""
    silent: timedelta | None
    """since work was last begun; None: it never was"""


def waiting(db: Connection) -> dict[str, int]:
    """Step -> items that could be taken up now, and are not."""
    return {one.step: one.ready for one in tallies.stages(tallies.read(db)) if one.ready}


def look(db: Connection, back: timedelta, deaths: int) -> Seen:
    """Write down how much waits, once an hour, and say what there is to judge by."""
    ready = waiting(db)
    db.execute(MARK, {"steps": list(ready), "items": list(ready.values())})
    db.execute(FORGET, {"kept": KEPT})
    marks: dict[str, list[tuple[datetime, int]]] = {}
    for row in db.execute(MARKS, {"back": back}):
        marks.setdefault(row.step, []).append((row.hour, row.items))
    age = db.execute(NEWEST_RUN).scalar()
    return Seen(
        ready,
        marks,
        {row.step: row.items for row in db.execute(QUARANTINED)},
        {row.step: row.items for row in db.execute(DYING, {"deaths": deaths})},
        None if age is None else timedelta(seconds=float(age)),
    )
