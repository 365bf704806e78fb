"""What an operator has to know or do.  An alert is raised once, however often its cause is met, and ends with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

ACCOUNT_LOST = "account lost"
"""Telegram lets an account in no more"""
SOURCE_CLOSED = "source closed"
"""a channel or site cannot be read any more"""
LONG_WAIT = "long wait"
"""we were asked to wait for longer than usual"""
SITE_CLOSED = "site closed"
"""a video site refuses us as a whole; nobody asks it for a while"""
COOKIES_EXPIRED = "cookies expired"
"""a site is visited as everybody visits it, though an account was meant"""
DELETIONS = "deletions"
"""many posts of one source went at once"""
TIME_STAMPS = "time stamps"
"""an authority answers wrongly, or is not reached for days"""

INCIDENT = "incident"
"""a piece of evidence does not stand as it was recorded"""
LOCK = "lock not kept"
"""the object store would let evidence be deleted"""
LOG_REWRITTEN = "custody log"
"""the custody log is not what was signed before: nothing more is signed"""
LOG_UNWITNESSED = "witness refuses"
"""a witness says that a signed head does not extend the one it saw before"""
WITNESS_AWAY = "witness away"
"""a witness does not answer; it is asked again at every signing"""
CLOCK = "clock"
"""the newest event is dated later than this machine's clock"""

BACKLOG = "backlog"
"""of a step more and more waits, hour after hour"""
QUARANTINE = "quarantine"
"""many items of a step were set aside within a day"""
TIP_FLOOD = "tip flood"
"""so many tips come in by the form that some are turned away"""
WORKERS_DIE = "workers die"
"""workers of a step die again and again over its items"""
DISK = "disk full"
"""there is little room left in the data folder"""
HUNG = "process hung"
"""a process of `lastseen up` lived and gave no sign of life; it was ended and started again"""
SILENT = "no runs"
"""the journal says that nothing was begun for hours"""

ERASURE = "erasure unfinished"
"""a lawful erasure was confirmed and cut short, and whoever came by may not go on with it"""
LETTER_OVERDUE = "letter overdue"
"""an office has not answered within the days that it takes"""

RAISE = text("""
    INSERT INTO alerts (kind, subject, said) VALUES (:kind, :subject, :said)
    ON CONFLICT (kind, subject) WHERE ended_at IS NULL
    DO UPDATE SET said = excluded.said, last_at = now(), times = alerts.times + 1""")

PROLONG = text("""
    UPDATE alerts SET said = :said, last_at = now(), times = times + 1, ended_at = greatest(ended_at, :until)
     WHERE kind = :kind AND subject = :subject AND ended_at > now()""")

RAISE_UNTIL = text("INSERT INTO alerts (kind, subject, said, ended_at) VALUES (:kind, :subject, :said, :until)")

END = text("UPDATE alerts SET ended_at = now() WHERE kind = :kind AND subject = :subject AND ended_at IS NULL")

OPEN = text("""
    SELECT id, kind, subject, said, raised_at, times, now() - last_at AS since FROM alerts
     WHERE ended_at IS NULL OR ended_at > now() ORDER BY raised_at DESC, id""")


@dataclass(frozen=True, slots=True)
class Alert:
    """One that is open."""

    id: int
    kind: str
    subject: str
    """what it is about, as `kind:id`"""
    said: str
    raised_at: datetime
    times: int
    """how often its cause was met since"""
    since: timedelta
    """that its cause was last met"""


def sound(db: Connection, kind: str, subject: str, said: str, until: datetime | None = None) -> None:
    """Raise an alert, or say anew what an open one is about.  With `until` it ends by itself."""
    values = {"kind": kind, "subject": subject, "said": said, "until": until}
    if until is None:
        db.execute(RAISE, values)
    elif not db.execute(PROLONG, values).rowcount:
        db.execute(RAISE_UNTIL, values)


def end(db: Connection, kind: str, subject: str) -> None:
    """Its cause is gone."""
    db.execute(END, {"kind": kind, "subject": subject})


def standing(db: Connection) -> Sequence[Alert]:
    """The open ones, the newest first."""
    return [Alert(**row) for row in db.execute(OPEN).mappings()]
