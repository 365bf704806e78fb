"""`lastseen roll-call` and `lastseen unaccounted`: who is in a video, and who of them nobody has accounted for."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from lastseen.clock import iso, mark
from lastseen.errors import Failure, WrongUse
from lastseen.settings import settings
from lastseen.sheets import sheet
from pipeline import console
from pipeline.app import local_actor
from pipeline.console import AsJson, Voice, say
from storage import custody, roll_call, roll_calls
from storage.custody import Action
from storage.database import Connection
from storage.roll_call import RollCall
from storage.stores import open_stores

AsCsv = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write a table to this new file as well; it is recorded.")
]


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command("roll-call")(roll_call_)
    app.command("unaccounted")(unaccounted)


def roll_call_(
    blob: Annotated[str, typer.Argument(metavar="BLOB", help="The file's sha256, or enough of its beginning.")],
    as_json: AsJson = False,
    csv: AsCsv = None,
) -> None:
    """Everybody whom a video or picture shows, a row a face: when, and who of them is accounted for."""
    require_new(csv)
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        call = roll_calls.of_blob(db, roll_calls.named(db, blob))
        content = sheet(roll_call.COLUMNS, roll_call.as_rows(call)).encode()
        if csv:
            _record(db, content, f"blob:{call.sha256}", "roll call")
    if csv:
        write(csv, content)
    voice = Voice(as_json)
    columns = ("face", "state", "person", "seen", "picture at", "not searched: why")
    voice.show(console.table(f"{len(call.faces)} faces", columns, map(_row, call.faces)))
    voice.result(roll_call.as_dict(call), _lines(call))


def unaccounted(
    every: Annotated[
        bool, typer.Option("--all", help="Every video with faces, also where nobody is a candidate or a sighting.")
    ] = False,
    as_json: AsJson = False,
    csv: AsCsv = None,
) -> None:
    """Videos with people who are unaccounted for, where somebody else in them is a candidate or a sighting."""
    require_new(csv)
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        calls = roll_calls.open_items(db, every=every)
        content = sheet(roll_call.OPEN_COLUMNS, map(roll_call.open_row, calls)).encode()
        if csv:
            _record(db, content, "videos", "unaccounted")
    if csv:
        write(csv, content)
    voice = Voice(as_json)
    columns = ("blob", "people", "accounted for", "waiting", "unaccounted", "not searched", "places", "first seen")
    rows = [
        (c.sha256[:12], c.people, c.accounted, c.waiting, c.unaccounted, c.not_searched, len(c.places), c.first_seen_at)
        for c in calls
    ]
    voice.show(console.table(f"{len(rows)} videos", columns, ((*row[:-1], iso(row[-1])) for row in rows)))
    people = sum(call.unaccounted for call in calls)
    voice.result(
        {"videos": [roll_call.open_item(call) for call in calls], "unaccounted": people},
        [f"{people} people unaccounted for in {len(calls)} videos; `lastseen roll-call BLOB` shows one"],
    )


def _record(db: Connection, content: bytes, subject: str, what: str) -> None:
    """Into the custody log, before it leaves: a file that could not be written after all harms nobody."""
    said = {"what": what, "format": "csv", "sha256": hashlib.sha256(content).hexdigest()}
    custody.append(db, local_actor(), Action.EXPORTED, subject, said)


def write(path: Path, content: bytes) -> None:
    """To a new file.  Raises Failure."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as fault:
        raise Failure(f"{path} cannot be written: {fault.strerror}") from fault
    say(f"written to {console.plain(str(path))}")


def require_new(path: Path | None) -> None:
    """Raises WrongUse."""
    if path and path.exists():
        raise WrongUse(f"{path} is there already: name another file")


def _row(face: roll_call.Face) -> tuple[object, ...]:
    spans = ", ".join(f"{mark(start)} to {mark(end)}" for start, end in face.spans)
    at = mark(face.best.at_ms) if face.best.at_ms is not None else ""
    return face.number, face.state, ", ".join(roll_call.numbers(face)), spans, at, roll_call.why_not(face)


def _lines(call: RollCall) -> Iterable[str]:
    yield (
        f"{call.people} people: {call.accounted} accounted for, {call.waiting} waiting for review,"
        f" {call.unaccounted} unaccounted for; {call.not_searched} more faces are too small or too poor to be searched"
    )
    if call.lacks:
        yield f"[yellow]not complete:[/] {console.plain('; '.join(call.lacks))}"
    yield f"published at {len(call.places)} places, {len(call.copies)} stretches of other files show the same footage"
