"""Making the report of a day: figures in, a page in each language and a row out.  Once a day, unless it is forced."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from pipeline.report import page
from pipeline.report.page import Making
from pipeline.report.saying import speeches
from storage import custody, daily_figures, daily_reports, keys
from storage.daily_figures import Figures
from storage.daily_reports import Report
from storage.database import Connection
from storage.objects import DERIVED
from storage.stores import Stores

DAY = timedelta(days=1)
MOST_DAYS = 400
"""that are reported by one order: a year, and some"""
MEDIA_TYPE = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which days, and whether again."""

    first: date
    last: date
    force: bool = False

    @property
    def days(self) -> Sequence[date]:
        """All of them, the oldest first."""
        return [self.first + number * DAY for number in range((self.last - self.first).days + 1)]


def wanted(day: date | None, since: date | None, until: date | None, now: datetime, *, force: bool = False) -> Wanted:
    """What was asked for: one day, or a stretch; without any, the day that was over last.  Raises WrongUse."""
    yesterday = now.date() - DAY
    if day is not None and (since is not None or until is not None):
        raise WrongUse("give one day, or a first and a last one, not both")
    last = day or until or yesterday
    first = day or since or last
    if last > yesterday:
        raise WrongUse(f"{last} is not over yet (UTC): the last day that can be reported is {yesterday}")
    if first > last:
        raise WrongUse(f"{first} comes after {last}: give the earlier day first")
    if (last - first).days >= MOST_DAYS:
        raise WrongUse(f"that is more than {MOST_DAYS} days: ask for fewer at a time")
    return Wanted(first, last, force)


def due(stores: Stores, asked: Wanted) -> Sequence[date]:
    """The days that have no report yet, or all of them where they are to be made again."""
    if asked.force:
        return asked.days
    with stores.db.connect() as db:
        known = daily_reports.known(db, asked.first, asked.last)
    return [day for day in asked.days if day not in known]


def run(stores: Stores, asked: Wanted, actor: str) -> list[date]:
    """Report what is due.  Returns the days."""
    return [day for day in due(stores, asked) if make(stores, day, actor, force=asked.force) is not None]


def make(stores: Stores, day: date, actor: str, *, force: bool = False) -> int | None:
    """Report one day.  Returns the row id; None: somebody else has meanwhile.

    The pages are in the store, read back, before the row that names them; whoever is killed in between leaves pages
    that nothing names, and the next one makes its own.
    """
    with stores.db.begin() as db:
        daily_reports.lock(db)
        before = daily_reports.of_day(db, day)
        if before and not force:
            return None
        at = utcnow()
        with stores.db.connect().execution_options(isolation_level="REPEATABLE READ") as reading:
            figures = read(reading, day, before, at)
        things = dict(_pages(figures, Making(at, actor, len(before) + 1), day))
        for thing in things.values():
            stores.objects.put_verified(thing)
        pages = {code: {"key": thing.key, "sha256": thing.sha256} for code, thing in things.items()}
        hashes = {"figures": _digest(figures), **{code: thing.sha256 for code, thing in things.items()}}
        made, entry = daily_reports.keep(db, day, as_json(figures), as_json(pages), hashes, actor, at)
        custody.append_all(db, actor, [entry])
    return made


def read(db: Connection, day: date, before: Sequence[Report], now: datetime) -> Figures:
    """All figures.  How things stood is what the first of the reports `before` said of it."""
    return {"facts": daily_figures.facts(db, day), "standing": _standing(db, day, before, now)}


def as_json(value: object) -> str:
    """One spelling, so that it can be hashed."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _standing(db: Connection, day: date, before: Sequence[Report], now: datetime) -> Figures | None:
    if before:
        stood: Figures | None = before[-1].figures["standing"]
        return stood
    return daily_figures.standing(db) if now < daily_figures.begins(day + 2 * DAY) else None


def _pages(figures: Figures, making: Making, day: date) -> Iterator[tuple[str, ObjectToStore]]:
    for code, speech in speeches().items():
        content = page.draw(figures, making, speech)
        digest = hashlib.sha256(content).hexdigest()
        yield code, ObjectToStore(DERIVED, keys.daily_report(day, digest, code), content, digest, MEDIA_TYPE)


def _digest(figures: Mapping[str, object]) -> str:
    return hashlib.sha256(as_json(figures).encode()).hexdigest()
