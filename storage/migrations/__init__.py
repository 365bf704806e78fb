"""The history of the schema.  Files in `versions/` are run by Alembic (`storage.database.migrate`), never imported."""
