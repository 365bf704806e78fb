"""How a media item of a message is fetched: by the locator that came with the message, or one that is read anew."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from extractors.telegram import files, reading
from extractors.telegram.faults import Unanswered
from extractors.telegram.line import Line
from extractors.telegram.messages import METHOD
from lastseen.clock import utcnow
from lastseen.outcomes import Done, Fault, NotDone, Outcome
from lastseen.records import FetchedFile, FileSeen, MessageSeen, Reading, Seen, Source
from pipeline import scratch
from pipeline.runner import Bench
from pipeline.sources import observing
from pipeline.telegram import readings
from pipeline.telegram.readings import NOTHING, Brought, Desk
from storage import messages, posts
from storage.database import Connection
from storage.posts import Blob, MediaItem

MIB = 1 << 20
NOT_READ_REST = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Held:
    """Telegram gives one id to one and the same file: these bytes are in the evidence already."""

    blob: Blob


@dataclass(frozen=True, slots=True)
class Job:
    """A media item, and who reads its source."""

    item: MediaItem
    desk: Desk
    held: Blob | None
    """the same file, from another message"""
    known: str
    """content hash of the newest look at its message"""


Made = readings.Made | FetchedFile | Held


def load(db: Connection, item: MediaItem, source: Source) -> Job:
    """What is needed to fetch it."""
    known = messages.latest_hashes(db, item.chat or 0, METHOD, [item.number or 0])
    return Job(item, readings.desk(db, source), posts.held_as(db, item.address), known.get(item.number or 0, ""))


def run(job: Job, bench: Bench) -> Outcome[Made]:
    """The file; its message, too, where that had to be read again and looked otherwise."""
    if job.held is not None:
        return Done((Held(job.held),), note="held already")
    if (job.item.size or 0) > bench.settings.fetch_max_mib * MIB:
        why = f"too large ({job.item.size} bytes); LASTSEEN_FETCH_MAX_MIB is the limit"
        return NotDone(Fault.SKIPPED, why)
    return readings.on_line(job.desk, bench, lambda line: _Fetch(job, line, bench).run())


@dataclass(slots=True)
class _Fetch:
    """One try to have the file."""

    job: Job
    line: Line
    bench: Bench
    brought: Brought = NOTHING
    """its message, where that had to be read again"""

    def run(self) -> Outcome[Made]:
        """Raises nothing of Telegram's."""
        try:
            return self._fetched()
        except Unanswered as fault:
            return readings.broken_off(self.job.desk, fault, self.brought)

    def _fetched(self) -> Outcome[Made]:
        file = self._as_known()
        if file is None or not self._has_come(file):
            message = self._read_again()
            file = next((one for one in message.files if one.file == self.job.item.address), None)
            if file is None:
                return self._gone(message)
            files.download(self.line, file, self._partial)
        return self._done(file)

    def _as_known(self) -> FileSeen | None:
        """By the locator that came with the message; None: that was another account's."""
        item = self.job.item
        if not item.locator or item.locator.get("account") != self.line.account:
            return None
        return FileSeen(item.address, item.kind, item.media_type or "", item.size or 0, item.locator)

    def _has_come(self, file: FileSeen) -> bool:
        """False: the locator has expired.  Raises Unanswered."""
        try:
            files.download(self.line, file, self._partial)
        except Unanswered as fault:
            if fault.outcome.fault is Fault.STALE:
                return False
            raise
        return True

    def _read_again(self) -> MessageSeen:
        """Raises Unanswered."""
        chat = next((one for one in self.job.desk.chats if one.id == self.job.item.chat), None)
        if chat is None or self.job.item.number is None:
            why = "the account that reads its source now has not read it yet: it is fetched after the next `collect`"
            raise Unanswered(NotDone(Fault.WAIT, why, utcnow() + NOT_READ_REST))
        page = reading.named(self.line, chat.seen, [self.job.item.number])
        read = Reading(chat.role, page.chat, self.line.account, METHOD, utcnow(), page.messages)
        (message,) = page.messages
        is_news = message.content_hash != self.job.known
        self.brought = readings.recorded(read, [page], self.job.desk.barred, is_news=is_news)
        return message

    def _gone(self, message: MessageSeen) -> Outcome[Made]:
        self._partial.unlink(missing_ok=True)
        made, objects = self.brought
        why = "its message is not there" if message.seen is Seen.MISSING else "its message has another file now"
        return NotDone(Fault.GONE, why, made=made, objects=objects)

    def _done(self, file: FileSeen) -> Outcome[Made]:
        """The file moves to where it is deleted with this item's work."""
        path = self._partial.replace(self.bench.scratch / "media")
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        fetched = FetchedFile(str(path), sha256, file.size, file.media_type)
        made, objects = self.brought
        return Done((*made, fetched), (*objects, observing.original(fetched)), note=f"{file.size} bytes")

    @property
    def _partial(self) -> Path:
        return scratch.partial(self.bench.settings, f"telegram-{self.job.item.address.replace('/', '-')}")
