"""The auditor's page: the log is read, searched, taken along, and verified piece by piece."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from pipeline.custody import signing
from review.house import audit
from review.roles import Role
from storage import chain_checks, custody, custody_keys, log_pages
from storage.chain_checks import Followed
from storage.custody import Action, Entry
from storage.log_pages import MOST, OF_REVIEWS
from storage.stores import Stores
from tests.review.conftest import Browser, Site
from tests.review.test_pages import faults


@pytest.fixture
def auditor(site: Site) -> Browser:
    return site.signed_in(Role.AUDITOR)


def write(stores: Stores, count: int, actor: str = "ann", action: Action = Action.VIEWED) -> None:
    with stores.db.begin() as db:
        custody.append_all(db, actor, [Entry(action, f"candidate:{number}", {"answer": 3}) for number in range(count)])


def test_the_log_is_read_page_by_page_and_reading_it_is_an_event(site: Site, auditor: Browser) -> None:
    write(site.stores, MOST + 5)
    page = auditor.get("/log").text
    assert "candidate:104" in page and "candidate:3<" not in page
    assert f"/log?before={6}" in page
    older = auditor.get("/log?before=6").text
    assert "candidate:4<" in older and "candidate:5<" not in older
    assert faults(page) == []
    assert [(event.actor, event.action) for event in site.log()[-2:]] == [("user1", "viewed")] * 2


def test_the_log_is_searched_by_who_what_on_what_and_when(site: Site, auditor: Browser) -> None:
    write(site.stores, 3)
    write(site.stores, 3, "bob", Action.PLAYED)
    page = auditor.get("/log?actor=bob&action=played&subject=candidate%3A1&since=2026-01-01&until=2999-01-01").text
    rows = page.partition("<tbody ")[2]
    assert rows.count("<tr ") == 1 and "candidate:1<" in rows and "bob" in rows
    assert "No event is like that" in auditor.get("/log?until=2000-01-01").text
    searched = site.log()[-1]
    assert (searched.action, searched.detail) == ("searched", {"until": "2000-01-01"})
    for wrong in ("since=yesterday", "before=x", "actor=" + "x" * 300, "actor=%00"):
        assert auditor.get(f"/log?{wrong}").status_code == 400, wrong


def test_days_are_found_whatever_day_the_log_begins_and_ends(
    site: Site, auditor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2, 2, 4):  # on the third nothing happened
        monkeypatch.setattr(custody, "utcnow", lambda day=day: datetime(2026, 3, day, 12, tzinfo=UTC))
        write(site.stores, 1, f"day{day}")
    for asked, found in (
        ("since=2026-03-02&until=2026-03-02", ["day2", "day2"]),
        ("since=2026-03-03&until=2026-03-03", []),
        ("since=2026-03-03", ["day4"]),
        ("until=2026-03-03", ["day1", "day2", "day2"]),
        ("until=2026-02-28", []),
        ("since=2026-03-05", []),
        ("since=2026-03-04&until=2026-03-01", []),
    ):
        lines = [json.loads(line) for line in auditor.get(f"/log.jsonl?{asked}").text.splitlines()]
        assert [line["actor"] for line in lines if line["actor"].startswith("day")] == found, asked
        assert auditor.get(f"/log?{asked}").text.count("<bdi>day") == len(found), asked


def test_whoever_may_judge_as_well_reads_nothing_of_reviews(site: Site, auditor: Browser) -> None:
    """Nor by a filter: of an item in hand the subject says whether it is a known pair."""
    for action in OF_REVIEWS:
        write(site.stores, 1, action=action)
    assert auditor.get("/log").text.count("candidate:0<") == len(OF_REVIEWS)
    both = site.signed_in(Role.AUDITOR, Role.ANALYST)
    page = both.get("/log").text
    assert "candidate:0<" not in page and "An auditor who does not judge reads them." in page
    assert "No event is like that" in both.get("/log?subject=candidate%3A0").text
    assert both.get("/log.jsonl?subject=candidate%3A0").text == ""
    assert both.get("/api/v1/log?subject=candidate%3A0").json()["events"] == []


def test_the_log_is_taken_along_as_it_stood_and_says_so(
    site: Site, auditor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pages, "AT_ONCE", 2)
    write(site.stores, 5, "=cmd()")
    table = list(csv.reader(io.StringIO(auditor.get("/log.csv").text.removeprefix("\ufeff"))))
    assert [row[0] for row in table] == ["seq", "1", "2", "3", "4", "5"]
    assert table[1][2] == "'=cmd()", "no formula in a spreadsheet"
    lines = [json.loads(line) for line in auditor.get("/log.jsonl?action=exported").text.splitlines()]
    (exported,) = lines
    assert exported["detail"] == {"what": "custody log", "format": "csv", "upto": 5}
    assert exported["hash"] == site.log()[5].hash.hex()
    assert auditor.get("/log.exe").status_code == 404


def test_a_log_is_verified_in_pieces_against_its_signed_heads(
    site: Site, auditor: Browser, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PIECE", 3)
    write(site.stores, 4)
    signing.sign(settings, site.stores)
    write(site.stores, 3)
    assert "Nobody has verified it" in auditor.get("/log").text
    assert "data-go-on" in going_on(auditor)
    going_on(auditor)
    page = going_on(auditor)
    assert "Events 1 to 8 stand" in page and "1 signed heads were held against them" in page
    assert "is over 4 events" in page
    verified = next(event for event in site.log() if event.action == "verified")
    assert verified.detail == {"events": 8, "heads": 1, "incidents": 0}
    assert "events have come since" in auditor.get("/log").text


def going_on(auditor: Browser) -> str:
    assert auditor.submit("/log/verify").headers["location"] == "/log#verified"
    return auditor.get("/log").text


DAMAGES = {
    "changed": ("UPDATE custody_events SET actor = 'eve' WHERE seq = 2", "its content is not what was hashed"),
    "taken out": ("DELETE FROM custody_events WHERE seq IN (2, 3, 4, 5)", "4 events before it are missing"),
    "cut off": ("DELETE FROM custody_events WHERE seq > 4", "its end was cut off"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_done_to_a_log_shows_in_pieces_too(stores: Stores, settings: Settings, damage: str) -> None:
    write(stores, 6)
    signing.sign(settings, stores)
    statement, told = DAMAGES[damage]
    with stores.owner.begin() as db:
        db.execute(text("ALTER TABLE custody_events DISABLE TRIGGER USER"))
        db.execute(text(statement))
    found = [one.what for one in followed(stores, settings, 2).incidents]
    assert any(told in what for what in found), found


def followed(stores: Stores, settings: Settings, piece: int) -> Followed:
    so_far, trust = Followed(), custody_keys.trusted(settings)
    for _ in range(8):
        with stores.db.begin() as db:
            so_far = chain_checks.go_on(db, stores.objects, trust, so_far, piece)
    return so_far


def test_pieces_come_to_what_one_pass_comes_to(stores: Stores, settings: Settings) -> None:
    for count in (3, 1, 4):
        write(stores, count)
        signing.sign(settings, stores)
    ends: Iterator[Followed] = (followed(stores, settings, piece) for piece in (1, 2, 100))
    states = {(one.head, one.frontier, one.heads, one.wrong, one.reached) for one in ends}
    assert len(states) == 1
    (only,) = states
    assert only[0].seq == 8 and only[2:] == (3, 0, 8)
