"""Signing in by the office's OpenID provider, and linking an account with it.

What is remembered of a browser meanwhile lies sealed in a cookie of its own.  The provider's answer is a link from
another site, with which browsers send no strict cookie: so whoever comes back goes on by a page of ours.
"""

import base64
import binascii
import json
import logging
import time

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.errors import WrongUse
from lastseen.roles import Role
from lastseen.words import words
from review.accounts import entrance, oidc
from review.accounts.oidc import ProviderFault, Tried, Vouched
from review.desk import Desk, desk_of
from review.doors import cookie_name, set_cookie, visit_of
from review.language import gettext as _
from review.language import said
from storage import accounts, custody, identities, keeping_accounts
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.identities import Identity, Linked
from storage.sealing import CannotOpen

COOKIE = "lastseen_provider"
LASTS_SECONDS = 10 * 60
_SEALED_FOR = "openid attempt"
_ACTOR = "provider"
"""who does in the custody log what the provider's groups ask for"""

log = logging.getLogger(__name__)


class NotLetIn(WrongUse):
    """The provider vouches for somebody who has no business here; the message may be shown to the person."""


def go(request: Request) -> Response:
    """To the provider, to sign in."""
    return _send(request, entrance.wanted(request), 0)


def link(request: Request) -> Response:
    """To the provider, to link the account that one is signed in with."""
    session = visit_of(request).session
    if session is None or not session.fresh:
        return desk_of(request).problem(request, 403, _("Please sign in again"), _("Sign out and in again first."))
    return _send(request, "/account?saved=provider", session.id)


def back(request: Request) -> Response:
    """From the provider."""
    desk = desk_of(request)
    tried = _opened(desk, request.cookies.get(cookie_name(request, COOKIE), ""))
    if desk.provider is None or tried is None:
        why = _("It took too long, or began in another browser. Begin again.")
        return desk.problem(request, 403, _("This attempt is over"), why)
    attempt, next_, linking = tried
    try:
        vouched = desk.provider.finish(attempt, dict(request.query_params), _back(request))
        answer = _link(request, vouched, linking) if linking else _sign_in(request, vouched, next_)
    except ProviderFault as fault:
        log.warning("the OpenID provider: %s", fault)
        why = _("Begin again, or tell an administrator.")
        answer = desk.problem(request, 403, _("The provider did not let you in"), why)
    except NotLetIn as refused:
        answer = desk.problem(request, 403, _("Not let in"), said(refused))
    entrance.forget_cookie(request, answer, COOKIE)
    return answer


def leave(request: Request) -> Response:
    """To the provider, to sign out there as well."""
    desk = desk_of(request)
    if desk.provider is None:
        return RedirectResponse("/sign-in", 303)
    try:
        return RedirectResponse(desk.provider.leave(f"{desk.address(request)}/sign-in") or "/sign-in", 303)
    except ProviderFault as fault:
        log.warning("the OpenID provider: %s", fault)
        return RedirectResponse("/sign-in", 303)


def _send(request: Request, next_: str, linking: int) -> Response:
    desk = desk_of(request)
    if desk.provider is None:
        return desk.problem(request, 404)
    try:
        address, tried = desk.provider.begin(_back(request))
    except ProviderFault as fault:
        log.warning("the OpenID provider: %s", fault)
        why = _("Sign in with your password, or try later.")
        return desk.problem(request, 503, _("The provider does not answer"), why)
    answer = RedirectResponse(address, 303)
    set_cookie(request, answer, COOKIE, _sealed(desk, tried, next_, linking), LASTS_SECONDS, lax=True)
    return answer


def _sign_in(request: Request, vouched: Vouched, next_: str) -> Response:
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        user = _account(db, desk, vouched)
    begun = entrance.begin(request, user, "provider", next_, proved_twice=vouched.twice)
    return _onward(request, begun)


def _account(db: Connection, desk: Desk, vouched: Vouched) -> User:
    """The account of whom the provider vouches for, made where its groups ask for one.  Raises NotLetIn."""
    identity = Identity(desk.settings.oidc_issuer, vouched.subject)
    linked = identities.find(db, identity)
    roles = oidc.roles_of(desk.settings, vouched.groups)
    if linked is None:
        return _made(db, identity, vouched, roles)
    if linked.user.disabled:
        raise NotLetIn(words("Your account here is disabled. An administrator can say why."))
    return _following(db, linked, roles)


def _made(db: Connection, identity: Identity, vouched: Vouched, roles: tuple[str, ...]) -> User:
    if not roles:
        raise NotLetIn(
            words("You have no account here, and your groups at the provider give you none. Ask an administrator.")
        )
    try:
        name = accounts.tidy_name(vouched.name)
        if accounts.find_user(db, name) is not None:
            raise NotLetIn(
                words(
                    "There is an account of your name already. If it is yours, sign in with its password, and link it"
                    " under your account."
                )
            )
        user = keeping_accounts.add(db, _ACTOR, name, None, roles)
    except accounts.NotAcceptable as why:
        raise NotLetIn(words("The provider's name for you cannot be one here: {why}", why=why.args[0])) from why
    if not identities.link(db, identity, user, follows=True):  # made a moment ago, by another of their browsers
        raise NotLetIn(words("Your account was made a moment ago in another browser. Begin again."))
    return user


def _following(db: Connection, linked: Linked, roles: tuple[str, ...]) -> User:
    """With the roles that the groups give now, if the account was made for it."""
    user = linked.user
    if not linked.follows or set(roles) == set(user.roles):
        return user
    if not roles:
        raise NotLetIn(words("Your groups at the provider give you no role here any more."))
    try:
        return keeping_accounts.roles(db, _ACTOR, user, roles, "by the groups at the provider")
    except accounts.LastAdministrator:
        kept = {*roles, Role.ADMINISTRATOR.value}
        return keeping_accounts.roles(db, _ACTOR, user, kept, "by the groups at the provider; the last administrator")


def _link(request: Request, vouched: Vouched, linking: int) -> Response:
    """`linking`: the session (row id) that began it; whoever ends that session ends this, too."""
    desk = desk_of(request)
    identity = Identity(desk.settings.oidc_issuer, vouched.subject)
    with desk.stores.db.begin() as db:
        user = accounts.holder(db, linking, desk.idle)
        if user is None:
            raise NotLetIn(words("You were signed out meanwhile. Sign in, and begin again."))
        if not identities.link(db, identity, user):
            raise NotLetIn(words("This is linked with an account already."))
        custody.append(db, user.name, Action.PROVIDER_LINKED, f"user:{user.id}", {"issuer": identity.issuer})
    return _onward(request, RedirectResponse("/account?saved=provider", 303))


def _onward(request: Request, begun: Response) -> Response:
    """A page of ours that goes on to where `begun` would have led, with its cookies."""
    page = desk_of(request).draw(request, "onward.html", to=begun.headers["location"])
    for cookie in begun.headers.getlist("set-cookie"):
        page.headers.append("set-cookie", cookie)
    return page


def _back(request: Request) -> str:
    return f"{desk_of(request).address(request)}/sign-in/provider/back"


def _sealed(desk: Desk, tried: Tried, next_: str, linking: int) -> str:
    said = [tried.state, tried.nonce, tried.verifier, next_, linking, int(time.time())]
    return base64.urlsafe_b64encode(desk.secrets.seal(json.dumps(said), _SEALED_FOR)).decode()


def _opened(desk: Desk, cookie: str) -> tuple[Tried, str, int] | None:
    """What was sealed; None: nothing of ours, or too long ago."""
    try:
        said = json.loads(desk.secrets.open(base64.urlsafe_b64decode(cookie.encode()), _SEALED_FOR))
    except (CannotOpen, binascii.Error, UnicodeEncodeError):
        return None
    state, nonce, verifier, next_, linking, at = said
    return (Tried(state, nonce, verifier), next_, linking) if time.time() - at < LASTS_SECONDS else None
