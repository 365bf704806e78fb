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
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import urllib3
from minio import Minio
from minio.commonconfig import GOVERNANCE
from minio.datatypes import Object
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.helpers import genheaders
from minio.retention import Retention
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError, MaxRetryError

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
PROBE_SOONER = timedelta(hours=1)
NOTHING = "nothing/"
"""prefix of no key of ours"""
PROBES = "probe/"
"""prefix of what `ObjectStore.probe_lock` leaves in the evidence bucket"""
NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
DELETED_AT_ONCE = 1000
"""versions that S3 deletes in one request"""

TRANSIENT_CODES = frozenset({"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"})
BUSY_STATUS = frozenset({408, 429, 502, 503, 504})
"""asked again at once.  Not 500: SeaweedFS answers so for a damaged object, after trying for 13 s by itself"""
TRANSIENT_STATUS = BUSY_STATUS | {500}
MISSING_CODES = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchObject"})
NO_BUCKET = "NoSuchBucket"
EXISTS_CODES = frozenset({"BucketAlreadyExists", "BucketAlreadyOwnedByYou"})
REFUSED_CODES = frozenset({"AccessDenied", "InvalidRequest", "MethodNotAllowed", "ObjectLocked"})
"""how stores say that a locked version is not deleted"""
NO_HOLD_CODES = frozenset({"NoSuchObjectLegalHold", "NoSuchObjectLockConfiguration"})
"""how stores say that nobody ever placed a legal hold on a version"""
THERE_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""how stores say that a key which was to be new is there"""
NO_LOCK_CODES = frozenset({"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"})


REFUSED_STATUS = frozenset({401, 403})
WHAT_TO_DO = {
    "InvalidAccessKeyId": "it does not know the access key: correct LASTSEEN_S3_ACCESS_KEY",
    "SignatureDoesNotMatch": "the secret key is not the access key's: correct LASTSEEN_S3_SECRET_KEY",
    "AccessDenied": "the access key may not do this: allow it to list, read, write and lock objects in the buckets"
    " that LASTSEEN_BUCKET_PREFIX names, and to make them",
    "RequestTimeTooSkewed": "its clock and this machine's differ: set them right",
    NO_BUCKET: "a bucket is not there: correct LASTSEEN_BUCKET_PREFIX, or find out who deleted it",
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


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object as the store lists it, or the marker that a delete leaves."""

    key: str
    version_id: str
    """empty in a bucket without versions"""
    size: int
    newest: bool
    marker: bool
    """it says that the object was deleted, and hides the versions below it"""
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Examined:
    """What reading a whole version showed."""

    size: int
    sha256: str
    mode: str
    """of its lock: GOVERNANCE, COMPLIANCE; empty: it has none"""
    locked_until: datetime
    """long ago if it has none"""
    held: bool
    """there is a legal hold on it"""


class ObjectStore:
    """The four buckets of one installation."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, *, secure: bool, bucket_prefix: str) -> None:
        """`endpoint` is host:port.  Connects only when first used.  Raises WrongUse."""
        if not endpoint:
            raise WrongUse("LASTSEEN_S3_ENDPOINT is empty: write host:port, or leave it out for the embedded store")
        self._prefix = bucket_prefix
        self._keeps_conditions: bool | None = None
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
            # asked for by name: a store may be shared, and whoever shares it may not be allowed to list it
            missing = [name for name in BUCKETS if not self._is_there(name)]
            for name in missing:
                self._make(name)
            self._require_lock_configuration()
        return tuple(map(self.bucket, missing))

    def _is_there(self, name: str) -> bool:
        """Asked by a listing of nothing: HEAD has no body that could say what is wrong with the keys or the clock."""
        try:
            list(self._client.list_objects(self.bucket(name), prefix=NOTHING))
        except S3Error as error:
            if error.code != NO_BUCKET:
                raise
            return False
        return True

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
        """Prove that a locked version can be neither deleted nor unlocked; returns the version that was tried.

        One small object a day is kept under `probe/`.  Raises LockNotKept.
        """
        key = f"{PROBES}{(day or utcnow()).date().isoformat()}"
        with _speaking("probing the object lock"):
            version = self._probe_version(key)
            if not _refused(lambda: self._client.remove_object(self.bucket(EVIDENCE), key, version_id=version)):
                raise LockNotKept("the object store deleted a locked version when asked to: evidence is not safe there")
            sooner = Retention(GOVERNANCE, utcnow() + PROBE_SOONER)
            shorten = partial(self._client.set_object_retention, self.bucket(EVIDENCE), key, sooner, version_id=version)
            if not _refused(shorten):
                raise LockNotKept("the object store shortened a lock when asked to: evidence is not safe there")
            if self._stat(EVIDENCE, key, version) is None:
                raise LockNotKept("the object store refused to delete a locked version, and it is gone all the same")
        return version

    def _probe_version(self, key: str) -> str:
        found = self._stat(EVIDENCE, key)
        if found is not None and found.version_id and _locked_until(found) > utcnow() + PROBE_SOONER:
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
        stored = self._put(obj, locked_until)
        self._read_back(obj, stored)
        return stored

    def put_all(self, things: Sequence[ObjectToStore], locked_until: datetime) -> dict[str, Stored]:
        """The same for several, by key: one is read back while the next goes up.  Only evidence is locked.

        When it raises, none of them counts as stored; those that are there are found there, equal, the next time.
        """
        stored: dict[str, Stored] = {}
        with ThreadPoolExecutor(1, "read-back") as behind:
            checks = []
            for thing in things:
                stored[thing.key] = self._put(thing, locked_until if thing.bucket == EVIDENCE else None)
                checks.append(behind.submit(self._read_back, thing, stored[thing.key]))
            for check in checks:
                check.result()
        return stored

    def _put(self, obj: ObjectToStore, locked_until: datetime | None) -> Stored:
        """Have it in the store.  What was made by that has still to be read back."""
        if (obj.bucket == EVIDENCE) is not (locked_until is not None):
            raise ValueError("evidence is stored with a lock, and nothing else is")
        size = _size(obj.content)
        with _speaking(f"storing {obj.key}"):
            version = self._put_new(obj, size, locked_until)
            if version is None and (there := self._found(obj, size, locked_until)) is not None:
                return there
            if version is None:
                version = self._upload(obj, size, locked_until)
        return Stored(obj.key, version, size, obj.sha256, created=True)

    def _read_back(self, obj: ObjectToStore, stored: Stored) -> None:
        """Raises Corrupted unless it is what was meant; what was there before has been read already."""
        if not stored.created:
            return
        with _speaking(f"reading {obj.key} back"):
            size, sha256 = self._digest(obj.bucket, obj.key, stored.version_id)
        if (size, sha256) != (stored.size, obj.sha256):
            raise Corrupted(f"{obj.key} was stored as {stored.size} bytes and read back as {size} other ones")

    def copy_plainly(self, obj: ObjectToStore, key: str) -> None:
        """Put the same bytes without hash, lock or reading back: what `lastseen bench store` compares with."""
        with _speaking(f"copying {key}"), _content(obj.content) as data:
            self._client.put_object(
                self.bucket(obj.bucket), key, data, _size(obj.content), part_size=PART, num_parallel_uploads=1
            )

    def _put_new(self, obj: ObjectToStore, size: int, locked_until: datetime | None) -> str | None:
        """Store an object of one part under a key that is not there yet, in one request.

        Returns its version; None: it may be there, or has to be stored another way.  Two workers that bring the same
        bytes at once leave one version, not two.
        """
        if size > PART or not self._honours_conditions():
            return None
        with _checked(obj) as data:
            content = data.read(size)
        return self._put_if_absent(obj, content, locked_until)

    def _put_if_absent(self, obj: ObjectToStore, content: bytes, locked_until: datetime | None) -> str | None:
        retention = Retention(GOVERNANCE, locked_until) if locked_until else None
        headers = genheaders(None, None, None, retention, False)
        headers |= {"If-None-Match": "*", "Content-Type": obj.media_type}
        try:  # the client's public `put_object` has no word for a condition
            made = self._client._put_object(self.bucket(obj.bucket), obj.key, content, headers)
        except S3Error as error:
            if error.code in THERE_CODES:
                return None
            raise
        return made.version_id or ""

    def _honours_conditions(self) -> bool:
        """Whether the store refuses to store over a key that was to be new: tried once.  Older ones do not."""
        if self._keeps_conditions is None:
            name, nothing = f"{PROBES}{secrets.token_hex(8)}", hashlib.sha256().hexdigest()
            probe = ObjectToStore(DERIVED, name, b"", nothing, "text/plain")
            self._put_if_absent(probe, b"", None)
            self._keeps_conditions = self._put_if_absent(probe, b"", None) is None
            self._client.remove_object(self.bucket(DERIVED), name)
        return self._keeps_conditions

    def _found(self, obj: ObjectToStore, size: int, locked_until: datetime | None) -> Stored | None:
        """What is there already, if it is the same.  Raises Corrupted for evidence that is another."""
        found = self._stat(obj.bucket, obj.key)
        if found is None:
            return None
        if self._equal(obj, size, found):
            self._require_lock(obj, found, locked_until)
            return Stored(obj.key, found.version_id or "", size, obj.sha256, created=False)
        if obj.bucket == EVIDENCE:
            raise Corrupted(f"evidence {obj.key} is stored with other bytes than its hash says")
        return None

    def _equal(self, obj: ObjectToStore, size: int, found: Object) -> bool:
        with _checked(obj) as data:
            while data.read(CHUNK):
                pass  # what we hold must be what was hashed, before anything is said of what is there
        return found.size == size and self._digest(obj.bucket, obj.key, found.version_id) == (size, obj.sha256)

    def _upload(self, obj: ObjectToStore, size: int, locked_until: datetime | None) -> str:
        retention = Retention(GOVERNANCE, locked_until) if locked_until else None
        with _checked(obj) as data:
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

    # --- holding and erasing -------------------------------------------------------------------------------

    def extend_lock(self, key: str, version_id: str, until: datetime) -> bool:
        """Have a piece of evidence locked until then; returns whether its lock ended earlier.  Raises ObjectMissing."""
        with _speaking(f"locking {key}"):
            found = self._stat(EVIDENCE, key, version_id)
            if found is None:
                raise ObjectMissing(f"{EVIDENCE}/{key}")
            if _locked_until(found) >= until - LOCK_SLACK:
                return False
            self._client.set_object_retention(
                self.bucket(EVIDENCE), key, Retention(GOVERNANCE, until), version_id=found.version_id
            )
        return True

    def hold(self, key: str, version_id: str | None = None) -> None:
        """Place a legal hold: nobody deletes this version until it is released, whatever its lock says."""
        with _speaking(f"holding {key}"):
            self._client.enable_object_legal_hold(self.bucket(EVIDENCE), key, version_id=version_id or None)

    def release(self, key: str, version_id: str | None = None) -> None:
        """Take a legal hold off again; its lock stays."""
        with _speaking(f"releasing {key}"):
            self._client.disable_object_legal_hold(self.bucket(EVIDENCE), key, version_id=version_id or None)

    def is_held(self, key: str, version_id: str | None = None) -> bool:
        """Whether there is a legal hold on a version.  Raises ObjectMissing."""
        with _speaking(f"looking at {key}"):
            try:
                return self._client.is_object_legal_hold_enabled(
                    self.bucket(EVIDENCE), key, version_id=version_id or None
                )
            except S3Error as error:
                if error.code in NO_HOLD_CODES:
                    return False
                raise

    def erase(self, bucket: str, key: str) -> int:
        """Delete every version of an object for good, also under a lock in GOVERNANCE mode; returns how many.

        Raises StoreRefuses if the store keeps one: it is held, locked in COMPLIANCE mode, or the access key lacks the
        permission to bypass governance.
        """
        gone = [found for found in self.versions(bucket, key) if found.key == key]
        with _speaking(f"erasing {key}"):
            for start in range(0, len(gone), DELETED_AT_ONCE):
                self._delete(bucket, gone[start : start + DELETED_AT_ONCE])
        return len(gone)

    def _delete(self, bucket: str, versions: Sequence[Version]) -> None:
        asked = [DeleteObject(one.key, one.version_id or None) for one in versions]
        governed = bucket == EVIDENCE
        for error in self._client.remove_objects(self.bucket(bucket), asked, bypass_governance_mode=governed):
            raise StoreRefuses(
                f"the object store does not delete {error.name}: {error.code}; it may be under a legal hold, or the"
                " access key may not bypass the lock (s3:BypassGovernanceRetention)"
            )

    # --- reading -------------------------------------------------------------------------------------------

    def versions(self, bucket: str, prefix: str = "") -> Iterator[Version]:
        """Every version and delete marker of the keys that begin with `prefix`, those of one key together."""
        with _speaking(f"listing {bucket}"):
            for found in self._client.list_objects(
                self.bucket(bucket), prefix=prefix, recursive=True, include_version=bucket == EVIDENCE
            ):
                if found.object_name is not None:
                    yield _version(found)

    def examine(self, key: str, version_id: str | None = None) -> Examined:
        """Read a whole piece of evidence, and how it is locked.

        Raises ObjectMissing, ObjectUnreadable, and StoreUnavailable.
        """
        with self._ill_or_away(EVIDENCE, key, version_id), _speaking(f"reading {key}"):
            return self._examine(key, version_id)

    def _examine(self, key: str, version_id: str | None) -> Examined:
        digest, size = hashlib.sha256(), 0
        response = self._client.get_object(self.bucket(EVIDENCE), key, version_id=version_id or None)
        try:
            for chunk in response.stream(CHUNK):
                digest.update(chunk)
                size += len(chunk)
        finally:
            response.close()
            response.release_conn()
        mode, until, held = _lock(response.headers)
        return Examined(size, digest.hexdigest(), mode, until, held)

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
        with self._ill_or_away(bucket, key, version_id):
            yield from self._bytes(bucket, key, version_id, offset, length)

    @contextmanager
    def _ill_or_away(self, bucket: str, key: str, version_id: str | None) -> Iterator[None]:
        try:
            yield
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
            raise StoreUnavailable(f"{doing}: {_away(error)}") from error
        if isinstance(error, S3Error) and (refusal := _refusal(error)):
            raise StoreRefuses(f"the object store refuses {doing}: {refusal}") from error
        raise


def _away(error: Exception) -> str:
    """Why the store may be asked again later; of one that is not reached also what to do."""
    if not isinstance(error, MaxRetryError):
        return f"{type(error).__name__}: {error}"
    where = f"{error.pool.host}:{error.pool.port}" if isinstance(error.pool, HTTPConnectionPool) else "its address"
    why = str(error.reason).rpartition(": ")[2]
    return (
        f"the object store does not answer at {where} ({why}): see that it runs, and that"
        " LASTSEEN_S3_ENDPOINT leads to it and LASTSEEN_S3_SECURE says whether it speaks TLS; the embedded one is"
        " started by the next command, or by `lastseen up`"
    )


def _refusal(error: S3Error) -> str:
    """Why the store does not let us, and what to do; empty if it is something else."""
    known = WHAT_TO_DO.get(error.code or "", "")
    if not known and error.response.status in REFUSED_STATUS:
        known = f"it says {error.code}: check the keys and what they are allowed"
    return f"{known} (bucket {error.bucket_name})" if known and error.bucket_name else known


def _locked_until(found: Object) -> datetime:
    """When the lock of an object ends, from the headers of its answer; long ago if there is none."""
    return _lock(found.metadata or {})[1]


def _lock(headers: Mapping[str, str]) -> tuple[str, datetime, bool]:
    """Mode and end of a lock, and whether there is a legal hold, from the headers of an answer."""
    mode, until = headers.get("x-amz-object-lock-mode"), headers.get("x-amz-object-lock-retain-until-date")
    held = headers.get("x-amz-object-lock-legal-hold") == "ON"
    return (mode, datetime.fromisoformat(until), held) if mode and until else ("", NEVER, held)


def _version(found: Object) -> Version:
    return Version(
        key=found.object_name or "",
        version_id=found.version_id or "",
        size=found.size or 0,
        newest=found.is_latest in (None, True, "true"),
        marker=bool(found.is_delete_marker),
        made_at=found.last_modified or NEVER,
    )


class _Checked(io.RawIOBase):
    """Bytes that are hashed as they are read.  The read that reaches their end raises Corrupted if they are not what
    they were when they were hashed first: an upload is given up by that before it is complete."""

    def __init__(self, obj: ObjectToStore, data: BinaryIO, size: int) -> None:
        self._obj, self._data, self._left = obj, data, size
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._data.read(size)
        self._digest.update(chunk)
        self._left -= len(chunk)
        if self._left < 0 or ((self._left == 0 or not chunk) and self._digest.hexdigest() != self._obj.sha256):
            raise Corrupted(f"the bytes for {self._obj.key} are not those that were hashed; nothing was stored")
        return chunk


@contextmanager
def _checked(obj: ObjectToStore) -> "Iterator[BinaryIO]":
    with _content(obj.content) as data:
        yield cast("BinaryIO", _Checked(obj, data, _size(obj.content)))


@contextmanager
def _content(content: bytes | Path) -> Iterator[BinaryIO]:
    if isinstance(content, bytes):
        yield io.BytesIO(content)
    else:
        with content.open("rb") as file:
            yield file


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _refused(ask: Callable[[], object]) -> bool:
    """Whether the store refuses to weaken a lock."""
    try:
        ask()
    except S3Error as error:
        if error.code not in REFUSED_CODES:
            raise
        return True
    return False
