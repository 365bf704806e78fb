"""The register: entries change only by what is stated, also when two imports meet."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic, sleep

import pytest
from sqlalchemy import text

from lastseen.records import PersonEntry, PersonFacts, PersonStatus
from storage import candidates, register, statements
from storage.custody import Action
from storage.database import Connection, Engine
from storage.objects import Stored
from storage.statuses import Kept
from storage.stores import Stores
from tests.review.seeding import Story, seed
from tests.storage.test_statements import HOME

LIMIT = 1
"""people per track"""
STATED = PersonFacts(("Ada Example", "Ада Приклад"), 1815, PersonStatus.FOUND)
MISSING = PersonFacts(("Ada Example",), None, PersonStatus.MISSING)
ENGINE = "dlib"
MORE_THAN_PARAMETERS = 70_000
PHOTO = Stored("photo/1", "", 1, "0" * 64, created=True)


def entry(facts: PersonFacts | None, number: str = "26-001") -> PersonEntry:
    return PersonEntry(number, facts, ())


def keep(db: Engine, facts: PersonFacts | None, number: str = "26-001") -> Kept:
    with db.begin() as one:
        return register.keep_person(one, entry(facts, number), LIMIT)


def row(db: Engine) -> tuple[object, ...]:
    with db.begin() as one:
        return tuple(one.execute(text("SELECT names, birth_year, status FROM persons")).one())


@pytest.fixture
def another() -> Iterator[ThreadPoolExecutor]:
    """Somebody else, at the same time."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def until_somebody_waits(db: Connection, seconds: float = 10) -> None:
    """For a lock that another connection to this database holds."""
    statement = text("""SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
                         WHERE NOT granted AND datname = current_database()""")
    deadline = monotonic() + seconds
    while not db.execute(statement).scalar():
        assert monotonic() < deadline, "nobody waits"
        sleep(0.01)


def test_the_same_entry_again_changes_nothing(db: Engine) -> None:
    first = keep(db, STATED)
    assert first == Kept(first.person, new=True)
    assert keep(db, STATED) == Kept(first.person)
    assert keep(db, MISSING) == Kept(first.person, changed=True)
    assert row(db) == (["Ada Example"], None, "missing")


def said_of(db: Engine) -> list[tuple[str, str, str, str]]:
    with db.begin() as one:
        told = statements.of_person(one, 1)
    return [(each.says, each.source, each.reference, each.entered_by) for each in told]


def test_a_status_that_a_file_says_anew_is_kept_as_its_statement(db: Engine) -> None:
    keep(db, MISSING)
    with db.begin() as one:
        changed = replace(entry(STATED), place="row 7")
        kept = register.keep_person(one, changed, LIMIT, register.Origin("april.csv", "ada"))
    assert said_of(db) == [("found", "register", "april.csv, row 7", "ada")]
    assert [(each.action, each.detail["says"]) for each in kept.entries] == [(Action.STATED, "found")]
    assert kept.status is PersonStatus.FOUND


def test_a_file_that_says_what_it_said_before_undoes_nothing_that_was_said_since(db: Engine) -> None:
    keep(db, MISSING)
    with db.begin() as one:
        statements.enter(one, "26-001", HOME, "ada", LIMIT)
    assert keep(db, MISSING) == Kept(1)
    assert row(db)[2] == "found"
    assert [each[0] for each in said_of(db)] == ["found"]
    keep(db, STATED)  # the file has caught up
    keep(db, MISSING)  # and says something new again
    assert row(db)[2] == "missing"
    assert [each[:2] for each in said_of(db)] == [
        ("found", "decision"),
        ("found", "register"),
        ("missing", "register"),
    ]


def test_what_is_not_stated_stays_as_it_is(db: Engine) -> None:
    first = keep(db, STATED)
    assert keep(db, None) == Kept(first.person)
    assert row(db) == (list(STATED.names), STATED.birth_year, STATED.status)


def test_a_region_that_a_file_does_not_state_stays(db: Engine) -> None:
    first = keep(db, replace(STATED, region="Sumy"))
    assert keep(db, STATED) == Kept(first.person)
    assert keep(db, replace(STATED, region="")) == Kept(first.person, changed=True)
    with db.begin() as one:
        assert one.execute(text("SELECT region FROM persons")).scalar_one() == ""


def test_a_new_person_of_whom_nothing_is_stated_is_missing_and_named_by_the_number(db: Engine) -> None:
    assert keep(db, None).new
    assert row(db) == (["26-001"], None, "missing")
    assert keep(db, STATED).changed
    assert row(db) == (list(STATED.names), STATED.birth_year, STATED.status)


def test_who_was_found_stays_found_when_a_folder_brings_a_photo(db: Engine) -> None:
    found, missing = keep(db, STATED), keep(db, MISSING, "26-002")
    with db.begin() as one:
        kept = register.keep_person(one, entry(None), LIMIT)
        register.keep_photo(one, kept.person, "1.jpg", PHOTO, "image/jpeg")
        sought, _ = register.keep_photo(one, missing.person, "1.jpg", PHOTO, "image/jpeg")
    assert kept == Kept(found.person)
    with db.begin() as one:
        assert register.photos_to_enroll(one, ENGINE) == [sought]


def test_two_imports_may_bring_the_same_person_at_once(db: Engine, another: ThreadPoolExecutor) -> None:
    with db.begin() as one:
        first = register.keep_person(one, entry(MISSING), LIMIT)
        second = another.submit(keep, db, STATED)
        until_somebody_waits(one)
    assert first == Kept(first.person, new=True)
    assert second.result() == Kept(first.person, changed=True)
    assert row(db)[2] == PersonStatus.FOUND


def test_a_person_who_may_stop_being_searched_is_not_touched_before_the_candidates_are_ours(
    db: Engine, another: ThreadPoolExecutor
) -> None:
    keep(db, MISSING)
    with db.begin() as one:
        candidates.lock(one)
        found = another.submit(keep, db, STATED)
        until_somebody_waits(one)
        one.execute(text("SELECT 1 FROM persons FOR UPDATE NOWAIT"))
    assert found.result().changed


def test_whom_the_found_person_had_displaced_comes_up_and_is_told(stores: Stores) -> None:
    nearest = seed(stores, Story(number="26-001", names=("Ada Example",), distance=0.3))
    shown = seed(stores, Story(number="26-002", distance=0.5, state="displaced"), at_track=nearest)
    other = seed(
        stores, Story(number="26-003", distance=0.4, state="displaced", still=None, clip=None), at_track=nearest
    )
    assert keep(stores.db, STATED) == Kept(nearest.person, changed=True, came_up=(other.candidate,))
    with stores.db.begin() as one:
        states = {each.id: each.state for each in candidates.listed(one)}
    assert states == {nearest.candidate: "withdrawn", other.candidate: "open", shown.candidate: "displaced"}


def test_the_fates_of_more_photos_than_a_statement_has_parameters(db: Engine) -> None:
    with db.begin() as one:
        assert register.fates(one, range(MORE_THAN_PARAMETERS), ENGINE) == []
