"""What a command or an Airflow task does: choose items by a scope, and have the runner work them off."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from extractors.addresses import site_of
from lastseen import days, logs
from lastseen.errors import WrongUse
from lastseen.lifecycle import WorkState
from lastseen.records import MessageRange, Platform
from pipeline import batches
from pipeline.app import App
from pipeline.custody import anchor, manifest, signing
from pipeline.duties import template_files
from pipeline.lists import comparing
from pipeline.matching import match, names, sweep
from pipeline.media import fingerprint, reembed
from pipeline.register import check_photos
from pipeline.runner import Tally, by_step
from pipeline.sources import observing
from pipeline.steps import AnyStep
from storage import (
    costs,
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
    tip_finds,
    work,
)
from storage.database import Connection
from storage.work import Queue

ENDED = tuple(state for state in WorkState if state is not WorkState.OPEN)
NOT_THROUGH = tuple(state for state in ENDED if state is not WorkState.DONE)
NOT_SPARED = tuple(state for state in ENDED if state is not WorkState.SKIPPED)

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
RECHECK = "recheck"
READ = ("collect", RECHECK)
"""steps whose items are sources"""
REMADE = ("analyze", match.TRACKS)
"""steps that `force` has done anew; what the others make is the same each time"""
OF_ANOTHER_ENGINE = ("analyze",)
"""Commands that may be asked for with another engine than the office's.  What it finds, `reembed` makes ready for the
office's own, and the register is compared by that one as ever."""

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
    retry_only: bool = False
    """nothing but that"""
    until: datetime | None = None
    """posts published (or first seen) before then"""
    person: str | None = None
    """register number: only this entry's photos"""
    engine: str | None = None
    """another engine than the office's, which `app` was opened with; what is named is done with it, and nothing else"""
    force: bool = False
    """what is named is done anew, though it was done"""
    platform: Platform | None = None
    """only sources on it, and what their posts carry"""
    begin: str = ""
    """collect: read the source's posts anew from this number or day on"""
    end: str = ""
    """up to and with this number or day"""
    whole: bool = False
    """collect: list sources on video sites to their end"""
    anew: bool = False
    """collect: read what is held between `since` and `until` again, of every channel that it is about; recheck: look
    for the posts of that time, or with that blob, though they are not due"""

    @property
    def narrow(self) -> bool:
        """It names items, rather than all."""
        named = self.source, self.since, self.until, self.blob, self.platform, self.person
        return any(part is not None for part in named)

    def parameters(self) -> dict[str, object]:
        """For the journal."""
        told = {name: value for name, value in asdict(self).items() if value and name != "anew"}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}

    def check(self) -> None:
        """Raises WrongUse for what contradicts itself."""
        if self.since and self.until and self.since >= self.until:
            raise WrongUse(f"`since` ({self.since.isoformat()}) is not before `until` ({self.until.isoformat()})")
        if (self.force or self.engine) and not replace(self, platform=None).narrow:
            what = "`force` does work again" if self.force else "`engine` has work done with another engine"
            raise WrongUse(f"{what}: name what it is about, by `blob`, `source`, `since` or `until`")


def due(
    app: App, command: str, scope: Scope, *, dry: bool = False, step: str | None = None
) -> dict[str, Sequence[int]]:
    """Step -> subjects that a command would work on now.  `dry`: only asked, and nothing is queued.

    `step`: only what is due of that one is looked for, and queued.  Raises WrongUse, NothingSuch; NoLegalBasis where
    the command collects.
    """
    scope.check()
    if scope.engine is not None and command not in OF_ANOTHER_ENGINE:
        raise WrongUse(f"{command} is done with the office's engine only: `lastseen analyze` takes another one")
    if command in ("collect", "recheck", "fetch"):
        observing.check_legal_basis(app.settings)
    if command == "manifest" and not dry:
        manifest.close_days(app.stores.db, app.actor)
    if app.steps.by_name[match.TRACKS] in app.steps.of(command) and not dry:
        with app.stores.db.begin() as db:
            engines.use(db, app.steps.engine, app.settings.people_per_track)
    with app.stores.db.connect() as db:
        queues = _queues(db, app, command, scope, step)
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
    found = due(app, command, scope)
    tallies = []
    for step in app.steps.of(command):
        with app.stores.db.begin() as db:
            subjects = tuple(found[step.name]) if scope.retry_only else _subjects(db, app, step.name, scope)
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


def standing(db: Connection, app: App, step: str, subjects: Sequence[int]) -> work.Standing:
    """How some items of a step stand."""
    return work.standing(db, _queue_of(app.steps.by_name[step], tuple(subjects)))


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


def seconds_of(app: App, step: str, subjects: Sequence[int]) -> list[float]:
    """How long each item of a step is likely to take here."""
    with app.stores.db.begin() as db:
        known = costs.sized(db, _queue_of(app.steps.by_name[step], None), subjects)
    return batches.seconds_of(known.units, batches.Learnt(*known.measured), batches.GUESSES[step])


def by_site(app: App, step: str, subjects: Sequence[int], seconds: Sequence[float]) -> list[list[int]]:
    """Batches of items: of each site as many as may be fetched from it at once, of what goes to none by what they take.

    A site has one visitor at a time, or a few: more tasks for it would find nothing to do.
    """
    queue = _queue_of(app.steps.by_name[step], tuple(subjects))
    with app.stores.db.begin() as db:
        site_of_item = work.by_site(db, queue)
    groups: dict[str, list[tuple[int, float]]] = {}
    for subject, takes in zip(subjects, seconds, strict=True):
        groups.setdefault(site_of_item.get(subject, ""), []).append((subject, takes))
    nowhere = groups.pop("", [])
    found = batches.in_batches([item for item, _ in nowhere], [takes for _, takes in nowhere])
    for group in groups.values():
        hands = min(app.settings.site_downloads, math.ceil(sum(takes for _, takes in group) / batches.LONGEST_SECONDS))
        found += [[item for item, _ in group[hand::hands]] for hand in range(max(hands, 1))]
    return found


@contextmanager
def journal(app: App, command: str, scope: Scope) -> Iterator[list[Tally]]:
    """Write one run into the journal: its beginning at once, its end with the tallies that the block appends."""
    with journal_of(app, command, scope.parameters()) as (_, tallies):
        yield tallies


@contextmanager
def journal_of(app: App, command: str, parameters: Mapping[str, object]) -> Iterator[tuple[int, list[Tally]]]:
    """The same; the run's id comes with the list for its tallies.  Of a task of Airflow's it also says what it made."""
    with app.stores.db.begin() as db:
        run_id = runs.begin(db, command, parameters, app.actor)
    tallies: list[Tally] = []
    try:
        with logs.of_process(run=run_id):
            yield run_id, tallies
    finally:
        with app.stores.db.begin() as db:
            made = {"made": sum(tally.made for tally in tallies)} if "task" in parameters else {}
            runs.end(db, run_id, {**by_step(tallies), **made})


def _queues(db: Connection, app: App, command: str, scope: Scope, only: str | None) -> list[Queue]:
    """The queues of a command's steps, or of one of them, with what is due in them."""
    _check(db, command, scope)
    if command == "collect":
        _ask_anew(db, scope)
        if scope.whole:
            pages.list_whole(db, _sources(db, scope) or ())
    if command == RECHECK and not scope.retry_only:
        _look_again(db, scope)
    steps = [step for step in app.steps.of(command) if only in (None, step.name)]
    queues = [_queue_of(step, _subjects(db, app, step.name, scope)) for step in steps]
    if scope.retry_only:
        return [_reopened(db, queue) for queue in queues]
    for queue in queues:
        _fill(db, app, queue, scope)
    return queues


def _reopened(db: Connection, queue: Queue) -> Queue:
    """Nothing but what ended without getting through, or not whole."""
    only = replace(queue, subjects=tuple(work.not_through(db, queue)))
    work.reopen(db, only, ENDED)
    return only


def _check(db: Connection, command: str, scope: Scope) -> None:
    """The whole wish, for each step of a command: what one step cannot take, none of them takes."""
    if scope.person is not None:
        register.held(db, scope.person)
    if scope.source is not None:
        _check_source(db, command, scope.source, scope.platform)
    if scope.blob is not None and not posts.blobs_of(db, sha256=scope.blob):
        raise NothingSuch(f"no blob with the sha256 {scope.blob} is stored")
    _stretch(db, scope)


def _check_source(db: Connection, command: str, source: int, platform: Platform | None) -> None:
    """`recheck` looks at all platforms, one at a time."""
    found = {one.id: one.platform for one in sources.every(db)}
    if source not in found:
        raise NothingSuch(f"there is no source {source}: `lastseen source list` shows them")
    if command != "recheck" and platform not in (None, found[source]):
        raise NothingSuch(f"source {source} is of {found[source]}, and {platform} is read here")


def _ask_anew(db: Connection, scope: Scope) -> None:
    """Have a stretch of a channel read again when it is collected; with days only, of every channel."""
    if scope.source is not None and (named := _stretch(db, scope)):
        telegram_chats.read_again(db, scope.source, named)
    elif scope.anew and (scope.since or scope.until):
        for source in _sources(db, replace(scope, platform=Platform.TELEGRAM)) or ():
            if held := telegram_chats.stretch(db, source, scope.since, scope.until):
                telegram_chats.read_again(db, source, held)


def _look_again(db: Connection, scope: Scope) -> None:
    """Have the posts that somebody names be looked for, though they are not due."""
    if scope.anew and (scope.since or scope.until or scope.blob):
        posts.look_again(db, _sources(db, scope) or (), scope.since, scope.blob, until=scope.until)


def _stretch(db: Connection, scope: Scope) -> MessageRange | None:
    """What is to be read again from `begin` up to `end`, if these are given.  Raises WrongUse."""
    if not (scope.begin or scope.end):
        return None
    if scope.source is None or sources.get(db, scope.source).platform is not Platform.TELEGRAM:
        raise WrongUse("posts are read anew of one channel of Telegram: name its source")
    begin, end = _bound(scope.begin), _bound(scope.end)
    found = telegram_chats.stretch(db, scope.source, begin, end + days.A_DAY if isinstance(end, datetime) else end)
    if found is None:
        raise WrongUse(
            f"nothing is held of source {scope.source} between these: `lastseen source show {scope.source}` says"
            " what is, and `lastseen source since` has it read from an earlier day"
        )
    return found


def _bound(written: str) -> int | datetime | None:
    """A number, the beginning of a day (UTC), or nothing.  Raises WrongUse."""
    if not written:
        return None
    return int(written) if written.isdecimal() else days.midnight(days.day(written, "the number of a post"))


def _subjects(db: Connection, app: App, step: str, scope: Scope) -> Subjects:
    if step in READ:
        return _sources(db, scope)
    if step == "enroll" and scope.person is not None:
        return tuple(photo.id for photo in register.held(db, scope.person).photos)
    if not scope.narrow or step in (
        "enroll",
        check_photos.NAME,
        names.NAME,
        comparing.NAME,
        sweep.NAME,
        "illustrate",
        *OF_DAYS,
    ):
        return None
    if step == "fetch":
        return tuple(_items(db, scope)) if scope.blob is None else ()
    blobs = posts.blobs_of(db, scope.source, scope.since, scope.blob, until=scope.until)
    return tuple(blobs) if step in OF_BLOBS else tuple(faces.analyses_of(db, blobs))


def _items(db: Connection, scope: Scope) -> Sequence[int]:
    """Of a whole platform only those that have no bytes yet: there may be very many others."""
    unfetched = scope.platform is not None
    return posts.items_of(db, scope.source, scope.since, scope.platform, until=scope.until, unfetched=unfetched)


def _sources(db: Connection, scope: Scope) -> Subjects:
    """Those that it names.  Of a blob none are read again, but those with posts that carry it are looked at again."""
    wanted = {source.id for source in sources.every(db) if scope.platform in (None, source.platform)}
    if scope.source is not None:
        wanted &= {scope.source}
    if scope.blob is not None:
        wanted &= set(posts.carriers_of(db, scope.blob)) if scope.anew else set()
    return tuple(sorted(wanted))


def _fill(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    """Offer what is due, by whatever shows that of a step; the items of others were offered by the step before."""
    if scope.engine is not None and queue.step == "analyze":
        work.offer(db, queue, queue.subjects or ())  # nothing that waits for the office's own is taken over
        reposts.insist(db, queue)
    else:
        if queue.recipe and queue.step not in OF_AN_ENGINE:
            work.adopt(db, queue)
        if fill := FILL.get(queue.step):
            fill(db, app, queue, scope)
    if scope.force and queue.step in REMADE:
        work.reopen(db, queue, ENDED if scope.blob else NOT_SPARED)
    if scope.retry:
        work.reopen(db, queue, NOT_THROUGH)
        work.reopen_flawed(db, queue)


def _fill_sources(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    """Sources are read again each time, but the post of a tip that is closed only for whoever names its source.

    It may never have been had, and a page that leads nowhere, or to too much, would be asked for before all else in
    each run.
    """
    if queue.step == "collect" and scope.source is None:
        over = tip_finds.over(db)
        queue = replace(queue, subjects=tuple(one for one in queue.subjects or () if one not in over))
    _offer_sources(db, queue)
    work.reopen(db, queue, ENDED)


def _fill_fingerprints(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    """Named blobs; else files of tips that were taken up, and some of before there were fingerprints."""
    if queue.subjects is not None:
        work.offer(db, queue, queue.subjects)
    else:
        work.offer(db, queue, tip_finds.files(db), work.OF_A_TIP)
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
        first = source.single and queue.step == "collect"
        work.offer(db, queue, [source.id], work.OF_A_TIP if first else 0, site=site)


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


def _fill_lists(db: Connection, app: App, queue: Queue, scope: Scope) -> None:
    comparing.fill(db, queue)


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
    comparing.NAME: _fill_lists,
    match.TRACKS: _fill_matches,
    sweep.NAME: _fill_sweeps,
    reembed.NAME: _fill_engine,
}
"""by step"""


def _queue_of(step: AnyStep, subjects: Subjects) -> Queue:
    return Queue(step.name, step.recipe, subjects)
