"""What the reader of video sites and its child say to each other: one JSON line in, one JSON document out."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import TypeAdapter

from lastseen.outcomes import Fault, Scope
from lastseen.records import NO_ACCESS, Fetched, Listing, SiteAccess


class Task(StrEnum):
    """What the child is to do."""

    CHECK = "check"
    LIST = "list"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Request:
    """One task for one child."""

    task: Task
    address: str
    home: str
    """address of the source: the generic extractor stays on its host"""
    scratch: Path
    """the only folder that the child writes to"""
    extractors: tuple[str, ...]
    private: tuple[IPv4Network | IPv6Network, ...]
    """networks that may be visited though they are not public"""
    listing_limit: int
    max_bytes: int
    max_seconds: float
    """longest video that is fetched, by what its page says"""
    access: SiteAccess = NO_ACCESS
    pause: float = 0.0
    """seconds between two requests for pages"""
    rate: int = 0
    """bytes a second at which a file comes at most; 0: as fast as it may"""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the child did not get through: the fields of a `lastseen.outcomes.NotDone`."""

    fault: Fault
    why: str
    until: datetime | None = None
    scope: Scope = Scope.ITEM


@dataclass(frozen=True, slots=True)
class Answer:
    """At most one of these is set; none: the address passed the check.

    `fetched` and `refused`: the page could be read, its video could not be had.
    """

    listing: Listing | None = None
    fetched: Fetched | None = None
    refused: Refused | None = None


REQUESTS = TypeAdapter(Request)
ANSWERS = TypeAdapter(Answer)
