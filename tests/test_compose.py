"""docker-compose.yml and what is put over it, without an engine: held against the schema, the settings, Airflow's own
configuration and the queues of the DAGs.  Dockerfile and Redis' start by the real programs."""

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # Airflow brings it; its stubs are a package of their own
from pydantic import SecretStr

from lastseen.settings import Settings
from storage.stores import Stores
from tests.office import Office
from tests.test_frame import ROOT, SECRET

BIN = Path(sys.executable).parent
BASE = "docker-compose.yml"
OVER = ("compose.minio.yml", "compose.serving.yml", "compose.workers.yml")
ONCE = {"volumes", "migrate", "lastseen"}
"""run and end"""
WORKERS = {
    "worker-network": {"network"},
    "worker-inference": {"inference"},
    "worker-housekeeping": {"housekeeping"},
}
CONTROL = {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
STORES = {"postgres", "object-store", "redis"}
SERVICES = {*ONCE, *WORKERS, *CONTROL, *STORES, "review", "proxy"}
OPENS_HOSTILE_FILES = {*WORKERS, "migrate", "lastseen"}
REACHES_THE_WORLD = {"worker-network", "worker-housekeeping", "review", "lastseen", "proxy"}
WITHOUT_A_SECRET = {
    *("LASTSEEN_OIDC_CLIENT_SECRET", "LASTSEEN_ALERT_WEBHOOK_SECRET", "LASTSEEN_ALERT_SMTP_PASSWORD"),
}
"""an office without an OpenID provider, or whom nobody tells of alerts, has none"""
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
FILES = {"deploy/Caddyfile", "deploy/certificates"}


@cache
def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def compose() -> dict[str, Any]:
    """docker-compose.yml, anchors merged, variables as written."""
    loaded: dict[str, Any] = yaml.safe_load(read(BASE))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def merged(*names: str) -> dict[str, Any]:
    """The base with files over it, as Compose merges them (https://docs.docker.com/reference/compose-file/merge/)."""
    whole = compose()
    for name in names:
        whole = _merged(whole, yaml.safe_load(read(name)))
    return whole


REPLACED = {"command", "entrypoint", "test"}
"""sequences that are replaced; others are added to"""


def _merged(under: Any, over: Any, key: str = "") -> Any:
    if isinstance(over, Mapping) and isinstance(under, list) and key == "networks":
        under = dict.fromkeys(under)
    if isinstance(over, list) and isinstance(under, Mapping) and key == "networks":
        over = dict.fromkeys(over)
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {**under, **{name: _merged(under.get(name), value, name) for name, value in over.items()}}
    if isinstance(under, list) and isinstance(over, list) and key not in REPLACED:
        if key == "volumes":
            targets = {mount.split(":")[1] for mount in over}
            under = [mount for mount in under if mount.split(":")[1] not in targets]
        return [*under, *(one for one in over if one not in under)]
    return over


def environments(whole: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for where, service in whole["services"].items():
        for name, value in (service.get("environment") or {}).items():
            yield where, name, "" if value is None else str(value)


def networks(whole: Mapping[str, Any], service: str) -> set[str]:
    one = whole["services"][service]
    return set() if one.get("network_mode") == "none" else set(one.get("networks") or {"default"})


def settings_names() -> set[str]:
    return {f"LASTSEEN_{name.upper()}" for name in Settings.model_fields}


def lastseen_of(service: str) -> set[str]:
    return {name for name in services()[service]["environment"] if name.startswith("LASTSEEN_")}


# --- the files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("over", [(), *((name,) for name in OVER)], ids=lambda names: "+".join(names) or BASE)
def test_each_file_and_what_comes_of_it_fits_the_schema_of_compose(over: tuple[str, ...], tmp_path: Path) -> None:
    whole = tmp_path / "merged.yml"
    whole.write_text(yaml.safe_dump(merged(*over)))
    files = [str(whole), *(str(ROOT / name) for name in over)]
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_the_image_is_made_as_hadolint_wants_it() -> None:
    told = subprocess.run(
        [str(BIN / "hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


def test_it_has_the_services_and_each_file_over_it_names_only_those() -> None:
    assert set(services()) == SERVICES
    for name in OVER:
        assert set(yaml.safe_load(read(name)).get("services") or {}) <= SERVICES, name


def test_every_volume_network_and_file_is_declared_and_used() -> None:
    for over in ((), *((name,) for name in OVER)):
        whole = merged(*over)
        mounts = [mount for service in whole["services"].values() for mount in service.get("volumes", [])]
        named = {mount.split(":")[0] for mount in mounts if not mount.startswith(".")}
        assert named <= set(whole["volumes"])
        assert named == set(whole["volumes"])
        assert set().union(*(networks(whole, name) for name in whole["services"])) == set(whole["networks"])
    here = {mount.split(":")[0].removeprefix("./") for mount in mounts if mount.startswith(".")}
    assert here == FILES
    assert all((ROOT / path).exists() for path in here)


def test_what_belongs_to_others_in_a_new_volume_is_given_to_them_and_stays_theirs() -> None:
    made = dict(re.findall(r"--owner (\w+) .*? ((?:/var/lib/volumes/\w+ ?)+)", read("Dockerfile")))
    folders = {path: owner for owner, paths in made.items() for path in paths.split()}
    whole = merged("compose.minio.yml")["services"]
    for mount in whole["volumes"]["volumes"]:
        name, place = mount.split(":")
        owner = {"lastseen": "10001"}.get(folders[place], folders[place])
        users = {
            service["user"].partition(":")[0]
            for service in (*services().values(), *whole.values())
            if f"{name}:/data:nocopy" in service.get("volumes", [])
        }
        assert users == {owner}, name
    for name in ("object-store", "proxy"):
        assert not [mount for mount in services()[name]["volumes"] if mount.endswith(":/data")]


# --- variables and secrets ----------------------------------------------------------------------------------


def variables() -> dict[str, set[str]]:
    """Each variable of the files, with what stands behind it: `-default`, `?message`, or nothing."""
    found: dict[str, set[str]] = {}
    for name in (BASE, *OVER):
        for variable, mark, said in VARIABLE.findall(read(name)):
            found.setdefault(variable, set()).add(mark + said)
    return found


def test_every_variable_is_in_the_example_and_has_one_default_or_is_demanded() -> None:
    example = dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", read(".env.example"), re.MULTILINE))
    for name, ways in variables().items():
        assert name in example, name
        assert len(ways) == 1, f"{name}: {ways}"
        (way,) = ways
        if way.startswith("-"):
            shown = example[name]
            assert not SECRET.search(name), f"{name}: a secret has no default"
            assert shown == way[1:] or (name, way) == ("REVIEW_TLS", "-"), f"{name}: {shown!r} {way!r}"
        else:
            assert way == f"?set {name} in .env, see .env.example", f"{name}: {way}"


def test_what_the_example_leaves_empty_above_is_demanded() -> None:
    part = read(".env.example").partition("# --- docker-compose.yml")[2].partition("# --- workers on other")[0]
    for name in re.findall(r"^([A-Z][A-Z0-9_]+)=$", part, re.MULTILINE):
        assert variables()[name] == {f"?set {name} in .env, see .env.example"}, name


@pytest.mark.parametrize("over", [(), *((name,) for name in OVER)], ids=lambda names: "+".join(names) or BASE)
def test_no_secret_has_a_default(over: tuple[str, ...]) -> None:
    seen = 0
    for where, name, value in environments(merged(*over)):
        if not SECRET.search(name) or name.endswith(("_FILE", "_PUBLIC_KEYS", "_BEFORE")) or name in WITHOUT_A_SECRET:
            continue
        assert re.search(r"\$\{(\w+):\?set \1 in \.env, see \.env\.example\}", value), f"{where}: {name}"
        seen += 1
    assert seen > len(SERVICES)


def test_every_setting_is_one_that_exists_and_every_one_that_exists_can_be_set() -> None:
    passwords = {"LASTSEEN_DB_PASSWORD", "LASTSEEN_APPLICATION_DB_PASSWORD"}  # for the script that makes the roles
    for where, name, _ in environments(compose()):
        if name.startswith("LASTSEEN_") and where != "postgres":
            assert name in settings_names(), f"{where}: {name}"
    assert lastseen_of("postgres") == passwords
    of_the_image_or_another_service = {
        *("LASTSEEN_DATA_DIR", "LASTSEEN_DATABASE_OWNER_URL"),
        *(
            "LASTSEEN_AIRFLOW_PORT",
            "LASTSEEN_REVIEW_IN_AIRFLOW",
            "LASTSEEN_AIRFLOW_KEEP_DAYS",
            "LASTSEEN_UP_PATIENCE_SECONDS",
        ),  # of `lastseen up`
        *("LASTSEEN_REVIEW_HOST", "LASTSEEN_REVIEW_PORT"),
    }
    for name in ("worker-network", "worker-housekeeping", "lastseen"):
        assert lastseen_of(name) == settings_names() - of_the_image_or_another_service, name


@cache
def airflow_options() -> frozenset[str]:
    """Every option of Airflow and its providers, as `SECTION__KEY`."""
    script = (
        "import json\nfrom airflow.configuration import conf\nfrom airflow.providers_manager import ProvidersManager\n"
        "ProvidersManager().initialize_providers_configuration()\n"
        "print(json.dumps([f'{s}__{o}'.upper() for s, d in conf.configuration_description.items()"
        " for o in d['options']]))"
    )
    environ = {**os.environ, "AIRFLOW_HOME": "/nonexistent/airflow", "AIRFLOW__CORE__UNIT_TEST_MODE": "False"}
    said = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return frozenset(json.loads(said.stdout.splitlines()[-1]))


def test_every_option_of_airflow_exists() -> None:
    given = {name for _, name, _ in environments(compose()) if name.startswith("AIRFLOW__")}
    assert len(given) > 20
    assert [name for name in given if name.removeprefix("AIRFLOW__") not in airflow_options()] == []


# --- who may do what ----------------------------------------------------------------------------------------


def test_every_service_is_watched_bounded_and_started_again() -> None:
    for name, service in services().items():
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert ("healthcheck" in service) == (name not in ONCE), name
        assert service["logging"]["options"], name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits), name


def test_no_service_is_root_or_holds_a_capability_or_writes_where_nobody_looks() -> None:
    for name, service in services().items():
        user = str(service["user"]).partition(":")[0]
        assert user.isdecimal() and int(user) > 0, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert "no-new-privileges=true" in service["security_opt"], name
        assert not service.get("privileged"), name
    assert {name for name, service in services().items() if "cap_add" in service} == {"proxy"}
    assert services()["proxy"]["cap_add"] == ["NET_BIND_SERVICE"]


def test_only_what_opens_hostile_files_may_make_namespaces() -> None:
    loosened = {name for name, service in services().items() if len(service["security_opt"]) > 1}
    assert loosened == OPENS_HOSTILE_FILES


def test_airflows_own_services_hold_no_case_data_and_workers_none_of_airflows_keys() -> None:
    for name in CONTROL:
        assert lastseen_of(name) == set(), name
        assert networks(compose(), name) <= {"control", "operators"}, name
        assert services()[name]["volumes"] == ["airflow:/var/lib/airflow"], name
    for name in WORKERS:
        given = {key for key in services()[name]["environment"] if key.startswith("AIRFLOW__")}
        assert not given & {
            *("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
        }, name


def test_who_opens_films_reaches_nothing_outside_and_has_nobodys_session() -> None:
    assert not any(name.startswith("LASTSEEN_SECRETS") for name in lastseen_of("worker-inference"))
    assert networks(compose(), "worker-inference") == {"data", "control"}
    assert "lastseen" not in {mount.split(":")[0] for mount in services()["worker-inference"]["volumes"]}


def test_only_the_migration_knows_the_owner_of_the_tables() -> None:
    assert {where for where, _, value in environments(compose()) if "postgresql://lastseen:" in value} == {"migrate"}


def test_who_reaches_whom() -> None:
    whole = compose()
    inside = {name for name, network in whole["networks"].items() if (network or {}).get("internal")}
    assert inside == {"data", "control", "front"}
    assert {name for name in SERVICES if networks(whole, name) & {"outside", "public"}} == REACHES_THE_WORLD
    assert {name for name in SERVICES if "front" in networks(whole, name)} == {"review", "proxy"}
    shared = networks(whole, "proxy") & networks(whole, "review")
    assert shared == {"front"}, "else the pages might see the proxy by an address that they do not trust"
    assert {name for name in SERVICES if name != "object-store" and "data" in networks(whole, name)} == (
        {*WORKERS, "migrate", "lastseen", "review", "postgres"}
    )
    assert {name for name in SERVICES if "control" in networks(whole, name)} == (
        {*CONTROL, *WORKERS, "migrate", "postgres", "redis"}
    )


def test_only_the_proxy_is_published_beyond_loopback() -> None:
    for name, service in services().items():
        ports = service.get("ports", [])
        if name == "proxy":
            assert ports == ["80:8080", "443:8443", "443:8443/udp"]
        else:
            assert all(port.startswith("127.0.0.1:") for port in ports), name
    for name in ("compose.minio.yml", "compose.workers.yml"):
        assert "ports:" not in read(name)
    serving = yaml.safe_load(read("compose.serving.yml"))["services"]
    for name, service in serving.items():
        assert all(port.startswith("${PRIVATE_ADDRESS:?") for port in service["ports"]), name


def test_the_pages_believe_the_proxys_address_and_no_other() -> None:
    address = services()["proxy"]["networks"]["front"]["ipv4_address"]
    assert services()["review"]["environment"]["LASTSEEN_TRUSTED_PROXIES"] == address
    assert services()["proxy"]["environment"]["REVIEW_UPSTREAM"] == "review:8470"


def test_whoever_gives_out_links_knows_the_name_of_the_pages() -> None:
    name = "https://${REVIEW_HOSTNAME:?set REVIEW_HOSTNAME in .env, see .env.example}"
    for service in (*WORKERS, "lastseen", "migrate", "review"):
        assert services()[service]["environment"]["LASTSEEN_REVIEW_URL"] == name, service


def test_the_proxy_is_given_every_name_of_its_configuration() -> None:
    named = set(re.findall(r"\{\$(\w+)(?::[^}]*)?\}", re.sub(r"(?m)^\s*#.*$", "", read("deploy/Caddyfile"))))
    assert named - {"ALIVE_PORT"} <= set(services()["proxy"]["environment"])
    asked = " ".join(services()["proxy"]["healthcheck"]["test"])
    assert "127.0.0.1:2020/alive" in asked and "{$ALIVE_PORT:2020}" in read("deploy/Caddyfile")


def test_workers_on_other_machines_reach_the_first_one() -> None:
    whole = merged("compose.workers.yml")
    assert [name for name in ("data", "control") if whole["networks"][name]["internal"]] == []
    served = merged("compose.serving.yml")
    for name in yaml.safe_load(read("compose.serving.yml"))["services"]:
        assert networks(served, name) == networks(compose(), name) | {"machines"}


# --- the start ------------------------------------------------------------------------------------------------


def test_the_others_wait_for_the_databases_and_not_for_what_they_are_needed_to_put_right(
    settings: Settings, stores: Stores, tmp_path: Path
) -> None:
    shell, option, script = services()["migrate"]["command"]
    ours = script[script.index("lastseen status") :]
    assert script.index("airflow db migrate") < script.index("lastseen status")

    def started(**changed: object) -> "subprocess.CompletedProcess[str]":
        environ = Office(settings.model_copy(update=changed), stores).environ()
        path = f"{BIN}:{environ['PATH']}"
        return subprocess.run(
            [shell, option, ours], env={**environ, "PATH": path}, cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    without_its_model = started(engine="yunet+dlib", models_dir=tmp_path)
    assert without_its_model.returncode == 0, without_its_model.stderr
    assert "lastseen models fetch yunet" in without_its_model.stdout + without_its_model.stderr
    assert "what failed above needs somebody" in without_its_model.stderr
    assert "what failed above" not in started().stderr
    assert started(database_url=SecretStr("postgresql://u:p@127.0.0.1:1/d")).returncode != 0


# --- Celery ---------------------------------------------------------------------------------------------------


def words(service: str) -> list[str]:
    found: list[str] = services()[service]["command"]
    return found


def test_each_queue_has_its_workers_and_the_default_one_is_among_them() -> None:
    for name, queues in WORKERS.items():
        command = words(name)
        assert command[:3] == ["airflow", "celery", "worker"], name
        assert set(command[command.index("--queues") + 1].split(",")) == queues, name
    served = set().union(*WORKERS.values())
    for name in (*CONTROL, *WORKERS):
        assert services()[name]["environment"]["AIRFLOW__OPERATORS__DEFAULT_QUEUE"] in served, name


def wiring_strings() -> dict[str, str]:
    """The constants of dags/wiring.py that are words."""
    found: dict[str, str] = {}
    for node in ast.parse(read("dags/wiring.py")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(value))):
                found[name] = value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                pairs = zip(names, values, strict=True)
                found |= {n.id: v.value for n, v in pairs if isinstance(n, ast.Name) and isinstance(v, ast.Constant)}  # type: ignore[misc]  # words, or of no use
    return found


def queues_asked_for() -> set[str]:
    """The names by which kinds of work and tasks ask for a queue there."""
    found = set()
    for node in ast.walk(ast.parse(read("dags/wiring.py"))):
        match node:
            case ast.Call(func=ast.Name(id="Kind"), args=[_, ast.Name(id=name), *_]):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id="queue"), value=ast.Name(id=name)):
                found.add(name)
    return found


def test_the_queues_and_pools_are_those_of_the_dags() -> None:
    named = wiring_strings()
    assert {named[name] for name in queues_asked_for()} == set().union(*WORKERS.values())
    pools = {value for name, value in named.items() if name.endswith("_POOL")}
    assert pools
    made = set(re.findall(r"airflow pools set (\w+) ", " ".join(services()["migrate"]["command"])))
    assert pools <= made == {"telegram", "video_sites", "inference"}


def test_a_task_is_not_given_out_again_while_it_may_still_be_at_work() -> None:
    longest = re.search(r"LONGEST_TASK = timedelta\(hours=(\d+)\)", read("dags/wiring.py"))
    assert longest
    for name in ("airflow-scheduler", *WORKERS):
        given = services()[name]["environment"]
        assert int(given["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"]) > 3600 * int(longest[1]), name
        assert given["AIRFLOW__CELERY__TASK_ACKS_LATE"] == "True", name
        assert given["AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER"] == "1", name


def test_a_worker_that_is_stopped_has_time_to_end_what_it_began() -> None:
    for name in WORKERS:
        assert services()[name]["stop_signal"] == "SIGTERM"
        assert services()[name]["stop_grace_period"] == "3m"


def test_redis_starts_as_it_is_told_keeps_nothing_and_lets_nobody_in_without_the_password(tmp_path: Path) -> None:
    if not shutil.which("redis-server"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("apt-get install --no-install-recommends redis-server")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    service = services()["redis"]
    assert service["entrypoint"] == ["sh", "-c"]
    (script,) = service["command"]
    script = script.replace("$$", "$").replace("requirepass", f"port {port}\\nbind 127.0.0.1\\nrequirepass")
    environ = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": "f00"}
    with (tmp_path / "redis.log").open("wb") as log:
        redis = subprocess.Popen(
            ["/bin/sh", "-c", script], env=environ, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
    try:
        assert _redis(port, environ, "ping") == "PONG"
        assert "NOAUTH" in _redis(port, {**environ, "REDISCLI_AUTH": ""}, "ping")
        assert _redis(port, environ, "config", "get", "save").split() == ["save"]
        assert _redis(port, environ, "config", "get", "appendonly").split() == ["appendonly", "no"]
        command = Path(f"/proc/{redis.pid}/cmdline").read_bytes()
        assert b"f00" not in command
    finally:
        os.killpg(redis.pid, signal.SIGTERM)  # the shell, and what it has started
        redis.wait(30)
    assert [path.name for path in tmp_path.iterdir()] == ["redis.log"]


def _redis(port: int, environ: Mapping[str, str], *asked: str) -> str:
    for _ in range(100):
        command = ["redis-cli", "-p", str(port), *asked]
        said = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
        if "refused" not in said.stderr + said.stdout:
            return said.stdout.strip()
        time.sleep(0.1)
    raise AssertionError("redis does not answer")
