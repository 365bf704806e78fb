"""Pages about the installation itself, the language of the pages, and our own static files."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.clock import utcnow
from lastseen.preferences import LANGUAGES
from review import language
from review.accounts import entrance
from review.desk import desk_of
from review.doors import page_of, set_cookie, visit_of
from review.house.running import here
from review.roles import SENIORS
from storage import accounts, alerts, monitoring, runs, tallies
from storage import status as storage_status
from storage.advice import ADVICE
from storage.monitoring import Lag

RUNS = 10
"""of the journal, on the page"""
SOURCES = 20
"""those that were read longest ago, on the page"""


def status(request: Request) -> Response:
    """How many of everything there are, what did not get through, and what runs on this machine."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        work = tallies.read(db)
        missed = desk.unaccounted.get(lambda: storage_status.unaccounted(db))
        found, troubles = storage_status.counts(db, work, missed), storage_status.troubles(db)
        told: dict[str, Any] = {
            "missed": missed,
            "standing": alerts.standing(db),
            "waiting": tallies.stages(work),
            "late": _late(monitoring.lags(db)),
            "begun": runs.newest(db, RUNS),
        }
    counts = storage_status.for_reviewers(found, senior=bool(visit_of(request).roles & SENIORS))
    return desk.draw(
        request, "status.html", counts=counts, troubles=troubles, here=here(desk.settings), advice=ADVICE, **told
    )


def _late(lags: Sequence[Lag]) -> list[tuple[int, datetime | None, datetime | None]]:
    """Of the sources that were read longest ago: id, when they were read, and when they were last read whole."""
    now = utcnow()

    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else now - timedelta(seconds=seconds)

    longest = sorted(lags, key=lambda lag: -lag.seconds)[:SOURCES]
    return [(lag.source, at(lag.read_seconds), at(lag.whole_seconds)) for lag in longest]


def set_language(request: Request) -> Response:
    """Read the pages in another language: an account keeps it, and so does the browser, for its sign-in page."""
    visit, code = visit_of(request), visit_of(request).form.get("language", "")
    if code not in LANGUAGES:
        raise HTTPException(400)
    session = visit.session or visit.half
    if session:
        with desk_of(request).stores.db.begin() as db:
            accounts.set_preferences(db, session.user, replace(session.user.preferences, language=code))
    answer = RedirectResponse(entrance.wanted(request, page_of(request)), 303)
    set_cookie(request, answer, language.COOKIE, code, language.COOKIE_SECONDS)
    return answer


def static(request: Request) -> Response:
    """One of our own files.  Its address carries its version, so it may be kept for good."""
    file = desk_of(request).static.get(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(file.content, media_type=file.media_type, headers=headers)
