"""A channel on the loopback Telegram, collected by the genuine client: complete, once, and through every trouble."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from telethon.extensions import BinaryReader

from extractors.telegram import messages
from lastseen.records import ChatRole, MessageRange
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import open_app
from pipeline.jobs import Scope
from pipeline.telegram.lines import Lines
from storage import telegram_accounts, telegram_chats, verification
from storage.sealing import secrets
from storage.telegram_accounts import AccountBusy
from tests.pipeline.telegram.watching import Watching, watching
from tests.servers.telegram import (
    Attachment,
    Channel,
    Drop,
    Origin,
    Post,
    Refuse,
    Transport,
    World,
    numbered,
)

MAY_BE_ASKED = {
    "GetConfig",
    "GetUsers",
    "GetState",
    "GetDifference",
    "ResolveUsername",
    "GetFullChannel",
    "GetHistory",
    "GetMessages",
    "GetFile",
}
"""nothing that joins, marks as read, lists dialogs, or writes"""


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def channel(world: World) -> Channel:
    """500 numbers, of which every tenth is gone."""
    made = world.add(Channel(1001, "news", "News"))
    made.publish(*numbered([number for number in range(1, 501) if number % 10]))
    return made


@pytest.fixture
def office(settings: Settings, world: World, channel: Channel) -> Iterator[Watching]:
    with watching(settings, world, channel) as made:
        yield made


# --- complete ----------------------------------------------------------------------------------------------


def test_all_of_a_channel_with_proof(office: Watching) -> None:
    assert office.collect() == {"done": 1}
    assert office.numbers() == office.channel.ids
    covered = office.coverage()
    assert (covered.first, covered.held, covered.gaps) == (1, (MessageRange(1, 499),), ())
    assert (covered.posts, covered.stated) == (450, 450)
    assert office.rows("SELECT count(*), count(DISTINCT raw_key) FROM observations")[0][0] == 450
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok
    assert {kind for _, kind in office.server.requests} <= MAY_BE_ASKED


def test_raw_records_give_the_messages_back(office: Watching) -> None:
    """Whoever has the evidence needs neither our database nor our reading of it."""
    office.collect()
    found = set()
    for (key,) in office.rows("SELECT DISTINCT raw_key FROM observations"):
        raw = office.app.stores.objects.read("evidence", str(key))
        while raw:
            head, _, rest = raw.partition(b"\n")
            said = json.loads(head)
            assert (said["format"], said["request"]) == ("lastseen.telegram.1", "GetHistory")
            body, raw = rest[: said["bytes"]], rest[said["bytes"] + 1 :]
            answer = BinaryReader(body).tgread_object()
            assert bytes(answer) == body
            found |= {message.id for message in answer.messages}
    assert found == set(office.channel.ids)


def test_a_record_that_is_stored_ahead_is_stored_once_and_has_its_rows(office: Watching) -> None:
    office.collect()
    named = [str(key) for (key,) in office.rows("SELECT DISTINCT raw_key FROM observations")]
    assert len(named) == 3, "450 posts, 200 at once"
    assert sorted(office.app.stores.objects.keys("evidence", "raw/", versions=True)) == sorted(named)


def test_again_adds_nothing_and_new_posts_come(office: Watching) -> None:
    office.collect()
    before = office.rows("SELECT count(*) FROM observations"), office.server.asked("GetHistory")
    office.collect()
    assert office.rows("SELECT count(*) FROM observations") == before[0]
    assert office.server.asked("GetHistory") == before[1] + 1, "one request finds out that there is nothing new"
    assert office.server.asked("ResolveUsername") == 1
    office.channel.publish(*numbered(range(600, 603)))
    office.collect()
    assert office.numbers()[-3:] == [600, 601, 602]
    assert office.coverage().held == (MessageRange(1, 602),)


def test_an_empty_channel_and_its_first_post(settings: Settings, world: World) -> None:
    channel = world.add(Channel(1002, "quiet", "Quiet"))
    with watching(settings, world, channel) as office:
        assert office.collect() == {"done": 1}
        assert (office.coverage().held, office.coverage().stated) == ((), 0)
        channel.publish(Post(3, "the first"))
        office.collect()
        assert (office.numbers(), office.coverage().held) == ([3], (MessageRange(1, 3),))


def test_from_a_date_on(settings: Settings, world: World, channel: Channel) -> None:
    with watching(settings, world, channel, since=channel.posts[321].published) as office:
        office.collect()
        assert office.numbers() == [number for number in channel.ids if number >= 321]
        assert (office.coverage().first, office.coverage().held) == (321, (MessageRange(321, 499),))


def test_from_a_date_that_is_still_to_come(settings: Settings, world: World, channel: Channel) -> None:
    with watching(settings, world, channel, since=datetime(2025, 1, 1, tzinfo=UTC)) as office:
        assert office.collect() == {"done": 1}
        assert office.numbers() == []
        channel.publish(Post(700, "young", date=datetime(2025, 1, 2, tzinfo=UTC)))
        office.collect()
        assert (office.numbers(), office.coverage().held) == ([700], (MessageRange(700, 700),))


def test_what_a_message_carries(settings: Settings, world: World) -> None:
    channel = world.add(Channel(1002, "facts", "Facts"))
    edited = datetime(2024, 6, 1, tzinfo=UTC)
    channel.publish(
        Post(1, "told again", edited=edited, reply_to=7, origin=Origin(5, 9), views=40, reactions={"🕯": 3}),
        Post(2, "one", album=12, attachment=Attachment(21, b"a video")),
        Post(3, "two", album=12, attachment=Attachment(22, b"12345678, a photo", photo=True)),
        Post(4, "a list", attachment=Attachment(23, b"%PDF", "list.pdf", "application/pdf")),
        Post(5, "", service=True),
    )
    with watching(settings, world, channel) as office:
        office.collect()
        seen = office.rows("SELECT number, facts, audience FROM observations JOIN posts ON posts.id = post_id")
        facts: dict[object, Any] = {number: said for number, said, _ in seen}
        audience = {number: met for number, _, met in seen}
        items = office.rows("SELECT number, kind, address, size FROM media_items JOIN posts ON posts.id = post_id")
        links = office.rows("SELECT permalink, platform_post_id FROM posts WHERE number = 1")
    assert facts[1] == {
        "edited": "2024-06-01T00:00:00.000000Z",
        "reply_to": {"message": 7},
        "forwarded_from": {"date": "2024-05-01T12:00:00.000000Z", "chat": "channel/5", "message": 9},
    }
    assert audience[1] == {"views": 40, "forwards": 0, "reactions": {"🕯": 3}}
    assert facts[2]["album"] == facts[3]["album"] == "12"
    assert facts[4]["media"]["files"] == [
        {"file": "document/23", "type": "application/pdf", "size": 4, "name": "list.pdf"}
    ]
    assert facts[5] == {"action": "PinMessage"}
    assert sorted(items) == [(2, "video", "document/21", 7), (3, "image", "photo/22", 17)]
    assert links == [("https://t.me/facts/1", "1002/1")]


def test_views_are_no_change_of_content(office: Watching) -> None:
    office.collect()
    assert office.rows("SELECT count(*) FROM audiences") == [(0,)]
    office.channel.publish(replace(office.channel.posts[7], views=1000))
    with office.app.stores.db.begin() as db:
        telegram_chats.read_again(db, office.source, MessageRange(5, 9))
    office.collect()
    assert office.rows("SELECT number, audience FROM audiences JOIN posts ON posts.id = post_id") == [
        (7, {"views": 1000, "forwards": 0})
    ]
    assert office.rows("SELECT count(*) FROM observations") == [(450,)]
    assert office.coverage().again == ()


def test_posts_of_some_days_are_read_anew_when_that_is_asked_for_and_not_by_the_way(office: Watching) -> None:
    office.collect()
    some = office.channel.ids[10]
    office.channel.publish(replace(office.channel.posts[some], text="told otherwise"))
    published = office.channel.posts[some].published
    told = "SELECT count(*) FROM observations WHERE text = 'told otherwise'"
    day = Scope(since=published, until=published + timedelta(minutes=1))
    jobs.execute(office.app, "collect", day)
    assert office.rows(told) == [(0,)], "days choose what is fetched"
    jobs.execute(office.app, "collect", replace(day, anew=True, until=published, since=None))
    assert office.rows(told) == [(0,)], "it ends before"
    assert office.coverage().again == ()
    jobs.execute(office.app, "collect", replace(day, anew=True))
    assert office.rows(told) == [(1,)]


def test_reading_anew_what_looks_as_it_did_leaves_nothing_behind(office: Watching) -> None:
    office.collect()
    before = list(office.app.stores.objects.keys("evidence"))
    with office.app.stores.db.begin() as db:
        telegram_chats.read_again(db, office.source, MessageRange(1, 499))
    office.collect()
    assert list(office.app.stores.objects.keys("evidence")) == before
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok


def test_comments_of_the_linked_discussion(settings: Settings, world: World, channel: Channel) -> None:
    channel.discussion = 2002
    world.add(Channel(2002, "", "Talk", access_hash=5)).publish(*numbered(range(1, 31)))
    with watching(settings, world, channel, with_comments=True) as office:
        office.collect()
        assert office.numbers(ChatRole.COMMENTS) == list(range(1, 31))
        assert office.coverage(ChatRole.COMMENTS).held == (MessageRange(1, 30),)
        assert office.numbers() == channel.ids
        links = office.rows("SELECT permalink FROM posts WHERE platform_post_id = '2002/7'")
    assert links == [("https://t.me/c/2002/7",)]


def test_a_discussion_that_is_closed_is_no_reason_not_to_read_the_channel(
    settings: Settings, world: World, channel: Channel
) -> None:
    channel.discussion = 2002
    world.add(Channel(2002, "", "Talk", access_hash=5, refusal="CHANNEL_PRIVATE"))
    with watching(settings, world, channel, with_comments=True) as office:
        assert office.collect() == {"done": 1, "BLOCKED": 1}
        assert office.numbers() == channel.ids
        assert office.alerts() == []
        assert "its discussion: it is private" in str(office.outcome()[2])


def test_a_message_that_is_not_understood_stops_nobody(office: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(found: object) -> object:
        raise KeyError("of a kind that nobody knows")

    monkeypatch.setattr(messages, "_facts", stumbles)
    office.collect()
    assert office.coverage().held == (MessageRange(1, 499),)
    (facts,) = office.rows("SELECT DISTINCT facts FROM observations")[0]
    assert isinstance(facts, dict) and facts["not_understood"].startswith("KeyError")
    monkeypatch.undo()
    with office.app.stores.db.begin() as db:
        telegram_chats.read_again(db, office.source, MessageRange(1, 499))
    office.collect()
    assert office.rows("SELECT count(*) FROM observations WHERE text <> ''") == [(450,)], "read again, understood now"


# --- waiting -----------------------------------------------------------------------------------------------


def test_a_short_wait_is_slept_through(office: Watching) -> None:
    office.server.script("GetHistory", Refuse(420, "FLOOD_WAIT_1"), after=2)
    assert office.collect() == {"done": 1}
    assert office.numbers() == office.channel.ids
    assert office.rows("SELECT request, seconds FROM telegram_waits") == [("GetHistory", 1)]
    assert office.alerts() == []


@pytest.mark.parametrize(("seconds", "told"), [(300, False), (7200, True)])
def test_a_long_wait_ends_the_task_and_goes_on_where_it_was(office: Watching, seconds: int, *, told: bool) -> None:
    office.server.script("GetHistory", Refuse(420, f"FLOOD_WAIT_{seconds}"), after=3)
    assert office.collect() == {"done": 0, "WAIT": 1}
    kept = office.numbers()
    assert 0 < len(kept) < 450, "what was read until then is kept"
    assert office.rows("SELECT seconds FROM telegram_waits") == [(seconds,)]
    assert [kind for kind, _ in office.alerts()] == (["long wait"] if told else [])
    (left,) = office.rows("SELECT extract(epoch FROM ready_at - now()) FROM work WHERE step = 'collect'")[0]
    assert seconds - 30 < float(str(left)) <= seconds
    asked = office.server.asked("GetHistory")
    office.change("UPDATE work SET ready_at = now()")
    with open_app(office.settings, "another worker") as other:
        jobs.execute(other, "collect", Scope())
    assert office.server.asked("GetHistory") == asked, "the wait holds for whoever uses the account"
    office.waited()
    with open_app(office.settings, "later") as later:
        jobs.execute(later, "collect", Scope())
    assert office.numbers() == office.channel.ids
    assert office.coverage().held == (MessageRange(1, 499),)


def test_premium_waits_are_waits(office: Watching) -> None:
    office.server.script("GetHistory", Refuse(420, "FLOOD_PREMIUM_WAIT_400"))
    assert office.collect() == {"done": 0, "WAIT": 1}


# --- trouble -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GetConfig", "ResolveUsername", "GetHistory"])
@pytest.mark.parametrize("answered", [False, True])
def test_a_connection_that_drops_in_any_request(office: Watching, kind: str, *, answered: bool) -> None:
    office.server.script(kind, Drop(answered=answered))
    office.collect()
    office.waited()
    office.collect()
    assert office.numbers() == office.channel.ids
    assert office.coverage().held == (MessageRange(1, 499),)


@pytest.mark.parametrize("answered", [False, True])
def test_a_connection_that_drops_on_the_way_to_the_discussion(
    settings: Settings, world: World, channel: Channel, *, answered: bool
) -> None:
    channel.discussion = 2002
    world.add(Channel(2002, "", "Talk", access_hash=5)).publish(*numbered(range(1, 31)))
    with watching(settings, world, channel, with_comments=True) as office:
        office.server.script("GetFullChannel", Drop(answered=answered))
        office.collect()
        assert office.numbers(ChatRole.COMMENTS) == list(range(1, 31))


def test_too_many_connections_and_internal_trouble(office: Watching) -> None:
    office.server.script("GetHistory", Transport(-429), after=1)
    office.server.script("GetHistory", Refuse(500, "RPC_CALL_FAIL"), after=3)
    office.server.script("GetHistory", Refuse(-503, "Timeout"), after=4)
    assert office.collect() == {"done": 1}
    assert office.numbers() == office.channel.ids


def test_a_channel_that_turns_private_and_comes_back(office: Watching) -> None:
    office.collect()
    office.channel.refusal = "CHANNEL_PRIVATE"
    office.channel.publish(Post(600, "meanwhile"))
    assert office.collect() == {"done": 0, "BLOCKED": 1}
    assert office.alerts() == [("source closed", f"source:{office.source}")]
    assert "private" in office.coverage().refusal
    assert office.rows("SELECT DISTINCT seen FROM posts") == [("present",)], "a closed channel says nothing of posts"
    office.channel.refusal = ""
    office.waited()
    assert office.collect() == {"done": 1}
    assert (office.alerts(), office.coverage().refusal) == ([], "")
    assert office.numbers()[-1] == 600


def test_a_revoked_session_and_a_new_login(office: Watching) -> None:
    office.server.revoke("anna")
    assert office.collect() == {"done": 0, "BLOCKED": 1}
    assert [kind for kind, _ in office.alerts()] == ["account lost"]
    assert "lastseen telegram login" in str(office.outcome()[2])
    asked = len(office.server.requests)
    office.waited()
    office.collect()
    assert len(office.server.requests) == asked, "nobody knocks again before somebody has logged in"
    with office.app.stores.db.begin() as db:
        session = office.server.session("anna").save()
        telegram_accounts.add(db, "anna", 1, session, secrets(office.settings), "test")
    office.waited()
    assert office.collect() == {"done": 1}
    assert office.numbers() == office.channel.ids


@pytest.mark.parametrize(("refusal", "fault"), [("USERNAME_NOT_OCCUPIED", "GONE"), ("USERNAME_INVALID", "SKIPPED")])
def test_a_name_that_nobody_has(office: Watching, refusal: str, fault: str) -> None:
    office.server.script("ResolveUsername", Refuse(400, refusal))
    assert office.collect() == {"done": 0, fault: 1}
    assert [kind for kind, _ in office.alerts()] == ["source closed"]


def test_without_an_account(office: Watching) -> None:
    office.change("DELETE FROM telegram_accounts")
    assert office.collect() == {"done": 0, "BLOCKED": 1}
    assert "lastseen telegram login" in str(office.outcome()[2])


def test_a_name_that_went_to_another_channel(office: Watching) -> None:
    """Another account finds another channel under the name: it is not what the office has reasons to watch."""
    office.collect()
    office.world.add(Channel(6666, "news", "Not the news")).publish(Post(1, "something else"))
    office.channel.username = "oldnews"
    office.change("DELETE FROM telegram_access")
    assert office.collect() == {"done": 0, "SKIPPED": 1}
    assert office.numbers() == office.channel.ids


# --- one user at a time ------------------------------------------------------------------------------------


def test_the_second_worker_waits(office: Watching) -> None:
    patient = office.settings.model_copy(update={"telegram_lock_seconds": 0.2})
    one, other = Lines(office.app.stores.db, office.settings), Lines(office.app.stores.db, patient)
    line = one.of(1)
    assert one.of(1) is line
    with pytest.raises(AccountBusy):
        other.of(1)
    with open_app(patient, "impatient") as app:
        assert jobs.execute(app, "collect", Scope())[0].as_dict() == {"done": 0, "WAIT": 1}
    one.rest()
    assert other.of(1) is not line
    other.rest()
    office.waited()
    assert office.collect() == {"done": 1}


def test_a_lock_that_went_with_its_connection_is_asked_for_anew(office: Watching) -> None:
    lines = Lines(office.app.stores.db, office.settings)
    line = lines.of(1)
    with office.app.stores.db.connect() as db:
        db.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1")
    assert lines.of(1) is not line
    lines.rest()
