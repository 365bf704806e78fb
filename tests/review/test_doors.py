"""Who may pass which door, for every door, every role and the street."""

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lastseen.settings import Settings
from review.app import doors
from review.doors import Door
from review.roles import ANY_ROLE, Role
from storage import accounts
from storage.stores import Stores
from tests.review.conftest import Browser, Site, serving
from tests.review.seeding import Seeded, seed

REFUSED = "Not for this account"
OF_CASES = ("/media", "/candidates", "/register", "/videos", "/unaccounted", "/cast")
"""what auditors and administrators have no business with"""


def everyone_else_gets(door: Door) -> str:
    return "refused" if door.picture or door.method == "POST" else "sent to sign in"


def outcome(browser: Browser, door: Door, path: str) -> str:
    answer = browser.submit(path, name="x", password="x") if door.method == "POST" else browser.get(path)
    if answer.status_code == 303 and answer.headers["location"].startswith("/sign-in?next="):
        return "sent to sign in"
    if answer.status_code == 303 and path == "/" and answer.headers["location"] == "/sign-in":
        return "sent to sign in"
    return "refused" if REFUSED in answer.text else "passed"


def filled(door: Door, seeded: Seeded, token: str) -> str:
    kind = door.path.split("/")[-2]
    shot, photo = seeded.shots[0], seeded.photo
    id_ = {"crop": shot, "face": shot, "reference": photo, "photo": photo}.get(kind, seeded.candidate)
    values = {"id:int": id_, "token": token, "name": "review.css", "blob": seeded.blob, "ending": "csv"}
    path = door.path
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


def test_every_door_lets_in_whom_it_names_and_nobody_else(site: Site) -> None:
    seeded = seed(site.stores)
    wrong = []
    for door in doors():
        assert isinstance(door, Door)
        assert door.anyone or door.roles, f"{door.path} names nobody: say why, or open it"
        for role in (None, *Role):
            browser = site.browser() if role is None else site.signed_in(role)
            if role is None:
                browser.get("/sign-in")
            with site.stores.db.begin() as db:
                token = accounts.make_link(db, accounts.add_user(db, f"{role}{id(door)}", None, ANY_ROLE).name)
            got = outcome(browser, door, filled(door, seeded, token))
            if door.anyone or role in door.roles:
                expected = "passed"
            else:
                expected = everyone_else_gets(door) if role is None else "refused"
            if got != expected:
                wrong.append(f"{door.method} {door.path} as {role}: {got}, not {expected}")
    assert wrong == []


def test_the_auditor_and_the_administrator_see_no_faces() -> None:
    for door in doors():
        assert isinstance(door, Door)
        if (
            door.path.startswith(("/media", "/candidates", "/register", "/videos", "/unaccounted", "/cast"))
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
