"""Several who judge at once, and others who change what candidates depend on: who waits for whom, and for how long."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import text

from lastseen.records import Found, Judged, Match
from storage import candidates, judgements
from storage.database import Connection, DatabaseError, Engine
from storage.judgements import NotAsked
from tests.storage.casting import ENGINE, Seen, Video, candidate, person, repost, row, video
from tests.storage.judged import LIMIT, account, give, review

FACE = Seen(0, 9000)
SOON = "5s"
"""nobody waits for so long who waits for nobody"""
AT_ONCE = "50ms"
BY_HAND = (
    "INSERT INTO verdicts (candidate_id, verdict, judgements) VALUES (:candidate, 'open', '{}')",
    """INSERT INTO judgements (candidate_id, review_id, reviewer_id, reviewer, stage, answer, features, shown)
       VALUES (:candidate, 0, 0, '', 'triage', 0, '{}', '{}')""",
)


@pytest.fixture
def one(db: Engine) -> Iterator[Connection]:
    with db.begin() as connection:
        yield connection


@pytest.fixture
def other(db: Engine) -> Iterator[Connection]:
    with db.begin() as connection:
        yield connection


def impatient(db: Connection, patience: str) -> None:
    """Have a statement fail that waits longer than this for a lock."""
    db.execute(text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": patience})


def waits(db: Connection, act: Callable[[], object]) -> None:
    impatient(db, AT_ONCE)
    with pytest.raises(DatabaseError, match="lock timeout"), db.begin_nested():
        act()


def two_files(db: Engine, *, linked: bool) -> tuple[int, int]:
    """A candidate in each of two files, and accounts of those who judge."""
    with db.begin() as made:
        who = person(made, "P-1")
        first, second = video(made, FACE), video(made, FACE)
        asked = candidate(made, first.tracks[0], who), candidate(made, second.tracks[0], who)
        if linked:
            repost(made, first, second, (0, 9000), (0, 9000))
            candidates.arrange(made, [first.blob], LIMIT)
        for name in ("ada", "ben"):
            account(made, name)
        return asked


def test_who_judges_other_footage_does_not_wait(db: Engine, one: Connection, other: Connection) -> None:
    first, second = two_files(db, linked=False)
    ada, ben = account(one, "ada"), account(one, "ben")
    impatient(other, SOON)
    assert give(one, ada, first, 3).due == "second"
    said = give(other, ben, second, -3)
    assert said.verdict == "rejected"
    judgements.undo(other, said.id, ben, LIMIT)


def test_who_judges_a_copy_waits_for_who_judges_the_other(db: Engine, one: Connection, other: Connection) -> None:
    first, second = two_files(db, linked=True)
    give(one, account(one, "ada"), first, 3)
    waits(other, lambda: give(other, account(other, "ben"), second, 3))


def test_sql_by_hand_waits_as_well(db: Engine, one: Connection, other: Connection) -> None:
    first, second = two_files(db, linked=True)
    give(one, account(one, "ada"), first, 3)
    for statement in BY_HAND:
        waits(other, partial(other.execute, text(statement), {"candidate": second}))


def test_judging_and_whatever_else_changes_candidates_wait_for_each_other(
    db: Engine, one: Connection, other: Connection
) -> None:
    first, second = two_files(db, linked=False)
    with one.begin_nested() as held:
        candidates.lock(one)
        waits(other, lambda: candidates.lock_question(other, second))
        held.rollback()
    assert candidates.lock_question(one, first)
    waits(other, lambda: candidates.lock(other))


def test_a_candidate_that_is_not_there_has_no_footage(one: Connection) -> None:
    assert candidates.lock_question(one, 1 << 40) == ()


def test_who_waited_for_a_link_judges_both_files_as_one(db: Engine) -> None:
    """Whoever waits has to look for the files again: they are others than when it began to wait."""
    first, second = two_files(db, linked=False)
    with ThreadPoolExecutor(1) as beside:

        def judged() -> Sequence[int]:
            with db.begin() as mine:
                return candidates.lock_question(mine, second)

        with db.begin() as mine:
            candidates.lock(mine)
            told = beside.submit(judged)
            files = [Video(blob, "") for blob in mine.execute(text("SELECT id FROM blobs ORDER BY id")).scalars()]
            repost(mine, files[0], files[1], (0, 9000), (0, 9000))
        assert told.result() == [file.blob for file in files]
    assert first != second


@pytest.mark.parametrize("seed", range(2))
def test_judgements_searches_and_links_that_meet_leave_what_follows_from_all(db: Engine, seed: int) -> None:
    dice = random.Random(seed)
    with db.begin() as made:
        people = [person(made, f"P-{number}") for number in range(2)]
        for _, photo in people:
            row(made, "templates", photo_id=photo, kind="photo", engine=ENGINE, quality=1.0, sealed=b"x")
        files = [video(made, FACE) for _ in range(4)]
        asked = [candidate(made, file.tracks[0], who) for file in files for who in people]
        reviewers = [account(made, name) for name in ("ada", "ben", "dora")]

    def judge(who: int, what: int, answer: int) -> None:
        try:
            with db.begin() as mine:
                taken = review(mine, reviewers[who], what)
            with db.begin() as mine:
                said = judgements.judge(mine, taken, answer, [], "", LIMIT)
            if answer == 0:
                with db.begin() as mine:
                    judgements.undo(mine, said.id, reviewers[who], LIMIT)
        except (NotAsked, LookupError):  # somebody else was there before, or has it now
            pass

    def match(file: Video, who: tuple[int, int]) -> None:
        with db.begin() as mine:
            candidates.lock(mine)
            found = Judged({file.tracks[0]: (Found(Match(*who, 0.3), 0.001),)}, {}, None)
            candidates.keep(mine, ENGINE, found, LIMIT)

    def link(pair: tuple[Video, Video]) -> None:
        with db.begin() as mine:
            candidates.lock(mine)
            repost(mine, *pair, (0, 9000), (0, 9000))
            candidates.arrange(mine, [pair[0].blob], LIMIT)

    acts: list[Callable[[], None]] = [
        *(partial(judge, who, what, dice.choice((-3, 0, 3))) for who in range(3) for what in asked),
        *(partial(match, file, who) for file in files for who in people),
        *(partial(link, (files[place], files[place + 1])) for place in (0, 2)),
    ]
    dice.shuffle(acts)
    with ThreadPoolExecutor(6) as crowd:
        list(crowd.map(lambda act: act(), acts))
    with db.begin() as mine:
        arranged = candidates.arrange(mine, [file.blob for file in files], LIMIT)
        assert not arranged.changed
        assert not arranged.followed.verdicts
