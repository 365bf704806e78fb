"""What the pages show of names in posts: what it is, what it stands on, and that it was looked at."""

import pytest

from lastseen.records import NameHint, NameReason, Verdict
from storage import name_hints
from storage.stores import Stores
from tests.review.conftest import Browser, Site, picture_addresses, texts
from tests.review.seeding import Seeded, Story, seed
from tests.review.test_pages import faults

SAID = NameReason("surname", "<b>Example</b>", "Example", Verdict.AGREES, "genitive or accusative")
SILENT = NameReason("birth", "", "1815", Verdict.SILENT)


def hinted(stores: Stores, seeded: Seeded, namesakes: int = 1) -> None:
    with stores.db.begin() as db:
        said = name_hints.words(db, 0)[0]
        hint = NameHint(seeded.person, 0.6, (SAID, SILENT), namesakes)
        name_hints.keep(db, "test-1", name_hints.look(db, 0), {said: [hint]})


@pytest.fixture
def seeded(site: Site) -> Seeded:
    return seed(site.stores)


def test_a_candidate_shows_the_words_apart_from_the_face(site: Site, analyst: Browser, seeded: Seeded) -> None:
    before = site.reader(seeded.candidate).get(f"/candidates/{seeded.candidate}").text
    assert "Words of the post" not in before
    hinted(site.stores, seeded)
    page = site.reader(seeded.candidate).get(f"/candidates/{seeded.candidate}").text
    words = page.partition("Words of the post")[2].partition("</section>")[0]
    assert "A hint by words, apart from the face" in words
    assert "&lt;b&gt;Example&lt;/b&gt;" in words and "genitive or accusative" in words and "not stated" in words
    assert "0.43" not in words, "the face's number stands elsewhere"
    assert faults(page) == []


def test_the_list_shows_words_and_no_face(site: Site, analyst: Browser, seeded: Seeded) -> None:
    assert "No names yet" in analyst.get("/hints").text
    hinted(site.stores, seeded, namesakes=3)
    page = site.reader(seeded.candidate).get("/hints").text
    assert "Ada Example" in page and "HC-0001" in page and "Filmed this morning." in page
    assert "The same words fit 3 entries of the register." in page
    assert f'href="/candidates/{seeded.candidate}"' in page
    assert picture_addresses(page) == []
    assert faults(page) == []
    assert "No more on this side" in analyst.get("/hints?older_than=1").text
    assert analyst.get("/hints?older_than=x").status_code == 400


def test_who_may_still_be_asked_reads_no_post_that_names_whom(site: Site, analyst: Browser, seeded: Seeded) -> None:
    hinted(site.stores, seeded)
    page = analyst.get("/hints")
    assert "1 of this page is not shown to you" in page.text and "No more on this side" not in page.text
    assert faults(page.text) == []
    api = analyst.get("/api/v1/hints")
    assert (api.json()["rows"], api.json()["kept_back"]) == ([], 1)
    for told in ("Example", "HC-0001", "Filmed", "videos.example", f"/candidates/{seeded.candidate}"):
        assert told not in page.text and told not in api.text
    assert site.log()[-1].detail["hints"] == []


def test_that_hints_were_looked_at_stands_in_the_log(site: Site, analyst: Browser, seeded: Seeded) -> None:
    hinted(site.stores, seeded)
    site.reader(seeded.candidate).get("/hints")
    assert texts(site.log())[-1][1:] == ("viewed", "hints")
    assert len(site.log()[-1].detail["hints"]) == 1  # type: ignore[arg-type]


def test_a_hint_at_somebody_without_a_candidate_stands_in_the_list(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores, Story(state="withdrawn"))
    hinted(site.stores, seeded)
    page = analyst.get("/hints").text
    assert "HC-0001" in page
    assert "/candidates/" not in page
