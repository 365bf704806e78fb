"""What became of posts that were read before: edited, missing, gone, back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from lastseen.clock import utcnow
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.jobs import Scope
from storage import verification
from tests.pipeline.telegram.watching import Watching, watching
from tests.servers.telegram import Attachment, Call, Channel, Drop, Post, Refuse, World

YOUNG, WEEKLY, OLD = range(1, 21), range(21, 31), range(31, 41)
"""numbers of posts of some hours, two weeks, and a year"""


def published(number: int) -> timedelta:
    if number in YOUNG:
        return timedelta(hours=3)
    return timedelta(days=14) if number in WEEKLY else timedelta(days=365)


@pytest.fixture
def channel() -> Channel:
    made = Channel(1001, "news", "News")
    made.publish(
        *(
            Post(number, f"post {number}", date=utcnow() - published(number), attachment=Attachment(number, b"bytes"))
            for number in (*YOUNG, *WEEKLY, *OLD)
        )
    )
    return made


@pytest.fixture
def office(settings: Settings, channel: Channel) -> Iterator[Watching]:
    world = World()
    world.add(channel)
    with watching(settings, world, channel, telegram_burst=5) as made:
        made.collect()
        yield made


def seen(office: Watching, number: int) -> str:
    return str(office.rows(f"SELECT seen FROM posts WHERE number = {number}")[0][0])  # noqa: S608  a number


def looks(office: Watching, number: int) -> list[tuple[object, ...]]:
    return office.rows(
        f"""SELECT observations.seen, text FROM observations JOIN posts ON posts.id = post_id
             WHERE number = {number} ORDER BY observations.id"""  # noqa: S608  a number
    )


def looked_for(office: Watching) -> set[object]:
    """Numbers that a recheck looks for now."""
    before = set(office.rows("SELECT number, checked_at FROM posts"))
    office.run("recheck")
    return {number for number, at in office.rows("SELECT number, checked_at FROM posts") if (number, at) not in before}


def test_the_older_a_post_the_rarer_it_is_looked_for(office: Watching) -> None:
    assert looked_for(office) == set(), "all were seen a moment ago"
    office.age(minutes=60)
    assert looked_for(office) == set(YOUNG)
    office.age(minutes=7 * 24 * 60)
    assert looked_for(office) == {*YOUNG, *WEEKLY}, "not those of a year"


def test_whoever_names_days_has_their_posts_looked_for_once_though_they_are_not_due(office: Watching) -> None:
    before = set(office.rows("SELECT number, checked_at FROM posts"))
    until = utcnow() - timedelta(days=300)
    jobs.execute(office.app, "recheck", Scope(until=until, anew=True))
    after = set(office.rows("SELECT number, checked_at FROM posts"))
    assert {number for number, _ in after - before} == set(OLD)
    assert looked_for(office) == set(), "it was asked for once"


def test_a_post_with_a_candidate_is_looked_for_until_people_say_no(office: Watching) -> None:
    office.change("""
        WITH blob AS (INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
                      VALUES (repeat('a', 64), 1, '', 'k', '', now()) RETURNING id),
             item AS (UPDATE media_items SET blob_id = (SELECT id FROM blob) WHERE address = 'document/35'),
             analysis AS (INSERT INTO analyses (blob_id, recipe, engine, kind, width, height, duration_ms,
                                                pictures_decoded, pictures_sampled, gaps, complete, shots)
                          SELECT id, 'r', 'e', 'image', 1, 1, 0, 1, 1, 0, true, '[]' FROM blob RETURNING id),
             track AS (INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces)
                       SELECT id, 0, 0, 0, 0, '[]' FROM analysis RETURNING id),
             person AS (INSERT INTO persons (register_number, names, status) VALUES ('P-1', '{}', 'missing')
                        RETURNING id),
             photo AS (INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key)
                       SELECT id, '', '', 1, '', '' FROM person RETURNING id)
        INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, state)
        SELECT track.id, person.id, photo.id, 'e', 0.4, 'open' FROM track, person, photo""")
    office.age("number = 35", minutes=24 * 60)
    assert looked_for(office) == {35}
    office.change("UPDATE candidates SET state = 'rejected'")
    office.age("number = 35", minutes=24 * 60)
    assert looked_for(office) == set()


def test_an_edit_is_a_new_observation(office: Watching) -> None:
    edited = replace(office.channel.posts[7], text="not what it said", edited=utcnow())
    office.channel.publish(edited)
    office.age()
    office.run("recheck")
    assert looks(office, 7) == [("present", "post 7"), ("present", "not what it said")]
    assert looks(office, 8) == [("present", "post 8")], "what looks as it did adds nothing"
    assert verification.verify(office.app.stores.db, office.app.stores.objects).ok


def test_a_post_that_is_edited_between_two_pages(settings: Settings) -> None:
    """It is kept as it was when it was read, and as it is when it is looked for again."""
    world, channel = World(), Channel(1001, "news", "News")
    world.add(channel)
    channel.publish(*(Post(number, f"post {number}", date=utcnow()) for number in range(1, 251)))
    edited = replace(channel.posts[249], text="changed", edited=utcnow())
    with watching(settings, world, channel) as office:
        office.server.script("GetHistory", Call(lambda: channel.publish(edited)), after=2)
        office.collect()
        assert looks(office, 249) == [("present", "post 249")]
        office.age()
        office.run("recheck")
        assert looks(office, 249) == [("present", "post 249"), ("present", "changed")]


def test_gone_is_said_by_a_second_look(office: Watching) -> None:
    office.channel.delete(7)
    office.age()
    office.run("recheck")
    assert seen(office, 7) == "missing"
    assert looked_for(office) == set(), "a second look has to be later"
    office.age("number = 7", minutes=11)
    assert looked_for(office) == {7}
    assert seen(office, 7) == "gone"
    assert [look for look, _ in looks(office, 7)] == ["present", "missing", "gone"]
    office.age()
    office.run("recheck")
    assert len(looks(office, 7)) == 3, "that it is still gone is no news"


@pytest.mark.parametrize("looked", [1, 2])
def test_what_comes_back_is_there_again(office: Watching, looked: int) -> None:
    post = office.channel.posts[7]
    office.channel.delete(7)
    for _ in range(looked):
        office.age()
        office.run("recheck")
    office.channel.publish(post)
    office.age()
    office.run("recheck")
    assert seen(office, 7) == "present"
    assert looks(office, 7)[-1] == ("present", "post 7")
    assert office.rows("SELECT missing_since FROM posts WHERE number = 7") == [(None,)]


@pytest.mark.parametrize("answered", [False, True])
def test_a_connection_that_drops(office: Watching, *, answered: bool) -> None:
    office.channel.delete(7)
    office.server.script("GetMessages", Drop(answered=answered))
    office.age()
    office.run("recheck")
    assert seen(office, 7) == "missing"


def test_a_channel_that_cannot_be_read_says_nothing_of_its_posts(office: Watching) -> None:
    office.channel.refusal = "CHANNEL_PRIVATE"
    office.age()
    assert office.run("recheck") == {"done": 0, "BLOCKED": 1}
    assert office.rows("SELECT DISTINCT seen FROM posts") == [("present",)]
    assert office.alerts() == [("source closed", f"source:{office.source}")]


def test_a_burst_of_deletions_is_told_and_its_media_go_first(office: Watching) -> None:
    office.channel.delete(*range(1, 7))
    office.age()
    office.run("recheck")
    assert office.alerts() == [("deletions", f"source:{office.source}")]
    assert office.rows("SELECT DISTINCT priority FROM work WHERE step = 'fetch'") == [(2,)]


def test_a_few_deletions_are_no_burst(office: Watching) -> None:
    office.channel.delete(1, 2)
    office.age()
    office.run("recheck")
    assert office.alerts() == []
    priorities = office.rows("""
        SELECT priority, array_agg(number ORDER BY number) FROM work JOIN media_items ON media_items.id = subject
          JOIN posts ON posts.id = post_id WHERE step = 'fetch' GROUP BY priority ORDER BY priority""")
    assert priorities == [(0, [*WEEKLY, *OLD]), (1, list(YOUNG))], "media of young posts are fetched first"


def test_a_wait_in_the_middle_keeps_what_was_seen(office: Watching) -> None:
    office.channel.publish(*(Post(number, "more", date=utcnow()) for number in range(100, 300)))
    office.collect()
    office.channel.delete(1, 290)
    office.age()
    office.server.script("GetMessages", Refuse(420, "FLOOD_WAIT_900"), after=1)
    assert office.run("recheck") == {"done": 0, "WAIT": 1}
    missing = office.rows("SELECT count(*) FROM posts WHERE seen = 'missing'")
    assert missing == [(1,)]
    office.waited()
    office.run("recheck")
    assert office.rows("SELECT count(*) FROM posts WHERE seen = 'missing'") == [(2,)]
