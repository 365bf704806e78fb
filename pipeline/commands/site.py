"""`lastseen site`: which video sites may be asked now, and how sources on them are reached."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from extractors import cookies as cookie_files
from lastseen.clock import iso, utcnow
from lastseen.errors import WrongUse
from lastseen.settings import settings
from pipeline import console
from pipeline.app import local_actor
from pipeline.console import AsJson, Voice, plain, say
from storage import alerts, office_keys, site_accounts, sites
from storage.sites import Site
from storage.stores import open_stores

app = typer.Typer(
    help="Video sites: which may be asked now, and how sources on them are reached.", no_args_is_help=True
)

NOBODY = "nobody"
"""instead of a name: as everybody reaches it"""

Named = Annotated[str, typer.Argument(help="What to call it here.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the sites that were asked: which are open, which nobody asks now, and why."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = sites.every(db)
    rows = [
        (site.site, _standing(site), site.refusals, site.waiting, site.why if site.closed_until else "")
        for site in found
    ]
    voice = Voice(as_json)
    voice.show(console.table(f"{len(rows)} sites", ("site", "state", "refusals", "waiting", "why"), rows))
    voice.result({"sites": [as_dict(site) for site in found]})


@app.command("open")
def open_(site: Annotated[str, typer.Argument(help="Its name in `site list`.")]) -> None:
    """Have a site be asked again at once, and everything that it refused; look at it in a browser before."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        if not sites.reopen(db, site):
            raise WrongUse(f"{site} was never asked: `lastseen site list` shows the sites")
        alerts.end(db, alerts.SITE_CLOSED, f"site:{site}")
    say(f"{plain(site)} is asked again from now on")


@app.command()
def cookies(
    name: Named,
    site: Annotated[str, typer.Option("--site", help="The site that they are for, such as youtube.com.")],
    path: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A Netscape cookies file; unless given, standard input.")
    ] = None,
) -> None:
    """Keep cookies, encrypted, for sources that are read as this account (`site use`).

    Those of other sites are left out.  What a site changes about them during a visit is not kept.
    """
    said = _read(path)
    jar = cookie_files.read(said, site.strip().lower())
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        key = office_keys.secrets(db, current)
        made = site_accounts.keep_cookies(db, name, jar, key, local_actor())
        alerts.end(db, alerts.COOKIES_EXPIRED, f"site account:{made}")
    ended = sum(end <= utcnow() for end in jar.ends)
    say(
        f"{len(jar.names)} cookies for {plain(site)} kept as {plain(name)}; {jar.others} of other sites left out"
        + (f"; [yellow]{ended} of them have expired[/]" if ended else "")
    )


@app.command()
def proxy(name: Named) -> None:
    """Have what is read under this name (`site use`) go through a proxy.

    Its address is asked for, or read from standard input: http://HOST:PORT or socks5h://HOST:PORT.
    """
    said = typer.prompt("Proxy", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read(4096)
    address, shown = cookie_files.proxy(said)
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        key = office_keys.secrets(db, current)
        site_accounts.keep_proxy(db, name, address, shown, key, local_actor())
    say(f"what is read as {plain(name)} goes through {plain(shown)}")


@app.command()
def use(
    source: Annotated[int, typer.Argument(help="Its id in `source list`.")],
    name: Annotated[str, typer.Argument(metavar=f"NAME|{NOBODY}", help="Cookies or proxy by this name, or neither.")],
) -> None:
    """Have a source be read with the cookies and through the proxy of this name."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        site_accounts.use(db, source, None if name == NOBODY else name)
    say(f"source {source} is read as {plain(name)}")


@app.command()
def forget(name: Named) -> None:
    """Delete the cookies and the proxy of this name."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        gone = site_accounts.forget(db, name)
        alerts.end(db, alerts.COOKIES_EXPIRED, f"site account:{gone}")
    say(f"{plain(name)} is forgotten")


@app.command()
def accounts(as_json: AsJson = False) -> None:
    """Show what there is of cookies (their names only) and proxies, and which sources are read with them."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = site_accounts.every(db)
    names = ("name", "cookies", "expired", "next end", "proxy", "sources")
    rows = [
        (
            one.name,
            " ".join(one.cookie_names),
            one.ended,
            iso(one.next_end) if one.next_end else "",
            one.proxy_host,
            " ".join(map(str, one.sources)),
        )
        for one in found
    ]
    voice = Voice(as_json)
    voice.show(console.table(f"{len(rows)} names", names, rows))
    told = [
        {
            "name": one.name,
            "cookies": list(one.cookie_names),
            "expired": one.ended,
            "next_end": iso(one.next_end) if one.next_end else None,
            "proxy": one.proxy_host,
            "sources": list(one.sources),
        }
        for one in found
    ]
    voice.result({"accounts": told})


def as_dict(site: Site) -> dict[str, object]:
    """For scripts."""
    return {
        "site": site.site,
        "closed_until": iso(site.closed_until) if site.closed_until else None,
        "refusals": site.refusals,
        "outcome": site.outcome or None,
        "why": site.why,
        "refused_at": iso(site.refused_at) if site.refused_at else None,
        "answered_at": iso(site.answered_at) if site.answered_at else None,
        "waiting": site.waiting,
    }


def _standing(site: Site) -> str:
    return f"closed until {iso(site.closed_until)} ({site.outcome})" if site.closed_until else "open"


def _read(path: Path | None) -> str:
    if path is None:
        return sys.stdin.read(cookie_files.LONGEST + 1)
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(cookie_files.LONGEST + 1)
    except UnicodeDecodeError:
        raise WrongUse(f"{path} is no text: export the cookies as a Netscape cookies file") from None
    except OSError as fault:
        raise WrongUse(f"{path} cannot be read: {fault.strerror}") from fault
