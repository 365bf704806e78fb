"""The command `lastseen`: a contract that scripts depend on (docs/commands.md).

Exit status 0 done, 1 something failed (said which), 2 wrong use.
"""

import gc
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError

from extractors import sandbox
from lastseen import __version__, days
from lastseen.clock import iso
from lastseen.errors import Failure, WrongUse
from lastseen.logs import PLAIN
from lastseen.settings import Settings, settings
from pipeline import batches, console, doctor, jobs, no_dash, servers
from pipeline.app import App, open_app, with_engine
from pipeline.commands import (
    backup,
    bench,
    calibrate,
    candidates,
    custody,
    duties,
    exchange,
    export,
    group,
    hints,
    judgements,
    keys,
    known_pairs,
    letters,
    lists,
    logs,
    models,
    monitoring,
    register,
    rematch,
    report,
    reposts,
    roll_call,
    site,
    source,
    stamps,
    telegram,
    tips,
    user,
    whole_file,
    witness,
)
from pipeline.console import AsJson, Voice, plain, say
from pipeline.help_panels import ByPurpose
from pipeline.jobs import Scope
from pipeline.register import importing
from pipeline.runner import by_step
from pipeline.serving.checkup import WARNING
from pipeline.steps import COMMANDS
from storage import alerts, key_copies, retention, sites, status
from storage.database import DatabaseError, away, is_away
from storage.stores import open_stores

app = typer.Typer(
    help="Find people reported missing in open-source video. A person decides; the software never identifies anyone.",
    cls=ByPurpose,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
register_app = typer.Typer(help="The register of missing persons.", no_args_is_help=True)
app.add_typer(source.app, name="source")
app.add_typer(register_app, name="register")
app.add_typer(tips.app, name="tips")
app.add_typer(user.app, name="user")
app.add_typer(telegram.app, name="telegram")
app.add_typer(custody.app, name="custody")
app.add_typer(witness.app, name="witness")
app.add_typer(keys.app, name="keys")
app.command("stamps")(stamps.stamps_)
app.add_typer(site.app, name="site")
app.add_typer(reposts.app, name="reposts")
app.add_typer(models.app, name="models")
app.add_typer(bench.app, name="bench")
candidates.add_to(app)
backup.add_to(app)
judgements.add_to(app)
duties.add_to(app)
rematch.add_to(app)
calibrate.add_to(app)
register.add_to(register_app)
whole_file.add_to(register_app)
hints.add_to(app)
roll_call.add_to(app)
app.add_typer(group.app, name="group")
app.add_typer(known_pairs.app, name="known-pairs")
app.add_typer(lists.app, name="lists")
monitoring.add_to(app)
app.add_typer(export.app, name="export")
app.add_typer(exchange.app, name="exchange")
app.command("packages")(export.packages_)
app.add_typer(letters.app, name="letters")
app.add_typer(report.app, name="report")
app.command("logs")(logs.logs_)

OfSource = Annotated[int | None, typer.Option("--source", help="Only this source (its id in `source list`).")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=days.moment, metavar="DAY", help="Only posts published since (UTC)."),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", parser=days.until, metavar="DAY", help="Only posts published until the end of this day (UTC)."
    ),
]
OfBlob = Annotated[str | None, typer.Option("--blob", help="Only this blob (its sha256).")]
OfPerson = Annotated[
    str | None, typer.Option("--person", metavar="NUMBER", help="Only photos of this entry of the register.")
]
WithEngine = Annotated[
    str | None, typer.Option("--engine", help="With this engine instead of the office's, for what the others name.")
]
Force = Annotated[bool, typer.Option("--force", help="Do again what was done, of what the others name.")]
Retry = Annotated[bool, typer.Option("--retry", help="Also what did not get through before, or not whole.")]
RetryOnly = Annotated[bool, typer.Option("--retry-only", help="Nothing but what did not get through, or not whole.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be worked on, and do nothing.")]
Port = Annotated[int | None, typer.Option("--port", help="Instead of the port in the settings.", min=0, max=65535)]


# --- the register ------------------------------------------------------------------------------------------


@register_app.command("import")
def register_import_(
    path: Annotated[Path, typer.Argument(help="A CSV with photos, or a folder of PERSON/photo.jpg.")],
    again: Annotated[bool, typer.Option("--again", help="Also photos that were removed before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import the register: new and changed entries go in, each photo is checked; the same again changes nothing."""
    with open_app(settings()) as opened:
        done = importing.import_register(opened, path, again=again)
        with opened.stores.db.connect() as db:
            expired = retention.expired(db) if done.new_photos else 0
            of_photos, lines = register.summary(db)
    voice = Voice(as_json)
    if done.refused:
        rows = [(refusal.where, refusal.why) for refusal in done.refused]
        voice.show(console.table(f"{len(rows)} refused", ("what", "why"), rows))
    refused = [{"what": refusal.where, "why": refusal.why} for refusal in done.refused]
    voice.result(
        {**done.counts(), **of_photos, "refused": refused, "expired_tracks": expired},
        [
            f"{done.people} people ({done.new_people} new, {done.changed_people} changed),"
            f" {done.photos} photos ({done.new_photos} new), {len(done.refused)} refused",
            *not_compared(expired),
            *left_as_they_are(done),
            *lines,
        ],
    )


def not_compared(expired: int) -> Iterator[str]:
    """What is said of tracks whose faces have expired, if there are any."""
    if expired:
        yield (
            f"new photos are not compared with {expired} tracks whose faces have expired (LASTSEEN_RETENTION_DAYS);"
            " the recordings are kept"
        )


def left_as_they_are(done: importing.Imported) -> Iterator[str]:
    """What is said of photos that the import did not touch, if there are any."""
    if done.fewer:
        yield (
            f"{done.fewer} entries have {done.unlisted} photos that were handed in before and are not in this file:"
            " they stay; `lastseen register remove-photo` takes one away"
        )
    if done.otherwise:
        yield (
            f"{done.otherwise} entries have another status here than in the file, by later statements, and keep it:"
            " `lastseen register state` changes one"
        )
    if done.barred:
        yield f"{done.barred} photos were removed before and stay so: --again takes them back"


# --- the steps ---------------------------------------------------------------------------------------------


def _step_command(name: str, summary: str, parts: Sequence[str] = ()) -> None:
    """A command that works off the steps of its own name, or of several (`parts`)."""

    def command(
        source: OfSource = None,
        since: Since = None,
        until: Until = None,
        blob: OfBlob = None,
        retry: Retry = False,
        retry_only: RetryOnly = False,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        scope = replace(Scope(source, since, until=until), blob=blob, retry=retry, retry_only=retry_only)
        _steps(name, parts or (name,), replace(scope, anew=name == jobs.RECHECK), dry_run, as_json)

    command.__doc__ = summary
    app.command(name)(command)


_step_command(
    "run",
    "All steps, once: collect, recheck, fetch, analyze, enroll, names, match, reembed, manifest.",
    tuple(COMMANDS),
)


@app.command()
def collect(
    source: OfSource = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", parser=days.moment, metavar="DAY", help="Read posts of channels anew from this day (UTC) on."
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", parser=days.until, metavar="DAY", help="Up to and with this day.")
    ] = None,
    begin: Annotated[str, typer.Option("--from", help="The same of one channel, from this number or day on.")] = "",
    end: Annotated[str, typer.Option("--to", help="Up to and with this number or day.")] = "",
    whole: Annotated[
        bool, typer.Option("--whole", help="List sources on video sites to their end, as is done weekly.")
    ] = False,
    retry: Retry = False,
    retry_only: RetryOnly = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Read what the sources have published since they were read last."""
    scope = replace(Scope(source, since, until=until), retry=retry, retry_only=retry_only)
    _steps("collect", ("collect",), replace(scope, begin=begin, end=end, whole=whole, anew=True), dry_run, as_json)


for _name, _summary in {
    "recheck": "Look again for posts that are due, or that you name: changed, missing, gone, back.",
    "fetch": "Fetch the media of posts into the evidence.",
}.items():
    _step_command(_name, _summary)


@app.command()
def analyze(
    source: OfSource = None,
    since: Since = None,
    until: Until = None,
    blob: OfBlob = None,
    engine: WithEngine = None,
    force: Force = False,
    retry: Retry = False,
    retry_only: RetryOnly = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Find faces in what was fetched."""
    named = replace(Scope(source, since, until=until), blob=blob, engine=engine, force=force)
    _steps("analyze", ("analyze",), replace(named, retry=retry, retry_only=retry_only), dry_run, as_json)


@app.command()
def enroll(
    source: OfSource = None,
    since: Since = None,
    blob: OfBlob = None,
    person: OfPerson = None,
    retry: Retry = False,
    retry_only: RetryOnly = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Check reference photos and make them ready to be searched; it takes no notice of where media come from."""
    _steps("enroll", ("enroll",), Scope(person=person, retry=retry, retry_only=retry_only), dry_run, as_json)


_step_command(
    "names", "Compare the words of posts, and lists, with the names in the register: hints, apart from faces."
)


@app.command()
def match(
    source: OfSource = None,
    since: Since = None,
    until: Until = None,
    blob: OfBlob = None,
    force: Force = False,
    retry: Retry = False,
    retry_only: RetryOnly = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Compare faces with the register and queue candidates."""
    named = replace(Scope(source, since, until=until), blob=blob, force=force)
    _steps("match", ("match",), replace(named, retry=retry, retry_only=retry_only), dry_run, as_json)


_step_command("reembed", "After a change of engine: make tracks ready for it from their kept pictures, and match them.")


@app.command("manifest")
def manifest_(
    retry: Retry = False, retry_only: RetryOnly = False, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Make the manifests of days that are over, and have them time-stamped."""
    _steps("manifest", ("manifest",), Scope(retry=retry, retry_only=retry_only), dry_run, as_json)


def _steps(command: str, parts: Sequence[str], scope: Scope, dry_run: bool, as_json: bool) -> None:
    with open_app(with_engine(settings(), scope.engine), told=console.show_end) as opened:
        if dry_run:
            _say_what_is_due(opened, parts, scope, as_json)
            return
        with jobs.journal(opened, command, scope) as tallies:
            for part in parts:
                for tally in jobs.execute(opened, part, scope):
                    console.show_tally(tally)
                    tallies.append(tally)
        if command == "run":
            custody.sign_after(opened.settings, opened.stores)
        said, lines = _of_photos(opened, parts)
    Voice(as_json).result({**by_step(tallies), **said}, lines)
    bugs = sum(tally.bugs for tally in tallies)
    if bugs:
        raise Failure(f"{bugs} items met a fault of lastseen itself: see the log above, and `lastseen status`")


def _of_photos(opened: App, parts: Sequence[str]) -> tuple[dict[str, Mapping[str, int]], Iterator[str]]:
    """What a command that checks photos says at its end."""
    if "enroll" not in parts:
        return {}, iter(())
    with opened.stores.db.begin() as db:
        return register.summary(db)


def _say_what_is_due(opened: App, parts: Sequence[str], scope: Scope, as_json: bool) -> None:
    due = {step: list(items) for part in parts for step, items in jobs.due(opened, part, scope, dry=True).items()}
    said = [
        f"{step}: {len(items)} items would be worked on{_how_long(opened, step, items)}" for step, items in due.items()
    ]
    Voice(as_json).result(due, said)


def _how_long(opened: App, step: str, items: Sequence[int]) -> str:
    """Where there is something, and something is known of it."""
    if not items or step not in batches.GUESSES:
        return ""
    return f", {batches.about(jobs.seconds_of(opened, step, items))} of work"


# --- looking -----------------------------------------------------------------------------------------------


@app.command("status")
def status_(as_json: AsJson = False) -> None:
    """How many of everything there are, what did not get through, and why."""
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        counts, troubles, standing = status.counts(db), status.troubles(db), alerts.standing(db)
        closed = [site.as_dict(each) for each in sites.every(db) if each.closed_until]
    contained = _contained(current)
    voice = Voice(as_json)
    told = [(name, _states(value)) for name, value in counts.items()]
    voice.show(console.table("counts", ("what", "how many"), told))
    if troubles:
        rows = [(t.step, t.item, t.state, t.outcome, t.why) for t in troubles]
        voice.show(console.table("what did not get through", ("step", "item", "state", "outcome", "why"), rows))
    if standing:
        voice.show(console.table("alerts", ("what", "about", "since", "said"), [_told(alert) for alert in standing]))
    if closed:
        columns = ("site", "closed_until", "waiting", "why")
        shut = [tuple(site[name] for name in columns) for site in closed]
        voice.show(console.table("sites that nobody asks now", columns, shut))
    told_of = [dict(zip(("what", "about", "since", "said"), _told(alert), strict=True)) for alert in standing]
    result = {**counts, "alerts": told_of, "closed_sites": closed, "sandbox": contained}
    voice.result(result, [f"hostile media is opened in: {contained}"])


def _contained(current: Settings) -> str:
    try:
        return sandbox.describe(current)
    except sandbox.SandboxUnavailable as fault:
        return f"nothing is opened: {fault}"


def _told(alert: alerts.Alert) -> tuple[str, str, str, str]:
    return alert.kind, alert.subject, iso(alert.raised_at), alert.said


def _states(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"


@app.command("doctor")
def doctor_(
    keys_copied: Annotated[
        bool, typer.Option("--keys-copied", help="Note that the keys, as they are, are kept elsewhere, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every part, and what runs here, with the fix on the same line."""
    if keys_copied:
        for path in key_copies.say_copied(settings()):
            say(f"noted as copied: {plain(str(path))}")
    findings = doctor.examine(settings())
    parts = [{"part": f.part, "ok": f.ok, "warns": f.warns, "said": f.said} for f in findings]
    Voice(as_json).result({"ok": all(f.ok for f in findings), "parts": parts}, map(_found, findings))
    if not all(finding.ok for finding in findings):
        raise Failure(", ".join(finding.part for finding in findings if not finding.ok))


def _found(finding: doctor.Finding) -> str:
    mark = "[yellow]warn[/]" if finding.warns else "[green]ok[/]  " if finding.ok else "[red]FAIL[/]"
    return f"{mark} {finding.part}: {plain(finding.said.removeprefix(WARNING))}"


@app.command("settings")
def settings_() -> None:
    """Every setting with its meaning and its present value; secrets are not shown."""
    _print_settings(settings(), "LASTSEEN")


def _print_settings(holder: BaseModel, prefix: str, joint: str = "_") -> None:
    for name, info in type(holder).model_fields.items():
        value, full = getattr(holder, name), f"{prefix}{joint}{name.upper()}"
        if isinstance(value, BaseModel):
            _print_settings(value, full, joint="__")
            continue
        console.out.print(f"[bold]{full}[/] = {plain(str(value))}")
        console.out.print(f"    {plain(info.title or '')}. {plain(info.description or '')}")


@app.command()
def version() -> None:
    """Print the version."""
    console.out.print(__version__)


# --- serving -----------------------------------------------------------------------------------------------


@app.command()
def review(
    port: Port = None,
    link: Annotated[
        str | None, typer.Option("--link", metavar="NAME", help="Print a link that signs this account in, once.")
    ] = None,
) -> None:
    """Serve the analysts' pages; Ctrl-C ends it."""
    raise typer.Exit(servers.serve_review(port, servers.Guests((link,) if link else ())))


@app.command()
def up(
    port: Port = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With the demo's data, in a folder of its own: nothing here is touched.")
    ] = False,
) -> None:
    """Start everything on this machine: embedded servers, Airflow, review; Ctrl-C ends it."""
    if demo:
        from pipeline.demo import show  # what it composes with is installed for the demo only

        show.up(_demo_folder(), port, Voice(as_json=False))
    else:
        servers.up(settings(), port, say)


@app.command("demo")
def demo_(
    serve: Annotated[bool, typer.Option(help="Open the review pages at the end.")] = True,
    as_json: AsJson = False,
) -> None:
    """The main job on a clip composed here and now: a video site goes in, candidates come out."""
    from pipeline.demo import show  # what it composes with is installed for the demo only

    show.run(_demo_folder(), serve=serve, voice=Voice(as_json))


def _demo_folder() -> Path:
    return settings().data_dir / "demo"


# --- errors ------------------------------------------------------------------------------------------------


def main() -> None:
    """Entry point: the only place that turns errors into messages and exit codes."""
    gc.freeze()  # what was imported stays: to look for garbage in it at the end takes longer than most commands
    console.set_up_logging(_log_format())
    signal.signal(signal.SIGTERM, _leave)
    no_dash.refuse(app)
    sys.exit(_run())


def _log_format() -> str:
    """As the settings say; wrong ones are told of by the command itself."""
    try:
        return settings().log_format
    except ValidationError:
        return PLAIN


def _run() -> int:
    try:
        app()
    except ValidationError as fault:
        for error in fault.errors(include_input=False):
            name = "__".join(takewhile(str.isidentifier, map(str, error["loc"]))).upper()
            said = error["msg"].removeprefix("Value error, ")
            say(f"[red]LASTSEEN_{name}:[/] {plain(said)}; `lastseen settings` describes it")
        return 2
    except WrongUse as fault:
        say(f"[red]lastseen:[/] {plain(str(fault))}")
        return 2
    except Failure as fault:
        say(f"[red]lastseen:[/] {plain(str(fault))}")
        return 1
    except DatabaseError as fault:
        if not is_away(fault):
            raise
        say(f"[red]lastseen:[/] {plain(away(fault, own=settings().database_url is not None))}")
        return 1
    return 0


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM ends a command as Ctrl-C does: leases are given back, servers stopped."""
    raise KeyboardInterrupt
