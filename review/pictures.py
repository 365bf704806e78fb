"""The pictures of a review, under its token only: nothing in an address or a header tells what is looked at."""

from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from review.desk import desk_of
from review.doors import visit_of
from review.media import KEEP, stretch
from storage import custody, review_pictures, reviews
from storage.custody import Action
from storage.database import Connection
from storage.objects import DERIVED
from storage.review_pictures import Pictures
from storage.reviews import Review


def shot(request: Request) -> Response:
    """A best shot of the probe."""
    keys = [picture.key for picture in _pictures(request).shots]
    return _picture(request, _numbered(request, keys))


def photo(request: Request) -> Response:
    """A reference photo; there is none before the probe was described."""
    keys = [picture.key for picture in _pictures(request).photos]
    return _picture(request, _numbered(request, keys))


def still(request: Request) -> Response:
    """The whole picture."""
    return _picture(request, _pictures(request).still)


def clip(request: Request) -> Response:
    """The seconds around the moment; that they are played is written down before a byte goes out."""
    desk, visit = desk_of(request), visit_of(request)
    with desk.stores.db.begin() as db:
        review, key = _of_clip(db, request)
    answer, first = stretch(desk.stores.objects, key, request.headers.get("range", ""))
    if visit.session and first is not None and desk.plays.begins(visit.cookie, review.id, first):
        with desk.stores.db.begin() as db:
            custody.append(db, visit.session.user.name, Action.PLAYED, f"candidate:{review.candidate}")
    return answer


def review_of(db: Connection, request: Request) -> Review:
    """The visitor's own review that this address names, while it goes on.  Raises HTTPException."""
    session = visit_of(request).session
    token: UUID = request.path_params["token"]
    found = reviews.find(db, token, session.user) if session else None
    if found is None:
        raise HTTPException(404)
    return found


def _pictures(request: Request) -> Pictures:
    with desk_of(request).stores.db.begin() as db:
        return review_pictures.of_review(db, review_of(db, request))


def _of_clip(db: Connection, request: Request) -> tuple[Review, str]:
    review = review_of(db, request)
    key = review_pictures.of_review(db, review).clip
    if key is None:
        raise HTTPException(404)
    return review, key


def _numbered(request: Request, keys: list[str]) -> str | None:
    number: int = request.path_params["n"]
    return keys[number - 1] if 0 < number <= len(keys) else None


def _picture(request: Request, key: str | None) -> Response:
    if key is None:
        raise HTTPException(404)
    content = desk_of(request).stores.objects.read(DERIVED, key)
    return Response(content, media_type="image/jpeg", headers=KEEP)
