"""Lawful erasure: two people, everything goes, nothing comes back, the log stays, a killed one is finished."""

import hashlib
import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sqlalchemy import text

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from pipeline.app import open_app
from pipeline.duties import erasure, fixity
from storage import alerts, custody, erasures, holds, subjects
from storage.database import Connection, DatabaseError
from storage.objects import EVIDENCE, ObjectStore, StoreRefuses
from storage.sealed_blocks import BlockPlace, Origin, Templates
from storage.sealing import Sealer
from storage.template_cache import blocks_of
from storage.verification import verify
from tests.pipeline.duties.erasing import ask, confirm, erase
from tests.pipeline.telegram.watching import Watching, watching
from tests.servers.telegram import Attachment, Channel, Post, World

SHARED, ALONE = b"bytes that two posts carry", b"bytes that one post carries"
SECRET = "whoever wrote this wants it gone"
MESSAGE = 3
EVERYTHING = "evidence", "derived"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def channel() -> Channel:
    made = Channel(1001, "news", "News")
    made.publish(
        Post(1, "one", attachment=Attachment(21, SHARED)),
        Post(2, "two", attachment=Attachment(22, SHARED)),
        Post(MESSAGE, SECRET, attachment=Attachment(23, ALONE)),
        Post(4, "four"),
    )
    return made


@pytest.fixture
def office(owning: Settings, channel: Channel) -> Iterator[Watching]:
    """It has read four messages in one answer, and fetched their files."""
    world = World()
    world.add(channel)
    with watching(owning, world, channel) as made:
        made.collect()
        made.run("fetch")
        yield made


def post(office: Watching, number: int = MESSAGE) -> str:
    ((id_,),) = office.rows(f"SELECT id FROM posts WHERE number = {number}")  # noqa: S608
    return f"post:{id_}"


def stored(office: Watching) -> bytes:
    """Everything in the evidence bucket, one behind the other."""
    objects = office.app.stores.objects
    return b"\n".join(objects.read(EVIDENCE, one.key, one.version_id) for one in objects.versions(EVIDENCE))


def everything(office: Watching) -> str:
    """All rows of all tables but the log and the erasures themselves."""
    tables = office.rows("SELECT relname FROM pg_stat_user_tables ORDER BY 1")
    return "\n".join(
        str(office.rows(f"SELECT * FROM {name}"))  # noqa: S608
        for (name,) in tables
        if name not in ("custody_events", "erasures", "erasure_acts", "not_collected", "checkpoints")
    )


def stands(office: Watching) -> bool:
    report = verify(office.app.stores.db, office.app.stores.objects)
    assert report.incidents == ()
    return report.ok


def test_one_message_goes_and_the_others_of_its_record_stay(office: Watching) -> None:
    assert SECRET.encode() in stored(office)
    before = office.rows("SELECT DISTINCT raw_sha256 FROM observations")
    gone = erase(office.app, post(office))
    assert gone.counts() == {
        "blobs": 1, "posts": 1, "records": 1, "tracks": 0, "candidates": 0, "people": 0, "photos": 0,
        "lines": 0, "letters": 0, "tips": 0, "letter_files": 0, "list_files": 0, "elsewhere": 0,
    }  # fmt: skip
    assert SECRET.encode() not in stored(office)
    assert ALONE not in stored(office)
    assert SHARED in stored(office)
    assert SECRET not in everything(office)
    assert sha256(ALONE) not in everything(office)
    assert office.numbers() == [1, 2, 4]
    assert office.rows("SELECT count(*) FROM observations") == [(3,)]
    ((key,),) = office.rows("SELECT DISTINCT raw_key FROM observations")
    said = json.loads(office.app.stores.objects.read(EVIDENCE, str(key)).partition(b"\n")[0])
    assert (said["derived_from"], said["left_out"]) == (before[0][0], 1)
    assert stands(office)


def test_the_log_says_that_when_why_by_whom_and_what(office: Watching) -> None:
    record = office.rows("SELECT DISTINCT raw_sha256 FROM observations")[0][0]
    erase(office.app, post(office))
    told = office.rows(
        """SELECT action, actor, reason, detail->>'sha256', detail->>'order' FROM custody_events
            WHERE action LIKE 'erasure%' OR action = 'erased' ORDER BY seq"""
    )
    assert told == [
        ("erasure asked", "anna", "a court said so", None, "AZ 12/26"),
        ("erasure confirmed", "bert", "a court said so", None, "AZ 12/26"),
        ("erased", "test", "a court said so", sha256(ALONE), "AZ 12/26"),
        ("erased", "test", "a court said so", record, "AZ 12/26"),
        ("erased", "test", "a court said so", None, "AZ 12/26"),
    ]


def test_no_file_of_this_machine_holds_a_template_that_was_erased(office: Watching) -> None:
    blocks = blocks_of(office.app.settings)
    template = Templates(np.array([1]), np.array([1]), np.ones((1, 4), np.float32))
    blocks.write(BlockPlace(Origin.TRACK, "dlib", 0), bytes(32), template, Sealer(bytes(32)))
    erase(office.app, post(office))
    assert list(blocks.held()) == []


def test_nothing_of_it_comes_back(office: Watching) -> None:
    erase(office.app, post(office))
    office.change("UPDATE telegram_chats SET again = held")
    office.channel.publish(Post(5, "the same file again", attachment=Attachment(25, ALONE)))
    office.channel.publish(Post(2, "two, edited", attachment=Attachment(22, SHARED)))
    office.collect()
    office.age()
    office.run("recheck")
    assert office.run("fetch") == {"done": 0, "SKIPPED": 1}
    assert office.numbers() == [1, 2, 4, 5]
    assert ("two, edited",) in office.rows("SELECT text FROM observations")
    assert SECRET.encode() not in stored(office)
    assert ALONE not in stored(office)
    assert "lawful order" in str(office.outcome("fetch")[2])
    assert stands(office)


def test_bytes_that_other_posts_carry_stay_until_they_are_named(office: Watching) -> None:
    assert erase(office.app, post(office, 1)).counts()["elsewhere"] == 1
    assert SHARED in stored(office)
    gone = erase(office.app, f"blob:{sha256(SHARED)}")
    assert (gone.counts()["blobs"], gone.counts()["posts"]) == (1, 0)
    assert SHARED not in stored(office)
    assert office.rows("SELECT number, blob_id FROM media_items JOIN posts ON posts.id = post_id WHERE number = 2") == [
        (2, None)
    ]
    assert office.run("fetch") == {"done": 0}
    assert stands(office)


def test_a_whole_source(office: Watching) -> None:
    gone = erase(office.app, f"source:{office.source}")
    assert (gone.counts()["posts"], gone.counts()["blobs"]) == (4, 2)
    assert [one for one in office.app.stores.objects.versions(EVIDENCE) if not one.key.startswith("probe/")] == []
    assert SECRET not in everything(office)
    assert office.rows("SELECT count(*) FROM sources") == [(1,)]
    assert stands(office)


def test_one_person_alone_erases_nothing(office: Watching) -> None:
    number = ask(office.app, post(office))
    with pytest.raises(WrongUse, match="somebody else"):
        confirm(office.app, number, "anna")
    assert erasure.finish(office.app) == []
    with office.app.stores.db.begin() as db:
        custody.append_all(db, "bert", erasures.refuse(db, number, "the order is void", "bert"))
    with pytest.raises(WrongUse, match="refused already"):
        confirm(office.app, number)
    assert SECRET.encode() in stored(office)


@pytest.mark.parametrize("held", ["post", "source", "blob"])
def test_what_is_held_is_not_erased(office: Watching, held: str) -> None:
    number, target = ask(office.app, post(office)), post(office)
    name = {"post": target, "source": f"source:{office.source}", "blob": f"blob:{sha256(ALONE)}"}[held]
    with office.app.stores.db.begin() as db:
        holds.place(db, subjects.parse(name), "a trial", "judge")
    with pytest.raises(WrongUse, match="under a legal hold"):
        confirm(office.app, number)
    with pytest.raises(WrongUse, match="under a legal hold"):
        ask(office.app, target)
    with office.app.stores.db.begin() as db:
        holds.release(db, subjects.parse(name), "it is over", "judge")
    confirm(office.app, number)


def test_the_applications_role_erases_nothing(settings: Settings, channel: Channel) -> None:
    world = World()
    world.add(channel)
    with watching(settings, world, channel) as office:
        office.collect()
        confirm(office.app, ask(office.app, post(office)))
        with pytest.raises(WrongUse, match="LASTSEEN_DATABASE_OWNER_URL"):
            erasure.finish(office.app)
        assert SECRET.encode() in stored(office), "no object is gone without its rows"
        with pytest.raises(DatabaseError, match="permission denied"):
            office.change("SELECT set_config('lastseen.erasure', '1', true); DELETE FROM observations")


def test_an_erasure_that_waits_for_the_owner_is_told_of_until_it_is_done(
    settings: Settings, owning: Settings, channel: Channel
) -> None:
    """The daily run has the application's role on most machines: what it may not do must not be forgotten."""
    world = World()
    world.add(channel)
    with watching(settings, world, channel) as office:
        office.collect()
        number = ask(office.app, post(office))
        confirm(office.app, number)
        assert fixity.run(office.app)["erasures_waiting"] == 1
        assert told(office) == [(alerts.ERASURE, f"erasure:{number}")]
        assert "lastseen erasures finish" in fixity.waiting_said(1)
        with open_app(owning, "test") as app:
            done = fixity.run(app)
        assert (done["erasures_finished"], done["erasures_waiting"]) == (1, 0)
        assert told(office) == []


def told(office: Watching) -> list[tuple[str, str]]:
    """Alerts that stand."""
    with office.app.stores.db.begin() as db:
        return [(one.kind, one.subject) for one in alerts.standing(db)]


def test_rows_are_defended_but_for_a_confirmed_erasure(office: Watching) -> None:
    number = ask(office.app, post(office))
    for statement in ("DELETE FROM observations", "UPDATE observations SET title = 'x'", "TRUNCATE observations"):
        with pytest.raises(DatabaseError, match=r"append-only|permission"):
            office.change(f"SELECT set_config('lastseen.erasure', '{number}', true); {statement}")
    confirm(office.app, number)
    erasure.finish(office.app)
    with pytest.raises(DatabaseError, match="permission denied"):
        office.change(f"SELECT set_config('lastseen.erasure', '{number}', true); DELETE FROM observations")  # noqa: S608


class Broken(Exception):
    """The worker died here."""


@pytest.mark.parametrize("at", ["put_verified", "erase", "take"])
def test_an_erasure_that_is_cut_short_is_finished_by_the_next_run(
    office: Watching, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    confirm(office.app, ask(office.app, post(office)))
    after = {"put_verified": 1, "erase": 1, "take": 0}[at]
    with monkeypatch.context() as patched:
        if at == "take":
            patched.setattr(erasures, "take", dying(erasures.take, after))
        else:
            patched.setattr(ObjectStore, at, dying(getattr(ObjectStore, at), after))
        with pytest.raises(Broken):
            erasure.finish(office.app)
    assert stands(office), "what is being erased is no incident"
    assert len(erasure.finish(office.app)) == 1
    assert SECRET.encode() not in stored(office)
    assert SECRET not in everything(office)
    assert office.numbers() == [1, 2, 4]
    assert stands(office)


def dying(call: Callable[..., object], after: int) -> Callable[..., object]:
    """The same, but for the last of these calls, whose worker dies when it is done (or, with none, before)."""
    calls = iter(range(after))

    def called(*args: object, **named: object) -> object:
        if next(calls, None) is None:
            raise Broken
        made = call(*args, **named)
        if after == 1:
            raise Broken
        return made

    return called


ANALYSED = (
    """INSERT INTO analyses (blob_id, recipe, engine, kind, width, height, duration_ms, pictures_decoded,
                             pictures_sampled, gaps, complete, shots)
       SELECT blob_id, 'r', 'e', 'video', 1, 1, 1, 1, 1, 0, true, '[]'
         FROM media_items JOIN posts ON posts.id = post_id WHERE number = 3""",
    """INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces)
       SELECT id, 0, 0, 0, 0, '[]' FROM analyses""",
)


def test_what_is_added_meanwhile_goes_too(office: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    take, added = erasures.take, list[int]()

    def meanwhile(*args: object) -> object:
        if not added:
            added.append(1)
            for statement in ANALYSED:
                office.change(statement)
        return take(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(erasures, "take", meanwhile)
    erase(office.app, post(office))
    assert office.rows("SELECT count(*) FROM tracks") == [(0,)]
    assert stands(office)


def test_what_a_worker_has_in_its_hands_meanwhile_is_not_kept(
    office: Watching, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had looked whether the bytes were erased, and had stored them, before they were."""
    channel.publish(Post(5, "five", attachment=Attachment(25, ALONE)))
    office.collect()
    hold_off, done = erasures.hold_off, list[int]()

    def meanwhile(db: Connection) -> None:
        if not done:
            done.append(1)
            assert ALONE in stored(office)
            erase(office.app, f"blob:{sha256(ALONE)}")
        hold_off(db)

    monkeypatch.setattr(erasures, "hold_off", meanwhile)
    office.run("fetch")
    assert done == [1]
    assert ALONE not in stored(office)
    assert sha256(ALONE) not in everything(office)
    assert office.rows("SELECT state, why FROM work WHERE step = 'fetch' AND outcome = 'SKIPPED' ORDER BY id") == [
        ("skipped", "erased by a lawful order"), ("skipped", "the same bytes were erased by a lawful order"),
    ]  # fmt: skip
    assert stands(office)


def test_nobody_confirms_while_something_is_being_kept(office: Watching) -> None:
    number = ask(office.app, post(office))
    with office.app.stores.db.begin() as keeping:
        erasures.hold_off(keeping)
        with office.app.stores.db.begin() as db, pytest.raises(DatabaseError, match="lock timeout"):
            db.execute(text("SET LOCAL lock_timeout = 50"))
            erasures.confirm(db, number, "bert")
    confirm(office.app, number)


def test_a_store_that_keeps_it_stops_the_erasure_before_any_row(office: Watching) -> None:
    confirm(office.app, ask(office.app, post(office)))
    key = f"blob/sha256/{sha256(ALONE)[:2]}/{sha256(ALONE)[2:4]}/{sha256(ALONE)}"
    office.app.stores.objects.hold(key)
    with pytest.raises(StoreRefuses, match="legal hold"):
        erasure.finish(office.app)
    assert office.rows(f"SELECT count(*) FROM blobs WHERE sha256 = '{sha256(ALONE)}'") == [(1,)]  # noqa: S608
    office.app.stores.objects.release(key)
    erasure.finish(office.app)
    assert stands(office)


def test_no_such_subject(office: Watching) -> None:
    for written in ("post:999999", f"blob:{'0' * 64}", "person:nobody", "candidate:1", "source:77"):
        with pytest.raises(WrongUse, match="there is no"):
            ask(office.app, written)
    for written in ("post", "post:x", "blob:12", "face:1", "person:", ""):
        with pytest.raises(WrongUse, match="no subject"):
            subjects.parse(written)
