"""The pictures of a review, under its token only: nothing in an address or a header tells what is looked at.

That somebody took the review up stands in the custody log, and with it that they were shown its pictures: a look is
written down once a review and not once a picture, so a browser may keep them as long as the review lasts.  A play of
the clip is written down each time, so the clip may not be kept.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lastseen.clock import utcnow
from review.desk import desk_of
from review.doors import user_of, visit_of
from review.media import stretch
from storage import custody, review_pictures, review_screen, reviews
from storage.custody import Action
from storage.database import Connection
from storage.objects import DERIVED
from storage.review_pictures import Picture, Pictures
from storage.reviews import Review


def shot(request: Request) -> Response:
    """A best shot of the probe."""
    review, found = _pictures(request, of_the_file=True)
    return _picture(request, _numbered(request, found.shots), review)


def photo(request: Request) -> Response:
    """A reference photo; there is none before the probe was described."""
    review, found = _pictures(request)
    return _picture(request, _numbered(request, found.photos), review)


def still(request: Request) -> Response:
    """The whole picture."""
    review, found = _pictures(request, of_the_file=True)
    return _picture(request, found.still, review)


def clip(request: Request) -> Response:
    """The seconds around the moment; that they are played is written down before a byte goes out."""
    desk, visit = desk_of(request), visit_of(request)
    with desk.stores.db.begin() as db:
        review, key = _of_clip(db, request)
    answer, first = stretch(desk.stores.objects, key, request.headers.get("range", ""))
    if visit.session and first is not None and desk.plays.begins(visit.cookie, review.id, first):
        with desk.stores.db.begin() as db:
            custody.append(db, visit.session.user.name, Action.PLAYED, reviews.subject(review))
    return answer


def review_of(db: Connection, request: Request) -> Review:
    """The visitor's own review that this address names, while it goes on.  Raises HTTPException."""
    token: UUID = request.path_params["token"]
    found = reviews.find(db, token, user_of(request))
    if found is None:
        raise HTTPException(404)
    return found


def _pictures(request: Request, *, of_the_file: bool = False) -> tuple[Review, Pictures]:
    with desk_of(request).stores.db.begin() as db:
        review = review_of(db, request)
        if of_the_file:
            review_screen.saw(db, review)
        return review, review_pictures.of_review(db, review)


def _of_clip(db: Connection, request: Request) -> tuple[Review, str]:
    review = review_of(db, request)
    key = review_pictures.of_review(db, review).clip
    if key is None:
        raise HTTPException(404)
    review_screen.saw(db, review)
    return review, key


def _numbered(request: Request, pictures: Sequence[Picture]) -> str | None:
    number: int = request.path_params["n"]
    return pictures[number - 1].key if 0 < number <= len(pictures) else None


def _picture(request: Request, key: str | None, review: Review) -> Response:
    if key is None:
        raise HTTPException(404)
    content = desk_of(request).stores.objects.read(DERIVED, key)
    return Response(content, media_type="image/jpeg", headers=kept_until(review.ends_at))


def kept_until(moment: datetime) -> dict[str, str]:
    """Headers that let one browser, of one session, keep a picture until then."""
    seconds = max(0, int((moment - utcnow()).total_seconds()))
    return {"Cache-Control": f"private, max-age={seconds}, immutable", "Vary": "Cookie"}
