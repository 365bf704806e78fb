"""Airflow's own home in the data folder: its settings as environment variables, its secrets made once.

Nothing here imports Airflow; its processes are started with this environment.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from lastseen.errors import Failure
from lastseen.settings import Settings
from storage import database
from storage.database import Engine
from storage.once import made_once

DATABASE = "airflow"
LOOPBACK = "127.0.0.1"
SECRETS = ("fernet", "jwt", "api")
LOG_LEVELS = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO", "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow=WARNING"}
"""Our loggers, which are the standard library's, are heard from the general level on; a namespace's level holds for
Airflow's own (structlog) loggers only, which say too much."""


class NoSecrets(Failure):
    """The file with Airflow's secrets holds none."""


def environment(settings: Settings, db: Engine) -> dict[str, str]:
    """The environment for Airflow's processes; its metadata lie in the same server as our database.

    `db` is an engine of a role that may create databases.  Creates the database and the home if they are not there.
    """
    home = (settings.data_dir / "airflow").resolve()
    home.mkdir(parents=True, exist_ok=True)
    url = database.ensure_database(db, DATABASE)
    hidden = _secrets(home / "secrets.json")
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(_dags_folder()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(os.cpu_count() or 2),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{settings.airflow_port}",
        "AIRFLOW__CORE__FERNET_KEY": hidden["fernet"],
        "AIRFLOW__API_AUTH__JWT_SECRET": hidden["jwt"],
        "AIRFLOW__API__SECRET_KEY": hidden["api"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.with_driver(url, "postgresql+psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database.with_driver(url, "postgresql+asyncpg"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        **LOG_LEVELS,
        "LASTSEEN_DATA_DIR": str(settings.data_dir.resolve()),
        "LASTSEEN_REVIEW_IN_AIRFLOW": str(int(settings.review_in_airflow)),  # for dags.plugin
    }
    return {**os.environ, **own}


def run_once(dags: Mapping[str, Mapping[str, object]]) -> list[str]:
    """The command that runs DAGs, each with its parameters, in one process (see `dags.run_once`)."""
    orders = [f"{name}={json.dumps(dict(parameters))}" for name, parameters in dags.items()]
    return [sys.executable, "-m", "dags.run_once", *orders]


def _dags_folder() -> Path:
    spec = find_spec("dags")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the folder dags/ of lastseen is not installed: install the project again")
    return Path(spec.origin).parent


def _secrets(path: Path) -> dict[str, str]:
    """Airflow's keys, made once, readable by us alone.  Raises NoSecrets."""
    try:
        held = json.loads(made_once(path, _fresh_secrets))
        return {name: str(held[name]) for name in SECRETS}
    except (ValueError, KeyError, TypeError) as fault:
        raise NoSecrets(
            f"{path} does not hold Airflow's secrets: delete it, and new ones are made"
            " (what Airflow keeps encrypted, its connections and variables, has to be entered again)"
        ) from fault


def _fresh_secrets() -> bytes:
    fresh = {
        "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "jwt": secrets.token_urlsafe(48),
        "api": secrets.token_urlsafe(48),
    }
    return json.dumps(fresh).encode()
