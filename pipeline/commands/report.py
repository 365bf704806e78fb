"""`lastseen report`: the daily report of a day that is over, and what an office says of a month or a year."""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lastseen import days
from lastseen.clock import iso, utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.preferences import LANGUAGES
from lastseen.settings import settings
from lastseen.sheets import sheet
from pipeline.app import local_actor
from pipeline.commands.duties import DryRun
from pipeline.console import AsJson, Voice, plain
from storage import daily_reports, year_reports
from storage.daily_reports import Report
from storage.objects import DERIVED
from storage.stores import Stores, open_stores
from storage.year_reports import YearReport

if TYPE_CHECKING:
    from lastseen.yearly import Period

app = typer.Typer(help="Reports: without a command of a day, else of a month or a year.")
FORMATS: Final = ("html", "pdf", "csv", "json")

Day = Annotated[
    date | None,
    typer.Option(
        "--day", parser=days.day, metavar="DAY", help="The day (UTC); the one that was over last unless given."
    ),
]
Language = Annotated[str, typer.Option("--language", help=f"Of the page for --to: {', '.join(LANGUAGES)}.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        parser=days.until,
        metavar="DAY",
        help="As the records stood at the end of this day (UTC), or at a moment such as 2026-11-25T14:00Z; now unless"
        " given.",
    ),
]
ToFile = Annotated[Path | None, typer.Option("--to", help="Also write the report to this file.")]
Format = Annotated[str, typer.Option("--format", help=f"Of the file for --to: {', '.join(FORMATS)}.")]


@app.callback(invoke_without_command=True)
def report_(
    context: typer.Context,
    day: Day = None,
    since: Annotated[
        date | None, typer.Option("--since", parser=days.day, metavar="DAY", help="Each day from this one on.")
    ] = None,
    until: Annotated[
        date | None, typer.Option("--until", parser=days.day, metavar="DAY", help="The last day; with --since.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Also write the page to this file (HTML).")] = None,
    language: Language = "en",
    force: Annotated[
        bool, typer.Option("--force", help="Report again what is reported; the earlier report stays.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Report a day: what came in, was found and decided, and what is unaccounted for; once a day, unless forced.

    Without a day also the month and the year that were over last, as the records stood at their end.
    """
    if context.invoked_subcommand is not None:
        return
    from pipeline.report import making, yearly  # what they draw with is loaded for them only

    if language not in LANGUAGES:
        raise WrongUse(f"--language {language}: there is {' and '.join(LANGUAGES)}")
    now, usual = utcnow(), not (day or since or until)
    asked = making.wanted(day, since, until, now, force=force)
    with open_stores(settings()) as stores:
        due = making.due(stores, asked)
        made = [] if dry_run else making.run(stores, asked, local_actor())
        over = yearly.due(stores, now) if usual else []
        periods = [period.name for period in over] if dry_run else yearly.run(stores, over, local_actor())
        with stores.db.connect() as db:
            newest = daily_reports.find(db, asked.last)
        if to is not None and newest is not None and not dry_run:
            _write(to, page_of(stores, newest, language))
    told = {"due" if dry_run else "made": [str(one) for one in (due if dry_run else made)]}
    result = {**told, "periods": periods, "report": _as_dict(newest)}
    Voice(as_json).result(result, [*_said(told, newest, to), *(f"reported, too: {name}" for name in periods)])


@app.command("year")
def year_(
    name: Annotated[str, typer.Argument(metavar="YEAR", help="For example 2026.")],
    as_of: AsOf = None,
    to: ToFile = None,
    format_: Format = "html",
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Report a year: whom the office found, what became of people, letters, groups, tips, and what contradicts what."""
    from pipeline.report import yearly  # what it draws with is loaded for it only

    _report_period(yearly.year(name), as_of, to, (format_, language), as_json=as_json)


@app.command("month")
def month_(
    name: Annotated[str, typer.Argument(metavar="MONTH", help="For example 2026-11.")],
    as_of: AsOf = None,
    to: ToFile = None,
    format_: Format = "html",
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Report a month, as `year` does."""
    from pipeline.report import yearly  # what it draws with is loaded for it only

    _report_period(yearly.month(name), as_of, to, (format_, language), as_json=as_json)


def _report_period(
    period: "Period", as_of: datetime | None, to: Path | None, form: tuple[str, str], *, as_json: bool
) -> None:
    from pipeline.report import yearly  # what it draws with is loaded for it only

    for chosen, known, option in zip(form, (FORMATS, LANGUAGES), ("format", "language"), strict=True):
        if chosen not in known:
            raise WrongUse(f"--{option} {chosen}: there is {', '.join(known)}")
    with open_stores(settings()) as stores:
        made = yearly.make(stores, period, as_of, local_actor())
        if to is not None:
            _write(to, file_of(stores, made.report, *form))
    told = {
        "report": made.report.id,
        "fresh": made.fresh,
        "changed": list(made.changed),
        "made_at": iso(made.report.made_at),
        "made_by": made.report.made_by,
        "pages": made.report.pages,
        **made.report.figures,
    }
    lines = [f"report {made.report.id} of {period.name}, as the records stood at {iso(made.report.as_of)}"]
    if not made.fresh:
        lines.append("it was reported so before: nothing differs")
    if made.changed:
        lines.append(f"earlier reports of that moment said something else of: {', '.join(made.changed)}")
    if to is not None:
        lines.append(f"written to {plain(str(to))}")
    Voice(as_json).result(told, lines)


def file_of(stores: Stores, report: YearReport, format_: str, language: str) -> bytes:
    """A report of a month or a year in some form.  Raises Failure when the store holds other bytes."""
    if format_ == "csv":
        from pipeline.report.saying import speeches  # what it says is loaded for it only

        return sheet(year_reports.COLUMNS, year_reports.lines(report.figures, speeches()[language].say)).encode()
    if format_ == "json":
        return year_reports.as_json(report).encode()
    return _checked(stores, report.pages[f"{language}.{format_}"], f"report {report.id} is not as it was made")


def page_of(stores: Stores, report: Report, language: str) -> bytes:
    """Its page in a language.  Raises Failure when the store holds other bytes, and ObjectMissing."""
    wrong = f"the page of report {report.id} is not as it was made: make it again with --force"
    return _checked(stores, report.pages[language], wrong)


def _checked(stores: Stores, place: Mapping[str, str], wrong: str) -> bytes:
    content = stores.objects.read(DERIVED, place["key"])
    if hashlib.sha256(content).hexdigest() != place["sha256"]:
        raise Failure(wrong)
    return content


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as fault:
        raise WrongUse(f"--to {path}: {fault.strerror}; the report is kept all the same") from fault


def _as_dict(report: Report | None) -> dict[str, object] | None:
    if report is None:
        return None
    head = {"id": report.id, "day": str(report.day), "made_at": iso(report.made_at), "made_by": report.made_by}
    return {**head, "pages": report.pages, **report.figures}


def _said(told: dict[str, list[str]], newest: Report | None, to: Path | None) -> list[str]:
    lines = [f"{what}: {', '.join(days) or 'nothing, each day has its report (--force makes another)'}"
             for what, days in told.items()]  # fmt: skip
    if newest is not None:
        lines.append(f"report {newest.id} of {newest.day}, made {iso(newest.made_at)} by {plain(newest.made_by)}")
    if to is not None and newest is not None and "made" in told:
        lines.append(f"written to {plain(str(to))}")
    return lines
