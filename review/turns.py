"""What a reviewer's turn comes to: an answer is kept or taken back, and the next review is taken up."""

from datetime import timedelta

from sqlalchemy import Connection

from review.answers import Answer, form_of
from review.desk import Desk
from storage import review_screen, reviews
from storage.accounts import User
from storage.review_screen import Answered
from storage.reviews import Ending, Review

LASTS = timedelta(minutes=15)


def keep(db: Connection, desk: Desk, review: Review, given: Answer) -> None:
    """Keep an answer, and end the review."""
    reviews.end(db, review, Ending.JUDGED)


def take_back(db: Connection, desk: Desk, reviewer: User, before: Answered) -> None:
    """Take an answer back."""
    if before.known_pair is not None:
        review_screen.undo_known(db, before.token, reviewer)


def following(db: Connection, desk: Desk, reviewer: User) -> Review | None:
    """What this person has in hand, or else the next of the queue; None: nothing waits for them."""
    mine = review_screen.mine(db, reviewer)
    if mine:
        return reviews.find(db, mine[0], reviewer)
    return ahead(db, desk, reviewer)


def ahead(db: Connection, desk: Desk, reviewer: User) -> Review | None:
    """Take up one more than this person looks at."""
    candidate = review_screen.next_open(db, reviewer)
    return reviews.begin(db, reviewer, candidate, LASTS) if candidate else None


def up_again(db: Connection, desk: Desk, reviewer: User, before: Answered) -> Review | None:
    """Take up again what was answered, with everything as it was; None: somebody else has it."""
    if before.candidate is not None:
        review = reviews.begin(db, reviewer, before.candidate, LASTS)
    else:
        review = reviews.begin_known(db, reviewer, before.known_pair or 0, LASTS)
    if review is None:
        return None
    reviews.describe(db, review, before.described)
    reviews.keep_draft(db, review, form_of(before.answer, before.reason, before.features))
    return review
