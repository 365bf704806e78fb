"""One review over HTTP: what its pages say and do not say, and what comes of its forms."""

import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import insert, text, update

from review.roles import Role
from storage import accounts, judgements, review_screen, reviews, tables
from storage.accounts import User
from tests.review.conftest import Browser, Site, texts
from tests.review.seeding import CLIP, Seeded, Story, jpeg, put, seed
from tests.review.test_pages import faults

SEEN = {"visible.nose": "on", "visible.ears": "on"}
YES = {"answer": "3", "feature.nose": "similar", "feature.ears": "similar"}
NO = {"answer": "-3", "feature.nose": "different"}
TELLING = ("HC-0001", "Ada", "0.4321", "4180", "A convoy", "Filmed", "videos.example", "dlib", "prisoners")
"""what is known of the seeded candidate, and must not be told before the answer"""


class Person:
    """An analyst with a browser and a review."""

    def __init__(self, site: Site, user: User, browser: Browser) -> None:
        self.site, self.user, self.browser = site, user, browser
        self.at = ""

    def takes_next(self) -> str:
        """Ask the queue.  Returns where it leads."""
        self.at = self.browser.submit("/reviews").headers["location"]
        return self.at

    def describes(self, **fields: str) -> httpx.Response:
        return self.browser.submit(f"{self.at}/description", **(fields or SEEN))

    def answers(self, **fields: str) -> httpx.Response:
        answer = self.browser.submit(f"{self.at}/answer", **fields)
        self.last = answer
        self.before, self.at = self.at, answer.headers.get("location", "").split("?")[0]
        return answer

    def sees(self) -> str:
        page = self.browser.get(self.at)
        assert page.status_code == 200
        return page.text


@pytest.fixture
def ada(site: Site) -> Person:
    return person(site, "ada.analyst")


def person(site: Site, name: str, *roles: Role) -> Person:
    with site.stores.db.begin() as db:
        user = accounts.add_user(db, name, None, roles or (Role.ANALYST,))
    return Person(site, user, site.as_user(user))


def state(site: Site, seeded: Seeded) -> str:
    with site.stores.db.begin() as db:
        found: str = db.execute(
            text("SELECT state FROM candidates WHERE id = :id"), {"id": seeded.candidate}
        ).scalar_one()
    return found


def pair(site: Site, seeded: Seeded) -> int:
    """A known pair of the seeded photo with itself: what it shows does not matter here."""
    face, whole = (put(site.stores, f"known-pair/{seeded.photo}-{what}.jpg", jpeg()) for what in ("face", "whole"))
    film = {
        "shots": [
            {"key": put(site.stores, f"known-pair/film-{second}.jpg", jpeg()), "at_ms": second * 1000, "eyes": None}
            for second in (4, 5, 6)
        ],
        "still": put(site.stores, "known-pair/film.jpg", jpeg()),
        "clip": put(site.stores, "known-pair/film.mp4", CLIP),
        "frames": [0, 40],
    }
    row = {
        "genuine": True,
        "probe_photo_id": seeded.photo,
        "person_id": seeded.person,
        "photo_id": seeded.photo,
        "engine": "dlib",
        "distance": 0.4,
        "probe_key": face,
        "still_key": whole,
        "film": film,
    }
    with site.stores.db.begin() as db:
        return int(db.execute(insert(tables.known_pairs).values(row).returning(tables.known_pairs.c.id)).scalar_one())


def on_pair(who: Person, known_pair: int, *, as_film: bool = False) -> None:
    with who.site.stores.db.begin() as db:
        review = reviews.begin_known(db, who.user, known_pair, timedelta(minutes=5), as_film=as_film)
    who.at = f"/reviews/{review.token}"


def test_nothing_is_told_before_the_answer(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    ada.takes_next()
    first = ada.sees()
    ada.describes()
    second = ada.sees()
    for page in (first, second):
        assert faults(page) == []
        # nor the rows' ids: not as a word of their own in any address, class or text
        assert [word for word in TELLING if word in page] == []
        assert f"/candidates/{seeded.candidate}" not in page


def test_the_reference_is_not_to_be_had_before_the_probe_was_described(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    assert "/photo/" not in ada.sees()
    assert ada.browser.get(f"{ada.at}/photo/1.jpg").status_code == 404
    assert ada.browser.get(f"{ada.at}/shot/1.jpg").status_code == 200
    ada.describes()
    assert "/photo/1.jpg" in ada.sees()
    assert ada.browser.get(f"{ada.at}/photo/1.jpg").status_code == 200


def test_a_description_stands_once_it_was_sent(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    assert ada.describes(**{"visible.eyes": "on", "note.eyes": "a <b>scar</b> below"}).status_code == 303
    assert ada.describes(**SEEN).status_code == 303
    page = ada.sees()
    assert 'value="a &lt;b&gt;scar&lt;/b&gt; below"' in page
    with site.stores.db.begin() as db:
        kept = db.execute(text("SELECT described FROM reviews")).scalar_one()
    assert kept["features"]["eyes"]["visible"]
    assert not kept["features"]["nose"]["visible"]


def test_a_description_of_nothing_is_asked_for_again_with_what_was_typed(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    again = ada.describes(**{"note.ears": "hidden"})
    assert again.status_code == 422
    assert "Mark at least one feature" in again.text
    assert 'value="hidden"' in again.text


def test_two_clear_yes_are_a_possible_sighting_and_each_is_asked_blindly(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    bo = person(site, "bo.analyst")
    for who in (ada, bo):
        assert who.takes_next().startswith("/reviews/")
        who.describes()
        page = who.sees()
        assert "ada.analyst" not in page.replace('title="Your account"><bdi>ada.analyst', "")
        assert who.answers(**YES).status_code == 303
    assert state(site, seeded) == "sighting"


def test_a_clear_no_ends_it(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    ada.takes_next()
    ada.describes()
    assert ada.answers(**NO).headers["location"].startswith("/?why=empty&answered=")
    assert state(site, seeded) == "rejected"
    queue = ada.browser.get(ada.last.headers["location"])
    assert queue.status_code == 200
    assert f'action="{ada.before}/undo"' in queue.text


def test_an_unexplained_difference_of_the_ears_takes_no_yes(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    ada.takes_next()
    ada.describes()
    refused = ada.answers(**{**YES, "feature.ears": "different"})
    assert refused.status_code == 422
    assert "excludes" in refused.text
    assert state(site, seeded) == "open"


def test_what_the_database_refuses_is_said_in_words_and_nothing_is_lost(site: Site, ada: Person) -> None:
    """Two windows: the second answer comes when the first has settled it."""
    seeded = seed(site.stores)
    ada.takes_next()
    ada.describes()
    with site.stores.db.begin() as db:
        db.execute(update(tables.candidates).values(withdrawn=True).where(tables.candidates.c.id == seeded.candidate))
        db.execute(text("UPDATE candidates SET state = 'withdrawn', due = NULL"))
    refused = ada.answers(**YES, reason="the left brow")
    assert refused.status_code == 422
    assert judgements.WORDS["judged_while_it_is_open"] in refused.text
    assert 'value="the left brow"' in refused.text


def test_a_draft_comes_back_and_is_gone_after_the_next_step(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    kept = ada.browser.submit(f"{ada.at}/draft", **{"note.chin": "a dimple", "visible.chin": "on", "other": "x"})
    assert (kept.status_code, kept.headers["location"]) == (303, ada.at)
    assert 'value="a dimple"' in ada.sees()
    assert re.search(r'name="visible.chin" value="on" checked', ada.sees())
    ada.describes()
    assert "dimple" not in ada.sees()


def test_somebody_elses_review_is_not_there(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    stranger = site.signed_in(Role.ANALYST, Role.SENIOR)
    for path in ("", "/shot/1.jpg", "/still.jpg", "/clip.mp4", "/ahead"):
        assert stranger.get(ada.at + path).status_code == 404
    for path in ("description", "answer", "draft", "return", "warn", "undo", "again"):
        assert stranger.submit(f"{ada.at}/{path}").status_code == 404


def test_a_review_that_ended_is_over(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    assert ada.browser.submit(f"{ada.at}/return").headers["location"] == "/"
    assert ada.browser.get(ada.at).status_code == 404
    assert ada.browser.submit(f"{ada.at}/draft").status_code == 404


def test_an_answer_is_undone_within_its_minute_and_stands_in_the_form_again(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    ada.takes_next()
    ada.describes()
    ada.answers(**NO, reason="another nose")
    back = ada.browser.submit(f"{ada.before}/undo")
    assert back.status_code == 303
    assert state(site, seeded) == "open"
    ada.at = back.headers["location"]
    page = ada.sees()
    assert re.search(r'name="answer" value="-3" checked', page)
    assert 'value="another nose"' in page
    assert ada.answers(**YES).status_code == 303
    assert ada.browser.submit(f"{ada.before}/undo").status_code == 303


def test_after_its_minute_an_answer_is_not_undone_but_given_anew(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    ada.takes_next()
    ada.describes()
    ada.answers(**NO)
    ada.at = ada.browser.submit(f"{ada.before}/again").headers["location"]
    assert ada.answers(**YES).status_code == 303
    with site.stores.db.begin() as db:
        given = judgements.of_candidate(db, seeded.candidate)
    assert [(one.answer, one.stands) for one in given] == [(-3, False), (3, True)]
    assert state(site, seeded) == "open"
    page = ada.browser.get("/judgements").text
    assert page.count("answered anew") == 1
    assert faults(page) == []


def test_the_page_after_an_answer_offers_to_undo_that_one(site: Site, ada: Person) -> None:
    for number in (1, 2):
        seed(site.stores, Story(number=f"HC-{number}"))
    ada.takes_next()
    ada.describes()
    after = ada.answers(**NO).headers["location"]
    page = ada.browser.get(after).text
    assert f'action="{ada.before}/undo"' in page
    assert "Strong support for two people" in page
    assert '/undo"' not in ada.browser.get(after.split("?")[0]).text
    assert '/undo"' not in ada.browser.get(after.split("?")[0] + "?answered=nonsense").text


def test_a_known_pair_looks_like_a_candidate_and_is_answered_undone_and_listed_like_one(
    site: Site, ada: Person
) -> None:
    on_pair(ada, pair(site, seed(site.stores)))
    assert f'src="{ada.at}/still.jpg"' in ada.sees()
    assert ada.browser.get(f"{ada.at}/still.jpg").content == ada.browser.get(f"{ada.at}/shot/1.jpg").content
    ada.describes()
    assert "/photo/1.jpg" not in ada.sees()  # here the only photo is the probe itself
    assert ada.answers(**YES).status_code == 303
    back = ada.browser.submit(f"{ada.before}/undo")
    ada.at = back.headers["location"]
    assert re.search(r'name="answer" value="3" checked', ada.sees())
    ada.answers(**NO)
    page = ada.browser.get("/judgements").text
    assert page.count("taken back") == 1
    assert "known" not in page.lower()
    with site.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM judgements")).scalar() == 0
        endings = db.execute(text("SELECT answer, ending FROM known_answers JOIN reviews ON reviews.id = review_id"))
        assert sorted(endings.all()) == [(-3, "judged"), (3, "undone")]


def test_an_answer_on_a_known_pair_that_is_sent_twice_is_kept_once(site: Site, ada: Person) -> None:
    known_pair = pair(site, seed(site.stores))
    with site.stores.db.begin() as db:
        mine = reviews.begin_known(db, ada.user, known_pair, timedelta(minutes=5))
        review_screen.answer_known(db, mine, 3, {}, "")
        with pytest.raises(judgements.NotAsked, match="This review has ended"):
            review_screen.answer_known(db, mine, -3, {}, "")
        assert db.execute(text("SELECT answer FROM known_answers")).scalars().all() == [3]


def test_of_a_known_pair_a_warning_is_taken_as_of_anything(site: Site, ada: Person) -> None:
    on_pair(ada, pair(site, seed(site.stores)))
    assert ada.browser.submit(f"{ada.at}/warn").status_code == 303
    assert "Others are warned" in ada.sees()
    ada.describes()
    ada.answers(**YES)
    ada.at = ada.browser.submit(f"{ada.before}/undo").headers["location"]
    assert "Others are warned" in ada.sees()
    with site.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM content_warnings")).scalar() == 0


def test_whoever_warns_covers_it_for_all(site: Site, ada: Person) -> None:
    seed(site.stores)
    ada.takes_next()
    assert '<details class="veil" open>' in ada.sees()
    for _ in range(2):
        assert ada.browser.submit(f"{ada.at}/warn").status_code == 303
    page = ada.sees()
    assert "Others are warned" in page
    assert '<details class="veil" open>' not in page
    assert "poster=" not in page
    with site.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM content_warnings")).scalar() == 1


def test_what_comes_next_is_reserved_and_told_to_the_browser(site: Site, ada: Person) -> None:
    for number in (1, 2):
        seed(site.stores, Story(number=f"HC-{number}"))
    ada.takes_next()
    ahead = ada.browser.get(f"{ada.at}/ahead").json()
    assert ahead["pictures"][0] == f"{ahead['page']}/shot/1.jpg"
    assert ada.browser.get(f"{ada.at}/ahead").json() == ahead
    ada.describes()
    ada.answers(**NO)
    assert ada.at == ahead["page"]
    assert ada.browser.get(f"{ada.at}/ahead").json() == {"page": "", "pictures": []}


def test_the_log_says_who_took_described_and_judged_and_not_what(site: Site, ada: Person) -> None:
    seeded = seed(site.stores)
    ada.takes_next()
    ada.describes()
    ada.browser.get(f"{ada.at}/clip.mp4")
    ada.answers(**NO)
    subject = f"candidate:{seeded.candidate}"
    told = [(action, about) for actor, action, about in texts(site.log()) if actor == "ada.analyst"]
    assert told[:3] == [("took up", subject), ("described", subject), ("played", subject)]
    assert "judged" in [action for action, _ in told]
