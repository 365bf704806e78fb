"""`lastseen known-pairs`: what reviewers are measured with."""

from dataclasses import asdict
from typing import Annotated

import typer

from lastseen.clock import iso
from lastseen.errors import Failure, WrongUse
from lastseen.settings import settings
from pipeline import console
from pipeline.acting import As, deciding
from pipeline.app import open_app
from pipeline.console import AsJson, Voice
from pipeline.register import known_pairs as making
from storage import known_pairs
from storage.known_pairs import Listed
from storage.stores import open_stores

app = typer.Typer(
    help="Pairs of the register's own photos, shown among candidates to measure who reviews.", no_args_is_help=True
)


@app.command()
def make(
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="Of each kind in use.")] = making.MOST,
    as_json: AsJson = False,
) -> None:
    """Choose pairs among the register's photos, retire those that are certain no more, and make their pictures."""
    with open_app(settings(), told=console.show_end) as opened:
        made = making.make(opened, most)
        tally = making.draw(opened)
    console.show_tally(tally)
    told = {"made": len(made.pairs), "retired": made.retired}
    told |= {"genuine": made.in_use[True], "strangers": made.in_use[False]}
    lines = [f"{len(made.pairs)} pairs made, {made.retired} retired; in use: {_kinds(told)}"]
    if not told["genuine"]:
        lines.append("no entry has two photos that are good enough and two pictures: missed matches are not measured")
    Voice(as_json).result({**told, "disguise": tally.as_dict()}, lines)
    if tally.bugs:
        raise Failure(f"{tally.bugs} items met a fault of lastseen itself: see the log above, and `lastseen status`")


def _kinds(told: dict[str, int]) -> str:
    return f"{told['genuine']} of one person, {told['strangers']} of two"


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also those that were retired.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pairs in use, the newest first.  Whoever reviews should not read this."""
    with open_stores(settings(), objects=False) as stores, stores.db.connect() as db:
        found = known_pairs.listed(db, retired=every)
    voice = Voice(as_json)
    columns = ("id", "shown", "beside", "truth", "distance", "state", "answers")
    voice.show(console.table(f"{len(found)} known pairs", columns, map(_row, found)))
    voice.result({"known_pairs": [_as_dict(one) for one in found]})


def _row(one: Listed) -> tuple[object, ...]:
    truth = "one person" if one.genuine else "two people"
    return one.id, one.probe, one.person, truth, f"{one.distance:.3f}", _state(one), one.answers


def _state(one: Listed) -> str:
    if one.retired_at is not None:
        return "retired"
    if not one.ready:
        return "pictures to be made"
    return "in use" if one.fit else "not certain any more"


def _as_dict(one: Listed) -> dict[str, object]:
    retired = iso(one.retired_at) if one.retired_at else None
    return {**asdict(one), "made_at": iso(one.made_at), "retired_at": retired, "state": _state(one)}


@app.command()
def retire(
    pairs: Annotated[list[int] | None, typer.Argument(help="Their ids in `known-pairs list`.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are in use.")] = False,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Have pairs shown to nobody any more; what was answered stays in the figures."""
    if bool(pairs) is every:
        raise WrongUse("name pairs by their ids, or all with --all: `lastseen known-pairs list` shows them")
    with deciding(account) as decision:
        chosen = [one.id for one in known_pairs.listed(decision.db)] if every else list(dict.fromkeys(pairs or ()))
        decision.log(known_pairs.retire(decision.db, chosen))
    Voice(as_json).result({"retired": chosen}, [f"{len(chosen)} known pairs retired"])
