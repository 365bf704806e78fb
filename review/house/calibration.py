"""The calibration that holds and the newest proposal: what a distance is worth, as a table and as a plot."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from review.desk import desk_of
from storage import calibrations


def page(request: Request) -> Response:
    """What holds, and what was measured last, each in numbers with its plot beside it."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        kept = calibrations.listed(db)
    shown = [one for number, one in enumerate(kept) if one.holds or number == 0]
    return desk.draw(request, "calibration.html", shown=shown, override=desk.settings.review_threshold)


def plot(request: Request) -> Response:
    """The plot of one calibration, as it was kept."""
    with desk_of(request).stores.db.begin() as db:
        kept = calibrations.one(db, request.path_params["id"])
    if kept is None or not kept.plot:
        raise HTTPException(404)
    return Response(kept.plot, media_type="image/svg+xml")
