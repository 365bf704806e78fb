"""The second factor: asked for after the first one, set up under one's account, and its recovery codes.

Who is halfway in gets past these doors only, and who has a factor cannot set up another one from halfway.
"""

import io
from collections.abc import Sequence
from dataclasses import replace

import segno
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lastseen.words import noted
from review.accounts import entrance, required
from review.desk import desk_of
from review.doors import session_of, visit_of, wants_json
from review.language import gettext as _
from storage import accounts, custody, lockouts, second_factors
from storage.accounts import Awaits, Session, User
from storage.custody import Action

_FOLLOWED = noted("You signed in a while ago. Sign out and in again first.")
_NOT_THIS = noted(
    "That is not the code of this moment. Wait for the next one, and see that the telephone's clock is right."
)


def code_page(request: Request) -> Response:
    """Ask for the code, of whoever gave the first factor."""
    if _half(request, Awaits.CODE) is None:
        return RedirectResponse(entrance.with_next("/sign-in", entrance.wanted(request)), 303)
    return _code_form(request)


def give_code(request: Request) -> Response:
    """Check the code, or a recovery code."""
    half, desk, visit = _half(request, Awaits.CODE), desk_of(request), visit_of(request)
    if half is None:
        return RedirectResponse(entrance.with_next("/sign-in", entrance.wanted(request)), 303)
    by = _by(request, half, visit.form.get("code", ""))
    if isinstance(by, Response):
        return by
    if not by:
        return _code_form(request, wrong=True)
    with desk.stores.db.begin() as db:
        token = accounts.go_on(db, visit.cookie, desk.lifetime)
        if token is None:
            return RedirectResponse(entrance.with_next("/sign-in", entrance.wanted(request)), 303)
        told = {"by": f"{half.proved} and {by}"}
        custody.append(db, half.user.name, Action.SIGNED_IN, f"user:{half.user.id}", told)
    return entrance.let_in(request, token, half.user, entrance.wanted(request))


def page(request: Request) -> Response:
    """Set up a second factor, or see that there is one."""
    visit = visit_of(request)
    if visit.half and visit.half.awaits is Awaits.CODE:
        return RedirectResponse(entrance.with_next(entrance.CODE_PAGE, entrance.wanted(request)), 303)
    return _page(request)


def picture(request: Request) -> Response:
    """The secret as a QR code, drawn here; only until it is confirmed."""
    session = _who_sets_up(request)
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        if second_factors.is_set(db, session.user):
            raise HTTPException(404)
        offered = second_factors.offer(db, session.user, session.id, desk.secrets)
    drawn = io.BytesIO()
    segno.make(offered.address, error="m").save(drawn, kind="svg", scale=5, border=4, light="#fff", dark="#000")
    return Response(drawn.getvalue(), media_type="image/svg+xml")


def confirm(request: Request) -> Response:
    """The first code of a new secret: from here on it is asked for.  Recovery codes are shown, this once."""
    session, desk, visit = _who_sets_up(request), desk_of(request), visit_of(request)
    with desk.stores.db.begin() as db:
        wait = lockouts.take(db, [lockouts.of_factor(session.user.id)])
    if wait:
        return entrance.wait_first(request, wait)
    with desk.stores.db.begin() as db:
        if second_factors.is_set(db, session.user):
            return desk.problem(request, 409, _("There is one already"), _("Your account has a second factor."))
        code = visit.form.get("code", "")
        if not second_factors.check(db, session.user, code, desk.secrets, session=session.id):
            return _page(request, _(_NOT_THIS), 422)
        codes = second_factors.new_recovery_codes(db, session.user)
        lockouts.was_right(db, lockouts.of_factor(session.user.id))
        token = accounts.go_on(db, visit.cookie, desk.lifetime) if session.awaits else visit.cookie
        if token is None:  # signed out meanwhile: nothing of it stands, since nobody saw the recovery codes
            raise HTTPException(409)
        subject = f"user:{session.user.id}"
        custody.append(db, session.user.name, Action.SECOND_FACTOR_SET, subject)
        if session.awaits:
            told = {"by": f"{session.proved} and code"}
            custody.append(db, session.user.name, Action.SIGNED_IN, subject, told)
    request.state.visit = replace(visit, session=session, cookie=token)
    answer = _codes(request, session.user, codes)
    entrance.keep_session(request, answer, token, desk.lifetime)
    return answer


def remove(request: Request) -> Response:
    """Do without it, where the office allows that.  A code proves that it is oneself."""
    session, desk = session_of(request), desk_of(request)
    if not session.fresh:
        return _page(request, _(_FOLLOWED), 403)
    if required.needs(desk.settings, session.user):
        return _page(request, _("Your roles need a second factor. An administrator can reset it."), 422)
    by = _by(request, session, visit_of(request).form.get("code", ""))
    if isinstance(by, Response):
        return by
    if not by:
        return _page(request, _(_NOT_THIS), 422)
    with desk.stores.db.begin() as db:
        second_factors.reset(db, session.user)
        custody.append(db, session.user.name, Action.SECOND_FACTOR_RESET, f"user:{session.user.id}")
    return RedirectResponse("/account?saved=factor", 303)


def renew_codes(request: Request) -> Response:
    """New recovery codes instead of those before."""
    session, desk = session_of(request), desk_of(request)
    if not session.fresh:
        return _page(request, _(_FOLLOWED), 403)
    with desk.stores.db.begin() as db:
        if not second_factors.is_set(db, session.user):
            return _page(request, _("Set up the second factor first."), 422)
        codes = second_factors.new_recovery_codes(db, session.user)
        custody.append(db, session.user.name, Action.RECOVERY_CODES_MADE, f"user:{session.user.id}")
    return _codes(request, session.user, codes)


def _by(request: Request, session: Session, code: str) -> str | Response:
    """What the code was; empty: none.  Each try is counted before it is looked at."""
    desk, key = desk_of(request), lockouts.of_factor(session.user.id)
    with desk.stores.db.begin() as db:
        wait = lockouts.take(db, [key])
    if wait:
        return entrance.wait_first(request, wait)
    with desk.stores.db.begin() as db:
        if second_factors.check(db, session.user, code, desk.secrets):
            by = "code"
        elif second_factors.recover(db, session.user, code):
            by = "recovery code"
        else:
            return ""
        lockouts.was_right(db, key)
    return by


def _half(request: Request, awaits: Awaits) -> Session | None:
    half = visit_of(request).half
    return half if half and half.awaits is awaits else None


def _who_sets_up(request: Request) -> Session:
    """Whoever is signed in a short while ago, or halfway and without a factor.  Raises HTTPException."""
    session = _half(request, Awaits.ENROLMENT) or visit_of(request).session
    if session is None or not session.fresh:
        raise HTTPException(403 if session else 404)
    return session


def _code_form(request: Request, *, wrong: bool = False) -> Response:
    status = 403 if wrong else 200
    if wants_json(request):
        return JSONResponse({"signed_in": False, "wrong": wrong, "second_factor": "code"}, status)
    return desk_of(request).draw(request, "second_factor_code.html", status, wrong=wrong, next=entrance.wanted(request))


def _page(request: Request, wrong: str = "", status: int = 200) -> Response:
    desk, visit = desk_of(request), visit_of(request)
    session = visit.session or visit.half
    if session is None:
        raise HTTPException(404)
    with desk.stores.db.begin() as db:
        is_set = second_factors.is_set(db, session.user)
        offered = (
            None if is_set or not session.fresh else second_factors.offer(db, session.user, session.id, desk.secrets)
        )
        left = second_factors.recovery_codes_left(db, session.user)
    told = {"is_set": is_set, "offered": offered, "left": left, "fresh": session.fresh, "wrong": wrong}
    told["needed"] = required.needs(desk.settings, session.user)
    return desk.draw(request, "second_factor.html", status, next=entrance.wanted(request), **told)


def _codes(request: Request, user: User, codes: Sequence[str]) -> Response:
    next_ = entrance.or_home(entrance.wanted(request), user)
    return desk_of(request).draw(request, "recovery_codes.html", codes=codes, next=next_)
