"""Rows as COPY reads them in its text format: much faster than psycopg's own writing of rows, and than any INSERT.

https://www.postgresql.org/docs/current/sql-copy.html, "Text Format": a line a row, tabs between the fields.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from storage.database import driver

NULL: Final = r"\N"


def field(text: str | None) -> str:
    """One field of a row, whatever is in it (PostgreSQL holds no NUL, and refuses it)."""
    if text is None:
        return NULL
    return text.replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r").replace("\t", r"\t")


def fields(*texts: str | None) -> str:
    """Several, with tabs between them."""
    return "\t".join(map(field, texts))


def copy_in(db: Connection, statement: str, rows: Iterable[str]) -> None:
    """Add rows, each made of fields with tabs between them; `statement` is `COPY table (columns) FROM STDIN`."""
    with driver(db).cursor() as cursor, cursor.copy(statement.encode()) as lines:
        lines.write("\n".join((*rows, "")))
