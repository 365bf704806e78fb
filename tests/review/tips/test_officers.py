"""Tips as case officers see them, and nobody else; and what those who judge see of one."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from lastseen.lifecycle import CandidateState
from lastseen.settings import Settings
from review.roles import Role
from storage import accounts, sealing, sources, tellings, tip_finds, tips
from storage.custody import Action
from storage.stores import Stores
from storage.tips import CameBy, Given
from tests.review.conftest import Browser, Site, serving
from tests.review.seeding import Seeded, Story, seed
from tests.storage.judged import account, give

WHOM, CONTACT = "Ivan, who stands behind", "+380 00 000"
HOSTILE = "https://video.example/<script>alert(1)</script>"


@pytest.fixture
def site(stores: Stores, settings: Settings) -> Iterator[Site]:
    """An office that may collect."""
    with serving(stores, settings.model_copy(update={"legal_basis": "decision 7"})) as served:
        yield served


@pytest.fixture
def officer(site: Site) -> Browser:
    return site.signed_in(Role.CASE_OFFICER)


def tip(site: Site, settings: Settings, address: str = "https://t.me/news/7") -> int:
    with site.stores.db.begin() as db:
        given = Given(address, 155, WHOM, "", CONTACT, "uk")
        return tips.receive(db, sealing.secrets(settings), given, CameBy.FORM, "form").id


def actions(site: Site) -> list[tuple[str, str]]:
    return [(event.action, event.subject) for event in site.log()]


def of_tip_post(site: Site, seeded: Seeded, id_: int) -> None:
    """Have the post of a case be what a tip points to."""
    with site.stores.db.begin() as db:
        db.execute(
            text("""UPDATE posts SET source_id = (SELECT source_id FROM tip_notes WHERE tip_id = :tip
                                                     AND source_id IS NOT NULL)
                     WHERE id IN (SELECT post_id FROM media_items WHERE blob_id = :blob)"""),
            {"tip": id_, "blob": seeded.blob},
        )


def test_from_received_to_closed(site: Site, settings: Settings, officer: Browser) -> None:
    seed(site.stores, Story(number="26-7"))
    id_ = tip(site, settings)
    assert f'href="/tips/{id_}"' in officer.get("/tips").text
    page = officer.get(f"/tips/{id_}").text
    assert WHOM not in page
    assert CONTACT not in page
    opened = officer.submit(f"/tips/{id_}/contact")
    assert WHOM in opened.text
    assert CONTACT in opened.text
    assert (Action.CONTACT_OPENED, f"tip:{id_}") in actions(site)
    for field in ("reason", "move-reason", "note"):
        assert f'aria-describedby="{field}-help"' in page, "what officers write is not sealed, and each field says so"
        assert re.search(f'id="{field}-help">It stays with the tip, in the clear', page)
    assert officer.submit(f"/tips/{id_}/take-up", number="nobody", reason="why").status_code == 422
    assert officer.submit(f"/tips/{id_}/take-up", number="26-7", reason="it looks right").status_code == 303
    page = officer.get(f"/tips/{id_}").text
    assert "it looks right" in page
    assert "26-7" in page
    with site.stores.db.begin() as db:
        assert sources.every(db)[-1].reason == f"tip {id_}", "their words stand with the tip alone"
    assert officer.submit(f"/tips/{id_}/note", note="<b>called</b>").status_code == 303
    assert "<b>called</b>" not in officer.get(f"/tips/{id_}").text
    assert officer.submit(f"/tips/{id_}/move", to="closed", reason="told").status_code == 303
    assert officer.submit(f"/tips/{id_}/contact").status_code == 409
    assert (Action.CONTACT_REMOVED, f"tip:{id_}") in actions(site)
    assert officer.submit(f"/tips/{id_}/move", to="closed", reason="again").status_code == 422
    assert officer.submit(f"/tips/{id_}/move", to="received", reason="x").status_code == 400


def test_nobody_else_sees_a_tip_and_no_log_or_export_has_its_contact(site: Site, settings: Settings) -> None:
    id_ = tip(site, settings)
    for role in set(Role) - {Role.CASE_OFFICER}:
        other = site.signed_in(role)
        assert other.get("/tips").status_code == 403
        assert other.get(f"/tips/{id_}").status_code == 403
        assert other.submit(f"/tips/{id_}/contact").status_code == 403
    site.signed_in(Role.CASE_OFFICER).submit(f"/tips/{id_}/contact")
    auditor = site.signed_in(Role.AUDITOR)
    for page in ("/log", "/log.csv", "/log.jsonl"):
        told = auditor.get(page).text
        assert WHOM not in told
        assert CONTACT not in told


def test_hostile_links_are_words(site: Site, settings: Settings, officer: Browser) -> None:
    id_ = tip(site, settings, HOSTILE)
    for path in ("/tips", f"/tips/{id_}"):
        page = officer.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
        assert not re.search(r'href="https?://', page)


def test_pages_of_tips_go_on(site: Site, settings: Settings, officer: Browser) -> None:
    for _ in range(tips.MOST + 1):
        tip(site, settings)
    first = officer.get("/tips?show=all")
    assert len(re.findall(r'<a href="/tips/\d+">', first.text)) == tips.MOST
    older = re.search(r'href="(/tips\?show=all&amp;before=\d+)"', first.text)
    assert older is not None
    assert len(re.findall(r'<a href="/tips/\d+">', officer.get(older[1].replace("&amp;", "&")).text)) == 1
    assert officer.get("/tips?show=nonsense").status_code == 400


def test_who_judges_learns_of_a_tip_only_after_their_answer(site: Site, settings: Settings, officer: Browser) -> None:
    seeded = seed(site.stores, Story(number="26-7"))
    id_ = tip(site, settings)
    officer.submit(f"/tips/{id_}/take-up", number="26-7", reason="a relative knows the anchor")
    of_tip_post(site, seeded, id_)
    analyst = site.signed_in(Role.ANALYST)
    queue = analyst.get("/")
    taken = analyst.submit("/reviews")
    review = taken.headers["location"]
    pages = [queue.text, analyst.get(review).text]
    analyst.submit(f"{review}/description")
    pages.append(analyst.get(review).text)
    for page in pages:
        assert not re.search(r"(?i)\btip\b|relative|anchor|@news/7", page)
    assert analyst.get(f"/candidates/{seeded.candidate}").status_code == 303, "it waits, perhaps for them"
    analyst.submit(f"{review}/return")
    record = site.reader(seeded.candidate, "vera").get(f"/candidates/{seeded.candidate}").text
    assert "A relative pointed to this" in record
    assert f"Tip {id_}" in record


def test_an_officer_who_also_judges_is_not_asked_about_what_a_tip_points_to(site: Site, settings: Settings) -> None:
    seeded = seed(site.stores, Story(number="26-7"))
    id_ = tip(site, settings)
    both = site.signed_in(Role.CASE_OFFICER, Role.ANALYST)
    both.submit(f"/tips/{id_}/take-up", number="26-7", reason="why")
    of_tip_post(site, seeded, id_)
    assert "Review next" in site.signed_in(Role.ANALYST).get("/").text
    both.get(f"/tips/{id_}")
    assert both.submit("/reviews").headers["location"].startswith("/?")


def test_who_read_of_whom_a_relative_recognised_is_not_asked_about_them_elsewhere(
    site: Site, settings: Settings
) -> None:
    elsewhere = seed(site.stores, Story(number="26-7"))
    id_ = tip(site, settings)
    with site.stores.db.begin() as db:
        early = accounts.add_user(db, "eva", None, (Role.CASE_OFFICER, Role.ANALYST))
        assert not tellings.was_told(db, early, elsewhere.candidate)
    site.as_user(early).get(f"/tips/{id_}")
    site.signed_in(Role.CASE_OFFICER).submit(f"/tips/{id_}/take-up", number="26-7", reason="why")
    with site.stores.db.begin() as db:
        assert tellings.was_told(db, early, elsewhere.candidate), "she read it before it was said whom it is about"
        assert not tellings.was_told(db, account(db, "ada"), elsewhere.candidate)


def test_what_came_of_it_as_far_as_it_is_settled(site: Site, settings: Settings, officer: Browser) -> None:
    seeded = seed(site.stores, Story(number="26-7"))
    id_ = tip(site, settings)
    officer.submit(f"/tips/{id_}/take-up", number="26-7", reason="why")
    of_tip_post(site, seeded, id_)
    assert "waits for another person: 1" in officer.get(f"/tips/{id_}").text
    with site.stores.db.begin() as db:
        for name in ("ada", "ben"):
            give(db, account(db, name), seeded.candidate, 3)
        assert [one.id for one in tip_finds.pointing_to(db, seeded.candidate)] == [id_]
        state = db.execute(text("SELECT state FROM candidates WHERE id = :id"), {"id": seeded.candidate}).scalar()
    assert state == CandidateState.SIGHTING
    page = officer.get(f"/tips/{id_}").text
    assert f'href="/sightings/{seeded.candidate}"' in page
    assert officer.get(f"/sightings/{seeded.candidate}").status_code == 200
