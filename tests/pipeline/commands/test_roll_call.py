"""`lastseen roll-call` and `lastseen unaccounted`, as somebody at the keyboard uses them."""

import csv
import hashlib
from pathlib import Path

import pytest

from lastseen.settings import Settings
from storage import custody
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.commands.test_site import Desk
from tests.storage.casting import Flaws, Seen, Video, candidate, person, post, video


@pytest.fixture
def office(settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An office with its commands."""
    return Desk(Office(settings, stores), monkeypatch)


@pytest.fixture
def shown(stores: Stores) -> Video:
    """Somebody sighted beside somebody unknown."""
    with stores.db.begin() as db:
        made = video(db, Seen(0, 900), Seen(4300, 9000, x=400), flaws=Flaws(unfollowed=7))
        post(db, made.blob, "first.example")
        candidate(db, made.tracks[0], person(db, "HC-1"), "sighting")
    return made


def test_a_roll_call_by_the_beginning_of_a_hash(office: Desk, shown: Video, tmp_path: Path) -> None:
    file = tmp_path / "roll.csv"
    told = office.run("roll-call", shown.sha256[:8], "--csv", str(file))
    assert "2 people: 1 accounted for, 0 waiting for review, 1 unaccounted for" in told
    assert "not complete: a crowd: 7 faces" in told
    said = office.ask("roll-call", f"blob:{shown.sha256}")
    assert [face["state"] for face in said["faces"]] == ["sighting", "unknown"]
    assert (said["blob"], said["unaccounted"], said["complete"]) == (shown.sha256, 1, False)
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    assert [(row["register_numbers"], row["seen_from_to"]) for row in rows] == [
        ("HC-1", "0:00.0 to 0:00.9"),
        ("", "0:04.3 to 0:09.0"),
    ]
    with office.office.stores.db.begin() as db:
        (event,) = custody.events(db)
    assert (event.action, event.subject) == ("exported", f"blob:{shown.sha256}")
    assert event.detail["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "is there already" in office.run("roll-call", shown.sha256[:8], "--csv", str(file), status=2)
    assert "cannot be written" in office.run("unaccounted", "--csv", str(tmp_path / "no" / "x.csv"), status=1)


@pytest.mark.parametrize(("named", "why"), [("xyz", "at least 6"), ("abc", "at least 6"), ("0" * 64, "No file whose")])
def test_what_names_no_file_is_refused(office: Desk, named: str, why: str) -> None:
    assert why in office.run("roll-call", named, status=2)


def test_what_names_several_files_is_refused(office: Desk, stores: Stores) -> None:
    with stores.db.begin() as db:
        for ending in "ab":
            video(db, sha256="0" * 63 + ending)
    assert "give more digits" in office.run("roll-call", "000000", status=2)
    assert office.ask("roll-call", "0" * 63 + "a")["people"] == 0


def test_the_open_items_of_an_office(office: Desk, shown: Video, stores: Stores, tmp_path: Path) -> None:
    with stores.db.begin() as db:
        nobody = video(db, Seen(0, 900))
    file = tmp_path / "open.csv"
    told = office.run("unaccounted", "--csv", str(file))
    assert "1 people unaccounted for in 1 videos" in told
    (row,) = csv.DictReader(file.read_text("utf-8-sig").splitlines())
    assert (row["blob"], row["unaccounted"], row["places"]) == (shown.sha256, "1", "https://first.example/1")
    (item,) = office.ask("unaccounted")["videos"]
    assert [place["post"] for place in item["places"]] == ["https://first.example/1"]
    assert {one["blob"] for one in office.ask("unaccounted", "--all")["videos"]} == {shown.sha256, nobody.sha256}
    status = office.ask("status")
    assert (status["unaccounted"], status["unaccounted_videos"]) == (1, 1)
