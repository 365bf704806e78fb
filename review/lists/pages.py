"""All lists, one list, one line: what others say of whom, and what an officer decides of that.

Nothing of a line is shown to somebody who may still be asked whether a face is that of whom it may speak of.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.errors import WrongUse
from lastseen.records import SEARCHED, SETS, Says
from matchers.lists.matching import VERSION
from review.desk import desk_of
from review.doors import number_in, user_of, visit_of
from review.language import gettext as _
from review.language import said
from review.lists import comparing
from storage import custody, list_lines, lists, statuses
from storage.custody import Action
from storage.database import Connection
from storage.list_lines import LONGEST_REASON, PAGE, SHOWN, Line, State, Stood

LONGEST_NUMBER = 128
"""characters of a register number"""


def listed(request: Request) -> Response:
    """All lists, the newest first: titles and counts, and nobody's name."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        found = list_lines.every(db)
        custody.append(db, user.name, Action.VIEWED, "lists")
    return desk.draw(request, "lists.html", lists=found, states=list(State))


def one(request: Request) -> Response:
    """One list: totals, and some of its lines.  That they were looked at stands in the custody log."""
    desk, user = desk_of(request), user_of(request)
    show, says, after = (
        request.query_params.get("show", "waiting"),
        request.query_params.get("says", ""),
        _after(request),
    )
    if show not in (*SHOWN, "contradicting") or says not in ("", *Says):
        raise HTTPException(400)
    with desk.stores.db.begin() as db:
        stood = _found(db, request)
        against = list_lines.contradicting(db, stood.id)
        rows = _lines(db, stood, show, says, after, sorted(against))
        shown = list_lines.show(db, user, rows[:PAGE])
        told: dict[str, Any] = {
            "stood": stood,
            "rows": shown,
            "clashes": list_lines.clashes(db, stood, shown),
            "kept_back": len(rows[:PAGE]) - len(shown),
            "more": rows[PAGE - 1].id if len(rows) > PAGE else None,
            "doubles": list_lines.doubles(db, stood.id),
            "contradicting": len(against),
            "not_compared": lists.uncompared(db, stood.id, VERSION),
            "too": statuses.searched_for_too(db, _ending(shown)),
        }
        custody.append(db, user.name, Action.VIEWED, f"list:{stood.id}", {"lines": [row.id for row in shown]})
    choices = (*SHOWN[:5], "contradicting", *SHOWN[5:])
    return desk.draw(
        request, "list.html", show=show, says=says, choices=choices, states=list(State), longest=LONGEST_REASON,
        sets=[str(word) for word in SETS], **told,
    )  # fmt: skip


def line(request: Request) -> Response:
    """One line beside whom it may speak of, to be decided."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        (found, *_rest) = list_lines.some(db, [request.path_params["id"]]) or (None,)
        if found is None:
            raise HTTPException(404)
        shown = list_lines.show(db, user, [found])
        if not shown:
            return _not_yet(request)
        stood = _list(db, found.list)
        others = list_lines.show(db, user, list_lines.some(db, found.doubles))
        names = {other.list: _list(db, other.list).title for other in others}
        clashes, stakes = list_lines.clashes(db, stood, shown), _stakes(found)
        too = statuses.searched_for_too(db, _ending([found]))
        behind = list_lines.next_waiting(db, found.list, found.id, 1)
        custody.append(db, user.name, Action.VIEWED, f"list_entry:{found.id}")
    return desk.draw(
        request, "list_line.html", stood=stood, line=found, clashes=clashes, others=others, titles=names,
        behind=behind[0] if behind else None, sets=SETS.get(Says(found.says)) if found.says else None, stakes=stakes,
        too=too, longest=LONGEST_REASON, longest_number=LONGEST_NUMBER,
    )  # fmt: skip


def next_(request: Request) -> Response:
    """The next line that waits, and may be shown; the list, if there is none."""
    desk, user, list_ = desk_of(request), user_of(request), request.path_params["id"]
    after = _after(request)
    with desk.stores.db.begin() as db:
        _found(db, request)
        while waiting := list_lines.next_waiting(db, list_, after):
            shown = list_lines.show(db, user, list_lines.some(db, waiting))
            if shown:
                return RedirectResponse(f"/lists/lines/{shown[0].id}", 303)
            after = waiting[-1]
    return RedirectResponse(f"/lists/{list_}?show=waiting", 303)


def decide(request: Request) -> Response:
    """Say whether one line speaks of somebody; then the next one."""
    form, entry = visit_of(request).form, request.path_params["id"]
    number, answer = form.get("number", "").strip(), form.get("same", "")
    if answer not in ("yes", "no") or not number or len(number) > LONGEST_NUMBER:
        return desk_of(request).problem(
            request, 422, _("An answer is needed"), _("Say whom it speaks of, or does not.")
        )
    try:
        list_ = _decide(request, entry, number, same=answer == "yes", reason=form.get("reason", ""),
                        sets=bool(form.get("sets")))  # fmt: skip
    except WrongUse as fault:
        return desk_of(request).problem(request, 409, _("Not decided"), said(fault))
    if form.get("then") == "stay":
        return RedirectResponse(f"/lists/lines/{entry}", 303)
    return RedirectResponse(f"/lists/{list_}/next?after={entry}", 303)


def decide_several(request: Request) -> Response:
    """The same of all lines that were ticked on a list's page, one after the other; each is an answer of its own."""
    form, list_ = visit_of(request).form, request.path_params["id"]
    same, done, faults = form.get("same") == "yes", 0, []
    if form.get("same") not in ("yes", "no"):
        raise HTTPException(400)
    for name, number in form.items():
        kind, _sign, entry = name.partition("-")
        if kind == "line" and entry.isascii() and entry.isdigit() and len(entry) < 19:
            try:
                _decide(request, int(entry), number, same=same, reason="", sets=bool(form.get("sets")), of=list_)
                done += 1
            except WrongUse as fault:
                faults.append((entry, said(fault)))
    if not faults:
        return RedirectResponse(f"/lists/{list_}?show=waiting", 303)
    told = "; ".join(f"{entry}: {why}" for entry, why in faults)
    return desk_of(request).problem(
        request,
        409,
        _("Not all were decided"),
        _("%(done)s were; not these lines: %(told)s") % {"done": done, "told": told},
    )


def undo(request: Request) -> Response:
    """Have a list count for nothing: what it said of people is withdrawn."""
    desk, user, list_ = desk_of(request), user_of(request), request.path_params["id"]
    reason = visit_of(request).form.get("reason", "")[:LONGEST_REASON]
    try:
        with desk.stores.db.begin() as db:
            _found(db, request)
            _withdrawn, _came_up, entries = lists.undo(db, list_, reason, user.name, desk.settings.people_per_track)
            custody.append_all(db, user.name, entries)
    except WrongUse as fault:
        return desk.problem(request, 409, _("Not undone"), said(fault))
    return RedirectResponse(f"/lists/{list_}", 303)


def match(request: Request) -> Response:
    """Hold a list against the register as it is now."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        stood = _found(db, request)
    comparing.compare(desk.stores, stood.id, user.name)
    return RedirectResponse(f"/lists/{stood.id}?show=waiting", 303)


# ------------------------------------------------------------------------------------------------------------


def _decide(
    request: Request, entry: int, number: str, *, same: bool, reason: str, sets: bool, of: int | None = None
) -> int:
    """Returns the line's list.  What this person may not be shown they do not decide, nor learn why it cannot be."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        if not list_lines.may_decide(db, user, entry, number):
            raise HTTPException(404)
    with desk.stores.db.begin() as db:
        done = list_lines.decide(
            db, entry, number, same, user.name, desk.settings.people_per_track, reason=reason,
            sets=sets and same,
        )  # fmt: skip
        (line_,) = list_lines.some(db, [entry])
        if of not in (None, line_.list) or not list_lines.show(db, user, [line_]):
            raise HTTPException(404)
        custody.append_all(db, user.name, done.entries)
    return line_.list


def _lines(db: Connection, stood: Stood, show: str, says: str, after: int, against: list[int]) -> list[Line]:
    if show != "contradicting":
        return list_lines.listed(db, stood.id, show, says, after)
    found = list_lines.some(db, [id_ for id_ in against if id_ > after][: PAGE + 1])
    return [one for one in found if says in ("", one.says)]


def _stakes(found: Line) -> Mapping[int, bool]:
    """Person -> whether the office's taking it for what is ends the search for them."""
    ends = _ends_search(found)
    return {one.person: ends and one.status in SEARCHED for one in found.matches}


def _ending(found: Iterable[Line]) -> set[int]:
    """Those for whom the search by one entry ends if the office takes these lines for what is, or ended by them."""
    return {
        match.person for line in found if _ends_search(line) for match in line.matches
        if (match.same is not True) == (match.status in SEARCHED)
    }  # fmt: skip


def _ends_search(found: Line) -> bool:
    """Whether nobody is searched for of whom it is so."""
    status = SETS.get(Says(found.says)) if found.says else None
    return status is not None and status not in SEARCHED


def _after(request: Request) -> int:
    return number_in(request, "after") or 0


def _found(db: Connection, request: Request) -> Stood:
    return _list(db, request.path_params["id"])


def _list(db: Connection, id_: int) -> Stood:
    found = list_lines.find(db, id_)
    if found is None:
        raise HTTPException(404)
    return found


def _not_yet(request: Request) -> Response:
    why = _("It may speak of somebody of whom you may still be asked whether a face is theirs.")
    return desk_of(request).problem(request, 409, _("Not shown to you yet"), why)
