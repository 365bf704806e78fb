"""Reports of months and years: the page of one as it was made, its files, and the records that each figure counts.

The figures are for everybody who works here.  Whom a figure counts is shown to whoever follows cases or keeps the
register; somebody who may be asked about faces sees the number alone, until they ask for it: from then on they are not
asked about anybody whom the list shows.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lastseen import yearly
from lastseen.roles import Role
from lastseen.sheets import sheet
from lastseen.yearly import Period, Record, Thing
from lastseen.yearly_words import FIGURES
from review import language
from review.cases.people import STATERS
from review.desk import desk_of
from review.doors import number_in, root_of, user_of
from review.house.reports import POLICY
from review.roles import OFFICERS
from storage import custody, tellings, year_records, year_reports
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.objects import DERIVED
from storage.year_records import MOST, Line
from storage.year_reports import YearReport

OPENED_BY: Final = {
    Thing.PERSON: STATERS,
    Thing.LETTER: OFFICERS,
    Thing.CASE: OFFICERS,
    Thing.LIST: OFFICERS,
    Thing.PACKAGE: frozenset({Role.SENIOR}),
    Thing.TIP: frozenset({Role.CASE_OFFICER}),
}
"""what a record is -> whose roles may see it; everybody else sees how many there are"""
PLACES: Final = {Thing.LETTER: "/letters/", Thing.CASE: "/groups/", Thing.LIST: "/lists/", Thing.TIP: "/tips/"}
"""what has a page of its own -> how its address begins"""
MEDIA_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A figure with its records, as far as somebody may see them."""

    report: YearReport
    figure: str
    reported: int
    """what the report says"""
    number: int
    """what is counted now, of the same moment: less where something was erased since"""
    lines: Sequence[Line]
    """empty: they see the number alone"""
    start: int
    """which of the records the first line is, from 0"""
    records: int
    why: str
    """they see the number alone: `roles`, `asked` (they may be asked about faces), or empty"""


def page(request: Request) -> Response:
    """One report in the reader's language, byte for byte as it was made."""
    report = _report(request)
    content = _kept(request, report, "page")
    framed = "'self'" if root_of(request) else "'none'"
    return Response(content, media_type="text/html", headers={"Content-Security-Policy": POLICY + framed})


def download(request: Request) -> Response:
    """One report as a file; that it was taken along stands in the custody log."""
    report, ending = _report(request), request.path_params["ending"]
    if ending not in MEDIA_TYPES:
        raise HTTPException(404)
    content = _written(request, report, ending)
    with desk_of(request).stores.db.begin() as db:
        detail = {"report": report.id, "format": ending}
        custody.append(db, user_of(request).name, Action.EXPORTED, f"report:{report.period}", detail)
    headers = {"Content-Disposition": f'attachment; filename="report-{report.period}.{ending}"'}
    return Response(content, media_type=MEDIA_TYPES[ending], headers=headers)


def records(request: Request) -> Response:
    """What one figure counts.  That it was opened stands in the custody log before it is shown."""
    report, figure = _report(request), request.path_params["figure"]
    if figure not in FIGURES:
        raise HTTPException(404)
    start, whole = number_in(request, "from") or 0, "whole" in request.query_params
    with desk_of(request).stores.db.begin() as db:
        opened = _open(db, user_of(request), report, figure, start, whole=whole)
        detail = {"report": report.id, "figure": figure, "records": len(opened.lines)}
        custody.append(db, user_of(request).name, Action.VIEWED, f"report:{report.period}", detail)
    places = {thing: place for thing, place in PLACES.items() if OPENED_BY[thing] & set(user_of(request).roles)}
    return desk_of(request).draw(
        request, "year_records.html", opened=opened, told=FIGURES[figure], most=MOST, places=places
    )


def _open(db: Connection, user: User, report: YearReport, figure: str, start: int, *, whole: bool) -> Opened:
    counted = year_records.counted(db, Period.named(report.period), report.as_of, figure)
    why = _why_not(user, counted, whole=whole)
    some = counted[start : start + MOST] if not why else ()
    tellings.tell_of(db, user, [one.id for one in some if one.thing is Thing.PERSON])
    lines = year_records.shown(db, some)
    number = yearly.number(counted)
    return Opened(report, figure, report.figures["counts"].get(figure, 0), number, lines, start, len(counted), why)


def _why_not(user: User, counted: Sequence[Record], *, whole: bool) -> str:
    """Why somebody sees the number alone; empty: they see the records."""
    if any(not OPENED_BY[one.thing] & set(user.roles) for one in counted):
        return "roles"
    names = any(one.thing is Thing.PERSON for one in counted)
    return "asked" if names and user.judges and not whole else ""


def _report(request: Request) -> YearReport:
    """Raises HTTPException."""
    with desk_of(request).stores.db.begin() as db:
        found = year_reports.find(db, request.path_params["id"])
    if found is None:
        raise HTTPException(404)
    return found


def _written(request: Request, report: YearReport, ending: str) -> bytes:
    if ending == "csv":
        return sheet(year_reports.COLUMNS, year_reports.lines(report.figures, language.said)).encode()
    return year_reports.as_json(report).encode() if ending == "json" else _kept(request, report, ending)


def _kept(request: Request, report: YearReport, ending: str) -> bytes:
    """A page of it in the reader's language, or else in the first.  Raises HTTPException."""
    spoken = f"{language.spoken().code}.{ending}"
    place = report.pages.get(spoken) or report.pages[f"{language.FIRST}.{ending}"]
    content = desk_of(request).stores.objects.read(DERIVED, place["key"])
    if hashlib.sha256(content).hexdigest() != place["sha256"]:
        raise HTTPException(404)  # it can be made again, and the usual page says no more
    return content
