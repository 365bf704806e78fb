"""The DAGs: they parse with nothing heavy, say what they are for, and a dry run or a second run adds nothing."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lastseen.records import Platform
from lastseen.settings import Settings
from storage import sources, telegram_accounts
from storage.sealing import secrets
from storage.stores import Stores
from tests.office import PROJECT, Office
from tests.pipeline.telegram.watching import TELEGRAM
from tests.servers.telegram import Attachment, Channel, Post, TelegramServer, World, numbered
from tests.servers.video_site import Page, VideoSite

DAGS = {
    "calibrate",
    "collect_telegram",
    "collect_video_sites",
    "custody",
    "daily_report",
    "fixity",
    "known_pairs",
    "letters",
    "manifests",
    "match_register",
    "process_media",
    "recheck_posts",
    "reembed_tracks",
    "register_import",
    "rematch_register",
    "notify",
    "packages",
    "retention",
}
QUEUES = {"network", "inference", "housekeeping"}
POOLS = {"telegram", "video_sites", "inference", "default_pool"}
MOST_MODULES = 100
"""that parsing all DAGs may import beside what Airflow has imported to do so: no clock, so no machine is too slow"""
ASSETS = {
    "process_media": {"blobs"},
    "match_register": {"posts", "tracks"},
    "rematch_register": {"register"},
    "reembed_tracks": {"others_tracks"},
}
"""what sets a DAG off"""
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
            task.task_id: [task.doc_md or task.python_callable.__doc__, task.execution_timeout is not None,
                           str(task.weight_rule), task.priority_weight, task.queue, task.pool,
                           task.retries]
            for task in dag.tasks
        }},
        "assets": [asset.uri for asset in getattr(condition, "objects", [condition])]
                  if (condition := getattr(dag.timetable, "asset_condition", None)) else [],
        "bounded": dag.dagrun_timeout is not None,
        "params": {{key: [param.schema.get("title"), param.schema.get("description_md")]
                    for key, param in ((key, dag.params.get_param(key)) for key in dag.params)}},
        "catchup": dag.catchup,
        "at_once": dag.max_active_runs,
    }}
    for name, dag in bag.dags.items()
}}
heavy = [name for name in {HEAVY!r} if name in set(sys.modules) - before]
modules = len(set(sys.modules) - before)
json.dump({{"errors": bag.import_errors, "dags": told, "heavy": heavy, "modules": modules}}, sys.stdout)
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
    assert told["modules"] <= MOST_MODULES, told["modules"]
    assert set(told["dags"]) == DAGS
    for name, dag in told["dags"].items():
        assert "**When it fails**" in dag["doc"], name
        assert "**By hand**" in dag["doc"], name
        assert "dry_run" in dag["params"], name
        assert dag["owner"] == "lastseen"
        assert (dag["catchup"], dag["at_once"], dag["bounded"]) == (False, 1, True), name
        assert {uri.removeprefix("lastseen://").rstrip("/") for uri in dag["assets"]} == ASSETS.get(name, set())
        for task, (doc, bounded, rule, priority, queue, pool, retries) in dag["tasks"].items():
            assert doc, f"{name}.{task} has no documentation"
            assert bounded, f"{name}.{task} may run for ever"
            assert (rule, retries) == ("absolute", 2)
            assert (queue in QUEUES, pool in POOLS, 10 <= priority <= 60) == (True, True, True), f"{name}.{task}"
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
        site.add(Page(name, photo.read_bytes(), title=name))
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
        assert db.exec_driver_sql("SELECT count(*) FROM fingerprints").scalar_one() == 0
    office.run_dags({"process_media": {"source": 1}})
    status = office.ask("status")
    assert (status["media_items"], status["analyses"]) == ({"stored": 1}, {"done": 1})


UNLIKE = {"calibrate", "fixity"}
"""DAGs of which each run keeps something: a proposal, of more photos than are here; that evidence was read again"""


@pytest.mark.long
def test_every_dag_runs_and_runs_again_without_any_new_row(
    office: Office, site: VideoSite, shared_media: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "register" / "LMM-1980" / "photo.png"
    photo.parent.mkdir(parents=True)
    photo.write_bytes((shared_media / "lin-manuel-miranda.png").read_bytes())
    site.add(Page("clip", (shared_media / "short_hamilton_clip.mp4").read_bytes(), title="a clip"))
    office.run("source", "add", "video_site", site.url("/watch/clip"), "--reason", "a test")
    first = ("register_import", "collect_video_sites", "process_media", "match_register")
    dags = {name: {"path": str(photo.parents[1])} if name == "register_import" else {} for name in first}
    dags |= {name: {} for name in sorted(DAGS - set(first) - UNLIKE)}
    said = office.run_dags(dags)
    assert said.count("success") == len(dags), said
    found = office.ask("candidates")["candidates"]
    assert isinstance(found, list)
    assert {one["person"] for one in found} == {"LMM-1980"}

    office.run_dags({"fixity": {}, "custody": {}})  # it is about what the others have just logged
    rows, held = office.rows(), office.held()
    said = office.run_dags(dags)
    assert said.count("success") == len(dags), said
    assert {name: set(value) ^ set(held[name]) for name, value in office.held().items() if value != held[name]} == {}
    measured = {"work_costs", "backlog_marks"}
    assert changed(rows, office.rows()) <= measured, "what items took, and once an hour how many wait"


def changed(before: Mapping[str, int], after: Mapping[str, int]) -> set[str]:
    """Tables that have more rows, or fewer."""
    return {name for name in before if before[name] != after[name]}


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
        channel.publish(replace(channel.posts[40], text="changed again"))
        telegram.run_dags({"collect_telegram": {"until": "2020-01-01"}})
        assert telegram.rows()["observations"] == 151, "no post is so old"
        telegram.run_dags({"collect_telegram": {"since": "2020-01-01"}})
        assert telegram.rows()["observations"] == 152
