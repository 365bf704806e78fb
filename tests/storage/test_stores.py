"""The stores that the settings ask for: embedded ones, or servers of the office's own."""

import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from storage.database import newest_revision
from storage.embedded import Part, running, status
from storage.objects import BUCKETS, EVIDENCE
from storage.stores import Stores, open_stores


def revision(stores: Stores) -> object:
    with stores.db.connect() as db:
        return db.execute(text("SELECT version_num FROM alembic_version")).scalar()


def test_embedded_from_nothing_and_cheap_once_they_run(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")
    with open_stores(settings) as stores:
        assert revision(stores) == newest_revision()
        stores.objects.probe_lock()
        servers = [server.pid for server in status(settings.data_dir)]
        seconds = []
        for _ in range(3):
            began = time.process_time()  # a clock would tell what else the machine does
            with open_stores(settings) as again:
                assert revision(again) == newest_revision()
            seconds.append(time.process_time() - began)
        assert min(seconds) < 0.3
        assert [server.pid for server in status(settings.data_dir)] == servers
    assert [server.pid for server in status(settings.data_dir)] == [None, None]


def test_without_objects_only_the_database_starts(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    with open_stores(settings, objects=False) as stores:
        assert revision(stores) == newest_revision()
        assert [server.pid is None for server in status(tmp_path)] == [False, True]
        with pytest.raises(RuntimeError, match="without the object store"):
            _ = stores.objects


def test_servers_of_our_own_start_none(settings: Settings) -> None:
    with open_stores(settings) as stores:
        assert revision(stores) == newest_revision()
        assert not stores.objects.exists(EVIDENCE, "k")
        assert {stores.objects.bucket(name) for name in BUCKETS} == {f"{settings.bucket_prefix}{b}" for b in BUCKETS}
    assert not (settings.data_dir / "servers").exists()


def test_a_database_of_our_own_beside_the_embedded_object_store(database_url: str, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, database_url=SecretStr(database_url))
    with running(tmp_path, [Part.OBJECTS]), open_stores(settings) as stores:
        assert [server.pid is None for server in status(tmp_path)] == [True, False]
        assert revision(stores) == newest_revision()
        assert not stores.objects.exists(EVIDENCE, "k")


def test_an_object_store_without_its_keys_is_refused(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, s3_endpoint="127.0.0.1:1")
    with pytest.raises(WrongUse, match="LASTSEEN_S3_ACCESS_KEY"), open_stores(settings):
        pass
