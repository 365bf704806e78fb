"""How the work on one item ended: one vocabulary for every step and every failure.

A step returns `Done` or `NotDone`; whatever it raises instead is our own bug, and is recorded as a `DEFECT`
by the runner.  `lastseen.lifecycle` says what each class does to the item.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

Made_co = TypeVar("Made_co", covariant=True)


class Fault(StrEnum):
    """Whose fault it is that an item did not get through."""

    WAIT = "WAIT"
    """Nobody's: the server asked us to come back at a moment that it named."""
    STALE = "STALE"
    """The link to it has expired: read its post again, then retry."""
    TRANSIENT = "TRANSIENT"
    """The world's: the same item may well pass after a rest."""
    BLOCKED = "BLOCKED"
    """The site or account refuses us: stop asking, tell the operator."""
    GONE = "GONE"
    """It was seen to be missing.  Our copy, if there is one, stays."""
    SKIPPED = "SKIPPED"
    """A policy that is named in the reason keeps it out (too large, not allowed, no face)."""
    DEFECT = "DEFECT"
    """A malformed file, or our own bug: kept, quarantined, counted."""


class Scope(StrEnum):
    """How far a refusal reaches."""

    ITEM = "item"
    """this page or file only: its neighbours may well be had"""
    SITE = "site"
    """everything that is asked of this site from here: nobody should ask it until the moment that is named, or for a
    while"""


@dataclass(frozen=True, slots=True)
class ObjectToStore:
    """Bytes that must be safe in the object store before the row that names them is written."""

    bucket: str
    """one of `storage.objects.BUCKETS`"""
    key: str
    content: bytes | Path
    sha256: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Done(Generic[Made_co]):
    """The work is finished; `made` is everything that should now be kept."""

    made: tuple[Made_co, ...] = ()
    objects: tuple[ObjectToStore, ...] = ()
    note: str = ""
    flaw: Fault | None = None
    """the item is at fault, but what could be had of it is kept (a truncated video): counted; `note` says why"""
    again: bool = False
    """it is done in part: what was made is kept, and the item is ready again at once, behind those that wait"""


@dataclass(frozen=True, slots=True)
class NotDone(Generic[Made_co]):
    """The work did not get through, and why.  What was learnt on the way is kept all the same."""

    fault: Fault
    why: str
    """one sentence for the operator: what is wrong and, where there is something, what to do"""
    until: datetime | None = None
    """for WAIT and BLOCKED: not before this moment"""
    made: tuple[Made_co, ...] = ()
    objects: tuple[ObjectToStore, ...] = ()
    scope: Scope = Scope.ITEM
    """of a WAIT or BLOCKED"""


Outcome = Done[Made_co] | NotDone[Made_co]
