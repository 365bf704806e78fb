"""Figures on the pages: one's own for oneself, the team's for seniors."""

import pytest
from sqlalchemy import insert, text

from lastseen.roles import Role
from matchers import agreement
from review.reviewing import figures as pages
from storage import accounts, reviews, tables
from storage.accounts import User
from storage.care import Limits
from storage.figures import Both, Errors, Member, Pace, Team
from storage.reviews import Ending
from tests.review.conftest import Site, texts
from tests.review.seeding import Story, seed
from tests.review.test_pages import faults
from tests.storage.test_figures import LAST_WEEK, MINUTES, Pairs


@pytest.fixture
def ada(site: Site) -> User:
    """Who took one person for two, and two people for one, last week."""
    made = seed(site.stores, Story(number="K", state="withdrawn"))
    pairs = Pairs(site.stores, made.photo, made.person)
    with site.stores.db.begin() as db:
        ada = accounts.add_user(db, "ada", None, [Role.ANALYST])
        for genuine, answer in ((True, -3), (True, 2), (False, 3)):
            pairs.say(db, ada, answer, genuine=genuine, at=LAST_WEEK)
    return ada


def test_ones_own_figures_are_ones_own(site: Site, ada: User) -> None:
    page, told = (site.as_user(ada).get(path) for path in ("/me", "/me.json"))
    assert "1 of 2<br>" in page.text
    assert "1 of 1<br>" in page.text
    assert 'href="/team"' not in page.text
    assert "over 3 items of all kinds" in page.text
    assert faults(page.text) == []
    figures = told.json()
    assert (figures["known_pairs"], figures["missed"]["wrong"], figures["false_yes"]["wrong"]) == (3, 1, 1)
    assert figures["pace"]["quarters_seconds"] == [30, 30, 30]
    assert [week["items"] for week in figures["weeks"]] == [3]
    other = site.signed_in(Role.ANALYST)
    assert other.get("/me.json").json()["known_pairs"] == 0
    assert "Nothing to show yet" in other.get("/me").text


def test_a_senior_sees_the_team_and_no_errors_of_few_answers(site: Site, ada: User) -> None:
    senior = site.signed_in(Role.SENIOR)
    page = senior.get("/team").text
    assert "<bdi>ada</bdi>" in page
    assert faults(page) == []
    assert page.count("too few answers") == 2
    (told,) = senior.get("/team.json").json()["members"]
    assert (told["name"], told["missed"], told["false_yes"]) == ("ada", None, None)
    assert "left_open" not in told
    analyst = site.as_user(ada)
    assert [analyst.get(path).status_code for path in ("/team", "/team.json")] == [403, 403]


def test_whoever_looks_at_figures_stands_in_the_log(site: Site, ada: User) -> None:
    site.as_user(ada).get("/me")
    site.signed_in(Role.SENIOR).get("/team.json")
    told = [(actor, subject) for actor, action, subject in texts(site.log()) if action == "looked at figures"]
    assert told == [("ada", "figures:own"), ("user1", "figures:team")]


def test_nobody_learns_from_the_figures_that_the_last_item_was_a_known_pair(site: Site, ada: User) -> None:
    before = site.as_user(ada).get("/me.json").json()
    with site.stores.db.begin() as db:
        pair = db.execute(text("SELECT max(id) FROM known_pairs")).scalar_one()
        review = reviews.begin_known(db, ada, pair, MINUTES)
        reviews.end(db, review, Ending.JUDGED)
        row = {"known_pair_id": pair, "review_id": review.id, "reviewer_id": ada.id, "answer": -3, "features": {}}
        db.execute(insert(tables.known_answers).values(row))
    after = site.as_user(ada).get("/me.json").json()
    same = ("known_pairs", "left_open", "missed", "false_yes")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["pace"]["items"] == before["pace"]["items"] + 1
    assert after["weeks"][0] | {"items": 0, "median_seconds": 0} == {
        "week": after["weeks"][0]["week"],
        "items": 0,
        "median_seconds": 0,
        **dict.fromkeys(("known_pairs", "left_open", "missed", "false_yes"), 0),
    }


def test_errors_are_shown_from_enough_answers_on() -> None:
    errors = Errors(genuine=20, missed=2, strangers=19, false_yes=0, left_open=3)
    member = Member("ada", 30, 12, 60, 200, 4, Pace(200, (20.0, 40.4, 80.0), 3), errors)
    told = pages.as_team(Team((member,)), Limits(items=250))
    members, agreement = told["members"], told["agreement"]
    assert isinstance(members, list)
    assert isinstance(agreement, dict)
    (row,) = members
    assert row["false_yes"] is None
    assert row["missed"]["interval"] == pytest.approx((0.0279, 0.3010), abs=5e-4)
    assert (row["limit"], row["pace"]["quarters_seconds"]) == (30, [20, 40, 80])
    assert agreement["alpha"] is None


def test_agreement_is_of_yes_no_and_neither() -> None:
    both = Both(((3, 2), (2, 0), (None, 1), (1, -2)) * 5, 1)
    told = pages.as_team(Team((), both), Limits())["agreement"]
    assert isinstance(told, dict)
    assert (told["candidates"], told["same"], told["share"], told["settled_by_seniors"]) == (20, 10, 0.5, 1)
    assert told["alpha"] == pytest.approx(agreement.alpha([(3, 2), (2, 0), (1, -2)] * 5))


def test_of_few_candidates_it_is_not_said_how_far_people_agree() -> None:
    """Of one, whoever has to settle it would read the other answers."""
    both = Both(((3, 0),) * 19, 19)
    told = pages.as_team(Team((), both), Limits())["agreement"]
    assert isinstance(told, dict)
    assert {told[name] for name in ("same", "share", "interval", "alpha")} == {None}


def test_the_teams_page_says_it_all(site: Site) -> None:
    assert "Nobody answered anything" in site.signed_in(Role.SENIOR).get("/team").text
