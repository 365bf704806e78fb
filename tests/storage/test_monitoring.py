"""The figures of the office: right, the same in every process, and named in the documents, rules and curves."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # Airflow brings it; its stubs are a package of their own
from sqlalchemy import text

from lastseen import exposition
from lastseen.exposition import Figure
from lastseen.settings import Settings
from pipeline.commands import monitoring as commands
from storage import monitoring
from storage.database import Engine

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"\blastseen_[a-z_]+")

SEEDED = (
    """INSERT INTO work (step, subject, state, outcome, ready_at, lease, created_at) VALUES
        ('fetch', 1, 'open', NULL, now() - interval '1 minute', NULL, now() - interval '2 hours'),
        ('fetch', 2, 'open', 'WAIT', now() + interval '1 hour', NULL, now()),
        ('fetch', 3, 'open', NULL, now() + interval '1 minute', gen_random_uuid(), now()),
        ('fetch', 4, 'done', NULL, now(), NULL, now()), ('analyze', 1, 'quarantined', 'DEFECT', now(), NULL, now())""",
    """INSERT INTO sources (platform, address, reason, legal_basis, added_by, added_at) VALUES
        ('telegram', 'a', '', '', '', now() - interval '3 days'), ('telegram', 'b', '', '', '', now()),
        ('video_site', 'c', '', '', '', now()), ('video_site', 'd', '', '', '', now() - interval '2 days')""",
    """INSERT INTO telegram_chats (source_id, role, chat, username, title, held, read_at) VALUES
        (1, 'channel', 1, '', '', '{[1,10)}', now() - interval '1 hour'),
        (2, 'channel', 2, '', '', '{[1,10),[12,20)}', now() - interval '2 hours')""",
    """INSERT INTO site_lists (source_id, newest_at, whole_at, whole_posts)
       VALUES (3, now() - interval '30 minutes', now() - interval '5 days', 1)""",
    """INSERT INTO runs (command, actor, started_at, ended_at, counts) VALUES
        ('airflow fetch', 'a', now() - interval '40 minutes', now() - interval '30 minutes',
         '{"fetch": {"done": 3, "GONE": 1}, "made": 3}'),
        ('airflow fetch', 'a', now() - interval '9 hours', now() - interval '8 hours', '{"fetch": {"done": 100}}'),
        ('airflow fetch', 'a', now(), NULL, '{}'), ('register import', 'a', now(), now(), '{"people": 2}')""",
)


@pytest.fixture
def figures(db: Engine) -> dict[str, dict[tuple[str, ...], float]]:
    with db.begin() as one:
        for statement in SEEDED:
            one.execute(text(statement))
        return {figure.name: dict(figure.values) for figure in monitoring.figures(one)}


def test_items_are_told_by_where_they_stand(figures: dict[str, dict[tuple[str, ...], float]]) -> None:
    assert figures["work_items"] == {
        ("fetch", "ready"): 1,
        ("fetch", "resting"): 1,
        ("fetch", "in work"): 1,
        ("fetch", "done"): 1,
        ("analyze", "quarantined"): 1,
    }
    assert figures["work_oldest_seconds"]["fetch",] == pytest.approx(7200, abs=60)
    assert figures["outcomes"] == {("WAIT",): 1, ("DEFECT",): 1}


def test_sources_are_told_by_how_long_ago_they_were_read(figures: dict[str, dict[tuple[str, ...], float]]) -> None:
    hours = {source: round(seconds / 3600, 1) for (source,), seconds in figures["source_lag_seconds"].items()}
    assert hours == {"1": 1, "2": 2, "3": 0.5, "4": 48}
    whole = {source: round(seconds / 3600, 1) for (source,), seconds in figures["source_whole_lag_seconds"].items()}
    assert whole == {"1": 1, "3": 120}, "a channel with a hole was never read whole"


def test_runs_of_the_last_hour_are_told(figures: dict[str, dict[tuple[str, ...], float]]) -> None:
    assert figures["run_items_done"] == {("fetch",): 3}
    assert figures["run_busy_seconds"]["airflow fetch",] == pytest.approx(600, abs=1)


def every(db: Engine, settings: Settings) -> Iterator[Figure]:
    with db.begin() as one:
        yield from monitoring.figures(one)
    yield from commands.of_machine(settings)
    yield from commands.of_airflow(settings.model_copy(update={"airflow_url": "http://127.0.0.1:9"}))


def test_the_documents_list_every_figure(db: Engine, settings: Settings) -> None:
    listed = [
        f"| `{exposition.PREFIX}{one.name}` | {', '.join(f'`{label}`' for label in one.labels)} | {one.help} |"
        for one in every(db, settings)
    ]
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    assert page.partition("| figure | labels | |\n|---|---|---|\n")[2].partition("\n\n")[0] == "\n".join(listed)


def test_curves_and_rules_are_of_figures_that_there_are(db: Engine, settings: Settings) -> None:
    board = json.loads((ROOT / "deploy/grafana/lastseen.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    there = {
        line.split()[2]
        for line in exposition.text_of(every(db, settings)).decode().splitlines()
        if line[:6] == "# TYPE"
    }
    wanted = {name for expression in asked for name in NAME.findall(expression)}
    assert len(asked) > 20
    assert wanted
    assert sorted(wanted - there) == []
    labels = {exposition.PREFIX + one.name: set(one.labels) for one in every(db, settings)}
    for panel in board["panels"]:
        for target in panel["targets"]:
            [name] = set(NAME.findall(target["expr"]))
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels[name], target
