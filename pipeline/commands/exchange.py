"""`lastseen exchange`: people and possible sightings, for other offices and their programs."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from lastseen import days
from lastseen.errors import Failure, WrongUse
from lastseen.exchange.records import Format
from lastseen.exchange.writing import write
from lastseen.records import PersonStatus
from lastseen.settings import settings
from pipeline.acting import As, deciding
from pipeline.console import AsJson, Voice, plain
from storage import accounts, exchange, tellings
from storage.exchange import Selection, Wanted
from storage.stores import Stores, open_stores

app = typer.Typer(
    help="People and possible sightings for other offices, under a right and for a purpose.", no_args_is_help=True
)


@app.callback()
def group() -> None:
    """People and possible sightings for other offices, under a right and for a purpose."""


@app.command("export")
def export_(
    to: Annotated[Path, typer.Option("--to", help="The file to make; it must not be there yet.")],
    format_: Annotated[
        Format, typer.Option("--format", help="csv (tables in a ZIP), pfif (1.4), ftm (FollowTheMoney).")
    ],
    purpose: Annotated[str, typer.Option("--purpose", help="What for; it stands in the log and in the file.")],
    receiver: Annotated[str, typer.Option("--receiver", help="Who gets it; it stands in the log and in the file.")],
    right: Annotated[
        str, typer.Option("--right", help="The law, agreement or decision; unset: LASTSEEN_LEGAL_BASIS.")
    ] = "",
    number: Annotated[
        list[str] | None, typer.Option("--person", metavar="NUMBER", help="This entry; may be said several times.")
    ] = None,
    numbers: Annotated[
        Path | None, typer.Option("--numbers", metavar="FILE", help="Entries, a register number a line.")
    ] = None,
    status: Annotated[PersonStatus | None, typer.Option("--status", help="Only people with this status.")] = None,
    since: Annotated[
        date | None,
        typer.Option(
            "--since", parser=days.day, metavar="DAY", help="Only of whom something changed since this day (UTC)."
        ),
    ] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="The whole register is meant.")] = False,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Write people with the possible sightings and statements that stand.  No picture, no template is in it."""
    if to.exists():
        raise WrongUse(f"{to} is there already: name another file")
    chosen = (*(number or ()), *_listed(numbers))
    if numbers is not None and not chosen:
        raise WrongUse(f"{numbers} has no register number in it")
    selection = Selection(chosen, status, since, everybody)
    given = settings()
    made = exchange.handing(given, Wanted(receiver, purpose, right or given.legal_basis))
    with open_stores(given, objects=False) as stores, deciding(account, stores) as decision:
        if account:
            _name(stores, decision.actor, selection)
        found = exchange.gather(decision.db, selection)
        content = write(format_, made, found)
        entry = exchange.handed(made, format_, selection, found, content)
        if account:
            tellings.tell_of_named(decision.db, decision.actor, [one.id for one in found])
        decision.log([entry])
    _write(to, content)
    told = {name: entry.detail[name] for name in ("export", "format", "sha256", "persons", "sightings", "statements")}
    line = f"{plain(str(to))}: {told['persons']} people, {told['sightings']} possible sightings"
    Voice(as_json).result({**told, "file": str(to.absolute())}, [f"{line}, {told['statements']} statements"])


def _name(stores: Stores, account: str, selection: Selection) -> None:
    """As on the page: whom somebody names they are told of, also if nothing is handed out.  Raises WrongUse."""
    with stores.db.begin() as db:
        user = accounts.find_user(db, account)
        if user is not None and user.judges and (selection.status or selection.since):
            raise WrongUse(f"{account} may be asked about faces: choose people by number, or everybody")
        tellings.tell_of_named(db, account, exchange.named(db, selection.numbers))


def _listed(path: Path | None) -> list[str]:
    """Raises WrongUse."""
    if path is None:
        return []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise WrongUse(f"{path} cannot be read as text (UTF-8): {fault}") from fault
    return [line.strip() for line in lines if line.strip()]


def _write(path: Path, content: bytes) -> None:
    """The log says already that it was handed out: a file that could not be written after all harms nobody."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as fault:
        raise Failure(f"{path} cannot be written: {fault.strerror}") from fault
