"""The journal: one row each time somebody or something started work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, text, update

from storage.tables import runs

# One that was killed has no end, and nobody knows what it had made.
MADE_BEFORE = text("""
    SELECT EXISTS (SELECT FROM runs
                    WHERE parameters ? 'task' AND parameters ->> 'task' = :task AND id <> :run
                      AND (ended_at IS NULL OR CAST(counts ->> 'made' AS bigint) > 0))""")


# The newest by number: the journal has no other order that is found at once.
NEWEST = text("""
    SELECT id, command, actor, started_at, ended_at FROM runs ORDER BY id DESC LIMIT :limit""")


@dataclass(frozen=True, slots=True)
class Run:
    """One line of the journal."""

    id: int
    command: str
    actor: str
    started_at: datetime
    ended_at: datetime | None
    """None: it is at work, or was killed"""


def newest(db: Connection, limit: int) -> list[Run]:
    """The runs that began last, the newest first."""
    return [Run(**row) for row in db.execute(NEWEST, {"limit": limit}).mappings()]


def begin(db: Connection, command: str, parameters: Mapping[str, object], actor: str) -> int:
    """Record that work began.  Returns the run's id."""
    row = {"command": command, "parameters": parameters, "actor": actor}
    made: int = db.execute(insert(runs).values(**row).returning(runs.c.id)).scalar_one()
    return made


def end(db: Connection, run: int, counts: Mapping[str, object]) -> None:
    """Record that it ended, and with what.  A run that was killed has no end."""
    db.execute(update(runs).where(runs.c.id == run).values(ended_at=func.now(), counts=counts))


def made_before(db: Connection, run: int, task: str) -> bool:
    """Whether another run of this task of Airflow's may have made something: it was put off, or died, and goes on."""
    return bool(db.execute(MADE_BEFORE, {"run": run, "task": task}).scalar_one())
