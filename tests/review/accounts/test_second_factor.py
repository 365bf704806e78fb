"""The second factor on the pages: who is asked for it, how it is set up, and that nothing goes around it."""

import base64
import re
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import text

from lastseen.settings import Settings
from review.accounts import required
from review.doors import SESSION_COOKIE
from review.roles import Role
from storage import accounts, keeping_accounts, lockouts
from storage.accounts import User
from storage.stores import Stores
from tests.review.conftest import Browser, Site, serving, texts
from tests.review.test_pages import faults

PASSWORD = "river lantern otter stone"


@pytest.fixture
def strict(stores: Stores, settings: Settings) -> Iterator[Site]:
    """The pages of an office that asks for second factors."""
    with serving(stores, settings.model_copy(update={"require_second_factor": "always"})) as served:
        yield served


@pytest.fixture
def olena(stores: Stores) -> User:
    with stores.db.begin() as db:
        return accounts.add_user(db, "olena", PASSWORD, [Role.ANALYST])


def come(browser: Browser, next_: str = "/") -> str:
    """Give name and password.  Returns where it leads."""
    browser.get("/sign-in")
    return browser.submit("/sign-in", name="olena", password=PASSWORD, next=next_).headers["location"]


def code(secret: str, steps: int = 0) -> str:
    """What the telephone shows, some steps from now."""
    padded = secret + "=" * (-len(secret) % 8)
    totp = TOTP(base64.b32decode(padded), 6, SHA1(), 30)  # noqa: S303 - as the standard has it
    return totp.generate(int(time.time()) + 30 * steps).decode()


def secret_of(page: str) -> str:
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert found
    return found[1]


def forget_steps(stores: Stores) -> None:
    """As if half a minute had passed."""
    with stores.db.begin() as db:
        db.execute(text("UPDATE second_factors SET last_step = last_step - 10"))


def enrolled(browser: Browser) -> tuple[str, list[str]]:
    """Set up a factor.  Returns its secret and the recovery codes."""
    secret = secret_of(browser.get("/account/second-factor").text)
    answer = browser.submit("/account/second-factor", code=code(secret))
    assert answer.status_code == 200, answer.text
    return secret, re.findall(r"<code>([a-z2-7-]{19})</code>", answer.text)


def test_whoever_needs_a_factor_sets_it_up_before_anything_else(strict: Site, olena: User) -> None:
    browser = strict.browser()
    assert come(browser, "/hints") == "/account/second-factor?next=%2Fhints"
    assert [browser.get(path).status_code for path in ("/", "/account", "/users")] == [303] * 3
    page = browser.get("/account/second-factor?next=%2Fhints").text
    assert faults(page) == []
    assert browser.get("/account/second-factor.svg").headers["content-type"] == "image/svg+xml"
    wrong = browser.submit("/account/second-factor", code="000000", next="/hints")
    assert wrong.status_code == 422
    assert secret_of(wrong.text) == secret_of(page)
    before = browser.cookies[SESSION_COOKIE]
    answer = browser.submit("/account/second-factor", code=code(secret_of(page)), next="/hints")
    assert len(re.findall(r"<code>[a-z2-7-]{19}</code>", answer.text)) == 10
    assert 'class="button" href="/hints"' in answer.text
    assert faults(answer.text) == []
    assert browser.cookies[SESSION_COOKIE] != before, "a token that was halfway is worth nothing later"
    assert browser.get("/hints").status_code == 200
    assert browser.get("/account/second-factor.svg").status_code == 404, "the secret is shown until it is confirmed"
    told = texts(strict.log())
    assert told[:2] == [(olena.name, what, f"user:{olena.id}") for what in ("second factor set", "signed_in")]


def test_another_browser_with_the_password_is_not_shown_the_secret_that_is_set_up(strict: Site, olena: User) -> None:
    thief, browser = strict.browser(), strict.browser()
    for one in (thief, browser):
        come(one)
    known = secret_of(thief.get("/account/second-factor").text)
    secret, _ = enrolled(browser)
    assert secret != known
    assert thief.submit("/account/second-factor", code=code(secret, 1)).status_code == 409
    assert thief.get("/account/second-factor.svg").status_code == 404
    assert [thief.get("/").status_code, browser.get("/").status_code] == [303, 200]


def test_a_role_that_asks_for_a_factor_does_not_come_to_whoever_gave_none(strict: Site) -> None:
    with strict.stores.db.begin() as db:
        auditor = accounts.add_user(db, "olena", PASSWORD, [Role.AUDITOR])
    browser = strict.browser()
    assert come(browser, "/log") == "/log", "no factor is asked of an auditor"
    with strict.stores.db.begin() as db:
        accounts.set_roles(db, auditor, [Role.AUDITOR])
    assert browser.get("/log").status_code == 200
    with strict.stores.db.begin() as db:
        accounts.set_roles(db, auditor, [Role.AUDITOR, Role.ANALYST])
    assert browser.get("/").status_code == 303
    assert come(strict.browser()) == "/account/second-factor"


def test_a_password_alone_opens_nothing_where_there_is_a_factor(site: Site, olena: User) -> None:
    secret, _ = enrolled(site.as_user(olena))
    forget_steps(site.stores)
    browser = site.browser()
    assert come(browser, "/hints") == "/sign-in/second-factor?next=%2Fhints"
    assert browser.get("/").status_code == 303
    for path in ("/account/second-factor", "/account/second-factor.svg"):
        assert browser.get(path).status_code in {303, 404}, "nobody sets up another factor from halfway"
    assert browser.submit("/account/second-factor", code=code(secret)).status_code == 404
    assert browser.submit("/account/password", password="x" * 20, again="x" * 20).status_code == 403
    page = browser.get("/sign-in/second-factor?next=%2Fhints")
    assert faults(page.text) == []
    assert browser.submit("/sign-in/second-factor", code="123456").status_code == 403
    given = code(secret)
    answer = browser.submit("/sign-in/second-factor", code=given, next="/hints")
    assert (answer.status_code, answer.headers["location"]) == (303, "/hints")
    assert browser.get("/hints").status_code == 200
    assert site.log()[-2].detail == {"by": "password and code"}
    other = site.browser()
    come(other)
    assert other.submit("/sign-in/second-factor", code=given).status_code == 403, "a code is taken once"


def test_a_one_time_link_does_not_go_around_the_factor(site: Site, olena: User) -> None:
    enrolled(site.as_user(olena))
    with site.stores.db.begin() as db:
        token = accounts.make_link(db, "olena")
    browser = site.browser()
    assert browser.enter(token).headers["location"] == "/sign-in/second-factor"
    assert browser.get("/").status_code == 303


def test_a_recovery_code_works_once_and_codes_are_not_guessed_for_long(site: Site, olena: User) -> None:
    _, recovery = enrolled(site.as_user(olena))
    browser = site.browser()
    come(browser)
    assert browser.submit("/sign-in/second-factor", code=recovery[0]).status_code == 303
    assert site.log()[-1].detail == {"by": "password and recovery code"}
    other = site.browser()
    come(other)
    tries = [other.submit("/sign-in/second-factor", code=recovery[0]).status_code for _ in range(5)]
    assert tries == [403] * lockouts.PER_FACTOR
    late = other.submit("/sign-in/second-factor", code=recovery[1])
    assert late.status_code == 429
    assert other.get("/").status_code == 303


def test_halfway_ends_after_a_quarter_of_an_hour(site: Site, olena: User) -> None:
    secret, _ = enrolled(site.as_user(olena))
    browser = site.browser()
    come(browser)
    with site.stores.db.begin() as db:
        left = db.execute(text("SELECT expires_at - now() FROM sessions WHERE awaits = 'code'")).scalar_one()
        assert left <= accounts.HALF_WAY
        db.execute(text("UPDATE sessions SET expires_at = now()"))
    answer = browser.submit("/sign-in/second-factor", code=code(secret))
    assert answer.status_code == 403, "its form belonged to the session"
    assert browser.get("/sign-in/second-factor?next=%2Fhints").headers["location"] == "/sign-in?next=%2Fhints"


def test_one_does_without_it_where_the_office_allows_that(site: Site, strict: Site, olena: User) -> None:
    browser = site.as_user(olena)
    secret, first = enrolled(browser)
    renewed = browser.submit("/account/recovery-codes")
    assert not set(first) & set(re.findall(r"<code>([a-z2-7-]{19})</code>", renewed.text))
    forget_steps(site.stores)
    assert browser.submit("/account/second-factor/remove", code="000000").status_code == 422
    refused = strict.as_user(olena)
    assert refused.submit("/account/second-factor/remove", code=code(secret)).status_code == 422
    assert browser.submit("/account/second-factor/remove", code=code(secret, 1)).status_code == 303
    assert come(site.browser()) == "/"


def test_a_browser_left_open_changes_no_factor(site: Site, olena: User) -> None:
    browser = site.as_user(olena)
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE sessions SET begun_at = begun_at - interval '16 minutes'"))
    assert "sign out and in again" in browser.get("/account/second-factor").text
    assert browser.get("/account/second-factor.svg").status_code == 403
    for path in ("/account/second-factor", "/account/second-factor/remove", "/account/recovery-codes"):
        assert browser.submit(path, code="123456").status_code == 403, path


def test_an_administrators_reset_leads_to_a_new_one(strict: Site, olena: User) -> None:
    browser = strict.browser()
    come(browser)
    old, _ = enrolled(browser)
    with strict.stores.db.begin() as db:
        keeping_accounts.reset_second_factor(db, "chief", olena, "the telephone fell into the river")
    assert browser.get("/").status_code == 303
    again = strict.browser()
    assert come(again) == "/account/second-factor"
    assert secret_of(again.get("/account/second-factor").text) != old


def test_a_script_gives_both_factors_in_place(site: Site, olena: User) -> None:
    secret, _ = enrolled(site.as_user(olena))
    forget_steps(site.stores)
    browser, asks = site.browser(), {"Accept": "application/json"}
    form = browser.get("/sign-in", headers=asks).json()
    sent = {"token": form["form_token"], "name": "olena", "password": PASSWORD}
    half = browser.post("/sign-in", data=sent, headers=asks).json()
    assert (half["signed_in"], half["second_factor"]) == (False, "code")
    given = {"token": half["form_token"], "code": "000000"}
    assert browser.post("/sign-in/second-factor", data=given, headers=asks).json()["wrong"] is True
    given["code"] = code(secret)
    assert browser.post("/sign-in/second-factor", data=given, headers=asks).json()["signed_in"] is True
    assert browser.get("/session").json()["signed_in"] is True


@pytest.mark.parametrize(
    ("asked", "host", "expected"),
    [
        ("auto", "127.0.0.1", False),
        ("auto", "::1", False),
        ("auto", "localhost", False),
        ("auto", "0.0.0.0", True),  # noqa: S104 - read, not bound
        ("auto", "review.example", True),
        ("always", "127.0.0.1", True),
        ("never", "0.0.0.0", False),  # noqa: S104 - read, not bound
    ],
)
def test_an_office_asks_for_second_factors_where_its_pages_leave_the_machine(
    asked: str, host: str, expected: bool
) -> None:
    settings = Settings(_env_file=None, require_second_factor=asked, review_host=host)
    assert required.asks(settings) is expected
    for role in Role:
        user = User(1, "x", (role.value,), has_password=True)
        sees = role not in {Role.AUDITOR, Role.COLLECTOR}
        assert required.needs(settings, user) is (expected and sees)
