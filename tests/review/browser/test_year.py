"""The report of a year in a browser: each figure opened to its records, its files taken along; on a telephone, too."""

import csv
import io
from pathlib import Path

import pytest

from lastseen.clock import utcnow
from lastseen.yearly_words import FIGURES
from pipeline.report import yearly
from review.roles import Role
from storage.year_reports import YearReport
from tests.review.browser.conftest import LAPTOP, PICTURES, Chromium, inaccessible, shoot
from tests.review.conftest import Site
from tests.storage import yearly_office as office

TELEPHONE = (390, 844)
WIDER_THAN_ITS_WINDOW = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
TODAY = utcnow().date()
WRITTEN_TOO_CLOSE = """() => [...document.querySelectorAll("svg.plot")].filter(plot => {
    const said = [...plot.querySelectorAll("text")].filter(one => one.getAttribute("y") > 140)
        .map(one => one.getBoundingClientRect()).sort((one, other) => one.left - other.left);
    return said.some((one, place) => place && one.left < said[place - 1].right);
}).map(plot => plot.querySelector("title").textContent)"""
"""plots in which what is written below one bar runs into what is below the next"""


@pytest.fixture
def report(site: Site) -> YearReport:
    """Of this year."""
    with site.stores.db.begin() as db:
        office.everything(db, "Подвір'я <b>")
    yearly.make(site.stores, yearly.month(f"{TODAY:%Y-%m}"), None, "test")
    return yearly.make(site.stores, yearly.year(f"{TODAY:%Y}"), None, "test").report


def test_every_figure_leads_to_as_many_records_and_its_files_are_taken_along(
    site: Site, chromium: Chromium, report: YearReport
) -> None:
    page = chromium.window(chromium.user("olga", Role.CASE_OFFICER, Role.SENIOR))
    page.goto("/reports")
    page.get_by_role("link", name=report.period, exact=True).click()
    address = page.url
    assert page.locator("main td a").count() == len(FIGURES)
    for name, count in report.figures["counts"].items():
        if not count and "." in name:
            continue  # one of many parts that are empty: the tests without a browser open all
        page.locator(f"main td a[href='records/{name}']").click()
        assert page.locator("#number").inner_text() == str(count), name
        if page.get_by_role("link", name="Show the list all the same").count():
            page.get_by_role("link", name="Show the list all the same").click()
        assert bool(page.locator("#records tr").count()) is bool(count), name
        page.locator("nav.steps a").click()
        assert page.url == address
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text("utf-8-sig"))))
    told = {row["figure"]: row["number"] for row in rows if row["when"] == report.period}
    assert told["identified"] == str(report.figures["counts"]["identified"]) == "3"
    with page.expect_download() as taken:
        page.get_by_role("link", name="PDF", exact=True).click()
    made = Path(taken.value.path()).read_bytes()
    kept = PICTURES / "year" / "report.pdf"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(made)
    assert made.startswith(b"%PDF-")
    page.get_by_role("link", name="All reports").click()
    assert page.get_by_role("heading", name="Years and months").is_visible()
    assert chromium.faults == []


@pytest.mark.parametrize("language", ["en-GB", "uk-UA"])
def test_the_pages_fit_a_telephone_and_their_plots_can_be_read(
    site: Site, chromium: Chromium, report: YearReport, language: str
) -> None:
    officer = chromium.user("olga", Role.CASE_OFFICER)
    places = [f"periods/{report.id}/page", f"periods/{report.id - 1}/page"]
    places += [f"periods/{report.id}/records/{name}" for name in ("identified", "contradicted", "sent", "cases")]
    for size, dark in ((TELEPHONE, True), (LAPTOP, False), (LAPTOP, True)):
        page = chromium.window(officer, size, language=language, dark=dark)
        for path in (*places, ""):
            page.goto(f"/reports/{path}".rstrip("/"))
            shade = "dark" if dark else "light"
            shoot(page, f"year/{path.replace('/', '-') or 'list'}-{size[0]}-{shade}-{language}", whole=True)
            assert not page.evaluate(WIDER_THAN_ITS_WINDOW), path
            assert page.evaluate(WRITTEN_TOO_CLOSE) == [], path
            assert inaccessible(page) == [], path
    assert chromium.faults == []


def test_what_is_printed_fits_its_sheets_and_has_no_links(site: Site, chromium: Chromium, report: YearReport) -> None:
    page = chromium.window(chromium.user("olga", Role.CASE_OFFICER))
    page.goto(f"/reports/periods/{report.id}/page")
    page.emulate_media(media="print")
    shoot(page, "year/print", whole=True)
    assert page.locator("nav:visible, details:visible").count() == 0
    (PICTURES / "year" / "printed.pdf").write_bytes(page.pdf(prefer_css_page_size=True))


@pytest.mark.parametrize(
    "path", ["periods/0/page", "periods/99999/page", "periods/x/page", "periods/1/file.exe", "9999"]
)
def test_a_report_that_there_is_not_is_told_as_such(chromium: Chromium, report: YearReport, path: str) -> None:
    page = chromium.window(chromium.user("olga", Role.CASE_OFFICER))
    answer = page.goto(f"/reports/{path}")
    assert answer is not None
    assert answer.status == 404
    assert page.locator("h1").is_visible()
    chromium.faults.clear()  # the browser notes each 404
