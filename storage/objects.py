"""The object store: S3 through the `minio` client, which no other module imports.

What the servers do, and what this module makes of it:

- A put may report success for bytes that are not what was meant: an object counts as stored when it was read back
  and hashed again (`ObjectStore.put_verified`).
- Stores differ in how they keep the promise of a lock; `ObjectStore.probe_lock` asks for the proof.
- Errors that pass by themselves (no connection, 5xx, SlowDown) become `StoreUnavailable`.  A missing object is
  `ObjectMissing`.  A store that refuses us (wrong keys, a bucket that is not there) raises `StoreRefuses`: that
  passes by nothing but a change of settings.  Whatever else the client raises is a fault of ours, and is not caught.
"""

import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import urllib3
from minio import Minio
from minio.commonconfig import GOVERNANCE
from minio.datatypes import Object
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.retention import Retention
from urllib3.exceptions import HTTPError

from lastseen.clock import utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.outcomes import ObjectToStore

log = logging.getLogger(__name__)

EVIDENCE = "evidence"
DERIVED = "derived"
REGISTER = "register"
EXPORT = "export"
BUCKETS = (EVIDENCE, DERIVED, REGISTER, EXPORT)

REGION = "us-east-1"
"""stated, so that the client does not ask for it before every first request"""
CONNECT_SECONDS = 5.0
READ_SECONDS = 120.0
"""silence of the server, not length of a transfer"""
TRIES = 3
POOL = 16
"""connections kept open"""
CHUNK = 1024 * 1024
PART = 16 * 1024 * 1024
"""larger objects go up in parts of so many bytes; one part is in memory at a time"""
LOCK_SLACK = timedelta(days=1)
"""an existing lock that ends less than this too early is left as it is"""
PROBE_LOCK = timedelta(days=2)

TRANSIENT_CODES = frozenset({"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"})
BUSY_STATUS = frozenset({408, 429, 502, 503, 504})
"""asked again at once.  Not 500: SeaweedFS answers so for a damaged object, after trying for 13 s by itself"""
TRANSIENT_STATUS = BUSY_STATUS | {500}
MISSING_CODES = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchObject"})
EXISTS_CODES = frozenset({"BucketAlreadyExists", "BucketAlreadyOwnedByYou"})
REFUSED_CODES = frozenset({"AccessDenied", "InvalidRequest", "MethodNotAllowed", "ObjectLocked"})
"""how stores say that a locked version is not deleted"""
NO_LOCK_CODES = frozenset({"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"})


REFUSED_STATUS = frozenset({401, 403})
WHAT_TO_DO = {
    "InvalidAccessKeyId": "it does not know the access key: correct LASTSEEN_S3_ACCESS_KEY",
    "SignatureDoesNotMatch": "the secret key is not the access key's: correct LASTSEEN_S3_SECRET_KEY",
    "AccessDenied": "the access key may not do this: allow it to list, read, write and lock objects in the buckets"
    " that LASTSEEN_BUCKET_PREFIX names, and to make them",
    "RequestTimeTooSkewed": "its clock and this machine's differ: set them right",
    "NoSuchBucket": "a bucket is not there: correct LASTSEEN_BUCKET_PREFIX, or find out who deleted it",
}
"""by the store's code"""


class StoreRefuses(Failure):
    """The object store answers, and does not let us in as the settings are: no rest helps."""


class StoreUnavailable(Failure):
    """The object store does not answer, or not well: the same request may pass after a rest."""


class ObjectUnreadable(StoreUnavailable):
    """The store has the object and cannot give it.  To a step that is worth a rest; to whoever
    verifies evidence it is an incident."""


class ObjectMissing(LookupError):
    """There is no such object or version."""


class Corrupted(Failure):
    """An object is not what it should be: an incident for people to look at, never to be repaired silently."""


class LockNotKept(Failure):
    """The object store does not keep locked evidence: use another store, or configure this one."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that was read back and found equal."""

    key: str
    version_id: str
    """empty in a bucket without versions"""
    size: int
    sha256: str
    created: bool
    """False: it was there already, and nothing was written"""


class ObjectStore:
    """The four buckets of one installation."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, *, secure: bool, bucket_prefix: str) -> None:
        """`endpoint` is host:port.  Connects only when first used.  Raises WrongUse."""
        if not endpoint:
            raise WrongUse("LASTSEEN_S3_ENDPOINT is empty: write host:port, or leave it out for the embedded store")
        self._prefix = bucket_prefix
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=urllib3.Retry(total=TRIES, backoff_factor=0.2, status_forcelist=sorted(BUSY_STATUS)),
            maxsize=POOL,
            cert_reqs="CERT_REQUIRED",
        )
        try:
            self._client = Minio(endpoint, access_key, secret_key, secure=secure, region=REGION, http_client=self._pool)
        except ValueError as fault:
            raise WrongUse(
                f"LASTSEEN_S3_ENDPOINT cannot be used ({fault}): write host:port, without http:// or a path;"
                " LASTSEEN_S3_SECURE says whether TLS is spoken"
            ) from fault

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def bucket(self, name: str) -> str:
        """The store's own name of one of `BUCKETS`."""
        if name not in BUCKETS:
            raise ValueError(f"{name!r} is none of our buckets")
        return self._prefix + name

    # --- making sure of the store --------------------------------------------------------------------------

    def prepare(self) -> tuple[str, ...]:
        """Make the buckets that are missing; returns the store's names of those.

        Raises LockNotKept if evidence could not be locked in its bucket.
        """
        with _speaking("preparing the buckets"):
            there = {bucket.name for bucket in self._client.list_buckets()}
            missing = [name for name in BUCKETS if self.bucket(name) not in there]
            for name in missing:
                self._make(name)
            self._require_lock_configuration()
        return tuple(map(self.bucket, missing))

    def _make(self, name: str) -> None:
        try:
            self._client.make_bucket(self.bucket(name), object_lock=name == EVIDENCE)
        except S3Error as error:
            if error.code not in EXISTS_CODES:  # another starter was a moment faster
                raise

    def _require_lock_configuration(self) -> None:
        try:
            self._client.get_object_lock_config(self.bucket(EVIDENCE))
        except S3Error as error:
            if error.code not in NO_LOCK_CODES:
                raise
            raise LockNotKept(
                f"the bucket {self.bucket(EVIDENCE)} was made without object lock, and no store can add it later: "
                "choose another LASTSEEN_BUCKET_PREFIX, so that a new bucket is made with it"
            ) from error

    def probe_lock(self, day: datetime | None = None) -> str:
        """Prove that a locked version cannot be deleted; returns the version that was tried.

        One small object a day is kept under `probe/`.  Raises LockNotKept.
        """
        key = f"probe/{(day or utcnow()).date().isoformat()}"
        with _speaking("probing the object lock"):
            version = self._probe_version(key)
            try:
                self._client.remove_object(self.bucket(EVIDENCE), key, version_id=version)
            except S3Error as error:
                if error.code not in REFUSED_CODES:
                    raise
            else:
                raise LockNotKept("the object store deleted a locked version when asked to: evidence is not safe there")
            if self._stat(EVIDENCE, key, version) is None:
                raise LockNotKept("the object store refused to delete a locked version, and it is gone all the same")
        return version

    def _probe_version(self, key: str) -> str:
        found = self._stat(EVIDENCE, key)
        if found is not None and found.version_id and _locked_until(found) > utcnow():
            return found.version_id
        content = b"locked\n"
        until = utcnow() + PROBE_LOCK
        digest = hashlib.sha256(content).hexdigest()
        return self._upload(ObjectToStore(EVIDENCE, key, content, digest, "text/plain"), len(content), until)

    # --- writing -------------------------------------------------------------------------------------------

    def put_verified(self, obj: ObjectToStore, locked_until: datetime | None = None) -> Stored:
        """Have an object stored: uploaded, read back, hashed again, found equal.  Writes nothing if it was there.

        Evidence needs `locked_until` and is locked (GOVERNANCE) in the request that stores it.  An object of
        another bucket that is there with other bytes is replaced; in evidence that raises Corrupted.
        """
        if (obj.bucket == EVIDENCE) is not (locked_until is not None):
            raise ValueError("evidence is stored with a lock, and nothing else is")
        size = _require_content(obj)
        with _speaking(f"storing {obj.key}"):
            found = self._stat(obj.bucket, obj.key)
            if found is not None and self._equal(obj, size, found):
                self._require_lock(obj, found, locked_until)
                return Stored(obj.key, found.version_id or "", size, obj.sha256, created=False)
            if found is not None and obj.bucket == EVIDENCE:
                raise Corrupted(f"evidence {obj.key} is stored with other bytes than its hash says")
            version = self._upload(obj, size, locked_until)
            if (digest := self._digest(obj.bucket, obj.key, version)) != (size, obj.sha256):
                raise Corrupted(f"{obj.key} was stored as {size} bytes and read back as {digest[0]} other ones")
            return Stored(obj.key, version, size, obj.sha256, created=True)

    def _equal(self, obj: ObjectToStore, size: int, found: Object) -> bool:
        return found.size == size and self._digest(obj.bucket, obj.key, found.version_id) == (size, obj.sha256)

    def _upload(self, obj: ObjectToStore, size: int, locked_until: datetime | None) -> str:
        retention = Retention(GOVERNANCE, locked_until) if locked_until else None
        with _content(obj.content) as data:
            made = self._client.put_object(
                self.bucket(obj.bucket),
                obj.key,
                data,
                size,
                content_type=obj.media_type,
                part_size=PART,
                num_parallel_uploads=1,
                retention=retention,
            )
        return made.version_id or ""

    def _require_lock(self, obj: ObjectToStore, found: Object, locked_until: datetime | None) -> None:
        """Lock what an earlier put has left without a lock, or with one that ends too early."""
        if locked_until is not None and _locked_until(found) < locked_until - LOCK_SLACK:
            retention = Retention(GOVERNANCE, locked_until)
            self._client.set_object_retention(self.bucket(obj.bucket), obj.key, retention, version_id=found.version_id)
            log.warning("evidence %s had no sufficient lock: locked until %s", obj.key, locked_until.date())

    # --- reading -------------------------------------------------------------------------------------------

    def open(self, bucket: str, key: str, version_id: str | None = None) -> Iterator[bytes]:
        """The bytes of an object, a MiB at a time.  Raises ObjectMissing and StoreUnavailable, also half-way."""
        return self._stream(bucket, key, version_id, 0, 0)

    def read(self, bucket: str, key: str, version_id: str | None = None) -> bytes:
        """A whole object."""
        return b"".join(self.open(bucket, key, version_id))

    def read_range(self, bucket: str, key: str, offset: int, length: int) -> bytes:
        """`length` bytes from `offset` on (fewer at the object's end)."""
        if offset < 0 or length <= 0:
            raise ValueError("a range begins at 0 or later and has a length")
        return b"".join(self._stream(bucket, key, None, offset, length))

    def download(self, bucket: str, key: str, path: Path, version_id: str | None = None) -> str:
        """Write an object to a new file.  Returns the sha256 of what was written."""
        digest = hashlib.sha256()
        with path.open("xb") as file:
            for chunk in self.open(bucket, key, version_id):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def exists(self, bucket: str, key: str, version_id: str | None = None) -> bool:
        """Whether there is such an object."""
        with _speaking(f"looking for {key}"):
            return self._stat(bucket, key, version_id) is not None

    def size(self, bucket: str, key: str, version_id: str | None = None) -> int:
        """Bytes of an object.  Raises ObjectMissing."""
        with _speaking(f"looking for {key}"):
            found = self._stat(bucket, key, version_id)
        if found is None or found.size is None:
            raise ObjectMissing(f"{bucket}/{key}")
        return found.size

    def locked_until(self, key: str, version_id: str | None = None) -> datetime | None:
        """Until when a piece of evidence cannot be deleted; None: it can.  Raises ObjectMissing."""
        with _speaking(f"looking for {key}"):
            found = self._stat(EVIDENCE, key, version_id)
        if found is None:
            raise ObjectMissing(f"{EVIDENCE}/{key}")
        until = _locked_until(found)
        return until if until > utcnow() else None

    def keys(self, bucket: str, prefix: str = "", *, versions: bool = False) -> Iterator[str]:
        """The keys of a bucket that begin with `prefix`, in order; with `versions`, once for each version."""
        with _speaking(f"listing {bucket}"):
            for found in self._client.list_objects(
                self.bucket(bucket), prefix=prefix, recursive=True, include_version=versions
            ):
                if found.object_name is not None:
                    yield found.object_name

    def _stream(self, bucket: str, key: str, version_id: str | None, offset: int, length: int) -> Iterator[bytes]:
        try:
            yield from self._bytes(bucket, key, version_id, offset, length)
        except StoreUnavailable as error:
            if self.exists(bucket, key, version_id):  # so the store does answer, and it is this object that is ill
                raise ObjectUnreadable(str(error)) from error
            raise

    def _bytes(self, bucket: str, key: str, version_id: str | None, offset: int, length: int) -> Iterator[bytes]:
        with _speaking(f"reading {key}"):
            response = self._client.get_object(
                self.bucket(bucket), key, offset=offset, length=length, version_id=version_id or None
            )
            try:
                yield from response.stream(CHUNK)
            finally:
                response.close()
                response.release_conn()

    def _digest(self, bucket: str, key: str, version_id: str | None) -> tuple[int, str]:
        digest = hashlib.sha256()
        size = 0
        for chunk in self._stream(bucket, key, version_id, 0, 0):
            digest.update(chunk)
            size += len(chunk)
        return size, digest.hexdigest()

    def _stat(self, bucket: str, key: str, version_id: str | None = None) -> Object | None:
        try:
            return self._client.stat_object(self.bucket(bucket), key, version_id=version_id or None)
        except S3Error as error:
            if error.code in MISSING_CODES:
                return None
            raise


# --- what the client's errors and headers mean -------------------------------------------------------------


def is_transient(error: Exception) -> bool:
    """Whether the same request may pass after a rest."""
    if isinstance(error, S3Error):
        return error.code in TRANSIENT_CODES or error.response.status in TRANSIENT_STATUS
    if isinstance(error, ServerError):
        return error.status_code in TRANSIENT_STATUS
    return isinstance(error, HTTPError | InvalidResponseError | ConnectionError)


@contextmanager
def _speaking(doing: str) -> Iterator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except (S3Error, ServerError, InvalidResponseError, HTTPError, ConnectionError) as error:
        if isinstance(error, S3Error) and error.code in MISSING_CODES:
            raise ObjectMissing(doing) from error
        if is_transient(error):
            raise StoreUnavailable(f"{doing}: {type(error).__name__}: {error}") from error
        if isinstance(error, S3Error) and (refusal := _refusal(error)):
            raise StoreRefuses(f"the object store refuses {doing}: {refusal}") from error
        raise


def _refusal(error: S3Error) -> str:
    """Why the store does not let us, and what to do; empty if it is something else."""
    known = WHAT_TO_DO.get(error.code or "", "")
    if not known and error.response.status in REFUSED_STATUS:
        known = f"it says {error.code}: check the keys and what they are allowed"
    return f"{known} (bucket {error.bucket_name})" if known and error.bucket_name else known


def _locked_until(found: Object) -> datetime:
    """When the lock of an object ends, from the headers of its answer; long ago if there is none."""
    headers = found.metadata or {}
    mode, until = headers.get("x-amz-object-lock-mode"), headers.get("x-amz-object-lock-retain-until-date")
    if not mode or not until:
        return datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return datetime.fromisoformat(until)


@contextmanager
def _content(content: bytes | Path) -> Iterator[BinaryIO]:
    if isinstance(content, bytes):
        yield io.BytesIO(content)
    else:
        with content.open("rb") as file:
            yield file


def _require_content(obj: ObjectToStore) -> int:
    """Size of what is to be stored.  Raises Corrupted if it is not what it was when it was hashed."""
    digest = hashlib.sha256()
    size = 0
    with _content(obj.content) as data:
        while chunk := data.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    if digest.hexdigest() != obj.sha256:
        raise Corrupted(f"the bytes for {obj.key} are not those that were hashed; nothing was stored")
    return size
