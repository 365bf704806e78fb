"""The daily report: made once, the same again, in each language, and whatever strangers call themselves."""

import hashlib
import io
import json
import re
import xml.etree.ElementTree as Xml
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.lifecycle import CandidateState, WorkState
from lastseen.preferences import FIRST_LANGUAGE, LANGUAGES
from pipeline import tasks
from pipeline.report import bars, making, page
from pipeline.report.page import Making
from pipeline.report.saying import Speech, speeches
from storage import alerts, custody, daily_figures, daily_reports
from storage.custody import Action
from storage.daily_figures import DAYS, SERIES, Figures
from storage.objects import DERIVED
from storage.stores import Stores
from tests.office import Office
from tests.storage import casting

ROOT = Path(__file__).parents[3]
KEYWORDS = {"_": None, "noted": None, "gettext": None}
MARKS = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w+>|`[^`]*`")
YESTERDAY = utcnow().date() - timedelta(days=1)
OLD = date(2026, 11, 4)
"""of what `casting` makes"""
HOSTILE = "</title><script>alert(1)</script>\u202egpj.exe\x07 {{ 7 * 7 }} %(day)s {figure}"
MADE = Making(datetime(2026, 11, 26, 4, 40, tzinfo=UTC), "airflow", 1)
ENGLISH = speeches()["en"]


@pytest.fixture
def figures(stores: Stores) -> Figures:
    """Of a small office, as they are kept."""
    with stores.db.begin() as db:
        seen = casting.video(db, casting.Seen(0, 2000), casting.Seen(9000, 9900))
        casting.post(db, seen.blob, "news.example")
        casting.candidate(db, seen.tracks[0], casting.person(db, "HC-77", "Ada Example"), "sighting")
        found = making.read(db, YESTERDAY + timedelta(days=1), [], utcnow())
    return json.loads(making.as_json(found))  # type: ignore[no-any-return]


# --- making ------------------------------------------------------------------------------------------------


def test_a_day_is_reported_once_and_again_only_when_forced_and_both_can_be_read(stores: Stores) -> None:
    asked = making.wanted(None, None, None, utcnow())
    assert asked.days == [YESTERDAY]
    assert making.run(stores, asked, "test") == [YESTERDAY]
    assert making.run(stores, asked, "test") == []
    again = making.wanted(YESTERDAY, None, None, utcnow(), force=True)
    assert making.run(stores, again, "other") == [YESTERDAY]
    with stores.db.begin() as db:
        new, old = daily_reports.of_day(db, YESTERDAY)
        events = [event for event in custody.events(db) if event.action == Action.REPORTED]
    assert (new.newest, old.newest, new.made_by, old.made_by) == (True, False, "other", "test")
    assert new.figures == old.figures
    for report, event in zip((old, new), events, strict=True):
        assert event.subject == f"report:{YESTERDAY}"
        assert event.detail["report"] == report.id
        for code in LANGUAGES:
            content = stores.objects.read(DERIVED, report.pages[code]["key"])
            assert hashlib.sha256(content).hexdigest() == report.pages[code]["sha256"] == event.detail[code]


def test_the_same_day_again_is_the_same_page_but_for_who_made_it_when(stores: Stores, figures: Figures) -> None:
    """Also when how things stand has changed meanwhile: that is told as it was first told."""
    making.make(stores, YESTERDAY, "test")
    with stores.db.begin() as db:
        db.execute(text("INSERT INTO work (step, subject, state) VALUES ('analyze', 1, 'quarantined')"))
    making.make(stores, YESTERDAY, "other", force=True)
    with stores.db.begin() as db:
        kept = daily_reports.of_day(db, YESTERDAY)
    for code in LANGUAGES:
        one, other = (stores.objects.read(DERIVED, report.pages[code]["key"]) for report in kept)
        assert one != other
        assert _without_head(one) == _without_head(other)
        assert b"quarantined" not in one


def _without_head(content: bytes) -> bytes:
    kept, found = re.subn(rb'<p id="made".*?</p>', b"", content)
    assert found == 1
    return kept


def test_how_things_stood_is_told_of_a_day_that_was_just_over_and_of_no_other(stores: Stores) -> None:
    for day, said in ((YESTERDAY, True), (YESTERDAY - timedelta(days=1), False)):
        making.make(stores, day, "test")
        with stores.db.begin() as db:
            report = daily_reports.find(db, day)
        assert report is not None
        content = stores.objects.read(DERIVED, report.pages["en"]["key"]).decode()
        assert (report.figures["standing"] is not None) is said
        assert ("Not known: when this day was reported first" in content) is not said


def test_what_was_asked_for() -> None:
    now = datetime(2026, 11, 26, 3, tzinfo=UTC)
    last, first = date(2026, 11, 25), date(2026, 11, 20)
    assert making.wanted(first, None, None, now).days == [first]
    assert len(making.wanted(None, first, None, now).days) == 6
    assert making.wanted(None, first, first, now).days == [first]
    assert making.wanted(None, None, first, now).days == [first]
    wrong: tuple[tuple[tuple[date | None, date | None, date | None], str], ...] = (
        ((now.date(), None, None), "not over yet"),
        ((first, first, None), "not both"),
        ((None, last, first), "the earlier day first"),
        ((None, date(2020, 1, 1), None), "more than 400 days"),
    )
    for (day, since, until), said in wrong:
        with pytest.raises(WrongUse, match=said):
            making.wanted(day, since, until, now)


def test_a_stretch_of_days_is_reported_day_by_day(stores: Stores) -> None:
    made = making.run(stores, making.wanted(OLD, None, None, utcnow()), "test")
    asked = making.wanted(None, OLD - timedelta(days=1), OLD + timedelta(days=1), utcnow())
    assert made == [OLD]
    assert making.run(stores, asked, "test") == [OLD - timedelta(days=1), OLD + timedelta(days=1)]
    with stores.db.begin() as db:
        assert [line.day for line in daily_reports.listed(db)] == sorted([*asked.days], reverse=True)


def test_the_command_and_the_task(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.html"
    assert office.ask("report", "--dry-run")["due"] == [str(YESTERDAY)]
    made = office.ask("report", "--to", str(file), "--language", "uk")
    assert made["made"] == [str(YESTERDAY)]
    report = made["report"]
    assert isinstance(report, dict)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == report["pages"]["uk"]["sha256"]
    assert set(report) >= {"id", "day", "made_at", "made_by", "pages", "facts", "standing"}
    assert office.ask("report")["made"] == []
    assert "not over yet" in office.run("report", "--day", "2999-01-01", status=2).stderr
    assert "there is en and uk" in office.run("report", "--language", "xx", status=2).stderr
    assert "the report is kept all the same" in office.run("report", "--to", "/nowhere/x", status=2).stderr

    monkeypatch.setattr(tasks, "settings", lambda: office.settings)
    assert tasks.daily_report({"dry_run": True, "force": True}) == {"due": 1}
    assert tasks.daily_report({"since": str(OLD), "until": str(OLD)}) == {"made": 1}
    assert tasks.daily_report({}) == {"made": 0}


# --- the page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_needs_nothing_else_and_runs_nothing(figures: Figures, code: str) -> None:
    drawn = _Page(page.draw(figures, MADE, speeches()[code]).decode())
    assert drawn.lang == code
    assert drawn.tags.isdisjoint({"script", "link", "img", "iframe", "object", "form", "a", "image", "use"})
    assert drawn.attributes.isdisjoint({"href", "src", "srcset", "style", "onclick", "xlink:href"})
    assert "url(" not in drawn.text
    assert drawn.ids == sorted(set(drawn.ids)), "an id is there once"


def test_each_plot_has_its_table_with_a_line_for_each_day(figures: Figures) -> None:
    drawn = page.draw(figures, MADE, ENGLISH).decode()
    plots = re.findall(r"<figure>(.*?)</figure>", drawn, re.DOTALL)
    assert len(plots) == len(page.PLOTS)
    for plot in plots:
        assert plot.count("<svg") == 1
        assert plot.count('<th scope="row">') == DAYS


def test_every_figure_has_a_name_and_stands_in_a_table() -> None:
    shown = [name for _, _, names in page.PARTS for name in names]
    assert sorted(shown) == sorted(SERIES)
    assert set(page.LABELS) == {*SERIES, "decided"}
    assert {name for _, plots, _ in page.PARTS for name in plots} == set(page.PLOTS)


def test_every_kind_of_alert_and_every_state_has_its_word() -> None:
    kinds = {value for name, value in vars(alerts).items() if name.isupper() and isinstance(value, str)}
    assert kinds - set(page.WORDS) == set()
    assert {str(state) for state in (*WorkState, *CandidateState)} - set(page.WORDS) == set()


def test_no_name_of_the_register_and_no_number_of_it_is_on_the_page(figures: Figures) -> None:
    drawn = page.draw(figures, MADE, ENGLISH).decode()
    assert "news.example" in json.dumps(figures) and "news.example" in drawn
    for word in ("Ada", "HC-77"):
        assert word not in drawn
        assert word not in json.dumps(figures)


def test_hostile_titles_and_addresses_are_only_text(figures: Figures) -> None:
    for source in (*figures["facts"]["sources"], *figures["standing"]["sources"]):
        source |= {"address": HOSTILE, "title": HOSTILE}
    figures["standing"]["not_done"] = [{"step": HOSTILE, "state": HOSTILE, "outcome": HOSTILE, "n": 1}]
    figures["facts"]["tries_month"] = {HOSTILE: {HOSTILE: 1}}
    drawn = page.draw(figures, Making(MADE.at, HOSTILE, 1), ENGLISH).decode()
    assert "script" not in _Page(drawn).tags
    assert "<script" not in drawn
    assert "\u202e" not in drawn and "\x07" not in drawn
    assert "{{ 7 * 7 }} %(day)s {figure}" in drawn


def test_an_empty_office_has_a_page(stores: Stores) -> None:
    with stores.db.begin() as db:
        empty = making.read(db, YESTERDAY, [], utcnow())
    drawn = page.draw(empty, MADE, ENGLISH).decode()
    for said in (
        "No source brought anything",
        "Nothing was tried",
        "None: every item",
        "Nothing waits",
        "no candidates",
    ):
        assert said in drawn


def test_the_same_figures_give_the_same_bytes(figures: Figures) -> None:
    turned = json.loads(json.dumps(figures), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    turned["facts"]["tries_month"] = figures["facts"]["tries_month"]
    for speech in speeches().values():
        assert page.draw(figures, MADE, speech) == page.draw(turned, MADE, speech)


class _Page(HTMLParser):
    """What is on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.lang = text, ""
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.feed(text)
        self.ids.sort()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.lang = self.lang or dict(attrs).get("lang") or ""


# --- drawing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("highest", "top"),
    [
        (0, 1),
        (1, 1),
        (2, 2),
        (3, 5),
        (6, 10),
        (11, 20),
        (21, 25),
        (26, 50),
        (99, 100),
        (101, 200),
        (10**9 + 1, 2 * 10**9),
    ],
)
def test_a_scale_ends_at_a_round_number_that_nothing_stands_above(highest: int, top: int) -> None:
    assert bars.scale(highest) == top
    assert bars.scale(highest * 3600, 3600) == top * 3600
    assert bars.scale(max(highest * 3600 - 1, 0), 3600) == top * 3600


def test_a_bar_is_as_high_as_its_number_and_what_is_small_can_be_seen() -> None:
    drawn = Xml.fromstring(bars.draw("x", "t", OLD, [0, 100, 50, 1], ENGLISH.number, ENGLISH.short_day))  # noqa: S314  ours
    found = [
        (bar.attrib["class"], float(bar.attrib["height"])) for bar in drawn.iter() if "bar" in bar.get("class", "")
    ]
    assert found == [("bar", bars.HEIGHT), ("bar", bars.HEIGHT / 2), ("bar last", 1.2)]
    tips = [bar.findtext("./") for bar in drawn.iter() if "bar" in bar.get("class", "")]
    assert tips == ["2 Nov: 100", "3 Nov: 50", "4 Nov: 1"]


# --- languages ---------------------------------------------------------------------------------------------


def test_catalogues_hold_every_message_and_no_other_and_all_its_parts() -> None:
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # Babel says no types here
    asked = {str(one[2]) for one in extract_from_dir(ROOT / "pipeline" / "report", methods, options, KEYWORDS)}
    assert len(asked) > 100
    for code in set(LANGUAGES) - {FIRST_LANGUAGE}:
        path = ROOT / "pipeline" / "report" / "locale" / code / "LC_MESSAGES" / "report.po"
        catalogue = read_po(io.BytesIO(path.read_bytes()), locale=code, abort_invalid=True)
        known = {str(one.id): str(one.string) for one in catalogue if one.id and not one.fuzzy}
        assert set(known) == asked, "make words, then translate what is new"
        assert [one for one, said in known.items() if not said.strip()] == []
        assert [one for one, said in known.items() if set(MARKS.findall(one)) != set(MARKS.findall(said))] == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", ["1,234.5", "3.4 MB", "26:03:04", "4 November 2026", "4 Nov", "4 Nov 2026, 06:30 UTC"]),
        ("uk", ["1\xa0234,5", "3,4 МБ", "26:03:04", "4 листопада 2026", "4 лист.", "4 листопада 2026, 06:30\xa0UTC"]),
    ],
)
def test_numbers_and_days_are_written_as_in_the_language(code: str, said: list[str]) -> None:
    speech: Speech = speeches()[code]
    long = 26 * 3600 + 3 * 60 + 4
    found = [speech.number(1234.5, 1), speech.size(3_412_332), speech.duration(long), speech.day(OLD)]
    assert [*found, speech.short_day(OLD), speech.moment(casting.SEEN)] == said


def test_a_sheet_of_a_report_holds_every_figure(figures: Figures) -> None:
    lines = list(daily_figures.lines(figures))
    assert {line[1] for line in lines if line[0] == "day by day"} == set(SERIES)
    assert ("standing: unaccounted", "films", "", figures["standing"]["at"], 1) in lines
