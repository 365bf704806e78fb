"""`lastseen calibrate` from sealed templates to what holds."""

import json
import xml.etree.ElementTree as Xml
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import text

from lastseen.errors import Failure, WrongUse
from lastseen.records import PersonEntry, PersonFacts, PersonStatus, Template
from lastseen.settings import Settings
from matchers import measuring
from pipeline import tasks
from pipeline.matching import calibrate
from storage import calibrations, custody, faces, register
from storage.objects import Stored
from storage.sealing import sealer
from storage.stores import Stores
from tests.matchers.registers import WORLDS
from tests.matchers.registers import register as drawn
from tests.office import Office


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals need many, these tests few."""
    monkeypatch.setattr(measuring, "REPEATS", 5)


def fill(stores: Stores, settings: Settings, people: int, twice: int = 0) -> None:
    """A register of drawn people with a photo each, some of whom were entered twice."""
    sample, _ = drawn(replace(WORLDS["gaussian"], entered_twice=twice / people), people, 0)
    engine, seal = calibrate.engine_of(settings), sealer(settings)
    with stores.db.begin() as db:
        for number, (vector, quality) in enumerate(zip(sample.vectors, sample.qualities, strict=True)):
            entry = PersonEntry(f"P-{number}", PersonFacts(("n",), None, PersonStatus.MISSING), ())
            kept = register.keep_person(db, entry, 5)
            stored = Stored(f"photo/{number}", "", 1, f"{number:0>64}", created=True)
            photo, _ = register.keep_photo(db, kept.person, "1.jpg", stored, "image/jpeg")
            template = Template("photo", tuple(map(float, vector)), float(quality))
            faces.keep_photo_template(db, photo, engine, template, seal)


def test_a_proposal_is_kept_with_its_plot_and_holds_when_adopted(stores: Stores, settings: Settings) -> None:
    fill(stores, settings, 310)
    made = calibrate.propose(stores, settings, "tester", 500, 10)
    assert made.found and made.id
    assert made.then == pytest.approx(10, rel=0.01)
    assert made.now is not None and made.then is not None and made.now > made.then, "0.5 lets more pass"
    json.dumps(made.detail(), allow_nan=False)
    plot = Xml.fromstring(made.plot)  # noqa: S314  our own
    assert len(plot.findall(".//{*}rect")) == 4
    assert "nan" not in made.plot
    assert "style" not in made.plot
    with stores.db.begin() as db:
        assert calibrations.current(db, made.calibration.engine) is None
        custody.append_all(db, "t", [calibrations.adopt(db, made.id, made.calibration.engine, "r", "t")])
        held = calibrations.current(db, made.calibration.engine)
        (event, _) = custody.events(db)
    assert held and held.bands == made.calibration.bands
    assert (event.action, event.detail["people"]) == ("calibrated", 310)
    again = calibrate.propose(stores, settings, "tester", 500, 20)
    assert again.now == pytest.approx(10, rel=0.01), "what holds now is what was adopted"
    by_hand = settings.model_copy(update={"review_threshold": 0.3})
    overridden = calibrate.propose(stores, by_hand, "tester", 500, 20, keep=False)
    assert overridden.now is not None and overridden.now < 1
    assert overridden.id is None
    with stores.db.begin() as db:
        assert len(calibrations.listed(db)) == 2


def test_a_declared_tie_is_left_out(stores: Stores, settings: Settings) -> None:
    fill(stores, settings, 310)
    with stores.db.begin() as db:
        db.execute(
            text("""
            INSERT INTO ties (one_person_id, other_person_id, kind, declared_by)
            SELECT min(id), max(id), 'kin', 'me' FROM persons""")
        )
    made = calibrate.propose(stores, settings, "tester", 500, 10, keep=False)
    assert made.found and made.found.tied == 1


def test_no_calibration_keeps_whom_it_named(stores: Stores, settings: Settings) -> None:
    """It outlives an erasure."""
    fill(stores, settings, 310, twice=6)
    made = calibrate.propose(stores, settings, "tester", 500, 10)
    assert made.found
    named = {person for pair in made.found.suspects.pairs for person in pair[:2]}
    assert named, "somebody is named when it is measured"
    with stores.db.begin() as db:
        (kept,) = calibrations.listed(db)
    assert kept.detail["suspects"] == len(made.found.suspects.pairs)
    assert [name for name, said in kept.detail.items() if name != "bands" and isinstance(said, list)] == []


def test_an_empty_register_falls_back_and_says_so(stores: Stores, settings: Settings) -> None:
    made = calibrate.propose(stores, settings, "tester", None, None)
    assert made.calibration.fallback.startswith("the register has 0 people")
    assert "published figure" in made.calibration.fallback
    assert [band.threshold for band in made.calibration.bands] == [0.5]
    with stores.db.begin() as db:
        (kept,) = calibrations.listed(db)
    assert kept.calibration.fallback == made.calibration.fallback
    assert kept.plot == ""


@pytest.mark.parametrize(("tracks", "accept"), [(-1.0, 20.0), (10.0, 0.0), (10.0, -3.0), (float("nan"), 20.0)])
def test_a_wish_that_is_none_is_refused(stores: Stores, settings: Settings, tracks: float, accept: float) -> None:
    with pytest.raises(WrongUse, match="--tracks-a-day, --accept"):
        calibrate.propose(stores, settings, "tester", tracks, accept)


def test_a_template_that_is_none_is_told(stores: Stores, settings: Settings) -> None:
    fill(stores, settings, 305)
    engine, seal = calibrate.engine_of(settings), sealer(settings)
    with stores.db.begin() as db:
        kept = register.keep_person(db, PersonEntry("N", PersonFacts(("n",), None, PersonStatus.MISSING), ()), 5)
        stored = Stored("photo/N", "", 1, "f" * 64, created=True)
        photo, _ = register.keep_photo(db, kept.person, "1.jpg", stored, "image/jpeg")
        faces.keep_photo_template(db, photo, engine, Template("photo", (float("nan"),) * 40, 0.5), seal)
    with pytest.raises(Failure, match="enroll the register anew"):
        calibrate.propose(stores, settings, "tester", 500, 10)


def test_the_commands_measure_and_adopt_and_refuse_what_is_no_calibration(
    stores: Stores, settings: Settings, tmp_path: Path
) -> None:
    office = Office(settings, stores)
    told = office.ask("calibrate", "--tracks-a-day", "10", "--plot", str(tmp_path / "p.svg"))
    assert told["fallback"]
    assert not (tmp_path / "p.svg").exists(), "nothing was measured"
    assert "no plot: nothing was measured" in office.run("calibrate", "--dry-run", "--plot", str(tmp_path)).stdout
    adopted = office.ask("calibrations", "adopt", str(told["id"]), "--reason", "nothing else is known")
    assert adopted == {"holds": told["id"], "judged_again": 0, "came_up": 0}
    (listed,) = cast("list[dict[str, object]]", office.ask("calibrations", "list")["calibrations"])
    assert (listed["id"], listed["holds"], listed["reason"]) == (told["id"], True, "nothing else is known")
    office.run("calibrations", "adopt", "7", "--reason", "r", status=2)
    office.run("calibrations", "adopt", str(told["id"]), "--reason", " ", status=2)


def test_the_task_of_the_dag(stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in Office(settings, stores).environ().items():
        monkeypatch.setenv(name, value)
    made = tasks.calibrate({"tracks_a_day": 5, "accept": None, "dry_run": True})
    assert made == {"people": 0, "photos": 0, "pairs": 0, "calibration": 0}
    assert tasks.calibrate({"dry_run": False})["calibration"] > 0
