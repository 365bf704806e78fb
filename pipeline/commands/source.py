"""`lastseen source`: the allow-list, and how far each source is read."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated

import typer

from extractors import video_sites
from extractors.addresses import site_of
from extractors.telegram import addresses
from lastseen import days
from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.outcomes import Fault
from lastseen.records import MessageRange, Platform, Source
from lastseen.settings import Settings, settings
from pipeline import console
from pipeline.app import App, open_app
from pipeline.commands import source_pages
from pipeline.console import AsJson, Voice, plain, say
from pipeline.telegram import importing
from pipeline.video_sites import searches
from storage import refusals, site_accounts, sites, sources, telegram_accounts, telegram_chats
from storage.database import Connection
from storage.sites import Site
from storage.sources import Asked
from storage.stores import open_stores
from storage.telegram_chats import Coverage

app = typer.Typer(help="The allow-list: what may be watched, and why.", no_args_is_help=True)
importing.add_to(app)


@app.command()
def add(
    platform: Annotated[Platform, typer.Argument(help="Where it lives.")],
    address: Annotated[
        str, typer.Argument(help="The channel (@name), page, playlist or search (ytsearch50:WORDS) to watch.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why it may be watched; kept with the source.")],
    since: Annotated[
        date | None,
        typer.Option(
            "--since", parser=days.day, metavar="DAY", help="Telegram: read what was published since that day (UTC)."
        ),
    ] = None,
    comments: Annotated[bool, typer.Option("--comments", help="Telegram: read the linked discussion, too.")] = False,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            help="Telegram: the account that reads it; unless given, any. Video sites: the cookies or proxy by that"
            " name (`site accounts`); unless given, none.",
        ),
    ] = None,
) -> None:
    """Put a source on the allow-list."""
    if not reason.strip():
        raise WrongUse("give the reason why this source may be watched: --reason TEXT")
    if platform is not Platform.TELEGRAM and (since or comments):
        raise WrongUse("--since and --comments are about channels of Telegram")
    current = settings()
    with open_app(current) as opened:
        checked = _checked(opened, platform, address, current)
        with opened.stores.db.begin() as db:
            refusals.forget(db, "source", address)
            of_telegram = account if platform is Platform.TELEGRAM else None
            asked = Asked(days.midnight(since) if since else None, comments, _account(db, of_telegram))
            added = sources.add(db, platform, checked, reason.strip(), current.legal_basis, opened.actor, asked)
            if account and platform is Platform.VIDEO_SITE:
                site_accounts.use(db, added.source.id, account)
    say(f"source {added.source.id} {'added' if added.new else 'is on the list already'}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the allow-list."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = sources.every(db)
        closed = {site.site: site for site in sites.every(db) if site.closed_until}
    rows = [(source.id, source.platform, source.address, source.reason, _closed(source, closed)) for source in found]
    names = ("id", "platform", "address", "reason", "closed until")
    voice = Voice(as_json)
    voice.show(console.table(f"{len(rows)} sources", names, rows))
    voice.result({"sources": [dict(zip(names, row, strict=True)) for row in rows]})


@app.command()
def since(
    source: Annotated[int, typer.Argument(help="Its id in `source list`.")],
    day: Annotated[
        str, typer.Argument(metavar="DAY|beginning", help="Read what was published since that day (UTC), or all.")
    ],
) -> None:
    """Have a channel of Telegram be read from another day on; what is held stays."""
    moment = None if day == "beginning" else days.midnight(days.day(day, "`beginning`"))
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        if _known(db, source).platform is not Platform.TELEGRAM:
            raise WrongUse(f"source {source} is no channel of Telegram: of others, whatever they show is read")
        sources.read_since(db, source, moment)
        telegram_chats.begin_anew(db, source)
    say(f"source {source} is read from {day} on when it is collected next")


@app.command()
def show(
    source: Annotated[int, typer.Argument(help="Its id in `source list`.")],
    as_json: AsJson = False,
) -> None:
    """Show how far a source is read: what is held, what is missing or was not fetched, and why."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = _known(db, source)
        if found.platform is Platform.VIDEO_SITE:
            source_pages.show(db, found, Voice(as_json), settings())
            return
        chats = telegram_chats.coverage(db, source)
    voice = Voice(as_json)
    for chat in chats:
        voice.show(console.table(_title(chat), ("messages", "state", "why"), list(_rows(found, chat))))
    voice.result(
        {
            "source": {"id": found.id, "platform": found.platform, "address": found.address, "reason": found.reason},
            "chats": [_as_json(found, chat) for chat in chats],
        },
        [] if chats else [f"source {source} was not read yet"],
    )


def _closed(source: Source, closed: Mapping[str, Site]) -> str:
    """Until when its site is not asked; empty: it is."""
    site = closed.get(site_of(source.address)) if source.platform is Platform.VIDEO_SITE else None
    return iso(site.closed_until) if site and site.closed_until else ""


def _known(db: Connection, source: int) -> Source:
    """Raises WrongUse."""
    known = {one.id: one for one in sources.every(db)}
    if source not in known:
        raise WrongUse(f"there is no source {source}: `lastseen source list` shows them")
    return known[source]


def _checked(opened: App, platform: Platform, address: str, current: Settings) -> str:
    """The address as it is kept.  Raises WrongUse, and counts the refusal."""
    try:
        if platform is Platform.TELEGRAM:
            return addresses.address(address)
        with opened.stores.db.begin() as db:
            betrays = searches.betrays(db, address)
        if betrays:
            raise searches.Betrays(betrays)
        searches.check(address)
        video_sites.check_address(address, current)
    except (video_sites.NotAllowed, WrongUse) as fault:
        shown = searches.WITHHELD if isinstance(fault, searches.Betrays) else address
        with opened.stores.db.begin() as db:
            refusals.keep(db, "source", shown, Fault.SKIPPED, str(fault))
        raise WrongUse(f"{Fault.SKIPPED}: {fault}") from fault
    return address


def _account(db: Connection, name: str | None) -> int | None:
    if name is None:
        return None
    known = {one.name: one.id for one in telegram_accounts.every(db)}
    if name not in known:
        raise WrongUse(f"there is no account {name}: `lastseen telegram accounts` shows them")
    return known[name]


def _title(chat: Coverage) -> str:
    stated = f"; Telegram says that it has {chat.stated}" if chat.stated is not None else ""
    unchecked = f", {chat.unchecked} known from exports only" if chat.unchecked else ""
    read = f", read {iso(chat.read_at)}" if chat.read_at else ""
    return (
        f"{chat.role} {chat.chat} ({plain(chat.title)}): {chat.posts} posts held, {chat.missing} missing,"
        f" {chat.gone} gone{unchecked}{stated}{read}"
    )


def _rows(source: Source, chat: Coverage) -> Iterator[tuple[str, str, str]]:
    for stretch, state, why in _parts(source, chat):
        yield f"{stretch.first} - {stretch.last}", state, why


def _parts(source: Source, chat: Coverage) -> Iterator[tuple[MessageRange, str, str]]:
    """Everything up to the last message that is known of, in order."""
    if chat.first is not None and chat.first > 1:
        since = source.since.date().isoformat() if source.since else "the beginning"
        yield MessageRange(1, chat.first - 1), "left out", f"published before {since}"
    parts = [(stretch, "held", "") for stretch in chat.held]
    parts += [(gap, "missing", chat.refusal or "not read yet") for gap in chat.gaps]
    yield from sorted(parts, key=lambda part: part[0].first)
    for stretch in chat.again:
        yield stretch, "asked for", "is read anew when the source is collected next"


def _as_json(source: Source, chat: Coverage) -> dict[str, object]:
    return {
        "role": chat.role,
        "chat": chat.chat,
        "posts": chat.posts,
        "missing": chat.missing,
        "gone": chat.gone,
        "unchecked": chat.unchecked,
        "stated": chat.stated,
        "read_at": iso(chat.read_at) if chat.read_at else None,
        "refusal": chat.refusal,
        "held": [[one.first, one.last] for one in chat.held],
        "gaps": [[one.first, one.last] for one in chat.gaps],
        "again": [[one.first, one.last] for one in chat.again],
        "parts": [
            {"first": stretch.first, "last": stretch.last, "state": state, "why": why}
            for stretch, state, why in _parts(source, chat)
        ],
    }
