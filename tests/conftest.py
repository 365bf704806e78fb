"""What every test may ask for: real servers, one pair for the whole run, and a fresh database of its own."""

import fcntl
import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr

from extractors import faces
from extractors.faces import fetching, packs
from lastseen import logs
from lastseen.settings import Settings
from storage import once, roles, sealing
from storage.database import Engine, connect, migrate
from storage.embedded import Endpoints, make_room, running
from storage.objects import EVIDENCE, ObjectStore
from storage.stores import Stores
from tests.rooms import room
from tests.servers.video_site import VideoSite

TEMPLATE = "template_lastseen"
SHARED_MEDIA = Path(__file__).parents[2] / "shared" / "media"
SHARED_YUNET = SHARED_MEDIA.with_name("models") / "yunet_n_dynamic.onnx"
MEMORY = Path("/dev/shm")  # noqa: S108  a folder with a name that cannot be guessed is made in it
PLENTY_BYTES = 8 << 30
"""of memory: each worker's pair of servers comes to less than one"""


def pytest_configure(config: pytest.Config) -> None:
    """Make the tests deaf to the settings of whoever runs them."""
    config.addinivalue_line("markers", "logs_errors: this test makes the code log at ERROR, and looks at it")
    config.addinivalue_line("markers", "long: this test takes most of a minute or more, and is begun first")
    for name in [name for name in os.environ if name.startswith("LASTSEEN_")]:
        del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process that a test starts compiles all of ours anew
    sys.dont_write_bytecode = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes long, whatever the order of chance: no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def no_logged_errors(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test during which something was logged at ERROR, unless it is marked `logs_errors`."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    logged = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    errors = [f"{record.name}: {record.getMessage()}" for record in logged if record.levelno >= logging.ERROR]
    if errors:
        pytest.fail("logged as errors:\n" + "\n".join(errors))


@pytest.fixture(autouse=True)
def of_no_rank() -> Iterator[None]:
    """Fail a test that leaves its process a real-time one, as some encoders do (`tests.extractors.films.encoding`).

    Nothing would fail then, but all that is started later goes before the rest of the machine.
    """
    yield
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("this test left its process a real-time one")


@pytest.fixture(autouse=True)
def about_nothing() -> Iterator[None]:
    """Fail a test after which all lines of the log would be about what it did."""
    yield
    assert logs.about() == {}


@pytest.fixture(scope="session")
def servers_dir() -> Iterator[Path]:
    """Data folder of the one embedded pair of this run.  It is in memory where there is plenty: files are made faster.

    A database's many small files cost twice as much on a disk, though none of them is to outlive the run.
    """
    with room(MEMORY if plenty_of_memory() else Path(tempfile.gettempdir())) as data:
        yield data


def plenty_of_memory() -> bool:
    """Whether there is so much that nobody misses what the servers take."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return free >= PLENTY_BYTES and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= PLENTY_BYTES


@pytest.fixture(scope="session")
def endpoints(servers_dir: Path) -> Iterator[Endpoints]:
    """The one embedded pair of this run, with a migrated template database in it."""
    with running(servers_dir) as started:
        run_sql(started.database_url, "ALTER SYSTEM SET fsync = off")  # nothing here outlives the run
        run_sql(started.database_url, "SELECT pg_reload_conf()")
        run_sql(started.database_url, f"CREATE DATABASE {TEMPLATE}")
        engine = connect(in_database(started.database_url, TEMPLATE))
        migrate(engine)
        roles.prepare(engine, started.application_url, make=True)
        engine.dispose()
        yield started


@contextmanager
def fresh_database(endpoints: Endpoints) -> Iterator[str]:
    """URL of a migrated, empty database that lives as long as the block, as the application's role."""
    name = f"test_{secrets.token_hex(6)}"
    run_sql(endpoints.database_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    yield in_database(endpoints.application_url, name)
    run_sql(endpoints.database_url, f"DROP DATABASE {name} WITH (FORCE)")


def settings_on(endpoints: Endpoints, database_url: str, objects: ObjectStore, folder: Path, models: Path) -> Settings:
    """Settings that point at one database and one set of buckets, as if they were an office's own servers.

    The office's key for templates is the one that tests seal with.
    """
    once.made_once(sealing.TEMPLATE.path(Settings(_env_file=None, data_dir=folder)), lambda: bytes(sealing.KEY_BYTES))
    return Settings(
        _env_file=None,
        data_dir=folder,
        models_dir=models,
        database_url=SecretStr(database_url),
        s3_endpoint=endpoints.s3_endpoint,
        s3_access_key=SecretStr(endpoints.s3_access_key),
        s3_secret_key=SecretStr(endpoints.s3_secret_key),
        s3_secure=False,
        bucket_prefix=objects.bucket(EVIDENCE).removesuffix(EVIDENCE),
        legal_basis="test",
        allow_private_addresses=(ip_network("127.0.0.0/8"),),
        site_pause_seconds=0,  # the site is ours
        site_request_pause_seconds=0,
    )


@pytest.fixture
def database_url(endpoints: Endpoints) -> Iterator[str]:
    """URL of a migrated, empty database that lives for one test, as the application's role."""
    with fresh_database(endpoints) as url:
        yield url


@pytest.fixture
def db(database_url: str) -> Iterator[Engine]:
    """An engine on this test's own database, as the application's role: a missing grant shows."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def owner(endpoints: Endpoints, database_url: str) -> Iterator[Engine]:
    """An engine on the same database as its owner."""
    engine = connect(as_owner(endpoints, database_url))
    yield engine
    engine.dispose()


@pytest.fixture
def owning(settings: Settings, owner: Engine) -> Settings:
    """Settings of whoever may erase as well."""
    url = owner.url.render_as_string(hide_password=False)
    return settings.model_copy(update={"database_owner_url": SecretStr(url)})


@pytest.fixture(scope="session")
def make_store(endpoints: Endpoints, servers_dir: Path) -> Callable[[str], ObjectStore]:
    """Makes buckets with a prefix in this run's object store."""

    def make(bucket_prefix: str) -> ObjectStore:
        objects = ObjectStore(
            endpoints.s3_endpoint,
            endpoints.s3_access_key,
            endpoints.s3_secret_key,
            secure=False,
            bucket_prefix=bucket_prefix,
        )
        make_room(servers_dir, objects.prepare())
        return objects

    return make


@pytest.fixture
def objects(make_store: Callable[[str], ObjectStore]) -> Iterator[ObjectStore]:
    """This test's own buckets.  They stay until the whole folder goes: locked objects cannot be deleted."""
    store = make_store(f"t-{secrets.token_hex(6)}-")
    yield store
    store.close()


@pytest.fixture
def settings(
    database_url: str, objects: ObjectStore, endpoints: Endpoints, tmp_path: Path, models_dir: Path
) -> Settings:
    """Settings that point at this test's own database and buckets."""
    return settings_on(endpoints, database_url, objects, tmp_path, models_dir)


@pytest.fixture
def stores(db: Engine, objects: ObjectStore, owner: Engine) -> Stores:
    """This test's own database and buckets."""
    return Stores(db, objects, owner)


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of real photos and videos that is shared beside the project, where there is one."""
    if not SHARED_MEDIA.is_dir():
        pytest.skip("the shared media are not beside the project on this machine")
    return SHARED_MEDIA


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one folder of models of this run, for all workers: dlib's networks, and YuNet where it is shared."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "models"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        faces.prepare("dlib", folder)
        yunet = packs.named("yunet", folder)
        if yunet is not None and SHARED_YUNET.is_file() and fetching.held(yunet, folder) is None:
            fetching.take(yunet, SHARED_YUNET, folder, accepted=False)
    return folder


@pytest.fixture(scope="session")
def with_yunet(models_dir: Path) -> Path:
    """The same folder, where YuNet is shared beside the project."""
    if not SHARED_YUNET.is_file():
        pytest.skip("the shared models are not beside the project on this machine")
    return models_dir


@pytest.fixture
def site() -> Iterator[VideoSite]:
    """An empty video site."""
    with VideoSite() as served:
        yield served


def as_owner(endpoints: Endpoints, url: str) -> str:
    """The same database as the role that owns it."""
    return in_database(endpoints.database_url, url.rpartition("/")[2])


def in_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return f"{url.rpartition('/')[0]}/{name}"


def run_sql(url: str, statement: str) -> None:
    """Run one statement that refuses to be in a transaction."""
    engine = connect(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql(statement)
    engine.dispose()
