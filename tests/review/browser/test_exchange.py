"""What leaves the office about people, as an officer has it made: the form, its file, one person's whole file."""

import re
import zipfile
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page

from lastseen.records import Says, StatementSource
from review.roles import Role
from storage import custody, group_cases, letters, statements, tips
from storage.letters import Written
from storage.sealing import Secrets
from storage.statements import Said
from storage.tips import CameBy, Given
from tests.review.browser.cases import candidate
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.browser.test_people import TELEPHONE, WIDER_THAN_ITS_WINDOW
from tests.review.conftest import Site
from tests.review.seeding import Seeded, Story, seed
from tests.storage import lettered, listing
from tests.storage.judged import conclude

DEAD = Said(Says.DEAD, "side A", StatementSource.LETTER, "letter 17/4", date(2026, 3, 1), date(2026, 2, 11))
HELD = Said(Says.CAPTIVE, "ICRC", StatementSource.DOCUMENT, "answer 3", date(2026, 6, 1), sets=True, note="by post")
SAME = {"SHA-256"}
"""what is written alike in both languages"""
CYRILLIC = re.compile("[А-Яа-яІіЇїЄє]")  # noqa: RUF001  Ukrainian


@pytest.fixture
def known(site: Site) -> Seeded:
    """A possible sighting, with a great deal that was said and written of it."""
    seeded = candidate(site.stores)
    with site.stores.db.begin() as db:
        conclude(db, seeded.candidate, 3, 3)
        for said in (DEAD, HELD):
            custody.append_all(db, "ada", statements.enter(db, seeded.person, said, "ada", 5)[2])
        gone, _, _ = statements.enter(db, seeded.person, DEAD, "ada", 5)
        statements.withdraw(db, gone, "entered twice", "ada", 5)
        case = group_cases.open_(db, seeded.blob, "Yard", "seen together", "ada")[0]
        to = lettered.recipient(db, "en")
        body = "Ada Example, HC-0001\n  Possible sighting 1\n\nBen Other, HC-0002\n  too"
        letters.write(db, Written(to, "en", "On two people", body, False, (seeded.candidate,), case=case), "ada")
        given = Given("https://t.me/news/7", 155, "my sister", "at school", "+380", "uk")
        tip = tips.receive(db, Secrets(b"k" * 32), given, CameBy.FORM, "form").id
        db.execute(tips.REMOVE, {"tip": tip})
        tips.take_up(db, tip, "HC-0001", "it looks right", "ada", "law 1")
    line = listing.kept(site.stores, [listing.line(2, "Ada Example")], "side A", "Dead")
    listing.propose(site.stores, line, seeded.person)
    seed(site.stores, Story(number="HC-0002", names=("Ben Other",)))
    return seeded


@pytest.mark.parametrize("language", ["en-GB", "uk-UA"])
def test_the_form_fits_a_telephone_and_a_screen_reader(
    site: Site, chromium: Chromium, known: Seeded, language: str
) -> None:
    for role in (Role.CASE_OFFICER, Role.SENIOR):
        user = chromium.user(f"olha.{role}", role)
        for size in (TELEPHONE, (1366, 768)):
            page = chromium.window(user, size, language=language)
            page.goto("/exchange?number=HC-0001")
            shoot(page, f"pages/exchange-{role}-{size[0]}-{language}", whole=True)
            assert not page.evaluate(WIDER_THAN_ITS_WINDOW)
            assert inaccessible(page) == []


def test_an_officer_is_told_what_lacks_and_then_gets_the_file(site: Site, chromium: Chromium, known: Seeded) -> None:
    page = chromium.window(chromium.user("olha", Role.CASE_OFFICER))
    page.goto("/exchange?number=HC-9")
    page.get_by_label("Who gets it").fill("CTA")
    page.get_by_label("What for").fill("tracing")
    page.get_by_label("Under which law, agreement or decision").fill("Article 123")
    button = page.get_by_role("button", name="Write it down and fetch the file")
    button.click()
    assert page.get_by_role("alert").inner_text() == "The register has no entry HC-9."
    chromium.faults.clear()  # a browser calls each answer 422 an error
    assert page.get_by_label("Who gets it").input_value() == "CTA"
    page.get_by_label("Register numbers, one a line").fill("HC-0001")
    page.get_by_label("Format").select_option("csv")
    with page.expect_download() as download:
        button.click()
    with zipfile.ZipFile(download.value.path()) as file:
        assert "contradictions.csv" in file.namelist()
        assert "seen after a claimed death" in file.read("contradictions.csv").decode()


@pytest.mark.parametrize("language", ["en-GB", "uk-UA"])
def test_a_whole_file_is_read_in_the_language_of_the_office(
    site: Site, chromium: Chromium, known: Seeded, tmp_path: Path, language: str
) -> None:
    page = chromium.window(chromium.user("olha", Role.CASE_OFFICER), language=language)
    page.goto("/people/HC-0001")
    page.locator("#file-reason").fill("Article 15")
    with page.expect_download() as download:
        page.locator("#file button").click()
    with zipfile.ZipFile(download.value.path()) as file:
        file.extractall(tmp_path)  # it is our own
    for size in (TELEPHONE, (1366, 768)):
        reader = chromium.window(size=size, language=language)
        reader.goto(f"file://{tmp_path}/index.html")
        shoot(reader, f"pages/whole-file-{size[0]}-{language}", whole=True)
        assert not reader.evaluate(WIDER_THAN_ITS_WINDOW)
        assert inaccessible(reader) == []
    assert _broken_pictures(reader) == 0
    if language == "uk-UA":
        headings = reader.locator("h1, h2, th").all_inner_texts()
        assert {one for one in headings if not CYRILLIC.search(one)} <= SAME
    assert reader.get_by_text("Ben Other").count() == 0


def _broken_pictures(page: Page) -> int:
    missing: int = page.evaluate("() => [...document.images].filter(one => !one.naturalWidth).length")
    return missing
