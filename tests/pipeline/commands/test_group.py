"""`lastseen group`, as somebody at the keyboard uses it: on rows, and on the shared clip as it is really analysed."""

import csv
from pathlib import Path

import av
import pytest
from sqlalchemy import text

from lastseen.roles import Role
from lastseen.settings import Settings
from storage import accounts, custody
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.commands.test_site import Desk
from tests.pipeline.conftest import WANTED
from tests.servers.video_site import Page, VideoSite
from tests.storage import judged
from tests.storage.casting import Seen, Video, candidate, person, post, video

CUT_SECONDS = 8.0
"""of the clip, that a second page shows"""


@pytest.fixture
def desk(settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An office with its commands."""
    return Desk(Office(settings, stores), monkeypatch)


@pytest.fixture
def shown(stores: Stores) -> Video:
    """Somebody sighted beside somebody unknown."""
    with stores.db.begin() as db:
        made = video(db, Seen(0, 900), Seen(0, 900, x=400))
        post(db, made.blob, "first.example")
        candidate(db, made.tracks[0], person(db, "HC-1"), "sighting")
    return made


def test_the_life_of_a_case_by_command(desk: Desk, shown: Video, stores: Stores, tmp_path: Path) -> None:
    with stores.db.begin() as db:
        other = video(db, Seen(0, 900))
    named = ("open", shown.sha256[:8], "--title", "Yard", "--reason", "together")
    case = str(desk.ask("group", *named)["case"])
    assert desk.ask("group", "count", case, "3", "--note", "one turns away")["shown"] == 3
    assert desk.ask("group", "add", case, other.sha256, "--reason", "the same yard")["by_tracks"] == 3
    assert desk.ask("group", "refuse", case, other.sha256, "--reason", "another yard")["by_tracks"] == 2
    desk.ask("group", "note", case, "a relative wrote")
    file, every = tmp_path / "case.csv", tmp_path / "cases.csv"
    told = desk.run("group", "show", case, "--csv", str(file))
    assert "3 people shown (by tracks 2, by eye 3): 1 accounted for, 0 confirmed" in told
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    assert [(row["state"], row["register_numbers"]) for row in rows] == [("sighting", "HC-1"), ("unknown", "")]
    assert "is there already" in desk.run("group", "show", case, "--csv", str(file), status=2)
    assert desk.ask("group", "list", "--csv", str(every))["open"] == 3
    (row,) = csv.DictReader(every.read_text("utf-8-sig").splitlines())
    assert (row["title"], row["open"], row["closed"]) == ("Yard", "3", "")
    assert desk.ask("group", "close", case, "--reason", "handed on")["closed"]
    assert desk.ask("group", "list")["open"] == 0
    assert "reopen" in desk.run("group", "count", case, "4", status=2)
    assert desk.ask("group", "reopen", case, "--reason", "seen again")["closed"] is None
    said = desk.ask("group", "show", case)
    assert [note["kind"] for note in said["notes"]] == ["counted", "note", "closed", "reopened"]
    with stores.db.begin() as db:
        log = [(event.action, event.detail.get("what")) for event in custody.events(db)]
    assert log[:3] == [("case opened", None), ("case changed", "counted"), ("case changed", "recording added")]
    assert ("exported", "group") in log


def test_who_looked_at_a_case_is_known(desk: Desk, shown: Video) -> None:
    stores, password = desk.office.stores, "correct horse battery"
    case = str(desk.ask("group", "open", shown.sha256, "--title", "Yard", "--reason", "together")["case"])
    with stores.db.begin() as db:
        accounts.add_user(db, "sue", password, [Role.SENIOR])
    desk.run("group", "show", case, "--as", "sue", said=f"{password}\n")
    with stores.db.begin() as db:
        (look,) = [event for event in custody.events(db) if event.action == "viewed"]
        assert db.execute(text("SELECT count(*) FROM tellings")).scalar_one() > 0
    assert (look.actor, look.subject) == ("sue", f"group:{case}")


def test_what_makes_no_sense_says_what_to_write(desk: Desk, shown: Video) -> None:
    assert "There is no case 7" in desk.run("group", "show", "7", status=2)
    assert "at least 6" in desk.run("group", "open", "xyz", "--title", "t", "--reason", "r", status=2)
    assert "title" in desk.run("group", "open", shown.sha256, "--title", " ", "--reason", "r", status=2)
    assert "--reason is empty" in desk.run("group", "open", shown.sha256, "--title", "t", "--reason", " ", status=2)


@pytest.mark.long
def test_the_group_of_a_clip_that_is_really_analysed(
    office: Office, site: VideoSite, clip: Page, register: Path, tmp_path: Path
) -> None:
    """One of several is known; a cut of the clip shows them again, and adds nobody."""
    site.add(Page("cut", cut(clip, tmp_path / "cut.mp4"), title="Again"))
    office.run("register", "import", str(register))
    for path in (clip.path, "/watch/cut"):
        office.run("source", "add", "video_site", site.url(path), "--reason", "a test")
        office.run("run")
    found = office.ask("candidates")["candidates"]
    assert isinstance(found, list)
    with office.stores.db.begin() as db:
        for one in found:
            judged.conclude(db, one["id"], 3, 3)
    blob = found[0]["blob"]
    case = str(office.ask("group", "open", blob, "--title", "Evening", "--reason", "together")["case"])
    told = office.ask("group", "show", case)
    shown, again = told["shown"], told["seen_again"]
    assert isinstance(shown, int)
    assert isinstance(again, list)
    assert told["accounted_for"] == 1, "seen several times, and counted once"
    assert told["by_tracks"] == shown > 2
    assert len(again) == 1
    assert again[0]["same_footage"]
    assert again[0]["people"]

    fields = ("--body", "the committee", "--reference", "letter 17", "--source", "letter", "--dated", "2026-11-09")
    office.run("register", "state", WANTED, "--says", "captive", *fields, "--sets")
    added = office.ask("group", "add", case, again[0]["blob"], "--reason", "a cut of the same")
    assert (added["recordings"], added["shown"], added["confirmed"]) == (2, shown, 1)
    assert added["open"] == shown - 1


def cut(clip: Page, path: Path) -> Path:
    """The first seconds of the clip, as they are."""
    if not isinstance(clip.content, Path):
        raise TypeError("the clip is a file")
    with av.open(clip.content) as film, av.open(path, "w") as made:
        stream = film.streams.video[0]
        copy = made.add_stream_from_template(stream)
        for packet in film.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            if packet.pts * packet.time_base > CUT_SECONDS:
                break
            packet.stream = copy
            made.mux(packet)
    return path
