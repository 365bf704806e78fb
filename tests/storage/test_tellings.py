"""Who was told of a question is not asked it: by the database, over everything that leads to a second asking."""

import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from lastseen.judging import Stage, may_be_asked, may_replace
from lastseen.roles import Role
from storage import judgements, rejections, review_queue, tellings
from storage.database import Connection, Engine
from storage.judgements import NotAsked
from storage.review_queue import Taken, Why
from tests.storage.casting import Seen, candidate, person, repost, video
from tests.storage.judged import LIMIT, account, give
from tests.storage.test_review_queue import TERMS

FACE = Seen(0, 9000)
ANSWERS = (None, -3, -2, -1, 0, 1, 2, 3)


@pytest.fixture
def one(db: Engine) -> Iterator[Connection]:
    with db.begin() as connection:
        yield connection


def asked(db: Connection) -> int:
    """A candidate that waits."""
    return candidate(db, video(db, FACE).tracks[0], person(db, "P-1"))


def at(db: Connection, stage: Stage) -> int:
    """A candidate for which this judgement is due."""
    asks = asked(db)
    for name, answer in (("first", 3), ("second", 0))[: list(Stage).index(stage)]:
        give(db, account(db, name), asks, answer)
    return asks


def test_the_database_knows_the_rules_of_asking_as_the_code_does(one: Connection) -> None:
    ask = text("SELECT may_be_asked(:stage, CAST(:roles AS text[]), :judged, :told)")
    every = [list(roles) for count in range(3) for roles in itertools.combinations(Role, count)]
    for stage, roles, judged, told in itertools.product(Stage, every, (False, True), (False, True)):
        values = {"stage": stage, "roles": roles, "judged": judged, "told": told}
        assert one.execute(ask, values).scalar() == may_be_asked(stage, roles, judged=judged, told=told), values
    replace = text("SELECT may_replace(CAST(:before AS smallint), CAST(:after AS smallint), :told)")
    for before, after, told in itertools.product(ANSWERS, ANSWERS, (False, True)):
        values = {"before": before, "after": after, "told": told}
        assert one.execute(replace, values).scalar() == may_replace(before, after, told=told), values


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("role", [Role.ANALYST, Role.SENIOR])
@pytest.mark.parametrize("stage", list(Stage))
def test_who_was_told_is_not_asked_and_their_judgement_is_refused(
    one: Connection, stage: Stage, role: Role, told: bool
) -> None:
    asks, dora = at(one, stage), account(one, "dora", role)
    if told:
        tellings.tell(one, dora, [asks])
    may = may_be_asked(stage, [role], judged=False, told=told)
    found = review_queue.take(one, dora, TERMS)
    assert isinstance(found, Taken) == may
    assert (review_queue.page(one, dora).rows != ()) == may
    review_queue.set_all_aside(one, dora)
    if may:
        give(one, dora, asks, 3)
    else:
        with pytest.raises(NotAsked) as refused:
            give(one, dora, asks, 3)
        if told and may_be_asked(stage, [role], judged=False, told=False):
            assert refused.value.rule == "judged_by_who_does_not_know"


@pytest.mark.parametrize(("before", "after"), list(itertools.product((-3, 0, 3), (-3, 0, 3, None))))
def test_who_was_told_since_replaces_no_answer_by_a_clearer_one(
    one: Connection, before: int, after: int | None
) -> None:
    asks, ada = asked(one), account(one, "ada")
    own = give(one, ada, asks, before).id
    tellings.tell(one, ada, [asks])
    if may_replace(before, after, told=True):
        give(one, ada, asks, after, supersedes=own)
    else:
        with pytest.raises(NotAsked, match="nothing clearer"):
            give(one, ada, asks, after, supersedes=own)


def test_who_read_a_settled_record_is_not_asked_when_it_is_opened_again(one: Connection) -> None:
    ada, ben, cat, dora = (account(one, name) for name in ("ada", "ben", "cat", "dora"))
    asks = asked(one)
    give(one, ada, asks, -3)
    tellings.tell(one, cat, [asks])
    tellings.tell(one, cat, [asks])  # looked at twice
    (no,) = rejections.listed(one)
    rejections.revoke(one, no.id, "a twin", "operator", LIMIT)
    assert review_queue.take(one, cat, TERMS) is Why.EMPTY
    with pytest.raises(NotAsked, match="somebody who has not looks now"):
        give(one, cat, asks, 3)
    review_queue.set_all_aside(one, cat)
    give(one, ben, asks, 3)
    assert give(one, dora, asks, 3).verdict == "sighting"


def test_that_holds_wherever_the_same_may_be_asked_of_the_same_face(one: Connection) -> None:
    """In another track of the cast member, in re-posts over others, and under an entry that is the same person."""
    who, same, other = (person(one, number) for number in ("P-1", "P-2", "P-3"))
    first, second, third, apart = (video(one, FACE, Seen(20_000, 29_000), links=[(0, 1)]) for _ in range(4))
    repost(one, first, second, (0, 9000), (0, 9000))
    repost(one, second, third, (0, 9000), (0, 9000))
    tie = text("INSERT INTO ties (one_person_id, other_person_id, kind, declared_by) VALUES (:a, :b, 'same', 'x')")
    one.execute(tie, {"a": who[0], "b": same[0]})
    told = candidate(one, first.tracks[0], who)
    alike = [
        *(candidate(one, first.tracks[1], who), candidate(one, third.tracks[0], who)),
        candidate(one, second.tracks[0], same),
    ]
    others = [candidate(one, apart.tracks[0], who), candidate(one, first.tracks[0], other)]
    ada = account(one, "ada")
    tellings.tell(one, ada, [told])
    assert [tellings.was_told(one, ada, each) for each in (told, *alike)] == [True] * 4
    assert [tellings.was_told(one, ada, each) for each in others] == [False] * 2


def test_another_face_of_the_same_file_is_another_question(one: Connection) -> None:
    film, who, ada = video(one, FACE, Seen(0, 9000, 400)), person(one, "P-1"), account(one, "ada")
    told, other = (candidate(one, track, who) for track in film.tracks)
    tellings.tell(one, ada, [told])
    assert not tellings.was_told(one, ada, other)


def test_a_link_that_is_found_later_keeps_it_from_who_was_told(one: Connection) -> None:
    """The queue's own note of it may be older: it is asked once more when something is given out."""
    who, (first, second) = person(one, "P-1"), (video(one, FACE), video(one, FACE))
    told, asks = candidate(one, first.tracks[0], who), candidate(one, second.tracks[0], who)
    ada = account(one, "ada")
    give(one, account(one, "ben"), told, -3)
    tellings.tell(one, ada, [told])
    repost(one, first, second, (0, 9000), (0, 9000))
    one.execute(text("UPDATE review_queue SET told = '{}'"))
    assert one.execute(text("SELECT state FROM candidates WHERE id = :id"), {"id": asks}).scalar() == "open"
    assert review_queue.take(one, ada, TERMS) is Why.EMPTY


def test_what_an_auditor_read_holds_when_they_come_to_judge(one: Connection) -> None:
    eve = account(one, "eve", Role.AUDITOR)
    asks = asked(one)
    give(one, account(one, "ben"), asks, 3)
    tellings.tell_of_all(one, eve)
    one.execute(text("UPDATE users SET roles = '{analyst}' WHERE name = 'eve'"))
    eve = account(one, "eve")
    assert one.execute(text("SELECT told FROM review_queue")).scalar() == [eve.id]
    assert review_queue.take(one, eve, TERMS) is Why.EMPTY


def made_on(db: Connection, who: tuple[int, int]) -> int:
    """A candidate of theirs in another recording, which nobody had seen before."""
    return candidate(db, video(db, FACE).tracks[0], who)


def test_who_knows_what_was_said_of_somebody_is_not_asked_about_what_is_found_later(one: Connection) -> None:
    who, other, ada = person(one, "P-1"), person(one, "P-2"), account(one, "ada")
    waits = made_on(one, who)
    tellings.tell_of(one, ada, [who[0]])
    tellings.tell_of(one, ada, [who[0]])  # shown twice
    later, of_other = made_on(one, who), made_on(one, other)
    assert [tellings.was_told(one, ada, each) for each in (waits, later, of_other)] == [True, True, False]
    queue = one.execute(text("SELECT candidate_id, told FROM review_queue"))
    assert {row.candidate_id: row.told for row in queue} == {waits: [ada.id], later: [ada.id], of_other: []}
    with pytest.raises(NotAsked) as refused:
        give(one, ada, later, 3)
    assert refused.value.rule == "judged_by_who_does_not_know"


def test_that_holds_for_entries_that_are_found_to_be_the_same_person(one: Connection) -> None:
    who, same, ada = person(one, "P-1"), person(one, "P-2"), account(one, "ada")
    tellings.tell_of(one, ada, [who[0]])
    asks = made_on(one, same)
    assert not tellings.was_told(one, ada, asks)
    tie = text("INSERT INTO ties (one_person_id, other_person_id, kind, declared_by) VALUES (:a, :b, 'same', 'x')")
    one.execute(tie, {"a": who[0], "b": same[0]})
    assert tellings.was_told(one, ada, asks)
    assert review_queue.take(one, ada, TERMS) is Why.EMPTY


def test_what_an_officer_read_of_people_holds_when_they_come_to_judge(one: Connection) -> None:
    eve, who = account(one, "eve", Role.CASE_OFFICER), person(one, "P-1")
    tellings.tell_of_named(one, "eve", [who[0]])
    tellings.tell_of_named(one, "nobody", [who[0]])
    asks = made_on(one, who)
    assert one.execute(text("SELECT told FROM review_queue")).scalar() == [eve.id]
    one.execute(text("UPDATE users SET roles = '{analyst}' WHERE name = 'eve'"))
    assert review_queue.take(one, account(one, "eve"), TERMS) is Why.EMPTY
    assert isinstance(review_queue.take(one, account(one, "ben"), TERMS), Taken)
    assert asks


@pytest.mark.parametrize("stage", list(Stage))
def test_where_nobody_is_left_it_is_counted(one: Connection, stage: Stage) -> None:
    asks, dora = at(one, stage), account(one, "dora", Role.SENIOR)
    assert review_queue.forecast(one).for_nobody == 0
    told = [account(one, name) for name in ("first", "second")] + [dora]
    for each in told:
        tellings.tell(one, each, [asks])
    assert review_queue.forecast(one).for_nobody == 1
    account(one, "new", Role.SENIOR)
    assert review_queue.forecast(one).for_nobody == 0
    one.execute(text("UPDATE users SET disabled_at = now() WHERE name = 'new'"))
    assert review_queue.forecast(one).for_nobody == 1


def test_what_somebody_was_told_stays(one: Connection) -> None:
    asks, ada = asked(one), account(one, "ada")
    tellings.tell(one, ada, [asks])
    tellings.tell_of(one, ada, [person(one, "P-9")[0]])
    for statement in (
        *("DELETE FROM tellings", "UPDATE tellings SET user_id = user_id"),
        *("DELETE FROM tellings_of_people", "UPDATE tellings_of_people SET user_id = user_id"),
    ):
        with pytest.raises(Exception, match="tellings"), one.begin_nested():
            one.execute(text(statement))


def test_what_is_undone_after_looking_goes_to_somebody_else(one: Connection) -> None:
    asks, (ada, ben) = asked(one), (account(one, name) for name in ("ada", "ben"))
    said = give(one, ada, asks, 3)
    tellings.tell(one, ada, [asks])
    judgements.undo(one, said.id, ada, LIMIT)
    assert review_queue.take(one, ada, TERMS) is Why.EMPTY
    assert isinstance(review_queue.take(one, ben, TERMS), Taken)
