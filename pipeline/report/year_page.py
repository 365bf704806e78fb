"""What a report of a year or a month says, in one language: a page of HTML, and the same as PDF.

Nothing of it changes but with the figures: whoever reports the same moment again gets the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from markupsafe import Markup

from lastseen import __version__
from lastseen.words import noted
from lastseen.yearly import PLOTTED, Period
from lastseen.yearly_words import PARTS, WAITED, Figure
from pipeline.evidence import typesetting
from pipeline.report import bars
from pipeline.report.bars import Bar
from pipeline.report.page import NONE, environment
from pipeline.report.saying import Speech
from storage.year_reports import Figures

TILES: Final = ("identified", "added", "returned", "deceased", "answered", "contradicted")
"""figures that are read first"""
DAYS_APART: Final = 5
"""between two days that are written below a plot of a month"""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, as it is said."""

    name: str
    """empty: it has no records of its own"""
    label: str
    number: str
    means: str = ""
    within: bool = False
    """it is a part of one above"""


@dataclass(frozen=True, slots=True)
class Mark:
    """One bar of a plot."""

    count: int
    number: str
    said: str
    below: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One figure, month by month or day by day."""

    name: str
    label: str
    title: str
    top: float
    bars: tuple[Mark, ...]

    @property
    def numbers(self) -> Sequence[tuple[str, str]]:
        """When, and how many."""
        return [(one.said, one.number) for one in self.bars]


@dataclass(frozen=True, slots=True)
class Part:
    """Figures that belong together."""

    title: str
    plots: tuple[Plot, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """All of a report, in one language."""

    language: str
    title: str
    mark: str
    """at the foot of each page of the PDF"""
    stretch: str
    head: tuple[str, ...]
    tiles: tuple[Row, ...]
    parts: tuple[Part, ...]
    foot: tuple[str, ...]


def say(figures: Figures, speech: Speech) -> Said:
    """The words of a report."""
    period = Period.named(figures["period"])
    named = speech.month(period.first) if not period.is_year else period.name
    title = speech.say(noted("Report of {period}")).format(period=named)
    parts = tuple(_part(str(heading), part, figures, period, speech) for heading, part in PARTS)
    rows = {row.name: row for part in parts for row in part.rows}
    return Said(
        speech.code,
        title,
        f"{title} · lastseen {__version__} · {speech.moment(figures['as_of'])}",
        speech.say(noted("Month") if period.is_year else noted("Day")),
        tuple(_head(figures, period, speech)),
        tuple(rows[name] for name in TILES),
        parts,
        (*_foot(speech), again(period, figures["as_of"])),
    )


def again(period: Period, as_of: str) -> str:
    """The command that makes the same report: a page says its moment to the minute, which is another one."""
    return f"lastseen report {'year' if period.is_year else 'month'} {period.name} --as-of {as_of}"


def html(said: Said, speech: Speech, *, linked: bool) -> bytes:
    """The page; `linked`: each figure leads to its records, as the review pages show them beside it."""
    pictures = {plot.name: _picture(plot, speech) for part in said.parts for plot in part.plots}
    template = environment(speech).get_template("year.html")
    return template.render(speech=speech, said=said, pictures=pictures, linked=linked).encode()


def pdf(said: Said) -> bytes:
    """The same on sheets of A4."""
    with TemporaryDirectory() as empty:
        return typesetting.pdf("year.typ", asdict(said), Path(empty), "pipeline.report")


def _head(figures: Figures, period: Period, speech: Speech) -> Iterator[str]:
    told = noted("As the records stood at {moment}: what was written down later is not in it.")
    yield speech.say(told).format(moment=speech.moment(figures["as_of"]))
    if datetime.fromisoformat(figures["as_of"]) < period.ends:
        yield speech.say(noted("The period was not over then."))
    yield speech.say(
        noted(
            "Days are in UTC. There are no names and no faces in it. A possible sighting is what two people confirmed;"
            " nobody is identified by that alone."
        )
    )


def _foot(speech: Speech) -> Iterator[str]:
    yield speech.say(
        noted(
            "Every figure is counted from records that nobody changes, each by the moment at which it was written"
            " down. Who asks for the same moment again gets the same figures; only a lawful erasure can take something"
            " away, and earlier reports stay."
        )
    )
    yield speech.say(
        noted(
            "What was decided, withdrawn or undone after the moment of the records counts as it stood before. The sum"
            " of the months can be more than the year, since a person may have added material in several."
        )
    )


def _part(heading: str, part: Mapping[str, Figure], figures: Figures, period: Period, speech: Speech) -> Part:
    plots = (
        _plot(name, str(part[name].label), figures["series"][name], period, speech) for name in part if name in PLOTTED
    )
    return Part(speech.say(heading), tuple(plots), tuple(_rows(part, figures, speech)))


def _rows(part: Mapping[str, Figure], figures: Figures, speech: Speech) -> Iterator[Row]:
    for name, figure in part.items():
        means = speech.say(str(figure.means)) if figure.means is not None else ""
        number = speech.number(figures["counts"][name])
        yield Row(name, speech.say(str(figure.label)), number, means, within=figure.means is None)
        if name == "answered":
            yield _waited(figures["median_days"], speech)


def _waited(days: float | None, speech: Speech) -> Row:
    """How long the answers took."""
    number = NONE if days is None else speech.number(days, 0 if days.is_integer() else 1)
    means = noted("From the day of sending to the day of the first answer: half took less, half took more.")
    return Row("", speech.say(str(WAITED)), number, speech.say(means), within=True)


def _plot(name: str, label: str, counts: Sequence[int], period: Period, speech: Speech) -> Plot:
    title = speech.say(noted("{figure}; {total} altogether"))
    said = speech.say(label)
    marks = tuple(
        Mark(count, speech.number(count), *_when(number, first, period, speech))
        for number, ((first, _), count) in enumerate(zip(period.parts, counts, strict=True))
    )
    whole = title.format(figure=said, total=speech.number(sum(counts)))
    return Plot(name, said, whole, bars.scale(max(counts, default=0)), marks)


def _when(number: int, first: date, period: Period, speech: Speech) -> tuple[str, str]:
    """What a bar is of, in full and as it is written below it."""
    if period.is_year:
        return speech.month(first), speech.short_month(first)
    return speech.day(first), str(first.day) if number % DAYS_APART == 0 else ""


def _picture(plot: Plot, speech: Speech) -> Markup:
    drawn = [Bar(one.count, one.said, one.below) for one in plot.bars]
    picture = bars.columns(f"plot-{plot.name}", plot.title, drawn, speech.number)
    return Markup(picture)  # noqa: S704  ElementTree has escaped what it holds
