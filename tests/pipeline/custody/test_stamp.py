"""A day's statement is stamped by a real authority on loopback, whatever goes wrong on the way."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from extractors import time_stamps
from lastseen.clock import utcnow
from lastseen.settings import Authority, Settings
from pipeline import runner
from storage import stamps
from storage.alerts import standing
from storage.database import Engine
from storage.objects import EVIDENCE
from storage.stores import Stores
from tests.pipeline.custody.days import TODAY, YESTERDAY, Days, noon
from tests.servers.calendar import Calendar
from tests.servers.serving import Said
from tests.servers.time_stamp_authority import Fault, TimeStampAuthority


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeStampAuthority]:
    with TimeStampAuthority(tmp_path_factory.mktemp("authority")) as served:
        yield served


@pytest.fixture
def authority(authorities: TimeStampAuthority) -> TimeStampAuthority:
    authorities.fault = authorities.at = None
    return authorities


@pytest.fixture
def days(
    settings: Settings, stores: Stores, owner: Engine, authority: TimeStampAuthority, monkeypatch: pytest.MonkeyPatch
) -> Days:
    made = Days(settings, stores, owner, monkeypatch)
    made.asks(("here", authority), time_stamp_seconds=5.0)
    made.came_in(noon(YESTERDAY), b"one")
    return made


def work(days: Days, step: str = "stamp") -> list[tuple[object, ...]]:
    return days.rows(f"SELECT state, outcome, why FROM work WHERE step = '{step}' ORDER BY id")  # noqa: S608  a name


def test_a_stamp_is_kept_as_it_came_with_the_root_beside(days: Days, authority: TimeStampAuthority) -> None:
    before = utcnow() - timedelta(seconds=1)
    assert days.run()["stamp"] == {"done": 1}
    with days.stores.db.begin() as db:
        [answered], [stated] = stamps.answered(db), stamps.statements(db)
    stamp = answered.stamp
    assert stamp.key == stated.key.removesuffix(".json") + ".here.tsr"
    assert stamp.gen_time is not None and before <= stamp.gen_time <= utcnow()
    objects = days.stores.objects
    answer, root = objects.read(EVIDENCE, stamp.key, stamp.version_id), objects.read(EVIDENCE, stamp.root_key or "")
    assert root == authority.roots.read_bytes()
    assert objects.locked_until(stamp.key) and objects.locked_until(stamp.root_key or "")
    token = time_stamps.verify(answer, objects.read(EVIDENCE, stated.key), root)
    assert (token.gen_time, str(token.serial)) == (stamp.gen_time, stamp.serial)

    [(subject, detail)] = days.rows("SELECT subject, detail FROM custody_events WHERE action = 'stamped'")
    assert subject == f"manifest:{YESTERDAY}"
    assert isinstance(detail, dict)
    assert {"authority", "key", "sha256", "genTime", "serial"} <= set(detail)
    assert (detail["authority"], detail["sha256"], detail["serial"]) == ("here", stamp.sha256, stamp.serial)


def test_nothing_leaves_the_office_unasked(days: Days, authority: TimeStampAuthority) -> None:
    days.settings = days.settings.model_copy(update={"time_stamp_authorities": ()})
    before = authority.asked
    days.run()
    assert authority.asked == before
    assert days.rows("SELECT count(*) FROM stamp_requests") == [(0,)]


def test_several_authorities_stamp_one_statement(days: Days, authority: TimeStampAuthority, tmp_path: Path) -> None:
    with TimeStampAuthority(tmp_path / "other") as other:
        days.asks(("here", authority), ("there", other))
        assert days.run()["stamp"] == {"done": 2}
    assert len(days.keys("stamp/")) == 3
    assert len(days.keys("authority/")) == 2


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault.AWAY, "WAIT"),
        (Fault.HTTP_500, "WAIT"),
        (Fault.HTTP_429, "WAIT"),
        (Fault.HTTP_403, "BLOCKED"),
        (Fault.IMPRINT, "BLOCKED"),
        (Fault.NONCE, "BLOCKED"),
        (Fault.OTHER_CA, "BLOCKED"),
        (Fault.EXPIRED, "BLOCKED"),
        (Fault.REJECTION, "BLOCKED"),
        (Fault.GARBAGE, "BLOCKED"),
        (Fault.REDIRECT, "BLOCKED"),
    ],
)
def test_no_good_answer_is_said_and_asked_for_again(
    days: Days, authority: TimeStampAuthority, fault: Fault, outcome: str
) -> None:
    authority.fault = fault
    assert days.run()["stamp"] == {"done": 0, outcome: 1}
    [(state, said, why)] = work(days)
    assert (state, said) == ("open", outcome) and why
    assert [key for key in days.keys("stamp/") if key.endswith(".tsr")] == []
    assert days.rows("SELECT count(*) FROM stamp_refusals") == [(int(outcome == "BLOCKED"),)]
    authority.fault = None
    days.hurry()
    assert days.run()["stamp"] == {"done": 1}


@pytest.mark.parametrize("days_off", [-2, 2])
def test_a_stamp_of_another_time_than_ours_is_refused(days: Days, authority: TimeStampAuthority, days_off: int) -> None:
    authority.at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days_off)
    assert days.run()["stamp"] == {"done": 0, "BLOCKED": 1}
    assert "clock" in str(work(days)[0][2])


def test_wrong_answers_are_told_after_some_and_forgotten_after_a_right_one(
    days: Days, authority: TimeStampAuthority
) -> None:
    authority.fault = Fault.OTHER_CA
    for told in (0, 0, 1, 1):
        days.run()
        days.hurry()
        with days.stores.db.begin() as db:
            alerts = standing(db)
        assert [(alert.kind, alert.subject) for alert in alerts] == [("time stamps", "authority:here")] * told
    authority.fault = None
    days.run()
    with days.stores.db.begin() as db:
        assert standing(db) == []


def test_an_authority_that_is_away_is_asked_about_one_day_and_left_alone(
    settings: Settings, stores: Stores, owner: Engine, authority: TimeStampAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(settings, stores, owner, monkeypatch)
    days.asks(("here", authority))
    for ago in (3, 2, 1):
        days.came_in(noon(TODAY) - timedelta(days=ago), str(ago).encode())
    authority.fault = Fault.AWAY
    before = authority.asked
    assert days.run()["stamp"] == {"done": 0, "WAIT": 3}
    assert authority.asked == before + 1
    authority.fault = None
    days.hurry()
    assert days.run()["stamp"] == {"done": 3}


class Killed(BaseException):
    """Stands for a process that ends here."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_that_was_stored_by_a_dead_worker_is_taken(
    days: Days, authority: TimeStampAuthority, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    real: Callable[..., object] = runner.Runner._store

    def dying(self: object, outcome: object, until: object) -> object:
        tokens = any(thing.key.endswith(".tsr") for thing in outcome.objects)  # type: ignore[attr-defined]
        stored = real(self, outcome, until) if when == "after" or not tokens else None
        if tokens:
            raise Killed
        return stored

    with monkeypatch.context() as patch:
        patch.setattr(runner.Runner, "_store", dying)
        patch.setattr(runner.Runner, "_release", lambda *_: None)
        with pytest.raises(Killed):
            days.run()
    before = authority.asked
    days.hurry()
    assert days.run()["stamp"] == {"done": 1}
    assert authority.asked - before == (1 if when == "before" else 0)
    assert len([key for key in days.keys("stamp/") if key.endswith(".tsr")]) == 1


def test_an_authority_that_is_taken_out_of_the_settings_is_not_asked(days: Days, authority: TimeStampAuthority) -> None:
    authority.fault = Fault.GARBAGE
    for _ in range(3):
        days.run()
        days.hurry()
    days.settings = days.settings.model_copy(update={"time_stamp_authorities": ()})
    assert days.run()["stamp"] == {"done": 0, "SKIPPED": 1}
    with days.stores.db.begin() as db:
        assert standing(db) == [], "and nobody is told of it any more"


def test_a_new_authority_stamps_the_newest_day(days: Days, authority: TimeStampAuthority) -> None:
    days.settings = days.settings.model_copy(update={"time_stamp_authorities": ()})
    days.run()
    days.asks(("here", authority))
    assert days.run()["stamp"] == {"done": 1}


def test_roots_that_are_not_there_are_told(days: Days, authority: TimeStampAuthority, tmp_path: Path) -> None:
    wrong = Authority("here", authority.url, tmp_path / "none.pem")
    days.settings = days.settings.model_copy(update={"time_stamp_authorities": (wrong,)})
    before = authority.asked
    assert days.run()["stamp"] == {"done": 0, "BLOCKED": 1}
    assert authority.asked == before


# --- OpenTimestamps ------------------------------------------------------------------------------------------


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    with Calendar() as served:
        yield served


@pytest.fixture
def anchored(days: Days, calendar: Calendar) -> Days:
    days.settings = days.settings.model_copy(
        update={"time_stamp_authorities": (), "opentimestamps_calendars": (calendar.url,)}
    )
    return days


def test_a_promise_is_kept_and_then_the_proof_beside_it(anchored: Days, calendar: Calendar) -> None:
    done = anchored.run()
    assert (done["anchor"], done["upgrade"]) == ({"done": 1}, {"done": 0, "WAIT": 1})
    [promise] = [key for key in anchored.keys("stamp/") if key.endswith(".ots")]
    calendar.confirm()
    anchored.hurry()
    assert anchored.run()["upgrade"] == {"done": 1}
    with anchored.stores.db.begin() as db:
        kept = [one.stamp for one in stamps.answered(db)]
    assert [stamp.complete for stamp in kept] == [False, True]
    assert [stamp.key for stamp in kept] == [promise, promise.replace(".ots", ".2.ots")]
    assert {stamp.key for stamp in kept} <= set(anchored.keys("stamp/"))
    assert len(anchored.rows("SELECT seq FROM custody_events WHERE action = 'stamped'")) == 2
    anchored.hurry()
    assert anchored.run()["upgrade"] == {"done": 0}


def test_one_calendar_that_answers_is_enough(anchored: Days, calendar: Calendar) -> None:
    anchored.settings = anchored.settings.model_copy(
        update={"opentimestamps_calendars": ("http://127.0.0.1:1", calendar.url)}
    )
    assert anchored.run()["anchor"] == {"done": 1}
    calendar.confirm()
    anchored.hurry()
    assert anchored.run()["upgrade"] == {"done": 1}


@pytest.mark.parametrize(
    ("said", "outcome"), [(Said(cut=True), "WAIT"), (Said(b"no", 503), "WAIT"), (Said(b"\x07"), "BLOCKED")]
)
def test_a_calendar_without_an_answer_is_asked_again(
    anchored: Days, calendar: Calendar, said: Said, outcome: str
) -> None:
    calendar.said = said
    assert anchored.run()["anchor"] == {"done": 0, outcome: 1}
    calendar.said = None
    anchored.hurry()
    assert anchored.run()["anchor"] == {"done": 1}
    calendar.said = said
    anchored.hurry()
    assert anchored.run()["upgrade"] == {"done": 0, outcome: 1}


def test_a_calendar_that_the_office_does_not_name_any_more_is_not_asked(anchored: Days, calendar: Calendar) -> None:
    anchored.run()
    before = len(calendar.asked)
    with Calendar() as other:
        anchored.settings = anchored.settings.model_copy(update={"opentimestamps_calendars": (other.url,)})
        anchored.hurry()
        assert anchored.run()["upgrade"] == {"done": 0, "SKIPPED": 1}
        assert other.asked == []
    assert len(calendar.asked) == before


def test_settings_that_cannot_be_meant_are_refused() -> None:
    for wrong in ("here", "here ftp://a /b", "Here http://a /b", "opentimestamps http://a /b", "a http://u:p@h /b"):
        with pytest.raises(ValueError, match="NAME URL FILE"):
            Settings(_env_file=None, time_stamp_authorities=wrong)
    with pytest.raises(ValueError, match="twice"):
        Settings(_env_file=None, time_stamp_authorities="a http://a /b,a http://b /c")
    with pytest.raises(ValueError, match="no address"):
        Settings(_env_file=None, opentimestamps_calendars="file:///etc")
    read = Settings(_env_file=None, time_stamp_authorities="a https://a.example/tsr /etc/a root.pem, b http://b /b.pem")
    assert [one.roots for one in read.time_stamp_authorities] == [Path("/etc/a root.pem"), Path("/b.pem")]
