"""How sources on video sites are reached: cookies of accounts, and proxies, each encrypted and known by a name.

Cookies are what the office was given, and stay so: what a site changes about them during a visit goes with the child.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.records import NO_ACCESS, Cookies, SiteAccess
from storage.sealing import Secrets

KEEP_COOKIES = text("""
    INSERT INTO site_accounts (name, sealed_cookies, cookie_names, cookies_end, added_by)
    VALUES (:name, :sealed, :names, :ends, :added_by)
    ON CONFLICT (name) DO UPDATE SET sealed_cookies = excluded.sealed_cookies, cookie_names = excluded.cookie_names,
                                     cookies_end = excluded.cookies_end, changed_at = now()
    RETURNING id""")

KEEP_PROXY = text("""
    INSERT INTO site_accounts (name, sealed_proxy, proxy_host, added_by)
    VALUES (:name, :sealed, :host, :added_by)
    ON CONFLICT (name) DO UPDATE SET sealed_proxy = excluded.sealed_proxy, proxy_host = excluded.proxy_host,
                                     changed_at = now()
    RETURNING id""")

# Expired: not one cookie is left that would be sent, of those that end at all.
EVERY = text("""
    SELECT id, name, cookie_names, proxy_host,
           (SELECT count(*) FROM unnest(cookies_end) AS ends WHERE ends <= now()) AS ended,
           (SELECT min(ends) FROM unnest(cookies_end) AS ends WHERE ends > now()) AS next_end,
           (SELECT coalesce(array_agg(sources.id ORDER BY sources.id), '{}') FROM sources
             WHERE site_account_id = site_accounts.id) AS sources
      FROM site_accounts ORDER BY name""")

OF_SOURCE = text("""
    SELECT accounts.id, accounts.name, sealed_cookies, sealed_proxy,
           (SELECT count(*) FROM unnest(cookies_end) AS ends WHERE ends <= now()) AS ended,
           cardinality(cookies_end) AS ending
      FROM site_accounts AS accounts JOIN sources ON site_account_id = accounts.id
     WHERE sources.id = :source""")

FORGET = text("DELETE FROM site_accounts WHERE name = :name RETURNING id")

USE = text("""
    UPDATE sources SET site_account_id = (SELECT id FROM site_accounts WHERE name = :name)
     WHERE id = :source AND platform = 'video_site'""")


@dataclass(frozen=True, slots=True)
class Account:
    """One way to reach sites."""

    id: int
    name: str
    cookie_names: Sequence[str]
    proxy_host: str
    """host:port; empty: none"""
    ended: int
    """how many of its cookies have expired"""
    next_end: datetime | None
    """when the next one will"""
    sources: Sequence[int]
    """row ids of those that are reached so"""


@dataclass(frozen=True, slots=True)
class Way:
    """How one source is reached."""

    account: int
    """row id"""
    name: str
    access: SiteAccess
    expired: bool
    """all of its cookies that end have ended"""


def keep_cookies(db: Connection, name: str, cookies: Cookies, secrets: Secrets, added_by: str) -> int:
    """Keep the cookies of an account; one of that name gets them instead of its own.  Returns its row id."""
    sealed = secrets.seal(cookies.written, identity(name, "cookies"))
    values = {"name": name, "sealed": sealed, "names": list(cookies.names), "ends": list(cookies.ends)}
    made: int = db.execute(KEEP_COOKIES, {**values, "added_by": added_by}).scalar_one()
    return made


def keep_proxy(db: Connection, name: str, proxy: str, host: str, secrets: Secrets, added_by: str) -> int:
    """Have what is read as `name` go through a proxy; `host` is what is shown of it.  Returns the row id."""
    sealed = secrets.seal(proxy, identity(name, "proxy"))
    made: int = db.execute(
        KEEP_PROXY, {"name": name, "sealed": sealed, "host": host, "added_by": added_by}
    ).scalar_one()
    return made


def every(db: Connection) -> list[Account]:
    """All of them, by name."""
    return [Account(**row) for row in db.execute(EVERY).mappings()]


def forget(db: Connection, name: str) -> int:
    """Delete the cookies and the proxy of that name.  Returns the row id.

    Raises WrongUse when there are none, and when a source is still reached so.
    """
    found = _named(db, name)
    if found.sources:
        shown = ", ".join(map(str, found.sources))
        raise WrongUse(f"source {shown} is reached as {name}: `lastseen site use SOURCE nobody` first")
    gone: int = db.execute(FORGET, {"name": name}).scalar_one()
    return gone


def use(db: Connection, source: int, name: str | None) -> None:
    """Have a source be reached so; None: as everybody reaches it.  Raises WrongUse."""
    if name is not None:
        _named(db, name)
    if db.execute(USE, {"source": source, "name": name}).rowcount != 1:
        raise WrongUse(f"there is no source {source} on a video site: `lastseen source list` shows them")


def of_source(db: Connection, source: int, secrets: Callable[[], Secrets]) -> Way | None:
    """How a source is reached; None: as everybody reaches it.  Raises storage.sealing.CannotOpen."""
    row = db.execute(OF_SOURCE, {"source": source}).one_or_none()
    if row is None:
        return None
    opened = [
        secrets().open(bytes(sealed), identity(row.name, what)) if sealed else ""
        for what, sealed in (("cookies", row.sealed_cookies), ("proxy", row.sealed_proxy))
    ]
    expired = 0 < row.ending == row.ended
    return Way(row.id, row.name, SiteAccess(*opened) if any(opened) else NO_ACCESS, expired)


def _named(db: Connection, name: str) -> Account:
    found = next((one for one in every(db) if one.name == name), None)
    if found is None:
        raise WrongUse(f"there is nothing by the name of {name}: `lastseen site accounts` shows them")
    return found


def identity(name: str, what: str) -> str:
    """What an account's `cookies` or `proxy` is sealed as."""
    return f"site account/{name}/{what}"
