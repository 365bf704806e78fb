"""Read video sites: what a page or a list shows now, and the files of one page as the server sends them.

    with Sites(settings, warm=False) as sites:
        found = sites.fetch(address, source, scratch)

Every task runs in a child process of its own, which is killed at its deadline with everything it started: a hang of
the library must not be a hang of the worker, and its threads and globals must not meet ours.  The children are forked
by a program that has imported the library once (`extractors.video_site_forker`): it takes a second to start, so it is
kept for many tasks.
"""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Never, Self, TypeVar

from pydantic import ValidationError

import extractors
from extractors import addresses, processes
from extractors.addresses import NotAllowed
from extractors.keeper import Keeper
from extractors.video_site_messages import ANSWERS, REQUESTS, Answer, Refused, Request, Task
from extractors.video_site_posts import PAGE
from lastseen.outcomes import Fault, NotDone
from lastseen.records import NO_ACCESS, Fetched, Listing, PostSeen, SiteAccess, Source
from lastseen.settings import Settings

__all__ = ["NotAllowed", "Sites", "check_address", "fetch", "read_listing"]

CHECK_SECONDS = 60
LISTING_SECONDS = 300
"""for one listing: LISTING_POSTS entries of a slow site; in proportion for more"""
LISTING_POSTS = 500
LISTING_LONGEST_SECONDS = 3600
ANSWER_BYTES = 64 << 20
"""LISTING_POSTS with their raw records stay far below"""
POST_BYTES = 16 << 10
"""more for each post beyond these"""
MIB = 1 << 20
NOWHERE = Path("/nonexistent")
"""the folder of a child that writes nothing; by Debian's policy there is no such folder"""
PROGRAM: Final = ("-m", "extractors.video_site_forker")
PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")

Made = TypeVar("Made")


class Sites:
    """Reads video sites, one task at a time, for the thread that made it.  Starts when it is first needed."""

    def __init__(self, settings: Settings, *, warm: bool = True) -> None:
        """`warm`: at its start it does once what every task would have to do, which takes longer than one task."""
        self._settings = settings
        self._warmed = settings.allowed_extractors if warm else ()
        self._keeper: Keeper | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; it may be used again."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()

    def check_address(self, address: str) -> None:
        """Raise NotAllowed, with what to do, unless `address` may be a source's.  Asks nobody on the network."""
        if addresses.searched(address) is None:
            addresses.check(address, self._settings.allow_private_addresses)
        answer = self._ask(_request(Task.CHECK, address, address, NOWHERE, self._settings), CHECK_SECONDS)
        if answer.refused is not None:
            raise NotAllowed(answer.refused.why.removeprefix("not allowed: "))

    def read_listing(
        self, source: Source, scratch: Path, access: SiteAccess = NO_ACCESS, *, whole: bool = False
    ) -> Listing | NotDone[Never]:
        """What a source shows now: its newest posts, at most `listing_limit`; a single page is one post.

        With `whole`, at most `listing_whole_limit`.  `scratch` is a folder for whatever the reader writes meanwhile;
        nothing in it is needed afterwards.
        """
        limit = self._settings.listing_whole_limit if whole else self._settings.listing_limit
        request = _request(Task.LIST, source.address, source.address, scratch.resolve(), self._settings, access)
        answer = self._ask(replace(request, listing_limit=limit), listing_seconds(limit))
        return answer.listing or _not_done(answer.refused)

    def read_page(
        self, address: str, source: Source, scratch: Path, access: SiteAccess = NO_ACCESS
    ) -> PostSeen | NotDone[Never]:
        """The page of one post as it is now; its video is not downloaded.  `scratch` as for a listing."""
        request = _request(Task.LIST, address, source.address, scratch.resolve(), self._settings, access)
        answer = self._ask(request, LISTING_SECONDS)
        if answer.listing is None:
            return _not_done(answer.refused)
        if len(answer.listing.posts) != 1 or answer.listing.posts[0].method != PAGE:
            return NotDone(Fault.SKIPPED, "a list, not a video: add it as a source of its own")
        return answer.listing.posts[0]

    def fetch(
        self, address: str, source: Source, scratch: Path, access: SiteAccess = NO_ACCESS
    ) -> Fetched | NotDone[Fetched]:
        """Read the page of one media item again and download its files into `scratch`, unaltered.

        `scratch` belongs to this media item alone.  If it is kept after a fault and given again, the download goes
        on where it stopped, provided that what is on the server is still the same.  A refusal may bring what was
        learnt of the page on the way.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        request = _request(Task.FETCH, address, source.address, scratch.resolve(), self._settings, access)
        answer = self._ask(request, self._settings.fetch_deadline_seconds)
        if answer.fetched is None:
            return _not_done(answer.refused)
        return answer.fetched if answer.refused is None else _not_done(answer.refused, (answer.fetched,))

    def _ask(self, request: Request, deadline: float) -> Answer:
        try:
            return ANSWERS.validate_json(self._said(REQUESTS.dump_json(request), deadline, _most(request)))
        except processes.DeadlinePassed:
            setting = "; LASTSEEN_FETCH_DEADLINE_SECONDS is the limit" if request.task is Task.FETCH else ""
            why = f"it took longer than {deadline:g} s and was stopped{setting}"
            return Answer(refused=Refused(Fault.TRANSIENT, why))
        except processes.TooMuchSaid as fault:
            return Answer(refused=Refused(Fault.DEFECT, f"the reader of video sites said too much: {fault}"))
        except processes.ChildDied as fault:
            kind = Fault.TRANSIENT if fault.status < 0 else Fault.DEFECT
            return Answer(refused=Refused(kind, f"the reader of video sites died, status {fault.status}"))
        except ValidationError:
            return Answer(refused=Refused(Fault.DEFECT, "the reader of video sites gave no answer that can be read"))

    def _said(self, request: bytes, deadline: float, most: int) -> bytes:
        """What a fresh child says, at most so long.  Raises ChildFault; whatever is raised, nothing goes on."""
        child = None
        try:
            child = self._kept().fork()
            child.give(request, [], deadline)
            return child.answer(time.monotonic() + deadline, most)
        except BaseException:
            self.close()
            raise
        finally:
            if child is not None:
                child.close()

    def _kept(self) -> Keeper:
        if self._keeper is not None and not self._keeper.lives():
            self.close()
        if self._keeper is None:
            start = [sys.executable, "-s", "-P", "-B", *PROGRAM]
            self._keeper = Keeper(start, json.dumps(self._warmed).encode(), environment())
            self._keeper.greeted()
        return self._keeper


def check_address(address: str, settings: Settings) -> None:
    """See `Sites`: for a single question."""
    with Sites(settings, warm=False) as sites:
        sites.check_address(address)


def read_listing(source: Source, settings: Settings, scratch: Path) -> Listing | NotDone[Never]:
    """See `Sites`: for a single listing."""
    with Sites(settings, warm=False) as sites:
        return sites.read_listing(source, scratch)


def fetch(address: str, source: Source, settings: Settings, scratch: Path) -> Fetched | NotDone[Fetched]:
    """See `Sites`: for a single page."""
    with Sites(settings, warm=False) as sites:
        return sites.fetch(address, source, scratch)


def listing_seconds(limit: int) -> float:
    """How long reading a list of so many posts may take."""
    return min(LISTING_SECONDS * max(1.0, limit / LISTING_POSTS), max(LISTING_SECONDS, LISTING_LONGEST_SECONDS))


def _most(request: Request) -> int:
    return ANSWER_BYTES + max(0, request.listing_limit - LISTING_POSTS) * POST_BYTES


def _request(
    task: Task, address: str, home: str, scratch: Path, settings: Settings, access: SiteAccess = NO_ACCESS
) -> Request:
    return Request(
        task=task,
        address=address,
        home=home,
        scratch=scratch,
        extractors=settings.allowed_extractors,
        private=settings.allow_private_addresses,
        listing_limit=settings.listing_limit,
        max_bytes=settings.fetch_max_mib * MIB,
        max_seconds=settings.fetch_max_seconds,
        access=access,
        pause=settings.site_request_pause_seconds,
        rate=settings.site_kib_per_second << 10,
    )


def environment() -> dict[str, str]:
    """Nothing of ours reaches the program: no credentials, no configuration, no plugins, no home."""
    root = Path(extractors.__path__[0]).parent
    own = {
        "HOME": str(NOWHERE),
        "PYTHONPATH": str(root),
        "LC_ALL": "C.UTF-8",
        "YTDLP_NO_PLUGINS": "1",
    }
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | own


def _not_done(refused: Refused | None, made: tuple[Made, ...] = ()) -> NotDone[Made]:
    if refused is None:
        return NotDone(Fault.DEFECT, "the reader of video sites answered something else")
    return NotDone(refused.fault, refused.why, until=refused.until, made=made, scope=refused.scope)
