"""One candidate with everything known about where it comes from."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lastseen import chance
from lastseen.lifecycle import CandidateState
from review.desk import desk_of
from review.doors import visit_of
from storage import custody, name_hints, rejections, reviewing
from storage.custody import Action


def candidate(request: Request) -> Response:
    """One candidate.  That it was looked at stands in the custody log before it is shown."""
    desk, session = desk_of(request), visit_of(request).session
    id_: int = request.path_params["id"]
    with desk.stores.db.begin() as db:
        shown = reviewing.candidate(db, id_)
        if shown is None or session is None:
            raise HTTPException(404)
        refused = rejections.of_face(db, id_, shown.blob)
        chance_of_it = chance.said(shown.expected_false, reviewing.faces_a_day(db))
        hints = name_hints.of_candidate(db, id_)
        custody.append(db, session.user.name, Action.VIEWED, f"candidate:{id_}")
    return desk.draw(
        request,
        "candidate.html",
        shown=shown,
        refused=refused,
        chance=chance_of_it,
        hints=hints,
        is_open=shown.state is CandidateState.OPEN,
        threshold=desk.settings.review_threshold,
    )
