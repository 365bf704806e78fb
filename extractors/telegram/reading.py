"""What a line can be asked for, in pages of at most 100 messages, each with the answer as it was received.

Telegram counts from new to old; `offset_id` c + 1 with `add_offset` -100 is the page of the oldest messages from c + 1
on (https://core.telegram.org/api/offsets).  A page may be short without being the last one; only an empty one proves
that nothing follows.  What lies between the bound that was asked from and the last number of the page is read: whatever
is not in the page does not exist (any more).

What is kept are the bytes from the wire, decrypted and unpacked, with the layer by which they are to be read.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from telethon.tl import types
from telethon.tl.functions.channels import GetFullChannelRequest, GetMessagesRequest
from telethon.tl.functions.contacts import ResolveUsernameRequest
from telethon.tl.functions.messages import GetHistoryRequest

from extractors.telegram.faults import ChatClosed
from extractors.telegram.line import LAYER, Line, kind_of
from extractors.telegram.messages import answered, messages, missing, storable
from lastseen.clock import iso, utcnow
from lastseen.outcomes import Fault, NotDone
from lastseen.records import ChatSeen, MessageSeen

PAGE: Final = 100
"""messages that Telegram gives at once"""
RAW_VERSION: Final = "lastseen.telegram.1"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    messages: tuple[MessageSeen, ...]
    """in the order of their numbers"""
    chat: ChatSeen
    """as the answer describes it: names change"""
    stated: int | None
    """how many messages it says that it has"""
    raw: bytes
    """the answer as received, below a line of JSON that says what was asked"""


def resolve(line: Line, username: str) -> ChatSeen:
    """The channel of this name.  Ask once: many such requests earn bans.  Raises faults.Unanswered."""
    found = line.ask(ResolveUsernameRequest(username))
    chats = [one for one in found.chats if isinstance(one, types.Channel)]
    if not chats:
        raise ChatClosed(NotDone(Fault.SKIPPED, "this is no channel but a person or a bot, which are not watched"))
    return _chat(chats[0])


def discussion(line: Line, channel: ChatSeen) -> ChatSeen | None:
    """The discussion that is linked to a channel; None: it has none that can be read.  Raises faults.Unanswered."""
    found = line.ask(GetFullChannelRequest(_channel(channel)))
    linked = found.full_chat.linked_chat_id
    chats = [one for one in found.chats if isinstance(one, types.Channel) and one.id == linked]
    return _chat(chats[0]) if chats else None


def after(line: Line, chat: ChatSeen, number: int, until: float = math.inf) -> Page:
    """The oldest messages above a number; those after them are on their way already, unless they are above `until`.

    Raises faults.Unanswered.
    """
    asked = _above(number)
    request = _request(chat, asked)
    answer = line.ask(request)
    last = max((one.id for one in answered(answer.messages)), default=number)
    if number < last < until:
        line.ask_ahead(_request(chat, _above(last)))
    return _page(chat, request, answer, asked, number)


def newest(line: Line, chat: ChatSeen) -> Page:
    """The newest messages.  Raises faults.Unanswered."""
    return _history(line, chat)


def since(line: Line, chat: ChatSeen, moment: datetime) -> Page:
    """The oldest messages from a moment on.  Raises faults.Unanswered."""
    page = _history(line, chat, offset_date=moment, add_offset=-PAGE)
    young = tuple(one for one in page.messages if one.published_at is None or one.published_at >= moment)
    return replace(page, messages=young)


def named(line: Line, chat: ChatSeen, numbers: Sequence[int]) -> Page:
    """These messages (at most 100), and for each that is not there that it is missing.  Raises faults.Unanswered."""
    request = GetMessagesRequest(_channel(chat), [types.InputMessageID(number) for number in numbers])
    answer = line.ask(request)
    found = messages(answer.messages, chat)
    there = {one.number for one in found}
    not_there = [missing(number, chat) for number in numbers if number not in there]
    wanted = (one for one in (*found, *not_there) if one.number in set(numbers))
    read = tuple(sorted(wanted, key=lambda one: one.number))
    return Page(read, _renamed(chat, answer), None, _raw(request, answer, {"numbers": [*numbers]}))


def raw_key(chat: ChatSeen, read: Sequence[MessageSeen], ulid: str) -> str:
    """Where the answers of one reading go, by the first and last number in them."""
    first, last = read[0].number, read[-1].number
    return f"raw/telegram/{chat.chat}/{first // 10_000}/{first}-{last}/{ulid}.tl"


def joined(pages: Iterable[Page]) -> tuple[bytes, str]:
    """The answers of one reading behind each other, and their sha256."""
    raw = b"".join(page.raw for page in pages)
    return raw, hashlib.sha256(raw).hexdigest()


def _above(number: int) -> dict[str, Any]:
    return {"offset_id": number + 1, "add_offset": -PAGE}


def _request(chat: ChatSeen, asked: Mapping[str, Any]) -> Any:
    position = {"offset_id": 0, "offset_date": None, "add_offset": 0, **asked}
    peer = types.InputPeerChannel(chat.chat, chat.access_hash)
    return GetHistoryRequest(peer, limit=PAGE, max_id=0, min_id=0, hash=0, **position)


def _history(line: Line, chat: ChatSeen, **asked: Any) -> Page:
    request = _request(chat, asked)
    return _page(chat, request, line.ask(request), asked)


def _page(chat: ChatSeen, request: Any, answer: Any, asked: dict[str, Any], above: int = 0) -> Page:
    read = tuple(one for one in messages(answer.messages, chat) if one.number > above)
    return Page(read, _renamed(chat, answer), getattr(answer, "count", len(read)), _raw(request, answer, asked))


def _renamed(chat: ChatSeen, answer: Any) -> ChatSeen:
    """The chat with the names that an answer gives it, where it does."""
    described = [one for one in answer.chats if isinstance(one, types.Channel) and one.id == chat.chat]
    if not described:
        return chat
    return replace(chat, username=_username(described[0]), title=storable(described[0].title))


def _raw(request: Any, answer: Any, asked: dict[str, Any]) -> bytes:
    """`asked` as a line of JSON, then the answer's bytes, so many as the line says."""
    body: bytes = answer.as_received
    said = {
        "format": RAW_VERSION,
        "layer": LAYER,
        "request": kind_of(request),
        "asked": {name: iso(value) if isinstance(value, datetime) else value for name, value in asked.items()},
        "received_at": iso(utcnow()),
        "bytes": len(body),
    }
    return json.dumps(said, separators=(",", ":")).encode() + b"\n" + body + b"\n"


def _chat(found: Any) -> ChatSeen:
    if found.access_hash is None:
        raise ChatClosed(NotDone(Fault.BLOCKED, "Telegram does not say how to name this channel"))
    return ChatSeen(found.id, found.access_hash, _username(found), storable(found.title))


def _username(found: Any) -> str:
    usernames = [found.username, *(one.username for one in found.usernames or () if one.active)]
    return next((one for one in usernames if one), "")


def _channel(chat: ChatSeen) -> Any:
    return types.InputChannel(chat.chat, chat.access_hash)
