"""The roll call of a video, and the list of those with people who are unaccounted for."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.sheets import sheet
from review.desk import desk_of
from review.doors import user_of
from review.roles import OFFICERS
from storage import custody, decided, group_cases, roll_call, roll_calls, tellings
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.roll_call import RollCall

MOST_LISTED: Final = 200
"""open items on the page; the command lists all"""
_ROW: Final = re.compile("[0-9]{1,18}")
_HASH: Final = re.compile("[0-9a-f]{64}")

Writer = Callable[[RollCall], str]
_ENDINGS: Final[dict[str, tuple[str, Writer]]] = {
    "csv": ("text/csv; charset=utf-8", lambda call: sheet(roll_call.COLUMNS, roll_call.as_rows(call))),
    "json": ("application/json", lambda call: json.dumps(roll_call.as_dict(call), ensure_ascii=False, indent=1)),
}


def roll_call_(request: Request) -> Response:
    """Everybody in one video.  That it was looked at stands in the custody log before it is shown.

    Other people's faces are covered but for the one that `?face=` asks for; its pictures are recorded one by one.
    """
    return drawn(request, request.path_params["blob"])


def drawn(
    request: Request, blob: str, status: int = 200, wrong: str = "", form: Mapping[str, str] | None = None
) -> Response:
    """The roll call's page; `wrong`: why no case of these people was opened, with what was written.

    Raises HTTPException.
    """
    desk, user, opened = desk_of(request), user_of(request), request.query_params.get("face", "")
    with desk.stores.db.begin() as db:
        call = known(db, user, blob)
        groups = group_cases.of_file(db, call.blob) if OFFICERS & set(user.roles) else []
        custody.append(db, user.name, Action.VIEWED, f"blob:{call.sha256}", {"what": "roll call"})
    return desk.draw(
        request, "roll_call.html", status, call=call, opened=int(opened) if _ROW.fullmatch(opened) else None,
        groups=groups, wrong=wrong, form=form or {},
    )  # fmt: skip


def download(request: Request) -> Response:
    """The same as a file, without pictures."""
    ending = request.path_params["ending"]
    if ending not in _ENDINGS:
        raise HTTPException(404)
    media_type, write = _ENDINGS[ending]
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        call = known(db, user, request.path_params["blob"])
        content = write(call).encode()
        detail = {"what": "roll call", "format": ending, "sha256": hashlib.sha256(content).hexdigest()}
        custody.append(db, user.name, Action.EXPORTED, f"blob:{call.sha256}", detail)
    name = f"roll-call-{call.sha256[:12]}.{ending}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def unaccounted(request: Request) -> Response:
    """Videos in which only some of the people could be accounted for, newest first.  Looking is recorded."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        calls = roll_calls.open_items(db)
        custody.append(db, user.name, Action.VIEWED, "unaccounted", {"videos": len(calls)})
    people = sum(call.unaccounted for call in calls)
    return desk.draw(request, "unaccounted.html", calls=calls[:MOST_LISTED], total=len(calls), people=people)


def part(request: Request) -> Response:
    """Two people, not one: what joins two tracks is withdrawn, under the name of whoever said so."""
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        sha256 = roll_calls.part(db, request.path_params["id"], user.name, desk.settings.people_per_track)
    if sha256 is None:
        raise HTTPException(404)
    return RedirectResponse(f"/videos/{sha256}/roll-call", 303)


def known(db: Connection, user: User, named: str) -> RollCall:
    """Everybody in the file with this sha256 or row id, as this person may read it.  Raises HTTPException.

    Before somebody has said what they think of a face they are not told who is asked about.
    """
    found = roll_calls.find(db, named) if _HASH.fullmatch(named) else [int(named)] if _ROW.fullmatch(named) else []
    try:
        call = roll_calls.of_blob(db, found[0])
    except LookupError as fault:
        raise HTTPException(404) from fault
    seen = decided.seen_by(db, user, roll_call.questions_of(call))
    tellings.tell(db, user, seen)
    return roll_call.told_to(call, seen)
