"""What was said of people's fates: by whom, where, when.  Facts: a statement is withdrawn, and never changed.

The newest one that stands and sets a status says what a person is to the office (`storage.statuses`); everything else
that was said stays beside it, whatever it contradicts.  Newest is which was written down last: who lets an older
document set the status knows what was there before.
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
from storage import candidates, statuses
from storage.accounts import User
from storage.custody import Action, Entry
from storage.statuses import Kept

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
OF_PEOPLE = text(f"{_STATEMENT} WHERE person_id = ANY(CAST(:people AS bigint[])) ORDER BY statements.id")
OF_NUMBER = text("SELECT id FROM persons WHERE register_number = :person")
OF_ID = text("SELECT id FROM persons WHERE id = :person")
REGISTER_SAID = text("""
    SELECT coalesce((SELECT statements.status FROM statements
                      WHERE person_id = :person AND source = 'register' AND statements.status IS NOT NULL
                      ORDER BY id DESC LIMIT 1), first_status, status)
      FROM persons WHERE id = :person""")
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
    return of_people(db, [person])


def of_people(db: Connection, people: Sequence[int]) -> Sequence[Statement]:
    """The same of some (row ids): of all entries that are one person."""
    return [Statement(**row) for row in db.execute(OF_PEOPLE, {"people": list(people)}).mappings()]


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
    if (said.source is StatementSource.LIST) != (said.list_entry is not None):
        raise WrongUse(words("What stands in a list is written down by deciding on its line: import the list first."))
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


def enter(
    db: Connection, person: str | int, said: Said, user: User | str, people_per_track: int
) -> tuple[int, Kept, list[Entry]]:
    """Write one down, and let the status follow: candidates close and templates go when nobody is searched for.

    `person`: register number or row id; `user`: an account, or the name that the log is to give.  Returns the
    statement's row id, what it did, and what the custody log must say.  Call it before anything else in its
    transaction: it may take `candidates.lock`.  Raises WrongUse.
    """
    if said.sets:
        candidates.lock(db)
    id_ = number_of(db, person)
    made, entry = keep(db, id_, said, _name(user))
    if not said.sets:
        return made, Kept(id_), [entry]
    kept = statuses.follow(db, id_, people_per_track)
    return made, kept, [entry, *_changed(kept, made)]


def withdraw(
    db: Connection, statement: Statement | int, reason: str, user: User | str, people_per_track: int
) -> tuple[Kept, list[Entry]]:
    """Have one count for nothing any more; the status goes back to what stood before it.

    Returns what that did, and what the custody log must say.  Call it before anything else in its transaction: it may
    take `candidates.lock`.  Raises WrongUse.
    """
    candidates.lock(db)
    id_ = statement.id if isinstance(statement, Statement) else statement
    held = find(db, id_)
    if held is None:
        raise WrongUse(words("There is no statement {id}.", id=str(id_)))
    entry = mark(db, held, reason, _name(user))
    if held.status is None:
        return Kept(held.person), [entry]
    kept = statuses.follow(db, held.person, people_per_track)
    return kept, [entry, *_changed(kept, id_)]


def mark(db: Connection, statement: Statement, reason: str, actor: str) -> Entry:
    """Write down that one counts for nothing, without what that sets going.  Raises WrongUse."""
    if not reason.strip():
        raise WrongUse(words("Say why, for whoever reads it in ten years."))
    if not statement.stands:
        raise WrongUse(words("This statement was withdrawn before."))
    db.execute(WITHDRAW, {"id": statement.id, "reason": reason.strip(), "by": actor})
    detail = {"statement": statement.id, "content": digest(reason.strip())}
    return Entry(Action.STATEMENT_WITHDRAWN, f"person:{statement.person}", detail)


def number_of(db: Connection, person: str | int) -> int:
    """The row id of whom a register number or row id means.  Raises WrongUse."""
    found: int | None = db.execute(OF_NUMBER if isinstance(person, str) else OF_ID, {"person": person}).scalar()
    if found is None:
        raise WrongUse(f"the register has no entry {person}")
    return found


def register_said(db: Connection, person: int) -> PersonStatus:
    """What the register's own files said of a person (row id) last, whatever others said since, or withdrew."""
    return PersonStatus(db.execute(REGISTER_SAID, {"person": person}).scalar_one())


def _name(user: User | str) -> str:
    return user if isinstance(user, str) else user.name


def _changed(kept: Kept, statement: int) -> list[Entry]:
    """What the log says of a status that follows."""
    detail = {"status": str(kept.status), "statement": statement}
    return [Entry(Action.REGISTER_CHANGED, f"person:{kept.person}", detail)] if kept.changed else []


def _digest(said: Said) -> str:
    content = [said.says, said.body.strip(), said.source, said.reference.strip(), str(said.dated), str(said.since)]
    return digest(*content)


def digest(*content: str) -> str:
    """Of what people wrote: the log has no names, so it binds that by its hash."""
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
