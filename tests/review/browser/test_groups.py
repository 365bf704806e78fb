"""A case officer follows a group from its roll call to its end; on a desk and on a telephone."""

from datetime import date

import pytest
from sqlalchemy import text

from lastseen.records import Says, StatementSource
from pipeline.demo.pictures import Sitter
from review.roles import Role
from storage import group_cases, statements
from storage.statements import Said
from tests.review.browser.cases import crops
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.conftest import Site
from tests.review.seeding import put
from tests.storage.casting import Seen, Video, candidate, person, post, repost, row, video

TELEPHONE = (360, 740)
WIDER_THAN_ITS_WINDOW = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
LONG = "Управління-" * 12
LETTER = StatementSource.LETTER
HELD = Said(Says.CAPTIVE, "the committee", LETTER, "letter 17/4", date(2026, 11, 9), date(2026, 11, 1), sets=True)
DEAD = Said(Says.DEAD, LONG, StatementSource.POST, f"https://t.me/{LONG}", date(2026, 10, 5), date(2026, 10, 1))


@pytest.fixture
def shown(site: Site) -> Video:
    """Five people, two of them seen, and one of these said to be held and to be dead; a copy, and a later film."""
    with site.stores.db.begin() as db:
        made = video(
            db, *(Seen(900 * n, 900 * n + 2000, x=80 + 120 * n) for n in range(4)), Seen(0, 2000, gate="24 px")
        )
        copy, later = video(db, Seen(0, 1000, x=80)), video(db, Seen(0, 900), Seen(0, 900, x=400))
        repost(db, made, copy, (0, 1000), (0, 1000))
        post(db, made.blob, "first.example")
        post(db, later.blob, f"{'long-' * 12}later.example")
        people = person(db, "HC-1", "Олена Приклад"), person(db, "HC-2", "Ben Example")
        for film in (made, later):
            for track, who in zip(film.tracks, people, strict=False):
                candidate(db, track, who, "sighting")
        candidate(db, made.tracks[2], person(db, "HC-3"))
        for said in (HELD, DEAD):
            statements.keep(db, people[0][0], said, "keeper")
        keys = db.execute(text("SELECT crop_key FROM best_shots ORDER BY id")).scalars().all()
    pictures = crops(Sitter.EILEEN_COLLINS, 1), crops(Sitter.GRACE_HOPPER, 1)
    for number, key in enumerate(keys):
        put(site.stores, key, pictures[number % 2][0])
    return made


@pytest.mark.parametrize("language", ["en-GB", "uk-UA"])
def test_the_pages_of_groups_fit_a_telephone_and_a_screen_reader(
    site: Site, chromium: Chromium, shown: Video, language: str
) -> None:
    with site.stores.db.begin() as db:
        group_cases.open_(db, shown.blob, f"Подвір'я {LONG}", f"taken together {LONG}", "ada")
        group_cases.count(db, 1, 9, LONG, "ada")
        group_cases.note(db, 1, f"a relative wrote {LONG}", "ada")
        to = row(db, "letter_recipients", kind="icrc", name=LONG, language="en", added_by="ada")
        said = {"recipient_id": to, "group_case_id": 1, "language": "en", "body": "b", "with_package": False}
        row(db, "letters", **said, subject=f"On five people {LONG}", made_by="ada")
    for role in (Role.CASE_OFFICER, Role.SENIOR):
        user = chromium.user(f"olga.{role}", role)
        for size, dark in ((TELEPHONE, False), ((1366, 768), True)):
            page = chromium.window(user, size, language=language, dark=dark)
            for path in ("/groups", "/groups/1", f"/videos/{shown.sha256}/roll-call"):
                page.goto(path)
                name = path.strip("/").replace("/", "-")[:12]
                shoot(page, f"pages/{name}-{role}-{size[0]}-{language}", whole=True)
                assert not page.evaluate(WIDER_THAN_ITS_WINDOW), path
                assert inaccessible(page) == [], path


def test_a_roll_call_is_followed_to_its_end(site: Site, chromium: Chromium, shown: Video) -> None:
    page = chromium.window(chromium.user("olga", Role.CASE_OFFICER))
    page.goto("/unaccounted")
    page.locator(f"a[href='/videos/{shown.sha256}/roll-call']").first.click()
    page.get_by_label("Title, without names of people").fill("Yard in November")
    page.get_by_label("Why they are followed together").fill("taken together")
    page.get_by_role("button", name="Open the case").click()
    page.wait_for_url("**/groups/1")
    assert figures(page.locator("dl.totals dd").all_inner_texts()) == [4, 2, 1, 1, 1, 3]

    later = page.locator("#again li", has_text="possible sightings of people of the group")
    later.get_by_text("Decide").click()
    later.get_by_label("Why it shows the same group").fill("the same two, in the same coats")
    later.get_by_role("button", name="Add it to the case").click()
    page.wait_for_url("**/groups/1#files")
    assert figures(page.locator("dl.totals dd").all_inner_texts()) == [4, 2, 1, 1, 1, 3]
    copy = page.locator("#again li", has_text="the same footage")
    copy.get_by_text("Decide").click()
    copy.get_by_label("Why it does not belong here").fill("only a cut of it")
    copy.get_by_role("button", name="Refuse it").click()
    assert page.locator("#again li", has_text="only a cut of it").is_visible()

    page.get_by_label("People counted by eye").fill("6")
    page.get_by_role("button", name="So many were counted").click()
    page.wait_for_url("**/groups/1#notes")
    page.get_by_label("Note, or the reason").fill("handed to the ministry")
    page.get_by_role("button", name="Close the case").click()
    page.get_by_text("closed, and left open: 5 people").wait_for()
    shoot(page, "pages/group-closed", whole=True)
    assert chromium.faults == []


def figures(written: list[str]) -> list[int]:
    return [int(one) for one in written]
