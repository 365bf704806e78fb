"""What the DAGs share: their parameters, how each kind of work is queued, and the tasks that they are made of.

A step has a pair of tasks: plan, then work batch by batch.  A duty is one task.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from airflow.sdk import (
    Asset,
    AssetAlias,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Param,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException
from airflow.task.trigger_rule import TriggerRule

log = logging.getLogger("lastseen.dags")

# --- how work is queued ------------------------------------------------------------------------------------

NETWORK, INFERENCE, HOUSEKEEPING = "network", "inference", "housekeeping"
"""queues of Celery's workers; Airflow on one machine has none, and takes no notice"""

TELEGRAM_POOL = "telegram"
"""with a slot for each account"""
VIDEO_SITES_POOL = "video_sites"
"""with a slot for each download at once"""
INFERENCE_POOL = "inference"
"""with a slot for each processor; these pools are made by `lastseen up`, and by docker-compose.yml"""

FIRST, FETCHING, MATCHING, ANALYZING, SWEEPING, LAST = 60, 50, 40, 30, 20, 10
"""Priorities, the highest first.  What may be gone tomorrow goes first, and what is nearly before people next: a film
that was analysed is matched before another is begun."""

SHORT = timedelta(minutes=30)
"""for what only asks our database: plans, and what is done in a moment"""
ON_THE_NETWORK = timedelta(hours=3)
"""A task begins nothing after 40 minutes; what it has begun may be a download of half an hour, or what an office allows
(LASTSEEN_FETCH_DEADLINE_SECONDS)."""
LONGEST_TASK = timedelta(hours=6)
"""The same, where what it has begun may be a film of twelve hours, which has four to be analysed; duties that read for
hours.  Celery's visibility timeout has to be longer."""

HOURLY_RUN = timedelta(hours=6)
"""Of a DAG that runs hourly: what hangs so long keeps the runs after it from starting, and what it leaves they take."""
LONG_RUN = timedelta(hours=24)
"""Of a DAG that works off what came in: a backlog is left to the next run after a day, under the rules of that day."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of work is queued."""

    priority: int
    queue: str = HOUSEKEEPING
    pool: str | None = None
    timeout: timedelta = LONGEST_TASK

    def options(self) -> dict[str, Any]:
        """For a task of it."""
        pool = {} if self.pool is None else {"pool": self.pool}
        return {"priority_weight": self.priority, "queue": self.queue, "execution_timeout": self.timeout, **pool}

    def planning(self) -> dict[str, Any]:
        """For the task that plans it, which takes no slot of its pool from it."""
        return {"priority_weight": self.priority, "queue": HOUSEKEEPING, "execution_timeout": SHORT}


TELEGRAM = Kind(FIRST, NETWORK, TELEGRAM_POOL, ON_THE_NETWORK)
VIDEO_SITES = Kind(FIRST, NETWORK, VIDEO_SITES_POOL, ON_THE_NETWORK)
TELEGRAM_MEDIA = Kind(FETCHING, NETWORK, TELEGRAM_POOL, ON_THE_NETWORK)
VIDEO_SITES_MEDIA = Kind(FETCHING, NETWORK, VIDEO_SITES_POOL, ON_THE_NETWORK)
MATCH = Kind(MATCHING, INFERENCE, INFERENCE_POOL)
ANALYSIS = Kind(ANALYZING, INFERENCE, INFERENCE_POOL)
SWEEPS = Kind(SWEEPING, INFERENCE, INFERENCE_POOL)
STAMPS = Kind(LAST, NETWORK, timeout=ON_THE_NETWORK)
DUTY = Kind(LAST)
AT_ONCE = Kind(LAST, timeout=SHORT)
TELLING = Kind(FIRST, NETWORK, timeout=SHORT)
"""Who waits to be told of a fault does not wait behind the work that it keeps from being done."""

KINDS: Mapping[str, Kind] = {
    "fingerprint": ANALYSIS,
    "analyze": ANALYSIS,
    "enroll": MATCH,
    "check_photos": MATCH,
    "names": MATCH,
    "lists": MATCH,
    "match_tracks": MATCH,
    "illustrate": MATCH,
    "sweep": SWEEPS,
    "reembed": SWEEPS,
    "manifest": DUTY,
    "statement": DUTY,
    "stamp": STAMPS,
    "anchor": STAMPS,
    "upgrade": STAMPS,
}
"""by step, of those that are the same whatever they work on"""

OWNER = "lastseen"
DEFAULTS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,  # of tasks whose worker died, or lost the database: what items fail of is counted with each of them
    "retry_delay": timedelta(minutes=2),
    "execution_timeout": SHORT,
    "priority_weight": LAST,
    "weight_rule": "absolute",  # what stands behind a task in its own DAG says nothing of its worth
    "queue": HOUSEKEEPING,
}
FRAME: dict[str, Any] = {"catchup": False, "max_active_runs": 1, "default_args": DEFAULTS}
"""of every DAG: what was missed is made up for by the next run, since what is due is worked out from the data"""


def hourly(minute: int) -> CronDataIntervalTimetable:
    """A run for each hour that is over: the first one is as soon as Airflow knows the DAG, and not within an hour."""
    return CronDataIntervalTimetable(f"{minute} * * * *", timezone="UTC")


# --- what sets DAGs off ------------------------------------------------------------------------------------

POSTS = Asset("lastseen://posts")
BLOBS = Asset("lastseen://blobs")
TRACKS = Asset("lastseen://tracks")
REGISTER = Asset("lastseen://register")
CANDIDATES = Asset("lastseen://candidates")
OTHERS_TRACKS = Asset("lastseen://others_tracks")
"""which another engine than the office's has found"""
PERHAPS_OTHERS = AssetAlias("lastseen others_tracks")
"""what a task declares that makes these only where an engine was named"""

Outlet = Asset | AssetAlias


def when_new(assets: Any, minute: int) -> AssetOrTimeSchedule:
    """A run when others have made something, and hourly for what was left: it waited, or its run was cut short."""
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable(f"{minute} * * * *", timezone="UTC"), assets=assets)


# --- parameters --------------------------------------------------------------------------------------------

DAY: dict[str, Any] = {"type": ["null", "string"], "format": "date"}
POST_OR_DAY: dict[str, Any] = {"type": ["null", "string"], "pattern": "^([0-9]{1,18}|[0-9]{4}-[0-9]{2}-[0-9]{2})$"}

SOURCE = Param(
    None, type=["null", "integer"], minimum=1, title="Source", description_md="Only this source's id (`source list`)."
)
SINCE = Param(
    None,
    **DAY,
    title="From",
    description_md="Only posts published (or, if that is unknown, first seen) since this day, UTC.",
)
UNTIL = Param(None, **DAY, title="Until", description_md="Only posts published until the end of this day, UTC.")
BLOB = Param(
    None,
    type=["null", "string"],
    pattern="^[0-9a-f]{64}$",
    title="Blob",
    description_md="Only this blob, by its sha256: 64 digits, 0-9 and a-f.",
)
PERSON = Param(
    None,
    type=["null", "string"],
    minLength=1,
    maxLength=200,
    title="Person",
    description_md="Only this entry of the register, by its number.",
)
ENGINE = Param(
    None,
    type=["null", "string"],
    pattern="^[A-Za-z0-9_.+-]{1,100}$",
    title="Engine",
    description_md="With this engine, instead of the one that the office uses: say what, by the other parameters."
    " `lastseen models list` shows them.",
)
RETRY = Param(
    False,
    type="boolean",
    title="Retry",
    description_md="Also what did not get through before (failed, quarantined), or not whole.",
)
RETRY_ONLY = Param(False, type="boolean", title="Retry only", description_md="Nothing but that.")
FORCE = Param(
    False,
    type="boolean",
    title="Force",
    description_md="Do again what was done: say what, by the other parameters. What says the same again is not kept"
    " twice.",
)
DRY_RUN = Param(False, type="boolean", title="Dry run", description_md="Log what would be done, and do nothing.")

BEGIN = Param(
    None,
    **POST_OR_DAY,
    title="Read anew from",
    description_md="Number of a post, or day (UTC) like 2026-03-01, from which on posts of `source` are read again.",
)
END = Param(
    None,
    **POST_OR_DAY,
    title="Read anew up to",
    description_md="Number of the last post, or last day (UTC) like 2026-03-01, that is read again.",
)
WHOLE = Param(
    False,
    type="boolean",
    title="Whole list",
    description_md="List sources to their end now, as is done weekly, and look soon for posts that left their list.",
)
MEDIA_ONLY = Param(
    False, type="boolean", title="Media only", description_md="Fetch what posts carry, and read no posts."
)

PERIOD = {"source": SOURCE, "since": SINCE, "until": UNTIL}
AGAIN = {"retry": RETRY, "retry_only": RETRY_ONLY, "dry_run": DRY_RUN}
SCOPE = {**PERIOD, "blob": BLOB, "force": FORCE, **AGAIN}
"""the parameters of a DAG that works on what posts carry"""


A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
"""what a run is about that is due then, by whether its DAG works on days; all others with such parameters run hourly"""


ELSEWHERE: Mapping[str, str] = {
    "person": "`rematch_register` compares one person's photos with all kept tracks; a track is compared with everybody"
    " at once, and a list is imported as a whole",
    "engine": "`process_media` has files analysed with another engine; compared is by the office's own"
    " (LASTSEEN_ENGINE), since the register is enrolled by it, and thresholds are its own",
    "recipe": "it is the engine and the version of the analysis, and only the engine can be chosen, in `process_media`",
    "blob": "what a file shows is looked at by `process_media`, and whether its posts are there by `recheck_posts`",
    "force": "`process_media`, `match_register` and `daily_report` do again what was done; what others make is the same"
    " each time",
}
"""what to do instead, where a DAG has no such parameter"""


def parameters() -> dict[str, Any]:
    """What this run was asked for.  One of a backfill is about the time before it, unless it was told another.

    A name that the DAG has no parameter of fails it: whoever misspells `dry_run` would have everything done.  A run
    that was missed is skipped.
    """
    context = get_current_context()
    params, run, known = dict(context["params"]), context["dag_run"], context["dag"].params
    if unknown := sorted(set(run.conf or {}) - set(known)):
        instead = "".join(f"; {name}: {ELSEWHERE[name]}" for name in unknown if name in ELSEWHERE)
        there = ", ".join(sorted(known)) or "none"
        raise refused(f"there is no parameter {', '.join(unknown)}: there are {there}{instead}")
    if _was_missed(run, context["dag"].timetable):
        raise AirflowSkipException(MISSED)
    if run.run_type != "backfill" or "since" not in params or any(params.get(one) for one in ("day", "since", "until")):
        return params
    end = run.data_interval_end or run.run_after
    if "day" in params:
        return {**params, "day": (end - A_DAY).date().isoformat()}
    return {**params, "since": (end - AN_HOUR).isoformat(), "until": end.isoformat()}


MISSED = (
    "this run was missed, and the one after it is due as well: that one does what both would have done. Clear this run"
    " to have it done all the same"
)


def _was_missed(run: Any, timetable: Any) -> bool:
    """Whether the next run of the schedule was due, too, when this one began.

    After a stop Airflow makes both, one after the other: all sources would be asked twice, and another share of the
    evidence be read.  A run that somebody has cleared is wanted.
    """
    if run.run_type != "scheduled" or run.clear_number or run.start_date is None:
        return False
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import DataInterval, TimeRestriction
    from pendulum import instance

    begin, end = (instance(one or run.run_after) for one in (run.data_interval_start, run.data_interval_end))
    following = coerce_to_core_timetable(timetable).next_dagrun_info(
        last_automated_data_interval=DataInterval(begin, end), restriction=TimeRestriction(end, None, catchup=True)
    )
    return following is not None and bool(following.run_after <= run.start_date)


# --- tasks -------------------------------------------------------------------------------------------------


def refused(why: str) -> AirflowFailException:
    """To be raised.  Airflow shows it as the head of a list of its own files: whoever reads the log needs one line."""
    log.error("%s", why)
    return AirflowFailException(why)


@contextmanager
def final_faults() -> Iterator[None]:
    """What trying again does not change fails the task at once: its run would keep others waiting, or turn green."""
    from pipeline import tasks

    try:
        yield
    except tasks.FINAL as fault:
        raise refused(str(fault)) from None


def step(
    command: str,
    name: str,
    outlets: list[Outlet] | None = None,
    platform: str | None = None,
    called: str = "",
    kind: Kind | None = None,
) -> Any:
    """Plan and work off one step, or what it has to do on one platform.  Returns both tasks, for `in_order`.

    The plan runs when the step before is over, however it ended: what got through there goes on.  `called`: what the
    task is called, where a step is there twice.  `kind`: how it is queued, where that is not as in KINDS.
    """
    queued = kind or KINDS[name]

    @task(task_id=f"plan_{called or name}", trigger_rule=TriggerRule.ALL_DONE, **queued.planning())
    def plan() -> list[list[int]]:
        """Choose what is due, in batches."""
        from pipeline import tasks

        with final_faults():
            return tasks.plan(command, name, parameters(), platform)

    return _worked(name, called or name, plan(), outlets, queued)


def step_by_account(command: str, name: str, outlets: list[Outlet] | None = None, kind: Kind = TELEGRAM) -> Any:
    """The same for what a step has to do on Telegram: one task for each account, which has one user at a time."""

    @task(task_id=f"plan_{name}", trigger_rule=TriggerRule.ALL_DONE, **kind.planning())
    def plan() -> list[list[int]]:
        """Choose what is due, together what one account reads."""
        from pipeline import tasks

        with final_faults():
            return tasks.plan_by_account(command, name, parameters())

    return _worked(name, name, plan(), outlets, kind)


def _worked(name: str, called: str, planned: Any, outlets: list[Outlet] | None, kind: Kind) -> Any:
    """A plan, and a task for each batch of it."""

    @task(task_id=called, outlets=outlets or [], **kind.options())
    def work(batch: list[int]) -> dict[str, int]:
        """Work one batch off; go on later with what has to wait; skipped where nothing new came of it."""
        return _work(name, batch, sets_off=bool(outlets))

    return planned, work.expand(batch=planned)


def _work(name: str, batch: list[int], *, sets_off: bool) -> dict[str, int]:
    """Raises what has Airflow go on later, fail for good (the items have been tried often enough), or skip.

    `sets_off`: other DAGs run when this succeeds, so where nothing was made it does not.
    """
    from pipeline import tasks

    context = get_current_context()
    instance, run = context["ti"], context["dag_run"]
    key = f"{instance.dag_id} {instance.run_id} {instance.task_id} {instance.map_index}"
    params = parameters()
    with final_faults():
        ended = tasks.work(name, batch, params, key, run.start_date)
    if ended.until is not None:
        raise AirflowRescheduleException(ended.until)  # type: ignore[no-untyped-call]  # Airflow's
    if ended.failed:
        raise refused(ended.why)
    if sets_off and not ended.made:
        raise AirflowSkipException("nothing new came of it")
    if sets_off and params.get("engine"):
        context["outlet_events"][PERHAPS_OTHERS].add(OTHERS_TRACKS)
    return dict(ended.counts)


def duty(name: str, does: str, kind: Kind = DUTY, outlets: list[Outlet] | None = None) -> Any:
    """One task that calls `pipeline.tasks.NAME` with the run's parameters.  `does`: what its page says of it.

    With `outlets`, what is called returns how much it `made`: others run only if that was something.
    """

    @task(task_id=name, doc_md=does, outlets=outlets or [], **kind.options())
    def work() -> dict[str, int]:
        from pipeline import tasks

        with final_faults():
            done: dict[str, int] = getattr(tasks, name)(parameters())
        if outlets and not done.get("made"):
            raise AirflowSkipException("nothing new came of it")
        return done

    return work()


def in_order(*steps: Any) -> None:
    """Each step's plan waits for the work of the one before, and the end says whether all of them succeeded.

    Airflow takes the state of a run from its last tasks.  A failed batch of an earlier step would not show there,
    since the later steps run all the same: so all work leads to one last task, which fails with any of it.
    """
    for (_, before), (after, _) in pairwise(steps):
        before >> after
    side_by_side(*steps)


def side_by_side(*steps: Any) -> None:
    """No step waits for another, and the end says whether all of them succeeded."""

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def all_went_through() -> None:
        """Fail the run if any part of it failed; a step with nothing to do is fine."""

    [work for _, work in steps] >> all_went_through()
