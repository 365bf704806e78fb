"""The object store keeps what it says it keeps, and where it does not, that is found."""

import hashlib
import io
import re
import secrets
import socket
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from minio.commonconfig import GOVERNANCE
from minio.error import S3Error
from minio.retention import Retention

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from storage import objects as objects_module
from storage.embedded import LOOPBACK, Endpoints
from storage.objects import (
    BUCKETS,
    DERIVED,
    EVIDENCE,
    Corrupted,
    Examined,
    LockNotKept,
    ObjectMissing,
    ObjectStore,
    ObjectUnreadable,
    StoreRefuses,
    StoreUnavailable,
)

SOON = timedelta(days=30)


def wanted(bucket: str, key: str, content: bytes | Path) -> ObjectToStore:
    """An object with its true hash."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    return ObjectToStore(bucket, key, content, hashlib.sha256(data).hexdigest(), "application/octet-stream")


def versions(store: ObjectStore, key: str) -> list[str | None]:
    """Every version and delete marker of a piece of evidence."""
    found = store._client.list_objects(store.bucket(EVIDENCE), prefix=key, include_version=True, recursive=True)
    return [version.version_id for version in found]


def test_putting_twice_writes_once(objects: ObjectStore) -> None:
    content = secrets.token_bytes(1000)
    until = utcnow() + SOON
    first = objects.put_verified(wanted(EVIDENCE, "blob/a", content), until)
    again = objects.put_verified(wanted(EVIDENCE, "blob/a", content), until)
    assert (first.created, again.created) == (True, False)
    assert first.version_id == again.version_id
    assert versions(objects, "blob/a") == [first.version_id]
    assert objects.read(EVIDENCE, "blob/a", first.version_id) == content
    assert (first.size, first.sha256) == (1000, hashlib.sha256(content).hexdigest())


def test_a_big_file_goes_up_in_parts_under_one_lock(objects: ObjectStore, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(secrets.token_bytes(2 * objects_module.PART + 7))
    stored = objects.put_verified(wanted(EVIDENCE, "big", big), utcnow() + SOON)
    assert stored.created
    assert not objects.put_verified(wanted(EVIDENCE, "big", big), utcnow() + SOON).created
    until = objects.locked_until("big")
    assert until is not None
    assert until > utcnow() + SOON - timedelta(minutes=5)
    assert objects.download(EVIDENCE, "big", tmp_path / "copy") == stored.sha256
    assert (tmp_path / "copy").read_bytes() == big.read_bytes()
    assert (
        objects.read_range(EVIDENCE, "big", objects_module.PART - 3, 6)
        == (big.read_bytes()[objects_module.PART - 3 : objects_module.PART + 3])
    )
    assert objects.read_range(EVIDENCE, "big", stored.size - 2, 100) == big.read_bytes()[-2:]


def test_an_empty_object(objects: ObjectStore) -> None:
    assert objects.put_verified(wanted(EVIDENCE, "empty", b""), utcnow() + SOON).created
    assert not objects.put_verified(wanted(EVIDENCE, "empty", b""), utcnow() + SOON).created
    assert objects.read(EVIDENCE, "empty") == b""


def test_evidence_with_other_bytes_is_an_incident_and_stays_as_it_is(objects: ObjectStore) -> None:
    objects.put_verified(wanted(EVIDENCE, "k", b"what was there first"), utcnow() + SOON)
    with pytest.raises(Corrupted, match="other bytes"):
        objects.put_verified(wanted(EVIDENCE, "k", b"what somebody claims"), utcnow() + SOON)
    assert objects.read(EVIDENCE, "k") == b"what was there first"
    assert len(versions(objects, "k")) == 1


def test_what_can_be_made_again_may_be_replaced(objects: ObjectStore) -> None:
    objects.put_verified(wanted(DERIVED, "crop", b"old"))
    assert objects.put_verified(wanted(DERIVED, "crop", b"new")).created
    assert objects.read(DERIVED, "crop") == b"new"


def test_bytes_that_changed_since_they_were_hashed_are_not_stored(objects: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"as it was hashed")
    obj = wanted(EVIDENCE, "k", file)
    file.write_bytes(b"as it was later!")
    with pytest.raises(Corrupted, match="nothing was stored"):
        objects.put_verified(obj, utcnow() + SOON)
    assert not objects.exists(EVIDENCE, "k")


@pytest.mark.parametrize(("bucket", "until"), [(EVIDENCE, None), (DERIVED, utcnow() + SOON)])
def test_evidence_and_nothing_else_is_locked(objects: ObjectStore, bucket: str, until: datetime | None) -> None:
    with pytest.raises(ValueError, match="lock"):
        objects.put_verified(wanted(bucket, "k", b"x"), until)


# --- locks -------------------------------------------------------------------------------------------------


def test_a_locked_version_is_not_deleted_and_the_probe_proves_it_once_a_day(objects: ObjectStore) -> None:
    today = objects.probe_lock()
    assert objects.probe_lock() == today
    assert objects.probe_lock(utcnow() + timedelta(days=1)) != today
    stored = objects.put_verified(wanted(EVIDENCE, "k", b"x"), utcnow() + SOON)
    with pytest.raises(S3Error, match="AccessDenied"):
        objects._client.remove_object(objects.bucket(EVIDENCE), "k", version_id=stored.version_id)
    assert objects.exists(EVIDENCE, "k", stored.version_id)


def test_a_lock_is_not_shortened_with_the_applications_key(objects: ObjectStore) -> None:
    until = (utcnow() + SOON).replace(microsecond=0)
    stored = objects.put_verified(wanted(EVIDENCE, "k", b"x"), until)
    bucket, sooner = objects.bucket(EVIDENCE), Retention(GOVERNANCE, utcnow() + timedelta(days=1))
    with pytest.raises(S3Error, match="AccessDenied"):
        objects._client.set_object_retention(bucket, "k", sooner, version_id=stored.version_id)
    assert objects.locked_until("k", stored.version_id) == until
    assert not objects.extend_lock("k", stored.version_id, until - timedelta(days=3)), "it is longer already"
    assert objects.extend_lock("k", stored.version_id, until + timedelta(days=3))
    assert objects.locked_until("k", stored.version_id) == until + timedelta(days=3)


def test_a_store_that_shortens_locks_is_found_out(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects._client, "set_object_retention", lambda *_, **__: None)
    with pytest.raises(LockNotKept, match="shortened"):
        objects.probe_lock()


def test_what_is_held_stays_also_when_its_lock_is_bypassed(objects: ObjectStore) -> None:
    stored = objects.put_verified(wanted(EVIDENCE, "k", b"x"), utcnow() + SOON)
    assert not objects.is_held("k", stored.version_id)
    objects.hold("k", stored.version_id)
    objects.hold("k", stored.version_id)
    assert objects.is_held("k", stored.version_id)
    assert objects.examine("k", stored.version_id).held
    with pytest.raises(StoreRefuses, match="legal hold"):
        objects.erase(EVIDENCE, "k")
    assert objects.read(EVIDENCE, "k", stored.version_id) == b"x"
    objects.release("k", stored.version_id)
    assert not objects.is_held("k", stored.version_id)


def test_erasing_takes_every_version_and_nothing_beside_it(objects: ObjectStore) -> None:
    bucket = objects.bucket(EVIDENCE)
    objects.put_verified(wanted(EVIDENCE, "k", b"x"), utcnow() + SOON)
    objects._client.put_object(bucket, "k", io.BytesIO(b"over it"), 7)
    objects._client.remove_object(bucket, "k")
    objects.put_verified(wanted(EVIDENCE, "k-beside", b"x"), utcnow() + SOON)
    assert [(one.newest, one.marker) for one in objects.versions(EVIDENCE, "k") if one.key == "k"].count((True, True))
    assert objects.erase(EVIDENCE, "k") == 3
    assert [one.key for one in objects.versions(EVIDENCE)] == ["k-beside"]
    assert objects.erase(EVIDENCE, "k") == 0
    objects.put_verified(wanted(DERIVED, "crop", b"x"))
    assert objects.erase(DERIVED, "crop") == 1
    assert not objects.exists(DERIVED, "crop")


def test_reading_evidence_shows_its_lock(objects: ObjectStore) -> None:
    until = (utcnow() + SOON).replace(microsecond=0)
    stored = objects.put_verified(wanted(EVIDENCE, "k", b"content"), until)
    found = objects.examine("k", stored.version_id)
    assert found == Examined(7, stored.sha256, GOVERNANCE, until, held=False)
    objects._client.put_object(objects.bucket(EVIDENCE), "bare", io.BytesIO(b"x"), 1)
    assert objects.examine("bare").mode == ""


def test_two_that_bring_the_same_at_once_leave_one_version(objects: ObjectStore) -> None:
    objects._honours_conditions()
    content = secrets.token_bytes(20_000)
    with ThreadPoolExecutor(8) as several:
        puts = [
            several.submit(objects.put_verified, wanted(EVIDENCE, "k", content), utcnow() + SOON) for _ in range(16)
        ]
    assert [put.result().created for put in puts].count(True) == 1
    assert len({put.result().version_id for put in puts}) == 1
    assert len(versions(objects, "k")) == 1


def test_a_store_that_knows_no_conditions_is_asked_first(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put = objects._client._put_object

    def ignoring(bucket: str, key: str, data: bytes, headers: dict[str, str]) -> object:
        return put(bucket, key, data, {name: value for name, value in headers.items() if name != "If-None-Match"})

    with monkeypatch.context() as patched:
        patched.setattr(objects._client, "_put_object", ignoring)
        assert not objects._honours_conditions()
    assert objects.put_verified(wanted(EVIDENCE, "k", b"x"), utcnow() + SOON).created
    assert not objects.put_verified(wanted(EVIDENCE, "k", b"x"), utcnow() + SOON).created
    assert len(versions(objects, "k")) == 1


def test_a_big_file_that_changed_since_is_given_up_before_it_is_complete(objects: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(secrets.token_bytes(2 * objects_module.PART + 7))
    obj = wanted(EVIDENCE, "big", file)
    with file.open("r+b") as changed:
        changed.seek(-1, 2)
        changed.write(bytes([file.read_bytes()[-1] ^ 1]))
    with pytest.raises(Corrupted, match="nothing was stored"):
        objects.put_verified(obj, utcnow() + SOON)
    assert versions(objects, "big") == []


def test_a_lock_that_is_missing_or_short_is_put_right(objects: ObjectStore) -> None:
    made = objects._client.put_object(objects.bucket(EVIDENCE), "bare", io.BytesIO(b"x"), 1)
    assert objects.locked_until("bare") is None
    until = utcnow() + SOON
    stored = objects.put_verified(wanted(EVIDENCE, "bare", b"x"), until)
    assert not stored.created
    assert stored.version_id == made.version_id
    later = until + timedelta(days=300)
    objects.put_verified(wanted(EVIDENCE, "bare", b"x"), later)
    assert objects.locked_until("bare") == later.replace(microsecond=0)
    objects.put_verified(wanted(EVIDENCE, "bare", b"x"), until)  # never shortened
    assert objects.locked_until("bare") == later.replace(microsecond=0)
    assert versions(objects, "bare") == [made.version_id]


def test_a_store_that_deletes_locked_versions_is_found_out(objects: ObjectStore) -> None:
    class Forgetful(ObjectStore):
        """Stores the probe without its lock, as a server does that ignores the header."""

        def _upload(self, obj: ObjectToStore, size: int, locked_until: datetime | None) -> str:
            return super()._upload(obj, size, None)

    objects.__class__ = Forgetful
    with pytest.raises(LockNotKept, match="not safe"):
        objects.probe_lock()


def test_an_evidence_bucket_without_lock_is_refused(objects: ObjectStore) -> None:
    objects._client.make_bucket("plain-evidence")
    objects._prefix = "plain-"
    with pytest.raises(LockNotKept, match="LASTSEEN_BUCKET_PREFIX"):
        objects.prepare()


def test_preparing_again_changes_nothing(objects: ObjectStore) -> None:
    assert objects.prepare() == ()
    assert len({objects.bucket(name) for name in BUCKETS}) == 4
    with pytest.raises(ValueError, match="none of our buckets"):
        objects.bucket("Evidence")


# --- damage ------------------------------------------------------------------------------------------------


class Tampering(socketserver.ThreadingTCPServer):
    """A wire to the object store that changes some bytes of its answers."""

    daemon_threads = True

    def __init__(self, endpoint: str, answers: bytes, instead: bytes) -> None:
        host, _, port = endpoint.partition(":")
        self.far = host, int(port)
        self.answers, self.instead = answers, instead
        super().__init__((LOOPBACK, 0), _Wire)

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.server_address[1]}"


class _Wire(socketserver.BaseRequestHandler):
    server: Tampering

    def handle(self) -> None:
        with socket.create_connection(self.server.far) as far:
            there = threading.Thread(target=self.pump, args=(self.request, far), daemon=True)
            there.start()
            self.pump(far, self.request, (self.server.answers, self.server.instead))
            there.join()

    def pump(self, source: socket.socket, target: socket.socket, change: tuple[bytes, bytes] = (b"", b"")) -> None:
        with suppress(OSError):  # the other direction hung up
            while data := source.recv(1 << 20):
                target.sendall(data.replace(*change) if change[0] else data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def tampering(endpoint: str, answers: bytes, instead: bytes) -> Iterator[str]:
    """Yields the address of such a wire."""
    with Tampering(endpoint, answers, instead) as wire:
        thread = threading.Thread(target=wire.serve_forever, args=(0.02,))
        thread.start()
        yield wire.address
        wire.shutdown()
        thread.join()


def test_what_is_read_back_otherwise_does_not_count_as_stored(objects: ObjectStore, endpoints: Endpoints) -> None:
    content = b"a face in the crowd" * 100
    with tampering(endpoints.s3_endpoint, b"a face in", b"A FACE IN") as wire:
        keys = endpoints.s3_access_key, endpoints.s3_secret_key
        tampered = ObjectStore(wire, *keys, secure=False, bucket_prefix=objects._prefix)
        with pytest.raises(Corrupted, match="read back"):
            tampered.put_verified(wanted(DERIVED, "k", content))
        tampered.close()


def test_damage_on_the_disk_is_found(objects: ObjectStore, servers_dir: Path) -> None:
    objects.put_verified(wanted(EVIDENCE, "k", b"MARKER" + secrets.token_bytes(10_000)), utcnow() + SOON)
    objects.put_verified(wanted(EVIDENCE, "sound", b"sound"), utcnow() + SOON)
    assert _damage(servers_dir / "objects", objects.bucket(EVIDENCE), b"MARKER", b"DAMAGE") == 1
    with pytest.raises(ObjectUnreadable):  # weed itself tries for 13 s
        objects.read(EVIDENCE, "k")
    assert objects.read(EVIDENCE, "sound") == b"sound"


def _damage(folder: Path, bucket: str, old: bytes, new: bytes) -> int:
    """Overwrite bytes in the store's volumes; returns in how many."""
    damaged = 0
    for volume in folder.glob(f"{bucket}_*.dat"):
        at = volume.read_bytes().find(old)
        if at >= 0:
            with volume.open("r+b") as file:
                file.seek(at)
                file.write(new)
            damaged += 1
    return damaged


# --- errors ------------------------------------------------------------------------------------------------


def test_a_missing_object_or_version(objects: ObjectStore, tmp_path: Path) -> None:
    assert not objects.exists(DERIVED, "k")
    for read in (
        lambda: objects.read(DERIVED, "k"),
        lambda: objects.read_range(DERIVED, "k", 0, 1),
        lambda: objects.size(DERIVED, "k"),
        lambda: objects.download(DERIVED, "k", tmp_path / "k"),
        lambda: objects.locked_until("k"),
        lambda: objects.read(EVIDENCE, "k", "0" * 32),
    ):
        with pytest.raises(ObjectMissing):
            read()


def test_keys_come_in_order(objects: ObjectStore) -> None:
    for key in ("b/2", "a/1", "b/1"):
        objects.put_verified(wanted(DERIVED, key, b"x"))
    assert list(objects.keys(DERIVED)) == ["a/1", "b/1", "b/2"]
    assert list(objects.keys(DERIVED, "b/")) == ["b/1", "b/2"]


def test_a_store_that_is_not_there_is_worth_a_rest() -> None:
    with socket.create_server((LOOPBACK, 0)) as nobody:
        port = nobody.getsockname()[1]
    store = ObjectStore(f"{LOOPBACK}:{port}", "a", "b", secure=False, bucket_prefix="x-")
    with pytest.raises(StoreUnavailable) as caught:
        store.read(EVIDENCE, "k")
    assert not isinstance(caught.value, ObjectUnreadable)
    store.close()


def test_keys_that_the_store_does_not_accept_are_named_with_the_setting(endpoints: Endpoints) -> None:
    known, secret = endpoints.s3_access_key, endpoints.s3_secret_key
    for access_key, secret_key, setting in (
        (known, "wrong-key", "S3_SECRET_KEY"),
        ("wrong-key", secret, "S3_ACCESS_KEY"),
    ):
        store = ObjectStore(endpoints.s3_endpoint, access_key, secret_key, secure=False, bucket_prefix="x-")
        with pytest.raises(StoreRefuses, match=f"preparing the buckets.*LASTSEEN_{setting}") as refused:
            store.prepare()
        assert not re.search(f"{known}|{secret}|wrong-key", str(refused.value))
        assert not isinstance(refused.value, StoreUnavailable), "no rest helps"
        store.close()


def test_a_bucket_that_is_not_there_is_no_missing_object(endpoints: Endpoints) -> None:
    keys = endpoints.s3_access_key, endpoints.s3_secret_key
    store = ObjectStore(endpoints.s3_endpoint, *keys, secure=False, bucket_prefix="nonesuch-")
    thing = wanted(DERIVED, "k", b"content")
    for ask in (
        lambda: store.put_verified(thing),
        lambda: list(store.keys(EVIDENCE)),
        lambda: store.read(EVIDENCE, "k"),
    ):
        with pytest.raises(StoreRefuses, match=r"LASTSEEN_BUCKET_PREFIX.*nonesuch-"):
            ask()
    store.close()


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (403, "AccessDenied", "allow it to list, read, write and lock"),
        (403, "RequestTimeTooSkewed", "clock"),
        (401, "ExpiredToken", "it says ExpiredToken"),
    ],
)
def test_what_a_store_may_refuse(status: int, code: str, advice: str) -> None:
    body = f"<Error><Code>{code}</Code><Message>no</Message><Resource>/x</Resource></Error>".encode()
    head = f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    with answering(f"{head}Connection: close\r\n\r\n".encode() + body) as address:
        store = ObjectStore(address, "a", "b", secure=False, bucket_prefix="x-")
        with pytest.raises(StoreRefuses, match=advice):
            store.prepare()
        store.close()


@pytest.mark.parametrize(
    "endpoint", ["https://host:9000", "host:9000/path", "host:port", "host:99999", "u:pw@host:1", ""]
)
def test_an_endpoint_that_is_none_is_wrong_use(endpoint: str) -> None:
    with pytest.raises(WrongUse, match=r"LASTSEEN_S3_ENDPOINT.* host:port") as refused:
        ObjectStore(endpoint, "key", "password", secure=True, bucket_prefix="x-")
    assert not re.search("password|pw", str(refused.value))


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives every request one answer; yields its address."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.TCPServer((LOOPBACK, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"{LOOPBACK}:{server.server_address[1]}"
        server.shutdown()
        thread.join()
