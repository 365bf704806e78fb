"""Making the report of a year or a month as the records stood at a moment: figures in, pages and a row out.

The same moment gives the same figures, and the same bytes of every page by the same version of this software.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lastseen import yearly
from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from lastseen.yearly import DAY, Period
from pipeline.report import year_page
from pipeline.report.making import as_json
from pipeline.report.saying import speeches
from storage import custody, keys, year_figures, year_reports
from storage.database import Connection
from storage.objects import DERIVED, ObjectMissing
from storage.stores import Stores
from storage.year_reports import Figures, YearReport

MEDIA_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "page": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
"""format of a page -> what it is; `page`: as the review pages show it, each figure leading to its records"""
_YEAR: Final = re.compile("[0-9]{4}", re.ASCII)
_MONTH: Final = re.compile("[0-9]{4}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of an order."""

    report: YearReport
    fresh: bool
    """False: it had been reported so before, and is the same"""
    changed: tuple[str, ...] = ()
    """figures that differ from an earlier report of the same moment: something was erased in between"""


def year(name: str) -> Period:
    """Raises WrongUse."""
    return _period(name, _YEAR, "a year is written as 2026")


def month(name: str) -> Period:
    """Raises WrongUse."""
    return _period(name, _MONTH, "a month is written as 2026-11")


def moment(asked: datetime | None, settled: datetime) -> datetime:
    """The moment that is reported on.  Raises WrongUse for one that is not over yet.

    `settled`: up to when nothing can come in any more; without an order it is that.
    """
    if asked is None:
        return settled
    if asked > settled:
        raise WrongUse(f"--as-of {iso(asked)}: that is not over yet, the records are complete up to {iso(settled)}")
    return asked


def make(stores: Stores, period: Period, as_of: datetime | None, actor: str) -> Made:
    """Report a period as the records stood.  Raises WrongUse.

    The pages are in the store, read back, before the row that names them.
    """
    with stores.db.begin() as db:
        year_reports.lock(db)
        with stores.db.connect().execution_options(isolation_level="REPEATABLE READ") as reading:
            at = moment(as_of, year_figures.settled(reading))
            if at <= period.begins:
                raise WrongUse(f"{period.name} had not begun at {iso(at)}")
            figures = read(reading, period, at)
        before = year_reports.newest(db, period.name, at)
        changed = _changed(before.figures, figures) if before else ()
        if before and not changed and _stands(stores, before):
            return Made(before, fresh=False)
        things = dict(_pages(figures, period))
        for thing in things.values():
            stores.objects.put_verified(thing)
        pages = {name: {"key": thing.key, "sha256": thing.sha256} for name, thing in things.items()}
        if before and not changed and pages == before.pages:  # lost, and there again
            return Made(before, fresh=False)
        hashes = {
            "as_of": iso(at),
            "figures": digest(figures),
            **{name: page["sha256"] for name, page in pages.items()},
        }
        made, entry = year_reports.keep(db, period.name, at, as_json(figures), as_json(pages), hashes, actor)
        kept = year_reports.find(db, made)
        custody.append_all(db, actor, [entry])
    if kept is None:
        raise LookupError(f"report {made} is not there")
    return Made(kept, fresh=True, changed=changed)


def due(stores: Stores, now: datetime) -> list[Period]:
    """The month and the year that were over last, if they are not reported as of their end.

    None that ended before anything was written down here, or into which somebody still writes.
    """
    last = now.date().replace(day=1) - DAY
    with stores.db.connect() as db:
        settled = year_figures.settled(db)
        return [
            period
            for period in map(Period.named, (f"{last:%Y-%m}", f"{now.year - 1:04}"))
            if period.ends <= settled
            and custody.begun(db, period.ends)
            and year_reports.newest(db, period.name, period.ends) is None
        ]


def run(stores: Stores, over: Iterable[Period], actor: str) -> list[str]:
    """Report periods that are over, each as the records stood at its end.  Returns their names."""
    return [make(stores, period, period.ends, actor).report.period for period in over]


def read(db: Connection, period: Period, as_of: datetime) -> Figures:
    """All figures of a period, as JSON: no ids, no names."""
    facts = year_figures.facts(db, period, as_of)
    found = yearly.records(period, facts)
    return {
        "period": period.name,
        "as_of": iso(as_of),
        "ends": iso(yearly.ends(period, as_of)),
        "counts": {name: yearly.number(counted) for name, counted in found.items()},
        "median_days": yearly.waited(period, facts),
        "stretches": [str(first)[: len("2026-11") if period.is_year else None] for first, _ in period.parts],
        "series": yearly.series(period, found),
    }


def digest(figures: Figures) -> str:
    """What the custody log binds."""
    return hashlib.sha256(as_json(figures).encode()).hexdigest()


def _stands(stores: Stores, report: YearReport) -> bool:
    """Whether its pages are there as they were made: what is derived may be lost, and is made again."""
    try:
        return all(
            hashlib.sha256(stores.objects.read(DERIVED, page["key"])).hexdigest() == page["sha256"]
            for page in report.pages.values()
        )
    except ObjectMissing:
        return False


def _pages(figures: Figures, period: Period) -> Iterator[tuple[str, ObjectToStore]]:
    for code, speech in speeches().items():
        said = year_page.say(figures, speech)
        contents = {
            "html": year_page.html(said, speech, linked=False),
            "page": year_page.html(said, speech, linked=True),
            "pdf": year_page.pdf(said),
        }
        for ending, content in contents.items():
            name = f"{code}.{ending}"
            sha256 = hashlib.sha256(content).hexdigest()
            key = keys.year_report(period.name, sha256, name)
            yield name, ObjectToStore(DERIVED, key, content, sha256, MEDIA_TYPES[ending])


def _changed(before: Figures, now: Figures) -> tuple[str, ...]:
    """Figures that are not what they were."""
    said = json.loads(as_json(now))
    names = sorted(name for name in said["counts"] if said["counts"][name] != before["counts"].get(name))
    return tuple(names) if said != before and names else ("the form of the report",) if said != before else ()


def _period(name: str, form: re.Pattern[str], otherwise: str) -> Period:
    if not form.fullmatch(name):
        raise WrongUse(f"{name}: {otherwise}")
    return Period.named(name)
