"""Whose turn it is, and who has what."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from lastseen.lifecycle import CandidateState
from lastseen.roles import Role
from storage import accounts, candidates, care, judgements, review_queue, reviews
from storage.accounts import User
from storage.database import Connection
from storage.known_pairs import Due
from storage.review_queue import ALL, Filters, Taken, Terms, TooNarrow, Why
from storage.reviews import Review
from storage.stores import Stores
from tests.review import queue_bench
from tests.review.seeding import PUBLISHED, Seeded, Story, seed

PEOPLE = 5
"""of a track, at most"""
TERMS = Terms(timedelta(minutes=10))


@pytest.fixture
def people(stores: Stores) -> tuple[User, User, User]:
    """Two analysts and a senior."""
    with stores.db.begin() as db:
        ada, ben = (accounts.add_user(db, name, None, [Role.ANALYST]) for name in ("ada", "ben"))
        return ada, ben, accounts.add_user(db, "sue", None, [Role.SENIOR])


def taken(db: Connection, user: User, terms: Terms = TERMS, filters: Filters = ALL) -> Review:
    found = review_queue.take(db, user, terms, filters)
    assert isinstance(found, Taken), found
    return found.review


def say(db: Connection, review: Review, answer: int | None) -> int:
    """A judgement on the review's candidate.  Returns its row id."""
    reviews.describe(db, review, {})
    return judgements.judge(db, review, answer, [], "a reason", PEOPLE).id


def queue(db: Connection) -> list[tuple[int, str]]:
    return [tuple(row) for row in db.execute(text("SELECT candidate_id, stage FROM review_queue ORDER BY 1"))]


def at_one_face(stores: Stores, count: int) -> list[Seeded]:
    """Several people near one face."""
    first = seed(stores, Story(number="HC-0"))
    return [first, *(seed(stores, Story(number=f"HC-{n}"), at_track=first) for n in range(1, count))]


def test_who_judged_gets_it_no_more_unless_they_undid_it(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, _ = people
    candidate = seed(stores).candidate
    with stores.db.begin() as db:
        said = say(db, taken(db, ada), 2)
        assert queue(db) == [(candidate, "second")]
        assert review_queue.take(db, ada, TERMS) is Why.EMPTY
        judgements.undo(db, said, ada, PEOPLE)
        assert queue(db) == [(candidate, "triage")]
        say(db, taken(db, ada), 0)
        say(db, taken(db, ben), 0)
        assert queue(db) == []


def test_a_reviewer_gets_all_that_is_asked_about_a_face_and_another_gets_none_of_it(
    stores: Stores, people: tuple[User, ...]
) -> None:
    ada, ben, _ = people
    face = at_one_face(stores, 3)
    other = seed(stores, Story(number="other"))
    with stores.db.begin() as db:
        mine = taken(db, ada)
        assert mine.candidate in {one.candidate for one in face}
        assert taken(db, ben).candidate == other.candidate
    with stores.db.begin() as db:
        assert taken(db, ada).token == mine.token  # asked for again, it is the same
        reviews.describe(db, mine, {"ears": "visible"})
        say(db, mine, -3)
        second = taken(db, ada)
        assert second.candidate in {one.candidate for one in face} - {mine.candidate}
        assert (second.described, second.described_at is None) == ({"ears": "visible"}, False)
        say(db, second, -3)
        assert len({mine.candidate, second.candidate, taken(db, ada).candidate}) == 3


def test_what_was_begun_ahead_is_what_comes_next(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, _ = people
    first, second = (seed(stores, Story(number=number)) for number in "AB")
    with stores.db.begin() as db:
        now = taken(db, ada)
        reserved = review_queue.ahead(db, now, TERMS)
        assert reserved is not None
        assert {now.candidate, reserved.review.candidate} == {first.candidate, second.candidate}
        assert review_queue.ahead(db, now, TERMS) == Taken(reserved.review)
        say(db, now, 1)
        found = review_queue.take_after(db, now, TERMS)
        assert isinstance(found, Taken)
        assert found.review.token == reserved.review.token
        assert review_queue.take(db, ben, TERMS, Filters(until=date(2000, 1, 1))) is Why.EMPTY
        assert taken(db, ben).candidate == now.candidate


def test_what_was_only_reserved_goes_to_whoever_has_nothing(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, sue = people
    for number in "AB":
        seed(stores, Story(number=number))
    with stores.db.begin() as db:
        now = taken(db, ada)
        ahead = review_queue.ahead(db, now, TERMS)
        assert ahead is not None
        old = Filters(until=date(2000, 1, 1))
        assert review_queue.take(db, ben, TERMS, old) is Why.EMPTY, "only what they asked for"
        given = taken(db, ben)
        assert given.candidate == ahead.review.candidate
        assert reviews.find(db, ahead.review.token, ada) is None
        assert review_queue.take(db, sue, TERMS) is Why.EMPTY, "what is on a screen stays there"
        assert review_queue.ahead(db, now, TERMS) is None
        say(db, now, 1)
        assert review_queue.take_after(db, now, TERMS) is Why.EMPTY
        reviews.describe(db, given, {})
        say(db, given, 1)
        assert {taken(db, one).candidate for one in (ada, ben)} == {now.candidate, given.candidate}


def test_what_was_looked_at_or_is_about_the_same_face_is_not_given_away(
    stores: Stores, people: tuple[User, ...]
) -> None:
    ada, ben, _ = people
    at_one_face(stores, 2)
    with stores.db.begin() as db:
        now = taken(db, ada)
        assert review_queue.ahead(db, now, TERMS) is not None
        assert review_queue.take(db, ben, TERMS) is Why.EMPTY, "one person answers all about a face"
    other = seed(stores, Story(number="other"))
    with stores.db.begin() as db:
        review_queue.set_all_aside(db, ada)
        now = taken(db, ada, filters=ALL)
        say(db, now, 1)
        say(db, taken(db, ada), 1)
        last = taken(db, ada)
        assert last.candidate == other.candidate
        assert review_queue.ahead(db, last, TERMS) is None
        db.execute(text("UPDATE reviews SET ahead = true WHERE id = :id"), {"id": last.id})
        review_queue.looked_at(db, last)
        mine = taken(db, ben)
        assert mine.candidate != other.candidate
        say(db, mine, 1)
        say(db, taken(db, ben), 1)
        assert review_queue.take(db, ben, TERMS) is Why.EMPTY


def test_what_is_given_back_is_for_others(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, _ = people
    face = at_one_face(stores, 2)
    with stores.db.begin() as db:
        mine = taken(db, ada)
        assert review_queue.give_back(db, mine)
        assert taken(db, ada).candidate != mine.candidate  # that is not offered to her again so soon
        review_queue.set_all_aside(db, ada)
        assert taken(db, ben).candidate in {one.candidate for one in face}


def test_each_is_given_what_is_their_turn(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, sue = people
    candidate = seed(stores).candidate
    seed(stores, Story(number="closed", state=CandidateState.WITHDRAWN))
    with stores.db.begin() as db:
        say(db, taken(db, ada), 3)
        assert review_queue.take(db, ada, TERMS) is Why.EMPTY
        found = review_queue.take(db, ben, TERMS)
        assert isinstance(found, Taken)
        assert [(entry.action, entry.subject) for entry in found.entries] == [("took up", f"candidate:{candidate}")]
        say(db, found.review, 0)
        cat = accounts.add_user(db, "cat", None, [Role.ANALYST])
        assert review_queue.take(db, cat, TERMS) is Why.EMPTY
        assert taken(db, sue).candidate == candidate


def test_nobody_answers_a_question_twice_at_another_track(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, _ = people
    first = seed(stores)
    with stores.db.begin() as db:
        other = db.execute(
            text("""
                INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces)
                SELECT analysis_id, 1, 1, 9000, 9900, '[]' FROM tracks WHERE id = :id RETURNING id"""),
            {"id": first.track},
        ).scalar_one()
        say(db, taken(db, ada), 3)
        link = "INSERT INTO cast_links (one_track_id, other_track_id, distance) VALUES (:one, :other, 0.1)"
        db.execute(text(link), {"one": first.track, "other": other})
        carrier = db.execute(
            text("""
                INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, state)
                SELECT :track, person_id, photo_id, engine, 0.1, 'open' FROM candidates RETURNING id"""),
            {"track": other},
        ).scalar_one()
        db.execute(text("UPDATE candidates SET withdrawn = true WHERE id <> :id"), {"id": carrier})
        candidates.arrange(db, [first.blob], PEOPLE)
        assert queue(db) == [(carrier, "second")]
        assert review_queue.take(db, ada, TERMS) is Why.EMPTY
        assert taken(db, ben).candidate == carrier


def test_a_rows_turn_is_its_wait_moved_ahead_for_what_presses(stores: Stores, people: tuple[User, ...]) -> None:
    """Waiting, moved ahead: two days where chance is small, two where another person is due, fourteen in danger."""
    ada, ben, _ = people
    names = ("danger", "waits", "rare", "second", "plain")
    made = {
        name: seed(
            stores,
            Story(number=name, expected_false=0.0001 if name == "rare" else 0.5, address=f"https://{name}.example/c"),
        )
        for name in names
    }
    waits = {"danger": 0, "waits": 3, "rare": 0.9, "second": 0.8, "plain": 2}
    with stores.owner.begin() as db:
        for name, days in waits.items():
            since = {"id": made[name].candidate, "ago": timedelta(days=days)}
            db.execute(text("UPDATE candidates SET created_at = now() - :ago WHERE id = :id"), since)
        post = "SELECT post_id FROM media_items WHERE blob_id = :blob"
        db.execute(text("SELECT queue_up(array_agg(track_id)) FROM candidates"))
        db.execute(
            text(f"UPDATE posts SET seen = 'missing' WHERE id IN ({post})"),  # noqa: S608  our own words
            {"blob": made["danger"].blob},
        )
    with stores.db.begin() as db:
        source = {address: id_ for id_, address in review_queue.choices(db, ada).sources.items()}
        say(db, taken(db, ada, filters=Filters(source["https://second.example/c"])), 1)
        order = []
        for _ in names:
            review = taken(db, ben)
            order.append(review.candidate)
            say(db, review, -3)
    assert order == [made[name].candidate for name in names]


def test_the_page_says_nothing_of_likeness(stores: Stores, people: tuple[User, ...]) -> None:
    far = [seed(stores, Story(number=f"{n}", expected_false=0.5)) for n in range(3)]
    near = at_one_face(stores, 2)[0]
    with stores.owner.begin() as db:
        near_first = "UPDATE candidates SET expected_false = 0.00001 WHERE id = :id"
        db.execute(text(near_first), {"id": near.candidate})
    with stores.db.begin() as db:
        rows = review_queue.page(db, people[0]).rows
        assert [(row.member, row.people) for row in rows] == [(one.track, 1) for one in far] + [(near.track, 2)]
        assert taken(db, people[0]).candidate != far[0].candidate


def test_pages_go_on_where_they_ended(
    stores: Stores, people: tuple[User, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_queue, "ROWS_A_PAGE", 2)
    tracks = [seed(stores, Story(number=f"{n}")).track for n in range(5)]
    seen: list[int] = []
    with stores.db.begin() as db:
        after = None
        while True:
            page = review_queue.page(db, people[0], after=after)
            assert page.faces == 5
            seen += [row.member for row in page.rows]
            after = page.after
            if after is None:
                break
    assert seen == tracks


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({"since": "2026-11-03", "until": "2026-11-03"}, "ACDEF"),
        ({"until": "2026-11-02"}, ""),
        ({"region": "Sumy"}, "ACDEF"),
        ({"region": "Sumy", "since": "2026-11-03", "until": "2026-11-03"}, "ACDEF"),
    ],
)
def test_filters_choose_by_day_and_region(
    stores: Stores, people: tuple[User, ...], said: dict[str, str], left: str
) -> None:
    for number in "ABCDEF":
        seed(stores, Story(number=number, published=None if number == "B" else PUBLISHED))
    with stores.db.begin() as db:
        db.execute(text("UPDATE persons SET region = 'Sumy' WHERE register_number <> 'B'"))
        filters = Filters.of(said)
        assert filters.said() == said
        rows = review_queue.page(db, people[0], filters).rows
        whose = text(
            "SELECT register_number FROM candidates JOIN persons ON persons.id = person_id WHERE candidates.id = :id"
        )
        assert "".join(sorted(db.execute(whose, {"id": row.candidate}).scalar_one() for row in rows)) == left
        assert isinstance(review_queue.take(db, people[0], TERMS, filters), Taken) == bool(left)


@pytest.mark.parametrize(
    "said",
    [
        {"region": "Sumy"},
        {"region": "Nowhere"},
        {"region": "Sumy", "until": "2026-11-02"},
    ],
)
def test_filters_that_leave_few_people_are_refused(
    stores: Stores, people: tuple[User, ...], said: dict[str, str]
) -> None:
    for number in "ABCDEF":
        seed(stores, Story(number=number))
    with stores.db.begin() as db:
        db.execute(text("UPDATE persons SET region = 'Sumy' WHERE register_number < 'E'"))
        filters = Filters.of(said)
        with pytest.raises(TooNarrow, match="fewer than 5 people"):
            review_queue.page(db, people[0], filters)
        assert review_queue.take(db, people[0], TERMS, filters) is Why.NARROW
        assert db.execute(text("SELECT count(*) FROM reviews")).scalar() == 0


def test_who_works_by_a_region_is_stopped_before_few_are_left(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, _ = people
    for number in "ABCDE":
        seed(stores, Story(number=number))
    with stores.db.begin() as db:
        db.execute(text("UPDATE persons SET region = 'Sumy'"))
        assert review_queue.choices(db, ada).regions == ["Sumy"]
        now = taken(db, ada, filters=Filters(region="Sumy"))
        say(db, now, 1)
        assert review_queue.take_after(db, now, TERMS) is Why.NARROW
        assert review_queue.choices(db, ada).regions == []
        assert review_queue.choices(db, ben).regions == ["Sumy"], "she has judged one of them, and he has not"


def test_nobody_finds_out_by_a_filter_what_was_said_of_whom(stores: Stores, people: tuple[User, ...]) -> None:
    """Whether somebody is missing or held is what others say."""
    seed(stores, Story(number="A"))
    assert Filters.of({"status": "captive"}) == Filters()
    with stores.db.begin() as db:
        db.execute(text("UPDATE persons SET status = 'captive'"))
        assert len(review_queue.page(db, people[0], Filters.of({"status": "missing"})).rows) == 1


def test_filters_stay_with_whoever_set_them(stores: Stores, people: tuple[User, ...]) -> None:
    ada = people[0]
    for number in "ABC":
        seed(stores, Story(number=number, address="https://b.example/c" if number == "B" else "https://a.example/c"))
    with stores.db.begin() as db:
        sources = {address: id_ for id_, address in review_queue.choices(db, ada).sources.items()}
        only_b = Filters(source=sources["https://b.example/c"])
        now = taken(db, ada, filters=only_b)
        assert review_queue.filters_of(db, now) == only_b
        assert review_queue.ahead(db, now, TERMS) is None
        say(db, now, 0)
        assert review_queue.take_after(db, now, TERMS) is Why.EMPTY
        assert taken(db, ada).candidate != now.candidate


def test_a_page_that_is_open_keeps_its_candidate_for_a_while(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, _ = people
    seed(stores)
    brief = Terms(timedelta(seconds=1))
    with stores.db.begin() as db:
        mine = taken(db, ada, brief)
        db.execute(text("UPDATE reviews SET begun_at = begun_at - interval '2 seconds', ends_at = now()"))
        db.execute(text("UPDATE work SET ready_at = now()"))
        assert review_queue.extend(db, mine, brief) > mine.begun_at
        assert review_queue.take(db, ben, brief) is Why.EMPTY
        db.execute(text("UPDATE reviews SET begun_at = begun_at - interval '1 hour', ends_at = now()"))
        until = review_queue.extend(db, mine, brief)
        assert db.execute(text("SELECT :until <= now()"), {"until": until}).scalar()  # nobody keeps it for ever


def test_whose_review_ran_out_finds_what_they_had_written(stores: Stores, people: tuple[User, ...]) -> None:
    ada = people[0]
    seed(stores)
    with stores.db.begin() as db:
        mine = taken(db, ada)
        reviews.describe(db, mine, {"nose": "visible"})
        reviews.keep_draft(db, mine, {"note": "half a word"})
        db.execute(text("UPDATE reviews SET ends_at = now()"))
        db.execute(text("UPDATE work SET ready_at = now()"))
        again = taken(db, ada)
        assert again.token != mine.token
        assert (again.described, again.draft) == ({"nose": "visible"}, {"note": "half a word"})


def with_a_pair(stores: Stores, *, as_film: bool = False) -> tuple[int, Terms]:
    """A known pair of two people of the register, who wait in a film and in a picture; it is always due."""
    first = seed(stores, Story(number="A", address="https://videos.example/c"))
    second = seed(stores, Story(number="B", kind="image", address="https://stills.example/c"))
    with stores.db.begin() as db:
        pair = db.execute(
            text("""
                INSERT INTO known_pairs (genuine, probe_photo_id, person_id, photo_id, engine, distance)
                VALUES (false, :probe, :person, :photo, 'dlib', 0.7) RETURNING id"""),
            {"probe": first.photo, "person": second.person, "photo": second.photo},
        ).scalar_one()
    return pair, Terms(TERMS.lasts, known_pair=lambda _db, _user: Due(pair, as_film))


BOTH = {False: ("https://stills.example/c", "https://videos.example/c")}
BOTH[True] = BOTH[False][::-1]
"""as a film or not -> the source that has such, and the one that has none"""


@pytest.mark.parametrize("as_film", [False, True])
def test_a_known_pair_comes_when_it_is_due(stores: Stores, people: tuple[User, ...], as_film: bool) -> None:
    pair, terms = with_a_pair(stores, as_film=as_film)
    with stores.db.begin() as db:
        found = review_queue.take(db, people[0], terms)
        assert isinstance(found, Taken)
        assert (found.review.known_pair, found.entries[0].subject) == (pair, f"known_pair:{pair}")
        assert found.review.as_film is as_film


@pytest.mark.parametrize("as_film", [False, True])
def test_no_known_pair_comes_where_it_could_be_nothing_else(
    stores: Stores, people: tuple[User, ...], as_film: bool
) -> None:
    _, terms = with_a_pair(stores, as_film=as_film)
    ada, ben, _ = people
    with stores.db.begin() as db:
        sources = {address: id_ for id_, address in review_queue.choices(db, ada).sources.items()}
        such, others = (Filters(source=sources[address]) for address in BOTH[as_film])
        assert review_queue.take(db, ada, terms, Filters(until=date(2000, 1, 1))) is Why.EMPTY
        assert taken(db, ada, terms, others).candidate is not None
        assert taken(db, ben, terms, such).known_pair is not None


@pytest.mark.parametrize("as_film", [False, True])
def test_filters_do_not_tell_a_known_pair_from_what_waits(
    stores: Stores, people: tuple[User, ...], as_film: bool
) -> None:
    pair, terms = with_a_pair(stores, as_film=as_film)
    ada = people[0]
    with stores.db.begin() as db:
        sources = {address: id_ for id_, address in review_queue.choices(db, ada).sources.items()}
        such, others = (Filters(source=sources[address]) for address in BOTH[as_film])
        mine = taken(db, ada, terms)
        reviews.describe(db, mine, {"nose": "visible"})
        never = Terms(TERMS.lasts)
        assert taken(db, ada, never, such).known_pair == pair
        assert taken(db, ada, never, others).known_pair is None
        assert review_queue.take(db, ada, never, Filters(until=date(2000, 1, 1))) is Why.EMPTY
        assert taken(db, ada, never).known_pair == pair, "it waits for its answer"


def test_the_forecast_is_honest(stores: Stores, people: tuple[User, ...]) -> None:
    ada = people[0]
    made = [seed(stores, Story(number=f"{n}")) for n in range(14)]
    with stores.db.begin() as db:
        nothing = review_queue.forecast(db)
        assert (nothing.first, nothing.came_a_day, nothing.decided_a_day, nothing.days_left) == (14, None, None, None)
        assert not nothing.grows
    with stores.owner.begin() as db:
        for _ in range(12):
            say(db, taken(db, ada), -3)
        for table, moment in (("candidates", "created_at"), ("judgements", "judged_at")):
            db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            db.execute(text(f"UPDATE {table} SET {moment} = now() - interval '4 days'"))  # noqa: S608  our own words
        slow = review_queue.forecast(db)
        assert (slow.first, slow.came_a_day, slow.decided_a_day, slow.days_left) == (2, 3.5, 3.0, None)
        assert slow.grows
        db.execute(text("UPDATE candidates SET created_at = now() - interval '7 days'"))
        fine = review_queue.forecast(db)
        assert (fine.came_a_day, fine.days_left) == (2.0, 2.0)
    assert len(made) == 14


def test_what_may_soon_be_gone_is_found_out_later_too(stores: Stores, people: tuple[User, ...]) -> None:
    mine = seed(stores, Story(number="A"))
    lost = [seed(stores, Story(number=f"{n}")) for n in range(3)]
    with stores.db.begin() as db:
        post = "SELECT post_id FROM media_items WHERE blob_id = ANY(:blobs)"
        db.execute(
            text(f"UPDATE posts SET seen = 'gone', missing_since = now() WHERE id IN ({post})"),  # noqa: S608
            {"blobs": [one.blob for one in lost]},
        )
        assert [row.threatened for row in review_queue.page(db, people[0]).rows] == [True, True, True, False]
        assert review_queue.refresh(db) == 1
        assert all(row.threatened for row in review_queue.page(db, people[0]).rows)
        assert review_queue.refresh(db) == 0
        assert mine.candidate in [row.candidate for row in review_queue.page(db, people[0]).rows]


def test_limits_and_pauses(stores: Stores, people: tuple[User, ...]) -> None:
    ada, ben, sue = people
    for number in "ABC":
        seed(stores, Story(number=number))
    limits = care.Limits(items=2, time=timedelta(hours=1), unbroken=timedelta(minutes=30))
    terms = Terms(TERMS.lasts, limits)
    with stores.db.begin() as db:
        now = taken(db, ada, terms)
        say(db, now, 0)
        now = taken(db, ada, terms)
        assert review_queue.ahead(db, now, terms) is None  # she will have had enough
        say(db, now, 0)
        assert review_queue.take(db, ada, terms) is Why.LIMIT
        assert care.at_their_limit(db, limits) == ["ada"]
        for reason, name, who in (("", "ada", sue), ("r", "sue", sue), ("r", "ada", ben), ("r", "nobody", sue)):
            with pytest.raises(care.NotToLift):
                care.lift(db, who, name, reason)
        entry = care.lift(db, sue, "ada", "a convoy is on its way")
        assert (entry.action, entry.subject, entry.reason) == ("limit lifted", "user:ada", "a convoy is on its way")
        assert isinstance(review_queue.take(db, ada, terms), Taken)
        care.pause(db, ben)
        assert review_queue.take(db, ben, terms) is Why.PAUSED
        care.go_on(db, ben)
        assert isinstance(review_queue.take(db, ben, terms), Taken)
    assert limits.at_most(1).items == 1
    assert limits.at_most(0).items == 2
    assert care.Limits().at_most(3).items == 3


def test_a_break_is_due_after_a_while_and_over_after_ten_minutes(stores: Stores, people: tuple[User, ...]) -> None:
    ada = people[0]
    candidate = seed(stores).candidate
    add = text("""
        INSERT INTO reviews (token, reviewer_id, candidate_id, begun_at, ends_at, ended_at, ending)
        VALUES (gen_random_uuid(), :user, :candidate, now() - :begun, now(), now() - :ended, 'judged')""")
    limits = care.Limits(unbroken=timedelta(minutes=30))
    with stores.db.begin() as db:
        now = db.execute(text("SELECT now() - date_trunc('day', now())")).scalar_one()
        if now < timedelta(hours=2):
            pytest.skip("the day is too young")
        for begun, ended in ((100, 90), (40, 21), (19, 2)):
            minutes = {"begun": timedelta(minutes=begun), "ended": timedelta(minutes=ended)}
            db.execute(add, {"user": ada.id, "candidate": candidate, **minutes})
        seen = care.seen(db, ada.id)
        assert (seen.items, seen.at_it) == (3, timedelta(minutes=10 + 19 + 17))
        assert seen.without_break == timedelta(minutes=40)
        assert seen.needs_break(limits)
        assert not seen.needs_break(care.Limits())
        assert seen.is_enough(care.Limits(time=timedelta(minutes=46)))
        db.execute(text("UPDATE reviews SET ended_at = ended_at - interval '9 minutes'"))
        assert care.seen(db, ada.id).without_break is None


def test_the_statements_that_everybody_waits_for_walk_their_index(stores: Stores) -> None:
    queue_bench.fill(stores, 2000)
    asked = {"user": 1, "senior": False, "graphic": 30, "barred": [], "limit": 26}
    asked |= {"after_calm": None, "after_since": None, "after_member": None}
    plans = {review_queue.NEXT: "ix_review_queue_turn", review_queue.FACES: "ix_review_queue_faces"}
    with stores.db.begin() as db:
        for statement, index in plans.items():
            plan = "\n".join(db.execute(text(f"EXPLAIN {ALL.statement(statement).text}"), asked).scalars())
            assert f"using {index}" in plan, plan
            assert "Seq Scan on review_queue" not in plan, plan
