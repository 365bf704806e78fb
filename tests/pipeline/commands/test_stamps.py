"""`lastseen manifest`, `stamps`, `status` and `doctor` as people use them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from extractors.time_stamps import NoRoots
from lastseen.settings import Settings
from pipeline.doctor import CHECKS
from storage import status
from storage.database import Engine
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.custody.days import YESTERDAY, Days, noon
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
    authority.fault = Fault.AWAY
    assert office.ask("manifest")["stamp"] == {"done": 0, "WAIT": 1}
    told = office.ask("stamps")
    assert told["authorities"] == ["here"]
    assert isinstance(told["stamps"], list)
    [line] = told["stamps"]
    assert (line["day"], line["state"], line["outcome"]) == (YESTERDAY.isoformat(), "waiting", "WAIT")
    assert line["since"] and line["asked_again_at"] and line["why"]
    assert "1 wait, the first since" in CHECKS["time stamps"](days.settings)
    with days.stores.db.begin() as db:
        assert status.counts(db)["time_stamps"] == {"waiting": 1}
        assert f"{YESTERDAY} by here" in [trouble.item for trouble in status.troubles(db)]

    authority.fault = None
    days.hurry()
    days.run()
    assert "stamped" in office.run("stamps").stdout
    with days.stores.db.begin() as db:
        assert status.counts(db)["time_stamps"] == {"stamped": 1}


def test_an_office_that_asks_nobody_is_told_so(days: Days) -> None:
    asks_nobody = days.settings.model_copy(update={"time_stamp_authorities": ()})
    assert "no authority is named in LASTSEEN_TIME_STAMP" in Office(asks_nobody, days.stores).run("stamps").stdout
    assert "none are asked for" in CHECKS["time stamps"](asks_nobody)


def test_roots_that_are_not_there_fail_the_doctor(days: Days, authority: TimeStampAuthority) -> None:
    authority.roots.unlink()
    with pytest.raises(NoRoots, match="cannot be read"):
        CHECKS["time stamps"](days.settings)
