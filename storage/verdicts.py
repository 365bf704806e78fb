"""Verdicts: what the judgements on a question come to, kept whenever that changes, with what follows from it.

The database computes each verdict once more and refuses another one (`storage.migrations.judging`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from lastseen.judging import Said, Stage, Verdict
from storage import questions
from storage.questions import Given, Known

# Candidates first: a file has few, whatever the planner believes of how many judgements there are.
GIVEN = text("""
    WITH asked AS MATERIALIZED (
        SELECT candidates.id AS candidate, person_id AS person, track_id AS track, analyses.id AS analysis,
               blob_id AS blob
          FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
         WHERE blob_id = ANY(:blobs))
    SELECT said.id, asked.*, reviewer_id AS reviewer, stage, answer, judgement_stands(said.id) AS stands
      FROM asked CROSS JOIN LATERAL (SELECT * FROM judgements WHERE candidate_id = candidate OFFSET 0) AS said
     WHERE NOT EXISTS (SELECT FROM judgement_undos WHERE judgement_id = said.id)
     ORDER BY said.id""")
ALSO = text("SELECT judgement_id, candidate_id FROM also_judged WHERE candidate_id = ANY(:candidates)")
NOT_ALSO = text("""
    DELETE FROM also_judged USING unnest(CAST(:judgements AS bigint[]), CAST(:candidates AS bigint[])) AS no (j, c)
     WHERE judgement_id = j AND candidate_id = c""")
KEEP_ALSO = text("""
    INSERT INTO also_judged (judgement_id, candidate_id)
    SELECT * FROM unnest(CAST(:judgements AS bigint[]), CAST(:candidates AS bigint[]))""")
NEWEST = text("""
    SELECT DISTINCT ON (candidate_id) candidate_id AS candidate, verdict, judgements FROM verdicts
     WHERE candidate_id = ANY(:candidates) ORDER BY candidate_id, id DESC""")
KEEP = text("""
    INSERT INTO verdicts (candidate_id, verdict, judgements) VALUES (:candidate, :verdict, :judgements) RETURNING id""")
# The rejection is by whoever spoke last.
REJECT = text("""
    INSERT INTO rejections (person_id, blob_id, track_id, reason, rejected_by, verdict_id)
    SELECT person_id, blob_id, track_id, :reason, (SELECT reviewer FROM judgements WHERE id = :last), :verdict
      FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE candidates.id = :candidate
    RETURNING id""")
REVOKE = text("""
    INSERT INTO rejection_revocations (rejection_id, reason, revoked_by)
    SELECT rejections.id, :reason, :actor
      FROM rejections JOIN verdicts ON verdicts.id = verdict_id
     WHERE candidate_id = :candidate
       AND NOT EXISTS (SELECT FROM rejection_revocations WHERE rejection_id = rejections.id)
    RETURNING rejection_id""")
FOLLOWED = "what was judged"
"""who revokes a rejection that followed from judgements which come to something else now"""


@dataclass(frozen=True, slots=True)
class Followed:
    """What followed when judgements came to something else."""

    verdicts: Mapping[int, Verdict]
    """candidate -> what they come to now; only where that, or which of them stand, has changed"""
    rejections: tuple[int, ...] = ()
    """that were made"""
    revoked: tuple[int, ...] = ()
    """rejections that follow no more"""


def given(db: Connection, blob_ids: Sequence[int]) -> list[Given]:
    """The judgements on the candidates of some blobs that were not undone."""
    return [
        Given(
            *(row.id, row.candidate, row.person, row.track, row.analysis, row.blob),
            said=Said(row.reviewer, Stage(row.stage), row.answer),
            stands=row.stands,
        )
        for row in db.execute(GIVEN, {"blobs": list(blob_ids)})
    ]


def follow(db: Connection, known: Known) -> Followed:
    """Keep what the judgements come to, wherever that changed, and make or revoke the rejections that follow."""
    reached = questions.reached(known)
    ids = [row.id for row in known.rows]
    _keep_also(db, ids, reached)
    before = {row.candidate: (row.verdict, row.judgements) for row in db.execute(NEWEST, {"candidates": ids})}
    verdicts = questions.weighed(known)
    made: dict[int, Verdict] = {}
    rejections: list[int] = []
    revoked: list[int] = []
    for candidate in sorted(before.keys() | reached):
        stand = [one for one in reached.get(candidate, ()) if one.stands]
        verdict = verdicts[candidate][0] if candidate in verdicts else Verdict.OPEN
        judged = [one.id for one in stand]
        if (verdict, judged) == before.get(candidate, (Verdict.OPEN, [])):
            continue
        made[candidate] = verdict
        kept = db.execute(KEEP, {"candidate": candidate, "verdict": verdict, "judgements": judged}).scalar_one()
        if candidate in before:  # without a verdict nothing was ever rejected
            revoked += _revoke(db, candidate, judged)
        if verdict is Verdict.REJECTED and candidate in {one.candidate for one in stand}:
            rejections.append(_reject(db, candidate, kept, judged))
    return Followed(made, tuple(rejections), tuple(revoked))


def _keep_also(db: Connection, candidates: Sequence[int], reached: Mapping[int, Sequence[Given]]) -> None:
    now = {(one.id, id_) for id_, found in reached.items() for one in found if one.candidate != id_}
    before = {tuple(row) for row in db.execute(ALSO, {"candidates": candidates})}
    for statement, pairs in ((NOT_ALSO, before - now), (KEEP_ALSO, now - before)):
        if pairs:
            judgements, others = zip(*sorted(pairs), strict=True)
            db.execute(statement, {"judgements": list(judgements), "candidates": list(others)})


def _reject(db: Connection, candidate: int, verdict: int, judged: Sequence[int]) -> int:
    reason = f"judged: {_named(judged)}"
    values = {"candidate": candidate, "verdict": verdict, "reason": reason, "last": judged[-1]}
    made: int = db.execute(REJECT, values).scalar_one()
    return made


def _revoke(db: Connection, candidate: int, judged: Sequence[int]) -> Sequence[int]:
    reason = f"judged anew: {_named(judged)}" if judged else "no judgement is left"
    return db.execute(REVOKE, {"candidate": candidate, "reason": reason, "actor": FOLLOWED}).scalars().all()


def _named(judged: Sequence[int]) -> str:
    return f"judgement{'s' if len(judged) > 1 else ''} {', '.join(map(str, judged))}"
