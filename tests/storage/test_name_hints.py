"""Hints where people look at them: with a candidate, in a list, in a case."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from lastseen.records import NameHint, NameReason, Verdict
from storage import cases, name_hints
from storage.stores import Stores
from tests.review.seeding import Seeded, Story, seed

REASON = NameReason("surname", "Example's", "Example", Verdict.AGREES, "in Latin letters")
MATCHER = "test-1"


@pytest.fixture
def seeded(stores: Stores) -> Seeded:
    return seed(stores)


def hint(person: int, score: float = 0.6) -> NameHint:
    return NameHint(person, score, (REASON,), 2)


def keep(stores: Stores, *hints: NameHint, matcher: str = MATCHER) -> name_hints.Kept:
    """Hints in the first observation."""
    with stores.db.begin() as db:
        said = name_hints.words(db, 0)[0]
        return name_hints.keep(db, matcher, name_hints.look(db, 0), {said: hints})


def test_a_candidate_has_the_hints_at_its_person_in_posts_with_its_file(stores: Stores, seeded: Seeded) -> None:
    other = seed(stores, Story(number="HC-2", permalink="https://videos.example/watch/2"))
    keep(stores, hint(seeded.person), hint(other.person))
    with stores.db.begin() as db:
        (found,) = name_hints.of_candidate(db, seeded.candidate)
        assert name_hints.of_candidate(db, other.candidate) == [], "the post that names it carries another file"
    assert (found.register_number, found.reasons, found.namesakes) == ("HC-0001", (REASON,), 2)
    assert found.candidates == (seeded.candidate,)


def test_keeping_makes_the_hints_those_that_were_found(stores: Stores, seeded: Seeded) -> None:
    assert keep(stores, hint(seeded.person)) == name_hints.Kept(1, 1, 0)
    assert keep(stores, hint(seeded.person)) == name_hints.Kept(1, 0, 0)
    assert keep(stores, replace(hint(seeded.person), score=0.9)) == name_hints.Kept(1, 0, 0)
    with stores.db.begin() as db:
        assert [one.score for one in name_hints.listed(db)] == [0.9]
    assert keep(stores, hint(seeded.person), matcher="test-2") == name_hints.Kept(1, 1, 1), "another matcher's went"
    assert keep(stores, matcher="test-2") == name_hints.Kept(0, 0, 1)


def test_hints_may_move_every_candidate_of_a_blocks_posts(stores: Stores, seeded: Seeded) -> None:
    """Open ones, too: whom they displaced may be found only in another file with the same footage."""
    with stores.db.begin() as db:
        assert name_hints.ranked(db, 0) == [seeded.blob]
        assert name_hints.ranked(db, 1) == []


def test_who_was_found_meanwhile_gets_no_hint(stores: Stores, seeded: Seeded) -> None:
    with stores.db.begin() as db:
        db.execute(text("UPDATE persons SET status = 'found'"))
    assert keep(stores, hint(seeded.person)) == name_hints.Kept(1, 0, 0)
    with stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM name_hints")).scalar_one() == 0


def test_pages_go_from_the_newest_on_and_back_and_say_how_many_there_are(stores: Stores, seeded: Seeded) -> None:
    others = [seed(stores, Story(number=f"HC-{n}", permalink=f"https://videos.example/watch/{n}")) for n in (2, 3)]
    keep(stores, *(hint(one.person) for one in (seeded, *others)))
    keep(stores, hint(seeded.person), *(hint(one.person) for one in others), matcher="test-2")
    with stores.db.begin() as db:
        ids = [one.id for one in sorted(name_hints.listed(db), key=lambda one: -one.id)]
        first = name_hints.page(db, 2)
        second = name_hints.page(db, 2, older_than=first.older)
        back = name_hints.page(db, 2, newer_than=second.newer)
        beyond = name_hints.page(db, 2, older_than=ids[-1])
    assert [[one.id for one in page.rows] for page in (first, second, back)] == [ids[:2], ids[2:], ids[:2]]
    beside = [(page.newer, page.older) for page in (first, second, back)]
    assert beside == [(None, ids[1]), (ids[2], None), (None, ids[1])]
    assert not first.more
    assert (first.total, beyond.total, beyond.rows, beyond.newer, beyond.older) == (3, 3, (), None, None)


def test_a_page_says_where_counting_ended(stores: Stores, seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    other = seed(stores, Story(number="HC-2", permalink="https://videos.example/watch/2"))
    keep(stores, hint(seeded.person), hint(other.person))
    for most, told in ((1, (1, True)), (2, (2, False))):
        monkeypatch.setattr(name_hints, "MOST_COUNTED", most)
        with stores.db.begin() as db:
            page = name_hints.page(db, 1)
        assert (page.total, page.more) == told


def test_a_case_tells_what_words_say_of_its_person_and_of_nobody_else(stores: Stores, seeded: Seeded) -> None:
    other = seed(stores, Story(number="HC-2", permalink="https://videos.example/watch/2"))
    keep(stores, hint(seeded.person), hint(other.person))
    with stores.db.begin() as db:
        case = cases.of_candidate(db, seeded.candidate)
        of_blob = cases.of_blob(db, case.sighted[0].blob) if case else None
    assert case and of_blob
    assert [one.register_number for one in case.named] == ["HC-0001"]
    assert "words:0" in case.subjects
    assert of_blob.named == (), "nothing of who may be in it"


def test_the_words_of_a_post_are_its_title_and_its_text(stores: Stores, seeded: Seeded) -> None:
    with stores.db.begin() as db:
        assert [one.text for one in name_hints.words(db, 0)] == ["A convoy arrives\n\nFilmed this morning."]
