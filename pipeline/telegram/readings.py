"""What collecting, rechecking and fetching from Telegram share: who reads, what goes wrong, and how it is kept."""

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from ulid import ULID

from extractors.telegram import reading, without
from extractors.telegram.faults import AccountLost, ChatClosed, Unanswered
from extractors.telegram.history import History
from extractors.telegram.line import Line
from extractors.telegram.messages import METHOD
from extractors.telegram.reading import Page, raw_key
from extractors.telegram.reading import joined as pages_joined
from lastseen.clock import utcnow
from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.records import Chat, ChatRole, ChatSeen, Platform, Reading, Source, Wait
from lastseen.settings import Settings
from pipeline.runner import Bench
from pipeline.sources import observing
from pipeline.sources.observing import FETCH
from storage import alerts, erasures, messages, telegram_accounts, telegram_chats, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.messages import Kept
from storage.objects import EVIDENCE
from storage.telegram_accounts import AccountBusy, Reader

RAW_TYPE: Final = "application/octet-stream"
BUSY_REST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Refused:
    """Telegram lets an account in no more, or shows it a source no more."""

    why: str
    account: int | None
    """None: it is about the source"""


Made = Reading | Wait | Refused
More = TypeVar("More")
"""what a step may make of a line's answers beside these"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A source on Telegram, and who reads it."""

    source: Source
    reader: Reader | None
    """None: there is none"""
    chats: tuple[Chat, ...]
    """those that the account can name already"""
    channel: int | None
    """Telegram's id of the channel that the source was read as before, by whatever account"""
    waits: Mapping[str, datetime]
    """kind of request -> until when the account was told to wait with it"""
    barred: frozenset[bytes] = frozenset()
    """hashes of the posts that were erased: what they say is not kept again"""
    known: Mapping[int, str] = field(default_factory=dict)
    """of the channel's messages that are to be read anew next: number -> content hash of the newest look"""

    def chat(self, role: ChatRole) -> Chat | None:
        """The newest of that role that the account can name."""
        return next((chat for chat in reversed(self.chats) if chat.role is role), None)


def desk(db: Connection, source: Source) -> Desk:
    """Who reads a source, and what is known of it."""
    reader = telegram_accounts.of_source(db, source.id)
    known = telegram_chats.known(db, source.id)
    channel = known.chat if known else None
    barred = erasures.barred(db)
    if reader is None:
        return Desk(source, None, (), channel, {}, barred)
    nameable = telegram_chats.chats(db, source.id, reader.id)
    return Desk(source, reader, nameable, channel, telegram_accounts.waits(db, reader.id), barred)


def resolved(desk: Desk, line: Line) -> ChatSeen:
    """The source's channel, asked for by its name: once for each account.  Raises Unanswered."""
    found = reading.resolve(line, desk.source.address.removeprefix("@").partition("/")[0])
    if desk.channel not in (None, found.chat):
        why = "the name belongs to another channel now: add that one as a source of its own, if it is to be watched"
        raise ChatClosed(NotDone(Fault.SKIPPED, why))
    return found


def on_line(desk: Desk, bench: Bench, do: Callable[[Line], Outcome[More]]) -> Outcome[More | Made]:
    """Do something with the account's line.  Whatever Telegram refuses becomes an outcome that says who must know."""
    if desk.reader is None:
        return NotDone(Fault.BLOCKED, "no account reads Telegram yet: `lastseen telegram login NAME` adds one")
    if desk.reader.refusal:
        return NotDone(Fault.BLOCKED, desk.reader.refusal)  # asking again and again would look like an attack
    try:
        line = bench.lines.of(desk.reader.id)
    except AccountBusy as busy:
        return NotDone(Fault.WAIT, str(busy), utcnow() + BUSY_REST)
    except Unanswered as fault:
        return _not_done(desk, fault)
    line.know(desk.waits)
    try:
        outcome: Outcome[More | Made] = do(line)
    except Unanswered as fault:
        outcome = _not_done(desk, fault)
    return replace(outcome, made=(*outcome.made, *line.take_waits()))


def _not_done(desk: Desk, fault: Unanswered) -> NotDone[Made]:
    outcome: NotDone[Made] = replace(fault.outcome)
    match fault:
        case AccountLost():
            why = f"{outcome.why}: log in again with `lastseen telegram login`"
            return replace(outcome, why=why, made=(Refused(why, desk.reader.id if desk.reader else None),))
        case ChatClosed():
            return replace(outcome, made=(Refused(outcome.why, None),))
    return outcome


Brought = tuple[tuple[Reading, ...], tuple[ObjectToStore, ...]]
"""readings, and their raw records"""


NOTHING: Final[Brought] = ((), ())


def brought(role: ChatRole, history: History, known: Mapping[int, str], barred: Container[bytes]) -> Brought:
    """What one reading of a chat's history brought.

    Its raw record is kept where it tells anything new: a message that does not look as it is `known` to.
    """
    read = sorted(history.messages.values(), key=lambda one: one.number)
    made = Reading(
        role=role,
        chat=history.chat,
        account=history.line.account,
        method=METHOD,
        observed_at=history.read_at,
        messages=tuple(read),
        covered=tuple(history.covered),
        first=history.first,
        stated=history.stated,
    )
    is_news = any(known.get(one.number) != one.content_hash for one in read)
    return recorded(made, history.pages, barred, is_news=is_news)


def recorded(read: Reading, pages: Iterable[Page], barred: Container[bytes], *, is_news: bool) -> Brought:
    """A reading with the place of its raw record, and the record; with none where it tells nothing new.

    What was erased by a lawful order is neither in the one nor in the other.
    """
    erased = {one.number for one in read.messages if erased_post(read.chat.chat, one.number) in barred}
    read = replace(read, messages=tuple(one for one in read.messages if one.number not in erased))
    if not is_news or not read.messages:
        return (read,), ()
    raw, sha256 = pages_joined(pages)
    if erased and (left := without.pages(raw, erased, sha256)) is not None:
        raw, sha256 = left, hashlib.sha256(left).hexdigest()
    record = ObjectToStore(EVIDENCE, raw_key(read.chat, read.messages, str(ULID())), raw, sha256, RAW_TYPE)
    return (replace(read, raw_key=record.key, raw_sha256=sha256),), (record,)


def erased_post(chat: int, number: int) -> bytes:
    """What the list of what is not collected calls a message."""
    return erasures.post_hash(Platform.TELEGRAM, f"{chat}/{number}")


def joined(parts: Iterable[Brought]) -> Brought:
    """Several readings as one."""
    every = list(parts)
    return tuple(read for made, _ in every for read in made), tuple(one for _, objects in every for one in objects)


def broken_off(desk: Desk, fault: Unanswered, read: Brought) -> Outcome[Made]:
    """A reading that could not be ended, with what it had brought until then."""
    made, objects = read
    outcome = _not_done(desk, fault)
    if outcome.fault is Fault.TRANSIENT and any(one.messages for one in made):
        return Done(made, objects, note=outcome.why, again=True)  # it got on: the next try begins where this one ended
    return replace(outcome, made=(*made, *outcome.made), objects=objects)


def keep(db: Connection, desk: Desk, made: Made, settings: Settings) -> list[Entry]:
    """Keep one thing that a step made.  Returns what the custody log must say."""
    match made:
        case Wait():
            _keep_wait(db, made, settings)
        case Refused():
            _keep_refusal(db, desk.source, made)
        case Reading():
            return _keep_reading(db, desk.source, made, settings)
    return []


def _keep_wait(db: Connection, wait: Wait, settings: Settings) -> None:
    telegram_accounts.keep_waits(db, [wait])
    if wait.seconds >= settings.telegram_alert_wait_seconds:
        said = f"Telegram asks to wait {wait.seconds} s with {wait.request}"
        alerts.sound(db, alerts.LONG_WAIT, f"telegram account:{wait.account}/{wait.request}", said, wait.until)


def _keep_refusal(db: Connection, source: Source, refused: Refused) -> None:
    if refused.account is None:
        telegram_chats.shut(db, source.id, refused.why)
        alerts.sound(db, alerts.SOURCE_CLOSED, f"source:{source.id}", refused.why)
        return
    telegram_accounts.refuse(db, refused.account, refused.why)
    alerts.sound(db, alerts.ACCOUNT_LOST, f"telegram account:{refused.account}", refused.why)


def _keep_reading(db: Connection, source: Source, read: Reading, settings: Settings) -> list[Entry]:
    kept = messages.keep(db, source.id, read, timedelta(seconds=settings.telegram_gone_after_seconds))
    fresh = set(kept.fresh_items)
    work.offer(db, FETCH, kept.fresh_items, observing.of_media(source, young=True))
    older = [item for item in kept.new_items if item not in fresh]
    work.offer(db, FETCH, older, observing.of_media(source, young=False))
    if read.role is ChatRole.CHANNEL:
        alerts.end(db, alerts.SOURCE_CLOSED, f"source:{source.id}")
    if kept.missing >= settings.telegram_burst:
        observing.tell_of_burst(db, source, kept.missing)
    return _entries(source, read, kept, settings)


def _entries(source: Source, read: Reading, kept: Kept, settings: Settings) -> list[Entry]:
    if not kept.observations:
        return []
    detail = {
        "chat": read.chat.chat,
        "first": read.messages[0].number,
        "last": read.messages[-1].number,
        "posts": len(read.messages),
        "observations": kept.observations,
        "rows": kept.rows,
        "account": read.account,
        "method": read.method,
        "key": read.raw_key,
        "sha256": read.raw_sha256,
        "legal_basis": settings.legal_basis,
    }
    return [Entry(Action.COLLECTED, f"source:{source.id}", detail)]
