"""A package of evidence, whole: a film is collected, two people judge, a senior asks, it is made, fetched and checked.

Nothing stands in for anything: the site is read, the steps run, the command and the DAG make the packages, the file
comes through the browser, and the verifier in it runs by itself.
"""

import html
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from lastseen.settings import Settings
from review.roles import Role
from storage import judgements
from storage.objects import EVIDENCE
from storage.stores import Stores
from tests.filmed import office_with_a_film, sighted
from tests.office import Office
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.storage.judged import account, give

pytestmark = pytest.mark.long

COURT, ORDER = "The court of <Exampleville>", "order 7/2026"


@pytest.fixture
def office(settings: Settings, stores: Stores, tmp_path: Path, shared_media: Path) -> Office:
    """An office that has collected one film, and found one person of its register in it."""
    return office_with_a_film(settings, stores, tmp_path, shared_media)


@pytest.fixture
def candidate(office: Office) -> int:
    """Two analysts, each by themselves, said that it may be this person."""
    return sighted(office)


@pytest.fixture
def senior(chromium: Chromium, candidate: int) -> Page:
    """A window of a senior on the possible sighting."""
    page = chromium.window(chromium.user("halyna", Role.SENIOR))
    page.goto(f"/sightings/{candidate}")
    return page


def test_from_the_form_to_a_package_that_stands_by_itself(
    office: Office, candidate: int, senior: Page, tmp_path: Path
) -> None:
    asks(senior, COURT)
    expect(senior.get_by_text("being made")).to_be_visible()
    shoot(senior, "package-1-asked", whole=True)
    assert office.ask("packages") == {"made": 1, "failed": 0, "removed": 0}
    one = checked(senior, tmp_path / "one")
    assert COURT in html.unescape((one / "data" / "report.html").read_text("utf-8"))
    assert b"halyna" in (one / "receipt.json").read_bytes()

    asks(senior, "another court")
    assert "packages: success" in office.run_dags({"packages": {}})
    checked(senior, tmp_path / "two")

    lost(office, candidate)
    asks(senior, "a third court")
    assert office.ask("packages")["failed"] == 1
    senior.reload()
    expect(senior.get_by_text("It was not made:")).to_contain_text("lastseen verify")
    expect(senior.get_by_text("Tell whoever runs the machine")).to_be_visible()
    shoot(senior, "package-3-not-made", whole=True)
    assert inaccessible(senior) == []
    for width in (320, 1366):
        senior.set_viewport_size({"width": width, "height": 768})
        assert senior.evaluate("document.documentElement.scrollWidth") <= width, "hashes and keys are long"
    shoot(senior, "package-4-narrow", whole=True)

    fetches = senior.get_by_role("link", name="Fetch it").first.get_attribute("href")
    takes_back(office, candidate)
    answer = senior.request.get(str(fetches))
    assert answer.status == 404, "it is a stranger's face now"


def asks(page: Page, recipient: str) -> None:
    """Fill in the form, and press its button twice, as people do."""
    page.get_by_label("For whom").fill(recipient)
    page.get_by_label("Why it leaves the office").fill(ORDER)
    page.get_by_role("button", name="Have a package made").dblclick()
    page.wait_for_load_state()
    expect(page.get_by_role("listitem").filter(has_text=recipient)).to_have_count(1)


def checked(page: Page, folder: Path) -> Path:
    """Fetch the newest package, unpack it, and have its verifier say that it is what the page says."""
    page.reload()
    row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Fetch it")).first
    sha256, key = (said.removeprefix("sha256 ") for said in row.locator(".hash").all_inner_texts())
    shoot(page, "package-2-ready", whole=True)
    with page.expect_download() as download:
        row.get_by_role("link", name="Fetch it").click()
    assert download.value.suggested_filename.startswith("evidence-")
    with zipfile.ZipFile(download.value.path()) as packed:
        packed.extractall(folder)  # it is our own
    (package,) = folder.iterdir()
    asked = [str(package), "--key", key, "--package-sha256", sha256]
    verify = [sys.executable, "-I", str(next(package.rglob("verify.py"))), *asked]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return package


def lost(office: Office, candidate: int) -> None:
    """The recording is gone from the store, as a broken disk would have it."""
    with office.stores.db.begin() as db:
        key = db.execute(
            text("""SELECT object_key FROM blobs JOIN analyses ON blob_id = blobs.id
                      JOIN tracks ON analysis_id = analyses.id JOIN candidates ON track_id = tracks.id
                     WHERE candidates.id = :id"""),
            {"id": candidate},
        ).scalar_one()
    office.stores.objects.erase(EVIDENCE, key)


def takes_back(office: Office, candidate: int) -> None:
    """One of the two comes to something else."""
    with office.stores.db.begin() as db:
        (before,) = (one.id for one in judgements.of_candidate(db, candidate) if one.reviewer == "petro")
        give(db, account(db, "petro"), candidate, 0, supersedes=before)
