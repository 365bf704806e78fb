"""What a command or an Airflow task does: choose items by a scope, and have the runner work them off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from lastseen.errors import WrongUse
from lastseen.lifecycle import WorkState
from pipeline import match, observing
from pipeline.app import App
from pipeline.runner import UNLIMITED, Limits, Tally
from pipeline.steps import COMMANDS, AnyStep
from storage import faces, posts, register, runs, sources, work
from storage.database import Connection
from storage.work import Queue

ENDED = tuple(state for state in WorkState if state is not WorkState.OPEN)
NOT_THROUGH = tuple(state for state in ENDED if state is not WorkState.DONE)

Subjects = tuple[int, ...] | None
"""row ids, or None for all"""


class NothingSuch(WrongUse):
    """The scope names something that does not exist."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which items a manual run is about.  The empty scope is about everything."""

    source: int | None = None
    since: datetime | None = None
    """posts published (or, if that is unknown, first seen) since then"""
    blob: str | None = None
    """sha256"""
    retry: bool = False
    """also what did not get through before"""

    @property
    def narrow(self) -> bool:
        """It names items, rather than all."""
        return (self.source, self.since, self.blob) != (None, None, None)

    def parameters(self) -> dict[str, object]:
        """For the journal."""
        told = {name: value for name, value in asdict(self).items() if value}
        return {**told, "since": self.since.isoformat()} if self.since else told


def prepare(app: App, command: str, scope: Scope) -> Mapping[str, Subjects]:
    """Queue what is due for a command, and say which subjects of each of its steps the scope means.

    Raises NothingSuch; NoLegalBasis where the command collects; storage.objects.LockNotKept where it stores evidence
    and the store would let it be deleted (asked once a day).
    """
    if command in ("collect", "fetch"):
        observing.check_legal_basis(app.settings)
    if command == "fetch":
        app.stores.objects.probe_lock()
    with app.stores.db.begin() as db:
        _check(db, scope)
        chosen = {step.name: _subjects(db, app, step.name, scope) for step in app.steps.of(command)}
        for step in app.steps.of(command):
            _queue(db, app, step, chosen[step.name], scope)
    return chosen


def due(app: App, command: str, scope: Scope) -> dict[str, Sequence[int]]:
    """Step -> subjects that a command would work on now, after `prepare`."""
    chosen = prepare(app, command, scope)
    with app.stores.db.begin() as db:
        return {step.name: work.ready(db, _queue_of(step, chosen[step.name])) for step in app.steps.of(command)}


def execute(app: App, command: str, scope: Scope, limits: Limits = UNLIMITED) -> list[Tally]:
    """Work a command off.  One tally a step."""
    chosen = prepare(app, command, scope)
    return [app.runner.drain(step, chosen[step.name], limits) for step in app.steps.of(command)]


def run(app: App, scope: Scope) -> Iterator[Tally]:
    """All steps, once; each tally as its step ends."""
    for command in COMMANDS:
        yield from execute(app, command, scope)


def batch(app: App, step: str, subjects: Sequence[int]) -> Tally:
    """Work off some items of one step, as an Airflow task does: what others hold is left to them."""
    return app.runner.drain(app.steps.by_name[step], subjects, Limits(wait_for_others=False))


def journal(app: App, command: str, scope: Scope, tallies: Sequence[Tally]) -> None:
    """Write one run into the journal."""
    with app.stores.db.begin() as db:
        run_id = runs.begin(db, command, scope.parameters(), app.actor)
        runs.end(db, run_id, {tally.step: tally.as_dict() for tally in tallies})


def _check(db: Connection, scope: Scope) -> None:
    if scope.source is not None and scope.source not in {source.id for source in sources.every(db)}:
        raise NothingSuch(f"there is no source {scope.source}: `lastseen source list` shows them")
    if scope.blob is not None and not posts.blobs_of(db, sha256=scope.blob):
        raise NothingSuch(f"no blob with the sha256 {scope.blob} is stored")


def _subjects(db: Connection, app: App, step: str, scope: Scope) -> Subjects:
    if step == "collect":
        return _sources(db, scope)
    if not scope.narrow or step in ("enroll", match.PHOTO, "illustrate"):
        return None
    if step == "fetch":
        return tuple(posts.items_of(db, scope.source, scope.since)) if scope.blob is None else ()
    blobs = posts.blobs_of(db, scope.source, scope.since, scope.blob)
    return tuple(blobs) if step == "analyze" else tuple(faces.analyses_of(db, blobs, app.steps.recipe))


def _sources(db: Connection, scope: Scope) -> Subjects:
    if scope.blob is not None:
        return ()
    return tuple(source.id for source in sources.every(db) if scope.source in (None, source.id))


def _queue(db: Connection, app: App, step: AnyStep, subjects: Subjects, scope: Scope) -> None:
    """Offer what is due: sources are read again each time; photos and named blobs if they have no result yet."""
    queue = _queue_of(step, subjects)
    if step.name == "collect":
        work.offer(db, queue, subjects or ())
        work.reopen(db, queue, ENDED)
    if step.name == "enroll":
        photos = tuple(register.photos_to_enroll(db, app.steps.engine))
        work.offer(db, queue, photos)
        work.reopen(db, Queue(step.name, step.recipe, photos), [WorkState.DONE])
    if step.name == "analyze" and subjects:
        work.offer(db, queue, subjects)
    if scope.retry:
        work.reopen(db, queue, NOT_THROUGH)


def _queue_of(step: AnyStep, subjects: Subjects) -> Queue:
    return Queue(step.name, step.recipe, subjects)
