"""Keeping accounts, for administrators: the same acts as `lastseen user`, each with its custody event.

Nobody changes their own roles here or disables themselves; another administrator does, or the command line.
"""

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.errors import WrongUse
from lastseen.roles import Role
from lastseen.words import words
from review.desk import desk_of
from review.doors import number_in, user_of, visit_of
from review.language import gettext as _
from review.language import said
from storage import accounts, keeping_accounts
from storage.accounts import LINK_LIFETIME, User
from storage.database import Connection

Act = Callable[[Connection, str, User, str], object]
"""(connection, who does it, to whom, why)"""
_ROLE_FIELD = "role."


def users(request: Request) -> Response:
    """All accounts."""
    return _page(request)


def add(request: Request) -> Response:
    """Make an account; whoever it is for comes in by a one-time link, and chooses a password then."""
    visit = visit_of(request)

    def made(db: Connection) -> User:
        return keeping_accounts.add(db, user_of(request).name, visit.form.get("name", ""), None, _roles(request))

    try:
        with desk_of(request).stores.db.begin() as db:
            user = made(db)
        return _with_link(request, user)
    except WrongUse as why:
        return _page(request, said(why), 422)


def roles(request: Request) -> Response:
    """Give an account other roles."""
    wanted = _roles(request)
    if not wanted:
        return _page(request, _("An account has at least one role: disable it instead."), 422)
    return _act(request, lambda db, actor, user, why: keeping_accounts.roles(db, actor, user, wanted, why))


def disable(request: Request) -> Response:
    """Let an account in no more."""
    return _act(request, keeping_accounts.disable)


def enable(request: Request) -> Response:
    """Let an account in again."""
    return _act(request, keeping_accounts.enable, oneself=True)


def unlock(request: Request) -> Response:
    """Let an account try to sign in again at once."""
    return _act(request, lambda db, actor, user, _: keeping_accounts.unlock(db, actor, user), oneself=True)


def reset_second_factor(request: Request) -> Response:
    """For somebody whose telephone is lost; see that it is them who ask."""
    return _act(request, keeping_accounts.reset_second_factor)


def link(request: Request) -> Response:
    """A one-time link, for a new account or a forgotten password."""
    user = _named(request)
    if user.disabled:
        return _page(request, said(words("{name} is disabled.", name=user.name)), 409)
    return _with_link(request, user)


def _act(request: Request, act: Act, *, oneself: bool = False) -> Response:
    """Do it, or say why not; `oneself`: may be done to one's own account."""
    user, actor = _named(request), user_of(request)
    if user.id == actor.id and not oneself:
        return _page(request, _("Nobody does that to their own account here: ask another administrator."), 409)
    try:
        with desk_of(request).stores.db.begin() as db:
            act(db, actor.name, user, visit_of(request).form.get("reason", ""))
    except keeping_accounts.Unfounded as why:
        return _page(request, said(why), 422, opened=user.id)
    except WrongUse as why:
        return _page(request, said(why), 409, opened=user.id)
    return RedirectResponse(f"/users?done={user.id}#user-{user.id}", 303)


def _with_link(request: Request, user: User) -> Response:
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        token = keeping_accounts.link(db, user_of(request).name, user)
    return _page(request, invited=user, link=f"{desk.address(request)}/enter/{token}")


def _page(request: Request, wrong: str = "", status: int = 200, **told: object) -> Response:
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        found = accounts.listed(db, desk.idle)
    values = {
        "accounts": found,
        "all_roles": list(Role),
        "me": user_of(request).id,
        "done": (done := number_in(request, "done")),
        "opened": done,
        "minutes": int(LINK_LIFETIME.total_seconds() // 60),
        "wrong": wrong,
        "longest": keeping_accounts.LONGEST_REASON,
        "invited": None,
        "link": "",
    }
    return desk.draw(request, "users.html", status, **{**values, **told})


def _roles(request: Request) -> set[Role]:
    return {role for role in Role if _ROLE_FIELD + role.value in visit_of(request).form}


def _named(request: Request) -> User:
    with desk_of(request).stores.db.begin() as db:
        user = accounts.user_of(db, request.path_params["id"])
    if user is None:
        raise HTTPException(404)
    return user
