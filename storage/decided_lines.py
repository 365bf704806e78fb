"""How the custody log binds what officers said of lines of lists: whom a line speaks of, and which list was undone.

Each event `line decided` is about the line, and holds the person, the answer, and `content`, a hash of the reason; its
actor decided.  Answers on the same line and person are told apart by their order, in which rows and events are written
(`storage.list_lines.decide` holds a lock).  Each event `list undone` is about the list, and holds a hash of the reason.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, text

from storage import held, statements
from storage.custody import STREAMED, Incident
from storage.erased import Erased

DECIDED = text("""
    WITH told AS (SELECT CAST(substring(subject FROM '^list_entry:([0-9]{1,18})$') AS bigint) AS entry,
                         CAST(detail->>'person' AS bigint) AS person, seq, actor, detail,
                         row_number() OVER (PARTITION BY subject, detail->>'person' ORDER BY seq) AS turn
                    FROM custody_events WHERE action = 'line decided'),
         said AS (SELECT entry_id AS entry, person_id AS person, id, same, reason, decided_by AS account,
                         row_number() OVER (PARTITION BY entry_id, person_id ORDER BY id) AS turn
                    FROM list_decisions)
    SELECT entry, person, seq, actor, detail, id, same, reason, account
      FROM said FULL JOIN told USING (entry, person, turn) ORDER BY seq, id""")
UNDONE = text("""
    WITH told AS (SELECT subject, seq, actor, detail FROM custody_events WHERE action = 'list undone'),
         said AS (SELECT 'list:' || list_id AS subject, list_id AS id, reason, undone_by AS account FROM list_undos)
    SELECT subject, seq, actor, detail, id, reason, account
      FROM said FULL JOIN told USING (subject) ORDER BY seq, id""")


def check(db: Connection, orders: Erased) -> Iterator[Incident]:
    """The rows of decisions on lines, and of lists that were undone, are what the log says.  Streamed."""
    with db.execute(DECIDED, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _decided(row, orders)
    with db.execute(UNDONE, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _undone(row, orders)


def _decided(row: Row[Any], orders: Erased) -> Iterator[Incident]:
    where, gone = f"line {row.entry}, person {row.person}", [("list_entries", row.entry), ("persons", row.person)]
    other = chain(_other(row, "list_decisions", orders), _answer(row))
    yield from held.against(row, "decided", where, gone, other, orders)


def _answer(row: Row[Any]) -> Iterator[str]:
    if row.same != row.detail["same"]:
        yield "answer"


def _undone(row: Row[Any], orders: Erased) -> Iterator[Incident]:
    where = str(row.subject).replace(":", " ")
    yield from held.against(row, "undone", where, (), _other(row, "list_undos", orders), orders)


def _other(row: Row[Any], table: str, orders: Erased) -> Iterator[str]:
    """In what a row and its event differ, whatever it is about."""
    if row.account != row.actor:
        yield "account"
    content = statements.digest(row.reason)
    if content != row.detail["content"] and not orders.reworded(table, row.id, row.seq, content):
        yield "reason"
