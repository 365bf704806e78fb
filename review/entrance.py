"""Signing in and out, one-time links, and the small account page."""

import re
import secrets
import threading

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from review.desk import desk_of
from review.doors import FORM_COOKIE, SESSION_COOKIE, Visit, visit_of
from storage import accounts, custody
from storage.accounts import NotAcceptable, User
from storage.custody import Action

_OUR_PATH = re.compile(r"/(?![/\\])[\w\-./?=&%]*", re.ASCII)
# Each argon2 check takes 64 MiB on purpose; a crowd at the door must not take the machine's memory.
_HASHING = threading.BoundedSemaphore(2)


def sign_in_page(request: Request) -> Response:
    """The form; whoever is signed in already goes on."""
    if visit_of(request).session:
        return RedirectResponse(_next(request.query_params.get("next")), 303)
    return _form(request, next_=_next(request.query_params.get("next")))


def sign_in(request: Request) -> Response:
    """Check a name and password.  What was wrong is not said."""
    desk, form = desk_of(request), visit_of(request).form
    name, next_ = form.get("name", ""), _next(form.get("next"))
    tried = name.strip().casefold()[: accounts.LONGEST_NAME]
    wait = desk.sign_ins.take(tried, request.client.host if request.client else "")
    if wait:
        answer: Response = desk.problem(request, 429, why=f"Please wait {-(-wait // 60)} minutes, then sign in again.")
        answer.headers["Retry-After"] = str(wait)
        return answer
    with _HASHING, desk.stores.db.begin() as db:
        user = accounts.verify_password(db, name, form.get("password", ""))
    if user is None:
        return _form(request, next_=next_, name=name, wrong=True)
    desk.sign_ins.forget(tried)
    return _begin(request, user, "password", next_)


def enter(request: Request) -> Response:
    """Use a one-time link.  It works once, whether or not the browser keeps the cookie."""
    with desk_of(request).stores.db.begin() as db:
        user = accounts.use_link(db, request.path_params["token"])
    if user is None:
        why = "This link was used already or is older than 15 minutes. An administrator can make a new one."
        return desk_of(request).problem(request, 403, "This link does not work any more", why)
    return _begin(request, user, "link", _next(request.query_params.get("next")))


def sign_out(request: Request) -> Response:
    """End the session, and what the browser kept of it."""
    visit = visit_of(request)
    with desk_of(request).stores.db.begin() as db:
        accounts.end_session(db, visit.cookie)
    answer = RedirectResponse("/sign-in", 303, {"Clear-Site-Data": '"cache"'})
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=_secure(request))
    return answer


def account(request: Request) -> Response:
    """Who one is here, and a form to set the password."""
    return _account(request, visit_of(request))


def set_password(request: Request) -> Response:
    """Set the password; a session that is not fresh has to sign in again first."""
    desk, visit = desk_of(request), visit_of(request)
    if visit.session is None or not visit.session.fresh:
        return _account(request, visit, "Sign out and in again first.", 403)
    password = visit.form.get("password", "")
    if password != visit.form.get("again", ""):
        return _account(request, visit, "The two passwords are not the same.", 422)
    try:
        with _HASHING, desk.stores.db.begin() as db:
            accounts.set_password(db, visit.session.user, password)
            accounts.end_other_ways_in(db, visit.session.user, visit.cookie)
            custody.append(db, visit.session.user.name, Action.PASSWORD_SET, f"user:{visit.session.user.id}")
    except NotAcceptable as why:
        return _account(request, visit, str(why), 422)
    return RedirectResponse("/account?saved=1", 303)


def _account(request: Request, visit: Visit, wrong: str = "", status: int = 200) -> Response:
    return desk_of(request).draw(
        request,
        "account.html",
        status,
        session=visit.session,
        wrong=wrong,
        saved="saved" in request.query_params,
        shortest=accounts.SHORTEST_PASSWORD,
        longest=accounts.LONGEST_PASSWORD,
    )


def _begin(request: Request, user: User, by: str, next_: str) -> Response:
    with desk_of(request).stores.db.begin() as db:
        token = accounts.start_session(db, user)
        custody.append(db, user.name, Action.SIGNED_IN, f"user:{user.id}", {"by": by})
    answer = RedirectResponse(next_, 303)
    lifetime = int(accounts.SESSION_LIFETIME.total_seconds())
    answer.set_cookie(
        SESSION_COOKIE, token, max_age=lifetime, httponly=True, samesite="strict", secure=_secure(request)
    )
    answer.delete_cookie(FORM_COOKIE, httponly=True, samesite="strict", secure=_secure(request))
    return answer


def _form(request: Request, *, next_: str, name: str = "", wrong: bool = False) -> Response:
    visit = visit_of(request)
    cookie = visit.cookie or secrets.token_urlsafe(32)
    request.state.visit = Visit(None, cookie, {})
    status = 403 if wrong else 200
    answer = desk_of(request).draw(request, "sign_in.html", status, next=next_, name=name, wrong=wrong)
    if not visit.cookie:
        answer.set_cookie(FORM_COOKIE, cookie, httponly=True, samesite="strict", secure=_secure(request))
    return answer


def _next(wanted: str | None) -> str:
    """Where to go after signing in: a path of ours, whatever the address bar said."""
    return wanted if wanted and _OUR_PATH.fullmatch(wanted) else "/"


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"
