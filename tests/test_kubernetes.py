"""deploy/kubernetes: image and queues as in docker-compose.yml, secrets by reference, names that the chart has."""

import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import yaml  # type: ignore[import-untyped]  # Airflow brings it; its stubs are a package of their own
from pydantic import SecretStr

from lastseen.settings import Settings
from tests.test_compose import CONTROL, WORKERS, airflow_options, services, settings_names, words
from tests.test_frame import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
OF_THE_CHART = {
    *("executor", "airflowVersion", "airflowHome", "uid", "gid", "images", "postgresql", "data", "redis", "config"),
    *("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName", "securityContexts", "apiServer", "scheduler"),
    *("dagProcessor", "triggerer", "migrateDatabaseJob", "createUserJob", "statsd", "ingress", "logs", "workers"),
    "extraEnvFrom",
}
"""values that the chart's schema has, of those that we set (chart/values.schema.json of apache/airflow)"""
OF_A_SET = {
    *("name", "queue", "command", "args", "replicas", "labels", "securityContexts", "env", "resources"),
    *("extraVolumes", "extraVolumeMounts"),
}
OPTIONAL = "lastseen-optional"
SECRETS = {"lastseen-stores", "lastseen-template-key", "lastseen-secrets-key", "lastseen-owner", OPTIONAL}
NOT_SEALED = {"LASTSEEN_S3_ENDPOINT", "LASTSEEN_ALERT_SMTP_USER"}
"""stand with the secrets that they belong to"""
OWNER = "LASTSEEN_DATABASE_OWNER_URL"


def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
    return loaded


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / "lastseen.yaml").read_text()))


def sets() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in values()["workers"]["celery"]["sets"]}


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in manifests():
        if one["kind"] in {"Job", "Deployment"}:
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def environments() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, one in sets().items():
        yield from ((name, variable) for variable in one["env"])
    for name, pod in pods():
        yield from ((name, variable) for container in pod["containers"] for variable in container["env"])


def test_the_values_are_those_that_the_chart_has() -> None:
    assert set(values()) == OF_THE_CHART
    for one in sets().values():
        assert set(one) == OF_A_SET


def test_the_chart_is_asked_for_in_a_version_that_has_what_is_set() -> None:
    """`workers.celery.logGroomerSidecar` came with 1.21 (apache/airflow#65033), 2 gives up old names."""
    texts = [(FOLDER / "values.yaml").read_text(), (ROOT / "docs" / "operate.md").read_text()]
    asked = [line for text in texts for line in text.splitlines() if "helm upgrade --install" in line]
    assert len(asked) == len(texts)
    assert all("--version '^1.21' " in line for line in asked)


def test_the_queues_and_their_workers_are_those_of_compose() -> None:
    assert {f"worker-{name}": {one["queue"]} for name, one in sets().items()} == WORKERS
    for name, one in sets().items():
        assert one["command"] == words(f"worker-{name}")
    assert values()["workers"]["celery"]["enableDefault"] is False


def test_the_options_of_airflow_exist_and_are_those_of_compose() -> None:
    for section, options in values()["config"].items():
        for option in options:
            assert f"{section}__{option}".upper() in airflow_options()

    told = services()["airflow-scheduler"]["environment"]
    given = values()["config"]
    for name in ("VISIBILITY_TIMEOUT",):
        assert (
            told[f"AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__{name}"]
            == (given["celery_broker_transport_options"][name.lower()])
        )
    for name, value in given["celery"].items():
        assert told[f"AIRFLOW__CELERY__{name.upper()}"] == value
    assert told["AIRFLOW__OPERATORS__DEFAULT_QUEUE"] == given["operators"]["default_queue"]
    assert told["AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT"] == given["workers"]["execution_api_timeout"]


def test_each_of_airflows_services_runs_what_it_runs_in_compose() -> None:
    names = {"apiServer": "api-server", "scheduler": "scheduler", "dagProcessor": "dag-processor"}
    names["triggerer"] = "triggerer"
    assert {f"airflow-{name}" for name in names.values()} == CONTROL
    for key, name in names.items():
        said = [word for word in words(f"airflow-{name}") if word != "--skip-serve-logs"]
        assert values()[key]["command"] == said, key


def secret_settings() -> set[str]:
    return {f"LASTSEEN_{name.upper()}" for name, field in Settings.model_fields.items()
            if SecretStr in get_args(field.annotation)}  # fmt: skip


def config() -> dict[str, str]:
    (found,) = (one["data"] for one in manifests() if one["kind"] == "ConfigMap")
    return dict(found)


def test_every_setting_can_be_set_the_secret_ones_where_they_are_needed_and_the_others_for_all() -> None:
    given: dict[str, set[str]] = {}
    for where, variable in environments():
        given.setdefault(where, set()).add(variable["name"])
    whole = (secret_settings() | NOT_SEALED) - {OWNER}
    pages = {"LASTSEEN_REVIEW_HOST", "LASTSEEN_REVIEW_PORT"}
    assert given["network"] == given["housekeeping"] == whole
    assert given["lastseen-migrate"] == whole | {OWNER}
    assert given["lastseen-review"] == whole | pages
    compose = set(services()["worker-inference"]["environment"])
    alone = {name for name in whole & compose if re.search(r"_(DATABASE|S3|TEMPLATE)_", name)}
    assert given["inference"] == alone

    assert set(config()) <= settings_names() - secret_settings()
    assert yaml.safe_load(values()["extraEnvFrom"]) == [{"configMapRef": {"name": "lastseen"}}]
    for name, pod in pods():
        assert [one["envFrom"] for one in pod["containers"]] == [[{"configMapRef": {"name": "lastseen"}}]], name
    assert config()["LASTSEEN_MODELS_DIR"] == "/var/lib/lastseen-models"


def test_probes_and_sidecars_ask_for_nothing_that_only_the_charts_own_image_has() -> None:
    jobs = {"scheduler": "SchedulerJob", "dagProcessor": "DagProcessorJob", "triggerer": "TriggererJob"}
    for name, job in jobs.items():
        said = ["airflow", "jobs", "check", "--job-type", job, "--local"]
        probes = [value for key, value in values()[name].items() if key.endswith("Probe")]
        assert [probe["command"] for probe in probes] == [said] * len(probes), name
        assert "livenessProbe" in values()[name], name
        assert values()[name]["logGroomerSidecar"] == {"enabled": False}, name
    assert set(values()["scheduler"]) >= {"livenessProbe", "startupProbe"}
    workers = values()["workers"]["celery"]
    assert workers["logGroomerSidecar"] == {"enabled": False}
    asked = services()["worker-network"]["healthcheck"]["test"][1].replace("$$", "$")
    assert workers["livenessProbe"]["command"] == ["sh", "-c", asked]
    module, _, name = values()["config"]["core"]["auth_manager"].rpartition(".")
    source = metadata.distribution("apache-airflow-core").locate_file(f"{module.replace('.', '/')}.py")
    assert f"class {name}(" in Path(str(source)).read_text(), "the chart's own is of a provider that we have not"


def test_the_documents_name_every_secret_and_its_keys() -> None:
    page = (ROOT / "docs" / "operate.md").read_text().partition("### On Kubernetes")[2].partition("\n## ")[0]
    for _, variable in environments():
        if "valueFrom" in variable:
            ref = variable["valueFrom"]["secretKeyRef"]
            assert f"`{ref['name']}`" in page and f"`{ref['key']}`" in page, ref


def test_secrets_are_named_and_never_stand_here() -> None:
    named = set()
    for where, variable in environments():
        if variable["name"] in secret_settings() | NOT_SEALED:
            ref = variable["valueFrom"]["secretKeyRef"]
            named.add(ref["name"])
            assert "value" not in variable, where
            assert ref.get("optional", False) == (ref["name"] == OPTIONAL), where
        assert variable["name"] in settings_names(), where
    assert named == SECRETS
    assert not [one for one in manifests() if one["kind"] == "Secret"]


def test_who_opens_films_has_nobodys_session_and_reaches_the_stores_only() -> None:
    assert "LASTSEEN_SECRETS_KEY" not in {variable["name"] for variable in sets()["inference"]["env"]}
    assert sets()["inference"]["labels"] == {"lastseen.example/reaches": "stores"}
    (policy,) = (one for one in manifests() if one["metadata"]["name"] == "lastseen-stores-only")
    assert policy["spec"]["podSelector"]["matchLabels"] == {"lastseen.example/reaches": "stores"}
    assert not [way for rule in policy["spec"]["egress"] for way in rule["to"] if "ipBlock" in way]


def test_the_owner_of_the_tables_is_known_to_the_migration_only() -> None:
    knowing = {where for where, variable in environments() if variable["name"] == "LASTSEEN_DATABASE_OWNER_URL"}
    assert knowing == {"lastseen-migrate"}


def test_nobody_is_root_and_every_pod_is_bounded() -> None:
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            held = container["securityContext"]
            assert held["allowPrivilegeEscalation"] is False and held["capabilities"] == {"drop": ["ALL"]}, name
            assert held["readOnlyRootFilesystem"] is True, name
            assert {"limits", "requests"} == set(container["resources"]), name
    for name, one in sets().items():
        assert one["securityContexts"]["pod"]["runAsNonRoot"] is True, name
        assert one["securityContexts"]["container"]["capabilities"] == {"drop": ["ALL"]}, name
        assert {"limits", "requests"} == set(one["resources"]), name


def test_one_image_serves_all() -> None:
    image = values()["images"]["airflow"]
    used = {container["image"] for _, pod in pods() for container in pod["containers"]}
    assert used == {f"{image['repository']}:{image['tag']}"}
