"""People who judge, for tests: through `storage.judgements`, or as rows, where nothing is to be arranged anew."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text

from lastseen.judging import Compared
from lastseen.roles import Role
from storage import accounts, custody, judgements, reviews
from storage.accounts import User
from storage.database import Connection
from storage.judgements import Judged, Judgement
from storage.reviews import Review

LIMIT = 5
REVIEW = text("""
    INSERT INTO reviews (token, reviewer_id, candidate_id, described_at, ends_at)
    VALUES (gen_random_uuid(), :reviewer, :candidate, now(), now() + interval '1 hour') RETURNING id""")
JUDGE = text("""
    INSERT INTO judgements (candidate_id, review_id, reviewer_id, reviewer, stage, answer, features, shown)
    SELECT :candidate, :review, :reviewer, name, due, :answer, '{}', '{}'
      FROM users, weighed_of(:candidate) WHERE users.id = :reviewer""")
CONCLUDE = text("""
    WITH found AS (SELECT verdict, judged FROM weighed_of(:candidate))
    INSERT INTO verdicts (candidate_id, verdict, judgements) SELECT :candidate, verdict, judged FROM found
    RETURNING verdict""")
UNDO = text("""
    INSERT INTO judgement_undos (judgement_id, reviewer_id)
    SELECT id, reviewer_id FROM judgements WHERE candidate_id = :candidate ORDER BY id DESC""")
REOPEN = text("UPDATE candidates SET state = :state, due = 'triage' WHERE id = :candidate")
SETTLE = text("UPDATE candidates SET state = :state, due = NULL WHERE id = :candidate")


def account(db: Connection, name: str, *roles: Role) -> User:
    """The account of this name, made if it is not there: an analyst unless roles are given."""
    return accounts.find_user(db, name) or accounts.add_user(db, name, None, roles or (Role.ANALYST,))


def review(db: Connection, who: User, candidate: int) -> Review:
    """A review in which the face was described."""
    taken = reviews.begin(db, who, candidate, timedelta(minutes=10))
    if taken is None:
        raise LookupError(f"somebody else has candidate {candidate}")
    reviews.describe(db, taken, {})
    return taken


def give(
    db: Connection,
    who: User,
    candidate: int,
    answer: int | None,
    features: Sequence[Compared] = (),
    *,
    supersedes: int | None = None,
) -> Judged:
    """Take a candidate up and judge it."""
    taken = review(db, who, candidate)
    why = "" if answer is not None else "turned away"
    return judgements.judge(db, taken, answer, features, why, LIMIT, supersedes=supersedes)


def answer(db: Connection, name: str, candidate: int, said: int) -> None:
    """An analyst of this name takes a candidate up and judges it, and the custody log says so, as on the pages."""
    custody.append_all(db, name, give(db, account(db, name), candidate, said).entries)


def conclude(db: Connection, candidate: int, *answers: int) -> None:
    """Rows of judgements by ada, ben and, as a senior, carol, of their verdict, and the state that follows from it.

    Other candidates stay as they are.
    """
    roles = (Role.ANALYST, Role.ANALYST, Role.SENIOR)
    for name, role, answer in zip(("ada", "ben", "carol"), roles, answers, strict=False):
        values = {"reviewer": account(db, name, role).id, "candidate": candidate}
        taken = db.execute(REVIEW, values).scalar_one()
        db.execute(JUDGE, {**values, "review": taken, "answer": answer})
    verdict = db.execute(CONCLUDE, {"candidate": candidate}).scalar_one()
    db.execute(SETTLE, {"candidate": candidate, "state": verdict})


def take_back(db: Connection, candidate: int) -> None:
    """Rows that undo the judgements on a candidate, of its verdict, and the state that follows from it."""
    db.execute(UNDO, {"candidate": candidate})
    verdict = db.execute(CONCLUDE, {"candidate": candidate}).scalar_one()
    db.execute(REOPEN, {"candidate": candidate, "state": verdict})


def standing(db: Connection, candidate: int) -> list[Judgement]:
    """The judgements on a candidate that stand; the newest last."""
    return [one for one in judgements.of_candidate(db, candidate) if one.stands]
