"""What Airflow adds to the work itself: `python -m tests.dags.share_bench FOLDER [--clips N] [--json]`.

Composes films such as the demo's, no two the same, and has two empty offices watch them, each with servers of its own
below FOLDER: one works them off with `lastseen run`, the other with Airflow's services and the DAGs, which set each
other off.  Timed from the first question to a site until all is settled; Airflow's services run before, as they do in
an office.  FOLDER keeps the films for the next time, and must hold nothing else.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from time import monotonic
from urllib.parse import quote

from sqlalchemy import text

from lastseen.settings import Settings
from pipeline.demo import clip, register
from storage import embedded
from storage.stores import open_stores
from tests.dags.airflow import Airflow, airflow_of
from tests.office import Office
from tests.servers.video_site import Page, VideoSite

CHAIN = ("collect_video_sites", "process_media", "match_register")
TRACKS = "lastseen://tracks"
LOOK_EVERY = 1.0
MOST_OVER = 0.15
"""that Airflow may add to 100 films"""


@dataclass(frozen=True, slots=True)
class Task:
    """All tasks of one kind."""

    task: str
    times: int
    seconds: float
    """from its start to its end, as Airflow sees it, added up"""
    works: float
    """of which the step itself was at work, by our own journal; the rest is a process that starts and ends"""


@dataclass(frozen=True, slots=True)
class Report:
    """Both sides."""

    clips: int
    tracks: tuple[int, int]
    run_seconds: float
    dags_seconds: float
    tasks: tuple[Task, ...]

    @property
    def over(self) -> float:
        """What Airflow adds, of what the work takes."""
        return self.dags_seconds / self.run_seconds - 1

    def fields(self) -> dict[str, object]:
        """For scripts."""
        return {**asdict(self), "over": round(self.over, 3), "most_over": MOST_OVER}

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.clips} films, {self.tracks[0]} and {self.tracks[1]} tracks"
        yield f"lastseen run {self.run_seconds:.1f} s, the DAGs {self.dags_seconds:.1f} s: {self.over:+.1%}"
        yield f"{'task':22}{'times':>6}{'seconds':>9}{'of which work':>15}"
        for one in self.tasks:
            yield f"{one.task:22}{one.times:6}{one.seconds:9.1f}{one.works:15.1f}"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.dags.share_bench", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=100, help="how many films")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    asked = parser.parse_args()
    report = measured(asked.folder.resolve(), asked.clips)
    said = json.dumps(report.fields()) if asked.json else "\n".join(report.lines())
    sys.stdout.write(f"{said}\n")


def measured(folder: Path, clips: int) -> Report:
    """Both sides, one after the other."""
    films = composed(folder / "films", clips)
    people = register.write(folder / "register").table
    with VideoSite([Page(film.stem, film, title=film.stem) for film in films]) as site:
        with office_in(folder / "run", people) as office:
            watch(office, site)
            run_seconds = timed(lambda: office.run("run"))
            run_tracks = settled(office, clips)
        with office_in(folder / "dags", people) as office, airflow_of(office, {}, {}, CHAIN) as airflow:
            airflow.unpause(*CHAIN)
            airflow.until(lambda: airflow.rest(CHAIN[:1]), "it came to no rest")
            watch(office, site)
            dags_seconds, works = run_dags(airflow)
            tracks = (run_tracks, settled(office, clips))
            return Report(clips, tracks, run_seconds, dags_seconds, tuple(tasks(airflow, works)))


def composed(folder: Path, clips: int) -> list[Path]:
    """So many films; those that are there from the last time are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    films = [folder / f"film-{number:03}.mp4" for number in range(clips)]
    for number, film in enumerate(films):
        if not film.exists():
            clip.compose_another(film.with_suffix(".part"), number)
            film.with_suffix(".part").rename(film)
    return films


@contextmanager
def office_in(data: Path, people: Path) -> Iterator[Office]:
    """An office with a register, which watches nothing yet."""
    if data.exists():
        embedded.stop(data)
        shutil.rmtree(data)
    data.mkdir(parents=True)
    settings = Settings(
        _env_file=None,
        data_dir=data,
        legal_basis="a bench",
        allow_private_addresses=(ip_network("127.0.0.0/8"),),
        models_dir=data.parent / "models",
        site_pause_seconds=0,  # the site is ours
        site_request_pause_seconds=0,
    )
    with open_stores(settings) as stores:
        office = Office(settings, stores)
        office.run("register", "import", str(people))
        yield office


def watch(office: Office, site: VideoSite) -> None:
    """Have it watch the site."""
    office.run("source", "add", "video_site", site.url("/feed.rss"), "--reason", "a bench")


def timed(call: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = monotonic()
    call()
    return monotonic() - began


def settled(office: Office, clips: int) -> int:
    """How many tracks were found.  Raises SystemExit where films were left out, since the two sides then differ."""
    counts = "SELECT (SELECT count(*) FROM analyses) AS analyses, (SELECT count(*) FROM tracks) AS tracks"
    with office.stores.db.begin() as db:
        found = db.execute(text(counts)).one()
    if found.analyses != clips:
        raise SystemExit(f"{found.analyses} of {clips} films were analysed: `lastseen status` there says why")
    return int(found.tracks)


# --- Airflow's side ----------------------------------------------------------------------------------------


def run_dags(airflow: Airflow) -> tuple[float, Sequence[Mapping[str, object]]]:
    """Set the first one off, and wait until the last one has ended.  Returns seconds, and the runs."""
    before = {run["dag_run_id"] for run in airflow.runs()}

    def ran() -> list[Mapping[str, object]]:
        return [run for run in airflow.runs() if run["dag_run_id"] not in before]

    airflow.trigger(CHAIN[0])
    airflow.until(lambda: all_compared(airflow, ran()), "it did not end", LOOK_EVERY)
    runs = ran()
    begun, ended = (sorted(moment(run[name]) for run in runs) for name in ("queued_at", "end_date"))
    return (ended[-1] - begun[0]).total_seconds(), runs


def all_compared(airflow: Airflow, runs: Sequence[Mapping[str, object]]) -> bool:
    """Whether all have ended, and what the films show has been compared."""
    if any(run["end_date"] is None for run in runs):
        return False
    return any(run["dag_id"] == CHAIN[-1] and TRACKS in set_off_by(airflow, run) for run in runs)


def set_off_by(airflow: Airflow, run: Mapping[str, object]) -> set[str]:
    """The assets whose news a run is about."""
    path = f"/dags/{run['dag_id']}/dagRuns/{quote(str(run['dag_run_id']))}/upstreamAssetEvents"
    return {str(event["uri"]).rstrip("/") for event in airflow.listed(path, "asset_events")}


def moment(said: object) -> datetime:
    """As Airflow's API writes it."""
    return datetime.fromisoformat(str(said))


def tasks(airflow: Airflow, runs: Sequence[Mapping[str, object]]) -> Iterator[Task]:
    """What each kind of task took in these runs."""
    works = worked(airflow.office)
    for run in sorted(runs, key=lambda run: str(run["queued_at"])):
        path = f"/dags/{run['dag_id']}/dagRuns/{quote(str(run['dag_run_id']))}/taskInstances?limit=1000"
        kinds: dict[str, list[float]] = {}
        for one in airflow.listed(path, "task_instances"):
            if one["start_date"] and one["duration"]:
                kinds.setdefault(str(one["task_id"]), []).append(float(str(one["duration"])))
        for name, seconds in kinds.items():
            key = f"{run['dag_id']} {run['dag_run_id']} {name}"
            yield Task(name, len(seconds), sum(seconds), works.get(key, 0.0))


def worked(office: Office) -> dict[str, float]:
    """Seconds that steps were at work, by run and task, from our own journal."""
    journal = """SELECT regexp_replace(parameters ->> 'task', ' [^ ]+$', '') AS task,
                        sum(extract(epoch FROM ended_at - started_at))::float AS seconds
                   FROM runs WHERE parameters ? 'task' GROUP BY 1"""
    with office.stores.db.begin() as db:
        return {row.task: row.seconds for row in db.execute(text(journal))}


if __name__ == "__main__":
    main()
