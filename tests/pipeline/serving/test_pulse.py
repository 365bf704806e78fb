"""Who lives and gives no sign of life is ended; who is only slow, or stands upon something that hangs, is not."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from lastseen.settings import Settings
from pipeline.serving import processes, pulse
from pipeline.serving.processes import Process
from pipeline.serving.pulse import FIRST_SIGN_TIMES, MOST_COUNTED, Patience, Pulse
from storage import embedded, process_table, running
from storage.process_table import Process as Known
from storage.running import Note, Ran

ONE, OTHER = Known(1, "now"), Known(1, "later")
STAYS = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_patience_ends_with_who_gave_signs_and_gives_none_any_more() -> None:
    patience = Patience(60)
    assert [patience.lost("it", ONE, sign, 10) for sign in (1, 2, 3)] == [0, 0, 0]
    assert [patience.lost("it", ONE, 3, 10) for _ in range(7)] == [0, 0, 0, 0, 0, 60, 70]
    assert patience.lost("it", ONE, 4, 10) == 0
    assert [patience.lost("it", ONE, None, 10) for _ in range(6)] == [0, 0, 0, 0, 0, 60]


def test_who_is_new_has_more_time_to_its_first_sign() -> None:
    patience = Patience(60)
    looks = 60 * FIRST_SIGN_TIMES // 10
    said = [patience.lost("it", ONE, None, 10) for _ in range(looks + 1)]
    assert said == [0] * looks + [60 * FIRST_SIGN_TIMES]
    patience.lost("it", ONE, 1, 10)
    assert [patience.lost("it", ONE, None, 10) for _ in range(6)] == [0, 0, 0, 0, 0, 60]
    assert patience.lost("it", OTHER, None, 10) == 0, "another process begins anew"


def test_a_machine_that_slept_has_not_shown_who_hangs() -> None:
    patience = Patience(60)
    for sign in (1, 2):
        patience.lost("it", ONE, sign, 10)
    assert patience.lost("it", ONE, 2, 100_000) == 0
    assert [patience.lost("it", ONE, 2, 100_000) for _ in range(2)] == [0, 3 * MOST_COUNTED]


class Api(BaseHTTPRequestHandler):
    """Answers what Airflow's API would, and what pages would."""

    said: Mapping[str, object] = {}

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.said).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def listening(said: Mapping[str, object]) -> Iterator[int]:
    """The port of a server that answers so."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Saying", (Api,), {"said": said})) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def family() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    processes.end(started)


def health(beat: str) -> dict[str, object]:
    return {
        "metadatabase": {"status": "healthy"},
        "scheduler": {"status": "healthy", "latest_scheduler_heartbeat": beat},
        "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
    }


def test_whoever_hangs_is_ended_and_nobody_who_stands_upon_it(
    tmp_path: Path, family: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "FIRST_SIGN_TIMES", 1)
    monkeypatch.setattr(embedded, "ANSWER_SECONDS", 1.0)
    said = health("2026-03-01T00:00:01+00:00")
    with listening(said) as port, embedded.running(tmp_path, [embedded.Part.DATABASE]):
        settings = Settings(_env_file=None, data_dir=tmp_path, airflow_port=port, up_patience_seconds=60)
        watch = Pulse(settings)
        names = {name: processes.start(family, STAYS) for name in ("review", "api-server", "scheduler")}

        def note() -> Known:
            (server,) = (one for one in embedded.status(tmp_path) if one.part is embedded.Part.DATABASE)
            ran = [ran_of(name, process_table.of(one.pid)) for name, one in names.items()]
            found = process_table.of(server.pid or 0)
            servers = (ran_of("postgres", found),)
            up = process_table.myself()
            running.write(tmp_path, Note(up, "", "", "", tuple(ran), servers, "127.0.0.1", port))
            return found

        def looks(times: int) -> list[str]:
            for _ in range(times):
                watch.look(MOST_COUNTED)
            names_ = [one.name for one in watch.ended]
            watch.ended.clear()
            return names_

        def database_answers() -> bool:
            return watch.database_answers

        def ran_of(name: str, known: Known) -> Ran:
            return Ran(name, known, "2026-03-01T00:00:00Z", 0, f"{name}.log")

        first = note()
        os.kill(first.pid, signal.SIGSTOP)
        assert looks(3) == []
        assert not database_answers()
        assert looks(1) == ["postgres"], "the API and the pages would answer, and are not asked"
        assert not first.alive()
        embedded.revive(tmp_path, [embedded.Part.DATABASE])
        assert note() != first

        said["scheduler"] = {"latest_scheduler_heartbeat": "2026-03-01T00:00:02+00:00"}
        assert looks(1) == []
        assert database_answers()
        assert looks(2) == []
        assert looks(1) == ["scheduler"], "its sign is the same as before"
        assert names["scheduler"].wait(60) == -signal.SIGKILL
        assert all(processes.runs(names[name]) for name in ("review", "api-server"))
    assert looks(10) == [], "all that is left is the servers that are stopped, and who stands upon them"


def test_a_server_that_was_started_anew_meanwhile_is_left_alone(tmp_path: Path) -> None:
    with embedded.running(tmp_path, [embedded.Part.DATABASE]):
        (before,) = (one.pid for one in embedded.status(tmp_path) if one.part is embedded.Part.DATABASE)
        embedded.put_down(tmp_path, embedded.Part.DATABASE, Known(before or 0, "another"))
        assert embedded.answers(tmp_path, embedded.Part.DATABASE)
    assert not embedded.answers(tmp_path, embedded.Part.DATABASE)
