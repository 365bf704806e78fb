"""The DAGs: they parse with nothing heavy, say what they are for, and a dry run or a second run adds nothing."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lastseen.records import Platform
from lastseen.settings import Settings
from pipeline import tasks
from storage import sources, telegram_accounts
from storage.sealing import secrets
from storage.stores import Stores
from tests.office import PROJECT, Office
from tests.pipeline.telegram.watching import TELEGRAM
from tests.servers.telegram import Attachment, Channel, Post, TelegramServer, World, numbered
from tests.servers.video_site import Answer, Page, VideoSite

DAGS = {
    "calibrate",
    "collect_telegram",
    "collect_video_sites",
    "custody",
    "fixity",
    "known_pairs",
    "manifests",
    "match_register",
    "process_media",
    "recheck_posts",
    "reembed_tracks",
    "register_import",
    "rematch_register",
    "packages",
    "retention",
}
MAX_MAP_LENGTH = 1024
"""Airflow's own `[core] max_map_length`, which nothing here changes"""
HEAVY = ("numpy", "av", "cv2", "dlib", "PIL", "yt_dlp", "minio", "pipeline", "storage", "extractors", "matchers")

LOOK = f"""
import json, sys
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag({str(PROJECT / "dags")!r})
told = {{
    name: {{
        "doc": dag.doc_md,
        "owner": dag.owner,
        "tasks": {{
            task.task_id: [task.doc_md or task.python_callable.__doc__, task.execution_timeout is not None]
            for task in dag.tasks
        }},
        "params": {{key: [param.schema.get("title"), param.schema.get("description_md")]
                    for key, param in ((key, dag.params.get_param(key)) for key in dag.params)}},
        "catchup": dag.catchup,
        "at_once": dag.max_active_runs,
    }}
    for name, dag in bag.dags.items()
}}
heavy = [name for name in {HEAVY!r} if name in set(sys.modules) - before]
json.dump({{"errors": bag.import_errors, "dags": told, "heavy": heavy}}, sys.stdout)
"""


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office."""
    return Office(settings, stores)


def test_every_dag_parses_says_what_it_is_for_and_imports_nothing_heavy(office: Office) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env=office.airflow_environ(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["errors"] == {}
    assert told["heavy"] == []
    assert set(told["dags"]) == DAGS
    for name, dag in told["dags"].items():
        assert "**When it fails**" in dag["doc"], name
        assert "**By hand**" in dag["doc"], name
        assert "dry_run" in dag["params"], name
        assert dag["owner"] == "lastseen"
        assert (dag["catchup"], dag["at_once"]) == (False, 1)
        for task, (doc, bounded) in dag["tasks"].items():
            assert doc, f"{name}.{task} has no documentation"
            assert bounded, f"{name}.{task} may run for ever"
        for param, (title, description) in dag["params"].items():
            assert title, f"{name}: {param} has no title"
            assert description, f"{name}: {param} has no description"


@pytest.mark.long
def test_a_dry_run_only_says_what_it_would_do_and_scopes_hold(
    office: Office, site: VideoSite, shared_media: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "register" / "P-1" / "photo.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes((shared_media / "obama.jpg").read_bytes())
    for name in ("one", "two"):
        site.add(Page(name, b"no video", title=name))
        office.run("source", "add", "video_site", site.url(f"/watch/{name}"), "--reason", "a test")
    rows, objects = office.rows(), office.objects()
    office.run_dags(
        {
            "register_import": {"path": str(photo.parents[1]), "dry_run": True},
            "collect_video_sites": {"dry_run": True},
            "process_media": {"dry_run": True},
            "match_register": {"dry_run": True},
            "rematch_register": {"dry_run": True, "everything": True},
            "reembed_tracks": {"dry_run": True},
        }
    )
    said = (office.settings.data_dir / "dags.log").read_text()
    assert "'people': 1, 'photos': 1, 'refused': 0" in said
    assert re.search(r"collect: dry run, nothing is done; the items are \[1, 2\]", said)
    assert re.search(r"fetch: 0 items are due", said)
    assert re.search(r"rematch: dry run, nothing is done; 0 photos, 0 shards", said)
    assert {**office.rows(), "work": 0} == {**rows, "work": 0}, "what is due may be queued, nothing is done"
    assert office.objects() == {**objects, "evidence": [*objects["evidence"], *probes(office)]}
    assert office.leased("collect") is False

    office.run_dags({"collect_video_sites": {"source": 1}, "process_media": {"source": 2}})
    with office.stores.db.begin() as db:
        assert db.exec_driver_sql("SELECT source_id FROM posts").scalars().all() == [1]
        assert db.exec_driver_sql("SELECT count(*) FROM blobs").scalar_one() == 0
    office.run_dags({"process_media": {"source": 1}})
    assert office.ask("status")["media_items"] == {"stored": 1}


@pytest.mark.long
def test_a_batch_that_fails_stops_nothing_else_and_shows(office: Office, site: VideoSite) -> None:
    for name, host in (("one", "127.0.0.1"), ("two", "localhost")):  # of one site there would be one batch
        body = f"<title>{name}</title><video src='/media/{name}.mp4'></video>"
        site.add(Page(name, f"no video {name}".encode(), title=name))
        site.answer(f"/watch/{name}", Answer(body=body.encode(), headers={"Content-Type": "text/html"}))
        office.run("source", "add", "video_site", site.url(f"/watch/{name}", host=host), "--reason", "a test")
    office.run("collect")
    said = office.under_airflow("tests.dags.failing:main", "1")
    assert said.splitlines()[-9:] == [
        "failed",
        "all_went_through -1 upstream_failed",
        "analyze 0 success",
        "fetch 0 failed",
        "fetch 1 success",
        "fingerprint 0 success",
        "plan_analyze -1 success",
        "plan_fetch -1 success",
        "plan_fingerprint -1 success",
    ]
    with office.stores.db.begin() as db:
        ends = db.exec_driver_sql("SELECT step, state FROM work WHERE step <> 'collect' ORDER BY id").all()
    assert [tuple(row) for row in ends] == [
        ("fetch", "open"), ("fetch", "done"), ("fingerprint", "done"), ("analyze", "quarantined"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("items", "batches", "left"),
    [(0, 0, 0), (5, 1, 0), (6, 2, 0), (tasks.MOST_BATCHES * 5, tasks.MOST_BATCHES, 0), (12_345, 1000, 12_345 - 5000)],
)
def test_a_plan_is_never_longer_than_airflow_takes(items: int, batches: int, left: int) -> None:
    found, over = tasks.in_batches(range(items), 5)
    assert (len(found), over) == (batches, left)
    assert [item for batch in found for item in batch] == list(range(items - left))
    assert tasks.MOST_BATCHES < MAX_MAP_LENGTH


def probes(office: Office) -> list[str]:
    """What proves each day that the store keeps its locks."""
    return [key for key in office.objects()["evidence"] if key.startswith("probe/")]


@pytest.mark.long
def test_telegram_under_airflow(office: Office) -> None:
    """One task for each account; a dry run does nothing; media only reads no posts; posts are read anew when asked."""
    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    channel.publish(*numbered(range(1, 150)), Post(150, "a file", attachment=Attachment(1, b"bytes")))
    telegram = Office(office.settings.model_copy(update=TELEGRAM), office.stores)
    with TelegramServer(world) as server:
        with office.stores.db.begin() as db:
            telegram_accounts.add(db, "anna", 1, server.session("anna").save(), secrets(telegram.settings), "test")
            sources.add(db, Platform.TELEGRAM, "@news", "a reason", "test", "test")
        telegram.run_dags({"collect_telegram": {"dry_run": True}})
        assert telegram.rows()["posts"] == 0
        telegram.run_dags({"collect_telegram": {"media_only": True}})
        assert telegram.rows()["posts"] == 0
        telegram.run_dags({"collect_telegram": {}, "recheck_posts": {}})
        assert (telegram.rows()["posts"], telegram.rows()["blobs"]) == (150, 1)
        channel.publish(replace(channel.posts[40], text="changed"))
        telegram.run_dags({"collect_telegram": {"source": 1, "begin": "31", "end": "50"}})
        assert telegram.rows()["observations"] == 151
