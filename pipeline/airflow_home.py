"""Airflow's own home in the data folder: its settings as environment variables, its secrets made once.

Nothing here imports Airflow; its processes are started with this environment.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from lastseen.settings import Settings
from storage import database

DATABASE = "airflow"


def environment(settings: Settings, database_url: str) -> dict[str, str]:
    """The environment for Airflow's processes; its metadata lie beside ours in the server of `database_url`.

    Creates the database and the home if they are not there.
    """
    home = (settings.data_dir / "airflow").resolve()
    home.mkdir(parents=True, exist_ok=True)
    url = database.ensure_database(database_url, DATABASE)
    hidden = _secrets(home / "secrets.json")
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(_dags_folder()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(os.cpu_count() or 2),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": hidden["fernet"],
        "AIRFLOW__API_AUTH__JWT_SECRET": hidden["jwt"],
        "AIRFLOW__API__SECRET_KEY": hidden["api"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.with_driver(url, "postgresql+psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database.with_driver(url, "postgresql+asyncpg"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "LASTSEEN_DATA_DIR": str(settings.data_dir.resolve()),
    }
    return {**os.environ, **own}


def run_once(dags: Sequence[str], parameters: Mapping[str, object]) -> list[str]:
    """The command that runs DAGs in one process (see `dags.run_once`)."""
    return [sys.executable, "-m", "dags.run_once", "--conf", json.dumps(dict(parameters)), *dags]


def _dags_folder() -> Path:
    spec = find_spec("dags")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the folder dags/ of lastseen is not installed: install the project again")
    return Path(spec.origin).parent


def _secrets(path: Path) -> dict[str, str]:
    """Airflow's keys, made once, readable by us alone."""
    if not path.exists():
        fresh = {
            "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "jwt": secrets.token_urlsafe(48),
            "api": secrets.token_urlsafe(48),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(fresh))
    held: dict[str, str] = json.loads(path.read_text())
    return held
