"""Every page, in each language, light and dark: the rules of WCAG 2.2 AA, by keys, narrow, and large.

What is seen is left in `build/screenshots/pages`, to be looked at.
"""

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import text

import review
from lastseen.clock import utcnow
from lastseen.preferences import LANGUAGES
from pipeline.report import making
from review.roles import Role
from storage import accounts, group_cases, reviews, statements, tips
from storage.accounts import User
from storage.sealing import Secrets
from storage.tips import CameBy, Given
from tests.review.browser.cases import candidate
from tests.review.browser.conftest import LAPTOP, OF_COLOURS, Chromium, inaccessible, shoot
from tests.review.conftest import Site
from tests.review.seeding import Seeded
from tests.storage import judged, lettered
from tests.storage.listing import listed
from tests.storage.test_statements import DEAD

NARROW, SMALL, TELEPHONE = (320, 720), (683, 384), (390, 844)
"""reflow (WCAG 1.4.10), and what is left of a laptop at 200 % (1.4.4)"""
LEAST_TARGET = 24
"""CSS pixels (2.5.8)"""
MOST_STOPS, MOST_INSIDE = 200, 12
REPORTED = utcnow().date() - timedelta(days=1)
"""the newest day that can be"""
OPEN_PAGES = ("/sign-in", "/sign-in?provider=1", "/enter/used-before")

# Where the focus is, and whether that is to be seen: a radio may lie over its picture or word, which then shows it.
AT_FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const shows = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== 'none' && style.outlineWidth !== '0px';
  };
  const seen = shows(at) || [...(at.parentElement?.querySelectorAll('*') ?? [])].some(shows);
  const index = [...document.querySelectorAll('*')].indexOf(at);
  return { index, name: at.outerHTML.slice(0, 120), seen, positive: at.tabIndex > 0 };
}"""
# Of radios with one name the tabulator reaches the one that is chosen, or else the first; the arrows reach the others.
REACHABLE = """() => {
  const every = [...document.querySelectorAll('*')];
  const takes = 'a[href], button, input, select, textarea, summary, video[controls], [tabindex="0"]';
  const first = (one) => {
    if (one.type !== 'radio') return true;
    const group = [...document.getElementsByName(one.name)].filter((each) => !each.disabled);
    return one === (group.find((each) => each.checked) ?? group[0]);
  };
  return [...document.querySelectorAll(takes)]
    .filter((one) => !one.disabled && one.tabIndex >= 0 && one.type !== 'hidden' && first(one))
    .filter((one) => one.checkVisibility({ visibilityProperty: true }))
    .map((one) => [every.indexOf(one), one.outerHTML.slice(0, 120)]);
}"""
# Links within a sentence are as high as its line, which the rule allows.
TOO_SMALL = """(least) => {
  const pressed = 'button, summary, select, nav a, a.button, input:not([type=hidden])';
  const seen = { visibilityProperty: true, opacityProperty: true };
  return [...document.querySelectorAll(pressed)].filter((one) => one.checkVisibility(seen)).filter((one) => {
    const box = (one.closest('label') ?? one).getBoundingClientRect();
    const cramped = one.matches('a.button') && parseFloat(getComputedStyle(one).paddingInlineStart) < 4;
    return box.width > 1 && (box.width < least - 0.5 || box.height < least - 0.5 || cramped);
  }).map((one) => one.outerHTML.slice(0, 120));
}"""
TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const over = (one) => one.getBoundingClientRect().right > innerWidth + 1;
  const every = [...document.querySelectorAll('header *, main *')].filter(over);
  const names = every.map((one) => one.outerHTML.slice(0, 90));
  return wide > 0 ? [`${wide} pixels too wide`, ...names.slice(0, 4)] : [];
}"""
MOVING = "all => all.filter(e => parseFloat(getComputedStyle(e).transitionDuration) > 0).length"
OPEN_TO_ALL = "en"
"""the language in which pages are looked at in forced colours; they are walked by keys in the other one"""
REVIEW = Path(review.__file__).parent
STYLES = (
    *(REVIEW / "static" / name for name in ("review.css", "room.css")),
    Path(making.__file__).parent / "templates" / "style.html",
)
DARK = re.compile(r"@media \(prefers-color-scheme: dark\) {((?:[^{}]*{[^{}]*})*)\s*}")
COLOUR = re.compile(r"--[a-z-]+: (#[0-9a-f]{6}|none)")
# Rows become cards: none scrolls sideways, and each cell says the head of its column.  Answers stay side by side.
UNREADABLE = """() => [...document.querySelectorAll('main table:not(.side-by-side)')].flatMap((table) => {
  const frame = table.closest('.scroll') ?? table.parentElement;
  const found = frame.scrollWidth > frame.clientWidth ? [`it scrolls: ${table.outerHTML.slice(0, 90)}`] : [];
  if (!table.matches('.stacks')) return found;
  const heads = [...table.querySelectorAll('thead th')].map((head) => head.textContent);
  for (const cell of table.querySelectorAll('tbody td')) {
    const [head, said] = [heads[cell.cellIndex] ?? '', cell.dataset.head ?? ''];
    if (head !== said) found.push(`${said} is not ${head}`);
  }
  const roles = { TABLE: 'table', THEAD: 'rowgroup', TBODY: 'rowgroup', TR: 'row', TD: 'cell' };
  for (const one of [table, ...table.querySelectorAll('*')]) {
    const role = one.tagName === 'TH' ? (one.scope === 'row' ? 'rowheader' : 'columnheader') : roles[one.tagName];
    if (role && one.getAttribute('role') !== role) found.push(`no ${role}: ${one.outerHTML.slice(0, 90)}`);
  }
  return found;
})"""
SPEAK = text("UPDATE users SET preferences = preferences || jsonb_build_object('language', CAST(:code AS text))")


@pytest.fixture
def everybody(chromium: Chromium) -> User:
    """An account that may do everything, so that every page has all its parts."""
    return chromium.user("Олена", *Role)


@pytest.fixture
def cases(site: Site) -> tuple[Seeded, Seeded]:
    """One that waits, and a possible sighting."""
    waits, seen = candidate(site.stores, "HC-0001"), candidate(site.stores, "HC-0002")
    with site.stores.db.begin() as db:
        judged.conclude(db, seen.candidate, 3, 2)
        statements.keep(db, seen.person, DEAD, "ada")
        group_cases.open_(db, seen.blob, "Yard", "seen together", "ada")
    making.make(site.stores, REPORTED, "test")
    return waits, seen


def pages(site: Site, cases: tuple[Seeded, Seeded], user: User) -> Iterator[str]:
    waits, seen = cases
    with site.stores.db.begin() as db:
        sha256 = db.execute(text("SELECT sha256 FROM blobs WHERE id = :id"), {"id": waits.blob}).scalar_one()
        begun = reviews.begin(db, user, waits.candidate, timedelta(hours=2))  # all other pages come before it
    yield from ("/", "/?region=nowhere", "/hints", "/unaccounted", "/register", "/status", "/calibration", "/users")
    yield from ("/account", "/account/second-factor", "/judgements", "/sightings", "/sightings?show=all", "/log")
    yield from ("/me", "/team")
    given = Given("https://t.me/news/7", 155, "my brother", "", "+380 00 000", "uk")
    with site.stores.db.begin() as db:
        tip = tips.receive(db, Secrets(b"k" * 32), given, CameBy.FORM, "form").id
        db.execute(tips.REMOVE, {"tip": tip})  # nothing is sealed with another key than the office's
    yield from ("/tips", f"/tips/{tip}")
    yield from of_letters(site, seen)
    yield from (f"/sightings/{seen.candidate}", f"/sightings/{seen.candidate}/facts", "/people/HC-0002")
    yield from ("/people", "/people/HC-0002?whole=1", "/groups", "/groups/1", "/groups/1?whole=1")
    yield f"/videos/{sha256}/roll-call"
    yield f"/videos/{sha256}/roll-call?face={waits.track}"
    list_, line = listed(site.stores, f"list-{secrets.token_hex(4)}")
    yield from ("/lists", "/lists/new", f"/lists/{list_}", f"/lists/{list_}?show=all", f"/lists/lines/{line}")
    yield from ("/reports", f"/reports/{REPORTED}", "/nothing/here")
    if begun:
        yield f"/reviews/{begun.token}"
        with site.stores.db.begin() as db:
            reviews.describe(db, begun, {"features": {"ears": {"visible": True, "note": "torn"}}})
        yield f"/reviews/{begun.token}?step=compare"


def of_letters(site: Site, seen: Seeded) -> Iterator[str]:
    """A letter that waits for its forms to be confirmed, one whose answer is late and that has to be told again."""
    fell = candidate(site.stores, "HC-0003")
    with site.stores.db.begin() as db:
        judged.conclude(db, fell.candidate, 3, 2)
        to = lettered.recipient(db)
        waits = lettered.written(db, seen.candidate, body=f"{lettered.BODY} \u27e6?Лев\u27e7")
        late = lettered.sent(db, fell.candidate, days=1, dated=utcnow().date() - timedelta(days=9))
    with site.stores.db.begin() as db:
        lettered.lost(db, fell.candidate)
    yield from ("/letters", "/letters?show=all", "/letters/recipients", "/letters/templates")
    yield from (
        "/letters/templates/police/uk",
        "/letters/new",
        f"/letters/new?sightings={seen.candidate}&recipient={to}",
    )
    yield from (f"/letters/{waits}", f"/letters/{waits}/edit", f"/letters/{late}")


def visited(
    chromium: Chromium,
    site: Site,
    cases: tuple[Seeded, Seeded],
    user: User,
    look: Callable[[Page, str], list[str]],
    *,
    code: str,
) -> dict[str, list[str]]:
    """What `look` finds wrong on each page, by address; pages without a fault are left out."""
    with site.stores.db.begin() as db:
        db.execute(SPEAK, {"code": code})
    window = chromium.window(user)
    stranger = chromium.window(None, language=code)
    with site.stores.db.begin() as db:
        link = f"/enter/{accounts.make_link(db, user.name)}"
    found = {}
    for page, paths in ((window, pages(site, cases, user)), (stranger, (*OPEN_PAGES, link))):
        for path in paths:
            page.goto(path)
            if page.locator("html").get_attribute("lang") != code:
                found[path] = ["another language"]
            elif faults := look(page, path):
                found[path] = faults
    chromium.faults[:] = [one for one in chromium.faults if "status of 40" not in one]  # error pages are meant
    return found


def named(path: str) -> str:
    """A file name."""
    words = [part for part in path.replace("?", "/").split("/") if part and len(part) < 30]
    return "-".join(words).replace("=", "-") or "queue"


@pytest.mark.long
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_page_keeps_the_rules_whatever_the_window_and_whoever_looks(
    chromium: Chromium, site: Site, everybody: User, cases: tuple[Seeded, Seeded], code: str
) -> None:
    """Each page is opened once and looked at in every way: what a way asks for is in its style, and needs no server."""
    assert visited(chromium, site, cases, everybody, lambda page, path: list(broken(page, path, code)), code=code) == {}


def broken(page: Page, path: str, code: str) -> Iterator[str]:
    """What breaks a rule on a page: as it is, in the dark, in forced colours, without motion, and in other windows."""
    name = f"pages/{code}-{named(path)}"
    shoot(page, name, whole=True)
    yield from inaccessible(page)
    yield from page.evaluate(TOO_SMALL, LEAST_TARGET)
    page.emulate_media(color_scheme="dark")
    shoot(page, f"pages/{code}-dark-{named(path)}", whole=True)
    yield from (f"in the dark: {fault}" for fault in inaccessible(page, OF_COLOURS))
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    if moving := page.locator("*").evaluate_all(MOVING):
        yield f"{moving} parts move"
    page.emulate_media(reduced_motion="no-preference")
    if code == OPEN_TO_ALL:
        yield from (f"in forced colours: {fault}" for fault in in_forced_colours(page, path))
    for size in (NARROW, SMALL):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        shoot(page, f"pages/{code}-{size[0]}-{named(path)}", whole=True)
        yield from (f"at {size[0]} pixels: {fault}" for fault in page.evaluate(TOO_WIDE))
    page.set_viewport_size({"width": TELEPHONE[0], "height": TELEPHONE[1]})
    yield from (f"on a telephone: {fault}" for fault in on_a_telephone(page, path, code))
    page.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    if code != OPEN_TO_ALL:
        yield from walked(page)


def in_forced_colours(page: Page, path: str) -> list[str]:
    """By all rules: borders that are else not there take room."""
    page.emulate_media(forced_colors="active")
    shoot(page, f"pages/forced-{named(path)}")
    found = inaccessible(page)
    page.emulate_media(forced_colors="none")
    return found


def on_a_telephone(page: Page, path: str, code: str) -> list[str]:
    """Tables are read there without scrolling sideways."""
    shoot(page, f"pages/{code}-{TELEPHONE[0]}-{named(path)}", whole=True)
    if path == f"/reports/{REPORTED}":
        return []  # its tables are kept as they were made
    if not page.locator(".stacks").count():
        return list(page.evaluate(UNREADABLE))
    return [*page.evaluate(UNREADABLE), *inaccessible(page)]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.stem)
def test_the_dark_changes_colours_only(style: Path) -> None:
    """So nothing is larger, elsewhere or hidden in it, and it is asked of pages only whether they can be read."""
    (block,) = DARK.findall(style.read_text())
    said = dict(one.split(":", 1) for one in re.sub(r":root|[{}]", "", block).split(";") if one.strip())
    assert len(said) > 2
    assert [name for name, value in said.items() if not COLOUR.fullmatch(f"{name.strip()}: {value.strip()}")] == []


def walked(page: Page) -> Iterator[str]:
    """What the tabulator does not reach, where the focus is not to be seen, and where it does not come out again."""
    reachable = dict(page.evaluate(REACHABLE))
    page.evaluate("() => { document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0); }")
    page.locator("body").evaluate("body => { body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex'); }")
    stops: list[int] = []
    inside = 0
    while len(stops) < MOST_STOPS:
        page.keyboard.press("Tab")
        at = page.evaluate(AT_FOCUS)
        if stops and at is not None and at["index"] == stops[-1]:
            inside += 1  # the parts of a date, the buttons of a player
            if inside > MOST_INSIDE:
                yield f"no way out: {at['name']}"
                break
            continue
        if at is None or at["index"] in stops:
            break
        inside = 0
        stops.append(at["index"])
        if not at["seen"]:
            yield f"no sign of the focus: {at['name']}"
        if at["positive"]:
            yield f"out of order: {at['name']}"
    else:
        yield "the tabulator does not come round"
    if stops != sorted(stops):
        yield "the order of the keys is not the order of the page"
    yield from (f"not reached: {name}" for index, name in reachable.items() if index not in stops)


def test_a_small_button_a_wide_box_and_an_odd_order_are_found(chromium: Chromium) -> None:
    page = chromium.window()
    page.goto("/sign-in")
    page.evaluate("""() => {
      const small = document.createElement('button');
      Object.assign(small.style, { width: '10px', height: '10px', padding: 0, marginLeft: '2000px' });
      document.querySelector('main').append(small);
      document.querySelector('#password').tabIndex = 3;
    }""")
    assert len(page.evaluate(TOO_SMALL, LEAST_TARGET)) == 1
    assert page.evaluate(TOO_WIDE)
    assert list(walked(page)), "the tabulator comes to the password before the name"


def test_with_forced_colours_the_current_page_can_be_told(chromium: Chromium, everybody: User) -> None:
    page = chromium.window(everybody)
    page.emulate_media(forced_colors="active")
    page.goto("/status")
    decoration = "element => getComputedStyle(element).textDecorationLine"
    assert page.locator("nav [aria-current]").evaluate(decoration) == "underline"


def test_whoever_reads_from_right_to_left_finds_the_page_the_other_way_round(
    chromium: Chromium, everybody: User
) -> None:
    page = chromium.window(everybody)
    page.goto("/status")
    page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    brand, sign_out = page.locator(".brand").bounding_box(), page.locator(".who button").bounding_box()
    assert brand
    assert sign_out
    assert brand["x"] > sign_out["x"]
    shoot(page, "pages/right-to-left-status", whole=True)
