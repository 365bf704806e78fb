"""`lastseen lists`: names that others give out, as their claim; and whom of the register each line speaks of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from lastseen import days
from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.records import Verdict
from lastseen.settings import settings
from matchers.lists.lines import Line as Read
from matchers.lists.mapping import FIELDS
from matchers.lists.matching import VERSION
from matchers.lists.previewing import Preview
from matchers.lists.sheets import Wanted
from pipeline import console
from pipeline.acting import As, Reason, actor, deciding, said
from pipeline.app import open_app
from pipeline.console import AsJson, Voice, plain
from pipeline.lists import importing
from pipeline.lists.importing import Order
from pipeline.register import keeping
from storage import list_lines, lists, posts_as_lists
from storage.custody import Action, Entry
from storage.database import Connection
from storage.list_lines import SHOWN, Line, Match, State, Stood
from storage.stores import open_stores

MOST_FAULTS = 50
"""rows with faults that are shown to people; --json has all"""

app = typer.Typer(help="Lists of names that others give out, as their claims.", no_args_is_help=True)

ListId = Annotated[int, typer.Argument(metavar="LIST", help="Its id in `lists list`.")]


# --- importing ---------------------------------------------------------------------------------------------


@app.command("import")
def import_(
    *,
    path: Annotated[
        Path | None, typer.Argument(help="CSV, XLSX, PFIF, or the text of a post or document (.txt).")
    ] = None,
    post: Annotated[
        str, typer.Option("--post", metavar="LINK", help="A post that was collected: its text is the list.")
    ] = "",
    body: Annotated[str, typer.Option("--body", help="Who gave it out: whose claim it is.")],
    title: Annotated[str, typer.Option("--title", help="What it is called, as statements will refer to it.")],
    dated: Annotated[date, typer.Option("--dated", parser=days.past_day, metavar="DAY", help="The day of the list.")],
    says: Annotated[
        str, typer.Option("--says", help="What it says of everybody in it: dead, returned, dna, captive, ...")
    ] = "",
    mapping: Annotated[str, typer.Option("--mapping", metavar="NAME", help="How to read it: a saved mapping.")] = "",
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=COLUMN", help=f"May be given again. Fields: {', '.join(FIELDS)}."),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option("--value", metavar="WORD=SAYS", help="What a word in the column `says` means, as загинув=dead."),
    ] = None,
    date_format: Annotated[
        list[str] | None, typer.Option("--date", metavar="FORMAT", help="How its days are written, as %d/%m/%Y.")
    ] = None,
    save_mapping: Annotated[str, typer.Option("--save-mapping", metavar="NAME", help="Keep how it was read.")] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="Else it is found out.")] = "",
    delimiter: Annotated[str, typer.Option("--delimiter", help="Else it is found out.")] = "",
    sheet: Annotated[str, typer.Option("--sheet", help="Of a workbook; else the first with anything in it.")] = "",
    no_header: Annotated[bool, typer.Option("--no-header", help="Its columns are called 1, 2 and so on.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would become, and write nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Although the same file was imported before.")] = False,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Import a list: every row is kept, understood or not, and held against the whole register by its names."""
    if (path is None) == (not post):
        raise WrongUse("name a file, or a post by --post")
    wanted = Wanted(path.name if path else posts_as_lists.NAME, encoding, delimiter, sheet, header=not no_header)
    order = Order(
        path, wanted, post, mapping, tuple(column or ()), tuple(value or ()), says, tuple(date_format or ()),
        save_mapping,
    )  # fmt: skip
    voice = Voice(as_json)
    if dry_run:
        with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
            made, _, same = importing.preview(db, order)
        _show(voice, made, first=True)
        again_ = [f"list {same} came of the same file"] if same is not None else []
        voice.result({**_as_dict(made), "same_file_as": same, "list": None}, [*_told(made), *again_])
        return
    with open_app(settings()) as opened:
        made, kept = importing.keep(opened, order, body, title, dated, actor(opened.stores, account), again=again)
        importing.compare(opened)
        with opened.stores.db.begin() as db:
            stood = _found(db, kept.list)
    _show(voice, made, first=False)
    voice.result(
        {**_as_dict(made), "list": kept.list, **_counts(stood)},
        [*_told(made), f"list {kept.list}: {_states(stood)}; `lastseen lists show {kept.list}` shows its lines"],
    )


def _show(voice: Voice, made: Preview, *, first: bool) -> None:
    if first:
        rows = [(line.row, " | ".join(line.names), line.birth_year or "", line.says, line.since or "", line.note)
                for line in made.first]  # fmt: skip
        voice.show(console.table("the first lines", ("row", "names", "born", "says", "since", "note"), rows))
    if made.faulty:
        title = f"{len(made.faulty)} rows of which something was not understood"
        voice.show(console.table(title, ("row", "why", "names"), map(_fault, made.faulty[:MOST_FAULTS])))


def _fault(line: Read) -> tuple[object, ...]:
    return line.row, line.fault, " | ".join(line.names)


def _told(made: Preview) -> Sequence[str]:
    counts, mapping = made.counts(), made.mapping
    taken = "; ".join(f"{name} {plain(value)}" for name, value in made.sheet.taken.items())
    columns = plain(_columns(mapping.columns))
    unread = [one for one in made.sheet.columns if not any(one in columns for columns in mapping.columns.values())]
    return [
        f"read as {made.sheet.kind}" + (f": {taken}" if taken else ""),
        f"columns: {columns}" + (f"; kept, and not read: {plain(', '.join(unread))}" if unread else ""),
        f"{counts['lines']} lines, {counts['understood']} to be held against the register"
        f" ({', '.join(f'{count} {says}' for says, count in made.by_says.items())}),"
        f" {counts['faulty']} with faults, {counts['doubles']} that are there twice or more",
    ]


def _columns(by_field: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{field} = {' + '.join(columns)}" for field, columns in by_field.items())


def _as_dict(made: Preview) -> dict[str, object]:
    return {
        **made.counts(),
        "by_says": dict(made.by_says),
        "kind": made.sheet.kind,
        "taken": dict(made.sheet.taken),
        "mapping": made.mapping.as_json(),
        "first": [{"row": one.row, "names": list(one.names), "birth_year": one.birth_year, "says": one.says}
                  for one in made.first],
        "faults": [{"row": one.row, "why": one.fault} for one in made.faulty],
        "doubled_rows": [[one.row for one in group] for group in made.doubles],
    }  # fmt: skip


# --- looking -----------------------------------------------------------------------------------------------


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """All lists, the newest first, with how many of their lines stand where."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = list_lines.every(db)
    voice = Voice(as_json)
    columns = ("id", "list", "of", "dated", "lines", *State, "")
    rows = [(one.id, one.title, one.body, one.dated, one.lines, *map(one.of, State), "undone" if one.undone_at else "")
            for one in found]  # fmt: skip
    voice.show(console.table(f"{len(rows)} lists", columns, rows))
    voice.result({"lists": [{"id": one.id, **_counts(one)} for one in found]})


@app.command()
def show(
    list_id: ListId,
    which: Annotated[str, typer.Option("--state", help=f"Only these: {', '.join(SHOWN)}.")] = "all",
    says: Annotated[str, typer.Option("--says", help="Only what says this.")] = "",
    after: Annotated[int, typer.Option("--after", metavar="LINE", help="Go on behind this line.")] = 0,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """One list: totals, and its lines with whom they may speak of.  That they were looked at stands in the log.

    Whoever looks is asked about no face of these people any more, and sees no line of whom they may still be asked.
    """
    if which not in SHOWN:
        raise WrongUse(f"--state is one of {', '.join(SHOWN)}")
    with deciding(account) as looking:
        db = looking.db
        stood = _found(db, list_id)
        within, elsewhere = list_lines.doubles(db, list_id)
        waits = lists.uncompared(db, list_id, VERSION)
        found = list_lines.listed(db, list_id, which, says, after)
        page = found[: list_lines.PAGE]
        shown = list_lines.show_named(db, looking.actor, page)
        looking.log([Entry(Action.VIEWED, f"list:{list_id}", {"lines": [line.id for line in shown]})])
    voice = Voice(as_json)
    rows = [row for line in shown for row in _rows(line)]
    voice.show(
        console.table(plain(stood.title), ("line", "row", "state", "names", "born", "says", "entry", "why"), rows)
    )
    more = [f"more: --after {page[-1].id}"] if len(found) > len(page) else []
    if left := len(page) - len(shown):
        more.append(f"{left} lines are not shown to you: you may still be asked about somebody in them")
    if stood.erased_at:
        more.append(f"its file was erased on {iso(stood.erased_at)}, with its name: it held somebody who was erased")
    if waits:
        more.append(f"{waits} lines are not compared yet: `lastseen lists match`")
    told: dict[str, object] = {"id": stood.id, **_counts(stood), "doubles": within, "doubles_elsewhere": elsewhere}
    told["not_compared"] = waits
    told |= {"shown": [_line(line) for line in shown], "after": page[-1].id if len(found) > len(page) else None}
    voice.result(told, [_states(stood), f"there twice: {within}; in other lists, too: {elsewhere}", *more])


def _rows(line: Line) -> list[tuple[object, ...]]:
    own = (line.id, line.row, line.state, " | ".join(line.names), line.birth_year or "", line.says)
    if not line.matches:
        return [(*own, "", line.fault)]
    rows = [(f"{one.register_number} ({one.status})", _why(one)) for one in line.matches]
    return [(*(own if not place else [""] * len(own)), *row) for place, row in enumerate(rows)]


def _why(one: Match) -> str:
    decided = {True: "confirmed", False: "refused", None: ""}[one.same]
    said_ = [f"{reason.field} {reason.verdict}" + (f", {reason.how}" if reason.how else "")
             for reason in one.reasons if reason.verdict is not Verdict.SILENT]  # fmt: skip
    fits = [f"fits {one.fitting} entries"] if one.fitting > 1 else []
    return "; ".join(filter(None, [decided, *said_, *fits]))


def _line(line: Line) -> dict[str, object]:
    kept = {name: value for name, value in asdict(line).items() if name not in ("matches", "list")}
    matches = [
        {"person": one.register_number, "status": one.status, "same": one.same, "fitting": one.fitting,
         "reasons": [asdict(reason) for reason in one.reasons]}
        for one in line.matches
    ]  # fmt: skip
    return {**kept, "matches": matches}


def _found(db: Connection, list_id: int) -> Stood:
    found = list_lines.find(db, list_id)
    if found is None:
        raise WrongUse(f"there is no list {list_id}: `lastseen lists list` lists them")
    return found


def _counts(stood: Stood) -> dict[str, object]:
    return {
        "title": stood.title,
        "body": stood.body,
        "dated": stood.dated.isoformat(),
        "imported_at": iso(stood.imported_at),
        "undone": stood.undone_at is not None,
        "file_erased_at": iso(stood.erased_at) if stood.erased_at else None,
        "states": {str(state): stood.of(state) for state in State},
        "categories": {says: dict(states) for says, states in stood.categories.items()},
    }


def _states(stood: Stood) -> str:
    return ", ".join(f"{stood.of(state)} {state}" for state in State)


@app.command()
def mappings(as_json: AsJson = False) -> None:
    """How givers' lists are read, as it was saved."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = lists.mappings(db)
    voice = Voice(as_json)
    rows = [(one.name, _columns(one.mapping["columns"]), one.kept_by, iso(one.kept_at)) for one in found]
    voice.show(console.table(f"{len(rows)} mappings", ("name", "columns", "kept by", "at"), rows))
    voice.result({"mappings": [{"name": one.name, "mapping": dict(one.mapping)} for one in found]})


# --- deciding ----------------------------------------------------------------------------------------------


@app.command()
def match(as_json: AsJson = False) -> None:
    """Hold all lists against the register as it is now: only what changed since is compared."""
    with open_app(settings()) as opened:
        blocks = importing.compare(opened)
    Voice(as_json).result({"blocks": blocks}, [f"{blocks} blocks of lines were compared"])


@app.command()
def decide(
    line: Annotated[int, typer.Argument(metavar="LINE", help="Its id in `lists show`.")],
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The register number of whom it may speak of.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="It speaks of them: what it says is noted as a statement.")
    ] = False,
    no: Annotated[bool, typer.Option("--no", help="It does not.")] = False,
    sets: Annotated[
        bool, typer.Option("--sets-status", help="The office takes it for what is: candidates may close by it.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; needed where it was decided otherwise before.")] = "",
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Say whether a line speaks of an entry of the register, which the names need not have proposed."""
    if yes == no:
        raise WrongUse("say --yes or --no")
    with open_app(settings()) as opened:
        with deciding(account, opened.stores) as decision:
            done = importing.decide(
                decision, line, number, yes, opened.settings.people_per_track, reason=reason, sets=sets
            )
        importing.swept(opened)
    made = f", statement {done.statement}" if done.statement else ""
    verdict = "speaks" if yes else "does not speak"
    told = {"line": line, "person": number, "same": yes, "statement": done.statement, "came_up": len(done.came_up)}
    lines = [f"line {line} {verdict} of {plain(number)}{made}"]
    if done.searched_for_too:
        told["searched_for_too"] = done.searched_for_too
        lines.append(keeping.of_others(done.searched_for_too))
    Voice(as_json).result(told, lines)


@app.command()
def undo(list_id: ListId, reason: Reason, account: As = "", as_json: AsJson = False) -> None:
    """Have a list count for nothing: its statements are withdrawn, statuses go back; its lines stay."""
    why = said(reason)
    with open_app(settings()) as opened:
        withdrawn = importing.undo(opened, list_id, why, actor(opened.stores, account))
    line = f"list {list_id} is undone; {withdrawn} statements are withdrawn"
    Voice(as_json).result({"undone": list_id, "withdrawn": withdrawn}, [line])
