"""Who may pass which door, for every door, every role and the street."""

import re
import socket
from collections import defaultdict
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lastseen.settings import Settings
from review.app import doors
from review.doors import API, SESSION_COOKIE, Door
from review.roles import ANY_ROLE, Role
from storage import accounts
from storage.accounts import Awaits
from storage.stores import Stores
from tests.review.conftest import Browser, Site, serving
from tests.review.test_pages import HEADERS
from tests.review.things import KINDS, Relation, Values

REFUSED = "Not for this account"
SIGN_IN, TURNED_AWAY, HIDDEN, TOLD, PASSED = "sent to sign in", "turned away", "hidden", "told why not", "passed"
MISSENT = "told what is wrong with what was sent"

SHOWN_ALTHOUGH_SEALED = {"/candidates/{id:int}", "/api/v1/candidates/{id:int}"}
"""its page says why it is closed"""
SIGNS_OUT = ("/account", "/enter", "/sign-in", "/sign-out")
"""how doors begin by which a browser may be signed out, or signed in as somebody else"""
STREET, HALFWAY = "street", "halfway"
"""who is not signed in at all, and who has still to give a second factor; all others are roles"""


def outcome(answer: httpx.Response) -> str:
    """What came of a request, whatever the page looks like."""
    if answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"):
        return SIGN_IN
    if answer.status_code == 401 or (answer.status_code == 403 and REFUSED in answer.text):
        return TURNED_AWAY
    if answer.status_code in {400, 422}:
        return MISSENT
    if answer.status_code in {403, 409, 410}:
        return TOLD
    return {404: HIDDEN}.get(answer.status_code, PASSED if answer.status_code < 400 else str(answer.status_code))


def lets_in(door: Door, who: str) -> bool:
    """What the door's declaration says."""
    return door.anyone or who in door.roles or (door.halfway and who == HALFWAY)


def expected(door: Door, who: str, relation: Relation | None) -> set[str]:
    """Outcomes that fit the declaration.  Whoever is not let in learns nothing of what the address names."""
    if not lets_in(door, who):
        signed_out = who in {STREET, HALFWAY} and not door.picture and door.method == "GET"
        return {SIGN_IN if signed_out else TURNED_AWAY}
    if who == HALFWAY and door.halfway:
        return {PASSED, SIGN_IN, HIDDEN}
    acts = {TOLD, MISSENT} if door.method == "POST" or door.anyone else set()
    match relation:
        case Relation.SEALED if door.path in SHOWN_ALTHOUGH_SEALED:
            return {PASSED}
        case Relation.SEALED | Relation.NONE:
            return {HIDDEN} | acts
        case Relation.OTHER if KINDS[door.names].personal:
            return {HIDDEN} | ({MISSENT} if door.takes_json else set())  # JSON is read before anything is looked for
    return {PASSED, SIGN_IN} | acts if door.anyone or door.method == "POST" else {PASSED}


class Corridor:
    """Everybody who may come to a door, and what they may find behind it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        with site.stores.db.begin() as db:
            self.users = {role.value: accounts.add_user(db, f"the.{role}", None, [role]) for role in Role}
            self.users[HALFWAY] = accounts.add_user(db, "half.way", None, ANY_ROLE)
            self.users[STREET] = self.other = accounts.add_user(db, "some.other", None, ANY_ROLE)
        self._kept: dict[tuple[str, Relation, str], Values | None] = {}
        self._browsers: dict[str, Browser] = {}

    def arrivals(self, door: Door) -> Iterator[tuple[str, Relation | None, str]]:
        """(who, what they have to do with the thing, address)."""
        for who in self.users:
            for relation in Relation if door.names else (None,):
                values = self._values(door, who, relation) if relation else {}
                if values is not None:
                    yield who, relation, filled(door.path, values)

    def _values(self, door: Door, who: str, relation: Relation) -> Values | None:
        """A thing is made anew for whoever may change it, or whose it is; what cannot be reached is made once."""
        kind = KINDS[door.names]
        reached = relation is Relation.OWN or (relation is Relation.OTHER and not kind.personal)
        changed = kind.personal or door.method == "POST" or door.anyone  # a pause gives back what is one's own
        if reached and changed and lets_in(door, who):
            return kind.values(self.site.stores, relation, self.users[who], self.other)
        whose = who if kind.personal and relation is not Relation.OTHER and lets_in(door, who) else ""
        key = (door.names, relation, whose)
        if key not in self._kept:
            self._kept[key] = kind.values(self.site.stores, relation, self.users[who], self.other)
        return self._kept[key]

    def knock(self, door: Door, who: str, path: str) -> httpx.Response:
        """As the door's method wants it, with the token of a form of ours."""
        browser = self._browser(who)
        if door.anyone or (lets_in(door, who) and door.path.startswith(SIGNS_OUT)):
            self._browsers.pop(who)
        if door.method != "POST":
            return browser.get(path)
        return browser.tell(path, {}) if door.takes_json else browser.submit(path, name=f"x.{who}", password="x")

    def _browser(self, who: str) -> Browser:
        if who not in self._browsers:
            if who == STREET:
                self._browsers[who] = self.site.browser()
                self._browsers[who].get("/sign-in")
            else:
                awaits = Awaits.CODE if who == HALFWAY else Awaits.NOTHING
                self._browsers[who] = self.site.as_user(self.users[who], awaits=awaits)
        return self._browsers[who]


def of_api(door: Door) -> bool:
    """Whether it is for programs."""
    return door.path.startswith(API)


def filled(path: str, values: Values) -> str:
    """An address with its parts filled in."""
    return re.sub(r"{(\w+)(?::\w+)?}", lambda part: str(values[part[1]]), path)


def somewhere(door: Door) -> str:
    """An address behind which there is nothing."""
    return filled(door.path, defaultdict(lambda: "1", token=uuid4()))


def test_every_door_says_whom_it_lets_in_and_what_its_address_names() -> None:
    for door in doors():
        assert isinstance(door, Door)
        assert door.anyone or door.roles, f"{door.path} names nobody: say why, or open it"
        assert ("{" in door.path) == bool(door.names), f"{door.path}: say what it names (names=...), or nothing"
        assert not door.names or door.names in KINDS, f"tests/review/things.py does not know what a {door.names} is"


def test_every_door_lets_in_whom_it_names_and_nobody_else(stores: Stores, ours: Settings) -> None:
    """Each door, for everybody, with one's own thing, another person's, a sealed one, and one that is not there."""
    with serving(stores, ours.model_copy(update={"requests_a_minute": 0})) as site:
        assert mistakes(Corridor(site)) == []


def mistakes(corridor: "Corridor") -> list[str]:
    """What does not fit the doors' declarations."""
    wrong = []
    for door in doors():
        assert isinstance(door, Door)
        for who, relation, path in corridor.arrivals(door):
            answer = corridor.knock(door, who, path)
            kept = answer.headers["cache-control"]
            assert {**HEADERS, "cache-control": kept}.items() <= dict(answer.headers).items(), path
            whole = (
                door.names in ("report", "year_report") and answer.status_code == 200
            )  # it holds its own style, and loads nothing
            policy = "default-src 'none'; style-src 'unsafe-inline';" if whole else "default-src 'self';"
            assert answer.headers["content-security-policy"].startswith(policy), path
            assert "no-store" in kept or "private" in kept or door.names == "static", path
            got = outcome(answer)
            if got not in expected(door, who, relation):
                wrong.append(f"{door.method} {path} as {who}, {relation}: {got}, not {expected(door, who, relation)}")
    return wrong


def test_a_script_that_is_not_signed_in_is_told_so_in_json(site: Site) -> None:
    script = site.browser(Accept="application/json")
    for door in doors():
        if isinstance(door, Door) and not door.anyone:
            path = somewhere(door)
            answer = script.get(path) if door.method == "GET" else script.post(path)
            told = answer.json()
            assert answer.status_code == 401, door.path
            assert told["title"] == "Not signed in" if of_api(door) else told["error"] == "signed_out", door.path


def test_the_auditor_and_the_administrator_see_no_faces() -> None:
    for door in doors():
        assert isinstance(door, Door)
        if (
            door.path.removeprefix("/api/v1").startswith(
                ("/media", "/candidates", "/register", "/videos", "/unaccounted", "/cast", "/groups")
            )
            or door.path == "/"
        ):
            assert not {Role.AUDITOR, Role.ADMINISTRATOR} & door.roles


@pytest.mark.parametrize("path", ["/plain", "/unsaid"])
def test_a_route_that_declares_nothing_is_shut_for_everyone(stores: Stores, settings: Settings, path: str) -> None:
    def secret(_request: Request) -> Response:
        return PlainTextResponse("secret")

    routes = [*doors(), Route("/plain", secret), Door("/unsaid", secret)]
    with serving(stores, settings, routes) as site:
        for browser in (site.browser(), site.signed_in(Role.ADMINISTRATOR), site.signed_in(*Role)):
            answer = browser.get(path)
            assert answer.status_code == 403
            assert "secret" not in answer.text


def test_an_unknown_role_in_the_database_opens_nothing(site: Site) -> None:
    with site.stores.db.begin() as db:
        user = accounts.add_user(db, "odd", None, ["superuser"])
    browser = site.as_user(user)
    assert {browser.get(path).status_code for path in ("/", "/status", "/account")} == {403}


def test_only_the_declared_method_is_answered(site: Site) -> None:
    browser = site.signed_in(*Role)
    assert browser.submit("/").status_code == 405
    assert browser.head("/status").status_code == 405
    assert browser.get("/sign-out").status_code == 405


def test_who_leaves_in_the_middle_of_a_form_is_no_error(stores: Stores, settings: Settings) -> None:
    with serving(stores, settings) as site:
        browser = site.signed_in(Role.ANALYST)
        address = httpx.URL(site.url)
        cookie = f"Cookie: {SESSION_COOKIE}={browser.cookies[SESSION_COOKIE]}"
        head = f"POST /reviews HTTP/1.1\r\nHost: {address.host}\r\n{cookie}"
        form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntoken=half"
        with socket.create_connection((address.host, address.port or 0)) as leaving:
            leaving.sendall(f"{head}\r\n{form}".encode())
        assert browser.get("/").status_code == 200
