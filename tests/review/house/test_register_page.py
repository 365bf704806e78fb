"""The register keeper's page: what is odd, what was refused, and who looked."""

import pytest
from sqlalchemy import insert, text

from lastseen.records import Finding, FindingKind
from review.roles import Role
from storage import findings, status
from storage.stores import Stores
from storage.tables import templates
from tests.review.conftest import Browser, Site, picture_addresses, texts
from tests.review.seeding import Seeded, Story, seed
from tests.review.test_pages import faults

ENGINE = "dlib"


def two_entries(stores: Stores) -> tuple[Seeded, Seeded]:
    """That are odd beside each other."""
    one, other = (seed(stores, Story(number=f"26-00{place}")) for place in (1, 2))
    with stores.db.begin() as db:
        for entry in (one, other):
            row = {"photo_id": entry.photo, "kind": "photo", "engine": ENGINE, "quality": 1.0, "sealed": b"sealed"}
            db.execute(insert(templates).values(row))
        found = Finding(FindingKind.TWICE, one.person, one.photo, other.person, other.photo, 0.25, 0.4)
        findings.keep(db, ENGINE, one.person, [found], 0.5)
        db.execute(text("UPDATE reference_photos SET badge = 'poor' WHERE id = :id"), {"id": one.photo})
    return one, other


@pytest.fixture
def keeper(site: Site) -> Browser:
    return site.signed_in(Role.REGISTER_KEEPER)


def test_a_register_without_anything_odd(keeper: Browser) -> None:
    page = keeper.get("/register").text
    assert page.count("None.") == 2
    assert faults(page) == []


def test_what_is_odd_is_shown_with_both_photos_and_the_view_is_recorded(site: Site, keeper: Browser) -> None:
    one, other = two_entries(site.stores)
    page = keeper.get("/register").text
    assert faults(page) == []
    assert "register tie NUMBER OTHER --kin --reason TEXT" in page, "as the command wants it"
    for said in ("26-001", "26-002", "distance 0.250", "odd up to 0.400", "entered twice"):
        assert said in page
    pictures = picture_addresses(page)
    assert [address.partition("?")[0] for address in pictures] == [f"/media/photo/{p.photo}" for p in (one, other)]
    assert {keeper.get(address).headers["content-type"] for address in pictures} == {"image/jpeg"}
    (seen,) = [event for event in site.log() if event.action == "viewed"]
    assert (seen.actor, seen.subject, seen.detail["refused"]) == ("user1", "register", 0)
    assert len(str(seen.detail["findings"])) > 2


def test_the_status_counts_findings(site: Site, keeper: Browser) -> None:
    two_entries(site.stores)
    answer = keeper.get("/status")
    assert answer.status_code == 200
    assert "<h2>Findings</h2>" in answer.text and "<dt>open</dt><dd>1</dd>" in answer.text
    with site.stores.db.begin() as db:
        assert status.counts(db)["findings"] == {"open": 1}


def test_a_photo_that_no_finding_is_about_is_not_shown(site: Site, keeper: Browser) -> None:
    assert keeper.get(f"/media/photo/{seed(site.stores).photo}").status_code == 404


def test_a_finding_is_explained_on_the_page_once(site: Site, keeper: Browser) -> None:
    two_entries(site.stores)
    with site.stores.db.begin() as db:
        (only,) = findings.listed(db)
    path = f"/register/findings/{only.id}/explain"
    assert keeper.submit(path, reason=" ").status_code == 422
    assert keeper.submit(path, reason="two <b>cousins</b>, seen by the office").status_code == 303
    assert keeper.submit(path, reason="again").status_code == 409
    assert "Finding" not in keeper.get("/register").text.partition("<article")[2]
    with site.stores.db.begin() as db:
        assert findings.listed(db) == []
    assert ("user1", "explained", f"finding:{only.id}") in texts(site.log())


def test_refused_photos_are_listed_with_their_reasons(site: Site, keeper: Browser) -> None:
    entry = seed(site.stores)
    work = """INSERT INTO work (step, subject, recipe, state, outcome, why, settled_at)
              VALUES ('enroll', :photo, :recipe, :state, :outcome, :why, now() - make_interval(days => :days))"""
    refused = {
        "photo": entry.photo,
        "recipe": "old",
        "state": "skipped",
        "outcome": "SKIPPED",
        "why": "2 faces",
        "days": 1,
    }
    with site.stores.db.begin() as db:
        db.execute(text(work), refused)
    assert "2 faces" in keeper.get("/register").text
    with site.stores.db.begin() as db:
        db.execute(text(work), {**refused, "recipe": "new", "state": "done", "outcome": None, "why": "", "days": 0})
    assert "2 faces" not in keeper.get("/register").text, "another engine has taken it since"
