"""What is sent of alerts, and by which channel: once when an alert is raised, and once when it has ended.

A message that is taken is nobody else's for LEASE; one that was not said to have gone out comes back after that, so
that none is lost with a worker that died.  In that one case it may arrive twice: it bears the same ids both times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, text

LEASE: Final = timedelta(minutes=10)
"""longer than anything is sent for"""
LATE: Final = timedelta(days=7)
"""an alert that was over for so long before there was anybody to tell is not told of"""
SHORTEST_REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(hours=1)
"""between two tries, doubled with each; for ever: whoever was away for a month is told then"""
MOST: Final = 500
"""notices in one message"""

RAISED, ENDED = "raised", "ended"

# Everything is raised before it ends; an alert that has an end in the future stands until then.
NOTE = text("""
    INSERT INTO alert_notices (alert_id, channel, what)
    SELECT id, channel, 'raised' FROM alerts, unnest(CAST(:channels AS text[])) AS channel
     WHERE ended_at IS NULL OR ended_at > now() - CAST(:late AS interval)
    ON CONFLICT (alert_id, channel, what) DO NOTHING""")
NOTE_ENDS = text("""
    INSERT INTO alert_notices (alert_id, channel, what)
    SELECT alerts.id, channel, 'ended' FROM alerts JOIN alert_notices ON alert_id = alerts.id AND what = 'raised'
     WHERE ended_at <= now() AND channel = ANY(CAST(:channels AS text[]))
       AND NOT EXISTS (SELECT FROM alert_notices AS known
                        WHERE known.alert_id = alerts.id AND known.channel = alert_notices.channel
                          AND known.what = 'ended')
    ON CONFLICT (alert_id, channel, what) DO NOTHING""")

TAKE = text("""
    WITH due AS (SELECT id FROM alert_notices
                  WHERE channel = :channel AND sent_at IS NULL AND due_at <= now()
                  ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
    UPDATE alert_notices SET due_at = now() + CAST(:lease AS interval), attempts = attempts + 1
      FROM due, alerts WHERE due.id = alert_notices.id AND alerts.id = alert_id
    RETURNING alert_notices.id, alert_id, kind, subject, what, raised_at, ended_at, times, attempts""")
SENT = text("UPDATE alert_notices SET sent_at = now(), why = :why WHERE id = ANY(:ids) AND sent_at IS NULL")
FAILED = text("""
    UPDATE alert_notices
       SET why = :why,
           due_at = now() + greatest(CAST(:after AS interval),
                                     least(CAST(:longest AS interval),
                                           CAST(:shortest AS interval) * 2 ^ least(attempts - 1, 10)))
     WHERE id = ANY(:ids) AND sent_at IS NULL""")

CHANNELS = text("""
    SELECT channel, count(*) FILTER (WHERE sent_at IS NULL) AS waiting, max(sent_at) AS sent_at,
           coalesce(nullif(max(why) FILTER (WHERE sent_at IS NULL), ''),
                    (array_agg(why ORDER BY sent_at DESC, id DESC) FILTER (WHERE sent_at IS NOT NULL))[1], '') AS why
      FROM alert_notices GROUP BY channel ORDER BY channel""")


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told."""

    id: int
    alert_id: int
    kind: str
    subject: str
    what: str
    """RAISED or ENDED"""
    raised_at: datetime
    ended_at: datetime | None
    times: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Channel:
    """How sending by one channel stands."""

    channel: str
    waiting: int
    sent_at: datetime | None
    """None: nothing was ever sent by it"""
    why: str
    """why something waits, or to whom the last message did not go; empty: neither, or it was not tried yet"""


def note(db: Connection, channels: Sequence[str]) -> None:
    """Write down what each channel has to tell of, and has not."""
    db.execute(NOTE, {"channels": list(channels), "late": LATE})
    db.execute(NOTE_ENDS, {"channels": list(channels)})


def take(db: Connection, channel: str) -> list[Notice]:
    """What is due by a channel, the oldest first.  It is the caller's for LEASE; commit before anything is sent."""
    rows = db.execute(TAKE, {"channel": channel, "most": MOST, "lease": LEASE}).mappings()
    return sorted((Notice(**row) for row in rows), key=lambda notice: notice.id)


def sent(db: Connection, notices: Sequence[Notice], why: str = "") -> None:
    """They have gone out; `why`: not to everybody."""
    db.execute(SENT, {"ids": [notice.id for notice in notices], "why": why})


def failed(db: Connection, notices: Sequence[Notice], why: str, after: timedelta = timedelta()) -> None:
    """They have not: they are due again after a rest, and not before `after`, which the receiver asked for."""
    rests = {"after": after, "shortest": SHORTEST_REST, "longest": LONGEST_REST}
    db.execute(FAILED, {"ids": [notice.id for notice in notices], "why": why, **rests})


def channels(db: Connection) -> list[Channel]:
    """Those by which something was sent, or is to be."""
    return [Channel(**row) for row in db.execute(CHANNELS).mappings()]
