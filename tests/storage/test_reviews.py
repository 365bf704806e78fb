"""Who takes up what, and for how long."""

from datetime import timedelta

import pytest

from lastseen.roles import Role
from storage import accounts, reviews
from storage.accounts import User
from storage.reviews import Ending
from storage.stores import Stores
from tests.review.seeding import seed

LASTS = timedelta(minutes=10)


@pytest.fixture
def people(stores: Stores) -> tuple[User, User]:
    """Two analysts."""
    with stores.db.begin() as db:
        ada, ben = (accounts.add_user(db, name, None, [Role.ANALYST]) for name in ("ada", "ben"))
        return ada, ben


def test_one_candidate_is_taken_up_by_one(stores: Stores, people: tuple[User, User]) -> None:
    ada, ben = people
    candidate = seed(stores).candidate
    with stores.db.begin() as db:
        mine = reviews.begin(db, ada, candidate, LASTS)
        assert mine is not None
        assert reviews.begin(db, ben, candidate, LASTS) is None
        assert reviews.find(db, mine.token, ada) == mine
        assert reviews.find(db, mine.token, ben) is None
    with stores.db.begin() as db:
        assert reviews.end(db, mine, Ending.RETURNED)
        assert not reviews.end(db, mine, Ending.RETURNED)
        assert reviews.find(db, mine.token, ada) is None
        assert reviews.begin(db, ben, candidate, LASTS) is not None


def test_a_review_that_ran_out_lets_go(stores: Stores, people: tuple[User, User]) -> None:
    ada, ben = people
    candidate = seed(stores).candidate
    with stores.db.begin() as db:
        mine = reviews.begin(db, ada, candidate, timedelta())
        assert mine is not None
    with stores.db.begin() as db:
        assert reviews.find(db, mine.token, ada) is None
        theirs = reviews.begin(db, ben, candidate, LASTS)
        assert theirs is not None
        reviews.end(db, mine, Ending.RAN_OUT)
        assert reviews.find(db, theirs.token, ben) == theirs  # who came too late took nothing away


def test_the_probe_is_described_once(stores: Stores, people: tuple[User, User]) -> None:
    candidate = seed(stores).candidate
    with stores.db.begin() as db:
        mine = reviews.begin(db, people[0], candidate, LASTS)
        assert mine is not None
        assert mine.described_at is None
        assert reviews.describe(db, mine, {"ears": "visible"})
        assert not reviews.describe(db, mine, {"ears": "hidden"})
        reviews.keep_draft(db, mine, {"answer": "2"})
        found = reviews.find(db, mine.token, people[0])
        assert found is not None
        assert (found.described, found.draft) == ({"ears": "visible"}, {"answer": "2"})
        assert found.described_at is not None
