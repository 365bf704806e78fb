"""The real application, served by the real server on loopback."""

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TypeVar

import httpx
import pytest
import uvicorn.server
from pydantic import SecretStr
from starlette.routing import BaseRoute

from lastseen.settings import Settings
from review.__main__ import server
from review.app import create_app
from review.doors import FORM_COOKIE, SESSION_COOKIE, TOKEN_FIELD, TOKEN_HEADER, form_token
from review.roles import Role
from storage import accounts, custody, judgements
from storage.accounts import Awaits, User
from storage.custody import Event
from storage.stores import Stores
from tests.servers.oidc import CLIENT, SECRET, OpenIdProvider
from tests.storage.judged import account, give

DEADLINE = 10
KEEPS = httpx.Limits(keepalive_expiry=1)
"""seconds; the server lets an idle connection go after five, and whoever comes at that moment has nobody at the door"""
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""the pages are in plain HTTP on loopback, and reading the certificates for each browser takes longer than a visit"""

HASTE = 20
"""Uvicorn looks every 0.1 s whether it is to end, and waits as long before it does.  At hundreds of ends that is
minutes in which nothing happens, so its naps are so much shorter here."""
vars(uvicorn.server)["asyncio"] = SimpleNamespace(
    **{**vars(asyncio), "sleep": lambda seconds: asyncio.sleep(seconds / HASTE)}
)


class Browser(httpx.Client):
    """A browser with its own cookies, that follows no redirect by itself."""

    def submit(self, path: str, **fields: str) -> httpx.Response:
        """Post a form with the token that belongs to this browser's cookie."""
        cookie = self.cookies.get(SESSION_COOKIE) or self.cookies.get(FORM_COOKIE) or ""
        return self.post(path, data={TOKEN_FIELD: form_token(cookie), **fields})

    def enter(self, token: str, next_: str = "/") -> httpx.Response:
        """Open a one-time link and press its button; what the link says instead where it has none."""
        page = self.get(f"/enter/{token}", params={"next": next_})
        shown = re.search(r'name="next" value="([^"]*)"', page.text)
        return self.submit(f"/enter/{token}", next=shown[1]) if shown else page

    def tell(self, path: str, body: object) -> httpx.Response:
        """Post JSON as a script of this browser's does."""
        cookie = self.cookies.get(SESSION_COOKIE) or self.cookies.get(FORM_COOKIE) or ""
        return self.post(path, json=body, headers={TOKEN_HEADER: form_token(cookie)})


Visiting = TypeVar("Visiting", bound=Browser)


class Site:
    """The pages on a loopback port, and browsers that visit them."""

    def __init__(self, url: str, stores: Stores, leaving: ExitStack) -> None:
        self.url = url
        self.stores = stores
        self._leaving = leaving
        self._users = 0

    def browser(self, **headers: str) -> Browser:
        """A browser that is not signed in."""
        return self.visited_by(
            Browser(base_url=self.url, headers=headers, trust_env=False, timeout=DEADLINE, limits=KEEPS, verify=NO_TLS)
        )

    def visited_by(self, browser: Visiting) -> Visiting:
        """Close it when the site closes."""
        self._leaving.enter_context(browser)
        return browser

    def as_user(self, user: User, awaits: Awaits = Awaits.NOTHING) -> Browser:
        """A browser that this user is signed in with, or halfway in."""
        with self.stores.db.begin() as db:
            token = accounts.start_session(db, user, awaits=awaits)
        browser = self.browser()
        browser.cookies.set(SESSION_COOKIE, token, domain="127.0.0.1")
        return browser

    def signed_in(self, *roles: Role) -> Browser:
        """A browser with a new account's session."""
        self._users += 1
        with self.stores.db.begin() as db:
            user = accounts.add_user(db, f"user{self._users}", None, roles)
        return self.as_user(user)

    def reader(self, candidate: int, name: str = "ann", answer: int = 2) -> Browser:
        """A browser of an analyst who has answered on a candidate: its record is open to them."""
        with self.stores.db.begin() as db:
            user = account(db, name)
            if not judgements.has_judged(db, user, candidate):
                give(db, user, candidate, answer)
        return self.as_user(user)

    def log(self) -> list[Event]:
        """The custody log."""
        with self.stores.db.begin() as db:
            return list(custody.events(db))


@contextmanager
def serving(stores: Stores, settings: Settings, routes: list[BaseRoute] | None = None) -> Iterator[Site]:
    """Serve the application from a thread until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as leaving:
        serves = server(create_app(stores, settings, routes))
        thread = threading.Thread(target=serves.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", stores, leaving)
        finally:
            leaving.close()
            serves.should_exit = True
            thread.join(DEADLINE)


@pytest.fixture
def site(stores: Stores, settings: Settings) -> Iterator[Site]:
    """The pages as they are."""
    with serving(stores, settings) as served:
        yield served


@pytest.fixture
def analyst(site: Site) -> Browser:
    """A browser of an analyst."""
    return site.signed_in(Role.ANALYST)


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as served:
        yield served


@pytest.fixture
def ours(settings: Settings, provider: OpenIdProvider) -> Settings:
    """Settings with that provider."""
    given = {
        "oidc_issuer": provider.url,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_roles": (("analysts", Role.ANALYST), ("chiefs", Role.ADMINISTRATOR)),
    }
    return settings.model_copy(update=given)


def picture_addresses(page: str) -> list[str]:
    """What a page would load besides its style."""
    return re.findall(r'(?:src|poster)="(/(?:media|candidates)/[^"]+)"', page)


def texts(values: Iterable[Event]) -> list[tuple[str, str, str]]:
    """(actor, action, subject) of each event."""
    return [(event.actor, event.action, event.subject) for event in values]
