"""Signing in by an OpenID provider, a real one on loopback, and what it may not talk us into."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from lastseen.roles import Role
from lastseen.settings import Settings
from review.accounts import oidc
from review.accounts.oidc import Provider, ProviderFault
from review.accounts.provider import COOKIE
from review.doors import SESSION_COOKIE
from storage import accounts, identities
from storage.accounts import User
from storage.identities import Identity
from storage.stores import Stores
from tests.review.conftest import Browser, Site, serving, texts
from tests.servers.oidc import CLIENT, SECRET, Fault, OpenIdProvider, Person


@pytest.fixture
def house(stores: Stores, ours: Settings) -> Iterator[Site]:
    with serving(stores, ours) as served:
        yield served


def to_provider(browser: Browser, path: str = "/sign-in/provider") -> str:
    """Where the provider sends the browser back to, as it was told."""
    sent = browser.get(path)
    assert sent.status_code == 303, sent.text
    with httpx.Client(trust_env=False) as client:
        return client.get(sent.headers["location"]).headers["location"]


def come(browser: Browser, path: str = "/sign-in/provider") -> httpx.Response:
    """The whole way, without a strict cookie on the way back."""
    back = to_provider(browser, path)
    kept = browser.cookies.get(COOKIE)
    sent = browser.build_request("GET", back)
    sent.headers["cookie"] = f"{COOKIE}={kept}"  # from another site: strict cookies stay at home
    answer = browser.send(sent)
    browser.cookies.extract_cookies(answer)
    return answer


def olena(stores: Stores, *roles: Role) -> User:
    with stores.db.begin() as db:
        return accounts.add_user(db, "olena", None, roles or [Role.SENIOR])


def test_whoever_has_a_role_by_their_groups_gets_an_account_and_comes_in(house: Site, provider: OpenIdProvider) -> None:
    browser = house.browser()
    assert "/sign-in/provider?next=/hints" in browser.get("/sign-in?next=/hints").text
    answer = come(browser, "/sign-in/provider?next=/hints")
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/hints">' in answer.text
    assert browser.get("/hints").status_code == 200
    with house.stores.db.begin() as db:
        user = accounts.find_user(db, "olena")
        assert user is not None
        assert (user.roles, user.has_password) == (("analyst",), False)
        linked = identities.find(db, Identity(provider.url, "4f1c"))
        assert linked is not None
        assert (linked.user, linked.follows) == (user, True)
    subject = f"user:{user.id}"
    assert texts(house.log())[:2] == [("provider", "account added", subject), ("olena", "signed_in", subject)]


def test_the_same_subject_is_the_same_account_whatever_it_is_called_by_now(
    house: Site, provider: OpenIdProvider
) -> None:
    come(house.browser())
    provider.person = replace(provider.person, name="petro", groups=("analysts", "chiefs"))
    come(house.browser())
    with house.stores.db.begin() as db:
        assert accounts.count_users(db) == 1
        user = accounts.find_user(db, "olena")
        assert user is not None
        assert user.roles == ("analyst", "administrator"), "roles follow the groups"
    provider.person = replace(provider.person, groups=("analysts",))
    come(house.browser())
    provider.person = replace(provider.person, groups=())
    refused = come(house.browser())
    assert refused.status_code == 403
    assert "no role here any more" in refused.text
    with house.stores.db.begin() as db:
        user = accounts.find_user(db, "olena")
        assert user is not None
        assert "administrator" in user.roles, "the last administrator stays"


def test_another_subject_of_the_same_name_gets_no_account_of_ours(house: Site, provider: OpenIdProvider) -> None:
    user = olena(house.stores)
    browser = house.browser()
    refused = come(browser)
    assert refused.status_code == 403
    assert "already" in refused.text
    assert SESSION_COOKIE not in browser.cookies
    with house.stores.db.begin() as db:
        assert identities.count(db, user) == 0


@pytest.mark.parametrize(
    ("person", "said"),
    [
        (Person(groups=("cleaners",)), "no account here"),
        (Person(name="two words"), "cannot be one here"),
        (Person(name=""), "cannot be one here"),
    ],
)
def test_strangers_are_told_why_they_are_not_let_in(
    house: Site, provider: OpenIdProvider, person: Person, said: str
) -> None:
    provider.person = person
    refused = come(house.browser())
    assert refused.status_code == 403
    assert said in refused.text
    with house.stores.db.begin() as db:
        assert accounts.count_users(db) == 0


def test_an_account_is_linked_by_whoever_is_signed_in_with_it_and_keeps_its_roles(
    house: Site, provider: OpenIdProvider
) -> None:
    user = olena(house.stores)
    browser = house.as_user(user)
    answer = come(browser, "/sign-in/provider/link")
    assert "/account?saved=provider" in answer.text
    assert "linked" in browser.get("/account?saved=provider").text
    provider.person = replace(provider.person, groups=("chiefs",))
    other = house.browser()
    come(other)
    assert other.get("/").status_code == 200
    with house.stores.db.begin() as db:
        assert accounts.find_user(db, "olena") == user
        petro = accounts.add_user(db, "petro", None, [Role.ANALYST])
    twice = come(house.as_user(petro), "/sign-in/provider/link")
    assert (twice.status_code, "already" in twice.text) == (403, True)
    with house.stores.db.begin() as db:
        accounts.add_user(db, "chief", None, [Role.ADMINISTRATOR])
        accounts.disable(db, user)
    assert "disabled" in come(house.browser()).text


def test_whoever_was_signed_out_meanwhile_links_nothing(house: Site, provider: OpenIdProvider) -> None:
    user = olena(house.stores)
    thief = house.as_user(user)
    back = to_provider(thief, "/sign-in/provider/link")
    with house.stores.db.begin() as db:
        accounts.end_everywhere(db, user)
    refused = thief.get(back)
    assert (refused.status_code, "signed out meanwhile" in refused.text) == (403, True)
    with house.stores.db.begin() as db:
        assert identities.count(db, user) == 0


def test_a_second_factor_of_the_providers_is_enough_and_a_password_alone_is_not(
    stores: Stores, ours: Settings, provider: OpenIdProvider
) -> None:
    with serving(stores, ours.model_copy(update={"require_second_factor": "always"})) as site:
        browser = site.browser()
        assert "/account/second-factor" in come(browser).text
        assert browser.get("/").status_code == 303
        provider.person = replace(provider.person, amr=("pwd", "otp"))
        assert "/account/second-factor" not in come(browser).text
        assert browser.get("/").status_code == 200


def test_an_answer_without_the_browsers_own_attempt_is_nothing(house: Site, provider: OpenIdProvider) -> None:
    mine, other = house.browser(), house.browser()
    back = to_provider(mine)
    assert other.get(back).status_code == 403, "another browser"
    to_provider(other)
    assert other.get(back).status_code == 403, "another attempt"
    forged = back.replace(parse_qs(urlsplit(back).query)["state"][0], "guess")
    assert mine.get(forged).status_code == 403
    assert mine.get("/sign-in/provider/back").status_code == 403
    mine.cookies.set(COOKIE, "bm90IG91cnM=", domain="127.0.0.1")
    assert mine.get(back).status_code == 403, "a cookie that we did not seal"
    assert SESSION_COOKIE not in mine.cookies
    with house.stores.db.begin() as db:
        assert accounts.count_users(db) == 0


def test_an_attempt_is_over_with_its_first_answer(house: Site, provider: OpenIdProvider) -> None:
    browser = house.browser()
    back = to_provider(browser)
    assert browser.get(back).status_code == 200
    assert COOKIE not in browser.cookies
    assert browser.get(back).status_code == 403


IN_TOKENS = [
    *(Fault.NONCE, Fault.NO_NONCE, Fault.UNSIGNED, Fault.SHARED_SECRET, Fault.PUBLIC_KEY_AS_SECRET, Fault.AUDIENCE),
    *(Fault.TWO_AUDIENCES, Fault.EXPIRED, Fault.FUTURE, Fault.ISSUER, Fault.NO_SUBJECT, Fault.FOREIGN_KEY),
    *(Fault.TAMPERED, Fault.ACCESS_TOKEN, Fault.NO_TOKEN),
]


def answered(settings: Settings, provider: OpenIdProvider, ours: Provider | None = None) -> oidc.Vouched:
    """The provider's word, without a site around it."""
    client, back = ours or Provider(settings), "http://127.0.0.1:1/sign-in/provider/back"
    address, tried = client.begin(back)
    with httpx.Client(trust_env=False) as browser:
        brought = browser.get(address).headers["location"]
    said = {name: values[0] for name, values in parse_qs(urlsplit(brought).query).items()}
    return client.finish(tried, said, back)


@pytest.fixture
def bare(provider: OpenIdProvider) -> Settings:
    """Settings without stores."""
    return Settings(
        _env_file=None, oidc_issuer=provider.url, oidc_client_id=CLIENT, oidc_client_secret=SecretStr(SECRET)
    )


def test_a_provider_in_order_vouches_for_somebody(bare: Settings, provider: OpenIdProvider) -> None:
    assert answered(bare, provider) == oidc.Vouched("4f1c", "olena", ("analysts",), twice=False)


@pytest.mark.parametrize("fault", IN_TOKENS)
def test_an_id_token_that_does_not_stand_lets_nobody_in(bare: Settings, provider: OpenIdProvider, fault: Fault) -> None:
    provider.fault = fault
    with pytest.raises(ProviderFault, match="ID token"):
        answered(bare, provider)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.REFUSES, "says no: access_denied"),
        (Fault.DOWN, "cannot be asked"),
        (Fault.HTML, "JSON"),
        (Fault.ENDLESS, "does not end"),
        (Fault.CALLS_ITSELF_OTHERWISE, "calls itself otherwise"),
        (Fault.PLAIN_HTTP, "not HTTPS"),
    ],
)
def test_a_provider_out_of_order_is_a_fault_that_says_so(
    bare: Settings, provider: OpenIdProvider, fault: Fault, said: str
) -> None:
    provider.fault = fault
    with pytest.raises(ProviderFault, match=said):
        answered(bare, provider)


def test_keys_are_asked_for_again_when_they_were_rotated_and_not_at_every_guess(
    bare: Settings, provider: OpenIdProvider
) -> None:
    now = [0.0]
    client = Provider(bare, lambda: now[0])
    answered(bare, provider, client)
    answered(bare, provider, client)
    assert (provider.asked.count("/keys"), provider.asked.count("/.well-known/openid-configuration")) == (1, 1)
    provider.rotate()
    with pytest.raises(ProviderFault):
        answered(bare, provider, client)
    now[0] = oidc.ASKED_AGAIN_SECONDS
    assert answered(bare, provider, client).subject == "4f1c"
    assert provider.asked.count("/keys") == 2


def test_a_provider_that_does_not_answer_leaves_passwords(house: Site, provider: OpenIdProvider) -> None:
    provider.fault = Fault.DOWN
    answer = house.browser().get("/sign-in/provider")
    assert answer.status_code == 503
    assert "password" in answer.text


def test_one_signs_out_at_the_provider_too(house: Site, provider: OpenIdProvider) -> None:
    browser = house.browser()
    come(browser)
    out = browser.submit("/sign-out")
    assert out.headers["location"] == "/sign-in?provider=1"
    assert "/sign-in/provider/out" in browser.get(out.headers["location"]).text
    there = browser.get("/sign-in/provider/out").headers["location"]
    assert there.startswith(f"{provider.url}/end?")
    assert parse_qs(urlsplit(there).query)["post_logout_redirect_uri"] == [f"{house.url}/sign-in"]


def test_an_office_without_a_provider_has_no_way_there(site: Site) -> None:
    browser = site.browser()
    assert "provider" not in browser.get("/sign-in").text
    assert browser.get("/sign-in/provider").status_code == 404
    assert browser.get("/sign-in/provider/out").headers["location"] == "/sign-in"
