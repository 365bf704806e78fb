"""What Telegram Desktop has exported of a channel (`result.json`): messages out, in the order of their numbers.

An export is somebody's word for what a channel held.  It cannot prove that anything was read completely: messages that
were deleted before are silently absent, whoever exported may have chosen a range of dates, and nobody signs it.  So it
moves no cursor and covers nothing, and what it says is kept beside what was read from Telegram, by a method of its own.

The format is that of Telegram Desktop's `export_output_json.cpp`: one chat (`name`, `type`, `id`, `messages`), or a
whole account, whose `chats` and `left_chats` have a `list` of such chats.  What only the exporter's choices decide
(names and places of files, or that they were left out) is no part of what a message says.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

from extractors.telegram.messages import UNKNOWN_TYPE, content_hash, permalink, storable, usable_type
from extractors.telegram.tokens import Broken, Tokens, Unfit, loaded
from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.records import TELEGRAM_EXPORT, ChatSeen, MessageSeen, Seen

METHOD: Final = TELEGRAM_EXPORT
HASH_VERSION: Final = "telegram.export.1"
CHANNELS: Final = ("public_channel", "private_channel")
"""other chats have ids of their own, which may be the same numbers"""
HIGHEST: Final = (1 << 31) - 1
"""Telegram's message numbers have 32 bits"""
PEER: Final = re.compile(r"(channel|user|chat)(\d{1,19})")
LEFT_OUT: Final = re.compile(r"\([A-Z][a-z]+ (not included|unavailable|exceeds)\b[^()]*\)$")
"""what an export says in place of a path"""
MOVING: Final = ("video_file", "video_message", "animation")
STICKERS: Final = {".webp": ("image", "image/webp"), ".webm": ("video", "video/webm")}
"""the only files of which an export does not say what they are"""
CARRIED: Final = {
    "photo": "Photo",
    "file": "Document",
    "poll": "Poll",
    "location_information": "Geo",
    "contact_information": "Contact",
    "invoice_information": "Invoice",
    "game_title": "Game",
}
"""what a message carries, by the member that says so"""


class NotAnExport(WrongUse):
    """This is no export of the channel; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where the export of one chat stands in a file, in bytes."""

    begin: int
    end: int | None
    """None: to the end"""


@dataclass(frozen=True, slots=True)
class Carried:
    """A picture or video that an export has beside it."""

    path: str
    """as the export states it, relative to its folder"""
    kind: str
    """`video` or `image`"""
    media_type: str


@dataclass(frozen=True, slots=True)
class Exported:
    """One message as an export states it."""

    message: MessageSeen
    carried: tuple[Carried, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """One message that is left out, or all that stand behind one."""

    place: int
    """the how manyth of the export it is, from 1"""
    why: str


def find(file: BinaryIO, channel: int) -> Span:
    """Where a channel's export stands.  Raises NotAnExport."""
    tokens = Tokens(file)
    try:
        if tokens.next() != b"{":
            raise NotAnExport("this is no export of Telegram Desktop: it is no JSON object")
        return _find(tokens, channel)
    except Broken as fault:
        raise NotAnExport(f"no export of channel {channel} was found in it: {fault}") from fault


def messages(file: BinaryIO, chat: ChatSeen) -> Iterator[Exported | Refused]:
    """The messages of one chat's export (see `find`), each number once, rising.  Memory does not grow with the file."""
    tokens, place, last = Tokens(file), 0, 0
    try:
        tokens.next()
        _head(tokens)
        for place, first in enumerate(tokens.items(), 1):
            try:
                made = _exported(loaded(tokens.value(first)), chat)
            except Unfit as fault:
                yield Refused(place, str(fault))
                continue
            if made.message.number <= last:
                yield Refused(place, f"message {made.message.number} stands behind message {last}, or twice")
                continue
            last = made.message.number
            yield made
    except Broken as fault:
        yield Refused(place + 1, f"nothing can be read from here on: {fault}")


# --- the document ------------------------------------------------------------------------------------------


def _find(tokens: Tokens, channel: int) -> Span:
    facts: dict[str, object] = {}
    for key, first in tokens.members():
        if key == "messages":
            if _is(facts, channel):
                return Span(0, None)
            raise NotAnExport(f"this is the export of another chat ({_named(facts)}), and not of channel {channel}")
        if key in ("chats", "left_chats") and first == b"{":
            if span := _find_in_list(tokens, channel):
                return span
        else:
            _note(tokens, facts, key, first)
    raise NotAnExport(f"no export of channel {channel} was found in it")


def _find_in_list(tokens: Tokens, channel: int) -> Span | None:
    """In one of the account's lists of chats, as far as the channel."""
    for key, first in tokens.members():
        if key != "list" or first != b"[":
            tokens.skip(first)
            continue
        for item in tokens.items():
            if item != b"{":
                tokens.skip(item)
            elif span := _find_in_chat(tokens, channel):
                return span
    return None


def _find_in_chat(tokens: Tokens, channel: int) -> Span | None:
    """A chat that has just begun, if it is the channel, to its end or to where it can be followed no more."""
    begin, facts = tokens.begin, dict[str, object]()
    try:
        for key, first in tokens.members():
            if key == "messages" and first == b"[":
                for item in tokens.items():
                    tokens.skip(item)
            else:
                _note(tokens, facts, key, first)
    except Broken:
        if not _is(facts, channel):
            raise
    return Span(begin, tokens.end) if _is(facts, channel) else None


def _head(tokens: Tokens) -> None:
    """Go to where the messages of a chat begin."""
    for key, first in tokens.members():
        if key == "messages" and first == b"[":
            return
        tokens.skip(first)
    raise Broken("it has no messages")


def _note(tokens: Tokens, facts: dict[str, object], key: str, first: bytes) -> None:
    if key not in ("id", "type"):
        tokens.skip(first)
        return
    try:
        facts[key] = loaded(tokens.value(first))
    except Unfit as fault:
        raise Broken(f"its {key} cannot be read: {fault}") from fault


def _is(facts: Mapping[str, object], channel: int) -> bool:
    return facts.get("type") in CHANNELS and facts.get("id") == channel


def _named(facts: Mapping[str, object]) -> str:
    """Without its name."""
    return f"{storable(str(facts.get('type')))[:40]} {storable(str(facts.get('id')))[:20]}"


# --- a message ---------------------------------------------------------------------------------------------


def _exported(found: object, chat: ChatSeen) -> Exported:
    """Raises Unfit."""
    if not isinstance(found, dict):
        raise Unfit("it is no message")
    if found.get("type") not in ("message", "service", "unsupported"):
        raise Unfit("it is of no known type")
    number = _number(found, "id")
    published_at = _moment(found, "date")
    text, facts = _text(found.get("text", "")), dict(_facts(found))
    if published_at is None and "date" in found:
        facts["date"] = _said(found, "date")  # by the clock of whoever exported: older versions say no zone
    message = MessageSeen(
        number,
        permalink(chat, number),
        published_at,
        Seen.PRESENT,
        content_hash(text, published_at, facts, HASH_VERSION),
        text,
        facts,
        _audience(found),
    )
    return Exported(message, tuple(_carried(found)))


def _facts(found: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    if found["type"] != "message":
        yield "action", _said(found, "action") or found["type"]
    if edited := _moment(found, "edited"):
        yield "edited", iso(edited)
    if peer := _peer(found, "from_id") or _peer(found, "actor_id"):
        yield "from", peer
    yield from _there(found, "author", "via_bot", "saved_from").items()
    if "forwarded_from" in found:
        yield "forwarded_from", _origin(found)
    if "reply_to_message_id" in found:
        yield "reply_to", _reply(found)
    if carried := next((kind for name, kind in CARRIED.items() if name in found), ""):
        yield "media", {"type": carried, **_there(found, "media_type", "mime_type", "file_name"), **_sizes(found)}
    if links := _links(found.get("text_entities") or found.get("text")):
        yield "links", links


def _there(found: Mapping[str, Any], *names: str) -> dict[str, object]:
    said = {name: _said(found, name) for name in names}
    return {name: value for name, value in said.items() if value}


def _sizes(found: Mapping[str, Any]) -> dict[str, object]:
    sizes = {name: found.get(name) for name in ("duration_seconds", "width", "height")}
    return {name: value for name, value in sizes.items() if type(value) is int}


def _origin(found: Mapping[str, Any]) -> dict[str, object]:
    name, peer = _said(found, "forwarded_from"), _peer(found, "forwarded_from_id")
    return {**({"name": name} if name else {}), **({"chat": peer} if peer else {})}


def _reply(found: Mapping[str, Any]) -> dict[str, object]:
    peer = _peer(found, "reply_to_peer_id")
    return {"message": _number(found, "reply_to_message_id"), **({"chat": peer} if peer else {})}


def _links(parts: object) -> list[str]:
    """Addresses that stand behind other words."""
    if not isinstance(parts, list):
        return []
    return [storable(one["href"]) for one in parts if isinstance(one, dict) and isinstance(one.get("href"), str)]


def _audience(found: Mapping[str, Any]) -> dict[str, object] | None:
    """Reactions; of views and forwards an export says nothing."""
    counted = found.get("reactions")
    if not isinstance(counted, list):
        return None
    met = {}
    for one in counted:
        if isinstance(one, dict) and type(one.get("count")) is int:
            custom = _said(one, "document_id")
            met[_said(one, "emoji") or (f"custom:{custom}" if custom else _said(one, "type"))] = one["count"]
    return {"reactions": met} if met else None


def _carried(found: Mapping[str, Any]) -> Iterator[Carried]:
    if found["type"] != "message":
        return
    if _is_there(photo := _said(found, "photo")):
        yield Carried(photo, "image", "image/jpeg")
    if _is_there(file := _said(found, "file")) and (of := _kind(found, file)):
        yield Carried(file, *of)


def _is_there(path: str) -> bool:
    return bool(path) and not LEFT_OUT.search(path)


def _kind(found: Mapping[str, Any], file: str) -> tuple[str, str] | None:
    """`video` or `image`, and the media type; None: it shows nothing that we could look at."""
    media_type = _said(found, "mime_type")
    if (by_type := media_type.partition("/")[0]) in ("video", "image"):
        return by_type, usable_type(media_type)
    if found.get("media_type") in MOVING:
        return "video", UNKNOWN_TYPE
    if found.get("media_type") == "sticker":
        return next((kind for ending, kind in STICKERS.items() if file.endswith(ending)), None)
    return None


# --- what a member says ------------------------------------------------------------------------------------


def _text(said: object) -> str:
    """Formatted text is a list of texts, and of objects with one."""
    match said:
        case str():
            return storable(said)
        case {"text": str(part)}:
            return storable(part)
        case [*parts] if not any(isinstance(part, list) for part in parts):
            return "".join(map(_text, parts))
    raise Unfit("its text is none")


def _said(found: Mapping[str, Any], name: str) -> str:
    """Empty where it says nothing."""
    value = found.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unfit(f"its {name} is no text")
    return storable(value)


def _number(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or not 0 < value <= HIGHEST:
        raise Unfit(f"its {name} is no number of a message")
    return value


def _moment(found: Mapping[str, Any], name: str) -> datetime | None:
    """None where it is not said, or only by a clock whose zone is not known."""
    value = found.get(f"{name}_unixtime")
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Unfit(f"its {name} is no moment") from None


def _peer(found: Mapping[str, Any], name: str) -> str:
    """As Telegram's own are written; older versions write numbers that tell no kind: those say nothing here."""
    value = found.get(name)
    named = PEER.fullmatch(value) if isinstance(value, str) else None
    return f"{named[1]}/{named[2]}" if named else ""
