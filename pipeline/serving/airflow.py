"""Airflow's processes on this machine, and what they say of themselves."""

import http
import http.client
import json
import os
from collections.abc import Mapping
from contextlib import closing

from lastseen.errors import Failure
from lastseen.settings import Settings
from pipeline import airflow_home
from storage import telegram_accounts
from storage.stores import Stores

PROCESSES: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--host", airflow_home.LOOPBACK),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""`airflow standalone` would listen on every interface"""


class NoAnswer(Failure):
    """Airflow runs here, and its API does not answer."""


def wanted_pools(settings: Settings, stores: Stores) -> dict[str, dict[str, object]]:
    """Airflow's pools as this machine and its office need them."""
    with stores.db.begin() as db:
        accounts = len(telegram_accounts.every(db))
    return airflow_home.pools(accounts, os.cpu_count() or 2, settings.site_downloads)


def health(settings: Settings, seconds: float = 5) -> Mapping[str, Mapping[str, object]]:
    """What Airflow's API says of its processes; empty: it does not answer within so many seconds."""
    where = airflow_home.LOOPBACK, settings.airflow_port
    with closing(http.client.HTTPConnection(*where, timeout=seconds)) as connection:
        try:
            connection.request("GET", "/api/v2/monitor/health")
            said = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return {}
    return said if isinstance(said, dict) else {}


def beats(said: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """When those of Airflow's processes that note it did so last, by the names of PROCESSES.

    Empty: their database does not answer, and nothing can be said of them.
    """
    if (said.get("metadatabase") or {}).get("status") != "healthy":
        return {}
    noted = {name: name.replace("-", "_") for name in PROCESSES if name != "api-server"}
    return {name: (said.get(part) or {}).get(f"latest_{part}_heartbeat") for name, part in noted.items()}


def unwell(said: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Those of Airflow's processes that give no sign of life, by the names of PROCESSES."""
    parts = {"metadatabase": "its database"} | {
        name.replace("-", "_"): name for name in PROCESSES if name != "api-server"
    }
    return [name for part, name in parts.items() if (said.get(part) or {}).get("status") != "healthy"]


def ask(
    settings: Settings, path: str, method: str = "GET", order: Mapping[str, object] | None = None
) -> Mapping[str, object]:
    """What Airflow's API answers its user ADMIN to a question, e.g. `/pools`, or an order.  Raises NoAnswer."""
    try:
        password = json.loads(airflow_home.password_file(settings).read_text())[airflow_home.ADMIN]
        who = json.dumps({"username": airflow_home.ADMIN, "password": password})
        token = str(_sent(settings, "POST", "/auth/token", who)["access_token"])
        body = "" if order is None else json.dumps(order)
        return _sent(settings, method, f"/api/v2{path}", body, token)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as fault:
        raise NoAnswer(
            f"Airflow's API at {airflow_home.address(settings)} does not answer {path} ({fault}): "
            "`lastseen logs api-server`"
        ) from fault


def _sent(settings: Settings, method: str, path: str, body: str = "", token: str = "") -> dict[str, object]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    with closing(http.client.HTTPConnection(airflow_home.LOOPBACK, settings.airflow_port, timeout=30)) as connection:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        said = answer.read()
    if answer.status not in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
        raise ValueError(f"status {answer.status}")
    found = json.loads(said)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found
