"""How often the form for tips may be sent: by one address in an hour, and by everybody in a day.

A family, a village or a whole shelter may sit behind one address: it is never turned away for longer than the hour
lasts.  Of addresses only hashes are kept, for two days, by the key of secrets: whoever has a copy of the database could
hash every address there is, and from where relatives write is nobody's business.  All that is turned away is counted,
and shown to operators.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from storage import alerts, lockouts
from storage.sealing import Secrets

FORGOTTEN: Final = timedelta(days=2)
"""hashes of addresses go after so long"""
MANY_TURNED_AWAY: Final = 50
"""in a day, by the limit of an address or by the hidden field: an alert says so"""
SHOWN_DAYS: Final = 7

COUNT = text("""
    INSERT INTO tip_counts AS kept (since, what, times)
    VALUES (date_trunc(:unit, now(), 'UTC'), :what, 1)
        ON CONFLICT (since, what) DO UPDATE SET times = kept.times + 1
    RETURNING times, ceil(extract(epoch FROM since + CAST('1 ' || :unit AS interval) - now())) AS left,
              since + CAST('1 ' || :unit AS interval) AS ends""")
TAKE_BACK = text("""
    UPDATE tip_counts SET times = times - 1 WHERE since = date_trunc(:unit, now(), 'UTC') AND what = :what""")
CLEAR = text("DELETE FROM tip_counts WHERE what LIKE 'from %' AND since < now() - CAST(:forgotten AS interval)")
OF_DAYS = text("""
    SELECT what, sum(times) AS times FROM tip_counts
     WHERE what NOT LIKE 'from %' AND since >= date_trunc('day', now(), 'UTC') - make_interval(days => :days - 1)
     GROUP BY what""")


class Met(StrEnum):
    """What became of a form that was sent."""

    RECEIVED = "received"
    FAULTY = "not understood"
    """something lacked, and the form was shown again"""
    PROGRAM = "by a program"
    """the field that people do not see was filled"""
    ADDRESS = "address limit"
    DAY = "day limit"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many tips are taken by the form."""

    of_an_address: int
    """in an hour"""
    a_day: int
    """from everybody"""


@dataclass(frozen=True, slots=True)
class Wait:
    """It is not taken now."""

    met: Met
    seconds: int
    """until it is"""


def take(db: Connection, secrets: Secrets, address: str, limits: Limits) -> Wait | None:
    """Count one tip that is about to be kept; None: it may be.  What is turned away counts against nobody.

    Commit, whatever comes of it.
    """
    db.execute(CLEAR, {"forgotten": FORGOTTEN})
    key = f"from {secrets.blinded(lockouts.site_of(address))}"
    mine = _count(db, "hour", key)
    if mine.times > limits.of_an_address:
        db.execute(TAKE_BACK, {"unit": "hour", "what": key})
        turned_away(db, Met.ADDRESS)
        return Wait(Met.ADDRESS, int(mine.left))
    every = _count(db, "day", Met.RECEIVED)
    if every.times > limits.a_day:
        db.execute(TAKE_BACK, {"unit": "day", "what": Met.RECEIVED})
        db.execute(TAKE_BACK, {"unit": "hour", "what": key})
        turned = turned_away(db, Met.DAY)
        said = f"{limits.a_day} tips came in today by the form, and {turned} more were turned away"
        alerts.sound(db, alerts.TIP_FLOOD, "tips", said, every.ends)
        return Wait(Met.DAY, int(every.left))
    return None


def turned_away(db: Connection, met: Met) -> int:
    """Count a form that was not taken; of very many in a day an alert tells.  Returns how many there were today."""
    row = _count(db, "day", met)
    if met in (Met.PROGRAM, Met.ADDRESS) and row.times >= MANY_TURNED_AWAY:
        said = f"{row.times} forms with tips were turned away today: {met}"
        alerts.sound(db, alerts.TIP_FLOOD, "tips", said, row.ends)
    times: int = row.times
    return times


def lately(db: Connection, days: int = SHOWN_DAYS) -> Mapping[str, int]:
    """What became of the forms of some days: `Met` -> how many."""
    found = {row.what: int(row.times) for row in db.execute(OF_DAYS, {"days": days})}
    return {met: found.get(met, 0) for met in Met}


def _count(db: Connection, unit: str, what: str) -> Row[Any]:
    return db.execute(COUNT, {"unit": unit, "what": what}).one()
