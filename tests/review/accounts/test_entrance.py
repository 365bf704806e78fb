"""Signing in, by password and by link, and what keeps strangers out."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from review.app import doors
from review.doors import API, FORM_COOKIE, LONGEST_FORM, SECURE_PREFIX, SESSION_COOKIE, Door, form_token
from review.limits import BURST_SECONDS, MOST_KEYS, RequestLimit
from review.roles import Role
from storage import accounts, lockouts
from storage.accounts import User
from storage.stores import Stores
from tests.review.conftest import Browser, Site, serving, texts
from tests.review.test_doors import somewhere
from tests.review.test_pages import faults

PASSWORD = "river lantern otter stone"


@pytest.fixture
def olena(stores: Stores) -> User:
    with stores.db.begin() as db:
        return accounts.add_user(db, "olena", PASSWORD, [Role.ANALYST])


def submit_sign_in(browser: Browser, name: str, password: str, **more: str) -> int:
    browser.get("/sign-in")
    return browser.submit("/sign-in", name=name, password=password, **more).status_code


def test_the_right_password_signs_in_and_the_wrong_one_does_not(site: Site, olena: User) -> None:
    browser = site.browser()
    assert browser.get("/").headers["location"] == "/sign-in"
    assert "autocomplete" in browser.get("/sign-in").text
    wrong = browser.submit("/sign-in", name="olena", password="wrong password here")
    unknown = browser.submit("/sign-in", name="nobody", password="wrong password here")
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert wrong.text.replace('value="olena"', "") == unknown.text.replace('value="nobody"', "")
    right = browser.submit("/sign-in", name="Olena", password=PASSWORD)
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert browser.get("/").status_code == 200
    assert texts(site.log()) == [("olena", "signed_in", f"user:{olena.id}")]


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(site: Site, olena: User) -> None:
    browser = site.browser()
    form = browser.get("/sign-in").headers["set-cookie"]
    answer = browser.submit("/sign-in", name="olena", password=PASSWORD)
    session = next(cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith(SESSION_COOKIE))
    for cookie in (form, session):
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Secure" not in cookie
    behind_tls = site.browser(**{"X-Forwarded-Proto": "https"})
    page = behind_tls.get("/sign-in")
    assert "; Secure" in page.headers["set-cookie"]
    assert "domain=" not in page.headers["set-cookie"].lower(), "__Host- forbids it"
    assert "strict-transport-security" in page.headers
    name, _, value = page.headers["set-cookie"].partition(";")[0].partition("=")
    assert name == SECURE_PREFIX + FORM_COOKIE
    sent = {"token": form_token(value), "name": "olena", "password": PASSWORD}
    answer = behind_tls.post("/sign-in", data=sent, headers={"Cookie": f"{name}={value}"})
    token = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    assert answer.headers["set-cookie"].startswith(SECURE_PREFIX + SESSION_COOKIE)
    for cookie, status in ((SECURE_PREFIX + SESSION_COOKIE, 200), (SESSION_COOKIE, 303)):
        again = site.browser(**{"X-Forwarded-Proto": "https", "Cookie": f"{cookie}={token}"})
        assert again.get("/").status_code == status, "over TLS a cookie counts under its guarded name only"


def test_after_too_many_tries_even_the_right_password_waits(site: Site, olena: User) -> None:
    browser = site.browser()
    tries = [submit_sign_in(browser, "olena", "wrong password here") for _ in range(lockouts.PER_NAME)]
    assert tries == [403] * lockouts.PER_NAME
    late = browser.submit("/sign-in", name=" OLENA", password=PASSWORD)
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= lockouts.SHORTEST.total_seconds()
    for _ in range(lockouts.PER_NAME):
        submit_sign_in(browser, "nobody", "wrong password here")
    unknown = browser.submit("/sign-in", name="nobody", password="wrong password here")
    assert (unknown.status_code, unknown.text) == (429, late.text), "nothing tells which names exist"
    with site.stores.db.begin() as db:
        lockouts.unlock(db, "olena", olena.id)
    assert submit_sign_in(browser, "olena", PASSWORD) == 303


def test_a_browser_that_runs_away_is_told_to_wait() -> None:
    now = [0.0]
    limit = RequestLimit(60, lambda: now[0])
    assert [limit.take("a") for _ in range(BURST_SECONDS)] == [0] * BURST_SECONDS
    assert limit.take("a") == 2
    assert limit.take("b") == 0
    now[0] = 1.5
    assert (limit.take("a"), limit.take("a")) == (0, 1)
    assert {RequestLimit(0).take("a") for _ in range(1000)} == {0}


def test_what_counts_requests_forgets_before_it_fills_the_memory() -> None:
    limit = RequestLimit(60, lambda: 0.0)
    for n in range(MOST_KEYS + 5):
        limit.take(f"browser {n}")
    assert len(limit._buckets) == MOST_KEYS


def test_too_many_requests_are_refused_before_the_database_is_asked(stores: Stores, settings: Settings) -> None:
    with serving(stores, settings.model_copy(update={"requests_a_minute": 9})) as site:
        browser = site.browser()
        assert [browser.get("/sign-in").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert int(browser.get("/sign-in").headers["retry-after"]) > 0


def test_cookies_that_are_made_up_do_not_go_around_the_limit(stores: Stores, settings: Settings, olena: User) -> None:
    with serving(stores, settings.model_copy(update={"requests_a_minute": 9})) as site:
        made_up = [site.browser() for _ in range(5)]
        for number, browser in enumerate(made_up):
            browser.cookies.set(SESSION_COOKIE, f"guess {number}", domain="127.0.0.1")
        assert [browser.get("/sign-in").status_code for browser in made_up] == [200, 200, 200, 429, 429]
        assert site.as_user(olena).get("/").status_code == 200, "who is signed in is counted alone"


def test_a_disabled_account_is_out_at_once(site: Site, olena: User) -> None:
    browser = site.as_user(olena)
    assert browser.get("/").status_code == 200
    with site.stores.db.begin() as db:
        accounts.disable(db, olena)
    assert browser.get("/").status_code == 303
    assert submit_sign_in(site.browser(), "olena", PASSWORD) == 403


def test_a_script_asks_for_the_password_in_place_and_nothing_is_lost(site: Site, olena: User) -> None:
    browser = site.as_user(olena)
    asks = {"Accept": "application/json"}
    state = browser.get("/session").json()
    assert state["signed_in"]
    assert 0 < state["idle_ends_in_seconds"] <= state["ends_in_seconds"] <= 12 * 3600
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE sessions SET seen_at = now() - interval '40 minutes'"))
    for _ in range(2):
        assert 1100 < browser.get("/session").json()["idle_ends_in_seconds"] <= 1200, "asking is no sign of life"
    browser.get("/account")
    assert browser.get("/session").json()["idle_ends_in_seconds"] > 3500
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE sessions SET seen_at = now() - interval '61 minutes'"))
    assert browser.get("/", headers=asks).status_code == 401
    form = browser.get("/sign-in", headers=asks).json()
    sent = {"token": form["form_token"], "name": "olena"}
    wrong = browser.post("/sign-in", data={**sent, "password": "wrong password"}, headers=asks)
    assert (wrong.status_code, wrong.json()["wrong"]) == (403, True)
    right = browser.post("/sign-in", data={**sent, "password": PASSWORD}, headers=asks)
    assert right.json() == {"signed_in": True, "form_token": browser.get("/session").json()["form_token"]}
    assert browser.post("/sign-out", data={"token": right.json()["form_token"]}).status_code == 303


def test_a_link_signs_in_once(site: Site, olena: User) -> None:
    with site.stores.db.begin() as db:
        token = accounts.make_link(db, "olena")
        expired = accounts.make_link(db, "olena", timedelta(seconds=-1))
    first, second = site.browser(), site.browser()
    answer = first.enter(token, "/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert first.get("/account").status_code == 200
    again = second.enter(token)
    assert again.status_code == 403
    assert "used already" in again.text
    assert "minutes" not in again.text, "links last as long as was said with them"
    assert second.enter(expired).status_code == 403
    assert second.get("/").status_code == 303
    assert site.log()[-1].detail == {"by": "link"}


def test_a_link_that_is_only_looked_at_signs_nobody_in_and_still_works(site: Site, olena: User) -> None:
    with site.stores.db.begin() as db:
        token = accounts.make_link(db, "olena")
    preview, petro = site.browser(), site.signed_in(Role.ANALYST)
    assert preview.head(f"/enter/{token}").status_code == 405
    pages = [browser.get(f"/enter/{token}") for browser in (preview, preview, petro)]
    assert [(page.status_code, "olena" in page.text) for page in pages] == [(200, False)] * 3
    assert [faults(page.text) for page in pages] == [[]] * 3
    assert ["user1, and will be signed out" in page.text for page in pages] == [False, False, True]
    assert preview.get("/account").status_code == 303
    assert petro.post(f"/enter/{token}", data={"token": form_token("made up")}).status_code == 403
    assert (site.log(), "user1" in petro.get("/account").text) == ([], True)
    assert petro.enter(token).status_code == 303
    assert "olena" in petro.get("/account").text


def test_whoever_comes_from_another_site_comes_here_first(site: Site, olena: User) -> None:
    """Browsers keep strict cookies back from a link of another site, and send them with the form that it leads to."""
    with site.stores.db.begin() as db:
        token = accounts.make_link(db, "olena")
    for path in (f"/enter/{token}", "/sign-in"):
        for led_by in ("cross-site", "same-site"):
            page = site.browser(**{"Sec-Fetch-Site": led_by}).get(f"{path}?next=%2Fhints").text
            assert f'content="0;url={path}?next=%2Fhints"' in page
            assert 'action="/enter' not in page
            assert 'name="password"' not in page
        here = site.browser(**{"Sec-Fetch-Site": "same-origin"}).get(path).text
        assert "url=" not in here


def test_an_expired_session_is_signed_out(site: Site, olena: User) -> None:
    browser = site.as_user(olena)
    assert browser.get("/").status_code == 200
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE sessions SET expires_at = now()"))
    answer = browser.get("/candidates/7")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fcandidates%2F7")


def test_signing_out_ends_the_session_and_empties_the_cache(site: Site, olena: User) -> None:
    browser = site.as_user(olena)
    token = browser.cookies[SESSION_COOKIE]
    answer = browser.submit("/sign-out")
    assert (answer.status_code, answer.headers["clear-site-data"]) == (303, '"cache"')
    assert SESSION_COOKIE not in browser.cookies
    browser.cookies.set(SESSION_COOKIE, token, domain="127.0.0.1")
    assert browser.get("/").status_code == 303


def test_signing_in_leads_back_into_the_house_only(site: Site, olena: User) -> None:
    inside = ("/candidates/3", "/?source=9")
    outside = ("//evil.example", "/\\evil.example", "https://evil.example/", "/a\r\nSet-Cookie: x=y", "")
    for wanted in inside + outside:
        with site.stores.db.begin() as db:
            token = accounts.make_link(db, "olena")
        answer = site.browser().enter(token, wanted)
        assert answer.headers["location"] == (wanted if wanted in inside else "/"), wanted


@pytest.mark.parametrize(
    ("roles", "page"),
    [
        ([Role.ANALYST], "/"),
        ([Role.SENIOR, Role.ADMINISTRATOR], "/"),
        ([Role.CASE_OFFICER, Role.AUDITOR], "/groups"),
        ([Role.REGISTER_KEEPER], "/register"),
        ([Role.ADMINISTRATOR], "/users"),
        ([Role.COLLECTOR], "/status"),
        ([Role.AUDITOR], "/log"),
    ],
)
def test_who_wanted_no_page_begins_at_the_first_that_is_theirs(site: Site, roles: list[Role], page: str) -> None:
    with site.stores.db.begin() as db:
        accounts.add_user(db, "ira", None, roles)
        token = accounts.make_link(db, "ira")
    browser = site.browser()
    assert browser.enter(token).headers["location"] == page
    assert browser.get("/sign-in").headers["location"] == page
    opened = browser.get(page)
    assert opened.status_code == 200
    assert f'class="brand" href="{page}"' in opened.text


def test_the_password_can_be_set_after_a_link_and_ends_other_sessions(site: Site) -> None:
    with site.stores.db.begin() as db:
        user = accounts.add_user(db, "admin", None, [Role.ADMINISTRATOR])
    browser, other = site.as_user(user), site.as_user(user)
    assert "Set a password" in browser.get("/account").text
    unlike = browser.submit("/account/password", password=PASSWORD, again=PASSWORD + "x")
    weak = browser.submit("/account/password", password="admin", again="admin")
    assert (unlike.status_code, weak.status_code) == (422, 422)
    saved = browser.submit("/account/password", password=PASSWORD, again=PASSWORD)
    assert saved.status_code == 303
    assert "Your password is set" in browser.get(saved.headers["location"]).text
    assert other.get("/account").status_code == 303
    assert submit_sign_in(site.browser(), "admin", PASSWORD) == 303
    assert ("admin", "password_set", f"user:{user.id}") in texts(site.log())


def test_a_browser_left_open_cannot_change_the_password(site: Site, olena: User) -> None:
    browser = site.as_user(olena)
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE sessions SET begun_at = begun_at - interval '16 minutes'"))
    assert "minlength" not in browser.get("/account").text
    assert browser.submit("/account/password", password="x" * 20, again="x" * 20).status_code == 403
    assert submit_sign_in(site.browser(), "olena", PASSWORD) == 303


def test_a_form_without_its_token_does_nothing(site: Site, olena: User) -> None:
    browser, stranger = site.as_user(olena), site.browser()
    paths = [somewhere(door) for door in doors() if isinstance(door, Door) and door.method == "POST"]
    assert {"/sign-in", "/sign-out", "/account/password"} <= set(paths)
    fields = {"name": "olena", "password": PASSWORD, "again": PASSWORD}
    foreign = form_token("another cookie")
    for path in paths:
        for sent in ({}, {"token": ""}, {"token": foreign}, {"token": "\u00fc"}):
            assert browser.post(path, data={**fields, **sent}).status_code == 403, path
        turned_away = 401 if path.startswith(API) else 403
        assert stranger.post(path, data={**fields, "token": form_token("")}).status_code == turned_away, path
    assert browser.get("/").status_code == 200
    assert site.log() == []


def test_forms_from_other_sites_odd_ones_and_long_ones_are_refused(site: Site, olena: User) -> None:
    browser = site.as_user(olena)
    token = form_token(browser.cookies[SESSION_COOKIE])
    crossed = browser.post("/sign-out", data={"token": token}, headers={"Sec-Fetch-Site": "cross-site"})
    odd = browser.post("/sign-out", json={"token": token})
    long = browser.post("/sign-out", data={"token": token, "x": "x" * (LONGEST_FORM + 1)})
    assert (crossed.status_code, odd.status_code, long.status_code) == (403, 415, 413)
    assert browser.get("/").status_code == 200


def test_the_token_in_the_page_is_the_one_that_is_accepted(site: Site, olena: User) -> None:
    browser = site.browser()
    page = browser.get("/sign-in").text
    shown = re.search(r'name="token" value="([0-9a-f]{64})"', page)
    assert shown
    assert shown[1] == form_token(browser.cookies[FORM_COOKIE])
    assert browser.post("/sign-in", data={"token": shown[1], "name": "olena", "password": PASSWORD}).status_code == 303
