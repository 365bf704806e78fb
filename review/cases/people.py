"""People of the register: the list, and one person's page with status, statements, contradictions and timeline.

What was said of somebody is shown to whoever follows cases or keeps the register.  Who reviews, too, sees it only when
they ask for it: from then on they are not asked about a face of that person any more.  It does not show whether they
would have been.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.clock import is_to_come, utcnow
from lastseen.errors import WrongUse
from lastseen.fates import Contradiction
from lastseen.records import SEARCHED, SETS, PersonStatus, Says, StatementSource
from lastseen.words import words
from review.desk import desk_of
from review.doors import number_in, user_of, visit_of
from review.forms import day
from review.language import gettext as _
from review.language import said as told
from review.roles import KEEPERS, OFFICERS, REVIEWERS
from storage import contradictions, custody, decided, people, statements, statuses, tellings
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.decided import Person
from storage.people import Around, ListLine, Show
from storage.statements import Said, Statement
from storage.statuses import Stake

STATERS: Final = OFFICERS | KEEPERS
"""who may read and write down what was said of somebody"""
LONGEST: Final[Mapping[str, int]] = {"body": 200, "reference": 500, "note": 2000}
"""characters"""
LONGEST_REASON: Final = 2000
LONGEST_WORDS: Final = 100
SOURCES: Final = tuple(source for source in StatementSource if source is not StatementSource.LIST)
"""what stands in a list is written down by deciding on its lines"""

NO_FILTERS: Final = words(
    "You may be asked about faces, so this list does not tell what was said of whom, nor can it be filtered by that."
)

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on a timeline."""

    day: date | None
    """None: nobody knows"""
    kind: str
    """`sighting` (also an undecided one), `post`, `statement`, `letter`, `line`"""
    thing: object


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that is shown of one person."""

    person: Person
    whole: bool
    """also what was said, not only where they were perhaps seen"""
    statements: Mapping[int, Statement]
    """row id -> all of all entries that are this person"""
    numbers: Mapping[int, str]
    """row id of each of these entries -> register number"""
    by: Statement | None
    """which set the status; None: the register did, before there was any"""
    contradictions: Sequence[Contradiction]
    timeline: Sequence[Item]
    lines: Mapping[int, ListLine] = field(default_factory=dict)
    """row id of each line of a list that somebody confirmed -> the line"""

    @property
    def sighted(self) -> bool:
        """A possible sighting of somebody who is searched for stands."""
        return self.person.status in SEARCHED and bool(self.person.counts.get("sighting"))

    @property
    def searched(self) -> bool:
        """Whether the office searches for the person."""
        return self.person.status in SEARCHED


def listed(request: Request) -> Response:
    """People of the register, the newest entry first; filtered only for those whom nobody asks about faces."""
    desk, user, asked = desk_of(request), user_of(request), request.query_params
    filters = not user.judges
    show = _one_of(Show, asked.get("show") or Show.ALL)
    status = _one_of(PersonStatus, asked["status"]) if asked.get("status") else None
    if not filters and (status is not None or show is not Show.ALL):
        return desk.problem(request, 403, _("Not for who reviews"), told(NO_FILTERS))
    sought = asked.get("words", "").strip()[:LONGEST_WORDS]
    if "\0" in sought:
        raise HTTPException(400)
    with desk.stores.db.begin() as db:
        found = people.listed(db, show, status, sought, number_in(request, "before"))
        counts = people.counts(db) if filters else {}
        rows, more = found[: people.MOST], len(found) > people.MOST
        detail = {"people": [row.id for row in rows], "show": show, "status": status or ""}
        custody.append(db, user.name, Action.VIEWED, "people", detail)
    chosen = {"show": show, "chosen_status": status, "words": sought, "no_filters": told(NO_FILTERS)}
    return desk.draw(
        request, "people.html", 200, rows=rows, more=more, counts=counts, filters=filters, shows=list(Show), **chosen
    )


def person(request: Request) -> Response:
    """One person: status, what was said, what contradicts what, and everything in the order of time."""
    with desk_of(request).stores.db.begin() as db:
        dossier = of(db, user_of(request), request.path_params["number"], asked="whole" in request.query_params)
        custody.append(db, user_of(request).name, Action.VIEWED, f"person:{dossier.person.id}")
    return _drawn(request, dossier)


def state(request: Request) -> Response:
    """Write down what somebody says.  One that changes the status asks first, and says what that sets going."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    number = request.path_params["number"]
    try:
        said = _said(user, form)
        with desk.stores.db.begin() as db:
            if said.sets and "confirmed" not in form:
                return _confirm(db, request, said)
            _made, _kept, entries = statements.enter(db, number, said, user, desk.settings.people_per_track)
            of(db, user, number, asked=True)  # whoever writes something down knows it
            custody.append_all(db, user.name, entries)
    except WrongUse as fault:
        return _again(request, number, told(fault))
    return RedirectResponse(_address(number), 303)


def withdraw(request: Request) -> Response:
    """Have a statement count for nothing any more.  If it set the status, that asks first."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    reason = form.get("reason", "").strip()[:LONGEST_REASON]
    with desk.stores.db.begin() as db:
        held = statements.find(db, request.path_params["id"])
        if held is None or not held.stands:
            raise HTTPException(404 if held is None else 409)
        number = people.numbers(db, [held.person])[held.person]
    try:
        with desk.stores.db.begin() as db:
            if held.status is not None and reason and "confirmed" not in form:
                return _confirm_withdrawal(db, request, held, number, reason)
            check_withdrawal(user, held)
            _kept, entries = statements.withdraw(db, held, reason, user, desk.settings.people_per_track)
            of(db, user, number, asked=True)
            custody.append_all(db, user.name, entries)
    except WrongUse as fault:
        return _again(request, number, told(fault))
    return RedirectResponse(_address(number), 303)


def of(db: Connection, user: User, number: str, *, asked: bool) -> Dossier:
    """What this person may see of an entry; whom it shows something, is told.  Raises HTTPException.

    `asked`: they want all of it, and are then not asked about this person any more.  Call it before the custody log is
    written to.
    """
    found = decided.person(db, number)
    if found is None:
        raise HTTPException(404)
    if not may_see_all(user, asked=asked):
        tellings.tell(db, user, [one.id for one in found.moments])
        return Dossier(found, False, {}, {found.id: number}, None, (), _timeline(found, (), None))
    entries = contradictions.entries_of(db, found.id)
    tellings.tell_of(db, user, entries)
    every = statements.of_people(db, entries)
    sets = [one for one in every if one.person == found.id and one.stands and one.status is not None]
    around = people.around(db, found.id)
    return Dossier(
        found,
        True,
        {one.id: one for one in every},
        people.numbers(db, entries),
        sets[-1] if sets else None,
        contradictions.of_person(db, found.id),
        _timeline(found, every, around),
        {one.entry: one for one in around.lines if one.same},
    )


def may_see_all(user: User, *, asked: bool) -> bool:
    """Whether somebody is shown what was said: at once, or, who reviews, too, only when they ask for it."""
    return bool(STATERS & set(user.roles)) and (asked or not user.judges)


def _timeline(found: Person, every: Sequence[Statement], around: Around | None) -> list[Item]:
    """A line of a list that was confirmed stands there as the statement that came of it, and not once more."""
    stated = {one.list_entry for one in every}
    items = [Item(_day(one.published_at or one.first_seen_at), "sighting", one) for one in found.moments]
    items += [Item(one.since or one.dated, "statement", one) for one in every]
    if around is not None:
        items += [Item(_day(one.published_at or one.first_seen_at), "post", one) for one in around.posts]
        items += [Item(one.dated or _day(one.made_at), "letter", one) for one in around.letters]
        items += [
            Item(one.since or one.dated, "line", one) for one in around.lines if not (one.same and one.entry in stated)
        ]
    return sorted(items, key=lambda item: (item.day is None, item.day or date.min))


def _day(moment: datetime | None) -> date | None:
    return moment.astimezone(UTC).date() if moment else None


# --- forms -------------------------------------------------------------------------------------------------


def _said(user: User, form: Mapping[str, str]) -> Said:
    """What the form says.  Raises WrongUse."""
    texts = {name: form.get(name, "").strip()[:longest] for name, longest in LONGEST.items()}
    says, source = _one_of(Says, form.get("says", "")), _one_of(StatementSource, form.get("source", ""))
    dated, since, sets = day(form.get("dated", "")), day(form.get("since", "")), "sets" in form
    if dated is None:
        raise WrongUse(words("Say of which day the document is."))
    made = Said(says, texts["body"], source, texts["reference"], dated, since, sets=sets, note=texts["note"])
    check(user, made)
    return made


def check(user: User, said: Said) -> None:
    """Whether somebody may write this down.  Raises WrongUse."""
    if is_to_come(max(said.dated, said.since or said.dated)):
        raise WrongUse(words("That day is still to come."))
    if said.sets and said.says not in SETS:
        raise WrongUse(words("That is a claim, which sets no status: write it down as one."))
    if not said.sets and not OFFICERS & set(user.roles):
        raise WrongUse(words("Claims are written down by case officers and seniors: say that it sets the status."))


def check_withdrawal(user: User, held: Statement) -> None:
    """Whether somebody may have this count for nothing.  Raises WrongUse."""
    if held.status is None and not OFFICERS & set(user.roles):
        raise WrongUse(words("Claims are withdrawn by case officers and seniors."))


def _confirm(db: Connection, request: Request, said: Said) -> Response:
    """What a new status would set going, with the form once more."""
    dossier = of(db, user_of(request), request.path_params["number"], asked=True)
    custody.append(db, user_of(request).name, Action.VIEWED, f"person:{dossier.person.id}")
    number = dossier.person.register_number
    fields = {name: str(getattr(said, name) or "") for name in ("says", "source", "dated", "since", *LONGEST)}
    to = f"/people/{quote(number, safe='')}/statements"
    return _asked(db, request, dossier.person, SETS[said.says], to, {**fields, "sets": "on"})


def _confirm_withdrawal(db: Connection, request: Request, held: Statement, number: str, reason: str) -> Response:
    """What would follow if a statement that set the status did not count."""
    dossier = of(db, user_of(request), number, asked=True)
    custody.append(db, user_of(request).name, Action.VIEWED, f"person:{dossier.person.id}")
    then = statuses.without(db, held.person, held.id)
    return _asked(db, request, dossier.person, then, f"/statements/{held.id}/withdraw", {"reason": reason})


def _asked(
    db: Connection, request: Request, found: Person, then: PersonStatus, to: str, fields: Mapping[str, str]
) -> Response:
    stake: Stake = statuses.at_stake(db, found.id)
    before = PersonStatus(found.status)
    was, will = before in SEARCHED, then in SEARCHED
    shown = {"then": then, "stake": stake, "to": to, "fields": fields, "back": _address(found)}
    return desk_of(request).draw(
        request, "statement.html", 200, person=found, closes=was and not will, opens=will and not was, **shown
    )


def _again(request: Request, number: str, wrong: str) -> Response:
    """The page once more, with what was written and what is wrong with it."""
    with desk_of(request).stores.db.begin() as db:
        dossier = of(db, user_of(request), number, asked=True)
        custody.append(db, user_of(request).name, Action.VIEWED, f"person:{dossier.person.id}")
    return _drawn(request, dossier, 422, wrong)


def _drawn(request: Request, dossier: Dossier, status: int = 200, wrong: str = "") -> Response:
    roles = set(user_of(request).roles)
    may = {"may_state": bool(STATERS & roles), "may_claim": bool(OFFICERS & roles), "judges": bool(REVIEWERS & roles)}
    longest = {**LONGEST, "reason": LONGEST_REASON}
    choices = {"every_says": list(Says), "sources": SOURCES, "sets": SETS, "longest": longest}
    written = visit_of(request).form if wrong else {}
    drawn = {"dossier": dossier, "person": dossier.person, "wrong": wrong, "form": written, "today": utcnow().date()}
    return desk_of(request).draw(request, "person.html", status, **drawn, **may, **choices)


def _address(of_: Person | str) -> str:
    number = of_ if isinstance(of_, str) else of_.register_number
    return f"/people/{quote(number, safe='')}?whole=1"


def _one_of(kind: type[Choice], written: str) -> Choice:
    """Raises HTTPException: no form of ours says so."""
    try:
        return kind(written)
    except ValueError:
        raise HTTPException(400) from None
