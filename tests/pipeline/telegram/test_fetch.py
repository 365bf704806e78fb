"""The bytes of what messages carry, fetched by the genuine client."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastseen.settings import Settings
from storage import verification
from tests.pipeline.telegram.watching import Watching, watching
from tests.servers.telegram import OTHER, Attachment, Call, Channel, Drop, Post, Refuse, World

LARGE = bytes(range(256)) * 4096 * 20
"""20 MiB"""
SMALL = b"a small video"
SHA256 = hashlib.sha256(LARGE).hexdigest()
BYTES = 512 * 1024
"""of a part"""


@pytest.fixture
def channel() -> Channel:
    made = Channel(1001, "news", "News")
    made.publish(Post(1, "large", attachment=Attachment(21, LARGE)))
    return made


@pytest.fixture
def office(settings: Settings, channel: Channel) -> Iterator[Watching]:
    world = World()
    world.add(channel)
    with watching(settings, world, channel) as made:
        made.collect()
        yield made


def held(office: Watching) -> list[tuple[object, ...]]:
    return office.rows("""SELECT number, sha256 FROM media_items JOIN posts ON posts.id = post_id
                            LEFT JOIN blobs ON blobs.id = blob_id ORDER BY number""")


def partial(office: Watching) -> list[Path]:
    return list((office.settings.data_dir / "partial").glob("*"))


def test_a_file_in_the_evidence(office: Watching) -> None:
    assert office.run("fetch") == {"done": 1}
    assert held(office) == [(1, SHA256)]
    assert office.server.asked("GetMessages") == 0, "the locator came with the message"
    assert office.rows("SELECT step FROM work WHERE step <> 'collect' AND state = 'open'") == [("fingerprint",)]
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok
    assert partial(office) == []


def test_a_photo_is_fetched_as_it_was_published(office: Watching) -> None:
    office.channel.publish(Post(2, "a photo", attachment=Attachment(22, SMALL, photo=True)))
    office.collect()
    office.run("fetch")
    assert held(office)[1] == (2, hashlib.sha256(SMALL).hexdigest())


def test_a_reference_that_expires_in_the_middle(office: Watching) -> None:
    office.server.script("GetFile", Call(office.world.expire_references), after=20)
    assert office.run("fetch") == {"done": 1}
    assert held(office) == [(1, SHA256)]
    assert office.server.asked("GetMessages") == 1
    assert office.server.asked("GetFile") <= len(LARGE) // BYTES + 3, "it went on where it was"


def test_a_reference_that_has_expired_before(office: Watching) -> None:
    office.world.expire_references()
    assert office.run("fetch") == {"done": 1}
    assert held(office) == [(1, SHA256)]


@pytest.mark.parametrize("answered", [False, True])
def test_a_connection_that_drops(office: Watching, *, answered: bool) -> None:
    office.server.script("GetFile", Drop(answered=answered), after=10)
    office.run("fetch")
    office.waited()
    office.run("fetch")
    assert held(office) == [(1, SHA256)]
    assert office.server.asked("GetFile") <= len(LARGE) // BYTES + 4


def test_a_wait_in_the_middle_goes_on_later(office: Watching) -> None:
    office.server.script("GetFile", Refuse(420, "FLOOD_WAIT_600"), after=10)
    assert office.run("fetch") == {"done": 0, "WAIT": 1}
    (path,) = partial(office)
    assert path.stat().st_size == 10 * BYTES
    office.waited()
    assert office.run("fetch") == {"done": 1}
    assert held(office) == [(1, SHA256)]
    assert office.server.asked("GetFile") == len(LARGE) // BYTES + 2, "none of it was fetched twice"


def test_a_file_that_is_held_is_not_fetched_again(office: Watching) -> None:
    office.run("fetch")
    asked = office.server.asked("GetFile")
    office.channel.publish(Post(2, "forwarded", attachment=Attachment(21, LARGE)))
    office.collect()
    office.run("fetch")
    assert held(office) == [(1, SHA256), (2, SHA256)]
    assert office.server.asked("GetFile") == asked
    assert office.rows("SELECT action FROM custody_events ORDER BY seq DESC LIMIT 1") == [("seen again",)]


def test_a_post_that_went_with_its_file(office: Watching) -> None:
    office.world.expire_references()
    office.channel.delete(1)
    assert office.run("fetch") == {"done": 0, "GONE": 1}
    assert office.rows("SELECT seen FROM posts") == [("missing",)]
    assert office.outcome("fetch")[0] == "gone"


def test_a_post_that_was_given_another_file(office: Watching) -> None:
    office.world.expire_references()
    office.channel.publish(Post(1, "large", attachment=Attachment(29, SMALL)))
    assert office.run("fetch")["GONE"] == 1
    office.run("fetch")
    assert office.rows("SELECT ordinal, address, blob_id IS NOT NULL FROM media_items ORDER BY ordinal") == [
        (0, "document/21", False),
        (1, "document/29", True),
    ]


def test_a_file_that_is_too_large(settings: Settings, channel: Channel) -> None:
    world = World()
    world.add(channel)
    with watching(settings, world, channel, fetch_max_mib=19) as office:
        office.collect()
        assert office.run("fetch") == {"done": 0, "SKIPPED": 1}
        assert "LASTSEEN_FETCH_MAX_MIB" in str(office.outcome("fetch")[2])
        assert office.server.asked("GetFile") == 0


def test_a_file_of_which_telegram_has_less_than_it_says(office: Watching) -> None:
    office.channel.publish(Post(1, "large", attachment=Attachment(21, LARGE[: 3 * BYTES])))
    assert office.run("fetch") == {"done": 0, "TRANSIENT": 1}
    assert "ended after 1572864 of 20971520 bytes" in str(office.outcome("fetch")[2])


def test_a_file_that_lives_in_another_data_centre(office: Watching) -> None:
    office.server.fresh_session()  # whose key a connection to it has to trust
    office.channel.publish(Post(2, "elsewhere", attachment=Attachment(32, SMALL, dc=OTHER)))
    office.collect()
    assert office.run("fetch") == {"done": 2}, office.outcome("fetch")
    assert held(office)[1] == (2, hashlib.sha256(SMALL).hexdigest())
    assert office.server.asked("ExportAuthorization") == 1


def test_a_file_that_has_moved_to_another_data_centre(office: Watching) -> None:
    office.server.fresh_session()
    office.channel.publish(Post(1, "large", attachment=Attachment(21, LARGE, dc=OTHER)))
    assert office.run("fetch") == {"done": 1}, office.outcome("fetch")
    assert held(office) == [(1, SHA256)]


def test_a_media_type_that_would_break_a_header(office: Watching) -> None:
    hostile = Attachment(31, SMALL, media_type="video/mp4\r\nX-Amz-Meta: y")
    office.channel.publish(Post(2, "hostile", attachment=hostile))
    office.collect()
    office.run("fetch")
    assert held(office)[1] == (2, hashlib.sha256(SMALL).hexdigest())


def test_another_account_finds_its_own_way_to_the_file(office: Watching) -> None:
    """The locator is of use to one account only."""
    office.change("UPDATE media_items SET locator = jsonb_set(locator, '{account}', '99')")
    assert office.run("fetch") == {"done": 1}
    assert office.server.asked("GetMessages") == 1
