"""Raw records of Telegram without some messages: what a lawful erasure leaves of a record that tells of others, too.

Such a record is derived, and says so: from which record (by its sha256), and how many messages were left out.
"""

import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from telethon.extensions import BinaryReader
from telethon.tl import types

from extractors.telegram.line import LAYER
from lastseen.errors import Failure

DERIVED: Final = "derived_from"
LEFT_OUT: Final = "left_out"


class NotRewritable(Failure):
    """A record that this version cannot read: it is not erased, and nothing else is either."""


def pages(raw: bytes, numbers: Collection[int], sha256: str) -> bytes | None:
    """A record of answers (`extractors.telegram.reading`) without these messages; None: none of them is in it.

    `sha256`: the record's own.  Raises NotRewritable.
    """
    parts, left_out = [], 0
    for said, body in _parts(raw):
        answer = _read(said, body)
        kept = [one for one in answer.messages if one.id not in numbers or isinstance(one, types.MessageEmpty)]
        gone = len(answer.messages) - len(kept)
        if gone:
            answer.messages = kept
            answer.users = _named_in(kept, answer.users)
            body, left_out = bytes(answer), left_out + gone
            said |= {"bytes": len(body), DERIVED: sha256, LEFT_OUT: gone}
        parts.append(json.dumps(said, separators=(",", ":")).encode() + b"\n" + body + b"\n")
    return b"".join(parts) if left_out else None


def export(raw: bytes, numbers: Collection[int], sha256: str) -> bytes | None:
    """The same of what Telegram Desktop exported of one chat.  The whole export is in memory meanwhile."""
    try:
        said = json.loads(raw)
        kept = [one for one in said["messages"] if one.get("id") not in numbers]
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise NotRewritable(f"the export {sha256} cannot be read: {type(fault).__name__}") from fault
    gone = len(said["messages"]) - len(kept)
    if not gone:
        return None
    said |= {"messages": kept, DERIVED: sha256, LEFT_OUT: gone}
    return json.dumps(said, ensure_ascii=False, indent=1).encode()


def _parts(raw: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    at = 0
    while at < len(raw):
        end = raw.index(b"\n", at)
        said = json.loads(raw[at:end])
        begin, at = end + 1, end + 1 + said["bytes"] + 1
        yield said, raw[begin : at - 1]


def _read(said: dict[str, Any], body: bytes) -> Any:
    if said["layer"] != LAYER:
        raise NotRewritable(
            f"a record was received in layer {said['layer']} of Telegram's protocol, and this version reads {LAYER}:"
            " erase with the version of lastseen that collected it"
        )
    return BinaryReader(body).tgread_object()


def _named_in(kept: list[Any], users: list[Any]) -> list[Any]:
    """Those users whom the messages that stay still refer to."""
    named = {number for one in kept for number in _user_ids(one.to_dict())}
    return [user for user in users if user.id in named]


def _user_ids(said: Any) -> Iterator[int]:
    match said:
        case dict():
            for name, value in said.items():
                if name in ("user_id", "via_bot_id") and isinstance(value, int):
                    yield value
                yield from _user_ids(value)
        case list():
            for value in said:
                yield from _user_ids(value)
