"""`lastseen letters`: letters to other offices, for scripts.  Approving is for the pages, where people read."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from lastseen import days, letter_marks
from lastseen.clock import iso, utcnow
from lastseen.errors import WrongUse
from lastseen.letters import FOR_PAGES, LetterEvent, LetterFormat, LetterKind, LetterState
from lastseen.settings import settings
from matchers.letters import drafting, templates
from matchers.letters.templates import Template
from matchers.names.declining import Sex
from pipeline import console
from pipeline.acting import As, actor, deciding
from pipeline.app import open_app
from pipeline.console import AsJson, Voice, plain
from storage import custody, letter_book, letters, tellings
from storage.custody import Action
from storage.database import Connection
from storage.letters import Letter, Move, Which, Written
from storage.objects import EXPORT
from storage.stores import open_stores

app = typer.Typer(help="Letters to other offices about possible sightings.", no_args_is_help=True)

Show = Annotated[Which, typer.Option("--show", help="Only these.")]
Of = Annotated[int, typer.Argument(metavar="LETTER", help="Its number.")]
Day = Annotated[
    date | None,
    typer.Option("--dated", parser=days.past_day, metavar="DAY", help="On which day it was; unless given: today."),
]


@app.callback()
def group() -> None:
    """Letters to other offices about possible sightings."""


@app.command("list")
def list_(show: Show = Which.ALL, as_json: AsJson = False) -> None:
    """The newest fifty letters, with their states and when answers are due."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found, counts = letters.listed(db, show)[: letters.MOST], letters.counts(db)
    rows = [(one.id, plain(one.recipient_name), _state(one), one.sent_on or "", one.due or "") for one in found]
    voice = Voice(as_json)
    voice.show(console.table(f"{len(rows)} letters", ("id", "to", "state", "sent", "answer due"), rows))
    voice.result({"letters": [_json(one) for one in found], "counts": {str(key): counts[key] for key in counts}})


@app.command()
def recipients(as_json: AsJson = False) -> None:
    """The address book."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = letter_book.recipients(db)
    rows = [
        (one.id, one.kind, plain(one.name), one.language, one.days or "", "retired" if one.retired_at else "")
        for one in found
    ]
    voice = Voice(as_json)
    voice.show(console.table(f"{len(rows)} recipients", ("id", "kind", "name", "language", "days", ""), rows))
    voice.result(
        {
            "recipients": [
                {"id": one.id, "kind": one.kind, "name": one.name, "language": one.language, "days": one.days,
                 "retired": one.retired_at is not None}
                for one in found
            ]
        }
    )  # fmt: skip


@app.command("add-recipient")
def add_recipient(
    name: Annotated[str, typer.Argument(help="What the office is called.")],
    kind: Annotated[LetterKind, typer.Option("--kind", help="Which template is theirs.")],
    language: Annotated[str, typer.Option("--language", help="Of its letters: en or uk.")] = "uk",
    address: Annotated[str, typer.Option("--address", help="As it stands in the letter; \\n begins a line.")] = "",
    days: Annotated[int | None, typer.Option("--days", help="Within how many an answer is expected.")] = None,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Add an office that letters go to."""
    with deciding(account) as decision:
        lines = address.replace("\\n", "\n")
        made, entry = letter_book.add(decision.db, kind, name, lines, language, days, decision.actor)
        decision.log([entry])
    Voice(as_json).result({"recipient": made}, [f"recipient {made}"])


@app.command()
def write(
    to: Annotated[int, typer.Option("--to", metavar="RECIPIENT", help="Its number in `letters recipients`.")],
    sighting: Annotated[
        list[int] | None, typer.Option("--sighting", help="A possible sighting (candidate); may come again.")
    ] = None,
    case: Annotated[int | None, typer.Option("--case", help="All possible sightings of this case of a group.")] = None,
    sex: Annotated[
        list[str] | None,
        typer.Option("--sex", metavar="NUMBER=man|woman", help="How the name of an entry declines."),
    ] = None,
    package: Annotated[bool, typer.Option("--package", help="The packages of evidence go with it.")] = False,
    text: Annotated[
        Path | None, typer.Option("--text", help="A file with the text instead of the template's.", exists=True)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the draft, and keep nothing.")] = False,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Fill a letter and keep it.  Generated word forms are confirmed on its page, and another officer approves it."""
    with deciding(account) as decision:
        candidates, draft, language = _draft(decision.db, to, tuple(sighting or ()), case, sex or ())
        body = text.read_text("utf-8") if text else draft.body
        made = None
        tellings.tell_of_named(decision.db, decision.actor, _about(decision.db, candidates))
        if not dry_run:
            said = Written(to, language, draft.subject, body, package, candidates, case=case)
            made, entries = letters.write(decision.db, said, decision.actor)
            decision.log(entries)
    forms = [piece.text for piece in letter_marks.forms(f"{draft.subject}\n{body}")]
    told = {"letter": made, "subject": draft.subject, "body": body, "to_confirm": forms}
    lines = [plain(draft.subject), "", *map(plain, body.splitlines()), "", f"{len(forms)} word forms to confirm"]
    Voice(as_json).result(told, [*lines, "nothing was kept" if made is None else f"letter {made}"])


@app.command()
def note(
    letter: Of,
    event: Annotated[LetterEvent, typer.Argument(help="What happened; approving is for the pages.")],
    text: Annotated[str, typer.Option("--note", help="How, with what, or why.")] = "",
    dated: Day = None,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Write down what happened to a letter.  Approving is for the pages."""
    if event in FOR_PAGES:
        raise WrongUse(f"{event}: that is for the pages, where whoever does it reads the letter")
    with deciding(account) as decision:
        decision.log(letters.move(decision.db, letter, Move(event, decision.actor, text, dated or utcnow().date())))
    Voice(as_json).result({"letter": letter, "event": event}, [f"letter {letter}: {event}"])


@app.command()
def fetch(
    letter: Of,
    to: Annotated[Path, typer.Option("--to", help="The folder, made if it is not there.")],
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Fetch the files of a letter that another officer has approved; that they are fetched stands in the log."""
    written: dict[str, str] = {}
    with open_stores(settings()) as stores:
        who = actor(stores, account)
        with stores.db.begin() as db:
            found = _approved(db, letter)
            tellings.tell_of_named(db, who, [one.id for one in letters.people(db, letter)])
            files = [one for one in letters.files(db, letter) if one.format is not LetterFormat.DRAFT]
            for one in files:
                detail = {"format": one.format, "sha256": one.sha256}
                custody.append(db, who, Action.DOWNLOADED, f"letter:{found.id}", detail)
        to.mkdir(parents=True, exist_ok=True)
        for one in files:
            target = to / f"letter-{letter}-{one.key.rpartition('-')[2]}"
            if stores.objects.download(EXPORT, one.key, target) != one.sha256:
                raise WrongUse(f"{target.name} is not what was made: run `lastseen verify`")
            written[str(target)] = one.sha256
    Voice(as_json).result({"files": written}, [f"{plain(name)}  sha256 {sha256}" for name, sha256 in written.items()])


@app.command()
def make(
    retry: Annotated[
        bool, typer.Option("--retry", help="Also what was given up before: mend first why (its page says it).")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many wait, and make none.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the files of letters that were written, or approved, on the pages."""
    from pipeline.letters import making  # what it typesets with is loaded for it only

    with open_app(settings()) as opened:
        counts = {"due": making.due(opened, retry=retry)} if dry_run else making.run(opened, retry=retry)
    Voice(as_json).result(counts, [", ".join(f"{count} {name}" for name, count in counts.items())])


def _draft(
    db: Connection, to: int, sightings: tuple[int, ...], case: int | None, sex: Sequence[str]
) -> tuple[tuple[int, ...], Template, str]:
    """Candidates, the letter, its language.  Raises WrongUse."""
    recipient = letter_book.recipient(db, to)
    if recipient is None or recipient.retired_at is not None:
        raise WrongUse(f"there is no recipient {to} to write to: `lastseen letters recipients`")
    of_case = letters.of_case(db, case) if case is not None else None
    if case is not None and of_case is None:
        raise WrongUse(f"there is no case of a group {case}")
    _, chosen = of_case or ("", ())
    about = letters.subjects(db, sightings or chosen)
    if about.fallen or not about.people:
        raise WrongUse(f"no possible sightings: {', '.join(map(str, about.fallen)) or 'name some with --sighting'}")
    numbers = {one.register_number: one.id for one in about.people}
    edited = letter_book.newest(db, recipient.kind, recipient.language)
    template = templates.of(recipient.kind, recipient.language, edited.words if edited else None)
    group = letters.group(db, case) if case is not None else None
    facts = letters.facts(settings().office, settings().time_zone, recipient, group, about)
    draft = drafting.draft(template, recipient.language, facts, _sexes(sex, numbers))
    return tuple(seen.id for one in about.people for seen in one.sightings), draft, recipient.language


def _about(db: Connection, candidates: Sequence[int]) -> list[int]:
    return [one.id for one in letters.subjects(db, candidates).people]


def _sexes(given: Sequence[str], numbers: Mapping[str, int]) -> dict[int, Sex]:
    """Raises WrongUse."""
    found = {}
    for one in given:
        number, _, sex = one.rpartition("=")
        if number not in numbers or sex not in set(Sex):
            raise WrongUse(f"--sex {one}: write NUMBER=man or NUMBER=woman, of an entry that the letter is about")
        found[numbers[number]] = Sex(sex)
    return found


def _approved(db: Connection, letter: int) -> Letter:
    """Raises WrongUse."""
    found = letters.find(db, letter)
    if found is None:
        raise WrongUse(f"there is no letter {letter}")
    if found.sent_at is None and not (found.state is LetterState.APPROVED and found.stands):
        raise WrongUse(f"letter {letter} is {_state(found)}: nothing of it may leave until another officer approves it")
    return found


def _state(letter: Letter) -> str:
    more = [("blocked", letter.blocked), ("overdue", letter.overdue), ("to be told again", letter.again)]
    return ", ".join([letter.state, *(name for name, holds in more if holds)])


def _json(letter: Letter) -> dict[str, object]:
    return {
        "id": letter.id, "recipient": letter.recipient, "state": letter.state, "written_by": letter.made_by,
        "written_at": iso(letter.made_at), "sent_on": letter.sent_on, "due": letter.due, "overdue": letter.overdue,
        "blocked": letter.blocked, "again": letter.again, "people": letter.people, "revised_by": letter.revised_by,
    }  # fmt: skip
