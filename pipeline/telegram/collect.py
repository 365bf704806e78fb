"""How a source on Telegram is collected: one bounded reading of its chats at a time, until nothing is left."""

from dataclasses import dataclass, field, replace
from typing import Final, Self

from extractors.telegram import reading
from extractors.telegram.faults import ChatClosed, Unanswered
from extractors.telegram.history import History
from extractors.telegram.line import Line
from extractors.telegram.messages import METHOD
from lastseen.outcomes import Done, Fault, Outcome
from lastseen.records import Chat, ChatRole, ChatSeen, Source
from pipeline.runner import Bench
from pipeline.telegram import readings, single
from pipeline.telegram.readings import Desk, Made
from storage import messages
from storage.database import Connection

MOST_KNOWN: Final = 10_000
"""messages that a reading is compared with; what it may find beyond these is kept as if it were news"""


def load(db: Connection, source: Source) -> Desk:
    """Who reads it, and how the messages look that are to be read anew."""
    desk = readings.desk(db, source)
    if source.single:
        return single.load(db, desk)
    channel = desk.chat(ChatRole.CHANNEL)
    if channel is None or not channel.again:
        return desk
    known = messages.hashes_from(db, channel.id, METHOD, channel.again[0].first, MOST_KNOWN)
    return replace(desk, known=known)


def run(job: Desk, bench: Bench) -> Outcome[Made]:
    """Read on, at most `telegram_batch_posts` posts; while they are kept, the next are read and their record stored."""
    if job.source.single:
        return single.run(job, bench)
    return readings.on_line(job, bench, lambda line: _collect(job, line, bench))


def _collect(job: Desk, line: Line, bench: Bench) -> Outcome[Made]:
    this = bench.lines.taken(line.account, job.source.id)
    if this is None or not this.goes_on_from(job):
        this = _Round(job, line, bench.settings.telegram_batch_posts).read()
    if this.more and not job.known:
        following = _Round(this.desk_afterwards(), line, bench.settings.telegram_batch_posts)
        bench.lines.read_ahead(line.account, job.source.id, lambda: following.read_and_stored(bench))
    return _outcome(job, this)


def _outcome(job: Desk, this: "_Round") -> Outcome[Made]:
    made, objects = this.brought
    if this.fault is not None:
        return readings.broken_off(job, this.fault, (made, objects))
    note = f"{sum(len(history.messages) for _, history in this.begun)} posts"
    if this.closed:
        return Done(made, objects, note=f"{note}; its discussion: {this.closed}", flaw=Fault.BLOCKED)
    return Done(made, objects, note=f"{note}, and there is more" if this.more else note, again=this.more)


@dataclass(slots=True)
class _Round:
    """One reading of the chats of a source."""

    desk: Desk
    line: Line
    budget: int
    begun: list[tuple[ChatRole, History]] = field(default_factory=list)
    more: bool = False
    """than was to be read now"""
    fault: Unanswered | None = None
    """why it broke off"""
    closed: str = ""
    """why the discussion cannot be read, which is no reason not to read the channel"""
    brought: readings.Brought = readings.NOTHING
    """all that was read, and its raw record"""

    def read(self) -> Self:
        """Whatever Telegram refuses is noted; what was read until then stays."""
        try:
            self.more = self._read()
        except Unanswered as fault:
            self.fault = fault
        known, barred = self.desk.known, self.desk.barred
        self.brought = readings.joined(readings.brought(role, history, known, barred) for role, history in self.begun)
        return self

    def read_and_stored(self, bench: Bench) -> Self:
        """`read`, and the raw record is safe when it is wanted."""
        self.read()
        for record in self.brought[1]:
            bench.store_ahead(record)
        return self

    def goes_on_from(self, desk: Desk) -> bool:
        """Whether it was begun where things stand now: what came before may not be kept, or more be erased since."""
        return _standing(self.desk) == _standing(desk) and self.desk.barred == desk.barred

    def desk_afterwards(self) -> Desk:
        """How things stand once this is kept."""
        known = {chat.seen.chat: chat for chat in self.desk.chats}
        for role, history in self.begun:
            seen = history.chat
            row = known[seen.chat].id if seen.chat in known else 0
            known[seen.chat] = Chat(row, self.desk.source.id, role, seen, history.first, history.held)
        return replace(self.desk, chats=tuple(known.values()), channel=next(iter(known)))

    def _read(self) -> bool:
        """The channel, then its discussion if that is asked for and there is one."""
        known = self.desk.chat(ChatRole.CHANNEL)
        channel = known.seen if known else readings.resolved(self.desk, self.line)
        if self._read_chat(ChatRole.CHANNEL, channel):
            return True
        return self.desk.source.with_comments and self._read_discussion(channel)

    def _read_discussion(self, channel: ChatSeen) -> bool:
        try:
            discussion = reading.discussion(self.line, channel)
            return discussion is not None and self._read_chat(ChatRole.COMMENTS, discussion)
        except ChatClosed as fault:
            self.closed = fault.outcome.why
            return False

    def _read_chat(self, role: ChatRole, seen: ChatSeen) -> bool:
        """Whether more of it is left."""
        history = self._history(role, seen)
        self.begun.append((role, history))
        done = history.read()
        self.budget -= len(history.messages)
        return not done

    def _history(self, role: ChatRole, seen: ChatSeen) -> History:
        known = next((chat for chat in self.desk.chats if chat.seen.chat == seen.chat), None)
        return History(
            self.line,
            seen,
            self.budget,
            since=self.desk.source.since,
            first=known.first if known else None,
            held=known.held if known else (),
            again=known.again if known else (),
        )


def _standing(desk: Desk) -> list[tuple[object, ...]]:
    return [(chat.seen.chat, chat.first, chat.held, chat.again) for chat in desk.chats]
