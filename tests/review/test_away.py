"""While the database is away every page says so, and works again when it is back; and what runs here is shown."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastseen.settings import Settings
from review.roles import Role
from storage import process_table, running
from storage.embedded import ALL_PARTS, Part, revive, status, stop
from storage.process_table import Process
from storage.running import Note, Ran
from storage.stores import open_stores
from tests.review.conftest import Site, serving


@pytest.fixture
def own(tmp_path: Path, models_dir: Path) -> Iterator[Settings]:
    """An office with servers of its own."""
    settings = Settings(_env_file=None, data_dir=tmp_path / "data", models_dir=models_dir)
    yield settings
    stop(settings.data_dir)


def test_pages_say_that_the_database_is_away_and_work_when_it_is_back(own: Settings) -> None:
    with open_stores(own) as stores, serving(stores, own) as site:
        browser = site.signed_in(Role.SENIOR)
        assert browser.get("/status").status_code == 200
        (server,) = [one.pid for one in status(own.data_dir) if one.part is Part.DATABASE]
        os.kill(server or 0, signal.SIGKILL)
        for path in ("/status", "/", "/sign-in/nothing", "/api/v1/queue"):  # behind the guard, and in it
            away = browser.get(path)
            assert away.status_code == 503, path
            assert away.headers["retry-after"] == "10"
            assert "database does not answer" in away.text.lower()
        assert browser.submit("/pause", why="lunch").status_code == 503
        assert browser.get("/static/review.css").status_code == 503, "even the guard asks who it is"
        assert site.browser().get("/static/review.css").status_code == 200, "who is nobody is not asked for"
        revive(own.data_dir, ALL_PARTS)
        assert browser.get("/status").status_code == 200, "and the session is the same"


def test_the_page_says_what_runs_here_to_those_who_run_the_house(site: Site, settings: Settings) -> None:
    staff = site.signed_in(Role.ADMINISTRATOR)
    assert "What runs here" not in staff.get("/status").text
    since = "2026-01-02T03:04:05Z"
    ran = (Ran("scheduler", process_table.myself(), since, 2, "x.log"), Ran("review", GONE, since, 0, "y.log"))
    note = Note(process_table.myself(), since, "http://127.0.0.1:1/status", "http://127.0.0.1:8471", ran)
    running.write(settings.data_dir, note)
    try:
        page = staff.get("/status").text
        for said in ("scheduler", "2 times", "is down", "http://127.0.0.1:8471/dags", str(settings.data_dir / "logs")):
            assert said in page
        assert site.signed_in(Role.AUDITOR).get("/status").status_code == 403
    finally:
        running.forget(settings.data_dir)


GONE = Process(1, "another boot")
