"""The review pages within Airflow's: registered where asked for, opened with the first request, in nobody's way.

That they are served by the real API server is seen in tests/pipeline/test_servers.py.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from importlib import import_module, reload
from typing import TYPE_CHECKING, Any

import pytest

from lastseen.settings import Settings
from storage.stores import Stores
from tests import airflow
from tests.office import Office

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

SWITCH = "LASTSEEN_REVIEW_IN_AIRFLOW"
UNREACHABLE = {"LASTSEEN_DATABASE_URL": "postgresql+psycopg://nobody:x@127.0.0.1:9/none"}
MISSPELT = {"LASTSEEN_DATABASE_URL": "nonsense"}


def look(_bag: "DagBag", path: str) -> int:
    """In a process of Airflow's: what the plugin registers, and what it answers.  Prints it."""
    ours = {"review", "review.app", "storage", "lastseen.settings"}
    for name in [
        name for name in sys.modules if name.partition(".")[0] in {"review", "storage", "lastseen", "pipeline"}
    ]:
        del sys.modules[name]  # the process has imported them for other tests
    plugin = reload(import_module("dags.plugin"))
    said = {
        "apps": [one["url_prefix"] for one in plugin.LastseenPlugin.fastapi_apps],
        "views": [one["href"] for one in plugin.LastseenPlugin.external_views],
        "imported": sorted(ours & set(sys.modules)),
    }
    for app in plugin.LastseenPlugin.fastapi_apps:
        said["answers"] = [asyncio.run(asked(app["app"], app["url_prefix"], path)) for _ in range(2)]
    print(json.dumps(said))  # noqa: T201  that is what is asked for
    return 0


async def asked(app: Any, prefix: str, path: str) -> tuple[int, str]:
    """One GET, as Airflow's server mounts it."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": prefix + path,
        "root_path": prefix,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": None,
    }
    await app(scope, receive, send)
    headers = {name: value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers.get(b"location", "")


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office."""
    return Office(settings, stores)


def told(office: Office, more: Mapping[str, str], path: str = "/status") -> dict[str, Any]:
    """What `look` says with these settings beside the office's."""
    environ = {**office.airflow_environ(), **more}
    said = airflow.call(environ, office.dags_log, "tests.dags.test_plugin:look", path)
    found: dict[str, Any] = {**json.loads(said.splitlines()[-1]), "said": said}
    return found


def test_where_it_is_not_asked_for_nothing_is_registered(office: Office) -> None:
    found = told(office, {SWITCH: "0"})
    assert (found["apps"], found["views"], found["imported"]) == ([], [], [])


def test_it_is_opened_with_the_first_request_and_asks_who_is_there(office: Office) -> None:
    found = told(office, {SWITCH: "1"})
    assert (found["apps"], found["views"], found["imported"]) == (["/lastseen"], ["/lastseen/"], [])
    assert found["answers"] == [[303, "/lastseen/sign-in?next=%2Fstatus"]] * 2


@pytest.mark.parametrize("wrong", [UNREACHABLE, MISSPELT])
def test_what_cannot_be_opened_is_said_and_stands_in_nobodys_way(office: Office, wrong: dict[str, str]) -> None:
    found = told(office, {SWITCH: "1", **wrong})
    assert found["answers"] == [[503, ""]] * 2
    assert "the review pages cannot be opened in Airflow" in found["said"] + office.dags_log.read_text()
