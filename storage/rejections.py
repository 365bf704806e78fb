"""Rejections: somebody said "not this person" of a face, and it is remembered until somebody takes that back.

A rejection is of a face, by where it was seen (`storage.same_face`), and of a person, whatever photo: it holds for
newer analyses, other engines, the tracks of the same cast member, and re-posts.  It says that two are not one person
and nothing else; nothing is learnt or measured by it.

Most follow from judgements (`storage.verdicts`); one may also be made by an order (`lastseen reject`), which closes a
candidate whatever is due there, but never against two who said yes.  An order may take back either.  Of one that
followed from judgements these are set aside by that: they stay as they were given, count no more, and those who gave
them are not asked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.lifecycle import CandidateState
from storage import candidates, questions, tellings
from storage.custody import Action, Entry
from storage.questions import Known

SUBJECT = text("""
    SELECT candidates.state, track_id AS track, person_id AS person, blob_id AS blob
      FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE candidates.id = :candidate""")
KEEP = text("""
    INSERT INTO rejections (person_id, blob_id, track_id, reason, rejected_by)
    VALUES (:person, :blob, :track, :reason, :actor) RETURNING id""")
REVOKE = text("""
    INSERT INTO rejection_revocations (rejection_id, reason, revoked_by, sets_aside)
    SELECT id, :reason, :actor, verdict_id IS NOT NULL FROM rejections WHERE id = :id
    ON CONFLICT (rejection_id) DO NOTHING""")
SET_ASIDE = text("""
    SELECT coalesce((SELECT judgements FROM verdicts WHERE verdicts.id = verdict_id), '{}') FROM rejections
     WHERE id = :id""")
BLOB_OF = text("SELECT blob_id FROM rejections WHERE id = :id")
LISTED = text("""
    SELECT rejections.id, register_number AS person, blobs.sha256 AS blob, tracks.start_ms, tracks.end_ms,
           rejections.reason, rejected_by, rejected_at, revoked.reason AS why, revoked_by, revoked_at,
           coalesce((SELECT judgements FROM verdicts WHERE verdicts.id = verdict_id), '{}') AS judgements,
           (SELECT min(candidates.id) FROM candidates
             WHERE candidates.track_id = rejections.track_id AND candidates.person_id = rejections.person_id)
             AS candidate
      FROM rejections
      JOIN persons ON persons.id = person_id
      JOIN blobs ON blobs.id = blob_id
      JOIN tracks ON tracks.id = track_id
      LEFT JOIN rejection_revocations AS revoked ON rejection_id = rejections.id
     WHERE CAST(:ids AS bigint[]) IS NULL OR rejections.id = ANY(CAST(:ids AS bigint[]))
     ORDER BY rejections.id""")


@dataclass(frozen=True, slots=True)
class Rejection:
    """One that was made, whether or not it stands."""

    id: int
    candidate: int | None
    """the candidate that was looked at; None: it was erased"""
    person: str
    """register number"""
    blob: str
    """sha256"""
    start_ms: int
    """of the track that was looked at"""
    end_ms: int
    reason: str
    rejected_by: str
    rejected_at: datetime
    why: str | None
    """why it was revoked; None: it stands"""
    revoked_by: str | None
    revoked_at: datetime | None
    judgements: Sequence[int] = ()
    """row ids of those that it followed from; empty: it was an order"""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a rejection, or its end, did."""

    id: int
    """of the rejection"""
    changed: tuple[int, ...]
    """candidates that are rejected by it, or no more"""
    entries: tuple[Entry, ...]
    """what the custody log must say"""


def reject(db: Connection, candidate: int, reason: str, actor: str, people_per_track: int) -> Decided:
    """Remember that a candidate's face is not its person, and close all that ask the same.

    Raises WrongUse, after which nothing of the transaction may be kept.  Call it before anything else in its
    transaction: it takes `candidates.lock`.
    """
    candidates.lock(db)
    found = db.execute(SUBJECT, {"candidate": candidate}).one_or_none()
    if found is None:
        raise WrongUse(f"there is no candidate {candidate}: `lastseen candidates` lists them")
    if found.state == CandidateState.REJECTED:
        raise WrongUse(f"candidate {candidate} is rejected already: `lastseen rejections` says by whom and why")
    if found.state == CandidateState.SIGHTING:
        raise WrongUse(f"candidate {candidate} was confirmed by two people: it is not for one to reject it")
    values = {"person": found.person, "blob": found.blob, "track": found.track, "reason": reason, "actor": actor}
    made: int = db.execute(KEEP, values).scalar_one()
    if _sighting(candidates.known(db, [found.blob]), made):
        raise WrongUse(f"candidate {candidate} shows a face that two people confirmed: it is not for one to reject it")
    arranged = candidates.arrange(db, [found.blob], people_per_track)
    changed = tuple(id_ for id_, (_, after) in sorted(arranged.changed.items()) if after == CandidateState.REJECTED)
    tellings.tell_named(db, actor, changed)  # whoever gives orders has read whom it is about
    detail = {"candidate": candidate, "track": found.track, "person": found.person, "closed": list(changed)}
    return Decided(made, changed, (Entry(Action.REJECTED, f"rejection:{made}", detail, reason),))


def revoke(db: Connection, rejection: int, reason: str, actor: str, people_per_track: int) -> Decided:
    """Take a rejection back: what it closed comes up as if it had never been made.  Raises WrongUse.

    Call it before anything else in its transaction: it takes `candidates.lock`.
    """
    candidates.lock(db)
    blob = db.execute(BLOB_OF, {"id": rejection}).scalar()
    if blob is None:
        raise WrongUse(f"there is no rejection {rejection}: `lastseen rejections` lists them")
    if not db.execute(REVOKE, {"id": rejection, "reason": reason, "actor": actor}).rowcount:
        raise WrongUse(f"rejection {rejection} was revoked before: why stays as it was written")
    arranged = candidates.arrange(db, [blob], people_per_track)
    changed = tuple(id_ for id_, (before, _) in sorted(arranged.changed.items()) if before == CandidateState.REJECTED)
    tellings.tell_named(db, actor, changed)
    aside = list(db.execute(SET_ASIDE, {"id": rejection}).scalar_one())
    detail = {"reopened": list(changed)} | ({"set_aside": aside} if aside else {})
    return Decided(rejection, changed, (Entry(Action.REJECTION_REVOKED, f"rejection:{rejection}", detail, reason),))


def listed(db: Connection, ids: Sequence[int] | None = None) -> list[Rejection]:
    """All of them, or some, also those that were revoked."""
    return [Rejection(**row) for row in db.execute(LISTED, {"ids": None if ids is None else list(ids)}).mappings()]


def of_face(db: Connection, candidate: int, blob: int) -> list[Rejection]:
    """What was said before of the face of a candidate in a blob, of whatever person, also what was taken back."""
    found = candidates.known(db, [blob], revoked=True)
    return listed(db, questions.of_face(found, candidate))


def against(db: Connection, blobs: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Candidate of some blobs -> rejections of its face for its person, also those that were revoked."""
    return questions.refusals(candidates.known(db, blobs, revoked=True)) if blobs else {}


def _sighting(known: Known, rejection: int) -> bool:
    """Whether a rejection speaks against what two people confirmed of the same face and person."""
    against = questions.refusals(known)
    return any(row.state == CandidateState.SIGHTING and rejection in against.get(row.id, ()) for row in known.rows)
