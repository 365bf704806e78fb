"""What migrations share: how a table of facts is defended."""

from alembic import op


def defend(table: str) -> None:
    """Have the database refuse UPDATE, DELETE and TRUNCATE of a table, whoever asks.

    Its trigger, `append_only`, is also what `storage.roles` knows such a table by: the application's role may only
    read it and insert into it.
    """
    op.execute(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")  # also in a session that replays


def defend_but_erasure(table: str) -> None:
    """The same, but a lawful erasure that two people wanted may take rows away, as the owner of the tables."""
    op.execute(
        f"CREATE TRIGGER erasable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_but_erasure()"
    )
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER erasable")
