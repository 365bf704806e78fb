"""`lastseen register file`: everything that is held on one person, for that person or whoever may ask for them."""

from pathlib import Path
from typing import Annotated

import typer

from lastseen import catalogues
from lastseen.errors import Failure, WrongUse
from lastseen.preferences import LANGUAGES
from lastseen.settings import settings
from matchers.names import blotting
from pipeline.acting import As, Reason, deciding, said
from pipeline.console import AsJson, Voice, plain
from storage import tellings, whole_file
from storage.stores import open_stores
from storage.whole_file import Covers, Order


def add_to(app: typer.Typer) -> None:
    """Give `lastseen register` this command."""
    app.command("file")(file_)


def file_(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The entry's register number.")],
    to: Annotated[Path, typer.Option("--to", help="The ZIP to make; it must not be there yet.")],
    reason: Reason,
    language: Annotated[str, typer.Option("--language", help=f"Of its page: {', '.join(LANGUAGES)}.")] = "en",
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Write everything that is held on one person (subject access), others covered and left out."""
    why = said(reason)
    if not account:
        raise WrongUse("say who makes it with --as ACCOUNT: it has to be known who reads all this")
    if to.exists():
        raise WrongUse(f"{to} is there already: name another file")
    if language not in LANGUAGES:
        raise WrongUse(f"{language} is no language of the pages: {', '.join(LANGUAGES)}")
    order = Order(number, why, settings().office, language)
    say = catalogues.read("review", "lastseen", language).gettext
    with open_stores(settings()) as stores, deciding(account, stores) as decision:
        made = whole_file.make(
            decision.db, stores.objects, order, Covers(blotting.covered, blotting.without_others), say
        )
        if made is None:
            raise WrongUse(f"the register has no entry {number}")
        tellings.tell_of_named(decision.db, decision.actor, [made.person])
        decision.log([made.entry])
    try:
        with to.open("xb") as file:
            file.write(made.content)
    except OSError as fault:
        raise Failure(f"{to} cannot be written: {fault.strerror}") from fault
    told = {"export": made.id, "sha256": made.entry.detail["sha256"], "bytes": len(made.content), "parts": made.counts}
    line = f"{plain(str(to))}: {sum(made.counts.values())} entries, {made.entry.detail['pictures']} pictures"
    Voice(as_json).result({**told, "pictures": made.entry.detail["pictures"], "file": str(to.absolute())}, [line])
