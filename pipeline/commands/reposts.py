"""`lastseen reposts`: files that show the same footage, every place where it appeared, and links that are wrong."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

import typer

from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.settings import settings
from pipeline import console
from pipeline.acting import As, Reason, deciding, said
from pipeline.app import App, open_app
from pipeline.console import AsJson, Voice, say
from storage import candidates, footage, posts, reposts
from storage.database import Connection
from storage.footage import Place
from storage.reposts import Group, Link
from storage.stores import open_stores

app = typer.Typer(help="Files that show the same footage, and where each appeared.")


@app.callback(invoke_without_command=True)
def reposts_(context: typer.Context, as_json: AsJson = False) -> None:
    """Files that show the same footage, and where each appeared; without a command: all that is linked."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json)


@app.command("list")
def list_(
    blob: Annotated[str | None, typer.Argument(help="Only what is linked with this file: its sha256.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show, for each footage, which stretch of which file shows what of the first one, and every post with either."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        _require(db, blob)
        found = reposts.links(db, blob)
        places = footage.places(db, _files(found))
    voice = Voice(as_json)
    groups = reposts.groups(found)
    for group in groups:
        columns = ("file", "seconds", "of the first", "link", "post", "published, or first seen")
        voice.show(console.table(f"the footage of {group.first}", columns, _rows(group, places)))
    told = {
        "groups": [_group(group, places) for group in groups],
        "links": list(map(_link, found)),
        "places": {file: list(map(_place, places[file])) for file in places},
    }
    voice.result(told, [f"{len(groups)} groups of files that show the same, {len(found)} links"])


@app.command()
def part(
    link: Annotated[int, typer.Argument(help="Its number in `reposts list`.")],
    reason: Reason,
    account: As = "",
) -> None:
    """Withdraw a link that is wrong: what was not analysed because of it is analysed with the next `analyze`."""
    why = said(reason)
    with open_app(settings()) as opened:
        revived = withdraw(opened, link, why, account)
    say(f"link {link} is withdrawn; {revived} files are to be analysed after all")


def withdraw(opened: App, link: int, reason: str, account: str = "") -> int:
    """Returns how many files are to be analysed after all.  Raises WrongUse."""
    with deciding(account, opened.stores) as decision:
        db = decision.db
        candidates.lock(db)
        parted = reposts.part(db, link, decision.actor, reason)
        if parted is None:
            raise WrongUse(f"no link {link} stands: `lastseen reposts list` shows them")
        blobs, entry = parted
        candidates.arrange(db, blobs, opened.settings.people_per_track)
        revived = reposts.revive(db, opened.steps.recipe)
        decision.log([entry])
    return revived


def _require(db: Connection, blob: str | None) -> None:
    if blob is not None and not posts.blobs_of(db, sha256=blob):
        raise WrongUse(f"no blob with the sha256 {blob} is stored")


def _files(found: Iterable[Link]) -> Sequence[str]:
    return list(dict.fromkeys(file for link in found for file in (link.one, link.other)))


def _rows(group: Group, places: Mapping[str, list[Place]]) -> Iterator[Sequence[object]]:
    """A row for each post of each file."""
    for file in group.files:
        parts = [link for link in group.links if link.other == file]
        its = "; ".join(_seconds(link.other_start_ms, link.other_end_ms) for link in parts)
        firsts = "; ".join(_seconds(link.one_start_ms, link.one_end_ms) + _turned(link) for link in parts)
        numbers = ", ".join(str(link.id) for link in parts)
        for place in places[file]:
            yield file[:16], its, firsts, numbers, place.permalink, _day(place)


def _turned(link: Link) -> str:
    return ", mirrored" if link.mirrored else ""


def _seconds(start_ms: int, end_ms: int) -> str:
    return f"{start_ms / 1000:.1f}-{end_ms / 1000:.1f}"


def _day(place: Place) -> str:
    return iso(place.published_at or place.first_seen_at)


def _group(group: Group, places: Mapping[str, list[Place]]) -> Mapping[str, object]:
    files = [
        {
            "blob": file,
            "parts": [_link(link) for link in group.links if link.other == file],
            "posts": [_place(place) for place in places[file]],
        }
        for file in group.files
    ]
    return {"first": group.first, "files": files}


def _link(link: Link) -> Mapping[str, object]:
    return {
        "id": link.id,
        "one": {"blob": link.one, "from_seconds": link.one_start_ms / 1000, "to_seconds": link.one_end_ms / 1000},
        "other": {
            "blob": link.other,
            "from_seconds": link.other_start_ms / 1000,
            "to_seconds": link.other_end_ms / 1000,
        },
        "mirrored": link.mirrored,
        "distance": round(link.distance, 2),
    }


def _place(place: Place) -> Mapping[str, object]:
    published = iso(place.published_at) if place.published_at else None
    return {"post": place.permalink, "published_at": published, "first_seen_at": iso(place.first_seen_at)}
