"""`lastseen lists import`: a file into lines, kept with its original, and held against the register at once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from matchers.lists import apart, previewing
from matchers.lists.previewing import Preview
from matchers.lists.sheets import LARGEST_FILE, Wanted
from pipeline.acting import Decision
from pipeline.app import App
from pipeline.duties import template_files
from pipeline.jobs import Scope, journal
from pipeline.lists import comparing
from storage import custody, keys, list_lines, lists, posts_as_lists
from storage.database import Connection
from storage.list_lines import Decided
from storage.lists import Kept, Received
from storage.objects import REGISTER
from storage.sealed_blocks import Origin
from storage.work import Queue

MEDIA_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pfif": "application/xml",
    "text": "text/plain",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be read, and how."""

    path: Path | None
    """None: the words of a post are the list"""
    wanted: Wanted
    post: str = ""
    """its link"""
    mapping: str = ""
    """name of a saved one; empty: by the header"""
    columns: Sequence[str] = field(default_factory=tuple)
    values: Sequence[str] = field(default_factory=tuple)
    says: str = ""
    dates: Sequence[str] = field(default_factory=tuple)
    save_as: str = ""
    """name under which the mapping is kept; empty: it is not"""


def preview(db: Connection, order: Order) -> tuple[Preview, bytes, int | None]:
    """What the file would become, its bytes, and a list of the same ones.  Writes nothing.  Raises WrongUse."""
    content = _content(order.path) if order.path else posts_as_lists.find(db, order.post).content
    saved = lists.mapping_named(db, order.mapping) if order.mapping else None
    if order.mapping and saved is None:
        raise WrongUse(f"no mapping is called {order.mapping}: `lastseen lists mappings` lists them")
    sheet = apart.read(content, order.wanted)
    made = previewing.of(sheet, utcnow().date(), saved, order.columns, order.values, order.says, order.dates)
    return made, content, lists.same_file(db, hashlib.sha256(content).hexdigest())


def keep(
    app: App, order: Order, body: str, title: str, dated: date, actor: str, *, again: bool
) -> tuple[Preview, Kept]:
    """Write the list down: its file into the object store, then all of its lines in one transaction.

    The same file a second time is refused, unless it is wanted `again`.  Raises WrongUse.
    """
    with app.stores.db.begin() as db:
        made, content, same = preview(db, order)
        name = order.path.name if order.path else posts_as_lists.find(db, order.post).link
    if same is not None and not again:
        raise WrongUse(f"list {same} came of the same file: undo that first, or say --again to have it twice")
    sha256 = hashlib.sha256(content).hexdigest()
    thing = ObjectToStore(REGISTER, keys.received_list(sha256), content, sha256, MEDIA_TYPES[made.sheet.kind])
    stored = app.stores.objects.put_verified(thing, None)
    received = Received(
        title, body, made.sheet.kind, dated, name, sha256, len(content),
        stored.key, made.mapping.as_json(),
    )  # fmt: skip
    with app.stores.db.begin() as db:
        kept, entry = lists.keep(db, received, made.rows(), actor)
        if order.save_as:
            lists.keep_mapping(db, order.save_as, made.mapping.as_json(), actor)
        custody.append_all(db, actor, [entry])
    return made, kept


def compare(app: App) -> int:
    """Hold what is due of all lists against the register.  Returns how many blocks of lines that were."""
    step = app.steps.by_name[comparing.NAME]
    with app.stores.db.begin() as db:
        comparing.fill(db, Queue(step.name, step.recipe))
    with journal(app, "lists match", Scope()) as tallies:
        tallies.append(app.runner.drain(step))
    return sum(tally.done for tally in tallies)


def undo(app: App, list_: int, reason: str, actor: str) -> int:
    """Have a list count for nothing.  Returns how many statements were withdrawn by that.  Raises WrongUse."""
    with app.stores.db.begin() as db:
        withdrawn, _, entries = lists.undo(db, list_, reason, actor, app.settings.people_per_track)
        custody.append_all(db, actor, entries)
    swept(app)
    return withdrawn


def swept(app: App) -> None:
    """Files of templates that went by a status are rewritten without them."""
    template_files.sweep(app, Origin.PHOTO)


def decide(
    decision: Decision, entry: int, number: str, same: bool, people_per_track: int, *, reason: str, sets: bool
) -> Decided:
    """Say whether a line speaks of an entry of the register.  Raises WrongUse."""
    done = list_lines.decide(
        decision.db, entry, number, same, decision.actor, people_per_track, reason=reason, sets=sets
    )
    decision.log(done.entries)
    return done


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise WrongUse(f"{path.name} has more than {LARGEST_FILE >> 20} MiB: part it")
        return path.read_bytes()
    except OSError as fault:
        raise WrongUse(f"{path.name} cannot be read: {fault.strerror}") from None
