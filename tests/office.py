"""An office for a test: its own database and buckets, the command line as its people use it, and what it holds."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, text

from lastseen.settings import Settings
from pipeline import airflow_home
from storage.objects import BUCKETS, EVIDENCE
from storage.stores import Stores
from storage.tables import metadata
from tests import airflow, commands
from tests.terminal import at_a_terminal

PROJECT = Path(__file__).parents[1]

# What a run leaves, by natural keys: row ids have gaps where a killed worker's transaction was rolled back.
HELD = {
    "posts": "SELECT platform_post_id, permalink, published_at, seen FROM posts",
    "observations": "SELECT permalink, method, content_hash, title FROM observations JOIN posts ON posts.id = post_id",
    "media": """SELECT permalink, ordinal, kind, address, sha256 FROM media_items JOIN posts ON posts.id = post_id
                  LEFT JOIN blobs ON blobs.id = blob_id""",
    "blobs": "SELECT sha256, size, media_type, object_key FROM blobs",
    "analyses": """SELECT sha256, recipe, kind, width, height, duration_ms, pictures_sampled, gaps, complete,
                          shots::text
                     FROM analyses JOIN blobs ON blobs.id = blob_id""",
    "tracks": """SELECT sha256, ordinal, shot, start_ms, end_ms, faces::text, gate,
                        (SELECT count(*) FROM templates WHERE track_id = tracks.id) AS templates
                   FROM tracks JOIN analyses ON analyses.id = analysis_id JOIN blobs ON blobs.id = blob_id""",
    "best_shots": "SELECT crop_key, best_shots.ordinal, at_ms, box::text, quality::text FROM best_shots",
    "cast": """SELECT sha256, one.ordinal AS one, other.ordinal AS other, distance, withdrawn_by
                 FROM cast_links JOIN tracks AS one ON one.id = one_track_id
                 JOIN tracks AS other ON other.id = other_track_id
                 JOIN analyses ON analyses.id = one.analysis_id JOIN blobs ON blobs.id = blob_id""",
    "persons": "SELECT register_number, names::text, birth_year, status FROM persons",
    "photos": """SELECT register_number, sha256, crop_key,
                        (SELECT count(*) FROM templates WHERE photo_id = reference_photos.id) AS templates
                   FROM reference_photos JOIN persons ON persons.id = person_id""",
    "candidates": """SELECT register_number, tracks.ordinal, candidates.engine, round(distance::numeric, 6) AS distance,
                            state, still_key, clip_key, clip_start_ms, clip_end_ms
                       FROM candidates JOIN tracks ON tracks.id = track_id JOIN persons ON persons.id = person_id""",
    "custody": """SELECT actor, action, split_part(subject, ':', 1) AS kind, count(*) FROM custody_events
                   GROUP BY 1, 2, 3""",
    "work": "SELECT step, recipe, state, outcome, count(*) FROM work GROUP BY 1, 2, 3, 4",
    "coverage": "SELECT first_post, last_post, complete FROM coverage",
}


@dataclass(frozen=True, slots=True)
class Office:
    """One installation on servers that live as long as the tests."""

    settings: Settings
    stores: Stores

    def environ(self) -> dict[str, str]:
        """The settings as a command's environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LASTSEEN_")}
        return {**kept, **{f"LASTSEEN_{name.upper()}": said for name, said in _said(self.settings).items()}}

    def run(self, *arguments: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        """`lastseen ARGUMENTS`, which has to end with this status."""
        environ, folder = self.environ(), self.settings.data_dir
        done = commands.run(environ, folder, arguments) or subprocess.run(
            self._command(*arguments),
            env=environ,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == status, (
            f"lastseen {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def type(self, typed: str, *arguments: str, status: int = 0) -> str:
        """`lastseen ARGUMENTS` for somebody who types; what it said to them."""
        environ = {**self.environ(), "COLUMNS": "400"}
        done = commands.typed(environ, self.settings.data_dir, typed, arguments)
        ended, said = done or at_a_terminal(typed, self._command(*arguments), environ)
        assert ended == status, said
        return said

    def ask(self, *arguments: str, status: int = 0) -> dict[str, object]:
        """`lastseen ARGUMENTS --json`: the object on the last line, which is all there is."""
        said = self.run(*arguments, "--json", status=status).stdout
        assert said.count("\n") == 1, said
        answer = json.loads(said)
        assert isinstance(answer, dict)
        return answer

    def kill_during(self, reached: Callable[[], bool], *arguments: str) -> None:
        """Start `lastseen ARGUMENTS`, and SIGKILL it as soon as a point is reached."""
        log = self.settings.data_dir / "killed.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                self._command(*arguments), env=self.environ(), cwd=self.settings.data_dir, stdout=file, stderr=file
            )
        deadline = time.monotonic() + 120
        while not reached():
            assert process.poll() is None, f"it ended before the point was reached: {log.read_text()}"
            assert time.monotonic() < deadline, "the point was not reached"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    def run_dags(self, dags: Mapping[str, Mapping[str, object]]) -> str:
        """Run DAGs for real, in one process.  Returns what was said of their ends."""
        orders = airflow_home.run_once(dags)[len(airflow_home.run_once({})) :]
        return self.under_airflow("tests.airflow:run_dags", *orders)

    def run_dags_by_command(self, dags: Mapping[str, Mapping[str, object]]) -> str:
        """The same with the command itself, which takes Airflow's start as well."""
        with self.dags_log.open("ab") as log:
            done = subprocess.run(
                airflow_home.run_once(dags),
                env=self.airflow_environ(), stdout=subprocess.PIPE, stderr=log, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout + self.dags_log.read_text()[-4000:]
        return done.stdout

    def under_airflow(self, function: str, *arguments: str) -> str:
        """Call `module:function` with the DAGs and arguments in a process of Airflow's.  Returns what it printed."""
        return airflow.call(self.airflow_environ(), self.dags_log, function, *arguments)

    @property
    def dags_log(self) -> Path:
        """What DAGs say as they run."""
        return self.settings.data_dir / "dags.log"

    def airflow_environ(self) -> dict[str, str]:
        """The environment of Airflow's processes."""
        return {**self.environ(), **only_airflow(airflow_home.environment(self.settings, self.stores.owner))}

    def held(self) -> dict[str, list[tuple[object, ...]]]:
        """Everything it holds, by natural keys, in a fixed order."""
        with self.stores.db.begin() as db:
            return {name: sorted(map(tuple, db.execute(text(sql))), key=repr) for name, sql in HELD.items()}

    def rows(self) -> dict[str, int]:
        """How many rows each table has, but for the journal of runs."""
        with self.stores.db.begin() as db:
            return {
                name: db.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in metadata.tables.items()
                if name != "runs"
            }

    def objects(self) -> dict[str, list[str]]:
        """The keys in each bucket, a key as often as it has versions."""
        return {bucket: sorted(self.stores.objects.keys(bucket, versions=bucket == EVIDENCE)) for bucket in BUCKETS}

    def leased(self, step: str) -> bool:
        """Whether some worker holds an item of a step."""
        statement = text("SELECT count(*) FROM work WHERE step = :step AND lease IS NOT NULL")
        with self.stores.db.begin() as db:
            return bool(db.execute(statement, {"step": step}).scalar())

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments]


def _said(settings: Settings) -> dict[str, str]:
    values: dict[str, str] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if hasattr(value, "get_secret_value"):
            value = value.get_secret_value()
        values[name] = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return values


def only_airflow(environ: Mapping[str, str]) -> dict[str, str]:
    """What Airflow needs beside the office's own settings."""
    return {name: value for name, value in environ.items() if name.startswith("AIRFLOW")}
