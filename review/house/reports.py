"""Reports: which there are, the page of one as it was made, and its figures to take along."""

import hashlib
import json
from datetime import date

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lastseen.sheets import sheet
from review import language
from review.desk import desk_of
from review.doors import number_in, root_of, user_of
from storage import custody, daily_figures, daily_reports, year_reports
from storage.custody import Action
from storage.daily_reports import Report
from storage.objects import DERIVED

COLUMNS = ("part", "what", "of", "day", "number")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors "
"""the page holds its own style, and nothing else may come into it: no script, no picture, no form"""


def listed(request: Request) -> Response:
    """Years, months and days that were reported, the newest first, with the reports that later ones superseded."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        lines, periods = daily_reports.listed(db), year_reports.listed(db)
    return desk.draw(request, "reports.html", lines=lines, periods=periods)


def page(request: Request) -> Response:
    """The page of one day in the reader's language, byte for byte as it was made."""
    found, spoken = _found(request), language.spoken().code
    place = found.pages.get(spoken) or found.pages[language.FIRST]
    content = desk_of(request).stores.objects.read(DERIVED, place["key"])
    if hashlib.sha256(content).hexdigest() != place["sha256"]:
        raise HTTPException(404)  # it can be made again, and the usual page says no more
    framed = "'self'" if root_of(request) else "'none'"  # whoever mounts the pages shows them within a page of its own
    return Response(content, media_type="text/html", headers={"Content-Security-Policy": POLICY + framed})


def download(request: Request) -> Response:
    """All figures of one day as a file; that it was taken along stands in the custody log."""
    found, ending = _found(request), request.path_params["ending"]
    if ending not in _WRITERS:
        raise HTTPException(404)
    with desk_of(request).stores.db.begin() as db:
        detail = {"report": found.id, "format": ending}
        custody.append(db, user_of(request).name, Action.EXPORTED, f"report:{found.day}", detail)
    media_type, write = _WRITERS[ending]
    headers = {"Content-Disposition": f'attachment; filename="daily-report-{found.day}.{ending}"'}
    return Response(write(found), media_type=media_type, headers=headers)


def _found(request: Request) -> Report:
    """The newest report of the day in the address, or the one that `report` names.  Raises HTTPException."""
    try:
        day = date.fromisoformat(request.path_params["day"])
    except ValueError as fault:
        raise HTTPException(404) from fault
    with desk_of(request).stores.db.begin() as db:
        found = daily_reports.find(db, day, number_in(request, "report"))
    if found is None:
        raise HTTPException(404)
    return found


def _csv(report: Report) -> str:
    return sheet(COLUMNS, daily_figures.lines(report.figures))


def _json(report: Report) -> str:
    head = {"report": report.id, "made_at": report.made_at.isoformat(), "made_by": report.made_by}
    return json.dumps({**head, **report.figures}, ensure_ascii=False, sort_keys=True) + "\n"


_WRITERS = {"csv": ("text/csv; charset=utf-8", _csv), "json": ("application/json", _json)}
