"""What a command or an Airflow task does: choose items by a scope, and have the runner work them off."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from extractors.addresses import site_of
from lastseen.errors import WrongUse
from lastseen.lifecycle import WorkState
from lastseen.records import Platform
from pipeline.app import App
from pipeline.custody import anchor, manifest, signing
from pipeline.duties import template_files
from pipeline.matching import match, names, sweep
from pipeline.media import fingerprint, reembed
from pipeline.register import check_photos
from pipeline.runner import Tally, by_step
from pipeline.sources import observing
from pipeline.steps import AnyStep
from storage import (
    engines,
    faces,
    findings,
    pages,
    posts,
    register,
    reposts,
    runs,
    sites,
    sources,
    sweeps,
    telegram_accounts,
    telegram_chats,
    work,
)
from storage.database import Connection
from storage.work import Queue

ENDED = tuple(state for state in WorkState if state is not WorkState.OPEN)
NOT_THROUGH = tuple(state for state in ENDED if state is not WorkState.DONE)

OF_DAYS = (manifest.MANIFEST, manifest.STATEMENT, manifest.STAMP, manifest.ANCHOR, anchor.UPGRADE)
"""steps whose items are days, or what is time-stamped of them: no scope is about these"""
TO_EVIDENCE = ("fetch", "manifest")
"""commands that put locked objects into the evidence, before which the lock is tried"""

OF_AN_ENGINE = (sweep.NAME, reembed.NAME)
"""steps whose items are nothing to another engine than their own"""
SEARCHES = (match.TRACKS, sweep.NAME)
"""steps that read templates, and leave files of them on their machine"""
OF_BLOBS = (fingerprint.NAME, "analyze")
OLDER = 200
"""files of before there were fingerprints that are offered at a time, behind all others"""
READ = ("collect", "recheck")
"""steps whose items are sources"""

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
    """also what did not get through before, or not whole"""
    platform: Platform | None = None
    """only sources on it, and what their posts carry"""
    begin: str = ""
    """collect: read the source's posts anew from this number or day on"""
    end: str = ""
    """up to and with this number or day"""
    whole: bool = False
    """collect: list sources on video sites to their end"""

    @property
    def narrow(self) -> bool:
        """It names items, rather than all."""
        return (self.source, self.since, self.blob, self.platform) != (None, None, None, None)

    def parameters(self) -> dict[str, object]:
        """For the journal."""
        told = {name: value for name, value in asdict(self).items() if value}
        return {**told, "since": self.since.isoformat()} if self.since else told


def due(app: App, command: str, scope: Scope, *, dry: bool = False) -> dict[str, Sequence[int]]:
    """Step -> subjects that a command would work on now.  `dry`: only asked, and nothing is queued.

    Raises NothingSuch; NoLegalBasis where the command collects.
    """
    if command in ("collect", "recheck", "fetch"):
        observing.check_legal_basis(app.settings)
    if command == "manifest" and not dry:
        manifest.close_days(app.stores.db, app.actor)
    if app.steps.by_name[match.TRACKS] in app.steps.of(command) and not dry:
        with app.stores.db.begin() as db:
            engines.use(db, app.steps.engine, app.settings.people_per_track)
    with app.stores.db.connect() as db:
        queues = _queues(db, app, command, scope)
        closed = sites.closed(db)
        found = {queue.step: work.ready(db, queue, closed) for queue in queues}
        if not dry:
            db.commit()
    return found


def execute(app: App, command: str, scope: Scope) -> list[Tally]:
    """Work a command off.  One tally a step.

    Raises as `due` and `signing.sign` do; storage.objects.LockNotKept where evidence is to be stored and the store
    would let it be deleted (asked once a day).
    """
    if command in TO_EVIDENCE:
        app.stores.objects.probe_lock()
    due(app, command, scope)
    tallies = []
    for step in app.steps.of(command):
        with app.stores.db.begin() as db:
            subjects = _subjects(db, app, step.name, scope)
        _before(app, step.name)
        tallies.append(app.runner.drain(step, subjects))
    return tallies


def batch(app: App, step: str, subjects: Sequence[int], seconds: float = math.inf) -> Tally:
    """Work off some items of one step, as an Airflow task does: what others hold is left to them.

    After so many seconds no further item is begun.  Raises as `execute` does.
    """
    if step in ("fetch", manifest.MANIFEST):
        app.stores.objects.probe_lock()
    _before(app, step)
    return app.runner.drain(app.steps.by_name[step], subjects, wait=False, seconds=seconds)


def _before(app: App, step: str) -> None:
    """What a step needs done on this machine before it begins.  Raises as `signing.sign` does."""
    if step in SEARCHES:
        template_files.sweep_hourly(app)
    _sign_before(app, step)


def _sign_before(app: App, step: str) -> None:
    """What is stamped of a day is a signed head that covers its manifest.  Raises as `signing.sign` does."""
    if step != manifest.STATEMENT:
        return
    with app.stores.db.begin() as db:
        waiting = work.ready(db, Queue(step))
    if waiting:
        signing.sign(app.settings, app.stores)


def by_account(app: App, step: str, subjects: Sequence[int]) -> list[list[int]]:
    """Sources, or media items, on Telegram, together those that one account reads; what none reads is one group."""
    with app.stores.db.begin() as db:
        source_of = {one: one for one in subjects} if step in READ else posts.sources_of(db, subjects)
        readers = {source: telegram_accounts.of_source(db, source) for source in set(source_of.values())}
    groups: dict[telegram_accounts.Reader | None, list[int]] = {}
    for subject in subjects:
        groups.setdefault(readers[source_of[subject]], []).append(subject)
    return list(groups.values())


def by_site(app: App, step: str, subjects: Sequence[int], size: int) -> list[list[int]]:
    """Batches of items: of each site as many as may be fetched from it at once, of what goes to none those of `size`.

    A site has one visitor at a time, or a few: more tasks for it would find nothing to do.
    """
    queue = _queue_of(app.steps.by_name[step], tuple(subjects))
    with app.stores.db.begin() as db:
        site_of_item = work.by_site(db, queue)
    groups: dict[str, list[int]] = {}
    for subject in subjects:
        groups.setdefault(site_of_item.get(subject, ""), []).append(subject)
    nowhere = groups.pop("", [])
    batches = [nowhere[start : start + size] for start in range(0, len(nowhere), size)]
    for group in groups.values():
        hands = min(app.settings.site_downloads, math.ceil(len(group) / size))
        batches += [group[hand::hands] for hand in range(hands)]
    return batches


@contextmanager
def journal(app: App, command: str, scope: Scope) -> Iterator[list[Tally]]:
    """Write one run into the journal: its beginning at once, its end with the tallies that the block appends."""
    with app.stores.db.begin() as db:
        run_id = runs.begin(db, command, scope.parameters(), app.actor)
    tallies: list[Tally] = []
    try:
        yield tallies
    finally:
        with app.stores.db.begin() as db:
            runs.end(db, run_id, by_step(tallies))


def _queues(db: Connection, app: App, command: str, scope: Scope) -> list[Queue]:
    """The queues of a command's steps, with what is due in them."""
    _check(db, scope)
    if command == "collect" and (scope.begin or scope.end):
        _ask_anew(db, scope)
    if command == "collect" and scope.whole:
        pages.list_whole(db, _sources(db, scope) or ())
    queues = [_queue_of(step, _subjects(db, app, step.name, scope)) for step in app.steps.of(command)]
    for queue in queues:
        _fill(db, app, queue, scope)
    return queues


def _check(db: Connection, scope: Scope) -> None:
    if scope.source is not None and scope.source not in {source.id for source in sources.every(db)}:
        raise NothingSuch(f"there is no source {scope.source}: `lastseen source list` shows them")
    if scope.blob is not None and not posts.blobs_of(db, sha256=scope.blob):
        raise NothingSuch(f"no blob with the sha256 {scope.blob} is stored")


def _ask_anew(db: Connection, scope: Scope) -> None:
    """Have a stretch of a channel read again when it is collected."""
    if scope.source is None or sources.get(db, scope.source).platform is not Platform.TELEGRAM:
        raise WrongUse("posts are read anew of one channel of Telegram: name its source")
    stretch = telegram_chats.stretch(db, scope.source, _bound(scope.begin), _bound(scope.end))
    if stretch is None:
        raise WrongUse(
            f"nothing is held of source {scope.source} between these: `lastseen source show {scope.source}` says what"
            " is, and `lastseen source since` has it read from an earlier day"
        )
    telegram_chats.read_again(db, scope.source, stretch)


def _bound(written: str) -> int | date | None:
    """A number, a day, or nothing."""
    if not written:
        return None
    try:
        return int(written) if written.isdecimal() else date.fromisoformat(written)
    except ValueError:
        raise WrongUse(f"{written!r} is neither the number of a post nor a day like 2026-03-01") from None


def _subjects(db: Connection, app: App, step: str, scope: Scope) -> Subjects:
    if step in READ:
        return _sources(db, scope)
    if not scope.narrow or step in ("enroll", check_photos.NAME, names.NAME, sweep.NAME, "illustrate", *OF_DAYS):
        return None
    if step == "fetch":
        return tuple(_items(db, scope)) if scope.blob is None else ()
    blobs = posts.blobs_of(db, scope.source, scope.since, scope.blob)
    return tuple(blobs) if step in OF_BLOBS else tuple(faces.analyses_of(db, blobs))


def _items(db: Connection, scope: Scope) -> Sequence[int]:
    """Of a whole platform only those that have no bytes yet: there may be very many others."""
    return posts.items_of(db, scope.source, scope.since, scope.platform, unfetched=scope.platform is not None)


def _sources(db: Connection, scope: Scope) -> Subjects:
    if scope.blob is not None:
        return ()
    wanted = (source for source in sources.every(db) if scope.platform in (None, source.platform))
    return tuple(source.id for source in wanted if scope.source in (None, source.id))


def _fill(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    """Offer what is due, by whatever shows that of a step; the items of others were offered by the step before."""
    if queue.recipe and queue.step not in OF_AN_ENGINE:
        work.adopt(db, queue)
    fill = FILL.get(queue.step)
    if fill is not None:
        fill(db, app, queue, scope)
    if scope.retry:
        work.reopen(db, queue, NOT_THROUGH)
        work.reopen_flawed(db, queue)


def _fill_sources(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    """Sources are read again each time."""
    _offer_sources(db, queue)
    work.reopen(db, queue, ENDED)


def _fill_fingerprints(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    """Named blobs; else some of those that were stored before there were fingerprints."""
    if queue.subjects is not None:
        work.offer(db, queue, queue.subjects)
    else:
        work.offer(db, queue, reposts.without(db, queue.recipe, OLDER), priority=-1)


def _fill_analyses(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    """Named blobs, but for those whose fingerprint will say whether they need it; who names one file means it."""
    reposts.revive(db, queue.recipe)
    work.offer(db, queue, reposts.left(db))
    named = queue.subjects or ()
    if scope.blob is not None:
        work.offer(db, queue, named)
        reposts.insist(db, queue)
    elif named:
        waiting = set(work.ready(db, Queue(fingerprint.NAME, app.steps.fingerprint, tuple(named))))
        work.offer(db, queue, [blob for blob in named if blob not in waiting])


def _offer_sources(db: Connection, queue: Queue) -> None:
    wanted = [source for source in sources.every(db) if source.id in (queue.subjects or ())]
    for source in wanted:
        site = site_of(source.address) if source.platform is Platform.VIDEO_SITE else None
        work.offer(db, queue, [source.id], site=site)


def _fill_photos(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    photos = tuple(register.photos_to_enroll(db, app.steps.engine))
    work.offer(db, queue, photos)
    work.reopen(db, replace(queue, subjects=photos), [WorkState.DONE])


def _fill_checks(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    findings.fill(db, queue.recipe)


def _fill_days(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    manifest.fill(db, queue, app.settings)


def _fill_names(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    names.fill(db, queue)


def _fill_matches(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    work.offer(db, queue, engines.unmatched(db, queue.recipe), reembed.PRIORITY)


def _fill_sweeps(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    sweeps.plan(db, queue.recipe)


def _fill_engine(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    work.offer(db, queue, engines.due(db, queue.recipe), reembed.PRIORITY)


FILL: Mapping[str, Callable[[Connection, App, Queue, Scope], None]] = {
    **dict.fromkeys(READ, _fill_sources),
    **dict.fromkeys(OF_DAYS, _fill_days),
    "enroll": _fill_photos,
    check_photos.NAME: _fill_checks,
    fingerprint.NAME: _fill_fingerprints,
    "analyze": _fill_analyses,
    names.NAME: _fill_names,
    match.TRACKS: _fill_matches,
    sweep.NAME: _fill_sweeps,
    reembed.NAME: _fill_engine,
}
"""by step"""


def _queue_of(step: AnyStep, subjects: Subjects) -> Queue:
    return Queue(step.name, step.recipe, subjects)
