"""How the custody log binds judgements: who answered what on which candidate, who took it back, and who rejected one.

Each event `judged` holds the candidate, the stage, the answer and `content`, a hash over all that was said and shown;
its actor is the account that answered.  So an owner of the database can neither make a no a yes, nor give an answer to
somebody else, nor add one or take one away, and have it believed.

An order may take judgements with their candidate, and a name out of the reason of another.  Both are told from
tampering by a later event of an erasure, which says of which it did so (`storage.erased`); who, what and on which
candidate is compared all the same.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from storage import held, judgements, statements
from storage.custody import STREAMED, Incident
from storage.erased import Erased

CLOCKS = timedelta(hours=1)
"""by how much the database's clock, which dates a judgement, may differ from the log's, which never runs back"""

GIVEN = text("""
    WITH told AS (SELECT subject, seq, at, actor, detail FROM custody_events WHERE action = 'judged'),
         said AS (SELECT 'judgement:' || judgements.id AS subject, judgements.*, users.name AS account
                    FROM judgements JOIN users ON users.id = reviewer_id)
    SELECT subject, seq, at, actor, detail, id, candidate_id AS candidate, reviewer, account, stage, answer, reason,
           features, shown, supersedes, judged_at
      FROM said FULL JOIN told USING (subject) ORDER BY seq, id""")
UNDONE = text("""
    WITH told AS (SELECT subject, seq, actor FROM custody_events WHERE action = 'judgement undone'),
         said AS (SELECT 'judgement:' || judgement_id AS subject, judgement_id AS id, users.name AS account
                    FROM judgement_undos JOIN users ON users.id = reviewer_id)
    SELECT subject, seq, actor, id, account
      FROM said FULL JOIN told USING (subject) ORDER BY seq, id""")
# Those of people who gave an order; what follows from a verdict is bound by what was judged.
REJECTED = text("""
    WITH told AS (SELECT subject, seq, actor, detail, reason AS why FROM custody_events
                   WHERE action = 'rejected' AND NOT detail ? 'judgement'),
         said AS (SELECT 'rejection:' || rejections.id AS subject, rejections.*, analyses.blob_id AS file
                    FROM rejections JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
                   WHERE verdict_id IS NULL)
    SELECT subject, seq, actor, detail, why, id, person_id AS person, track_id AS track, blob_id = file AS in_its_file,
           reason, rejected_by
      FROM said FULL JOIN told USING (subject) ORDER BY seq, id""")
FOLLOWING = text("""
    SELECT rejections.id FROM rejections JOIN verdicts ON verdicts.id = verdict_id
           JOIN candidates ON candidates.id = candidate_id
     WHERE verdict <> 'rejected' OR candidates.track_id <> rejections.track_id
        OR candidates.person_id <> rejections.person_id ORDER BY rejections.id""")
WEIGHED = text("""
    SELECT newest.candidate_id AS candidate, newest.verdict AS kept, weighed.verdict AS comes_to
      FROM (SELECT DISTINCT ON (candidate_id) candidate_id, verdict FROM verdicts ORDER BY candidate_id, id DESC)
           AS newest
           CROSS JOIN LATERAL weighed_of(newest.candidate_id) AS weighed
     WHERE newest.verdict IS DISTINCT FROM weighed.verdict ORDER BY newest.candidate_id""")


def check(db: Connection, orders: Erased) -> Iterator[Incident]:
    """The rows of judgements and rejections are what the log says, and verdicts are what they come to.  Streamed."""
    with db.execute(GIVEN, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _given(row, orders)
    with db.execute(UNDONE, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _undone(row, orders)
    with db.execute(REJECTED, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _rejected(row, orders)
    for row in db.execute(FOLLOWING):
        yield Incident("the verdict that it is said to follow from does not say so", f"rejection {row.id}")
    for row in db.execute(WEIGHED):
        what = f"its newest verdict is {row.kept}, and its judgements come to {row.comes_to}"
        yield Incident(what, f"candidate {row.candidate}")


def _given(row: Row[Any], orders: Erased) -> Iterator[Incident]:
    gone = [("judgements", _number(row))]
    yield from held.against(row, "given", _where(row), gone, _other(row, orders), orders)


def _other(row: Row[Any], orders: Erased) -> Iterator[str]:
    """In what a row and its event differ."""
    said, told = row._asdict(), row.detail
    if {row.reviewer, row.account} != {row.actor}:
        yield "account"
    yield from (name for name in ("candidate", "stage", "answer", "supersedes") if said[name] != told.get(name))
    if abs(row.judged_at - row.at) > CLOCKS:
        yield "time"
    content = judgements.digest(said)
    if content != told.get("content") and not orders.reworded("judgements", row.id, row.seq, content):
        yield "content"


def _undone(row: Row[Any], orders: Erased) -> Iterator[Incident]:
    other = (name for name in ("account",) if row.account != row.actor)
    gone = [("judgement_undos", _number(row))]
    yield from held.against(row, "taken back", _where(row), gone, other, orders)


def _rejected(row: Row[Any], orders: Erased) -> Iterator[Incident]:
    gone = [("rejections", _number(row))]
    yield from held.against(row, "given", _where(row), gone, _other_rejection(row, orders), orders)


def _other_rejection(row: Row[Any], orders: Erased) -> Iterator[str]:
    if row.rejected_by != row.actor:
        yield "account"
    if row.person != row.detail["person"]:
        yield "person"
    if row.track != row.detail["track"] or not row.in_its_file:
        yield "face"
    content = statements.digest(row.reason)
    if row.reason != (row.why or "") and not orders.reworded("rejections", row.id, row.seq, content):
        yield "reason"


def _number(row: Row[Any]) -> int:
    """The id that an event's subject ends in; 0, which no row has, for one that ends in none."""
    number = str(row.subject).rpartition(":")[2]
    return int(number) if number.isascii() and number.isdecimal() else 0


def _where(row: Row[Any]) -> str:
    return str(row.subject).replace(":", " ")
