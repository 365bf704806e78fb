"""Reports of years and months on the pages: read as they were made, and each figure opened to what it counts."""

import csv
import io
import re

import pytest

from lastseen.clock import utcnow
from lastseen.yearly_words import FIGURES
from pipeline.report import yearly
from review.roles import Role
from storage import accounts, year_reports
from storage.accounts import User
from storage.custody import Action
from storage.objects import DERIVED
from storage.year_reports import YearReport
from tests.review.conftest import Browser, Site
from tests.review.test_blindness import told
from tests.storage import yearly_office as office
from tests.storage.casting import person

TODAY = utcnow().date()
EVERY = (Role.CASE_OFFICER, Role.SENIOR)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def report(site: Site) -> YearReport:
    """Of this year, with records of every kind."""
    with site.stores.db.begin() as db:
        office.everything(db, HOSTILE)
    return yearly.make(site.stores, yearly.year(f"{TODAY:%Y}"), None, "test").report


def user(site: Site, *roles: Role) -> tuple[User, Browser]:
    with site.stores.db.begin() as db:
        made = accounts.add_user(db, "-".join(roles), None, roles)
    return made, site.as_user(made)


def listed(answer: str) -> int:
    """How many records a page shows."""
    body = re.search(r'<tbody id="records"[^>]*>(.*?)</tbody>', answer, re.DOTALL)
    return body[1].count("<tr ") if body else 0


def weight(answer: str) -> int:
    """What the records that a page shows come to."""
    return listed(answer) + sum(int(said) - 1 for said in re.findall(r"counts as (\d+)", answer))


def test_every_count_is_what_its_list_comes_to(site: Site, report: YearReport) -> None:
    _, browser = user(site, *EVERY)
    counted = set()
    for name in FIGURES:
        page = browser.get(f"/reports/periods/{report.id}/records/{name}?whole=1").text
        assert weight(page) == report.figures["counts"][name], name
        assert HOSTILE not in page
        assert ("Both sides stand on this person" in page) == (name.startswith("contradicted") and listed(page) > 0)
        counted |= {name} if listed(page) else set()
    assert {
        "identified",
        "added",
        "returned",
        "contradicted",
        "listed",
        "answered",
        "awaited",
        "tips",
        "cases",
    } <= counted


def test_the_page_is_shown_as_it_was_made_and_its_links_lead_to_the_records(site: Site, report: YearReport) -> None:
    _, browser = user(site, Role.CASE_OFFICER)
    address = f"/reports/periods/{report.id}/page"
    answer = browser.get(address)
    assert answer.content == site.stores.objects.read(DERIVED, report.pages["en.page"]["key"])
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    link = answer.url.join("records/identified")
    assert browser.get(str(link)).status_code == 200
    browser.submit("/language", language="uk")
    assert "Звіт за" in browser.get(address).text
    assert f'href="{address}"' in browser.get("/reports").text


def test_who_reviews_sees_the_number_alone_until_they_ask_and_is_then_told(site: Site, report: YearReport) -> None:
    senior, browser = user(site, Role.SENIOR)
    address = f"/reports/periods/{report.id}/records/identified"
    blind = browser.get(address).text
    assert '<span id="number">3</span>' in blind
    assert (listed(blind), "Name 26-1" in blind, told(site, senior)) == (0, False, [])
    assert listed(browser.get(f"{address}?whole=1").text) == 3
    assert len(told(site, senior)) == 3


def test_who_keeps_no_cases_sees_numbers_alone(site: Site, report: YearReport) -> None:
    expected = {
        (Role.ANALYST,): set(),
        (Role.COLLECTOR,): set(),
        (Role.ADMINISTRATOR,): set(),
        (Role.REGISTER_KEEPER,): {"identified", "contradicted"},
        (Role.CASE_OFFICER,): {"identified", "contradicted", "sent", "tips", "cases", "lists"},
        (Role.SENIOR,): {"identified", "contradicted", "sent", "cases", "lists"},
    }
    for roles, opened in expected.items():
        _, browser = user(site, *roles)
        for name in ("identified", "contradicted", "sent", "tips", "cases", "lists"):
            page = browser.get(f"/reports/periods/{report.id}/records/{name}?whole=1").text
            assert bool(listed(page)) is (name in opened), (roles, name)
            assert '<span id="number">' in page, "every number of a report leads to what it says"
    assert site.signed_in(Role.AUDITOR).get(f"/reports/periods/{report.id}/records/sent").status_code == 403


def test_nothing_in_the_records_leads_where_somebody_may_not_go(site: Site, report: YearReport) -> None:
    """Whoever keeps the register reads which list named somebody, and opens no list."""
    address = f"/reports/periods/{report.id}/records/listed?whole=1"
    pages = {role: user(site, role)[1].get(address).text for role in (Role.CASE_OFFICER, Role.REGISTER_KEEPER)}
    assert all(listed(page) for page in pages.values())
    assert {role: 'href="/lists/' in page for role, page in pages.items()} == {
        Role.CASE_OFFICER: True, Role.REGISTER_KEEPER: False,
    }  # fmt: skip


def test_an_officer_who_reviews_nothing_sees_them_at_once_and_that_stands_in_the_log(
    site: Site, report: YearReport
) -> None:
    _, browser = user(site, Role.CASE_OFFICER)
    page = browser.get(f"/reports/periods/{report.id}/records/returned").text
    assert "26-4" in page and "side A" in page
    events = [event for event in site.log() if event.action == Action.VIEWED]
    assert (events[-1].subject, events[-1].detail) == (
        f"report:{report.period}", {"report": report.id, "figure": "returned", "records": 1},
    )  # fmt: skip


def test_what_was_added_later_is_in_no_list_of_the_report(site: Site, report: YearReport) -> None:
    with site.stores.db.begin() as db:
        office.sighting(db, person(db, "26-9"), "nine.example")
    _, browser = user(site, Role.CASE_OFFICER)
    assert "26-9" not in browser.get(f"/reports/periods/{report.id}/records/identified").text


@pytest.mark.parametrize("ending", ["pdf", "html", "csv", "json"])
def test_files_are_taken_along_and_that_stands_in_the_log(site: Site, report: YearReport, ending: str) -> None:
    _, browser = user(site, Role.COLLECTOR)
    answer = browser.get(f"/reports/periods/{report.id}/file.{ending}")
    assert answer.status_code == 200
    if ending in ("csv", "json"):
        kept = year_reports.as_json(report) if ending == "json" else "identified"
        assert kept in answer.text
    else:
        assert answer.content == site.stores.objects.read(DERIVED, report.pages[f"en.{ending}"]["key"])
    left = [(event.subject, event.detail) for event in site.log() if event.action == Action.EXPORTED]
    assert left == [(f"report:{report.period}", {"report": report.id, "format": ending})]


def test_the_figures_are_told_in_the_readers_language(site: Site, report: YearReport) -> None:
    _, browser = user(site, Role.COLLECTOR)
    browser.submit("/language", language="uk")
    rows = list(
        csv.DictReader(io.StringIO(browser.get(f"/reports/periods/{report.id}/file.csv").text.lstrip("\ufeff")))
    )
    told = {row["figure"]: row for row in rows if row["when"] == report.period}
    assert set(told) == {*FIGURES, "median_days"}
    assert {name: row["number"] for name, row in told.items() if name != "median_days"} == {
        name: str(count) for name, count in report.figures["counts"].items()
    }
    assert not [row for row in rows if row["called"].isascii() or row["part"].isascii()]


@pytest.mark.parametrize("end", ["records/nothing", "file.exe", "records/identified?from=x", "file.page"])
def test_what_is_not_there_is_not_found(site: Site, report: YearReport, end: str) -> None:
    _, browser = user(site, Role.CASE_OFFICER)
    assert browser.get(f"/reports/periods/{report.id}/{end}").status_code in (400, 404)
