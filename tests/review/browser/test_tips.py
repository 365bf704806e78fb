"""A relative's way and an officer's, in a real browser: without scripts, in both languages, on a telephone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from lastseen.preferences import LANGUAGES
from lastseen.settings import Settings
from review.roles import Role
from storage.stores import Stores
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.conftest import Site, serving
from tests.review.seeding import Story, seed

TELEPHONE = (360, 740)
WHOM, CONTACT = "мій син Іван, 1990 року народження, другий ліворуч", "Олена, +380 00 000"


@pytest.fixture
def site(stores: Stores, settings: Settings) -> Iterator[Site]:
    """An office that takes tips by its pages."""
    with serving(stores, settings.model_copy(update={"tips_open": True, "legal_basis": "decision 7"})) as served:
        yield served


def send(page: Page) -> str:
    """Fill the form as people do; the code."""
    page.goto("/tip")
    for field, value in (("address", "https://t.me/news/7"), ("moment", "2:35"), ("whom", WHOM), ("contact", CONTACT)):
        page.locator(f"#{field}").fill(value)
    page.locator("[name=consent]").check()
    page.locator("form.stack button").click()
    code = page.locator(".tip-code").inner_text()
    assert len(code) == 29
    return code


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_relative_on_a_telephone_without_scripts(chromium: Chromium, code: str) -> None:
    page = chromium.window(None, TELEPHONE, language=code, scripts=False)
    page.goto("/tip")
    shoot(page, f"tips/{code}-form", whole=True)
    expect(page.locator("#website")).to_be_hidden()
    given = send(page)
    shoot(page, f"tips/{code}-sent", whole=True)
    page.goto("/tip/state")
    page.locator("#code").fill(given.lower())
    page.locator("form.stack button").click()
    expect(page.locator("[role=status]")).to_be_visible()
    shoot(page, f"tips/{code}-state", whole=True)
    assert given not in page.url


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_for_relatives_keep_the_rules_of_accessibility(chromium: Chromium, code: str, dark: bool) -> None:
    page = chromium.window(None, TELEPHONE, language=code, dark=dark)
    for path in ("/tip", "/tip/state"):
        page.goto(path)
        assert inaccessible(page) == []
    given = send(page)
    assert inaccessible(page) == []
    page.goto("/tip/state")
    page.locator("#code").fill(given)
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]")).to_be_visible()
    assert inaccessible(page) == []


def test_an_officer_takes_it_up_and_ends_it(chromium: Chromium, site: Site) -> None:
    seed(site.stores, Story(number="26-7"))
    send(chromium.window(None))
    page = chromium.window(chromium.user("olha", Role.CASE_OFFICER))
    page.goto("/tips")
    shoot(page, "tips/list", whole=True)
    page.get_by_role("link", name="1", exact=True).click()
    shoot(page, "tips/new", whole=True)
    page.get_by_role("button", name="Open whom they recognise").click()
    expect(page.get_by_text(WHOM)).to_be_visible()
    shoot(page, "tips/contact", whole=True)
    assert inaccessible(page) == []
    page.get_by_role("link", name="Back to the tip").click()
    page.get_by_label("Register number of whom it is about").fill("26-7")
    page.get_by_label("Why it is taken up").fill("it looks right")
    page.get_by_role("button", name="Take it up").click()
    expect(page.get_by_text("it looks right")).to_be_visible()
    assert inaccessible(page) == []
    shoot(page, "tips/taken-up", whole=True)
    page.get_by_label("Why", exact=True).fill("she was told")
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_text("How to reach the sender is not kept any more.")).to_be_visible()
    shoot(page, "tips/closed", whole=True)
