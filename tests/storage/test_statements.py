"""What was said of a fate stays as it was said, and the log binds it without a name."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.records import SEARCHED, PersonStatus, Says, StatementSource, Template
from storage import candidates, faces, register, statements
from storage.custody import Action, Entry
from storage.database import Engine
from storage.statements import Said
from storage.statuses import Kept
from storage.stores import Stores
from tests.pipeline.matching.test_match import ENGINE, SEAL, point
from tests.review.seeding import Story, seed
from tests.storage.casting import person

LIMIT = 1

HOME = Said(Says.FOUND, "the office", StatementSource.DECISION, "at home", date(2026, 4, 1), sets=True)
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
        entry = statements.mark(connection, kept, "another person of the same name", "ben")
        (gone,) = statements.of_person(connection, of)
        with pytest.raises(WrongUse, match="before"):
            statements.mark(connection, gone, "again", "ben")
    assert (gone.stands, gone.withdrawn_by, gone.why_withdrawn) == (False, "ben", "another person of the same name")
    assert (entry.reason, gone.why_withdrawn) == ("", "another person of the same name")


# --- what follows ------------------------------------------------------------------------------------------


def enter(db: Engine, of: str | int, said: Said) -> tuple[int, Kept, list[Entry]]:
    with db.begin() as one:
        return statements.enter(one, of, said, "ada", LIMIT)


def status(db: Engine) -> str:
    with db.begin() as one:
        return str(one.execute(text("SELECT status FROM persons ORDER BY id LIMIT 1")).scalar_one())


def templates_of_photos(db: Engine) -> int:
    with db.begin() as one:
        return int(one.execute(text("SELECT count(*) FROM templates WHERE photo_id IS NOT NULL")).scalar_one())


def test_the_status_is_what_the_newest_that_stands_and_sets_one_says(db: Engine) -> None:
    with db.begin() as one:
        of = someone(one)
    first, kept, entries = enter(db, of, HOME)
    assert kept == Kept(of, changed=True)
    assert [entry.action for entry in entries] == [Action.STATED, Action.REGISTER_CHANGED]
    assert entries[1].detail == {"status": "found", "statement": first}
    second, *_ = enter(db, "26-1", replace(HOME, says=Says.DNA))
    assert status(db) == "deceased"
    assert not enter(db, of, DEAD)[1].changed, "a claim"
    third, kept, _ = enter(db, of, replace(HOME, says=Says.DNA))
    assert not kept.changed, "said before"
    for one_, then in ((first, "deceased"), (second, "deceased"), (third, "missing")):
        with db.begin() as one:
            statements.withdraw(one, one_, "by mistake", "ben", LIMIT)
        assert status(db) == then


@pytest.mark.parametrize("says", [Says.RETURNED, Says.DNA, Says.FOUND, Says.WITHDRAWN])
def test_of_whom_is_searched_for_no_more_candidates_close_and_templates_go(stores: Stores, says: Says) -> None:
    nearest = seed(stores, Story(number="26-001", distance=0.3))
    other = seed(
        stores, Story(number="26-002", distance=0.4, state="displaced", still=None, clip=None), at_track=nearest
    )
    enrolled(stores.db, nearest.photo)
    made, kept, _ = enter(stores.db, nearest.person, replace(HOME, says=says))
    assert kept == Kept(nearest.person, changed=True, came_up=(other.candidate,))
    assert states(stores.db) == {nearest.candidate: "withdrawn", other.candidate: "open"}
    with stores.db.begin() as one:
        assert nearest.photo not in register.photos_to_enroll(one, ENGINE), "nobody searches with it"
    assert templates_of_photos(stores.db) == 0
    with stores.db.begin() as one:
        back, entries = statements.withdraw(one, made, "another of the same name", "ben", LIMIT)
        due = register.photos_to_enroll(one, ENGINE)
    assert (back.changed, back.status) == (True, PersonStatus.MISSING)
    assert [entry.action for entry in entries] == [Action.STATEMENT_WITHDRAWN, Action.REGISTER_CHANGED]
    assert nearest.photo in due, "it is enrolled again"


def test_who_is_confirmed_in_captivity_is_still_searched_for(stores: Stores) -> None:
    found = seed(stores, Story(number="26-001"))
    enrolled(stores.db, found.photo)
    _, kept, _ = enter(stores.db, "26-001", replace(HOME, says=Says.CAPTIVE))
    assert (kept.changed, kept.status) == (True, PersonStatus.CAPTIVE)
    assert states(stores.db) == {found.candidate: "open"}
    assert templates_of_photos(stores.db) == 1


def test_the_database_knows_who_is_searched_for_as_the_code_does(db: Engine) -> None:
    with db.begin() as one:
        told = {each: one.execute(text("SELECT is_searched(:it)"), {"it": each}).scalar() for each in PersonStatus}
    assert told == {each: each in SEARCHED for each in PersonStatus}


def test_nobody_is_said_anything_of_who_is_not_in_the_register(db: Engine) -> None:
    for nobody in ("26-9", 9):
        with pytest.raises(WrongUse, match="no entry"):
            enter(db, nobody, DEAD)
    with db.begin() as one, pytest.raises(WrongUse, match="no statement 9"):
        statements.withdraw(one, 9, "why", "ben", LIMIT)


def enrolled(db: Engine, photo: int) -> None:
    with db.begin() as one:
        faces.keep_photo_template(one, photo, ENGINE, Template("photo", point(0), 1.0), SEAL)


def states(db: Engine) -> dict[int, str]:
    """Of each candidate."""
    with db.begin() as one:
        return {each.id: each.state for each in candidates.listed(one)}


def someone(db: Connection) -> int:
    """An entry of the register; its row id."""
    return person(db, "26-1")[0]
