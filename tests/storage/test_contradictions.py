"""Whose statements and possible sightings contradict each other: of one, of all, now and at a past moment."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.fates import Basis, Conflict, Contradiction, Side
from lastseen.records import Says, StatementSource, TieKind
from storage import contradictions, statements, ties
from storage.contradictions import Contradicted
from storage.database import Connection, Engine
from storage.statements import Said
from storage.stores import Stores
from tests.storage import judged
from tests.storage.casting import Seen, candidate, person, post, row, video

DEATH = date(2025, 1, 1)
"""before anything in these tests was published"""
DEAD = Said(Says.DEAD, "side A", StatementSource.DOCUMENT, "list 1", date(2025, 2, 1), DEATH)
ALIVE = Said(Says.ALIVE, "side B", StatementSource.LETTER, "letter 2", date(2025, 3, 1))


def sighted(db: Connection, who: tuple[int, int]) -> int:
    """A possible sighting in a video that two posts carry."""
    shown = video(db, Seen(0, 1))
    post(db, shown.blob, f"one-{who[0]}", datetime(2025, 5, 2, 23, tzinfo=UTC))
    post(db, shown.blob, f"two-{who[0]}", datetime(2025, 5, 3, tzinfo=UTC))
    return candidate(db, shown.tracks[0], who, "sighting")


def said(db: Connection, who: tuple[int, int], what: Said = DEAD) -> int:
    return statements.keep(db, who[0], what, "ada")[0]


def test_both_sides_are_named_by_what_they_are(db: Engine) -> None:
    with db.begin() as one:
        who = person(one, "26-1")
        death, seen = said(one, who), sighted(one, who)
        expected = Contradiction(
            Conflict.SEEN_AFTER_DEATH,
            Side(DEATH, Basis.SPOKEN_OF, statement=death),
            Side(date(2025, 5, 2), Basis.FIRST_SEEN, candidate=seen),
        )
        assert contradictions.of_person(one, who[0]) == (expected,)
        assert contradictions.every(one) == [Contradicted((who[0],), (expected,))]
        one.execute(text("UPDATE posts SET published_at = '2025-04-30 22:00+00' WHERE permalink LIKE '%one%'"))
        ((found,),) = (contradictions.of_person(one, who[0]),)
        assert found.other == Side(date(2025, 4, 30), Basis.PUBLISHED, candidate=seen)


def test_only_what_stands_contradicts(db: Engine) -> None:
    with db.begin() as one:
        who = person(one, "26-1")
        death = said(one, who)
        shown = video(one, Seen(0, 1))
        post(one, shown.blob, "one")
        asked = candidate(one, shown.tracks[0], who)
        assert contradictions.of_person(one, who[0]) == ()
        judged.conclude(one, asked, 3, 3)
        assert len(contradictions.of_person(one, who[0])) == 1
        held = statements.find(one, death)
        assert held is not None
        statements.mark(one, held, "another of the same name", "ben")
        assert contradictions.of_person(one, who[0]) == ()
        assert contradictions.every(one) == []


def test_entries_that_are_one_person_contradict_each_other(db: Engine) -> None:
    with db.begin() as one:
        first, second, third = (person(one, f"26-{number}") for number in (1, 2, 3))
        said(one, first)
        said(one, third, ALIVE)
        assert contradictions.every(one) == []
    for pair in (("26-1", "26-2"), ("26-2", "26-3")):
        with db.begin() as one:
            ties.declare(one, pair, TieKind.SAME, "ada", 1)
    with db.begin() as one:
        (found,) = contradictions.every(one)
        assert found.entries == (first[0], second[0], third[0])
        assert [each.kind for each in found.found] == [Conflict.LIVES_AFTER_DEATH]
        for each in found.entries:
            assert contradictions.of_person(one, each) == found.found


def test_a_past_moment_is_as_it_was(stores: Stores) -> None:
    start = utcnow() - timedelta(days=9)
    with stores.db.begin() as one:
        who = person(one, "26-1")
        values = {"person_id": who[0], "body": "b", "source": "document", "reference": "r", "entered_by": "ada"}
        day = {"dated": DEATH, "entered_at": start}
        row(one, "statements", **values, **day, says="dead")
        alive = row(one, "statements", **values, says="alive", dated=date(2025, 3, 1), entered_at=start)
        gone = {"statement_id": alive, "reason": "r", "withdrawn_by": "ben", "withdrawn_at": start + timedelta(days=2)}
        one.execute(
            text("""INSERT INTO statement_withdrawals (statement_id, reason, withdrawn_by, withdrawn_at)
                            VALUES (:statement_id, :reason, :withdrawn_by, :withdrawn_at)"""),
            gone,
        )
        sighted(one, who)

        def then(days: float) -> list[Conflict]:
            found = contradictions.of_person(one, who[0], start + timedelta(days=days))
            assert found == next((each.found for each in contradictions.every(one, start + timedelta(days=days))), ())
            return [each.kind for each in found]

        assert then(-1) == []
        assert then(1) == [Conflict.LIVES_AFTER_DEATH]
        assert then(3) == []
        assert then(10) == [Conflict.SEEN_AFTER_DEATH]
        assert contradictions.of_person(one, who[0], utcnow() + timedelta(1)) == contradictions.of_person(one, who[0])
