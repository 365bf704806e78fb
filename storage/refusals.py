"""Input that was refused before it became an item: it is counted all the same, until the same input is accepted."""

from sqlalchemy import Connection, delete, func, or_
from sqlalchemy.dialects.postgresql import insert

from lastseen.outcomes import Fault
from storage.tables import refusals


def keep(db: Connection, kind: str, subject: str, fault: Fault, why: str) -> None:
    """Count a refusal; the same input refused again is still one."""
    statement = insert(refusals).values(kind=kind, subject=subject, outcome=fault, why=why)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"],
            set_={"outcome": fault, "why": why, "refused_at": func.now()},
        )
    )


def forget(db: Connection, kind: str, subject: str) -> None:
    """The input, and everything below it (`subject#...`), is about to be read again."""
    below = refusals.c.subject.startswith(f"{subject}#", autoescape=True)
    db.execute(delete(refusals).where(refusals.c.kind == kind, or_(refusals.c.subject == subject, below)))
