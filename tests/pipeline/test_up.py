"""`lastseen up` as an office runs it for months: each of its processes is killed, and so is it itself."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from lastseen.settings import Settings
from pipeline import airflow_home
from pipeline.serving import airflow
from review.doors import FORM_COOKIE, TOKEN_FIELD, form_token
from storage import alerts, embedded, process_table, running, sealing, telegram_accounts
from storage.running import Note, Ran
from storage.stores import open_stores
from tests.pipeline.test_servers import LASTSEEN, alive, began, descendants, free_port, in_time, started, told

READY = re.compile(r"everything runs, after \d+ s\. One page leads to all of it: (http://127\.0\.0\.1:\d+)/status")


@dataclass(frozen=True, slots=True)
class Machine:
    """An office's one machine."""

    settings: Settings
    environ: Mapping[str, str]
    folder: Path

    def lastseen(self, *words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        """A command beside what runs."""
        done = subprocess.run(
            [*LASTSEEN, *words], env=self.environ, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        return done

    def parts(self, status: int = 0) -> dict[str, dict[str, object]]:
        """What doctor says, by part."""
        said = json.loads(self.lastseen("doctor", "--json", status=status).stdout.splitlines()[-1])
        return {part["part"]: part for part in said["parts"]}

    def note(self) -> Note:
        found = running.read(self.settings.data_dir)
        assert found is not None
        return found

    def ran(self, name: str) -> Ran:
        return next(one for one in self.note().processes if one.name == name)

    def server(self, part: embedded.Part) -> int | None:
        """Process id of an embedded server."""
        return next(one.pid for one in embedded.status(self.settings.data_dir) if one.part is part)

    def hangs(self) -> bool:
        """Whether doctor says so of the database, and does not wait for it."""
        return "does not answer" in str(self.parts(status=1)["database"]["said"])

    def alerts(self) -> set[str]:
        """What stands about processes."""
        with open_stores(self.settings, objects=False) as stores, stores.db.begin() as db:
            return {one.subject for one in alerts.standing(db) if one.kind == alerts.HUNG}

    def all(self) -> dict[int, str]:
        """Every process of it: process -> when it began."""
        found = descendants(self.note().up.pid)
        return found | {one: began(one) or "" for part in embedded.ALL_PARTS if (one := self.server(part))}

    def well(self) -> bool:
        """Whether Airflow gives signs of life of all its parts."""
        health = airflow.health(self.settings)
        return bool(health) and not airflow.unwell(health)


@pytest.fixture
def machine(tmp_path: Path, models_dir: Path) -> Iterator[Machine]:
    """One with an empty office; nothing runs on it yet, and nothing is left at the end."""
    data, port = tmp_path / "data", free_port()
    settings = Settings(
        _env_file=None, data_dir=data, models_dir=models_dir, airflow_port=port, legal_basis="test", review_port=0
    )
    given = {
        "LASTSEEN_DATA_DIR": str(data),
        "LASTSEEN_MODELS_DIR": str(models_dir),
        "LASTSEEN_AIRFLOW_PORT": str(port),
        "LASTSEEN_REVIEW_PORT": "0",
        "LASTSEEN_LEGAL_BASIS": "test",
    }
    yield Machine(settings, {**os.environ, **given}, tmp_path)
    for left in process_table.marked("LASTSEEN_UP_OF", str(data)):
        os.kill(left.pid, signal.SIGKILL)
    embedded.stop(data)


@pytest.mark.long
def test_up_survives_the_death_of_each_of_its_processes_and_its_own_and_ends_what_hangs(machine: Machine) -> None:
    """In one test: to start everything takes longer than most that is tried of it."""
    with started([*LASTSEEN, "up"], machine.environ, machine.folder) as process:
        page = told(process, READY)[1]
        with closing(signed_in(machine, page)) as browser:
            everything_is_well(machine, browser)
            each_server_comes_back(machine, browser, process)
            for name in ("review", *airflow.PROCESSES):
                each_process_comes_back(machine, name)
            in_time(machine.well)
            assert reached_again(browser)
            a_new_account_is_given_a_slot(machine)
            a_port_that_is_lost_is_another_one_for_all(machine, browser, process)
            what_operators_forget_is_told(machine)

        left = machine.all()
        process.kill()
        process.wait()
    impatient = {**machine.environ, "LASTSEEN_UP_PATIENCE_SECONDS": "20"}
    with started([*LASTSEEN, "up"], impatient, machine.folder) as process:
        told(process, re.compile(r"the last `lastseen up` was killed: ending the \d+ processes that it left"))
        told(process, READY)
        servers = {machine.server(part) for part in embedded.ALL_PARTS}
        assert set(alive(left)) <= servers, "the servers are shared, and the rest has ended"
        family = machine.all()
        assert len(family) >= len(airflow.PROCESSES) + 1 + len(embedded.ALL_PARTS)
        what_lives_and_hangs_is_ended_and_started_again(machine)
        family |= machine.all()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert alive(family) == []
        assert running.read(machine.settings.data_dir) is None


def what_lives_and_hangs_is_ended_and_started_again(machine: Machine) -> None:
    """Each of its processes is stopped; on a busy machine another may be ended as well, and all come back."""
    in_time(machine.well)
    hung = {one.name: one.process for one in machine.note().all}
    assert set(hung) == {"review", *airflow.PROCESSES, *embedded.ALL_PARTS}
    for one in hung.values():
        os.kill(one.pid, signal.SIGSTOP)
    assert machine.hangs()
    in_time(lambda: not any(one.alive() for one in hung.values()))
    in_time(machine.well)
    in_time(lambda: machine.alerts() >= {f"process:{name}" for name in hung})


def everything_is_well(machine: Machine, browser: httpx.Client) -> None:
    parts = machine.parts()
    assert all(part["ok"] for part in parts.values())
    assert "are well at" in str(parts["Airflow"]["said"])
    assert "telegram 1, video_sites 4, inference" in str(parts["pools"]["said"])
    page = browser.get("/status").text
    for name in ("What runs here", *airflow.PROCESSES, *embedded.ALL_PARTS, machine.note().airflow):
        assert name in page
    assert sent_to(machine, "/lastseen/status") == "/lastseen/sign-in?next=%2Fstatus", "the review pages, in Airflow"
    assert "another `lastseen up` runs" in machine.lastseen("up", status=1).stderr
    logs = json.loads(machine.lastseen("logs", "--json").stdout)["logs"]
    assert {"review", "scheduler", "postgres", "objects"} <= {one["name"] for one in logs}
    nothing_secret_is_in_the_logs(machine)


def nothing_secret_is_in_the_logs(machine: Machine) -> None:
    data = machine.settings.data_dir
    made = (data / "servers" / "credentials.json", data / "airflow" / "secrets.json")
    files = (*made, airflow_home.password_file(machine.settings))
    hidden = [str(value) for file in files for value in json.loads(file.read_text()).values()]
    said = "".join(path.read_text(errors="replace") for path in (data / "logs").rglob("*") if path.is_file())
    assert len(hidden) >= 8
    assert [secret for secret in hidden if secret in said] == []


def each_server_comes_back(machine: Machine, browser: httpx.Client, up: "subprocess.Popen[bytes]") -> None:
    for part in embedded.ALL_PARTS:
        first = machine.server(part)
        assert first
        os.kill(first, signal.SIGKILL)
        in_time(lambda: machine.server(part) not in {None, first})  # noqa: B023  asked at once
        told(up, re.compile(f"{part}.* had died, see .*; started again"))
        assert reached_again(browser)
    in_time(machine.well)


def each_process_comes_back(machine: Machine, name: str) -> None:
    first = machine.ran(name)
    in_time(lambda: machine.ran(name).alive)
    family = descendants(machine.ran(name).process.pid)
    os.kill(machine.ran(name).process.pid, signal.SIGKILL)
    in_time(lambda: machine.ran(name).restarts > first.restarts and machine.ran(name).alive)
    assert alive(family) == [], "what the killed one had started went with it"


def reached_again(browser: httpx.Client) -> bool:
    """Meanwhile a page says plainly that it cannot be shown, if the pages are there at all."""

    def look() -> bool:
        try:
            answer = browser.get("/status")
        except httpx.TransportError:
            return False
        assert answer.status_code in {200, 503}, "the session outlives it, and nothing is a fault of ours"
        return answer.status_code == 200

    return in_time(look)


def a_new_account_is_given_a_slot(machine: Machine) -> None:
    with open_stores(machine.settings, objects=False) as stores, stores.db.begin() as db:
        for number in (1, 2, 3):
            secrets = sealing.secrets(machine.settings)
            telegram_accounts.add(db, f"reader{number}", number, "a session", secrets, "test")
    in_time(lambda: pools_of(machine)["telegram"] == 3)


def a_port_that_is_lost_is_another_one_for_all(
    machine: Machine, browser: httpx.Client, up: "subprocess.Popen[bytes]"
) -> None:
    (server,) = (one for one in embedded.status(machine.settings.data_dir) if one.part is embedded.Part.DATABASE)
    up.send_signal(signal.SIGSTOP)  # so that it does not look before the port is taken
    os.kill(server.pid or 0, signal.SIGKILL)
    with in_time(lambda: bound(server.ports[0])):
        up.send_signal(signal.SIGCONT)
        told(up, re.compile("the database is reached elsewhere now"))
        told(up, READY)
    assert reached_again(browser)


def bound(port: int) -> socket.socket | None:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return None


def pools_of(machine: Machine) -> dict[str, object]:
    said = airflow.ask(machine.settings, "/pools")["pools"]
    return {one["name"]: one["slots"] for one in said if isinstance(one, dict)} if isinstance(said, list) else {}


def what_operators_forget_is_told(machine: Machine) -> None:
    in_airflow(machine, "UPDATE dag SET is_paused = true WHERE dag_id = 'retention'")
    in_airflow(machine, "UPDATE slot_pool SET slots = 7 WHERE pool = 'inference'")
    machine_with_keys = {**machine.environ, "LASTSEEN_TELEGRAM_API_ID": "1", "LASTSEEN_TELEGRAM_API_HASH": "0" * 32}
    parts = Machine(machine.settings, machine_with_keys, machine.folder).parts(status=1)
    assert parts["DAGs"]["warns"]
    assert "retention" in str(parts["DAGs"]["said"])
    assert not parts["pools"]["ok"]
    assert "pool inference has 7 slots" in str(parts["pools"]["said"])


def in_airflow(machine: Machine, statement: str) -> None:
    """Change something in Airflow's database."""
    with embedded.running(machine.settings.data_dir, [embedded.Part.DATABASE]) as found:
        url = SecretStr(found.database_url.removesuffix("/lastseen") + "/airflow")
        with psycopg.connect(url.get_secret_value()) as db:
            db.execute(statement.encode())


def signed_in(machine: Machine, page: str) -> httpx.Client:
    """The browser of the office's first account."""
    link = re.search(r"http://\S+/enter/\S+", machine.lastseen("user", "link", "admin").stdout)
    assert link
    browser = httpx.Client(base_url=page, trust_env=False, timeout=60)
    button = f"/enter/{link[0].rpartition('/')[2]}"
    assert browser.get(button).status_code == 200
    form = {TOKEN_FIELD: form_token(browser.cookies[FORM_COOKIE]), "next": "/"}
    assert browser.post(button, data=form).status_code == 303
    return browser


def sent_to(machine: Machine, path: str) -> str | None:
    """Where Airflow's API server redirects whoever asks for an address."""
    with closing(HTTPConnection("127.0.0.1", machine.settings.airflow_port, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().getheader("location")
