"""The queue: what waits for this person, taking the next, and care for whoever looks."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from review.desk import Desk, desk_of
from review.doors import user_of, visit_of
from review.language import gettext as _
from review.language import said
from review.reviewing import undoing
from review.roles import Role
from storage import care, custody, review_queue
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.review_queue import Filters, Taken, Terms, TooNarrow, Why

FILTERS = ("source", "since", "until", "region")
LONGEST_REASON = 500
"""characters"""
LONGEST_FILTER = 200
"""characters of one of them"""


def page(request: Request) -> Response:
    """What waits, one row a face of a file.  A search by filters stands in the custody log before it is answered."""
    desk, user = desk_of(request), user_of(request)
    filters, terms = _filters(request.query_params), terms_of(desk, user)
    with desk.stores.db.begin() as db:
        try:
            shown = review_queue.page(db, user, filters, request.query_params.get("after"), terms.limits)
        except TooNarrow:
            custody.append(db, user.name, Action.SEARCHED, "queue", filters.said())
            return RedirectResponse("/?" + urlencode({"why": Why.NARROW}), 303)
        except (ValueError, OverflowError) as fault:
            raise HTTPException(400) from fault
        values = {
            "seen": care.seen(db, user.id),
            "forecast": desk.forecast.get(lambda: review_queue.forecast(db)),
            "choices": review_queue.choices(db, user),
            "after": undoing.just_answered(db, request, user),
            "tired": care.at_their_limit(db, terms.limits) if Role.SENIOR in user.roles else [],
        }
        if filters:
            custody.append(db, user.name, Action.SEARCHED, "queue", filters.said())
    told = {"limits": terms.limits, "filters": filters.said(), "address": urlencode(filters.said())}
    drawn = desk.draw(request, "queue.html", page=shown, why=request.query_params.get("why"), **values, **told)  # type: ignore[arg-type]  # what the template takes
    drawn.background = BackgroundTask(_look_again, desk) if desk.dangers.is_due() else None
    return drawn


def take(request: Request) -> Response:
    """Take the next, and go to its review."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    filters = _filters(form)
    with desk.stores.db.begin() as db:
        found = review_queue.take(db, user, terms_of(desk, user), filters)
        return lead(db, user, found, filters)


def lead(db: Connection, user: User, found: Taken | Why, filters: Filters) -> Response:
    """The way to a review that was taken, with its custody event; or back to the queue, with a word why not.

    Call it last in the transaction.
    """
    if isinstance(found, Taken):
        custody.append_all(db, user.name, found.entries)
        return RedirectResponse(f"/reviews/{found.review.token}", 303)
    if found is Why.PAUSED:
        return RedirectResponse("/pause", 303)
    kept = {} if found is Why.NARROW else filters.said()
    return RedirectResponse("/?" + urlencode({**kept, "why": found}), 303)


def terms_of(desk: Desk, user: User) -> Terms:
    """How this office reviews, and this person."""
    terms = Terms.of(desk.settings)
    return replace(terms, limits=terms.limits.at_most(user.preferences.cap or 0))


def paused(request: Request) -> Response:
    """A page to breathe."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        seen = care.seen(db, user.id)
    return desk.draw(request, "pause.html", seen=seen) if seen.paused else RedirectResponse("/", 303)


def pause(request: Request) -> Response:
    """Give back whatever is taken; nothing more is offered."""
    user = user_of(request)
    with desk_of(request).stores.db.begin() as db:
        review_queue.set_all_aside(db, user)
        care.pause(db, user)
    return RedirectResponse("/pause", 303)


def go_on(request: Request) -> Response:
    """The pause is over."""
    with desk_of(request).stores.db.begin() as db:
        care.go_on(db, user_of(request))
    return RedirectResponse("/", 303)


def lift(request: Request) -> Response:
    """A senior has somebody go on beyond the day's limit."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    reason = form.get("reason", "")[:LONGEST_REASON]
    try:
        with desk.stores.db.begin() as db:
            entry = care.lift(db, user, form.get("name", ""), reason)
            custody.append_all(db, user.name, [entry])
    except care.NotToLift as fault:
        return desk.problem(request, 422, _("It stays as it is"), said(fault))
    return RedirectResponse("/", 303)


async def _look_again(desk: Desk) -> None:
    """After a page was sent, since nobody should wait for it."""

    def refresh() -> None:
        with desk.stores.db.begin() as db:
            review_queue.refresh(db)

    await run_in_threadpool(refresh)


def _filters(given: Mapping[str, str]) -> Filters:
    """Raises HTTPException for what is no filter."""
    said = {name: given.get(name, "").strip() for name in FILTERS}
    try:
        filters = Filters.of(said)
    except ValueError as fault:
        raise HTTPException(400) from fault
    if any(len(value) > LONGEST_FILTER or "\0" in value for value in said.values()) or not _fits(filters.source):
        raise HTTPException(400)
    return filters


def _fits(number: int | None) -> bool:
    """Whether it may be a row id."""
    return number is None or 0 <= number < 2**63
