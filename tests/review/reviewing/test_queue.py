"""The queue's page, taking the next, and care for whoever looks."""

import re
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from lastseen.preferences import Preferences
from lastseen.settings import Settings
from review import lately
from review.roles import Role
from storage import accounts, care, reviews, tables
from storage.accounts import User
from storage.stores import Stores
from tests.review.conftest import Browser, Site, serving, texts
from tests.review.seeding import Seeded, Story, seed
from tests.review.test_pages import faults


def rows_in(page: str) -> int:
    return page.count("row-name")


def test_a_row_tells_where_and_when_and_not_who(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores)
    seed(site.stores, Story(number="HC-0002", names=("Second Person",)), at_track=seeded)
    page = analyst.get("/").text
    for told in ("videos.example/channel/news", "3 Nov 2026, 14:05 UTC", "2 people to compare with", "Face in a video"):
        assert told in page
    for hidden in ("Ada Example", "HC-0001", "Second Person", "/media/", "0.4321", "4,180", "4180"):
        assert hidden not in page
    assert rows_in(page) == 1
    assert faults(page) == []
    assert site.log() == []


def test_taking_the_next_leads_to_its_review_and_is_recorded(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores)
    taken = analyst.submit("/reviews")
    assert taken.status_code == 303
    assert re.fullmatch(r"/reviews/[0-9a-f-]{36}", taken.headers["location"])
    assert analyst.submit("/reviews").headers["location"] == taken.headers["location"]
    assert texts(site.log()) == [("user1", "took up", f"candidate:{seeded.candidate}")]
    assert site.signed_in(Role.ANALYST).submit("/reviews").headers["location"] == "/?why=empty"


def test_a_search_by_filters_is_recorded_and_stays_in_the_address(site: Site, analyst: Browser) -> None:
    for number, address in (("A", "https://a.example/c"), ("B", "https://b.example/c")):
        seed(site.stores, Story(number=number, address=address))
    with site.stores.db.begin() as db:
        source = db.execute(text("SELECT id FROM sources WHERE address = 'https://b.example/c'")).scalar_one()
    page = analyst.get("/", params={"source": source, "since": "2026-11-01", "until": ""}).text
    assert rows_in(page) == 1
    assert f'name="source" value="{source}"' in page
    (event,) = site.log()
    assert (event.action, event.subject) == ("searched", "queue")
    assert dict(event.detail) == {"source": source, "since": "2026-11-01"}
    none = analyst.get("/", params={"until": "2000-01-01"}).text
    assert "Nothing waits that these filters leave." in none
    where = analyst.submit("/reviews", until="2000-01-01").headers["location"]
    assert where == "/?until=2000-01-01&why=empty"
    assert "these filters leave" in analyst.get(where).text


def test_a_filter_that_would_tell_who_is_asked_about_is_refused_and_recorded(site: Site, analyst: Browser) -> None:
    seed(site.stores)
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE persons SET region = 'Sumy'"))
    assert "Sumy" not in analyst.get("/").text
    for answer in (analyst.get("/", params={"region": "Sumy"}), analyst.submit("/reviews", region="Sumy")):
        assert answer.headers["location"] == "/?why=narrow"
    page = analyst.get("/?why=narrow").text
    assert "leave fewer than five people" in page
    assert rows_in(page) == 1
    assert texts(site.log()) == [("user1", "searched", "queue")]


def test_a_row_is_to_be_read_and_gives_no_work(site: Site, analyst: Browser) -> None:
    """Whoever chose a row would know where and when it was published, and no known pair could pass for it."""
    first, second = seed(site.stores, Story(number="A")), seed(site.stores, Story(number="B"))
    page = analyst.get("/").text
    assert page.count('action="/reviews"') == 1
    assert 'name="candidate"' not in page
    analyst.submit("/reviews", candidate=str(second.candidate))
    assert site.log()[-1].subject == f"candidate:{first.candidate}", "the next one, whatever is named"


@pytest.mark.parametrize(
    "given",
    [
        {"source": "x"},
        {"source": "-1"},
        {"source": "9" * 30},
        {"since": "yesterday"},
        {"until": "2026-13-01"},
        {"region": "\0"},
        {"region": "r" * 201},
        {"after": "x"},
        {"after": "1.2"},
        {"after": "0." + "9" * 40 + ".1"},
    ],
)
def test_what_is_no_filter_is_refused(analyst: Browser, given: dict[str, str]) -> None:
    assert analyst.get("/", params=given).status_code == 400
    if "after" not in given:
        assert analyst.submit("/reviews", **given).status_code == 400


def test_a_pause_gives_back_and_offers_nothing_until_it_is_over(site: Site, analyst: Browser) -> None:
    seed(site.stores)
    assert analyst.get("/pause").headers["location"] == "/"
    analyst.submit("/reviews")
    assert analyst.submit("/pause").headers["location"] == "/pause"
    page = analyst.get("/pause").text
    assert "Nothing is offered to you now" in page
    assert faults(page) == []
    assert analyst.submit("/reviews").headers["location"] == "/pause"
    assert site.signed_in(Role.ANALYST).submit("/reviews").headers["location"].startswith("/reviews/")
    assert analyst.submit("/pause/end").headers["location"] == "/"
    assert analyst.submit("/reviews").headers["location"] == "/?why=empty"


def test_enough_is_enough_until_a_senior_says_so(stores: Stores, settings: Settings) -> None:
    with serving(stores, settings.model_copy(update={"review_items_a_day": 1})) as site:
        seed(stores)
        with stores.db.begin() as db:
            ada = accounts.add_user(db, "ada", None, [Role.ANALYST])
        browser = site.as_user(ada)
        token = browser.submit("/reviews").headers["location"].rpartition("/")[2]
        with stores.db.begin() as db:
            review = reviews.find(db, token, ada)  # type: ignore[arg-type]  # the database reads it
            assert review is not None
            reviews.end(db, review, reviews.Ending.JUDGED)
        assert browser.submit("/reviews").headers["location"] == "/?why=limit"
        page = browser.get("/").text
        assert "That is enough for today." in page
        assert 'action="/reviews"' not in page
        assert browser.submit("/limits/lift", name="ada", reason="r").status_code == 403
        senior = site.signed_in(Role.SENIOR)
        assert "Enough for today" in senior.get("/").text
        assert senior.submit("/limits/lift", name="ada", reason=" ").status_code == 422
        assert senior.submit("/limits/lift", name="ada", reason="a convoy leaves").status_code == 303
        assert browser.submit("/reviews").headers["location"].startswith("/reviews/")
        event = next(one for one in site.log() if one.action == "limit lifted")
        assert (event.actor, event.subject, event.reason) == ("user1", "user:ada", "a convoy leaves")


def warned(stores: Stores, *seeded: Seeded) -> None:
    with stores.db.begin() as db:
        for one in seeded:
            db.execute(insert(tables.content_warnings).values(blob_id=one.blob, said_by="somebody"))


def graphic_today(stores: Stores, user: User) -> int:
    with stores.db.begin() as db:
        return care.seen(db, user.id).graphic


@pytest.mark.parametrize("cover", [True, False])
def test_whoever_has_seen_enough_that_is_graphic_is_given_other_files(
    stores: Stores, settings: Settings, cover: bool
) -> None:
    with serving(stores, settings.model_copy(update={"review_graphic_a_day": 1})) as site:
        seeded = [seed(stores, Story(number=f"HC-{n}", address=f"https://videos.example/{n}")) for n in range(3)]
        warned(stores, *seeded[:2])
        with stores.db.begin() as db:
            ada = accounts.add_user(db, "ada", None, [Role.ANALYST])
            accounts.set_preferences(db, ada, Preferences(cover=cover))
        browser = site.as_user(ada)
        at = browser.submit("/reviews").headers["location"]
        assert graphic_today(stores, ada) == 0, "covered, and not asked for"
        browser.get(f"{at}/photo/1.jpg")
        assert graphic_today(stores, ada) == 0
        for name in ("shot/1.jpg", "still.jpg", "clip.mp4"):
            assert browser.get(f"{at}/{name}").status_code == 200
            assert graphic_today(stores, ada) == 1, "once a review"
        browser.submit(f"{at}/return")

        page = browser.get("/").text
        assert "Reviews with graphic content today: 1." in page
        assert "One face waits for you." in page
        assert faults(page) == []
        other = browser.submit("/reviews").headers["location"]
        with stores.db.begin() as db:
            held = reviews.find(db, UUID(other.rpartition("/")[2]), ada)
        assert held is not None
        assert held.candidate == seeded[2].candidate
        browser.get(f"{other}/shot/1.jpg")
        assert graphic_today(stores, ada) == 1
        browser.submit(f"{other}/return")
        assert browser.submit("/reviews").headers["location"] == "/?why=empty"

        senior = site.signed_in(Role.SENIOR)
        assert "ada" not in senior.get("/").text, "it is told to nobody else"
        assert senior.submit("/limits/lift", name="ada", reason="a convoy leaves").status_code == 303
        assert browser.submit("/reviews").headers["location"] == "/?why=empty", "nobody has them see more of it"
        with stores.db.begin() as db:
            db.execute(text("UPDATE reviews SET graphic_at = graphic_at - interval '1 day', ending = 'set aside'"))
        assert browser.submit("/reviews").headers["location"].startswith("/reviews/"), "tomorrow"


def test_whoever_warns_has_seen_it(site: Site, analyst: Browser) -> None:
    seed(site.stores)
    at = analyst.submit("/reviews").headers["location"]
    analyst.get(f"{at}/shot/1.jpg")
    with site.stores.db.begin() as db:
        assert db.execute(text("SELECT count(graphic_at) FROM reviews")).scalar() == 0
    analyst.submit(f"{at}/warn")
    count = text("SELECT count(graphic_at) FROM reviews")
    with site.stores.db.begin() as db:
        assert db.execute(count).scalar() == 1
        care.forget_days(db)
        assert db.execute(count).scalar() == 1
        db.execute(text("UPDATE reviews SET graphic_at = now() - interval '1 day'"))
        care.forget_days(db)
        assert db.execute(count).scalar() == 0


def test_figures_are_worked_out_now_and_then() -> None:
    now = [0.0]
    made = iter("abc")
    figure: lately.Lately[str] = lately.Lately(30, lambda: now[0])
    assert [figure.get(lambda: next(made)) for _ in range(2)] == ["a", "a"]
    now[0] = 30
    assert figure.get(lambda: next(made)) == "b"
    assert not figure.is_due()
    now[0] = 60
    assert [figure.is_due(), figure.is_due()] == [True, False]
