"""Both stores, as the settings have them: servers of the office's own, or the embedded ones."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from storage import embedded, roles
from storage.database import Engine, connect, migrate
from storage.objects import ObjectStore


class Stores:
    """The database and the object store of one installation."""

    def __init__(self, db: Engine, objects: ObjectStore | None = None, owner: Engine | None = None) -> None:
        """`db` is the application's engine; `owner` the one of whoever owns the tables, where that is another role."""
        self.db = db
        self.owner = owner or db
        self._objects = objects

    @property
    def objects(self) -> ObjectStore:
        """The object store.  Raises RuntimeError if it was not asked for."""
        if self._objects is None:
            raise RuntimeError("these stores were opened without the object store")
        return self._objects


@contextmanager
def open_stores(settings: Settings, *, objects: bool = True) -> Iterator[Stores]:
    """Have the stores ready: servers running, schema migrated, buckets there.

    `objects=False` leaves the object store out, which is the slower one to start.  Raises
    `storage.embedded.EmbeddedError`, `storage.database.SchemaTooNew`, `storage.objects.StoreUnavailable`,
    `storage.objects.LockNotKept`, and ValueError for settings that do not fit together.
    """
    database, s3 = _database_outside(settings), _s3_outside(settings)
    parts = embedded_parts(settings, objects=objects)
    with ExitStack() as stack:
        if parts:
            inside = stack.enter_context(embedded.running(settings.data_dir, parts))
            database = database or _Database(inside.application_url, inside.database_url, ours=True)
            s3 = s3 or _S3(inside.s3_endpoint, inside.s3_access_key, inside.s3_secret_key, secure=False)
        if database is None:
            raise RuntimeError("neither a database of the office's own nor the embedded one")
        yield _open(stack, settings, database, s3 if objects else None)


def embedded_parts(settings: Settings, *, objects: bool = True) -> tuple[embedded.Part, ...]:
    """Those of the two servers that are not the office's own."""
    wanted = ((embedded.Part.DATABASE, settings.database_url), (embedded.Part.OBJECTS, settings.s3_endpoint))
    return tuple(part for part, own in wanted if own is None and (objects or part is embedded.Part.DATABASE))


@dataclass(frozen=True, slots=True)
class _Database:
    application: str = field(repr=False)
    owner: str | None = field(repr=False)
    """None: the application's role owns the tables as well"""
    ours: bool = False
    """embedded: its roles are ours to make"""


@dataclass(frozen=True, slots=True)
class _S3:
    endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    secure: bool


def _open(stack: ExitStack, settings: Settings, database: _Database, s3: _S3 | None) -> Stores:
    db = connect(database.application)
    stack.callback(db.dispose)
    owner = connect(database.owner, "LASTSEEN_DATABASE_OWNER_URL") if database.owner else db
    stack.callback(owner.dispose)
    migrate(owner)
    if owner is not db:
        roles.prepare(owner, database.application, make=database.ours)
    if s3 is None:
        return Stores(db, owner=owner)
    store = ObjectStore(
        s3.endpoint, s3.access_key, s3.secret_key, secure=s3.secure, bucket_prefix=settings.bucket_prefix
    )
    stack.callback(store.close)
    made = store.prepare()
    if settings.s3_endpoint is None:
        embedded.make_room(settings.data_dir, made)
    return Stores(db, store, owner)


def _database_outside(settings: Settings) -> _Database | None:
    owner = settings.database_owner_url
    if settings.database_url is None:
        if owner is not None:
            raise WrongUse("LASTSEEN_DATABASE_OWNER_URL needs LASTSEEN_DATABASE_URL beside it, for the application")
        return None
    return _Database(settings.database_url.get_secret_value(), owner.get_secret_value() if owner else None)


def _s3_outside(settings: Settings) -> _S3 | None:
    if settings.s3_endpoint is None:
        return None
    if settings.s3_access_key is None or settings.s3_secret_key is None:
        raise WrongUse("LASTSEEN_S3_ENDPOINT needs LASTSEEN_S3_ACCESS_KEY and LASTSEEN_S3_SECRET_KEY beside it")
    return _S3(
        settings.s3_endpoint,
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        secure=settings.s3_secure,
    )
