"""Exports of Telegram Desktop, as it writes them, and as somebody writes them who means harm."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

import pytest

from extractors.telegram import export, tokens
from extractors.telegram.export import Carried, Exported, NotAnExport, Refused, Span
from extractors.telegram.messages import UNKNOWN_TYPE, usable_type
from lastseen.records import ChatSeen, MessageSeen, Seen

NEWS = ChatSeen(1001, 0, "news", "News")
MOMENT = datetime(2024, 7, 13, 10, 0, tzinfo=UTC)


def said(number: int = 1, **members: object) -> dict[str, object]:
    """One message."""
    when = {"date": "2024-07-13T13:00:00", "date_unixtime": str(int(MOMENT.timestamp()))}
    return {"id": number, "type": "message", **when, "text": "", "text_entities": [], **members}


def chat(*messages: object, of: int = 1001, kind: str = "public_channel") -> dict[str, object]:
    """The export of one chat."""
    return {"name": "News", "type": kind, "id": of, "messages": list(messages)}


def account(*chats: object, left: tuple[object, ...] = ()) -> dict[str, object]:
    """The export of a whole account."""
    return {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 5, "phone_number": "+1 555"},
        "contacts": {"about": "", "list": [{"first_name": "A", "phone_number": "+1 556"}]},
        "chats": {"about": "This page lists all chats.", "list": list(chats)},
        "left_chats": {"about": "", "list": list(left)},
    }


def file(document: object) -> BinaryIO:
    raw = document if isinstance(document, bytes) else json.dumps(document, indent=1, ensure_ascii=False).encode()
    return io.BytesIO(raw)


def read(document: object) -> list[Exported | Refused]:
    return list(export.messages(file(document), NEWS))


def one(message: object) -> MessageSeen:
    (found,) = read(chat(message))
    assert isinstance(found, Exported), found
    return found.message


def told(document: object) -> list[int | str]:
    """Numbers of the messages, and why others were refused."""
    return [found.message.number if isinstance(found, Exported) else found.why for found in read(document)]


# --- what it says ------------------------------------------------------------------------------------------


def test_a_message_with_all_that_belongs_to_it() -> None:
    found = one(
        said(
            7,
            edited="2024-07-13T14:00:00",
            edited_unixtime=str(int(MOMENT.timestamp()) + 3600),
            **{"from": "News", "from_id": "channel1001", "author": "Desk", "forwarded_from": "Other"},
            reply_to_message_id=3,
            file="video_files/clip.mp4",
            file_name="clip.mp4",
            thumbnail="video_files/clip.mp4_thumb.jpg",
            media_type="video_file",
            mime_type="video/mp4",
            duration_seconds=9,
            width=640,
            height=360,
            reactions=[{"type": "emoji", "count": 3, "emoji": "+"}, {"type": "paid", "count": 2}],
        )
    )
    assert (found.number, found.permalink, found.published_at) == (7, "https://t.me/news/7", MOMENT)
    assert found.seen is Seen.PRESENT
    assert found.facts == {
        "edited": "2024-07-13T11:00:00.000000Z",
        "from": "channel/1001",
        "author": "Desk",
        "forwarded_from": {"name": "Other"},
        "reply_to": {"message": 3},
        "media": {
            "type": "Document",
            "media_type": "video_file",
            "mime_type": "video/mp4",
            "file_name": "clip.mp4",
            "duration_seconds": 9,
            "width": 640,
            "height": 360,
        },
    }
    assert found.audience == {"reactions": {"+": 3, "paid": 2}}


def test_text_is_plain_or_in_parts_and_links_behind_words_are_kept() -> None:
    link = {"type": "text_link", "text": "here", "href": "https://example.org/"}
    assert one(said(text="plain")).text == "plain"
    found = one(said(text=["see ", link, {"type": "bold", "text": "!"}], text_entities=[link]))
    assert (found.text, found.facts["links"]) == ("see here!", ["https://example.org/"])


def test_a_service_message_says_what_was_done() -> None:
    found = one(said(type="service", action="pin_message", actor="News", actor_id="channel1001", message_id=4))
    assert found.facts == {"action": "pin_message", "from": "channel/1001"}


def test_a_message_that_the_exporter_did_not_know_is_there_all_the_same() -> None:
    found = one({"id": 4, "type": "unsupported"})
    assert (found.number, found.published_at, found.facts) == (4, None, {"action": "unsupported"})


def test_a_date_without_its_zone_is_a_fact_and_no_moment() -> None:
    found = one({"id": 4, "type": "message", "date": "2019-07-13T13:00:00", "text": "old", "from_id": 4300000000})
    assert (found.published_at, found.facts) == (None, {"date": "2019-07-13T13:00:00"})


@pytest.mark.parametrize(
    "place",
    [
        "photos/photo_9@13-07-2024_10-00-00.jpg",
        "(File not included. Change data exporting settings to download.)",
    ],
)
def test_what_the_exporter_chose_is_no_part_of_a_message(place: str) -> None:
    assert one(said(photo=place, width=9, height=9)) == one(said(photo="photos/photo_1.jpg", width=9, height=9))


@pytest.mark.parametrize(
    ("members", "carried"),
    [
        ({"photo": "photos/1.jpg"}, Carried("photos/1.jpg", "image", "image/jpeg")),
        ({"file": "f/1 (2).mp4", "mime_type": "video/mp4"}, Carried("f/1 (2).mp4", "video", "video/mp4")),
        ({"file": "f/1.png", "mime_type": "image/png"}, Carried("f/1.png", "image", "image/png")),
        ({"file": "round/1.mp4", "media_type": "video_message"}, Carried("round/1.mp4", "video", UNKNOWN_TYPE)),
        ({"file": "1", "mime_type": "video/a\r\nb: c"}, Carried("1", "video", UNKNOWN_TYPE)),
        ({"file": "stickers/1.webm", "media_type": "sticker"}, Carried("stickers/1.webm", "video", "video/webm")),
        ({"file": "stickers/1.tgs", "media_type": "sticker"}, None),
        ({"file": "voice/1.ogg", "media_type": "voice_message", "mime_type": "audio/ogg"}, None),
        ({"photo": "(File exceeds maximum size. Change data exporting settings to download.)"}, None),
        ({"photo": "(File unavailable, please try again later)"}, None),
        ({"file": "a.mp4 (File not included. Change data exporting settings.)", "mime_type": "video/mp4"}, None),
    ],
)  # fmt: skip
def test_pictures_and_videos_that_are_beside_it(members: dict[str, Any], carried: Carried | None) -> None:
    (found,) = read(chat(said(**members)))
    assert isinstance(found, Exported)
    assert found.carried == ((carried,) if carried else ())


@pytest.mark.parametrize(
    "stated", ["", "video", "video/mp4\n", "video/mp4\r\nX: y", "video/\u043c", "video/" + "a" * 999]
)
def test_a_media_type_that_would_break_a_header_is_not_used(stated: str) -> None:
    assert usable_type(stated) == UNKNOWN_TYPE
    assert usable_type("image/svg+xml") == "image/svg+xml"


def test_reactions_are_no_part_of_the_content_and_an_edit_is() -> None:
    plain = one(said(text="a"))
    assert (
        one(said(text="a", reactions=[{"type": "emoji", "count": 1, "emoji": "+"}])).content_hash == plain.content_hash
    )
    assert one(said(text="b")).content_hash != plain.content_hash


# --- where it stands ---------------------------------------------------------------------------------------


def test_the_export_of_a_chat_is_taken_whole() -> None:
    assert export.find(file(chat(said())), 1001) == Span(0, None)


@pytest.mark.parametrize("left", [False, True])
def test_of_the_export_of_an_account_the_channel_is_taken_and_nothing_else(left: bool) -> None:
    other = chat(said(1, text="private"), of=7, kind="personal_chat")
    same_number = chat(said(1, text="private"), kind="personal_chat")
    ours = chat(said(4), said(5))
    whole = account(other, same_number, left=(ours,)) if left else account(other, same_number, ours, other)
    given = file(whole)
    span = export.find(given, 1001)
    part = given.getvalue()[span.begin : span.end]  # type: ignore[attr-defined]
    assert json.loads(part) == ours
    assert told(part) == [4, 5]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "the file ends in the middle"),
        (b"[]", "no JSON object"),
        (b"\x89PNG\r\n\x1a\n", "no JSON object"),
        (b'{"id": 1001, "type": "public_channel"', "ends in the middle"),
        (b'{1001: "id"}', "no JSON"),
        (b"{}", "no export of channel 1001"),
        (chat(said(), of=1002), "another chat .public_channel 1002"),
        (chat(said(), kind="private_supergroup"), "another chat .private_supergroup 1001"),
        ({"messages": [], "type": "public_channel", "id": 1001}, "another chat"),
        (account(chat(said(), of=1002)), "no export of channel 1001"),
        (b'{"id": ' + b"[" * 100 + b"]" * 100 + b"}", "id cannot be read"),
    ],
)
def test_what_is_no_export_of_the_channel_is_refused_with_the_reason(document: object, why: str) -> None:
    with pytest.raises(NotAnExport, match=why):
        export.find(file(document), 1001)


# --- harm --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (None, "no message"),
        ([], "no message"),
        ("text", "no message"),
        ({}, "no known type"),
        (said(id="2"), "its id is no number"),
        (said(id=True), "its id is no number"),
        (said(id=-2), "its id is no number"),
        (said(id=1 << 40), "its id is no number"),
        (said(id=2.5), "its id is no number"),
        (said(2, text=5), "its text is none"),
        (said(2, text=[["nested"]]), "its text is none"),
        (said(2, text=[{"type": "bold"}]), "its text is none"),
        (said(2, date_unixtime="soon"), "its date is no moment"),
        (said(2, date_unixtime=10**30), "its date is no moment"),
        (said(2, edited_unixtime=[1]), "its edited is no moment"),
        (said(2, author=["a"]), "its author is no text"),
        (said(2, reply_to_message_id="1"), "its reply_to_message_id is no number"),
        (said(2, photo={}), "its photo is no text"),
    ],
)
def test_a_message_of_wrong_types_is_refused_and_stops_nobody_behind_it(bad: object, why: str) -> None:
    first, refused, last = told(chat(said(1), bad, said(3)))
    assert (first, last) == (1, 3)
    assert why in str(refused)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b'{"id": 2, "type": "message", "text": "\xff\xfe"}', "not UTF-8"),
        (b'{"id": 2, "type": "message", "text": "\\q"}', "no JSON"),
        (b'{"id": 2, "type": message}', "no JSON"),
        (b'{"id": 2 "type": "message"}', "no JSON"),
        (b'{"id": ' + b"9" * 5000 + b', "type": "message"}', "no JSON"),
        (b'{"id": 2, "text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested more than 32 deep"),
        (b'{"id": 2, "text": [' + b'"aaaaaaaa", ' * 50_000 + b'""]}', "longer than"),
    ],
)
def test_a_message_that_no_parser_takes_stops_nobody_behind_it(bad: bytes, why: str) -> None:
    messages = b", ".join([json.dumps(said(1)).encode(), bad, json.dumps(said(3)).encode()])
    first, refused, last = told(b'{"id": 1001, "messages": [' + messages + b"]}")
    assert (first, last) == (1, 3)
    assert why in str(refused)


def test_control_characters_as_telegram_desktop_writes_them() -> None:
    (found,) = read(b'{"messages": [{"id": 1, "type": "message", "text": "a\\x1Fb \\\\x41 \\u2028"}]}')
    assert isinstance(found, Exported)
    assert found.message.text == "a\x1fb \\x41 \u2028"


def test_text_is_made_storable() -> None:
    (found,) = read(b'{"messages": [{"id": 1, "type": "message", "text": "a\\u0000b\\ud800c"}]}')
    assert isinstance(found, Exported)
    assert found.message.text == "a\N{REPLACEMENT CHARACTER}b?c"


def test_a_number_that_stands_twice_or_goes_back_is_refused() -> None:
    assert told(chat(said(2), said(2), said(1), said(3))) == [
        2, "message 2 stands behind message 2, or twice", "message 1 stands behind message 2, or twice", 3
    ]  # fmt: skip


def test_of_a_file_that_was_cut_off_all_before_the_cut_is_read() -> None:
    whole = json.dumps(chat(said(1), said(2), said(3))).encode()
    cut = whole[: whole.index(b'"id": 3') + 20]
    assert told(cut) == [1, 2, "nothing can be read from here on: the file ends in the middle"]


def test_an_account_that_was_cut_off_within_the_channel_is_read_as_far() -> None:
    whole = json.dumps(account(chat(said(1), said(2), said(3)))).encode()
    cut = whole[: whole.index(b'"id": 3') + 20]
    span = export.find(file(cut), 1001)
    assert told(cut[span.begin : span.end])[:2] == [1, 2]


def test_a_text_that_does_not_end_is_not_read_to_its_end() -> None:
    begun = b'{"messages": [' + json.dumps(said(1)).encode() + b', {"id": 2, "text": "'
    first, refused = told(begun + b"a" * (4 * tokens.LONGEST))
    assert first == 1
    assert "does not end" in str(refused)


class Endless(io.RawIOBase):
    """A file of many messages, or of brackets without end, that nobody has in memory."""

    def __init__(self, begin: bytes, again: bytes, times: int) -> None:
        self._parts = self._made(begin, again, times)

    def _made(self, begin: bytes, again: bytes, times: int) -> Iterator[bytes]:
        yield begin
        for _ in range(times):
            yield again

    def read(self, size: int = -1) -> bytes:
        return next(self._parts, b"")


def grown(given: Any) -> tuple[int, list[str]]:
    """MiB that reading takes at most, and the last refusals."""
    tracemalloc.start()
    try:
        refused = [found.why for found in export.messages(given, NEWS) if isinstance(found, Refused)][-3:]
        return tracemalloc.get_traced_memory()[1] >> 20, refused
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("again", "times"),
    [
        (b"[" * 100_000, 5),
        (b'{"a":' * 20_000, 5),
        (b'"aaaaaaaaaaaaaaaa",' * 10_000, 10),
        (b"7" * 100_000, 60),
        (b'\\"' * 50_000, 60),
    ],
)
def test_memory_does_not_grow_with_what_comes(again: bytes, times: int) -> None:
    taken, refused = grown(Endless(b'{"messages": [{"id": 1, "x": [', again, times))
    assert taken < 3
    assert "nothing can be read from here on" in refused[-1]


def test_tokens_are_whole_wherever_a_chunk_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    document = chat(said(1, text='a "quoted" \\ text'), said(22, text=["b", {"type": "bold", "text": "ccc"}]))
    whole = read(document)
    for size in range(1, 40):
        monkeypatch.setattr(tokens, "CHUNK", size)
        assert read(document) == whole
