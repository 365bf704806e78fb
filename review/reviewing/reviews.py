"""One review: the probe is described alone, then compared with the reference photos, then answered.

Before the answer the page holds nothing but pictures and the person's own words: no score, rank, name or number, no
other's answer, and nothing of the post, whose text may name somebody.
"""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lastseen.errors import WrongUse
from lastseen.judging import EXCLUDING, Comparison, Feature
from review.desk import Desk, desk_of
from review.doors import root_of, user_of, visit_of
from review.language import said
from review.reviewing import answers, turns, undoing
from review.reviewing.answers import Lack
from review.reviewing.pictures import review_of
from storage import custody, review_pictures, review_queue, review_screen, reviews
from storage.custody import Action
from storage.database import Connection
from storage.review_queue import ALL, Taken, Why
from storage.review_screen import Answered
from storage.reviews import Review

LATELY = timedelta(hours=24)
_QUEUE, _LATELY = "/", "/judgements"


def page(request: Request) -> Response:
    """What is to be done next of a review: describe, or compare and answer."""
    with desk_of(request).stores.db.begin() as db:
        review = review_of(db, request)
        review_queue.looked_at(db, review)
        return _drawn(db, request, review)


def describe(request: Request) -> Response:
    """Keep what was noted of the probe.  From here on it stands, and the reference is shown."""
    desk, form = desk_of(request), visit_of(request).form
    description = answers.described(form)
    lacks = answers.lacks_of_description(description)
    with desk.stores.db.begin() as db:
        review = review_of(db, request)
        if lacks and review.described_at is None:
            reviews.keep_draft(db, review, answers.fields(form))
            return _drawn(db, request, review, lacks=lacks, draft=answers.fields(form))
        if reviews.describe(db, review, description):
            reviews.keep_draft(db, review, {})
            custody.append(db, review.reviewer.name, Action.DESCRIBED, reviews.subject(review))
    return RedirectResponse(_address(review.token), 303)


def answer(request: Request) -> Response:
    """Keep an answer, and take up what comes next."""
    desk, form = desk_of(request), visit_of(request).form
    given = answers.answered(form)
    try:
        with desk.stores.db.begin() as db:
            review = review_of(db, request)
            lacks = answers.lacks(given, answers.visible(review.described))
            if review.described_at is None or lacks:
                reviews.keep_draft(db, review, answers.fields(form))
                return _drawn(db, request, review, lacks=lacks, draft=answers.fields(form))
            custody.append_all(db, review.reviewer.name, turns.keep(db, desk, review, given))
    except WrongUse as why:
        with desk.stores.db.begin() as db:
            return _drawn(db, request, review, draft=answers.fields(form), wrong=said(why))
    return _next(desk, review)


def give_back(request: Request) -> Response:
    """Let somebody else look at it."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        review = review_of(db, request)
        review_queue.give_back(db, review)
        custody.append(db, review.reviewer.name, Action.GIVEN_BACK, reviews.subject(review))
    return RedirectResponse(_QUEUE, 303)


def draft(request: Request) -> Response:
    """Keep what stands in the form, as it is.  Our script asks by itself; without it, a button does."""
    with desk_of(request).stores.db.begin() as db:
        review = review_of(db, request)
        reviews.keep_draft(db, review, answers.fields(visit_of(request).form))
        until = turns.stay(db, desk_of(request), review)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"until": until.isoformat()})
    return RedirectResponse(_address(review.token), 303)


def warn(request: Request) -> Response:
    """Warn those who come after of what the file shows."""
    with desk_of(request).stores.db.begin() as db:
        review = review_of(db, request)
        review_screen.warn(db, review)
        custody.append(db, review.reviewer.name, Action.WARNED, reviews.subject(review))
    return RedirectResponse(_address(review.token), 303)


def ahead(request: Request) -> Response:
    """Addresses of the pictures of what this person has in hand after this one, for the browser to fetch early."""
    with desk_of(request).stores.db.begin() as db:
        review = review_of(db, request)
        taken = turns.ahead(db, desk_of(request), review)
        if taken is None:
            return JSONResponse({"page": "", "pictures": []})
        # What is covered is not fetched before it is asked for.
        covered = review_screen.warned(db, taken.review)
        shots = () if covered else review_pictures.of_review(db, taken.review).shots
        custody.append_all(db, review.reviewer.name, taken.entries)
    place = root_of(request) + _address(taken.review.token)
    return JSONResponse({"page": place, "pictures": [f"{place}/shot/{n}.jpg" for n in range(1, len(shots) + 1)]})


def undo(request: Request) -> Response:
    """Take an answer back within its minute, and take the same up again as it was."""
    desk, user = desk_of(request), user_of(request)
    try:
        with desk.stores.db.begin() as db:
            before = _answered(db, request)
            custody.append_all(db, user.name, turns.take_back(db, desk, user, before))
    except WrongUse as why:
        return desk.problem(request, 409, why=said(why))
    return _up_again(request, before)


def again(request: Request) -> Response:
    """Look at something again, to answer it anew."""
    with desk_of(request).stores.db.begin() as db:
        before = _answered(db, request)
    return _up_again(request, before)


def lately(request: Request) -> Response:
    """What one answered of late; known pairs look like everything else."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        rows = review_screen.lately(db, user_of(request), LATELY)
    return desk.draw(request, "judgements.html", rows=rows)


def _drawn(
    db: Connection,
    request: Request,
    review: Review,
    *,
    lacks: list[Lack] | None = None,
    draft: Mapping[str, object] | None = None,
    wrong: str = "",
) -> Response:
    """The page of a review.  With something wrong it is answered 422, and shows what was sent."""
    warned = review_screen.warned(db, review)
    earlier, later = _neighbours(db, review)
    prefers = review.reviewer.preferences
    return desk_of(request).draw(
        request,
        "review.html",
        422 if lacks or wrong else 200,
        token=review.token,
        ends_at=review.ends_at,
        described=review.described_at is not None,
        noted=answers.noted(review.described),
        on_the_whole=review.described.get("note", ""),
        draft=review.draft if draft is None else draft,
        pictures_=review_pictures.of_review(db, review),
        warned=warned,
        covered=warned and prefers.cover,
        greyscale=prefers.greyscale,
        small=prefers.small,
        earlier=_address(earlier) if earlier else _LATELY,
        later=_address(later) if later else "",
        after=undoing.just_answered(db, request, review.reviewer),
        lacks=lacks or [],
        wrong=wrong,
        features=list(Feature),
        excluding=EXCLUDING,
        comparisons=list(Comparison),
        scale=answers.SCALE,
        longest_note=answers.LONGEST_NOTE,
        longest_reason=answers.LONGEST_REASON,
    )


def _neighbours(db: Connection, review: Review) -> tuple[UUID | None, UUID | None]:
    """What this person has in hand before and after this one."""
    mine = [held.token for held in review_queue.in_hand(db, review.reviewer)]
    if review.token not in mine:
        return None, None  # its time has run out since it was found
    here = mine.index(review.token)
    return (mine[here - 1] if here else None), (mine[here + 1] if here + 1 < len(mine) else None)


def _next(desk: Desk, done: Review) -> Response:
    with desk.stores.db.begin() as db:
        found = turns.following(db, desk, done)
        told = {undoing.ANSWERED: str(done.token)}
        if isinstance(found, Taken):
            custody.append_all(db, done.reviewer.name, found.entries)
            return RedirectResponse(f"{_address(found.review.token)}?{urlencode(told)}", 303)
        filters = review_queue.filters_of(db, done) if found is not Why.NARROW else ALL
    return RedirectResponse(f"{_QUEUE}?{urlencode({**filters.said(), 'why': found, **told})}", 303)


def _up_again(request: Request, before: Answered) -> Response:
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        taken = turns.up_again(db, desk, user, before)
        if isinstance(taken, Taken):
            custody.append_all(db, user.name, taken.entries)
            return RedirectResponse(_address(taken.review.token), 303)
    return RedirectResponse(f"{_QUEUE}?{urlencode({'why': taken})}", 303)


def _answered(db: Connection, request: Request) -> Answered:
    found = review_screen.answered(db, request.path_params["token"], user_of(request))
    if found is None:
        raise HTTPException(404)
    return found


def _address(token: UUID) -> str:
    return f"/reviews/{token}"
