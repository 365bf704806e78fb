"""The register under Airflow alone, where nobody runs a command: who is missing again is searched for again."""

from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from storage.stores import Stores
from tests.dags.running import run
from tests.office import Office
from tests.servers.video_site import Page, VideoSite

NUMBER = "BO-1961"
SAID = ("--body", "an office", "--reference", "a letter", "--sets")


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office."""
    return Office(settings, stores)


def enrolled(office: Office) -> int:
    """Photos that can be searched with."""
    with office.stores.db.begin() as db:
        return len(db.execute(text("SELECT DISTINCT photo_id FROM templates WHERE photo_id IS NOT NULL")).all())


def candidates(office: Office) -> list[object]:
    """Their states."""
    found = office.ask("candidates")["candidates"]
    assert isinstance(found, list)
    return [one["state"] for one in found]


@pytest.mark.long
def test_who_is_missing_again_is_enrolled_and_searched_for_without_any_command(
    office: Office, site: VideoSite, shared_media: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "register" / NUMBER / "photo.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes((shared_media / "obama.jpg").read_bytes())
    office.run("register", "import", str(photo.parents[1]))
    office.run("register", "state", NUMBER, "--says", "returned", *SAID)
    assert enrolled(office) == 0, "who is home has no templates"
    page = site.add(Page("one", (shared_media / "obama2.jpg").read_bytes(), title="x"))
    office.run("source", "add", "video_site", site.url(page.path), "--reason", "a test")
    for command in ("collect", "fetch", "analyze"):
        office.run(command)
    assert run(office, "match_register").state == "success"
    assert candidates(office) == []

    office.run("register", "state", NUMBER, "--says", "missing", *SAID)
    told = run(office, "rematch_register", dry_run=True)
    assert (told.state, enrolled(office)) == ("success", 0)
    told = run(office, "rematch_register")
    assert (told.state, told.tasks["enroll"], told.tasks["check_photos"]) == ("success", ["success"], ["success"])
    assert enrolled(office) == 1
    assert candidates(office) == ["open"]
    rows = office.rows()
    told = run(office, "rematch_register")
    assert (told.tasks["enroll"], told.tasks["sweep"]) == (["skipped"], ["skipped"]), "nothing is left"
    assert {name for name, count in office.rows().items() if rows[name] != count} <= {"work_costs"}
