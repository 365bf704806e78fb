"""Who was told of which candidate: whom it is about, what its post says, or what was answered.

Questions may be asked anew: a judgement is undone or replaced, a rejection revoked, a link found.  Whoever read the
record meanwhile cannot be one of two who do not know, and the database refuses their judgement
(`storage.migrations.judging`).  So whatever shows a record, or a part of one, to an account writes it down here in the
transaction that shows it, whatever roles the account has at that moment.

Whoever is shown what was said of a person (a statement, a list, a letter, a case) is told of that person: of all that
is asked about them, also what is asked later.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from storage.accounts import User

TELL = text("""
    INSERT INTO tellings (user_id, candidate_id)
    SELECT :user, candidate FROM (SELECT DISTINCT unnest(CAST(:candidates AS bigint[]))) AS shown (candidate)
     ORDER BY candidate
    ON CONFLICT DO NOTHING""")
TELL_OF = text("""
    INSERT INTO tellings_of_people (user_id, person_id)
    SELECT :user, person FROM (SELECT DISTINCT unnest(CAST(:people AS bigint[]))) AS shown (person)
     WHERE EXISTS (SELECT FROM persons WHERE id = person)
     ORDER BY person
    ON CONFLICT DO NOTHING""")
# Events name a candidate, or a judgement on one; erased ones are in the log still.
NAMED = text("""
    SELECT id FROM candidates WHERE id = ANY(CAST(:candidates AS bigint[]))
     UNION SELECT candidate_id FROM judgements WHERE id = ANY(CAST(:judgements AS bigint[]))""")
JUDGED = text("""
    SELECT candidate_id FROM judgements
     UNION SELECT id FROM candidates
            WHERE person_id IN (SELECT person_id FROM statements UNION SELECT person_id FROM list_decisions
                                 UNION SELECT person_id FROM letter_people
                                 UNION SELECT person_id FROM tip_notes WHERE person_id IS NOT NULL)""")
NAMED_SO = text("SELECT id FROM users WHERE name = :name")
WAS_TOLD = text("SELECT was_told(:user, :candidate)")


def tell(db: Connection, user: User, candidates: Iterable[int]) -> None:
    """Keep that an account was shown some candidates (row ids).  Call it before the custody log is written to."""
    _tell(db, user.id, candidates)


def tell_of(db: Connection, user: User, people: Iterable[int]) -> None:
    """Keep that an account was shown what was said of some people (row ids): it is asked about their faces no more.

    Call it before the custody log is written to.
    """
    _tell_of(db, user.id, people)


def tell_of_named(db: Connection, name: str, people: Iterable[int]) -> None:
    """As `tell_of`, of the account with this name, if there is one."""
    user: int | None = db.execute(NAMED_SO, {"name": name}).scalar()
    if user is not None:
        _tell_of(db, user, people)


def tell_of_events(db: Connection, user: User, candidates: Iterable[int], judgements: Iterable[int]) -> None:
    """Keep that an account has read events of the custody log that name these."""
    named = {"candidates": list(candidates), "judgements": list(judgements)}
    _tell(db, user.id, db.execute(NAMED, named).scalars())


def tell_of_all(db: Connection, user: User) -> None:
    """Keep that an account was given all that people answered, and all that the log tells of people's fates."""
    _tell(db, user.id, db.execute(JUDGED).scalars())


def tell_named(db: Connection, name: str, candidates: Iterable[int]) -> None:
    """As `tell`, of the account with this name, if there is one."""
    user: int | None = db.execute(NAMED_SO, {"name": name}).scalar()
    if user is not None:
        _tell(db, user, candidates)


def tell_id(db: Connection, user: int, candidates: Iterable[int]) -> None:
    """As `tell`, of an account by its row id."""
    _tell(db, user, candidates)


def was_told(db: Connection, user: User, candidate: int) -> bool:
    """Whether an account was shown this candidate, or another that may ask the same of the same face."""
    return bool(db.execute(WAS_TOLD, {"user": user.id, "candidate": candidate}).scalar())


def _tell(db: Connection, user: int, candidates: Iterable[int]) -> None:
    if shown := list(candidates):
        db.execute(TELL, {"user": user, "candidates": shown})


def _tell_of(db: Connection, user: int, people: Iterable[int]) -> None:
    if shown := list(people):
        db.execute(TELL_OF, {"user": user, "people": shown})
