"""What was said of people's fates: by whom, where, when.  Facts: a statement is withdrawn, and never changed.

The newest one that stands and sets a status says what a person is to the office (`persons.status`); everything else
that was said stays beside it, whatever it contradicts.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.records import SETS, PersonStatus, Says, StatementSource
from lastseen.words import words
from storage.custody import Action, Entry

KEEP = text("""
    INSERT INTO statements (person_id, says, body, source, reference, dated, since, status, note, list_entry_id,
                            letter_id, entered_by)
    VALUES (:person, :says, :body, :source, :reference, :dated, :since, :status, :note, :list_entry, :letter, :by)
    RETURNING id""")
WITHDRAW = text("INSERT INTO statement_withdrawals (statement_id, reason, withdrawn_by) VALUES (:id, :reason, :by)")
_STATEMENT = """
    SELECT statements.id, person_id AS person, says, body, source, reference, dated, since, status, note,
           list_entry_id AS list_entry, letter_id AS letter, entered_by, entered_at, withdrawn_at, withdrawn_by,
           coalesce(statement_withdrawals.reason, '') AS why_withdrawn
      FROM statements LEFT JOIN statement_withdrawals ON statement_id = statements.id"""
OF_PERSON = text(f"{_STATEMENT} WHERE person_id = :person ORDER BY statements.id")
ONE = text(f"{_STATEMENT} WHERE statements.id = :id")


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be written down."""

    says: Says
    body: str
    """who says so: an office, a side, a relative"""
    source: StatementSource
    reference: str
    """which document: its title and number, an address, a row of a list"""
    dated: date
    """of the document"""
    since: date | None = None
    """the day that it speaks of"""
    sets: bool = False
    """whether the office takes it for what is: `SETS` says which status"""
    note: str = ""
    list_entry: int | None = None
    letter: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One that was written down."""

    id: int
    person: int
    says: Says
    body: str
    source: StatementSource
    reference: str
    dated: date
    since: date | None
    status: PersonStatus | None
    """what it made of the person; None: it is a claim"""
    note: str
    list_entry: int | None
    letter: int | None
    entered_by: str
    entered_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    why_withdrawn: str

    @property
    def stands(self) -> bool:
        """Whether it counts."""
        return self.withdrawn_at is None


def of_person(db: Connection, person: int) -> Sequence[Statement]:
    """All of one person (row id), withdrawn ones, too, in the order in which they were written down."""
    return [Statement(**row) for row in db.execute(OF_PERSON, {"person": person}).mappings()]


def find(db: Connection, id_: int) -> Statement | None:
    """One."""
    row = db.execute(ONE, {"id": id_}).mappings().first()
    return Statement(**row) if row else None


def keep(db: Connection, person: int, said: Said, actor: str) -> tuple[int, Entry]:
    """Write one down, without what a new status sets going.  Returns its row id, and what the custody log must say.

    Raises WrongUse.
    """
    status = SETS.get(said.says)
    if said.sets and status is None:
        raise WrongUse(words("That is a claim, which sets no status: write it down as one."))
    if not said.body.strip() or not said.reference.strip():
        raise WrongUse(words("Say who says so, and where it stands."))
    values = {
        "person": person, "says": said.says, "body": said.body.strip(), "source": said.source,
        "reference": said.reference.strip(), "dated": said.dated, "since": said.since,
        "status": status if said.sets else None, "note": said.note.strip(), "list_entry": said.list_entry,
        "letter": said.letter, "by": actor,
    }  # fmt: skip
    made = db.execute(KEEP, values).scalar_one()
    detail = {"statement": made, "says": said.says, "sets": said.sets, "content": _digest(said)}
    return made, Entry(Action.STATED, f"person:{person}", detail)


def withdraw(db: Connection, statement: Statement, reason: str, actor: str) -> Entry:
    """Have one count for nothing any more, without what that sets going.  Raises WrongUse."""
    if not reason.strip():
        raise WrongUse(words("Say why, for whoever reads it in ten years."))
    if not statement.stands:
        raise WrongUse(words("This statement was withdrawn before."))
    db.execute(WITHDRAW, {"id": statement.id, "reason": reason.strip(), "by": actor})
    detail = {"statement": statement.id}
    return Entry(Action.STATEMENT_WITHDRAWN, f"person:{statement.person}", detail, reason.strip())


def _digest(said: Said) -> str:
    """The log has no names: it binds what was said by its hash."""
    content = [said.says, said.body.strip(), said.source, said.reference.strip(), str(said.dated), str(said.since)]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
