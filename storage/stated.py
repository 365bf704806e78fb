"""How the custody log binds statements: what was said of whose fate, who wrote it down, and what was withdrawn.

Each event `stated` is about the person, and holds the statement's id, what it says, whether it sets the status, and
`content`, a hash over who says so, where and when; its actor wrote it down.  Each event `statement withdrawn` holds the
id and a hash of the reason.  What an erasure has done is told from tampering by what it says that it did
(`storage.erased`).
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, text

from storage import erased, statements
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
    SELECT told.id AS told, seq, actor, detail, said.*
      FROM statement_withdrawals AS said FULL JOIN told ON told.id = statement_id
     ORDER BY seq, statement_id""")
DONE = {"statements": "written down", "statement_withdrawals": "withdrawn"}


def check(db: Connection) -> Iterator[Incident]:
    """The rows of statements, and of their withdrawals, are what the log says was written down.  Streamed."""
    orders = erased.read(db)
    with db.execute(WRITTEN, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _compare(row, row.id, "statements", orders, _written(row, orders))
    with db.execute(WITHDRAWN, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _compare(row, row.statement_id, "statement_withdrawals", orders, _withdrawn(row, orders))


def _compare(row: Row[Any], kept: int | None, table: str, orders: Erased, other: Iterator[str]) -> Iterator[Incident]:
    where, done = f"statement {row.told if kept is None else kept}", DONE[table]
    if row.seq is None:
        yield Incident(f"the custody log does not say that it was {done}", where)
    elif kept is not None:
        for name in other:
            yield Incident(f"its row says another {name} than custody event {row.seq}", where)
    elif not orders.took(table, row.told, row.seq):
        yield Incident(f"it was {done}, says custody event {row.seq}, and its row is gone", where)


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
