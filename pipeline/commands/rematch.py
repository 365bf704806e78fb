"""`lastseen rematch`: photos of the register against all kept tracks, once more."""

from typing import Annotated

import typer

from lastseen.errors import Failure
from lastseen.settings import settings
from pipeline import console
from pipeline.app import open_app
from pipeline.console import AsJson, Voice
from pipeline.matching import rematch
from pipeline.matching.rematch import Wanted
from pipeline.runner import by_step


def add_to(app: typer.Typer) -> None:
    """Give the command line this command."""
    app.command("rematch")(rematch_)


def rematch_(
    person: Annotated[
        str | None, typer.Option("--person", metavar="NUMBER", help="Only photos of this entry of the register.")
    ] = None,
    photo: Annotated[int | None, typer.Option("--photo", metavar="ID", help="Only this photo.", min=1)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how much it is, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare photos with all kept tracks again: everybody's, or one person's, as after a change of the threshold."""
    wanted, voice = Wanted(person, photo), Voice(as_json)
    with open_app(settings(), told=console.show_end) as opened:
        if dry_run:
            found = rematch.extent(opened, wanted)
            voice.result(
                {"photos": found.photos, "shards": found.shards},
                [f"{found.photos} photos would be compared with the kept tracks, in {found.shards} shards"],
            )
            return
        asked, tallies = rematch.rematch(opened, wanted)
    for tally in tallies:
        console.show_tally(tally)
    voice.result({"photos": asked, **by_step(tallies)}, [f"{asked} photos swept over the kept tracks"])
    if bugs := sum(tally.bugs for tally in tallies):
        raise Failure(f"{bugs} items met a fault of lastseen itself: see the log above, and `lastseen status`")
