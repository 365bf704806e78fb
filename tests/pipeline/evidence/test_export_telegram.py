"""A recording of a channel of Telegram goes out: raw records are answers in Telegram's own bytes, and stand too."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lastseen.settings import Settings
from pipeline.evidence import verify
from pipeline.evidence.export import export
from pipeline.evidence.verify import Doubt
from storage.objects import ObjectStore, StoreUnavailable
from storage.stores import Stores
from tests.pipeline.duties.erasing import erase
from tests.pipeline.evidence import attacker
from tests.pipeline.telegram.watching import Watching, watching
from tests.servers.telegram import Attachment, Channel, Post, World

VIDEO = b"no video at all, and an original all the same"
SHA256 = hashlib.sha256(VIDEO).hexdigest()
TEXT = "Їжак, Єва й Ґудзик \N{DOVE OF PEACE} " + "довгий текст " * 40


@pytest.fixture
def office(owning: Settings) -> Iterator[Watching]:
    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    channel.publish(Post(1, TEXT, attachment=Attachment(21, VIDEO)), Post(2, "", attachment=Attachment(21, VIDEO)))
    channel.publish(Post(3, "of something else"))
    with watching(owning, world, channel) as made:
        made.collect()
        made.run("fetch")
        yield made


def test_a_package_of_a_channel_stands_and_says_what_is_missing_since(office: Watching, tmp_path: Path) -> None:
    office.channel.delete(2)
    office.change("UPDATE posts SET published_at = now() - interval '2 hours'")
    office.age()
    office.run("recheck")
    export(office.app, SHA256, tmp_path / "out", "", "a test")
    verdict = verify.verify(tmp_path / "out")
    assert verdict.stands, verdict.findings
    posts = attacker.lines(tmp_path / "out" / "data" / "posts.jsonl")
    assert [(post["number"], post["seen"]) for post in posts] == [(1, "present"), (2, "missing")]
    told = attacker.lines(tmp_path / "out" / "data" / "observations.jsonl")
    assert {one["text"] for one in told} == {TEXT, ""}
    assert attacker.lines(tmp_path / "out" / "data" / "coverage.jsonl")[0]["held"] == "{[1,4)}"


def test_it_stands_when_another_message_of_its_record_was_erased(office: Watching, tmp_path: Path) -> None:
    ((third,),) = office.rows("SELECT id FROM posts WHERE number = 3")
    erase(office.app, f"post:{third}")
    export(office.app, SHA256, tmp_path / "out", "", "a test")
    verdict = verify.verify(tmp_path / "out")
    assert verdict.stands, verdict.findings
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"of something else" not in everything


def test_a_text_that_was_not_in_the_answer_is_found(office: Watching, tmp_path: Path) -> None:
    export(office.app, SHA256, tmp_path / "out", "", "a test")
    table = tmp_path / "out" / "data" / "observations.jsonl"
    attacker.edit(table, lambda lines: lines[0].update(text="something that nobody published"))
    attacker.rebag(tmp_path / "out")
    failed = [one for one in verify.verify(tmp_path / "out").findings if one.state == "failed"]
    assert any("its text does not stand in its raw record" in one.said for one in failed), failed


@pytest.mark.parametrize(
    "content",
    [
        b'{"bytes":5}\nabc\n',
        b'{"bytes":2}\nabc\n',
        b'{"bytes":-1}\nabc\n',
        b'{"bytes":99999999999999999999}\nabc\n',
        b"[]\nabc\n",
        b"abc",
    ],
)
def test_answers_that_are_not_as_long_as_they_say_are_found(tmp_path: Path, content: bytes) -> None:
    good = b'{"bytes":3}\nabc\n'
    (tmp_path / "record").write_bytes(good)
    verify._require_answers(tmp_path / "record")
    (tmp_path / "record").write_bytes(good + content)
    with pytest.raises(Doubt):
        verify._require_answers(tmp_path / "record")


def test_a_store_that_is_away_is_told_and_nothing_is_left(office: Watching, tmp_path: Path) -> None:
    away = ObjectStore("127.0.0.1:1", "a", "b", secure=False, bucket_prefix="t-")
    app = replace(office.app, stores=Stores(office.app.stores.db, away))
    target = tmp_path / "exports" / "out"
    target.parent.mkdir()
    with pytest.raises(StoreUnavailable):
        export(app, SHA256, target, "", "a test")
    assert list(target.parent.iterdir()) == []
    away.close()
