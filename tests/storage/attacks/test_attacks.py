"""Each act of whoever owns the database, and what the checks say of it."""

import io
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.custody import signing, witness
from pipeline.custody.signing import CannotSign
from storage import alerts, custody_keys, heads, notes
from storage.custody import Action
from storage.merkle import Frontier
from storage.notes import Checkpoint, Note, Signer
from storage.objects import EVIDENCE
from tests.conftest import in_database, run_sql
from tests.storage.attacks.conftest import Scene, public_key

UNTRUE = "its content is not what was hashed"
UNLINKED = "it does not follow the event before it"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("actor = 'collectos'", [UNTRUE]),
        ("action = 'storee'", [UNTRUE]),
        ("subject = 'blob:8'", [UNTRUE]),
        ("detail = '{\"size\": 3}'", [UNTRUE]),
        ("detail = '{\"size\": 2.5}'", [UNTRUE]),
        ("reason = 'order 8'", [UNTRUE]),
        ("version = 1", [UNTRUE]),
        ("at = at + interval '1 microsecond'", [UNTRUE]),
        ("previous = set_byte(previous, 0, 255 - get_byte(previous, 0))", [UNLINKED, UNTRUE]),
    ],
)
def test_one_byte_of_an_event(scene: Scene, change: str, found: list[str]) -> None:
    scene.as_owner(f"UPDATE custody_events SET {change} WHERE seq = 3")  # noqa: S608  what is above
    told = [what for where, what in scene.found() if where == "custody event 3"]
    assert told == found


@pytest.mark.parametrize("at", ["infinity", "20000-01-01", "0044-03-15 BC"])
def test_a_time_that_no_calendar_has(scene: Scene, at: str) -> None:
    scene.as_owner("UPDATE custody_events SET at = CAST(:at AS timestamptz) WHERE seq = 3", at=at)
    assert scene.found()[0] == ("custody event 4", "1 events before it are missing")


def test_one_byte_of_a_hash(scene: Scene) -> None:
    scene.as_owner("UPDATE custody_events SET hash = set_byte(hash, 31, 255 - get_byte(hash, 31)) WHERE seq = 3")
    found = scene.found()
    assert found[:2] == [("custody event 3", UNTRUE), ("custody event 4", UNLINKED)]
    assert all("they are not what was signed" in what for _, what in found[2:])
    assert len(found) == 2 + 4, "both heads, in the database and in the store"


def test_one_number_of_an_event(scene: Scene) -> None:
    scene.as_owner("UPDATE custody_events SET seq = 11 WHERE seq = 9")
    assert scene.found() == [
        ("custody event 10", "1 events before it are missing"),
        ("custody event 11", UNLINKED),
        ("custody event 11", UNTRUE),
    ]


def test_an_event_that_is_removed(scene: Scene) -> None:
    scene.as_owner("DELETE FROM custody_events WHERE seq = 9")
    assert scene.found() == [("custody event 10", "1 events before it are missing")]


def test_an_event_that_is_removed_and_the_gap_closed(scene: Scene) -> None:
    events = scene.events()
    scene.rewrite([*events[5:7], *events[8:]], after=5)
    assert {where for where, what in scene.found() if "they are not what was signed" in what} == both(scene, 8)


def test_two_events_that_are_swapped(scene: Scene) -> None:
    scene.as_owner(
        "UPDATE custody_events SET seq = 99 WHERE seq = 6",
        "UPDATE custody_events SET seq = 6 WHERE seq = 7",
        "UPDATE custody_events SET seq = 7 WHERE seq = 99",
    )
    found = scene.found()
    for seq in (6, 7):
        assert {what for where, what in found if where == f"custody event {seq}"} == {UNLINKED, UNTRUE}


def test_the_whole_log_written_anew_without_the_key(scene: Scene) -> None:
    """With heads of its own, signed with a key of its own, in the table."""
    scene.rewrite([replace(event, actor="somebody else") for event in scene.events()])
    resign(scene, Signer("lastseen/office", notes.private_key(notes.new_private_key())))
    found = scene.found()
    for size in (4, 8):
        row, stored = f"signed head over {size} events in the database", key(scene, size)
        assert (row, "it was signed by none of this log's keys") in found
        assert (stored, "this signed head is another one in the database") in found
        assert (stored, f"its root is not that of the first {size} events: they are not what was signed") in found
    refused(scene, "was signed by none of this log's keys")


def test_the_whole_log_written_anew_and_every_head_removed(scene: Scene) -> None:
    scene.rewrite([replace(event, actor="somebody else") for event in scene.events()])
    scene.as_owner("DELETE FROM cosignatures", "DELETE FROM checkpoints")
    found = scene.found()
    for size in (4, 8):
        assert (key(scene, size), "this signed head is not in the database") in found
        assert (
            key(scene, size),
            f"its root is not that of the first {size} events: they are not what was signed",
        ) in found
    refused(scene, "an older database was restored, or heads were removed")


def test_the_end_cut_off(scene: Scene) -> None:
    scene.as_owner("DELETE FROM custody_events WHERE seq > 6")
    cut = (
        "it was signed over 8 events, and the log has 6 that can be followed: its end was cut off, or an older database"
        " was restored"
    )
    assert sorted(scene.found()) == sorted((where, cut) for where in both(scene, 8))
    refused(scene, "events that were signed are gone")


def test_the_end_cut_off_and_written_anew(scene: Scene) -> None:
    forged = [replace(event, actor="somebody else") for event in scene.events()[6:]]
    scene.rewrite(forged, after=6)
    wrong = "its root is not that of the first 8 events: they are not what was signed"
    assert sorted(scene.found()) == sorted((where, wrong) for where in both(scene, 8))
    refused(scene, "custody event 8 is not the one that was signed")


def test_the_unsigned_end_cut_off_and_written_anew_is_what_a_head_is_signed_every_hour_for(scene: Scene) -> None:
    scene.rewrite([replace(scene.events()[8], actor="somebody else")], after=8)
    assert scene.found() == [], "nobody outside has seen these events yet: docs/evidence.md says so"


def test_an_event_dated_back(scene: Scene) -> None:
    events = scene.events()
    scene.rewrite([replace(events[8], at=events[0].at - timedelta(days=1)), events[9]], after=8)
    (order, head) = scene.found()
    assert order == ("custody event 9", "it is dated before the event before it")
    assert head[0] == "custody event 9"
    assert "before the head that was signed before it" in head[1]


def test_a_head_dated_back(scene: Scene) -> None:
    """By whoever has the key: it cannot be older than what it covers."""
    signer = Signer("lastseen/office", custody_keys.private_key(scene.settings, make=False))
    resign(scene, signer, timedelta(days=-1))
    told = {what for where, what in scene.found() if where == "signed head over 8 events in the database"}
    assert any("before the last event that it covers" in what for what in told)


def test_two_histories_shown_to_two_witnesses(scene: Scene, tmp_path: Path) -> None:
    """The owner has the key as well: only what outsiders have kept shows it."""
    one, two = (witness.init(tmp_path / name, name, [public_key(scene.settings)]) for name in ("one", "two"))
    seen_by_one = scene.witnessed(one)
    scene.rewrite([replace(event, actor="somebody else") for event in scene.events()])
    resign(scene, Signer("lastseen/office", custody_keys.private_key(scene.settings, make=False)))
    seen_by_two = scene.witnessed(two)
    told = scene.found(seen_by_one, seen_by_two)
    wrong = "its root is not that of the first 8 events: they are not what was signed"
    assert (seen_by_one.name, wrong) in told
    assert seen_by_two.name not in {where for where, _ in told}
    with pytest.raises(witness.Contradicts, match="another head over 8 events"):
        scene.witnessed(one, 8)
    scene.log(1)
    scene.as_owner("DELETE FROM checkpoints WHERE size = 4")
    resign(scene, Signer("lastseen/office", custody_keys.private_key(scene.settings, make=False)), size=11)
    with pytest.raises(witness.Inconsistent, match="8 events has grown to 11"):
        scene.witnessed(one, 8)
    assert one.log("lastseen/office").refused == 2


def test_an_older_database_restored(scene: Scene, tmp_path: Path) -> None:
    url = scene.stores.owner.url.set(drivername="postgresql").render_as_string(hide_password=False)
    dump = tmp_path / "old.sql"
    programs = bin_folder(scene)
    subprocess.run([programs / "pg_dump", "--dbname", url, "--file", dump, "--format", "custom"], check=True)
    scene.log(3)
    scene.sign()
    with scene.stores.db.begin() as db:
        assert heads.newest(db) is not None
    name = str(scene.stores.owner.url.database)
    scene.stores.db.dispose()
    scene.stores.owner.dispose()
    run_sql(in_database(url, "postgres"), f"DROP DATABASE {name} WITH (FORCE)")
    run_sql(in_database(url, "postgres"), f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY FILE_COPY")
    subprocess.run([programs / "pg_restore", "--dbname", url, dump], check=True)
    (incident,) = scene.found()
    assert incident[0] == key(scene, 13)
    assert "the log has 10 that can be followed" in incident[1]
    refused(scene, "an older database was restored")
    anew = replace(scene, settings=scene.settings.model_copy(update={"log_name": "lastseen/office-2"}))
    with pytest.raises(CannotSign, match="an older database was restored"):
        anew.sign()  # not before the log is longer than any head says
    scene.log(5)
    refused(scene, "an older database was restored")
    assert anew.sign().checkpoint.origin == "lastseen/office-2"
    anew.log(1)
    assert anew.sign().size == 16
    lost = "its root is not that of the first 13 events: they are not what was signed"
    assert sorted(scene.found()) == [
        (key(scene, 13), lost),
        (key(scene, 13), "this signed head is not in the database"),
    ]


def test_a_head_removed_from_the_table_only(scene: Scene) -> None:
    scene.as_owner("DELETE FROM checkpoints WHERE size = 8")
    assert scene.found() == [(key(scene, 8), "this signed head is not in the database")]
    refused(scene, "heads were removed")


def test_a_head_changed_in_the_table(scene: Scene) -> None:
    scene.as_owner("UPDATE checkpoints SET note = replace(note, 'chain ', 'chain 0') WHERE size = 4")
    told = scene.found()
    assert (key(scene, 4), "this signed head is another one in the database") in told
    assert {where for where, _ in told} == {key(scene, 4), "signed head over 4 events in the database"}


def test_what_is_kept_beside_a_head_changed(scene: Scene) -> None:
    scene.as_owner("UPDATE checkpoints SET peaks = set_byte(peaks, 0, 255 - get_byte(peaks, 0)) WHERE size = 8")
    refused(scene, "is not of its tree")


def test_a_heads_object_replaced(scene: Scene) -> None:
    """By whoever has the store's keys: another version of the object hides the locked one."""
    put(scene, key(scene, 8), scene.stores.objects.read(EVIDENCE, key(scene, 4)))
    told = scene.found()
    assert (key(scene, 8), "this signed head is another one in the database") in told
    assert (key(scene, 8), "it is a head over 4 events, kept as one over 8") in told
    refused(scene, "is another one in the object store")


def test_a_heads_object_hidden(scene: Scene) -> None:
    client, bucket = scene.stores.objects._client, scene.stores.objects.bucket(EVIDENCE)
    client.remove_object(bucket, key(scene, 4))  # no version named: a marker hides the locked one
    row = "signed head over 4 events in the database"
    assert scene.found() == [(row, "this signed head is not in the object store")]


def test_a_cosignature_changed(scene: Scene, tmp_path: Path) -> None:
    state = witness.init(tmp_path / "one", "one", [public_key(scene.settings)])
    path = scene.witnessed(state)
    with scene.stores.db.begin() as db:
        line = state.verifier.verified(Note.parse(path.read_bytes()))
        assert line is not None
        heads.cosigned(db, 8, state.verifier, line)
    assert scene.found() == []
    scene.as_owner("UPDATE cosignatures SET size = 4")
    assert scene.found() == [
        (
            "cosignature of one in the database, over 4 events",
            f"the signature of one ({state.verifier.id.hex()}) is not over this text",
        )
    ]


def test_a_key_that_was_changed_as_it_should_be(scene: Scene) -> None:
    """Whoever knows the first key only follows to the next one; an announcement alone does not do."""
    first = public_key(scene.settings)
    signing.rotate(scene.settings, scene.stores, "tester", "yearly", lost=False)
    scene.log(2)
    scene.sign()
    assert scene.found() == []
    stranger = replace(scene, settings=scene.settings.model_copy(update={"custody_public_keys": (first,)}))
    assert stranger.found() == []
    lost = replace(scene)
    signing.rotate(lost.settings, lost.stores, "tester", "it burnt", lost=True)
    assert lost.found() == [], "its keys/custody.pub was told of it"
    told = [what for _, what in stranger.found()]
    assert told == ["it was signed by none of this log's keys"] * 2
    events = [event for event in scene.events() if event.action == Action.KEY_CHANGED]
    assert [event.reason for event in events] == ["yearly", "it burnt"]


def test_no_key_is_known(scene: Scene) -> None:
    custody_keys.public_file(scene.settings).unlink()
    assert {what.partition(":")[0] for _, what in scene.found()} == {"it is not known which key may have signed it"}


# --- what attackers need -----------------------------------------------------------------------------------


def key(scene: Scene, size: int) -> str:
    """Of the object of a head."""
    (found,) = [one for one in scene.stores.objects.keys(EVIDENCE, "checkpoint/") if one.endswith(f"{size:012}.txt")]
    return found


def both(scene: Scene, size: int) -> set[str]:
    """Where a head is kept."""
    return {f"signed head over {size} events in the database", key(scene, size)}


def refused(scene: Scene, why: str) -> None:
    """Nothing is signed, and somebody is told."""
    with pytest.raises(CannotSign, match=why):
        signing.sign(scene.settings, scene.stores)
    with scene.stores.db.begin() as db:
        (alert,) = alerts.standing(db)
    assert alert.kind == alerts.LOG_REWRITTEN
    assert why in alert.said


def resign(scene: Scene, signer: Signer, by: timedelta = timedelta(), size: int = 0) -> None:
    """Sign every head in the table anew, over the events as they are now, or one over so many."""
    events = scene.events()
    with scene.stores.db.begin() as db:
        sizes = [size] if size else sorted(heads.notes_by_size(db))
    scene.as_owner("DELETE FROM cosignatures", "DELETE FROM checkpoints")
    for each in sizes:
        frontier = Frontier().grown(event.hash for event in events[:each])
        last = events[each - 1]
        said = Checkpoint.of("lastseen/office", each, frontier.root, last.hash, last.at + by)
        with scene.stores.db.begin() as db:
            heads.keep(db, heads.SignedHead(Note(said.text).signed(signer.sign(said.text)), frontier))


def put(scene: Scene, name: str, content: bytes) -> None:
    """Another version of an object."""
    objects = scene.stores.objects
    objects._client.put_object(objects.bucket(EVIDENCE), name, io.BytesIO(content), len(content))


def bin_folder(scene: Scene) -> Path:
    """Where the server's own programs are."""
    with scene.stores.owner.begin() as db:
        folder: str = db.execute(text("SELECT setting FROM pg_config WHERE name = 'BINDIR'")).scalar_one()
    return Path(folder)
