"""A letter's whole way in a real browser, by keyboard and by telephone, in two languages."""

import hashlib
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from lastseen.clock import utcnow
from lastseen.letters import LetterFormat
from lastseen.outcomes import ObjectToStore
from review.roles import Role
from storage import letter_book, letters
from storage.accounts import User
from storage.letters import File
from storage.objects import EXPORT
from tests.review.browser.cases import candidate
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.conftest import Site
from tests.review.seeding import Seeded, Story, seed
from tests.storage import judged, lettered

TELEPHONE = (390, 844)
WIDER_THAN_ITS_WINDOW = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
LONG = "Центральне-агентство-з-розшуку-Міжнародного-Комітету-Червоного-Хреста " * 2
TODAY = utcnow().date()


@pytest.fixture
def shown(site: Site) -> Seeded:
    """A possible sighting of somebody whose patronymic says how the name declines, and one of somebody without."""
    found = seed(site.stores, Story(number="26-1", names=(lettered.NAME,)))
    with site.stores.db.begin() as db:
        judged.conclude(db, found.candidate, 2, 3)
        lettered.recipient(db)
    return found


@pytest.fixture
def ann(chromium: Chromium) -> User:
    """Who writes."""
    return chromium.user("ann", Role.CASE_OFFICER)


def files_made(site: Site, letter: int) -> None:
    """As the worker leaves them."""
    with site.stores.db.begin() as db:
        for kind in (LetterFormat.PDF, LetterFormat.DOCX):
            key, sha256 = f"letters/{letter}/{kind}", hashlib.sha256(b"file").hexdigest()
            site.stores.objects.put_verified(ObjectToStore(EXPORT, key, b"file", sha256, "application/pdf"))
            letters.keep_file(db, letter, File(kind, sha256, 4, key, utcnow()))


def looked_at(page: Page, name: str) -> None:
    """It fits, everybody can use it, and somebody can look at it later."""
    shoot(page, f"letters/{name}", whole=True)
    assert not page.evaluate(WIDER_THAN_ITS_WINDOW), name
    assert inaccessible(page) == [], name


def test_a_letter_goes_its_way_by_keyboard(site: Site, chromium: Chromium, shown: Seeded, ann: User) -> None:
    page = chromium.window(ann)
    page.goto(f"/sightings/{shown.candidate}")
    page.get_by_role("link", name="Write a letter").press("Enter")
    page.get_by_label("To:").select_option(index=1)
    page.get_by_role("button", name="Fill the draft").press("Enter")
    expect(page.get_by_label("Text")).to_have_value(re.compile(lettered.FORM))
    looked_at(page, "1-draft")
    page.get_by_role("button", name="Keep the letter").press("Enter")
    expect(page.get_by_text("Confirm the generated word forms first")).to_be_visible()
    looked_at(page, "2-forms")
    page.get_by_role("button", name="The ticked ones are right").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Tick the word forms")
    assert len(chromium.faults) == 1 and "422" in chromium.faults.pop(), "the browser says so, too"
    for box in page.get_by_role("checkbox").all():
        box.press("Space")
    page.get_by_role("button", name="The ticked ones are right").press("Enter")
    page.get_by_role("button", name="Offer it for approval").press("Enter")
    expect(page.get_by_text("Another officer has to read it")).to_be_visible()
    address = page.url
    bob = chromium.window(chromium.user("bob", Role.SENIOR))
    bob.goto(address)
    bob.get_by_role("button", name="Approve it").press("Enter")
    expect(bob.get_by_text("approved, to be sent").first).to_be_visible()
    files_made(site, int(address.rstrip("#forms").rpartition("/")[2].partition("#")[0]))
    bob.reload()
    assert bob.get_by_label("On which day").first.get_attribute("min") == str(TODAY)
    looked_at(bob, "3-approved")
    bob.get_by_label("How: by post").fill("post 17")
    bob.get_by_role("button", name="Write down that it was sent").press("Enter")
    bob.get_by_role("button", name="Write down that its receipt was acknowledged").press("Enter")
    looked_at(bob, "4-acknowledged")
    bob.get_by_label("What they answered").fill("held since May, reply 4/26")
    bob.get_by_role("combobox").select_option("captive")
    bob.get_by_role("button", name="Write down the answer").press("Enter")
    expect(bob.get_by_text("Statements of its answer")).to_be_visible()
    looked_at(bob, "5-answered")


@pytest.mark.parametrize("language", ["en-GB", "uk-UA"])
def test_the_pages_of_letters_fit_a_telephone(
    site: Site, chromium: Chromium, shown: Seeded, ann: User, language: str
) -> None:
    other = candidate(site.stores, "HC-0002")
    with site.stores.db.begin() as db:
        judged.conclude(db, other.candidate, 2, 3)
        to, _ = letter_book.add(db, "icrc", LONG, LONG, "uk", 30, "ann")
        waits = lettered.written(db, shown.candidate, body=f"{lettered.BODY} ⟦?{LONG.strip()}⟧", subject=LONG)
        late = lettered.sent(db, shown.candidate, days=1, dated=TODAY - timedelta(days=9))
    both = f"sightings={shown.candidate}+{other.candidate}"
    pages = {
        "list": "/letters?show=all", "overdue": "/letters?show=overdue", "waits": f"/letters/{waits}",
        "late": f"/letters/{late}", "edit": f"/letters/{waits}/edit", "new": f"/letters/new?{both}&recipient={to}",
        "recipients": "/letters/recipients", "template": "/letters/templates/icrc/uk",
    }  # fmt: skip
    for size, dark in ((TELEPHONE, False), ((1366, 768), True)):
        page = chromium.window(ann, size, language=language, dark=dark)
        for name, path in pages.items():
            page.goto(path)
            looked_at(page, f"{name}-{size[0]}-{language}")
