"""`lastseen backup` and `lastseen restore`: the database, and the objects where their store is the embedded one.

Keys are in no backup: whoever finds one reads neither templates nor secrets.  The backup says by name which keys it
needs, and a restore begins only when they are there.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from lastseen import __version__
from lastseen.clock import iso, utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.settings import Settings, settings
from pipeline.app import local_actor
from pipeline.console import AsJson, Voice, plain, say
from storage import custody, dumps, embedded, office_keys, sealing
from storage.chain_checks import StoredHeads
from storage.database import Connection, newest_revision
from storage.embedded import Part
from storage.sealing import What
from storage.stores import Stores, open_stores

DUMP, NOTE = "database.dump", "backup.json"
PARTIAL = ".partial"
"""ends the name of a backup that is not whole yet"""


@dataclass(frozen=True, slots=True)
class Backup:
    """What stands beside a dump."""

    made_at: str
    version: str
    revision: str
    """of the schema"""
    events: int
    """of the custody log"""
    sha256: str
    """of the dump"""
    keys: Mapping[str, Sequence[str]]
    """names of the keys that are needed, several while they are changed: `lastseen keys list`"""
    objects: bool
    """the objects are beside it"""


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    folder: Annotated[Path, typer.Argument(help="Where backups are kept: a folder is made in it.")],
    as_json: AsJson = False,
) -> None:
    """Write the database, and the embedded store's objects, into a new folder.  Keys are not in it: copy them apart."""
    current = settings()
    whole = folder / f"{utcnow():%Y%m%dT%H%M%SZ}"
    making = whole.with_name(whole.name + PARTIAL)
    with_objects = current.s3_endpoint is None
    _require_still(current)
    _make(making)
    with open_stores(current, objects=False) as stores:
        at = utcnow()
        events, keys = dumps.dump(stores.owner, making / DUMP, lambda db: (custody.head(db).seq, _keys(db, current)))
    if with_objects:
        say("copying the objects ...")
        shutil.copytree(current.data_dir / Part.OBJECTS, making / Part.OBJECTS)
    made = Backup(iso(at), __version__, newest_revision(), events, _digest(making / DUMP), keys, with_objects)
    (making / NOTE).write_text(json.dumps(asdict(made), indent=1) + "\n")
    making.rename(whole)
    Voice(as_json).result(
        {"folder": str(whole), **asdict(made)},
        [f"backed up into {plain(str(whole))}: the database with {events} events of the custody log", *_besides(made)],
    )


def _besides(made: Backup) -> list[str]:
    named = ", ".join(f"{what} {' and '.join(names)}" for what, names in made.keys.items()) or "none were made yet"
    keys = f"copy the keys apart from it, and the custody log's ({named}): docs/operate.md, Backup"
    return [keys] if made.objects else ["now copy what the object store holds, since it is not in it", keys]


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `lastseen backup` made.", exists=True, file_okay=False)],
    keys_lost: Annotated[
        bool, typer.Option("--keys-lost", help="Go on without the keys: what they sealed is not read any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new office from a backup: an empty database or data folder, the keys put there before."""
    current = settings()
    held = _read(folder)
    _require_keys(current, held, keys_lost=keys_lost)
    if held.objects:
        _bring_objects(current, folder / Part.OBJECTS)
    with open_stores(current, objects=False) as stores:
        dumps.restore(stores.owner, folder / DUMP)
    with open_stores(current) as stores:  # which brings schema and grants up to date
        if keys_lost:
            _go_on_without(current, stores, held)
        missing = _missing(stores)
    Voice(as_json).result(
        {"events": held.events, "made_at": held.made_at, "missing_events": missing},
        [f"restored as of {held.made_at}, with {held.events} events of the custody log", "now: `lastseen verify`"],
    )
    if missing:
        raise Failure(
            f"the object store has signed heads over {missing} events more than the log that was restored: what was"
            " done after this backup is not in it, and that stays visible for ever (docs/operate.md, When the custody"
            " log does not stand)"
        )


def _go_on_without(current: Settings, stores: Stores, held: Backup) -> None:
    for what in map(What, held.keys):
        if not set(held.keys[what]) & set(_here(current, what)):
            with stores.db.begin() as db:
                office_keys.go_on_without(db, current, what, local_actor(), "restored with --keys-lost")


def _missing(stores: Stores) -> int:
    """How many events the newest signed head in the store covers beyond the log."""
    with stores.db.begin() as db:
        events = custody.head(db).seq
    return max(0, max(StoredHeads.read(stores.objects).signed, default=0) - events)


def _read(folder: Path) -> Backup:
    """Raises WrongUse for what is no backup, Failure for a damaged one."""
    try:
        held = Backup(**json.loads((folder / NOTE).read_text()))
    except (OSError, ValueError, TypeError) as fault:
        raise WrongUse(f"{folder} is no backup: name a folder with {NOTE} in it, made by `lastseen backup`") from fault
    if held.revision > newest_revision():
        raise WrongUse(f"this backup was made by lastseen {held.version}, which is newer: install that version")
    if _digest(folder / DUMP) != held.sha256:
        raise Failure(f"{folder / DUMP} is not what was written: take another backup; nothing was changed here")
    return held


def _require_keys(current: Settings, held: Backup, *, keys_lost: bool) -> None:
    """Raises WrongUse if a key that the backup needs is not here."""
    for what, name in ((What(what), name) for what, names in held.keys.items() for name in names):
        if not keys_lost and name not in _here(current, what):
            kind = sealing.KINDS[what]
            raise WrongUse(
                f"the key {name} for {what} is not here: put it into {kind.setting}, or {kind.path(current)}, from its"
                " copy; nothing was restored"
            )


def _bring_objects(current: Settings, copied: Path) -> None:
    """Raises WrongUse if there are objects already, or they belong elsewhere."""
    if current.s3_endpoint is not None:
        raise WrongUse("this backup holds the embedded store's objects: restore it without LASTSEEN_S3_ENDPOINT")
    place = current.data_dir / Part.OBJECTS
    _require_still(current)
    if place.exists() and any(place.iterdir()):
        raise WrongUse(f"there are objects in {place}: a backup is restored into a new data folder")
    with suppress(FileNotFoundError):
        place.rmdir()
    say("copying the objects ...")
    current.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(copied, place)


def _require_still(current: Settings) -> None:
    """Raises WrongUse if the embedded object store runs: its files are copied as they lie."""
    if current.s3_endpoint is not None:
        return
    if any(one.part is Part.OBJECTS and one.pid is not None for one in embedded.status(current.data_dir)):
        raise WrongUse("the object store runs: stop `lastseen up`, and whatever else works here, then do this again")


def _keys(db: Connection, current: Settings) -> dict[str, Sequence[str]]:
    """What the office seals with, whatever is on this machine; before that was known, what is."""
    found = {what.value: office_keys.in_use(db, what) or _here(current, what) for what in What}
    return {what: names for what, names in found.items() if names}


def _here(current: Settings, what: What) -> Sequence[str]:
    return sealing.ring(current, what).ids if sealing.has_key(current, what) else ()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as fault:
        raise WrongUse(f"{folder} cannot be made ({fault.strerror}): name a folder that can be written to") from fault


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise Failure(f"{path} cannot be read: {fault.strerror}") from fault
