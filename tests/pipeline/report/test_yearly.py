"""Reports of years and months: the same bytes for the same moment, in each form and language, and without a name."""

import csv
import hashlib
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from lastseen.preferences import LANGUAGES
from lastseen.settings import Settings
from lastseen.yearly import PLOTTED, Period
from lastseen.yearly_words import FIGURES
from pipeline import tasks
from pipeline.report import year_page, yearly
from pipeline.report.saying import speeches
from storage import custody, year_reports
from storage.custody import Action
from storage.objects import DERIVED
from storage.stores import Stores
from tests.office import Office
from tests.storage import yearly_office as seeding
from tests.storage.casting import person

TODAY = utcnow().date()
YEAR = yearly.year(f"{TODAY:%Y}")
NOW = datetime(2026, 11, 26, 4, 40, tzinfo=UTC)


def fill(stores: Stores) -> None:
    """A small office."""
    with stores.db.begin() as db:
        who = seeding.people(db)
        seeding.sighting(db, who.ada, "one.example")
        seeding.sighting(db, who.ben, "two.example")
        seeding.state(db, who.ada, seeding.DEAD)
        seeding.state(db, who.cy, seeding.home(TODAY))
        seeding.event(db, seeding.letter(db, TODAY - timedelta(days=5)), "answered", TODAY)


def test_the_same_moment_again_is_the_same_report_and_changes_nothing(stores: Stores) -> None:
    fill(stores)
    first = yearly.make(stores, YEAR, None, "ada")
    with stores.db.begin() as db:
        db.execute(text("UPDATE persons SET names = '{Other}'"))
        seeding.sighting(db, person(db, "26-9"), "three.example")
    as_of = first.report.as_of
    again = yearly.make(stores, YEAR, as_of, "ben")
    assert (first.fresh, again.fresh, again.report) == (True, False, first.report)
    later = yearly.make(stores, YEAR, None, "ben")
    assert later.report.figures["counts"]["identified"] == first.report.figures["counts"]["identified"] + 1
    figures, at = first.report.figures, first.report.pages
    for code, speech in speeches().items():
        said = year_page.say(figures, speech)
        drawn = {
            "html": year_page.html(said, speech, linked=False),
            "page": year_page.html(said, speech, linked=True),
            "pdf": year_page.pdf(said),
        }
        for ending, content in drawn.items():
            assert stores.objects.read(DERIVED, at[f"{code}.{ending}"]["key"]) == content
            assert hashlib.sha256(content).hexdigest() == at[f"{code}.{ending}"]["sha256"]
    with stores.db.begin() as db:
        told = [event for event in custody.events(db) if event.action == Action.REPORTED]
    assert [event.subject for event in told] == [f"report:{YEAR.name}"] * 2
    assert told[0].detail["figures"] == yearly.digest(figures)
    assert told[0].detail["uk.pdf"] == at["uk.pdf"]["sha256"]


def test_pages_that_were_lost_are_there_again_when_the_same_moment_is_asked_for(stores: Stores) -> None:
    """Derived files are in no backup of a store of the office's own; the figures are rows."""
    fill(stores)
    made = yearly.make(stores, YEAR, None, "ada").report
    missing, other = (made.pages[name] for name in ("en.pdf", "uk.page"))
    stores.objects.erase(DERIVED, missing["key"])
    changed = b"of somebody else"
    digest = hashlib.sha256(changed).hexdigest()
    stores.objects.put_verified(ObjectToStore(DERIVED, other["key"], changed, digest, "text/html"))
    again = yearly.make(stores, YEAR, made.as_of, "ben")
    assert (again.fresh, again.report) == (False, made)
    for page in made.pages.values():
        assert hashlib.sha256(stores.objects.read(DERIVED, page["key"])).hexdigest() == page["sha256"]


def test_what_an_erasure_took_away_is_told_by_a_new_report_and_the_old_one_stays(stores: Stores) -> None:
    """The earlier report counted two letters more."""
    fill(stores)
    first = yearly.make(stores, YEAR, None, "ada").report
    more = {**first.figures, "counts": {**first.figures["counts"], "answered": 2, "sent": 3}}
    with stores.db.begin() as db:
        said, pages = json.dumps(more), json.dumps(first.pages)
        before, _ = year_reports.keep(db, first.period, first.as_of, said, pages, {}, "ada")
    again = yearly.make(stores, YEAR, first.as_of, "ben")
    assert (again.fresh, again.changed) == (True, ("answered", "sent"))
    with stores.db.begin() as db:
        new, old, _ = year_reports.listed(db)
    assert (new.newest, old.newest, old.id) == (True, False, before)


def test_no_page_and_no_figure_holds_a_name_a_number_or_an_id(stores: Stores) -> None:
    fill(stores)
    report = yearly.make(stores, YEAR, None, "ada").report
    with stores.db.begin() as db:
        names = db.execute(text("SELECT unnest(names) FROM persons")).scalars().all()
    texts = [stores.objects.read(DERIVED, place["key"]).decode(errors="replace") for place in report.pages.values()]
    texts += [year_reports.as_json(report), str(list(year_reports.lines(report.figures)))]
    assert not [name for name in names for text_ in texts if name in text_]
    assert "side A" not in "".join(texts)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_figure_is_said_with_what_it_means_and_leads_to_its_records(stores: Stores, code: str) -> None:
    fill(stores)
    report = yearly.make(stores, YEAR, None, "ada").report
    page = stores.objects.read(DERIVED, report.pages[f"{code}.page"]["key"]).decode()
    kept = stores.objects.read(DERIVED, report.pages[f"{code}.html"]["key"]).decode()
    said = year_page.say(report.figures, speeches()[code])
    for name in FIGURES:
        assert f'href="records/{name}"' in page
    assert "href=" not in kept
    rows = {row.name: row for part in said.parts for row in part.rows}
    assert rows["identified"].number == "2"
    assert all(row.means for row in rows.values() if not row.within)
    assert [plot.name for part in said.parts for plot in part.plots] == list(PLOTTED)
    if code != "en":
        english = year_page.say(report.figures, speeches()["en"])
        pairs = zip(english.parts, said.parts, strict=True)
        same = [row.label for one, other in pairs for row, its in zip(one.rows, other.rows, strict=True)
                if row.label == its.label or (row.means and row.means == its.means)]  # fmt: skip
        assert same == []


def test_the_page_is_whole_and_loads_nothing(stores: Stores) -> None:
    report = yearly.make(stores, yearly.month("2025-02"), None, "ada").report
    page = stores.objects.read(DERIVED, report.pages["en.page"]["key"]).decode()
    found = Tags()
    found.feed(page)
    assert found.open == []
    assert not {"script", "img", "link", "form", "iframe"} & found.met
    assert len(report.figures["stretches"]) == 28
    assert page.count("<svg") == len(PLOTTED)


def test_the_month_and_the_year_that_are_over_are_reported_once_as_they_stood_at_their_end(
    settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the nightly task; none of before the office began."""
    monkeypatch.setattr(tasks, "settings", lambda: settings)
    now, over = utcnow(), TODAY.replace(day=1) - timedelta(days=1)
    periods = [f"{over:%Y-%m}", f"{TODAY.year - 1}"]
    fill(stores)
    assert yearly.due(stores, now) == []
    with stores.db.begin() as db, monkeypatch.context() as patch:
        patch.setattr(custody, "utcnow", lambda: datetime(TODAY.year - 1, 12, 1, tzinfo=UTC))
        custody.append(db, "ada", Action.REPORTED, "report:1", {})
    assert [one.name for one in yearly.due(stores, now)] == periods
    assert tasks.daily_report({"dry_run": True}) == {"due": 3}
    assert tasks.daily_report({"day": str(TODAY - timedelta(days=1))}) == {"made": 1}
    assert tasks.daily_report({}) == {"made": 2}
    assert tasks.daily_report({}) == {"made": 0}
    with stores.db.begin() as db:
        made = {line.period: line.as_of for line in year_reports.listed(db)}
    assert made == {name: Period.named(name).ends for name in periods}
    office = Office(settings, stores)
    assert office.ask("report")["periods"] == []


class Tags(HTMLParser):
    """Which tags are open, and which were met."""

    void = frozenset({"meta", "br", "rect", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.add(tag)
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_may_be_asked_for() -> None:
    assert yearly.moment(None, NOW) == NOW
    assert yearly.moment(NOW - timedelta(hours=3), NOW) == NOW - timedelta(hours=3)
    with pytest.raises(WrongUse, match="not over yet"):
        yearly.moment(NOW + timedelta(seconds=1), NOW)
    for name in ("26", "2026-1", "2026-11", "\u0662\u0660\u0662\u0666"):
        with pytest.raises(WrongUse, match="a year is written as 2026"):
            yearly.year(name)
    for name in ("2026-13", "0000-01", "2026", "9999-12"):
        with pytest.raises(WrongUse):
            yearly.month(name)


def test_the_command_writes_each_format_and_makes_the_same_moment_once(office: Office, tmp_path: Path) -> None:
    fill(office.stores)
    file = tmp_path / "report"
    made = office.ask("report", "year", YEAR.name, "--to", str(file), "--format", "pdf", "--language", "uk")
    assert (made["fresh"], made["counts"]["identified"]) == (True, 2)  # type: ignore[index]
    assert file.read_bytes().startswith(b"%PDF-")
    as_of = str(made["as_of"])
    again = office.ask("report", "year", YEAR.name, "--as-of", as_of, "--to", str(file), "--format", "csv")
    assert (again["fresh"], again["report"]) == (False, made["report"])
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))
    office.ask("report", "year", YEAR.name, "--as-of", as_of, "--to", str(file), "--language", "uk")
    told = re.search("lastseen (report year [0-9]+ --as-of [0-9T:.Z-]+)", file.read_text())
    assert told is not None, "whoever has the page alone can ask for the same moment"
    assert office.ask(*told[1].split())["report"] == made["report"]
    assert {row["figure"]: row["number"] for row in rows if row["when"] == YEAR.name}["identified"] == "2"
    office.ask("report", "month", f"{TODAY:%Y-%m}", "--to", str(file), "--format", "json")
    assert json.loads(file.read_text())["counts"]["identified"] == 2
    assert "not over yet" in office.run("report", "year", "2026", "--as-of", "2999-01-01", status=2).stderr
    assert "had not begun" in office.run("report", "year", "2999", status=2).stderr
    for year in ("0", "0000", "99999", "-1", "2026-11", "MMXXVI"):
        assert "2026" in office.run("report", "year", "--", year, status=2).stderr, year
    future = f"{TODAY.replace(day=28) + timedelta(days=4):%Y-%m}"
    for month, said in (
        ("2026-13", "no year and no month"),
        (future, "had not begun"),
        ("26-11", "a month is written"),
    ):
        assert said in office.run("report", "month", month, status=2).stderr, month
    assert "there is html, pdf" in office.run("report", "year", "2026", "--format", "doc", status=2).stderr
    assert office.ask("report", "--dry-run")["due"] == [str(TODAY - timedelta(days=1))]
