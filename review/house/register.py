"""What the register keeper has to see: photos that are not searched with, and what is odd about those that are."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.errors import WrongUse
from lastseen.words import words
from review.desk import desk_of
from review.doors import user_of, visit_of
from review.language import gettext as _
from review.language import said
from storage import custody, findings, register
from storage.custody import Action

ROWS = 50
"""findings, and refused photos, on the page; the command line lists all"""
LONGEST_REASON = 2000
"""characters"""
WHY_TO_SAY = words(
    "Say why, in {most} characters at most, for whoever reads the log in ten years.", most=LONGEST_REASON
)


def keeping(request: Request) -> Response:
    """Open findings and refused photos, the newest first.  That they were looked at stands in the custody log."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        found, (refused, all_refused) = findings.listed(db, limit=ROWS), register.refused(db, ROWS)
        badges, states = register.badges(db), findings.counts(db)
        detail = {"findings": [one.id for one in found], "refused": len(refused)}
        custody.append(db, user.name, Action.VIEWED, "register", detail)
    told = {"badges": badges, "states": states, "all_refused": all_refused, "longest": LONGEST_REASON}
    return desk.draw(request, "register.html", found=found, refused=refused, **told)  # type: ignore[arg-type]


def explain(request: Request) -> Response:
    """Write down what a finding is."""
    desk, visit = desk_of(request), visit_of(request)
    reason = visit.form.get("reason", "").strip()
    if not reason or len(reason) > LONGEST_REASON or visit.session is None:
        why = said(WHY_TO_SAY)
        return desk.problem(request, 422, _("A reason is needed"), why)
    actor = visit.session.user.name
    try:
        with desk.stores.db.begin() as db:
            custody.append_all(db, actor, findings.explain(db, request.path_params["id"], reason, actor))
    except WrongUse:
        why = _("Somebody explained this finding before, or its cause is gone.")
        return desk.problem(request, 409, _("Not open any more"), why)
    return RedirectResponse("/register", 303)
