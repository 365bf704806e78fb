"""A daily report in a browser: what is printed, and that it needs nothing but itself."""

import json
import re
from datetime import timedelta
from pathlib import Path

from lastseen.clock import utcnow
from pipeline.report import making
from pipeline.report.page import Making, draw
from pipeline.report.saying import speeches
from review.roles import Role
from storage import daily_reports
from storage.objects import DERIVED
from tests.review.browser.conftest import PICTURES, Chromium, inaccessible, shoot
from tests.review.conftest import Site
from tests.storage import casting

DAY = utcnow().date() - timedelta(days=1)
TELEPHONE = (390, 844)
MOST_SHEETS = 5
"""of A4, for an office in which nothing happened: all headings, plots and tables are there"""


def test_a_report_prints_on_few_sheets_and_shows_its_plots(chromium: Chromium, site: Site) -> None:
    making.make(site.stores, DAY, "test")
    page = chromium.window(chromium.user("ann", Role.COLLECTOR))
    page.goto(f"/reports/{DAY}")
    page.emulate_media(media="print", color_scheme="dark")
    shoot(page, "report-print", whole=True)
    assert page.locator("svg.plot:visible").count() == 6
    assert page.locator("details:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = page.pdf(prefer_css_page_size=True)
    (PICTURES / "report.pdf").write_bytes(printed)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= MOST_SHEETS
    assert chromium.faults == []


SPLIT = """() => [...document.querySelectorAll("td, th")].flatMap(cell => {
    const texts = [], walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) texts.push(walker.currentNode);
    return texts.flatMap(text => [...text.data.matchAll(/[\\p{L}_]+/gu)].filter(word => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return new Set([...range.getClientRects()].map(one => one.top)).size > 1;
    }).map(word => word[0]));
})"""
"""words of tables that begin on one line and end on another"""


def test_on_a_telephone_no_word_of_a_table_is_split_and_names_leave_room_for_numbers(
    chromium: Chromium, site: Site
) -> None:
    with site.stores.db.begin() as db:
        for step, state in (("match_tracks", "open"), ("illustrate", "quarantined")):
            casting.row(db, "work", step=step, subject=1, state=state, outcome="TRANSIENT")
        figures = json.loads(making.as_json(making.read(db, utcnow().date(), [], utcnow())))
    content = draw(figures, Making(utcnow(), "test", 1), speeches()["uk"])
    page = chromium.window(size=TELEPHONE)
    page.set_content(content.decode())
    shoot(page, "report-telephone", whole=True)
    assert page.locator("td", has_text="TRANSIENT").count() == 2
    assert page.evaluate(SPLIT) == []
    assert page.evaluate("getComputedStyle(document.querySelector('tbody th')).minWidth") == "152px"
    assert page.evaluate("document.documentElement.scrollWidth") == TELEPHONE[0]


def test_a_report_that_was_taken_along_is_whole_and_its_tables_open_by_keys(
    chromium: Chromium, site: Site, tmp_path: Path
) -> None:
    making.make(site.stores, DAY, "test")
    with site.stores.db.begin() as db:
        report = daily_reports.find(db, DAY)
    assert report is not None
    file = tmp_path / "report.html"
    file.write_bytes(site.stores.objects.read(DERIVED, report.pages["uk"]["key"]))
    page = chromium.window()
    page.goto(file.as_uri())
    for number in range(6):
        page.locator("summary").nth(number).focus()
        page.keyboard.press("Enter")
    assert page.locator("details[open] tbody tr:visible").count() == 6 * 90
    assert inaccessible(page) == []
    assert chromium.faults == []
