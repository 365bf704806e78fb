"""An export of a channel is kept beside what was read from Telegram, and changes nothing of that."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from extractors.telegram.export import NotAnExport
from lastseen.errors import Failure, WrongUse
from lastseen.records import Platform
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.duties import erasure
from pipeline.jobs import NothingSuch, Scope
from pipeline.sources.observing import NoLegalBasis
from pipeline.telegram import importing
from pipeline.telegram.export_files import Unfit
from pipeline.telegram.importing import Imported, import_export
from storage import erasures, sources, subjects, telegram_accounts, telegram_chats, verification
from storage.database import Connection
from storage.objects import EVIDENCE
from storage.sealing import secrets
from storage.stores import Stores
from tests.office import PROJECT, Office
from tests.servers.telegram import Channel, Post, TelegramServer, World, numbered

PUBLISHED = 1_720_864_800


@dataclass(frozen=True, slots=True)
class Watching:
    """An office that watches one channel, and the folder of an export of it."""

    app: App
    channel: Channel
    source: int
    folder: Path

    @property
    def office(self) -> Office:
        """The same, for the command line."""
        return Office(self.app.settings, self.app.stores)

    def collect(self, command: str = "collect") -> None:
        """Read what is new, or look again for what is due (`recheck`)."""
        (tally,) = jobs.execute(self.app, command, Scope())
        assert tally.as_dict() == {"done": 1}

    def export(self, *messages: dict[str, Any], of: int = 1001) -> None:
        """Put an export there."""
        chat = {"name": "News", "type": "public_channel", "id": of, "messages": messages}
        (self.folder / "result.json").write_text(json.dumps(chat))

    def bring(self, *, dry: bool = False) -> Imported:
        return import_export(self.app, self.source, self.folder, dry=dry)

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        with self.app.stores.db.begin() as db:
            return [tuple(row) for row in db.execute(text(question))]

    def rows(self) -> dict[str, object]:
        """Everything that an import might add to or change, but for its times."""
        asked = {
            "posts": "SELECT id, number, seen, published_at, last_seen_at, checked_at, missing_since FROM posts",
            "observations": "SELECT id, post_id, method, seen, content_hash, raw_key FROM observations",
            "items": "SELECT id, post_id, address, blob_id FROM media_items",
            "chats": "SELECT * FROM telegram_chats",
            "access": "SELECT * FROM telegram_access",
            "audiences": "SELECT * FROM audiences",
            "custody": "SELECT seq, action FROM custody_events WHERE action IN ('collected', 'stored', 'imported')",
            "work": "SELECT step, subject FROM work",
        }
        return {name: sorted(map(repr, self.ask(question))) for name, question in asked.items()}

    def verified(self) -> bool:
        report = verification.verify(self.app.stores.db, self.app.stores.objects)
        assert report.incidents == ()
        return report.ok


def said(number: int, words: str = "", **members: object) -> dict[str, Any]:
    """One message of an export."""
    when = str(PUBLISHED + 60 * number)
    return {"id": number, "type": "message", "date_unixtime": when, "text": words or f"post {number}", **members}


@pytest.fixture
def watching(owning: Settings, stores: Stores, tmp_path: Path) -> Iterator[Watching]:
    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    channel.publish(*numbered([number for number in range(1, 51) if number % 10]))
    wanted = owning.model_copy(
        update={
            "telegram_api_id": 1,
            "telegram_api_hash": SecretStr("hash"),
            "telegram_pause_seconds": 0.0,
            "telegram_gone_after_seconds": 0.0,
        }
    )
    folder = tmp_path / "ChatExport"
    folder.mkdir()
    with TelegramServer(world) as server, open_app(wanted, "test") as app:
        with app.stores.db.begin() as db:
            session = server.session("anna").save()
            telegram_accounts.add(db, "anna", 1, session, secrets(wanted), "test")
            source = sources.add(db, Platform.TELEGRAM, "@news", "a reason", "test", "test").source.id
        yield Watching(app, channel, source, folder)


def test_an_import_adds_posts_and_observations_and_moves_no_cursor(watching: Watching) -> None:
    watching.collect()
    before = watching.rows()
    watching.export(said(9, "as exported"), said(10, "deleted before we read"), said(60, "behind what we read"))
    done = watching.bring()
    assert done.counts() == {
        "messages": 3, "new_posts": 2, "observations": 3, "files": 0, "new_files": 0, "refused": 0
    }  # fmt: skip
    after = watching.rows()
    assert {name for name in before if after[name] != before[name]} == {"posts", "observations", "custody"}
    new = watching.ask("SELECT number, seen, checked_at FROM posts WHERE number IN (9, 10, 60) ORDER BY number")
    assert new[1:] == [(10, "present", None), (60, "present", None)]
    assert watching.ask("SELECT text FROM observations WHERE method = 'telegram.export' ORDER BY id") == [
        ("as exported",), ("deleted before we read",), ("behind what we read",)
    ]  # fmt: skip
    assert watching.verified()


def test_coverage_tells_apart_what_only_an_export_states(watching: Watching) -> None:
    watching.collect()
    with watching.app.stores.db.begin() as db:
        (before,) = telegram_chats.coverage(db, watching.source)
    watching.export(said(9), said(10), said(60))
    watching.bring()
    with watching.app.stores.db.begin() as db:
        (after,) = telegram_chats.coverage(db, watching.source)
    assert after == replace(before, unchecked=2)


def test_the_same_import_twice_adds_nothing(watching: Watching) -> None:
    watching.collect()
    (watching.folder / "photos").mkdir()
    (watching.folder / "photos" / "1.jpg").write_bytes(b"a picture")
    watching.export(*(said(number) for number in range(1, 80)), said(90, photo="photos/1.jpg"))
    watching.bring()
    before = watching.rows()
    again = watching.bring().counts()
    assert (again["messages"], again["observations"], again["new_posts"], again["new_files"]) == (80, 0, 0, 0)
    assert watching.rows() == before
    assert watching.verified()


def test_another_export_adds_only_what_it_states_otherwise(watching: Watching) -> None:
    watching.collect()
    watching.export(said(1), said(2), said(60))
    watching.bring()
    watching.export(said(1), said(2, "edited", edited_unixtime=str(PUBLISHED + 9000)), said(60), said(61))
    done = watching.bring()
    assert (done.observations, done.new_posts) == (2, 1)
    assert watching.verified()


def test_what_is_erased_while_it_is_being_imported_is_not_kept(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching.collect()
    ((post,),) = watching.ask("SELECT id FROM posts WHERE number = 7")
    hold_off, done = erasures.hold_off, list[int]()

    def meanwhile(db: Connection) -> None:
        if not done:
            done.append(1)
            with watching.app.stores.db.begin() as other:
                number, _ = erasures.ask(other, subjects.parse(f"post:{post}"), "a court said so", "AZ 12/26", "anna")
                erasures.confirm(other, number, "bert")
            erasure.finish(watching.app)
        hold_off(db)

    monkeypatch.setattr(erasures, "hold_off", meanwhile)
    watching.export(said(7, "to be erased"))
    with pytest.raises(Failure, match="import it again"):
        watching.bring()
    assert watching.ask("SELECT count(*) FROM posts WHERE number = 7") == [(0,)]


def test_what_is_gone_stays_gone_and_what_is_missing_stays_missing(watching: Watching) -> None:
    watching.collect()
    states = "UPDATE posts SET seen = '{}', missing_since = now() WHERE number = {}"
    with watching.app.stores.db.begin() as db:
        db.execute(text(states.format("gone", 3)))
        db.execute(text(states.format("missing", 4)))
    question = "SELECT seen, missing_since, last_seen_at, checked_at FROM posts WHERE number IN (3, 4) ORDER BY number"
    before = watching.ask(question)
    watching.export(said(3), said(4))
    assert watching.bring().observations == 2
    assert watching.ask(question) == before


def test_what_only_an_export_states_is_looked_for_and_found_gone_or_there(watching: Watching) -> None:
    watching.collect()
    watching.export(said(10), said(60))
    watching.bring()
    watching.channel.publish(Post(60, "post 60"))
    watching.collect("recheck")
    question = "SELECT number, seen FROM posts WHERE number IN (10, 60) ORDER BY number"
    assert watching.ask(question) == [(10, "missing"), (60, "present")]
    watching.collect("recheck")
    assert watching.ask(question) == [(10, "gone"), (60, "present")]
    assert watching.verified()


def test_reactions_of_an_export_are_no_look_at_an_audience(watching: Watching) -> None:
    watching.collect()
    watching.export(said(1, reactions=[{"type": "emoji", "emoji": "+", "count": 3}]))
    watching.bring()
    watching.export(said(1, reactions=[{"type": "emoji", "emoji": "+", "count": 4}]))
    assert watching.bring().observations == 0
    assert watching.ask("SELECT * FROM audiences") == []
    (met,) = watching.ask("SELECT audience FROM observations WHERE method = 'telegram.export'")
    assert met == ({"reactions": {"+": 3}},)


def test_the_export_itself_is_evidence(watching: Watching) -> None:
    watching.collect()
    watching.export(said(60))
    watching.bring()
    ((key, sha256),) = watching.ask("SELECT raw_key, raw_sha256 FROM observations WHERE method = 'telegram.export'")
    assert key == f"raw/telegram/1001/export/{sha256}.json"
    objects = watching.app.stores.objects
    assert objects.read(EVIDENCE, key) == (watching.folder / "result.json").read_bytes()
    assert objects.locked_until(key) is not None


def test_of_an_account_only_the_channel_becomes_evidence(watching: Watching) -> None:
    watching.collect()
    chats = [
        {"name": "Friend", "type": "personal_chat", "id": 5, "messages": [said(1, "private words")]},
        {"name": "News", "type": "public_channel", "id": 1001, "messages": [said(60)]},
    ]
    whole = {"contacts": {"list": [{"phone_number": "+1 555 0100"}]}, "chats": {"about": "", "list": chats}}
    (watching.folder / "result.json").write_text(json.dumps(whole))
    assert watching.bring().messages == 1
    ((key,),) = watching.ask("SELECT raw_key FROM observations WHERE method = 'telegram.export'")
    kept = watching.app.stores.objects.read(EVIDENCE, key)
    assert json.loads(kept) == chats[1]
    assert watching.verified()


def test_what_cannot_be_understood_is_counted_and_named(watching: Watching) -> None:
    watching.collect()
    watching.export(said(60), {"id": "x", "type": "message"}, said(61), said(61))
    done = watching.bring()
    assert (done.messages, done.refused) == (2, 2)
    refused = watching.ask("SELECT subject, outcome, why FROM refusals ORDER BY subject")
    assert [(str(subject).partition("#")[2], outcome) for subject, outcome, _ in refused] == [
        ("item 2", "DEFECT"), ("item 4", "DEFECT")
    ]  # fmt: skip
    watching.export(said(60), said(61))
    watching.bring()
    assert watching.ask("SELECT * FROM refusals") == []


# --- files -------------------------------------------------------------------------------------------------


def test_pictures_beside_it_are_stored_and_analysed(watching: Watching) -> None:
    watching.collect()
    (watching.folder / "photos").mkdir()
    (watching.folder / "photos" / "1.jpg").write_bytes(b"a picture")
    watching.export(said(60, photo="photos/1.jpg"), said(61, photo="photos/1.jpg"), said(62, photo="photos/2.jpg"))
    done = watching.bring()
    assert (done.messages, done.files, done.new_files, done.refused) == (3, 3, 2, 1)
    assert done.refusals[0].where == "message 62, file"
    ((blob, size, key),) = watching.ask("SELECT id, size, object_key FROM blobs")
    assert size == len(b"a picture")
    assert watching.app.stores.objects.read(EVIDENCE, key) == b"a picture"
    assert {row[0] for row in watching.ask("SELECT blob_id FROM media_items")} == {blob}
    assert watching.ask("SELECT subject FROM work WHERE step = 'fingerprint'") == [(blob,)]
    assert watching.ask("SELECT count(*) FROM work WHERE step = 'fetch'") == [(0,)]
    assert watching.verified()


def test_one_file_twice_in_a_message_is_one_and_its_type_cannot_break_the_store(watching: Watching) -> None:
    watching.collect()
    (watching.folder / "1.jpg").write_bytes(b"a picture")
    watching.export(said(60, photo="1.jpg", file="./1.jpg", mime_type="image/a\r\nb: c"))
    done = watching.bring()
    assert (done.files, done.new_files, done.refused) == (2, 1, 0)
    assert watching.verified()


def test_nothing_outside_the_folder_is_taken(watching: Watching, tmp_path: Path) -> None:
    watching.collect()
    (tmp_path / "secret.jpg").write_bytes(b"a secret")
    (watching.folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (watching.folder / "folder").symlink_to(tmp_path)
    os.mkfifo(watching.folder / "pipe.jpg")
    (watching.folder / "photos").mkdir()
    bad = (
        "../secret.jpg",
        str(tmp_path / "secret.jpg"),
        "link.jpg",
        "folder/secret.jpg",
        "pipe.jpg",
        "photos",
        ".",
        "a" * 999,
    )
    watching.export(*(said(100 + place, photo=path) for place, path in enumerate(bad)))
    done = watching.bring()
    assert (done.messages, done.refused, done.new_files) == (len(bad), len(bad), 0)
    assert watching.ask("SELECT * FROM blobs") == []


def test_a_file_that_is_too_large_is_skipped_and_its_message_kept(watching: Watching) -> None:
    watching.collect()
    with (watching.folder / "long.mp4").open("wb") as made:
        made.truncate((1 << 20) + 1)
    watching.export(said(60, file="long.mp4", mime_type="video/mp4"))
    small = replace(watching.app, settings=watching.app.settings.model_copy(update={"fetch_max_mib": 1}))
    done = import_export(small, watching.source, watching.folder)
    assert (done.new_posts, [one.fault for one in done.refusals]) == (1, ["SKIPPED"])


# --- what is refused whole ---------------------------------------------------------------------------------


def test_an_import_needs_a_source_on_telegram_that_was_read_once(watching: Watching) -> None:
    watching.export(said(1))
    with pytest.raises(WrongUse, match=f"lastseen collect --source {watching.source}"):
        watching.bring()
    with watching.app.stores.db.begin() as db:
        site = sources.add(db, Platform.VIDEO_SITE, "https://example.org/", "a reason", "test", "test").source.id
    with pytest.raises(WrongUse, match="no channel on Telegram"):
        import_export(watching.app, site, watching.folder)
    with pytest.raises(NothingSuch):
        import_export(watching.app, 99, watching.folder)
    unfounded = replace(watching.app, settings=watching.app.settings.model_copy(update={"legal_basis": ""}))
    with pytest.raises(NoLegalBasis):
        import_export(unfounded, watching.source, watching.folder)


def test_what_is_not_the_channels_export_leaves_no_trace_but_its_refusal(watching: Watching) -> None:
    watching.collect()
    before = watching.rows()
    watching.export(said(1), of=1002)
    with pytest.raises(NotAnExport, match="another chat"):
        watching.bring()
    (watching.folder / "result.json").write_bytes(b"\x00" * 1000)
    with pytest.raises(NotAnExport):
        watching.bring()
    (watching.folder / "result.json").write_bytes(b" " * ((1 << 20) + 1))
    small = replace(watching.app, settings=watching.app.settings.model_copy(update={"import_max_mib": 1}))
    with pytest.raises(Unfit, match="LASTSEEN_IMPORT_MAX_MIB"):
        import_export(small, watching.source, watching.folder)
    (watching.folder / "result.json").unlink()
    with pytest.raises(Unfit, match="cannot be taken"):
        watching.bring()
    assert watching.rows() == before
    assert watching.ask("SELECT outcome FROM refusals") == [("DEFECT",)]
    assert list(watching.app.stores.objects.keys(EVIDENCE, "raw/telegram/1001/export/")) == []


def test_a_dry_run_keeps_nothing(watching: Watching) -> None:
    watching.collect()
    before = watching.rows()
    watching.export(said(60, photo="photos/1.jpg"), said(61), {})
    done = watching.bring(dry=True)
    assert (done.messages, done.files, done.refused) == (2, 1, 1)
    assert watching.rows() == before
    assert watching.ask("SELECT * FROM refusals") == []
    assert list(watching.app.stores.objects.keys(EVIDENCE, "raw/telegram/1001/export/")) == []


def test_the_command_says_what_it_did(watching: Watching) -> None:
    watching.collect()
    watching.export(said(60), {})
    told = watching.office.ask("source", "import", str(watching.source), str(watching.folder / "result.json"))
    refusal = {"what": "item 2", "outcome": "DEFECT", "why": "it is of no known type"}
    assert told == {
        "messages": 1, "new_posts": 1, "observations": 1, "files": 0, "new_files": 0, "refused": 1,
        "refusals": [refusal],
    }  # fmt: skip
    assert "there is no source 99" in watching.office.run("source", "import", "99", ".", status=2).stderr
    ((tallies,),) = watching.ask("SELECT counts FROM runs WHERE command = 'source import'")
    assert tallies == {"source import": {"done": 1, "DEFECT": 1}}


# --- killed ------------------------------------------------------------------------------------------------

KILLED = """
import sys
from pathlib import Path
from lastseen.settings import settings
from pipeline.telegram import importing
from pipeline.app import open_app

importing.BATCH = 20
with open_app(settings(), "test") as app:
    importing.import_export(app, int(sys.argv[1]), Path(sys.argv[2]))
"""


def test_killed_in_the_middle_and_started_again(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    watching.collect()
    (watching.folder / "photos").mkdir()
    for number in range(100, 1000, 10):
        (watching.folder / "photos" / f"{number}.jpg").write_bytes(b"picture %d" % number)
    watching.export(
        *(
            said(number, **({"photo": f"photos/{number}.jpg"} if number % 10 == 0 else {}))
            for number in range(100, 1000)
        )
    )
    count = "SELECT count(*) FROM posts WHERE number >= 100"
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(watching.source), str(watching.folder)],
        env=watching.office.environ(),
        cwd=PROJECT,
    )
    while watching.ask(count) == [(0,)] and child.poll() is None:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    ((kept,),) = watching.ask(count)
    assert 0 < kept < 900
    assert watching.verified()
    monkeypatch.setattr(importing, "BATCH", 20)
    done = watching.bring()
    assert (done.messages, done.new_posts, done.refused) == (900, 900 - kept, 0)
    counted = watching.ask(
        "SELECT count(*), count(DISTINCT post_id) FROM observations WHERE method = 'telegram.export'"
    )
    assert counted == [(900, 900)]
    assert watching.ask("SELECT count(*), count(blob_id) FROM media_items") == [(90, 90)]
    assert watching.verified()
