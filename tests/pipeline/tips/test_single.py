"""One post that a tip points to is read, on each platform, and nothing else of its channel or list."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from extractors.telegram import addresses
from lastseen.records import Platform, Source
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import open_app
from pipeline.jobs import Scope
from storage import sources, tips, verification
from storage.sealing import Secrets
from storage.sources import Asked
from storage.tips import CameBy, Given, State
from storage.work import OF_A_TIP
from tests.pipeline.telegram.watching import Watching, watching
from tests.pipeline.video_sites.visiting import Visiting, visiting
from tests.servers.telegram import Attachment, Channel, Post, World, numbered
from tests.servers.video_site import Page, VideoSite
from tests.storage.casting import person


def test_the_number_of_a_post() -> None:
    assert (addresses.number("@news/7"), addresses.number("@news")) == (7, None)


# --- Telegram ----------------------------------------------------------------------------------------------


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def channel(world: World) -> Channel:
    made = world.add(Channel(1001, "news", "News"))
    made.publish(*numbered(list(range(1, 40))))
    return made


@pytest.fixture
def office(settings: Settings, world: World, channel: Channel) -> Iterator[Watching]:
    with watching(settings, world, channel) as made:
        yield made


def single(office: Watching, number: int) -> Source:
    """A post of the channel as a source; the channel itself is not watched."""
    with office.app.stores.db.begin() as db:
        db.execute(text("DELETE FROM sources"))
        asked = Asked(single=True)
        return sources.add(db, Platform.TELEGRAM, f"@news/{number}", "tip 1", "basis", "olha", asked).source


def test_one_post_of_a_channel_is_read_once(office: Watching) -> None:
    single(office, 7)
    assert office.collect() == {"done": 1}
    assert office.numbers() == [7]
    assert office.server.asked("GetHistory") == 0
    asked = office.server.asked("GetMessages")
    assert office.collect() == {"done": 1}
    assert office.server.asked("GetMessages") == asked
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok


def test_a_post_that_is_not_there_is_gone_and_is_not_asked_for_again(office: Watching) -> None:
    single(office, 77)
    office.collect()
    assert office.outcome()[:2] == ("gone", "GONE")
    asked = office.server.asked("GetMessages")
    office.collect()
    assert office.outcome()[:2] == ("gone", "GONE")
    assert office.server.asked("GetMessages") == asked
    assert office.numbers() == []


def test_the_other_pictures_of_an_album_come_with_it(office: Watching) -> None:
    pictures = [
        Post(number, "", attachment=Attachment(number, b"picture"), album=5 if number < 53 else 6)
        for number in range(50, 55)
    ]
    office.channel.publish(*pictures)
    single(office, 51)
    assert office.collect() == {"done": 1}
    assert office.numbers() == [50, 51, 52]
    assert office.rows("SELECT DISTINCT priority FROM work WHERE step = 'fetch'") == [(OF_A_TIP,)]


def test_a_watched_channel_and_one_of_its_posts_do_not_hinder_each_other(office: Watching) -> None:
    with office.app.stores.db.begin() as db:
        sources.add(db, Platform.TELEGRAM, "@news/7", "tip 1", "basis", "olha", Asked(single=True))
    assert office.collect() == {"done": 2}
    assert office.collect() == {"done": 2}
    assert office.rows("SELECT count(*), count(DISTINCT platform_post_id) FROM posts") == [(40, 39)]


# --- video sites -------------------------------------------------------------------------------------------


@pytest.fixture
def visit(settings: Settings, site: VideoSite) -> Iterator[Visiting]:
    for name in ("one", "two", "three"):
        site.add(Page(name, f"file {name}".encode(), title=name))
    with visiting(settings, site) as made:
        yield made


def only(visit: Visiting, path: str) -> None:
    with visit.app.stores.db.begin() as db:
        db.execute(text("DELETE FROM sources"))
        sources.add(db, Platform.VIDEO_SITE, visit.site.url(path), "tip 1", "basis", "olha", Asked(single=True))


def test_one_page_of_a_site_is_read_once_and_its_file_comes_first(visit: Visiting) -> None:
    only(visit, "/watch/two")
    assert visit.run("collect") == {"done": 1}
    assert set(visit.seen()) == {"two"}
    assert visit.rows("SELECT priority FROM work WHERE step = 'fetch'") == [(OF_A_TIP,)]
    pages = visit.site.count("/watch/two")
    assert visit.run("collect") == {"done": 1}
    assert visit.site.count("/watch/two") == pages
    visit.run("fetch")
    assert visit.rows("SELECT priority FROM work WHERE step = 'fingerprint'") == [(OF_A_TIP,)]


def test_a_list_is_no_post(visit: Visiting) -> None:
    only(visit, "/feed.rss")
    visit.run("collect")
    assert visit.rows("SELECT state, outcome FROM work WHERE step = 'collect'") == [("skipped", "SKIPPED")]
    assert visit.seen() == {}


def test_what_cannot_be_had_is_asked_for_until_its_tip_is_closed(visit: Visiting) -> None:
    link, sealing = visit.site.url("/feed.rss"), Secrets(b"k" * 32)
    with visit.app.stores.db.begin() as db:
        db.execute(text("DELETE FROM sources"))
        person(db, "26-7", "Ivan")
        given = Given(link, None, "my brother", "", "Olena")
        mine, hers = (
            tips.receive(db, sealing, given, CameBy.FORM, "form", visit.app.settings.allow_private_addresses).id
            for _ in range(2)
        )
        for one in (mine, hers):
            tips.take_up(db, one, "26-7", "it looks right", "olha", "basis")
        tips.move(db, mine, State.CLOSED, "it leads to a list", "olha")
    asked = []
    for _ in range(2):
        visit.run("collect")
        asked.append(visit.site.count("/feed.rss"))
    assert 0 < asked[0] < asked[1], "another family's tip is open"
    with visit.app.stores.db.begin() as db:
        tips.move(db, hers, State.CLOSED, "it leads to a list", "olha")
        (source,) = sources.every(db)
    visit.run("collect")
    assert visit.site.count("/feed.rss") == asked[1]
    assert list(jobs.due(visit.app, "collect", Scope(source=source.id))["collect"]) == [source.id], (
        "by its number it is"
    )


def test_what_a_tip_points_to_is_read_before_all_else(settings: Settings, site: VideoSite) -> None:
    for name in ("one", "two"):
        site.add(Page(name, b"file", title=name))
    with open_app(settings.model_copy(update={"legal_basis": "basis"})) as app:
        with app.stores.db.begin() as db:
            sources.add(db, Platform.VIDEO_SITE, site.url("/watch/one"), "r", "basis", "ann")
            last = sources.add(
                db, Platform.VIDEO_SITE, site.url("/watch/two"), "tip 1", "basis", "olha", Asked(single=True)
            ).source
        assert jobs.due(app, "collect", Scope())["collect"][0] == last.id
