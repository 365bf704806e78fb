"""`lastseen report`: the daily report of a day that is over, as a page of its own."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lastseen.clock import iso, utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.preferences import LANGUAGES
from lastseen.settings import settings
from pipeline.app import local_actor
from pipeline.commands.duties import DryRun
from pipeline.console import AsJson, Voice, plain
from storage import daily_reports
from storage.daily_reports import Report
from storage.objects import DERIVED
from storage.stores import Stores, open_stores

Day = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="The day (UTC); the one that was over last unless given."),
]
Language = Annotated[str, typer.Option("--language", help=f"Of the page for --to: {', '.join(LANGUAGES)}.")]


def report_(
    day: Day = None,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Each day from this one on.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="The last day; with --since.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Also write the page to this file (HTML).")] = None,
    language: Language = "en",
    force: Annotated[
        bool, typer.Option("--force", help="Report again what is reported; the earlier report stays.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Report a day: what came in, was found and decided, and what is unaccounted for; once a day, unless forced."""
    from pipeline.report import making  # what it draws with is loaded for it only

    if language not in LANGUAGES:
        raise WrongUse(f"--language {language}: there is {' and '.join(LANGUAGES)}")
    one, first, last = (moment.date() if moment else None for moment in (day, since, until))
    asked = making.wanted(one, first, last, utcnow(), force=force)
    with open_stores(settings()) as stores:
        due = making.due(stores, asked)
        made = [] if dry_run else making.run(stores, asked, local_actor())
        with stores.db.connect() as db:
            newest = daily_reports.find(db, asked.last)
        if to is not None and newest is not None and not dry_run:
            _write(to, page_of(stores, newest, language))
    told = {"due" if dry_run else "made": [str(one) for one in (due if dry_run else made)]}
    Voice(as_json).result({**told, "report": _as_dict(newest)}, _said(told, newest, to))


def page_of(stores: Stores, report: Report, language: str) -> bytes:
    """Its page in a language.  Raises Failure when the store holds other bytes, and ObjectMissing."""
    place = report.pages[language]
    content = stores.objects.read(DERIVED, place["key"])
    if hashlib.sha256(content).hexdigest() != place["sha256"]:
        raise Failure(f"the page of report {report.id} is not as it was made: make it again with --force")
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
