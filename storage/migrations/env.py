"""Runs the migrations on the connection that `storage.database.migrate` holds its lock on."""

from alembic import context

from storage.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations run through storage.database.migrate, which holds a lock while they do")
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
