"""A letter leaves only when two people have read it, and says what became of what it told of."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.letters import LetterEvent, LetterState
from storage import letter_book, letters, work
from storage.custody import Action
from storage.letters import DRAFT, FINAL, Move, Which, Written
from storage.stores import Stores
from tests.storage.lettered import BODY, FORM, confirmed, lost, moved, recipient, seen, sent, with_files, written

TODAY = utcnow().date()


def test_a_letter_goes_its_way_from_one_officer_by_another_to_the_answer(stores: Stores) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate)
        assert letters.find(db, made).state is LetterState.WRITTEN  # type: ignore[union-attr]
        with pytest.raises(WrongUse, match="nobody has confirmed them"):
            moved(db, made, "offered")
        confirmed(db, made)
        moved(db, made, "offered")
        with pytest.raises(WrongUse, match="another officer"):
            moved(db, made, "approved", by="ann")
        assert not work.ready(db, FINAL)
        moved(db, made, "approved")
        assert list(work.ready(db, FINAL)) == list(work.ready(db, DRAFT)) == [made]
        with pytest.raises(WrongUse, match="not made yet"):
            moved(db, made, "sent")
        with_files(db, made)
        (entry,) = moved(db, made, "sent")
        assert entry.action is Action.LETTER_MOVED and entry.detail["files"] == {"pdf": "0" * 64, "docx": "0" * 64}
        assert "by post" not in str(entry)
        moved(db, made, "acknowledged", "answered", "answered")
        letter = letters.find(db, made)
        assert letter is not None and (letter.state, letter.sent_on) == (LetterState.ANSWERED, TODAY)
        assert [one.event for one in letters.events(db, made)] == [
            "confirmed", "offered", "approved", "sent", "acknowledged", "answered", "answered",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "note", "days", "why"),
    [
        ("sent", "", 0, "Say why, how or with what"),
        ("sent", "by post", 1, "today at the latest"),
        ("sent", "by post", None, "on which day"),
        ("offered", "", 0, "another state"),
        ("answered", "we know nothing", 0, "another state"),
        ("refused", " ", 0, "Say why"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    stores: Stores, event: str, note: str, days: int | None, why: str
) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate)
        confirmed(db, made)
        moved(db, made, "offered", "approved")
        with_files(db, made)
        dated = None if days is None else TODAY + timedelta(days=days)
        with pytest.raises(WrongUse, match=why):
            letters.move(db, made, Move(LetterEvent(event), "bob", note, dated))


def test_an_answer_is_not_older_than_the_letter(stores: Stores) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = sent(db, found.candidate)
        with pytest.raises(WrongUse, match="before the day"):
            moved(db, made, "answered", dated=TODAY - timedelta(days=1))


def test_editing_makes_another_letter_and_the_approval_is_gone(stores: Stores) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate)
        confirmed(db, made)
        moved(db, made, "offered", "approved")
        said = Written(recipient(db), "uk", "Запит", BODY, False, (found.candidate,), revises=made)
        other, _ = letters.write(db, said, "bob")
        old, new = letters.find(db, made), letters.find(db, other)
        assert old is not None and (old.state, old.revised_by) == (LetterState.REVISED, other)
        assert new is not None and (new.state, new.revises) == (LetterState.WRITTEN, made)
        with pytest.raises(WrongUse, match="another state"):
            moved(db, made, "sent")
        with pytest.raises(WrongUse, match=f"letter {other}"):
            letters.write(db, said, "ann")


def test_what_does_not_stand_any_more_blocks_a_letter_and_calls_for_another_once_it_was_sent(stores: Stores) -> None:
    one, two = seen(stores, "26-1"), seen(stores, "26-2")
    with stores.db.begin() as db:
        waiting, gone = written(db, one.candidate), sent(db, one.candidate, two.candidate)
        confirmed(db, waiting)
        moved(db, waiting, "offered")
    with stores.db.begin() as db:
        lost(db, one.candidate)
    with stores.db.begin() as db:
        blocked, told = letters.find(db, waiting), letters.find(db, gone)
        assert blocked is not None and blocked.blocked and not blocked.again
        assert told is not None and told.again and not told.blocked
        with pytest.raises(WrongUse, match="no possible sighting any more"):
            moved(db, waiting, "approved")
        assert [one.id for one in letters.listed(db, Which.AGAIN)] == [gone]
        said = Written(told.recipient, "uk", "Виправлення", "x", False, (two.candidate,), (one.person,), revises=gone)
        correction, _ = letters.write(db, said, "ann")
        assert letters.find(db, gone).state is LetterState.SENT  # type: ignore[union-attr]
        assert {person.register_number for person in letters.people(db, correction)} == {"26-1", "26-2"}
        moved(db, correction, "offered", "approved")
        with_files(db, correction)
        assert letters.counts(db)[Which.AGAIN] == 1
        moved(db, correction, "sent")
        assert letters.counts(db)[Which.AGAIN] == 0
        with pytest.raises(WrongUse, match="No possible sighting"):
            written(db, one.candidate)


def test_whose_days_are_over_is_overdue_until_the_answer_is_there(stores: Stores) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        late = sent(db, found.candidate, days=10, dated=TODAY - timedelta(days=11))
        sent(db, found.candidate, days=10, dated=TODAY - timedelta(days=10))
        sent(db, found.candidate, days=None, dated=TODAY - timedelta(days=3000))
        assert list(letters.overdue(db)) == [(late, TODAY - timedelta(days=1))]
        assert [one.id for one in letters.listed(db, Which.OVERDUE) if one.overdue] == [late]
        assert letters.counts(db)[Which.OVERDUE] == 1 and letters.counts(db)[Which.AWAITED] == 3
        moved(db, late, "answered")
        assert not letters.overdue(db)


def test_a_letter_that_is_about_nobody_says_nothing_or_too_much_is_none(stores: Stores) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        for said, why in (
            (Written(recipient(db), "uk", "s", "x", False, ()), "Say which"),
            (Written(recipient(db), "uk", " ", "x", False, (found.candidate,)), "subject and a text"),
            (Written(recipient(db), "uk", "s", "⟦⟧", False, (found.candidate,)), "subject and a text"),
            (Written(recipient(db), "uk", "s", "x" * 40_000, False, (found.candidate,)), "too long"),
            (Written(recipient(db), "uk", "s", "x", False, (0,)), "No possible sighting: 0"),
        ):
            with pytest.raises(WrongUse, match=why):
                letters.write(db, said, "ann")


def test_forms_are_confirmed_one_by_one_while_it_is_written(stores: Stores) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate)
        with pytest.raises(WrongUse, match="No such form"):
            letters.confirm(db, made, "somebody", "ann")
        (entry,) = letters.confirm(db, made, FORM, "ann")
        assert FORM not in str(entry.detail)
        moved(db, made, "offered")
        with pytest.raises(WrongUse, match="another state"):
            letters.confirm(db, made, FORM, "ann")


def test_the_database_keeps_letters_as_they_were(stores: Stores) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate)
    with pytest.raises(Exception, match=r"append-only|facts|refuse|denied"), stores.db.begin() as db:
        db.execute(text("UPDATE letters SET body = 'x' WHERE id = :id"), {"id": made})


def test_recipients_retire_and_templates_have_versions(stores: Stores) -> None:
    with stores.db.begin() as db:
        id_ = recipient(db)
        letter_book.retire(db, id_, "ann")
        with pytest.raises(WrongUse, match="not written to"):
            letter_book.retire(db, id_, "ann")
        (one,) = letter_book.recipients(db)
        assert (one.retired_by, one.days) == ("ann", 30)
        for wrong in (("x", "n", "uk", 1), ("icrc", " ", "uk", 1), ("icrc", "n", "fr", 1), ("icrc", "n", "uk", 0)):
            with pytest.raises(WrongUse):
                letter_book.add(db, wrong[0], wrong[1], "", wrong[2], wrong[3], "ann")
        for body in ("first", "second"):
            entry = letter_book.keep(db, one.kind, "uk", "s", body, "ann")
        assert entry.action is Action.TEMPLATE_EDITED and "second" not in str(entry.detail)
        assert [version.body for version in letter_book.versions(db, one.kind, "uk")] == ["second", "first"]
        newest = letter_book.newest(db, one.kind, "uk")
        assert newest is not None and newest.body == "second"
        assert [edited.body for edited in letter_book.edited(db)] == ["second"]
        assert letter_book.newest(db, one.kind, "en") is None
