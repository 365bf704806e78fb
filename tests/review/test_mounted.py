"""The pages under a path of another server."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from lastseen.settings import Settings
from review import mounted
from review.__main__ import server
from review.app import create_app
from review.doors import SESSION_COOKIE
from review.roles import Role
from storage import accounts
from storage.stores import Stores
from tests.review.conftest import DEADLINE, Browser, Site
from tests.review.seeding import Story, seed

ROOT = "/lastseen"
ADDRESSES = re.compile(r'\s(?:href|src|action|formaction|poster|data-here)="(/[^"]*)"')


@pytest.fixture
def under(stores: Stores, settings: Settings) -> Iterator[Site]:
    """The application under a path; addresses of the site are those of the server around it."""
    app = Starlette(routes=[Mount(ROOT, create_app(stores, settings))])
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as leaving:
        serves = server(app)
        thread = threading.Thread(target=serves.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", stores, leaving)
        finally:
            leaving.close()
            serves.should_exit = True
            thread.join(DEADLINE)


def everywhere(browser: Browser, path: str) -> str:
    """A page, all of whose addresses lie under the path, and are there."""
    page = browser.get(path)
    assert page.status_code == 200, path
    found = set(ADDRESSES.findall(page.text))
    assert found
    assert all(address.startswith(f"{ROOT}/") for address in found), found
    for address in found:
        if "/static/" in address or address.endswith(".jpg"):
            assert browser.get(address).status_code == 200, address
    return page.text


def test_one_signs_in_takes_a_review_and_goes_on_under_the_path(under: Site) -> None:
    seed(under.stores, Story(text='<a href="/x">', title=' href="/y"'))
    with under.stores.db.begin() as db:
        accounts.add_user(db, "ada", "a long enough password", [Role.SENIOR])
    browser = under.browser()
    assert browser.get(f"{ROOT}/status").headers["location"] == f"{ROOT}/sign-in?next=%2Fstatus"
    everywhere(browser, f"{ROOT}/sign-in?next=/status")
    signed = browser.submit(f"{ROOT}/sign-in", name="ada", password="a long enough password", next="/status")
    assert signed.headers["location"] == f"{ROOT}/status"
    (cookie,) = [one for one in browser.cookies.jar if one.name == SESSION_COOKIE]
    assert cookie.path == ROOT
    for path in ("/", "/status", "/judgements", "/sightings", "/account", "/unaccounted"):
        everywhere(browser, ROOT + path)
    assert browser.get(f"{ROOT}/").text.count('aria-current="page"') == 1
    review = browser.submit(f"{ROOT}/reviews").headers["location"]
    assert review.startswith(f"{ROOT}/reviews/")
    everywhere(browser, review)
    told = browser.get(f"{ROOT}/api/v1/reviews/{review.rpartition('/')[2]}").json()
    assert browser.get(told["shots"][0]["address"]).status_code == 200
    assert browser.get(f"{ROOT}/api/openapi.json").json()["servers"] == [{"url": ROOT}]


def test_only_whoever_mounts_the_pages_may_frame_them(under: Site, site: Site) -> None:
    said = under.browser().get(f"{ROOT}/sign-in").headers
    assert "frame-ancestors 'self'" in said["content-security-policy"]
    assert said["x-frame-options"] == "SAMEORIGIN"
    alone = site.browser().get("/sign-in").headers
    assert "frame-ancestors 'none'" in alone["content-security-policy"]
    assert alone["x-frame-options"] == "DENY"


def test_a_page_that_leads_on_by_itself_leads_to_where_the_pages_are(under: Site) -> None:
    elsewhere = under.browser(**{"Sec-Fetch-Site": "cross-site"})
    assert f'content="0;url={ROOT}/sign-in?next=%2Fhints"' in elsewhere.get(f"{ROOT}/sign-in?next=%2Fhints").text


def test_only_our_own_addresses_are_moved() -> None:
    html = '<a href="/a">/b</a> <a href="//c.example/"> <a href="https://d.example/"> <i title="/e"> href=&#34;/f&#34;'
    moved = (
        '<a href="/r/a">/b</a> <a href="//c.example/"> <a href="https://d.example/"> <i title="/e"> href=&#34;/f&#34;'
    )
    assert mounted.page(html, "/r") == moved
    assert mounted.page(html, "") == html
