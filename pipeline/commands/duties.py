"""What is owed to evidence and to people: `verify`, `fixity`, `incidents`, `hold`, `erase`, `erasures`, `retention`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from lastseen.clock import iso
from lastseen.errors import Failure, WrongUse
from lastseen.roles import Role
from lastseen.settings import settings
from pipeline import console
from pipeline.acting import As, Reason, deciding, said
from pipeline.app import App, open_app
from pipeline.console import AsJson, Voice, plain, say
from pipeline.custody import stamp_checks
from pipeline.duties import erasure, fixity, retention
from storage import accounts, custody_keys, erasures, holds, incidents, subjects, verification
from storage.database import Connection
from storage.stores import Stores, open_stores
from storage.subjects import Kind, Subject
from storage.verification import Report, Wish

MAY_CONFIRM = frozenset({Role.SENIOR, Role.ADMINISTRATOR})
"""roles of an account that may have something erased"""

hold_app = typer.Typer(
    help="Legal holds: what is under one is neither erased nor does it expire.", no_args_is_help=True
)
erasures_app = typer.Typer(help="Erasures that were asked for: two people decide.", no_args_is_help=True)
incidents_app = typer.Typer(help="What did not stand as it was recorded; without a command: those that are open.")

Written = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="blob:SHA256, post:ID, source:ID, person:NUMBER or candidate:ID.")
]
Called = Annotated[
    list[str] | None,
    typer.Option("--called", metavar="NAME", help="What else the person is called; may be said several times."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    for command in (verify, fixity_, retention_, erase):
        app.command(command.__name__.rstrip("_"))(command)
    app.add_typer(hold_app, name="hold")
    app.add_typer(erasures_app, name="erasures")
    app.add_typer(incidents_app, name="incidents")


# --- verify ------------------------------------------------------------------------------------------------


def verify(
    sample: Annotated[int | None, typer.Option("--sample", min=1, help="Read only so many objects, by chance.")] = None,
    blob: Annotated[str | None, typer.Option("--blob", help="Only this blob (its sha256) with its records.")] = None,
    candidate: Annotated[int | None, typer.Option("--candidate", help="Only what it was found in.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="Only what this person may be seen in.")] = None,
    source: Annotated[int | None, typer.Option("--source", help="Only what this source has published.")] = None,
    as_json: AsJson = False,
) -> None:
    """Follow the custody chain, compare rows, log and store, read the evidence again, and name what does not stand."""
    cases = {Kind.BLOB: blob, Kind.CANDIDATE: candidate, Kind.PERSON: person, Kind.SOURCE: source}
    wish = _wish(sample, {kind: str(name) for kind, name in cases.items() if name is not None})
    current = settings()
    with open_stores(current) as stores:
        trust, also = custody_keys.trusted(current), [stamp_checks.listening(stores, current)]
        report = verification.verify(stores.db, stores.objects, trust, wish, _tell, also)
    found = [{"what": one.what, "where": one.where} for one in report.incidents]
    counts = {"recorded": report.recorded, "share": round(report.share, 6)}
    more = {"unrecorded": report.unrecorded, "explained": report.explained}
    told = {"ok": report.ok, "objects": report.objects, "events": report.events, "incidents": found}
    Voice(as_json).result({**told, **counts, **more}, _lines(report))
    if not report.ok:
        raise Failure(f"{len(found)} incidents: the evidence does not stand as it was recorded")


def _wish(sample: int | None, cases: Mapping[Kind, str]) -> Wish:
    """Raises WrongUse."""
    if len(cases) + (sample is not None) > 1:
        raise WrongUse("verify reads all, a sample, or one case: give one of these")
    for kind, name in cases.items():
        return Wish(subject=subjects.parse(f"{kind}:{name}"))
    return Wish(sample=sample)


def _tell(done: int, of: int) -> None:
    say(f"{done} of {of} objects read")


def _lines(report: Report) -> Iterator[str]:
    for one in report.incidents:
        yield f"[red]{plain(one.where)}[/]: {plain(one.what)}"
    if report.unrecorded:
        yield f"{report.unrecorded} objects are not recorded yet: they are younger than a day"
    if report.explained:
        yield f"{report.explained} objects without a row were explained before"
    yield (
        f"{report.objects} objects of {report.recorded} ({report.share:.1%}) and {report.events} custody events read,"
        f" {len(report.incidents)} incidents"
    )


# --- fixity and incidents ----------------------------------------------------------------------------------


def fixity_(
    minutes: Annotated[float | None, typer.Option("--minutes", min=0, help="Begin nothing more after these.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Read today's share of the evidence again, what was read longest ago first: all of it within a quarter."""
    with open_app(settings()) as opened:
        if dry_run:
            counts = {"due": fixity.due(opened)}
            Voice(as_json).result(counts, [f"{counts['due']} objects would be read"])
            return
        done = fixity.run(opened, minutes)
    line = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in done.items())
    Voice(as_json).result(done, [line])
    if done["erasures_waiting"]:
        say(fixity.waiting_said(done["erasures_waiting"]))
    if done["incidents"]:
        raise Failure(f"{done['incidents']} new incidents: `lastseen incidents` lists them")


@incidents_app.callback(invoke_without_command=True)
def incidents_(context: typer.Context, as_json: AsJson = False) -> None:
    """What did not stand as it was recorded; without a command: those that are open."""
    if context.invoked_subcommand is None:
        incidents_list(as_json=as_json)


@incidents_app.command("list")
def incidents_list(
    every: Annotated[bool, typer.Option("--all", help="Also those that were explained.")] = False,
    as_json: AsJson = False,
) -> None:
    """What did not stand as it was recorded, and was not explained yet."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = incidents.listed(db, closed=every)
    voice = Voice(as_json)
    rows = [(one.id, iso(one.found_at), one.place, one.what, one.state, one.reason or "") for one in found]
    voice.show(console.table(f"{len(rows)} incidents", ("id", "found", "where", "what", "state", "reason"), rows))
    voice.result({"incidents": [_incident(one) for one in found]})


def _incident(one: incidents.Known) -> dict[str, object]:
    told = {"id": one.id, "what": one.what, "where": one.place, "found_at": iso(one.found_at), "found_by": one.found_by}
    return {**told, "state": one.state, "reason": one.reason, "explained_by": one.explained_by}


@incidents_app.command("explain")
def incidents_explain(
    incident: Annotated[int, typer.Argument(help="Its id in `incidents`.")], reason: Reason, account: As = ""
) -> None:
    """Close an incident with what people found out.  Nothing is repaired by that."""
    why = said(reason)
    with deciding(account) as decision:
        decision.log(incidents.explain(decision.db, incident, why, decision.actor))
    say(f"incident {incident} is explained")


# --- holds -------------------------------------------------------------------------------------------------


@hold_app.command("place")
def hold_place(written: Written, reason: Reason, account: As = "", as_json: AsJson = False) -> None:
    """Put everything of a subject under a legal hold, also what comes later."""
    subject, why = subjects.parse(written), said(reason)
    with open_stores(settings()) as stores:
        with deciding(account, stores) as decision:
            hold, entries = holds.place(decision.db, subject, why, decision.actor)
            decision.log(entries)
        _sync(stores, {"hold": hold}, f"hold {hold} on {subject} stands", as_json)


@hold_app.command("release")
def hold_release(written: Written, reason: Reason, account: As = "", as_json: AsJson = False) -> None:
    """Take the holds off a subject; what others hold stays held."""
    subject, why = subjects.parse(written), said(reason)
    with open_stores(settings()) as stores:
        with deciding(account, stores) as decision:
            entries = holds.release(decision.db, subject, why, decision.actor)
            decision.log(entries)
        _sync(stores, {"released_holds": len(entries)}, f"{subject} is under no hold of its own", as_json)


def _sync(stores: Stores, told: dict[str, object], line: str, as_json: bool) -> None:
    done = holds.sync(stores.db, stores.objects)
    counts = {"objects_held": done.held, "objects_released": done.released, "objects_missing": done.missing}
    Voice(as_json).result(
        {**told, **counts},
        [f"{line}: the store holds {done.held} versions more, and {done.released} no longer"],
    )
    if done.missing:
        raise Failure(f"{done.missing} objects that should be held are not there: `lastseen verify` names them")


@hold_app.command("list")
def hold_list(
    every: Annotated[bool, typer.Option("--all", help="Also those that were released.")] = False,
    as_json: AsJson = False,
) -> None:
    """The holds that stand."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = holds.listed(db, released=every)
    voice = Voice(as_json)
    rows = [
        (one.id, one.subject, one.reason, one.placed_by, iso(one.placed_at), one.released_by or "", one.why or "")
        for one in found
    ]
    columns = ("id", "subject", "reason", "placed by", "at", "released by", "why")
    voice.show(console.table(f"{len(rows)} holds", columns, rows))
    voice.result({"holds": [_hold(one) for one in found]})


def _hold(one: holds.Hold) -> dict[str, object]:
    told = {"id": one.id, "subject": one.subject, "reason": one.reason, "placed_by": one.placed_by}
    released = {"released_by": one.released_by, "why": one.why}
    return {**told, "placed_at": iso(one.placed_at), **released}


# --- erasure -----------------------------------------------------------------------------------------------


def erase(
    written: Written,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the custody log.")] = "",
    order: Annotated[str, typer.Option("--order", metavar="REFERENCE", help="Of the order or decision.")] = "",
    account: As = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Ask for the lawful erasure of a subject.  Nothing goes until another person says `erasures confirm`."""
    subject = subjects.parse(written)
    with open_stores(settings(), objects=False) as stores:
        with stores.db.begin() as db:
            subjects.row(db, subject)
            found = erasures.plan_with_texts(db, subject, erasure.rewritten)
            held_by = [str(one) for one in holds.over(db, subject)]
            doubts = erasure.doubts(db, subject)
        made = None if dry_run else _ask(stores, subject, said(reason), said(order, "--order"), account)
    lines = [*_gone(found, "would go"), *_to_look_at(doubts), *_what_next(made, held_by)]
    Voice(as_json).result({"erasure": made, **found.counts(), "held_by": held_by, "look_at": doubts}, lines)


def _to_look_at(doubts: Sequence[str]) -> Iterator[str]:
    if doubts:
        yield (
            f"{len(doubts)} texts may mean this person, or somebody of that name, and stay as they are; look at them"
            f" now, since nobody can tell afterwards whom to look for: {', '.join(doubts)}"
        )
        yield "whatever else the person is called (a nickname, another spelling) say with `erasures confirm --called`"


def _what_next(made: int | None, held_by: Sequence[str]) -> Iterator[str]:
    if made is not None:
        yield (
            f"erasure {made} waits for another person, who is a senior or an administrator:"
            f" `lastseen erasures confirm {made} --as ACCOUNT`"
        )
    if held_by:
        yield f"nothing of it is erased while there is a legal hold on {', '.join(map(plain, held_by))}"


def _ask(stores: Stores, subject: Subject, reason: str, order: str, account: str) -> int:
    with deciding(account, stores) as decision:
        made, entries = erasures.ask(decision.db, subject, reason, order, decision.actor)
        decision.log(entries)
    return made


def _gone(found: erasures.Plan, how: str) -> Iterator[str]:
    counts = found.counts()
    elsewhere = counts.pop("elsewhere")
    said = ", ".join(f"{count} {name}" for name, count in counts.items()).replace("_", " ")
    yield f"{said} {how}"
    if elsewhere:
        yield (
            f"{elsewhere} posts that stay carry some of the same bytes, which therefore stay, too:"
            " erase blob:SHA256 for all of them"
        )


@erasures_app.command("list")
def erasures_list(as_json: AsJson = False) -> None:
    """All that was ever asked for."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = erasures.listed(db)
    rows = [
        (one.id, one.subject, one.state, one.order_reference, one.reason, one.asked_by, one.confirmed_by or "")
        for one in found
    ]
    voice = Voice(as_json)
    columns = ("id", "subject", "state", "order", "reason", "asked by", "confirmed by")
    voice.show(console.table(f"{len(rows)} erasures", columns, rows))
    names = ("id", "subject", "state", "order_reference", "reason", "asked_by", "confirmed_by")
    voice.result({"erasures": [{name: getattr(one, name) for name in names} for one in found]})


@erasures_app.command("confirm")
def erasures_confirm(
    number: Annotated[int, typer.Argument(help="Its id in `erasures list`.")],
    account: As,
    others: Called = None,
    as_json: AsJson = False,
) -> None:
    """Have it done.  Only an account of somebody else, who is a senior or an administrator, can say so."""
    with open_app(settings()) as opened:
        with deciding(account, opened.stores) as decision:
            _require_role(decision.db, decision.actor)
            erasure.require_role(opened.stores)
            decision.log(erasures.confirm(decision.db, number, decision.actor))
        _finish(opened, others or (), as_json)


def _require_role(db: Connection, actor: str) -> None:
    """Raises WrongUse."""
    found = accounts.find_user(db, actor)
    if found is None or not MAY_CONFIRM & set(found.roles):
        raise WrongUse(
            f"{actor} may not confirm an erasure: an account with one of the roles {', '.join(sorted(MAY_CONFIRM))} may"
        )


@erasures_app.command("refuse")
def erasures_refuse(
    number: Annotated[int, typer.Argument(help="Its id in `erasures list`.")], reason: Reason, account: As = ""
) -> None:
    """It is not to be done."""
    why = said(reason)
    with deciding(account) as decision:
        decision.log(erasures.refuse(decision.db, number, why, decision.actor))
    say(f"erasure {number} is refused")


@erasures_app.command("finish")
def erasures_finish(others: Called = None, as_json: AsJson = False) -> None:
    """Go on with what was confirmed and cut short; say again what else the person is called."""
    with open_app(settings()) as opened:
        _finish(opened, others or (), as_json)


def _finish(opened: App, others: Sequence[str], as_json: bool) -> None:
    done = erasure.finish(opened, others)
    told: list[dict[str, Any]] = [{"erasure": one.id, **found.counts()} for one, found in done]
    lines = [line for _, found in done for line in _gone(found, "are gone")]
    Voice(as_json).result({"done": told}, lines or ["nothing was left to do"])


# --- retention ---------------------------------------------------------------------------------------------


def retention_(dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Delete what may not be kept: faces that match nobody, and photos of people who are no longer missing."""
    with open_app(settings()) as opened:
        if dry_run:
            due = retention.due(opened)
            counts = {"tracks": due.tracks, "photos": due.photos}
            Voice(as_json).result(counts, [f"{due.tracks} tracks and {due.photos} photos would go"])
            return
        gone = retention.run(opened)
    Voice(as_json).result(gone, [", ".join(f"{count} {name}" for name, count in gone.items()) + " are gone"])
