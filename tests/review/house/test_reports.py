"""Daily reports on the pages: listed, read as they were made, in the reader's language, and taken along."""

import csv
import hashlib
import io
from datetime import date

import pytest
from sqlalchemy import text

from lastseen.outcomes import ObjectToStore
from pipeline.report import making
from review.roles import STAFF, Role
from storage import daily_reports
from storage.custody import Action
from storage.objects import DERIVED
from storage.stores import Stores
from tests.review.conftest import Browser, Site

DAY = date(2026, 11, 4)


@pytest.fixture
def reported(stores: Stores) -> list[int]:
    """Ids of two reports of one day; the second supersedes the first."""
    with stores.db.begin() as db:
        db.execute(text("INSERT INTO sources (platform, address, reason, legal_basis, added_by)"
                        " VALUES ('telegram', '@a', 'r', 'b', 'm')"))  # fmt: skip
    made = [making.make(stores, DAY, name, force=True) for name in ("<b>first</b>", "second")]
    return [one for one in made if one]


def test_a_report_is_shown_as_it_was_made_and_nothing_else_may_come_into_it(
    site: Site, analyst: Browser, reported: list[int]
) -> None:
    with site.stores.db.begin() as db:
        new, old = daily_reports.of_day(db, DAY)
    for report, address in ((new, f"/reports/{DAY}"), (old, f"/reports/{DAY}?report={old.id}")):
        answer = analyst.get(address)
        assert answer.content == site.stores.objects.read(DERIVED, report.pages["en"]["key"])
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]
    assert "&lt;b&gt;first&lt;/b&gt;" in analyst.get(f"/reports/{DAY}?report={old.id}").text
    analyst.submit("/language", language="uk")
    assert "Щоденний звіт, 4 листопада 2026" in analyst.get(f"/reports/{DAY}").text


def test_the_list_names_each_report_once_and_says_which_is_superseded(analyst: Browser, reported: list[int]) -> None:
    said = analyst.get("/reports").text
    assert said.count(f'href="/reports/{DAY}"') == 1
    assert said.count(f'href="/reports/{DAY}?report={reported[0]}"') == 1
    assert said.count("superseded by a later one") == 1
    assert "<b>first" not in said


def test_an_office_without_reports_says_so(analyst: Browser) -> None:
    assert "None yet: each day is reported in the night after it." in analyst.get("/reports").text


def test_figures_are_taken_along_and_that_stands_in_the_log(site: Site, analyst: Browser, reported: list[int]) -> None:
    sheet = list(csv.reader(io.StringIO(analyst.get(f"/reports/{DAY}.csv").text.removeprefix("\ufeff"))))
    assert sheet[0] == ["part", "what", "of", "day", "number"]
    assert ["day by day", "posts", "", "2026-11-04", "0"] in sheet
    told = analyst.get(f"/reports/{DAY}.json?report={reported[0]}").json()
    assert (told["report"], told["facts"]["day"], told["standing"]) == (reported[0], "2026-11-04", None)
    left = [(event.subject, event.detail) for event in site.log() if event.action == Action.EXPORTED]
    assert left == [
        ("report:2026-11-04", {"report": reported[1], "format": "csv"}),
        ("report:2026-11-04", {"report": reported[0], "format": "json"}),
    ]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/reports/2026-11-05", 404),
        ("/reports/2026-11-04?report=999", 404),
        ("/reports/2026-11-04?report=x", 400),
        ("/reports/2026-11-04.exe", 404),
        ("/reports/nothing", 404),
        ("/reports/..%2f..%2fetc", 404),
    ],
)
def test_what_is_not_there_is_not_found(analyst: Browser, reported: list[int], address: str, status: int) -> None:
    assert analyst.get(address).status_code == status


def test_a_page_that_is_not_as_it_was_made_is_not_shown(site: Site, analyst: Browser, reported: list[int]) -> None:
    with site.stores.db.begin() as db:
        found = daily_reports.find(db, DAY)
    assert found is not None
    place = found.pages["en"]
    digest = hashlib.sha256(b"other").hexdigest()
    changed = ObjectToStore(DERIVED, place["key"], b"other", digest, "text/html")
    site.stores.objects.erase(DERIVED, place["key"])
    site.stores.objects.put_verified(changed)
    assert analyst.get(f"/reports/{DAY}").status_code == 404


def test_whoever_works_in_the_office_may_read_it_and_the_auditor_may_not(site: Site, reported: list[int]) -> None:
    for role in Role:
        assert (site.signed_in(role).get(f"/reports/{DAY}").status_code == 200) is (role in STAFF), role
