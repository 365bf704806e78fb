"""What was erased by a lawful order, met again on a video site: it does not come back, and takes nothing along."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lastseen.clock import utcnow
from lastseen.settings import Settings
from pipeline.video_sites import recheck as recheck_video_site
from storage.objects import EVIDENCE
from storage.verification import verify
from tests.pipeline.duties.erasing import ask, confirm, erase
from tests.pipeline.video_sites.visiting import Visiting, visiting
from tests.servers.video_site import Page, VideoSite, films


@pytest.fixture
def office(owning: Settings) -> Iterator[Visiting]:
    """It has fetched a page with a picture beside its film."""
    page = Page("one", b"film one", title="a title", published=utcnow(), thumbnail=films.jpeg())
    with VideoSite([page]) as site, visiting(owning, site) as made:
        made.run("collect")
        made.run("fetch")
        yield made


def post(office: Visiting) -> str:
    ((number,),) = office.rows("SELECT id FROM posts")
    return f"post:{number}"


def evidence(office: Visiting) -> list[str]:
    return sorted(key for key in office.app.stores.objects.keys(EVIDENCE) if key.startswith(("raw/", "blob/")))


def test_an_erased_post_does_not_come_back_by_any_way(office: Visiting) -> None:
    erase(office.app, post(office))
    held = evidence(office)
    office.site.add(replace(office.site.pages["one"], title="another title"))
    for command in ("collect", "recheck", "fetch"):
        office.run(command)
    assert office.rows("SELECT count(*) FROM posts") == [(0,)]
    assert evidence(office) == held
    assert verify(office.app.stores.db, office.app.stores.objects).ok


def test_a_look_that_was_under_way_keeps_nothing_of_it(office: Visiting, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is confirmed, and done, after the posts that are due were read."""
    load = recheck_video_site.load

    def and_then_erased(*given: object) -> recheck_video_site.Job:
        job = load(*given)  # type: ignore[arg-type]  # as it is called
        monkeypatch.undo()
        erase(office.app, f"post:{job.due[0].id}")
        return job

    office.age()
    office.site.add(replace(office.site.pages["one"], title="another title"))
    monkeypatch.setattr(recheck_video_site, "load", and_then_erased)
    office.run("recheck")
    assert office.rows("SELECT count(*) FROM posts") == [(0,)]


def test_between_the_order_and_its_end_it_is_not_looked_at(office: Visiting) -> None:
    confirm(office.app, ask(office.app, post(office)))
    office.age()
    asked = office.site.count("/watch/one")
    office.run("recheck")
    assert office.site.count("/watch/one") == asked


def test_erased_bytes_take_nothing_along_that_stands_beside_them(office: Visiting) -> None:
    picture = hashlib.sha256(films.jpeg()).hexdigest()
    erase(office.app, f"blob:{picture}")
    office.site.add(Page("two", b"film two", title="another", thumbnail=films.jpeg()))
    office.run("collect")
    assert office.run("fetch") == {"done": 1}
    ((why,),) = office.rows("SELECT why FROM work WHERE step = 'fetch' ORDER BY id DESC LIMIT 1")
    assert "left out, since it was erased by a lawful order: thumbnail" in str(why)
    assert office.rows("SELECT count(*) FROM blobs") == [(2,)]
    assert not any(key.endswith(picture) for key in evidence(office))


def test_an_erased_film_leaves_its_page_and_its_picture(office: Visiting) -> None:
    erase(office.app, f"blob:{hashlib.sha256(b'film one').hexdigest()}")
    office.site.add(Page("two", b"film one", title="another", thumbnail=films.jpeg(seed=2)))
    office.run("collect")
    assert office.run("fetch") == {"done": 0, "SKIPPED": 1}
    assert office.looks("two") == [("present", "another")]
    kinds = "SELECT kind FROM media_items WHERE blob_id IS NOT NULL ORDER BY 1"
    assert office.rows(kinds) == [("thumbnail",), ("thumbnail",)]
