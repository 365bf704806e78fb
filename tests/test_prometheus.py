"""deploy/prometheus and deploy/grafana by Prometheus' own program: rules fire when they should, curves can be read."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # Airflow brings it; its stubs are a package of their own

from lastseen import exposition
from lastseen.settings import Settings
from storage.database import Engine
from tests.storage.test_monitoring import every
from tests.test_frame import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
PROMTOOL = shutil.which("promtool") or ""
HOURS = 75
"""after which it is looked whether a rule fires: longer than any waits"""
WELL = {
    "up{job='lastseen'}": "1",
    "lastseen_alerts_open{kind='incident'}": "0",
    "lastseen_incidents_open": "0",
    "lastseen_run_started_timestamp_seconds{command='run'}": f"{HOURS * 3600 - 60}",
    "lastseen_alert_notices_waiting{channel='mail'}": "0",
    "lastseen_custody_head_age_seconds": "3600",
    "lastseen_fixity_age_seconds": "86400",
    "lastseen_source_lag_seconds{source='1'}": "3600",
    "lastseen_database_bytes": "1000",
    "lastseen_evidence_bytes": "1000",
}
"""an office in which nothing is wrong"""
UNWELL: Mapping[str, Mapping[str, str | None]] = {
    "LastseenAlert": {"lastseen_alerts_open{kind='incident'}": "1"},
    "LastseenEvidence": {"lastseen_incidents_open": "1"},
    "LastseenAway": {"up{job='lastseen'}": "0"},
    "LastseenSilent": {"lastseen_run_started_timestamp_seconds{command='run'}": "0"},
    "LastseenMessagesStuck": {"lastseen_alert_notices_waiting{channel='mail'}": "1"},
    "LastseenUnsigned": {"lastseen_custody_head_age_seconds": "200000"},
    "LastseenUnread": {"lastseen_fixity_age_seconds": "300000"},
    "LastseenNeverBegun": {"lastseen_run_started_timestamp_seconds{command='run'}": None},
    "LastseenNeverSigned": {"lastseen_custody_head_age_seconds": None},
    "LastseenNeverRead": {"lastseen_fixity_age_seconds": None},
    "LastseenSourceLate": {"lastseen_source_lag_seconds{source='1'}": "90000"},
}
"""what makes each rule fire, and no other; None: the figure is not there"""
LABELS = {"LastseenAlert": {"kind": "incident"}, "LastseenAway": {"job": "lastseen"}}


@pytest.fixture(autouse=True)
def program() -> None:
    """Prometheus' tool has to be installed; in CI its absence is a fault."""
    if not PROMTOOL:
        missing = "there is no promtool: apt-get install --no-install-recommends prometheus"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


def promtool(*words: str, given: bytes | None = None) -> str:
    done = subprocess.run([PROMTOOL, *words], input=given, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def rules() -> list[dict[str, object]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    board = json.loads((ROOT / "deploy" / "grafana" / "lastseen.json").read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])


def expected(rule: Mapping[str, object], fires: bool) -> Sequence[Mapping[str, object]]:
    labels = {**dict(rule["labels"]), **LABELS.get(str(rule["alert"]), {})}  # type: ignore[call-overload]
    said = {
        name: text.replace("{{ $value }}", "1").replace("{{ $labels.kind }}", "incident")
        for name, text in dict(rule["annotations"]).items()  # type: ignore[call-overload]
    }
    return [{"exp_labels": labels, "exp_annotations": said}] if fires else []


def case(unwell: str) -> Mapping[str, object]:
    """An office in which what one rule is about is wrong, or nothing."""
    series = {**WELL, **UNWELL.get(unwell, {})}
    return {
        "interval": "5m",  # as long as Prometheus looks back for the newest value
        "input_series": [
            {"series": name, "values": f"{value}x{HOURS * 12}"} for name, value in series.items() if value is not None
        ],
        "alert_rule_test": [
            {
                "eval_time": f"{HOURS}h",
                "alertname": rule["alert"],
                "exp_alerts": expected(rule, fires=rule["alert"] == unwell),
            }
            for rule in rules()
        ],
    }


def test_each_rule_fires_when_it_should_and_none_where_all_is_well(tmp_path: Path) -> None:
    assert {rule["alert"] for rule in rules()} == set(UNWELL)
    cases = [case(""), *map(case, UNWELL)]
    written = tmp_path / "cases.yml"
    written.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": cases}))
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(written))


def test_the_page_for_3_a_m_has_a_row_for_each_rule() -> None:
    page = (ROOT / "docs" / "operate.md").read_text().partition("\n## At 3 a.m.\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| Prometheus: ([^|]*) \|", page, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(str(rule["alert"]) for rule in rules())


def test_prometheus_reads_every_curve_of_the_dashboard(db: Engine, settings: Settings, tmp_path: Path) -> None:
    asked = list(expressions())
    assert len(asked) > 20
    as_rules = [{"record": f"curve:{number}", "expr": one} for number, one in enumerate(asked)]
    written = tmp_path / "curves.yml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "curves", "rules": as_rules}]}))
    promtool("check", "rules", str(written))
    labels = {exposition.PREFIX + one.name: set(one.labels) for one in every(db, settings)}
    for one in (*asked, *(str(rule["expr"]) for rule in rules() if "up{" not in str(rule["expr"]))):
        for name, matchers in re.findall(r"(lastseen_\w+)\{([^}]*)\}", one):
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= labels[name], one


def test_prometheus_finds_nothing_odd_about_the_figures(db: Engine, settings: Settings) -> None:
    assert promtool("check", "metrics", given=exposition.text_of(every(db, settings))) == ""
