"""A case officer writes down who came home, sees what that sets going, and takes it back; also on a telephone."""

from datetime import date

import pytest
from sqlalchemy import text

from lastseen.records import Says, StatementSource
from review.roles import Role
from storage import statements
from storage.statements import Said
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.conftest import Site
from tests.review.seeding import Seeded, Story, seed
from tests.storage.judged import conclude

TELEPHONE = (360, 740)
WIDER_THAN_ITS_WINDOW = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
LONG = "Управління-" * 12
LINK = f"https://t.me/side_a/{LONG}"
DEAD = Said(Says.DEAD, "side A", StatementSource.POST, LINK, date(2026, 1, 5), date(2025, 12, 1))
HELD = Said(Says.CAPTIVE, "ICRC", StatementSource.LETTER, "letter 17/4", date(2026, 6, 1), date(2026, 5, 20), sets=True)
DENIED = Said(Says.NOT_HELD, "side A", StatementSource.DOCUMENT, "answer 3", date(2026, 6, 3), note=LONG)
MISTAKEN = Said(Says.DNA, "laboratory", StatementSource.DOCUMENT, "no 9", date(2026, 1, 5))
PERSON = "/people/HC-0001"


@pytest.fixture
def shown(site: Site) -> Seeded:
    """Whom one side calls dead and another holds; seen since, and asked about once more."""
    seeded = seed(site.stores, Story(names=("Олена Приклад", "Olena Pryklad")))
    with site.stores.db.begin() as db:
        conclude(db, seeded.candidate, 3, 3)
        for said in (DEAD, HELD, DENIED):
            statements.enter(db, seeded.person, said, "ada", 5)
        wrong, *_ = statements.enter(
            db, seeded.person, Said(Says.DNA, "lab", DEAD.source, "no 9", DEAD.dated), "ada", 5
        )
        statements.withdraw(db, wrong, "of another person", "ben", 5)
    seed(site.stores, Story(number="HC-0002"))
    return seeded


@pytest.mark.parametrize("language", ["en-GB", "uk-UA"])
def test_the_pages_of_people_fit_a_telephone_and_a_screen_reader(
    site: Site, chromium: Chromium, shown: Seeded, language: str
) -> None:
    user = chromium.user("olha", Role.CASE_OFFICER)
    for size, dark in ((TELEPHONE, False), ((1366, 768), True)):
        page = chromium.window(user, size, language=language, dark=dark)
        for path in (PERSON, "/people", "/people?show=contradicted"):
            page.goto(path)
            name = path.strip("/").replace("/", "-").replace("?", "-")
            shoot(page, f"pages/{name}-{size[0]}-{language}", whole=True)
            assert not page.evaluate(WIDER_THAN_ITS_WINDOW), path
            assert inaccessible(page) == [], path


def test_who_came_home_is_written_down_confirmed_and_taken_back(site: Site, chromium: Chromium, shown: Seeded) -> None:
    page = chromium.window(chromium.user("olha", Role.CASE_OFFICER))
    page.goto("/people")
    page.get_by_role("link", name="Ada Example").click()
    page.get_by_label("Who says so").fill("ministry")
    page.get_by_label("What they say").select_option("returned")
    page.get_by_label("What it stands in").select_option("decision")
    page.get_by_label("Its title and number").fill("exchange order 31")
    page.get_by_label("Day that it speaks of").fill("2026-01-31")
    page.get_by_label("The office takes it for what is").check()
    page.get_by_role("button", name="Write it down", exact=True).click()
    assert page.get_by_text("1 open candidate closes.").is_visible()
    shoot(page, "pages/statement-confirm", whole=True)
    assert inaccessible(page) == []
    page.get_by_role("button", name="Yes, do that").click()
    assert page.get_by_text("returned", exact=True).first.is_visible()
    assert status(site) == "returned"
    page.get_by_text("Withdraw it").click()
    page.get_by_label("Why it was a mistake").fill("another of the same name")
    page.get_by_role("button", name="Withdraw the statement").click()
    page.get_by_role("button", name="Yes, do that").click()
    assert page.locator("s").inner_text() == "ministry says: returned"
    assert status(site) == "missing"


def status(site: Site) -> str:
    """Of the second entry."""
    with site.stores.db.begin() as db:
        return str(db.execute(text("SELECT status FROM persons WHERE register_number = 'HC-0002'")).scalar_one())
