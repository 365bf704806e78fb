"""Two people judge without knowing of each other, nor whom a face is compared with: what pages and programs tell."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from lastseen.judging import Compared, Comparison, Feature
from review.roles import Role
from storage import custody, group_cases, name_hints, packages, tables
from storage.accounts import User
from storage.custody import Action
from tests.review.conftest import Browser, Site
from tests.review.seeding import Seeded, Story, seed
from tests.review.test_api import V1, program
from tests.review.things import package_file
from tests.storage.judged import account, conclude, give

EARS = (Compared(Feature.EARS, Comparison.SIMILAR, "same lobe"),)
ASK = {"receiver": "Officer Bond", "recipient": "court", "reason": "order 7"}


@pytest.fixture
def sighting(site: Site) -> Seeded:
    """A possible sighting, by ada and ben, in a case of its own."""
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        conclude(db, seeded.candidate, 3, 3)
        group_cases.open_(db, seeded.blob, "Yard", "seen together", "carol")
    return seeded


def told(site: Site, user: User) -> list[int]:
    """Of which candidates somebody is held to have been told."""
    find = text("""
        SELECT candidate_id FROM tellings WHERE user_id = :user
         UNION SELECT candidates.id FROM tellings_of_people JOIN candidates USING (person_id) WHERE user_id = :user
         ORDER BY 1""")
    with site.stores.db.begin() as db:
        return list(db.execute(find, {"user": user.id}).scalars())


def senior(site: Site) -> tuple[User, Browser]:
    with site.stores.db.begin() as db:
        user = account(db, "cora", Role.SENIOR)
    return user, site.as_user(user)


@pytest.mark.parametrize(
    "look",
    [
        lambda who, one: who.get(f"/sightings/{one.candidate}"),
        lambda who, one: who.get(f"/sightings/{one.candidate}/facts"),
        lambda who, one: who.get(f"/candidates/{one.candidate}/photo/1.jpg"),
        lambda who, one: who.get("/sightings"),
        lambda who, one: who.get("/people/HC-0001"),
        lambda who, one: who.get(f"/videos/{one.blob}/roll-call"),
        lambda who, one: who.get(f"/videos/{one.blob}/roll-call.csv"),
        lambda who, one: who.get("/groups/1"),
        lambda who, one: who.get("/groups/1.csv"),
        lambda who, one: who.submit(f"/sightings/{one.candidate}/hand-over", **ASK),
        lambda who, one: who.submit(f"/sightings/{one.candidate}/package", **ASK),
        lambda who, one: who.get(f"{V1}/candidates/{one.candidate}"),
        lambda who, one: who.get(f"{V1}/sightings/{one.candidate}"),
        lambda who, one: who.get(f"{V1}/sightings"),
        lambda who, one: who.get(f"{V1}/people/HC-0001"),
        lambda who, one: who.get(f"{V1}/videos/{one.blob}/roll-call"),
    ],
)
def test_whoever_looks_at_what_was_decided_is_not_asked_about_it_any_more(
    site: Site, sighting: Seeded, look: Callable[[Browser, Seeded], object]
) -> None:
    user, browser = senior(site)
    assert told(site, user) == []
    look(browser, sighting)
    assert told(site, user) == [sighting.candidate]


def test_a_package_tells_whoever_fetches_it(site: Site, sighting: Seeded) -> None:
    user, browser = senior(site)
    with site.stores.db.begin() as db:
        packages.ask(db, sighting.candidate, "court", "order 7", user)
        (asked,) = packages.of_candidate(db, sighting.candidate)
        packages.keep(db, asked.id, "E", "0" * 64, "key", 3, package_file(site.stores))
    assert browser.get(f"/packages/{asked.id}.zip").status_code == 200
    assert told(site, user) == [sighting.candidate]


def test_what_is_not_shown_is_not_told(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores)
    for address in ("/", "/sightings", "/hints", "/unaccounted", "/people/HC-0001", f"/candidates/{seeded.candidate}"):
        analyst.get(address)
    analyst.get(f"/videos/{seeded.blob}/roll-call")
    with site.stores.db.begin() as db:
        for table in ("tellings", "tellings_of_people"):
            assert db.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0  # noqa: S608  our own names


def test_who_reads_the_log_is_held_to_know_what_stands_on_the_page(site: Site, sighting: Seeded) -> None:
    other = seed(site.stores, Story(number="other"))
    with site.stores.db.begin() as db:
        give(db, account(db, "ada"), other.candidate, 3)
        readers = [account(db, name, Role.AUDITOR) for name in ("eve", "ian", "kim")]
    program_of = [site.as_user(user) for user in readers]
    answers = [program_of[0].get("/log?action=viewed"), program_of[1].get("/log"), program_of[2].get("/log.csv")]
    assert {answer.status_code for answer in answers} == {200}
    assert [told(site, user) for user in readers] == [[], [], sorted([sighting.candidate, other.candidate])]


def test_a_token_with_less_roles_reads_no_more_than_its_account(site: Site) -> None:
    seeded = seed(site.stores)
    analyst = program(site, "ada", Role.ANALYST)
    taken = analyst.do("/reviews").json()["review"]
    sees = {"features": {"ears": {"note": "attached lobe"}}}
    analyst.do(f"/reviews/{taken['token']}/description", sees)
    analyst.do(f"/reviews/{taken['token']}/answer", {"answer": 3, "features": {"ears": {"comparison": "similar"}}})
    both = program(site, "eve", Role.ANALYST, Role.AUDITOR, lent=(Role.AUDITOR,))
    alone = program(site, "ian", Role.AUDITOR)
    actions = [{event["action"] for event in who.see("/log")["events"]} for who in (both, alone)]
    assert "judged" not in actions[0] and "took up" not in actions[0]
    assert "judged" in actions[1]
    assert told(site, alone.user) == [seeded.candidate]
    assert told(site, both.user) == []


@pytest.mark.parametrize(("action", "subject"), [("viewed", "candidate:77"), ("rejected", "rejection:77")])
def test_that_somebody_has_answered_is_not_read_from_other_events(site: Site, action: str, subject: str) -> None:
    """Only who has answered opens a record before it is settled, and what was rejected was answered."""
    with site.stores.db.begin() as db:
        custody.append(db, "ben", Action(action), subject)
    both, alone = site.signed_in(Role.AUDITOR, Role.ANALYST), site.signed_in(Role.AUDITOR)
    assert subject not in both.get("/log").text
    assert subject in alone.get("/log").text


def test_whoever_took_an_answer_back_after_looking_is_not_asked_again(site: Site) -> None:
    seeded = seed(site.stores)
    ada = program(site, "ada", Role.ANALYST)
    taken = ada.do("/reviews").json()["review"]["token"]
    ada.do(f"/reviews/{taken}/description", {"features": {"ears": {"note": "attached lobe"}}})
    ada.do(f"/reviews/{taken}/answer", {"answer": 3, "features": {"ears": {"comparison": "similar"}}})
    assert ada.see(f"/candidates/{seeded.candidate}")["showing"] == "own"
    assert ada.do(f"/reviews/{taken}/undo").json() == {"review": None, "why": "told"}
    assert ada.do("/reviews").json() == {"review": None, "why": "empty"}
    assert site.signed_in(Role.ANALYST).submit("/reviews").headers["location"].startswith("/reviews/")


def test_what_was_handed_over_and_is_asked_again_is_kept_from_who_may_be_asked(site: Site, sighting: Seeded) -> None:
    _, browser = senior(site)
    browser.submit(f"/sightings/{sighting.candidate}/hand-over", receiver="Bond")
    with site.stores.db.begin() as db:
        mine = db.execute(text("SELECT id FROM judgements WHERE reviewer = 'ben'")).scalar_one()
        give(db, account(db, "ben"), sighting.candidate, 0, supersedes=mine)
    assert "Bond" in browser.get("/sightings?show=changed").text, "who told the officer has to tell them again"
    other = site.signed_in(Role.SENIOR)
    assert "Bond" not in other.get("/sightings?show=changed").text
    keeper = site.signed_in(Role.REGISTER_KEEPER)
    assert "Bond" in keeper.get("/sightings?show=changed").text


def test_seniors_are_told_what_nobody_is_left_for(site: Site) -> None:
    seeded = seed(site.stores)
    analyst = site.signed_in(Role.ANALYST)
    with site.stores.db.begin() as db:
        give(db, account(db, "user1"), seeded.candidate, 3)
    ben = program(site, "ben", Role.ANALYST)
    ben_told = text(
        "INSERT INTO tellings (user_id, candidate_id) SELECT id, :candidate FROM users WHERE name <> 'user1'"
    )
    cora, browser = senior(site)
    with site.stores.db.begin() as db:
        db.execute(ben_told, {"candidate": seeded.candidate})
    assert "Of them for nobody" in browser.get("/").text
    assert "Of them for nobody" not in analyst.get("/").text
    assert ben.see("/queue")["forecast"]["for_nobody"] is None
    assert "judgements_due_from_nobody" not in ben.see("/status")["counts"]
    assert cora.name == "cora"


WORDS = Story(title="Two prisoners", text="Ada Example and Second Person were filmed here.")


def test_words_of_a_post_are_kept_back_while_another_face_of_it_waits_for_the_same_person(site: Site) -> None:
    """On one's own record, on that of a sighting, for programs; not from who has answered on all, or is not asked."""
    first = seed(site.stores, WORDS)
    second = seed(site.stores, Story(number="HC-0002", names=("Second Person",)), at_track=first)
    with site.stores.db.begin() as db:
        give(db, account(db, "ada"), first.candidate, 3, EARS)
    ada = site.reader(first.candidate, "ada")
    page = ada.get(f"/candidates/{first.candidate}").text
    assert "Ada Example" in page and "answered on the other faces of this post" in page
    assert "Second Person" not in page and "Two prisoners" not in page
    with site.stores.db.begin() as db:
        give(db, account(db, "ben"), first.candidate, 3, EARS)
    reader = program(site, "eve", Role.ANALYST)
    (place,) = reader.see(f"/sightings/{first.candidate}")["record"]["places"]
    assert (place["title"], place["text"], place["kept_back"]) == ("", "", True)
    assert "Second Person" not in ada.get(f"/sightings/{first.candidate}").text
    assert "Second Person" in site.signed_in(Role.REGISTER_KEEPER).get(f"/sightings/{first.candidate}").text
    with site.stores.db.begin() as db:
        give(db, account(db, "ada"), second.candidate, 3, EARS)
    assert "Second Person" in ada.get(f"/sightings/{first.candidate}").text
    (place,) = reader.see(f"/sightings/{first.candidate}")["record"]["places"]
    assert place["kept_back"], "who has not answered on the other one may be asked"


def test_words_are_kept_back_for_what_other_files_show_of_the_same_footage(site: Site, sighting: Seeded) -> None:
    copy = seed(site.stores, Story(number="HC-0002", names=("Second Person",)))
    with site.stores.db.begin() as db:
        one, other = sorted((sighting.blob, copy.blob))
        row = {"one_start_ms": 0, "one_end_ms": 1, "other_start_ms": 0, "other_end_ms": 1, "distance": 0, "recipe": "r"}
        db.execute(tables.repost_links.insert().values(one_blob_id=one, other_blob_id=other, **row))
    assert "A convoy arrives" not in site.signed_in(Role.ANALYST).get(f"/sightings/{sighting.candidate}").text


def test_hints_and_records_keep_the_same_posts_back(site: Site) -> None:
    first = seed(site.stores, WORDS)
    with site.stores.db.begin() as db:
        post, seen = db.execute(text("SELECT post_id, id FROM observations")).one()
        db.execute(
            tables.name_hints.insert().values(
                post_id=post, observation_id=seen, person_id=first.person, matcher="m", score=1, namesakes=1, reasons=[]
            )
        )
        assert name_hints.page(db, 10).total == 1
    analyst = program(site, "ada", Role.ANALYST)
    assert analyst.see("/hints")["kept_back"] == 1
    with site.stores.db.begin() as db:
        give(db, analyst.user, first.candidate, 3)
    assert analyst.see("/hints")["kept_back"] == 0
