"""The form by which anybody may send a link in which they recognised somebody, and the page that says how it stands.

There is no account, so everything here is bounded: how long each field is, how often one address and all together may
send (`storage.tip_limits`), and a field that people do not see and programs fill.  Nothing that is sent is fetched.
The code that opens a tip's state is in no address: it would stand in logs and histories.
"""

import logging

from starlette.requests import Request
from starlette.responses import Response

from lastseen import links
from lastseen.errors import WrongUse
from lastseen.words import noted
from review import language
from review.accounts.entrance import address_of
from review.desk import Desk, desk_of
from review.doors import visit_of
from review.language import gettext as _
from review.language import ngettext, said
from storage import custody, tip_limits, tips
from storage.sealing import NoKey
from storage.tip_limits import Limits, Met, Wait
from storage.tips import CameBy, Given

log = logging.getLogger("lastseen.tips")

ACTOR = "form for tips"
"""who received it, in the custody log: nobody is signed in, and who sent it is sealed"""
FIELDS = ("address", "moment", "whom", "how", "contact")
TRAP = "website"
"""a field that people do not see"""
FILLED = noted("A field that must stay empty was filled, perhaps by your browser. Please send it again.")
LONGEST_MOMENT = 20
LONGEST_CODE = 100


def page(request: Request) -> Response:
    """The empty form."""
    return _shut(request) or _drawn(request)


def send(request: Request) -> Response:
    """Keep what was sent, and show the code that opens its state."""
    if shut := _shut(request):
        return shut
    desk, sent = desk_of(request), visit_of(request).form
    if sent.get(TRAP):
        return _turned_away(
            request,
            Met.PROGRAM,
            _(FILLED),
        )
    try:
        given = _given(sent)
        tips.check(given)
        _check_consent(sent)
    except WrongUse as fault:
        return _turned_away(request, Met.FAULTY, said(fault))
    try:
        secrets = desk.secrets
    except NoKey:
        log.exception("no tip can be sealed on this machine")
        return _drawn(request, _("Please wait a little, then try again."), 503)
    with desk.stores.db.begin() as db:
        wait = tip_limits.take(db, secrets, address_of(request), limits(desk))
    if wait is not None:
        return _later(request, wait)
    with desk.stores.db.begin() as db:
        received = tips.receive(db, secrets, given, CameBy.FORM, ACTOR, desk.settings.allow_private_addresses)
        custody.append_all(db, ACTOR, [received.entry])
    # A form that is sent once more is another page: who switched languages there would lose the code.
    return desk.draw(request, "tip_sent.html", code=received.code, other_languages=[])


def state_form(request: Request) -> Response:
    """Asks for a code."""
    empty = desk_of(request).draw(request, "tip_state.html", found=None, wrong="", code="")
    return _shut(request) or empty


def state(request: Request) -> Response:
    """How far the office is with a tip, in few words; never whether anybody was found."""
    if shut := _shut(request):
        return shut
    desk = desk_of(request)
    code = visit_of(request).form.get("code", "")[:LONGEST_CODE]
    with desk.stores.db.begin() as db:
        found = tips.by_code(db, code)
    if found is None:
        wrong = _("There is no tip with this code. Please look whether it is written as you were given it.")
        return desk.draw(request, "tip_state.html", 422, found=None, wrong=wrong, code=code)
    return desk.draw(request, "tip_state.html", found=found, wrong="", code=code)


def limits(desk: Desk) -> Limits:
    """How many are taken, by the settings."""
    return Limits(desk.settings.tips_of_an_address, desk.settings.tips_a_day)


def _shut(request: Request) -> Response | None:
    """What is said where the office takes no tips by this page; None: it does."""
    desk = desk_of(request)
    if desk.settings.tips_open:
        return None
    return desk.problem(
        request, 403, _("No tips are taken here"), _("This office takes no links by this page. Call it.")
    )


def _given(sent: dict[str, str]) -> Given:
    """Raises WrongUse."""
    fields = {name: sent.get(name, "") for name in FIELDS}
    at = links.seconds(fields["moment"][:LONGEST_MOMENT])
    code = language.spoken().code
    return Given(fields["address"], at, fields["whom"], fields["how"], fields["contact"], code)


def _check_consent(sent: dict[str, str]) -> None:
    if sent.get("consent") != "yes":
        raise WrongUse(_("We may keep what you write only if you agree."))


def _turned_away(request: Request, met: Met, wrong: str) -> Response:
    with desk_of(request).stores.db.begin() as db:
        tip_limits.turned_away(db, met)
    return _drawn(request, wrong, 422)


def _later(request: Request, wait: Wait) -> Response:
    """With what was written, so that nobody has to write it again."""
    minutes = wait.seconds // 60 + 1
    if wait.met is Met.DAY:
        why = _("Today more came in than people can look at. Please send it again tomorrow, or call the office.")
    else:
        why = ngettext(
            "Much came in from your connection within an hour. Please send it again in %(minutes)d minute.",
            "Much came in from your connection within an hour. Please send it again in %(minutes)d minutes.",
            minutes,
        ) % {"minutes": minutes}
    answer = _drawn(request, why, 429)
    answer.headers["Retry-After"] = str(wait.seconds)
    return answer


def _drawn(request: Request, wrong: str = "", status: int = 200) -> Response:
    desk, sent = desk_of(request), visit_of(request).form
    written = {name: sent.get(name, "") for name in FIELDS}
    return desk.draw(
        request,
        "tip_form.html",
        status,
        wrong=wrong,
        written=written,
        trap=TRAP,
        longest=tips.LONGEST,
        office=desk.settings.office,
        days=desk.settings.tip_contact_days,
    )
