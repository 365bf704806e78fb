"""People of the register, for programs: the list, one person, and what is said of somebody."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from pydantic import Field
from starlette.exceptions import HTTPException

from lastseen.errors import WrongUse
from lastseen.fates import Basis, Conflict
from lastseen.records import SEARCHED, SETS, PersonStatus, Says, StatementSource
from review.api.cases import MomentTold
from review.api.door import Call, Given, Id, Told, Word
from review.cases import people as pages
from review.cases.people import Dossier
from storage import custody, statements, statuses
from storage import people as kept
from storage.custody import Action
from storage.database import Connection
from storage.people import Show
from storage.statements import Said, Statement
from storage.statuses import Stake

NOT_EMPTY = Field(min_length=1)
NO_NUL = r"^[^\x00]*$"
CONFIRMED = "you know what ends by it: without this, what changes a status is refused (409), and the answer says that"


# --- what is sent ------------------------------------------------------------------------------------------


class Whole(Given):
    """How much of a person is asked for."""

    whole: bool = Field(False, description="also what was said: who reviews is not asked about this person any more")


class WhichPeople(Given):
    """Which people are listed, and from where on."""

    show: Show = Show.ALL
    status: PersonStatus | None = None
    words: Annotated[Word, Field(max_length=pages.LONGEST_WORDS)] = Field("", description="of a number or a name")
    before: Id | None = Field(None, description="`before` of the page before")


class StatementGiven(Given):
    """What is said of somebody, by whom, and where it stands."""

    says: Says = Field(strict=False)
    body: Annotated[str, NOT_EMPTY, Field(max_length=pages.LONGEST["body"], pattern=NO_NUL)]
    source: StatementSource = Field(StatementSource.DOCUMENT, strict=False, description="not `list`")
    reference: Annotated[str, NOT_EMPTY, Field(max_length=pages.LONGEST["reference"], pattern=NO_NUL)]
    dated: date = Field(strict=False, description="of the document")
    since: date | None = Field(None, strict=False, description="the day that it speaks of")
    sets: bool = Field(False, description="the office takes it for what is: the status follows at once")
    confirmed: bool = Field(False, description=CONFIRMED)
    note: Annotated[str, Field(max_length=pages.LONGEST["note"], pattern=NO_NUL)] = ""


class Why(Given):
    """A reason."""

    reason: Annotated[str, NOT_EMPTY, Field(max_length=pages.LONGEST_REASON, pattern=NO_NUL)]
    confirmed: bool = Field(False, description=CONFIRMED)


# --- what is told ------------------------------------------------------------------------------------------


class StatementTold(Told):
    """Something that was said."""

    id: int
    says: Says
    body: str
    source: StatementSource
    reference: str
    dated: date
    since: date | None
    status: PersonStatus | None = Field(description="what it made of the person; null: it is a claim")
    note: str
    entered_by: str
    entered_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    why_withdrawn: str


class SideTold(Told):
    """One of two that contradict each other."""

    day: date
    basis: Basis
    statement: int = Field(description="0: it is a possible sighting")
    candidate: int = Field(description="0: it is a statement")


class ContradictionTold(Told):
    """Two things that have to be held against each other."""

    kind: Conflict
    one: SideTold
    other: SideTold


class PersonTold(Told):
    """One entry of the register, with where they were perhaps seen, by time."""

    register_number: str
    names: tuple[str, ...]
    birth_year: int | None
    status: PersonStatus | None = Field(
        description="null: whoever asks may be asked about faces, and did not ask for it"
    )
    searched: bool
    sighted: bool = Field(description="a possible sighting of somebody who is searched for stands")
    region: str
    same: tuple[str, ...]
    moments: tuple[MomentTold, ...]
    statements: tuple[StatementTold, ...] | None = Field(description="withdrawn ones, too; null as `status`")
    contradictions: tuple[ContradictionTold, ...] | None = Field(description="null as `status`")


class LineTold(Told):
    """One person of the list."""

    register_number: str
    names: tuple[str, ...]
    birth_year: int | None
    region: str
    status: PersonStatus | None = Field(description="null, as what follows: whoever asks may be asked about faces")
    sighted: bool | None
    statements: int | None
    contradictions: int | None


class People(Told):
    """A page of people, the newest entry first."""

    rows: tuple[LineTold, ...]
    before: int | None = Field(description="where the next page goes on; null: this is the last")


class StatusTold(Told):
    """What writing something down, or withdrawing it, did."""

    statement: int
    changed: bool
    status: PersonStatus | None = Field(description="null: it was a claim")
    came_up: int = Field(description="candidates of other people that are queued by it")


# --- what is done ------------------------------------------------------------------------------------------


def listed(call: Call, asked: WhichPeople) -> People:
    """People of the register, the newest entry first.

    Whoever reviews is told of nobody's fate here, and may filter by words alone.
    """
    filters = not call.user.judges
    if not filters and (asked.status is not None or asked.show is not Show.ALL):
        raise WrongUse(pages.NO_FILTERS)
    with call.desk.stores.db.begin() as db:
        found = kept.listed(db, asked.show, asked.status, asked.words, asked.before)
        rows = found[: kept.MOST]
        custody.append(db, call.user.name, Action.VIEWED, "people", {"people": [row.id for row in rows]})
    before = rows[-1].id if len(found) > kept.MOST else None
    return People(rows=tuple(_line(row, filters) for row in rows), before=before)


def person(call: Call, asked: Whole) -> PersonTold:
    """One person of the register: where they were perhaps seen, in the order of time, and what was said of them."""
    with call.desk.stores.db.begin() as db:
        dossier = pages.of(db, call.user, call.word("number"), asked=asked.whole)
        custody.append(db, call.user.name, Action.VIEWED, f"person:{dossier.person.id}")
    return _person(dossier)


def state(call: Call, given: StatementGiven) -> StatusTold:
    """Write down what somebody says.  One that sets a status asks first, as the page does: see `confirmed`."""
    days, note = (given.dated, given.since), given.note
    said = Said(given.says, given.body, given.source, given.reference, *days, sets=given.sets, note=note)
    pages.check(call.user, said)
    if said.sets and not given.confirmed:
        raise _unconfirmed(call, call.word("number"), SETS[said.says])
    with call.desk.stores.db.begin() as db:
        _require(db, call)
        most = call.desk.settings.people_per_track
        made, done, entries = statements.enter(db, call.word("number"), said, call.user, most)
        pages.of(db, call.user, call.word("number"), asked=True)
        custody.append_all(db, call.user.name, entries)
    return StatusTold(statement=made, changed=done.changed, status=done.status, came_up=len(done.came_up))


def withdraw(call: Call, given: Why) -> StatusTold:
    """Have a statement count for nothing any more; what stood before it counts.  It asks first if it set the status."""
    with call.desk.stores.db.begin() as db:
        held = statements.find(db, call.id)
        if held is None:
            raise HTTPException(404)
        number, then = kept.numbers(db, [held.person])[held.person], statuses.without(db, held.person, held.id)
    if held.status is not None and held.stands and not given.confirmed:
        raise _unconfirmed(call, number, then)
    with call.desk.stores.db.begin() as db:
        pages.check_withdrawal(call.user, held)
        most = call.desk.settings.people_per_track
        done, entries = statements.withdraw(db, held, given.reason, call.user, most)
        pages.of(db, call.user, number, asked=True)
        custody.append_all(db, call.user.name, entries)
    return StatusTold(statement=held.id, changed=done.changed, status=done.status, came_up=len(done.came_up))


def _unconfirmed(call: Call, number: str, then: PersonStatus) -> WrongUse:
    """What a new status would set going, which whoever asked for it knows from then on."""
    with call.desk.stores.db.begin() as db:
        found = pages.of(db, call.user, number, asked=True).person
        stake, too = statuses.at_stake(db, found.id), statuses.searched_for_too(db, [found.id]).get(found.id, ())
        custody.append(db, call.user.name, Action.VIEWED, f"person:{found.id}")
    return WrongUse(
        f'{_sets_going(PersonStatus(found.status), then, stake, too)}: send it again with "confirmed": true'
    )


def _sets_going(before: PersonStatus, then: PersonStatus, stake: Stake, too: Sequence[str]) -> str:
    change = f"the status changes from {before} to {then}" if before is not then else f"the status stays {then}"
    if before in SEARCHED and then not in SEARCHED:
        on = f"; the same person is {', '.join(too)}, and still searched for by that" if too else ""
        return f"{change}; {stake.candidates} open candidates close, and {stake.templates} templates go{on}"
    if then in SEARCHED and before not in SEARCHED:
        return f"{change}; {stake.photos} photos are enrolled again, and searched for"
    return change


def _require(db: Connection, call: Call) -> None:
    try:
        statements.number_of(db, call.word("number"))
    except WrongUse:
        raise HTTPException(404) from None


def _line(row: kept.Line, whole: bool) -> LineTold:
    told = LineTold.model_validate(
        {name: getattr(row, name) for name in LineTold.model_fields} | {"names": tuple(row.names)}
    )
    hidden = dict.fromkeys(("status", "sighted", "statements", "contradictions"))
    return told if whole else told.model_copy(update=hidden)


def _person(dossier: Dossier) -> PersonTold:
    found = dossier.person
    said: list[Statement] = [one for one in dossier.statements.values() if one.person == found.id]
    return PersonTold(
        register_number=found.register_number,
        names=tuple(found.names),
        birth_year=found.birth_year,
        status=PersonStatus(found.status) if dossier.whole else None,
        searched=dossier.searched,
        sighted=dossier.sighted,
        region=found.region,
        same=tuple(found.same),
        moments=tuple(map(MomentTold.model_validate, found.moments)),
        statements=tuple(map(StatementTold.model_validate, said)) if dossier.whole else None,
        contradictions=tuple(map(ContradictionTold.model_validate, dossier.contradictions)) if dossier.whole else None,
    )
