"""How the custody log binds what officers said of lines of lists: whom a line speaks of, and which list was undone.

Each event `line decided` is about the line, and holds the person, the answer, and `content`, a hash of the reason; its
actor decided.  Answers on the same line and person are told apart by their order, in which rows and events are written
(`storage.list_lines.decide` holds a lock).  Each event `list undone` is about the list, and holds a hash of the reason.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, text

from storage import erased, statements
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


def check(db: Connection) -> Iterator[Incident]:
    """The rows of decisions on lines, and of lists that were undone, are what the log says.  Streamed."""
    orders = erased.read(db)
    with db.execute(DECIDED, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _decided(row, orders)
    with db.execute(UNDONE, execution_options=STREAMED) as rows:
        for row in rows:
            yield from _undone(row, orders)


def _decided(row: Row[Any], orders: Erased) -> Iterator[Incident]:
    where = f"line {row.entry}, person {row.person}"
    if row.seq is None:
        yield Incident("the custody log does not say that anybody decided so", where)
    elif row.id is None:
        gone = (("list_entries", row.entry), ("persons", row.person))
        if not any(orders.took(table, one or 0, row.seq) for table, one in gone):
            yield Incident(f"it was decided, says custody event {row.seq}, and its row is gone", where)
    else:
        for name in _other(row, "list_decisions", orders):
            yield Incident(f"its row says another {name} than custody event {row.seq}", where)
        if row.same != row.detail["same"]:
            yield Incident(f"its row says another answer than custody event {row.seq}", where)


def _undone(row: Row[Any], orders: Erased) -> Iterator[Incident]:
    where = str(row.subject).replace(":", " ")
    if row.seq is None:
        yield Incident("it is undone, and the custody log does not say so", where)
    elif row.id is None:
        yield Incident(f"it was undone, says custody event {row.seq}, and is not", where)
    else:
        for name in _other(row, "list_undos", orders):
            yield Incident(f"its row says another {name} than custody event {row.seq}", where)


def _other(row: Row[Any], table: str, orders: Erased) -> Iterator[str]:
    """In what a row and its event differ, whatever it is about."""
    if row.account != row.actor:
        yield "account"
    content = statements.digest(row.reason)
    if content != row.detail["content"] and not orders.reworded(table, row.id, row.seq, content):
        yield "reason"
