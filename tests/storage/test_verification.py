"""Evidence damaged on purpose, one act a test, the whole report compared."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.outcomes import ObjectToStore
from lastseen.records import FetchedFile, MediaSeen, Platform, PostSeen, Seen
from storage import custody, keys, posts, sources
from storage.custody import Action, Incident
from storage.objects import EVIDENCE
from storage.stores import Stores
from storage.verification import Report, verify

FILES = (b"one", b"two")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def store(stores: Stores, content: bytes) -> None:
    """One post with one file, as collecting and fetching leave them."""
    digest, until = sha256(content), utcnow() + timedelta(days=1)
    raw = b'{"of": "' + content + b'"}'
    kept = stores.objects.put_verified(ObjectToStore(EVIDENCE, keys.blob(digest), content, digest, "video/mp4"), until)
    raw_key = f"raw/{digest}.json"
    stores.objects.put_verified(ObjectToStore(EVIDENCE, raw_key, raw, sha256(raw), "application/json"), until)
    address = f"http://site/{digest}"
    media = (MediaSeen(0, "video", address),)
    seen = PostSeen(digest, address, utcnow(), "test", Seen.PRESENT, raw, raw_key, digest, media=media)
    with stores.db.begin() as db:
        source = sources.add(db, Platform.VIDEO_SITE, "http://site/", "a test", "test", "tester").source
        noted = posts.note(db, source, seen, sha256(raw), changed=True)
        file = FetchedFile("", digest, len(content), "video/mp4")
        posts.keep_blob(db, noted.new_items[0], file, kept, until)
        collected = {"key": raw_key, "sha256": sha256(raw)}
        custody.append(db, "tester", Action.COLLECTED, f"post:{noted.post}", collected)
        custody.append(db, "tester", Action.STORED, f"blob:{digest}", {"key": kept.key, "sha256": digest})


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
    assert report == Report(objects=4, events=4, incidents=())
    assert report.ok


def test_a_missing_object_is_named(evidence: Stores) -> None:
    digest = sha256(b"one")
    statement = """UPDATE observations SET raw_key = 'raw/nowhere.json'
                    WHERE post_id = (SELECT id FROM posts WHERE platform_post_id = :digest)"""
    report = tamper(evidence, statement, digest=digest)
    assert report.incidents == (
        Incident("the custody log does not say that it was collected", "raw record raw/nowhere.json"),
        Incident("the object is missing", "raw record raw/nowhere.json"),
        Incident("it was collected, but its row is gone", f"raw/{digest}.json"),
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
    read = evidence.objects.open

    def meanwhile(bucket: str, key: str, version_id: str | None = None) -> Iterator[bytes]:
        monkeypatch.setattr(evidence.objects, "open", read)
        store(evidence, b"three")
        return read(bucket, key, version_id)

    monkeypatch.setattr(evidence.objects, "open", meanwhile)
    assert verify(evidence.db, evidence.objects) == Report(objects=4, events=4, incidents=())
    assert verify(evidence.db, evidence.objects) == Report(objects=6, events=6, incidents=())
