"""What an Airflow task does.  Ids and counts go in and out; the items' state is in our database."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from extractors.faces.protocol import EngineUnavailable
from lastseen import days, logs
from lastseen.clock import iso, utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.records import Platform
from lastseen.settings import settings
from pipeline import batches, jobs
from pipeline.alerting import sending
from pipeline.app import App, open_app, with_engine
from pipeline.commands import custody
from pipeline.custody import signing
from pipeline.custody.witnessing import Answer
from pipeline.duties import fixity as reading
from pipeline.duties import retention as expiring
from pipeline.jobs import Scope
from pipeline.matching import calibrate as calibrating
from pipeline.matching import rematch
from pipeline.matching.rematch import Wanted
from pipeline.register import importing
from pipeline.register import known_pairs as making_pairs
from pipeline.register.files import NotARegister
from pipeline.runner import VISITING
from storage import alert_notices, runs
from storage import known_pairs as pairs_kept
from storage.stores import open_stores

ACTOR = "airflow"

MOST_OF_AN_ACCOUNT = MOST_OF_A_SITE = 5000
"""items that one task is handed: their ids go through Airflow's database"""
MOST_SHOWN = 200
"""items that a dry run names: there may be a hundred thousand"""
LONGEST_TASK_SECONDS = 40 * 60.0
"""after that a task begins nothing more: the next run, an hour later, goes on"""
NEAR = timedelta(minutes=30)
"""a moment that a task waits for; what comes later is left to the next run"""
LONGEST_WAITING = timedelta(minutes=50)
"""after its run began a task waits no more: most DAGs run hourly, and one run of each at a time"""
A_MOMENT = timedelta(seconds=1)
"""Airflow's clock and the database's are not one"""

Read = TypeVar("Read")
log = logging.getLogger("lastseen.tasks")


class Amiss(Failure):
    """The work is done, and something that it looked at does not stand."""


FINAL = (WrongUse, NotARegister, EngineUnavailable, Amiss)
"""What no further attempt of a task changes.  After `Amiss` another would look at something else, and succeed."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How the work on one batch stands when its task ends."""

    counts: Mapping[str, int]
    """by `done` and outcome class"""
    made: bool
    """something was kept that was not there before, by this task or an earlier attempt of it"""
    failed: bool
    """more than half of it did not get through, and nobody asked us to wait"""
    until: datetime | None
    """some of it waits until a moment that is worth waiting for"""

    @property
    def why(self) -> str:
        """For the log, of one that failed."""
        return f"more than half of this batch did not get through: {dict(self.counts)}; `lastseen status` says why"


def plan(command: str, step: str, params: Mapping[str, object], platform: str | None = None) -> list[list[int]]:
    """The batches of one step that are due (on one platform), at most MOST_BATCHES: the next run takes the rest.

    None when `dry_run`, which only logs what would be done.  Raises WrongUse for parameters that make no sense.
    """
    wanted = replace(scope(params), platform=Platform(platform) if platform else None, anew=command == jobs.RECHECK)
    with opened(params) as app:
        rematch.check(app, _to_compare(params))
        ids = jobs.due(app, command, wanted, dry=_dry(params), step=step)[step]
        seconds = jobs.seconds_of(app, step, ids)
        if step in VISITING:
            found = [group[:MOST_OF_A_SITE] for group in jobs.by_site(app, step, ids, seconds)][: batches.MOST_BATCHES]
        else:
            found = batches.in_batches(ids, seconds)
    return _told(step, params, ids, seconds, found)


def plan_by_account(command: str, step: str, params: Mapping[str, object]) -> list[list[int]]:
    """What is due of one step on Telegram, together what one account reads: an account has one user at a time.

    None when `dry_run`, which only logs what would be done, and of what `media_only` leaves out.  Raises as `plan`.
    """
    if params.get("media_only") and step != "fetch":
        return []
    wanted = replace(scope(params), platform=Platform.TELEGRAM, anew=True)
    with opened(params) as app:
        ids = jobs.due(app, command, wanted, dry=_dry(params), step=step)[step]
        seconds = jobs.seconds_of(app, step, ids)
        found = [group[:MOST_OF_AN_ACCOUNT] for group in jobs.by_account(app, step, ids)]
    return _told(step, params, ids, seconds, found)


def _told(
    step: str, params: Mapping[str, object], ids: Sequence[int], seconds: Sequence[float], found: list[list[int]]
) -> list[list[int]]:
    """Log what a plan came to.  Nothing is left of it when `dry_run`."""
    about = batches.about(seconds)
    log.info("%s: %d items are due, %s of work, in %d tasks", step, len(ids), about, len(found))
    if left := len(ids) - sum(map(len, found)):
        log.warning("%s: %d items are more than one run takes, and are left to the next one", step, left)
    if not _dry(params):
        return found
    log.info("%s: dry run, nothing is done; the items are %s", step, shown(ids))
    return []


def shown(ids: Sequence[int]) -> str:
    """Items for a line of a log, which a page of Airflow's has to show."""
    more = f" and {len(ids) - MOST_SHOWN} more" if len(ids) > MOST_SHOWN else ""
    return f"{list(ids[:MOST_SHOWN])}{more}"


def _dry(params: Mapping[str, object]) -> bool:
    return bool(params.get("dry_run"))


@contextmanager
def opened(params: Mapping[str, object]) -> Iterator[App]:
    """The installation, with the engine that the parameters name."""
    with open_app(with_engine(settings(), _word(params, "engine")), ACTOR) as app:
        yield app


def work(
    step: str, batch: Sequence[int], params: Mapping[str, object] = MappingProxyType({}), task: str = "",
    begun: datetime | None = None,
) -> Batch:  # fmt: skip
    """Work one batch off; each item's fate is in our database.

    `task` is what Airflow calls the task, the same in each of its attempts; `begun`: since when its run waits for it.
    """
    with logs.marked(), logs.of_process(**({"task": task} if task else {})), opened(params) as app:
        with jobs.journal_of(app, f"airflow {step}", {"task": task} if task else {}) as (run, tallies):
            tally = jobs.batch(app, step, batch, LONGEST_TASK_SECONDS)
            tallies.append(tally)
        with app.stores.db.begin() as db:
            standing = jobs.standing(db, app, step, batch)
            made = tally.made > 0 or (bool(task) and runs.made_before(db, run, task))
        until = waits_until(standing.wait, utcnow(), begun)
        with logs.of_process(run=run, step=step):
            log.info("%s: %s%s", step, tally.as_dict(), f", goes on at {iso(until)}" if until else "")
    return Batch(tally.as_dict(), made, standing.mostly_failed and until is None, until)


def waits_until(wait: timedelta | None, now: datetime, begun: datetime | None) -> datetime | None:
    """The moment at which a task goes on whose items wait; None: what waits is left to the next run.

    A run that waits keeps the next one from beginning, and with it whatever does not wait.
    """
    if wait is None or wait > NEAR or now + wait > (begun or now) + LONGEST_WAITING:
        return None
    return now + wait + A_MOMENT


def import_register(params: Mapping[str, object]) -> dict[str, int]:
    """Import the register at the path that the parameters name.  Returns counts."""
    path = Path(str(params["path"]))
    if params.get("dry_run"):
        found = importing.preview(path)
        log.info("register: dry run, nothing is done; there are %s", found)
        return found
    with open_app(settings(), ACTOR) as app:
        done = importing.import_register(app, path)
    return {**done.counts(), "made": done.new_people + done.changed_people + done.new_photos}


def ask_rematch(params: Mapping[str, object]) -> dict[str, int]:
    """Have photos compared with all kept tracks again, if the parameters say so.  Returns counts."""
    wanted = _to_compare(params)
    if wanted == Wanted() and not params.get("everything"):
        return {"photos": 0}
    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            found = rematch.extent(app, wanted)
            log.info("rematch: dry run, nothing is done; %d photos, %d shards", found.photos, found.shards)
            return {"photos": found.photos, "shards": found.shards}
        return {"photos": rematch.ask(app, wanted)}


def _to_compare(params: Mapping[str, object]) -> Wanted:
    """Whose photos `rematch_register` is asked for."""
    return Wanted(_word(params, "person"), int(str(params["photo"])) if params.get("photo") else None)


def sign_custody(params: Mapping[str, object]) -> dict[str, int]:
    """Sign the head of the custody log, and ask the witnesses.  Returns counts.

    Raises Amiss when a witness refuses: the run is then red, beside the alert.
    """
    with open_stores(settings()) as stores:
        if params.get("dry_run"):
            unsigned = signing.unsigned(stores)
            log.info("custody: dry run, nothing is done; %d events came since the last head", unsigned)
            return {"unsigned": unsigned}
        signed, asked = custody.sign_and_ask(settings(), stores)
    answers = Counter(str(one.answer) for one in asked)
    log.info("custody: %s", custody.as_result(signed, asked))
    if answers[Answer.REFUSED]:
        raise Amiss("a witness says that the custody log does not extend what it saw: see `lastseen status`")
    return {"events": signed.head.size if signed.head else 0, "signed": int(signed.fresh), **answers}


def fixity(params: Mapping[str, object]) -> dict[str, int]:
    """Read evidence again.  Returns counts.  Raises Amiss when something did not stand that stood before."""
    minutes = params.get("minutes")
    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            due = reading.due(app)
            log.info("fixity: dry run, nothing is done; %d objects are due", due)
            return {"due": due}
        done = reading.run(app, None if minutes is None else float(str(minutes)))
    log.info("fixity: %s", done)
    if done["erasures_waiting"]:
        log.warning("fixity: %s", reading.waiting_said(done["erasures_waiting"]))
    if done["incidents"]:
        raise Amiss(f"{done['incidents']} new incidents: `lastseen incidents` lists them")
    return done


def retention(params: Mapping[str, object]) -> dict[str, int]:
    """Delete what may not be kept.  Returns counts."""
    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            due = expiring.due(app)
            log.info("retention: dry run, nothing is done; %d tracks and %d photos are due", due.tracks, due.photos)
            return {"tracks": due.tracks, "photos": due.photos}
        gone = expiring.run(app)
    log.info("retention: %s", gone)
    return gone


def packages(params: Mapping[str, object]) -> dict[str, int]:
    """Make the packages of evidence that were asked for on the pages.  Returns counts."""
    from pipeline.evidence import packing  # what it draws and typesets with is loaded for it only

    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            due = packing.due(app)
            log.info("packages: dry run, nothing is done; %d are asked for", due)
            return {"due": due}
        done = packing.run(app)
    log.info("packages: %s", done)
    return done


def letters(params: Mapping[str, object]) -> dict[str, int]:
    """Make the files of letters that were written or approved on the pages.  Returns counts."""
    from pipeline.letters import making  # what it typesets with is loaded for it only

    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            due = making.due(app)
            log.info("letters: dry run, nothing is done; %d wait", due)
            return {"due": due}
        done = making.run(app)
    log.info("letters: %s", done)
    return done


def calibrate(params: Mapping[str, object]) -> dict[str, int]:
    """Measure what distances are worth in the register, and keep the proposal.  Returns counts."""
    tracks, accept = (_number(params.get(name)) for name in ("tracks_a_day", "accept"))
    dry = bool(params.get("dry_run"))
    current = settings()
    with open_stores(current, objects=False) as stores:
        made = calibrating.propose(stores, current, ACTOR, tracks, accept, keep=not dry)
    thresholds = [round(band.threshold, 4) for band in made.calibration.bands]
    log.info("calibrate: %s, proposed %s%s", made.counts, thresholds, "; dry run, nothing is kept" if dry else "")
    return {**made.counts, "calibration": made.id or 0}


def known_pairs(params: Mapping[str, object]) -> dict[str, int]:
    """Choose known pairs among the register's photos, and make their pictures.  Returns counts."""
    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            with app.stores.db.begin() as db:
                in_use = len(pairs_kept.listed(db))
            log.info("known pairs: dry run, nothing is done; %d are in use", in_use)
            return {"in_use": in_use}
        made, tally = making_pairs.make(app), making_pairs.draw(app)
    log.info("known pairs: %d made, %d retired; pictures %s", len(made.pairs), made.retired, tally.as_dict())
    return {"made": len(made.pairs), "retired": made.retired, **tally.as_dict()}


def notify(params: Mapping[str, object]) -> dict[str, int]:
    """Look whether anything is to be told to operators, and tell it.  Returns counts by channel: sent, and left."""
    current = settings()
    with open_stores(current, objects=False) as stores:
        if params.get("dry_run"):
            with stores.db.begin() as db:
                waiting = {one.channel: one.waiting for one in alert_notices.channels(db)}
            log.info("notify: dry run, nothing is done; by channel there wait %s", waiting)
            return waiting
        told = sending.notify(stores.db, current)
    return {f"{one.channel} {what}": count for one in told for what, count in (("sent", one.sent), ("left", one.left))}


def daily_report(params: Mapping[str, object]) -> dict[str, int]:
    """Report days that are over, and the month and the year where no day is asked for.  Returns counts."""
    from pipeline.report import making, yearly  # what they draw with is loaded for them only

    now = utcnow()
    day, since, until = (_read(params, name, days.day) for name in ("day", "since", "until"))
    asked = making.wanted(day, since, until, now, force=bool(params.get("force")))
    usual = not (day or since or until)
    with open_stores(settings()) as stores:
        periods = yearly.due(stores, now) if usual else []
        if _dry(params):
            due = [*map(str, making.due(stores, asked)), *(one.name for one in periods)]
            log.info("daily report: dry run, nothing is done; due are %s", due)
            return {"due": len(due)}
        made = [*map(str, making.run(stores, asked, ACTOR)), *yearly.run(stores, periods, ACTOR)]
    log.info("daily report: made %s", made)
    return {"made": len(made)}


def _number(given: object) -> float | None:
    return None if given is None else float(str(given))


def scope(params: Mapping[str, object]) -> Scope:
    """The scope that a manual run's parameters mean.  Raises WrongUse for a day that is none."""
    source = params.get("source")
    return Scope(
        source=int(str(source)) if source else None,
        since=_read(params, "since", days.moment),
        until=_read(params, "until", days.until),
        blob=_word(params, "blob"),
        retry=bool(params.get("retry")),
        retry_only=bool(params.get("retry_only")),
        person=_word(params, "person"),
        engine=_word(params, "engine"),
        force=bool(params.get("force")),
        begin=_word(params, "begin") or "",
        end=_word(params, "end") or "",
        whole=bool(params.get("whole")),
    )


def _word(params: Mapping[str, object], name: str) -> str | None:
    return str(params[name]) if params.get(name) else None


def _read(params: Mapping[str, object], name: str, read: Callable[[str], Read]) -> Read | None:
    written = _word(params, name)
    return None if written is None else read(written)
