"""Opening an installation: who does it, what is swept, and settings that cannot be meant."""

import os
import pwd
from typing import Final

import pytest
from pydantic import SecretStr

from lastseen.settings import Settings
from pipeline import scratch
from pipeline.app import open_app
from storage.stores import Stores
from tests.office import Office


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office."""
    return Office(settings, stores)


def test_it_sweeps_what_killed_workers_left(settings: Settings) -> None:
    left = scratch.root(settings) / "0123456789abcdef"
    left.mkdir(parents=True)
    (left / "media").write_bytes(b"hostile")
    with open_app(settings):
        assert list(scratch.root(settings).iterdir()) == []


def test_an_account_without_a_name_is_its_number(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    known = {entry.pw_uid for entry in pwd.getpwall()}
    nobody = next(number for number in range(54_321, 60_000) if number not in known)
    monkeypatch.setattr(os, "getuid", lambda: nobody)
    with open_app(settings) as app:
        assert app.actor == f"local:{nobody}"


NOT_MEANT: Final[tuple[tuple[dict[str, object], int, str], ...]] = (
    ({"database_url": SecretStr("nonsense-geheim")}, 2, "LASTSEEN_DATABASE_URL cannot be read"),
    ({"database_url": SecretStr("postgresql://u:geheim@h:port/d")}, 2, "LASTSEEN_DATABASE_URL cannot be read"),
    ({"database_url": SecretStr("postgresql://u:geheim@127.0.0.1:99999/d")}, 1, "the database does not answer"),
    ({"s3_endpoint": "https://127.0.0.1:8333"}, 2, "LASTSEEN_S3_ENDPOINT cannot be used"),
    ({"s3_access_key": SecretStr("geheim")}, 1, "correct LASTSEEN_S3_ACCESS_KEY"),
    ({"s3_secret_key": SecretStr("geheim")}, 1, "correct LASTSEEN_S3_SECRET_KEY"),
)
"""what was set, and the exit status and what is said of it"""


def test_settings_that_cannot_be_meant_are_named_without_their_secrets(office: Office) -> None:
    for changed, status, said in NOT_MEANT:
        wrong = Office(office.settings.model_copy(update=changed), office.stores)
        done = wrong.run("run", status=status)
        assert said in done.stderr, changed
        assert "Traceback" not in done.stderr
        assert "geheim" not in done.stdout + done.stderr
