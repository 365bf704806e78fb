"""What an answer of Telegram is made into, and that its own bytes are kept."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from telethon.extensions import BinaryReader
from telethon.tl import types
from telethon.tl.functions import InvokeWithoutUpdatesRequest
from telethon.tl.functions.messages import GetHistoryRequest
from telethon.tl.types import messages as answers

from extractors.telegram import line
from extractors.telegram.messages import HASH_VERSION, content_hash

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "plain", 'a "quote" \\ and a\nline', "їжак \N{PILE OF POO} \x7f\x01"])
@pytest.mark.parametrize("at", [None, NOON, NOON.astimezone(timezone(timedelta(hours=2)))])
@pytest.mark.parametrize("facts", [{}, {"b": [1, "ї", 2.5, None], "a": {"d": True, "c": ""}}])
def test_the_hash_is_over_the_same_json_as_ever(text: str, at: datetime | None, facts: dict[str, object]) -> None:
    """Whoever checks it years later has no code of ours, only this description of it."""
    moment = at and at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spelled = json.dumps([HASH_VERSION, text, moment, facts], sort_keys=True, separators=(",", ":"))
    assert content_hash(text, at, facts) == hashlib.sha256(spelled.encode()).hexdigest()


def test_an_answer_has_the_bytes_that_it_came_in() -> None:
    """Also where reading them loses something: half a character is replaced, and would be written otherwise."""
    post = types.Message(1, types.PeerChannel(1001), NOON, "0123456789")
    sent = bytes(answers.Messages([post], [], [], [])).replace(b"0123456789", b"01234567\xff\xfe")
    request = GetHistoryRequest(types.InputPeerChannel(1001, 0), 0, None, 0, 100, 0, 0, 0)
    request.read_result = line._with_its_bytes
    before, after = b"\1\2\3\4", b"\5\6\7\x08"
    reader = BinaryReader(before + sent + after)
    reader.read(len(before))
    answer = InvokeWithoutUpdatesRequest(request).read_result(reader)
    assert answer.as_received == sent
    assert bytes(answer) != sent
