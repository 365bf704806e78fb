"""The custody log as the checks of manifests and time stamps need it, gathered while somebody follows it."""

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any

from lastseen.clock import iso
from storage import custody, manifests
from storage.custody import Action, Event, Incident
from storage.merkle import Growing


@dataclass(frozen=True, slots=True)
class Anchor:
    """That the first `size` events were there at a time that is stated outside of the log."""

    size: int
    at: datetime
    where: str


@dataclass(slots=True)
class Day:
    """What the log says of a day, as its manifest would be."""

    digest: Any
    """of hashlib: begun with the first line of the manifest that was made, which the log does not have"""
    objects: int = 0
    first_seq: int = 0
    last_seq: int = 0

    def add(self, event: Event) -> None:
        """One more line."""
        self.digest.update(manifests.line(event))
        self.objects += 1
        self.first_seq = self.first_seq or event.seq
        self.last_seq = event.seq


@dataclass(frozen=True, slots=True)
class Cut:
    """The log at one of its events."""

    root: bytes
    """of the tree of all events up to there"""
    hash: bytes
    """of the event"""


@dataclass(slots=True)
class Log:
    """What was heard so far."""

    times: "Times"
    headers: Mapping[date, bytes]
    """first lines of manifests"""
    sizes: Collection[int]
    """after how many events it is cut"""
    size: int = 0
    at: datetime = custody.BEGINNING
    """of the last event"""
    days: dict[date, Day] = field(default_factory=dict)
    manifested: dict[str, Event] = field(default_factory=dict)
    """by key of the manifest"""
    stamped: dict[str, Event] = field(default_factory=dict)
    """by key of the answer"""
    cuts: dict[int, Cut] = field(default_factory=dict)
    """by number of events"""
    incidents: list[Incident] = field(default_factory=list)
    """events that bear another time than stamps allow"""
    _tree: Growing = field(default_factory=Growing)

    def hear(self, event: Event) -> None:
        """The next event."""
        self.size, self.at = event.seq, event.at
        self._tree.push(event.hash)
        if event.seq in self.sizes:
            self.cuts[event.seq] = Cut(self._tree.frontier.root, event.hash)
        self._note(event)
        self.incidents += self.times.check(event)

    def _note(self, event: Event) -> None:
        if manifests.is_of_an_object(event):
            day = event.at.date()
            if day not in self.days:
                self.days[day] = Day(hashlib.sha256(self.headers.get(day, b"")))
            self.days[day].add(event)
        elif event.action == Action.MANIFESTED:
            self.manifested[str(manifests.detail(event).get("key"))] = event
        elif event.action == Action.STAMPED:
            self.stamped[str(manifests.detail(event).get("key"))] = event


class Times:
    """Holds the times of events against those that are stated outside; each disagreement is told of once.

    An event that a stamp covers was there before the stamp, so it bears no later time.  An event that a signed head
    does not cover was not there when that head was signed, so it bears no earlier one.
    """

    def __init__(self, stamped: Sequence[Anchor], signed: Sequence[Anchor], tolerance: timedelta) -> None:
        """`stamped`: by authorities; `signed`: heads, by the time they bear themselves."""
        self._tolerance, self._told = tolerance, set[str]()
        self._stamped = sorted(stamped, key=lambda one: one.size)
        self._signed = sorted(signed, key=lambda one: one.size)
        self._stamped_sizes = [one.size for one in self._stamped]
        self._signed_sizes = [one.size for one in self._signed]
        # of all stamps from here on the earliest, of all heads up to here the latest
        self._earliest = list(accumulate(reversed(self._stamped), _earlier))[::-1]
        self._latest = list(accumulate(self._signed, _later))

    def check(self, event: Event) -> Iterator[Incident]:
        """What is wrong with the time of an event."""
        where = f"custody event {event.seq}"
        above = bisect_left(self._stamped_sizes, event.seq)
        if above < len(self._earliest):
            stamp = self._earliest[above]
            if event.at > stamp.at + self._tolerance and self._first(stamp):
                said = f"it is dated {iso(event.at)}, and {stamp.where} says that it was there at {iso(stamp.at)}"
                yield Incident(said, where)
        below = bisect_left(self._signed_sizes, event.seq)
        if below:
            head = self._latest[below - 1]
            if event.at < head.at - self._tolerance and self._first(head):
                said = f"it is dated {iso(event.at)}, and was not there when {head.where} was signed at {iso(head.at)}"
                yield Incident(f"{said}: it was dated back", where)

    def _first(self, anchor: Anchor) -> bool:
        fresh = anchor.where not in self._told
        self._told.add(anchor.where)
        return fresh


def _earlier(one: Anchor, other: Anchor) -> Anchor:
    return one if one.at <= other.at else other


def _later(one: Anchor, other: Anchor) -> Anchor:
    return one if one.at >= other.at else other
