"""`lastseen tips`: what relatives sent, for offices that get it by telephone, by letter or in tables.

What a relative says of whom they recognise, and how to reach them, is shown by no command: the pages open it, for case
officers alone.
"""

import csv
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lastseen import links
from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.settings import Settings, settings
from pipeline import console
from pipeline.acting import As, Decision, Reason, deciding, said
from pipeline.console import AsJson, Voice, plain
from pipeline.tips import files, tables
from pipeline.tips.tables import Fault, Table
from storage import office_keys, tip_finds, tip_limits, tips
from storage.sealing import Secrets
from storage.stores import Stores, open_stores
from storage.tips import CameBy, Given, Received, State, Tip

app = typer.Typer(help="What relatives sent: a link in which they recognised somebody.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="TIP", help="Its id in `tips list`.")]


@app.command()
def add(
    link: Annotated[str, typer.Argument(help="The post or page in which somebody was recognised.")] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", exists=True, dir_okay=False, help="A film or picture that came without a link."),
    ] = None,
    whom: Annotated[str, typer.Option("--whom", help="Whom they recognise; asked for unless given.")] = "",
    contact: Annotated[str, typer.Option("--contact", help="How to reach them; asked for unless given.")] = "",
    how: Annotated[str, typer.Option("--how", help="How they know this person.")] = "",
    moment: Annotated[str, typer.Option("--moment", metavar="M:SS", help="The moment in the recording.")] = "",
    language: Annotated[str, typer.Option("--language", help="In which language they write.")] = "en",
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Keep one tip; nothing is fetched before it is taken up.  Its code is for whoever sent it."""
    current = settings()
    whom = whom or typer.prompt("Whom they recognise", err=True)
    contact = contact or typer.prompt("How to reach them", err=True)
    given = Given(link, links.seconds(moment), whom, how, contact, language)
    with open_stores(current) as stores:
        told, lines = _add(current, stores, given, file, account)
    Voice(as_json).result(told, lines)


def _add(
    current: Settings, stores: Stores, given: Given, path: Path | None, account: str
) -> tuple[dict[str, object], list[str]]:
    """Keep it, with its file if there is one.  Returns what is told of it."""
    held = files.stored(current, stores, path) if path else None
    with deciding(account, stores) as keeping:
        if held is not None:
            blob, entry = files.keep(keeping.db, held)
            keeping.log([entry])
            given = replace(given, blob=blob)
        before = tips.sent_before(keeping.db, given.address, current.allow_private_addresses)
        received = _keep(keeping, given, CameBy.COMMAND, office_keys.secrets(keeping.db, current))
        kept = tips.find(keeping.db, received.id)
    why = tips.why_unread(kept, current.allow_private_addresses) if kept else ""
    told = {"tip": received.id, "code": received.code, "readable": not why, "why": why, "same_link": before}
    lines = [f"tip {received.id} is kept; the code for whoever sent it: {received.code}"]
    lines += [f"its link cannot be read: {plain(why)}"] if why else []
    lines += [f"{before} tips have the same link"] if before else []
    return told, lines


@app.command("import")
def import_(
    table: Annotated[Path, typer.Argument(metavar="CSV", exists=True, dir_okay=False, help="A table of tips.")],
    codes: Annotated[
        Path | None, typer.Option("--codes", help="Write row, tip and code for whoever sent it to this new file.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come in.")] = False,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Take tips in from a table, all of them or none: columns link, moment, whom, how, contact, language."""
    current = settings()
    if table.stat().st_size > tables.LONGEST:
        raise WrongUse(f"the table is larger than {tables.LONGEST >> 20} MiB: split it")
    found = tables.read(table.read_bytes(), current.allow_private_addresses)
    if found.faults and not dry_run:
        rows = "\n".join(f"row {fault.row}: {fault.why}" for fault in found.faults)
        raise WrongUse(f"nothing was taken in; mend these rows first:\n{rows}")
    if codes is not None and codes.exists():
        raise WrongUse(f"{codes} is there already: name a new file")
    if dry_run:
        Voice(as_json).result(_told(found, 0), _lines(found, f"{len(found.rows)} tips would be taken in"))
        return
    with deciding(account) as keeping:
        secrets = office_keys.secrets(keeping.db, current)
        kept = [(row, _keep(keeping, given, CameBy.CSV, secrets)) for row, given in found.rows]
        if codes is not None:
            _write_codes(codes, kept)
    Voice(as_json).result(_told(found, len(kept)), _lines(found, f"{len(kept)} tips taken in"))


@app.command("list")
def list_(
    state: Annotated[State | None, typer.Option("--state", help="Only those in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """The newest tips with their states, and what became of the form's in the last week."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found, met, counts = tips.listed(db, state)[: tips.MOST], tip_limits.lately(db), tips.counts(db)
    voice = Voice(as_json)
    rows = [
        (one.id, iso(one.received_at), one.state, one.number or "", one.platform or "-", one.address) for one in found
    ]
    voice.show(console.table(f"{len(rows)} tips", ("id", "received", "state", "about", "platform", "link"), rows))
    voice.result({"tips": [_tip(one) for one in found], "states": dict(counts), "form": dict(met)})


@app.command()
def take(
    tip: Number,
    person: Annotated[str, typer.Option("--person", metavar="NUMBER", help="Register number of whom it is about.")],
    reason: Reason,
    account: As = "",
) -> None:
    """Take a tip up: say whom it is about, and have its post be read before what else waits."""
    why, basis = said(reason), settings().legal_basis
    with deciding(account) as taking:
        taking.log(tips.take_up(taking.db, tip, person, why, taking.actor, basis))
        taken = tips.find(taking.db, tip)
        if taken is not None:
            tip_finds.read_named(taking.db, taking.actor, taken)
            tip_finds.hurry(taking.db, taken)
    console.say(f"tip {tip} is taken up{_goes_on(taken)}")


def _goes_on(taken: Tip | None) -> str:
    """What happens to a tip that was taken up."""
    if taken is not None and taken.source is not None:
        return ": `lastseen run` reads its post"
    if taken is not None and taken.blob is not None:
        return ": `lastseen run` looks at its file"
    return "; its link cannot be read"


@app.command()
def refuse(tip: Number, reason: Reason, account: As = "") -> None:
    """Refuse a tip; how to reach its sender is deleted."""
    _move(tip, State.REFUSED, reason, account)


@app.command()
def close(tip: Number, reason: Reason, account: As = "") -> None:
    """Close a tip; how to reach its sender is deleted."""
    _move(tip, State.CLOSED, reason, account)


def _move(tip: int, to: State, reason: str, account: str) -> None:
    why = said(reason)
    with deciding(account) as moving:
        moving.log(tips.move(moving.db, tip, to, why, moving.actor))
    console.say(f"tip {tip} is {to}")


def _keep(keeping: Decision, given: Given, came_by: CameBy, secrets: Secrets) -> Received:
    private = settings().allow_private_addresses
    received = tips.receive(keeping.db, secrets, given, came_by, keeping.actor, private)
    keeping.log([received.entry])
    return received


def _write_codes(path: Path, kept: Sequence[tuple[int, Received]]) -> None:
    """Only for our eyes: each code opens the state of one tip."""
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline=""
    ) as file:
        rows = csv.writer(file)
        rows.writerow(("row", "tip", "code"))
        rows.writerows((row, received.id, received.code) for row, received in kept)


def _told(found: Table, kept: int) -> dict[str, object]:
    return {
        "taken_in": kept,
        "rows": len(found.rows),
        "faults": [_fault(one) for one in found.faults],
        "unread": [_fault(one) for one in found.unread],
    }


def _fault(fault: Fault) -> dict[str, object]:
    return {"row": fault.row, "why": fault.why}


def _lines(found: Table, first: str) -> list[str]:
    faults = [f"row {one.row}: {plain(one.why)}" for one in found.faults]
    unread = [f"row {one.row}: its link cannot be read: {plain(one.why)}" for one in found.unread]
    return [first, *faults, *unread]


def _tip(one: Tip) -> dict[str, object]:
    return {
        "id": one.id,
        "received": iso(one.received_at),
        "state": one.state,
        "person": one.number,
        "platform": one.platform,
        "link": one.address,
        "at_seconds": one.at_seconds,
        "came_by": one.came_by,
        "same_link": one.others,
    }
