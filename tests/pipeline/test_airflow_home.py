"""Airflow's home: its secrets are made once, and whole."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dags import wiring
from lastseen.settings import Settings
from pipeline import airflow_home
from pipeline.airflow_home import NoSecrets, Prepared
from storage.stores import Stores

SECRETS = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")


def test_whoever_asks_first_or_at_once_gets_the_same_secrets(settings: Settings, stores: Stores) -> None:
    airflow_home.environment(settings, stores.owner)  # makes the database, which is not what is asked here
    kept = settings.data_dir / "airflow" / "secrets.json"
    kept.unlink()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: airflow_home.environment(settings, stores.owner), range(8)))
    assert all(len({environ[name] for environ in found}) == 1 for name in SECRETS)
    assert len({found[0][name] for name in SECRETS}) == len(SECRETS)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", '{"fernet": "a', "[]", '{"fernet": "a", "jwt": "b"}'])
def test_a_damaged_file_is_named_with_what_to_do(settings: Settings, stores: Stores, content: str) -> None:
    kept: Path = settings.data_dir / "airflow" / "secrets.json"
    kept.parent.mkdir()
    kept.write_text(content)
    with pytest.raises(NoSecrets, match=r"airflow/secrets\.json .* delete it"):
        airflow_home.environment(settings, stores.owner)
    assert kept.read_text() == content


def test_pools_are_those_that_tasks_ask_for() -> None:
    assert wiring.TELEGRAM_POOL == airflow_home.TELEGRAM_POOL
    assert wiring.VIDEO_SITES_POOL == airflow_home.SITES_POOL
    assert wiring.INFERENCE_POOL == airflow_home.INFERENCE_POOL
    made = airflow_home.pools(0, 4, 2)
    assert {name: one["slots"] for name, one in made.items()} == {"telegram": 1, "video_sites": 8, "inference": 4}
    assert all({"slots", "description"} <= set(one) for one in made.values()), "what `airflow pools import` wants"


def test_tables_are_prepared_anew_for_another_version_or_another_database(settings: Settings, stores: Stores) -> None:
    assert not airflow_home.prepared(settings).stands("abc")
    airflow_home.note_prepared(settings, Prepared(airflow_home.airflow_version(), "abc"))
    assert airflow_home.prepared(settings).stands("abc")
    assert not airflow_home.prepared(settings).stands("older")
    assert not airflow_home.prepared(settings).stands(None), "a fresh database"
    airflow_home.note_prepared(settings, Prepared("2.0.0", "abc"))
    assert not airflow_home.prepared(settings).stands("abc")
    (settings.data_dir / "airflow" / "prepared.json").write_text("{")
    assert airflow_home.prepared(settings) == Prepared()
