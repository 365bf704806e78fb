"""Sources on video sites: lists, pages that are looked for again, refusals of a whole site, turns of many workers."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.records import Platform
from lastseen.settings import Settings
from pipeline.app import App, open_app
from pipeline.jobs import Scope, due
from storage import sources, verification
from tests.pipeline.video_sites.visiting import Visiting, visiting
from tests.servers.video_site import Answer, Page, VideoSite

HTML = {"Content-Type": "text/html"}
NAMES = ("one", "two", "three")
NOT_A_BOT = Answer(403, b"prove it", {"cf-mitigated": "challenge", "Content-Type": "text/plain"})


def page(name: str, number: int = 0) -> Page:
    """Published some minutes ago, the first the newest; its file is no video."""
    published = utcnow() - timedelta(minutes=number + 1)
    return Page(name, f"file {name}".encode(), title=f"title {name}", published=published)


@pytest.fixture
def pages(site: VideoSite) -> VideoSite:
    """A site with three pages."""
    for number, name in enumerate(NAMES):
        site.add(page(name, number))
    return site


@pytest.fixture
def office(settings: Settings, pages: VideoSite) -> Iterator[Visiting]:
    """It watches the feed."""
    with visiting(settings, pages) as made:
        yield made


# --- lists -------------------------------------------------------------------------------------------------


def test_the_whole_list_is_read_after_the_newest_and_then_weekly(settings: Settings, pages: VideoSite) -> None:
    with visiting(settings, pages, listing_limit=2) as office:
        assert office.run("collect") == {"done": 1}
        assert set(office.seen()) == set(NAMES), "the two newest, then all"
        assert pages.count("/feed.rss") == 2
        office.run("collect")
        assert pages.count("/feed.rss") == 3, "only the newest"
        office.change("UPDATE site_lists SET whole_at = whole_at - interval '7 days'")
        office.run("collect")
        assert office.rows("SELECT whole_posts, whole_why, now() - whole_at < interval '1 minute' FROM site_lists") == [
            (3, "", True)
        ]
        office.run("collect", whole=True)
        assert office.rows("SELECT now() - whole_at < interval '1 minute' FROM site_lists") == [(True,)]
        assert office.rows("SELECT complete FROM coverage ORDER BY id") == [(False,), (True,)]


def test_a_list_without_end_is_read_as_far_as_the_limit(settings: Settings, pages: VideoSite) -> None:
    with visiting(settings, pages, listing_limit=1, listing_whole_limit=2) as office:
        office.run("collect")
        assert set(office.seen()) == {"one", "two"}
        ((posts, why),) = office.rows("SELECT whole_posts, whole_why FROM site_lists")
        assert (posts, "goes on" in str(why)) == (2, True)
        assert office.rows("SELECT count(*) FROM posts WHERE unlisted_since IS NOT NULL") == [(0,)]


def test_a_whole_list_that_fails_leaves_the_newest_posts(settings: Settings, pages: VideoSite) -> None:
    with visiting(settings, pages, listing_limit=2) as office:
        pages.answer("/feed.rss", replace(FEED_ONCE, body=feed(pages)), Answer(500, times=1))
        assert office.run("collect") == {"done": 1}
        ((why, tried),) = office.rows("SELECT whole_why, whole_tried_at IS NOT NULL FROM site_lists")
        assert (why, tried) == ("the whole list: TRANSIENT, the server answered 500", True)
        assert set(office.seen()) == {"one", "two"}
        asked = pages.count("/feed.rss")
        office.run("collect")
        assert pages.count("/feed.rss") == asked + 1, "it is not tried again before tomorrow"


FEED_ONCE = Answer(headers={"Content-Type": "application/rss+xml"}, times=1)


def feed(site: VideoSite) -> bytes:
    links = "".join(f"<item><title>t</title><link>{site.url(f'/watch/{name}')}</link></item>" for name in NAMES)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>V</title>{links}</channel></rss>'.encode()


def test_a_post_that_leaves_its_list_is_looked_for_soon_and_once(office: Visiting) -> None:
    office.run("collect")
    two = office.site.pages.pop("two")
    office.site.answer(
        two.path, Answer(body=b"<video src='/media/one.mp4'></video>", headers={"Content-Type": "text/html"})
    )
    office.run("collect")
    assert office.rows("SELECT permalink LIKE '%/two' FROM posts WHERE checked_at IS NULL") == [(True,)]
    assert office.seen()["two"] == "present", "that a list does not show it says nothing of its page"
    office.run("recheck")
    assert (office.seen()["two"], office.site.count(two.path)) == ("present", 1)
    office.run("collect")
    office.run("recheck")
    assert office.site.count(two.path) == 1
    office.site.add(two)
    office.run("collect")
    assert office.rows("SELECT count(*) FROM posts WHERE unlisted_since IS NOT NULL") == [(0,)]


# --- seen again --------------------------------------------------------------------------------------------


def test_pages_are_read_again_when_they_are_due_and_nothing_is_downloaded(office: Visiting) -> None:
    office.run("collect")
    office.run("recheck")
    assert office.site.count("/watch/one") == 0, "they were seen a moment ago"
    office.age()
    office.run("recheck")
    assert [office.site.count(f"/watch/{name}") for name in NAMES] == [1, 1, 1]
    assert office.site.count("/media/one.mp4") == 0
    assert office.looks("one") == [("present", "title one")]
    office.change("UPDATE posts SET published_at = now() - interval '2 days'")
    office.age()
    office.run("recheck")
    assert office.site.count("/watch/one") == 1, "a day has to pass for what is older than that"
    office.age(minutes=24 * 60)
    office.run("recheck")
    assert office.site.count("/watch/one") == 2


def visits(office: Visiting) -> list[int]:
    """How often each page was read."""
    return [office.site.count(f"/watch/{name}") for name in NAMES]


def test_whoever_names_a_day_or_a_file_has_its_posts_looked_for_though_they_are_not_due(office: Visiting) -> None:
    office.run("collect")
    office.run("fetch")
    office.change("UPDATE posts SET published_at = '2020-01-05T10:00Z' WHERE permalink LIKE '%/two'")
    looks = visits(office)
    begin, end = datetime(2020, 1, 5, tzinfo=UTC), datetime(2020, 1, 6, tzinfo=UTC)
    office.run("recheck", since=begin, until=end)
    assert visits(office) == looks, "`run` passes its days on: none is asked"
    due(office.app, "recheck", Scope(since=begin, until=end, anew=True), dry=True)
    office.run("recheck")
    assert visits(office) == looks, "a dry run asks for nothing"
    office.run("recheck", since=begin, until=end, anew=True)
    office.run("recheck")
    looks[1] += 1
    assert visits(office) == looks, "once, and nothing else"
    carried = "SELECT sha256 FROM blobs JOIN media_items ON blob_id = blobs.id JOIN posts ON posts.id = post_id"
    ((blob,),) = office.rows(f"{carried} WHERE permalink LIKE '%/one'")
    office.run("recheck", blob=blob, anew=True)
    looks[0] += 1
    assert visits(office) == looks
    with pytest.raises(WrongUse, match="no blob with the sha256"):
        office.run("recheck", blob="0" * 64, anew=True)


def test_a_page_that_changed_is_a_new_observation_and_the_same_twice_is_none(office: Visiting) -> None:
    office.run("collect")
    for _ in range(2):
        office.age()
        office.run("recheck")
    assert office.looks("two") == [("present", "title two")]
    office.site.add(replace(office.site.pages["two"], title="another title"))
    for _ in range(2):
        office.age()
        office.run("recheck")
    assert office.looks("two") == [("present", "title two"), ("present", "another title")]
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok


def test_missing_gone_and_back(office: Visiting) -> None:
    office.run("collect")
    office.run("fetch")
    two = office.site.pages["two"]
    office.site.remove("two")
    office.age()
    office.run("recheck")
    assert office.seen()["two"] == "missing"
    office.run("recheck")
    assert office.seen()["two"] == "missing", "a second look has to be later"
    office.age(minutes=11)
    office.run("recheck")
    assert office.seen()["two"] == "gone"
    for _ in range(2):
        office.age()
        office.run("recheck")
    assert [seen for seen, _ in office.looks("two")] == ["present", "missing", "gone"]
    office.site.add(two)
    office.run("collect")
    assert office.seen()["two"] == "gone", "what a list says brings nothing back"
    office.age()
    office.run("recheck")
    assert office.looks("two")[-1] == ("present", "title two")
    assert office.rows("SELECT seen FROM posts WHERE missing_since IS NOT NULL") == []
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok


def test_a_fetch_that_finds_nothing_is_a_first_look_and_what_comes_back_is_fetched(office: Visiting) -> None:
    office.run("collect")
    two = office.site.pages["two"]
    office.site.remove("two")
    assert office.run("fetch") == {"done": 2, "GONE": 1}
    assert office.seen()["two"] == "missing"
    office.age()
    office.run("recheck")
    assert office.seen()["two"] == "gone"
    office.site.add(two)
    office.age()
    office.run("recheck")
    assert office.seen()["two"] == "present"
    assert office.run("fetch") == {"done": 1}


def test_a_page_that_cannot_be_read_says_nothing(office: Visiting) -> None:
    office.run("collect")
    office.site.answer("/watch/two", Answer(403))
    office.age()
    assert office.run("recheck") == {"done": 1}
    assert office.seen()["two"] == "present"
    assert "1 unclear, the last: BLOCKED" in str(office.rows("SELECT why FROM work WHERE step = 'recheck'")[0][0])
    office.run("recheck")
    assert office.site.count("/watch/two") == 1, "its next turn is in an hour"


def test_more_pages_than_one_round_takes(settings: Settings, pages: VideoSite) -> None:
    with visiting(settings, pages, site_batch_pages=2) as office:
        office.run("collect")
        office.age()
        office.run("recheck")
        assert [pages.count(f"/watch/{name}") for name in NAMES] == [1, 1, 1]


def test_a_burst_of_deletions_is_told_and_what_is_left_goes_first(settings: Settings, pages: VideoSite) -> None:
    with visiting(settings, pages, site_burst=2) as office:
        office.run("collect")
        pages.remove("one")
        pages.remove("two")
        office.age()
        office.run("recheck")
        assert office.alerts() == [("deletions", f"source:{office.source}")]
        assert office.rows("SELECT DISTINCT priority FROM work WHERE step = 'fetch'") == [(2,)]


def test_views_are_kept_apart(settings: Settings, pages: VideoSite) -> None:
    """A page that states its views: they change, it does not."""
    with visiting(settings, pages, "/watch/one") as office:
        for views in (5, 5, 7):
            pages.answer("/watch/one", counted(pages, views))
            office.run("collect")
        assert [seen for seen, _ in office.looks("one")] == ["present"]
        assert office.rows("SELECT audience ->> 'views' FROM observations") == [("5",)]
        assert office.rows("SELECT audience ->> 'views' FROM audiences") == [("7",)]


def counted(site: VideoSite, views: int) -> Answer:
    known = (
        '{"@context": "https://schema.org", "@type": "VideoObject", "name": "seen", "uploadDate": "2024-05-01",'
        f' "contentUrl": "{site.url("/media/one.mp4")}", "interactionStatistic": {{"@type": "InteractionCounter",'
        f' "interactionType": "https://schema.org/WatchAction", "userInteractionCount": {views}}}}}'
    )
    body = f'<html><title>seen</title><script type="application/ld+json">{known}</script></html>'
    return Answer(body=body.encode(), headers=HTML)


# --- refusals ----------------------------------------------------------------------------------------------


def test_a_bot_check_stops_the_site_for_every_worker_and_it_comes_back_slowly(
    office: Visiting, settings: Settings
) -> None:
    office.run("collect")
    for name in NAMES:
        office.site.answer(f"/watch/{name}", NOT_A_BOT)
    assert office.run("fetch") == {"done": 0, "BLOCKED": 1}, "the first one meets it, and nobody asks again"
    assert sum(office.site.count(f"/watch/{name}") for name in NAMES) == 1
    with open_app(settings, "another") as other:
        asked = len(office.site.asked)
        for command in ("fetch", "collect"):
            assert {step: list(items) for step, items in due(other, command, Scope()).items()} == {command: []}
        assert len(office.site.asked) == asked
        other_office = replace_app(office, other)
        assert other_office.run("fetch") == {"done": 0}
        assert len(office.site.asked) == asked
    assert office.alerts() == [("site closed", f"site:{office.host}")]
    assert office.rows("SELECT DISTINCT failures, blocks, state FROM work WHERE step = 'fetch'") == [(0, 0, "open")]
    first = rest(office)
    office.rested()
    office.run("fetch")
    assert sum(office.site.count(f"/watch/{name}") for name in NAMES) == 2
    assert rest(office) == 2 * first
    for name in NAMES:
        office.site.answer(f"/watch/{name}")
    office.rested()
    assert office.run("fetch") == {"done": 3}
    assert office.alerts() == []
    assert office.rows("SELECT refusals, closed_until FROM sites") == [(0, None)]


def replace_app(office: Visiting, app: App) -> Visiting:
    """Another worker of the same office."""
    return replace(office, app=app)


def rest(office: Visiting) -> int:
    """Minutes for which the site is closed."""
    ((minutes,),) = office.rows("SELECT round(extract(epoch FROM closed_until - now()) / 60)::int FROM sites")
    return int(str(minutes))


def test_too_many_requests_are_heeded_as_long_as_the_server_says(office: Visiting) -> None:
    office.run("collect")
    for name in NAMES:
        office.site.answer(f"/watch/{name}", Answer(429, headers={"Retry-After": "7200"}))
    assert office.run("fetch") == {"done": 0, "WAIT": 1}
    assert rest(office) == 120
    assert office.alerts() == [("site closed", f"site:{office.host}")]


def test_a_refusal_while_pages_are_looked_for_keeps_what_was_seen(office: Visiting) -> None:
    office.run("collect")
    office.age()
    office.age("permalink LIKE '%/one'", minutes=5)  # it is looked for first
    office.site.remove("one")
    office.site.answer("/watch/two", NOT_A_BOT)
    office.site.answer("/watch/three", NOT_A_BOT)
    assert office.run("recheck") == {"done": 0, "BLOCKED": 1}
    assert office.seen() == {"one": "missing", "two": "present", "three": "present"}
    assert office.alerts() == [("site closed", f"site:{office.host}")]


def test_another_site_is_asked_all_the_same(office: Visiting) -> None:
    with VideoSite([page("else")]) as other:
        with office.app.stores.db.begin() as db:
            sources.add(db, Platform.VIDEO_SITE, other.url("/feed.rss"), "a reason", "test", "test")
        office.site.answer("/feed.rss", NOT_A_BOT)
        assert office.run("collect") == {"done": 1, "BLOCKED": 1}
        assert set(office.seen()) == {"else"}


def test_one_page_that_is_refused_rests_longer_each_time_and_its_neighbours_do_not(office: Visiting) -> None:
    office.run("collect")
    office.site.answer("/watch/two", Answer(403))
    assert office.run("fetch") == {"done": 2, "BLOCKED": 1}
    assert office.alerts() == []
    rests = []
    for _ in range(9):
        ((hours,),) = office.rows("""
            SELECT round(extract(epoch FROM ready_at - now()) / 3600)::int FROM work
             WHERE step = 'fetch' AND state = 'open'""")
        rests.append(hours)
        office.rested()
        office.run("fetch")
    assert rests == [1, 2, 4, 8, 16, 32, 64, 128, 168]


# --- turns -------------------------------------------------------------------------------------------------


def test_two_workers_download_from_a_site_one_after_the_other(office: Visiting, settings: Settings) -> None:
    """While a download lasts, nobody else begins one."""
    office.run("collect")
    together = []
    for name in NAMES:
        office.site.answer(f"/media/{name}.mp4", Answer(body=b"file", headers={"Content-Type": "video/mp4"}, delay=0.3))
    with open_app(settings, "another") as app:
        workers = [threading.Thread(target=one.run, args=("fetch",)) for one in (office, replace_app(office, app))]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            together.append(office.rows("SELECT count(*) FROM work WHERE visits IS NOT NULL AND lease IS NOT NULL"))
            workers[0].join(0.02)
    assert {count for ((count,),) in together} == {0, 1}
    assert office.rows("SELECT DISTINCT state FROM work WHERE step = 'fetch'") == [("done",)]


def test_visits_of_two_workers_begin_a_pause_apart(settings: Settings, pages: VideoSite) -> None:
    """By the database's clock: where the next one may begin is moved on by a pause for each visit, at least."""
    slow = settings.model_copy(update={"site_pause_seconds": 0.4, "site_jitter": 0.0, "site_downloads": 5})
    with visiting(slow, pages) as office, open_app(office.settings, "another") as app:
        office.run("collect")
        ((begun,),) = office.rows("SELECT next_at FROM sites")
        workers = [threading.Thread(target=one.run, args=("fetch",)) for one in (office, replace_app(office, app))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        ((passed,),) = office.rows(f"SELECT extract(epoch FROM next_at - '{begun}') FROM sites")  # noqa: S608  a moment
        assert float(str(passed)) >= 3 * 0.4
        assert office.rows("SELECT DISTINCT state FROM work WHERE step = 'fetch'") == [("done",)]


def test_nobody_waits_long_for_a_turn(settings: Settings, pages: VideoSite) -> None:
    with visiting(settings, pages, site_pause_seconds=3600, site_jitter=0.0, site_patience_seconds=1) as office:
        assert office.run("collect") == {"done": 1}
        assert office.run("fetch") == {"done": 0}
        assert office.rows("SELECT DISTINCT state, attempts FROM work WHERE step = 'fetch'") == [("open", 0)]
        office.rested()
        assert office.run("fetch") == {"done": 1}
