"""The whole way in a real browser: from a one-time link to what several people came to, and what goes wrong between."""

import hashlib
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sqlalchemy import text

from extractors.faces import check
from lastseen.clock import utcnow
from lastseen.outcomes import ObjectToStore
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import App
from pipeline.media import illustrate
from pipeline.runner import Runner
from pipeline.steps import Steps
from review.roles import Role
from storage import accounts, work
from storage.accounts import User
from storage.objects import EVIDENCE
from storage.work import Queue
from tests.extractors.films import ANNA, BOHDAN, film
from tests.review.accounts.test_second_factor import code, forget_steps
from tests.review.browser.cases import arrived, candidate, crops, describe
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.cases.test_hints import hinted
from tests.review.conftest import Site
from tests.review.seeding import Seeded, Story, put, seed
from tests.storage import casting
from tests.storage.casting import Seen

PASSWORD = "river lantern otter stone"
NOTCH = "a notch in the left ear"
BREAKS_OUT = '</script><script>window.broken = 1</script><img src=x onerror="window.broken = 1">'
TURNS_AROUND = "\u202e\u2066\u200f gnp.exe \u2067"
BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
DOCS = Path(__file__).parents[3] / "docs" / "review.md"


@pytest.fixture
def case(chromium: Chromium, site: Site) -> Seeded:
    """One face that waits."""
    return candidate(site.stores)


def opened(chromium: Chromium, user: User) -> Page:
    """A window on the queue."""
    page = chromium.window(user)
    page.goto("/")
    return page


def take(page: Page) -> None:
    """Take up what is next, which nobody has described."""
    page.get_by_role("button", name="Review next").click()
    arrived(page, "Describe the face")


def answer(page: Page, key: str) -> None:
    """Describe, compare what was seen, answer, and end up at the queue."""
    describe(page)
    send(page, key)


def send(page: Page, key: str) -> None:
    for feature in ("ears", "nose"):
        page.locator(f"[name='feature.{feature}'][value=similar]").check(force=True)
    page.keyboard.press(key)
    if key in "345n":
        page.get_by_label("In a few words: why").fill("too soft to say")
    page.keyboard.press("Control+Enter")
    arrived(page, "Candidates")


def state(site: Site, id_: int) -> str:
    with site.stores.db.begin() as db:
        found: str = db.execute(text("SELECT state FROM candidates WHERE id = :id"), {"id": id_}).scalar_one()
    return found


def told(page: Page, *words: str) -> list[str]:
    """Which of these words the page's source holds."""
    source = page.content().casefold()
    return [word for word in words if word.casefold() in source]


def test_from_a_link_to_a_possible_sighting_by_two_who_do_not_know_of_each_other(
    chromium: Chromium, site: Site, case: Seeded
) -> None:
    oksana, petro = (chromium.user(name, Role.ANALYST) for name in ("oksana", "petro"))
    page = chromium.window()
    comes_in(page, site, oksana)
    shoot(page, "way-1-queue")
    assert inaccessible(page) == []
    take(page)
    page.get_by_label("Note: Ears").fill(NOTCH)
    describe(page)
    page.locator("[name='feature.ears'][value=similar]").focus()
    send(page, "7")
    assert state(site, case.candidate) == "open"
    page.goto(f"/candidates/{case.candidate}")
    shoot(page, "way-2-own-answer", whole=True)
    assert inaccessible(page) == []

    other = opened(chromium, petro)
    secret = ("oksana", NOTCH, "Strong support for one person</b>", "HC-0001", "Ada Example", "0.43")
    assert told(other, *secret) == []
    take(other)
    assert told(other, *secret) == []
    describe(other)
    assert told(other, *secret) == []
    send(other, "7")
    assert state(site, case.candidate) == "sighting"
    other.goto(f"/candidates/{case.candidate}")
    assert told(other, "oksana", NOTCH, "possible sighting") == ["oksana", NOTCH, "possible sighting"]
    assert "identified" not in other.content().replace("nobody is identified", "")
    shoot(other, "way-3-sighting", whole=True)
    assert inaccessible(other) == []


def comes_in(page: Page, site: Site, user: User) -> None:
    """By a one-time link; then a password, a second factor, and in again with both."""
    with site.stores.db.begin() as db:
        token = accounts.make_link(db, user.name)
    page.goto(f"/enter/{token}")
    shoot(page, "way-enter")
    assert inaccessible(page) == []
    page.get_by_role("button", name="Sign in").click()
    arrived(page, "Candidates")
    page.get_by_role("link", name=user.name).click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Save password").click()
    expect(page.get_by_text("Your password is set")).to_be_visible()
    page.get_by_role("link", name="set up").click()
    secret = page.locator("code").first.inner_text()
    page.wait_for_function("() => document.querySelector('img.qr').naturalWidth > 0")
    shoot(page, "way-second-factor")
    assert inaccessible(page) == []
    page.get_by_label("Code of six digits").fill(code(secret))
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("link", name="I have them").click()
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    page.get_by_label("Name").fill(user.name)
    page.get_by_label("Password").fill(PASSWORD)
    shoot(page, "way-sign-in")
    assert inaccessible(page) == []
    page.get_by_role("button", name="Sign in").click()
    forget_steps(site.stores)
    page.get_by_label("Code of six digits").fill(code(secret))
    page.get_by_role("button", name="Go on").click()
    arrived(page, "Candidates")


def test_a_link_on_another_sites_page_finds_whoever_is_signed_in(chromium: Chromium, site: Site) -> None:
    oksana, petro = (chromium.user(name, Role.ANALYST) for name in ("oksana", "petro"))
    page = chromium.window(oksana)
    page.goto(f"data:text/html,<a href='{site.url}/account'>letter</a>")
    page.get_by_role("link").click()
    arrived(page, "Your account")
    with site.stores.db.begin() as db:
        token = accounts.make_link(db, petro.name)
    page.goto(f"data:text/html,<a href='{site.url}/enter/{token}?next=/account'>message</a>")
    page.get_by_role("link").click()
    expect(page.get_by_text("You are signed in here as oksana")).to_be_visible()
    expect(page.get_by_text("petro")).to_have_count(0)
    shoot(page, "way-enter-instead")
    page.get_by_role("button", name="Sign in").click()
    arrived(page, "Your account")
    expect(page.get_by_role("link", name="petro")).to_be_visible()


def test_a_disagreement_goes_to_a_senior_who_is_as_blind(chromium: Chromium, site: Site, case: Seeded) -> None:
    for name, key in (("oksana", "7"), ("petro", "4")):
        page = opened(chromium, chromium.user(name, Role.ANALYST))
        take(page)
        answer(page, key)
    nobody = opened(chromium, chromium.user("third", Role.ANALYST))
    expect(nobody.get_by_role("listitem").filter(has_text="Face in a video")).to_have_count(0)
    senior = opened(chromium, chromium.user("halyna", Role.SENIOR))
    shoot(senior, "way-4-senior-queue")
    take(senior)
    assert told(senior, "oksana", "petro", "too soft to say") == []
    answer(senior, "6")
    assert state(site, case.candidate) == "sighting"
    senior.goto(f"/candidates/{case.candidate}")
    assert told(senior, "oksana", "petro", "too soft to say") == ["oksana", "petro", "too soft to say"]
    shoot(senior, "way-5-settled", whole=True)


def test_two_who_press_next_look_at_two_faces_and_none_is_held_back(
    chromium: Chromium, case: Seeded, site: Site
) -> None:
    candidate(site.stores, "HC-0002")
    first, second, third = (
        opened(chromium, chromium.user(name, Role.ANALYST)) for name in ("oksana", "petro", "iryna")
    )
    take(first)
    first.wait_for_load_state("networkidle")  # by now the next one is reserved for her
    take(second)
    assert second.url != first.url
    third.get_by_role("button", name="Review next").click()
    arrived(third, "Candidates")
    expect(third.get_by_role("status").first).to_contain_text("Nothing more waits for you at the moment")
    shoot(third, "way-taken")
    assert inaccessible(third) == []


@pytest.fixture
def crowd(site: Site, settings: Settings) -> Iterator[int]:
    """A candidate in a film with 18 faces in a frame, its moment cut by the real step."""
    places = [(40 + 100 * (number % 6), 30 + 110 * (number // 6)) for number in range(18)]
    sides = [Seen(0, 1900, x + 40, y + 40, size=70) for x, y in places]
    heads = {0: ANNA, 1: BOHDAN}
    picture = np.full((360, 640, 3), 90, np.uint8)
    for number, (x, y) in enumerate(places):
        picture[y : y + 80, x : x + 80] = np.asarray(Image.fromarray(check.draw(heads[number % 2])).resize((80, 80)))
    with TemporaryDirectory() as folder:
        content = film(Path(folder) / "crowd.mp4", [picture] * 48).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    until = utcnow() + timedelta(days=1)
    stored = site.stores.objects.put_verified(ObjectToStore(EVIDENCE, digest, content, digest, "video/mp4"), until)
    with site.stores.db.begin() as db:
        made = casting.video(db, *sides, sha256=digest)
        values = {"key": stored.key, "version": stored.version_id, "size": len(content)}
        db.execute(text("UPDATE blobs SET object_key = :key, version_id = :version, size = :size"), values)
        casting.post(db, made.blob, "crowd.example")
        id_ = casting.candidate(db, made.tracks[8], casting.person(db, "HC-18", "Ada Example"))
        keys = db.execute(text("SELECT crop_key FROM best_shots")).scalars().all()
        work.offer(db, Queue(illustrate.NAME), [id_])
        db.execute(text("UPDATE reference_photos SET crop_key = 'crop/photo'"))
    for key in [*keys, "crop/photo"]:
        put(site.stores, key, crops(count=1)[0])
    steps = Steps("engine", "recipe", "fingerprint", {illustrate.NAME: illustrate.step()})
    with Runner(site.stores, settings, "tester") as runner:
        tally = jobs.batch(App(settings, site.stores, steps, runner, "tester"), illustrate.NAME, [id_])
    assert tally.done == 1, tally
    yield id_


def test_of_eighteen_faces_in_one_frame_one_is_shown(chromium: Chromium, site: Site, crowd: int) -> None:
    page = opened(chromium, chromium.user("oksana", Role.ANALYST))
    take(page)
    still = page.context.request.get(f"{page.url.partition('?')[0]}/still.jpg")
    assert still.ok
    sharp = sharpness(still.body())
    assert [number for number, value in enumerate(sharp) if value > 2 * float(np.median(sharp))] == [8]
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0")
    shoot(page, "way-eighteen-faces")
    assert inaccessible(page) == []
    answer(page, "7")
    page.goto(f"/videos/{blob_of(site)}/roll-call")
    shoot(page, "way-eighteen-roll-call", whole=True)
    assert inaccessible(page) == []
    assert page.get_by_text("Look at face").count() == 17


def blob_of(site: Site) -> str:
    with site.stores.db.begin() as db:
        found: str = db.execute(text("SELECT sha256 FROM blobs")).scalar_one()
    return found


def sharpness(content: bytes) -> list[float]:
    """How much changes from pixel to pixel within each of the 18 places."""
    grey = np.asarray(Image.open(io.BytesIO(content)).convert("L"), np.float32)
    scale = grey.shape[1] / 640
    found = []
    for number in range(18):
        x, y = (round(scale * one) for one in (50 + 100 * (number % 6), 40 + 110 * (number // 6)))
        side = round(scale * 60)
        found.append(float(np.abs(np.diff(grey[y : y + side, x : x + side], axis=1)).mean()))
    return found


@pytest.fixture
def hostile(chromium: Chromium, site: Site) -> Seeded:
    """A sighting whose posts, names and addresses try to break out of every page."""
    words = f"{BREAKS_OUT} {TURNS_AROUND} Ada Example"
    story = Story(
        names=(words,),
        title=words,
        text=words,
        permalink="javascript:window.broken=1",
        address=f"https://videos.example/{BREAKS_OUT}",
        reason=words,
        moments=(4200,),
        crops=crops(count=1),
    )
    made = seed(site.stores, story)
    hinted(site.stores, made)
    for name in ("oksana", "petro"):
        page = opened(chromium, chromium.user(name, Role.ANALYST))
        take(page)
        assert told(page, "gnp.exe") == []
        answer(page, "7")
    return made


def test_a_post_that_tries_to_break_out_is_shown_as_words(chromium: Chromium, site: Site, hostile: Seeded) -> None:
    page = chromium.window(chromium.user("halyna", Role.SENIOR, Role.REGISTER_KEEPER))
    pages = {
        "record": f"/candidates/{hostile.candidate}",
        "roll-call": f"/videos/{blob_of(site)}/roll-call",
        "hints": "/hints",
        "sightings": "/sightings",
        "facts": f"/sightings/{hostile.candidate}/facts",
        "person": "/people/HC-0001",
        "queue": "/",
        "unaccounted": "/unaccounted",
        "register": "/register",
    }
    for name, address in pages.items():
        answered = page.goto(address)
        assert answered is not None and answered.status == 200, name
        assert page.evaluate("() => window.broken") is None, name
        assert page.locator("script:not([src]), img[src='x'], [onerror], a[href^='javascript:' i]").count() == 0, name
        assert not BIDI.search(page.content()), name
        width = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(width) <= 0, f"{name} is wider than its window"
        assert inaccessible(page) == [], name
        shoot(page, f"way-hostile-{name}", whole=True)


def test_the_list_of_keys_is_the_handbooks(chromium: Chromium, site: Site, case: Seeded) -> None:
    page = opened(chromium, chromium.user("oksana", Role.ANALYST))
    take(page)
    page.keyboard.press("?")
    shown = {key.replace("⏎", "Enter") for key in page.locator("#help kbd").all_inner_texts()}
    table = DOCS.read_text().partition("| key | does |")[2].partition("\n\n")[0]
    first = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert shown == {key for cell in first for key in re.findall("`([^`]+)`", cell)}
