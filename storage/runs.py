"""The journal: one row each time somebody or something started work."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, insert, update

from storage.tables import runs


def begin(db: Connection, command: str, parameters: Mapping[str, object], actor: str) -> int:
    """Record that work began.  Returns the run's id."""
    row = {"command": command, "parameters": parameters, "actor": actor}
    made: int = db.execute(insert(runs).values(**row).returning(runs.c.id)).scalar_one()
    return made


def end(db: Connection, run: int, counts: Mapping[str, object]) -> None:
    """Record that it ended, and with what.  A run that was killed has no end."""
    db.execute(update(runs).where(runs.c.id == run).values(ended_at=func.now(), counts=counts))
