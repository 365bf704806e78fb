"""Lists in a real browser: a file is taken in with a preview, and its lines are decided with the keyboard."""

import io
import re
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import text

from lastseen.records import PersonStatus, Says, StatementSource
from matchers.lists.matching import VERSION
from review.roles import Role
from storage import list_lines, lists, register, statements
from storage.statements import Said
from tests.pipeline.lists import invented
from tests.pipeline.lists.bench import fill
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.conftest import Site
from tests.storage.listing import DATED, person


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Список загиблих, надано стороною"],
        ["ПІБ", "Рік народження", "Статус"],
        ["ІВАНЕКО Петро Олексійович", 1991, "загинув"],
        ["Doroshevets Nazar", 1996, "повернуто"],
        ["Коваль Ольга", "90", "полон"],
        ["Doroshevets Nazar", 1996, "повернуто"],
        ["", None, "разом 4"],
    ):
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_a_list_is_taken_in_and_decided_with_the_keyboard(site: Site, chromium: Chromium) -> None:
    petro = person(site.stores, "26-001", "Іваненко Петро Олексійович", 1990)
    person(site.stores, "26-002", "Дорошевець Назар Ілліч", 1996)
    seen = Said(Says.CAPTIVE, "ICRC", StatementSource.LETTER, "Letter 12", DATED.replace(month=7))
    with site.stores.db.begin() as db:
        statements.enter(db, petro, seen, "tester", 5)
    page = chromium.window(chromium.user("olena", Role.CASE_OFFICER))
    page.goto("/lists/new")
    file = {"name": "list.xlsx", "mimeType": "application/octet-stream", "buffer": workbook()}
    page.set_input_files("#file", file)  # type: ignore[arg-type]
    page.fill("#title", "List of 31 January")
    page.fill("#body", "Side A")
    page.fill("#dated", "2026-01-31")
    page.click("button[value=preview]")
    shoot(page, "pages/list-preview", whole=True)
    assert page.locator("td", has_text=re.compile("write four digits")).count() == 1
    assert inaccessible(page) == []
    page.click("button[value=import]")
    page.wait_for_url("**/lists/1")
    shoot(page, "pages/list", whole=True)
    assert inaccessible(page) == []
    assert page.locator("ul.clashes li").count() == 1, "ICRC had them as captive after that"
    page.click("text=Decide one after the other")
    page.wait_for_url("**/lists/lines/1")
    shoot(page, "pages/list-line", whole=True)
    assert inaccessible(page) == []
    page.keyboard.press("y")
    page.wait_for_url("**/lists/lines/2")
    page.check("input[name=sets]")
    page.keyboard.press("1")
    page.keyboard.press("y")
    page.wait_for_url("**/lists/lines/4")
    page.keyboard.press("n")
    page.wait_for_url("**/lists/1?show=waiting")
    with site.stores.db.begin() as db:
        assert register.held(db, "26-002").status is PersonStatus.RETURNED
        answers = db.execute(text("SELECT same FROM list_decisions ORDER BY id")).scalars().all()
    assert answers == [True, True, False]
    page.goto("/lists")
    shoot(page, "pages/lists")
    assert inaccessible(page) == []
    assert chromium.faults == []


def test_the_pages_of_lists_speak_ukrainian_and_fit_a_telephone(site: Site, chromium: Chromium) -> None:
    person(site.stores, "26-001", "Іваненко Петро Олексійович", 1990)
    page = chromium.window(chromium.user("olena", Role.CASE_OFFICER), (360, 740), language="uk-UA")
    page.goto("/lists/new")
    page.set_input_files("#file", {"name": "list.xlsx", "mimeType": "x/y", "buffer": workbook()})
    for field, said in (("title", "Список"), ("body", "Сторона А"), ("dated", "2026-01-31")):
        page.fill(f"#{field}", said)
    page.click("button[value=preview]")
    shoot(page, "pages/list-preview-uk", whole=True)
    page.click("button[value=import]")
    page.wait_for_url("**/lists/1")
    shoot(page, "pages/list-uk", whole=True)
    assert not page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth")
    page.goto("/lists/lines/1")
    assert not page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert "Це про цю людину" in page.content()


def test_a_file_that_is_too_large_is_told_of_before_it_is_sent_and_after(
    site: Site, chromium: Chromium, tmp_path: Path
) -> None:
    large = {"name": "list.csv", "mimeType": "text/csv", "buffer": b"names\n" + b"x" * (9 << 20)}
    page = chromium.window(chromium.user("olena", Role.CASE_OFFICER), language="uk-UA")
    page.goto("/lists/new")
    page.set_input_files("#file", large)  # type: ignore[arg-type]
    told = page.evaluate("() => document.querySelector('#file').validationMessage")
    assert told == "Цей файл більший за 8\xa0МіБ."
    page.set_input_files("#file", {**large, "buffer": b"names\nA B\n"})  # type: ignore[arg-type]
    assert page.evaluate("() => document.querySelector('#file').checkValidity()")
    without = chromium.window(chromium.user("petro", Role.CASE_OFFICER), scripts=False)
    without.goto("/lists/new")
    (tmp_path / "large.csv").write_bytes(b"x" * (30 << 20))
    without.set_input_files("#file", tmp_path / "large.csv")
    for field, said in (("title", "List"), ("body", "Side A"), ("dated", "2026-01-31")):
        without.fill(f"#{field}", said)
    without.click("button[value=preview]")
    without.wait_for_selector("text=This file is larger than its page takes")
    assert [fault for fault in chromium.faults if "413" not in fault] == []
    chromium.faults.clear()


@pytest.mark.long
def test_ten_thousand_rows_go_through_the_page_and_none_is_lost(site: Site, chromium: Chromium, tmp_path: Path) -> None:
    people = invented.people(10_000)
    fill(site.stores, people)
    typed = invented.typed(people, 10_000)
    (tmp_path / "list.csv").write_bytes(invented.as_csv(typed))
    page = chromium.window(chromium.user("olena", Role.CASE_OFFICER))
    page.set_default_timeout(300_000)
    page.goto("/lists/new")
    page.set_input_files("#file", tmp_path / "list.csv")
    for field, said in (("title", "List"), ("body", "Side A"), ("dated", "2026-01-31")):
        page.fill(f"#{field}", said)
    page.click("button[value=preview]")
    page.wait_for_selector("text=The first lines")
    assert page.locator("dl.totals dd").first.inner_text() == f"{len(typed):,}"
    shoot(page, "pages/list-of-10000")
    page.click("button[value=import]")
    page.wait_for_url("**/lists/1")
    shoot(page, "pages/list-of-10000-imported")
    with site.stores.db.begin() as db:
        stood = list_lines.find(db, 1)
        assert stood is not None
        assert stood.lines == len(typed)
        assert lists.uncompared(db, 1, VERSION) == 0
        assert stood.of("waiting") > len(typed) // 2
