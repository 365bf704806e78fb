"""One review: the probe is described alone, then compared with the reference photos, then answered.

Before the answer the page holds nothing but pictures and the person's own words: no score, rank, name or number, no
other's answer, and nothing of the post, whose text may name somebody.
"""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lastseen.errors import WrongUse
from lastseen.judging import EXCLUDING, Comparison, Feature
from review import answers, turns
from review.answers import Lack
from review.desk import desk_of
from review.doors import visit_of
from review.pictures import review_of
from storage import custody, review_pictures, review_screen, reviews
from storage.accounts import User
from storage.custody import Action
from storage.review_screen import Answered
from storage.reviews import Ending, Review

LATELY = timedelta(hours=24)
_QUEUE = "/"


def page(request: Request) -> Response:
    """What is to be done next of a review: describe, or compare and answer."""
    with desk_of(request).stores.db.begin() as db:
        return _drawn(db, request, review_of(db, request))


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
            custody.append(db, review.reviewer.name, Action.DESCRIBED, subject(review))
    return RedirectResponse(_address(review.token), 303)


def answer(request: Request) -> Response:
    """Keep an answer, and take up what comes next."""
    desk, form = desk_of(request), visit_of(request).form
    with desk.stores.db.begin() as db:
        review = review_of(db, request)
        given = answers.answered(form)
        lacks = answers.lacks(given, answers.visible(review.described))
        if review.described_at is None or lacks:
            reviews.keep_draft(db, review, answers.fields(form))
            return _drawn(db, request, review, lacks=lacks, draft=answers.fields(form))
    try:
        with desk.stores.db.begin() as db:
            turns.keep(db, desk, review, given)
    except WrongUse as why:
        with desk.stores.db.begin() as db:
            return _drawn(db, request, review, draft=answers.fields(form), wrong=str(why))
    with desk.stores.db.begin() as db:
        following = turns.following(db, desk, review.reviewer)
    place = _address(following.token) if following else _QUEUE
    return RedirectResponse(f"{place}?after={review.token}", 303)


def give_back(request: Request) -> Response:
    """Let somebody else look at it."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        review = review_of(db, request)
        reviews.end(db, review, Ending.RETURNED)
        custody.append(db, review.reviewer.name, Action.RETURNED, subject(review))
    return RedirectResponse(_QUEUE, 303)


def draft(request: Request) -> Response:
    """Keep what stands in the form, as it is.  Our script asks by itself; without it, a button does."""
    with desk_of(request).stores.db.begin() as db:
        review = review_of(db, request)
        reviews.keep_draft(db, review, answers.fields(visit_of(request).form))
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"kept": True})
    return RedirectResponse(_address(review.token), 303)


def warn(request: Request) -> Response:
    """Warn those who come after of what the file shows."""
    with desk_of(request).stores.db.begin() as db:
        review = review_of(db, request)
        review_screen.warn(db, review)
        custody.append(db, review.reviewer.name, Action.WARNED, subject(review))
    return RedirectResponse(_address(review.token), 303)


def ahead(request: Request) -> Response:
    """Addresses of the pictures of what this person has in hand after this one, for the browser to fetch early."""
    with desk_of(request).stores.db.begin() as db:
        review = review_of(db, request)
        following = _neighbours(db, review)[1]
        if following is None:
            more = turns.ahead(db, desk_of(request), review.reviewer)
            following = more.token if more else None
        found = reviews.find(db, following, review.reviewer) if following else None
        # What is covered is not fetched before it is asked for.
        shots = review_pictures.of_review(db, found).shots if found and not review_screen.warned(db, found) else ()
    numbers = range(1, len(shots) + 1)
    return JSONResponse({"pictures": [f"{_address(following)}/shot/{n}.jpg" for n in numbers if following]})


def undo(request: Request) -> Response:
    """Take an answer back within its minute, and take the same up again as it was."""
    desk, user = desk_of(request), user_of(request)
    try:
        with desk.stores.db.begin() as db:
            before = _answered(db, request)
            turns.take_back(db, desk, user, before)
    except WrongUse as why:
        return desk.problem(request, 409, why=str(why))
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


def subject(review: Review) -> str:
    """How the custody log calls what is reviewed."""
    return f"candidate:{review.candidate}" if review.candidate else f"known_pair:{review.known_pair}"


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
    return desk_of(request).draw(
        request,
        "review.html",
        422 if lacks or wrong else 200,
        token=review.token,
        ends_at=review.ends_at,
        described=review.described_at is not None,
        said=review.described,
        draft=review.draft if draft is None else draft,
        pictures_=review_pictures.of_review(db, review),
        warned=warned,
        covered=warned,
        greyscale=False,
        small=False,
        earlier=_address(earlier) if earlier else "/judgements",
        later=_address(later) if later else "",
        after=_after(db, request, review.reviewer),
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
    mine = review_screen.mine(db, review.reviewer)
    here = mine.index(review.token)
    return (mine[here - 1] if here else None), (mine[here + 1] if here + 1 < len(mine) else None)


def _after(db: Connection, request: Request, reviewer: User) -> Answered | None:
    """The answer that was just given, while it can be undone."""
    try:
        token = UUID(request.query_params.get("after", ""))
    except ValueError:
        return None
    found = review_screen.answered(db, token, reviewer)
    return found if found and found.undo_seconds and not found.instead else None


def _up_again(request: Request, before: Answered) -> Response:
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        review = turns.up_again(db, desk, user_of(request), before)
    return RedirectResponse(_address(review.token) if review else "/judgements", 303)


def _answered(db: Connection, request: Request) -> Answered:
    found = review_screen.answered(db, request.path_params["token"], user_of(request))
    if found is None:
        raise HTTPException(404)
    return found


def user_of(request: Request) -> User:
    """Who is signed in; the door has let them in."""
    session = visit_of(request).session
    if session is None:
        raise HTTPException(404)
    return session.user


def _address(token: UUID) -> str:
    return f"/reviews/{token}"
