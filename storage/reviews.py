"""Reviews: one person takes up one candidate, or one known pair, for some minutes.

A review's token is the address of its page and of every picture on it, and is all that the page says of what is
looked at: neither person nor candidate nor whether it is a known pair can be read from it.  Of a candidate it is the
lease of the item in `storage.work`, so that nobody else takes the candidate up meanwhile, and whoever lost it to
another cannot judge with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from lastseen.lifecycle import WorkState
from storage import work
from storage.accounts import User
from storage.work import Queue

STEP = "review"
"""of the items in `work` that reviewers claim; the subject is the candidate"""

COLUMNS: Final = """id, token, candidate_id AS candidate, known_pair_id AS known_pair, as_film, begun_at, ends_at,
           described_at, described, draft"""
"""what of a row a `Review` is, beside its reviewer"""
BEGIN = text(f"""
    INSERT INTO reviews (token, reviewer_id, candidate_id, known_pair_id, as_film, ends_at)
    VALUES (coalesce(CAST(:token AS uuid), gen_random_uuid()), :reviewer, :candidate, :pair, :as_film, now() + :lasts)
    RETURNING {COLUMNS}""")  # noqa: S608  our own words
FIND = text(f"""
    SELECT {COLUMNS}
      FROM reviews WHERE token = :token AND reviewer_id = :reviewer AND ended_at IS NULL AND ends_at > now()""")  # noqa: S608  our own words
DESCRIBE = text("""
    UPDATE reviews SET described = :described, described_at = now()
     WHERE id = :id AND described_at IS NULL AND ended_at IS NULL""").bindparams(bindparam("described", type_=JSONB))
KEEP_DRAFT = text("UPDATE reviews SET draft = :draft WHERE id = :id AND ended_at IS NULL").bindparams(
    bindparam("draft", type_=JSONB)
)
END = text("""
    UPDATE reviews SET ended_at = now(), ending = :ending, draft = '{}' WHERE id = :id AND ended_at IS NULL""")
LET_GO = text("""
    UPDATE work SET lease = NULL, ready_at = now(), crashes = 0, attempts = attempts - 1
     WHERE step = :step AND subject = :candidate AND lease = :token""")


class Ending(StrEnum):
    """How a review ended."""

    JUDGED = "judged"
    UNDONE = "undone"
    """of a known pair: its reviewer took the answer back, and it counts for nothing"""
    RETURNED = "returned"
    """its reviewer gave it back"""
    RAN_OUT = "ran out"
    """nobody answered in time"""
    SET_ASIDE = "set aside"
    """it was reserved and not looked at, or its reviewer takes a break: they may get it again"""


@dataclass(frozen=True, slots=True)
class Review:
    """One that goes on."""

    id: int
    token: UUID
    reviewer: User
    candidate: int | None
    """None: it is of a known pair"""
    known_pair: int | None
    as_film: bool
    """a known pair that is shown as if it came from a film; else as if from a picture"""
    begun_at: datetime
    ends_at: datetime
    described_at: datetime | None
    """None: the reviewer has not yet noted what can be seen of the probe, and is shown no reference"""
    described: Mapping[str, object]
    draft: Mapping[str, object]
    """what stands in the form so far"""


def begin(db: Connection, reviewer: User, candidate: int, lasts: timedelta) -> Review | None:
    """Take up a candidate; None: somebody else has it at this moment."""
    queue = Queue(STEP, "", (candidate,))
    work.offer(db, queue, [candidate])
    work.reopen(db, queue, [WorkState.DONE])
    held = work.claim(db, queue, lasts)
    if held is None:
        return None
    of = {"candidate": candidate, "pair": None, "as_film": False}
    return _begun(db, reviewer, {**of, "token": held.lease, "lasts": lasts})


def begin_known(db: Connection, reviewer: User, known_pair: int, lasts: timedelta, *, as_film: bool = False) -> Review:
    """Take up a known pair, shown as if it came from a film or from a picture."""
    of = {"candidate": None, "pair": known_pair, "as_film": as_film}
    return _begun(db, reviewer, {**of, "token": None, "lasts": lasts})


def find(db: Connection, token: UUID, reviewer: User) -> Review | None:
    """The review with this token, if it is this person's and goes on."""
    row = db.execute(FIND, {"token": token, "reviewer": reviewer.id}).mappings().first()
    return Review(reviewer=reviewer, **row) if row else None


def describe(db: Connection, review: Review, described: Mapping[str, object]) -> bool:
    """Keep what was noted of the probe; from here on the reference may be shown.  False: it was described before."""
    return db.execute(DESCRIBE, {"id": review.id, "described": dict(described)}).rowcount == 1


def keep_draft(db: Connection, review: Review, draft: Mapping[str, object]) -> None:
    """Keep what stands in the form, so that nothing is lost when a session ends."""
    db.execute(KEEP_DRAFT, {"id": review.id, "draft": dict(draft)})


def end(db: Connection, review: Review, ending: Ending) -> bool:
    """End a review, and let others take up the candidate.  False: it had ended."""
    db.execute(LET_GO, {"step": STEP, "candidate": review.candidate, "token": review.token})
    return db.execute(END, {"id": review.id, "ending": ending}).rowcount == 1


def subject(review: Review) -> str:
    """How the custody log calls what is reviewed."""
    return f"candidate:{review.candidate}" if review.candidate else f"known_pair:{review.known_pair}"


def _begun(db: Connection, reviewer: User, values: Mapping[str, object]) -> Review:
    row = db.execute(BEGIN, {**values, "reviewer": reviewer.id}).mappings().one()
    return Review(reviewer=reviewer, **row)
