"""What was said of a fate stays as it was said, and the log binds it without a name."""

from datetime import date

import pytest
from sqlalchemy import Connection

from lastseen.errors import WrongUse
from lastseen.records import PersonStatus, Says, StatementSource
from storage import statements
from storage.custody import Action
from storage.database import Engine
from storage.statements import Said
from tests.storage.casting import person

DEAD = Said(Says.DEAD, "side A", StatementSource.LETTER, "letter 17/4", date(2026, 3, 1), date(2026, 2, 11))


def test_a_claim_is_kept_as_it_was_said_and_bound_without_a_name(db: Engine) -> None:
    with db.begin() as connection:
        of = someone(connection)
        made, entry = statements.keep(connection, of, DEAD, "ada")
        (kept,) = statements.of_person(connection, of)
    assert (kept.id, kept.says, kept.body, kept.since) == (made, Says.DEAD, "side A", DEAD.since)
    assert (kept.status, kept.stands, kept.entered_by) == (None, True, "ada")
    assert (entry.action, entry.subject) == (Action.STATED, f"person:{of}")
    assert "side A" not in str(entry.detail)


def test_one_that_sets_a_status_says_which(db: Engine) -> None:
    home = Said(Says.RETURNED, "ministry", StatementSource.DECISION, "12", date(2026, 4, 1), sets=True)
    with db.begin() as connection:
        of = someone(connection)
        statements.keep(connection, of, home, "ada")
        (kept,) = statements.of_person(connection, of)
    assert kept.status == PersonStatus.RETURNED


@pytest.mark.parametrize(
    "said",
    [
        Said(Says.DEAD, "side A", StatementSource.LETTER, "17", date(2026, 3, 1), sets=True),
        Said(Says.DEAD, " ", StatementSource.LETTER, "17", date(2026, 3, 1)),
        Said(Says.DEAD, "side A", StatementSource.LETTER, "", date(2026, 3, 1)),
    ],
)
def test_what_says_too_little_or_more_than_it_may_is_refused(db: Engine, said: Said) -> None:
    with db.begin() as connection, pytest.raises(WrongUse):
        statements.keep(connection, someone(connection), said, "ada")


def test_a_withdrawn_one_stays_with_the_reason_and_counts_no_more(db: Engine) -> None:
    with db.begin() as connection:
        of = someone(connection)
        statements.keep(connection, of, DEAD, "ada")
        (kept,) = statements.of_person(connection, of)
        entry = statements.withdraw(connection, kept, "another person of the same name", "ben")
        (gone,) = statements.of_person(connection, of)
        with pytest.raises(WrongUse, match="before"):
            statements.withdraw(connection, gone, "again", "ben")
    assert (gone.stands, gone.withdrawn_by, gone.why_withdrawn) == (False, "ben", "another person of the same name")
    assert entry.reason == gone.why_withdrawn


def someone(db: Connection) -> int:
    """An entry of the register; its row id."""
    return person(db, "26-1")[0]
