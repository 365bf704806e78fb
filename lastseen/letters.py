"""Letters to other offices: to whom, of what, and how one goes its way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final


class LetterKind(StrEnum):
    """What kind of office a letter goes to: each has its own template."""

    ICRC = "icrc"
    """the Central Tracing Agency of the International Committee of the Red Cross"""
    BUREAU = "bureau"
    """a national information bureau"""
    POLICE = "police"
    HEADQUARTERS = "headquarters"
    """a coordination headquarters for prisoners of war"""


LETTER_LANGUAGES: Final = ("en", "uk")
"""that letters are written in"""


class LetterEvent(StrEnum):
    """What happens to a letter."""

    CONFIRMED = "confirmed"
    """a generated word form was found right; the note is the form"""
    OFFERED = "offered"
    APPROVED = "approved"
    REFUSED = "refused"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    GIVEN_UP = "given up"
    """nobody waits for an answer any more, or it is not sent after all"""


class LetterState(StrEnum):
    """How far a letter is: the newest event that is no confirmation."""

    WRITTEN = "written"
    OFFERED = "offered"
    APPROVED = "approved"
    REFUSED = "refused"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    GIVEN_UP = "given up"
    REVISED = "revised"
    """another one was written instead, before it was sent"""


MOVES: Final[Mapping[LetterState, frozenset[LetterEvent]]] = {
    LetterState.WRITTEN: frozenset({LetterEvent.OFFERED, LetterEvent.GIVEN_UP}),
    LetterState.OFFERED: frozenset({LetterEvent.APPROVED, LetterEvent.REFUSED, LetterEvent.GIVEN_UP}),
    LetterState.APPROVED: frozenset({LetterEvent.SENT, LetterEvent.REFUSED, LetterEvent.GIVEN_UP}),
    LetterState.REFUSED: frozenset({LetterEvent.GIVEN_UP}),
    LetterState.SENT: frozenset({LetterEvent.ACKNOWLEDGED, LetterEvent.ANSWERED, LetterEvent.GIVEN_UP}),
    LetterState.ACKNOWLEDGED: frozenset({LetterEvent.ANSWERED, LetterEvent.GIVEN_UP}),
    LetterState.ANSWERED: frozenset({LetterEvent.ANSWERED}),
    LetterState.GIVEN_UP: frozenset(),
    LetterState.REVISED: frozenset(),
}
"""what may happen next; offices answer in parts, and after years"""
UNSENT: Final = frozenset({LetterState.WRITTEN, LetterState.OFFERED, LetterState.APPROVED, LetterState.REFUSED})
AWAITED: Final = frozenset({LetterState.SENT, LetterState.ACKNOWLEDGED})
"""an answer is owed"""
DATED: Final = frozenset({LetterEvent.SENT, LetterEvent.ACKNOWLEDGED, LetterEvent.ANSWERED})
"""events that have a day of their own"""
EXPLAINED: Final = frozenset({LetterEvent.REFUSED, LetterEvent.SENT, LetterEvent.ANSWERED, LetterEvent.GIVEN_UP})
"""events that need words: why, how, with what"""


FOR_PAGES: Final = frozenset({LetterEvent.CONFIRMED, LetterEvent.APPROVED, LetterEvent.REFUSED})
"""what nobody writes down who has not read the letter: no command, and no program"""


class LetterFormat(StrEnum):
    """In what a letter is made into files."""

    DRAFT = "draft"
    """a PDF that says on each page that it is none to send"""
    DOCX = "docx"
    PDF = "pdf"
    PACKAGE = "package"
    """the packages of evidence of what it tells of, in one file"""


@dataclass(frozen=True, slots=True)
class LetterSighting:
    """Where somebody was perhaps seen, as letters tell it."""

    id: int
    """of the candidate"""
    permalink: str
    """of the post that was seen first"""
    published_at: datetime | None
    """by the site's own word"""
    first_seen_at: datetime | None
    kind: str
    """of the file: `video` or `image`"""
    start_ms: int
    end_ms: int
    places: int
    """posts that carry the file"""
    sha256: str
    still_key: str | None = None
    """of the picture of the moment, other faces covered, in the derived bucket"""


@dataclass(frozen=True, slots=True)
class LetterPerson:
    """Whom a letter is about."""

    id: int
    register_number: str
    names: Sequence[str]
    birth_year: int | None
    sightings: Sequence[LetterSighting]


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """The case of a group that a letter is about: how many there are, and of how many it is known who they are."""

    title: str
    shown: int
    """people in the recordings together, as somebody counted them, or else as they were found"""
    accounted: int
    """of whom possible sightings stand"""
    open: int
    """of whom nobody said what became of them"""
    since: datetime
    """when the first recording was published, or else first read"""


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What a letter is filled with."""

    office: str
    recipient: str
    address: str
    day: date
    people: Sequence[LetterPerson]
    group: LetterGroup | None = None
    zone: str = "UTC"
    """of the office: the letter's times are in it, and say so"""


def due(sent: date, days: int | None) -> date | None:
    """Until when an answer is expected; None: the recipient answers when they answer."""
    return sent + timedelta(days=days) if days is not None else None
