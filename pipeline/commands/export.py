"""`lastseen export`: what leaves the office."""

from pathlib import Path
from typing import Annotated

import typer

from lastseen.settings import settings
from pipeline.app import open_app
from pipeline.console import AsJson, Voice, plain, say

app = typer.Typer(help="What leaves the office: each export is recorded in the custody log.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """What leaves the office: each export is recorded in the custody log."""


@app.command()
def evidence(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CANDIDATE|BLOB|PERSON",
            help="candidate:12 (or 12,13), blob:SHA256 or person:NUMBER (of the register).",
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="The folder to make; it must not be there yet.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it leaves the office; it stands in the log for ever.")],
    recipient: Annotated[
        str, typer.Option("--recipient", help="For whom; it stands in the log and on every page.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make a package of evidence (BagIt) of one case that a stranger can check offline."""
    from pipeline.evidence import export  # what it draws and typesets with is loaded for it only

    with open_app(settings()) as opened:
        made = export.export(opened, case, to, recipient, reason, tell=lambda text: say(plain(text)))
    Voice(as_json).result(
        {
            "export": made.id,
            "sha256": made.sha256,
            "folder": str(to.absolute()),
            "files": made.files,
            "bytes": made.size,
            "events": made.events,
            "stamps": made.stamps,
            "key": made.key,
        },
        [
            f"{plain(str(to))}: {made.files} files, {made.events} custody events, {made.stamps} time-stamped heads",
            "Tell whoever gets it, another way than with the package:",
            f"  sha256  {made.sha256}",
            f"  key     {plain(made.key)}",
            f"They check it with: python3 -I verify.py PACKAGE --package-sha256 {made.sha256} --key {plain(made.key)}",
        ],
    )


def packages_(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many are asked for, and make none.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the packages of evidence that were asked for on the pages, and remove those that were there for a week."""
    from pipeline.evidence import packing  # what it draws and typesets with is loaded for it only

    with open_app(settings()) as opened:
        counts = {"due": packing.due(opened)} if dry_run else packing.run(opened)
    Voice(as_json).result(counts, [", ".join(f"{count} {name}" for name, count in counts.items())])
