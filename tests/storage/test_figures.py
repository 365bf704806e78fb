"""What is measured of those who review."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import insert, text

from lastseen.judging import Compared, Comparison, Feature
from lastseen.roles import Role
from storage import accounts, figures, judgements, reviews, tables
from storage.accounts import User
from storage.database import Connection
from storage.figures import Both, Errors
from storage.reviews import Ending
from storage.stores import Stores
from tests.review.seeding import Story, seed

MINUTES = timedelta(minutes=5)
DAYS = 365
LAST_WEEK = "date_trunc('week', now()) - interval '1 hour'"
DIFFERENT = (Compared(Feature.NOSE, Comparison.DIFFERENT),)


@dataclass(frozen=True)
class Pairs:
    """Known pairs of one photo; what it shows does not matter here."""

    stores: Stores
    photo: int
    person: int

    def new(self, db: Connection, *, genuine: bool) -> int:
        """Of a photo of its own."""
        number = db.execute(text("SELECT count(*) FROM reference_photos")).scalar_one()
        photo = {"person_id": self.person, "file_name": "x", "sha256": f"{number}", "size": 1, "media_type": "t"}
        probe = db.execute(
            insert(tables.reference_photos).values(object_key="k", **photo).returning(tables.reference_photos.c.id)
        ).scalar_one()
        row = {"genuine": genuine, "probe_photo_id": probe, "person_id": self.person, "photo_id": self.photo}
        kept = insert(tables.known_pairs).values(engine="dlib", distance=0.5, **row)
        return int(db.execute(kept.returning(tables.known_pairs.c.id)).scalar_one())

    def say(
        self, db: Connection, user: User, answer: int | None, *, genuine: bool, at: str = LAST_WEEK, pair: int = 0
    ) -> int:
        """An answer, after 30 seconds.  Returns its pair."""
        pair = pair or self.new(db, genuine=genuine)
        review = reviews.begin_known(db, user, pair, MINUTES)
        reviews.end(db, review, Ending.JUDGED)
        db.execute(
            text(f"UPDATE reviews SET begun_at = {at} - interval '30 seconds', ended_at = {at} WHERE id = :id"),  # noqa: S608
            {"id": review.id},
        )
        db.execute(
            text(f"""INSERT INTO known_answers (known_pair_id, review_id, reviewer_id, answer, features, answered_at)
                     VALUES (:pair, :review, :user, :answer, '{{}}', {at})"""),  # noqa: S608
            {"pair": pair, "review": review.id, "user": user.id, "answer": answer},
        )
        return pair


@pytest.fixture
def pairs(stores: Stores) -> Pairs:
    made = seed(stores, Story(number="K", state="withdrawn"))
    return Pairs(stores, made.photo, made.person)


@pytest.fixture
def people(stores: Stores) -> tuple[User, User]:
    with stores.db.begin() as db:
        ada, ben = (accounts.add_user(db, name, None, [Role.ANALYST]) for name in ("ada", "ben"))
    return ada, ben


def test_errors_are_clear_answers_that_are_wrong(pairs: Pairs, people: tuple[User, User]) -> None:
    ada, ben = people
    with pairs.stores.db.begin() as db:
        for answer in (3, 2, 1, 0, None, -1, -2, -3):
            pairs.say(db, ada, answer, genuine=True)
        for answer in (3, 1, -3):
            pairs.say(db, ada, answer, genuine=False)
        assert figures.own(db, ada.id, DAYS).errors == Errors(8, 2, 3, 1, left_open=5)
        assert figures.own(db, ben.id, DAYS) == figures.Own(Errors(), figures.Pace(), ())


def test_an_answer_counts_once_its_week_is_over_and_if_it_stands(pairs: Pairs, people: tuple[User, User]) -> None:
    ada, _ = people
    with pairs.stores.db.begin() as db:
        pairs.say(db, ada, -3, genuine=True, at="now()")
        assert figures.own(db, ada.id, DAYS).errors == Errors()
        again = pairs.say(db, ada, -3, genuine=True)
        assert figures.own(db, ada.id, DAYS).errors == Errors(genuine=1, missed=1)
        pairs.say(db, ada, 3, genuine=True, pair=again)
        assert figures.own(db, ada.id, DAYS).errors == Errors(genuine=1)
        db.execute(text("UPDATE reviews SET ending = 'undone' WHERE id = (SELECT max(id) FROM reviews)"))
        assert figures.own(db, ada.id, DAYS).errors == Errors(genuine=1, missed=1)
        pairs.say(db, ada, 3, genuine=False, at="now() - interval '400 days'")
        assert figures.own(db, ada.id, DAYS).errors.strangers == 0


def test_pace_and_weeks(pairs: Pairs, people: tuple[User, User]) -> None:
    ada, _ = people
    with pairs.stores.db.begin() as db:
        for _ in range(3):
            pairs.say(db, ada, 3, genuine=True)
        pairs.say(db, ada, 3, genuine=False, at="now()")
        db.execute(
            text("""UPDATE reviews SET begun_at = ended_at - interval '9 seconds'
                     WHERE id = (SELECT max(id) FROM reviews)""")
        )
        own = figures.own(db, ada.id, DAYS)
    assert (own.pace.items, own.pace.quick, own.pace.quarters) == (4, 1, (24.75, 30.0, 30.0))
    now, before = own.weeks
    assert (now.items, now.median, now.errors) == (1, 9.0, Errors())
    assert (before.items, before.median, before.errors) == (3, 30.0, Errors(genuine=3))
    assert (now.week - before.week).days == 7
    assert now.week.weekday() == 0


def test_the_team_by_name_and_how_far_two_agree(pairs: Pairs, people: tuple[User, User]) -> None:
    ada, ben = people
    first, second, third = (seed(pairs.stores, Story(number=number)) for number in "ABC")
    with pairs.stores.db.begin() as db:
        for user, candidate, answer in (
            (ada, first, 3),
            (ben, first, 2),
            (ben, second, 0),
            (ada, second, None),
            (ada, third, -3),
        ):
            review = reviews.begin(db, user, candidate.candidate, MINUTES)
            assert review is not None
            reviews.describe(db, review, {})
            judgements.judge(db, review, answer, DIFFERENT if answer == -3 else (), "why", 5)
        pairs.say(db, ben, 3, genuine=False)
        last = db.execute(text("SELECT max(id) FROM judgements")).scalar_one()
        judgements.undo(db, last, ada, 5)
        team = figures.team(db, DAYS)
    assert team.both == Both(((3, 2), (0, None)), 0)
    told = {one.name: (one.items, one.undone, one.errors.false_yes) for one in team.members}
    assert list(told) == ["ada", "ben"]
    assert told["ada"][1:] == (1, 0)
    assert told["ben"] == (3, 0, 1)
