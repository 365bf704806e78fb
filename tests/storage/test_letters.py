"""A letter leaves only when two people have read it, and says what became of what it told of."""

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.letters import LetterEvent, LetterFormat, LetterState
from storage import letter_book, letters, work
from storage.custody import Action
from storage.database import Engine
from storage.letters import DRAFT, FINAL, File, Move, Which, Written
from storage.stores import Stores
from tests.storage.lettered import (
    BODY,
    FORM,
    approved_on,
    confirmed,
    lost,
    moved,
    noted,
    recipient,
    seen,
    sent,
    with_files,
    written,
)  # fmt: skip

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
        ("sent", "by post", -1, "before the day on which it was approved"),
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


def test_people_stand_in_the_order_in_which_people_count(stores: Stores) -> None:
    numbers = ["26-10", "26-2", "A-3", "26-1", "26-02", "3"]
    found = [seen(stores, number).candidate for number in numbers]
    with stores.db.begin() as db:
        made = written(db, *found)
        about = [one.register_number for one in letters.subjects(db, found).people]
        kept = [one.register_number for one in letters.people(db, made)]
    assert about == kept == ["3", "26-1", "26-02", "26-2", "26-10", "A-3"]


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


APPROVED = (("offered", "ann"), ("approved", "bob"))


@dataclass(frozen=True)
class Rule:
    """What raw SQL tries, and which rule refuses it."""

    broken: str
    tries: tuple[tuple[str, str], ...]
    """events with who noted them: `ann` has written the letter"""
    made: bool = True
    dated: date | None = TODAY


@pytest.mark.parametrize(
    "rule",
    [
        Rule("approved_by_another_than_its_writer", (("offered", "ann"), ("approved", "ann"))),
        Rule("approved_when_it_was_offered", (("approved", "bob"),)),
        Rule("approved_when_it_was_offered", (("offered", "ann"), ("refused", "bob"), ("approved", "bob"))),
        Rule("approved_when_it_was_offered", (("offered", "ann"), ("given up", "ann"), ("approved", "bob"))),
        Rule("sent_as_another_approved_it", (("sent", "ann"),)),
        Rule("sent_as_another_approved_it", (("offered", "ann"), ("sent", "ann"))),
        Rule("sent_as_another_approved_it", (*APPROVED, ("refused", "bob"), ("sent", "bob"))),
        Rule("sent_when_its_files_are_made", (*APPROVED, ("sent", "bob")), made=False),
        Rule("sent_after_it_was_approved", (*APPROVED, ("sent", "bob")),
             dated=TODAY - timedelta(days=1)),
        Rule("sent_after_it_was_approved", (*APPROVED, ("sent", "bob")), dated=None),
    ],
)  # fmt: skip
def test_the_database_itself_lets_nothing_out_without_a_second_person(stores: Stores, rule: Rule) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate, body="plain")
    with pytest.raises(IntegrityError, match=rule.broken.replace("_", " ")), stores.db.begin() as db:
        for event, by in rule.tries:
            noted(db, made, event, rule.dated if event == "sent" else None, by)
            if event == "approved" and rule.made:
                with_files(db, made)
    with stores.db.begin() as db:
        assert letters.find(db, made).sent_at is None  # type: ignore[union-attr]


@pytest.mark.parametrize("format_", ["pdf", "docx", "package"])
def test_no_file_that_may_be_sent_is_kept_of_a_letter_that_nobody_approved(stores: Stores, format_: str) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate, body="plain")
        moved(db, made, "offered")
        letters.keep_file(db, made, File(LetterFormat.DRAFT, "0" * 64, 3, "letters/draft", utcnow()))
    with pytest.raises(IntegrityError, match="files of an approved letter"), stores.db.begin() as db:
        letters.keep_file(db, made, File(LetterFormat(format_), "0" * 64, 3, "letters/x", utcnow()))


def test_what_was_approved_and_then_written_anew_is_not_sent_by_sql_either(stores: Stores) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate, body="plain")
        approved_on(db, made, None)
        said = Written(recipient(db), "uk", "s", "other words", False, (found.candidate,), revises=made)
        other, _ = letters.write(db, said, "bob")
    for id_ in (made, other):
        with pytest.raises(IntegrityError, match="sent as another approved it"), stores.db.begin() as db:
            noted(db, id_, "sent", TODAY)


def test_words_that_an_erasure_changed_after_the_approval_need_it_anew(stores: Stores, owner: Engine) -> None:
    found = seen(stores)
    with stores.db.begin() as db:
        made = written(db, found.candidate, body="plain")
        approved_on(db, made, None)
    with owner.begin() as db:
        db.execute(text("ALTER TABLE letters DISABLE TRIGGER erasable"))
        db.execute(text("UPDATE letters SET body = 'erased' WHERE id = :id"), {"id": made})
        db.execute(text("ALTER TABLE letters ENABLE ALWAYS TRIGGER erasable"))
    with pytest.raises(IntegrityError, match="sent as another approved it"), stores.db.begin() as db:
        noted(db, made, "sent", TODAY)
    with stores.db.begin() as db:
        assert letters.find(db, made).state is LetterState.OFFERED  # type: ignore[union-attr]
        with pytest.raises(WrongUse, match="another state"):
            moved(db, made, "sent")
        moved(db, made, "approved")
        assert list(work.ready(db, FINAL)) == [made]
        moved(db, made, "sent")


def test_an_entry_that_is_withdrawn_blocks_its_letter_and_calls_for_another_once_it_was_sent(stores: Stores) -> None:
    one, two = seen(stores, "26-1"), seen(stores, "26-2")
    with stores.db.begin() as db:
        waiting, gone = written(db, one.candidate, two.candidate), sent(db, one.candidate)
        db.execute(text("UPDATE persons SET status = 'withdrawn' WHERE id = :id"), {"id": one.person})
        blocked, told = letters.find(db, waiting), letters.find(db, gone)
        assert blocked is not None and blocked.blocked
        assert told is not None and told.again
        assert letters.subjects(db, (one.candidate, two.candidate)).fallen == (one.candidate,)
        with pytest.raises(WrongUse, match=f"No possible sighting: {one.candidate}"):
            written(db, one.candidate)


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
