"""How the custody log binds statements: what was said of whose fate, who wrote it down, and what was withdrawn.

Each event `stated` is about the person, and holds the statement's id, what it says, whether it sets the status, and
`content`, a hash over who says so, where and when; its actor wrote it down.  Each event `statement withdrawn` holds the
id and a hash of the reason.  What an erasure has done is told from tampering by what it says that it did
(`storage.erased`).
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, text

from storage import erased, held, statements
from storage.custody import STREAMED, Incident
from storage.erased import Erased

WRITTEN = text("""
    WITH told AS (SELECT CAST(detail->>'statement' AS bigint) AS id, seq, actor, subject, detail FROM custody_events
                   WHERE action = 'stated')
    SELECT told.id AS told, seq, actor, subject, detail, said.*
      FROM statements AS said FULL JOIN told ON told.id = said.id ORDER BY seq, said.id""")
WITHDRAWN = text("""
    WITH told AS (SELECT CAST(detail->>'statement' AS bigint) AS id, seq, actor, detail FROM custody_events
                   WHERE action = 'statement withdrawn')
    SELECT told.id AS told, seq, actor, detail, said.*, statement_id AS id
      FROM statement_withdrawals AS said FULL JOIN told ON told.id = statement_id
     ORDER BY seq, statement_id""")


def check(db: Connection, orders: Erased) -> Iterator[Incident]:
    """The rows of statements, and of their withdrawals, are what the log says was written down.  Streamed."""
    with db.execute(WRITTEN, execution_options=STREAMED) as rows:
        for row in rows:
            gone, other = [("statements", row.told)], _written(row, orders)
            yield from held.against(row, "written down", _where(row), gone, other, orders)
    with db.execute(WITHDRAWN, execution_options=STREAMED) as rows:
        for row in rows:
            gone, other = [("statement_withdrawals", row.told)], _withdrawn(row, orders)
            yield from held.against(row, "withdrawn", _where(row), gone, other, orders)


def _where(row: Row[Any]) -> str:
    return f"statement {row.told if row.id is None else row.id}"


def _written(row: Row[Any], orders: Erased) -> Iterator[str]:
    """In what a row and its event differ."""
    if row.entered_by != row.actor:
        yield "account"
    if f"person:{row.person_id}" != row.subject:
        yield "person"
    if (row.says, row.status is not None) != (row.detail["says"], row.detail["sets"]):
        yield "fate"
    content = erased.said(row)
    if content != row.detail["content"] and not orders.reworded("statements", row.told, row.seq, content):
        yield "content"


def _withdrawn(row: Row[Any], orders: Erased) -> Iterator[str]:
    if row.withdrawn_by != row.actor:
        yield "account"
    content = statements.digest(row.reason)
    if content != row.detail["content"] and not orders.reworded("statement_withdrawals", row.told, row.seq, content):
        yield "content"
