"""Signing in and out: names and passwords, one-time links, and what a page asks when its session has ended.

Where one wanted to go is kept all the way (`next`), so that a session which ends in the middle costs one form.  Scripts
that ask with `Accept: application/json` get JSON here: 401 tells a page to ask for the password in place.
"""

import re
import secrets
import threading
from datetime import timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lastseen.clock import utcnow
from review.accounts import required
from review.desk import desk_of
from review.doors import (
    FORM_COOKIE,
    SESSION_COOKIE,
    Visit,
    cookie_name,
    form_token,
    page_of,
    root_of,
    set_cookie,
    visit_of,
    wants_json,
)
from review.language import gettext as _
from review.language import ngettext
from review.roles import home
from storage import accounts, custody, lockouts, second_factors
from storage.accounts import Awaits, User
from storage.custody import Action

_OUR_PATH = re.compile(r"/(?![/\\])[\w\-./?=&%]*", re.ASCII)
# Each argon2 check takes 64 MiB on purpose; a crowd at the door must not take the machine's memory.
HASHING = threading.BoundedSemaphore(2)
CODE_PAGE, ENROLMENT_PAGE = "/sign-in/second-factor", "/account/second-factor"


def sign_in_page(request: Request) -> Response:
    """The form; whoever is signed in already goes on."""
    if _comes_from_elsewhere(request):
        return _here_first(request)
    if session := visit_of(request).session:
        return RedirectResponse(or_home(wanted(request), session.user), 303)
    return _form(request, next_=wanted(request))


def sign_in(request: Request) -> Response:
    """Check a name and password.  What was wrong is not said."""
    desk, form = desk_of(request), visit_of(request).form
    name, next_ = form.get("name", ""), wanted(request)
    by_name, by_address = lockouts.of_name(_one_spelling(name)), lockouts.of_address(address_of(request))
    with desk.stores.db.begin() as db:
        wait = lockouts.take(db, [by_name, by_address])
    if wait:
        return wait_first(request, wait)
    with HASHING, desk.stores.db.begin() as db:
        user = accounts.verify_password(db, name, form.get("password", ""))
    if user is None:
        return _form(request, next_=next_, name=name, wrong=True)
    with desk.stores.db.begin() as db:
        lockouts.was_right(db, by_name, by_address)
    return begin(request, user, "password", next_)


def enter_page(request: Request) -> Response:
    """What a one-time link opens: a button.  Looking at it uses nothing up, and tells nobody whose it is.

    Messengers and mail filters open links before people do, and whoever is sent one does not mean to become somebody
    else by following it.
    """
    if _comes_from_elsewhere(request):
        return _here_first(request)
    desk, token = desk_of(request), request.path_params["token"]
    with desk.stores.db.begin() as db:
        works = accounts.link_works(db, token)
    return desk.draw(request, "enter.html", link=token, next=wanted(request)) if works else _over(request)


def enter(request: Request) -> Response:
    """Use a one-time link.  It works once, whether or not the browser keeps the cookie."""
    with desk_of(request).stores.db.begin() as db:
        user = accounts.use_link(db, request.path_params["token"])
    return _over(request) if user is None else begin(request, user, "link", wanted(request))


def sign_out(request: Request) -> Response:
    """End the session, and what the browser kept of it."""
    visit = visit_of(request)
    with desk_of(request).stores.db.begin() as db:
        accounts.end_session(db, visit.cookie)
    provider = visit.session is not None and visit.session.proved.startswith("provider")
    return signed_out(request, "/sign-in?provider=1" if provider else "/sign-in")


def session_state(request: Request) -> Response:
    """For scripts: whether somebody is signed in, how long yet, and the token that forms must carry now.

    Asking this is no sign of life: a page that is left open does not keep its session.
    """
    visit, desk = visit_of(request), desk_of(request)
    state: dict[str, object] = {"signed_in": visit.session is not None, "form_token": form_token(visit.cookie)}
    if visit.session and visit.session.expires_at and visit.session.seen_at:
        ends, idle_ends = visit.session.expires_at, visit.session.seen_at + desk.idle
        now = utcnow()
        state["ends_in_seconds"] = max(0, int((ends - now).total_seconds()))
        state["idle_ends_in_seconds"] = max(0, int((min(ends, idle_ends) - now).total_seconds()))
    return JSONResponse(state)


# --- what other ways in need, too --------------------------------------------------------------------------


def begin(request: Request, user: User, by: str, next_: str, *, proved_twice: bool = False) -> Response:
    """Sign a browser in, or halfway where a second factor is still to come; `proved_twice`: it was given elsewhere."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        has = second_factors.is_set(db, user)
        awaits = required.awaits(desk.settings, user, has_factor=has, proved_twice=proved_twice)
        accounts.end_session(db, request.cookies.get(cookie_name(request, SESSION_COOKIE), ""))
        token = accounts.start_session(
            db,
            user,
            desk.lifetime,
            awaits=awaits,
            proved=by,
            browser=request.headers.get("user-agent", ""),
            address=address_of(request),
        )
        if not awaits:
            custody.append(db, user.name, Action.SIGNED_IN, f"user:{user.id}", {"by": by})
    if not awaits:
        return let_in(request, token, user, next_)
    page = CODE_PAGE if awaits is Awaits.CODE else ENROLMENT_PAGE
    return _keeping(request, token, accounts.HALF_WAY, _answer(request, token, with_next(page, next_), awaits))


def let_in(request: Request, token: str, user: User, next_: str) -> Response:
    """Where somebody goes who is signed in from here on."""
    return _keeping(request, token, desk_of(request).lifetime, _answer(request, token, or_home(next_, user)))


def or_home(next_: str, user: User) -> str:
    """Where somebody goes who wanted no page but the first: to the first of theirs."""
    return home(user.roles) if next_ == "/" else next_


def _answer(request: Request, token: str, to: str, awaits: Awaits = Awaits.NOTHING) -> Response:
    if not wants_json(request):
        return RedirectResponse(to, 303)
    state: dict[str, object] = {"signed_in": not awaits, "form_token": form_token(token)}
    return JSONResponse({**state, "second_factor": awaits.value, "next": root_of(request) + to} if awaits else state)


def _keeping(request: Request, token: str, lifetime: timedelta, answer: Response) -> Response:
    """The same answer, with the session's cookie."""
    keep_session(request, answer, token, lifetime)
    return answer


def keep_session(request: Request, answer: Response, token: str, lifetime: timedelta) -> None:
    """Give the browser its session's token."""
    set_cookie(request, answer, SESSION_COOKIE, token, int(lifetime.total_seconds()))
    forget_cookie(request, answer, FORM_COOKIE)


def signed_out(request: Request, to: str) -> Response:
    """After the session has ended."""
    answer = RedirectResponse(to, 303, {"Clear-Site-Data": '"cache"'})
    forget_cookie(request, answer, SESSION_COOKIE)
    return answer


def forget_cookie(request: Request, answer: Response, name: str) -> None:
    """Take a cookie of ours away."""
    https = request.url.scheme == "https"
    path = root_of(request) or "/"
    answer.delete_cookie(cookie_name(request, name), path, httponly=True, samesite="strict", secure=https)


def wait_first(request: Request, seconds: int) -> Response:
    """Too many tries; the same for a name that exists and for one that does not."""
    minutes = -(-seconds // 60)
    why = ngettext(
        "Please wait %(count)s minute, then try again.", "Please wait %(count)s minutes, then try again.", minutes
    ) % {"count": minutes}
    answer = desk_of(request).problem(request, 429, why=why)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def wanted(request: Request, otherwise: str = "/") -> str:
    """Where to go on: a path of ours, whatever the address bar or the form said."""
    said = visit_of(request).form.get("next") or request.query_params.get("next") or otherwise
    return said if said and _OUR_PATH.fullmatch(said) else "/"


def with_next(page: str, next_: str) -> str:
    """The address of a page that keeps in mind where one wanted to go."""
    return page if next_ == "/" else f"{page}?{urlencode({'next': next_})}"


def address_of(request: Request) -> str:
    """Of the browser, as far as the server knows."""
    return request.client.host if request.client else ""


def _over(request: Request) -> Response:
    why = _("This link was used already, or its time is over. An administrator can make a new one.")
    return desk_of(request).problem(request, 403, _("This link does not work any more"), why)


def _comes_from_elsewhere(request: Request) -> bool:
    """Whether another site's page led here: the browser has then kept back our strict cookies."""
    return request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}


def _here_first(request: Request) -> Response:
    """A page of ours that leads to the same address, now with all cookies: a form hangs on the one sent with it."""
    return desk_of(request).draw(request, "onward.html", to=page_of(request))


def _form(request: Request, *, next_: str, name: str = "", wrong: bool = False) -> Response:
    visit, desk = visit_of(request), desk_of(request)
    cookie = visit.cookie or secrets.token_urlsafe(32)
    request.state.visit = Visit(None, cookie, {})
    status = 403 if wrong else 200
    if wants_json(request):
        answer: Response = JSONResponse({"signed_in": False, "wrong": wrong, "form_token": form_token(cookie)}, status)
    else:
        values = {"name": name, "provider": desk.provider_name, "at_provider": "provider" in request.query_params}
        answer = desk.draw(request, "sign_in.html", status, next=next_, wrong=wrong, **values)
    if not visit.cookie:
        set_cookie(request, answer, FORM_COOKIE, cookie)
    return answer


def _one_spelling(name: str) -> str:
    """What an account of this name is counted by; whatever cannot be a name, by how it was typed."""
    try:
        return accounts.tidy_name(name)
    except accounts.NotAcceptable:
        return name[: accounts.LONGEST_NAME]
