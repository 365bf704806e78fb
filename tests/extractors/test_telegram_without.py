"""Records of Telegram without some of their messages."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from telethon.extensions import BinaryReader
from telethon.tl import types
from telethon.tl.alltlobjects import LAYER

from extractors.telegram import without
from extractors.telegram.without import NotRewritable

WHEN = datetime(2026, 11, 1, tzinfo=UTC)


def message(number: int, author: int) -> types.Message:
    peer = types.PeerChannel(1001)
    return types.Message(number, peer, date=WHEN, message=f"text {number}", from_id=types.PeerUser(author))


def part(*numbers: int, layer: int = LAYER) -> bytes:
    """An answer with these messages, each by an author of its own, as it is kept."""
    users = [types.User(id=10 * number, first_name=f"author {number}") for number in numbers]
    said = types.messages.ChannelMessages(1, len(numbers), [message(n, 10 * n) for n in numbers], [], [], users)
    body = bytes(said)
    return json.dumps({"layer": layer, "bytes": len(body), "asked": {}}).encode() + b"\n" + body + b"\n"


def test_a_message_goes_with_its_author_and_the_rest_stays_as_it_is() -> None:
    raw = part(1, 2, 3) + part(4)
    sha256 = hashlib.sha256(raw).hexdigest()
    made = without.pages(raw, {2}, sha256)
    assert made is not None
    assert b"text 2" not in made
    assert b"author 2" not in made
    head, _, rest = made.partition(b"\n")
    said = json.loads(head)
    assert (said["derived_from"], said["left_out"], said["asked"]) == (sha256, 1, {})
    answer = BinaryReader(rest[: said["bytes"]]).tgread_object()
    assert [one.id for one in answer.messages] == [1, 3]
    assert [one.id for one in answer.users] == [10, 30]
    assert made.endswith(part(4).partition(b"\n")[2]), "an answer without it is not touched"


def test_what_holds_none_of_them_is_left_alone() -> None:
    assert without.pages(part(1, 2), {7}, "") is None
    assert without.export(b'{"messages": [{"id": 1}]}', {7}, "") is None


def test_an_export_is_written_anew_without_the_message() -> None:
    raw = json.dumps({"name": "News", "id": 1001, "messages": [{"id": 1, "text": "one"}, {"id": 2, "text": "zwei"}]})
    made = without.export(raw.encode(), {2}, "abc")
    assert made is not None
    assert json.loads(made) == {
        "name": "News", "id": 1001, "messages": [{"id": 1, "text": "one"}], "derived_from": "abc", "left_out": 1,
    }  # fmt: skip


def test_what_cannot_be_read_is_not_rewritten() -> None:
    with pytest.raises(NotRewritable, match="layer 3"):
        without.pages(part(1, layer=3), {1}, "")
    with pytest.raises(NotRewritable, match="cannot be read"):
        without.export(b"[]", {1}, "")
