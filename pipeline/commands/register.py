"""`lastseen register`: what its keeper looks at and decides, beside the import."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.records import FindingKind, FindingState, PersonStatus, TieKind
from lastseen.settings import settings
from pipeline import console
from pipeline.acting import As, Reason, actor, deciding, said
from pipeline.app import open_app
from pipeline.console import AsJson, Voice, plain
from pipeline.register import keeping
from storage import findings, register, ties
from storage.database import Connection
from storage.findings import Listed
from storage.register import PersonHeld
from storage.stores import open_stores
from storage.ties import Tie

SAID = {
    FindingKind.APART: "far from all others of its entry",
    FindingKind.TWICE: "one face under two entries",
    FindingKind.ALIKE: "alike, perhaps relatives",
}

Choice = TypeVar("Choice", bound=StrEnum)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The entry's register number.")]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The other entry's register number.")]


def add_to(app: typer.Typer) -> None:
    """Give `lastseen register` these commands."""
    for command in (show, findings_, refused, explain, tie, untie, remove_photo, close):
        app.command(command.__name__.rstrip("_").replace("_", "-"))(command)


# --- looking -----------------------------------------------------------------------------------------------


def show(number: Number, as_json: AsJson = False) -> None:
    """One entry: its photos with badge and state, its ties, and what is odd about its photos."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        entry = register.held(db, number)
        tied, found = ties.listed(db, number), findings.listed(db, closed=True, person=number)
    voice = Voice(as_json)
    rows = [(one.id, one.file_name, one.badge or "", one.state, one.why) for one in entry.photos]
    voice.show(console.table(f"{len(rows)} photos", ("id", "file", "badge", "state", "why"), rows))
    if tied:
        voice.show(console.table("ties", ("one", "other", "kind"), [(one.one, one.other, one.kind) for one in tied]))
    if found:
        _show(voice, found)
    voice.result(_entry(entry, tied, found), [f"entry {plain(number)} is {entry.status}"])


def _entry(entry: PersonHeld, tied: list[Tie], found: list[Listed]) -> dict[str, object]:
    return {
        "person": entry.register_number,
        "status": entry.status,
        "photos": [asdict(photo) for photo in entry.photos],
        "ties": [{"one": one.one, "other": one.other, "kind": one.kind} for one in tied],
        "findings": [as_dict(one) for one in found],
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
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="The office searches no more.")] = False,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Search no more for somebody: open candidates close, templates go.  An import that says missing opens it again."""
    status = _one_of({PersonStatus.FOUND: found, PersonStatus.WITHDRAWN: withdrawn})
    why = said(reason)
    with open_app(settings()) as opened:
        came_up = keeping.close(opened, number, status, why, actor(opened.stores, account))
    Voice(as_json).result({"status": status, "came_up": came_up}, [f"entry {plain(number)} is {status}"])


def _one_of(choices: Mapping[Choice, bool]) -> Choice:
    """The one option that was given.  Raises WrongUse."""
    given = [choice for choice, wanted in choices.items() if wanted]
    if len(given) != 1:
        raise WrongUse(f"say one of {', '.join(f'--{choice}' for choice in choices)}")
    return given[0]
