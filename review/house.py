"""Pages about the installation itself, and our own static files."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from review.desk import desk_of
from storage import status as storage_status


def status(request: Request) -> Response:
    """How many of everything there are, and what did not get through."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        counts, troubles = storage_status.counts(db), storage_status.troubles(db)
    return desk.draw(request, "status.html", counts=counts, troubles=troubles)


def static(request: Request) -> Response:
    """One of our own files.  Its address carries its version, so it may be kept for good."""
    file = desk_of(request).static.get(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(file.content, media_type=file.media_type, headers=headers)
