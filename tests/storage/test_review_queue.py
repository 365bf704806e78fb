"""Whose turn it is, and who has what."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import text

from lastseen.judging import Said, Stage, weigh
from lastseen.roles import Role
from storage import accounts, review_queue, reviews
from storage.accounts import User
from storage.database import Connection
from storage.review_queue import ALL, Filters, Taken, Terms
from storage.reviews import Ending, Review
from storage.stores import Stores
from tests.review.seeding import Seeded, Story, seed

TERMS = Terms(timedelta(minutes=10))


@pytest.fixture
def people(stores: Stores) -> tuple[User, User, User]:
    """Two analysts and a senior."""
    with stores.db.begin() as db:
        ada, ben = (accounts.add_user(db, name, None, [Role.ANALYST]) for name in ("ada", "ben"))
        return ada, ben, accounts.add_user(db, "sue", None, [Role.SENIOR])


def taken(db: Connection, user: User, terms: Terms = TERMS, filters: Filters = ALL) -> Review:
    found = review_queue.take(db, user, terms, filters)
    assert isinstance(found, Taken), found
    return found.review


def say(db: Connection, review: Review, stage: Stage, answer: int | None) -> int:
    """A judgement, as whoever keeps them would, and the end of its review."""
    values = {"candidate": review.candidate, "review": review.id, "reviewer": review.reviewer.id, "answer": answer}
    made = db.execute(
        text("""
            INSERT INTO judgements (candidate_id, review_id, reviewer_id, reviewer, stage, answer, reason, features,
                                    shown)
            VALUES (:candidate, :review, :reviewer, 'x', :stage, :answer, 'r', '{}', '{}') RETURNING id"""),
        {**values, "stage": stage},
    ).scalar_one()
    reviews.end(db, review, Ending.JUDGED)
    return int(made)


def queue(db: Connection) -> list[tuple[int, str]]:
    return [tuple(row) for row in db.execute(text("SELECT candidate_id, stage FROM review_queue ORDER BY 1"))]


def at_one_face(stores: Stores, count: int) -> list[Seeded]:
    """Several people near one face."""
    first = seed(stores, Story(number="HC-0"))
    return [first, *(seed(stores, Story(number=f"HC-{n}"), at_track=first) for n in range(1, count))]


def test_what_is_due_in_the_database_is_what_weigh_says(stores: Stores, people: tuple[User, ...]) -> None:
    candidate = seed(stores).candidate
    stages = (Stage.TRIAGE, Stage.SECOND, Stage.SENIOR)
    answers = (-2, 1, 2, None)
    with stores.db.connect() as db:
        for count in range(4):
            for said in itertools.product(answers, repeat=count):
                with db.begin() as attempt:
                    for user, stage, answer in zip(people, stages, said, strict=False):
                        review = reviews.begin(db, user, candidate, TERMS.lasts)
                        assert review is not None
                        say(db, review, stage, answer)
                    due = db.execute(text("SELECT review_due(:id)"), {"id": candidate}).scalar()
                    stands = [
                        Said(user.id, stage, answer) for user, stage, answer in zip(people, stages, said, strict=False)
                    ]
                    assert due == weigh(stands)[1], said
                    assert queue(db) == ([(candidate, due)] if due else [])
                    attempt.rollback()
