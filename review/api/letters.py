"""Letters to other offices, for programs: the list, one letter, and what became of it.

Approving is for the pages, where whoever does it reads the letter; so are the files that leave the office.
"""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field
from starlette.exceptions import HTTPException

from lastseen import letter_marks
from lastseen.errors import WrongUse
from lastseen.letters import FOR_PAGES, LetterEvent, LetterFormat, LetterKind, LetterState
from lastseen.words import words
from review.api.door import NO_NUL, Call, Day, Given, Id, Told
from review.letters.letters import LONGEST_NOTE
from storage import custody, letters
from storage.custody import Action
from storage.database import Connection
from storage.letters import Letter, Move, Which

# --- what is sent ------------------------------------------------------------------------------------------


class WhichLetters(Given):
    """Which letters are listed, and from where on."""

    show: Which = Which.ALL
    before: Id | None = Field(None, description="`before` of the page before")


class EventGiven(Given):
    """What happened to a letter."""

    event: LetterEvent = Field(
        strict=False,
        description="`offered`, `sent`, `acknowledged`, `answered` or `given up`: others: on the pages",
    )
    dated: Day | None = Field(None, strict=False, description="the day of sending, receipt or answer")
    note: Annotated[str, Field(max_length=LONGEST_NOTE, pattern=NO_NUL)] = Field(
        "", description="how, with what, or why"
    )


# --- what is told ------------------------------------------------------------------------------------------


class LetterLine(Told):
    """A letter, without whom it is about."""

    id: int
    recipient: int
    recipient_name: str
    kind: LetterKind
    case: int | None = Field(description="of a group")
    language: str
    state: LetterState
    made_by: str
    made_at: datetime
    sent_on: date | None
    due: date | None = Field(description="until when an answer is expected; null: none is, or nobody knows")
    overdue: bool
    blocked: bool = Field(description="not sent, and something that it tells of does not stand any more")
    again: bool = Field(description="sent, and something that it told of does not stand any more")
    people: int
    sightings: int
    revises: int | None
    revised_by: int | None


class Letters(Told):
    """A page of letters, the newest first."""

    rows: tuple[LetterLine, ...]
    before: int | None = Field(description="where the next page goes on; null: this is the last")


class EventTold(Told):
    """What happened to a letter."""

    event: LetterEvent
    dated: date | None
    note: str
    noted_by: str
    noted_at: datetime


class FileTold(Told):
    """A file that was made of it, and that may be had on the pages as long as its approval holds."""

    format: LetterFormat
    sha256: str
    size: int
    made_at: datetime


class LetterTold(LetterLine):
    """One letter."""

    subject: str
    body: str
    to_confirm: tuple[str, ...] = Field(description="generated word forms that nobody has confirmed")
    with_package: bool
    about: tuple[str, ...] = Field(description="register numbers")
    candidates: tuple[int, ...] = Field(description="possible sightings that it tells of")
    events: tuple[EventTold, ...]
    files: tuple[FileTold, ...]


# --- what is done ------------------------------------------------------------------------------------------


def listed(call: Call, asked: WhichLetters) -> Letters:
    """Letters, the newest first.  The list names nobody."""
    with call.desk.stores.db.begin() as db:
        found = letters.listed(db, asked.show, asked.before)
    rows = found[: letters.MOST]
    before = rows[-1].id if len(found) > letters.MOST else None
    return Letters(rows=tuple(map(LetterLine.model_validate, rows)), before=before)


def letter(call: Call) -> LetterTold:
    """One letter: whoever reads it is not asked about the people whom it is about any more."""
    with call.desk.stores.db.begin() as db:
        return _told(db, call, _found(db, call.id))


def note(call: Call, given: EventGiven) -> LetterTold:
    """Write down what happened to a letter.  Whether it may leave is decided on its page, by somebody who reads it."""
    if given.event in FOR_PAGES:
        raise WrongUse(words("That is for the pages, where whoever does it reads the letter."))
    with call.desk.stores.db.begin() as db:
        _found(db, call.id)
        entries = letters.move(db, call.id, Move(given.event, call.user.name, given.note, given.dated))
        custody.append_all(db, call.user.name, entries)
    with call.desk.stores.db.begin() as db:
        return _told(db, call, _found(db, call.id))


def _found(db: Connection, id_: int) -> Letter:
    found = letters.find(db, id_)
    if found is None:
        raise HTTPException(404)
    return found


def _told(db: Connection, call: Call, found: Letter) -> LetterTold:
    """Call it last in the transaction."""
    people = letters.shown(db, found.id, call.user)
    custody.append(db, call.user.name, Action.VIEWED, f"letter:{found.id}")
    line = LetterLine.model_validate(found)
    return LetterTold(
        **line.model_dump(),
        subject=letter_marks.plain(found.subject),
        body=letter_marks.plain(found.body),
        to_confirm=tuple(piece.text for piece in letters.unconfirmed(db, found)),
        with_package=found.with_package,
        about=tuple(one.register_number for one in people),
        candidates=letters.candidates(db, found.id),
        events=tuple(map(EventTold.model_validate, letters.events(db, found.id))),
        files=tuple(FileTold.model_validate(one) for one in letters.files(db, found.id) if letters.stays(found, one)),
    )
