"""Read video sites: what a page or a list shows now, and one file as the server sends it.

Every task runs in a child process of its own, which is killed at its deadline with everything it started: a hang
of the library must not be a hang of the worker, and its threads and globals must not meet ours.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Never

from pydantic import ValidationError

import extractors
from extractors import addresses, processes
from extractors.addresses import NotAllowed
from extractors.video_site_messages import ANSWERS, REQUESTS, Answer, Refused, Request, Task
from extractors.video_site_posts import PAGE
from lastseen.outcomes import Fault, NotDone
from lastseen.records import NO_ACCESS, Fetched, Listing, PostSeen, SiteAccess, Source
from lastseen.settings import Settings

__all__ = ["NotAllowed", "check_address", "fetch", "read_listing", "read_page"]

CHECK_SECONDS = 60
LISTING_SECONDS = 300
"""for one listing: LISTING_POSTS entries of a slow site; as many times that for as many times more"""
LISTING_POSTS = 500
LISTING_LONGEST_SECONDS = 3600
ANSWER_BYTES = 64 << 20
"""LISTING_POSTS with their raw records stay far below"""
POST_BYTES = 16 << 10
"""more for each post beyond these"""
MIB = 1 << 20
NOWHERE = Path("/nonexistent")
"""the folder of a child that writes nothing; by Debian's policy there is no such folder"""
CHILD = "extractors.video_site_child"
PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")


def check_address(address: str, settings: Settings) -> None:
    """Raise NotAllowed, with what to do, unless `address` may be a source's address.  Asks nobody on the network."""
    if addresses.searched(address) is None:
        addresses.check(address, settings.allow_private_addresses)
    answer = _ask(_request(Task.CHECK, address, address, NOWHERE, settings), CHECK_SECONDS)
    if answer.refused is not None:
        raise NotAllowed(answer.refused.why.removeprefix("not allowed: "))


def read_listing(
    source: Source, settings: Settings, scratch: Path, access: SiteAccess = NO_ACCESS, *, whole: bool = False
) -> Listing | NotDone[Never]:
    """What a source shows now: its newest posts, at most `listing_limit`; a single page is one post.

    With `whole`, at most `listing_whole_limit`.  `scratch` is a folder for whatever the reader writes meanwhile;
    nothing in it is needed afterwards.
    """
    limit = settings.listing_whole_limit if whole else settings.listing_limit
    request = _request(Task.LIST, source.address, source.address, scratch.resolve(), settings, access)
    answer = _ask(replace(request, listing_limit=limit), _listing_seconds(limit))
    return answer.listing or _not_done(answer.refused)


def read_page(
    address: str, source: Source, settings: Settings, scratch: Path, access: SiteAccess = NO_ACCESS
) -> PostSeen | NotDone[Never]:
    """The page of one post as it is now; its video is not downloaded."""
    request = _request(Task.LIST, address, source.address, scratch.resolve(), settings, access)
    answer = _ask(request, LISTING_SECONDS)
    if answer.listing is None:
        return _not_done(answer.refused)
    if len(answer.listing.posts) != 1 or answer.listing.posts[0].method != PAGE:
        return NotDone(Fault.SKIPPED, "a list, not a video: add it as a source of its own")
    return answer.listing.posts[0]


def _listing_seconds(limit: int) -> float:
    return min(LISTING_SECONDS * max(1.0, limit / LISTING_POSTS), max(LISTING_SECONDS, LISTING_LONGEST_SECONDS))


def fetch(
    address: str, source: Source, settings: Settings, scratch: Path, access: SiteAccess = NO_ACCESS
) -> Fetched | NotDone[Never]:
    """Read the page of one media item again and download its file into `scratch`, unaltered.

    `scratch` belongs to this media item alone.  If it is kept after a TRANSIENT fault and given again, the
    download goes on where it stopped, provided that the file on the server is still the same one.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    request = _request(Task.FETCH, address, source.address, scratch.resolve(), settings, access)
    answer = _ask(request, settings.fetch_deadline_seconds)
    return answer.fetched or _not_done(answer.refused)


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


def _ask(request: Request, deadline: float) -> Answer:
    command = [sys.executable, "-m", CHILD]
    environment = _environment(request.scratch)
    try:
        said = processes.run(command, REQUESTS.dump_json(request), deadline, _most(request), environment)
        return ANSWERS.validate_json(said)
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


def _most(request: Request) -> int:
    return ANSWER_BYTES + max(0, request.listing_limit - LISTING_POSTS) * POST_BYTES


def _environment(scratch: Path) -> dict[str, str]:
    """Nothing of ours reaches the child: no credentials, no configuration, no plugins; its home is its scratch."""
    root = Path(extractors.__path__[0]).parent
    own = {
        "HOME": str(scratch),
        "XDG_CONFIG_HOME": str(scratch),
        "XDG_CACHE_HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "YTDLP_NO_PLUGINS": "1",
    }
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | own


def _not_done(refused: Refused | None) -> NotDone[Never]:
    if refused is None:
        return NotDone(Fault.DEFECT, "the reader of video sites answered something else")
    return NotDone(refused.fault, refused.why, until=refused.until, scope=refused.scope)
