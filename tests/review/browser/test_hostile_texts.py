"""Every text that is kept, made hostile, and every page opened with it in a real browser.

Which columns hold texts of people and of the world follows from the tables, and which pages there are from the doors: a
new one is tried without being named here.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from playwright.sync_api import Page
from sqlalchemy import Column, Table, Text, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import IntegrityError

from lastseen.settings import Settings
from review.app import doors
from review.doors import API, Door
from review.roles import Role
from storage import care, custody, hand_overs, packages, rejections, reviews
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.stores import Stores
from storage.tables import metadata
from tests.review.browser.conftest import Chromium
from tests.review.browser.test_whole_way import BIDI, BREAKS_OUT, TURNS_AROUND
from tests.review.cases.test_hints import hinted
from tests.review.conftest import Site, serving
from tests.review.seeding import Story, seed
from tests.review.test_doors import filled
from tests.review.test_pages import calibrated
from tests.review.things import KINDS, Relation
from tests.storage.judged import conclude

HOSTILE = f"{BREAKS_OUT} {TURNS_AROUND} {{{{ 7*7 }}}} </title></textarea></style>"
OURS = {
    *("act", "action", "awaits", "badge", "due", "ending", "engine", "fallback", "handed_by", "kind", "language"),
    *("link", "matcher", "media_type", "method", "origin", "outcome", "period", "place", "platform", "plot", "proved"),
    *("recipe", "request", "role", "roles", "says", "seen", "serial", "signature", "site", "stage", "state", "status"),
    *("step", "subject", "verdict"),
}
"""columns with words of our own, or as the code writes them, which mean something to it"""
NAMES_BYTES = ("key", "sha256", "hash", "_id")
"""how columns end that say where something lies"""
OURS_IN_JSON = {"answer", "comparison", "field", "how", "key", "sha256", "verdict"}
AT_LEAST = {
    *("observations.title", "observations.text", "sources.address", "sources.reason", "posts.permalink"),
    *("persons.names", "persons.region", "persons.register_number", "users.name", "sessions.browser"),
    *("sessions.address", "hand_overs.receiver", "hand_overs.note", "packages.recipient", "packages.reason"),
    *("judgements.reason", "judgements.reviewer", "judgements.features", "reviews.described", "reviews.draft"),
    *("custody_events.actor", "custody_events.reason", "custody_events.detail", "rejections.reason", "work.why"),
    *("calibration_adoptions.reason", "reference_photos.file_name", "name_hints.reasons", "limit_lifts.reason"),
}
"""columns that were hostile in fact, whatever else was"""
DRAFT = {"answer": "0", "reason": "x", "note.ears": "x", "explained.ears": "x", "feature.ears": "different"}
IN_ADDRESSES = ("/?region=", "/?why=", "/sign-in?next=", "/account?saved=", "/log?actor=", "/log?subject=", "/nothing/")
WITH_A_STYLE = re.compile(r"/reports/(\d{4}-\d\d-\d\d|periods/\d+/page)$")
"""a page that is whole in one file: its style is the first thing in it, and nothing that was written comes before"""
STRANGE = "script:not([src]), style, img[src='x'], [onerror], [onload], a[href^='javascript:' i], iframe, object"
FAILED = text("INSERT INTO work (step, subject, state, outcome, why) VALUES ('fetch', 1, 'failed', 'GONE', 'x')")
NUMBER = text("SELECT register_number FROM persons WHERE id IN (SELECT person_id FROM candidates) LIMIT 1")
# What is read or read out; a field that is sent back has to hold what is kept, whatever it is.
SHOWN = """() => [document.body.innerText, document.title,
  ...[...document.querySelectorAll('[title], [alt], [aria-label], [label]')].flatMap(
    (one) => ['title', 'alt', 'aria-label', 'label'].map((name) => one.getAttribute(name) ?? ''))].join(' ')"""


def office(site: Site, user: User, other: User) -> list[str]:
    """Something of everything.  Returns the addresses of all pages with something on them."""
    stores = site.stores
    paths = [path for door in doors() if isinstance(door, Door) for path in addresses(site, door, user, other)]
    waits, sighted, refused = (seed(stores, Story(number=f"HC-000{n}")).candidate for n in (1, 2, 3))
    with stores.db.begin() as db:
        begun = reviews.begin(db, user, waits, timedelta(minutes=30))
        assert begun
        reviews.keep_draft(db, begun, DRAFT)
        conclude(db, sighted, 3, 2)
        rejections.reject(db, refused, "x", "x", 5)
        custody.append_all(db, user.name, [hand_overs.hand_over(db, sighted, "officer", "by hand", user)])
        custody.append_all(db, user.name, packages.ask(db, sighted, "court", "order", user))
        custody.append(db, user.name, Action.EXPORTED, "log", {"what": "x", "list": ["y"]}, "why")
        care.lift(db, user, other.name, "x")
        db.execute(FAILED)
        db.execute(text("UPDATE persons SET region = 'x'"))
    hinted(stores, seed(stores, Story(number="HC-0004")))
    calibrated(site, reason="x")
    return [*paths, f"/reviews/{begun.token}", f"/sightings/{sighted}", f"/sightings/{sighted}/facts"]


def addresses(site: Site, door: Door, user: User, other: User) -> Iterator[str]:
    """Of a page, with something behind it; no page are files, and ways to somewhere else."""
    page = door.method == "GET" and not door.picture and not door.path.startswith(API)
    elsewhere = door.names in {"static", "link", "person"} or "/provider" in door.path or door.path == "/session"
    if page and not elsewhere and not door.path.endswith((".json", ".{ending}")):
        values = KINDS[door.names].values(site.stores, Relation.OWN, user, other) if door.names else {}
        yield filled(door.path, values or {})


def spoil(db: Connection) -> set[str]:
    """Make every text hostile that may be anything.  Returns which, as `table.column`."""
    done = set()
    for table in metadata.sorted_tables:
        db.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER USER"))
        free = [column for column in table.columns if may_be_anything(column)]
        done |= {f"{table.name}.{column.name}" for column in free if spoilt(db, table, column)}
    return done


def may_be_anything(column: Column[object]) -> bool:
    kept = isinstance(column.type, Text | JSONB | ARRAY) and not column.primary_key
    return kept and column.name not in OURS and not column.name.endswith(NAMES_BYTES)


def spoilt(db: Connection, table: Table, column: Column[object]) -> bool:
    """Whether there was something, and the tables take it."""
    at = literal_column("ctid::text", Text).label("at")
    every = select(at, column.label("said")).where(column.is_not(None))
    rows = db.execute(every).all()
    here = text("ctid = CAST(:row_at AS tid)")
    try:
        with db.begin_nested():
            for row in rows:
                change = table.update().where(here).values({column.name: hostile(row.said, row.at)})
                db.execute(change, {"row_at": row.at})
    except IntegrityError:
        return False
    return bool(rows)


def hostile(said: object, at: str) -> object:
    """The same thing in other words, which no other row has."""
    if isinstance(said, str):
        return f"{HOSTILE} {at}"
    if isinstance(said, dict):
        return {key: part if key in OURS_IN_JSON else hostile(part, at) for key, part in said.items()}
    return [hostile(one, at) for one in said] if isinstance(said, list) else said


def wrong_with(page: Page) -> list[str]:
    """What got out on this page."""
    shown = page.evaluate(SHOWN)
    found = {
        "a script ran": page.evaluate("() => window.broken") is not None,
        "an element that is not ours": page.locator(STRANGE).count() > bool(WITH_A_STYLE.search(page.url)),
        "signs that turn the text around": BIDI.search(shown) is not None,
        "a template in a text was filled in": "{{" not in shown and " 49 " in shown,
    }
    return [what for what, is_so in found.items() if is_so]


@pytest.fixture
def site(stores: Stores, settings: Settings) -> Iterator[Site]:
    """The pages with the form for relatives."""
    with serving(stores, settings.model_copy(update={"tips_open": True, "legal_basis": "decision 7"})) as served:
        yield served


def test_no_text_that_is_kept_breaks_out_of_any_page(chromium: Chromium, site: Site) -> None:
    user, other = chromium.user("everybody", *Role), chromium.user("other", *Role)
    paths = office(site, user, other)
    page = chromium.window(user)
    page.on("dialog", lambda dialog: chromium.faults.append(f"it asks: {dialog.message}"))
    with site.stores.owner.begin() as db:
        done = spoil(db)
        db.execute(text("UPDATE observations SET text = text || repeat('W', 1000000) WHERE id % 2 = 0"))
        number: str = db.execute(NUMBER).scalar_one()
    assert done >= AT_LEAST, "these are not in the office any more"
    found = {}
    for path in [*paths, f"/people/{quote(number, safe='')}"]:
        answered = page.goto(path)
        wrong = wrong_with(page) + ([] if answered and answered.status == 200 else [f"{answered and answered.status}"])
        found.update({path: wrong} if wrong else {})
    for path in IN_ADDRESSES:
        page.goto(path + quote(HOSTILE, safe=""))
        found.update({path: wrong} if (wrong := wrong_with(page)) else {})
    chromium.faults[:] = [one for one in chromium.faults if "status of 4" not in one]  # some of these are no pages
    assert found == {}
