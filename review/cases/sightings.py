"""Possible sightings: the list, the page of one, its hand-over to a case officer, its package of evidence.

Everything that leaves the office from here is written down: to whom, by whom, and why.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.lifecycle import CandidateState
from review.cases import candidates
from review.cases.candidates import number_of
from review.desk import desk_of
from review.doors import number_in, user_of
from review.forms import cut
from review.language import said
from review.media import pieces
from storage import custody, decided, hand_overs, packages, reviewing, tellings
from storage.custody import Action
from storage.database import Connection
from storage.decided import Showing, Which

LONGEST = {"receiver": 200, "note": 1000, "recipient": 200, "reason": 500}
"""characters of the fields of both forms"""


def listed(request: Request) -> Response:
    """Possible sightings, the newest first."""
    desk, user, before = desk_of(request), user_of(request), number_in(request, "before")
    which = _which(request.query_params.get("show", Which.WAITING))
    with desk.stores.db.begin() as db:
        found, waiting = decided.sightings(db, user, which, before), decided.waiting(db)
        rows, more = found[: decided.MOST], len(found) > decided.MOST
        tellings.tell(db, user, [row.id for row in rows])
        custody.append(db, user.name, Action.VIEWED, "sightings", {"show": which})
    return desk.draw(request, "sightings.html", rows=rows, which=which, every=list(Which), waiting=waiting, more=more)


def sighting(request: Request) -> Response:
    """One possible sighting.  That it was looked at stands in the custody log before it is shown."""
    with desk_of(request).stores.db.begin() as db:
        record = _record(db, request)
        custody.append(db, user_of(request).name, Action.VIEWED, f"candidate:{number_of(request)}")
    return candidates.drawn(request, record)


def letter(request: Request) -> Response:
    """The facts on one page, to be printed: for a case officer, or for an office that asks."""
    with desk_of(request).stores.db.begin() as db:
        record = _record(db, request)
        detail = {"what": "facts to print"}
        custody.append(db, user_of(request).name, Action.EXPORTED, f"candidate:{number_of(request)}", detail)
    desk = desk_of(request)
    return desk.draw(request, "facts.html", record=record, office=desk.settings.office, now=utcnow())


def hand_over(request: Request) -> Response:
    """Write down that it goes to a case officer."""
    desk, user, id_ = desk_of(request), user_of(request), number_of(request)
    form = cut(request, LONGEST)
    try:
        with desk.stores.db.begin() as db:
            _require(db, id_)
            entry = hand_overs.hand_over(db, id_, form["receiver"], form["note"], user)
            tellings.tell(db, user, [id_])
            custody.append_all(db, user.name, [entry])
    except WrongUse as fault:
        return _again(request, said(fault))
    return RedirectResponse(f"/sightings/{id_}#hand-over", 303)


def ask_package(request: Request) -> Response:
    """Have a package of evidence made."""
    desk, user, id_ = desk_of(request), user_of(request), number_of(request)
    form = cut(request, LONGEST)
    try:
        with desk.stores.db.begin() as db:
            _require(db, id_)
            tellings.tell(db, user, [id_])
            custody.append_all(db, user.name, packages.ask(db, id_, form["recipient"], form["reason"], user))
    except WrongUse as fault:
        return _again(request, said(fault))
    return RedirectResponse(f"/sightings/{id_}#package", 303)


def fetch_package(request: Request) -> Response:
    """A package that is ready; who fetches it stands in the custody log before a byte goes out.

    Once people came to something else, the recording is a stranger's, and the package goes to nobody any more.
    """
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        found = packages.find(db, number_of(request))
        if found is None or found.key is None or not found.ready:
            raise HTTPException(404)
        _require(db, found.candidate)
        tellings.tell(db, user_of(request), [found.candidate])
        detail = {"package": found.id, "export": found.export, "sha256": found.sha256}
        custody.append(db, user_of(request).name, Action.DOWNLOADED, f"candidate:{found.candidate}", detail)
    headers = {
        "Content-Disposition": f'attachment; filename="evidence-{found.export}.zip"',
        "Content-Length": str(found.size),
    }
    body = pieces(desk.stores.objects, found.key, found.size or 0)
    return StreamingResponse(body, 200, headers, "application/zip")


def _record(db: Connection, request: Request) -> candidates.Record:
    """Raises HTTPException: it is no possible sighting (any more)."""
    _require(db, number_of(request))
    return candidates.of(db, user_of(request), number_of(request), Showing.WHOLE)


def _require(db: Connection, id_: int) -> None:
    if reviewing.state(db, id_) is not CandidateState.SIGHTING:
        raise HTTPException(404)


def _again(request: Request, wrong: str) -> Response:
    """The page once more, with what was written and what is wrong with it."""
    with desk_of(request).stores.db.begin() as db:
        record = _record(db, request)
    return candidates.drawn(request, record, 422, wrong=wrong, form=cut(request, LONGEST))


def _which(written: str) -> Which:
    if written not in set(Which):
        raise HTTPException(400)
    return Which(written)
