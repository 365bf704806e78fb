"""The page Status on a telephone, with everything that it can hold."""

import pytest
from sqlalchemy import text

from review.roles import Role
from storage import alerts
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.conftest import Site

TELEPHONE = (360, 740)
WIDER_THAN_ITS_WINDOW = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
FILLED = (
    """INSERT INTO work (step, subject, state, ready_at) VALUES ('fetch', 1, 'open', now()),
       ('analyze', 1, 'open', '2099-01-01')""",
    "INSERT INTO sources (platform, address, reason, legal_basis, added_by) VALUES ('telegram', 'a', '', '', '')",
    "INSERT INTO runs (command, actor) VALUES ('airflow fetch', 'airflow')",
)


@pytest.mark.parametrize("language", ["en-GB", "uk-UA"])
def test_the_status_page_fits_a_telephone(site: Site, chromium: Chromium, language: str) -> None:
    with site.stores.db.begin() as db:
        for statement in FILLED:
            db.execute(text(statement))
        alerts.sound(db, alerts.SITE_CLOSED, "site:" + "long-name." * 12 + "example", "it says HTTP 429 " * 5)
        alerts.sound(db, alerts.BACKLOG, "step:fetch", "120 items of fetch wait")
    page = chromium.window(chromium.user("ada", Role.COLLECTOR), TELEPHONE, language=language)
    page.goto("/status")
    shoot(page, f"pages/status-telephone-{language}", whole=True)
    assert not page.evaluate(WIDER_THAN_ITS_WINDOW)
    assert inaccessible(page) == []
    assert page.locator("#alerts li").count() == 2
    assert page.locator("#waiting tbody tr").count() == 2
