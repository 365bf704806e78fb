"""Known pairs: which are made, who gets which, and that what is not certain any more is shown to nobody."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, insert, text
from sqlalchemy.dialects.postgresql import JSONB

from lastseen.errors import WrongUse
from lastseen.records import PairKnown
from lastseen.roles import Role
from storage import accounts, known_pairs, reviews, tables
from storage.accounts import User
from storage.database import Connection
from storage.known_pairs import Due, chance, films_among
from storage.reviews import Ending
from storage.stores import Stores
from tests.review.seeding import Seeded, Story, seed

MINUTES = timedelta(minutes=5)
ALWAYS = 0.999999
"""a share with which nearly every item is a known pair"""
FILM = {"shots": [{"key": "f1", "at_ms": 9, "eyes": None}, {"key": "f2", "at_ms": 7, "eyes": None}], "still": "fs"}


@pytest.fixture
def ada(stores: Stores) -> User:
    with stores.db.begin() as db:
        return accounts.add_user(db, "ada", None, [Role.ANALYST])


class Register:
    """Entries with photos that are searched with."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores

    def entry(self, number: str, photos: int = 1) -> tuple[int, list[int]]:
        """Row ids of a person and of their photos."""
        made = seed(self.stores, Story(number=number, state="withdrawn"))
        with self.stores.db.begin() as db:
            ids = [made.photo, *(self._photo(db, made, n) for n in range(1, photos))]
            for photo in ids:
                db.execute(
                    insert(tables.templates).values(
                        photo_id=photo, kind="photo", engine="dlib", quality=1.0, sealed=b"sealed"
                    )
                )
        return made.person, ids

    @staticmethod
    def _photo(db: Connection, made: Seeded, number: int) -> int:
        row = {"person_id": made.person, "file_name": f"{number}.jpg", "sha256": f"{made.photo}-{number}"}
        kept = {"size": 1, "media_type": "image/jpeg", "object_key": f"photo/{made.photo}-{number}"}
        return int(
            db.execute(
                insert(tables.reference_photos).values(**row, **kept).returning(tables.reference_photos.c.id)
            ).scalar_one()
        )


@pytest.fixture
def office(stores: Stores) -> Register:
    return Register(stores)


def one_person(office: Register, number: str) -> PairKnown:
    person, (probe, photo) = office.entry(number, 2)
    return PairKnown(True, probe, person, photo, 0.45)


def two_people(office: Register, number: str) -> PairKnown:
    _, (probe,) = office.entry(f"{number}-a")
    person, (photo,) = office.entry(f"{number}-b")
    return PairKnown(False, probe, person, photo, 0.55)


def made(db: Connection, *pairs: PairKnown, most: int = 100, drawn: bool = True) -> tuple[int, ...]:
    ids = known_pairs.make(db, "dlib", pairs, most).pairs
    if drawn:
        db.execute(
            text("""UPDATE known_pairs SET probe_key = 'k/' || id, still_key = 's/' || id, film = :film
                     WHERE id = ANY(:ids)""").bindparams(bindparam("film", type_=JSONB)),
            {"ids": list(ids), "film": FILM | {"clip": "fc", "frames": [0, 40]}},
        )
    return ids


def stills(stores: Stores, count: int) -> None:
    """Candidates from still pictures that wait, so that known pairs may hide among them."""
    for number in range(count):
        seed(stores, Story(number=f"still-{number}", kind="image", moments=(0,), clip=None))


def dues(db: Connection, user: User, share: float = ALWAYS, tries: int = 200) -> set[Due]:
    """All that comes up in so many tries."""
    return {found for _ in range(tries) if (found := known_pairs.due(db, user, share)) is not None}


def offered(db: Connection, user: User, share: float = ALWAYS) -> set[int]:
    """All pairs that come up, whatever they are to look like."""
    return {found.pair for found in dues(db, user, share)}


def test_pairs_look_like_what_waits(stores: Stores, office: Register, ada: User) -> None:
    with stores.db.begin() as db:
        pairs = set(made(db, one_person(office, "A"), two_people(office, "B")))
        assert dues(db, ada) == set()  # nothing waits at all
    for number in range(3):
        seed(stores, Story(number=f"film-{number}"))
    with stores.db.begin() as db:
        assert dues(db, ada) == {Due(pair, True) for pair in pairs}, "films only"
    stills(stores, 3)
    with stores.db.begin() as db:
        assert dues(db, ada) == {Due(pair, look) for pair in pairs for look in (False, True)}
        assert dues(db, ada, share=0) == set()
        db.execute(text("UPDATE known_pairs SET film = NULL"))
        assert dues(db, ada) == {Due(pair, False) for pair in pairs}, "no film could be made of them"


def test_they_are_the_same_part_of_films_and_of_pictures() -> None:
    for stills_ in (0, 10, 90, 100):
        taken = {"candidates": 100, "faces": 100, "stills": stills_}
        each = chance(taken, 0.2)
        pairs = each / (1 - each) * 100 / (each / (1 - each) * 100 + 100)
        assert pairs == pytest.approx(0.2)
        assert films_among(taken) == pytest.approx((100 - stills_) / 100)
    nothing = {"candidates": 0, "faces": 0, "stills": 0}
    assert chance(nothing, 0.2) == films_among(nothing) == 0


def test_where_faces_have_several_candidates_the_chance_before_each_face_is_higher() -> None:
    taken = {"candidates": 300, "faces": 100, "stills": 300}
    each = chance(taken, 0.05)
    assert each / (1 - each) * 100 / (each / (1 - each) * 100 + 300) == pytest.approx(0.05)


def test_nobody_gets_a_pair_twice_whatever_became_of_it(stores: Stores, office: Register, ada: User) -> None:
    stills(stores, 3)
    with stores.db.begin() as db:
        ben = accounts.add_user(db, "ben", None, [Role.ANALYST])
        first, second = made(db, one_person(office, "A"), one_person(office, "B"))
        review = reviews.begin_known(db, ada, first, MINUTES)
        reviews.end(db, review, Ending.RETURNED)
        assert offered(db, ada) == {second}
        assert offered(db, ben) == {first, second}


def test_whom_somebody_lately_looked_at_does_not_come_up(stores: Stores, office: Register, ada: User) -> None:
    stills(stores, 3)
    pair = two_people(office, "A")
    with stores.db.begin() as db:
        (id_,) = made(db, pair)
        assert offered(db, ada) == {id_}
        candidate = db.execute(
            text("SELECT id FROM candidates WHERE person_id = (SELECT person_id FROM reference_photos WHERE id = :id)"),
            {"id": pair.probe},
        ).scalar_one()
        db.execute(text("UPDATE candidates SET state = 'open' WHERE id = :id"), {"id": candidate})
        review = reviews.begin(db, ada, candidate, MINUTES)
        assert review is not None
        assert offered(db, ada) == set()
        db.execute(text("UPDATE reviews SET begun_at = now() - interval '91 days'"))
        assert offered(db, ada) == {id_}


CERTAIN_NO_MORE = {
    "found": "UPDATE persons SET status = 'found' WHERE id = :person",
    "the other one found": "UPDATE persons SET status = 'found' WHERE id = :shown",
    "photo removed": "DELETE FROM templates WHERE photo_id = :photo",
    "probe removed": "DELETE FROM templates WHERE photo_id = :probe",
    "tied": """INSERT INTO ties (one_person_id, other_person_id, kind, declared_by)
               SELECT least(CAST(:person AS bigint), :shown), greatest(CAST(:person AS bigint), :shown), 'kin', 't'""",
    "alike": """INSERT INTO photo_findings (kind, person_id, photo_id, other_person_id, other_photo_id, engine,
                                            distance, bound)
                VALUES ('alike', least(CAST(:person AS bigint), :shown), :photo,
                        greatest(CAST(:person AS bigint), :shown), :probe, 'dlib', 0.5, 0.5)""",
    "doubted": """INSERT INTO photo_findings (kind, person_id, photo_id, other_person_id, other_photo_id, engine,
                                              distance, bound)
                  VALUES ('apart', :shown, :probe, :shown, :probe, 'dlib', 0.9, 0.6)""",
    "no pictures": "UPDATE known_pairs SET still_key = NULL",
}


@pytest.mark.parametrize("why", CERTAIN_NO_MORE)
def test_what_is_not_certain_any_more_is_shown_to_nobody(stores: Stores, office: Register, ada: User, why: str) -> None:
    stills(stores, 3)
    pair = two_people(office, "A")
    with stores.db.begin() as db:
        (id_,) = made(db, pair)
        assert offered(db, ada) == {id_}
        shown = db.execute(
            text("SELECT person_id FROM reference_photos WHERE id = :id"), {"id": pair.probe}
        ).scalar_one()
        told = {"person": pair.person, "shown": shown, "photo": pair.photo, "probe": pair.probe}
        db.execute(text(CERTAIN_NO_MORE[why]), told)
        assert offered(db, ada) == set()
        assert [one.fit for one in known_pairs.listed(db)] == [False]
        assert known_pairs.retire_worn(db) == (why != "no pictures")


def test_as_many_of_each_kind_as_are_wanted_and_none_again(stores: Stores, office: Register) -> None:
    first, *others = [two_people(office, f"{n}") for n in range(3)]
    genuine = one_person(office, "G")
    with stores.db.begin() as db:
        done = known_pairs.make(db, "dlib", [first, genuine, *others], 2)
        assert (len(done.pairs), done.in_use) == (3, {True: 1, False: 2})
        again = known_pairs.make(db, "dlib", [first, genuine, *others], 2)
        assert (again.pairs, again.in_use) == ((), {True: 1, False: 2})
        assert known_pairs.undisguised(db) == list(done.pairs)
        known_pairs.retire(db, done.pairs)
        with pytest.raises(WrongUse, match="known-pairs list"):
            known_pairs.retire(db, done.pairs)
        assert known_pairs.listed(db) == []
        last = known_pairs.make(db, "dlib", [first, genuine, *others], 2)
        assert len(last.pairs) == 1, "the one that was never made"
        gone = replace(first, probe=first.photo, photo=first.probe)
        db.execute(text("DELETE FROM templates WHERE photo_id = :id"), {"id": first.photo})
        assert known_pairs.make(db, "dlib", [gone], 100).pairs == (), "its photo was removed meanwhile"


def test_what_everybody_has_seen_makes_room(stores: Stores, office: Register, ada: User) -> None:
    with stores.db.begin() as db:
        (pair,) = made(db, one_person(office, "A"))
        reviews.end(db, reviews.begin_known(db, ada, pair, MINUTES), Ending.JUDGED)
        ben = accounts.add_user(db, "ben", None, [Role.SENIOR])
        assert known_pairs.retire_worn(db) == 0
        reviews.end(db, reviews.begin_known(db, ben, pair, MINUTES), Ending.JUDGED)
        assert known_pairs.retire_worn(db) == 1
        assert known_pairs.worn_pictures(db) == {}, "somebody may have it on the screen"
        db.execute(text("UPDATE known_pairs SET retired_at = now() - interval '2 days'"))
        assert known_pairs.worn_pictures(db) == {pair: [f"k/{pair}", f"s/{pair}", "fs", "fc", "f1", "f2"]}
        known_pairs.drop_pictures(db, [pair])
        assert known_pairs.worn_pictures(db) == {}


def test_answers_are_never_changed_and_end(stores: Stores, office: Register, ada: User) -> None:
    with stores.db.begin() as db:
        (pair,) = made(db, one_person(office, "A"))
        for days in (0, 400):
            review = reviews.begin_known(db, ada, pair, MINUTES)
            reviews.describe(db, review, {"note": "glasses"})
            reviews.end(db, review, Ending.JUDGED)
            db.execute(
                text("""INSERT INTO known_answers (known_pair_id, review_id, reviewer_id, answer, features, answered_at)
                        VALUES (:pair, :review, :user, 2, '{}', now() - make_interval(days => :days))"""),
                {"pair": pair, "review": review.id, "user": ada.id, "days": days},
            )
        assert known_pairs.expire(db, 365) == 1
        noted = db.execute(text("SELECT described FROM reviews ORDER BY id")).scalars().all()
        assert noted == [{"note": "glasses"}, {}]
        assert known_pairs.expire(db, 365) == 0
        assert known_pairs.listed(db)[0].answers == 1


def test_faces_are_made_as_wide_as_they_are_in_this_offices_still_pictures(stores: Stores) -> None:
    stills(stores, 19)
    with stores.db.begin() as db:
        assert known_pairs.usual_width(db, 0.5) is None
    seed(stores, Story(number="film"))
    stills_more = seed(stores, Story(number="still-more", kind="image", moments=(0,), clip=None))
    with stores.db.begin() as db:
        db.execute(
            text("""UPDATE best_shots SET quality = jsonb_build_object(
                        'width', CASE track_id WHEN :id THEN 90 ELSE 50 END)"""),
            {"id": stills_more.track},
        )
        assert known_pairs.usual_width(db, 0.5) == 50
        assert known_pairs.usual_width(db, 1) == 90


def test_a_film_is_made_like_one_of_the_offices(stores: Stores) -> None:
    for number in range(19):
        seed(stores, Story(number=f"film-{number}"))
    with stores.db.begin() as db:
        assert known_pairs.usual_film(db, 0.5) is None
    last = seed(stores, Story(number="film-last"))
    stills(stores, 1)
    with stores.db.begin() as db:
        told = {"candidate": last.candidate, "track": last.track}
        db.execute(text("UPDATE candidates SET clip_frames = '[0, 40, 95, 200]' WHERE id = :candidate"), told)
        db.execute(
            text("""UPDATE analyses SET width = 720, height = 1280
                     WHERE id = (SELECT analysis_id FROM tracks WHERE id = :track)"""),
            told,
        )
        newest, oldest = known_pairs.usual_film(db, 0.999), known_pairs.usual_film(db, 0)
    assert newest is not None
    assert oldest is not None
    assert (newest.width, newest.height, newest.rate) == (720, 1280, 15)
    assert (oldest.width, oldest.rate) != (720, 15)
