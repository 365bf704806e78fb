"""`lastseen manifest`, `stamps`, `status` and `doctor` as people use them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lastseen.settings import Settings
from storage.database import Engine
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.days import YESTERDAY, Days, noon
from tests.servers.time_stamp_authority import Fault, TimeStampAuthority


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimeStampAuthority]:
    with TimeStampAuthority(tmp_path / "authority") as served:
        yield served


@pytest.fixture
def days(
    settings: Settings, stores: Stores, owner: Engine, authority: TimeStampAuthority, monkeypatch: pytest.MonkeyPatch
) -> Days:
    made = Days(settings, stores, owner, monkeypatch)
    made.asks(("here", authority))
    made.came_in(noon(YESTERDAY), b"one")
    return made


def test_what_waits_is_shown_until_it_is_stamped(days: Days, authority: TimeStampAuthority) -> None:
    office = Office(days.settings, days.stores)
    assert office.ask("manifest", "--dry-run")["manifest"] != []
    authority.fault = Fault.AWAY
    assert office.ask("manifest")["stamp"] == {"done": 0, "WAIT": 1}
    told = office.ask("stamps")
    assert told["authorities"] == ["here"]
    assert isinstance(told["stamps"], list)
    [line] = told["stamps"]
    assert (line["day"], line["state"], line["outcome"]) == (YESTERDAY.isoformat(), "waiting", "WAIT")
    assert line["since"] and line["asked_again_at"] and line["why"]
    assert "waiting" in office.run("stamps").stdout
    assert office.ask("status")["time_stamps"] == {"waiting": 1}
    assert f"{YESTERDAY} by here" in office.run("status").stdout
    [part] = [part for part in _parts(office) if part["part"] == "time stamps"]
    assert part["ok"] and "1 wait, the first since" in str(part["said"])

    authority.fault = None
    days.hurry()
    assert office.ask("manifest")["stamp"] == {"done": 1}
    told = office.ask("stamps")
    assert isinstance(told["stamps"], list)
    [line] = told["stamps"]
    assert (line["state"], line["asked_again_at"]) == ("stamped", None)
    assert line["stamped_at"]
    assert office.ask("status")["time_stamps"] == {"stamped": 1}


def test_an_office_that_asks_nobody_is_told_so(days: Days) -> None:
    office = Office(days.settings.model_copy(update={"time_stamp_authorities": ()}), days.stores)
    office.ask("manifest")
    assert "no authority is named in LASTSEEN_TIME_STAMP_AUTHORITIES" in office.run("stamps").stdout
    [part] = [part for part in _parts(office) if part["part"] == "time stamps"]
    assert part["ok"] and "none are asked for" in str(part["said"])


def test_roots_that_are_not_there_fail_the_doctor(days: Days, authority: TimeStampAuthority) -> None:
    authority.roots.unlink()
    [part] = [part for part in _parts(Office(days.settings, days.stores), status=1) if part["part"] == "time stamps"]
    assert not part["ok"] and "cannot be read" in str(part["said"])


def _parts(office: Office, status: int = 0) -> list[dict[str, object]]:
    parts = office.ask("doctor", status=status)["parts"]
    assert isinstance(parts, list)
    return parts
