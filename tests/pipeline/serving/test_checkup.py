"""What `lastseen doctor` says of broken machines: each with what to do."""

import json
import os
import re
import resource
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from lastseen.clock import utcnow
from lastseen.errors import Failure
from lastseen.settings import Authority, Settings
from pipeline import airflow_home, doctor
from pipeline.serving import airflow, checkup
from storage import alerts, database, key_copies, process_table, running
from storage.process_table import Process
from storage.running import Note, Ran
from storage.stores import Stores
from tests.office import Office

Break = Callable[[Settings, Stores, pytest.MonkeyPatch], Settings | None]
GONE = Process(1, "another boot")


def little_disk(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(settings.data_dir)._replace(free=checkup.LEAST_FREE_BYTES - 1)
    patched.setattr(shutil, "disk_usage", lambda _: usage)


def few_files(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> None:
    patched.setattr(resource, "getrlimit", lambda _: (256, 1024))


def clock_ahead(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> None:
    patched.setattr(checkup, "utcnow", lambda: utcnow() + timedelta(minutes=5))


def open_key(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> None:
    key = settings.data_dir / "keys" / "template.key"
    key.parent.mkdir(exist_ok=True)
    key.write_bytes(b"k" * 32)
    key.chmod(0o640)


def port_taken(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> Settings:
    """By the object store."""
    assert settings.s3_endpoint
    return settings.model_copy(update={"airflow_port": int(settings.s3_endpoint.rpartition(":")[2])})


def one_down(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> None:
    running.write(settings.data_dir, note(Ran("scheduler", GONE, "2026-01-01T00:00:00Z", 1, "x.log")))


def idle(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> None:
    running.write(settings.data_dir, note())
    long_ago = utcnow().timestamp() - settings.up_patience_seconds - checkup.IDLE_SECONDS - 1
    os.utime(settings.data_dir / "servers" / "up.json", (long_ago, long_ago))


def review_down(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> None:
    dead = Ran("review", GONE, "2026-01-01T00:00:00Z", 1, "x.log")
    running.write(settings.data_dir, replace(note(dead), review_host="127.0.0.1", review_port=1))


def silent_review(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> None:
    lives = Ran("review", process_table.myself(), "2026-01-01T00:00:00Z", 1, "x.log")
    running.write(settings.data_dir, replace(note(lives), review_host="127.0.0.1", review_port=1))


def no_api(settings: Settings, stores: Stores, patched: pytest.MonkeyPatch) -> Settings:
    running.write(settings.data_dir, note())
    with socket.create_server(("127.0.0.1", 0)) as free:
        return settings.model_copy(update={"airflow_port": free.getsockname()[1]})


BROKEN: Mapping[tuple[str, str], tuple[Break, str]] = {
    ("disk space", "hardly any"): (little_disk, "only 2.0 GiB are free .*LASTSEEN_DATA_DIR"),
    ("open files", "too few"): (few_files, "may open 1024 files only.*LimitNOFILE=4096"),
    ("clock", "wrong"): (clock_ahead, "300 s apart: have chrony"),
    ("keys", "readable"): (open_key, "other accounts .*template.key: `chmod 600"),
    ("ports", "taken"): (port_taken, r"port \d+ \(Address already in use\): set LASTSEEN_AIRFLOW_PORT"),
    ("what runs", "one is down"): (one_down, "of `lastseen up` scheduler is down.*`lastseen logs scheduler`"),
    ("what runs", "nobody looks"): (idle, r"\(process \d+\) has looked after nothing for \d+ s.*`kill -9 \d+`"),
    ("review pages", "down"): (review_down, "they are down.*`lastseen logs review`"),
    ("review pages", "hang"): (silent_review, "do not answer at http://.*after 180 s"),
    ("Airflow", "no API"): (no_api, "does not answer: `lastseen logs api-server`"),
    ("pools", "no API"): (no_api, "does not answer /pools.*`lastseen logs api-server`"),
    ("DAGs", "no API"): (no_api, "does not answer /importErrors.*`lastseen logs api-server`"),
}


def note(*processes: Ran) -> Note:
    """Of an `up` that runs: this process."""
    return Note(process_table.myself(), "2026-01-01T00:00:00Z", "http://127.0.0.1:1/status", "http://x", processes)


@pytest.mark.parametrize(("part", "how"), BROKEN)
def test_a_broken_part_fails_with_its_fix(
    part: str, how: str, settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks, said = BROKEN[part, how]
    with monkeypatch.context() as patched:
        broken = breaks(settings, stores, patched) or settings
        with pytest.raises(Failure, match=said):
            checkup.CHECKS[part](broken)
    running.forget(settings.data_dir)


def test_what_should_be_done_soon_is_a_warning_and_no_failure(
    settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(settings.data_dir)._replace(free=checkup.LITTLE_FREE_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with stores.db.begin() as db:
        alerts.sound(db, alerts.ACCOUNT_LOST, "account:1", "it is gone")
    often = Ran("triggerer", process_table.myself(), "2026-01-01T00:00:00Z", checkup.OFTEN, "x.log")
    running.write(settings.data_dir, replace(note(), servers=(often,)))
    said = {name: checkup.CHECKS[name](settings) for name in ("disk space", "alerts", "what runs")}
    assert all(line.startswith(checkup.WARNING) for line in said.values())
    assert "account lost (account:1)" in said["alerts"]
    assert "triggerer (5 times)" in said["what runs"]


def test_keys_are_to_be_copied_and_copied_again_when_they_change(settings: Settings, stores: Stores) -> None:
    office = Office(settings, stores)
    key = settings.data_dir / "keys" / "secrets.key"
    key.parent.mkdir(exist_ok=True)
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    assert "--keys-copied" in office.run("doctor").stdout
    assert str(key) in office.run("doctor", "--keys-copied").stderr
    assert "are kept elsewhere, too, as was said at" in checkup.keys(settings)
    assert b"k" * 32 not in (key.parent / "copied.json").read_bytes()
    key.write_bytes(b"l" * 32)
    assert key_copies.copied_at(settings) is None
    assert checkup.keys(settings).startswith(checkup.WARNING)


def test_a_machine_on_which_nothing_runs_is_well(settings: Settings, stores: Stores) -> None:
    found = {one.part: one for one in doctor.examine(settings)}
    assert [one for one in found.values() if not one.ok] == []
    for part in ("review pages", "Airflow", "pools", "DAGs"):
        assert "does not run here" in found[part].said


NOWHERE = "127.0.0.1:1"
SET_WRONG: Mapping[str, tuple[Mapping[str, object], str]] = {
    "database": (
        {"database_url": SecretStr(f"postgresql://u:secret@{NOWHERE}/d")},
        "does not answer: connection .* refused: see that it runs.*LASTSEEN_DATABASE_URL",
    ),
    "object store": ({"s3_endpoint": NOWHERE}, f"does not answer at {NOWHERE} .*refused.*LASTSEEN_S3_ENDPOINT"),
    "custody log": ({"witnesses": ("nonsense",)}, "LASTSEEN_WITNESSES: a verifier key is written"),
    "time stamps": (
        {"time_stamp_authorities": (Authority("a", "https://a.example/", Path("/nowhere.pem")),)},
        "/nowhere.pem cannot be read: .*LASTSEEN_TIME_STAMP_AUTHORITIES",
    ),
}
"""part -> what was set, and what is said of it"""


@pytest.mark.parametrize("part", SET_WRONG)
def test_a_setting_that_is_wrong_is_named_on_the_line_of_its_part_and_on_no_other(
    part: str, settings: Settings, stores: Stores
) -> None:
    changed, said = SET_WRONG[part]
    failed = {one.part: one.said for one in doctor.examine(settings.model_copy(update=changed)) if not one.ok}
    assert re.search(said, failed[part], re.IGNORECASE), failed[part]
    assert failed[part].isprintable()
    assert "sqlalche.me" not in failed[part]
    assert "secret" not in failed[part]
    assert all("see its line" in others for name, others in failed.items() if name != part)


def test_each_vain_try_to_reach_the_store_is_not_told(office: Office) -> None:
    away = Office(office.settings.model_copy(update={"s3_endpoint": NOWHERE}), office.stores)
    assert "Retrying" not in away.run("run", status=1).stderr


def test_what_the_system_says_of_a_full_disk_bears_its_fix(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", {"it": lambda _: Path("/dev/full").write_bytes(b"x")})
    (found,) = doctor.examine(settings)
    assert not found.ok
    assert "No space left on device: free some" in found.said


def test_doctor_keeps_what_scripts_read(settings: Settings, stores: Stores) -> None:
    said = json.loads(Office(settings, stores).run("doctor", "--json").stdout.splitlines()[-1])
    assert said["ok"] is True
    assert all({"part", "ok", "said"} <= set(part) for part in said["parts"])
    assert {part["part"] for part in said["parts"]} == set(doctor.CHECKS)


def test_who_gives_no_sign_of_life_is_named() -> None:
    well = {part: {"status": "healthy"} for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")}
    assert airflow.unwell(well) == []
    assert airflow.unwell({**well, "scheduler": {"status": "unhealthy"}}) == ["scheduler"]
    del well["dag_processor"]
    assert airflow.unwell(well) == ["dag-processor"]


def test_pools_that_are_missing_or_of_another_size_are_named() -> None:
    wanted = airflow_home.pools(2, 4, 1)
    said = {"pools": [{"name": name, "slots": one["slots"]} for name, one in wanted.items()]}
    assert checkup.pools_amiss(said, wanted) == []
    said["pools"][0]["slots"] = 9
    said["pools"].pop()
    assert checkup.pools_amiss(said, wanted) == [
        "there is no pool inference",
        "pool telegram has 9 slots, not 2",
    ]


def test_the_other_server_clock_is_asked(stores: Stores) -> None:
    with stores.db.begin() as db:
        assert abs(database.now(db) - utcnow()) < timedelta(minutes=1)


def test_a_note_is_of_whoever_runs(tmp_path: Path) -> None:
    assert running.read(tmp_path) is None
    mine = note(Ran("review", GONE, "2026-01-01T00:00:00Z", 0, "review.log"))
    running.write(tmp_path, mine)
    assert running.read(tmp_path) == mine
    assert mine.stands
    assert not mine.processes[0].alive
    running.write(tmp_path, replace(mine, up=Process(os.getpid(), "another boot")))
    found = running.read(tmp_path)
    assert found is not None
    assert not found.stands
    (tmp_path / "servers" / "up.json").write_text('{"up": {}}')
    assert running.read(tmp_path) is None
    with running.alone(tmp_path) as one, running.alone(tmp_path) as other:
        assert (one, other) == (True, False)
    with running.alone(tmp_path) as again:
        assert again
