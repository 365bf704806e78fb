"""A real browser before the real pages: Chromium, by Playwright.

Playwright's event loop stays in the thread that started it, so it lives no longer than a module: tests of other
modules on the same worker start loops of their own.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no stubs
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from review.doors import SESSION_COOKIE
from review.roles import Role
from storage import accounts
from storage.accounts import User
from tests.review.conftest import Site

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[3] / "build" / "screenshots"
"""where tests leave what they saw, for people to look at"""
NOWHERE_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""not by routing requests, which would turn the browser's cache off"""
LAPTOP, TABLET = (1366, 768), (1024, 768)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""those of the rules that a change of colours, and of nothing else, can break"""
PATIENCE_MS = 10_000


class Chromium:
    """A browser in which each person has a window of their own; it notes whatever goes wrong in them."""

    def __init__(self, browser: Browser, site: Site, leaving: ExitStack) -> None:
        self._browser, self._site, self._leaving = browser, site, leaving
        self.faults: list[str] = []
        """errors of scripts, what the content policy refused, and requests that would have left the machine"""
        self.asked: list[str] = []
        """paths that were asked for, in their order"""

    def user(self, name: str, *roles: Role) -> User:
        """A new account."""
        with self._site.stores.db.begin() as db:
            return accounts.add_user(db, name, None, roles)

    def window(
        self,
        user: User | None = None,
        size: tuple[int, int] = LAPTOP,
        *,
        dark: bool = False,
        still: bool = False,
        touch: bool = False,
        scripts: bool = True,
        language: str = "en-GB",
    ) -> Page:
        """A window with cookies of its own, signed in as `user`.  `still`: who uses it wants no motion."""
        context = self._browser.new_context(
            base_url=self._site.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
            has_touch=touch,
            java_script_enabled=scripts,
            locale=language,
        )
        self._leaving.callback(context.close)
        context.set_default_timeout(PATIENCE_MS)
        context.on("request", self._note)
        context.on("console", self._listen)
        context.on("weberror", lambda fault: self.faults.append(str(fault.error)))
        if user:
            self.sign_in(context, user)
        return context.new_page()

    def sign_in(self, context: BrowserContext, user: User) -> None:
        """Give the windows of a context this user's session."""
        with self._site.stores.db.begin() as db:
            token = accounts.start_session(db, user)
        context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": self._site.url}])

    def _note(self, request: Request) -> None:
        parts = urlsplit(request.url)
        self.asked.append(parts.path)
        if parts.scheme in {"http", "https"} and parts.netloc != urlsplit(self._site.url).netloc:
            self.faults.append(f"asked for {request.url}")

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(message.text)


@pytest.fixture(scope="module")
def chromium_itself() -> Iterator[Browser]:
    """One Chromium for a module."""
    if not CHROMIUM.exists():
        missing = f"there is no browser at {CHROMIUM}: apt-get install chromium"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", NOWHERE_ELSE])
        yield browser
        browser.close()


@pytest.fixture
def chromium(chromium_itself: Browser, site: Site) -> Iterator[Chromium]:
    """The browser; a script's error in any of its windows fails the test."""
    with ExitStack() as leaving:
        made = Chromium(chromium_itself, site, leaving)
        yield made
    if made.faults:
        pytest.fail("in the browser:\n" + "\n".join(made.faults))


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep a picture of what the page shows."""
    path = PICTURES / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=whole)


def inaccessible(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """What breaks the rules of WCAG 2.2 AA, or only these, on this page, as axe sees it: rule and element."""
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
    every = {} if rules else {"target-size": {"enabled": True}}
    options = {"runOnly": only, "rules": every, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options)
    return [
        f"{broken['id']}: {node['html'][:160]}" for broken in found.response["violations"] for node in broken["nodes"]
    ]
