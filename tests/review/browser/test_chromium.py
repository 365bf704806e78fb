"""The browser itself: does it see what it should, and is it told off for what it should not do."""

import pytest

from review.roles import Role
from tests.review.browser.conftest import Chromium, inaccessible


def test_a_person_sees_their_page(chromium: Chromium) -> None:
    page = chromium.window(chromium.user("ada", Role.ANALYST))
    page.goto("/status")
    assert page.get_by_role("heading", level=1).inner_text()
    assert inaccessible(page) == []


@pytest.mark.parametrize("fault", ["fetch('https://elsewhere.example/').catch(() => 0)", "console.error('broken')"])
def test_what_goes_wrong_in_a_window_is_noted(chromium: Chromium, fault: str) -> None:
    page = chromium.window()
    page.goto("/sign-in")
    page.evaluate(f"() => {{ {fault} }}")
    page.wait_for_timeout(100)
    assert chromium.faults
    chromium.faults.clear()


def test_axe_finds_a_picture_without_words(chromium: Chromium) -> None:
    page = chromium.window()
    page.goto("/sign-in")
    page.evaluate("() => document.querySelector('main').append(new Image())")
    assert any(found.startswith("image-alt") for found in inaccessible(page))
