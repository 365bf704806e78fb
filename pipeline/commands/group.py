"""`lastseen group`: people who are shown together, followed until it is known of each what became of them."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lastseen.clock import utcnow
from lastseen.settings import settings
from lastseen.sheets import sheet
from pipeline import console
from pipeline.acting import As, Decision, Reason, deciding, said
from pipeline.app import local_actor
from pipeline.commands.roll_call import AsCsv, require_new, write
from pipeline.console import AsJson, Voice, plain
from storage import custody, group_case, group_cases, roll_calls
from storage.custody import Action, Entry
from storage.group_case import GroupCase, Member
from storage.stores import open_stores

app = typer.Typer(help="Cases of groups: people who are shown together, and what is still open of them.")

Case = Annotated[int, typer.Argument(metavar="CASE", help="Its number in `group list`.", min=1)]
Blob = Annotated[str, typer.Argument(metavar="BLOB", help="The file's sha256, or enough of its beginning.")]
Note = Annotated[str, typer.Option("--note", help="What else there is to say.")]


@app.callback(invoke_without_command=True)
def group_(context: typer.Context, as_json: AsJson = False) -> None:
    """Cases of groups, and what is still open of them; without a command: all."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False, csv: AsCsv = None) -> None:
    """All cases with how many of their people are open: the oldest first, closed ones last."""
    require_new(csv)
    now = utcnow()
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        cases = group_cases.every(db)
        content = sheet(group_case.LIST_COLUMNS, [group_case.as_row(case, now) for case in cases]).encode()
        custody.append_all(db, local_actor(), _leaves(csv, content, "groups"))
    if csv:
        write(csv, content)
    told = [group_case.summary(case, now) for case in cases]
    columns = ("case", "title", "days_open", "open", "shown", "accounted_for", "waiting", "unaccounted", "confirmed")
    voice = Voice(as_json)
    voice.show(console.table(f"{len(told)} cases", columns, [[one[name] for name in columns] for one in told]))
    followed = [case for case in cases if case.closed is None]
    people = sum(case.open for case in followed)
    line = f"{people} people open in {len(followed)} cases that are followed; `lastseen group show CASE` shows one"
    voice.result({"cases": told, "open": people}, [line])


@app.command()
def show(case: Case, account: As = "", as_json: AsJson = False, csv: AsCsv = None) -> None:
    """One case: each person, who is accounted for and confirmed by whom, recordings, where seen again, and letters."""
    require_new(csv)
    now = utcnow()
    with deciding(account) as looking:
        found = group_cases.of(looking.db, case)
        group_cases.tell(looking.db, looking.actor, found)
        content = sheet(group_case.COLUMNS, group_case.as_rows(found, now)).encode()
        looking.log([Entry(Action.VIEWED, f"group:{case}"), *_leaves(csv, content, f"group:{case}")])
    if csv:
        write(csv, content)
    voice = Voice(as_json)
    columns = ("person", "state", "who", "confirmed by", "open for days", "recordings")
    rows = (_row(member, now=group_case.days(member.since, now)) for member in found.everybody)
    voice.show(console.table(plain(found.title), columns, rows))
    if found.proposals:
        again = ("recording", "people of the case by footage", "by sightings", "refused")
        voice.show(console.table("perhaps seen again", again, map(_proposed, found.proposals)))
    voice.result(group_case.as_dict(found, now), _lines(found))


@app.command("open")
def open_(
    blob: Blob,
    title: Annotated[str, typer.Option("--title", help="Without names of people: it is shown to whoever judges.")],
    reason: Reason,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Open a case of the people whom a recording shows."""
    with deciding(account) as decision:
        file = roll_calls.named(decision.db, blob)
        made, entries = group_cases.open_(decision.db, file, title, said(reason), decision.actor)
        decision.log(entries)
    Voice(as_json).result({"case": made}, [f"case {made}: `lastseen group show {made}`"])


@app.command()
def add(case: Case, blob: Blob, reason: Reason, account: As = "", as_json: AsJson = False) -> None:
    """A recording shows the same group: its people join the case."""
    with _changing(case, account, as_json) as decision:
        file = roll_calls.named(decision.db, blob)
        decision.log(group_cases.decide(decision.db, case, file, True, said(reason), decision.actor))


@app.command()
def refuse(case: Case, blob: Blob, reason: Reason, account: As = "", as_json: AsJson = False) -> None:
    """A recording does not show the group: it is not proposed again, and taken out if it was added."""
    with _changing(case, account, as_json) as decision:
        file = roll_calls.named(decision.db, blob)
        decision.log(group_cases.decide(decision.db, case, file, False, said(reason), decision.actor))


@app.command()
def note(
    case: Case,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be known of it.")],
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Write something down beside a case."""
    with _changing(case, account, as_json) as decision:
        decision.log(group_cases.note(decision.db, case, text, decision.actor))


@app.command()
def count(
    case: Case,
    people: Annotated[int, typer.Argument(metavar="PEOPLE", help="How many are shown, each once.")],
    note: Note = "",
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Somebody counted by eye how many people the recordings show together."""
    with _changing(case, account, as_json) as decision:
        decision.log(group_cases.count(decision.db, case, people, note, decision.actor))


@app.command()
def close(case: Case, reason: Reason, account: As = "", as_json: AsJson = False) -> None:
    """Follow a case no longer; how many are still open is kept with the reason."""
    with _changing(case, account, as_json) as decision:
        decision.log(group_cases.close(decision.db, case, said(reason), decision.actor))


@app.command()
def reopen(case: Case, reason: Reason, account: As = "", as_json: AsJson = False) -> None:
    """Follow a closed case again."""
    with _changing(case, account, as_json) as decision:
        decision.log(group_cases.reopen(decision.db, case, said(reason), decision.actor))


@contextmanager
def _changing(case: int, account: str, as_json: bool) -> Iterator[Decision]:
    """Something of a case is decided; then its counts are said."""
    with deciding(account) as decision:
        yield decision
        found = group_cases.of(decision.db, case)
    voice = Voice(as_json)
    voice.result(group_case.summary(found, utcnow()), _lines(found))


def _leaves(csv: Path | None, content: bytes, subject: str) -> list[Entry]:
    """What the custody log must say of a table, before it leaves."""
    detail = {"what": "group", "format": "csv", "sha256": hashlib.sha256(content).hexdigest()}
    return [Entry(Action.EXPORTED, subject, detail)] if csv else []


def _row(member: Member, now: int) -> tuple[object, ...]:
    confirmed = "; ".join(group_case.said_by(said) for known in member.known for said in known.confirmations)
    who = ", ".join(dict.fromkeys(question.register_number for question in member.questions))
    files = ", ".join(f"{one.call.sha256[:12]} face {one.face.number}" for one in member.shown)
    state = member.state if member.counted else "not searched"
    return member.number, state, who, confirmed, "" if member.confirmed else now, files


def _proposed(one: group_case.Proposal) -> tuple[object, ...]:
    refused = f"{one.refused.by}: {one.refused.why}" if one.refused else ""
    return one.sha256[:12], ", ".join(map(str, one.members)), ", ".join(one.people), refused


def _lines(case: GroupCase) -> Iterable[str]:
    by_eye = f"by eye {case.counted.people}" if case.counted else "nobody has counted by eye"
    yield (
        f"{case.shown} people shown (by tracks {case.people}, {by_eye}): {case.accounted} accounted for,"
        f" {case.confirmed} confirmed by somebody, {case.waiting} waiting for review,"
        f" {case.unaccounted} unaccounted for; {case.open} open"
    )
    if case.lacks:
        yield f"[yellow]not complete:[/] {plain('; '.join(case.lacks))}"
    if case.torn:
        yield f"[yellow]taken for two people at one time:[/] {plain(', '.join(case.torn))}"
    if case.closed:
        yield f"closed by {plain(case.closed.by)}: {plain(case.closed.note)}; {case.closed.people} were left open"
