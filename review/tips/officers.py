"""What case officers see of tips, and do with them: nobody else gets in.

Whoever reads a tip is asked about nobody whom its post shows (`storage.tip_finds.read`).  What a relative said, and how
to reach them, is on a page of its own, each opening of which stands in the custody log before it is shown.
"""

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.errors import WrongUse
from review.desk import desk_of
from review.doors import number_in, user_of
from review.forms import cut
from review.language import gettext as _
from review.language import said
from storage import custody, tip_finds, tip_limits, tips
from storage.accounts import User
from storage.custody import Action, Entry
from storage.database import Connection
from storage.sealing import CannotOpen, NoKey
from storage.tips import State, Tip

EVERY = "all"
LONGEST = {"number": 100, "reason": tips.LONGEST["note"] + 1, "note": tips.LONGEST["note"] + 1, "to": 20}
"""characters of fields; one more than may be kept is told as too long"""


def listed(request: Request) -> Response:
    """Tips in one state, the newest first."""
    desk, before = desk_of(request), number_in(request, "before")
    which = request.query_params.get("show", State.RECEIVED)
    if which not in {EVERY, *State}:
        raise HTTPException(400)
    with desk.stores.db.begin() as db:
        found = tips.listed(db, None if which == EVERY else State(which), before)
        counts, met = tips.counts(db), tip_limits.lately(db)
        custody.append(db, user_of(request).name, Action.VIEWED, "tips", {"show": which})
    rows, more = found[: tips.MOST], len(found) > tips.MOST
    every = [*State, EVERY]
    return desk.draw(
        request,
        "tips.html",
        judges=user_of(request).judges,
        rows=rows,
        more=more,
        which=which,
        every=every,
        counts=counts,
        met=met,
    )


def tip(request: Request) -> Response:
    """One tip with what came of it."""
    return _drawn(request)


def contact(request: Request) -> Response:
    """What its sender wrote of whom they recognise and of themselves; that it is opened is written down before."""
    desk, user = desk_of(request), user_of(request)
    try:
        with desk.stores.db.begin() as db:
            found = _found(db, request)
            tip_finds.read(db, user, found)
            opened = tips.open_contact(db, desk.secrets, found.id)
            if opened is not None:
                custody.append_all(db, user.name, [opened[1]])
    except (CannotOpen, NoKey):
        why = _("The key that sealed it is not on this machine: tell the administrator.")
        return desk.problem(request, 409, _("It does not open"), why)
    if opened is None:
        return desk.problem(request, 409, _("Not any more"), _("How to reach the sender is not kept any more."))
    return desk.draw(request, "tip_contact.html", tip=found, contact=opened[0])


def take_up(request: Request) -> Response:
    """Say whom it is about, and have its post be read."""
    form, basis = cut(request, LONGEST), desk_of(request).settings.legal_basis

    def do(db: Connection, id_: int, user: User) -> list[Entry]:
        entries = tips.take_up(db, id_, form["number"], form["reason"], user.name, basis)
        if taken := tips.find(db, id_):
            tip_finds.read(db, user, taken)
            tip_finds.hurry(db, taken)
        return entries

    return _done(request, do)


def about(request: Request) -> Response:
    """Say that it is about somebody else."""
    number = cut(request, LONGEST)["number"]
    return _done(request, lambda db, id_, user: tips.say_about(db, id_, number, user.name))


def move(request: Request) -> Response:
    """Refuse it, close it, or note that its sender will be told."""
    form = cut(request, LONGEST)
    if form["to"] not in {State.REFUSED, State.TO_BE_TOLD, State.CLOSED}:
        raise HTTPException(400)
    return _done(request, lambda db, id_, user: tips.move(db, id_, State(form["to"]), form["reason"], user.name))


def note(request: Request) -> Response:
    """Write something down about it."""
    written = cut(request, LONGEST)["note"]
    return _done(request, lambda db, id_, user: tips.note(db, id_, written, user.name))


def _done(request: Request, do: Callable[[Connection, int, User], list[Entry]]) -> Response:
    user = user_of(request)
    try:
        with desk_of(request).stores.db.begin() as db:
            found = _found(db, request)
            custody.append_all(db, user.name, do(db, found.id, user))
    except WrongUse as fault:
        return _drawn(request, said(fault), 422)
    return RedirectResponse(f"/tips/{found.id}", 303)


def _drawn(request: Request, wrong: str = "", status: int = 200) -> Response:
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        found = _found(db, request)
        tip_finds.read(db, user, found)
        values = {
            "tip": found,
            "unread": said(tips.why_unread(found, desk.settings.allow_private_addresses)),
            "notes": tips.notes(db, found.id),
            "same": tips.same_link(db, found),
            "finds": tip_finds.of_tip(db, found),
        }
        custody.append(db, user.name, Action.VIEWED, f"tip:{found.id}")
    return desk.draw(
        request, "tip.html", status, wrong=wrong, form=cut(request, LONGEST), longest=tips.LONGEST, **values
    )


def _found(db: Connection, request: Request) -> Tip:
    """Raises HTTPException: there is no such one."""
    id_: int = request.path_params["id"]
    found = tips.find(db, id_)
    if found is None:
        raise HTTPException(404)
    return found
