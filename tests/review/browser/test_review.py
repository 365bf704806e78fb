"""The page of a review in a real browser: its keys, its pictures, and whatever may go wrong while one types."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import text

from review.roles import Role
from storage.accounts import User
from tests.review.browser.cases import arrived, candidate, describe, pair_as_film, take_up
from tests.review.browser.conftest import LAPTOP, TABLET, Chromium, inaccessible, shoot
from tests.review.conftest import Site

FLIP_IN_UKRAINIAN = ("\N{CYRILLIC SMALL LETTER A}", "KeyF")
"""what the key says there, and where it is"""
SCALE_OF_ZOOM = re.compile(r"matrix\(2\.5,")


@pytest.fixture
def ada(chromium: Chromium) -> User:
    return chromium.user("ada", Role.ANALYST)


def opened(chromium: Chromium, site: Site, user: User, *, count: int = 1, **window: object) -> Page:
    """A window with the first step of a review."""
    for number in range(count):
        candidate(site.stores, f"HC-{number}")
    page = chromium.window(user, **window)  # type: ignore[arg-type]  # as `window` takes them
    page.goto(take_up(site, user))
    return page


def shown(page: Page, kind: str) -> Locator:
    return page.locator(f'[data-pick="{kind}"] .view > img:visible:not(.over)')


def turned(picture: Locator) -> str:
    return str(picture.evaluate("image => image.style.transform"))


def press(page: Page, key: str, code: str) -> None:
    """A key of a keyboard of another script."""
    page.evaluate(
        "([key, code]) => document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', { key, code, bubbles: true, cancelable: true }))",
        [key, code],
    )


def count(site: Site, table: str) -> int:
    with site.stores.db.begin() as db:
        found: int = db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  our own words
    return found


@pytest.mark.parametrize("size", [LAPTOP, TABLET], ids=["laptop", "tablet"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_both_steps_fit_the_screen_and_keep_the_rules_of_accessibility(
    chromium: Chromium, site: Site, ada: User, size: tuple[int, int], dark: bool
) -> None:
    page = opened(chromium, site, ada, size=size, dark=dark)
    name = f"review-{size[0]}{'-dark' if dark else ''}"
    for step in ("describe", "compare"):
        expect(shown(page, "shot")).to_be_visible()
        assert inaccessible(page) == []
        overflow = "[document.documentElement, document.querySelector('.features')]"
        room = page.evaluate(f"{overflow}.map(e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])")
        assert room == [[0, 0], [0, 0]]
        shoot(page, f"{name}-{step}")
        if step == "describe":
            describe(page)


def test_the_chosen_picture_is_marked_where_the_system_sets_the_colours(
    chromium: Chromium, site: Site, ada: User
) -> None:
    page = opened(chromium, site, ada)
    page.emulate_media(forced_colors="active")
    labels = page.locator('[data-pick="shot"] .sheet label')
    outlines = [one.evaluate("label => getComputedStyle(label).outlineStyle") for one in labels.all()]
    assert outlines == ["solid"] + ["none"] * (len(outlines) - 1)
    colour = labels.first.evaluate("label => getComputedStyle(label).outlineColor")
    assert not colour.startswith("rgba(0, 0, 0, 0"), "nothing is to be seen of it"
    shoot(page, "review-system-colours")


def test_the_heading_has_the_focus_and_enter_alone_sends_nothing(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.get_by_role("checkbox", name="Ears", exact=True).check()
    page.get_by_label("Note: Ears").fill("left one only")
    page.keyboard.press("Enter")
    page.get_by_label("On the whole").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Describe the face")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_label("Note: Ears")).to_have_value("left one only")


def test_a_day_by_keys_alone(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada, count=2)
    describe(page)
    for number in range(1, 8):
        page.keyboard.press(str(number))
        expect(page.locator(f"input[name=answer][value='{number - 4}']")).to_be_checked()
    page.keyboard.press("n")
    expect(page.locator("input[name=answer][value=none]")).to_be_checked()
    expect(page.locator("[name=reason]")).to_be_focused()
    page.keyboard.type("n1 is only text here")
    expect(page.locator("[name=reason]")).to_have_value("n1 is only text here")
    page.locator("[name='feature.nose'][value=similar]").focus()
    page.keyboard.press("d")
    expect(page.locator("[name='feature.nose'][value=different]")).to_be_checked()
    expect(page.locator("[data-feature=cheeks] input").first).to_be_focused()
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    arrived(page, "Describe the face")
    expect(page.locator(".after")).to_contain_text("Strong support for two people")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.locator("input[name=answer][value='-3']")).to_be_checked()
    assert (count(site, "judgements"), count(site, "judgement_undos")) == (1, 1)


def test_the_last_answer_can_be_undone_from_the_queue(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    describe(page)
    page.locator("[data-feature=nose] .different").click()
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")
    arrived(page, "Candidates")
    expect(page.locator(".after")).to_contain_text("Support for two people")
    shoot(page, "review-after-the-last")
    page.keyboard.press("u")
    arrived(page, "Compare")
    expect(page.locator("input[name=answer][value='-2']")).to_be_checked()


def test_j_and_k_go_between_what_one_has_in_hand(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada, count=2)
    first = page.url
    page.locator("a[rel=next]").wait_for()
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    arrived(page, "Describe the face")
    page.keyboard.press("k")
    page.wait_for_url(first)


def test_zoom_pan_and_flip_move_both_pictures(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    describe(page)
    probe, photo = shown(page, "shot"), shown(page, "photo")
    page.keyboard.press("z")
    assert SCALE_OF_ZOOM.match(turned(probe))
    assert SCALE_OF_ZOOM.match(turned(photo))
    before = turned(photo)
    box = probe.locator("..").bounding_box()
    assert box
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + 110)
    page.mouse.up()
    assert turned(photo) != before
    page.keyboard.press("f")
    assert turned(probe).startswith("matrix(-2.5,")
    assert turned(photo).startswith("matrix(2.5,")
    page.mouse.wheel(0, -200)
    page.keyboard.press("0")
    assert turned(probe) == turned(photo) == "matrix(1, 0, 0, 1, 0, 0)"


def test_brightness_is_a_view_and_can_be_reset(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    page.get_by_label("Brightness").fill("180")
    expect(shown(page, "shot")).to_have_css("filter", "brightness(1.8) contrast(1)")
    expect(page.get_by_text("the original is not altered")).to_be_visible()
    page.get_by_role("button", name="Reset").click()
    expect(shown(page, "shot")).to_have_css("filter", "none")


def test_blinking_lays_the_photo_over_the_face_and_stops(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    describe(page)
    over = page.locator("img.over")
    page.keyboard.press("b")
    expect(over).to_be_visible()
    expect(over).to_be_hidden()
    expect(over).to_be_visible()
    page.keyboard.press("Escape")
    expect(over).to_have_count(0)


def test_whoever_wants_no_motion_turns_the_overlay_by_hand(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada, still=True)
    describe(page)
    over = page.locator("img.over")
    page.keyboard.press("b")
    page.wait_for_timeout(900)
    expect(over).to_be_visible()
    page.keyboard.press("b")
    expect(over).to_be_hidden()
    page.keyboard.press("b")
    expect(over).to_have_count(0)


def test_frames_are_where_the_clip_says_and_not_at_an_even_pace(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE candidates SET clip_frames = '[0, 40, 120, 160, 1900]'"))
    page.reload()
    at = "() => Math.round(document.querySelector('video').currentTime * 1000)"
    frames = [0]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        page.wait_for_function(f"before => ({at})() !== before", arg=frames[-1])
        frames.append(page.evaluate(at))
    assert frames == [0, 80, 140, 80]


@pytest.mark.parametrize("known", [False, True], ids=["candidate", "known pair"])
def test_the_moment_plays_and_goes_frame_by_frame(chromium: Chromium, site: Site, ada: User, known: bool) -> None:
    page = opened(chromium, site, ada)
    if known:
        page.goto(pair_as_film(site.stores, ada))
        chromium.asked.clear()
        page.reload()
    assert not [path for path in chromium.asked if path.endswith("clip.mp4")]
    at = "() => document.querySelector('video').currentTime"
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0")
    frames = [page.evaluate(at)]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        page.wait_for_function("before => document.querySelector('video').currentTime !== before", arg=frames[-1])
        frames.append(page.evaluate(at))
    assert [round(frame * 25 - 0.5) for frame in frames] == [1, 2, 3, 2]
    page.keyboard.press("v")
    page.wait_for_function("() => !document.querySelector('video').paused")
    page.keyboard.press("v")
    page.wait_for_function("() => document.querySelector('video').paused")
    if known:
        shoot(page, "known-pair-film")
    page.get_by_label("Speed").select_option("0.25")
    page.get_by_role("button", name=re.compile("^Play")).click()
    page.wait_for_function("() => document.querySelector('video').playbackRate === 0.25")


def test_what_is_covered_is_not_loaded_before_it_is_asked_for(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    page.get_by_role("button", name="Warn others").click()
    expect(page.get_by_text("Covered").first).to_be_visible()
    place = page.url
    page.close()
    chromium.asked.clear()
    page = chromium.window(ada)  # one that has not the pictures already
    page.goto(place)
    page.wait_for_timeout(500)
    assert [path for path in chromium.asked if path.endswith((".jpg", ".mp4"))] == []
    assert inaccessible(page) == []
    shoot(page, "review-covered")
    page.keyboard.press("v")
    expect(shown(page, "shot")).to_be_visible()
    page.wait_for_function("() => document.querySelector('.view img').naturalWidth > 0")


def test_a_difference_that_nothing_explains_leaves_only_a_clear_no(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    describe(page)
    page.keyboard.press("7")
    page.locator("[name='feature.ears'][value=different]").check(force=True)
    expect(page.get_by_role("alert")).to_contain_text("excludes")
    answers = page.locator("input[name=answer]")
    assert answers.evaluate_all("all => all.map(one => one.disabled)") == [False, False, *[True] * 6]
    expect(page.locator("input[name=answer]:checked")).to_have_count(0)
    shoot(page, "review-excluded")
    page.get_by_label("What explains the difference: Ears").fill("a helmet folds it")
    expect(page.locator("#lacks")).to_be_empty()
    assert not any(answers.evaluate_all("all => all.map(one => one.disabled)"))


def test_a_session_that_expires_in_the_middle_loses_nothing(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    describe(page)
    page.keyboard.press("4")
    with site.stores.db.begin() as db:
        db.execute(text("DELETE FROM sessions"))
    page.get_by_label("Note: Ears").fill("torn")
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_be_visible()
    assert inaccessible(page) == []
    shoot(page, "review-signed-out")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_contain_text("Not signed in yet")
    chromium.sign_in(page.context, ada)
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Note: Ears")).to_have_value("torn")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Compare")
    assert count(site, "judgements") == 1
    chromium.faults.clear()  # the browser notes the answers 401


def test_a_draft_is_kept_while_one_types(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    page.get_by_label("Note: Chin and jaw").fill("a dimple")
    expect(page.locator("#kept")).to_have_text("Draft kept")
    page.reload()
    expect(page.get_by_label("Note: Chin and jaw")).to_have_value("a dimple")


def test_a_review_that_ran_out_says_so_and_leaves_what_was_typed(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE reviews SET ends_at = now()"))
    page.get_by_label("Note: Ears").fill("torn")
    expect(page.get_by_role("dialog", name="This review has ended")).to_be_visible()
    page.get_by_role("button", name="Stay and read").click()
    expect(page.get_by_label("Note: Ears")).to_have_value("torn")
    chromium.faults.clear()  # the browser notes the answer 404


def test_without_scripts_a_review_can_be_done(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada, count=2, scripts=False)
    page.get_by_label("Note: Ears").fill("torn")
    page.get_by_role("button", name="Keep for now").click()
    expect(page.get_by_label("Note: Ears")).to_have_value("torn")
    describe(page)
    expect(shown(page, "photo")).to_be_visible()
    page.locator(".scale label").first.click()
    page.locator("[data-feature=nose] .different").click()
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Describe the face")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")


def test_keys_act_on_a_ukrainian_keyboard_and_can_be_turned_off(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada)
    press(page, *FLIP_IN_UKRAINIAN)
    expect(page.get_by_role("button", name="Flip")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert inaccessible(page) == []
    page.get_by_label("Single keys act").uncheck()
    page.keyboard.press("Escape")
    press(page, *FLIP_IN_UKRAINIAN)
    expect(page.get_by_role("button", name="Flip")).to_have_attribute("aria-pressed", "true")


def test_the_next_is_there_within_the_blink_of_an_eye(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada, count=2)
    describe(page)
    page.locator("a[rel=next]").wait_for()
    ahead = str(page.locator("a[rel=next]").get_attribute("href"))
    page.wait_for_timeout(500)
    assert f"{ahead}/shot/1.jpg" in chromium.asked
    page.locator("[data-feature=nose] .different").click()
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(f"**{ahead}?answered=*")
    served = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/shot/1.jpg')).map(e => e.transferSize)"
    )
    assert served
    assert not any(served), "the picture came out of the browser's own cache"


def test_a_finger_drags_and_two_pinch(chromium: Chromium, site: Site, ada: User) -> None:
    page = opened(chromium, site, ada, size=TABLET, touch=True)
    page.evaluate("""() => {
      const stage = document.querySelector('.view');
      const { left, top } = stage.getBoundingClientRect();
      stage.setPointerCapture = () => {};
      const send = (type, pointerId, x, y) => stage.dispatchEvent(
        new PointerEvent(type, { pointerId, clientX: left + x, clientY: top + y, bubbles: true }));
      send('pointerdown', 1, 100, 100);
      send('pointerdown', 2, 140, 100);
      send('pointermove', 2, 180, 100);
      send('pointerup', 1, 100, 100);
      send('pointerup', 2, 180, 100);
    }""")
    assert turned(shown(page, "shot")).startswith("matrix(2,")


def test_small_and_grey_are_as_one_prefers(chromium: Chromium, site: Site, ada: User) -> None:
    with site.stores.db.begin() as db:
        db.execute(text("""UPDATE users SET preferences = '{"greyscale": true, "small": true}'"""))
    page = opened(chromium, site, ada)
    expect(shown(page, "shot")).to_have_css("filter", "grayscale(1)")
    box = shown(page, "shot").bounding_box()
    assert box
    assert box["width"] <= 256
    shoot(page, "review-small-grey")
