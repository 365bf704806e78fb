"""What leaves the office about people: to other offices, as a form asks to whom, why and under which right; or all that
is held on one person, for that person.

Who asks for it is shown what was said of these people, and is not asked about their faces any more.
"""

from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lastseen.errors import WrongUse
from lastseen.exchange.records import ENDINGS, Format, Handing
from lastseen.exchange.writing import file_name, write
from lastseen.records import PersonStatus
from lastseen.words import words
from matchers.names import blotting
from review.desk import Desk, desk_of
from review.doors import user_of, visit_of
from review.forms import day
from review.language import gettext, spoken
from review.language import said as told
from storage import custody, exchange, tellings
from storage import whole_file as whole_files
from storage.accounts import User
from storage.exchange import LONGEST, Selection, Wanted
from storage.whole_file import Covers, Order

LONGEST_NUMBERS: Final = 20_000
"""characters of the list of register numbers; the command takes longer ones"""
NOT_BY_FATE: Final = words(
    "You may be asked about faces: choose people by number, or everybody, and not by what was said."
)
COVERS: Final = Covers(blotting.covered, blotting.without_others)
STATUSES: Final = tuple(status for status in PersonStatus if status is not PersonStatus.WITHDRAWN)


def page(request: Request) -> Response:
    """The form."""
    number = request.query_params.get("number", "")[:LONGEST_NUMBERS]
    return _drawn(request, {"numbers": number, "right": desk_of(request).settings.legal_basis})


def export(request: Request) -> Response:
    """The file; to whom it goes stands in the custody log before a byte goes out."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    format_ = _format(form.get("format", ""))
    try:
        wanted = Wanted(**{name: form.get(name, "") for name in LONGEST})
        made, content = handed_out(desk, user, format_, wanted, _selection(form))
    except WrongUse as fault:
        return _drawn(request, form, 422, told(fault))
    headers = {"Content-Disposition": f'attachment; filename="{file_name(format_, made)}"', "Cache-Control": "no-store"}
    return Response(content, 200, headers, ENDINGS[format_][1])


def handed_out(desk: Desk, user: User, format_: Format, wanted: Wanted, selection: Selection) -> tuple[Handing, bytes]:
    """A file, told and written down.  Raises WrongUse.

    Whoever names somebody is told of them, also if nothing is handed out: why it cannot be says something, too.
    """
    if user.judges and (selection.status or selection.since):
        raise WrongUse(NOT_BY_FATE)
    with desk.stores.db.begin() as db:
        tellings.tell_of(db, user, exchange.named(db, selection.numbers))
    made = exchange.handing(desk.settings, wanted)
    with desk.stores.db.begin() as db:
        found = exchange.gather(db, selection)
        content = write(format_, made, found)
        tellings.tell_of(db, user, [one.id for one in found])
        custody.append_all(db, user.name, [exchange.handed(made, format_, selection, found, content)])
    return made, content


def whole_file(request: Request) -> Response:
    """Everything on one person; whoever fetches it is not asked about that person any more."""
    desk, user = desk_of(request), user_of(request)
    number, reason = request.path_params["number"], visit_of(request).form.get("reason", "")
    order = Order(number, reason, desk.settings.office, spoken().code)
    try:
        with desk.stores.db.begin() as db:
            made = whole_files.make(db, desk.stores.objects, order, COVERS, gettext)
            if made is None:
                raise HTTPException(404)
            tellings.tell_of(db, user, [made.person])
            custody.append_all(db, user.name, [made.entry])
    except WrongUse as fault:
        return desk.problem(request, 422, why=told(fault))
    headers = {"Content-Disposition": f'attachment; filename="whole-file-{made.id}.zip"', "Cache-Control": "no-store"}
    return Response(made.content, 200, headers, "application/zip")


def _selection(form: Mapping[str, str]) -> Selection:
    """Raises WrongUse and HTTPException."""
    written = form.get("numbers", "")
    if len(written) > LONGEST_NUMBERS:
        raise WrongUse(words("This is too long: {most} characters are the most.", most=LONGEST_NUMBERS))
    numbers = tuple(line.strip() for line in written.splitlines() if line.strip())
    status = form.get("status", "")
    if status and status not in set(STATUSES):
        raise HTTPException(400)
    return Selection(numbers, PersonStatus(status) if status else None, day(form.get("since", "")), "everybody" in form)


def _format(written: str) -> Format:
    if written not in set(Format):
        raise HTTPException(400)
    return Format(written)


def _drawn(request: Request, form: Mapping[str, str], status: int = 200, wrong: str = "") -> Response:
    choices = {"formats": list(Format), "statuses": STATUSES, "longest": {**LONGEST, "numbers": LONGEST_NUMBERS}}
    return desk_of(request).draw(
        request, "exchange.html", status, form=form, wrong=wrong, judges=user_of(request).judges, **choices
    )
