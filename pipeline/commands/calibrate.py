"""`lastseen calibrate` and `lastseen calibrations`: what a distance is worth in this register, and what holds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.settings import Settings, settings
from matchers.calibration import expected_false
from pipeline import console
from pipeline.acting import As, Reason, deciding, said
from pipeline.app import local_actor
from pipeline.commands.duties import DryRun
from pipeline.console import AsJson, Voice, plain
from pipeline.matching import calibrate, rejudging
from pipeline.matching.calibrate import Proposal
from storage import calibrations, candidates
from storage.calibrations import Kept
from storage.stores import open_stores

MOST_SHOWN = 20

app = typer.Typer(help="Calibrations that were measured, and which of them holds.", no_args_is_help=True)


def add_to(commands: typer.Typer) -> None:
    """Give the command line these commands."""
    commands.command("calibrate")(calibrate_)
    commands.add_typer(app, name="calibrations")


def calibrate_(
    tracks_a_day: Annotated[
        float | None, typer.Option("--tracks-a-day", help="Instead of what came in the last four weeks.")
    ] = None,
    accept: Annotated[
        float | None,
        typer.Option("--accept", help="False candidates a day; instead of LASTSEEN_FALSE_CANDIDATES_A_DAY."),
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Also write the plot to this file (SVG).")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Measure the register's pairs of different people, and propose thresholds; nothing that holds changes."""
    current = settings()
    with open_stores(current, objects=False) as stores:
        made = calibrate.propose(stores, current, local_actor(), tracks_a_day, accept, keep=not dry_run)
        with stores.db.connect() as db:
            numbers = calibrations.register_numbers(db, _people(made))
    voice = Voice(as_json)
    _show(voice, made, numbers)
    none = ["no plot: nothing was measured"] if plot is not None and not made.plot else []
    voice.result(_as_dict(made, numbers), [*_told(made, current), *none])
    if plot is not None and made.plot:
        _write(plot, made.plot)


def _write(path: Path, plot: str) -> None:
    try:
        path.write_text(plot, encoding="utf-8")
    except OSError as fault:
        raise WrongUse(f"--plot {path}: {fault.strerror}; all but the plot is as was said before") from fault


def _people(made: Proposal) -> list[int]:
    if made.found is None:
        return []
    suspects = made.found.suspects
    return sorted({person for pair in suspects.pairs for person in pair[:2]} | {person for person, _ in suspects.alike})


def _show(voice: Voice, made: Proposal, numbers: dict[int, str]) -> None:
    if made.found is None:
        return
    columns = ("quality from", "threshold", "false a search", "95 %", "tracks", "wish met")
    voice.show(console.table("proposed thresholds", columns, _rows(made)))
    pairs = made.found.suspects.pairs
    if pairs:
        rows = [(numbers.get(a, "gone"), numbers.get(b, "gone"), f"{far:.3f}") for a, b, far in pairs[:MOST_SHOWN]]
        title = f"{len(pairs)} pairs of entries too near for chance, left out: the same person, or kin not declared?"
        voice.show(console.table(title, ("entry", "entry", "distance"), rows))
    if made.found.suspects.alike:
        rows_alike = [(numbers.get(person, "gone"), count) for person, count in made.found.suspects.alike[:MOST_SHOWN]]
        title = "photos that resemble many others, not left out: better ones would help"
        voice.show(console.table(title, ("entry", "near to so many"), rows_alike))


def _rows(made: Proposal) -> Iterator[tuple[object, ...]]:
    for band in made.found.bands if made.found else ():
        low, high = calibrate.interval(band)
        expected = expected_false(band.band, band.band.threshold) or 0.0
        yield (
            f"{band.band.least:.2f}",
            f"{band.band.threshold:.4f}",
            f"{expected:.2g}",
            f"{low:.2g} to {high:.2g}",
            f"{band.share:.0%}",
            "yes" if band.carried else "no: the register's pairs end here",
        )


def _told(made: Proposal, current: Settings) -> Iterator[str]:
    kept = f"calibration {made.id}" if made.id is not None else "not kept"
    yield (
        f"{kept}: {made.counts['people']} people, {made.counts['photos']} photos, {made.counts['pairs']} pairs;"
        f" {made.wish.tracks_a_day:.1f} tracks a day, {made.wish.accepted:g} false candidates a day accepted"
    )
    if made.found is None:
        yield plain(made.calibration.fallback)
    else:
        yield f"false candidates a day: {_number(made.now)} by what holds now, {_number(made.then)} by this one"
    if made.id is not None:
        yield f"it holds when somebody says so: lastseen calibrations adopt {made.id} --reason TEXT"
    if current.review_threshold is not None:
        yield f"LASTSEEN_REVIEW_THRESHOLD={current.review_threshold:g} overrides every calibration"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def _as_dict(made: Proposal, numbers: dict[int, str]) -> dict[str, object]:
    pairs, alike = (made.found.suspects.pairs, made.found.suspects.alike) if made.found else ((), ())
    return {
        "id": made.id,
        "engine": made.calibration.engine,
        **made.counts,
        "fallback": made.calibration.fallback,
        "bands": [{"least": b.least, "threshold": b.threshold, "watch": b.watch} for b in made.calibration.bands],
        "false_a_day_now": made.now,
        "false_a_day_then": made.then,
        "set_aside": [[numbers.get(one, ""), numbers.get(other, ""), far] for one, other, far in pairs],
        "alike": [[numbers.get(person, ""), count] for person, count in alike],
        "detail": made.detail(),
    }


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """All that were measured, the newest first, and which of them holds."""
    with open_stores(settings(), objects=False) as stores, stores.db.connect() as db:
        found = calibrations.listed(db)
    voice = Voice(as_json)
    columns = ("id", "engine", "made", "people", "thresholds", "holds")
    voice.show(console.table(f"{len(found)} calibrations", columns, map(_row, found)))
    voice.result({"calibrations": [_kept(kept) for kept in found]})


def _row(kept: Kept) -> tuple[object, ...]:
    thresholds = ", ".join(f"{band.threshold:.4f}" for band in kept.calibration.bands)
    said_of = f"since {iso(kept.adopted_at)}" if kept.holds and kept.adopted_at else ""
    published = " (published)" if kept.calibration.fallback else ""
    return (
        kept.calibration.id,
        kept.calibration.engine,
        iso(kept.made_at),
        kept.people,
        thresholds + published,
        said_of,
    )


def _kept(kept: Kept) -> dict[str, object]:
    return {
        "id": kept.calibration.id,
        "engine": kept.calibration.engine,
        "made_at": iso(kept.made_at),
        "made_by": kept.made_by,
        "people": kept.people,
        "photos": kept.photos,
        "pairs": kept.pairs,
        "fallback": kept.calibration.fallback,
        "bands": [{"least": b.least, "threshold": b.threshold, "watch": b.watch} for b in kept.calibration.bands],
        "holds": kept.holds,
        "adopted_by": kept.adopted_by,
        "adopted_at": iso(kept.adopted_at) if kept.adopted_at else None,
        "reason": kept.reason,
    }


@app.command()
def adopt(
    number: Annotated[int, typer.Argument(help="Its id in `calibrations list`.")],
    reason: Reason,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Have it hold for every search from now on; candidates that are there stay, and say what chance does by it."""
    current, why = settings(), said(reason)
    engine = calibrate.engine_of(current)
    with deciding(account) as decision:
        candidates.lock(decision.db)
        decision.log([calibrations.adopt(decision.db, number, engine, why, decision.actor)])
        done = rejudging.rejudge(decision.db, engine, current)
    told = [
        f"calibration {number} holds; {done.told} candidates stay, and say what chance does by it;"
        f" {done.came} pairs of the watch band are candidates now"
    ]
    if current.review_threshold is not None:
        told.append("but LASTSEEN_REVIEW_THRESHOLD is set, and overrides it")
    Voice(as_json).result({"holds": number, "judged_again": done.told, "came_up": done.came}, told)
