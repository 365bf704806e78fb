"""Cases of groups on their pages: opened, read, decided on, and what whoever reviews is not told before they ask."""

import csv
import io
import re
from datetime import date

import pytest
from sqlalchemy import text

from lastseen.records import Says, StatementSource
from review.roles import Role
from storage import group_cases, statements
from storage.statements import Said
from storage.stores import Stores
from tests.review.conftest import Browser, Site, picture_addresses
from tests.review.seeding import jpeg, put
from tests.review.test_pages import faults
from tests.storage.casting import Seen, Video, candidate, person, post, repost, row, video

HOSTILE = "</bdi><script>alert(1)</script>\u202e=1+1"


@pytest.fixture
def officer(site: Site) -> Browser:
    """A browser of a case officer, who judges no face."""
    return site.signed_in(Role.CASE_OFFICER)


@pytest.fixture
def senior(site: Site) -> Browser:
    """A browser of a senior, who may be asked about any face."""
    return site.signed_in(Role.SENIOR)


@pytest.fixture
def shown(site: Site) -> Video:
    """Somebody confirmed, somebody who waits, and two strangers; and a copy of it with two of them."""
    return fill(site.stores)


def fill(stores: Stores) -> Video:
    with stores.db.begin() as db:
        made = video(db, *(Seen(0, 2000, x=100 + 150 * number) for number in range(4)))
        post(db, made.blob, "first.example")
        home = person(db, "HC-1", "Ada Home")
        candidate(db, made.tracks[0], home, "sighting")
        candidate(db, made.tracks[1], person(db, "HC-2", "Ben Waits"))
        said = Said(Says.CAPTIVE, "the committee", StatementSource.LETTER, "letter 17", date(2026, 11, 9), sets=True)
        statements.keep(db, home[0], said, "keeper")
        copy = video(db, Seen(0, 1000), Seen(0, 1000, x=250), sha256="c" * 64)
        repost(db, made, copy, (0, 1000), (0, 1000))
        keys = db.execute(text("SELECT crop_key FROM best_shots")).scalars().all()
    for key in keys:
        put(stores, key, jpeg())
    return made


def opened(site: Site, shown: Video, title: str = "Yard", reason: str = "taken together") -> int:
    with site.stores.db.begin() as db:
        return group_cases.open_(db, shown.blob, title, reason, "ada")[0]


def told(site: Site) -> set[tuple[str, str]]:
    """(account, register number) of everybody who was told of a candidate."""
    asked = """
        SELECT users.name, register_number
          FROM (SELECT user_id, person_id FROM tellings JOIN candidates ON candidates.id = candidate_id
                 UNION SELECT user_id, person_id FROM tellings_of_people) AS every
          JOIN users ON users.id = user_id JOIN persons ON persons.id = person_id"""
    with site.stores.db.begin() as db:
        return {(name, number) for name, number in db.execute(text(asked))}


def test_a_roll_call_becomes_a_case(site: Site, officer: Browser, shown: Video) -> None:
    page = officer.get(f"/videos/{shown.sha256}/roll-call").text
    assert 'action="/groups"' in page
    made = officer.submit("/groups", blob=shown.sha256, title=f"Yard {HOSTILE}", reason="taken together")
    assert (made.status_code, made.headers["location"]) == (303, "/groups/1")
    page = officer.get("/groups/1").text
    assert "<script>alert" not in page
    for said in ("Ada Home", "the committee", "held in captivity", "letter 17", "taken together", "first.example"):
        assert said in page, said
    assert faults(page) == []
    numbers = [int(found) for found in re.findall(r"<dd>(\d+)</dd>", page)]
    assert numbers == [4, 1, 1, 1, 2, 3]
    assert "/groups/1" in officer.get(f"/videos/{shown.sha256}/roll-call").text
    assert ("case opened", "group:1") in [(event.action, event.subject) for event in site.log()]
    assert all("Yard" not in str(event.detail) for event in site.log())


def test_a_case_without_a_title_or_a_reason_is_not_opened_and_says_so(officer: Browser, shown: Video) -> None:
    refused = officer.submit("/groups", blob=shown.sha256, title=" ", reason="they were taken together")
    assert refused.status_code == 422
    assert "Give the case a title." in refused.text
    assert "they were taken together" in refused.text
    assert officer.submit("/groups", blob="0" * 64, title="t", reason="r").status_code == 400


def test_the_page_shows_only_pictures_that_may_be_seen_and_they_open(
    site: Site, officer: Browser, shown: Video
) -> None:
    page = officer.get(f"/groups/{opened(site, shown)}").text
    (address,) = picture_addresses(page)
    assert officer.get(address).status_code == 200
    assert f"/videos/{shown.sha256}/roll-call?face={shown.tracks[2]}" in page


def test_a_case_officer_is_not_told_who_waits(site: Site, officer: Browser, shown: Video) -> None:
    case = opened(site, shown)
    for address in (f"/groups/{case}", f"/groups/{case}.csv", f"/videos/{shown.sha256}/roll-call"):
        said = officer.get(address).text
        assert "HC-1" in said
        assert [word for word in ("Ben Waits", "HC-2") if word in said] == []


def test_whoever_reads_a_case_whole_is_not_asked_about_its_people(
    site: Site, officer: Browser, senior: Browser, shown: Video
) -> None:
    case = opened(site, shown)
    officer.get(f"/groups/{case}")
    assert told(site) == {("user1", "HC-1"), ("user1", "HC-2")}
    senior.get(f"/groups/{case}")
    assert told(site) == {("user1", "HC-1"), ("user1", "HC-2"), ("user2", "HC-1")}
    senior.get(f"/groups/{case}?whole=1")
    assert ("user2", "HC-2") in told(site)


def test_whoever_reviews_is_told_what_was_said_only_when_they_ask(site: Site, senior: Browser, shown: Video) -> None:
    case = opened(site, shown, reason="taken on the 11th")
    with site.stores.db.begin() as db:
        group_cases.note(db, case, "his brother called", "ada")
        group_cases.count(db, case, 9, "five turn away", "ada")
        blob = db.execute(text("SELECT id FROM blobs WHERE sha256 = :file"), {"file": "c" * 64}).scalar_one()
        group_cases.decide(db, case, blob, belongs=False, reason="says the cousin", actor="ada")
    secret = ("the committee", "brother", "turn away", "taken on the 11th", "cousin", "letter 17", "captivity")
    page, table = senior.get(f"/groups/{case}").text, senior.get(f"/groups/{case}.csv").text
    assert [word for word in secret if word in page + table] == []
    assert "Ada Home" in page
    assert "<dd>9</dd>" in page
    page, table = senior.get(f"/groups/{case}?whole=1").text, senior.get(f"/groups/{case}.csv?whole=1").text
    assert [word for word in secret if word not in page] == []
    assert "the committee" in table
    assert faults(page) == []


def test_the_list_has_the_oldest_first_and_counts_what_is_open(
    site: Site, officer: Browser, senior: Browser, shown: Video
) -> None:
    assert "no case yet" in officer.get("/groups").text
    opened(site, shown, HOSTILE)
    page = officer.get("/groups").text
    assert "<script>alert" not in page
    assert "<b>3</b>" in page
    assert faults(page) == []
    assert "Still open" in page
    assert "Still open" not in senior.get("/groups").text
    assert "/groups" in senior.get("/unaccounted").text


def test_a_recording_that_is_proposed_is_added_or_refused(site: Site, officer: Browser, shown: Video) -> None:
    case = opened(site, shown)
    page = officer.get(f"/groups/{case}").text
    assert "the same footage, with 4 people of the group" in page
    refused = officer.submit(f"/groups/{case}/files", blob="c" * 64, belongs="no", reason="a montage")
    assert (refused.status_code, refused.headers["location"]) == (303, f"/groups/{case}#files")
    assert "a montage" in officer.get(f"/groups/{case}").text
    added = officer.submit(
        f"/groups/{case}/files", blob=f"{site.url}/videos/{'c' * 64}/roll-call", belongs="yes", reason="the same"
    )
    assert added.status_code == 303
    page = officer.get(f"/groups/{case}").text
    assert "<dt>shown</dt><dd>4</dd>" in page, "two of the copy are two of the first"
    again = officer.submit(f"/groups/{case}/files", blob="c" * 64, belongs="yes", reason="the same")
    assert (again.status_code, "belongs to the case already" in again.text) == (422, True)
    assert officer.submit(f"/groups/{case}/files", blob="c" * 64, belongs="perhaps").status_code == 400


def test_notes_a_count_and_the_end_of_a_case(site: Site, officer: Browser, shown: Video) -> None:
    case = opened(site, shown)
    notes = f"/groups/{case}/notes"
    assert officer.submit(notes, kind="note", note=f"a relative wrote {HOSTILE}").status_code == 303
    assert "<script>alert" not in officer.get(f"/groups/{case}").text
    nobody = officer.submit(notes, kind="counted", people="many", note="hard to see")
    assert (nobody.status_code, "hard to see" in nobody.text) == (422, True)
    assert officer.submit(notes, kind="counted", people="12", note="").status_code == 303
    assert "<dt>shown</dt><dd>12</dd>" in officer.get(f"/groups/{case}").text
    assert officer.submit(notes, kind="closed", note=" ").status_code == 422
    assert officer.submit(notes, kind="closed", note="handed to the ministry").status_code == 303
    page = officer.get(f"/groups/{case}").text
    assert "closed, and left open:</b> <bdi>" in page or "11 people" in page
    assert officer.submit(notes, kind="counted", people="3", note="").status_code == 422
    assert officer.submit(notes, kind="reopened", note="seen again").status_code == 303
    assert officer.submit(notes, kind="forgotten", note="x").status_code == 400
    done = [event.detail["what"] for event in site.log() if event.action == "case changed"]
    assert done == ["note", "counted", "closed", "reopened"]


def test_a_letter_about_the_case_stands_on_its_page(site: Site, officer: Browser, shown: Video) -> None:
    case = opened(site, shown)
    with site.stores.db.begin() as db:
        to = row(db, "letter_recipients", kind="icrc", name="Agency", language="en", added_by="ada")
        said = {"recipient_id": to, "group_case_id": case, "language": "en", "body": "b", "with_package": False}
        row(db, "letters", **said, subject="On four people", made_by="ada")
    page = officer.get(f"/groups/{case}").text
    assert "On four people" in page
    assert "Agency" in page


def test_the_table_is_recorded_and_runs_no_formula(site: Site, officer: Browser, shown: Video) -> None:
    table = officer.get(f"/groups/{opened(site, shown)}.csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["state"] for row in rows] == ["sighting", "candidate", "unknown", "unknown"]
    assert rows[0]["confirmed_by"].startswith("the committee: captive")
    assert (site.log()[-1].action, site.log()[-1].subject) == ("exported", "group:1")


def test_analysts_open_no_case(site: Site, analyst: Browser, shown: Video) -> None:
    assert "/groups" not in analyst.get(f"/videos/{shown.sha256}/roll-call").text
    assert analyst.get(f"/groups/{opened(site, shown)}").status_code == 403
