"""`lastseen register`: what its keeper looks at and decides, beside the import."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from lastseen import days
from lastseen.clock import iso, utcnow
from lastseen.errors import WrongUse
from lastseen.fates import Contradiction, Side
from lastseen.records import (
    SAID_OF,
    SEARCHED,
    FindingKind,
    FindingState,
    PersonStatus,
    Says,
    StatementSource,
    TieKind,
)
from lastseen.settings import settings
from pipeline import console
from pipeline.acting import As, Reason, actor, deciding, said
from pipeline.app import open_app
from pipeline.console import AsJson, Voice, plain
from pipeline.register import keeping
from storage import contradictions, findings, people, register, statements, tellings, ties
from storage.custody import Action, Entry
from storage.database import Connection
from storage.findings import Listed
from storage.register import PersonHeld
from storage.statements import Said, Statement
from storage.statuses import Kept
from storage.stores import open_stores
from storage.ties import Tie

SAID = {
    FindingKind.APART: "far from all others of its entry",
    FindingKind.TWICE: "one face under two entries",
    FindingKind.ALIKE: "alike, perhaps relatives",
}

Choice = TypeVar("Choice", bound=StrEnum)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The entry's register number.")]
Dated = Annotated[
    date | None,
    typer.Option("--dated", parser=days.past_day, metavar="DAY", help="Of the document; unless given: today."),
]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The other entry's register number.")]


def add_to(app: typer.Typer) -> None:
    """Give `lastseen register` these commands."""
    looked, decided = (show, findings_, refused, contradictions_), (explain, tie, untie, remove_photo, close)
    for command in (*looked, *decided, state, take_back):
        app.command(command.__name__.rstrip("_").replace("_", "-"))(command)


# --- looking -----------------------------------------------------------------------------------------------


def show(number: Number, account: As = "", as_json: AsJson = False) -> None:
    """One entry: its photos with badge and state, its ties, what is odd about its photos, and what was said."""
    with deciding(account) as looking:
        db = looking.db
        entry = register.held(db, number)
        tied, found = ties.listed(db, number), findings.listed(db, closed=True, person=number)
        said_of, against = statements.of_person(db, entry.id), contradictions.of_person(db, entry.id)
        tellings.tell_of_named(db, looking.actor, [entry.id])
        looking.log([Entry(Action.VIEWED, f"person:{entry.id}")])
    voice = Voice(as_json)
    rows = [(one.id, one.file_name, one.badge or "", one.state, one.why) for one in entry.photos]
    voice.show(console.table(f"{len(rows)} photos", ("id", "file", "badge", "state", "why"), rows))
    if tied:
        voice.show(console.table("ties", ("one", "other", "kind"), [(one.one, one.other, one.kind) for one in tied]))
    if found:
        _show(voice, found)
    if said_of:
        voice.show(
            console.table("statements", ("id", "says", "body", "dated", "sets", "withdrawn"), map(_line, said_of))
        )
    if against:
        _show_against(voice, [(number, one) for one in against])
    told = {"contradictions": [_against(number, one) for one in against]}
    voice.result(_entry(entry, tied, found, said_of) | told, [f"entry {plain(number)} is {entry.status}"])


def _line(one: Statement) -> tuple[object, ...]:
    return one.id, one.says, one.body, one.dated, one.status or "", one.why_withdrawn


def _entry(entry: PersonHeld, tied: list[Tie], found: list[Listed], said_of: Sequence[Statement]) -> dict[str, object]:
    return {
        "person": entry.register_number,
        "status": entry.status,
        "photos": [asdict(photo) for photo in entry.photos],
        "ties": [{"one": one.one, "other": one.other, "kind": one.kind} for one in tied],
        "findings": [as_dict(one) for one in found],
        "statements": [_as_told(one) for one in said_of],
    }


def _as_told(one: Statement) -> dict[str, object]:
    days = {"dated": one.dated.isoformat(), "since": one.since.isoformat() if one.since else None}
    moments = {"entered_at": iso(one.entered_at), "withdrawn_at": iso(one.withdrawn_at) if one.withdrawn_at else None}
    return {**asdict(one), **days, **moments}


def contradictions_(account: As = "", as_json: AsJson = False) -> None:
    """What was said, and possible sightings, that contradict each other: of everybody.  None of it is decided here."""
    with deciding(account) as looking:
        found = contradictions.every(looking.db)
        names = people.numbers(looking.db, [one.entries[0] for one in found])
        tellings.tell_of_named(looking.db, looking.actor, [entry for one in found for entry in one.entries])
        looking.log([Entry(Action.VIEWED, "contradictions", {"people": len(found)})])
    rows = [(names[one.entries[0]], each) for one in found for each in one.found]
    voice = Voice(as_json)
    _show_against(voice, rows)
    voice.result({"people": len(found), "contradictions": [_against(number, one) for number, one in rows]})


def _show_against(voice: Voice, rows: Sequence[tuple[str, Contradiction]]) -> None:
    cells = [(number, one.kind, _side(one.one), _side(one.other)) for number, one in rows]
    voice.show(console.table(f"{len(cells)} contradictions", ("person", "what", "one", "other"), cells))


def _side(of: Side) -> str:
    what = f"statement {of.statement}" if of.statement else f"possible sighting {of.candidate}"
    return f"{what}: {of.day} ({of.basis})"


def _against(number: str, one: Contradiction) -> dict[str, object]:
    sides = {"one": asdict(one.one), "other": asdict(one.other)}
    return {
        "person": number,
        "kind": one.kind,
        **{name: {**side, "day": side["day"].isoformat()} for name, side in sides.items()},
    }


def findings_(
    every: Annotated[bool, typer.Option("--all", help="Also warnings, and what is explained.")] = False,
    person: Annotated[str | None, typer.Option("--person", help="Only of this entry (its register number).")] = None,
    as_json: AsJson = False,
) -> None:
    """What is odd about photos of the register, and nobody has explained."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        if person is not None:
            ties.person(db, person)
        found = findings.listed(db, closed=every, person=person)
    voice = Voice(as_json)
    _show(voice, found)
    voice.result({"findings": [as_dict(one) for one in found]})


def _show(voice: Voice, found: list[Listed]) -> None:
    columns = ("id", "state", "photo", "what", "other photo", "distance", "reason")
    rows = [
        (
            one.id,
            one.state,
            f"{one.person}: {one.photo_name} ({one.photo})",
            SAID[one.kind],
            f"{one.other_person}: {one.other_photo_name} ({one.other_photo})",
            f"{one.distance:.3f}",
            one.reason or one.tie or "",
        )
        for one in found
    ]
    voice.show(console.table(f"{len(rows)} findings", columns, rows))


def as_dict(one: Listed) -> dict[str, object]:
    """A finding as scripts read it."""
    told = asdict(one)
    crops = ("photo_crop", "other_photo_crop")
    times = {name: told[name] and iso(told[name]) for name in ("found_at", "explained_at")}
    return {**{name: value for name, value in told.items() if name not in crops}, **times}


def refused(as_json: AsJson = False) -> None:
    """Photos of missing people that are not searched with, and why."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found, _ = register.refused(db)
    voice = Voice(as_json)
    rows = [(one.id, one.register_number, one.file_name, one.why) for one in found]
    voice.show(console.table(f"{len(rows)} refused", ("id", "person", "file", "why"), rows))
    voice.result({"refused": [asdict(one) for one in found]})


def summary(db: Connection) -> tuple[dict[str, Mapping[str, int]], Iterator[str]]:
    """What a check of photos has to say at its end: by badge and state, for scripts and for people."""
    badges, states = register.badges(db), findings.counts(db)
    return {"badges": badges, "findings": states}, _lines(badges, states)


def _lines(badges: Mapping[str, int], states: Mapping[str, int]) -> Iterator[str]:
    yield f"photos that are searched with: {', '.join(f'{count} {badge}' for badge, count in badges.items())}"
    if states[FindingState.OPEN]:
        yield (
            f"{states[FindingState.OPEN]} findings about photos are open: `lastseen register findings` lists them,"
            " `lastseen register explain`, `tie` or `remove-photo` ends them"
        )


# --- deciding ----------------------------------------------------------------------------------------------


def explain(
    finding: Annotated[int, typer.Argument(metavar="ID", help="Its id in `register findings`.")],
    reason: Reason,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Write down what a finding is; it is open no more, unless photos come that are nearer still."""
    why = said(reason)
    with deciding(account) as decision:
        decision.log(findings.explain(decision.db, finding, why, decision.actor))
    Voice(as_json).result({"explained": finding}, [f"finding {finding} is explained"])


def tie(
    number: Number,
    other: Other,
    reason: Reason,
    kin: Annotated[bool, typer.Option("--kin", help="They are relatives.")] = False,
    same: Annotated[bool, typer.Option("--same", help="They are one person, entered twice.")] = False,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Declare two entries to be relatives, or one person who was entered twice."""
    kind = _one_of({TieKind.KIN: kin, TieKind.SAME: same})
    why, most = said(reason), settings().people_per_track
    with deciding(account) as decision:
        entries = ties.declare(decision.db, (number, other), kind, decision.actor, most, why)
        decision.log(entries)
    line = f"{plain(number)} and {plain(other)} are declared as {kind}"
    Voice(as_json).result({"tied": len(entries), "kind": kind}, [line if entries else f"{line} already"])


def untie(number: Number, other: Other, reason: Reason, account: As = "", as_json: AsJson = False) -> None:
    """Take the tie of two entries back.  A file that still states it declares it again when it is imported."""
    why, most = said(reason), settings().people_per_track
    with deciding(account) as decision:
        decision.log(ties.untie(decision.db, (number, other), why, most))
    Voice(as_json).result({"untied": 1}, [f"{plain(number)} and {plain(other)} have no tie any more"])


def remove_photo(
    number: Number,
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="Its id or file name in `register show`.")],
    reason: Reason,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Take a photo away: template, file and crop go at once, and the candidates that it had found are withdrawn."""
    why = said(reason)
    with open_app(settings()) as opened:
        done = keeping.remove_photo(opened, number, photo, why, actor(opened.stores, account))
    left = f"entry {plain(number)} is searched for with {len(done.others)} others"
    lines = [f"the photo is removed; importing it again needs --again; {left}"]
    if done.others:
        lines.append("these are compared anew by the next `lastseen match`: what they find comes back")
    Voice(as_json).result({"removed": 1, "left": len(done.others)}, lines)


def close(
    number: Number,
    reason: Reason,
    found: Annotated[bool, typer.Option("--found", help="The person was found.")] = False,
    returned: Annotated[bool, typer.Option("--returned", help="The person came home.")] = False,
    deceased: Annotated[bool, typer.Option("--deceased", help="A body was identified by DNA.")] = False,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="The office searches no more.")] = False,
    body: Annotated[str, typer.Option("--body", help="Who says so; unless given: this office.")] = "",
    reference: Annotated[str, typer.Option("--reference", help="Where it stands; unless given: the reason.")] = "",
    dated: Dated = None,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Search no more for somebody: open candidates close, templates go.  It is kept as a decision's statement.

    `lastseen register state NUMBER --says missing --sets` searches again.
    """
    choices = {PersonStatus.FOUND: found, PersonStatus.RETURNED: returned}
    status = _one_of({**choices, PersonStatus.DECEASED: deceased, PersonStatus.WITHDRAWN: withdrawn})
    why = said(reason)
    with open_app(settings()) as opened:
        who, body = actor(opened.stores, account), body or opened.settings.office or register.BODY
        decision = StatementSource.DECISION
        statement = Said(SAID_OF[status], body, decision, reference or why, dated or utcnow().date(), sets=True)
        kept = keeping.close(opened, number, statement, why, who)
    told, lines = _ended(kept)
    found_ = {"status": status, "came_up": len(kept.came_up)}
    Voice(as_json).result(found_ | told, [f"entry {plain(number)} is {status}", *lines])


def state(
    number: Number,
    says: Annotated[Says, typer.Option("--says", help="What is said of the person.")],
    body: Annotated[str, typer.Option("--body", help="Who says so: an office, a side, a relative.")],
    reference: Annotated[str, typer.Option("--reference", help="Where it stands: title and number, an address.")],
    source: Annotated[StatementSource, typer.Option("--source", help="What it stands in.")] = StatementSource.DOCUMENT,
    dated: Dated = None,
    since: Annotated[
        date | None,
        typer.Option("--since", parser=days.past_day, metavar="DAY", help="The day that it speaks of."),
    ] = None,
    sets: Annotated[bool, typer.Option("--sets", help="The office takes it for what is: the status changes.")] = False,
    note: Annotated[str, typer.Option("--note", help="What else there is to know.")] = "",
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Write down what somebody says of a person's fate.  Without --sets it is a claim, and changes nothing."""
    statement = Said(says, body, source, reference, dated or utcnow().date(), since, sets=sets, note=note)
    with open_app(settings()) as opened:
        made, kept = keeping.state(opened, number, statement, actor(opened.stores, account))
    _told(as_json, kept, made, f"statement {made} is kept")


def take_back(
    statement: Annotated[int, typer.Argument(metavar="STATEMENT", help="Its id in `register show`.")],
    reason: Reason,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Withdraw a statement that was entered by mistake: it stays, struck through, and what stood before counts."""
    why = said(reason)
    with open_app(settings()) as opened:
        kept = keeping.take_back(opened, statement, why, actor(opened.stores, account))
    _told(as_json, kept, statement, f"statement {statement} counts for nothing any more")


def _told(as_json: bool, kept: Kept, statement: int, line: str) -> None:
    found: dict[str, object] = {
        "statement": statement,
        "changed": kept.changed,
        "status": kept.status,
        "came_up": len(kept.came_up),
    }
    lines = [line, f"the person is {kept.status} now"] if kept.changed else [line]
    if kept.changed and kept.status in SEARCHED:
        lines.append("photos that are still here are searched with again by the next `lastseen run`")
    told, more = _ended(kept)
    Voice(as_json).result(found | told, [*lines, *more])


def _ended(kept: Kept) -> tuple[dict[str, object], list[str]]:
    """What ended with a search, and by what it goes on: for scripts and for people; nothing where none ended."""
    found: dict[str, object] = {}
    lines: list[str] = []
    if kept.ended:
        found |= {"candidates_closed": kept.ended.candidates, "templates_gone": kept.ended.templates}
        lines.append(
            f"nobody searches for them any more: open candidates closed: {kept.ended.candidates}, "
            f"templates that went: {kept.ended.templates}"
        )
    if kept.searched_for_too:
        found["searched_for_too"] = kept.searched_for_too
        lines.append(keeping.of_others(kept.searched_for_too))
    return found, lines


def _one_of(choices: Mapping[Choice, bool]) -> Choice:
    """The one option that was given.  Raises WrongUse."""
    given = [choice for choice, wanted in choices.items() if wanted]
    if len(given) != 1:
        raise WrongUse(f"say one of {', '.join(f'--{choice}' for choice in choices)}")
    return given[0]
