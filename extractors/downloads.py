"""Fetch one file whose size and sha256 are known beforehand, in as many attempts as the network needs.

What has arrived is kept as `NAME.part` and gone on with, also by a later call.  That takes no trust in the server: the
finished file is put in place only when its sha256 is the known one, and a part that turns out to be wrong is thrown
away.  A file that is there already is not touched before.
"""

import errno
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import httpx

from extractors.addresses import is_here, is_shielded
from lastseen import __version__
from lastseen.errors import Failure

REDIRECTS: Final = 5
BY_HAND: Final = "get the file elsewhere and give it with --from FILE"
BLOCK: Final = 1 << 20

Told = Callable[[int], None]
"""is told how many bytes are there"""


class NotFetched(Failure):
    """The file was not fetched: its message says why and what can be done."""


class _Again(Exception):
    """This attempt failed in a way that another may not."""


class _Other(Exception):
    """What was fetched is not the file."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for."""

    tries: int = 3
    """in a row that bring nothing new"""
    rest: float = 1.0
    """seconds after the first failure; twice as long after each further one"""
    silence: float = 30.0
    """seconds without a byte that end an attempt"""
    connect: float = 10.0
    """seconds until a server must have answered at all: an office without internet should soon hear of it"""

    @property
    def timeouts(self) -> httpx.Timeout:
        """As the client takes them."""
        return httpx.Timeout(self.silence, connect=self.connect)


PATIENT: Final = Patience()


def fetch(url: str, target: Path, size: int, sha256: str, told: Told, patience: Patience = PATIENT) -> Path:
    """The file, whole and hashed, as `target`.part; `install` puts it in place.

    Goes on with what an earlier attempt left.  Raises NotFetched.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab+") as opened, _alone(part, opened):
            _fill(url, opened, size, sha256, told, patience)
    except OSError as fault:
        raise NotFetched(_disk(fault, target, size)) from fault
    return part


def install(part: Path, target: Path) -> None:
    """Put a fetched file in its place, all at once, so that it outlives a loss of power.  Raises NotFetched."""
    try:
        part.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as fault:
        raise NotFetched(_disk(fault, target, 0)) from fault


def take(source: Path, target: Path, size: int, sha256: str) -> Path:
    """As `fetch`, from a file of this machine."""
    part = target.with_name(f"{target.name}.part")
    if not source.is_file():
        raise NotFetched(f"{source} is not there, or no file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as given, part.open("ab+") as opened, _alone(part, opened):
            opened.truncate(0)
            while block := given.read(BLOCK):
                opened.write(block)
            _finish(opened, size, sha256)
    except _Other as fault:
        part.unlink(missing_ok=True)
        raise NotFetched(f"{source} is not the described file: {fault}") from fault
    except OSError as fault:
        raise NotFetched(_disk(fault, target, size)) from fault
    return part


@contextmanager
def _alone(part: Path, opened: BufferedRandom) -> Iterator[None]:
    """Hold the part against other processes; one that stayed empty is not left behind."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        raise NotFetched(f"{part.stem} is being fetched by another process: wait for it") from fault
    try:
        yield
    finally:
        if not _reached(opened):
            part.unlink(missing_ok=True)


def _fill(url: str, opened: BufferedRandom, size: int, sha256: str, told: Told, patience: Patience) -> None:
    """Attempts until the file is whole and right."""
    failures = 0
    while True:
        before = _reached(opened)
        try:
            _attempt(url, opened, size, told, patience.timeouts)
            _finish(opened, size, sha256)
        except _Again as fault:
            failures = 0 if _reached(opened) > before else failures + 1
            if failures == patience.tries:
                raise NotFetched(f"{url}: {fault}; what arrived is kept: try again later, or {BY_HAND}") from fault
            time.sleep(patience.rest * 2**failures)
        except _Other as fault:
            opened.truncate(0)
            if not before:
                raise NotFetched(f"what {url} gives is not the described file: {fault}") from fault
        else:
            return


def _attempt(url: str, opened: BufferedRandom, size: int, told: Told, timeouts: httpx.Timeout) -> None:
    """Go on where the file ends.  Raises _Again, _Other or NotFetched."""
    there = _reached(opened)
    if there >= size:
        return
    told(there)
    try:
        with _client(url, timeouts) as client, _asked(client, url, there) as response:
            if not _goes_on(response, there, size):
                opened.truncate(0)
                there = 0
            for block in response.iter_raw():  # as it comes: a chunk that is waited for would be lost at a break
                there += len(block)
                if there > size:
                    raise _Other(f"it is larger than {size} bytes")
                opened.write(block)
                told(there)
    except httpx.TransportError as fault:
        raise _Again(f"the connection failed ({type(fault).__name__}: {fault})") from fault
    if there < size:
        raise _Again(f"it ended after {there} of {size} bytes")


def _client(url: str, timeouts: httpx.Timeout) -> httpx.Client:
    """Proxies from the environment are for what is not on this machine."""
    headers = {"User-Agent": f"lastseen/{__version__}", "Accept-Encoding": "identity"}
    return httpx.Client(timeout=timeouts, headers=headers, trust_env=not is_here(url))


@contextmanager
def _asked(client: httpx.Client, url: str, there: int) -> Iterator[httpx.Response]:
    """The answer at the end of the redirects, its status looked at."""
    headers = {"Range": f"bytes={there}-"} if there else {}
    for _ in range(REDIRECTS + 1):
        if not is_shielded(url):
            raise NotFetched(f"{url} is not encrypted, or no address: it is not asked")
        with client.stream("GET", url, headers=headers) as response:
            if not response.has_redirect_location:
                _look(response, url)
                yield response
                return
            url = urljoin(url, response.headers["Location"])
    raise NotFetched(f"{url}: more than {REDIRECTS} redirects")


def _look(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in (408, 429) or status >= 500:
        raise _Again(f"the server is not able to now (status {status})")
    if status in (404, 410):
        raise NotFetched(f"{url} is not there (status {status}): {BY_HAND}")
    if status not in (200, 206, 416):
        raise NotFetched(f"{url} is refused (status {status}): {BY_HAND}")


def _goes_on(response: httpx.Response, there: int, size: int) -> bool:
    """Whether the answer is what is missing; else it is the whole file.  Raises _Other if it is of another size."""
    if response.status_code == 416:
        raise _Other("the server has fewer bytes than arrived")
    if response.status_code == 206:
        said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if said is None or int(said[1]) != there or said[2] not in ("*", str(size)):
            raise _Other("the server goes on elsewhere, or with another file")
        return True
    length = response.headers.get("Content-Length", str(size))
    if length != str(size):
        raise _Other(f"it has {length} bytes, not {size}")
    return False


def _finish(opened: BufferedRandom, size: int, sha256: str) -> None:
    """On the disk and the known one.  Raises _Other."""
    opened.flush()
    os.fsync(opened.fileno())
    if _reached(opened) != size:
        raise _Other(f"it has {_reached(opened)} bytes, not {size}")
    opened.seek(0)
    found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != sha256:
        raise _Other(f"its sha256 is {found[:12]}..., not {sha256[:12]}...")


def _reached(opened: BufferedRandom) -> int:
    return opened.seek(0, os.SEEK_END)


def _disk(fault: OSError, target: Path, size: int) -> str:
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no room for {target.name} in {target.parent}: it needs {size} bytes; what arrived is kept"
    return f"{target} cannot be made: {fault}"
