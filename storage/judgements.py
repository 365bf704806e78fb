"""Judgements: what reviewers answered on candidates, what that comes to, and whose turn it is.

The rules are the database's (`storage.migrations.judging`); what breaks one is refused there, and raised here as
NotAsked with words for the person.  A judgement is never changed: within a minute its reviewer may undo it, as if it
had never been given; later they may give a new one that supersedes it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.errors import CheckViolation
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from lastseen.errors import WrongUse
from lastseen.judging import Compared, Stage, Verdict
from lastseen.words import words
from storage import candidates, reviews
from storage.accounts import User
from storage.candidates import Arranged
from storage.custody import Action, Entry
from storage.reviews import Ending, Review

UNDO: Final = timedelta(minutes=1)
"""for so long a judgement may be undone: to catch a slip of the finger"""

STAGE = text("""
    SELECT coalesce((SELECT stage FROM judgements WHERE id = :supersedes), (SELECT due FROM weighed_of(:candidate)))""")
DUE = text("SELECT verdict, due FROM weighed_of(:candidate)")
STAGE_OF = text("SELECT stage FROM judgements WHERE id = :judgement")
# What the answer rests on: the pictures of the face, and the person's photos, as they lay before the reviewer.
SHOWN = text("""
    SELECT jsonb_build_object(
             'blob', blobs.sha256, 'track', track_id,
             'shots', (SELECT coalesce(jsonb_agg(crop_key ORDER BY ordinal), '[]') FROM best_shots
                        WHERE best_shots.track_id = candidates.track_id),
             'still', still_key, 'clip', clip_key,
             'photos', (SELECT coalesce(jsonb_agg(reference_photos.sha256 ORDER BY id), '[]') FROM reference_photos
                         WHERE reference_photos.person_id = candidates.person_id AND removed_at IS NULL
                           AND crop_key IS NOT NULL))
      FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
      JOIN blobs ON blobs.id = blob_id
     WHERE candidates.id = :candidate""")
GIVE = text("""
    INSERT INTO judgements (candidate_id, review_id, reviewer_id, reviewer, stage, answer, reason, features, shown,
                            supersedes)
    VALUES (:candidate, :review, :reviewer, :name, :stage, :answer, :reason, :features, :shown, :supersedes)
    RETURNING id""").bindparams(bindparam("features", type_=JSONB), bindparam("shown", type_=JSONB))
TAKE_BACK = text("INSERT INTO judgement_undos (judgement_id, reviewer_id) VALUES (:judgement, :reviewer)")
CANDIDATE_OF = text("SELECT candidate_id FROM judgements WHERE id = :judgement")
HAS_JUDGED = text("SELECT has_judged(:reviewer, :candidate)")
OF_CANDIDATE = text("""
    SELECT said.id, said.candidate_id AS candidate, said.reviewer_id, said.reviewer, said.stage, said.answer,
           said.reason, said.features, said.shown, said.supersedes, said.judged_at,
           (SELECT undone_at FROM judgement_undos WHERE judgement_id = said.id) AS undone_at,
           (SELECT max(later.id) FROM judgements AS later
             WHERE later.supersedes = said.id
               AND NOT EXISTS (SELECT FROM judgement_undos WHERE judgement_id = later.id)) AS superseded_by,
           judgement_stands(said.id) AS stands
      FROM judgements_of(:candidate) AS said ORDER BY said.id""")
VERDICTS = text("""
    SELECT id, verdict, judgements, made_at FROM verdicts WHERE candidate_id = :candidate ORDER BY id""")

WORDS: Final[Mapping[str, str]] = {
    "judged_by_whom_it_takes": words(
        "Your account may not judge this: analysts and seniors judge, and a disagreement is a senior's."
    ),
    "judged_in_a_review": words("This review has ended, or the face was not described yet: take the next one."),
    "supersedes_their_own": words(
        "Only the newest judgement of one's own can be replaced, and only on the same candidate."
    ),
    "nobody_judges_twice": words("You have judged this face and person before: another person has to look now."),
    "judged_by_who_does_not_know": words(
        "You have seen since whom this face was compared with, or what others answered: somebody who has not looks now."
    ),
    "replaced_by_who_does_not_know": words(
        "You have seen its record since, so you may take back what you said, and say nothing clearer: open answers"
        " stay open, and a no becomes no yes."
    ),
    "judged_while_it_is_open": words("This has been settled meanwhile: take the next one."),
    "judged_when_it_is_due": words("Somebody else has judged this meanwhile: take the next one."),
    "undone_by_who_judged": words("Only who gave a judgement can undo it."),
    "undone_while_it_stands": words("This judgement stands no more: there is nothing to undo."),
    "undone_within_a_minute": words("The minute is over: judge anew, and the new judgement replaces this one."),
    "ck_judgements_difference_excludes": words(
        "An ear, scar or mark differs and nothing explains it: then the answer is -2"
        " or -3, or the difference has to be explained."
    ),
    "ck_judgements_not_comparable_why": words("Why can the two not be compared? Give a reason."),
    "ck_judgements_scale": words("An answer is a whole number from -3 to +3, or not comparable."),
}
"""rule that the database refuses to see broken -> what to tell the person"""


class NotAsked(WrongUse):
    """A judgement that the rules do not allow; the message is for the person."""

    def __init__(self, rule: str) -> None:
        super().__init__(WORDS[rule])
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a judgement, or of undoing one."""

    id: int
    """row id of the judgement"""
    stage: Stage
    verdict: Verdict
    """what those that stand come to now"""
    due: Stage | None
    """whose turn it is; None: nobody's"""
    entries: tuple[Entry, ...]
    """what the custody log must say, last in the transaction"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One that was given."""

    id: int
    candidate: int
    """on which it was given: it may be another one that asks the same of the same face"""
    reviewer_id: int
    reviewer: str
    """name of the account"""
    stage: Stage
    answer: int | None
    """-3 to +3; None: not comparable"""
    reason: str
    features: Mapping[str, Mapping[str, str]]
    """feature -> `comparison`, `note`, `explained`"""
    shown: Mapping[str, object]
    """`blob`, `track`, `shots`, `still`, `clip`, `photos`: keys and hashes of what the answer rests on"""
    supersedes: int | None
    judged_at: datetime
    undone_at: datetime | None
    superseded_by: int | None
    stands: bool
    """False: undone, superseded, or set aside with a rejection that an order took back"""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What the judgements of a moment came to."""

    id: int
    verdict: Verdict
    judgements: Sequence[int]
    """row ids of those that stood"""
    made_at: datetime


def judge(
    db: Connection,
    review: Review,
    answer: int | None,
    features: Sequence[Compared],
    reason: str,
    people_per_track: int,
    *,
    supersedes: int | None = None,
) -> Judged:
    """Keep an answer on the candidate of a review, and end the review.

    `answer`: -3 to +3; None: not comparable, which takes a `reason`.  `supersedes`: the reviewer's own judgement that
    this one replaces.  Raises NotAsked, after which the review goes on.  Call it before anything is written in its
    transaction: it takes `candidates.lock_question`.
    """
    if review.candidate is None:
        raise NotAsked("judged_in_a_review")
    files = candidates.lock_question(db, review.candidate)
    about = {"candidate": review.candidate}
    stage = _stage(db, review.candidate, supersedes)
    values = {
        **about,
        "review": review.id,
        "reviewer": review.reviewer.id,
        "name": review.reviewer.name,
        "stage": stage,
        "answer": answer,
        "reason": reason.strip(),
        "features": listed(features),
        "shown": db.execute(SHOWN, about).scalar_one(),
        "supersedes": supersedes,
    }
    with _told(db):
        made: int = db.execute(GIVE, values).scalar_one()
    detail = {"candidate": review.candidate, "stage": stage, "answer": answer, "content": digest(values)}
    detail |= {"supersedes": supersedes} if supersedes else {}
    arranged = candidates.arrange_footage(db, files, people_per_track)
    reviews.end(db, review, Ending.JUDGED)
    return _judged(made, stage, review.candidate, (Entry(Action.JUDGED, f"judgement:{made}", detail), arranged))


def undo(db: Connection, judgement: int, reviewer: User, people_per_track: int) -> Judged:
    """Take a judgement back, within a minute: as if it had never been given.  Raises NotAsked.

    Call it before anything else in its transaction: it takes `candidates.lock_question`.
    """
    candidate = db.execute(CANDIDATE_OF, {"judgement": judgement}).scalar()
    if candidate is None:
        raise NotAsked("undone_while_it_stands")
    files = candidates.lock_question(db, candidate)
    with _told(db):
        db.execute(TAKE_BACK, {"judgement": judgement, "reviewer": reviewer.id})
    stage = Stage(db.execute(STAGE_OF, {"judgement": judgement}).scalar_one())
    arranged = candidates.arrange_footage(db, files, people_per_track)
    entry = Entry(Action.JUDGEMENT_UNDONE, f"judgement:{judgement}", {"candidate": candidate})
    return _judged(judgement, stage, candidate, (entry, arranged))


def due(db: Connection, candidate: int) -> tuple[Verdict, Stage | None]:
    """What the judgements that stand come to, and whose turn it is.

    Of one that is closed for another reason nobody's turn comes: see `candidates.due`, which is kept for the queue.
    """
    row = db.execute(DUE, {"candidate": candidate}).one()
    return Verdict(row.verdict), Stage(row.due) if row.due else None


def has_judged(db: Connection, reviewer: User, candidate: int) -> bool:
    """Whether somebody has judged this question before, here or where the same is asked of the same face."""
    return bool(db.execute(HAS_JUDGED, {"reviewer": reviewer.id, "candidate": candidate}).scalar())


def of_candidate(db: Connection, candidate: int) -> list[Judgement]:
    """All judgements that were ever given on a candidate, or on others that ask the same; the newest last."""
    return [
        Judgement(**{**row, "stage": Stage(row["stage"])})
        for row in db.execute(OF_CANDIDATE, {"candidate": candidate}).mappings()
    ]


def verdicts_of(db: Connection, candidate: int) -> list[Concluded]:
    """What they came to, whenever that changed; the newest last."""
    rows = db.execute(VERDICTS, {"candidate": candidate})
    return [Concluded(row.id, Verdict(row.verdict), tuple(row.judgements), row.made_at) for row in rows]


def listed(features: Sequence[Compared]) -> dict[str, dict[str, str]]:
    """The feature list as it is kept: feature -> `comparison`, `note`, `explained`."""
    return {
        one.feature: {"comparison": one.comparison, "note": one.note, "explained": one.explained} for one in features
    }


def digest(values: Mapping[str, object]) -> str:
    """sha256 over the canonical JSON of what was said, and of what it rests on."""
    said = {name: values[name] for name in ("answer", "reason", "features", "shown")}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _stage(db: Connection, candidate: int, supersedes: int | None) -> str:
    """Of a new judgement what is due, of one that supersedes that of the old one."""
    found: str | None = db.execute(STAGE, {"candidate": candidate, "supersedes": supersedes}).scalar()
    return found or Stage.TRIAGE  # nobody's turn: the database says why it is refused


@contextmanager
def _told(db: Connection) -> Iterator[None]:
    """Turns a broken rule into words for the person, and leaves the transaction usable."""
    try:
        with db.begin_nested():
            yield
    except IntegrityError as fault:
        broken = (fault.orig.diag.constraint_name if isinstance(fault.orig, CheckViolation) else None) or ""
        if broken not in WORDS:
            raise
        raise NotAsked(broken) from fault


def _judged(id_: int, stage: str, candidate: int, done: tuple[Entry, Arranged]) -> Judged:
    entry, arranged = done
    verdict, next_ = arranged.weighed.get(candidate, (Verdict.OPEN, Stage.TRIAGE))
    followed = arranged.followed
    entries = [
        Entry(entry.action, entry.subject, {**entry.detail, "verdict": verdict, "due": next_}),
        *(Entry(Action.REJECTED, f"rejection:{one}", {"judgement": id_}) for one in followed.rejections),
        *(Entry(Action.REJECTION_REVOKED, f"rejection:{one}", {"judgement": id_}) for one in followed.revoked),
    ]
    return Judged(id_, Stage(stage), verdict, next_, tuple(entries))
