"""`lastseen source show` for a source on a video site: when it was listed, what is held, what was not fetched, why."""

from datetime import datetime, timedelta

from extractors.addresses import site_of
from lastseen.clock import iso
from lastseen.records import Source
from lastseen.settings import Settings
from pipeline import console
from pipeline.console import Voice
from storage import pages, site_accounts, sites
from storage.database import Connection
from storage.pages import Held, Listed


def show(db: Connection, source: Source, voice: Voice, settings: Settings) -> None:
    """Say it."""
    listed = pages.listed(db, source.id, timedelta(days=settings.listing_whole_days))
    held, left = pages.held(db, source.id), pages.not_fetched(db, source.id)
    account = next((one.name for one in site_accounts.every(db) if source.id in one.sources), None)
    name = site_of(source.address)
    site = next((one for one in sites.every(db) if one.site == name and one.closed_until), None)
    told = {**_held(held), **_listed(listed), "account": account, "site": name}
    told |= {"closed_until": _moment(site.closed_until if site else None), "closed_why": site.why if site else ""}
    voice.show(console.table("as read", ("what", "how"), [(key.replace("_", " "), said) for key, said in told.items()]))
    if left:
        rows = [(one.items, one.state, one.outcome or "", one.why) for one in left]
        voice.show(console.table("not fetched", ("files", "state", "outcome", "why"), rows))
    not_fetched = [{"files": one.items, "state": one.state, "outcome": one.outcome, "why": one.why} for one in left]
    about = {"id": source.id, "platform": source.platform, "address": source.address, "reason": source.reason}
    voice.result({"source": about, **told, "not_fetched": not_fetched})


def _held(held: Held) -> dict[str, object]:
    return {
        "posts": held.posts,
        "missing": held.missing,
        "gone": held.gone,
        "unlisted": held.unlisted,
        "newest": _moment(held.newest),
        "oldest": _moment(held.oldest),
    }


def _listed(listed: Listed | None) -> dict[str, object]:
    return {
        "newest_at": _moment(listed.newest_at if listed else None),
        "whole_at": _moment(listed.whole_at if listed else None),
        "whole_posts": listed.whole_posts if listed else None,
        "whole_why": listed.whole_why if listed else "it was not listed yet",
    }


def _moment(at: datetime | None) -> str | None:
    return iso(at) if at else None
