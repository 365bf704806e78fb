"""Airflow for real: DAGs set each other off, a worker is killed amid its work, and the end is the same as without."""

import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # Airflow brings it; its stubs are a package of their own
from sqlalchemy import text

from lastseen.records import Platform
from pipeline.demo import clip, register
from pipeline.demo.pictures import Sitter, portrait
from pipeline.serving import processes
from storage import sources, telegram_accounts
from storage.database import connect
from storage.embedded import Endpoints
from storage.objects import ObjectStore
from storage.process_table import Process as Known
from storage.sealing import secrets as sealing
from storage.stores import Stores
from tests.conftest import as_owner, fresh_database, settings_on
from tests.dags.airflow import Airflow, airflow_of
from tests.office import Office
from tests.pipeline.telegram.watching import TELEGRAM
from tests.pipeline.test_main_job import held_back, waiting
from tests.pipeline.test_servers import free_port
from tests.servers.telegram import Attachment, Channel, Post, TelegramServer, World
from tests.servers.video_site import Page, VideoSite

Kept = dict[str, list[tuple[object, ...]]]
"""by the names of `tests.office.HELD`"""

COLLECTING = ("collect_telegram", "collect_video_sites")
SET_OFF = ("process_media", "match_register")
"""by what others have made"""
CHAIN = (*COLLECTING, *SET_OFF)
LOOKS = (("collected", "source"), ("searched", "words"))
"""events of the custody log that come with each look, whether anything new is there or not"""
COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
IN_COMPOSE = ("x-airflow-env", "x-celery-env")
SMALL: Mapping[str, str] = {
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "30",
}
"""where what compose says would take hours, or a larger machine"""
QUEUES = "network,inference,housekeeping"


@dataclass(frozen=True, slots=True)
class Sources:
    """What offices watch, and the register that they have."""

    site: VideoSite
    telegram: TelegramServer
    register: Path

    def enroll(self, office: Office) -> None:
        """Give an office its register."""
        office.run("register", "import", str(self.register))

    def watch(self, office: Office) -> None:
        """Have it watch."""
        office.run("source", "add", "video_site", self.site.url("/feed.rss"), "--reason", "a test")
        session, sealed = self.telegram.session("anna").save(), sealing(office.settings)
        with office.stores.db.begin() as db:
            telegram_accounts.add(db, "anna", 1, session, sealed, "test")
            sources.add(db, Platform.TELEGRAM, "@news", "a reason", "test", "test")


@pytest.fixture(scope="module")
def new_office(
    endpoints: Endpoints,
    make_store: Callable[[str], ObjectStore],
    models_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Office]]:
    """Opens empty offices; what a killed worker held comes back soon."""
    with ExitStack() as stack:

        def made(name: str) -> Office:
            url = stack.enter_context(fresh_database(endpoints))
            objects = make_store(f"t-{secrets.token_hex(6)}-")
            db, owner = connect(url), connect(as_owner(endpoints, url))
            for close in (objects.close, db.dispose, owner.dispose):
                stack.callback(close)
            settings = settings_on(endpoints, url, objects, tmp_path_factory.mktemp(name), models_dir)
            update = {**TELEGRAM, "lease_seconds": 5.0}
            return Office(settings.model_copy(update=update), Stores(db, objects, owner))

        yield made


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """A site with a film and a picture, and a channel with others."""
    folder, world = tmp_path_factory.mktemp("sources"), World()
    film, hopper, collins = folder / "film.mp4", folder / "hopper.jpg", folder / "collins.jpg"
    clip.compose_mirrored(film)
    portrait(Sitter.GRACE_HOPPER).save(hopper)
    portrait(Sitter.EILEEN_COLLINS).save(collins)
    whole = folder / "whole.mp4"
    clip.compose(whole)
    channel = world.add(Channel(1001, "news", "News"))
    channel.publish(
        Post(1, "no picture"),
        Post(2, "a film", attachment=Attachment(1, whole.read_bytes())),
        Post(3, "a picture", attachment=Attachment(2, collins.read_bytes(), "a.jpg", "image/jpeg")),
    )
    with VideoSite() as site, TelegramServer(world) as server:
        site.add(Page("film", film, title="A film"))
        site.add(Page("hopper", hopper, title="A portrait", suffix="jpg"))
        yield Sources(site, server, register.write(folder / "register").table)


@pytest.fixture(scope="module")
def undisturbed(watched: Sources, new_office: Callable[[str], Office]) -> Kept:
    """What an office holds at the end whose DAGs ran one after the other, and nobody was killed."""
    office = new_office("undisturbed")
    watched.enroll(office)
    watched.watch(office)
    said = office.run_dags({name: {} for name in CHAIN})
    assert said.count("success") == len(CHAIN), said
    found = kept(office)
    assert {row[0] for row in found["candidates"]} == {register.WANTED_NUMBER}
    assert len(found["blobs"]) == 4
    return found


@pytest.mark.long
def test_a_task_killed_amid_its_work_changes_nothing_of_the_end(
    watched: Sources, undisturbed: Kept, new_office: Callable[[str], Office]
) -> None:
    office = new_office("local")
    with airflow_of(office, {}, {}, CHAIN) as airflow:
        begin(watched, airflow)
        with held_back(office, "tracks"):
            task = amid_analysis(airflow)[0]
            os.kill(task.pid, signal.SIGKILL)
        ends_as(undisturbed, airflow, died=1)


@pytest.mark.long
def test_a_celery_worker_killed_amid_its_work_is_stood_in_for_by_another(
    watched: Sources, undisturbed: Kept, new_office: Callable[[str], Office], tmp_path: Path
) -> None:
    office = new_office("celery")
    workers = {name: worker(name, tmp_path) for name in ("worker-one", "worker-two")}
    with (
        redis(tmp_path) as broker,
        airflow_of(office, {**as_in_compose(), **broker, **SMALL}, workers, CHAIN) as airflow,
    ):
        begin(watched, airflow)
        with held_back(office, "tracks"):
            tasks = amid_analysis(airflow)
            service = airflow.service_of(tasks[0])
            died = len([task for task in tasks if airflow.service_of(task) is service])
            airflow.kill(service)
        ends_as(undisturbed, airflow, died)


def begin(watched: Sources, airflow: Airflow) -> None:
    """Everything runs, and there is nothing to do; then there are sources, and somebody has them read."""
    airflow.unpause(*CHAIN)
    watched.enroll(airflow.office)
    airflow.until(lambda: airflow.rest(COLLECTING), "what was due at the start did not end")
    watched.watch(airflow.office)
    for dag in COLLECTING:
        airflow.trigger(dag)


def amid_analysis(airflow: Airflow) -> list[Known]:
    """The processes of all batches that are analysed now, once each of them waits in the middle of keeping tracks."""
    found: list[Known] = []

    def reached() -> bool:
        held = waiting(airflow.office, "INSERT INTO tracks")  # first: who waits here goes on waiting
        found[:] = airflow.processes_of("process_media", "analyze") if held else []
        return held > 0 and len(found) == held

    airflow.until(reached, "nothing was analysed")
    return found


def ends_as(undisturbed: Kept, airflow: Airflow, died: int) -> None:
    """It ends by itself, with what an undisturbed office holds, and not twice.  `died`: batches that were killed."""
    office = airflow.office

    airflow.until(lambda: kept(office) == undisturbed and airflow.idle(), "it did not end so")
    assert kept(office) == undisturbed, "nor did what ran last do anything twice"
    assert {run["state"] for run in airflow.runs()} == {"success"}
    assert came(airflow, "process_media", "asset_triggered"), "nobody else asked for it"
    assert max(airflow.attempts("process_media", "analyze")) == 2, "what died was tried once more"
    with office.stores.db.begin() as db:
        crashes = db.execute(text("SELECT step, sum(crashes) FROM work WHERE crashes > 0 GROUP BY step")).all()
    assert [tuple(row) for row in crashes] == [("analyze", died)]
    assert office.ask("verify")["ok"] is True


def kept(office: Office) -> Kept:
    """Everything it holds; but for how often it looked: who looks when there is more has less to see each time."""
    held = office.held()
    return {**held, "custody": [row if row[1:3] not in LOOKS else row[:3] for row in held["custody"]]}


def came(airflow: Airflow, dag: str, kind: str) -> bool:
    """Whether a DAG has run for this reason."""
    return any((run["dag_id"], run["run_type"]) == (dag, kind) for run in airflow.runs())


def as_in_compose() -> dict[str, str]:
    """What docker-compose.yml has Celery do, but for what differs from machine to machine."""
    compose = yaml.safe_load(COMPOSE.read_text())
    said = {name: str(value) for part in IN_COMPOSE for name, value in compose[part].items()}
    wanted = ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW__OPERATORS__", "AIRFLOW__CELERY")
    return {name: value for name, value in said.items() if name.startswith(wanted) and "${" not in value}


def worker(name: str, folder: Path) -> tuple[str, ...]:
    """The words of Celery's worker."""
    return (
        "celery", "worker", "--queues", QUEUES, "--celery-hostname", f"{name}@%h", "--skip-serve-logs",
        "--pid", str(folder / f"{name}.pid"),
    )  # fmt: skip


@contextmanager
def redis(folder: Path) -> Iterator[dict[str, str]]:
    """A broker that keeps nothing, and lets in who has its password.  Gives Airflow's settings for it."""
    command = shutil.which("redis-server")
    if command is None:
        missing = "there is no redis-server: apt-get install redis-server"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    port, password = free_port(), secrets.token_hex(16)
    rules = folder / "redis.conf"  # a password on the command line is seen by everybody
    rules.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir {folder}\n')
    with processes.ended_at_last(processes.Told()) as family:
        processes.start(family, [str(command), str(rules)], log=folder / "redis.log")
        address = f"redis://:{password}@127.0.0.1:{port}"
        yield {"AIRFLOW__CELERY__BROKER_URL": f"{address}/0", "AIRFLOW__CELERY__RESULT_BACKEND": f"{address}/1"}
