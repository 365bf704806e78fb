"""Evidence damaged on purpose, one act a test, the whole report compared."""

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from minio.retention import Retention
from sqlalchemy import text

from lastseen.clock import iso, utcnow
from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from lastseen.records import FetchedFile, MediaSeen, Platform, PostSeen, Seen
from storage import custody, incidents, keys, posts, sources, subjects, verification
from storage.custody import Action, Incident
from storage.objects import EVIDENCE, Version
from storage.stores import Stores
from storage.verification import Report, Wish, verify

FILES = (b"one", b"two")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def store(stores: Stores, content: bytes) -> None:
    """One post with one file, as collecting and fetching leave them."""
    digest, until = sha256(content), utcnow() + timedelta(days=1)
    raw = b'{"of": "' + content + b'"}'
    kept = stores.objects.put_verified(ObjectToStore(EVIDENCE, keys.blob(digest), content, digest, "video/mp4"), until)
    raw_key = f"raw/{digest}.json"
    record = stores.objects.put_verified(ObjectToStore(EVIDENCE, raw_key, raw, sha256(raw), "application/json"), until)
    address = f"http://site/{digest}"
    media = (MediaSeen(0, "video", address),)
    seen = PostSeen(digest, address, utcnow(), "test", Seen.PRESENT, raw, raw_key, digest, media=media)
    with stores.db.begin() as db:
        source = sources.add(db, Platform.VIDEO_SITE, "http://site/", "a test", "test", "tester").source
        noted = posts.note(db, source, seen, sha256(raw), changed=True)
        file = FetchedFile("", digest, len(content), "video/mp4")
        posts.keep_blob(db, noted.new_items[0], file, kept, until)
        collected = {"key": raw_key, "sha256": sha256(raw), "version": record.version_id, "locked_until": iso(until)}
        custody.append(db, "tester", Action.COLLECTED, f"post:{noted.post}", collected)
        custody.append(
            db,
            "tester",
            Action.STORED,
            f"blob:{digest}",
            {
                "key": kept.key,
                "sha256": digest,
                "size": len(content),
                "version": kept.version_id,
                "media_type": "video/mp4",
                "locked_until": iso(until),
            },
        )


@pytest.fixture
def evidence(stores: Stores) -> Stores:
    """Two files with their pages."""
    for content in FILES:
        store(stores, content)
    return stores


def tamper(stores: Stores, statement: str, **values: str) -> Report:
    """Do as an owner of the database could, then verify."""
    with stores.owner.begin() as db:
        for table in ("custody_events", "observations"):
            db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        db.execute(text(statement), values)
    return verify(stores.db, stores.objects)


def test_what_was_stored_stands(evidence: Stores) -> None:
    report = verify(evidence.db, evidence.objects)
    assert report == Report(objects=4, events=4, incidents=(), recorded=4)
    assert report.share == 1.0
    assert report.ok


def test_a_missing_object_is_named(evidence: Stores) -> None:
    digest = sha256(b"one")
    statement = """UPDATE observations SET raw_key = 'raw/nowhere.json'
                    WHERE post_id = (SELECT id FROM posts WHERE platform_post_id = :digest)"""
    report = tamper(evidence, statement, digest=digest)
    assert report.incidents == (
        Incident("the custody log does not say that it was collected", "raw record raw/nowhere.json"),
        Incident("it was collected, but its row is gone", f"raw/{digest}.json"),
        Incident("the object is missing", "raw record raw/nowhere.json"),
    )


def test_a_row_that_names_other_bytes_is_named(evidence: Stores) -> None:
    one, two = sha256(b"one"), sha256(b"two")
    statement = "UPDATE blobs SET object_key = :key, version_id = '' WHERE sha256 = :one"
    report = tamper(evidence, statement, key=keys.blob(two), one=one)
    assert Incident("the object's bytes are not what was stored", f"blob {one}") in report.incidents


def test_a_row_that_was_removed_is_named(evidence: Stores) -> None:
    one = sha256(b"one")
    with evidence.db.begin() as db:
        db.execute(text("UPDATE media_items SET blob_id = NULL"))
    report = tamper(evidence, "DELETE FROM blobs WHERE sha256 = :one", one=one)
    assert report.incidents == (Incident("it was stored, but its row is gone", keys.blob(one)),)


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("DELETE FROM custody_events WHERE seq = 2", Incident("1 events before it are missing", "custody event 3")),
        (
            "UPDATE custody_events SET actor = 'nobody' WHERE seq = 3",
            Incident("its content is not what was hashed", "custody event 3"),
        ),
        (
            "UPDATE custody_events SET at = at - interval '1 day' WHERE seq = 1",
            Incident("its content is not what was hashed", "custody event 1"),
        ),
    ],
)
def test_a_changed_log_is_named(evidence: Stores, statement: str, first: Incident) -> None:
    report = tamper(evidence, statement)
    assert report.incidents[0] == first
    assert not report.ok


def test_what_is_stored_meanwhile_is_no_incident(evidence: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = evidence.objects.versions

    def meanwhile(bucket: str, prefix: str = "") -> Iterator[Version]:
        monkeypatch.setattr(evidence.objects, "versions", listed)
        store(evidence, b"three")
        return listed(bucket, prefix)

    monkeypatch.setattr(evidence.objects, "versions", meanwhile)
    assert verify(evidence.db, evidence.objects) == Report(objects=4, events=4, incidents=(), recorded=4)
    assert verify(evidence.db, evidence.objects) == Report(objects=6, events=6, incidents=(), recorded=6)


# --- the store, changed behind our back --------------------------------------------------------------------


def flipped(content: bytes, at: int) -> bytes:
    """The same with one bit of one byte changed."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def put(stores: Stores, key: str, content: bytes) -> str:
    """Store as whoever owns the store could; returns the version."""
    made = stores.objects._client.put_object(stores.objects.bucket(EVIDENCE), key, io.BytesIO(content), len(content))
    return made.version_id or ""


def contents(stores: Stores) -> dict[str, bytes]:
    """Every piece of evidence."""
    found = stores.objects.versions(EVIDENCE)
    return {one.key: stores.objects.read(EVIDENCE, one.key, one.version_id) for one in found}


def named(report: Report) -> set[str]:
    """The keys of what was found wrong."""
    return {keys.blob(one.where.split()[1]) if one.where.startswith("blob") else one.where.split()[-1]
            for one in report.incidents}  # fmt: skip


def test_every_single_byte_that_changes_is_found(evidence: Stores) -> None:
    whole = contents(evidence)
    assert len(whole) == 4
    for at in range(max(map(len, whole.values()))):
        versions = {
            key: put(evidence, key, flipped(content, at)) for key, content in whole.items() if at < len(content)
        }
        assert named(verify(evidence.db, evidence.objects)) == set(versions), f"byte {at}, put over it"
        for key, version in versions.items():
            evidence.objects._client.remove_object(evidence.objects.bucket(EVIDENCE), key, version_id=version)
    assert verify(evidence.db, evidence.objects).ok


@pytest.mark.parametrize("at", [0, 2])
def test_bytes_put_in_the_place_of_the_recorded_ones_are_found(evidence: Stores, at: int) -> None:
    for key, content in contents(evidence).items():
        evidence.objects.erase(EVIDENCE, key)
        version = put(evidence, key, flipped(content, at))
        with evidence.db.begin() as db:
            where = {"version": version, "key": key}
            db.execute(text("UPDATE blobs SET version_id = :version WHERE object_key = :key"), where)
    report = verify(evidence.db, evidence.objects)
    assert len(named(report)) == 4
    what = {one.what for one in report.incidents}
    assert "the object's bytes are not what was stored" in what
    assert "its row says another version than the custody log" in what


def test_two_objects_that_were_exchanged_are_both_named(evidence: Stores) -> None:
    whole = contents(evidence)
    one, two = (keys.blob(sha256(content)) for content in FILES)
    put(evidence, one, whole[two])
    put(evidence, two, whole[one])
    assert named(verify(evidence.db, evidence.objects)) == {one, two}


def test_an_object_exchanged_with_its_row_is_named(evidence: Stores) -> None:
    content = b"another"
    made, version = sha256(content), put(evidence, keys.blob(sha256(content)), content)
    report = tamper(
        evidence,
        "UPDATE blobs SET sha256 = :made, object_key = :key, version_id = :version, size = 7 WHERE sha256 = :one",
        made=made, key=keys.blob(made), version=version, one=sha256(b"one"),
    )  # fmt: skip
    assert Incident("the custody log does not say that it was stored", f"blob {made}") in report.incidents
    assert Incident("it was stored, but its row is gone", keys.blob(sha256(b"one"))) in report.incidents


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sha256", "repeat('a', 64)"),
        ("size", "size + 1"),
        ("media_type", "'video/mp5'"),
        ("object_key", "object_key || 'x'"),
        ("version_id", "repeat('0', 32)"),
        ("locked_until", "locked_until - interval '1 minute'"),
        ("locked_until", "locked_until + interval '2 days'"),
    ],
)
def test_a_column_that_was_changed_is_found(evidence: Stores, column: str, value: str) -> None:
    report = tamper(evidence, f"UPDATE blobs SET {column} = {value} WHERE sha256 = :one", one=sha256(b"one"))  # noqa: S608
    assert not report.ok


def test_a_missing_version_and_a_mark_of_deletion_are_named(evidence: Stores) -> None:
    bucket, (one, two) = evidence.objects.bucket(EVIDENCE), map(sha256, FILES)
    evidence.objects.erase(EVIDENCE, keys.blob(one))
    evidence.objects._client.remove_object(bucket, keys.blob(two))
    first, second = verify(evidence.db, evidence.objects).incidents
    assert (first.where, first.what.partition(" (")[0]) == (f"blob {two}", "it was marked as deleted")
    assert second == Incident("the object is missing", f"blob {one}")


def test_the_same_bytes_once_more_are_no_incident(evidence: Stores) -> None:
    put(evidence, keys.blob(sha256(b"one")), b"one")
    assert verify(evidence.db, evidence.objects).ok


def test_a_lock_that_was_taken_off_is_named(evidence: Stores) -> None:
    one, client = sha256(b"one"), evidence.objects._client
    evidence.objects.erase(EVIDENCE, keys.blob(one))
    version = put(evidence, keys.blob(one), b"one")
    with evidence.db.begin() as db:
        where = {"version": version, "one": one}
        db.execute(text("UPDATE blobs SET version_id = :version WHERE sha256 = :one"), where)
    found = verify(evidence.db, evidence.objects).incidents
    assert Incident("it is not locked in GOVERNANCE mode but not at all", f"blob {one}") in found
    sooner = Retention("GOVERNANCE", utcnow().replace(microsecond=0) + timedelta(seconds=60))
    client.set_object_retention(evidence.objects.bucket(EVIDENCE), keys.blob(one), sooner, version_id=version)
    with evidence.db.begin() as db:
        db.execute(text("UPDATE blobs SET locked_until = now() + interval '9 days' WHERE sha256 = :one"), where)
    found = verify(evidence.db, evidence.objects).incidents
    assert any(one.what.startswith("its lock ends earlier than was recorded") for one in found)


def test_what_no_row_speaks_of_is_not_yet_recorded_then_an_incident(
    evidence: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(evidence, "raw/stray.json", b"stray")
    report = verify(evidence.db, evidence.objects)
    assert (report.ok, report.unrecorded) == (True, 1)
    monkeypatch.setattr(verification, "UNRECORDED", timedelta())
    stray = Incident("no row and no event speaks of this object", "raw/stray.json")
    assert verify(evidence.db, evidence.objects).incidents == (stray,)
    with evidence.db.begin() as db:
        custody.append_all(db, "tester", incidents.keep(db, [stray], "tester"))
        (known,) = incidents.listed(db)
        custody.append_all(db, "tester", incidents.explain(db, known.id, "a worker was killed", "tester"))
    report = verify(evidence.db, evidence.objects)
    assert (report.ok, report.explained) == (True, 1)


def test_a_sample_says_which_share_it_is(evidence: Stores) -> None:
    report = verify(evidence.db, evidence.objects, wish=Wish(sample=1))
    assert (report.objects, report.recorded, report.share) == (1, 4, 0.25)
    assert verify(evidence.db, evidence.objects, wish=Wish(sample=100)).objects == 4


def test_one_case_is_read_with_its_records(evidence: Stores) -> None:
    one, two = map(sha256, FILES)
    put(evidence, keys.blob(two), b"over it")
    assert verify(evidence.db, evidence.objects, wish=Wish(subject=subjects.parse(f"blob:{one}"))) == Report(
        objects=2, events=4, incidents=(), recorded=4
    )
    report = verify(evidence.db, evidence.objects, wish=Wish(subject=subjects.parse(f"blob:{two}")))
    assert [found.where for found in report.incidents] == [f"blob {two}"]
    with evidence.db.begin() as db:
        source = db.execute(text("SELECT id FROM sources")).scalar_one()
    assert verify(evidence.db, evidence.objects, wish=Wish(subject=subjects.parse(f"source:{source}"))).objects == 4
    with pytest.raises(WrongUse, match="there is no candidate 7"):
        verify(evidence.db, evidence.objects, wish=Wish(subject=subjects.parse("candidate:7")))
