"""The loopback Telegram, read by the genuine client: it does what Telegram does, and breaks as it is told to."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import pytest
from telethon import TelegramClient, errors
from telethon.crypto import AuthKey
from telethon.sessions import StringSession
from telethon.tl.functions.channels import JoinChannelRequest
from telethon.tl.functions.contacts import ResolveUsernameRequest

from tests.servers.telegram import (
    Attachment,
    Call,
    Channel,
    Drop,
    Origin,
    Post,
    Refuse,
    TelegramServer,
    Transport,
    Wait,
    World,
    numbered,
)

Made = TypeVar("Made")

CONTENT: Final = bytes(range(256)) * 4 * 1024 * 3 + b"the end"
"""3 MiB and a little"""


@pytest.fixture
def channel() -> Channel:
    """250 posts, of which some are gone."""
    made = Channel(1001, "News", "The news")
    made.publish(*numbered([number for number in range(1, 251) if number % 10]))
    return made


@pytest.fixture
def world(channel: Channel) -> World:
    world = World()
    world.add(channel)
    return world


def read(server: TelegramServer, do: Callable[[Any], Awaitable[Made]], name: str = "anna") -> Made:
    """What `do` makes of a connected client."""

    async def connected() -> Made:
        client = TelegramClient(
            server.session(name), 1, "hash", flood_sleep_threshold=0, retry_delay=0, request_retries=2
        )
        await client.connect()
        try:
            return await do(client)
        finally:
            await client.disconnect()

    return asyncio.run(connected())


async def ids(client: Any, **wanted: Any) -> list[int]:
    return [
        message.id
        async for message in client.iter_messages(await client.get_input_entity("news"), wait_time=0, **wanted)
    ]


def test_the_whole_channel_from_new_to_old_and_back(world: World, channel: Channel) -> None:
    with TelegramServer(world) as server:
        assert read(server, ids) == channel.ids[::-1]
        assert read(server, lambda client: ids(client, reverse=True)) == channel.ids
    assert server.asked("GetHistory") == 3 + 4, "three pages; from old to new an empty one as well"


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ({"limit": 3}, [249, 248, 247]),
        ({"offset_id": 12, "limit": 3}, [11, 9, 8]),
        ({"offset_id": 12, "min_id": 8}, [11, 9]),
        ({"max_id": 4}, [3, 2, 1]),
        ({"min_id": 246}, [249, 248, 247]),
        ({"min_id": 8, "reverse": True, "limit": 3}, [9, 11, 12]),
        ({"offset_id": 1000, "reverse": True}, []),
        ({"add_offset": 2, "limit": 2}, [247, 246]),
    ],
)
def test_a_part_of_it(world: World, wanted: dict[str, Any], seen: list[int]) -> None:
    with TelegramServer(world) as server:
        assert read(server, lambda client: ids(client, **wanted)) == seen


def test_from_a_date(world: World, channel: Channel) -> None:
    moment = channel.posts[21].published
    with TelegramServer(world) as server:
        assert read(server, lambda client: ids(client, offset_date=moment, limit=2)) == [19, 18]
        since = read(server, lambda client: ids(client, offset_date=moment, reverse=True, limit=2))
    assert since == [21, 22]


def test_what_a_post_carries(world: World, channel: Channel) -> None:
    edited = datetime(2024, 6, 1, tzinfo=UTC)
    origin = Origin(1002, 7)
    channel.publish(
        Post(300, "told again", edited=edited, album=12, reply_to=5, origin=origin, views=40),
        Post(301, "shown", attachment=Attachment(9, CONTENT)),
    )
    with TelegramServer(world) as server:
        told, shown = read(server, lambda client: client.get_messages("news", ids=[300, 301]))
    assert (told.message, told.edit_date, told.grouped_id, told.views) == ("told again", edited, 12, 40)
    assert told.date == channel.posts[300].published
    assert told.reply_to.reply_to_msg_id == 5
    assert (told.fwd_from.from_id.channel_id, told.fwd_from.channel_post) == (1002, 7)
    assert (shown.document.id, shown.document.size, shown.file.name) == (9, len(CONTENT), "clip.mp4")


def test_posts_by_their_ids_and_empty_ones_for_those_that_are_gone(world: World) -> None:
    with TelegramServer(world) as server:
        found = read(server, lambda client: client.get_messages("news", ids=[9, 10, 11]))
        assert [message and message.id for message in found] == [9, None, 11]


async def download(client: Any, offset: int = 0) -> bytes:
    message = await client.get_messages("news", ids=301)
    return b"".join([bytes(part) async for part in client.iter_download(message.document, offset=offset)])


def test_a_file_from_its_beginning_and_from_the_middle(world: World, channel: Channel) -> None:
    channel.publish(Post(301, "shown", attachment=Attachment(9, CONTENT)))
    with TelegramServer(world) as server:
        assert read(server, download) == CONTENT
        assert read(server, lambda client: download(client, 1 << 20)) == CONTENT[1 << 20 :]


def test_a_reference_that_expires_on_the_way(world: World, channel: Channel) -> None:
    channel.publish(Post(301, "shown", attachment=Attachment(9, CONTENT)))
    with TelegramServer(world) as server:
        server.script("GetFile", Call(world.expire_references), after=2)
        with pytest.raises(errors.FileReferenceExpiredError):
            read(server, download)
        assert server.asked("GetFile") == 3
        assert read(server, download) == CONTENT, "a message read anew has the new one"


def test_who_is_nowhere_and_what_is_closed(world: World, channel: Channel) -> None:
    with TelegramServer(world) as server:
        with pytest.raises(errors.UsernameNotOccupiedError):
            read(server, lambda client: client(ResolveUsernameRequest("nobody")))
        channel.refusal = "CHANNEL_PRIVATE"
        with pytest.raises(errors.ChannelPrivateError):
            read(server, ids)
        channel.refusal = ""
        assert len(read(server, ids)) == 225


def test_a_flood_wait_says_how_long(world: World) -> None:
    with TelegramServer(world) as server:
        server.script("GetHistory", Refuse(420, "FLOOD_WAIT_300"), after=1)
        with pytest.raises(errors.FloodWaitError) as met:
            read(server, ids)
        assert met.value.seconds == 300
        assert len(read(server, ids)) == 225


def test_a_page_that_is_edited_between_two(world: World, channel: Channel) -> None:
    later = replace(channel.posts[2], text="changed", edited=datetime(2024, 6, 1, tzinfo=UTC))
    with TelegramServer(world) as server:
        server.script("GetHistory", Call(lambda: channel.publish(later)), after=1)

        async def texts(client: Any) -> list[str]:
            return [message.text async for message in client.iter_messages("news")]

        assert read(server, texts)[-2:] == ["changed", "post 1"]


@pytest.mark.parametrize("answered", [False, True])
def test_a_connection_that_breaks_is_made_anew(world: World, channel: Channel, *, answered: bool) -> None:
    with TelegramServer(world) as server:
        server.script("GetHistory", Drop(answered=answered), after=1)
        assert read(server, ids) == channel.ids[::-1]


def test_too_many_connections(world: World, channel: Channel) -> None:
    """-429, below the API: the client tries again by itself."""
    with TelegramServer(world) as server:
        server.script("GetHistory", Transport(-429), after=1)
        assert read(server, ids) == channel.ids[::-1]


def test_errors_of_the_server_are_tried_again(world: World, channel: Channel) -> None:
    with TelegramServer(world) as server:
        server.script("GetHistory", Refuse(500, "RPC_CALL_FAIL"))
        assert read(server, ids) == channel.ids[::-1]
        assert server.asked("GetHistory") == 1 + 3


def test_a_revoked_session(world: World) -> None:
    with TelegramServer(world) as server:
        revoked = server.session("anna")
        server.revoke("anna")
        with pytest.raises(errors.SessionRevokedError):
            asyncio.run(told_who_it_is(revoked))
        assert len(read(server, ids, "bohdan")) == 225
        assert len(read(server, ids, "anna")) == 225, "a session that was made afterwards"


async def told_who_it_is(session: StringSession) -> None:
    client = TelegramClient(session, 1, "hash")
    try:
        await client.connect()
        await client.get_input_entity("news")
    finally:
        await client.disconnect()


def test_a_key_that_nobody_knows(world: World) -> None:
    async def knock(session: StringSession) -> None:
        client = TelegramClient(session, 1, "hash", retry_delay=0)
        try:
            await client.connect()
        finally:
            with suppress(errors.AuthKeyNotFound):
                await client.disconnected

    with TelegramServer(world) as server:
        session = server.session("anna")
        session.auth_key = AuthKey(bytes(256))
        with pytest.raises((errors.AuthKeyNotFound, ConnectionError)):
            asyncio.run(knock(session))


PHONE: Final = "+380440000000"


def login(server: TelegramServer, do: Callable[[Any], Awaitable[Made]]) -> Made:
    """What `do` makes of a client that has no key yet."""

    async def connected() -> Made:
        client = TelegramClient(server.fresh_session(), 1, "hash", retry_delay=0)
        await client.connect()
        try:
            return await do(client)
        finally:
            await client.disconnect()

    return asyncio.run(connected())


def test_a_login_from_the_exchange_of_keys_to_the_name(world: World) -> None:
    async def by_code(client: Any) -> str:
        assert await client.get_me() is None
        await client.send_code_request(PHONE)
        with pytest.raises(errors.PhoneCodeInvalidError):
            await client.sign_in(PHONE, "99999")
        await client.sign_in(PHONE, "12345")
        return str((await client.get_me()).first_name)

    with TelegramServer(world) as server:
        server.account("anna", PHONE, "12345")
        assert login(server, by_code) == "anna"


def test_a_login_in_two_steps(world: World) -> None:
    async def by_password(client: Any) -> tuple[str, str]:
        await client.send_code_request(PHONE)
        with pytest.raises(errors.SessionPasswordNeededError):
            await client.sign_in(PHONE, "12345")
        with pytest.raises(errors.PasswordHashInvalidError):
            await client.sign_in(password="guessed")
        assert await client.get_me() is None
        await client.sign_in(password="secret")
        return str((await client.get_me()).first_name), client.session.save()

    with TelegramServer(world) as server:
        server.account("anna", PHONE, "12345", "secret")
        name, session = login(server, by_password)
        assert name == "anna"

        async def again() -> Any:
            client = TelegramClient(StringSession(session), 1, "hash")
            await client.connect()
            before = await client.is_user_authorized()
            await client.log_out()
            return before

        assert asyncio.run(again()), "the session that was saved is logged in"


def test_a_phone_that_nobody_has(world: World) -> None:
    with TelegramServer(world) as server, pytest.raises(errors.PhoneNumberInvalidError):
        login(server, lambda client: client.send_code_request("+10000000000"))


def test_what_is_not_known_is_refused_and_kept(world: World) -> None:
    with TelegramServer(world) as server:
        with pytest.raises(errors.RPCError):
            read(server, lambda client: client(JoinChannelRequest("news")))
        assert ("anna", "JoinChannel") in server.requests


def test_accounts_are_told_apart(world: World) -> None:
    async def name(client: Any) -> str:
        return str((await client.get_me()).first_name)

    with TelegramServer(world) as server:
        assert [read(server, name, who) for who in ("anna", "bohdan", "anna")] == ["anna", "bohdan", "anna"]


def test_a_slow_answer(world: World) -> None:
    with TelegramServer(world) as server:
        server.script("ResolveUsername", Wait(0.2))
        began = time.monotonic()
        read(server, lambda client: client.get_input_entity("news"))
        assert time.monotonic() - began >= 0.2


def test_a_large_channel_gives_its_pages_at_the_same_cost() -> None:
    """By what is touched, not by the clock: a page of a large channel slices its ids, and looks at no other post."""
    large = Channel(1, "large", "Large")
    large.publish(*numbered(range(1, 100_001)))
    looked_at: list[int] = []

    class Watched(dict[int, Post]):
        def __getitem__(self, number: int) -> Post:
            looked_at.append(number)
            return super().__getitem__(number)

    large.posts = Watched(large.posts)
    assert [post.id for post in large.page(50_000, -100, 100, 0, 0)] == list(range(50_099, 49_999, -1))
    assert len(looked_at) == 100
    assert large.before(Post(700, "").published + timedelta(seconds=1)) == 701
    assert len(looked_at) < 130
