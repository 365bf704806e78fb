"""What a command may be asked for: days, one entry's photos, force; and wishes that make no sense are refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from pipeline import tasks
from pipeline.jobs import Scope
from storage.stores import Stores
from tests.office import Office

DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office."""
    return Office(settings, stores)


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope(since=DAY, until=DAY), "is not before"),
        (Scope(force=True), "name what it is about"),
        (Scope(engine="yunet+dlib"), "name what it is about"),
        (Scope(engine="yunet+dlib", source=1), None),
        (Scope(force=True, blob="0" * 64), None),
        (Scope(since=DAY), None),
    ],
)
def test_a_scope_that_contradicts_itself(scope: Scope, said: str | None) -> None:
    if said is None:
        scope.check()
        return
    with pytest.raises(WrongUse, match=said):
        scope.check()


def test_what_a_run_of_airflow_was_asked_for_is_a_scope() -> None:
    assert tasks.scope({}) == Scope()
    assert tasks.scope(
        {"source": 3, "since": "2026-03-01", "until": "2026-03-01", "engine": "e", "force": True, "retry_only": True}
    ) == Scope(source=3, since=DAY, until=datetime(2026, 3, 2, tzinfo=UTC), engine="e", force=True, retry_only=True)
    assert tasks.scope({"person": "P-1", "begin": "5", "end": None, "whole": True}) == Scope(
        person="P-1", begin="5", whole=True
    )


def test_wrong_wishes_are_refused_and_say_what_is_wrong(office: Office) -> None:
    wishes = {
        ("analyze", "--force"): "name what it is about",
        ("analyze", "--engine", "dlib"): "name what it is about",
        ("analyze", "--engine", "nothing", "--source", "1"): "there is no engine 'nothing'",
        ("analyze", "--source", "7"): "there is no source 7",
        ("analyze", "--blob", "0" * 64): "no blob with the sha256",
        ("fetch", "--since", "2026-03-02", "--until", "2026-03-01"): "is not before",
        ("fetch", "--until", "yesterday"): "“yesterday” is no day",
        ("enroll", "--person", "P-9"): "the register has no entry P-9",
        ("collect", "--from", "5"): "name its source",
    }
    for wish, said in wishes.items():
        done = office.run(*wish, status=1 if "nothing" in wish else 2)
        assert said in " ".join(done.stderr.split()), wish


def test_one_entrys_photos(office: Office, tmp_path: Path) -> None:
    for number in ("P-1", "P-2"):
        photo = tmp_path / "register" / number / "photo.jpg"
        photo.parent.mkdir(parents=True)
        photo.write_bytes(b"no photo of " + number.encode())
    office.run("register", "import", str(tmp_path / "register"))
    assert office.ask("enroll", "--person", "P-2", "--retry", "--dry-run")["enroll"] == [2]
    assert office.ask("enroll", "--retry-only", "--dry-run")["enroll"] == [1, 2]
    assert office.ask("enroll", "--person", "P-2", "--retry")["enroll"] == {"done": 0, "DEFECT": 1}
