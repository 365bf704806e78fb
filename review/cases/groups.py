"""Cases of groups: the list, the page of one, and what officers decide and note there.

Everything is drawn up from what stands at that moment.  Whoever reviews faces is shown who is accounted for, as on the
roll call; what was said of these people, notes and letters only when they ask for it, and is then not asked about them.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.sheets import sheet
from review.cases import videos
from review.desk import desk_of
from review.doors import user_of, visit_of
from review.language import said
from storage import custody, decided, group_case, group_cases, roll_call, roll_calls, tellings
from storage.accounts import User
from storage.custody import Action, Entry
from storage.database import Connection
from storage.group_case import GroupCase
from storage.group_cases import NoSuchCase

LONGEST: Final[Mapping[str, int]] = {"title": 200, "reason": 2000, "note": 4000, "blob": 120}
"""characters"""

Act = Callable[[Connection, int, Mapping[str, str], str], list[Entry]]


def listed(request: Request) -> Response:
    """All cases with how many of their people are open, the oldest first."""
    desk, user = desk_of(request), user_of(request)
    whole = not user.judges
    with desk.stores.db.begin() as db:
        cases = group_cases.every(db)
        custody.append(db, user.name, Action.VIEWED, "groups", {"cases": len(cases)})
    return desk.draw(request, "groups.html", cases=cases, whole=whole, days=_days)


def case(request: Request) -> Response:
    """One case.  That it was looked at stands in the custody log before it is shown."""
    return _page(request)


def download(request: Request) -> Response:
    """The same as a table, without pictures and names."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        found = _told(db, user, request)
        content = sheet(group_case.COLUMNS, group_case.as_rows(found, utcnow())).encode()
        detail = {"what": "group", "format": "csv", "sha256": hashlib.sha256(content).hexdigest()}
        custody.append(db, user.name, Action.EXPORTED, f"group:{found.id}", detail)
    headers = {"Content-Disposition": f'attachment; filename="group-{found.id}.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def opened(request: Request) -> Response:
    """Open a case of those whom a recording shows, from its roll call."""
    desk, user, form = desk_of(request), user_of(request), _form(request)
    try:
        with desk.stores.db.begin() as db:
            file = _file(db, form["blob"])
    except WrongUse as fault:
        return desk.problem(request, 400, why=said(fault))
    try:
        with desk.stores.db.begin() as db:
            made, entries = group_cases.open_(db, file, form["title"], form["reason"], user.name)
            custody.append_all(db, user.name, entries)
    except WrongUse as fault:
        return videos.drawn(request, form["blob"], 422, said(fault), form)
    return RedirectResponse(f"/groups/{made}", 303)


def decide(request: Request) -> Response:
    """Whether a recording belongs to a case."""

    def act(db: Connection, id_: int, form: Mapping[str, str], actor: str) -> list[Entry]:
        return group_cases.decide(db, id_, _file(db, form["blob"]), form["belongs"] == "yes", form["reason"], actor)

    if visit_of(request).form.get("belongs") not in ("yes", "no"):
        raise HTTPException(400)
    return _acted(request, act, "files")


def note(request: Request) -> Response:
    """What somebody notes: a note, a count by eye, that the case is closed, or opened again."""
    kind = visit_of(request).form.get("kind", "")
    acts: Mapping[str, Act] = {
        "note": lambda db, id_, form, actor: group_cases.note(db, id_, form["note"], actor),
        "counted": lambda db, id_, form, actor: group_cases.count(db, id_, _number(form), form["note"], actor),
        "closed": lambda db, id_, form, actor: group_cases.close(db, id_, form["note"], actor),
        "reopened": lambda db, id_, form, actor: group_cases.reopen(db, id_, form["note"], actor),
    }
    if kind not in acts:
        raise HTTPException(400)
    return _acted(request, acts[kind], "notes")


def _acted(request: Request, act: Act, where: str) -> Response:
    desk, user, id_ = desk_of(request), user_of(request), request.path_params["id"]
    try:
        with desk.stores.db.begin() as db:
            custody.append_all(db, user.name, act(db, id_, _form(request), user.name))
    except NoSuchCase as fault:
        raise HTTPException(404) from fault
    except WrongUse as fault:
        return _page(request, 422, said(fault))
    return RedirectResponse(f"/groups/{id_}{'?whole=1' if _asked(request) else ''}#{where}", 303)


def _page(request: Request, status: int = 200, wrong: str = "") -> Response:
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        found = _told(db, user, request)
        custody.append(db, user.name, Action.VIEWED, f"group:{found.id}")
    form = _form(request) if wrong else {}
    return desk.draw(
        request, "group.html", status, case=found, wrong=wrong, form=form, longest=LONGEST, days=_days,
        judges=user.judges, asked=_asked(request),
    )  # fmt: skip


def _told(db: Connection, user: User, request: Request) -> GroupCase:
    """A case as this person may read it; what they are shown, they are told.  Raises HTTPException."""
    try:
        found = group_cases.of(db, request.path_params["id"])
    except NoSuchCase as fault:
        raise HTTPException(404) from fault
    questions = [id_ for call in found.calls for id_ in roll_call.questions_of(call)]
    seen = decided.seen_by(db, user, questions)
    again = [id_ for one in found.proposals for id_ in one.candidates]
    if user.judges and not _asked(request):
        tellings.tell(db, user, [*seen, *again])
        return group_case.kept_back(group_cases.told(found, seen))
    group_cases.tell(db, user, found)
    return group_cases.told(found, seen)


def _asked(request: Request) -> bool:
    return "whole" in request.query_params


def _days(since: object) -> int:
    return group_case.days(since, utcnow())  # type: ignore[arg-type]  # templates give moments


def _form(request: Request) -> dict[str, str]:
    form = visit_of(request).form
    cut = {name: form.get(name, "")[:longest] for name, longest in LONGEST.items()}
    return {**{name: form.get(name, "") for name in ("belongs", "kind", "people")}, **cut}


def _number(form: Mapping[str, str]) -> int:
    written = form["people"].strip()
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else 0


def _file(db: Connection, named: str) -> int:
    """The recording that somebody means by its sha256, or by the address of its roll call.  Raises WrongUse."""
    return roll_calls.named(db, named)
