"""From Telegram's objects to our records.  Pure: an answer in, messages out, in the order of their numbers.

A message that cannot be understood is one all the same: it is kept by its number with the fault in its facts, so that
it can be read again, and stops nobody behind it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from json.encoder import encode_basestring_ascii as quoted
from operator import attrgetter
from typing import Any, Final

from telethon.tl import types

from lastseen.clock import iso
from lastseen.records import ChatSeen, FileSeen, MessageSeen, Seen

METHOD: Final = "telegram.message"
"""method of observations that were read from Telegram itself, in whatever way it was asked"""
HASH_VERSION: Final = "telegram.1"
NOT_THERE: Final = "not there"
"""content hash of an observation that a message is missing or gone"""

MEDIA_ENDINGS: Final = (
    (".mp4", "video"), (".mov", "video"), (".mkv", "video"), (".webm", "video"), (".avi", "video"), (".3gp", "video"),
    (".jpg", "image"), (".jpeg", "image"), (".png", "image"), (".webp", "image"), (".heic", "image"), (".gif", "video"),
)  # fmt: skip
"""of files that are sent without a media type that says so"""

_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

MEDIA_TYPE: Final = re.compile(r"[A-Za-z]{1,20}/[A-Za-z0-9.+_-]{1,100}")
UNKNOWN_TYPE: Final = "application/octet-stream"


def answered(given: Iterable[Any]) -> list[Any]:
    """Those messages of an answer that are there."""
    return [one for one in given if type(one) is not types.MessageEmpty]  # isinstance() takes ten times as long


def messages(given: Iterable[Any], chat: ChatSeen) -> tuple[MessageSeen, ...]:
    """What a chat showed; what is not there is left out (see `missing`)."""
    return tuple(sorted((message(one, chat) for one in answered(given)), key=attrgetter("number")))


def message(found: Any, chat: ChatSeen) -> MessageSeen:
    """One message or service message."""
    try:
        return _message(found, chat)
    except Exception as fault:  # noqa: BLE001  whatever it is: a message to read again, and never the end of a reading
        facts = {"not_understood": f"{type(fault).__name__}: {fault}"[:200], "type": type(found).__name__}
        return _made(found.id, chat, None, "", facts)


def missing(number: int, chat: ChatSeen) -> MessageSeen:
    """A message that was looked for and is not there."""
    return MessageSeen(number, permalink(chat, number), None, Seen.MISSING, NOT_THERE, "", {})


def permalink(chat: ChatSeen, number: int) -> str:
    """Where people see it."""
    return f"https://t.me/{chat.username}/{number}" if chat.username else f"https://t.me/c/{chat.chat}/{number}"


def content_hash(
    text: str, published_at: datetime | None, facts: Mapping[str, object], version: str = HASH_VERSION
) -> str:
    """sha256 over what an investigator cares about: text, date and facts, not views or reactions."""
    at = quoted(iso(published_at)) if published_at else "null"
    spelled = f"[{quoted(version)},{quoted(text)},{at},{_json(facts) if facts else '{}'}]"
    return hashlib.sha256(spelled.encode()).hexdigest()


def storable(text: str | None) -> str:
    """Text that a database and a JSON document can hold: no half characters, no NUL."""
    made = text or ""
    if made.isascii() and "\0" not in made:
        return made
    return made.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def usable_type(stated: str) -> str:
    """A media type that a header can hold: whoever uploaded the file has chosen it, line breaks and all."""
    return stated if MEDIA_TYPE.fullmatch(stated) else UNKNOWN_TYPE


def _message(found: Any, chat: ChatSeen) -> MessageSeen:
    if type(found) is types.MessageService:
        facts = {"action": type(found.action).__name__.removeprefix("MessageAction"), **_common(found)}
        return _made(found.id, chat, found.date, "", facts)
    files = tuple(_files(found.media)) if found.media else ()
    facts = dict(_facts(found))
    return _made(found.id, chat, found.date, storable(found.message), facts, _audience(found), files)


def _made(
    number: int,
    chat: ChatSeen,
    published_at: datetime | None,
    text: str,
    facts: Mapping[str, object],
    audience: dict[str, object] | None = None,
    files: tuple[FileSeen, ...] = (),
) -> MessageSeen:
    digest = content_hash(text, published_at, facts)
    return MessageSeen(
        number, permalink(chat, number), published_at, Seen.PRESENT, digest, text, facts, audience, files
    )


# --- facts -------------------------------------------------------------------------------------------------


def _facts(found: Any) -> Iterator[tuple[str, object]]:
    yield from _common(found).items()
    if found.edit_date and not found.edit_hide:  # hidden: reactions and the like were counted, nobody edited
        yield "edited", iso(found.edit_date)
    if found.grouped_id:
        yield "album", str(found.grouped_id)
    if found.fwd_from:
        yield "forwarded_from", _origin(found.fwd_from)
    if found.media:
        yield "media", _media(found.media)
    links = [storable(one.url) for one in found.entities or () if isinstance(one, types.MessageEntityTextUrl)]
    if links:
        yield "links", links


def _common(found: Any) -> dict[str, object]:
    """What messages and service messages may both have."""
    facts: dict[str, object] = {}
    if found.from_id:
        facts["from"] = _peer(found.from_id)
    if found.post_author:
        facts["author"] = storable(found.post_author)
    if found.reply_to:
        facts["reply_to"] = _reply(found.reply_to)
    return facts


def _peer(peer: Any) -> str:
    match peer:
        case types.PeerChannel(channel_id=number):
            return f"channel/{number}"
        case types.PeerUser(user_id=number):
            return f"user/{number}"
        case types.PeerChat(chat_id=number):
            return f"chat/{number}"
    raise ValueError(f"no peer: {type(peer).__name__}")


def _reply(header: Any) -> dict[str, object]:
    if not isinstance(header, types.MessageReplyHeader):
        return {"type": type(header).__name__}
    return _there(
        message=header.reply_to_msg_id,
        thread=header.reply_to_top_id,
        chat=_peer(header.reply_to_peer_id) if header.reply_to_peer_id else None,
        quote=storable(header.quote_text),
    )


def _origin(header: Any) -> dict[str, object]:
    return _there(
        date=iso(header.date) if header.date else None,
        chat=_peer(header.from_id) if header.from_id else None,
        message=header.channel_post,
        name=storable(header.from_name),
        author=storable(header.post_author),
    )


def _there(**facts: object) -> dict[str, object]:
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _audience(found: Any) -> dict[str, object] | None:
    met: dict[str, object] = {}
    if found.views is not None:
        met["views"] = found.views
    if found.forwards is not None:
        met["forwards"] = found.forwards
    if found.replies:
        met["replies"] = found.replies.replies
    if found.reactions and found.reactions.results:
        met["reactions"] = {_reaction(one.reaction): one.count for one in found.reactions.results}
    return met or None


def _reaction(reaction: Any) -> str:
    match reaction:
        case types.ReactionEmoji(emoticon=emoticon):
            return storable(emoticon)
        case types.ReactionCustomEmoji(document_id=number):
            return f"custom:{number}"
    return type(reaction).__name__


# --- files -------------------------------------------------------------------------------------------------


def _media(media: Any) -> dict[str, object]:
    """What a message carries, also where it is nothing that shows faces; without what changes from day to day."""
    facts: dict[str, object] = {"type": type(media).__name__.removeprefix("MessageMedia")}
    carried = list(_carried(media))
    if carried:
        facts["files"] = [_described(one) for one in carried]
    if isinstance(media, types.MessageMediaWebPage) and isinstance(media.webpage, types.WebPage):
        facts["address"] = storable(media.webpage.url)
    return facts


def _carried(media: Any) -> Iterator[Any]:
    match media:
        case types.MessageMediaPhoto():
            yield from (one for one in (media.photo, media.video) if isinstance(one, types.Photo | types.Document))
        case types.MessageMediaDocument(document=types.Document()):
            yield media.document
        case types.MessageMediaPaidMedia():
            for one in media.extended_media:
                if isinstance(one, types.MessageExtendedMedia):  # the others are previews of what is not paid for
                    yield from _carried(one.media)


def _described(file: Any) -> dict[str, object]:
    if isinstance(file, types.Photo):
        return {"file": f"photo/{file.id}", "type": "image/jpeg"}
    facts: dict[str, object] = {"file": f"document/{file.id}", "type": storable(file.mime_type), "size": file.size}
    for one in file.attributes:
        match one:
            case types.DocumentAttributeFilename(file_name=name):
                facts["name"] = storable(name)
            case types.DocumentAttributeVideo():
                facts |= {"seconds": round(one.duration, 3), "width": one.w, "height": one.h}
                if one.round_message:
                    facts["round"] = True
    return facts


def _files(media: Any) -> Iterator[FileSeen]:
    """Each once: paid media may carry a file twice."""
    for one in {one.id: one for one in _carried(media)}.values():
        if isinstance(one, types.Photo):
            yield _photo(one)
        elif kind := _kind(one):
            yield _document(one, kind)


def _kind(document: Any) -> str | None:
    """`video` or `image`; None: it shows nothing that we could look at."""
    by_type = document.mime_type.partition("/")[0]
    if by_type in ("video", "image"):
        return str(by_type)
    names = [one.file_name for one in document.attributes if isinstance(one, types.DocumentAttributeFilename)]
    by_name = [kind for ending, kind in MEDIA_ENDINGS for name in names if name.lower().endswith(ending)]
    if any(isinstance(one, types.DocumentAttributeVideo) for one in document.attributes):
        return "video"
    return by_name[0] if by_name else None


def _document(document: Any, kind: str) -> FileSeen:
    locator = _locator(document, "document", "")
    return FileSeen(f"document/{document.id}", kind, usable_type(document.mime_type), document.size, locator)


def _photo(photo: Any) -> FileSeen:
    """The largest of its sizes."""
    size, name = max((_bytes_of(one), one.type) for one in photo.sizes if _bytes_of(one))
    return FileSeen(f"photo/{photo.id}", "image", "image/jpeg", size, _locator(photo, "photo", name))


def _bytes_of(size: Any) -> int:
    """0 for sizes that are no file of their own (stripped previews)."""
    match size:
        case types.PhotoSize():
            return int(size.size)
        case types.PhotoSizeProgressive():
            return int(max(size.sizes))
    return 0


def _locator(file: Any, kind: str, size: str) -> dict[str, str | int]:
    return {
        "kind": kind,
        "id": str(file.id),
        "access_hash": str(file.access_hash),
        "reference": base64.b64encode(file.file_reference).decode(),
        "dc": file.dc_id,
        "size": size,
    }
