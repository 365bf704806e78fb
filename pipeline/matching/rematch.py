"""Photos against all kept tracks once more, because somebody asks: the threshold was changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from lastseen.errors import WrongUse
from pipeline.app import App
from pipeline.jobs import Scope, due, journal
from pipeline.matching import sweep
from pipeline.runner import Tally
from storage import shards, sweeps
from storage.database import Connection


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose photos.  The empty one: everybody's."""

    person: str | None = None
    """register number"""
    photo: int | None = None
    """row id"""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a rematch is about."""

    photos: int
    shards: int
    """of the tracks that are kept now"""


def extent(app: App, wanted: Wanted) -> Extent:
    """What would be compared; nothing is changed.  Raises WrongUse."""
    with app.stores.db.connect() as db:
        photos = _photos(db, app.steps.engine, wanted)
        return Extent(len(photos), len(shards.plan(db, app.steps.engine)))


def check(app: App, wanted: Wanted) -> None:
    """Raises WrongUse where what is wanted cannot be compared."""
    if wanted != Wanted():
        with app.stores.db.connect() as db:
            _photos(db, app.steps.engine, wanted)


def ask(app: App, wanted: Wanted) -> int:
    """Have photos swept with the next sweep.  Returns how many.  Raises WrongUse."""
    with app.stores.db.begin() as db:
        photos = _photos(db, app.steps.engine, wanted)
        sweeps.ask(db, app.steps.engine, photos)
    return len(photos)


def rematch(app: App, wanted: Wanted) -> tuple[int, list[Tally]]:
    """Sweep photos, and whatever else waits to be swept, and cut the moments of what comes out.

    Returns how many photos were asked for, and a tally a step.  Raises WrongUse.
    """
    asked = ask(app, wanted)
    with journal(app, "rematch", Scope()) as tallies:
        due(app, "match", Scope())
        tallies += [app.runner.drain(app.steps.by_name[step]) for step in (sweep.NAME, "illustrate")]
    return asked, tallies


def _photos(db: Connection, engine: str, wanted: Wanted) -> Sequence[int]:
    photos = sweeps.searchable(db, engine, wanted.person, wanted.photo)
    if photos or wanted == Wanted():
        return photos
    whose = f"photo {wanted.photo}" if wanted.photo is not None else "this register number"
    raise WrongUse(
        f"nothing can be compared for {whose}: there is none such, the person is not missing, or no photo was accepted"
        " for the engine that is set (`lastseen enroll`, or a run of the DAG without parameters, checks those that"
        " wait; `lastseen status` says why others were refused)"
    )
