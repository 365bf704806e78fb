"""Logs are kept small, in one place, and read there."""

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from pipeline.serving import logs
from storage.stores import Stores
from tests.office import Office


def test_what_grows_is_set_aside_and_its_writer_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 100)
    path = tmp_path / "it.log"
    with path.open("ab", buffering=0) as writer:
        for number in range(6):
            writer.write(b"%d" % number * 60 + b"\n")
            assert logs.rotate(tmp_path) == []
            writer.write(b"%d" % number * 60 + b"\n")
            assert logs.rotate(tmp_path) == ["it.log"]
        writer.write(b"the newest\n")
    assert path.read_bytes() == b"the newest\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["it.log", "it.log.1", "it.log.2", "it.log.3"]
    assert logs.last(path, 2) == ["5" * 60, "the newest"], "the older part is read where the newest is short"


def test_nothing_is_lost_of_what_comes_while_a_log_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer writes on when the first piece has been copied already."""
    monkeypatch.setattr(logs, "MOST_BYTES", 10)
    monkeypatch.setattr(logs, "PIECE_BYTES", 16)
    path = tmp_path / "it.log"
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    flush, late = io.BufferedWriter.flush, iter(["late\n"])

    class Slow(io.BufferedWriter):
        def flush(self) -> None:
            flush(self)
            with path.open("a") as writer:
                writer.writelines(late)

    def opened(of: Path, mode: str = "r", **given: Any) -> Any:
        return Slow(io.FileIO(of, "w")) if mode == "wb" else open(of, mode, **given)  # noqa: PTH123

    monkeypatch.setattr(Path, "open", opened)
    assert logs.rotate(tmp_path) == ["it.log"]
    assert logs.last(path, 2) == ["line 99", "late"]
    assert path.read_bytes() == b""


def test_a_full_disk_takes_what_was_set_aside_and_not_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 3)
    path, first, second = tmp_path / "it.log", tmp_path / "it.log.1", tmp_path / "it.log.2"
    path.write_text("the newest\n")
    second.write_text("older\n")
    first.symlink_to("/dev/full")
    monkeypatch.setattr(logs, "KEPT", 1)  # so that it is written to once more, and not moved on
    assert logs.rotate(tmp_path) == ["it.log"]
    assert first.read_text() == "the newest\n"
    assert not first.is_symlink()


def test_what_is_old_goes_and_what_is_written_stays(tmp_path: Path) -> None:
    old, new = tmp_path / "dag" / "old" / "1.log", tmp_path / "dag" / "new" / "1.log"
    until = datetime.now(UTC) - timedelta(days=30)
    for path in (old, new):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    for aged in (old, old.parent):
        os.utime(aged, (until.timestamp() - 1,) * 2)
    assert logs.expire(tmp_path, until) == 1
    assert not old.exists()
    assert new.exists()
    os.utime(old.parent, (until.timestamp() - 1,) * 2)
    assert logs.expire(tmp_path, until) == 0
    assert not old.parent.exists(), "an empty folder goes when nothing was put into it for as long"


def test_following_misses_nothing_that_was_set_aside_since_the_last_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 1)
    path = tmp_path / "it.log"
    path.write_text("before\n" * 10)
    steps = iter(["missed\nha", "lf\n"])

    def ended() -> bool:
        more = next(steps, None)
        if more is None:
            return True
        with path.open("a") as file:
            file.write(more)
        if more.endswith("ha"):
            logs.rotate(tmp_path)
        return False

    assert list(logs.followed(path, ended)) == ["missed", "half"]


def test_following_goes_on_after_a_rotation_and_waits_for_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "it.log"
    path.write_text("before\n")
    steps = iter([b"one\ntw", b"o\n", None, b"three\n", None])

    def ended() -> bool:
        try:
            more = next(steps)
        except StopIteration:
            return True
        if more is None:
            path.write_bytes(b"")
        else:
            with path.open("ab") as file:
                file.write(more)
        return False

    assert list(logs.followed(path, ended)) == ["one", "two", "three"]


def test_the_command_lists_and_shows_them(settings: Settings, stores: Stores) -> None:
    office = Office(settings, stores)
    folder = settings.data_dir / "logs"
    folder.mkdir(exist_ok=True)
    (folder / "airflow-scheduler.log").write_text("one\n[red]two[/]\x1b[2J\n")
    assert '"name": "scheduler"' in office.run("logs", "--json").stdout
    for name in ("scheduler", "airflow-scheduler", "airflow-scheduler.log"):
        assert office.run("logs", name, "--lines", "1").stdout == "[red]two[/]�[2J\n"
    with pytest.raises(WrongUse, match="there are scheduler"):
        logs.of(folder, "nothing")
    assert "there is no log" in office.run("logs", "../secrets", status=2).stderr
