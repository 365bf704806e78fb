"""What the owner of a database can do to it, whatever its triggers and keys forbid."""

from collections.abc import Iterable

from sqlalchemy import Engine, text


def change_as_owner(owner: Engine, tables: Iterable[str], statements: Iterable[str]) -> None:
    """Switch off the triggers of these tables for good, and do as the statements say."""
    with owner.begin() as db:
        db.execute(text("SET LOCAL session_replication_role = replica"))
        for table in tables:
            db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for statement in statements:
            db.execute(text(statement))
