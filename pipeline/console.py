"""What a command says: results on standard output, everything else on standard error; outside text is escaped."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from lastseen import logs
from pipeline.runner import Ended, Tally

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line of standard output.")]
"""what every command that answers takes"""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Voice:
    """How one command speaks."""

    as_json: bool = False

    def result(self, value: Mapping[str, object], lines: Iterable[str] = ()) -> None:
        """The command's result: one JSON object on the last line, or lines for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
            sys.stdout.flush()
            return
        for line in lines:
            out.print(line)

    def advise(self, text: str) -> None:
        """What people should do with a result that is a line by itself: on standard error, so that scripts take it."""
        if not self.as_json:
            say(text)

    def show(self, table: Table) -> None:
        """A table for people; nothing with --json."""
        if not self.as_json:
            out.print(table)


def say(text: str) -> None:
    """Progress, on standard error."""
    err.print(text)


def plain(text: str) -> str:
    """Text from outside: no markup, no control characters."""
    return escape("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text))


def show_end(ended: Ended) -> None:
    """One line for each item that did not get through."""
    if ended.fault is not None:
        err.print(f"  {ended.step} {ended.subject}: [yellow]{ended.fault}[/] {plain(ended.why)}")


def show_tally(tally: Tally) -> None:
    """One line for a step."""
    faults = ", ".join(f"{count} {name}" for name, count in sorted(tally.faults.items()))
    err.print(f"{tally.step}: {tally.done} done{', ' + faults if faults else ''}")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table with a row for each item."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(plain(str(cell)) for cell in row))
    return made


def set_up_logging(form: str) -> None:
    """Logs go to standard error; they carry ids and counts."""
    people = RichHandler(console=err, show_path=False, rich_tracebacks=False)
    people.setFormatter(logs.AsText("%(message)s"))
    logs.set_up(form, None if form == logs.JSON else people)
