"""Forms and calls that another site has somebody's browser send, at every door that changes something."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import pytest

from lastseen.settings import Settings
from review.app import doors
from review.doors import FORM_COOKIE, SESSION_COOKIE, TOKEN_FIELD, TOKEN_HEADER, Door, form_token
from review.roles import Role
from storage import accounts
from storage.accounts import User
from storage.stores import Stores
from tests.review.conftest import Browser, Site, serving
from tests.review.test_doors import filled
from tests.review.things import KINDS, Relation

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FIELDS = {"reason": "x", "receiver": "x", "recipient": "x", "name": "other", "role.analyst": "on", "language": "uk"}


@pytest.fixture
def site(stores: Stores, settings: Settings) -> Iterator[Site]:
    """The pages for somebody who asks as often as they like."""
    with serving(stores, settings.model_copy(update={"requests_a_minute": 0})) as served:
        yield served


@pytest.fixture
def victim(site: Site) -> User:
    with site.stores.db.begin() as db:
        return accounts.add_user(db, "victim", "river lantern otter stone", list(Role))


def changing(site: Site, user: User, *, json: bool) -> Iterator[tuple[Door, str]]:
    """Each door that changes something, with something of one's own behind it."""
    for door in doors():
        assert isinstance(door, Door)
        if door.method == "POST" and door.takes_json == json:
            values = KINDS[door.names].values(site.stores, Relation.OWN, user, user) if door.names else {}
            yield door, filled(door.path, values or {})


def state(site: Site) -> tuple[int, int]:
    """What a forged form would change: events, and sessions."""
    with site.stores.db.begin() as db:
        return len(site.log()), sum(one.sessions for one in accounts.listed(db))


def forged(browser: Browser, before_sign_in: str, another: str) -> Iterator[tuple[str, Mapping[str, str], str]]:
    """(why it is refused, headers, body)."""
    right = form_token(browser.cookies[SESSION_COOKIE])
    for why, token in (("none", ""), ("before sign-in", before_sign_in), ("another browser's", another)):
        yield why, FORM, urlencode({TOKEN_FIELD: form_token(token) if token else "", **FIELDS})
    for where in ("cross-site", "same-site"):
        yield where, {**FORM, "Sec-Fetch-Site": where}, urlencode({TOKEN_FIELD: right, **FIELDS})
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json", ""):
        yield kind, {"Content-Type": kind}, urlencode({TOKEN_FIELD: right, **FIELDS})


def test_a_forged_form_does_nothing_at_any_door(site: Site, victim: User) -> None:
    browser, other = site.as_user(victim), site.as_user(victim)
    stranger = site.browser()
    stranger.get("/sign-in")
    early = stranger.cookies[FORM_COOKIE]
    browser.cookies.set(FORM_COOKIE, early, domain="127.0.0.1")
    for _, path in changing(site, victim, json=False):
        before = state(site)
        for why, headers, sent in forged(browser, early, other.cookies[SESSION_COOKIE]):
            answer = browser.post(path, headers=headers, content=sent)
            assert answer.status_code in {403, 415}, (path, why)
        assert state(site) == before, path


def test_a_browsers_cookie_alone_calls_nothing_of_the_api(site: Site, victim: User) -> None:
    browser, other = site.as_user(victim), site.as_user(victim)
    right, wrong = (form_token(one.cookies[SESSION_COOKIE]) for one in (browser, other))
    for _, path in changing(site, victim, json=True):
        before = state(site)
        for headers in ({}, {TOKEN_HEADER: ""}, {TOKEN_HEADER: wrong}, {"Authorization": "Basic eDp5"}):
            assert browser.post(path, json={"reason": "x"}, headers=headers).status_code == 403, path
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            sent = {"Content-Type": kind, TOKEN_HEADER: right}
            assert browser.post(path, content=b'{"reason": "x"}', headers=sent).status_code == 415, path
        assert state(site) == before, path


def test_no_page_lets_another_site_read_its_answers(site: Site, victim: User) -> None:
    browser = site.as_user(victim)
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for path in ("/session", "/account", "/api/v1/me", "/sign-in"):
        for answer in (browser.get(path, headers=asks), browser.request("OPTIONS", path, headers=asks)):
            assert not [name for name in answer.headers if name.startswith("access-control-")], path
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
