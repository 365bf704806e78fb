"""Airflow's own home in the data folder: its settings as environment variables, its secrets made once.

Nothing here imports Airflow; its processes are started with this environment.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from lastseen.errors import Failure
from lastseen.settings import Settings
from storage import database, running
from storage.database import Engine
from storage.once import made_once, replaced

DATABASE = "airflow"
LOOPBACK = "127.0.0.1"
ADMIN = "admin"
"""Airflow's user"""
SECRETS = ("fernet", "jwt", "api")
TASK_LOGS, PARSER_LOGS = "tasks", "dag-files"
"""folders of the logs: what tasks said, and what came of reading the DAGs"""
SITES_AT_ONCE = 4
"""different video sites that are visited at the same time: more would only share one line to the world"""
TELEGRAM_POOL, SITES_POOL, INFERENCE_POOL = "telegram", "video_sites", "inference"
"""what tasks share, by the names that `dags.wiring` has for them"""
LOG_LEVELS = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO", "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow=WARNING"}
"""Our loggers, which are the standard library's, are heard from the general level on; a namespace's level holds for
Airflow's own (structlog) loggers only, which say too much."""


class NoSecrets(Failure):
    """The file with Airflow's secrets holds none."""


def environment(settings: Settings, db: Engine) -> dict[str, str]:
    """The environment for Airflow's processes; its metadata lie in the same server as our database.

    `db` is an engine of a role that may create databases.  Creates the database and the home if they are not there.
    """
    home = folder(settings)
    home.mkdir(parents=True, exist_ok=True)
    logs = settings.data_dir.resolve() / running.LOGS
    url = database.ensure_database(db, DATABASE)
    hidden = _secrets(home / "secrets.json")
    made_once(password_file(settings), _fresh_password)
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(_dags_folder()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(os.cpu_count() or 2),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__BASE_URL": address(settings),
        "AIRFLOW__CORE__FERNET_KEY": hidden["fernet"],
        "AIRFLOW__API_AUTH__JWT_SECRET": hidden["jwt"],
        "AIRFLOW__API__SECRET_KEY": hidden["api"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.with_driver(url, "postgresql+psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database.with_driver(url, "postgresql+asyncpg"),
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # seconds; at 5 a busy machine fails tasks
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs / TASK_LOGS),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / PARSER_LOGS),
        **LOG_LEVELS,
        "LASTSEEN_DATA_DIR": str(settings.data_dir.resolve()),
        "LASTSEEN_REVIEW_IN_AIRFLOW": str(int(settings.review_in_airflow)),  # for dags.plugin
    }
    return {**os.environ, **own}


def side_by_side(settings: Settings) -> dict[str, str]:
    """For processes that run as many tasks at once as there are processors.

    Each analyses on one of them, unless the office has said otherwise: a film takes 1.75 seconds of one core, or 2.5 of
    two that share it.
    """
    return {"LASTSEEN_THREADS": str(settings.threads or 1)}


def folder(settings: Settings) -> Path:
    """Airflow's home."""
    return (settings.data_dir / "airflow").resolve()


def address(settings: Settings) -> str:
    """Where `lastseen up` has Airflow's pages and API."""
    return f"http://{LOOPBACK}:{settings.airflow_port}"


def password_file(settings: Settings) -> Path:
    """Holds the password of Airflow's user ADMIN.  We make it: Airflow would write it into its log, too."""
    return folder(settings) / "simple_auth_manager_passwords.json.generated"


def pools(accounts: int, processors: int, downloads: int = 1) -> dict[str, dict[str, object]]:
    """What `airflow pools import` reads: how much of each kind may be done at once, on this machine or on all.

    `accounts`: on Telegram, each of which has one user at a time.  `processors`: of all machines that analyse; faces
    are found as fast as there are.  `downloads`: files of one site fetched at once, of a few sites.
    """
    return {
        TELEGRAM_POOL: _pool(accounts, "a slot for each account on Telegram"),
        SITES_POOL: _pool(downloads * SITES_AT_ONCE, "a slot for each visit to a video site"),
        INFERENCE_POOL: _pool(processors, "a slot for each processor that looks for faces"),
    }


def _pool(slots: int, description: str) -> dict[str, object]:
    return {"slots": max(slots, 1), "description": description, "include_deferred": False}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What Airflow's database was brought to last: done again only when something of it is not so."""

    version: str = ""
    """Airflow's"""
    revision: str = ""
    """of its tables"""
    pools: Mapping[str, object] | None = None

    def stands(self, revision: str | None) -> bool:
        """Whether the tables, which are at `revision`, are those of the Airflow that is installed."""
        return self.version == airflow_version() and bool(revision) and self.revision == revision


def prepared(settings: Settings) -> Prepared:
    """What was noted; nothing where nothing was, or cannot be read."""
    try:
        return Prepared(**json.loads(_note(settings).read_text()))
    except (OSError, ValueError, TypeError):
        return Prepared()


def note_prepared(settings: Settings, done: Prepared) -> None:
    """Note it for the next start."""
    replaced(_note(settings), json.dumps(asdict(done)).encode())


def write_pools(settings: Settings, wanted: Mapping[str, object]) -> Path:
    """The file for `airflow pools import`."""
    path = folder(settings) / "pools.json"
    replaced(path, json.dumps(wanted, indent=1).encode())
    return path


def airflow_version() -> str:
    """Of the Airflow that is installed."""
    return metadata.version("apache-airflow-core")


def revision(db: Engine) -> str | None:
    """Of Airflow's tables, beside our database on the same server; None: they are not there.

    Raises DatabaseError where there is not even the database.
    """
    engine = database.connect(database.beside(db, DATABASE))
    try:
        with engine.connect() as asked:
            return database.revision(asked)
    finally:
        engine.dispose()


def _note(settings: Settings) -> Path:
    return folder(settings) / "prepared.json"


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


def _fresh_password() -> bytes:
    return json.dumps({ADMIN: secrets.token_urlsafe(18)}).encode() + b"\n"


def _fresh_secrets() -> bytes:
    fresh = {
        "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "jwt": secrets.token_urlsafe(48),
        "api": secrets.token_urlsafe(48),
    }
    return json.dumps(fresh).encode()
