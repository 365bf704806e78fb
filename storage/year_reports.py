"""What was reported of years and months, each as the records stood at a moment; all reports stay."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from lastseen.words import Words
from lastseen.yearly_words import FIGURES, PARTS, WAITED
from storage.custody import Action, Entry

_LINE = """
    SELECT id, period, as_of, made_by, made_at,
           id = max(id) OVER (PARTITION BY period, as_of) AS newest, {more} FROM year_reports"""
KEEP = text("""
    INSERT INTO year_reports (period, as_of, figures, pages, made_by, made_at)
    VALUES (:period, :as_of, CAST(:figures AS jsonb), CAST(:pages AS jsonb), :made_by, now()) RETURNING id""")
_WHOLE = _LINE.format(more="figures, pages")
FIND = text(f"SELECT * FROM ({_WHOLE}) AS each WHERE id = :id")  # noqa: S608  our own words
OF_PERIOD = text(f"""
    {_WHOLE} WHERE period = :period AND (CAST(:as_of AS timestamptz) IS NULL OR as_of = :as_of)
     ORDER BY id DESC LIMIT 1""")
LISTED = text(f"{_LINE.format(more='NULL AS nothing')} ORDER BY period DESC, as_of DESC, id DESC LIMIT :most")
# One maker at a time, until the end of its transaction.
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.year_reports'))")
MOST: Final = 200
"""on the page of reports"""

COLUMNS: Final = ("part", "figure", "called", "when", "number")
"""of a report as a sheet"""

Figures = dict[str, Any]
"""JSON: see `pipeline.report.yearly`"""


@dataclass(frozen=True, slots=True)
class YearLine:
    """One report, as it is listed."""

    id: int
    period: str
    """`2026` or `2026-11`"""
    as_of: datetime
    """what was written down from then on is not in it"""
    made_by: str
    made_at: datetime
    newest: bool
    """no later one of the same period and moment supersedes it"""


@dataclass(frozen=True, slots=True)
class YearReport(YearLine):
    """One report, whole."""

    figures: Figures = field(repr=False)
    pages: Mapping[str, Mapping[str, str]]
    """`en.html`, `en.pdf`, `en.page`, ... -> `key` and `sha256` in the derived bucket"""


def lock(db: Connection) -> None:
    """Nobody else makes one until this transaction ends."""
    db.execute(LOCK)


def find(db: Connection, id_: int) -> YearReport | None:
    """One."""
    row = db.execute(FIND, {"id": id_}).mappings().first()
    return YearReport(**row) if row else None


def newest(db: Connection, period: str, as_of: datetime | None = None) -> YearReport | None:
    """The newest report of a period, or of it at one moment."""
    row = db.execute(OF_PERIOD, {"period": period, "as_of": as_of}).mappings().first()
    return YearReport(**row) if row else None


def listed(db: Connection) -> Sequence[YearLine]:
    """The newest periods first."""
    rows = db.execute(LISTED, {"most": MOST}).mappings()
    return [YearLine(**{name: row[name] for name in YearLine.__dataclass_fields__}) for row in rows]


def keep(
    db: Connection, period: str, as_of: datetime, figures: str, pages: str, hashes: Mapping[str, str], actor: str
) -> tuple[int, Entry]:
    """Keep one (`figures`, `pages`: JSON).  Returns its id, and what the custody log must say: `hashes` stand in it."""
    values = {"period": period, "as_of": as_of, "figures": figures, "pages": pages, "made_by": actor}
    made: int = db.execute(KEEP, values).scalar_one()
    return made, Entry(Action.REPORTED, f"report:{period}", {"report": made, **hashes})


def as_json(report: YearReport) -> str:
    """All of a report, for programs: the same for the same figures."""
    return json.dumps(report.figures, ensure_ascii=False, sort_keys=True) + "\n"


def lines(figures: Figures, say: Callable[[Words], str] = str) -> Iterator[tuple[object, ...]]:
    """All of a report, as lines of a sheet: part, figure, what it is called, of which stretch of time, number.

    `say`: words in the reader's language; the names of figures are the same in each.  A number that there is not is
    empty.
    """
    of: dict[str, str] = {}
    for title, part in PARTS:
        for name, figure in part.items():
            of[name] = say(title)
            yield of[name], name, say(figure.label), figures["period"], figures["counts"][name]
            if name == "answered":
                yield of[name], "median_days", say(WAITED), figures["period"], figures["median_days"]
    for name, numbers in figures["series"].items():
        for when, count in zip(figures["stretches"], numbers, strict=True):
            yield of[name], name, say(FIGURES[name].label), when, count
