"""What is handed out of somebody, and to whom, why and under which right."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from lastseen.fates import Basis, Contradiction, Side
from lastseen.records import PersonStatus, Says

POSSIBLE: Final = "possible sighting"
"""what a sighting is called in every text that leaves the office"""
CAVEAT: Final = (
    "A possible sighting is no identification: at least two people of the office compared the pictures independently of"
    " each other. Whether it is this person has to be established by other means."
)
CLAIM: Final = "A statement is what somebody said, with where it stands; it is not what this office found."
CONFLICT: Final = "These two contradict each other, by fixed rules; this office resolves nothing by that."
BASES: Final[Mapping[Basis, str]] = {
    Basis.SPOKEN_OF: "the day that it speaks of",
    Basis.DATED: "the day of its document",
    Basis.PUBLISHED: "first published then, and filmed then or before",
    Basis.FIRST_SEEN: "first seen by this office then, and filmed then or before",
}
"""what the day of one side is"""
TOLD: Final[Mapping[Says, str]] = {
    Says.MISSING: "missing",
    Says.ALIVE: "alive",
    Says.CAPTIVE: "held as a captive",
    Says.NOT_HELD: "not held",
    Says.RETURNED: "returned",
    Says.DEAD: "dead (said, and not shown by DNA)",
    Says.DNA: "dead (a body was identified by DNA)",
    Says.FOUND: "found",
    Says.WITHDRAWN: "not looked for any more",
}
"""in English: whoever reads these files is a program, or another office"""


class Format(StrEnum):
    """What can be written."""

    CSV = "csv"
    """tables in a ZIP"""
    PFIF = "pfif"
    """People Finder Interchange Format 1.4"""
    FTM = "ftm"
    """entities of FollowTheMoney, a line of JSON each"""


ENDINGS: Final[Mapping[Format, tuple[str, str]]] = {
    Format.CSV: ("zip", "application/zip"),
    Format.PFIF: ("xml", "application/xml"),
    Format.FTM: ("jsonl", "application/jsonl"),
}
"""how a file ends, and its media type"""


@dataclass(frozen=True, slots=True)
class Handing:
    """One file that is handed out."""

    id: str
    """ULID: it stands in the file and in the custody log"""
    made_at: datetime
    office: str
    """who hands it out; may be empty"""
    domain: str
    """of the office: what its record ids begin with"""
    receiver: str
    purpose: str
    right: str
    """the law, agreement or decision under which it is handed out"""
    expires_at: datetime
    """whoever gets it is to delete it then"""

    @property
    def mark(self) -> str:
        """What stands on it, in one line."""
        by = self.office or "an office that is not named"
        return (
            f"Handed out by {by} to {self.receiver} for this purpose: {self.purpose}; under this right: {self.right};"
            f" export {self.id}, {self.made_at:%Y-%m-%d}. To be deleted by {self.expires_at:%Y-%m-%d}."
        )


@dataclass(frozen=True, slots=True)
class HandedSighting:
    """One possible sighting that stands."""

    candidate: int
    kind: str
    """`video` or `image`"""
    start_ms: int
    end_ms: int
    """in the recording"""
    permalink: str
    """of the post that was seen first; may be empty"""
    published_at: datetime | None
    """the earliest that a platform says"""
    first_seen_at: datetime | None
    places: int
    """posts that carry the recording"""
    sha256: str
    """of the recording"""
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class HandedStatement:
    """One statement that stands."""

    id: int
    says: Says
    body: str
    """who says so"""
    source: str
    reference: str
    dated: date
    since: date | None
    """the day that it speaks of"""
    status: PersonStatus | None
    """what it made of the person; None: it is a claim"""


@dataclass(frozen=True, slots=True)
class HandedPerson:
    """One entry of the register."""

    id: int
    """row id; it stands in the custody log only"""
    number: str
    names: tuple[str, ...]
    birth_year: int | None
    region: str
    status: PersonStatus
    added_at: datetime
    changed_at: datetime
    same: tuple[str, ...]
    """register numbers of entries that are declared to be the same person"""
    sightings: tuple[HandedSighting, ...] = ()
    statements: tuple[HandedStatement, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    """between what stands of this person, or of entries that are declared to be the same one"""

    @property
    def name(self) -> str:
        """The first one."""
        return next((" ".join(name.split()) for name in self.names if name.strip()), self.number)


def side_of(one: Side) -> str:
    """What one side of a contradiction is, as the other parts of a file call it."""
    what = f"statement {one.statement}" if one.statement else f"{POSSIBLE} {one.candidate}"
    return f"{what} of {one.day.isoformat()} ({BASES[one.basis]})"


def told(one: Contradiction) -> str:
    """A contradiction in one line."""
    return f"{str(one.kind).capitalize()}: {side_of(one.one)}, and {side_of(one.other)}. {CONFLICT}"
