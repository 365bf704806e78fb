"""One's own account, and keeping everybody's."""

import re

import pytest
from sqlalchemy import text

from lastseen.preferences import Preferences
from review.roles import Role
from storage import accounts, keeping_accounts, lockouts
from storage.accounts import User
from tests.review.conftest import Browser, Site, texts
from tests.review.test_pages import faults

PASSWORD = "river lantern otter stone"


@pytest.fixture
def olena(site: Site) -> User:
    with site.stores.db.begin() as db:
        return accounts.add_user(db, "olena", PASSWORD, [Role.ANALYST])


@pytest.fixture
def chief(site: Site) -> Browser:
    return site.signed_in(Role.ADMINISTRATOR)


def found(site: Site, user: User) -> User:
    with site.stores.db.begin() as db:
        kept = accounts.user_of(db, user.id)
    assert kept is not None
    return kept


def test_preferences_are_kept_and_shown_again(site: Site, olena: User) -> None:
    browser = site.as_user(olena)
    saved = browser.submit("/account/preferences", language="uk", greyscale="on", cap="40")
    assert saved.status_code == 303
    assert found(site, olena).preferences == Preferences("uk", greyscale=True, cover=False, cap=40)
    page = browser.get(saved.headers["location"]).text
    assert faults(page) == []
    assert 'value="uk" lang="uk" selected' in page
    assert re.search(r'name="greyscale" checked.*name="small">.*name="cover">.*value="40"', page, re.DOTALL)
    for wrong in ({"cap": "none"}, {"language": "xx"}):
        assert browser.submit("/account/preferences", **wrong).status_code == 422
    assert found(site, olena).preferences.cap == 40


def test_ones_browsers_are_listed_and_signed_out_one_by_one_or_all(site: Site, olena: User) -> None:
    here, there, third = (site.as_user(olena) for _ in range(3))
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE sessions SET browser = '<b>Firefox</b>\u202e', address = '192.0.2.1'"))
    page = here.get("/account").text
    assert page.count("&lt;b&gt;Firefox&lt;/b&gt;</bdi>") == 3
    assert page.count("this one") == 1
    with site.stores.db.begin() as db:
        newest = accounts.browsers(db, olena)[0].id
    assert here.submit(f"/account/browsers/{newest}/end").headers["location"] == "/account"
    assert (third.get("/").status_code, there.get("/").status_code) == (303, 200)
    assert here.submit("/account/browsers/end").headers["location"] == "/sign-in"
    assert (here.get("/").status_code, there.get("/").status_code) == (303, 303)
    assert [event.detail for event in site.log() if event.action == "signed out"] == [{"browsers": 1}, {"browsers": 2}]


def test_an_account_is_made_with_a_link_that_is_shown_once(site: Site, chief: Browser) -> None:
    fields = {"name": "Petro", "role.analyst": "on", "role.register_keeper": "on"}
    page = chief.submit("/users", **fields).text
    assert faults(page) == []
    shown = re.search(r"<code>http://[^/]+/enter/([\w-]+)</code>", page)
    assert shown
    assert shown[1] not in chief.get("/users").text
    petro = site.browser()
    assert petro.enter(shown[1]).status_code == 303
    assert petro.get("/register").status_code == 200
    told = [(event.actor, event.action, event.detail) for event in site.log()[:2]]
    assert told == [
        ("user1", "account added", {"roles": ["analyst", "register_keeper"]}),
        ("user1", "sign-in link made", {}),
    ]


@pytest.mark.parametrize(
    "fields", [{"name": "a b", "role.analyst": "on"}, {"name": "petro"}, {"name": "olena", "role.analyst": "on"}]
)
def test_an_account_that_cannot_be_made_is_said(
    site: Site, chief: Browser, olena: User, fields: dict[str, str]
) -> None:
    answer = chief.submit("/users", **fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert site.log() == []


def test_roles_are_changed_for_a_reason_and_at_once(site: Site, chief: Browser, olena: User) -> None:
    browser, path = site.as_user(olena), f"/users/{olena.id}/roles"
    assert browser.get("/").status_code == 200
    assert chief.submit(path, **{"role.auditor": "on"}).status_code == 422
    assert chief.submit(path, reason="none").status_code == 422
    assert found(site, olena).roles == ("analyst",)
    assert chief.submit(path, **{"role.auditor": "on"}, reason="moves to the audit").status_code == 303
    assert browser.get("/log").status_code == 303, "for a new role one signs in anew"
    assert site.as_user(found(site, olena)).get("/").status_code == 403
    (event,) = site.log()
    assert event.detail == {"before": ["analyst"], "roles": ["auditor"]}
    assert (event.subject, event.reason) == (f"user:{olena.id}", "moves to the audit")


def test_an_account_is_disabled_and_let_in_again(site: Site, chief: Browser, olena: User) -> None:
    browser = site.as_user(olena)
    for act, status in (("disable", 303), ("disable", 409), ("enable", 303), ("enable", 409)):
        assert chief.submit(f"/users/{olena.id}/{act}", reason="on leave").status_code == status, act
        if act == "disable":
            assert chief.submit(f"/users/{olena.id}/link").status_code == 409
            assert browser.get("/").status_code == 303
    assert texts(site.log()) == [("user1", f"account {what}", f"user:{olena.id}") for what in ("disabled", "enabled")]


def test_nobody_changes_their_own_roles_or_shuts_themselves_out(site: Site, chief: Browser) -> None:
    with site.stores.db.begin() as db:
        me = accounts.find_user(db, "user1")
        accounts.add_user(db, "another", None, [Role.ADMINISTRATOR])
    assert me is not None
    for act in ("roles", "disable", "reset-second-factor"):
        answer = chief.submit(f"/users/{me.id}/{act}", **{"role.senior": "on"}, reason="because")
        assert answer.status_code == 409, act
    assert found(site, me) == me
    assert site.log() == []


def test_the_last_administrator_stays_whoever_asks(site: Site, chief: Browser) -> None:
    with site.stores.db.begin() as db:
        me = accounts.find_user(db, "user1")
        assert me is not None
        for act in (
            lambda: keeping_accounts.disable(db, "local:root", me, "x"),
            lambda: keeping_accounts.roles(db, "local:root", me, ["senior"], "x"),
        ):
            with pytest.raises(accounts.LastAdministrator):
                act()


def test_a_locked_account_is_unlocked(site: Site, chief: Browser, olena: User) -> None:
    with site.stores.db.begin() as db:
        for _ in range(lockouts.PER_NAME):
            lockouts.take(db, [lockouts.of_name("olena")])
    assert chief.submit(f"/users/{olena.id}/unlock").status_code == 303
    assert chief.submit(f"/users/{olena.id}/unlock").status_code == 409
    with site.stores.db.begin() as db:
        assert lockouts.take(db, [lockouts.of_name("olena")]) == 0


def test_the_list_tells_of_everybody_and_no_secret(site: Site, chief: Browser, olena: User) -> None:
    site.as_user(olena)
    page = chief.get("/users").text
    assert faults(page) == []
    assert "1 browser, last seen" in page
    assert "argon2" not in page
