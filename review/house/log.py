"""The custody log for its auditor: read, searched, taken along as a file, and verified (`review.house.audit`)."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from lastseen.sheets import rows, sheet
from review.desk import desk_of
from review.doors import number_in, user_of, visit_of
from storage import custody, custody_keys, log_pages
from storage.custody import Action
from storage.log_pages import Filters, Line

LONGEST_FILTER = 200
"""characters"""
SENT_AT_ONCE = 500
"""lines of a file: some hundred kilobytes"""
COLUMNS = ("seq", "at", "actor", "action", "subject", "detail", "reason", "hash")
PAGE = "log"
"""how the log calls itself when it is read"""


def page(request: Request) -> Response:
    """Events by the filters, the newest first.  Reading the log stands in it, too."""
    desk, user = desk_of(request), user_of(request)
    filters, before = _filters(request.query_params), number_in(request, "before")
    with desk.stores.db.begin() as db:
        lines, judges = log_pages.page(db, user, filters, before), user.judges
        head = custody.head(db)
        action = Action.SEARCHED if filters.said() else Action.VIEWED
        custody.append(db, user.name, action, PAGE, {**filters.said(), **({"before": before} if before else {})})
    return desk.draw(
        request,
        "log.html",
        lines=lines[: log_pages.MOST],
        judges=judges,
        more=len(lines) > log_pages.MOST,
        filters=filters.said(),
        actions=sorted(Action),
        head=head,
        verified=desk.audit.verified,
        keys=custody_keys.public_keys(desk.settings),
    )


def verify(request: Request) -> Response:
    """Follow one piece of the log.  The beginning and the end of a pass stand in the log, with what was found."""
    desk, user = desk_of(request), user_of(request)
    before = desk.audit.verified
    anew = before is None or visit_of(request).form.get("anew") == "yes"
    found = desk.audit.go_on(desk.stores, desk.settings, anew=anew)
    if found is not None and found.done:
        so_far = found.so_far
        detail = {"events": so_far.head.seq, "heads": so_far.heads, "incidents": so_far.wrong}
        with desk.stores.db.begin() as db:
            custody.append(db, user.name, Action.VERIFIED, PAGE, detail)
    return RedirectResponse("/log#verified", 303)


def download(request: Request) -> Response:
    """The log by the filters as a file: up to the event before the one that says so."""
    desk, user, ending = desk_of(request), user_of(request), request.path_params["ending"]
    filters = _filters(request.query_params)
    if ending not in _WRITERS:
        raise HTTPException(404)
    with desk.stores.db.begin() as db:
        upto = custody.head(db).seq
        judges = log_pages.take_along(db, user)
        detail = {"what": "custody log", "format": ending, "upto": upto, **filters.said()}
        custody.append(db, user.name, Action.EXPORTED, PAGE, detail)
    media_type, write = _WRITERS[ending]
    lines = log_pages.whole(desk.stores.db, filters, upto, judges=judges)
    headers = {"Content-Disposition": f'attachment; filename="custody-log-{upto}.{ending}"'}
    return StreamingResponse(_together(write(lines)), 200, headers, media_type)


def _filters(given: Mapping[str, str]) -> Filters:
    """Raises HTTPException for what is no filter."""
    said = {name: given.get(name, "") for name in ("actor", "action", "subject", "since", "until")}
    if any(len(value) > LONGEST_FILTER or "\0" in value for value in said.values()):
        raise HTTPException(400)
    try:
        return Filters.of(said)
    except (ValueError, OverflowError) as fault:
        raise HTTPException(400) from fault


def _together(pieces: Iterator[str]) -> Iterator[bytes]:
    """Many lines at once: handing each to the server by itself takes longer than reading it."""
    while several := "".join(islice(pieces, SENT_AT_ONCE)):
        yield several.encode()


def _csv(lines: Iterator[Line]) -> Iterator[str]:
    yield sheet(COLUMNS, ())
    for line in lines:
        said = {**line.as_dict(), "detail": _json(line.detail)}
        yield rows([[said[name] for name in COLUMNS]])


def _lines(lines: Iterator[Line]) -> Iterator[str]:
    for line in lines:
        yield _json(line.as_dict()) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


_WRITERS = {"csv": ("text/csv; charset=utf-8", _csv), "jsonl": ("application/jsonl", _lines)}
