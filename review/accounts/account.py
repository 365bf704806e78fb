"""One's own account: password, browsers, preferences, and whether it is linked with a provider."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.preferences import LANGUAGES, NotAPreference, Preferences
from review.accounts import entrance, required
from review.desk import desk_of
from review.doors import session_of, visit_of
from review.language import gettext as _
from review.language import said
from storage import accounts, custody, identities, second_factors
from storage.accounts import NotAcceptable
from storage.custody import Action


def account(request: Request) -> Response:
    """Who one is here, and forms for what one may change about it."""
    return _page(request)


def set_password(request: Request) -> Response:
    """Set the password; a session that is not fresh has to sign in again first."""
    desk, visit, session = desk_of(request), visit_of(request), session_of(request)
    if not session.fresh:
        return _page(request, _("Sign out and in again first."), 403)
    password = visit.form.get("password", "")
    if password != visit.form.get("again", ""):
        return _page(request, _("The two passwords are not the same."), 422)
    try:
        with entrance.HASHING, desk.stores.db.begin() as db:
            accounts.set_password(db, session.user, password)
            accounts.end_other_ways_in(db, session.user, visit.cookie)
            custody.append(db, session.user.name, Action.PASSWORD_SET, f"user:{session.user.id}")
    except NotAcceptable as why:
        return _page(request, said(why), 422)
    return RedirectResponse("/account?saved=password", 303)


def set_preferences(request: Request) -> Response:
    """Keep how one wants to work."""
    session, desk = session_of(request), desk_of(request)
    try:
        wanted = Preferences.of_form(visit_of(request).form)
    except NotAPreference as why:
        return desk.problem(request, 422, _("That cannot be kept"), said(why))
    with desk.stores.db.begin() as db:
        accounts.set_preferences(db, session.user, wanted)
    return RedirectResponse("/account?saved=preferences", 303)


def end_browser(request: Request) -> Response:
    """Sign out one of one's own browsers."""
    session, id_ = session_of(request), request.path_params["id"]
    with desk_of(request).stores.db.begin() as db:
        if not accounts.end_browser(db, session.user, id_):
            raise HTTPException(404)
        custody.append(db, session.user.name, Action.SIGNED_OUT, f"user:{session.user.id}", {"browsers": 1})
    return entrance.signed_out(request, "/sign-in") if id_ == session.id else RedirectResponse("/account", 303)


def end_browsers(request: Request) -> Response:
    """Sign out everywhere, here too."""
    session = session_of(request)
    with desk_of(request).stores.db.begin() as db:
        ended = accounts.end_everywhere(db, session.user)
        custody.append(db, session.user.name, Action.SIGNED_OUT, f"user:{session.user.id}", {"browsers": ended})
    return entrance.signed_out(request, "/sign-in")


def _page(request: Request, wrong: str = "", status: int = 200) -> Response:
    desk, session = desk_of(request), session_of(request)
    with desk.stores.db.begin() as db:
        told = {
            "browsers": accounts.browsers(db, session.user, desk.idle),
            "second_factor": second_factors.is_set(db, session.user),
            "linked": identities.count(db, session.user),
        }
    return desk.draw(
        request,
        "account.html",
        status,
        session=session,
        wrong=wrong,
        saved=request.query_params.get("saved", ""),
        shortest=accounts.SHORTEST_PASSWORD,
        longest=accounts.LONGEST_PASSWORD,
        languages=LANGUAGES,
        preferences=session.user.preferences,
        needed=required.needs(desk.settings, session.user),
        provider=desk.provider_name,
        **told,
    )
