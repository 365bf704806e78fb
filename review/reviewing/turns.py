"""What a reviewer's turn comes to: an answer is kept or taken back, and the next review is taken up."""

from collections.abc import Sequence
from datetime import datetime

from review.desk import Desk
from review.reviewing.answers import Answer, form_of
from review.reviewing.queue import terms_of
from storage import judgements, review_queue, review_screen, reviews, tellings
from storage.accounts import User
from storage.custody import Action, Entry
from storage.database import Connection
from storage.review_queue import Taken, Why
from storage.review_screen import Answered
from storage.reviews import Review


def keep(db: Connection, desk: Desk, review: Review, given: Answer) -> Sequence[Entry]:
    """Keep an answer, and end the review.  Returns what the log must say.  Raises WrongUse.

    Whoever has judged the same before, and their judgement stands, replaces it by this one.
    """
    if review.candidate is None:
        return review_screen.answer_known(db, review, given.value, judgements.listed(given.features), given.reason)
    own = review_screen.own_judgement(db, review)
    per_track = desk.settings.people_per_track
    return judgements.judge(db, review, given.value, given.features, given.reason, per_track, supersedes=own).entries


def take_back(db: Connection, desk: Desk, reviewer: User, before: Answered) -> Sequence[Entry]:
    """Take an answer back.  Returns what the log must say.  Raises WrongUse: the minute is over."""
    if before.judgement is None:
        return review_screen.undo_known(db, before, reviewer)
    return judgements.undo(db, before.judgement, reviewer, desk.settings.people_per_track).entries


def following(db: Connection, desk: Desk, done: Review) -> Taken | Why:
    """What comes after a review: what this person has in hand, or the next of the queue."""
    return review_queue.take_after(db, done, terms_of(desk, done.reviewer))


def ahead(db: Connection, desk: Desk, now: Review) -> Taken | None:
    """Reserve what comes after the review that is on the screen."""
    return review_queue.ahead(db, now, terms_of(desk, now.reviewer))


def stay(db: Connection, desk: Desk, review: Review) -> datetime:
    """Whoever keeps a draft is still there.  Returns until when the review is theirs."""
    return review_queue.extend(db, review, terms_of(desk, review.reviewer))


def up_again(db: Connection, desk: Desk, reviewer: User, before: Answered) -> Taken | Why:
    """Take up again what was answered, with everything as it was; Why: somebody else has it, or has to look now."""
    lasts = terms_of(desk, reviewer).lasts
    if before.candidate is not None:
        if tellings.was_told(db, reviewer, before.candidate) and not judgements.has_judged(
            db, reviewer, before.candidate
        ):
            return Why.TOLD
        review = reviews.begin(db, reviewer, before.candidate, lasts)
    else:
        review = reviews.begin_known(db, reviewer, before.known_pair or 0, lasts, as_film=before.as_film)
    if review is None:
        return Why.TAKEN
    reviews.describe(db, review, before.described)
    reviews.keep_draft(db, review, form_of(before.answer, before.reason, before.features))
    return Taken(review, (Entry(Action.TOOK_UP, reviews.subject(review)),))
