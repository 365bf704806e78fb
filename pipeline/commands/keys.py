"""`lastseen keys`: the keys that templates and secrets are sealed with, and how an office goes on with new ones."""

from collections import Counter
from typing import Annotated

import typer

from lastseen.errors import Failure
from lastseen.settings import Settings, settings
from pipeline import console
from pipeline.acting import said
from pipeline.app import local_actor
from pipeline.console import AsJson, Voice, plain, say
from storage import office_keys, resealing, sealing, template_cache
from storage.resealing import UNREADABLE
from storage.sealing import What
from storage.stores import Stores, open_stores

app = typer.Typer(help="Keys for templates and secrets.", no_args_is_help=True)

Which = Annotated[What, typer.Argument(help="What the key seals.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the keys by their names, and how much is sealed with each; every row is opened for that."""
    current = settings()
    with open_stores(current, objects=False) as stores:
        found = {what: _held(current, stores, what) for what in What}
    rows = [
        (what, key or "none of them", "present" if not place else "of before", held[key])
        for what, held in found.items()
        for place, key in enumerate(held)
    ]
    voice = Voice(as_json)
    voice.show(console.table("keys", ("for", "name", "", "rows"), rows))
    voice.result({"keys": {what: [{"name": key, "rows": held[key]} for key in held] for what, held in found.items()}})
    _refuse_unreadable(Counter({what: held[UNREADABLE] for what, held in found.items()}))


@app.command()
def new(
    what: Which,
    lost: Annotated[
        bool, typer.Option("--lost", help="The office's key is gone: go on with the one that is here, or a new one.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="With --lost: why; it stands in the log for ever.")] = "",
) -> None:
    """Make a new key in the data folder; the present one is kept beside it.  Keys in settings are changed there."""
    current = settings()
    if lost:
        _go_on_without(current, what, said(reason))
        return
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        office_keys.ring(db, current, what)  # the office's, and known to it, before another one comes
    kept = sealing.new_key(current, what)
    say(f"there is a new key for {what}; the one before is {plain(str(kept))}")
    say("start again what runs (`lastseen up`, the review pages), then `lastseen keys rotate` seals everything with it")


def _go_on_without(current: Settings, what: What, reason: str) -> None:
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        found = office_keys.go_on_without(db, current, what, local_actor(), reason)
    say(f"the office seals {what} with the key {found.ids[0]} from here on: copy it, and give it to all its machines")


@app.command()
def rotate(what: Which, as_json: AsJson = False) -> None:
    """Seal everything with the present key that was sealed with one before it.  May be killed, and begun again."""
    current = settings()
    again, unreadable = 0, 0
    with open_stores(current, objects=False) as stores:
        with stores.db.begin() as db:
            ring = office_keys.ring(db, current, what)
        for batch in resealing.seal_again(stores.db, what, ring, local_actor()):
            again, unreadable = again + batch.again, unreadable + batch.unreadable
        with stores.db.begin() as db:
            template_cache.sweep(db, template_cache.blocks_of(current))
        held = _held(current, stores, what)
        left = sum(rows for key, rows in held.items() if key not in (ring.ids[0], UNREADABLE))
        if not left:
            with stores.db.begin() as db:
                office_keys.retire_others(db, what, ring.ids[0])
    Voice(as_json).result(
        {"key": ring.ids[0], "sealed_again": again, "left": left, "unreadable": unreadable},
        [f"{what}: {again} sealed again with the key {ring.ids[0]}", *_what_next(what, left)],
    )
    _refuse_unreadable(Counter({what: unreadable}))


def _what_next(what: What, left: int) -> list[str]:
    if left:
        return [f"{left} were sealed with an older key meanwhile: start again what runs with it, then do this again"]
    return [f"nothing is sealed with older keys for {what}; keep those as long as there are backups from before"]


def _held(current: Settings, stores: Stores, what: What) -> Counter[str]:
    """Rows by key, the present one first."""
    ring = sealing.ring(current, what)
    with stores.db.begin() as db:
        found = resealing.held(db, what, ring)
    return Counter({key: found[key] for key in (*ring.ids, *([UNREADABLE] if found[UNREADABLE] else []))})


def _refuse_unreadable(found: Counter[str]) -> None:
    """Raises Failure if no key opens something."""
    for what, rows in found.items():
        if rows:
            setting = sealing.KINDS[What(what)].setting
            raise Failure(
                f"{rows} of {what} open with none of the keys, and are left as they are: put the key that they were"
                f" sealed with into {setting}S_BEFORE, from its copy, then `lastseen keys rotate {what}`"
            )
