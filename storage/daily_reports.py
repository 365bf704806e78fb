"""What was reported of each day: the newest report of a day supersedes the others, and all of them stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, text

from storage.custody import Action, Entry
from storage.daily_figures import Figures

_REPORT = """
    SELECT id, day, figures, pages, made_by, made_at,
           id = max(id) OVER (PARTITION BY day) AS newest FROM daily_reports"""
KEEP = text("""
    INSERT INTO daily_reports (day, figures, pages, made_by, made_at)
    VALUES (:day, CAST(:figures AS jsonb), CAST(:pages AS jsonb), :made_by, :made_at) RETURNING id""")
OF_DAY = text(f"{_REPORT} WHERE day = :day ORDER BY id DESC")
# Without the figures, of which a thousand days come to megabytes.
LISTED = text("""
    SELECT id, day, made_by, made_at, id = max(id) OVER (PARTITION BY day) AS newest
      FROM daily_reports WHERE day >= :since ORDER BY day DESC, id DESC LIMIT :limit""")
DAYS = text("SELECT DISTINCT day FROM daily_reports WHERE day BETWEEN :since AND :until")
# One maker at a time, until the end of its transaction: a day is reported once, however many start at that moment.
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.daily_reports'))")


@dataclass(frozen=True, slots=True)
class Line:
    """One report, as it is listed."""

    id: int
    day: date
    made_by: str
    made_at: datetime
    newest: bool
    """no later one of the same day supersedes it"""


@dataclass(frozen=True, slots=True)
class Report(Line):
    """One report, whole."""

    figures: Figures = field(repr=False)
    """{`facts`, `standing`}: see `storage.daily_figures`; `standing` is null if the day had been over for long"""
    pages: Mapping[str, Mapping[str, str]]
    """language -> `key` and `sha256` of its page in the derived bucket"""


def lock(db: Connection) -> None:
    """Nobody else makes one until this transaction ends."""
    db.execute(LOCK)


def of_day(db: Connection, day: date) -> Sequence[Report]:
    """All of one day, the newest first."""
    return [Report(**row) for row in db.execute(OF_DAY, {"day": day}).mappings()]


def find(db: Connection, day: date, id_: int | None = None) -> Report | None:
    """The newest report of a day, or the one with this id."""
    return next((one for one in of_day(db, day) if id_ is None or one.id == id_), None)


def listed(db: Connection, since: date = date.min, limit: int = 400) -> Sequence[Line]:
    """The newest days first."""
    return [Line(**row) for row in db.execute(LISTED, {"since": since, "limit": limit}).mappings()]


def known(db: Connection, since: date, until: date) -> set[date]:
    """Days that have a report, from one day to another, both included."""
    return set(db.execute(DAYS, {"since": since, "until": until}).scalars())


def keep(
    db: Connection,
    day: date,
    figures: str,
    pages: str,
    hashes: Mapping[str, str],
    actor: str,
    made_at: datetime,
) -> tuple[int, Entry]:
    """Keep one (`figures`, `pages`: JSON).  Returns its id, and what the custody log must say: `hashes` stand in it."""
    values = {"day": day, "figures": figures, "pages": pages, "made_by": actor, "made_at": made_at}
    made: int = db.execute(KEEP, values).scalar_one()
    return made, Entry(Action.REPORTED, f"report:{day.isoformat()}", {"report": made, **hashes})
