"""Pages with what a large office has: a hundred accounts, long names, words without a space, keys of a real log.

What is seen is left in `build/screenshots/large`, to be looked at.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from lastseen.preferences import LANGUAGES
from lastseen.settings import Settings
from matchers import measuring
from pipeline.matching import calibrate
from review.roles import Role
from storage import accounts, custody, hand_overs, packages
from storage.accounts import User
from tests.pipeline.matching.test_calibrate import fill
from tests.review.browser.conftest import LAPTOP, Chromium, inaccessible, shoot
from tests.review.browser.test_every_page import NARROW, SPEAK, TOO_WIDE
from tests.review.conftest import Site
from tests.review.seeding import Seeded, Story, add_post, seed
from tests.storage.judged import account, give

ACCOUNTS, FACES, PEOPLE = 100, 12, 310
LONG_NAME = "Олександра-Вікторія.Нечуй-Левицька-Красношапка"
NO_SPACE = "Управління" * 18
ADDRESS = "https://videos.example/watch/" + "abcdefghij" * 25
KEY = "lastseen/ff4e1f42fda1e3514e07326af4aa50ff+5fb61386+AfNK3VmPc0zz+JY0IMnx6IhDCeil1O2wNG0Cs73aXJ9L"
PAGES = (
    *("/", "/sightings", "/sightings?show=handed", "/sightings?show=changed", "/team", "/me", "/status", "/users"),
    *("/register", "/calibration", "/log", "/judgements", "/account", "/hints", "/unaccounted"),
)
TROUBLES = text("""
    INSERT INTO work (step, subject, recipe, state, outcome, why, settled_at)
    SELECT 'fetch', n, '', 'failed', 'TRANSIENT', :why || n, now() FROM generate_series(1, 60) AS n""")

FAIL = text("""
    UPDATE work SET state = 'quarantined', outcome = 'DEFECT', why = :why
     WHERE step = 'package' AND subject = :id""")


@pytest.fixture
def everybody(chromium: Chromium) -> User:
    """Whoever may see every page, among a hundred accounts."""
    return chromium.user(f"{LONG_NAME}.all", *Role)


@pytest.fixture
def sighting(site: Site, settings: Settings, everybody: User, monkeypatch: pytest.MonkeyPatch) -> Seeded:
    """One of a dozen, with everything about it that is long; the register has a calibration of its own."""
    monkeypatch.setattr(measuring, "REPEATS", 5)
    fill(site.stores, settings, PEOPLE)
    calibrate.propose(site.stores, settings, "tester", 500, 10)
    seeded = [seed(site.stores, Story(number=f"{number}/26-{NO_SPACE[:40]}", names=NAMES)) for number in range(FACES)]
    with site.stores.db.begin() as db:
        for number in range(ACCOUNTS):
            accounts.add_user(db, f"{LONG_NAME}.{number}", None, list(Role)[: number % 6])
        for number, each in enumerate(seeded):
            for who in range(2):
                give(db, account(db, f"{LONG_NAME}-{2 * number + who}"), each.candidate, 3)
        add_post(db, seeded[0].blob, Story(permalink=ADDRESS))
        db.execute(TROUBLES, {"why": f"the server said {NO_SPACE} {ADDRESS} "})
    with site.stores.db.begin() as db:
        entries = list(_left_the_office(db, seeded[0], everybody))
        custody.append_all(db, everybody.name, entries)
    return seeded[0]


NAMES = (LONG_NAME.replace(".", " "), NO_SPACE[:60], "Єва")


def _left_the_office(db: Connection, seeded: Seeded, senior: User) -> Iterator[custody.Entry]:
    """It was handed over, and packages of it were made, are being made, and could not be made."""
    yield hand_overs.hand_over(db, seeded.candidate, NO_SPACE, f"{NO_SPACE} {ADDRESS}", senior)
    for number in range(3):
        yield from packages.ask(db, seeded.candidate, NO_SPACE, f"{number} {NO_SPACE}", senior)
    failed, _, made = (one.id for one in packages.of_candidate(db, seeded.candidate))
    packages.keep(db, made, "E", "0123456789abcdef" * 4, KEY, 3, "E/package.zip")
    why = f"blob/sha256/{'0b5ff4c55a4cd69f' * 4} is missing"
    db.execute(FAIL, {"id": failed, "why": why})


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_page_holds_what_a_large_office_has(
    chromium: Chromium, site: Site, everybody: User, sighting: Seeded, code: str
) -> None:
    """Each page is opened once, and its window made narrow."""
    with site.stores.db.begin() as db:
        db.execute(SPEAK, {"code": code})
    page = chromium.window(everybody, dark=code != "en")
    found = {}
    own = (f"/sightings/{sighting.candidate}", f"/sightings/{sighting.candidate}/facts")
    for path in (*PAGES, *own, "/people/0%2F26-" + NO_SPACE[:40]):
        assert (answer := page.goto(path)) is not None and answer.status == 200, path
        name = path.split("?")[-1].strip("/").replace("/", "-")[:24] or "queue"
        for width, height in (NARROW, LAPTOP):  # the next page is opened in a wide one
            page.set_viewport_size({"width": width, "height": height})
            shoot(page, f"large/{code}-{width}-{name}", whole=True)
            if faults := [*page.evaluate(TOO_WIDE), *inaccessible(page)]:
                found[path, width] = faults
    assert found == {}
