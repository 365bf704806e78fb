"""The roll call of a video: what it shows of whom, what is recorded, and the list of those unaccounted for."""

import csv
import io
import re

import pytest
from sqlalchemy import text

from review.roles import Role
from storage.stores import Stores
from tests.review.conftest import Browser, Site, picture_addresses, texts
from tests.review.seeding import Story, jpeg, put, seed
from tests.review.test_pages import faults
from tests.storage import judged
from tests.storage.casting import Seen, Video, candidate, person, post, video

ARABIC = "عبد الرحمن بن محمد"
LONG = "Maksymiliana-Aleksandra " * 12


@pytest.fixture
def shown(site: Site) -> Video:
    """A candidate in two shots, a stranger, a sighting, and one too small, all with pictures."""
    return fill(site.stores)


def fill(stores: Stores) -> Video:
    with stores.db.begin() as db:
        seen = [Seen(0, 2000), Seen(500, 2500, x=400), Seen(9000, 9900), Seen(3000, 4000), Seen(0, 0, gate="24 px")]
        made = video(db, *seen, links=[(0, 2)])
        post(db, made.blob, "first.example")
        candidate(db, made.tracks[2], person(db, "HC-1", ARABIC))
        candidate(db, made.tracks[3], person(db, "HC-2", LONG), "sighting")
        keys = db.execute(text("SELECT crop_key FROM best_shots")).scalars().all()
    for key in keys:
        put(stores, key, jpeg())
    return made


def answered_by(site: Site, name: str, shown: Video) -> None:
    """Somebody gives their answer on the candidate of the third track, which leaves it open."""
    with site.stores.db.begin() as db:
        asked = db.execute(text("SELECT id FROM candidates WHERE track_id = :track"), {"track": shown.tracks[2]})
        judged.give(db, judged.account(db, name), asked.scalar_one(), 0)


def shot(stores: Stores, track: int) -> int:
    with stores.db.begin() as db:
        found: int = db.execute(
            text("SELECT id FROM best_shots WHERE track_id = :track"), {"track": track}
        ).scalar_one()
    return found


def test_a_roll_call_tells_how_many_there_are_and_shows_only_who_is_asked_about(
    site: Site, analyst: Browser, shown: Video
) -> None:
    answered_by(site, "user1", shown)
    page = analyst.get(f"/videos/{shown.sha256}/roll-call").text
    assert "<h1>3 people, 1 accounted for</h1>" in page
    for told in (ARABIC, "HC-1", "HC-2", "0:00.0 to 0:02.0", "0:09.0 to 0:09.9", "24 px", "https://first.example/1"):
        assert told in page, told
    assert faults(page) == []
    shots = [shot(site.stores, shown.tracks[n]) for n in (2, 3)]
    addresses = picture_addresses(page)
    assert [int(address.split("/")[3].split("?")[0]) for address in addresses] == shots
    assert [analyst.get(address).status_code for address in addresses] == [200, 200]
    assert texts(site.log()) == [("user1", "viewed", f"blob:{shown.sha256}")]
    assert analyst.get(f"/videos/{shown.blob}/roll-call").text == page


def test_whoever_may_still_judge_is_not_told_who_is_asked_about(site: Site, analyst: Browser, shown: Video) -> None:
    """Neither on the page nor in a file; the face is covered like a stranger's, and counted as what it is."""
    page = analyst.get(f"/videos/{shown.sha256}/roll-call").text
    assert "<h1>3 people, 1 accounted for</h1>" in page
    assert "waits for review" in page
    assert "HC-2" in page
    assert picture_addresses(page)[0].startswith(f"/media/crop/{shot(site.stores, shown.tracks[3])}?")
    assert len(picture_addresses(page)) == 1
    for address in ("", ".csv", ".json"):
        said = analyst.get(f"/videos/{shown.sha256}/roll-call{address}").text
        assert [word for word in (ARABIC, "HC-1") if word in said] == []
    answered_by(site, "user1", shown)
    assert ARABIC in analyst.get(f"/videos/{shown.sha256}/roll-call").text
    assert "HC-1" in analyst.get(f"/videos/{shown.sha256}/roll-call.json").text


def test_a_look_at_a_stranger_is_asked_for_and_recorded(site: Site, analyst: Browser, shown: Video) -> None:
    stranger = shown.tracks[1]
    address = f"/media/face/{shot(site.stores, stranger)}"
    assert address not in analyst.get(f"/videos/{shown.sha256}/roll-call").text
    page = analyst.get(f"/videos/{shown.sha256}/roll-call?face={stranger}").text
    assert address in picture_addresses(page)
    for _ in range(2):
        picture = analyst.get(address)
        assert (picture.status_code, picture.headers["cache-control"]) == (200, "private, no-store")
    assert [event.action for event in site.log()] == ["viewed"] * 4
    assert [event.subject for event in site.log()][2:] == [f"shot:{shot(site.stores, stranger)}"] * 2


def test_where_nobody_is_asked_about_nobody_is_looked_at(site: Site, analyst: Browser, shown: Video) -> None:
    with site.stores.db.begin() as db:
        db.execute(text("UPDATE candidates SET state = 'withdrawn'"))
    page = analyst.get(f"/videos/{shown.sha256}/roll-call?face={shown.tracks[1]}").text
    assert "3 people, 0 accounted for" in page
    assert picture_addresses(page) == []
    assert "?face=" not in page
    assert analyst.get(f"/media/face/{shot(site.stores, shown.tracks[1])}").status_code == 404


def test_two_people_are_parted_under_the_name_of_who_said_so(site: Site, analyst: Browser, shown: Video) -> None:
    before = analyst.get(f"/videos/{shown.sha256}/roll-call?face={shown.tracks[0]}").text
    form = re.search(r'action="(/cast-links/\d+/withdraw)"', before)
    assert form
    parted = analyst.submit(form[1])
    assert (parted.status_code, parted.headers["location"]) == (303, f"/videos/{shown.sha256}/roll-call")
    assert "4 people, 1 accounted for" in analyst.get(parted.headers["location"]).text
    assert analyst.submit("/cast-links/999999/withdraw").status_code == 404
    assert [(event.actor, event.action) for event in site.log() if event.action == "parted"] == [("user1", "parted")]


def test_what_is_downloaded_has_no_pictures_and_is_recorded(site: Site, analyst: Browser, shown: Video) -> None:
    table = analyst.get(f"/videos/{shown.sha256}/roll-call.csv")
    assert table.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["state"] for row in rows] == ["candidate", "unknown", "unknown", "sighting"]
    said = analyst.get(f"/videos/{shown.sha256}/roll-call.json").json()
    assert (said["people"], said["unaccounted"], len(said["faces"])) == (3, 1, 4)
    assert [event.action for event in site.log()] == ["exported", "exported"]
    assert {event.subject for event in site.log()} == {f"blob:{shown.sha256}"}
    assert analyst.get(f"/videos/{shown.sha256}/roll-call.exe").status_code == 404


@pytest.mark.parametrize("named", ["999999", "0" * 64, "x", "-1", "9" * 30])
def test_a_video_that_is_not_there_is_not_found(analyst: Browser, named: str) -> None:
    assert analyst.get(f"/videos/{named}/roll-call").status_code == 404


def test_the_open_items_lead_to_their_roll_calls(site: Site, analyst: Browser) -> None:
    assert "no video" in analyst.get("/unaccounted").text
    shown = fill(site.stores)
    page = analyst.get("/unaccounted").text
    assert "1 person unaccounted for in 1 video" in page
    assert f"/videos/{shown.sha256}/roll-call" in page
    assert faults(page) == []
    assert "unaccounted videos" in site.signed_in(Role.ADMINISTRATOR).get("/status").text


def test_a_candidates_page_leads_to_the_roll_call(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores, Story())
    page = site.reader(seeded.candidate).get(f"/candidates/{seeded.candidate}").text
    link = re.search(r'href="(/videos/[0-9a-f]{64}/roll-call)"', page)
    assert link
    assert "1 person, 0 accounted for" in analyst.get(link[1]).text
