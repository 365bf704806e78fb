"""What a daily report says, as one page of HTML: no script, nothing from elsewhere; same figures, same bytes."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lastseen import __version__
from lastseen.words import noted
from pipeline.report import bars
from pipeline.report.saying import Speech
from storage.daily_figures import MONTH, Figures

WEEK = 7
MINUTE, HOUR = 60, 3600
NONE = "\u2013"
"""where there is nothing to divide by"""
_KEPT: Final = frozenset("\u200c\u200d")
"""joiners, which Persian and Indic words need"""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cs"})
"""controls, formats (bidirectional overrides, zero widths), private use, surrogates"""

LABELS: Final[Mapping[str, str]] = {
    "posts": noted("Posts first seen"),
    "media": noted("Attachments found"),
    "files": noted("Files stored"),
    "bytes": noted("Bytes stored"),
    "missing": noted("Posts not found where they were"),
    "gone": noted("Posts confirmed to be gone"),
    "deletion_bursts": noted("Bursts of deletions"),
    "films": noted("Films analysed"),
    "film_seconds": noted("Length of these films (h:mm:ss)"),
    "film_faces": noted("Faces followed in films"),
    "pictures": noted("Pictures analysed"),
    "picture_faces": noted("Faces in pictures"),
    "candidates": noted("New candidates"),
    "first": noted("First answers (those on known pairs among them)"),
    "second": noted("Second answers"),
    "senior": noted("Answers of a senior"),
    "undone": noted("Answers taken back within a minute"),
    "sighting": noted("Decided: possible sighting"),
    "rejected": noted("Decided: not this person"),
    "undecided": noted("Decided: it cannot be said"),
    "reopened": noted("Opened again"),
    "rejected_otherwise": noted("Rejected without a review"),
    "handed_over": noted("Handed over to a case officer"),
    "read_again": noted("Pieces of evidence read again"),
    "incidents": noted("Incidents found"),
    "heads": noted("Heads of the custody log signed"),
    "stamps": noted("Time stamps received"),
    "other_alerts": noted("Alerts raised, bursts of deletions apart"),
    "entries": noted("Entries added to the register"),
    "photos": noted("Photos added to the register"),
    "expired": noted("Faces that expired"),
    "erasures": noted("Lawful erasures done"),
    "decided": noted("Decided"),
}
"""figure -> what it is called"""
DECIDED: Final = ("sighting", "rejected", "undecided")

PLOTS: Final = ("posts", "bytes", "film_seconds", "candidates", "decided", "sighting")

PARTS: Final[Sequence[tuple[str, Sequence[str], Sequence[str]]]] = (
    (
        noted("What came in"),
        ("posts", "bytes"),
        ("posts", "media", "files", "bytes", "missing", "gone", "deletion_bursts"),
    ),
    (
        noted("What was analysed"),
        ("film_seconds",),
        ("films", "film_seconds", "film_faces", "pictures", "picture_faces"),
    ),
    (
        noted("What was found, and what people said of it"),
        ("candidates", "decided", "sighting"),
        (
            *("candidates", "first", "second", "senior", "undone"),
            *("sighting", "rejected", "undecided", "reopened", "rejected_otherwise", "handed_over"),
        ),
    ),
    (
        noted("Evidence, register and what is owed to people"),
        (),
        (
            *("read_again", "incidents", "heads", "stamps", "other_alerts"),
            *("entries", "photos", "expired", "erasures"),
        ),
    ),
)
"""title, plots, figures"""

WORDS: Final[Mapping[str, str]] = {
    "attachments": noted("attachments of posts"),
    "files": noted("files that are held"),
    "analyses": noted("analyses of files"),
    "done": noted("done"),
    "open": noted("open"),
    "gone": noted("gone"),
    "skipped": noted("skipped"),
    "failed": noted("failed"),
    "quarantined": noted("quarantined"),
    "lost": noted("lost: it cannot be read any more"),
    "lost to another worker": noted("lost to another worker"),
    "blocked": noted("blocked: it refuses us"),
    "behind": noted("behind: not read for a day"),
    "never read": noted("never read"),
    "rejected": noted("rejected"),
    "withdrawn": noted("closed: found, entry withdrawn or photo removed"),
    "superseded": noted("closed: a newer analysis shows the same"),
    "displaced": noted("put back: nearer people were found"),
    "joined": noted("asked about elsewhere: the same face"),
    "undecided": noted("it cannot be said"),
    "sighting": noted("possible sighting"),
    "account lost": noted("an account is lost"),
    "source closed": noted("a source cannot be read any more"),
    "long wait": noted("a long wait was asked for"),
    "site closed": noted("a site refuses us"),
    "cookies expired": noted("cookies have expired"),
    "deletions": noted("many posts went at once"),
    "time stamps": noted("time stamps are late or wrong"),
    "incident": noted("evidence does not stand as recorded"),
    "lock not kept": noted("the store does not keep its locks"),
    "custody log": noted("the custody log is not what was signed"),
    "witness refuses": noted("a witness refuses"),
    "witness away": noted("a witness does not answer"),
    "clock": noted("a clock is wrong"),
    "backlog": noted("of a step more and more waits"),
    "quarantine": noted("many items of a step were set aside"),
    "workers die": noted("workers die over the same items"),
    "disk full": noted("a disk is nearly full"),
    "process hung": noted("a process gave no sign of life and was started again"),
    "letter overdue": noted("a letter was not answered in time"),
    "erasure unfinished": noted("a lawful erasure was cut short"),
    "tip flood": noted("very many tips were sent at once"),
    "no runs": noted("nothing was begun for hours"),
}
"""words of the data -> what they mean; others are said as they are kept"""


@dataclass(frozen=True, slots=True)
class Making:
    """What the head of a page says beside the figures; nothing else of it changes with it."""

    at: datetime
    by: str
    number: int
    """which report of this day it is, from 1"""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure over five stretches of time, as it is said."""

    label: str
    said: tuple[str, ...]
    """the day, the day before, 7 days, 30 days, all days"""


@dataclass(frozen=True, slots=True)
class Plot:
    """One figure day by day."""

    name: str
    label: str
    picture: Markup
    days: tuple[tuple[str, str], ...]
    """(day, number), the newest first"""
    total: str


def draw(figures: Figures, making: Making, speech: Speech) -> bytes:
    """The page.  `figures`: {`facts`, `standing`}, as they are kept."""
    told, stands = figures["facts"], figures["standing"]
    day = date.fromisoformat(told["day"])
    series = {**told["series"], "decided": _added(told["series"], DECIDED)}
    parts = [
        {
            "title": speech.say(title),
            "plots": [_plot(name, series[name], day, speech) for name in plots],
            "rows": [*_rows(names, series, speech)],
        }
        for title, plots, names in PARTS
    ]
    said = (
        environment(speech)
        .get_template("report.html")
        .render(
            speech=speech,
            day=day,
            version=__version__,
            making=making,
            parts=parts,
            tiles=list(_tiles(told, series, speech)),
            told=told,
            tries=[*_tries(told, speech)],
            stands=stands,
            word=_words(speech),
            month=MONTH,
        )
    )
    return said.encode()


def plain(text: str) -> str:
    """Text from outside without what cannot be seen; the page escapes it all the same."""
    return "".join(char for char in text if char in _KEPT or unicodedata.category(char) not in _UNSEEN)


def environment(speech: Speech) -> Environment:
    """What pages of reports are drawn with."""
    made = Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    messages = speech.messages
    made.install_gettext_callables(  # type: ignore[attr-defined]  # by the extension
        messages.gettext, messages.ngettext, newstyle=True
    )
    made.filters.update(number=speech.number, size=speech.size, day=speech.day, moment=speech.moment, plain=plain)
    return made


def _words(speech: Speech) -> Callable[[str], str]:
    def word(kept: str) -> str:
        return speech.say(WORDS[kept]) if kept in WORDS else plain(kept)

    return word


def _saying(name: str, speech: Speech) -> Callable[[int], str]:
    """How the numbers of a figure are said."""
    return {"bytes": speech.size, "film_seconds": speech.duration}.get(name, speech.number)


def _added(series: Mapping[str, Sequence[int]], names: Sequence[str]) -> list[int]:
    return [sum(counts) for counts in zip(*(series[name] for name in names), strict=True)]


def _stretches(counts: Sequence[int]) -> tuple[int, ...]:
    """The day, the day before, a week, a month, all days."""
    return counts[-1], counts[-2], sum(counts[-WEEK:]), sum(counts[-MONTH:]), sum(counts)


def _rows(names: Sequence[str], series: Mapping[str, Sequence[int]], speech: Speech) -> Iterator[Row]:
    for name in names:
        say = _saying(name, speech)
        yield Row(speech.say(LABELS[name]), tuple(map(say, _stretches(series[name]))))
        if name == "film_faces":
            yield _a_second(series, speech)


def _a_second(series: Mapping[str, Sequence[int]], speech: Speech) -> Row:
    """Faces in a second of film."""
    pairs = zip(_stretches(series["film_faces"]), _stretches(series["film_seconds"]), strict=True)
    said = tuple(speech.number(faces / seconds, 2) if seconds else NONE for faces, seconds in pairs)
    return Row(speech.say(noted("Faces in a second of film")), said)


def _plot(name: str, counts: Sequence[int], last: date, speech: Speech) -> Plot:
    say, label = _saying(name, speech), speech.say(LABELS[name])
    template = speech.say(noted("{figure}, day by day from {first} to {last}; {total} altogether"))
    first, total = last - timedelta(days=len(counts) - 1), say(sum(counts))
    title = template.format(figure=label, first=speech.day(first), last=speech.day(last), total=total)
    unit = _scaled_in(counts) if name == "film_seconds" else 1
    picture = bars.draw(f"plot-{name}", title, last, counts, say, speech.short_day, unit)
    days = tuple((speech.day(last - timedelta(days=ago)), say(count)) for ago, count in enumerate(reversed(counts)))
    return Plot(name, label, Markup(picture), days, total)  # noqa: S704  ElementTree has escaped what it holds


def _scaled_in(seconds: Sequence[int]) -> int:
    """Hours or minutes, whichever the longest day is told in."""
    return HOUR if max(seconds) >= HOUR else MINUTE


def _tiles(told: Figures, series: Mapping[str, Sequence[int]], speech: Speech) -> Iterator[tuple[str, str]]:
    """What is read first: (what, number)."""
    for name in ("posts", "files", "films", "film_faces", "candidates"):
        yield speech.say(LABELS[name]), speech.number(series[name][-1])
    answers = sum(series[name][-1] for name in ("first", "second", "senior"))
    yield speech.say(noted("Answers given")), speech.number(answers)
    yield speech.say(LABELS["decided"]), speech.number(series["decided"][-1])
    for which, label in (
        ("day", noted("Possible sightings of the day that stand")),
        ("year", noted("Possible sightings of this year that stand")),
    ):
        found = told["sightings"][which]
        people = speech.say(noted("{sightings}, people: {people}")).format(
            sightings=speech.number(found["sightings"]), people=speech.number(found["people"])
        )
        yield speech.say(label), people


def _tries(told: Figures, speech: Speech) -> Iterator[tuple[str, str, str, str]]:
    """What was tried and how it went: (step, outcome, of the day, of the month)."""
    word = _words(speech)
    for step, outcomes in told["tries_month"].items():
        today = told["tries"].get(step, {})
        for outcome, count in outcomes.items():
            called = word("lost to another worker" if outcome == "lost" else outcome)
            yield plain(step), called, speech.number(today.get(outcome, 0)), speech.number(count)
