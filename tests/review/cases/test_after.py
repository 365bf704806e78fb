"""After the decision: who sees how much, possible sightings, their hand-over and package, and a person's timeline."""

import pytest
from sqlalchemy import text

from lastseen.judging import Compared, Comparison, Feature
from review.roles import Role
from storage import packages, tables
from storage.stores import Stores
from tests.review.conftest import Browser, Site, picture_addresses, texts
from tests.review.seeding import Seeded, Story, add_post, observe, seed
from tests.review.test_pages import faults
from tests.review.things import package_file
from tests.storage.judged import account, conclude, give

EARS = (Compared(Feature.EARS, Comparison.SIMILAR, "same lobe"),)


@pytest.fixture
def sighting(site: Site) -> Seeded:
    """A possible sighting: ada and ben said so, each by themselves."""
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        give(db, account(db, "ada"), seeded.candidate, 2, EARS)
        give(db, account(db, "ben"), seeded.candidate, 3, (Compared(Feature.NOSE, Comparison.SIMILAR),))
    return seeded


@pytest.fixture
def senior(site: Site) -> Browser:
    with site.stores.db.begin() as db:
        user = account(db, "cora", Role.SENIOR)
    return site.as_user(user)


def test_before_ones_own_answer_one_is_led_to_the_queue_and_nothing_is_told(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        give(db, account(db, "ada"), seeded.candidate, 2, EARS)
    answer = analyst.get(f"/candidates/{seeded.candidate}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?why=unanswered")
    assert "waits for an answer" in analyst.get(answer.headers["location"]).text
    assert site.log() == []


def test_after_ones_own_answer_one_sees_the_evidence_and_nobody_elses_answer(site: Site) -> None:
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        give(db, account(db, "ada"), seeded.candidate, 2, EARS)
        give(db, account(db, "ben"), seeded.candidate, 0, reason_of(Feature.NOSE))
    page = site.reader(seeded.candidate, "ada").get(f"/candidates/{seeded.candidate}").text
    assert "Ada Example" in page and "same lobe" in page
    assert "Supports neither" not in page and "<bdi>ben</bdi>" not in page and "another nose" not in page
    assert "What was done with it" not in page, "the log's events tell who answered"
    assert faults(page) == []


def reason_of(feature: Feature) -> tuple[Compared, ...]:
    return (Compared(feature, Comparison.DIFFERENT, "another nose"),)


def test_what_is_settled_shows_everybodys_answers_side_by_side(site: Site, sighting: Seeded, analyst: Browser) -> None:
    answer = analyst.get(f"/candidates/{sighting.candidate}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sightings/{sighting.candidate}")
    page = analyst.get(answer.headers["location"]).text
    for told in ("<bdi>ada</bdi>", "<bdi>ben</bdi>", "same lobe", "(+2)", "(+3)", "possible sighting", "Locked until"):
        assert told in page, told
    assert "identified by it" in page and "identified as" not in page
    assert "hand-over" in page and 'name="receiver"' not in page, "that is for a senior"
    assert {analyst.get(address).status_code for address in set(picture_addresses(page))} == {200}
    assert faults(page) == []


def test_the_register_keeper_sees_possible_sightings_and_no_other_candidate(site: Site, sighting: Seeded) -> None:
    other = seed(site.stores, Story(number="HC-0002"))
    keeper = site.signed_in(Role.REGISTER_KEEPER)
    page = keeper.get(f"/sightings/{sighting.candidate}")
    assert page.status_code == 200
    assert {keeper.get(address).status_code for address in set(picture_addresses(page.text))} == {200}
    assert keeper.get(f"/sightings/{other.candidate}").status_code == 404
    assert keeper.get(f"/candidates/{other.candidate}/shot/1.jpg").status_code == 404
    assert keeper.get(f"/candidates/{other.candidate}").status_code == 403


def test_the_story_of_a_post_tells_what_changed(site: Site, sighting: Seeded, analyst: Browser) -> None:
    with site.stores.db.begin() as db:
        post = db.execute(text("SELECT id FROM posts")).scalar_one()
        for seen in ("missing", "gone", "present"):
            observe(db, post, "A convoy arrives" * (seen == "present"), "", seen=seen)
        db.execute(
            tables.observations.insert().values(
                post_id=post,
                observed_at=text("now()"),
                method="test",
                seen="present",
                content_hash="1" * 64,
                raw_key="raw",
                raw_sha256="0" * 64,
                title="Other words",
                text="",
            )
        )
    page = analyst.get(f"/sightings/{sighting.candidate}").text
    story = page.partition('class="story"')[2].partition("</ol>")[0]
    told = ("first seen", "not there when looked for", "not there again: gone", "there again", "changed")
    assert [story.index(f": {word}") for word in told] == sorted(story.index(f": {word}") for word in told)
    assert "Other words" in story


def test_what_another_way_of_reading_adds_is_no_change_of_the_post(
    site: Site, sighting: Seeded, analyst: Browser
) -> None:
    with site.stores.db.begin() as db:
        post, title, words = db.execute(text("SELECT post_id, title, text FROM observations")).one()
        for digest, said in (("1", f"{words} And more."), ("2", "Other words.")):
            observe(db, post, title, said, method="page", content_hash=digest * 64)
    page = analyst.get(f"/sightings/{sighting.candidate}").text
    story = page.partition('class="story"')[2].partition("</ol>")[0]
    told = [": first seen", ": read another way, which says more", ": changed"]
    assert [story.count(one) for one in told] == [1, 1, 1]
    assert sorted(told, key=story.index) == told


def test_features_that_nobody_could_see_are_one_line(site: Site) -> None:
    seeded = seed(site.stores)
    unseen = tuple(Compared(one, Comparison.NOT_VISIBLE) for one in (Feature.SCARS, Feature.NECK, Feature.NOSE))
    with site.stores.db.begin() as db:
        give(db, account(db, "ada"), seeded.candidate, 2, (*EARS, *unseen))
        give(
            db,
            account(db, "ben"),
            seeded.candidate,
            2,
            (*EARS, *unseen[:2], Compared(Feature.NOSE, Comparison.SIMILAR)),
        )
    page = site.signed_in(Role.ANALYST).get(f"/sightings/{seeded.candidate}").text
    line = page.partition("Not visible to anybody")[2].partition("</tr>")[0]
    assert "Scars" in line and "Neck" in line and "Nose" not in line and "Ears" not in line
    assert 'scope="row">Scars' not in page and 'scope="row">Nose' in page


def test_a_hand_over_is_a_fact_in_the_log_without_names_and_leaves_the_list(
    site: Site, sighting: Seeded, senior: Browser
) -> None:
    assert "(1)" in senior.get("/sightings").text
    address = f"/sightings/{sighting.candidate}/hand-over"
    wrong = senior.submit(address, receiver=" ", note="keep this")
    assert wrong.status_code == 422 and "Say who gets it" in wrong.text and "keep this" in wrong.text
    done = senior.submit(address, receiver="Officer <b>Bond</b>", note="call us")
    assert (done.status_code, done.headers["location"]) == (303, f"/sightings/{sighting.candidate}#hand-over")
    page = senior.get(f"/sightings/{sighting.candidate}").text
    assert "Officer &lt;b&gt;Bond&lt;/b&gt;" in page and "call us" in page
    event = next(one for one in site.log() if one.action == "handed over")
    assert event.subject == f"candidate:{sighting.candidate}" and "Bond" not in str(event)
    assert "(0)" in senior.get("/sightings").text
    assert "Bond" in senior.get("/sightings?show=handed").text


def test_what_was_handed_over_and_changed_since_is_listed_until_somebody_is_told(
    site: Site, sighting: Seeded, senior: Browser
) -> None:
    senior.submit(f"/sightings/{sighting.candidate}/hand-over", receiver="Bond")
    with site.stores.db.begin() as db:
        before = db.execute(text("SELECT id FROM judgements WHERE reviewer = 'ben'")).scalar_one()
        give(db, account(db, "ben"), sighting.candidate, 0, supersedes=before)
    assert senior.get(f"/sightings/{sighting.candidate}").status_code == 404
    assert senior.submit(f"/sightings/{sighting.candidate}/hand-over", receiver="Bond").status_code == 404
    changed = senior.get("/sightings?show=changed").text
    assert "Bond" in changed and "has to be told again" in changed and f"/candidates/{sighting.candidate}" in changed
    page = site.reader(sighting.candidate, "ada").get(f"/candidates/{sighting.candidate}").text
    assert "people came to something else since. Tell them." in page


def test_a_package_is_asked_for_with_a_reason_and_fetched_under_ones_name(
    site: Site, sighting: Seeded, senior: Browser
) -> None:
    address = f"/sightings/{sighting.candidate}/package"
    assert "Say for whom" in senior.submit(address, recipient="court").text
    assert senior.submit(address, recipient="court", reason="order 7").status_code == 303
    assert "being made" in senior.get(f"/sightings/{sighting.candidate}").text
    assert ("cora", "asked for", f"candidate:{sighting.candidate}") in texts(site.log())
    ready(site.stores, sighting)
    assert "Fetch it" in senior.get(f"/sightings/{sighting.candidate}").text
    (asked,) = asked_for(site.stores, sighting)
    got = senior.get(f"/packages/{asked}.zip")
    assert (got.content, got.headers["content-disposition"]) == (b"zip", 'attachment; filename="evidence-E.zip"')
    assert texts(site.log())[-1] == ("cora", "downloaded", f"candidate:{sighting.candidate}")


def asked_for(stores: Stores, seeded: Seeded) -> list[int]:
    with stores.db.begin() as db:
        return [one.id for one in packages.of_candidate(db, seeded.candidate)]


def ready(stores: Stores, seeded: Seeded) -> None:
    with stores.db.begin() as db:
        for asked in asked_for(stores, seeded):
            packages.keep(db, asked, "E", "0" * 64, "key", 3, package_file(stores))


def test_the_facts_are_one_page_to_print_and_their_drawing_up_is_recorded(
    site: Site, sighting: Seeded, senior: Browser
) -> None:
    page = senior.get(f"/sightings/{sighting.candidate}/facts").text
    for told in (
        "possible sighting and no identification",
        "HC-0001",
        "videos.example/watch/1",
        "Held to be a possible",
    ):
        assert told in page, told
    assert "ada" not in page.replace("Ada", ""), "reviewers are not named"
    assert picture_addresses(page) == []
    assert texts(site.log()) == [("cora", "exported", f"candidate:{sighting.candidate}")]


def test_a_persons_timeline_counts_and_orders_what_people_could_say(site: Site, sighting: Seeded) -> None:
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE persons SET register_number = '7/26 Київ'"))
        add_post(db, sighting.blob, Story(permalink="https://mirror.example/2", published=None))
    other = seed(site.stores, Story(number="other"))
    with site.stores.db.begin() as db:
        db.execute(
            text("UPDATE candidates SET person_id = :person WHERE id = :id"),
            {"person": sighting.person, "id": other.candidate},
        )
        conclude(db, other.candidate, 0, 0)
    analyst = site.signed_in(Role.ANALYST)
    page = analyst.get("/people/7%2F26%20%D0%9A%D0%B8%D1%97%D0%B2").text
    assert "<dt>possible sightings</dt><dd>1</dd>" in page and "<dt>undecided</dt><dd>1</dd>" in page
    assert f"/sightings/{sighting.candidate}" in page and f"/candidates/{other.candidate}" in page
    assert "2 posts" in page and faults(page) == []
    assert texts(site.log()) == [("user1", "viewed", f"person:{sighting.person}")]
    assert analyst.get("/people/nobody").status_code == 404


def test_what_is_no_list_or_number_is_said_to_be_none(senior: Browser) -> None:
    assert senior.get("/sightings?show=secret").status_code == 400
    assert senior.get("/sightings?before=x").status_code == 400
    assert senior.get(f"/sightings/{10**30}").status_code == 404
    assert "There is none yet." in senior.get("/sightings?show=all").text
