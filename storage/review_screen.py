"""What the page of one review needs: which pictures there are, what its reviewer answered lately, and warnings.

Everything hangs on the review: a known pair gives the same shape as a candidate from a picture or a film, and neither
row ids nor keys are told to the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from lastseen.errors import WrongUse
from storage import reviews
from storage.accounts import User
from storage.custody import Action, Entry
from storage.judgements import UNDO, WORDS, NotAsked
from storage.reviews import Ending, Review

_WARNED = """
    EXISTS (SELECT FROM content_warnings
              JOIN analyses ON analyses.blob_id = content_warnings.blob_id
              JOIN tracks ON tracks.analysis_id = analyses.id
              JOIN candidates ON candidates.track_id = tracks.id
             WHERE candidates.id = :candidate AND withdrawn_at IS NULL)
        OR EXISTS (SELECT FROM reviews
                    WHERE known_pair_id = :known_pair AND reviewer_id = :reviewer AND warned_at IS NOT NULL)"""
WARNED = text(f"SELECT {_WARNED}")
# Once a review, whatever is looked at.
SAW = text(f"""
    UPDATE reviews SET graphic_at = now()
     WHERE id = :review AND graphic_at IS NULL AND ({_WARNED})""")  # noqa: S608  our own words
# Whoever warns twice has said it once.
WARN = text("""
    INSERT INTO content_warnings (blob_id, said_by)
    SELECT analyses.blob_id, :by
      FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE candidates.id = :candidate
       AND NOT EXISTS (SELECT FROM content_warnings AS said
                        WHERE said.blob_id = analyses.blob_id AND withdrawn_at IS NULL)""")
# So that the page says the same after it, whatever is looked at.
WARNED_HERE = text("UPDATE reviews SET warned_at = now() WHERE id = :review AND known_pair_id IS NOT NULL")
_ANSWERED = """
    SELECT reviews.token, reviews.ended_at, reviews.described,
           judgements.id AS judgement, reviews.candidate_id AS candidate, reviews.known_pair_id AS known_pair,
           reviews.as_film,
           coalesce(judgements.answer, known_answers.answer) AS answer,
           coalesce(judgements.reason, known_answers.reason) AS reason,
           coalesce(judgements.features, known_answers.features) AS features,
           greatest(0, extract(epoch FROM reviews.ended_at + :undo - now()))::int AS undo_seconds,
           CASE WHEN reviews.ending = 'undone' OR judgement_undos.judgement_id IS NOT NULL THEN 'undone'
                WHEN later.id IS NOT NULL THEN 'superseded' ELSE '' END AS instead
      FROM reviews
      LEFT JOIN judgements ON judgements.review_id = reviews.id
      LEFT JOIN judgement_undos ON judgement_undos.judgement_id = judgements.id
      LEFT JOIN known_answers ON known_answers.review_id = reviews.id
      LEFT JOIN LATERAL (
           SELECT others.id FROM reviews AS others
            WHERE others.id > reviews.id AND others.reviewer_id = reviews.reviewer_id AND others.ending = 'judged'
              AND (others.candidate_id = reviews.candidate_id OR others.known_pair_id = reviews.known_pair_id)
              AND NOT EXISTS (SELECT FROM judgement_undos JOIN judgements ON judgements.id = judgement_id
                               WHERE judgements.review_id = others.id)
            LIMIT 1) AS later ON true
     WHERE reviews.reviewer_id = :reviewer AND reviews.ending IN ('judged', 'undone')"""
ANSWERED = text(_ANSWERED + " AND reviews.token = :token")
LATELY = text(_ANSWERED + " AND reviews.ended_at > now() - :back ORDER BY reviews.ended_at DESC, reviews.id DESC")
UNDONE = text("""
    UPDATE reviews SET ending = :undone
     WHERE token = :token AND reviewer_id = :reviewer AND known_pair_id IS NOT NULL AND ending = :judged
       AND ended_at + :undo > now()""")

OWN = text("""
    SELECT id FROM judgements
     WHERE candidate_id = :candidate AND reviewer_id = :reviewer AND judgement_stands(id) ORDER BY id DESC LIMIT 1""")
ANSWER_KNOWN = text("""
    INSERT INTO known_answers (known_pair_id, review_id, reviewer_id, answer, reason, features)
    VALUES (:known_pair, :review, :reviewer, :answer, :reason, :features)""").bindparams(
    bindparam("features", type_=JSONB)
)


class TooLate(WrongUse):
    """An answer that cannot be taken back any more; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A review that ended with an answer, as its own reviewer sees it."""

    token: UUID
    ended_at: datetime
    described: dict[str, object]
    judgement: int | None
    candidate: int | None
    known_pair: int | None
    as_film: bool
    """a known pair that was shown as if it came from a film"""
    answer: int | None
    """-3 to +3; None: not comparable"""
    reason: str
    features: dict[str, dict[str, str]]
    undo_seconds: int
    """for how long it may still be taken back"""
    instead: str
    """`undone`, `superseded`; empty: it stands"""


def warned(db: Connection, review: Review) -> bool:
    """Whether somebody warned of what the file shows."""
    return bool(db.execute(WARNED, _about(review)).scalar())


def saw(db: Connection, review: Review) -> None:
    """A picture of what is reviewed goes out: if somebody warned of it, its reviewer has seen something graphic."""
    db.execute(SAW, {**_about(review), "review": review.id})


def _about(review: Review) -> dict[str, int | None]:
    return {"candidate": review.candidate, "known_pair": review.known_pair, "reviewer": review.reviewer.id}


def warn(db: Connection, review: Review) -> None:
    """Warn those who come after; of a known pair only this review remembers it, for its photo warns nobody else."""
    db.execute(WARN, {"candidate": review.candidate, "by": review.reviewer.name})
    db.execute(WARNED_HERE, {"review": review.id})
    saw(db, review)


def answered(db: Connection, token: UUID, reviewer: User) -> Answered | None:
    """This person's review that ended with an answer."""
    row = db.execute(ANSWERED, {"token": token, "reviewer": reviewer.id, "undo": UNDO}).mappings().first()
    return Answered(**row) if row else None


def lately(db: Connection, reviewer: User, back: timedelta) -> tuple[Answered, ...]:
    """What this person answered within so long, newest first."""
    rows = db.execute(LATELY, {"reviewer": reviewer.id, "undo": UNDO, "back": back}).mappings()
    return tuple(Answered(**row) for row in rows)


def own_judgement(db: Connection, review: Review) -> int | None:
    """The judgement that this review's person gave on its candidate before, if it stands."""
    values = {"candidate": review.candidate, "reviewer": review.reviewer.id}
    found: int | None = db.execute(OWN, values).scalar()
    return found


def answer_known(
    db: Connection, review: Review, answer: int | None, features: Mapping[str, Mapping[str, str]], reason: str
) -> Sequence[Entry]:
    """Keep an answer on a known pair, and end its review.  Returns what the custody log must say.

    Raises NotAsked: it has ended, as of a candidate whose answer was sent twice.
    """
    if not reviews.end(db, review, Ending.JUDGED):
        raise NotAsked("judged_in_a_review")
    said = {"answer": answer, "reason": reason, "features": features}
    db.execute(
        ANSWER_KNOWN,
        {**said, "known_pair": review.known_pair, "review": review.id, "reviewer": review.reviewer.id},
    )
    return (Entry(Action.JUDGED, reviews.subject(review)),)


def undo_known(db: Connection, before: Answered, reviewer: User) -> Sequence[Entry]:
    """Take back an answer on a known pair; it then counts for nothing.  Raises TooLate.

    Returns what the custody log must say.
    """
    values = {"token": before.token, "reviewer": reviewer.id, "undo": UNDO}
    undone = db.execute(UNDONE, {**values, "undone": Ending.UNDONE, "judged": Ending.JUDGED})
    if undone.rowcount != 1:
        raise TooLate(WORDS["undone_within_a_minute"])
    return (Entry(Action.JUDGEMENT_UNDONE, f"known_pair:{before.known_pair}"),)
