"""How the custody log binds statements: what was said of whose fate, who wrote it down, and what was withdrawn.

Each event `stated` is about the person, and holds the statement's id, what it says, whether it sets the status, and
`content`, a hash over who says so, where and when; its actor wrote it down.  Each event `statement withdrawn` holds the
id and a hash of the reason.  What an erasure may have done is told from tampering as in `storage.answered`.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, text

from storage import statements
from storage.answered import ERASED
from storage.custody import STREAMED, Incident

WRITTEN = text(f"""
    WITH told AS (SELECT CAST(detail->>'statement' AS bigint) AS id, seq, actor, subject, detail FROM custody_events
                   WHERE action = 'stated')
    SELECT told.id AS told, seq, actor, subject, detail, said.*, seq < {ERASED} AS erased_since
      FROM statements AS said FULL JOIN told ON told.id = said.id ORDER BY seq, said.id""")  # noqa: S608  our own words
WITHDRAWN = text(f"""
    WITH told AS (SELECT CAST(detail->>'statement' AS bigint) AS id, seq, actor, detail FROM custody_events
                   WHERE action = 'statement withdrawn')
    SELECT told.id AS told, seq, actor, detail, said.*, seq < {ERASED} AS erased_since
      FROM statement_withdrawals AS said FULL JOIN told ON told.id = statement_id
     ORDER BY seq, statement_id""")  # noqa: S608  our own words


def check(db: Connection) -> Iterator[Incident]:
    """The rows of statements, and of their withdrawals, are what the log says was written down.  Streamed."""
    with db.execute(WRITTEN, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _compare(row, row.id, "written down", _written(row))
    with db.execute(WITHDRAWN, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _compare(row, row.statement_id, "withdrawn", _withdrawn(row))


def _compare(row: Row[Any], kept: int | None, done: str, other: Iterator[str]) -> Iterator[Incident]:
    where = f"statement {row.told if kept is None else kept}"
    if row.seq is None:
        yield Incident(f"the custody log does not say that it was {done}", where)
    elif kept is not None:
        for name in other:
            yield Incident(f"its row says another {name} than custody event {row.seq}", where)
    elif not row.erased_since:
        yield Incident(f"it was {done}, says custody event {row.seq}, and its row is gone", where)


def _written(row: Row[Any]) -> Iterator[str]:
    """In what a row and its event differ."""
    if row.entered_by != row.actor:
        yield "account"
    if f"person:{row.person_id}" != row.subject:
        yield "person"
    if (row.says, row.status is not None) != (row.detail["says"], row.detail["sets"]):
        yield "fate"
    said = (row.says, row.body, row.source, row.reference, str(row.dated), str(row.since))
    if not row.erased_since and statements.digest(*said) != row.detail["content"]:
        yield "content"


def _withdrawn(row: Row[Any]) -> Iterator[str]:
    if row.withdrawn_by != row.actor:
        yield "account"
    if not row.erased_since and statements.digest(row.reason) != row.detail["content"]:
        yield "content"
